"""Beside a bare value: whether what stands next to a value without label or unit belongs to an answer.

"Twelve please" answers, "twelve of us", "at twelve" and "thanks, Charlie" talk. A label or a unit makes sure that a
value is meant; without one, words that are harmless elsewhere are doubt, but for the few with which people answer.
"""

from __future__ import annotations

from collections.abc import Collection

from edge.forms.model import Spoken
from edge.forms.spoken.grammar.path import Happens, Telling, marked
from edge.forms.spoken.grammar.spans import Spans
from edge.forms.spoken.grammar.weights import COMMA

_CORRECTING = ("cues", "contrasts", "repeats")
"""Roles of words that correct or confirm: they say what the value is for."""
_CHOICE = ("choices",)
"""Between two values alone: "to" is one of "ten to twelve"."""
_BEFORE, _BEHIND = ("before_answers",), ("behind_answers",)
_BEFORE_PLACE = ("within", "before_places")
"""Before a place "at" and "for" are part of an answer, before a number they make it a time or a price."""
_BEHIND_COUNT = ("behind", "tails")
"""Behind a letter they may say something of a person of that name, or of the place: "Charlie, see you", "C is full"."""
_SAID = frozenset({Happens.MENTION, Happens.SLIP, Happens.HEDGE, Happens.LABEL})
"""What accounts for its words itself."""


class Beside:
    """The words beside the bare values of one utterance."""

    def __init__(self, spans: Spans) -> None:
        self._tokens = spans.tokens
        self._fields = spans.fields
        self._words = spans.language.words

    def judged(self, events: tuple[Telling, ...]) -> tuple[Telling, ...]:
        """What an explanation says, bare values marked as strange where what is beside them is no part of an answer."""
        return tuple(
            event._replace(marks=marked(event.marks, "s"))
            if "b" in event.marks and "a" not in event.marks and not self._is_answer(events, at)
            else event
            for at, event in enumerate(events)
        )

    def _is_answer(self, events: tuple[Telling, ...], at: int) -> bool:
        event = events[at]
        counts = self._fields[str(event.field)].spoken is Spoken.CARDINAL
        size = len(self._tokens)
        start = next((one.end for one in reversed(events[:at]) if one.happens in _SAID), 0)
        end = next((one.start for one in events[at + 1 :] if one.happens in _SAID), size)
        # Behind a comma there may be a remark.
        end = next((one for one in range(event.end, end) if self._tokens[one].pause >= COMMA), end)
        before = (*_CORRECTING, *_BEFORE, *(() if counts else _BEFORE_PLACE), *(_CHOICE if start else ()))
        behind = (*_CORRECTING, *_BEHIND, *(_BEHIND_COUNT if counts else ()), *(_CHOICE if end < size else ()))
        return self._made_of(start, event.start, before, event.cue) and self._made_of(event.end, end, behind, event.cue)

    def _made_of(self, start: int, end: int, roles: Collection[str], cue: tuple[int, int]) -> bool:
        """Are the words from one token to another a cue and phrases of these roles, one behind the other?"""
        reached = {start}
        for at in range(start, end):
            if at in reached:
                reached |= {at + 1} if cue[0] <= at < cue[1] else set()
                reached |= {stop for stop in range(at + 1, end + 1) if self._is_phrase(at, stop, roles)}
        return start >= end or end in reached

    def _is_phrase(self, start: int, end: int, roles: Collection[str]) -> bool:
        said = tuple(token.text for token in self._tokens[start:end])
        return any(said in self._words[role] for role in roles)
