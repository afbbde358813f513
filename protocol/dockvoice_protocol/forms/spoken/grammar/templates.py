"""Sentence templates with slots: "I said dock B, but it's dock C", "everything from trailer 5501 is received".

A language's `restatements` say a value again to correct it: they have slots for the value said before (`{old}`) and for
the right one (`{new}`). Its `[deed_sentences]` have one for the thing that a deed is done to (`{id}`). The words around
the slots count as such only where all of the sentence is there, where the old value is one that was said, or that the
entry to be corrected has, and where the new one is another value of the same field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from dockvoice_protocol.forms.spoken.grammar import costs
from dockvoice_protocol.forms.spoken.grammar.lexicon import Role
from dockvoice_protocol.forms.spoken.grammar.marks import BARE, CORRECTS, DENIED, ENDS_SENTENCE, NAMES_THING, marked
from dockvoice_protocol.forms.spoken.grammar.path import EventKind, ExplanationEvent, ParserState, Path, PathQueue
from dockvoice_protocol.forms.spoken.grammar.spans import SpanReader, Spans
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.forms.spoken.phrase_list import State, automaton
from dockvoice_protocol.records import FieldValue

OLD, NEW, ID = "{old}", "{new}", "{id}"
_MARK = {OLD: DENIED, NEW: CORRECTS, ID: NAMES_THING}
"""By slot, the mark of the words before it; those of the first two are also the marks of the mention in it."""
_NAMES = _MARK[ID]
_LONGEST = 14
"""Words of the longest value in a slot: a label of two words, and an id of twelve characters said one by one."""


class _Part(NamedTuple):
    """Words of a template between two slots, or at an end of it."""

    end: int
    before: str = ""  # The slot before the words; empty: none.
    begin: int | None = None  # The token at which that slot begins; None: where its value does.
    behind: str = ""  # The slot behind the words; empty: none.
    ends: bool = False  # Whether the sentence ends with that slot.


@lru_cache
def _sentences(language: Language, deed: str) -> State[None]:
    lists = language.words["restatements"], language.phrase_list("deed_sentences", deed)
    return automaton((one, None) for one in lists)


class SentenceTemplates(SpanReader):
    """Parser steps over the words of sentence templates."""

    def __init__(self, spans: Spans, queue: PathQueue, held: Mapping[str, FieldValue]) -> None:
        """`held`: the entry that is corrected."""
        super().__init__(spans)
        self._queue, self._held = queue, held
        self._parts: dict[int, set[_Part]] = {}
        first = _sentences(spans.language, str(spans.form.deed))
        begun = [(slot, state) for slot in ("", *_MARK) if (state := first.behind(slot) if slot else first) is not None]
        for at in range(spans.size):
            for slot, state in begun:
                if state.behind(spans.words[at]) is None:
                    continue
                for found in self._follow(state, at, slot, None):
                    for begin, part in found:
                        self._parts.setdefault(begin, set()).add(part)
        self.are_possible = bool(self._parts)  # Whether all words of one are there.

    def step_over_words(self, path: Path, at: int) -> Path | None:
        """Step over words of a template that fit the path.

        Returns:
            The path for other meanings of the words, dearer where a template may begin with them; None where one
            goes on: they mean nothing else there.
        """
        others: Path | None = path
        for part in self._parts.get(at, ()):
            if (filled := self._with_value_before(path, part, at)) is not None:
                others = others and (None if part.before else path.with_added_cost(costs.OUTSIDE_TEMPLATE))
                marks = _MARK.get(part.behind, "") + (ENDS_SENTENCE if part.ends else "")
                event = ExplanationEvent(EventKind.TEMPLATE, marks=marks, start=at, end=part.end)
                self._queue.continue_with(
                    filled,
                    event,
                    costs.CUE,
                    state=ParserState.BETWEEN,
                    pending=_MARK.get(part.behind, "").replace(_NAMES, ""),
                    cue=(at, part.end) if part.behind == NEW else path.cue,
                )
        return others

    def _follow(
        self, state: State[None] | None, begin: int, before: str, slot: int | None
    ) -> Iterator[tuple[tuple[int, _Part], ...]]:
        """The rests of whole sentences from the words behind a slot on, each by the parts that it is made of."""
        for at in range(begin, self._spans.size):
            if state is None or (state := state.behind(self._words[at])) is None:
                return
            end = at + 1
            if state.labels:
                yield ((begin, _Part(end, before, slot)),)
            for behind in _MARK:
                if (after := state.behind(behind)) is None or not self._may_begin_value(end):
                    continue
                if after.labels:
                    yield ((begin, _Part(end, before, slot, behind, ends=True)),)
                part = begin, _Part(end, before, slot, behind)
                for further in range(end + 1, min(end + _LONGEST, self._spans.size)):
                    yield from ((part, *rest) for rest in self._follow(after, further, behind, end))

    def _may_begin_value(self, at: int) -> bool:
        """Whether a number, a letter, a label, a unit or a value begins at a token, or behind a link there."""
        spans = self._spans
        begins = at, *spans.role_ends(at, Role.LINK)
        return any(spans.begins_value(here) or any(spans.letters(here)) for here in begins)

    def _with_value_before(self, path: Path, part: _Part, at: int) -> Path | None:
        """The path, its last value marked by its slot; None where that is not what the slot may hold."""
        if path.state is ParserState.LABELLED:
            return None
        if not part.before:
            return path if path.story.said or self._held or part.behind == ID else None
        last = path.last
        if last is None or last.kind is not EventKind.MENTION or last.end != at:
            return None
        fills = part.begin is None or self._fills_slot(path.events, last, part.begin)
        if not fills or not self._may_be_in_slot(path.events, last, _MARK[part.before]):
            return None
        return path if part.before == ID else self._with_marked_value(path, last, part, at)

    @staticmethod
    def _with_marked_value(path: Path, last: ExplanationEvent, part: _Part, at: int) -> Path:
        """The path, its last value marked as the old or the new one; a count's unit with it."""
        cue = (at, part.end) if part.before == NEW and CORRECTS not in last.marks else last.cue
        events = tuple(
            one._replace(marks=marked(one.marks, _MARK[part.before]), cue=cue) if one.start == last.start else one
            for one in path.events
        )
        return path._replace(events=events)

    def _fills_slot(self, events: Sequence[ExplanationEvent], value: ExplanationEvent, begin: int) -> bool:
        """Whether a value is all that is said behind other words of the sentence, but for an article."""
        article = self._said(begin, value.start)
        behind = any(one.kind is EventKind.TEMPLATE and one.end == begin for one in events)
        return behind and (not article or article in self._spans.language.words["particles"])

    def are_whole(self, events: Sequence[ExplanationEvent]) -> bool:
        """Whether each template has all its words, and in its slots what may be there."""
        for at, one in enumerate(events):
            if one.kind is not EventKind.TEMPLATE or not one.marks:
                continue
            first = events[at + 1] if at + 1 < len(events) else one
            value = [further for further in events[at:] if further.start == first.start][-1]  # a count, not its unit
            behind = next((further for further in events[at + 2 :] if further.start >= value.end), one)
            if value.kind is not EventKind.MENTION or not self._fills_slot(events, value, one.end):
                return False
            last = events[at - 1] if at else one
            before = {earlier.field for earlier in events[:at] if earlier.start == last.start}  # a count's unit with it
            fills = (
                last.kind is EventKind.MENTION
                and last.end == one.start
                and not {*last.marks}.isdisjoint((CORRECTS, DENIED))
            )
            if fills and _NAMES not in one.marks and value.field not in before:
                return False  # A value takes the place of one of the same field.
            if ENDS_SENTENCE in one.marks and not self._may_be_in_slot(events, value, one.marks[0]):
                return False
            if ENDS_SENTENCE not in one.marks and (behind.kind is not EventKind.TEMPLATE or behind.start != value.end):
                return False
        return True

    def _may_be_in_slot(self, events: Sequence[ExplanationEvent], value: ExplanationEvent, mark: str) -> bool:
        """Whether a value names a thing, or, by the slot, is the one said or held before, or another than that.

        A word that is a link too ("a") needs its label.
        """
        if mark == _NAMES:
            return self._spans.fields[str(value.field)].spoken.spelt
        begin = value.start if value.basis is None else value.basis
        if BARE in value.marks and begin + 1 == value.end and self._spans.lexicon.joins(self._words[begin]):
            return False
        said = (one for one in events if one[:2] == value[:2] and one.start < value.start)
        earlier = [one.value for one in said if mark == _MARK[OLD] or DENIED not in one.marks]
        earlier = earlier or [held for name, held in self._held.items() if name == value.field]
        return bool(earlier) and (value.value in earlier) is (mark == _MARK[OLD])
