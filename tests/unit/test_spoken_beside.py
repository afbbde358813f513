"""Unit: values without label or unit among other words, and numbers that may have been said twice."""

from __future__ import annotations

import json
from typing import Any

from typer.testing import CliRunner

from edge.cli.forms import commands
from tests.rows import each_of

WHOLE = {"pallet_id": "742", "quantity": 12, "dock": "B"}

TALK = {  # Language, field that was asked for ("-": none, the whole entry is held), what was said to somebody else.
    ("en", "dock"): ("thanks charlie", "good morning charlie", "charlie is full", "be careful", "a second please"),
    ("en", "quantity"): (
        "at eight",
        "full of twelve",
        "two by two",
        "another five",
        "ten people are here",
        "twelve, eh?",
    ),
    ("en", "-"): (
        "no i'm at dock c",
        "no go to dock c",
        "no dock c full",
        "no dock c first",
        "no thanks charlie",
        "no the truck's thirteen",
        "no golf today",
    ),
    ("de", "-"): ("nein ich bin an tor c", "mach tor c auf", "nein tor c ist zu"),
    ("de", "dock"): ("tor b ist zu", "tor b geht auf", "danke charlie", "charlie ist voll", "morgen charlie"),
    ("de", "quantity"): ("um acht", "noch fünf"),
    ("fr", "dock"): ("salut charlie", "charlie est plein", "charlie, hein ?"),
    ("fr", "quantity"): ("à huit heures", "à huit", "encore cinq"),
    ("es", "dock"): ("adiós charlie", "charlie está lleno", "muelle b cerrado", "estoy en el muelle b"),
    ("es", "quantity"): ("a las ocho", "las doce", "otros cinco"),
    ("es", "-"): ("trece no doce", "son trece no doce"),
    ("it", "dock"): ("ciao charlie", "charlie è pieno"),
    ("it", "quantity"): ("alle otto", "le dodici", "sei qui", "dovrebbero essere quaranta", "due a due"),
    ("pl", "quantity"): ("o osiem", "jeszcze pięć"),
    ("pl", "-"): ("trzynaście nie czternaście", "nie trzynaście"),
    ("pt", "quantity"): ("às oito", "mais cinco"),
    ("pt", "-"): ("treze não catorze",),
}

ANSWERS: dict[tuple[str, str], dict[str, object]] = {
    ("en", "dock"): {"charlie": "C", "it's charlie please": "C", "to charlie": "C", "C, thanks": "C"},
    ("en", "quantity"): {"there are twelve of them": 12, "I make it fifteen": 15, "um, twelve, thank you": 12},
    ("en", "-"): {"no, thirteen": 13, "no sorry it's thirteen": 13, "make that thirteen please": 13},
    ("de", "dock"): {"es ist charlie bitte": "C", "nach charlie": "C"},
    ("de", "quantity"): {"das sind zwölf": 12, "zwölf danke": 12},
    ("fr", "dock"): {"c'est charlie": "C", "au charlie": "C"},
    ("fr", "quantity"): {"il y en a douze": 12, "douze s'il vous plaît": 12},
    ("es", "dock"): {"es charlie por favor": "C", "al charlie": "C"},
    ("es", "quantity"): {"son doce": 12, "hay doce gracias": 12},
    ("es", "-"): {"no, trece": 13},
    ("it", "dock"): {"è charlie": "C"},
    ("it", "quantity"): {"sono dodici": 12, "dodici grazie": 12},
    ("pl", "quantity"): {"jest dwanaście": 12},
    ("pt", "quantity"): {"são doze": 12, "doze por favor": 12},
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


def read(language: str, asked: str, *texts: str) -> list[dict[str, Any]]:
    held = WHOLE if asked == "-" else {name: value for name, value in WHOLE.items() if name != asked}
    lines = ({"text": text, "asked": None if asked == "-" else asked, "held": held} for text in texts)
    given = "".join(json.dumps(line) + "\n" for line in lines)
    result = CliRunner().invoke(commands, ["read", "--lines", "--form", "pallet-move", "--language", language], given)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


@each_of("where", TALK, ids=" ".join)
def test_a_value_among_other_words_is_taken_for_none(where: tuple[str, str]) -> None:
    taken = [text for text, found in zip(TALK[where], read(*where, *TALK[where]), strict=True) if changed(found)]
    assert not taken


def changed(found: dict[str, Any]) -> bool:
    return found["outcome"] == "accept" and bool(found["fields"])


@each_of("where", ANSWERS, ids=" ".join)
def test_a_value_among_words_of_an_answer_is_taken(where: tuple[str, str]) -> None:
    name = "quantity" if where[1] == "-" else where[1]
    found = {
        text: one["fields"].get(name) for text, one in zip(ANSWERS[where], read(*where, *ANSWERS[where]), strict=True)
    }
    assert found == ANSWERS[where]


def whole(*texts: str) -> list[dict[str, Any]]:
    given = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    result = CliRunner().invoke(commands, ["read", "--lines", "--form", "pallet-move"], given)
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_number_that_may_have_been_said_twice_is_asked_about() -> None:
    assert [one["outcome"] for one in whole(*TWICE)] == ["ask"] * len(TWICE)


def test_numbers_said_once_are_recorded() -> None:
    found = {
        text: (one["fields"].get("pallet_id"), one["fields"].get("quantity"))
        for text, one in zip(ONCE, whole(*ONCE), strict=True)
    }
    assert found == ONCE
