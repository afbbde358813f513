"""Dates: "the fifth of March twenty twenty-seven", "end of June", "zero five zero three two seven", "05/03/2027".

A value is an ISO 8601 date. Digits are parsed in the label's order, which the form states; digits that are no calendar
day in that order are never reordered to make one.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Any

from dockvoice_protocol.forms.element_strings import Element, is_whole_month, parse_gs1_date
from dockvoice_protocol.forms.model import DayOrder, FormField, MonthAlone
from dockvoice_protocol.forms.spoken.folding import Phrase, phrase
from dockvoice_protocol.forms.spoken.in_words import BELOW_HUNDRED
from dockvoice_protocol.forms.spoken.kinds.kind import (
    FieldKind,
    KindKeywords,
    Read,
    ReadbackVoice,
    UtteranceContext,
    cheapest_readings,
    digit_string_readings,
    jsgf_alternatives,
    phrase_ends,
)
from dockvoice_protocol.forms.spoken.language import ENGLISH, Language
from dockvoice_protocol.forms.spoken.numerals import Numerals
from dockvoice_protocol.records import FieldValue

_Piece = tuple[int, int, float]  # The end of a day, month or year, its number, its cost.

_WITHOUT_YEAR = 1.0  # A day without a year: its next occurrence. Operators say the year where it matters.
_AS_CARDINAL = 0.5  # A day as a cardinal where the language has ordinals: "March five".
_SHORT_YEAR = 1.0  # A two-digit year behind the name of a month: "March twenty seven" may be a day too.
_IN_PIECES = 0.5  # Day, month and year as three numbers: "five three twenty-seven".
_NO_DAY = 0.5  # A month with its year, without a day.

_SOON = 8  # Maximum years to the next 29 February.
_AHEAD = 49
"""Years ahead that a two-digit year reaches; later ones lie in the past: GS1 General Specifications, section 7.12."""
_BEGINNING = date(2026, 1, 1)  # Replaces the current date for two-digit years where it is unknown.

_MILLENNIUM = 2000
_SIX, _EIGHT = 6, 8  # Digits of a date with a short and with a full year.
_YEARS = range(2000, 2100)  # Years on labels and papers of a dock; "nineteen twenty-seven" is no year there.
_WRITTEN = re.compile(
    r"(?P<first>[0-9]{1,4})(?P<mark>[./-])(?P<second>[0-9]{1,4})(?:(?P=mark)(?P<third>[0-9]{2,4}))?\.?"
)
_TWO, _FOUR = 2, 4  # Digits of a day, a month or a short year, and of a full year.

_MONTH_ALONE = 0.5  # Probability of a sampled month alone, where the field allows it.
_DAY_FORMS = {"the {ordinal} of {month} {year}": 60, "{ordinal} of {month} {year}": 20, "{month} {ordinal} {year}": 20}
_MONTH_FORMS = {"{month} {year}": 60, "end of {month} {year}": 40}
_SOME_DAY = date(2026, 1, 1)
_SOME_DAYS = 5 * 365  # First day and number of days of sampled dates: those on food labels.
_TEN = 10


class _Day(FieldKind):
    """The field kind of dates."""

    name = "date"
    holds = "the day, as 2027-03-05"
    said = '"the fifth of March twenty twenty-seven"; "end of June"; six or eight digits in the order of the label'
    format = "date"
    of_numbers = True
    of_today = True
    section = "dates"
    grammar = ("<group>+", "[the] <ordinal> [of] <month> [<year>]", "[end of] <month> [[the] <ordinal>] [<year>]")
    keywords = KindKeywords(
        own={"format": {"const": "date"}},
        required=("format",),
        voice={
            "order": {"enum": [str(order) for order in DayOrder]},
            "partial": {"enum": [str(partial) for partial in MonthAlone]},
        },
        voice_required=("order",),
        scan=("11", "15", "17"),
    )

    def format_fault(self, value: str) -> str | None:
        try:
            if date.fromisoformat(value).isoformat() == value:
                return None
        except ValueError:
            pass
        return "is no day of the calendar, such as 2027-03-05"

    def jsgf_rules(self) -> Mapping[str, str]:
        said = ENGLISH.table[self.section]
        return {
            "month": jsgf_alternatives(name for month in said["months"] for name in month[:1]),
            "ordinal": jsgf_alternatives(way for ways in said["ordinals"] for way in ways[:1]),
            "year": "<group>+ | <count>",
        }

    def readings(self, field: FormField, at: int, utterance: UtteranceContext) -> Sequence[Read]:
        label = DateLabelFormat(field.order or DayOrder.DAY_MONTH_YEAR, field.month_alone, utterance.today)
        return date_readings(utterance.words, at, utterance.language.numerals, utterance.language.table, label)

    def sample_value(self, field: FormField, random: Random) -> FieldValue:
        day = _SOME_DAY + timedelta(days=random.randrange(_SOME_DAYS))
        alone = field.month_alone is MonthAlone.END and random.random() < _MONTH_ALONE
        return (_month_end(day) if alone else day).isoformat()

    def words_for(self, value: str, field: FormField, random: Random) -> str:
        day = date.fromisoformat(value)
        dates = ENGLISH.table[self.section]
        century, rest = divmod(day.year, 100)
        words = {
            "ordinal": dates["ordinals"][day.day - 1][0].replace("-", " "),
            "month": dates["months"][day.month - 1][0].lower(),
            "year": f"{BELOW_HUNDRED[century]} {BELOW_HUNDRED[rest] if rest >= _TEN else f'oh {BELOW_HUNDRED[rest]}'}",
        }
        alone = day == _month_end(day) and field.month_alone is MonthAlone.END
        forms = _MONTH_FORMS if alone else _DAY_FORMS
        return random.choices(list(forms), weights=list(forms.values()))[0].format(**words)

    def read_back(self, value: str, field: FormField, language: Language, voice: ReadbackVoice) -> str:
        return date_in_words(value, language)

    def value_from_element(self, field: FormField, element: Element, today: date) -> FieldValue | None:
        """The day on the label; None for a month without a day where the field does not accept it."""
        whole_month = is_whole_month(element.value) and field.month_alone is MonthAlone.NONE
        return None if whole_month else parse_gs1_date(element.value, today).isoformat()


def date_in_words(value: str, language: Language) -> str:
    """A day in words, with the name of its month."""
    day, dates = date.fromisoformat(value), language.table["dates"]
    month = dates["months"][day.month - 1][0]
    return str(dates["read"].format(day=day.day, month=month, year=day.year))


@dataclass(frozen=True, slots=True)
class DateLabelFormat:
    """The format of a field's dates on its label."""

    order: DayOrder
    partial: MonthAlone = MonthAlone.NONE
    today: date | None = None  # None: dates without a year are not parsed.


