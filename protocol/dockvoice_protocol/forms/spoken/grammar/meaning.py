"""Merges the explanations of an utterance into the fields of a form.

A field has a value only where all explanations within `costs.RIVALRY` of the cheapest agree on it, and none of them
leaves words beside it unexplained. Different values are rivals; a single doubtful value is the runner-up, about which
the device asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, takewhile

from dockvoice_protocol.field_roles import FieldRole
from dockvoice_protocol.forms.model import Form, FormField, is_valid_container
from dockvoice_protocol.forms.spoken.grammar.costs import COMMA, ODD, RIVALRY
from dockvoice_protocol.forms.spoken.grammar.marks import (
    ALTERNATIVE,
    BARE,
    CORRECTS,
    DENIED,
    DROPS_ALL,
    HEDGED,
    IN_REMARK,
    OF_NUMBER,
    OTHER_FIELD,
    PAUSED,
    PLUS,
    REPEATED,
    UNEXPLAINED,
    UNITLESS,
    VALUE_APART,
    ZERO,
    marked,
)
from dockvoice_protocol.forms.spoken.grammar.path import (
    EventKind,
    ExplanationEvent,
    Path,
    differ_by_one_error,
    withdrawn_digits,
)
from dockvoice_protocol.forms.spoken.grammar.tokens import Token
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.records import FieldReading, FieldValue

_TELLING = frozenset({EventKind.MENTION, EventKind.NUMBER, EventKind.WITHDRAWN})
"""Events with which an utterance is about a form; a label alone is not enough: "the dock doors are freezing"."""
_NAMING = frozenset({EventKind.MENTION, EventKind.LABEL})  # Events that name a field.
_LOOSE = frozenset({EventKind.UNMATCHED, EventKind.NUMBER})
_RELATING = frozenset({EventKind.PORTION, EventKind.TOTAL})
_UNSURE = frozenset({HEDGED, UNEXPLAINED})  # Marks of a doubtful mention: it is hedged, or holds an unexplained word.

_TENS = 20  # Least number whose ones may be corrected alone: "forty-two, no, five" may be 45, "twelve, no, five" is 5.
_MOST_DUE_FACTOR = 2
"""A denied count this much larger or smaller is hardly what was due: "8 cases, and not 628" names another pallet."""
_PLACES = (10, 100, 1000)  # Decimal places below which a correction may replace a number's end.


@dataclass(frozen=True, slots=True)
class Meaning:
    """The fields and unexplained words of an utterance."""

    fields: Mapping[str, FieldReading]
    no_record_reason: str | None  # The reason why it makes no record; None where it may make one.
    unrecorded: Mapping[str, FieldReading]  # The fields that are not recorded for that reason.
    preface: tuple[int, ...]  # The unexplained tokens before the first field.
    paths: Sequence[Path]  # Its rival explanations, the cheapest first.
    tokens: Sequence[Token]

    @property
    def begins_astray(self) -> bool:
        """Whether its preface ends before the first event about the form."""
        first = next((event.start for event in self.paths[0].events if event.kind in _NAMING), 0)
        return bool(self.preface) and max(self.preface) < first

    def preface_words(self, longer_than_s: float = 0.0) -> tuple[str, ...]:
        """The unexplained words before the first field: "lorem" before "pallet 742".

        Empty where their total duration is known and at most `longer_than_s`.
        """
        strange = [self.tokens[at] for at in self.preface]
        lasted_s = sum(token.end - token.start for token in strange)
        return () if 0 < lasted_s <= longer_than_s else tuple(token.text for token in strange)

    def given(self, name: str, value: FieldValue, form: Form) -> Mapping[str, FieldReading]:
        """The fields by only those explanations in which the field `name` has this value."""
        paths = [path for path in self.paths if value in _values_of_field(path, name, self.tokens, form)]
        return _merge_field_readings(paths, self.tokens, form) if paths and self.fields else {}


def merge_explanations(
    paths: Sequence[Path], tokens: Sequence[Token], form: Form, language: Language, *, asks: bool = False
) -> Meaning:
    """Merge explanations, given the cheapest first. `asks`: the utterance has a question mark (as in `Spans`)."""
    if not paths:
        return Meaning({}, "too many ways to understand it", {}, (), (), tokens)
    best = paths[0]
    rivals = [path for path in paths if path.cost < best.cost + RIVALRY]
    reason = _no_record_reason(rivals, form, asks=asks)
    says_something = _says_something(rivals, tokens, language)
    moody = [path for path in rivals if any(event.kind is EventKind.MOOD for event in path.events)]
    recorded = _merge_field_readings(rivals, tokens, form) if says_something and not reason else {}
    unrecorded = _merge_field_readings(moody or rivals, tokens, form) if says_something and reason else {}
    return Meaning(recorded, reason, unrecorded, _preface_tokens(best), rivals, tokens)


def _values_of_field(path: Path, name: str, tokens: Sequence[Token], form: Form) -> Sequence[FieldValue | None]:
    said = _said_by_field(path, tokens, form).get(name)
    return () if said is None else said.values


def _merge_field_readings(paths: Sequence[Path], tokens: Sequence[Token], form: Form) -> dict[str, FieldReading]:
    """The readings of the fields by rival explanations, given the cheapest first."""
    meanings, fields = [_said_by_field(path, tokens, form) for path in paths], {}
    for one in form.fields:
        # A rival explanation with a count without its unit puts the id in doubt, but is no reading of the count.
        named = one.name in meanings[0] or any(one.name in said and not said[one.name].is_unitless for said in meanings)
        if named:
            fields[one.name] = _field_reading([said.get(one.name) for said in meanings], tokens)
    return fields


def _no_record_reason(rivals: Sequence[Path], form: Form, *, asks: bool) -> str | None:
    """The reason why the utterance is no record: a rival explanation with a denial, a question, hearsay or a wish."""
    for path in rivals:
        for event in path.events:
            if event.kind is EventKind.MOOD:
                return str(event.value)
    if asks:
        return "questions"
    # "No, fifteen units" is a correction; before a complete entry "no" may deny all of it.
    needed = form.required_fields
    best = rivals[0].events
    denies = any(event.kind is EventKind.NAY for event in best) and needed <= {event.field for event in best}
    return "denials" if denies else None


def _says_something(rivals: Sequence[Path], tokens: Sequence[Token], language: Language) -> bool:
    """Whether the utterance has a value, or a word of one: "742nd", "minus twelve"."""
    if any(event.kind in _TELLING for path in rivals for event in path.events):
        return True
    strange = (tokens[event.start].text for event in rivals[0].events if event.kind is EventKind.UNMATCHED)
    return any(any(one.isdigit() for one in word) or language.may_be_in_identifier(word) for word in strange)


def _preface_tokens(best: Path) -> tuple[int, ...]:
    """The tokens before the first field that belong to none, or to a field that is mentioned later."""
    mentions = [at for at, event in enumerate(best.events) if event.kind is EventKind.MENTION]
    before = best.events[: mentions[0]] if mentions else ()
    later = {best.events[at].field for at in mentions[1:]}
    # A withdrawn number belongs to none where the first mention is no count: "eight, no, pallet seven four two".
    first = [best.events[at] for at in mentions if best.events[at].start == best.events[mentions[0]].start]
    counts = any(isinstance(event.value, int) for event in first)  # the event of its unit comes first
    loose = _LOOSE if counts else _LOOSE | {EventKind.WITHDRAWN}
    # "Container maersk MSKU1234565": its check digit proves that no word before it is a part of it.
    labelled = {event.field for event in first if isinstance(event.value, str) and is_valid_container(event.value)}
    astray = (
        event
        for event in before
        if (event.kind in loose and event.field not in labelled)
        or (event.field in later - {None} and VALUE_APART not in event.marks)
    )
    return tuple(at for event in astray for at in range(event.start, event.end))


@dataclass(slots=True)
class _FieldMeaning:
    """The state of one field in one explanation."""

    of: FormField
    values: list[FieldValue | None] = field(default_factory=list)
    """The current value and its rivals; empty where there was only a label."""
    doubtful: bool = False
    denied: list[FieldValue | None] = field(default_factory=list)
    denied_with_count: list[FieldValue | None] = field(default_factory=list)
    """Units of denied counts, where the right count may have the same: "30 cases instead of 34 cases"."""
    taken_back: list[FieldValue | None] = field(default_factory=list)  # Values that a correction replaced.
    events: list[ExplanationEvent] = field(default_factory=list)  # All its events, corrected ones included.
    standing: list[ExplanationEvent] = field(default_factory=list)  # The events of the current values.
    beside: list[ExplanationEvent] = field(default_factory=list)  # Events without a field that may belong to this one.
    unexplained: list[ExplanationEvent] = field(default_factory=list)  # The same, and units or denials without a value.
    replaced: int = 0  # The token at which the current value replaced another one.
    end_of_replaced: int = 0  # The token behind the value that it replaced; 0: none, or the same value.
    parts: list[FieldValue | None] = field(default_factory=list)
    """Values that may be only a part of the true one, because of a number beside them."""
    hedged: int = 0  # The token behind the last word that casts doubt on it.
    begun_anew: bool = False  # The next mention replaces the values.

    def add_mention(self, event: ExplanationEvent, withdrawn: ExplanationEvent | None) -> None:
        """Add a mention; `withdrawn` is the bare number that it corrects."""
        self.events += [event] if withdrawn is None else [withdrawn, event]
        if UNEXPLAINED in event.marks and event.cue[0] < event.cue[1] <= event.start:
            # A correction with unexplained words: "wait, there is one more".
            self.unexplained.append(event._replace(start=event.cue[0], end=event.start))
        if DENIED in event.marks:
            self.denied.append(event.value)
            # "Not 5501 5502" may deny the first, and say the second; so may "8 degrees, not plus eight twenty below".
            longer = any(_begins_with(event.value, one) for one in self.values)
            unclear = HEDGED in event.marks and bool(self.values)  # "Trailer 7742 behind 7741".
            self.doubtful |= unclear or (longer and event.value not in self.taken_back)
        elif self.of.many is not None and CORRECTS not in event.marks:
            self._add_to_list(event)
        elif CORRECTS in event.marks or (self.begun_anew and self.values):
            self._join_withdrawn_end(withdrawn)
            self._replace_values(event)
        elif not self.values or event.value not in self.values:
            self._add_other_value(event)
        else:
            self._add_repeated_value(event)
        if withdrawn is not None:
            self.taken_back.append(withdrawn.value)
        if withdrawn is not None and isinstance(withdrawn.value, int) and isinstance(event.value, int):
            self.values += _completed_numbers(withdrawn.value, event.value)

    @property
    def is_unitless(self) -> bool:
        """Whether all its events are counts without a unit."""
        return bool(self.events) and all(UNITLESS in event.marks for event in self.events)

    def apply_doubts(self) -> None:
        """Remove denied values and mark doubtful ones, after the last event."""
        beside = list(filter(self._is_about_current_value, self.beside))
        self.doubtful |= bool(beside)
        numbers = self.of.spoken.spelt or self.of.spoken.is_number
        if numbers and any(map(self._is_part, beside)):
            self.values, self.parts = [], self.values  # A possible part of a number is not offered.
        # One of two numbers, of which the other is no value of this field: "three times four cases".
        alone = len(self.values) == 1 and self.of.spoken.is_number
        self.doubtful |= alone and any(ALTERNATIVE in event.marks for event in self.standing)
        if self.denied:
            self.values = [value for value in self.values if value not in self.denied]
            self.doubtful |= not self.values
        self.values = [value for value in self.values if value not in self.denied_with_count] or self.values

    def _is_about_current_value(self, beside: ExplanationEvent) -> bool:
        """Whether an event is no doubt of a replaced value alone, as a number beside that is; a word may say more."""
        says_more = beside.kind is EventKind.UNMATCHED
        says_more |= beside.kind is EventKind.NUMBER and beside.start >= self.end_of_replaced
        return beside.end > self.replaced or (self.end_of_replaced > 0 and says_more)

    def _is_part(self, beside: ExplanationEvent) -> bool:
        """Whether an event beside the values makes them possible parts of the true value."""
        if IN_REMARK in beside.marks and self.of.spoken.spelt:
            return False
        return _is_of_number(beside) or self._continues_id(beside)

    def _continues_id(self, strange: ExplanationEvent) -> bool:
        """Whether an unexplained word follows the digits of an id without a pause."""
        touches = bool(self.standing) and self.standing[-1].end == strange.start
        return touches and PAUSED not in strange.marks and self.of.spoken.spelt

    def _add_to_list(self, event: ExplanationEvent) -> None:
        lists = [one for one in self.values if isinstance(one, tuple)] or [()]
        self.values = [(*listed, str(event.value)) for listed in lists]
        self.doubtful |= _is_unsure(event) or ALTERNATIVE in event.marks
        self.standing.append(event)

    def _join_withdrawn_end(self, withdrawn: ExplanationEvent | None) -> None:
        """Complete the value that a correction replaces by a withdrawn number directly behind it: its last digits."""
        touches = withdrawn is not None and bool(self.standing) and self.standing[-1].end == withdrawn.start
        if withdrawn is not None and touches and self.of.spoken.spelt and len(self.values) == 1:
            self.values = [f"{self.values[0]}{withdrawn.value}"]

    def _replace_values(self, event: ExplanationEvent) -> None:
        # "Dock C, wrong, it is A, not C" and German "Tor C, doch nicht C" may deny it; a unit may stay.
        again = event.value in self.values and self.of.unit_of is None
        sure = not again and event.value not in self.taken_back
        if CORRECTS in event.marks:
            self.taken_back += self.values
        if self.of.many is not None:
            self.values = self._correct_list(event)
        elif self.values and CORRECTS in event.marks:
            self.values, certain = self._correct_values(event)
            sure &= certain
        else:
            self.values = [event.value]
        hedged = self.hedged > event.start  # "Sorry, trailer an 4483".
        self.doubtful = _is_unsure(event) or not sure or hedged or ALTERNATIVE in event.marks
        self.end_of_replaced = max((one.end for one in self.standing), default=0)
        # Where no value is replaced, words between the cue and this one are doubt: "no three units on pallet 62877".
        self.replaced = event.start if self.standing else event.cue[1]
        self.standing, self.begun_anew = [event], False

    def _add_other_value(self, event: ExplanationEvent) -> None:
        earlier = self.values[-1] if self.values else None
        restart = isinstance(earlier, str) and isinstance(event.value, str) and event.value.startswith(earlier)
        # Also behind a pause, with its label and nothing between: "pallet six four, pallet six four six".
        behind = [one.end for one in self.standing[-1:]] == [event.start] and BARE not in event.marks
        if restart and (REPEATED in event.marks or behind):
            self.values[-1:] = [event.value]
            self.standing = [event]
        else:
            self.values.append(event.value)
            self.standing.append(event)
            if ALTERNATIVE in event.marks and isinstance(earlier, float) and isinstance(event.value, float):
                self.values += [one for one in corrected_decimals(earlier, event.value) if one not in self.values]
        self.doubtful |= _is_unsure(event)

    def _add_repeated_value(self, event: ExplanationEvent) -> None:
        if BARE not in event.marks and event.value == self.values[-1] and REPEATED in self.standing[-1].marks:
            # A repetition with its label decides for the last value: "dock b ... d, dock d".
            self.values = [event.value]
        if BARE not in event.marks and len(self.values) == 1 and event.value == self.values[0]:
            # Words before it no longer cause doubt. A number between may: "742, 12 cases, and 743, 12 cases" are two.
            first = self.standing[0].start if self.standing else event.start
            self.beside = [one for one in self.beside if one.kind is EventKind.NUMBER and one.start > first]
        if REPEATED in event.marks and self.of.spoken.spelt and len(set(str(event.value))) == 1:
            self.values = [None]  # "0, 0, 0, 000" may be one number or a repetition.
        self.standing.append(event)
        self.doubtful |= _is_unsure(event)

    def _correct_list(self, event: ExplanationEvent) -> list[FieldValue | None]:
        """The possible lists after a correction: a bare one may replace the last value, or all."""
        anew = (str(event.value),)
        lists = [one for one in self.values if isinstance(one, tuple)] if BARE in event.marks else []
        return [anew, *((*one[:-1], *anew) for one in lists if one[:-1])]

    def _correct_values(self, event: ExplanationEvent) -> tuple[list[FieldValue | None], bool]:
        """The values after a correction, and whether they are certain: a bare one may replace the value's end only.

        A bare id is doubtful where its length differs from the usual one that it replaces, and where it replaces an
        unusual one, unless it is usual and longer.
        """
        value, old = event.value, self.values[-1]
        bare = BARE in event.marks
        if bare and OTHER_FIELD in event.marks:
            return [old, value], True
        # A count without a unit may also have been the beginning: "two hundred and, wait, fifty units".
        if isinstance(value, int) and isinstance(old, int) and (bare or UNITLESS in self.standing[-1].marks):
            return [value, *_completed_numbers(old, value)], True
        measures = self.of.spoken.measures and PLUS not in event.marks
        if measures and isinstance(value, int | float) and isinstance(old, int | float):
            return [*corrected_decimals(old, value)], True
        if not bare:
            return [value], not _is_end_with_one_error(old, value)
        if isinstance(value, str) and isinstance(old, str) and self.of.spoken.spelt:
            whole = self.of.is_usual(old)
            anew = not whole and self.of.is_usual(value) and len(value) > len(old)
            return [value], anew or (len(value) == len(old) and (whole or differ_by_one_error(old, value)))
        return [value], True


def is_nearer_to_other_count(value: FieldValue | None, old: FieldValue | None, other: FieldValue | None) -> bool:
    """Whether a corrected count is nearer to another count of its entry than to the one that it would replace."""
    if not (isinstance(value, int) and isinstance(old, int) and isinstance(other, int)):
        return False
    return abs(value - other) < abs(value - old)


def _is_of_number(event: ExplanationEvent) -> bool:
    """Whether it is a number without a field, or a word of one."""
    return event.kind is EventKind.NUMBER or OF_NUMBER in event.marks


def _is_unsure(event: ExplanationEvent) -> bool:
    return bool(_UNSURE & set(event.marks)) or event.cost > ODD or event.value is None


def _begins_with(longer: FieldValue | None, value: FieldValue | None) -> bool:
    """Whether the first is longer than the second, and begins with it, whatever the signs of both are."""
    whole, start = (str(one).removeprefix("-").removesuffix(".0") for one in (longer, value))
    return whole.startswith(start) and whole != start


def _is_end_with_one_error(old: FieldValue | None, value: FieldValue | None) -> bool:
    """Whether a corrected code may be short for the end of the one before: "trailer LA1483, no, trailer 1683"."""
    if not (isinstance(old, str) and isinstance(value, str) and len(value) < len(old)):
        return False
    return differ_by_one_error(old[len(old) - len(value) :], value)


def corrected_decimals(old: float, value: float) -> list[float]:
    """The possible values of a decimal that corrects another: "minus eighteen, no, nineteen" is -19 or 19."""
    return [-value, value] if old < 0 < value else [value]


def _completed_numbers(old: int, value: int) -> list[FieldValue]:
    """Further values of a bare correction of a number's end, beside `value`: "two hundred and sixty, no, fifty" 250."""
    places = (place for place in _PLACES if value and value < place < old)
    return [old - old % place + value for place in places if place != _PLACES[0] or old % _PLACES[1] >= _TENS]


