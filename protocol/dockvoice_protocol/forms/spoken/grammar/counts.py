"""Parses counts: numbers with their units, said once, twice, or as one of two ("ten to twelve units")."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import NamedTuple

from dockvoice_protocol.forms.spoken.grammar import costs
from dockvoice_protocol.forms.spoken.grammar.lexicon import Match, Role
from dockvoice_protocol.forms.spoken.grammar.marks import (
    ALTERNATIVE,
    ANNOUNCED_AGAIN,
    BARE,
    DENIED,
    HEDGED,
    MAYBE_PART,
    NUMBERLESS,
    UNEXPLAINED,
    ZERO,
    marked,
)
from dockvoice_protocol.forms.spoken.grammar.mentions import HUNDRED, SINGLY, Mentions
from dockvoice_protocol.forms.spoken.grammar.path import EventKind, ExplanationEvent, ParserState, Path, PathQueue
from dockvoice_protocol.forms.spoken.grammar.spans import LONGEST_HEAD, SpanReader, Spans
from dockvoice_protocol.records import FieldValue

_BEFORE_UNITS = {
    Role.ADJECTIVE: (costs.LINK, ""),
    Role.HEDGE_BEHIND: (costs.HEDGE, HEDGED),
    Role.PORTION: (costs.LINK, MAYBE_PART),
}
"""Roles between a number and its unit, with their cost and mark on the count."""

_DIGIT = 9  # The largest digit.
_MOST_RANGE_FACTOR = 2
"""Of two numbers said for a range the second is at most so many times the first; of digits, the next: "two three".
"One two" is no range: it is how twelve is said digit by digit."""
_WHERE = frozenset({Role.LINK, Role.NOT_THIS_PLACE})  # Roles of phrases for a place: "over there".

_UNSUMMED = frozenset(
    {
        *(Role.LABEL, Role.VALUE, Role.VALUE_VERB, Role.ZERO_COUNT, Role.VAGUE, Role.CUE, Role.CONTRAST, Role.CHOICE),
        *(Role.RANGE, Role.HEDGE_BEFORE, Role.HEDGE_BEHIND, Role.QUESTION, Role.MOOD, Role.TAKEN_BACK),
    }
)
"""Roles of words that no sum holds; "from", "for" and the like, which have weaker roles too, do not count."""
_JOINING = frozenset({Role.LINK, Role.AFTER_COUNT, Role.PORTION})
_TWO_PARTS = 2
_BETWEEN_PARTS = 5  # Words between two numbers of a sum: "cases and then another".

_LONGEST_NUMBER = 8  # Words of a number before its last: "six mille six cent soixante-dix-huit" in French.


class _UnitCount(NamedTuple):
    """A count in the utterance: its values, unit code and end."""

    end: int
    field: str
    values: tuple[FieldValue | None, ...]  # Possible values; None for an unknown number ("a few").
    cost: float
    marks: str
    code: str | None = None  # The code of the unit, where another field holds it.


def _totals_of(parts: tuple[int, ...]) -> set[int]:
    """What numbers come to: their sum; of two, the product or the difference too."""
    if len(parts) != _TWO_PARTS:
        return {sum(parts)} if len(parts) > _TWO_PARTS else set()
    return {sum(parts), prod(parts), parts[0] - parts[1]}


class _Sums(SpanReader):
    """Finds the sums of one utterance whose parts and total are all said."""

    def __init__(self, spans: Spans) -> None:
        super().__init__(spans)
        self._totals = spans.language.words["totals"]

    def found(self) -> dict[int, tuple[int, int]]:
        """By the first token of each sum, the start and the end of its total."""
        said = any(self._announces_total(at) for at in range(len(self._tokens)))
        return dict(self._find_sums()) if said else {}

    def _announces_total(self, at: int) -> bool:
        return bool(self._totals.ends(self._words, at))

    def _find_sums(self) -> Iterator[tuple[int, tuple[int, int]]]:
        """The sums whose parts and total are all said, from the left."""
        end = 0
        for at in range(len(self._tokens)):
            if at >= end and self._begins_number(at) and (found := self._total_of(at, at, ())) is not None:
                end = found[1]
                yield at, found

    def _begins_number(self, at: int) -> bool:
        """Whether a number begins at a token, and neither a label nor another number, without a pause, precedes it."""
        if at == 0 or self._tokens[at].pause >= costs.COMMA:
            return True
        begun = range(max(0, at - _LONGEST_NUMBER), at)
        if self._numbers.are_one(begun.start, at):
            return False  # "Sixty and | eight, seven trays plus eight".
        labelled = any(at in self._spans.role_ends(one, Role.LABEL) for one in range(at))
        return not labelled and all(at not in self._numbers.ends[one] for one in begun)

    def _total_of(self, at: int, begin: int, parts: tuple[int, ...]) -> tuple[int, int] | None:
        """The start and the end of the total of a sum whose next number is sought from `at` on; `begin`: its gap's."""
        longest = max((end for end, _, _ in self._numbers.cardinals[at]), default=at)
        for end, value, _ in self._numbers.cardinals[at]:
            if value in _totals_of(parts) and self._is_total(begin, at, end):
                return at, end
            straight_on = self._spans.goes_straight_on(end)
            if straight_on and (end < longest or self._numbers.begins(end)):
                continue  # Words of one number are no parts, nor digits of an identifier: "six six four one".
            gap = range(end, min(end + _BETWEEN_PARTS + 1, len(self._tokens)))
            for start in gap:
                if self._numbers.begins(start) and (found := self._total_of(start, end, (*parts, value))) is not None:
                    return found
                if not self._may_stand_in_sum(start):
                    break
        return None

    def _may_stand_in_sum(self, at: int) -> bool:
        """Whether the words at a token say nothing of the numbers of a sum, or not by themselves: French "plus"."""
        found = self._spans.matches[at]
        return not any(match.role in _UNSUMMED for match in found) or any(match.role in _JOINING for match in found)

    def _is_total(self, begin: int, at: int, end: int) -> bool:
        """Whether words around a number announce it as the total."""
        if any(at in self._totals.ends(self._words, one) for one in range(begin, at)):
            return True
        return any(self._announces_total(one) for one in (end, *self._spans.role_ends(end, Role.UNIT)))


