"""Unit: values without label or unit among other words, and numbers that may have been said twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
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

HELD: dict[str, dict[str, object]] = {
    "receive": {"pallet_id": "742", "quantity": 12, "uom": "CS"},
    "damage": {"pallet_id": "742", "quantity": 2, "uom": "CS", "damage": "wet"},
    "load": {"pallet_id": "742", "trailer": "5502"},
    "gate-in": {"trailer": "5501", "sealed": True},
    "put-away": {"pallet_id": "742", "location": "B-02-02"},
    "cycle-count": {"location": "A-01-01", "quantity": 12},
}

DENIED = {  # Form, language, field that was asked for ("-": none, the whole entry is held); what says what is not so.
    ("receive", "es", "-"): (
        "que no son trece",
        "que no es el siete cuatro tres",
        "que no son cajas",
        "no son seis",
        "no es seis",
        "no eran seis",
        "pero no trece",
        "no no son trece",
        "quita dos cajas",
        "borra dos cajas",
        "tacha dos cajas",
        "quita dos",
    ),
    ("damage", "es", "-"): ("que no está aplastado", "no aplastado", "quita aplastado"),
    ("load", "es", "-"): ("que no es el remolque cinco cinco cero uno",),
    ("gate-in", "es", "sealed"): ("que no está precintado", "que no está roto", "no roto"),
    ("receive", "it", "-"): (
        "macché tredici",
        "macché tredici casse",
        "macché il sette quattro tre",
        "togli due casse",
        "cancella due casse",
        "togli due",
    ),
    ("gate-in", "it", "sealed"): ("macché sigillato", "macché rotto"),
    ("receive", "pt", "-"): (
        "que não são treze",
        "não são treze",
        "mas não treze",
        "risca duas caixas",
        "apaga duas caixas",
        "tira duas caixas",
    ),
    ("gate-in", "pt", "sealed"): ("que não está lacrado", "não rompido"),
    ("receive", "pl", "-"): ("jednak nie trzynaście", "nie trzynaście", "skreśl dwa kartony", "usuń dwa kartony"),
    ("receive", "de", "-"): ("doch nicht dreizehn", "streichen zwei kisten", "streich zwei kisten"),
    ("receive", "en", "-"): ("scratch two cases", "strike two cases", "delete two cases", "remove two"),
    ("receive", "fr", "-"): ("efface deux caisses", "enlève deux caisses"),
}

A: dict[str, object] = {"location": "A-01-02"}
NONE: dict[str, object] = {"quantity": 0, "uom": "EA"}

CORRECTED: dict[tuple[str, str, str], dict[str, dict[str, object]]] = {  # The same, and what is so instead, or answers.
    ("receive", "es", "-"): {
        "no seis": {"quantity": 6},
        "no, son seis": {"quantity": 6},
        "que no, seis": {"quantity": 6},
        "borra eso dos cajas": {"quantity": 2},
        "borra, dos cajas": {"quantity": 2},
    },
    ("gate-in", "es", "sealed"): {"no, roto": {"sealed": False}},
    ("receive", "it", "-"): {
        "macché, tredici": {"quantity": 13},
        "no tredici": {"quantity": 13},
        "cancella, tredici": {"quantity": 13},
    },
    ("receive", "pt", "-"): {"não treze": {"quantity": 13}},
    ("cycle-count", "en", "quantity"): {"none": NONE, "empty": NONE},
    ("cycle-count", "de", "quantity"): {"kein einziger": NONE, "leer": NONE},
    ("cycle-count", "fr", "quantity"): {"vide": NONE, "aucune caisse": {"quantity": 0, "uom": "CS"}},
    ("cycle-count", "es", "quantity"): {"ninguna": NONE, "ninguno": NONE, "ninguna caja": {"quantity": 0, "uom": "CS"}},
    ("cycle-count", "it", "quantity"): {"nessuno": NONE, "nessuna cassa": {"quantity": 0, "uom": "CS"}},
    ("cycle-count", "pl", "quantity"): {"pusto": NONE},
    ("cycle-count", "pt", "quantity"): {"nenhuma": NONE, "nenhuma caixa": {"quantity": 0, "uom": "CS"}},
    ("put-away", "en", "location"): {"put it to a zero one zero two": A, "location a zero one zero two": A},
    ("put-away", "de", "location"): {"stell sie auf a null eins null zwei": A, "platz a null eins null zwei": A},
    ("put-away", "fr", "location"): {"mets-la en a zéro un zéro deux": A, "emplacement a zéro un zéro deux": A},
    ("put-away", "es", "location"): {"ponlo en a cero uno cero dos": A, "ubicación a cero uno cero dos": A},
    ("put-away", "it", "location"): {"mettilo in a zero uno zero due": A, "ubicazione a zero uno zero due": A},
    ("put-away", "pl", "location"): {"postaw na a zero jeden zero dwa": A},
    ("put-away", "pt", "location"): {"põe em a zero um zero dois": A, "localização a zero um zero dois": A},
    ("receive", "pl", "-"): {"skreśl, trzynaście kartonów": {"quantity": 13, "uom": "CT"}},
    ("receive", "de", "-"): {"doch nicht, dreizehn": {"quantity": 13}},
    ("receive", "en", "-"): {"scratch that two cases": {"quantity": 2}, "scratch, two cases": {"quantity": 2}},
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


@each_of("where", DENIED, ids=" ".join)
def test_what_is_denied_or_taken_off_in_one_breath_corrects_nothing(where: tuple[str, str, str]) -> None:
    assert not {text: fields for text, fields in taken(where, *DENIED[where]).items() if fields}


@each_of("where", CORRECTED, ids=" ".join)
def test_what_is_so_instead_corrects_behind_a_pause_or_a_word_that_only_corrects(where: tuple[str, str, str]) -> None:
    assert taken(where, *CORRECTED[where]) == CORRECTED[where]


def taken(where: tuple[str, str, str], *texts: str) -> dict[str, dict[str, object]]:
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


def test_a_number_that_may_have_been_said_twice_is_asked_about() -> None:
    assert [one["outcome"] for one in whole(*TWICE)] == ["ask"] * len(TWICE)


def test_numbers_said_once_are_recorded() -> None:
    found = {
        text: (one["fields"].get("pallet_id"), one["fields"].get("quantity"))
        for text, one in zip(ONCE, whole(*ONCE), strict=True)
    }
    assert found == ONCE