def date_readings(
    words: Sequence[str], at: int, numerals: Numerals, language: Mapping[str, Any], label: DateLabelFormat
) -> list[tuple[int, str, float]]:
    """Every date that begins at a word: its end, the day, its cost in nats. `language`: the parsed language file."""
    if at >= len(words):
        return []
    reader = _Reader(words, numerals, language["dates"], label)
    found = [
        *reader.dates_with_day_first(at),
        *reader.dates_with_month_first(at),
        *reader.dates_with_month_alone(at),
        *reader.dates_in_label_digits(at),
        *reader.dates_in_three_numbers(at),
    ]
    found += _dates_in_figures(words[at], at + 1, label)
    return cheapest_readings((end, day.isoformat(), cost) for end, day, cost in found)


_Found = tuple[int, date, float]


class _Reader:
    """Parses dates in the words of one utterance."""

    def __init__(
        self, words: Sequence[str], numerals: Numerals, said: Mapping[str, Any], label: DateLabelFormat
    ) -> None:
        self._words = words
        self._numerals = numerals
        self._said = said
        self._label = label
        self._ordinals = _index_by_first_word(said["ordinals"])
        self._month_words = _index_by_first_word(said["months"])
        # Each word is reached in several ways.
        self._numbers = cache(lambda at: tuple(self._read_numbers(at)))
        self._full_years = cache(lambda at: tuple(self._read_full_years(at)))
        self._short_years = cache(lambda at: tuple(self._read_short_years(at)))

    def dates_with_day_first(self, at: int) -> Iterator[_Found]:
        """A day, then its month, by name or as an ordinal: "the fifth of March"."""
        for start in self._optional_ends(at, "before_day"):
            for end, day, cost in self._read_days(start):
                for begin in self._optional_ends(end, "before_month"):
                    for behind_month, month, more in self._read_months(begin):
                        yield from self._with_year(behind_month, month, day, cost + more)

    def dates_with_month_first(self, at: int) -> Iterator[_Found]:
        """The name of a month, then a day: "March the fifth"."""
        for end, month, cost in self._month_names(at):
            for begin in self._optional_ends(end, "before_day"):
                # "March twenty twenty-seven" is a month and its year, not the twentieth of March of '27.
                full = max((after for after, _, _ in self._full_years(begin)), default=begin)
                for after, day, more in self._read_days(begin):
                    if after >= full:
                        yield from self._with_year(after, month, day, cost + more)

    def dates_with_month_alone(self, at: int) -> Iterator[_Found]:
        """A month without a day, for its last day: "end of June", "March twenty twenty-seven"."""
        if self._label.partial is not MonthAlone.END:
            return
        for start in self._phrase_ends(at, "ends"):
            for end, month, cost in self._month_names(start):
                yield from self._month_ends(end, month, cost, _WITHOUT_YEAR)
        for end, month, cost in self._month_names(at):
            yield from self._month_ends(end, month, cost + _NO_DAY, None)
        for end, month, cost in self._numbers(at):
            if month in _MONTHS:
                yield from (
                    (after, last, cost + more + _IN_PIECES)
                    for after, year, more in self._full_years(end)
                    if (last := _last_of_month(year, month))
                )

    def dates_in_label_digits(self, at: int) -> Iterator[_Found]:
        """Six or eight digits in the label's order."""
        for end, text, cost in digit_string_readings(self._words, at, self._numerals, _EIGHT):
            if len(text) in {_SIX, _EIGHT} and (day := _date_from_digits(text, self._label)):
                yield end, day, cost

    def dates_in_three_numbers(self, at: int) -> Iterator[_Found]:
        """Three numbers in the label's order; a full year may always come first, as in ISO 8601."""
        yield from self._dates_in_order(at, self._label.order, self._read_years)
        if self._label.order is not DayOrder.YEAR_MONTH_DAY:
            yield from self._dates_in_order(at, DayOrder.YEAR_MONTH_DAY, self._full_years)

    def _dates_in_order(self, at: int, order: DayOrder, years: Callable[[int], Iterable[_Piece]]) -> Iterator[_Found]:
        begun: list[tuple[int, dict[str, int], float]] = [(at, {}, _IN_PIECES)]
        for part in order:
            numbers: Callable[[int], Iterable[_Piece]] = years if part == "y" else self._numbers
            begun = [
                (end, {**known, part: number}, cost + more)
                for start, known, cost in begun
                for end, number, more in numbers(start)
            ]
        for end, known, cost in begun:
            if found := _day(known["y"], known["m"], known["d"]):
                yield end, found, cost

    def _with_year(self, at: int, month: int, day: int, cost: float) -> Iterator[_Found]:
        for start in self._optional_ends(at, "before_year"):
            for end, year, more in self._read_years(start):
                if found := _day(year, month, day):
                    yield from ((after, found, cost + more) for after in self._optional_ends(end, "behind_year"))
        if found := _next_occurrence(month, day, self._label.today):
            yield at, found, cost + _WITHOUT_YEAR

    def _month_ends(self, at: int, month: int, cost: float, without_year: float | None) -> Iterator[_Found]:
        """The last day of a month in its year; without a year, of its next occurrence, at the cost `without_year`."""
        for start in self._optional_ends(at, "before_year"):
            full = [(end, year, 0.0 + more) for end, year, more in self._full_years(start)]
            short = [(end, year, _SHORT_YEAR + more) for end, year, more in self._short_years(start)]
            for end, year, more in full + short:
                if found := _last_of_month(year, month):
                    yield from ((after, found, cost + more) for after in self._optional_ends(end, "behind_year"))
        today = self._label.today
        if without_year is not None and today is not None:
            year = today.year if month >= today.month else today.year + 1
            if found := _last_of_month(year, month):
                yield at, found, cost + without_year

    def _read_days(self, at: int) -> Iterator[_Piece]:
        yield from self._read_names(at, self._ordinals)
        if at < len(self._words) and (marked := self._ordinal_figures(self._words[at])) is not None:
            yield at + 1, marked, 0.0
        plain = _AS_CARDINAL if self._said["ordinal_days"] else 0.0
        yield from ((end, day, cost + plain) for end, day, cost in self._numbers(at))

    def _ordinal_figures(self, word: str) -> int | None:
        """The figures of an ordinal: "5th", "1er"."""
        marks = "|".join(re.escape(mark) for mark in self._said["marks"])
        written = re.fullmatch(rf"([0-9]{{1,2}})(?:{marks})", word)
        return None if written is None else int(written[1])

    def _read_months(self, at: int) -> Iterator[_Piece]:
        yield from self._month_names(at)
        # "fünfter dritter": the ordinal of a month, where the label has the day first.
        if self._label.order is DayOrder.DAY_MONTH_YEAR:
            yield from (one for one in self._read_names(at, self._ordinals) if one[1] in _MONTHS)

    def _month_names(self, at: int) -> Iterator[_Piece]:
        yield from self._read_names(at, self._month_words)

    def _read_names(self, at: int, names: Mapping[str, Sequence[tuple[Phrase, int]]]) -> Iterator[_Piece]:
        for said, number in names.get(self._words[at], ()) if at < len(self._words) else ():
            if tuple(self._words[at : at + len(said)]) == said:
                yield at + len(said), number, 0.0

    def _read_numbers(self, at: int) -> Iterator[_Piece]:
        """A day or a month as a number of one or two digits: "five", "zero five", "05"."""
        for end, text, cost in digit_string_readings(self._words, at, self._numerals, _TWO):
            yield end, int(text), cost
        for count in self._numerals.counts(self._words, at) if at < len(self._words) else ():
            yield count.end, count.value, count.cost

    def _read_years(self, at: int) -> Iterator[_Piece]:
        yield from self._full_years(at)
        yield from self._short_years(at)

    def _read_full_years(self, at: int) -> Iterator[_Piece]:
        """A year with all its digits: "twenty twenty-seven", "two thousand and twenty-seven"."""
        if at >= len(self._words):
            return
        for end, text, cost in digit_string_readings(self._words, at, self._numerals, _FOUR):
            if len(text) == _FOUR and int(text) in _YEARS:
                yield end, int(text), cost
        for count in self._numerals.counts(self._words, at):
            if count.value in _YEARS:
                yield count.end, count.value, count.cost
        # Polish says the end of a year as an ordinal: "dwa tysiace dwudziestego siodmego".
        for start in self._phrase_ends(at, "millennium"):
            yield from ((end, _MILLENNIUM + rest, cost) for end, rest, cost in self._read_names(start, self._ordinals))

    def _read_short_years(self, at: int) -> Iterator[_Piece]:
        for end, text, cost in digit_string_readings(self._words, at, self._numerals, _TWO):
            if len(text) == _TWO:
                yield end, _nearest_full_year(int(text), self._label.today), cost

    def _phrase_ends(self, at: int, role: str) -> Iterator[int]:
        return phrase_ends(self._words, at, self._said.get(role, ()))

    def _optional_ends(self, at: int, role: str) -> Iterator[int]:
        """The position itself, and the ends of the optional phrases that begin at it."""
        yield at
        yield from self._phrase_ends(at, role)


