"""Numbers: whole ones ("one hundred and ten") and decimals ("two fifty point five", "minus eighteen", "1,200.5").

Every possible value is returned, with its end and its cost. The form's limits are not applied here: a number with too
many decimal places must cause a question, not be rounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from random import Random
from typing import Any

from dockvoice_protocol.forms.element_strings import Element
from dockvoice_protocol.forms.model import FormField
from dockvoice_protocol.forms.spoken.folding import phrase
from dockvoice_protocol.forms.spoken.grammar.costs import DIGITWISE
from dockvoice_protocol.forms.spoken.in_words import digit_in_words, number_in_words
from dockvoice_protocol.forms.spoken.kinds.kind import (
    RARE,
    FieldKind,
    Read,
    ReadbackVoice,
    UtteranceContext,
    cheapest_readings,
    digit_string_readings,
    jsgf_alternatives,
    phrase_ends,
)
from dockvoice_protocol.forms.spoken.language import ENGLISH, Language
from dockvoice_protocol.forms.spoken.numerals import LARGEST, Numerals
from dockvoice_protocol.languages import LANGUAGES
from dockvoice_protocol.records import DECIMAL_DIGITS, FieldValue, format_number, to_decimal

_Found = tuple[int, float, float]
_Exactly = tuple[int, Decimal, float]

_LONGEST_WHOLE = 10  # Words before the point: "ninety nine thousand nine hundred and ninety nine" has eight.
_MOST_PLACES = 6  # Digits behind the point, as in the finest step of a form.

_SPELT = 0.5  # A whole part said digit by digit or in pairs, before a point: "two fifty point five".
_NO_WHOLE = 0.5  # Nothing before the point: "point five".
_MAY_BE_POINT = 3.5  # A word that is seldom a point, Italian "venti e cinque": above `ODD`, thus always asked about.
_ANOTHER_MARK = 1.0  # Figures with another language's decimal mark, where they are unambiguous: "52.5" in German.
_MAY_BE_THOUSANDS = 2.0
"""Ambiguous figures like "2,500", which mean another number in another language: below `RIVALRY`, to be asked about."""
_HARDLY_THOUSANDS = 4.0
"""The same where three places are kept, and the language's own mark precedes three digits: "52.125"."""

_FIGURES = re.compile(
    "(?P<sign>[-\N{MINUS SIGN}\N{EN DASH}])?(?P<figures>[0-9.,' \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}]*[0-9])"
)
_BLANKS = "' \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"  # Thousands separators in any language.
_THREE = 3
_SIGNS = frozenset("-\N{MINUS SIGN}\N{EN DASH}")

_MOST_STEPS = Decimal(250)  # Width of the range above the minimum from which decimals are sampled, evenly.
_WHOLE = 0.5  # Probability of a decimal without places.
_AND_A_HALF = 0.25  # Probability of "and a half" for decimals that end in a half.
_HALF = "5"  # The places of a decimal that ends in a half.
_A_FEW = 4
_COMMON_COUNT = 250
"""Counts up to here are sampled evenly, so that no number of a full pallet is likelier than another."""
_ROUND_HUNDREDS = 0.1
_FEW, _MOSTLY_FEW = 20, 0.8  # Largest usual count of an optional field, such as damaged ones, and its probability.
_A_DOZEN = 12


class _Measure(FieldKind):
    """The field kind of decimals."""

    name = "decimal"
    holds = "number"
    said = '"two fifty point five", "minus eighteen", "two and a half"'
    type = "number"
    measures = True
    of_numbers = True
    section = "decimals"
    grammar = ("[<minus>] <count> [<point> <digit>+]", "[<minus>] <group>+ <point> <digit>+", "<count> and a half")

    def jsgf_rules(self) -> Mapping[str, str]:
        said = ENGLISH.table[self.section]
        return {"minus": jsgf_alternatives(said["minus"]), "point": jsgf_alternatives(said["points"])}

    def readings(self, field: FormField, at: int, utterance: UtteranceContext) -> Sequence[Read]:
        return utterance.numbers.decimals(at)

    def sample_value(self, field: FormField, random: Random) -> FieldValue:
        """A decimal near the usual minimum; half of them whole."""
        step = field.step or Decimal(1)
        usual = (field.least, field.most) if field.usual is None else (field.usual.least, field.usual.most)
        least, most = (to_decimal(of if one is None else one) for one, of in zip(usual, (0, LARGEST), strict=True))
        steps = int(min(most - least, _MOST_STEPS) / step)
        made = least + random.randint(0, steps) * step
        whole = made.to_integral_value()
        return float(whole if whole % step == 0 and least <= whole <= most and random.random() < _WHOLE else made)

    def words_for(self, value: float, field: FormField, random: Random) -> str:
        whole, _, places = format_number(abs(value)).partition(".")
        words = ["minus"] * (value < 0) + [number_in_words(int(whole), random)]
        if places == _HALF and random.random() < _AND_A_HALF:
            return " ".join([*words, "and a half"])
        return " ".join([*words, "point", *(digit_in_words(one, random) for one in places)] if places else words)

    def read_back(self, value: float, field: FormField, language: Language, voice: ReadbackVoice) -> str:
        return _to_figures(value, language)

    def example_value(self, field: FormField, numbers: Iterator[str]) -> FieldValue | None:
        return _nearest_allowed(field, _A_FEW)

    def value_from_element(self, field: FormField, element: Element, today: date) -> FieldValue | None:
        """The measure on the label, with the decimal places of its identifier."""
        return float(Decimal(element.value).scaleb(-int(element.identifier[-1])))


