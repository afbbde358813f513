from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from num2words import num2words

from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.forms.spoken.numerals import Count
from dockvoice_protocol.languages import LANGUAGES
from tests.reading.languages import of_each, said_in
from tests.reading.numbers import counts, groups, numerals, words
from tests.rows import each_of, every, rows_of
from tests.tiers import sized

TABLE = tomllib.loads((Path(__file__).parent / "tables" / "numerals.toml").read_text(encoding="utf-8"))
SINGLY = 1.0  # What is said digit by digit or like a year counts something, and whatever else fits rivals it.
RIVALRY = 3.0

LARGEST = 99_999
STEP = sized(quick=397, test=97, nightly=1)
STEP_OF_VARIANTS = sized(quick=997, test=397, nightly=1)
"""Belgium, Switzerland and Brazil say most numbers as the others do."""


@each_of("code", LANGUAGES)
def test_no_count_of_all_the_words(code: str) -> None:
    assert {said: found for said in TABLE["no_count"][code] if (found := counts(code, said))} == {}


@each_of(("code", "said"), of_each("fractions"))
def test_a_fraction_begins_with_no_count_either(code: str, said: str) -> None:
    assert numerals(code).counts(words(code, said), 0) == []


@each_of("code", LANGUAGES)
def test_not_one_group(code: str) -> None:
    assert {said: found for said in TABLE["no_group"][code] if (found := groups(code, said))} == {}


@each_of("code", LANGUAGES)
def test_other_words_are_no_numbers(code: str) -> None:
    known = numerals(code)

    def is_no_number(word: str) -> None:
        assert known.counts([word], 0) == []
        assert known.groups([word], 0) == []
        assert not known.is_part(word)
        assert known.morphemes(word) == (word,)

    every(["pallet", "palette", "und", "and", "et", "y", "e", "i", "dock", "x-ray", "?", ""], is_no_number)


@each_of(("code", "word"), of_each("not_compounds"))
def test_other_words_stay_whole(code: str, word: str) -> None:
    assert numerals(code).morphemes(word) == (word,)


@each_of(("code", "word", "parts"), rows_of("numerals", "a_number_in_one_word"))
def test_a_number_in_one_word(code: str, word: str, parts: list[str]) -> None:
    assert [*numerals(code).morphemes(fold(word))] == parts
    assert numerals(code).is_part(word) is (word in parts or len(parts) > 1)


@each_of("code", LANGUAGES)
def test_each_count(code: str) -> None:
    every(TABLE["count"][code].items(), lambda row: is_read_as(code, *row))


def is_read_as(code: str, said: str, value: int) -> None:
    found = counts(code, said)
    assert min(found, key=found.__getitem__) == value, found
    assert all(cost >= found[value] + 1 for other, cost in found.items() if other != value), found


@each_of(
    "said",
    ["one two", "two zero", "oh eight", "zero zero four", "1 2", "twelve fifty", "one ten", "one fifty", "double five"],
)
def test_a_count_that_others_rival(said: str) -> None:
    (cost,) = counts("en", said).values()
    assert SINGLY <= cost < RIVALRY


@each_of(("code", "said", "most"), of_each("count_costs"))
def test_what_a_count_costs(code: str, said: str, most: float) -> None:
    assert list(counts(code, said).values()) == [most]


@each_of(("code", "said"), [("de", "zwölf Paar"), ("es", "doce pares"), ("pl", "dwanaście par")])
def test_pairs_are_counted_like_other_units(code: str, said: str) -> None:
    assert Count(1, 12, 0.0) in numerals(code).counts(words(code, said), 0)


def test_all_ends_of_a_count() -> None:
    said = ["seven", "hundred", "and", "forty", "two", "units"]
    found = numerals("en").counts(said, 0)
    assert {(one.end, one.value) for one in found} == {(1, 7), (2, 700), (4, 740), (5, 742)}
    assert Count(5, 742, 0.0) in found


@each_of("code", LANGUAGES)
def test_each_group(code: str) -> None:
    assert {said: list(groups(code, said)) for said in TABLE["group"][code]} == {
        said: [text] for said, text in TABLE["group"][code].items()
    }


@each_of(("code", "said", "behind"), rows_of("numerals", "what_it_costs_to_break_a"))
def test_what_it_costs_to_break_a_number_off(code: str, said: str, behind: float) -> None:
    first = min(numerals(code).groups(words(code, said), 0), key=lambda group: group.end)
    assert first.behind == behind


@pytest.mark.parametrize(
    ("code", "lang"), [(code, lang) for code in LANGUAGES for lang in (code, *said_in(code).get("variants", ()))]
)
def test_every_number_is_read_as_num2words_writes_it(code: str, lang: str) -> None:
    wrong = []
    for value in range(0, LARGEST + 1, STEP if lang == code else STEP_OF_VARIANTS):
        # Of its own: "cinquecentodicotto" for 518.
        said = num2words(value, lang=lang).replace("dicotto", "diciotto")
        found = counts(code, said)
        others = [cost for other, cost in found.items() if other != value]
        if value not in found or (others and min(others) < found[value] + RIVALRY):
            wrong.append((value, said, found))
    assert wrong == []
