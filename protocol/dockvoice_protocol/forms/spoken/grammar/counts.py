"""Counts: numbers with their units, said once, twice, or as one of two ("ten to twelve units")."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dockvoice_protocol.forms.spoken.grammar import weights
from dockvoice_protocol.forms.spoken.grammar.lexicon import Match, Role
from dockvoice_protocol.forms.spoken.grammar.path import marked
from dockvoice_protocol.forms.spoken.grammar.spans import Spans
from dockvoice_protocol.records import FieldValue

BEFORE_UNITS = {
    Role.ADJECTIVE: (weights.LINK, ""),
    Role.HEDGE_BEHIND: (weights.HEDGE, "h"),
    Role.PORTION: (weights.LINK, "w"),
}
"""What may stand between a number and its unit: what it costs, and how it marks the count."""


DIGIT = 9  # The largest.
WHERE = frozenset({Role.LINK, Role.ELSEWHERE})  # The phrases that say where something is: "over there".


class UnitCount(NamedTuple):
    """A number with its unit."""

    end: int
    field: str
    values: tuple[FieldValue | None, ...]
    """None where no number is said."""
    cost: float
    marks: str
    code: str | None = None
    """That of the unit, where a field of the form holds it."""


class UnitCounts:
    """The numbers with units in one utterance."""

    def __init__(self, spans: Spans, asked: str | None) -> None:
        """`asked`: the field whose count would answer a question."""
        self._asked = spans.fields.get(str(asked))
        self._spans = spans
        self._numbers = spans.numbers
        self._tokens, self._words = spans.tokens, spans.words
        self._language = spans.language
        self._decimals = any(field.spoken.measures for field in spans.form.fields)
        measured = (field.name for field in spans.form.fields if spans.form.unit_field(field.name) is not None)
        self._measured = next(measured, None)  # Where a count has a unit of its own, another one is unknown.
        self._known: dict[int, list[UnitCount]] = {}

    def at(self, at: int) -> list[UnitCount]:
        """Those that begin at a token."""
        if at >= len(self._tokens):
            return []
        if (known := self._known.get(at)) is None:
            known = self._known[at] = [*self._none(at), *self._unsaid(at), *self._some(at), *self._anew(at)]
            known += [*self._layered(at), *self._none_answered(at)]
        return known

    def _none(self, at: int) -> Iterator[UnitCount]:
        """A negation for zero: "no pieces"; not "no, pieces"."""
        straight_on = self._spans.goes_straight_on(at + 1)
        if self._tokens[at].pause and straight_on and (self._words[at],) in self._language.words["contrasts"]:
            for count in self._with_unit(at + 1, (0,), 0.0, ""):
                if self._spans.fields[count.field].allows(0) and not count.marks:
                    yield count._replace(values=(0,), cost=count.cost + weights.NONE)

    def _none_answered(self, at: int) -> Iterator[UnitCount]:
        """The answer that there are none, with a unit or with nothing else: "none", "none, cases"."""
        field, size = self._asked, len(self._words)
        if field is None or not field.spoken.counts or not field.allows(0) or at > 0:
            return
        for said in self._language.words["none"]:
            if tuple(self._words[: len(said)]) == said:
                code = next(iter(field.wording(self._language.code).zero.values()), None)
                counts = [UnitCount(len(said), field.name, (0,), weights.ASKED, "z" if code else "", code or None)]
                counts += self._with_unit(len(said), (0,), weights.ASKED, "") if len(said) < size else ()
                yield from (one for one in counts if one.end == size and one.field == field.name)

    def _unsaid(self, at: int) -> Iterator[UnitCount]:
        """What says a count without a number: "empty", which is none of it; "a few cases", which is no count."""
        for match in self._spans.matches[at]:
            match match.role:
                case Role.NOTHING:
                    yield UnitCount(match.end, match.field, (0,), weights.ASKED, "z", match.code)
                case Role.VAGUE:
                    for count in self._with_unit(match.end, (0,), weights.HEDGE, ""):
                        if self._spans.fields[count.field].spoken.counts:
                            yield count._replace(values=(None,), marks=marked(count.marks, "v", "w"))
                case Role.RANGE:
                    yield from self._between(match.end)
                case _:
                    pass

    def _between(self, at: int) -> Iterator[UnitCount]:
        """The first number behind "between", and the second: "ten and twelve units"."""
        for end, value, cost, marks in self._numbers_at(at) if at < len(self._tokens) else ():
            if end < len(self._tokens):
                joined = (self._words[end],) in self._language.words["joins"]
                starts = {match.end for match in self._spans.matches[end] if match.role is Role.CHOICE}
                for start in {end + 1} | starts if joined else starts:
                    for stop, other, more, _ in self._numbers_at(start) if start < len(self._tokens) else ():
                        yield from self._with_unit(stop, (value, other), cost + more + weights.CHOICE, marks)

    def _some(self, at: int) -> Iterator[UnitCount]:
        for end, value, cost, marks in self._numbers_at(at):
            yield from self._with_unit(end, (value,), cost, marks)
            if end < len(self._tokens):
                yield from self._twice(end, value, cost, marks, parted=self._tokens[at].pause >= weights.COMMA)
                yield from self._range(end, value, cost, marks)
                yield from self._second(end, value, cost, marks)

    def _numbers_at(self, at: int) -> list[tuple[int, FieldValue, float, str]]:
        """Numbers that begin at a token: where each ends, its value, its cost, its marks."""
        found: list[tuple[int, FieldValue, float, str]] = [
            (end, value, cost, "") for end, value, cost in self._numbers.cardinals(at)
        ]
        if self._decimals:
            found += ((end, value, cost, "") for end, value, cost in self._numbers.decimals(at))
        sounds = self._language.homophones.get(self._words[at])
        if sounds is not None and not found:
            (meant,) = self._language.numerals.counts([sounds], 0)[:1]
            found.append((at + 1, meant.value, weights.HOMOPHONE, "b"))
        return found

    def _twice(self, at: int, value: FieldValue, cost: float, marks: str, *, parted: bool) -> Iterator[UnitCount]:
        """The number said again, behind a pause: "twelve, one two, units". `parted`: the first is of nothing before.

        Or in figures and in words: "two 2 cases".
        """
        # In figures and in words it is said twice for certain; else it may have been two counts.
        sure = self._words[at - 1].isdigit() != self._words[at].isdigit()
        for end, other, more in self._numbers.cardinals(at) if self._tokens[at].pause or sure else ():
            if other == value and max(cost, more) < weights.ODD:
                apart = parted and self._tokens[at].pause >= weights.COMMA  # ", twelve, twelve units."
                again = marks if sure or apart else marked(marks, "s")
                dearer = weights.TWICE if other > DIGIT else weights.TWICE_DIGIT
                yield from self._with_unit(end, (value,), min(cost, more) + dearer, again)

    def _layered(self, at: int) -> Iterator[UnitCount]:
        """Layers and how many each has, for their product: "four layers of six" are 24 where the last one is full.

        "Three times twelve" too.
        """
        for end, layers, cost in self._numbers.cardinals(at):
            link = end + 1
            if (*self._words[end:link],) not in self._language.words["layers"]:
                continue
            for each in self._spans.matches[link] if link < len(self._tokens) else ():
                if (*self._words[link : each.end],) in self._language.words["between_counts"]:
                    yield from self._times(each.end, layers, cost)
        for end, times, cost in self._numbers.multipliers(at):
            yield from self._times(end, times, cost)

    def _times(self, at: int, times: int, cost: float) -> Iterator[UnitCount]:
        """The products of a number and one that begins at a token."""
        for last, size, more in self._numbers.cardinals(at):
            yield from self._product(last, times * size, cost + more + weights.LINK)

    def _product(self, at: int, value: int, cost: float) -> Iterator[UnitCount]:
        """A count that is to be confirmed, with its unit, or without one where nothing follows at once."""
        counts = list(self._with_unit(at, (value,), cost, "h"))
        yield from counts
        if not counts and self._measured is not None and not self._spans.goes_straight_on(at):
            yield UnitCount(at, self._measured, (value,), cost + weights.LINK, "h")

    def _anew(self, at: int) -> Iterator[UnitCount]:
        """A number broken off behind its first words and begun anew: "four, four thousand nine hundred boxes"."""
        for end, value, cost in self._numbers.cardinals(at):
            again = 2 * end - at
            if cost < weights.ODD and self._pauses_at(end) and self._words[at:end] == self._words[end:again]:
                for count in self.at(end):
                    if count.end > again and count.values[-1] != value:
                        yield count._replace(cost=count.cost + weights.RESTART)

    def _pauses_at(self, at: int) -> bool:
        return at < len(self._tokens) and self._tokens[at].pause > 0

    def _range(self, at: int, value: FieldValue, cost: float, marks: str) -> Iterator[UnitCount]:
        """From one number to another: "10-12 units"."""
        for end, other, more in self._numbers.cardinals(at) if self._tokens[at].dash else ():
            if isinstance(value, int | float) and value < other:
                yield from self._with_unit(end, (value, other), cost + more + weights.CHOICE, marks)

    def _second(self, at: int, value: FieldValue, cost: float, marks: str) -> Iterator[UnitCount]:
        """As words announce, the number again, or another one: "twelve, that's one two, units", "ten to twelve"."""
        announced = {Role.REPEAT, Role.CHOICE}
        for match in self._spans.matches[at]:
            announces = match.role in announced and match.end < len(self._tokens)
            for end, other, more, _ in self._numbers_at(match.end) if announces else ():
                if match.role is Role.CHOICE:
                    yield from self._with_unit(end, (value, other), cost + more + weights.CHOICE, marks)
                elif other == value:
                    yield from self._with_unit(end, (value,), min(cost, more) + weights.REPEAT, marks)
                else:
                    yield from self._with_unit(end, (value, other), cost + more + weights.OTHER, marks)

    def _with_unit(self, at: int, values: tuple[FieldValue, ...], cost: float, marks: str) -> Iterator[UnitCount]:
        """The units that may stand behind a number that ends at `at`, with adjectives between."""
        reached = [(at, cost, marks)]
        while reached:
            here, so_far, so_marked = reached.pop()
            if not self._begins_word(here):
                continue
            so_far += weights.BEFORE_UNIT * weights.PAUSED[self._tokens[here].pause]
            for match in self._spans.matches[here]:
                if match.role is Role.UNIT and self._is_of(values[-1], here, match):
                    told = marked(so_marked, "s") if self._leads_elsewhere(here, match.end) else so_marked
                    yield UnitCount(match.end, match.field, values, so_far, told, match.code)
                elif match.role is Role.OTHER_UNIT and self._measured is not None:
                    yield UnitCount(match.end, self._measured, values, so_far, marked(so_marked, "s"))
                elif (dearer := BEFORE_UNITS.get(match.role)) is not None:
                    reached.append((match.end, so_far + dearer[0], marked(so_marked, *dearer[1])))
            if here == at and self._is_strange(here):
                reached.append((here + 1, so_far + weights.STRANGE_ADJECTIVE, marked(so_marked, "s")))

    def _is_of(self, value: FieldValue | None, at: int, unit: Match) -> bool:
        """May a unit be that of a value before it, and no part of what puts that below zero: "degrees below zero"?"""
        field = self._spans.fields[unit.field]
        ends = (end for end in self._numbers.ends_below_zero(at) if field.spoken.measures and end > unit.end)
        below = any(self._numbers.begins(end - 1) or not self._spans.goes_straight_on(end) for end in ends)
        return field.types(value) and not below

    def _leads_elsewhere(self, at: int, end: int) -> bool:
        """Do the words of a unit begin a longer phrase that says where: "ten over there", "six over on the left"?"""
        longer = (match for match in self._spans.matches[at] if match.role in WHERE and match.end > end)
        return any(not any(token.pause for token in self._tokens[at + 1 : match.end]) for match in longer)

    def _begins_word(self, at: int) -> bool:
        return at < len(self._tokens) and not self._tokens[at].inner

    def _is_strange(self, at: int) -> bool:
        return not self._spans.matches[at] and not self._numbers.begins(at)