class _MeaningBuilder:
    """Collects the events of one explanation by field."""

    def __init__(self, events: Sequence[ExplanationEvent], tokens: Sequence[Token], form: Form) -> None:
        self._events = events
        self._tokens = tokens
        self._form = form
        self._loose = [event for event in events if event.kind in _LOOSE]
        self._said: ExplanationEvent | None = None  # The last added mention.
        self._last_mention = {event.field: at for at, event in enumerate(events) if event.kind is EventKind.MENTION}
        """By field, the index of its last mention."""
        self.fields: dict[str, _FieldMeaning] = {}

    def said_of(self, name: str) -> _FieldMeaning:
        """The state of a field after the events so far; created on first use."""
        if name not in self.fields:
            self.fields[name] = _FieldMeaning(self._form[name])
        return self.fields[name]

    def apply_event(self, at: int, event: ExplanationEvent) -> None:
        """Apply the explanation's next event to its fields."""
        match event.kind:
            case EventKind.MENTION:
                self._apply_mention(at, event)
                self._said = event if self._form[str(event.field)].unit_of is None else self._said
            case EventKind.LABEL:
                self._apply_label(at, event)
            case EventKind.HEDGE | EventKind.DANGLING | EventKind.UNIT | EventKind.UNMATCHED if event.field is not None:
                self.said_of(event.field).doubtful = True
                self.said_of(event.field).hedged = event.end
                if event.kind is not EventKind.HEDGE:
                    self.said_of(event.field).unexplained.append(self._with_own_words(event))
                if event.kind is EventKind.UNMATCHED:
                    self.said_of(event.field).beside.append(event)
            case EventKind.UNMATCHED | EventKind.NUMBER | EventKind.WITHDRAWN:
                for name in self._doubted_fields(at, event):
                    self.said_of(name).beside.append(self._marked_as_remark(event))
                    self.said_of(name).unexplained.append(event)
            case _:
                pass

    def _with_own_words(self, event: ExplanationEvent) -> ExplanationEvent:
        """The event; a dangling denial or correction, which has no words, gets all words behind the last value."""
        if event.kind is not EventKind.DANGLING or self._said is None:
            return event
        return event._replace(start=self._said.end, end=len(self._tokens))

    def _marked_as_remark(self, event: ExplanationEvent) -> ExplanationEvent:
        """An event without a field, marked `r` as part of a remark: unmatched words behind a comma, "stop two"."""
        start, _ = self._run_around(event)
        remark = self._tokens[start].pause >= COMMA and not self._holds_number(start, start + 1)
        return event._replace(marks=marked(event.marks, IN_REMARK)) if remark else event

    def _apply_mention(self, at: int, event: ExplanationEvent) -> None:
        name = str(event.field)
        if DROPS_ALL in event.marks and self._form[name].identifier:
            behind = [one for one in self.said_of(name).beside if one.start >= event.cue[1]]
            self._drop_all()
            self.said_of(name).beside += behind  # "scratch that one seven one nine" may be 719 or 1719.
        if CORRECTS in event.marks and self._form[name].identifier and name in self.fields:
            # A corrected identifier means another thing, whose fields replace all values.
            for said in self.fields.values():
                said.begun_anew = True
        if CORRECTS in event.marks and at and not self.said_of(name).events:
            self._doubt_number_before(self._events[at - 1])
        event = self._marked_if_of_other_count(event)
        if DENIED in event.marks and event.value not in self.said_of(name).values:
            self._doubt_what_may_be_denied(name, event)
        if {DENIED, HEDGED} & set(event.marks) == {DENIED} and name == self._form.roles.get(FieldRole.QUANTITY):
            self._doubt_difference(self.said_of(name), event.value)
        if DENIED in event.marks and self._is_unit_of_denied_count(at, event):
            self.said_of(name).denied_with_count.append(event.value)
            return
        self.said_of(name).add_mention(event, self._withdrawn_before(at, event))

    def _marked_if_of_other_count(self, event: ExplanationEvent) -> ExplanationEvent:
        """A corrected count of goods that may be that of a part, said last: "24 cases, 2 damaged, no, 3 cases".

        It may then leave the goods as they are; in another unit it is only in doubt.
        """
        unit, said = self._form.unit_field(str(event.field)), "" if self._said is None else str(self._said.field)
        goods, part = self.fields.get(str(event.field)), self.fields.get(said)
        if CORRECTS not in event.marks or unit is None or goods is None or part is None or part is goods:
            return event
        old, other = (one.values[-1] if one.values and one.of.spoken.counts else None for one in (goods, part))
        if not is_nearer_to_other_count(event.value, old, other):
            return event
        counted = self.fields.get(unit.name)
        same_unit = counted is None or counted.values == counted.taken_back[-1:]
        return event._replace(marks=marked(event.marks, *((BARE, OTHER_FIELD) if same_unit else HEDGED)))

    def _drop_all(self) -> None:
        """Drop what was said, since it is another thing: "scratch that, pallet 743".

        What may stand for many entries is in doubt instead: "on trailer 5501 pallet 742, scratch that, 743".
        """
        self.fields = {name: said for name, said in self.fields.items() if name in self._form.standing_fields}
        for said in self.fields.values():
            said.doubtful, said.begun_anew = True, True

    def _is_unit_of_denied_count(self, at: int, event: ExplanationEvent) -> bool:
        behind = self._events[at + 1] if at + 1 < len(self._events) else ExplanationEvent(EventKind.DANGLING)
        return (
            behind.field is not None and behind.field == self._form[str(event.field)].unit_of and DENIED in behind.marks
        )

    def _doubt_number_before(self, before: ExplanationEvent) -> None:
        """A cue that corrects nothing of its own field may take back the number before it: "2 8, my bad, door 19"."""
        if before.kind is EventKind.MENTION and self._form[str(before.field)].spoken.is_number:
            self.said_of(str(before.field)).doubtful = True

    def _doubt_difference(self, counted: _FieldMeaning, denied: FieldValue | None) -> None:
        """A count that is denied, but was never said, may be what was due: "pallet 742, 30 cases instead of 32".

        Not without a name, or of what was: "30, not 32", "it was 30, not 32" correct what was said before.
        """
        found = counted.values[-1] if counted.values and denied not in counted.taken_back else None
        if not isinstance(found, int) or not isinstance(denied, int) or denied in counted.values:
            return
        named = any(event.field is not None and self._form[event.field].identifier for event in self._events)
        if not named or any(event.kind is EventKind.MOOD for event in self._events):
            return
        if max(found, denied) > _MOST_DUE_FACTOR * min(found, denied):
            return
        difference = self._form.roles.get(FieldRole.SHORT if found < denied else FieldRole.OVER)
        if difference is not None and not self.said_of(difference).events:
            self.said_of(difference).values, self.said_of(difference).doubtful = [abs(denied - found)], True

    def _doubt_what_may_be_denied(self, name: str, denied: ExplanationEvent) -> None:
        """A denial of what was never said may be one of a value with which it begins; a bare one, of the value before.

        "12 cartons, not 12 70"; "pallet 877, lot 5654, not 877 872"; "thirty boxes, not thirty one thousand boxes".
        """
        self._doubt_if_words_begin_denied(self.said_of(name), denied)
        if BARE not in denied.marks:
            return
        before = None if self._said is None else self._said.field
        for said in self.fields.values():
            begun = any(str(denied.value).startswith(str(one)) for one in said.values)
            said.doubtful |= begun or before == said.of.name != name

    def _doubt_if_words_begin_denied(self, said: _FieldMeaning, denied: ExplanationEvent) -> None:
        """Doubt a value with whose words, but for the unit, a denied one begins."""
        own = self._value_words(denied)
        for one in said.standing:
            words = self._value_words(one)
            same = sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(words, own, strict=False)))
            # Of the value, all but the unit, which both may have.
            said.doubtful |= 0 < same < len(own) and own[len(own) - len(words[same:]) :] == words[same:]

    def _value_words(self, event: ExplanationEvent) -> list[str]:
        """The words of a mention without its label."""
        return [token.text for token in self._tokens[event.basis or event.start : event.end]]

    def _withdrawn_before(self, at: int, event: ExplanationEvent) -> ExplanationEvent | None:
        """The bare number directly before a mention, which that corrects, as a value of its field; None for none."""
        of = self._form[str(event.field)]
        # The event of a unit precedes that of its count, at the same tokens.
        before = next((one for one in reversed(self._events[:at]) if one.start != event.start), None)
        if before is None or before.kind is not EventKind.WITHDRAWN or of.unit_of is not None:
            return None
        words = [token.text for token in self._tokens]
        return before._replace(value=withdrawn_digits(before, words)) if of.spoken.spelt else before

    def _apply_label(self, at: int, event: ExplanationEvent) -> None:
        name = str(event.field)
        if name in self.fields and self.fields[name].events:
            self.fields[name].doubtful = True
        elif self._last_mention.get(name, at) <= at:
            self.said_of(name).events.append(event)

    def _doubted_fields(self, at: int, event: ExplanationEvent) -> list[str]:
        """The fields that an event without a field puts in doubt: its neighbours, by the pauses around it.

        Between digits and a count, without a pause on either side, it may be part of both.
        """
        events = self._events
        if at + 1 < len(events) and events[at + 1].kind is EventKind.UNIT and events[at + 1].start == event.end:
            return []  # It is the unknown number of that unit.
        before, after = self._said, self._next_named(at)
        if event.kind is EventKind.WITHDRAWN and after is not None and CORRECTS in after.marks:
            return []
        labelled = after is not None and BARE not in after.marks and after.basis != after.start
        if labelled and event.kind is not EventKind.UNMATCHED:
            after = None  # A value never precedes its label.
        if before is None or after is None:
            return [str(one.field) for one in (before, after) if one is not None]
        return self._nearest_fields(event, before, after)

    def _next_named(self, at: int) -> ExplanationEvent | None:
        """The next event that names a field; not that of a unit, which precedes that of its count."""
        naming = (event for event in self._events[at + 1 :] if event.kind in _NAMING)
        return next((event for event in naming if self._form[str(event.field)].unit_of is None), None)

    def _run_around(self, event: ExplanationEvent) -> tuple[int, int]:
        """The start and end of an event together with the adjacent events without a field."""
        start, end = event.start, event.end
        for one in reversed(self._loose):
            start = one.start if one.end == start else start
        for one in self._loose:
            end = one.end if one.start == end else end
        return start, end

    def _holds_number(self, start: int, end: int) -> bool:
        """Whether a number without a field, or a word of one ("minus"), begins between two tokens."""
        return any(start <= one.start < end for one in self._loose if _is_of_number(one))

    def _nearest_fields(self, event: ExplanationEvent, before: ExplanationEvent, after: ExplanationEvent) -> list[str]:
        start, end = self._run_around(event)
        paused_before = self._tokens[start].pause > 0
        paused_after = end < len(self._tokens) and self._tokens[end].pause > 0
        # A count behind its label has no unit that ends it.
        spoken, unended = self._form[str(before.field)].spoken, (before.basis or 0) > before.start
        open_ended = spoken.spelt or (spoken.is_number and unended)
        counts = self._form[str(after.field)].spoken.is_number
        number = self._holds_number(start, end)
        # Behind a count it may name another thing, of which the value behind it is: "12 cases, and 743 is wet".
        named = number and not spoken.spelt
        if not paused_after and (named or (counts and (number or (open_ended and not paused_before)))):
            return [str(before.field), str(after.field)]
        return [str(after.field if paused_before and not paused_after else before.field)]


