"""Unit: values without label or unit among other words, and numbers that may have been said twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from typer.testing import CliRunner

from edge.cli.forms import commands
from tests.reading.languages import of_each
from tests.rows import each_of

WHOLE = {"pallet_id": "742", "quantity": 12, "dock": "B"}

HELD: dict[str, dict[str, object]] = {
    "receive": {"pallet_id": "742", "quantity": 12, "uom": "CS"},
    "damage": {"pallet_id": "742", "quantity": 2, "uom": "CS", "damage": "wet"},
    "load": {"pallet_id": "742", "trailer": "5502"},
    "gate-in": {"trailer": "5501", "sealed": True},
    "put-away": {"pallet_id": "742", "location": "B-02-02"},
    "cycle-count": {"location": "A-01-01", "quantity": 12},
}

TWICE = (
    "pallet 742 fifteen one five pieces dock b",
    "pallet 742 15 15 pieces dock b",
    "pallet seven four two twelve quantity twelve dock b",
    "pallet 742 743 quantity 12 dock b",
    "pallet 742 slash 3 twelve pieces dock b",
)

ONCE = {
    "pallet seven forty two twelve pieces dock b": ("742", 12),
    "pallet 7 42 15 pieces dock b": ("742", 15),
    "pallet one two one two, twelve pieces, dock b": ("1212", 12),
}


def read(
    language: str, asked: str, *texts: str, form: str = "pallet-move", whole: Mapping[str, object] = WHOLE
) -> list[dict[str, Any]]:
    held = whole if asked == "-" else {name: value for name, value in whole.items() if name != asked}
    lines = ({"text": text, "asked": None if asked == "-" else asked, "held": held} for text in texts)
    given = "".join(json.dumps(line) + "\n" for line in lines)
    result = CliRunner().invoke(commands, ["read", "--lines", "--form", form, "--language", language], given)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


@each_of(("language", "asked", "texts"), of_each("beside_talk"))
def test_a_value_among_other_words_is_taken_for_none(language: str, asked: str, texts: list[str]) -> None:
    assert not [text for text, found in zip(texts, read(language, asked, *texts), strict=True) if changed(found)]


def changed(found: dict[str, Any]) -> bool:
    return found["outcome"] == "accept" and bool(found["fields"])


@each_of(("language", "asked", "text", "value"), of_each("beside_answers"))
def test_a_value_among_words_of_an_answer_is_taken(language: str, asked: str, text: str, value: object) -> None:
    (found,) = read(language, asked, text)
    assert found["fields"].get("quantity" if asked == "-" else asked) == value


@each_of(("language", "form", "asked", "texts"), of_each("denied"))
def test_what_is_denied_or_taken_off_in_one_breath_corrects_nothing(
    language: str, form: str, asked: str, texts: list[str]
) -> None:
    assert not {text: fields for text, fields in changes((form, language, asked), *texts).items() if fields}


@each_of(("language", "form", "asked", "text", "fields"), of_each("corrected"))
def test_what_is_so_instead_corrects_behind_a_pause_or_a_word_that_only_corrects(
    language: str, form: str, asked: str, text: str, fields: dict[str, object]
) -> None:
    assert changes((form, language, asked), text) == {text: fields}


def changes(where: tuple[str, str, str], *texts: str) -> dict[str, dict[str, object]]:
    """What each changes of the entry that is held, or answers of it; nothing where it is not accepted."""
    form, language, asked = where
    found = zip(texts, read(language, asked, *texts, form=form, whole=HELD[form]), strict=True)
    return {
        text: {name: value for name, value in one["fields"].items() if HELD[form].get(name) != value or name == asked}
        if one["outcome"] == "accept"
        else {}
        for text, one in found
    }


def whole(*texts: str) -> list[dict[str, Any]]:
    given = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    result = CliRunner().invoke(commands, ["read", "--lines", "--form", "pallet-move"], given)
    return [json.loads(line) for line in result.stdout.splitlines()]


@each_of(
    ("language", "text"),
    [
        ("es", "puesto el palé 0105, palé 6105 mejor dicho, mil gracias, ubicación A 10 02"),
        ("es", "he puesto en la ubicación A 10 02 el palé 0105, palé 6105 mejor dicho, mil gracias"),
        ("it", "pallet 0105, pallet 6105 anzi, mille grazie, posizione A 10 02"),
    ],
)
def test_who_says_thanks_behind_a_correction_corrects_nothing_to_a_thousand(language: str, text: str) -> None:
    (found,) = read(language, "-", text, form="put-away", whole={})
    assert "1000" not in found["fields"].values()


@each_of(
    ("language", "text"),
    [
        ("en", "trailer two eight zero five nine eight sealed no it's two one oh five nine eight"),
        ("en", "trailer 280598 sealed no it's twenty one oh five"),
        ("en", "trailer 280598 sealed no it is two one oh five"),
    ],
)
def test_a_number_behind_a_word_of_correction_is_no_time_of_day(language: str, text: str) -> None:
    (found,) = read(language, "-", text, form="gate-in", whole={})
    assert found["outcome"] == "ask"


def test_a_number_that_may_have_been_said_twice_is_asked_about() -> None:
    assert [one["outcome"] for one in whole(*TWICE)] == ["ask"] * len(TWICE)


def test_numbers_said_once_are_recorded() -> None:
    found = {
        text: (one["fields"].get("pallet_id"), one["fields"].get("quantity"))
        for text, one in zip(ONCE, whole(*ONCE), strict=True)
    }
    assert found == ONCE


@each_of(
    ("language", "form", "text", "field"),
    [
        ("en", "temperature", "eight degrees, not plus eight twenty below", "temperature"),
        ("en", "temperature", "eight degrees, not minus eight twenty", "temperature"),
        ("en", "temperature", "minus eight degrees, not eight point two", "temperature"),
        ("en", "pallet-move", "pallet 742, not 7425, twelve pieces, dock b", "pallet_id"),
        ("de", "receive", "also gut dreißig stück, palette 742", "quantity"),
    ],
)
def test_a_word_or_a_number_that_may_say_more_of_the_value_beside_it_is_doubt(
    language: str, form: str, text: str, field: str
) -> None:
    (found,) = read(language, "-", text, form=form, whole={})
    assert (found["outcome"], field in found["fields"]) == ("ask", False)


def test_a_denied_number_that_begins_otherwise_leaves_what_is_said() -> None:
    (found,) = read("en", "-", "trailer 5501, eight degrees, not minus nineteen", form="temperature", whole={})
    assert found["fields"] == {"trailer": "5501", "temperature": 8}
