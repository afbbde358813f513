"""The chart parser: all explanations of all words of an utterance, each with its cost.

Explanations grow from left to right. At each word the chart keeps the partial ones (`Path`) within the horizon of the
best, and for each state only the cheapest. Unexplained words are not skipped: each is an event at its position.

In an answer, and beside a value without label or unit, only a few words are valid: "twelve please" is an answer,
"twelve of us", "at twelve" and "thanks, Charlie" are not.

The steps let many words pass between values: openings, links, remarks, cues. `_ExplanationCheck` checks that each of
them is harmless where it stands. A word is explained if it belongs to an event (a value, a label, a unit, a
correction's cue) or to a phrase known as a whole in this place: before an entry, between two values, or behind.
Between two pauses one phrase of each kind may stand, beside particles ("and", "please"): two harmless phrases can have
a meaning of their own together ("is" and "full", "I've got" and "to move"). Every other word becomes an unexplained
one, which puts the value beside it in doubt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, reduce
from itertools import compress, pairwise
from operator import or_
from typing import NamedTuple

from dockvoice_protocol.forms.model import APART_FROM_HANDLING
from dockvoice_protocol.forms.spoken.grammar import costs
from dockvoice_protocol.forms.spoken.grammar.cached_method import cached_method
from dockvoice_protocol.forms.spoken.grammar.costs import COMMA
from dockvoice_protocol.forms.spoken.grammar.counts import CountMentions, UnitCounts
from dockvoice_protocol.forms.spoken.grammar.lexicon import Role
from dockvoice_protocol.forms.spoken.grammar.marks import (
    ALTERNATIVE,
    BARE,
    CORRECTS,
    CORRECTS_RECORD,
    DENIED,
    DROPS_ALL,
    HEDGED,
    OF_NUMBER,
    PAUSED,
    REPEATED,
    UNEXPLAINED,
    UNITLESS,
    VALUE_APART,
    marked,
)
from dockvoice_protocol.forms.spoken.grammar.mentions import Mentions, Speller
from dockvoice_protocol.forms.spoken.grammar.path import (
    EventKind,
    ExplanationEvent,
    ParserState,
    Path,
    PathQueue,
    Story,
    differ_by_one_error,
    withdrawn_digits,
)
from dockvoice_protocol.forms.spoken.grammar.phrases import SmallWords
from dockvoice_protocol.forms.spoken.grammar.spans import Remarks, SpanReader, Spans, may_choose
from dockvoice_protocol.forms.spoken.grammar.templates import SentenceTemplates
from dockvoice_protocol.forms.spoken.grammar.tokens import ends_word
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.forms.spoken.phrase_list import PhraseList
from dockvoice_protocol.records import FieldValue

_KNOWN_WORDS = frozenset({Role.LABEL, Role.UNIT})
_LETTERS = 2  # Of the longest word that may be the first letters of a code: French "la".
_NAMED = 2  # Words of a remark ("from order 9981") from which on its figures are certainly its own.


class _UnmatchedWords(SpanReader):
    """Parser steps over words without a field."""

    def __init__(self, spans: Spans, queue: PathQueue, remarks: Remarks) -> None:
        super().__init__(spans)
        self._remarks = remarks
        self._queue = queue
        self._nots = spans.language.words["nots"]
        self._number_events = [self._make_number_events(ends, at) for at, ends in enumerate(self._numbers.ends)]
        self._unmatched_event = cached_method(self._make_unmatched_event)
        self._known = [
            numbers or any(one.role in _KNOWN_WORDS for one in found)
            for numbers, found in zip(map(bool, self._numbers.ends), spans.matches, strict=True)
        ]
        """By token, whether it has a meaning as a number or in the form."""

    def step_over(self, path: Path, at: int) -> None:
        """Take all steps over words without a field that begin at a token."""
        self._step_over_withdrawn_number(path, at)
        for end in self._remarks.ends[at]:
            self._step_over_remark(path, at, end)
        self._step_over_number(path, at)
        self._step_over_unmatched(path, at)

    def _step_over_withdrawn_number(self, path: Path, at: int) -> None:
        """Step over a value and the cue that withdraws it."""
        for stop, event in self._spans.withdrawn_values[at]:
            crowded = isinstance(event.value, int) and path.state is ParserState.SAID and not self._tokens[at].pause
            cost = costs.WITHDRAWN + event.cost + (costs.OTHER_FIELD if crowded else 0.0)
            closed = self._queue.with_label_closed(path).with_event_added(event)
            # "Doce no quince" may correct or deny.
            denies = self._said(event.end, stop) in self._nots and self._spans.goes_straight_on(stop)
            pending = CORRECTS + HEDGED if denies or may_choose(self._spans, event.end, stop) else CORRECTS
            self._queue.continue_at(
                closed, stop, cost, pending=pending, state=ParserState.BETWEEN, cue=(event.end, stop)
            )

    def _step_over_number(self, path: Path, at: int) -> None:
        """Step over the longest and the shortest number that begins at a token, without a field."""
        if events := self._number_events[at]:
            cost = costs.LOOSE + (costs.CROWDED if self._goes_on_spelling(path, at) else 0.0)
            closed = self._queue.with_label_closed(path)
            for event in events:
                self._queue.continue_with(closed, event, cost, state=ParserState.BETWEEN)

    @staticmethod
    def _make_number_events(ends: Sequence[int], at: int) -> list[ExplanationEvent]:
        return [
            ExplanationEvent(EventKind.NUMBER, start=at, end=end) for end in ({max(ends), min(ends)} if ends else ())
        ]

    def _goes_on_spelling(self, path: Path, at: int) -> bool:
        """Whether a digit follows the digits of a slowly spelt value without a pause: "nine, two, eight | four two"."""
        last = path.last
        if last is None or path.state is not ParserState.SAID or last.end != at or self._tokens[at].pause:
            return False
        if self._tokens[at - 1].final or not self._fields[str(path.field)].spoken.spelt:
            return False
        slowly = any(token.pause for token in self._tokens[(last.basis or last.start) + 1 : at])
        return slowly and self._numbers.is_digit(at - 1) and self._numbers.is_digit(at)

    def _step_over_remark(self, path: Path, at: int, end: int) -> None:
        path = self._queue.with_label_closed(path)
        # Directly behind digits, the figures of a remark may belong to them.
        spelt = path.state is ParserState.SAID and self._fields[str(path.field)].spoken.spelt
        named = sum(not self._numbers.begins(inside) for inside in range(at, end))
        if spelt and not self._tokens[at].pause and named < _NAMED:
            path = path.with_event_added(ExplanationEvent(EventKind.HEDGE, path.field, start=at, end=end))
        if named < end - at and self._spans.goes_straight_on(end):
            path = path.with_event_added(ExplanationEvent(EventKind.ASIDE, start=at, end=end))
        self._queue.continue_at(path, end, costs.ASIDE + path.interruption_cost, **path.changes_behind_value)

    def _step_over_unmatched(self, path: Path, at: int) -> None:
        """Step over an unexplained word."""
        last, field = path.last, path.field if path.state is ParserState.LABELLED else None
        code = field is not None and self._fields[field].spoken.is_code
        if self._known[at] or (code and any(self._spans.letters(at))):  # Inside a code, a letter has one too.
            cost = costs.KNOWN_UNMATCHED
        elif last is not None and last.kind is EventKind.UNMATCHED and last.end == at:
            cost = costs.FURTHER_UNMATCHED
        else:
            cost = costs.UNMATCHED
        self._queue.continue_with(path, self._unmatched_event(at, field), cost)

    def _make_unmatched_event(self, at: int, field: str | None) -> ExplanationEvent:
        """The event of an unexplained word at a token."""
        end = at + 1
        while not ends_word(self._tokens, end):
            end += 1
        marks = PAUSED if self._tokens[at].pause else ""
        numerals = self._language.numerals
        marks += OF_NUMBER if self._words[at] in numerals.spoilers or self._words[at] in numerals.times else ""
        return ExplanationEvent(EventKind.UNMATCHED, field, marks=marks, start=at, end=end)


_CORRECTING = ("correction_cues", "last_one", "contrasts", "repeats")  # Roles of words that correct or confirm.
_CHOICE = ("choices",)  # Valid only between two values: "to" of "ten to twelve".
_BEFORE, _BEHIND = ("before_answers",), ("behind_answers",)
_BEFORE_PLACE = ("after_label", "before_places")
"""Before a place "at" and "for" are part of an answer, before a number they mean a time or a price."""
_LEADING = ("links", "after_label")
"""Between a correction and the next field with its label or unit: "no, 743 | is at | dock B"."""
_SAID = frozenset({EventKind.MENTION, EventKind.WITHDRAWN, EventKind.NUMBER, EventKind.HEDGE, EventKind.LABEL})
"""Events that explain their own words."""


class _AnswerCheck(SpanReader):
    """Checks the words beside the values of an answer."""

    def __init__(self, spans: Spans, *, answers: bool) -> None:
        """`answers`: the utterance follows a question, or a readback that it may correct."""
        super().__init__(spans)
        self._answers = answers
        self._needed = spans.form.required_fields

    def mark_strange_mentions(self, events: tuple[ExplanationEvent, ...]) -> tuple[ExplanationEvent, ...]:
        """A copy of the events, with the mark `s` on mentions beside words that are no part of an answer."""
        said = {event.field for event in events if event.kind is EventKind.MENTION}
        answers = self._answers and not self._needed <= said
        return tuple(
            event._replace(marks=marked(event.marks, UNEXPLAINED))
            if self._has_strange_words_beside(events, at, answers)
            else event
            for at, event in enumerate(events)
        )

    def _has_strange_words_beside(self, events: tuple[ExplanationEvent, ...], at: int, answers: bool) -> bool:
        """Whether a mention has words beside it that are invalid in an answer."""
        event = events[at]
        if event.kind is not EventKind.MENTION or REPEATED in event.marks or not (answers or BARE in event.marks):
            return False
        if not answers and self._corrects_one_error(events[:at], event):
            return False
        size = len(self._tokens)
        start = next((one.end for one in reversed(events[:at]) if one.kind in _SAID), 0)
        follows = next((one for one in events[at + 1 :] if one.kind in _SAID), None)
        end = size if follows is None else follows.start
        counts = self._fields[str(event.field)].spoken.counts
        # "Two by two" is not 2.
        again = counts and at > 0 and events[at - 1][:3] == event[:3] and ALTERNATIVE in event.marks
        # A remark may follow a comma.
        clause = next((one for one in range(event.end, end) if self._tokens[one].pause >= COMMA), end)
        places = () if counts else _BEFORE_PLACE
        before = (*_CORRECTING, *_BEFORE, *places, *(_CHOICE if start else ()))
        leads = follows is not None and follows.kind is EventKind.MENTION and BARE not in follows.marks
        leading = _LEADING if leads and clause == end and CORRECTS in event.marks else ()
        behind = (*_CORRECTING, *_BEHIND, *leading)
        begins = {event.start, event.basis or event.start}  # A phrase may end with the label: "I count twelve".
        # "Twelve each" answers how many there are of one.
        again |= counts and answers and (self._tokens[event.end - 1].text,) in self._language.words["each"]
        return (
            again
            or (answers and not self._are_all_phrases_before_withdrawn_number(events[:at], before, event.cue))
            or not any(self._are_all_cues_or_phrases(start, begin, before, event.cue) for begin in begins)
            or not self._are_all_cues_or_phrases(event.end, clause, behind, event.cue)
        )

    def _are_all_phrases_before_withdrawn_number(
        self, events: tuple[ExplanationEvent, ...], roles: tuple[str, ...], cue: tuple[int, int]
    ) -> bool:
        """Whether only phrases of these roles stand before a value that is withdrawn at once: "at A, sorry, B"."""
        if not events or events[-1].kind is not EventKind.WITHDRAWN:
            return True
        start = next((one.end for one in reversed(events[:-1]) if one.kind in _SAID), 0)
        return self._are_all_cues_or_phrases(start, events[-1].start, roles, cue)

    def _corrects_one_error(self, before: tuple[ExplanationEvent, ...], event: ExplanationEvent) -> bool:
        """Whether a code corrects one of its length that it differs from in one character: it needs no label."""
        said = next((one for one in reversed(before) if one[:2] == event[:2]), event)
        codes = CORRECTS in event.marks and self._fields[str(event.field)].spoken.spelt
        old, new = str(said.value), str(event.value)
        if before and before[-1].kind is EventKind.WITHDRAWN and before[-1].start == said.end:
            old += withdrawn_digits(before[-1], [token.text for token in self._tokens])
        return codes and len(old) == len(new) and differ_by_one_error(old, new)

    def _are_all_cues_or_phrases(self, start: int, end: int, roles: tuple[str, ...], cue: tuple[int, int]) -> bool:
        """Whether the words between two tokens are a concatenation of cue words and phrases of these roles."""
        phrases = _phrases_of_roles(self._language, roles)
        texts = tuple(token.text for token in self._tokens[start:end])
        reached = {start}
        for at in range(start, end):
            if at in reached:
                reached |= {at + 1} if cue[0] <= at < cue[1] else set()
                reached |= {start + stop for stop in phrases.ends(texts, at - start)}
        return start >= end or end in reached


@cache
def _phrases_of_roles(language: Language, roles: tuple[str, ...]) -> PhraseList:
    return reduce(or_, (language.words[role] for role in roles))


_KNOWN = ("between_counts", "each")
_NAMING = frozenset({EventKind.MENTION, EventKind.LABEL})
_REMARK = frozenset({Role.CLOSING_REMARK})
_LEAD = frozenset({Role.LINK, Role.AFTER_LABEL, Role.REPEAT})
_OF_MARK = {
    HEDGED: frozenset({Role.HEDGE_BEFORE, Role.HEDGE_BEHIND}),
    ALTERNATIVE: frozenset({Role.CHOICE, Role.RANGE}),
    DENIED: frozenset({Role.CONTRAST, Role.NOT_THIS_PLACE, Role.CUE}),
    CORRECTS: frozenset({Role.CONTRAST, Role.CUE}),
    CORRECTS_RECORD: frozenset({Role.CORRECTS_TO, Role.CORRECTS_TO_AGAIN, Role.CHANGES_TO}),
}
"""Roles of the words that announce what a mention is marked as."""
_NOTHING, _REMARKED, _OPENED, _DONE, _LED, _ANNOUNCED = range(6)
"""What a gap has held since the last pause, in this order: particles only, a remark, an opening, what was done, a
phrase that leads to the next value, and one that announces as what it is said. An opening or a deed leads by itself."""
_AFTER_LABEL = frozenset({Role.AFTER_LABEL})


class _Gap(NamedTuple):
    """Words that no event explains, and the roles of the phrases that may stand there, by their order."""

    begin: int
    end: int
    remark: frozenset[Role]
    lead: frozenset[Role]
    announcing: frozenset[Role]
    behind: str | None  # The field that is named next.
    opens: bool = False  # Whether no field is named before.


def _begins_anew(spans: Spans, gap: _Gap, at: int, end: int) -> bool:
    """Whether a phrase begins the next entry, directly before what is wrong there: Spanish "el siguiente | mojado"."""
    leads = end == gap.end and spans.goes_straight_on(end) and end in spans.role_ends(at, Role.OPENING)
    return leads and gap.behind is not None and spans.fields[gap.behind].bare


def _tells_of_handling(spans: Spans, handled: PhraseList, gap: _Gap, at: int, end: int) -> bool:
    """Whether a phrase says what else was done to the thing beside it: "scanned | pallet 742", "Tor B | gescannt"."""
    straight_on = not gap.opens and all(map(spans.goes_straight_on, range(gap.begin, at + 1)))
    leads = gap.behind is not None and all(map(spans.goes_straight_on, range(end, gap.end + 1)))
    # "Twelve cases counted" is of the count alone; "twelve cases counted on pallet 742" tells where they are.
    counted = straight_on and not leads and Role.AFTER_COUNT in gap.remark
    of_next = leads and (gap.opens or not spans.fields[str(gap.behind)].spoken.counts)
    inside = range(at, end) if not counted and (straight_on or of_next) else ()
    return any(stop <= end for one in inside for stop in handled.ends(spans.words, one))


def _tells_of_speaker(spans: Spans, gap: _Gap, at: int, end: int) -> bool:
    """Whether a phrase says what the operator is: "I'm | soaked", or how far he has come: "I'm at | ten cases"."""
    if gap.behind is None or end != gap.end or not spans.goes_straight_on(end):
        return False
    field, persons = spans.fields[gap.behind], spans.language.words["first_person"].ends(spans.words, at)
    arrives = field.spoken.counts or field.unit_of is not None
    is_place = (spans.words[end - 1],) in spans.language.words["before_places"]
    is_thing = gap.opens and field.bare and end in persons  # Italian "i cartoni sono bagnati": the goods are.
    return is_thing or (arrives and is_place and any(one < end for one in persons))


def _doubts_about_states(spans: Spans, events: tuple[ExplanationEvent, ...]) -> Iterator[ExplanationEvent]:
    """Events for states told of the place directly before them: "door 13 is damaged"; not "742 on 13 is wet"."""
    mentions = [one for one in events if one.kind is EventKind.MENTION]
    places = {*spans.form.standing_fields} - {*spans.form.identifies}
    for at, (place, state) in enumerate(pairwise(mentions)):
        field, end = spans.fields[str(state.field)], mentions[at - 1].end if at else 0
        if place.field not in places or not (field.bare and field.choices):
            continue
        apart = not end or not all(map(spans.goes_straight_on, range(end, place.start + 1)))
        told = tuple(spans.words[place.end : state.start]) in spans.language.words["copulas"]
        if apart and told and all(map(spans.goes_straight_on, range(place.end, state.start + 1))):
            yield ExplanationEvent(EventKind.UNMATCHED, state.field, marks=PAUSED, start=state.start, end=state.end)


@cache
def _announcing_roles(marks: str) -> frozenset[Role]:
    """The roles of the words that announce what mentions are marked as."""
    return frozenset[Role]().union(*(_OF_MARK.get(mark, ()) for mark in marks))


class _ExplanationCheck(SpanReader):
    """Finds the words that an explanation skips although they may change its meaning there."""

    def __init__(self, spans: Spans, remarks: Remarks, held: Iterable[str]) -> None:
        """Prepare to judge which words of an utterance nothing explains.

        Args:
            spans: The words.
            remarks: Their remarks.
            held: The fields that a correction may refer to without a mention.
        """
        super().__init__(spans)
        self._remarks = remarks
        self._held = frozenset(held)
        self._fewest_unexplained = cached_method(self._left_over_by_phrases)
        """The fewest tokens of a gap that are left over by phrases in their places."""
        words = spans.language.words
        self._particles, self._greetings = words["particles"], words["addresses"]
        self._conclusions = words["conclusions"]
        self._handled = words["handled"] if spans.form.deed in APART_FROM_HANDLING else PhraseList(())
        self._known_phrases = _phrases_of_roles(spans.language, _KNOWN)

    def add_unexplained(self, path: Path) -> Path:
        """The path with an event for each word that nothing explains."""
        of_templates = {(one.start, one.end) for one in path.events if one.kind is EventKind.TEMPLATE}
        events = tuple(one if one.cue in of_templates else self._mark_drop(one) for one in path.events)
        found = list(events)
        # Each is known, and so no part of the number before it.
        strange = [
            ExplanationEvent(EventKind.UNMATCHED, marks=PAUSED, start=at, end=at + 1)
            for at in self._unexplained_tokens(path.cue, events)
        ]
        of_values = (*self._doubts_about_earlier_values(events), *_doubts_about_states(self._spans, events))
        doubts = (*of_values, *self._doubts_before_cues(events, strange))
        for more in (*strange, *self._unexplained_in_mentions(events), *doubts):
            at = next((at for at, one in enumerate(found) if one.end > more.start), len(found))
            found.insert(at, more)
        return path._replace(events=tuple(found))

    def _mark_drop(self, event: ExplanationEvent) -> ExplanationEvent:
        """The event, marked `d` where its cue drops all that was said: "scratch that"."""
        drops = CORRECTS in event.marks and self._said(*event.cue) in self._language.words["drops"]
        return event._replace(marks=marked(event.marks, DROPS_ALL)) if drops else event

    # Words.

    def _unexplained_tokens(self, cue: tuple[int, int], events: tuple[ExplanationEvent, ...]) -> Iterator[int]:
        """The tokens that neither an event, nor the last cue, nor a phrase in its place explains."""
        explained = {at for one in events for span in ((one.start, one.end), one.cue) for at in range(*span)}
        explained.update(range(*cue))
        naming = [one for one in events if one.kind in _NAMING]
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
        for event in events:
            if event.kind is not EventKind.MENTION or event.basis is None or event.basis == event.start:
                continue
            labels = [
                match.end
                for match in self._spans.matches[event.start]
                if match.role is Role.LABEL and match.field == event.field and match.end <= event.basis
            ]
            at = max(labels, default=event.basis)
            others = (one for one in events if one.kind is not EventKind.MENTION)
            if at == event.basis or any(one.start < event.basis and at < one.end > one.start for one in others):
                continue
            gap = _Gap(at, event.basis, frozenset(), _AFTER_LABEL, _announcing_roles(event.marks), event.field)
            # French "remorque et 2823" may be ET 2823.
            joined = (self._words[event.basis - 1],) in self._language.words["conjunctions"]
            if self._fewest_unexplained(gap) or (joined and self._fields[str(event.field)].spoken.is_code):
                yield ExplanationEvent(EventKind.UNMATCHED, event.field, marks=PAUSED, start=at, end=event.basis)

    def _unexplained_in_gap(
        self, begin: int, end: int, naming: list[ExplanationEvent], *, leads: bool
    ) -> tuple[int, ...]:
        """The fewest tokens of a gap that nothing explains in their place. `leads`: an event follows."""
        before = [one for one in naming if one.end <= begin]
        behind = next((one for one in naming if one.start >= end), None)
        paused = self._tokens[begin].pause >= COMMA  # "Dock B closed" is of the dock; "dock B, all there" is not.
        remarked = bool(before) and (paused or not self._is_spelt(before[-1]))
        lead = _LEAD if leads or not before else frozenset({Role.REPEAT})
        marks = [one.marks for one in naming if behind is not None and one.start == behind.start]
        announced = _announcing_roles("".join(marks))
        if behind is not None and behind.field not in {one.field for one in before} | self._held:
            announced -= {Role.CHOICE}  # Of what was said before: "twelve cases, or dock B".
            lead -= {Role.REPEAT}  # "Pallet 742, again twelve cases" may be twelve more.
        gap = _Gap(
            begin,
            end,
            _REMARK | {Role.AFTER_COUNT} if remarked else _REMARK,
            lead,
            announced,
            behind and behind.field,
            opens=not before,
        )
        left = self._fewest_unexplained(gap)
        if before and self._may_be_ordinary_word(before[-1], begin):
            clause = next((at for at in range(begin, end) if self._tokens[at].pause), end)
            named = (self._words[begin - 1],) in self._language.alphabet.names
            harmless = [] if named else [at for at in range(begin, clause) if (self._words[at],) in self._particles]
            harmless += [at for at in range(begin, clause) if self._words[at] == self._form.terminator]
            words = [at for at in range(begin, clause) if at not in harmless]
            return tuple(sorted({*left, *words}))
        return left

    def _left_over_by_phrases(self, gap: _Gap) -> tuple[int, ...]:
        best: dict[tuple[int, int], tuple[int, ...]] = {(gap.begin, _NOTHING): ()}
        for at in range(gap.begin, gap.end):
            for held in range(_ANNOUNCED + 1):
                if (left := best.get((at, held))) is None:
                    continue
                now = _NOTHING if self._tokens[at].pause >= COMMA else held
                steps = [(at + 1, now, (*left, at)), *((stop, to, left) for stop, to in self._gap_steps(gap, at, now))]
                for stop, to, still in steps:
                    known = still is left and to != _ANNOUNCED
                    if known and _tells_of_handling(self._spans, self._handled, gap, at, stop):
                        continue
                    if known and _tells_of_speaker(self._spans, gap, at, stop):
                        continue
                    if stop <= gap.end and len(best.get((stop, to), range(gap.end + 1))) > len(still):
                        best[stop, to] = still
        return min((left for (at, _), left in best.items() if at == gap.end), key=len)

    def _gap_steps(self, gap: _Gap, at: int, now: int) -> Iterator[tuple[int, int]]:
        """The ends of what explains the words from a token on, and what the gap then holds."""
        # "I closed the doors | of trailer 5501" has an object; that it rains has none.
        if not (gap.opens and now == _REMARKED and self._spans.role_ends(at, Role.LINK)):
            yield from ((stop, now) for stop in self._particles.ends(self._words, at))
        yield from ((stop, _ANNOUNCED) for stop in self._spans.role_ends(at, *gap.announcing))
        if now in {_NOTHING, _DONE}:  # "Delivered, thanks" is said without a pause too.
            remarked = _LED if now else _REMARKED
            greetings = self._greetings.ends(self._words, at) if gap.opens else ()
            remarks = (
                stop for stop in self._remark_ends(at, gap.remark) if not _begins_anew(self._spans, gap, at, stop)
            )
            yield from ((stop, remarked) for stop in (*greetings, *remarks))
        if gap.opens and now < _OPENED:
            yield from ((stop, _OPENED) for stop in self._spans.role_ends(at, Role.OPENING, Role.BEGINNING))
        if gap.remark and now < _DONE:
            concluded = self._conclusions.ends(self._words, at)
            yield from ((stop, _DONE) for stop in (*concluded, *self._spans.role_ends(at, Role.ACTION_DONE)))
        if now < _OPENED and not (gap.opens and now == _REMARKED):
            yield from ((stop, _LED) for stop in (*self._remark_ends(at, gap.lead), *self._label_ends(at, gap.behind)))

    def _remark_ends(self, at: int, roles: frozenset[Role]) -> Iterator[int]:
        """The ends of phrases of these roles at a token, and of remarks and answers."""
        yield from self._spans.role_ends(at, *roles)
        yield from self._remarks.ends[at]
        yield from self._known_phrases.ends(self._words, at)

    def _label_ends(self, at: int, behind: str | None) -> Iterator[int]:
        """The ends of a label of the next field, which is said once more: "pallet, uh, pallet 742"."""
        labels = (match for match in self._spans.matches[at] if match.role is Role.LABEL)
        yield from (match.end for match in labels if match.field == behind)

    def _is_spelt(self, mention: ExplanationEvent) -> bool:
        spoken = self._fields[str(mention.field)].spoken
        return spoken.spelt or spoken.is_single_letter

    def _may_be_ordinary_word(self, mention: ExplanationEvent, end: int) -> bool:
        """Whether a letter may be an ordinary word of the phrase directly behind it: "dock be careful"."""
        if mention.kind is not EventKind.MENTION or not self._fields[str(mention.field)].spoken.is_single_letter:
            return False
        said = (self._words[end - 1],)
        sounds = said in self._language.alphabet.names or said in self._particles
        return sounds and mention.end == end and not self._tokens[end].pause

    # Cues.

    def _doubts_about_earlier_values(self, events: tuple[ExplanationEvent, ...]) -> Iterator[ExplanationEvent]:
        """Events for cues and withdrawn numbers that may correct an earlier value: "12 units, 11 actually, dock B"."""
        for at, event in enumerate(events):
            changes = event.kind is EventKind.WITHDRAWN or not {*event.marks}.isdisjoint((CORRECTS, DENIED))
            before = [one for one in events[:at] if one.kind is EventKind.MENTION] if changes else []
            if event.kind is EventKind.WITHDRAWN and (doubted := self._may_correct(event, before, events[at + 1 :])):
                yield ExplanationEvent(EventKind.NUMBER, start=event.start, end=event.end)
                for name in doubted:
                    yield ExplanationEvent(EventKind.UNMATCHED, name, marks=PAUSED, start=event.start, end=event.end)
            if event.kind is not EventKind.MENTION:
                continue
            for name in self._doubted_beside(event, before, events[at + 1 :]):
                yield ExplanationEvent(EventKind.UNMATCHED, name, marks=PAUSED, start=event.start, end=event.end)
            if self._rejects_another_field(event, before):
                yield ExplanationEvent(EventKind.UNMATCHED, marks=PAUSED, start=event.cue[0], end=event.cue[1])

    def _doubted_beside(
        self, event: ExplanationEvent, before: list[ExplanationEvent], behind: tuple[ExplanationEvent, ...]
    ) -> Iterator[str | None]:
        """The fields of which a mention leaves in doubt what they are."""
        follows = next((one for one in behind if one.kind is EventKind.MENTION), None)
        if self._may_deny_next(event, follows):
            yield follows and follows.field
        denied = any(DENIED in one.marks for one in behind[:1])
        joined = DENIED in event.marks and any(self._may_hold_denied(one, event) for one in before)
        if joined or self._may_join_numbers(event, behind) or (denied and self._is_bare_no(event)):
            yield event.field
        yield from self._fields_of_lettered(event, before)

    def _doubts_before_cues(
        self, events: tuple[ExplanationEvent, ...], strange: Iterable[ExplanationEvent]
    ) -> Iterator[ExplanationEvent]:
        """Events for what stands directly before a cue, where nothing behind it can be corrected.

        "Dock B, A actually, pallet 742" may correct the dock; "recount no, sorry, location A" may say no recount.
        """
        loose = {one.end for one in (*events, *strange) if one.kind in {EventKind.NUMBER, EventKind.UNMATCHED}}
        for at, event in enumerate(events):
            said = [one for one in events[:at] if one.kind is EventKind.MENTION]
            begin = event.cue[0]
            if event.kind is not EventKind.MENTION or CORRECTS not in event.marks or not begin:
                continue  # Without a cue, the whole utterance corrects.
            doubted = [one.field for one in said if one.end == begin and self._is_bare_no(one)]
            letter = self._spans.is_letter(begin - 1, begin) and self._spans.follows_pause(begin - 1)
            apart = begin in loose or (letter and all(one.end != begin for one in said))
            if apart and event.field not in {one.field for one in said} | self._held:
                doubted += (one.field for one in said if self._fields[str(one.field)].unit_of is None)
            for name in dict.fromkeys(doubted):
                yield ExplanationEvent(EventKind.UNMATCHED, name, marks=PAUSED, start=begin - 1, end=begin)

    def _is_bare_no(self, mention: ExplanationEvent) -> bool:
        """Whether a "no" is all that is said of a field, without a pause behind it: it may begin a correction."""
        no = self._language.commands["no"]
        said = mention.value is False and self._said(mention.basis or mention.start, mention.end) in no
        return said and self._spans.goes_straight_on(mention.end)

    def _may_correct(
        self, withdrawn: ExplanationEvent, before: list[ExplanationEvent], behind: tuple[ExplanationEvent, ...]
    ) -> list[str | None]:
        """The fields of which a withdrawn number may replace a value before it, but for the one mentioned next."""
        named = (str(one.field) for one in behind if one.kind is EventKind.MENTION)
        corrected = next((name for name in named if self._fields[name].unit_of is None), None)
        may = (one.field for one in before if one.field != corrected and self._may_be_other_value(one, withdrawn))
        another = corrected is not None and not self._fields[corrected].spoken.is_number
        continued = (one.field for one in before[-1:] if self._may_be_continued(one, withdrawn, directly=another))
        return list(dict.fromkeys((*may, *continued)))

    def _may_be_continued(self, mention: ExplanationEvent, withdrawn: ExplanationEvent, *, directly: bool) -> bool:
        """Whether a withdrawn number may be the end of the value before it: "seven hundred and | thirty".

        `directly`: also where nothing joins them, of an identifier: "trailer 6 87 89 | 4 87 89, no, pallet 742". Of a
        code that goes on as another one always: item A100 | 3 may be location A-10-03.
        """
        longer = any(end == withdrawn.end for end, *_ in self._spans.place_codes(mention.start))
        if (directly or longer) and self._fields[str(mention.field)].spoken.spelt and mention.end == withdrawn.start:
            return self._spans.goes_straight_on(withdrawn.start)
        joined = mention.end == withdrawn.start - 1 and self._language.numerals.is_joiner(self._words[mention.end])
        return joined and self._spans.goes_straight_on(mention.end) and self._spans.goes_straight_on(withdrawn.start)

    def _may_hold_denied(self, mention: ExplanationEvent, denied: ExplanationEvent) -> bool:
        """Whether a mention may be two values, of which one is denied: "683 653 instead of 683"."""
        whole, part = str(mention.value), str(denied.value)
        spelt = mention.field == denied.field and self._fields[str(mention.field)].spoken.spelt
        return spelt and whole != part and (whole.startswith(part) or whole.endswith(part))

    def _fields_of_lettered(self, event: ExplanationEvent, before: list[ExplanationEvent]) -> list[str | None]:
        """The fields of which a value, and the letters before it, may be the code: "sorry, a 100", "not AR2, A | R3".

        A small word is letters where the code before begins with it, or it stands before both: "la 676, no, la 670".
        """
        start, spoken = event.basis or event.start, self._fields[str(event.field)].spoken
        word, counts = self._words[start - 1], spoken.counts and CORRECTS in event.marks
        if not start or not (spoken.is_code or counts) or start - 1 == event.start:
            return []
        said = [one for one in before if self._fields[str(one.field)].spoken.is_code] if counts else [event]
        same = [one for one in before if one.field == event.field]
        begun = {self._words[one.basis - 1] for one in same if one.basis and BARE in event.marks}
        again = word in begun or any(str(one.value).startswith(word.upper()) for one in same)
        if not self._spans.is_letter(start - 1, start) and not (len(word) <= _LETTERS and again):
            return []
        code = f"{word}{event.value}".upper()
        names = dict.fromkeys(one.field for one in said)
        return [name for name in names if self._spans.may_be_value(self._fields[str(name)], code)]

    def _may_be_other_value(self, mention: ExplanationEvent, withdrawn: ExplanationEvent) -> bool:
        """Whether a withdrawn number may be another value of a mentioned field.

        Its cue may begin with its last digit: "A two oh | oh sorry".
        """
        field = self._fields[str(mention.field)]
        if not field.spoken.spelt:
            return self._spans.may_be_value(field, withdrawn.value)
        number = withdrawn_digits(withdrawn, self._words)
        last = self._numbers.digit_groups[withdrawn.end] if self._spans.goes_straight_on(withdrawn.end) else ()
        numbers = [number, *(f"{number}{group.text}" for group in last)]
        may = [one for one in numbers if len(one) == len(str(mention.value))]
        if field.spoken.is_code and self._spans.is_letter(withdrawn.start - 1, withdrawn.start):
            may += (f"{self._words[withdrawn.start - 1]}{one}".upper() for one in numbers)  # Its letter may be a link.
        return any(self._spans.may_be_value(field, one) for one in may)

    def _may_join_numbers(self, mention: ExplanationEvent, behind: tuple[ExplanationEvent, ...]) -> bool:
        """Whether a letter is an "and" directly before a number: Spanish "muelle y cuarenta cajas"."""
        word, end = self._words[mention.end - 1], mention.end
        spelt = self._fields[str(mention.field)].spoken.is_single_letter and len(word) == 1
        joins = spelt and self._language.numerals.is_joiner(word) and self._spans.goes_straight_on(end)
        return joins and any(one.start == end and one.kind is EventKind.MENTION for one in behind)

    def _may_deny_next(self, event: ExplanationEvent, behind: ExplanationEvent | None) -> bool:
        """Whether a denial of no value, or of an article, may be one of the mention behind it: "it's not a recount".

        "Not a single one damaged" denies the "one".
        """
        if DENIED not in event.marks or event.value is None or behind is None:
            return DENIED in event.marks and event.value is None
        near = BARE in event.marks and all(map(self._spans.goes_straight_on, range(event.end, behind.start + 1)))
        answers = event.end == behind.start and bool(self._fields[str(behind.field)].spoken.answers)
        return near and (answers or self._words[event.start] in self._language.common)

    def _rejects_another_field(self, event: ExplanationEvent, before: list[ExplanationEvent]) -> bool:
        """Whether a cue rejects another field's value before it ("742, wrong, twelve units"), or what it tells of.

        Between two counts any cue may: "two damaged, I mean, short two".
        """
        cue, rejections = self._said(*event.cue), self._language.words["rejections"]
        others = [one for one in before if one.end <= event.cue[0]]
        if CORRECTS not in event.marks or event.field in {one.field for one in others} | self._held:
            return False
        counts = [self._fields[str(one.field)].spoken.counts for one in (event, *others[-1:])]
        renames = all(counts) and any(one.end == event.cue[0] for one in others[-1:])
        return renames or any(one in {cue[: len(one)], cue[-len(one) :]} for one in rejections)


_PLACES = 6  # Decimals to which costs are rounded for comparison: sums in another order must be equal.


def explanations(
    spans: Spans, asked: str | None = None, held: Mapping[str, FieldValue] | None = None, *, correcting: bool = False
) -> list[Path]:
    """The complete explanations of an utterance, the cheapest first; none where the search limit is exceeded.

    Args:
        spans: Its words.
        asked: The requested field, whose bare value is an answer.
        held: The entry that a bare correction may refer to.
        correcting: Whether the whole utterance corrects it, with or without a cue.
    """
    parser = _ChartParser(spans, asked, held or {}, correcting=correcting)
    found = parser.find_explanations()
    if parser.may_fill_template and not found:
        parser.start(templates=False)
        found = parser.find_explanations()
    return found


class _ChartParser:
    """The chart parser of one utterance."""

    def __init__(self, spans: Spans, asked: str | None, held: Mapping[str, FieldValue], *, correcting: bool) -> None:
        self._spans = spans
        self._unit_counts = UnitCounts(spans, asked)
        self._remarks = Remarks(spans)
        self._tokens = spans.tokens
        self._queue = PathQueue(spans.words, spans.language.misheard)
        self._speller = Speller(spans, self._queue, self._unit_counts.counts_at)
        self._mentions = Mentions(spans, self._queue, self._speller, asked, held)
        self._count_steps = CountMentions(spans, self._queue, self._mentions)
        self._phrases = SmallWords(spans, self._unit_counts, self._queue, self._mentions, asked)
        self._templates = SentenceTemplates(spans, self._queue, held)
        self._unmatched = _UnmatchedWords(spans, self._queue, self._remarks)
        answers = asked is not None or bool(held) or correcting
        self._answer_check = _AnswerCheck(spans, answers=answers)
        self._explanation_check = _ExplanationCheck(spans, self._remarks, held)
        self._pending = CORRECTS if correcting else ""
        self.start(templates=self._templates.are_possible)

    def start(self, *, templates: bool) -> None:
        """Forget all partial explanations. `templates`: whether there may be sentence templates."""
        self.may_fill_template = templates
        self._ended: list[Path] = []  # The complete explanations, their unexplained words still to be found.
        self._left = costs.MAX_PATHS
        """Remaining number of partial explanations that may grow; below 0, the search has failed for good."""
        self._queue.clear()
        self._queue.add(0, Path(0.0, ParserState.START, None, self._pending, None, (), Story(), 0))

    def find_explanations(self) -> list[Path]:
        """The cheapest complete explanation and its rivals; none where it fills no template though it might.

        Then the words of a template mean nothing special.
        """
        budget = costs.BUDGET
        while (least := self._grow_within(budget)) > budget and self._left >= 0 and budget < costs.UNREACHABLE_COST:
            budget += costs.BUDGET_STEP
        if self.may_fill_template and not self._fills_template(least):
            return []
        if least + costs.RIVALRY > budget and not self._is_off_record(least):
            self._grow_within(least + costs.RIVALRY)
        # Explanations found before the search failed may have unknown rivals.
        return _without_lesser(self._cheapest(least + costs.RIVALRY)) if self._left >= 0 else []

    def _is_off_record(self, least: float) -> bool:
        """Whether the cheapest explanation keeps the utterance off the record: no rival of it changes that."""
        return any(event.kind is EventKind.MOOD for path in self._cheapest(least)[:1] for event in path.events)

    def _fills_template(self, least: float) -> bool:
        return any(event.kind is EventKind.TEMPLATE for path in self._cheapest(least)[:1] for event in path.events)

    def _cheapest(self, most: float) -> list[Path]:
        """The complete explanations of at most this cost, the cheapest first."""
        found = (path for path in self._ended if round(path.cost - most, _PLACES) <= 0)
        return sorted(map(self._explanation_check.add_unexplained, found), key=_by_cost)

    def _grow_within(self, budget: float) -> float:
        """Complete the explanations within the budget, which must never shrink; return the lowest cost of one."""
        self._queue.budget = budget
        for at in self._queue.tokens_within_budget():
            growing = self._paths_growing_at(at)
            self._left -= len(growing)
            if self._left < 0:
                break
            for path in growing:
                if at < len(self._tokens):
                    self._take_steps(path, at)
                elif (ended := self._complete(path)) is not None:
                    self._ended.append(ended)
        return min((path.cost for path in self._ended), default=costs.UNREACHABLE_COST)

    def _paths_growing_at(self, at: int) -> list[Path]:
        """The paths at a token that grow now, including those whose spelt value ends here."""
        if ends_word(self._tokens, at):
            for path in self._queue.admit_and_list_spelling_paths(at):
                for closed in self._mentions.finish_spelling(path, at):
                    self._queue.add(at, closed)
        return self._queue.take_growing_paths(at)

    def _take_steps(self, path: Path, at: int) -> None:
        """Take all steps of a path at a token."""
        if path.spelling is not None:
            self._speller.add_group(path, path.spelling, at)
            return
        if self._tokens[at].inner:
            return
        if self.may_fill_template:
            if (others := self._templates.step_over_words(path, at)) is None:
                return
            path = others
        self._phrases.step_over_phrases(path, at)
        if path.state is ParserState.LABELLED:
            self._mentions.step_over_value(path, str(path.field), at, 0.0, "")
        else:
            self._mentions.step_over_unlabelled_value(path, at)
        for count in self._unit_counts.counts_at[at]:
            self._count_steps.add_count_mention(path, count, at)
        self._unmatched.step_over(path, at)

    def _complete(self, path: Path) -> Path | None:
        """The path as a complete explanation; None where it ends inside a value."""
        if path.spelling is not None or not self._templates.are_whole(path.events):
            return None
        if path.state is ParserState.LABELLED:
            if self._spans.is_rest_bare_value(str(path.field), path.since):
                return None  # "Sealed" at the end is a value, and no label without one.
            # No cost of a false start in addition: its value may follow in the next utterance.
            path = self._queue.with_label_closed(path)._replace(cost=path.cost + costs.LAST_LABEL)
        for at, event in enumerate(path.events):
            if (
                VALUE_APART in event.marks
                and event.kind is EventKind.LABEL
                and not any(
                    one[:2] == (EventKind.MENTION, event.field) and BARE in one.marks for one in path.events[at:]
                )
            ):  # Its value does not follow behind another field: what has a label of its own is no value of this one.
                path = path._replace(cost=path.cost + costs.FALSE_START - costs.LATER)
        unitless = {event.field for event in path.events if UNITLESS in event.marks}
        if any(event.field in unitless and UNITLESS not in event.marks for event in path.events):
            # A count with its unit makes a count without one unlikely.
            path = path._replace(cost=path.cost + costs.UNLIKELY)
        if path.pending:
            path = path.with_event_added(
                ExplanationEvent(EventKind.DANGLING, path.field, start=len(self._tokens), end=len(self._tokens))
            )
        return path._replace(events=self._answer_check.mark_strange_mentions(path.events))


def _without_lesser(found: list[Path]) -> list[Path]:
    """Drops explanations with unexplained words if a likely one explains all; keeps those that make no record."""
    kinds = [{event.kind for event in path.events} for path in found]
    if not found or EventKind.UNMATCHED in kinds[0] or found[0].cost > costs.RIVALRY:
        return found
    kept = (EventKind.MOOD in one or not _leaves_words(path) for one, path in zip(kinds, found, strict=True))
    return list(compress(found, kept))


def _leaves_words(path: Path) -> bool:
    """Whether words belong to nothing, or are a number that is in doubt; a doubt on a value or a cue leaves none."""
    loose = {EventKind.UNMATCHED, EventKind.WITHDRAWN, EventKind.NUMBER}
    said = (one for one in path.events if one.kind not in loose)
    explained = {at for one in said for span in ((one.start, one.end), one.cue) for at in range(*span)}
    return any(one.kind is EventKind.UNMATCHED and one.start not in explained for one in path.events)


def _by_cost(path: Path) -> tuple[float, list[tuple[int, int]]]:
    """Sort key of explanations: the cost, then the ends of their events."""
    return round(path.cost, _PLACES), [(event.end, event.start) for event in path.events]
