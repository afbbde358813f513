from __future__ import annotations

from dockvoice_protocol.forms.spoken.folding import phrase
from dockvoice_protocol.forms.spoken.kinds.kind import section_phrases
from dockvoice_protocol.forms.spoken.kinds.numbers import decimal_beginnings, decimal_readings
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.languages import LANGUAGES
from tests.rows import each_of, rows_of

MARKS = {"en": {"decimal": ".", "thousands": ","}, "de": {"decimal": ",", "thousands": "."}}
RIVALS = 3.0


def found_in(words: list[str], places: int = 1, code: str = "en") -> list[tuple[int, float, float]]:
    language = language_named(code)
    return list(decimal_readings(words, 0, language.numerals, {**language.table, **MARKS[code]}, places))


def whole(text: str, places: int = 1, code: str = "en") -> list[float]:
    """What all the words may say, of what lies within three nats of the best."""
    words = text.split()
    found = [(cost, value) for end, value, cost in found_in(words, places, code) if end == len(words)]
    return [value for cost, value in sorted(found) if cost <= min(found)[0] + RIVALS]


@each_of(
    "text",
    [
        "", "point", "minus", "kilos", "two point", "point kilos", "two point minus five", "minus minus two",
        "two point five point one", "1.2.3", "12,34,567.5", "--5", "minus -5", ".", "-", "2.", "1e5", "nan", "inf",
        "and a half", "below zero", "one two three four five six seven eight nine one two three four five six seven",
    ],
)  # fmt: skip
def test_what_is_no_decimal_is_none(text: str) -> None:
    assert whole(text) == []


def test_words_that_follow_are_left_over_and_each_end_is_told() -> None:
    ends = {end: value for end, value, _ in found_in(["two", "point", "two", "five", "kilos"])}
    assert ends == {3: 2.2, 4: 2.25}


def test_a_number_with_more_places_than_are_kept_is_not_rounded() -> None:
    assert whole("two point two five seven", places=1) == [2.257]


def test_figures_that_another_language_writes_so_are_two_values() -> None:
    assert whole("2,500", places=3) == [2500.0, 2.5]
    assert whole("2,500", places=1) == [2500.0]
    assert whole("2,500", 1, "de") == [2.5, 2500.0]
    assert whole("52.125", places=3) == [52.125]
    assert whole("52.125", places=1) == [52.125, 52125.0]


@each_of(("text", "values"), rows_of("kinds_decimal", "a_decimal_is_read"))
def test_a_decimal_is_read(text: str, values: list[float]) -> None:
    assert whole(text) == values


@each_of(("text", "values"), rows_of("kinds_decimal", "a_decimal_is_read_in_another"))
def test_a_decimal_is_read_in_another_language(text: str, values: list[float]) -> None:
    assert whole(text, code="de") == values


def test_no_zero_has_a_sign() -> None:
    assert str(whole("minus zero")[0]) == "0.0"


@each_of("code", LANGUAGES)
def test_a_decimal_begins_with_a_number_or_a_word_that_is_listed(code: str) -> None:
    language = language_named(code)
    said = {
        word
        for section in ("numbers", "decimals", "words")
        for one in section_phrases(language.table[section])
        for word in phrase(one)
    }
    others = {
        one
        for one in said - decimal_beginnings(language)
        if one[0].isalpha() and not language.numerals.begins_number(one)
    }
    points = [one for name in ("points", "minus") for one in language.table["decimals"][name]]
    behind = [[], ["5"], *([*phrase(one), "5"] for one in points)]
    found = [
        one for one in others for rest in behind if decimal_readings([one, *rest], 0, language.numerals, language.table)
    ]
    assert len(others) > 100
    assert found == []