_MONTHS = range(1, 13)


def _index_by_first_word(names: Sequence[Sequence[str]]) -> Mapping[str, Sequence[tuple[Phrase, int]]]:
    """The names of the numbers from 1 on, with their numbers, by first word."""
    found: dict[str, list[tuple[Phrase, int]]] = {}
    for number, ways in enumerate(names, start=1):
        for said in map(phrase, ways):
            found.setdefault(said[0], []).append((said, number))
    return found


def _dates_in_figures(word: str, end: int, label: DateLabelFormat) -> Iterator[_Found]:
    """A date in figures: "05/03/2027", "5.3.27", "2027-03-05", and a month with its year, "03/2027"."""
    if (parts := _WRITTEN.fullmatch(word)) is None:
        return
    first, second, third = parts["first"], parts["second"], parts["third"]
    if third is None:
        yield from _month_end_in_figures(first, word[len(first) + 1 :].rstrip("."), end, label)
    elif len(first) == _FOUR:  # as in ISO 8601, in any label's order
        if day := _day(int(first), int(second), int(third)):
            yield end, day, 0.0
    elif len(first) <= _TWO and len(third) in {_TWO, _FOUR}:
        padded = [first.zfill(_TWO), second.zfill(_TWO), third if len(third) == _FOUR else third.zfill(_TWO)]
        if day := _date_from_digits("".join(padded), label):
            yield end, day, 0.0


