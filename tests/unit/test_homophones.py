from __future__ import annotations

from dataclasses import replace

from dockvoice_protocol.forms.spoken import read_fields
from dockvoice_protocol.records import Word
from edge.understand.reading_builder import resolve_homophones
from tests import shipped
from tests.rows import each_of, rows_of

LABELS = frozenset({"pallet", "dock", "quantity"})


def said(text: str, seconds: float, pause_before: float = 0.0) -> list[Word]:
    """The words, 0.3 s each; "to", "for" and "four" last `seconds`, after a pause."""
    words, now = [], 0.0
    for one in text.split():
        brief = one in {"to", "for", "four"}
        now += pause_before if brief else 0.0
        words.append(Word(one, now, now + (seconds if brief else 0.3), 0.8))
        now = words[-1].end
    return words


def told(text: str, seconds: float, pause_before: float = 0.0) -> str:
    (way,) = ways(said(text, seconds, pause_before))
    return way


def ways(words: list[Word]) -> list[str]:
    return [" ".join(word.text for word in way) for way in resolve_homophones(words, LABELS)]


@each_of(("silence", "meant"), [(0.0, "to"), (0.05, "to"), (0.15, "two"), (0.2, "two"), (0.5, "to")])
def test_a_brief_to_that_ends_a_clause_is_the_digit(silence: float, meant: str) -> None:
    before, behind = said("pallet one five to", 0.18), said("dock delta", 0.0)
    apart = [
        replace(one, start=one.start + before[-1].end + silence, end=one.end + before[-1].end + silence)
        for one in behind
    ]
    assert ways([*before, *apart]) == [f"pallet one five {meant} dock delta"]


@each_of("seconds", [0.27, 0.4])
def test_a_drawn_out_to_in_one_breath_with_a_digit_is_a_two(seconds: float) -> None:
    assert told("pallet one six five to dock delta", seconds) == "pallet one six five two dock delta"


@each_of("text", rows_of("homophones", "a_drawn_out_to_behind_anything"))
def test_a_drawn_out_to_behind_anything_but_a_digit_stays(text: str) -> None:
    assert told(text, 0.4) == text


@each_of("seconds", [0.22, 0.25, 0.29])
def test_a_four_of_a_length_that_neither_has_is_either(seconds: float) -> None:
    heard = ways(said("pallet one six four dock b", seconds))
    assert heard == ["pallet one six for dock b", "pallet one six four dock b"]


@each_of("seconds", [0.12, 0.18])
def test_a_four_too_brief_for_a_digit_before_a_word_is_a_for(seconds: float) -> None:
    assert told("pallet one six four dock b", seconds) == "pallet one six for dock b"


def test_a_for_of_a_length_that_neither_has_is_read_as_either() -> None:
    (way,) = resolve_homophones(said("pallet one six for dock b", 0.22), LABELS)
    assert read_fields(way, shipped.form(), shipped.catalogue())["pallet_id"].rivals == ("164",)


@each_of(("text", "seconds"), rows_of("homophones", "a_four_that_may_be_a"))
def test_a_four_that_may_be_a_digit_stays(text: str, seconds: float) -> None:
    assert told(text, seconds) == text