class _Cardinal(FieldKind):
    """The field kind of whole numbers."""

    name = "cardinal"
    holds = "integer"
    said = 'a count in words, with or without "and"; "a dozen", "half a dozen"'
    type = "integer"
    counts = True
    of_numbers = True
    grammar = ("<count>",)

    def readings(self, field: FormField, at: int, utterance: UtteranceContext) -> Iterator[Read]:
        """Whole numbers, except those said digit by digit, which need their unit."""
        return (count for count in utterance.numbers.cardinals[at] if count[2] < DIGITWISE)

    def sample_value(self, field: FormField, random: Random) -> FieldValue:
        """A count that fits on a pallet, or sometimes whole hundreds."""
        least, most = int(field.least or 0), LARGEST if field.most is None else int(field.most)
        hundreds = random.randint(1, 99) * 100
        if random.random() < _ROUND_HUNDREDS and least <= hundreds <= most:
            return hundreds
        # Sentences count one or more, unless the form's maximum is 0.
        lowest = min(max(least, 1), most)
        common = _FEW if not field.required and random.random() < _MOSTLY_FEW else _COMMON_COUNT
        return random.randint(lowest, max(lowest, min(most, common)))

    def words_for(self, value: int, field: FormField, random: Random) -> str:
        return number_in_words(value, random)

    def read_back(self, value: int, field: FormField, language: Language, voice: ReadbackVoice) -> str:
        return _to_figures(value, language)

    def example_value(self, field: FormField, numbers: Iterator[str]) -> FieldValue | None:
        return _nearest_allowed(field, _A_DOZEN)

    def value_from_element(self, field: FormField, element: Element, today: date) -> FieldValue | None:
        return int(element.value)


def _to_figures(value: float, language: Language) -> str:
    """A number in figures of the language; the minus is a word, since a voice may skip a dash."""
    shown = format_number(abs(value)).replace(".", "." if language.code == "en" else ",")
    return f"{language.table['decimals']['minus'][0]} {shown}" if value < 0 else shown


def _nearest_allowed(field: FormField, wanted: int) -> int:
    """The whole number nearest to `wanted` within the form's limits."""
    least, most = field.size_limits
    return int(max(least, min(most, wanted)))


@lru_cache(maxsize=len(LANGUAGES))
def decimal_beginnings(language: Language) -> frozenset[str]:
    """The words, other than numbers, with which a decimal may begin: "minus", "point", "half"."""
    said = language.table["decimals"]
    phrases = (*said["points"], *said["minus"], *said["plus"], *said["alone"])
    return frozenset(phrase(one)[0] for one in phrases)


def decimal_readings(
    words: Sequence[str], at: int, numerals: Numerals, language: Mapping[str, Any], places: int = _MOST_PLACES
) -> list[_Found]:
    """Every decimal that begins at a word: end, value, cost in nats.

    `language` is the parsed language file: `decimals`, and `thousands` and `decimal`, the marks in figures. `places` is
    the field's number of decimal places, which decides the likely meaning of "2,500".
    """
    said = language["decimals"]
    found = [*_signed_decimals(words, at, numerals, language, places)]
    for end, value, cost in list(found):
        found += [(after, -value, cost) for after in phrase_ends(words, end, said["below"]) if value >= 0]
    exact = (one for one in found if len(one[1].as_tuple().digits) <= DECIMAL_DIGITS)
    return cheapest_readings((end, float(value) + 0.0, cost) for end, value, cost in exact)


def _signed_decimals(
    words: Sequence[str], at: int, numerals: Numerals, language: Mapping[str, Any], places: int
) -> Iterator[_Exactly]:
    yield from _unsigned_decimals(words, at, numerals, language, places)
    for start in phrase_ends(words, at, language["decimals"]["plus"]):
        yield from _unsigned_decimals(words, start, numerals, language, places)
    for start in phrase_ends(words, at, language["decimals"]["minus"]):
        yield from (
            # Without the words before: numerals parse no number behind "minus".
            (start + end, -value, cost)
            for end, value, cost in _unsigned_decimals(words[start:], 0, numerals, language, places)
            if words[start][0] not in _SIGNS
        )


