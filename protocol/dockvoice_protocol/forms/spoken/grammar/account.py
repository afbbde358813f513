"""The account of every word of an explanation.

The chart lets many words pass between values: openings, links, remarks, cues. The account checks that each of them is
harmless where it stands. A word is explained if it belongs to an event (a value, a label, a unit, a correction's cue)
or to a phrase known as a whole in this place: before an entry, between two values, or behind. Between two pauses
one phrase of each kind may stand, beside particles ("and", "please"): two harmless phrases can have a meaning of their
own together ("is" and "full", "I've got" and "to move"). Every other word becomes an unexplained one, which puts the
value beside it in doubt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dockvoice_protocol.forms.spoken.folding import Phrase
from dockvoice_protocol.forms.spoken.grammar.lexicon import Role
from dockvoice_protocol.forms.spoken.grammar.path import ExplanationEvent, Happens, Path, marked
from dockvoice_protocol.forms.spoken.grammar.remarks import Remarks
from dockvoice_protocol.forms.spoken.grammar.spans import Spans
from dockvoice_protocol.forms.spoken.grammar.weights import COMMA
from dockvoice_protocol.records import FieldValue

_NAMING = frozenset({Happens.MENTION, Happens.LABEL})
_REMARK = frozenset({Role.TAIL})
_LEAD = frozenset({Role.LINK, Role.WITHIN, Role.SETS, Role.SETS_AGAIN, Role.SETS_CHANGED, Role.REPEAT})
_OPENING = frozenset({Role.OPENING, Role.BEGINNING})
_OF_MARK = {
    "h": frozenset({Role.HEDGE_BEFORE, Role.HEDGE_BEHIND}),
    "o": frozenset({Role.CHOICE, Role.RANGE}),
    "n": frozenset({Role.CONTRAST, Role.ELSEWHERE, Role.CUE}),
    "c": frozenset({Role.CONTRAST, Role.CUE}),
}
"""Roles of the words that announce what a mention is marked as."""
_NOTHING, _REMARKED, _LED, _ANNOUNCED = range(4)
"""What a gap has held since the last pause, in this order: particles only, a remark, a phrase that leads to the next
value, and one that announces as what it is said."""
_WITHIN = frozenset({Role.WITHIN})


class _Gap(NamedTuple):
    """Words that no event explains, and the roles of the phrases that may stand there, by their order."""

    begin: int
    end: int
    remark: frozenset[Role]
    lead: frozenset[Role]
    announcing: frozenset[Role]
    behind: ExplanationEvent | None
    """The next event that names a field."""
    opens: bool = False
    """Whether no field is named before."""


def _announcing_roles(*mentions: ExplanationEvent) -> frozenset[Role]:
    """The roles of the words that announce what the mentions are marked as."""
    return frozenset[Role]().union(*(_OF_MARK.get(mark, ()) for one in mentions for mark in one.marks))


class Account:
    """Finds the words of one utterance that an explanation lets go, though they are not harmless where they stand."""

    def __init__(self, spans: Spans, remarks: Remarks, held: Iterable[str], *, answers: bool) -> None:
        """Prepare to judge which words of an utterance nothing explains.

        Args:
            spans: The words.
            remarks: Their remarks.
            held: The fields that a correction may refer to without a mention.
            answers: Whether the utterance answers a question or corrects a held entry.
        """
        self._spans = spans
        self._remarks = remarks
        self._held = frozenset(held)
        words = spans.language.words
        self._particles, self._greetings = words["particles"], words["addresses"]
        answering = (*words["before_answers"], *words["behind_answers"]) if answers else ()
        self._known_phrases = (*words["between_counts"], *words["each"], *answering)

    def add_unexplained(self, path: Path) -> Path:
        """The path with an event for each word that nothing explains."""
        events = tuple(map(self._mark_drop, path.events))
        found = list(events)
        strange = map(_unexplained_event, self._unexplained_tokens(path.cue, events))
        for more in (*strange, *self._unexplained_in_mentions(events), *self._doubts_about_earlier_values(events)):
            at = next((at for at, one in enumerate(found) if one.end > more.start), len(found))
            found.insert(at, more)
        return path._replace(events=tuple(found))

    def _mark_drop(self, event: ExplanationEvent) -> ExplanationEvent:
        """The event, marked `d` where its cue drops all that was said: "scratch that"."""
        drops = "c" in event.marks and self._words_between(*event.cue) in self._spans.language.words["drops"]
        return event._replace(marks=marked(event.marks, "d")) if drops else event

    def _words_between(self, begin: int, end: int) -> tuple[str, ...]:
        return tuple(self._spans.words[begin:end])

    # Words.

    def _unexplained_tokens(self, cue: tuple[int, int], events: tuple[ExplanationEvent, ...]) -> Iterator[int]:
        """The tokens that neither an event, nor the last cue, nor a phrase in its place explains."""
        explained = {at for one in events for span in ((one.start, one.end), one.cue) for at in range(*span)}
        explained.update(range(*cue))
        naming = [one for one in events if one.happens in _NAMING]
        begin = 0
        while begin < self._spans.size:
            end = begin
            while end < self._spans.size and end not in explained:
                end += 1
            if end > begin:
                leads = any(one.start == end for one in events)
                yield from self._unexplained_in_gap(begin, end, naming, leads=leads)
            begin = end + 1

    def _unexplained_in_mentions(self, events: tuple[ExplanationEvent, ...]) -> Iterator[ExplanationEvent]:
        """The words between a label and its value that nothing explains there: "pallet ending in 508"."""
        explained = {at for one in events if one.happens is not Happens.MENTION for at in range(one.start, one.end)}
        for event in events:
            if event.happens is not Happens.MENTION or event.basis is None:
                continue
            labels = [
                match.end
                for match in self._spans.matches[event.start]
                if match.role is Role.LABEL and match.field == event.field and match.end <= event.basis
            ]
            at = max(labels, default=event.basis)
            gap = _Gap(at, event.basis, frozenset(), _WITHIN, _announcing_roles(event), event)
            if not explained & {*range(at, event.basis)} and self._fewest_unexplained(gap):
                yield ExplanationEvent(Happens.UNMATCHED, event.field, marks="p", start=at, end=event.basis)

    def _unexplained_in_gap(
        self, begin: int, end: int, naming: list[ExplanationEvent], *, leads: bool
    ) -> tuple[int, ...]:
        """The fewest tokens of a gap that nothing explains in their place. `leads`: an event follows."""
        before = [one for one in naming if one.end <= begin]
        behind = next((one for one in naming if one.start >= end), None)
        paused = self._spans.tokens[begin].pause >= COMMA  # "Dock B closed" is of the dock; "dock B, all there" is not.
        remarked = bool(before) and (paused or not self._is_spelt(before[-1]))
        lead = _LEAD if leads or not before else frozenset({Role.REPEAT})
        gap = _Gap(
            begin,
            end,
            _REMARK | {Role.BEHIND} if remarked else _REMARK,
            lead if before else lead | _OPENING,
            _announcing_roles(*(one for one in naming if behind is not None and one.start == behind.start)),
            behind,
            opens=not before,
        )
        left = self._fewest_unexplained(gap)
        if before and self._may_be_ordinary_word(before[-1], begin):
            clause = next((at for at in range(begin, end) if self._spans.tokens[at].pause), end)
            named = self._spans.words[begin - 1] in self._spans.language.alphabet.names
            harmless = ((self._spans.form.terminator,), *(() if named else self._particles))
            words = [at for at in range(begin, clause) if (self._spans.words[at],) not in harmless]
            return tuple(sorted({*left, *words}))
        return left

    def _fewest_unexplained(self, gap: _Gap) -> tuple[int, ...]:
        """The fewest tokens that are left over by phrases in their places."""
        best: dict[tuple[int, int], tuple[int, ...]] = {(gap.begin, _NOTHING): ()}
        for at in range(gap.begin, gap.end):
            for held in range(_ANNOUNCED + 1):
                if (left := best.get((at, held))) is None:
                    continue
                now = _NOTHING if self._spans.tokens[at].pause >= COMMA else held
                steps = [(at + 1, now, (*left, at)), *((stop, to, left) for stop, to in self._gap_steps(gap, at, now))]
                for stop, to, still in steps:
                    if stop <= gap.end and len(best.get((stop, to), range(gap.end + 1))) > len(still):
                        best[stop, to] = still
        return min((left for (at, _), left in best.items() if at == gap.end), key=len)

    def _gap_steps(self, gap: _Gap, at: int, now: int) -> Iterator[tuple[int, int]]:
        """The ends of what explains the words from a token on, and what the gap then holds."""
        yield from ((stop, now) for stop in self._phrase_ends(at, self._particles))
        yield from ((stop, _ANNOUNCED) for stop in self._role_ends(at, gap.announcing))
        if now < _REMARKED:
            yield from ((stop, _REMARKED) for stop in self._phrase_ends(at, self._greetings if gap.opens else ()))
            yield from ((stop, _REMARKED) for stop in self._remark_ends(at, gap.remark))
        if now < _LED:
            yield from ((stop, _LED) for stop in (*self._remark_ends(at, gap.lead), *self._label_ends(at, gap.behind)))

    def _phrase_ends(self, at: int, phrases: Iterable[Phrase]) -> Iterator[int]:
        """The ends of those phrases that begin at a token."""
        yield from (at + len(one) for one in phrases if self._words_between(at, at + len(one)) == one)

    def _remark_ends(self, at: int, roles: frozenset[Role]) -> Iterator[int]:
        """The ends of phrases of these roles at a token, and of remarks and answers."""
        yield from self._role_ends(at, roles)
        yield from self._remarks.ends(at)
        yield from self._phrase_ends(at, self._known_phrases)

    def _role_ends(self, at: int, roles: frozenset[Role]) -> Iterator[int]:
        yield from (match.end for match in self._spans.matches[at] if match.role in roles)

    def _label_ends(self, at: int, behind: ExplanationEvent | None) -> Iterator[int]:
        """The ends of a label that is said once more: "pallet, uh, pallet 742"."""
        if behind is not None:
            labels = (match for match in self._spans.matches[at] if match.role is Role.LABEL)
            yield from (match.end for match in labels if match.field == behind.field)

    def _is_spelt(self, mention: ExplanationEvent) -> bool:
        spoken = self._spans.fields[str(mention.field)].spoken
        return spoken.spelt or spoken.is_letter

    def _may_be_ordinary_word(self, mention: ExplanationEvent, end: int) -> bool:
        """Whether a letter may be a word of the words directly behind it: "dock be careful"."""
        if mention.happens is not Happens.MENTION or not self._spans.fields[str(mention.field)].spoken.is_letter:
            return False
        word = self._spans.words[end - 1]
        sounds = word in self._spans.language.alphabet.names or (word,) in self._particles
        return sounds and mention.end == end and not self._spans.tokens[end].pause

    # Cues.

    def _doubts_about_earlier_values(self, events: tuple[ExplanationEvent, ...]) -> Iterator[ExplanationEvent]:
        """Cues and withdrawn numbers that may belong to a value before them: "12 units, 11 actually, dock B"."""
        for at, event in enumerate(events):
            before = [one for one in events[:at] if one.happens is Happens.MENTION]
            if event.happens is Happens.SLIP and self._may_correct(event, before, events[at + 1 :]):
                yield ExplanationEvent(Happens.NUMBER, start=event.start, end=event.end)
            if event.happens is Happens.MENTION and "n" in event.marks and event.value is None:
                # A denial of no value belongs to the next one: "it's not a recount".
                behind = (one.field for one in events[at + 1 :] if one.happens is Happens.MENTION)
                yield ExplanationEvent(
                    Happens.UNMATCHED, next(behind, None), marks="p", start=event.start, end=event.end
                )
            if event.happens is Happens.MENTION and self._rejects_another_field(event, before):
                yield ExplanationEvent(Happens.UNMATCHED, marks="p", start=event.cue[0], end=event.cue[1])

    def _may_correct(
        self, slip: ExplanationEvent, before: list[ExplanationEvent], behind: tuple[ExplanationEvent, ...]
    ) -> bool:
        """Whether a withdrawn number may replace a value before it, whose field is not mentioned next."""
        corrected = next((one.field for one in behind if one.happens is Happens.MENTION), None)
        return any(self._may_be_other_value(one, slip.value) for one in before if one.field != corrected)

    def _may_be_other_value(self, mention: ExplanationEvent, value: FieldValue | None) -> bool:
        """Whether a bare value may be another value of a mentioned field."""
        field = self._spans.fields[str(mention.field)]
        if field.spoken.spelt:
            return field.item.is_usual(str(value)) and len(str(value)) == len(str(mention.value))
        return field.has_type(value) if value is not None else False

    def _rejects_another_field(self, event: ExplanationEvent, before: list[ExplanationEvent]) -> bool:
        """Whether a mention's cue rejects a value before it, of another field: "742, wrong, twelve units"."""
        cue, rejections = self._words_between(*event.cue), self._spans.language.words["rejections"]
        if "c" not in event.marks or event.field in self._held:
            return False
        if not any(one in {cue[: len(one)], cue[-len(one) :]} for one in rejections):
            return False
        others = [one for one in before if one.end <= event.cue[0]]
        return bool(others) and all(one.field != event.field for one in others)


def _unexplained_event(at: int) -> ExplanationEvent:
    """The event of an unexplained word, which is known, and so no part of the number before it."""
    return ExplanationEvent(Happens.UNMATCHED, marks="p", start=at, end=at + 1)