def _month_end_in_figures(first: str, second: str, end: int, label: DateLabelFormat) -> Iterator[_Found]:
    if label.partial is not MonthAlone.END:
        return
    month, year = (second, first) if label.order is DayOrder.YEAR_MONTH_DAY else (first, second)
    full = int(year) if len(year) == _FOUR else _nearest_full_year(int(year), label.today)
    if len(year) in {_TWO, _FOUR} and len(month) <= _TWO and (last := _last_of_month(full, int(month))):
        yield end, last, _NO_DAY


def _date_from_digits(text: str, label: DateLabelFormat) -> date | None:
    """Six or eight digits in the label's order; day 00 is the end of the month, where the label allows it."""
    full = len(text) == _EIGHT
    long = _FOUR if full else _TWO
    parts: dict[str, str] = {}
    at = 0
    for part in label.order:
        end = at + (long if part == "y" else _TWO)
        parts[part], at = text[at:end], end
    day, month, year = parts["d"], parts["m"], parts["y"]
    number = int(year) if full else _nearest_full_year(int(year), label.today)
    if day == "00":
        return _last_of_month(number, int(month)) if label.partial is MonthAlone.END else None
    return _day(number, int(month), int(day))


def _nearest_full_year(year: int, today: date | None) -> int:
    """The full year of a two-digit one: the nearest, at most 49 years ahead."""
    now = (today or _BEGINNING).year
    full = now - now % 100 + year
    if full > now + _AHEAD:
        return full - 100
    return full + 100 if full <= now + _AHEAD - 100 else full


def _day(year: int, month: int, day: int) -> date | None:
    if year not in _YEARS or month not in _MONTHS or not 1 <= day <= monthrange(year, month)[1]:
        return None
    return date(year, month, day)


def _month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def _last_of_month(year: int, month: int) -> date | None:
    return date(year, month, monthrange(year, month)[1]) if year in _YEARS and month in _MONTHS else None


def _next_occurrence(month: int, day: int, today: date | None) -> date | None:
    if today is None:
        return None
    coming = (_day(today.year + more, month, day) for more in range(_SOON + 1))
    return next((one for one in coming if one is not None and one >= today), None)