def _said_by_field(path: Path, tokens: Sequence[Token], form: Form) -> dict[str, _FieldMeaning]:
    """The states of the fields in one explanation."""
    telling = _MeaningBuilder(path.events, tokens, form)
    for at, event in enumerate(path.events):
        telling.apply_event(at, event)
    for said in telling.fields.values():
        said.apply_doubts()
    _drop_whole_counts(path, telling.fields, tokens, form)
    for said in telling.fields.values():
        if said.of.unit_of in telling.fields and any(ZERO in event.marks for event in said.standing):
            # The unit of "empty" is valid only with the count 0: not in "twelve empty boxes".
            count = telling.fields[said.of.unit_of]
            said.doubtful |= count.doubtful or count.values != [0]
    return telling.fields


def _drop_whole_counts(path: Path, fields: Mapping[str, _FieldMeaning], tokens: Sequence[Token], form: Form) -> None:
    """Remove the value of a count that may include another one: "24 cases including two damaged".

    The 24 may be the good ones or all, so that neither number may be offered. The whole is the largest count. Where the
    whole was said in an earlier entry ("two of those damaged"), only the part is here.
    """
    meanings = fields.values()
    related = {event.kind for event in path.events if event.kind in _RELATING}
    counted = [said for said in meanings if said.of.spoken.counts]
    counts = [said for said in counted if said.values]
    # "24 cases damaged" may be 24 damaged ones, or 24 of which some are.
    unsaid = {said.of.name for said in counted if not said.events}
    # "Two wet" may be a part of 24 cases.
    wrong = {said.of.name for said in meanings if said.of.bare}
    if any(
        (event.kind is EventKind.UNIT and event.field in unsaid)
        or (event.kind is EventKind.NUMBER and behind.field in wrong)
        for event, behind in pairwise((*path.events, ExplanationEvent(EventKind.DANGLING)))
    ):
        related.add(EventKind.PORTION)
    for said in _conditions_behind_counts(path, fields, tokens, form):
        said.doubtful = True
        related.add(EventKind.PORTION)
    if not related or (len(counts) == 1 and related == {EventKind.TOTAL}):
        return
    sizes = [max((value for value in said.values if isinstance(value, int)), default=0) for said in counts]
    for said, size in zip(counts, sizes, strict=True):
        if size == max(sizes):
            said.values, said.parts = [], [*said.values, None]