class UnitCounts(SpanReader):
    """The numbers with units in one utterance."""

    def __init__(self, spans: Spans, asked: str | None) -> None:
        """`asked`: the requested field."""
        super().__init__(spans)
        self._asked = spans.fields.get(str(asked))
        self._decimals = any(field.spoken.measures for field in spans.form.fields)
        measured = (field.name for field in spans.form.fields if spans.form.unit_field(field.name) is not None)
        self._measured = next(measured, None)  # A count whose unit another field holds; an unlisted unit is unknown.
        self._sums = _Sums(spans).found()
        """By the first token of a sum, the start and the end of its total: "ten and ten, *twenty* altogether"."""
        self.counts_at: list[list[_UnitCount]] = [[] for _ in range(spans.size + 1)]
        """The counts that begin at a token."""
        for at in range(spans.size - 1, -1, -1):  # Some are made of those behind them.
            self.counts_at[at] = self._find_counts_at(at)

    def _find_counts_at(self, at: int) -> list[_UnitCount]:
        if any(start <= at < end for start, (_, end) in self._sums.items()):
            return list(self._summed_counts(at))
        found = [*self._zero_counts(at)] if self._tokens[at].pause else []
        found += self._numberless_counts(at)
        found += self._number_counts(at)
        if self._numbers.begins(at):
            found += (*self._restarted_counts(at), *self._product_counts(at))
        found += self._multiplied_counts(at)
        return [*found, *self._zero_answers()] if at == 0 else found

    def _summed_counts(self, at: int) -> Iterator[_UnitCount]:
        """The total of a sum that begins at a token, with the only unit that is said of it or of its parts."""
        if at not in self._sums:
            return
        start, end = self._sums[at]
        total = next(value for stop, value, _ in self._numbers.cardinals[start] if stop == end)
        counts = list(self._counts_with_unit(end, (total,), costs.REPEAT, ""))
        units = {match[2:] for one in range(at, start) for match in self._spans.matches[one] if match.role is Role.UNIT}
        if not counts and len(units) == 1:
            ((field, _, code),) = units
            counts = [_UnitCount(end, field, (total,), costs.REPEAT, "", code)]
        yield from counts

    def _zero_counts(self, at: int) -> Iterator[_UnitCount]:
        """Zero by a negation behind a pause: "no pieces", but not "no, pieces"."""
        straight_on = self._spans.goes_straight_on(at + 1)
        if straight_on and (self._words[at],) in self._language.words["contrasts"]:
            for count in self._counts_with_unit(at + 1, (0,), 0.0, ""):
                if self._spans.fields[count.field].allows(0) and not count.marks:
                    yield count._replace(values=(0,), cost=count.cost + costs.NONE)

    def _zero_answers(self) -> Iterator[_UnitCount]:
        """Zero as an answer, with a unit or alone: "none", "none, cases"."""
        field, size = self._asked, len(self._words)
        if field is None or not field.spoken.counts or not field.allows(0):
            return
        for said in self._language.words["none"]:
            if tuple(self._words[: len(said)]) == said:
                code = next(iter(field.wording(self._language.code).zero.values()), None)
                counts = [_UnitCount(len(said), field.name, (0,), costs.ASKED, ZERO if code else "", code or None)]
                counts += self._counts_with_unit(len(said), (0,), costs.ASKED, "") if len(said) < size else ()
                yield from (one for one in counts if one.end == size and one.field == field.name)

    def _numberless_counts(self, at: int) -> Iterator[_UnitCount]:
        """Counts without a number: "empty" is 0, "a few cases" is unknown."""
        for match in self._spans.matches[at]:
            match match.role:
                case Role.ZERO_COUNT:
                    yield _UnitCount(match.end, match.field, (0,), costs.ASKED, ZERO, match.code)
                case Role.VAGUE:
                    for count in self._counts_with_unit(match.end, (0,), costs.HEDGE, ""):
                        yield count._replace(values=(None,), marks=marked(count.marks, MAYBE_PART, NUMBERLESS))
                case Role.RANGE:
                    yield from self._counts_after_between(match.end)
                case _:
                    pass

    def _counts_after_between(self, at: int) -> Iterator[_UnitCount]:
        """Both numbers behind "between": "ten and twelve units"."""
        for end, value, cost, marks in self._numbers_at(at):
            if end < len(self._tokens):
                joined = (self._words[end],) in self._language.words["conjunctions"]
                starts = self._spans.role_ends(end, Role.CHOICE)
                for start in {end + 1} | starts if joined else starts:
                    for stop, other, more, _ in self._numbers_at(start):
                        yield from self._counts_with_unit(stop, (value, other), cost + more + costs.CHOICE, marks)

    def _number_counts(self, at: int) -> Iterator[_UnitCount]:
        for end, value, cost, marks in self._numbers_at(at):
            yield from self._counts_with_unit(end, (value,), cost, marks)
            if end < len(self._tokens):
                yield from self._repeated_counts(end, value, cost, marks, parted=self._tokens[at].pause >= costs.COMMA)
                yield from self._range_counts(at, end, value, cost, marks)
                yield from self._announced_second_counts(end, value, cost, marks)

    def _numbers_at(self, at: int) -> list[tuple[int, FieldValue, float, str]]:
        """Numbers that begin at a token: end, value, cost, marks."""
        found: list[tuple[int, FieldValue, float, str]] = [
            (end, value, cost, "") for end, value, cost in self._numbers.cardinals[at]
        ]
        if self._decimals:
            found += ((end, value, cost, "") for end, value, cost in self._numbers.decimals(at))
        sounds = self._language.homophones.get(self._words[at]) if at < self._spans.size else None
        if sounds is not None and not found:
            (meant,) = self._language.numerals.counts([sounds], 0)[:1]
            found.append((at + 1, meant.value, costs.HOMOPHONE, BARE + UNEXPLAINED))
        return found

    def _repeated_counts(
        self, at: int, value: FieldValue, cost: float, marks: str, *, parted: bool
    ) -> Iterator[_UnitCount]:
        """A number repeated behind a pause: "twelve, one two, units". `parted`: a comma's pause precedes the first.

        Or in figures and in words: "two 2 cases".
        """
        # In figures and in words it is certainly a repetition; else it may be two counts.
        sure = self._words[at - 1].isdigit() != self._words[at].isdigit()
        for end, other, more in self._numbers.cardinals[at] if self._tokens[at].pause or sure else ():
            if other == value and max(cost, more) < costs.ODD:
                apart = parted and self._tokens[at].pause >= costs.COMMA  # ", twelve, twelve units."
                again = marks if sure or apart else marked(marks, UNEXPLAINED)
                dearer = costs.TWICE if other > _DIGIT else costs.TWICE_DIGIT
                yield from self._counts_with_unit(end, (value,), min(cost, more) + dearer, again)

    def _product_counts(self, at: int) -> Iterator[_UnitCount]:
        """Products such as "four layers of six", which are 24 only where the last one is full."""
        for end, layers, cost in self._numbers.cardinals[at]:
            link = end + 1
            if self._said(end, link) not in self._language.words["layers"]:
                continue
            for each in self._spans.matches[link]:
                if self._said(link, each.end) in self._language.words["between_counts"]:
                    yield from self._products(each.end, layers, cost)

    def _multiplied_counts(self, at: int) -> Iterator[_UnitCount]:
        """Products behind a factor: "three times twelve"."""
        for end, times, cost in self._numbers.multipliers(at):
            yield from self._products(end, times, cost)

    def _products(self, at: int, times: int, cost: float) -> Iterator[_UnitCount]:
        """The products of a number and one that begins at a token, hedged; without a unit where nothing follows."""
        for last, size, more in self._numbers.cardinals[at]:
            dearer = cost + more + costs.LINK
            counts = list(self._counts_with_unit(last, (times * size,), dearer, HEDGED))
            yield from counts
            if not counts and self._measured is not None and not self._spans.goes_straight_on(last):
                yield _UnitCount(last, self._measured, (times * size,), dearer + costs.LINK, HEDGED)

    def _restarted_counts(self, at: int) -> Iterator[_UnitCount]:
        """A number that is restarted after its first words: "four, four thousand nine hundred boxes"."""
        for end, value, cost in self._numbers.cardinals[at]:
            again = 2 * end - at
            paused = end < len(self._tokens) and self._tokens[end].pause > 0
            if cost < costs.ODD and paused and self._words[at:end] == self._words[end:again]:
                longer = {whole for stop, whole, _ in self._numbers.cardinals[end] if stop > again}
                for count in self.counts_at[end]:
                    if count.values[-1] in longer - {value}:
                        yield count._replace(cost=count.cost + costs.RESTART)

    def _range_counts(self, start: int, at: int, value: FieldValue, cost: float, marks: str) -> Iterator[_UnitCount]:
        """A range, with a dash or without: "10-12 units", "two three units"."""
        dash = self._tokens[at].dash
        if not self._numbers.begins(at) or not (dash or self._spans.goes_straight_on(at)):
            return
        one = {end for end, _, dearer in self._numbers.cardinals[start] if dearer < costs.DIGITWISE}
        for end, other, more in self._numbers.cardinals[at]:
            if not isinstance(value, int | float) or value >= other or max(cost, more) >= costs.DIGITWISE:
                continue
            near = 1 < value == other - 1 if other <= _DIGIT else other <= _MOST_RANGE_FACTOR * value and value > _DIGIT
            if dash or (near and end not in one):
                rare = costs.CHOICE if dash else costs.DIGITWISE
                yield from self._counts_with_unit(end, (value, other), cost + more + rare, marks)

    def _announced_second_counts(self, at: int, value: FieldValue, cost: float, marks: str) -> Iterator[_UnitCount]:
        """A second number behind a repetition or choice phrase: "twelve, that's one two, units", "ten to twelve"."""
        announced = {Role.REPEAT, Role.CHOICE}
        for match in self._spans.matches[at]:
            for end, other, more, _ in self._numbers_at(match.end) if match.role in announced else ():
                if match.role is Role.CHOICE:
                    yield from self._counts_with_unit(end, (value, other), cost + more + costs.CHOICE, marks)
                elif other == value:
                    yield from self._counts_with_unit(end, (value,), min(cost, more) + costs.REPEAT, marks)
                elif cost < costs.DIGITWISE:  # "Two zero five five three are twelve boxes" is of a pallet.
                    yield from self._counts_with_unit(end, (value, other), cost + more + costs.UNLIKELY, marks)

    def _counts_with_unit(
        self, number_end: int, values: tuple[FieldValue, ...], cost: float, marks: str
    ) -> Iterator[_UnitCount]:
        """The counts with a number that ends there, by the units behind it, with adjectives between."""
        reached = [(number_end, cost, marks)]
        while reached:
            here, so_far, so_marked = reached.pop()
            if here >= len(self._tokens) or self._tokens[here].inner:
                continue
            so_far += costs.BEFORE_UNIT * costs.PAUSED[self._tokens[here].pause]
            for match in self._spans.matches[here]:
                if match.role is Role.UNIT and self._may_have_unit(values[-1], here, match):
                    unit_marks = (
                        marked(so_marked, UNEXPLAINED) if self._begins_place_phrase(here, match.end) else so_marked
                    )
                    yield _UnitCount(match.end, match.field, values, so_far, unit_marks, match.code)
                elif match.role is Role.OTHER_UNIT and self._measured is not None:
                    yield _UnitCount(match.end, self._measured, values, so_far, marked(so_marked, UNEXPLAINED))
                elif (dearer := _BEFORE_UNITS.get(match.role)) is not None:
                    reached.append((match.end, so_far + dearer[0], marked(so_marked, *dearer[1])))
            if here == number_end and not self._spans.matches[here] and not self._numbers.begins(here):
                reached.append((here + 1, so_far + costs.UNMATCHED_ADJECTIVE, marked(so_marked, UNEXPLAINED)))

    def _may_have_unit(self, value: FieldValue | None, at: int, unit: Match) -> bool:
        """Whether a unit may belong to the value before it, and not to "degrees below zero"."""
        field = self._spans.fields[unit.field]
        ends = (end for end in self._numbers.ends_below_zero(at) if field.spoken.measures and end > unit.end)
        below = any(self._numbers.begins(end - 1) or not self._spans.goes_straight_on(end) for end in ends)
        return field.has_type(value) and not below

    def _begins_place_phrase(self, at: int, end: int) -> bool:
        """Whether a unit's words begin a longer phrase for a place: "ten over there", "six over on the left"."""
        longer = (match for match in self._spans.matches[at] if match.role in _WHERE and match.end > end)
        return any(not any(token.pause for token in self._tokens[at + 1 : match.end]) for match in longer)