def _unsigned_decimals(
    words: Sequence[str], at: int, numerals: Numerals, language: Mapping[str, Any], places: int
) -> Iterator[_Exactly]:
    if at >= len(words):
        return
    said = language["decimals"]
    yield from ((at + 1, value, cost) for value, cost in _values_of_figures(words[at], language, places))
    yield from ((count.end, Decimal(count.value), count.cost) for count in numerals.counts(words, at))
    yield from _decimals_with_point(words, at, numerals, said["points"])
    yield from _decimals_with_doubtful_point(words, at, numerals, said.get("perhaps_points", ()))
    for one, value in said["alone"].items():
        yield from ((end, Decimal(value), 0.0) for end in phrase_ends(words, at, [one]))
    for end, whole, cost in _counts_before(words, at, numerals, list(said["fractions"])):
        for one, value in said["fractions"].items():
            yield from ((after, whole + Decimal(value), cost) for after in phrase_ends(words, end, [one]))


def _counts_before(words: Sequence[str], at: int, numerals: Numerals, before: Sequence[str]) -> Iterator[_Exactly]:
    """Counts directly before one of the phrases, parsed as if nothing followed."""
    for stop in range(at + 1, min(len(words), at + _LONGEST_WHOLE + 1)):
        if any(phrase_ends(words, stop, before)):
            counts = numerals.counts(words[at:stop], 0)
            yield from ((stop, Decimal(count.value), count.cost) for count in counts if at + count.end == stop)


def _decimals_with_point(
    words: Sequence[str], at: int, numerals: Numerals, points: Sequence[str]
) -> Iterator[_Exactly]:
    for stop in range(at, min(len(words), at + _LONGEST_WHOLE + 1)):
        for start in phrase_ends(words, stop, points):
            wholes = {"0": _NO_WHOLE} if stop == at else dict[str, float]()
            for end, whole, cost in _counts_before(words, at, numerals, points):
                if end == stop:
                    wholes[str(whole)] = min(cost, wholes.get(str(whole), RARE))
            before = words[at:stop]
            for end, text, cost in digit_string_readings(before, 0, numerals, DECIMAL_DIGITS) if before else ():
                if end == len(before):
                    wholes[text] = min(cost + _SPELT, wholes.get(text, RARE))
            rest = words[start:]
            for end, text, cost in digit_string_readings(rest, 0, numerals, _MOST_PLACES):
                yield from (
                    (start + end, Decimal(f"{whole}.{text}"), cost + before_cost)
                    for whole, before_cost in wholes.items()
                )


def _decimals_with_doubtful_point(
    words: Sequence[str], at: int, numerals: Numerals, points: Sequence[str]
) -> Iterator[_Exactly]:
    if not any(phrase_ends(words, at, points)):
        for end, value, cost in _decimals_with_point(words, at, numerals, points):
            yield end, value, cost + _MAY_BE_POINT


def _values_of_figures(word: str, language: Mapping[str, Any], places: int) -> Iterator[tuple[Decimal, float]]:
    """The values of a number in figures, with their costs: "52.5", "-18", "1,200.5"."""
    written = _FIGURES.fullmatch(word)
    if written is None:
        return
    bare = written["figures"]
    own = language["decimal"]
    other = "." if own == "," else ","
    thousands = other if language["thousands"] == other else None
    for value, cost in (
        (_ungrouped_figures(bare, own), 0.0),
        (_grouped_figures(bare, f"{thousands or ''}{_BLANKS}", own), 0.0),
        (_ungrouped_figures(bare, other), _cost_of_other(bare, thousands, places)),
        (_grouped_figures(bare, own, other), _cost_of_own(bare, own, other, places)),
    ):
        if value is not None:
            yield Decimal(f"{'-' if written['sign'] else ''}{value}"), cost


def _ungrouped_figures(figures: str, mark: str) -> str | None:
    whole, _, rest = figures.partition(mark)
    if not (whole + rest).isdigit() or (mark in figures and not rest):
        return None
    return f"{whole or '0'}.{rest or '0'}"


def _grouped_figures(figures: str, parts: str, mark: str) -> str | None:
    whole, _, rest = figures.partition(mark)
    if re.fullmatch(rf"[1-9][0-9]{{0,2}}(?:[{re.escape(parts)}][0-9]{{3}})+", whole) is None:
        return None
    if mark in figures and not rest.isdigit():
        return None
    return f"{re.sub('[^0-9]', '', whole)}.{rest or '0'}"


def _cost_of_own(figures: str, own: str, other: str, places: int) -> float:
    """Cost of the language's own decimal mark as the thousands separator."""
    if figures.count(own) > 1 or other in figures:  # unambiguous
        return _ANOTHER_MARK
    return _HARDLY_THOUSANDS if places >= _THREE else _MAY_BE_THOUSANDS


def _cost_of_other(figures: str, thousands: str | None, places: int) -> float:
    """Cost of other languages' decimal mark, which may be this one's thousands separator."""
    if thousands is None or _grouped_figures(figures, thousands, "\0") is None:
        return _ANOTHER_MARK
    return _MAY_BE_THOUSANDS if places >= _THREE else RARE