def _conditions_behind_counts(
    path: Path, fields: Mapping[str, _FieldMeaning], tokens: Sequence[Token], form: Form
) -> Iterator[_FieldMeaning]:
    """Conditions directly behind a count, without a pause: "three cases refused" may be three of more.

    Not in forms with a single count, and not behind a pause: "24 cases, refused" holds for all.
    """
    if sum(field.spoken.counts for field in form.fields) == 1:
        return
    for event, behind in pairwise(path.events):
        both = event.kind is EventKind.MENTION and behind.kind is EventKind.MENTION
        counts = both and form[str(event.field)].spoken.counts and form[str(behind.field)].bare
        if counts and event.end == behind.start and not tokens[behind.start].pause:
            yield fields[str(behind.field)]


def _field_reading(meanings: Sequence[_FieldMeaning | None], tokens: Sequence[Token]) -> FieldReading:
    """The reading of one field from its states in the rival explanations, given the cheapest first."""
    saying = [said for said in meanings if said is not None]
    values = list(dict.fromkeys(value for said in saying for value in said.values if value is not None))
    unsure = any(None in said.values or said.doubtful for said in saying)
    # Where they agree on the value, only the cheapest counts: others may withdraw a part of the value, "4, 2, no".
    not_so = [
        value for said in saying for value in (*said.denied, *said.taken_back) if len(values) != 1 or said is saying[0]
    ]
    denied = tuple(value for value in dict.fromkeys(not_so) if value is not None and value not in values)
    missing = any(said is None or not said.values for said in meanings)
    events = [event for said in saying for event in (*said.events, *said.beside)]
    words = tuple(tokens[at].surface for at in _one_token_per_word(tokens, _event_tokens(events)))
    basis = _value_tokens(saying) or _event_tokens(events) or set(range(len(tokens)))
    sure = min((tokens[at].confidence for at in basis), default=0.0)
    if not {part for said in saying for part in said.parts} <= set(values):
        values = []  # The set of possible values is incomplete.
    if not values:
        return FieldReading(None, words, sure, denied=denied)
    if len(values) == 1 and (unsure or missing):
        strange = next((said.unexplained for said in saying if said.unexplained), ())
        unexplained = tuple(tokens[at].surface for at in _one_token_per_word(tokens, _event_tokens(strange)))
        return FieldReading(None, words, sure, runner_up=values[0], denied=denied, unexplained=unexplained)
    return FieldReading(values[0], words, sure, rivals=tuple(values[1:]), denied=denied)


def _event_tokens(events: Sequence[ExplanationEvent]) -> set[int]:
    """The indices of the tokens of events, cues included."""
    return {at for event in events for span in ((event.start, event.end), event.cue) for at in range(*span)}


def _value_tokens(saying: Sequence[_FieldMeaning]) -> set[int]:
    """The tokens of the current values, and of the cues by which they replaced others."""
    basis: set[int] = set()
    for said in saying:
        for event in said.standing:
            basis.update(range(event.start if event.basis is None else event.basis, event.end))
            if said.replaced and len(said.events) > 1:
                basis.update(range(*event.cue))
    return basis


def _one_token_per_word(tokens: Sequence[Token], spans: set[int]) -> list[int]:
    """The tokens in order, one for each compound word."""
    return [at for at in sorted(spans) if not (tokens[at].inner and at - 1 in spans)]
