"""Beside an answer: whether what stands next to a value belongs to an answer or a correction.

"Twelve please" answers; "twelve of us", "at twelve", "thanks, Charlie" and "I'm at dock C" talk. Only who says a whole
entry dictates for certain. In an answer, and beside a value without label or unit, words that are harmless elsewhere
are doubt, but for the few with which people answer.
"""

from __future__ import annotations

from functools import cache

from dockvoice_protocol.forms.spoken.folding import Phrase
from dockvoice_protocol.forms.spoken.grammar.path import ExplanationEvent, Happens, marked
from dockvoice_protocol.forms.spoken.grammar.spans import Spans
from dockvoice_protocol.forms.spoken.grammar.weights import COMMA
from dockvoice_protocol.forms.spoken.language import Language

_CORRECTING = ("cues", "last_one", "contrasts", "repeats")
"""Roles of words that correct or confirm: they say what the value is for."""
_CHOICE = ("choices",)
"""Between two values alone: "to" is one of "ten to twelve"."""
_BEFORE, _BEHIND = ("before_answers",), ("behind_answers",)
_BEFORE_PLACE = ("within", "before_places")
"""Before a place "at" and "for" are part of an answer, before a number they make it a time or a price."""
_SAID = frozenset({Happens.MENTION, Happens.SLIP, Happens.NUMBER, Happens.HEDGE, Happens.LABEL})
"""What accounts for its words itself."""


class Beside:
    """The words beside the values of one utterance."""

    def __init__(self, spans: Spans, *, answers: bool) -> None:
        """`answers`: something was asked, or read back and may be corrected."""
        self._tokens = spans.tokens
        self._fields = spans.fields
        self._language = spans.language
        self._answers = answers
        self._needed = {field.name for field in spans.form.fields if field.required}

    def judged(self, events: tuple[ExplanationEvent, ...]) -> tuple[ExplanationEvent, ...]:
        """What an explanation says, values marked as strange where what is beside them is no part of an answer."""
        said = {event.field for event in events if event.happens is Happens.MENTION}
        answers = self._answers and not self._needed <= said
        return tuple(
            event._replace(marks=marked(event.marks, "s")) if self._is_strange(events, at, answers) else event
            for at, event in enumerate(events)
        )

    def _is_strange(self, events: tuple[ExplanationEvent, ...], at: int, answers: bool) -> bool:
        """Does a mention stand among other words than those of answers, where it must not?"""
        event = events[at]
        if event.happens is not Happens.MENTION or "a" in event.marks or not (answers or "b" in event.marks):
            return False
        size = len(self._tokens)
        start = next((one.end for one in reversed(events[:at]) if one.happens in _SAID), 0)
        end = next((one.start for one in events[at + 1 :] if one.happens in _SAID), size)
        counts = self._fields[str(event.field)].spoken.counts
        # "Two by two" is no two.
        again = counts and at > 0 and events[at - 1][:3] == event[:3] and "o" in event.marks
        # Behind a comma there may be a remark.
        clause = next((one for one in range(event.end, end) if self._tokens[one].pause >= COMMA), end)
        places = () if counts else _BEFORE_PLACE
        before = (*_CORRECTING, *_BEFORE, *places, *(_CHOICE if start else ()))
        behind = (*_CORRECTING, *_BEHIND, *(_CHOICE if end < size else ()))
        return (
            again
            or not self._made_of(start, event.start, before, event.cue)
            or not self._made_of(event.end, clause, behind, event.cue)
        )

    def _made_of(self, start: int, end: int, roles: tuple[str, ...], cue: tuple[int, int]) -> bool:
        """Are the words from one token to another a cue and phrases of these roles, one behind the other?"""
        phrases, longest = _said_as(self._language, roles)
        texts = tuple(token.text for token in self._tokens[start:end])
        reached = {start}
        for at in range(start, end):
            if at in reached:
                reached |= {at + 1} if cue[0] <= at < cue[1] else set()
                stops = range(at + 1, min(end, at + longest) + 1)
                reached |= {stop for stop in stops if texts[at - start : stop - start] in phrases}
        return start >= end or end in reached


@cache
def _said_as(language: Language, roles: tuple[str, ...]) -> tuple[frozenset[Phrase], int]:
    """The phrases of these roles, and how many words the longest has."""
    phrases = frozenset(said for role in roles for said in language.words[role])
    return phrases, max(map(len, phrases))