class CountMentions(SpanReader):
    """Parser steps over a number with its unit."""

    def __init__(self, spans: Spans, queue: PathQueue, mentions: Mentions) -> None:
        super().__init__(spans)
        self._queue = queue
        self._mentions = mentions

    def add_count_mention(self, path: Path, count: _UnitCount, at: int) -> None:
        """Step over a count that begins at a token."""
        if self._belongs_to_label_before(path, count, at):
            self._mentions.add(path, at, count.end, str(path.field), count.values[-1], count.cost, count.marks)
        if path.state is ParserState.LABELLED and path.field != count.field:
            path = self._queue.with_label_closed(path, self._unvalued_label_cost(path, count, at))
        marks = (
            marked(count.marks, ALTERNATIVE) if ALTERNATIVE in path.pending or len(count.values) > 1 else count.marks
        )
        cost = count.cost + self._digitwise_cost(path, at, count.cost)
        straight_on = path.state is ParserState.SAID and not self._tokens[at].pause
        dearer = self._joining_words_cost(path, at, count)
        if straight_on and self._begins_with_end_of_code(path, at, count):
            dearer += costs.UNLIKELY
        dearer += costs.UNLIKELY if self._follows_unitless_count(path, count, straight_on=straight_on) else 0.0
        if straight_on:
            cost += costs.LINK
            dearer += self._split_number_cost(path, at, count)
        last_marks = marked(marks, UNEXPLAINED) if self._may_lack_its_beginning(path, at, count.cost) else marks
        path = self._with_companion_events(path, count, at, marks).with_added_cost(dearer)
        self._mentions.add(path, at, count.end, count.field, count.values[-1], cost, last_marks)

    def _begins_with_end_of_code(self, path: Path, at: int, count: _UnitCount) -> bool:
        """Whether a range with a sign begins with a digit that ends a code: Spanish "H 1 2 3 0 a menos dos grados"."""
        if len(count.values) == 1 or not self._mentions.is_behind_spelt(path) or not self._numbers.is_digit(at):
            return False
        return any(self._spans.unitless(begin) for begin in range(at + 1, count.end))

    def _belongs_to_label_before(self, path: Path, count: _UnitCount, at: int) -> bool:
        """Whether a count with a unit belongs to another count's label before it: Spanish "falta una caja"."""
        if path.state is not ParserState.LABELLED or path.field == count.field or self._tokens[at].pause:
            return False
        both = self._fields[str(path.field)].spoken.counts and self._fields[count.field].spoken.counts
        plain = both and len(count.values) == 1
        return plain and self._form.unit_field(str(path.field)) is None and count.code is not None

    def _unvalued_label_cost(self, path: Path, count: _UnitCount, at: int) -> float:
        """The cost of a label without a value before a count: low for an identifier's label and a pause."""
        apart = self._tokens[at].pause >= costs.COMMA and not path.pending and path.field not in path.story.said
        things = self._fields[str(path.field)].identifier and count.cost < costs.DIGITWISE
        return costs.UNNUMBERED if apart and things else costs.FALSE_START

    def _with_companion_events(self, path: Path, count: _UnitCount, at: int, marks: str) -> Path:
        """The path with the other events of a count: its portion, its unit, and its rival numbers."""
        if MAYBE_PART in count.marks:
            path = path.with_event_added(ExplanationEvent(EventKind.PORTION, start=at, end=count.end))
        unit = self._form.unit_field(count.field)
        if unit is not None and count.code is not None:
            so_marked = marked("", *({*marks, *path.pending.replace(ANNOUNCED_AGAIN, "")} - {HEDGED}))
            path = path.with_event_added(
                ExplanationEvent(EventKind.MENTION, unit.name, count.code, so_marked, 0.0, at, count.end)
            )
        for value in count.values[:-1]:
            path = path.with_event_added(
                ExplanationEvent(EventKind.MENTION, count.field, value, marks, count.cost, at, count.end)
            )
        return path

    def _follows_unitless_count(self, path: Path, count: _UnitCount, *, straight_on: bool) -> bool:
        """Whether a count follows one of its field without a unit: "fifty | eight cases", "sorry, fifty, uh, eight"."""
        last = path.last
        if path.pending or path.state is not ParserState.SAID or last is None or path.field != count.field:
            return False
        return straight_on or (BARE in last.marks and DENIED not in last.marks)

    def _digitwise_cost(self, path: Path, at: int, cost: float) -> float:
        """The cost of a count said digit by digit, without a long pause behind an id."""
        pause = self._tokens[at].pause
        if cost < costs.DIGITWISE or pause >= costs.COMMA or not self._mentions.is_behind_spelt(path):
            return 0.0
        return costs.CROWDED

    def _joining_words_cost(self, path: Path, at: int, count: _UnitCount) -> float:
        """The cost of words between two values that may join them into one number: "seven hundred and | twelve"."""
        last = path.last
        between = last is not None and last.kind is EventKind.MENTION and 0 < last.end < at
        if last is None or not between or not self._numbers.are_inside_one(last.end, at):
            return 0.0
        if not self._fields[str(path.field)].spoken.spelt or self._is_behind_digits(path, at, count):
            return costs.UNLIKELY
        return costs.JOINER

    def _may_lack_its_beginning(self, path: Path, at: int, cost: float) -> bool:
        """Whether the words before a count may be its beginning: "one | oh one units"."""
        last = path.last
        if last is not None and last.kind is EventKind.ASIDE and self._numbers.only_joins(last.end, at):
            return True
        zero = any(group.text.startswith("0") for group in self._numbers.digit_groups[at])
        return zero and cost >= costs.DIGITWISE and (at == 0 or self._tokens[at].pause < costs.COMMA)

    def _split_number_cost(self, path: Path, at: int, count: _UnitCount) -> float:
        """The cost of a count that begins inside a possible number: "twenty | two units", "one | hundred"."""
        value, numbers = count.values[0], self._numbers
        around = [*numbers.cardinals[at - 1], *(numbers.decimals(at - 1) if isinstance(value, float) else ())]
        longer = [cost for end, _, cost in around if at < end <= count.end]
        if min(longer, default=costs.DIGITWISE) >= costs.DIGITWISE:
            return 0.0
        if min(longer) > 0:
            return costs.TORN_LOOSE
        own = min((cost for _, other, cost in numbers.cardinals[at] if other == value), default=0.0)
        if own > 0 or self._is_behind_digits(path, at, count):
            return costs.UNLIKELY
        return costs.TORN_HUNDRED if isinstance(value, int | float) and value >= HUNDRED else costs.TORN

    def _is_behind_digits(self, path: Path, at: int, count: _UnitCount) -> bool:
        """Whether a count begins inside a usual one without a pause, which follows an id said digit by digit."""
        usual, numbers = self._fields[count.field].is_usual, self._numbers
        ends = {end for end, value, _ in numbers.cardinals[at] if value == count.values[0]}
        for begin in range(max(path.since + SINGLY, at - LONGEST_HEAD), at):
            before, inside = range(begin - SINGLY, begin), range(begin, at)
            # A lengthened word may be the last of the id.
            if numbers.is_digit(begin) or any(self._tokens[one].final for one in inside):
                continue
            if any(end in ends and cost == 0 and usual(value) for end, value, cost in numbers.cardinals[begin]):
                return all(len(self._words[one]) == 1 or numbers.is_digit(one) for one in before)
        return False
