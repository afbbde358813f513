from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import form_from_schema, load_form
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import read_fields, read_transcript
from dockvoice_protocol.records import FieldReading, NotUnderstoodReason, Word
from edge.understand.proposal import read_recognised_words
from tests.rows import each_of, every

TABLES = Path(__file__).parent / "tables"
BRIEF_WORDS = {"to", "for"}
DRAWN_S = 0.5
SILENT_S = {"|": 0.3, ".": 0.03}


def words(say: str) -> list[Word]:
    """A line of a table as a recogniser would give it."""
    heard, now = [], 0.0
    for text in say.split():
        if text in SILENT_S:
            now += SILENT_S[text]
            continue
        length = 0.1 if text in BRIEF_WORDS else DRAWN_S if text.endswith("~") else 0.3
        heard.append(Word(text.rstrip("=~"), now, now + length, 0.95))
        now += length
    return heard


def told(readings: Mapping[str, FieldReading]) -> dict[str, Any]:
    """Readings as a table writes them."""
    return {name: _told(reading) for name, reading in readings.items()}


def _told(reading: FieldReading) -> Any:
    if reading.value is None:
        return "?"
    return [reading.value, *reading.rivals] if reading.rivals else reading.value


@each_of("name", ["pallet-move", "stock-count"])
def test_what_is_said_becomes_these_fields(name: str, repository: Path, catalogue: Catalogue) -> None:
    form = load_form(repository / "schemas" / "forms" / f"{name}.schema.json")

    def becomes(row: Mapping[str, Any]) -> None:
        assert told(read_fields(words(row["say"]), form, catalogue)) == row["fields"]

    every(tomllib.loads((TABLES / f"spoken_{name.replace('-', '_')}.toml").read_text())["row"], becomes)


def test_a_word_that_explains_a_letter_is_asked_about_where_it_is_a_value(repository: Path) -> None:
    schema = json.loads((repository / "schemas/forms/pallet-move.schema.json").read_text(encoding="utf-8"))
    schema["properties"]["exception"] = {
        "type": "string",
        "enum": ["damaged", "wet"],
        "x-voice": {"labels": ["exception"], "spoken": "enum", "bare": True, "ask": "What?", "readback": "{value}"},
    }
    form, known = form_from_schema(schema, "pallet-move", "here"), Catalogue.from_rows({"docks": [{"value": "D"}]})
    assert told(read_fields(words("dock d for damaged"), form, known)) == {"dock": "D", "exception": "?"}
    assert told(read_fields(words("dock d for dumpling"), form, known)) == {"dock": "D"}


def test_a_value_carries_its_label_words_and_unit_but_no_filler(form: Form, catalogue: Catalogue) -> None:
    said = read_fields(words("um pallet number seven uh four two that is one hundred and ten cases"), form, catalogue)
    assert said["pallet_id"].words == ("pallet", "number", "seven", "four", "two")
    assert said["quantity"].words == ("one", "hundred", "and", "ten", "cases")


def sure_of(say: str, unsure: str) -> list[Word]:
    return [Word(word.text, word.start, word.end, 0.4 if word.text == unsure else 1.0) for word in words(say)]


@each_of(
    ("unsure", "field", "confidence"),
    [
        ("two", "pallet_id", 0.4),
        ("units", "quantity", 0.4),
        ("no", "dock", 0.4),
        ("d", "dock", 0.4),
        ("pallet", "pallet_id", 1.0),
        ("c", "dock", 1.0),
        ("um", "quantity", 1.0),
    ],
)
def test_a_value_is_as_sure_as_the_least_sure_word_it_rests_on(
    unsure: str, field: str, confidence: float, form: Form, catalogue: Catalogue
) -> None:
    heard = sure_of("um pallet seven four two twelve units dock c no dock d", unsure)
    assert read_fields(heard, form, catalogue)[field].confidence == confidence


def test_where_two_readings_are_possible_each_is_given_the_words_it_may_rest_on(
    form: Form, catalogue: Catalogue
) -> None:
    said = read_fields(words("pallet seven seven twenty two units"), form, catalogue)
    assert said["pallet_id"].words == ("pallet", "seven", "seven", "twenty")
    assert said["quantity"].words == ("twenty", "two", "units")


def test_a_bare_correction_is_as_sure_as_its_cue_and_its_value(form: Form, catalogue: Catalogue) -> None:
    assert read_fields(sure_of("dock b sorry d", "sorry"), form, catalogue)["dock"].confidence == 0.4
    assert read_fields(sure_of("dock b sorry d", "b"), form, catalogue)["dock"].confidence == 1.0


def test_more_ways_than_anybody_means_in_one_breath_say_nothing(form: Form, catalogue: Catalogue) -> None:
    entry, endless = "pallet seven four two | twelve units | dock b", "no not dock two pallet eight cases of " * 24
    assert told(read_fields(words(entry), form, catalogue))
    for said in (f"{entry} | {endless}", f"{endless} | {entry}"):
        reading = read_recognised_words("typed", words(said), form, catalogue)
        assert reading.not_understood is NotUnderstoodReason.NOT_DICTATION
        assert not reading.fields


def test_talk_before_an_entry_puts_what_stands_beside_it_in_doubt_and_nothing_else(
    form: Form, catalogue: Catalogue
) -> None:
    talk, entry = "we talked about it all day long | " * 6, "pallet seven four two | twelve units | dock b"
    said = read_fields(words(talk + entry), form, catalogue)
    assert told(said) == {"pallet_id": "?", "quantity": 12, "dock": "B"}


@each_of(
    ("say", "denied"),
    [
        ("pallet seven four two | twelve units", ()),
        ("pallet seven four two | no | seven four three", ("742",)),
        ("not pallet six two seven | pallet seven four two", ("627",)),
        ("zero two seven | no | pallet seven four two | twelve units", ("027",)),
        ("pallet seven four two | no | seven four two", ()),
    ],
)
def test_what_a_value_is_not_is_told_beside_it(
    say: str, denied: tuple[str, ...], form: Form, catalogue: Catalogue
) -> None:
    assert read_fields(words(say), form, catalogue)["pallet_id"].denied == denied


@each_of(
    ("language", "name", "text", "fields"),
    [
        # What is told as done is an entry, what is still to do is none.
        ("en", "pallet-move", "I've just put pallet 742, 12 units, at dock B.", {"pallet_id": "742", "quantity": 12}),
        ("en", "pallet-move", "I've got to put pallet 742, 12 units, at dock B.", {"pallet_id": "?"}),
        ("en", "pallet-move", "Pallet 742, 12 units, dock B, unloaded.", {"dock": "?"}),
        # A total stands where it is what its parts come to.
        (
            "en",
            "pallet-move",
            "Pallet 742, 10 and 10 units, 20 altogether, dock B",
            {"pallet_id": "742", "quantity": 20},
        ),
        ("en", "pallet-move", "Pallet 742, 10 and 10 units, 30 altogether, dock B", {"quantity": "?"}),
        # An item that the catalogue knows needs no label behind a unit.
        ("en", "receive", "Pallet 742, four cartons of A100", {"quantity": 4, "uom": "CT", "item": "A100"}),
        ("en", "receive", "Pallet 742, four cartons of Z999", {"quantity": [4, 999]}),
        # A code and its correction, without a word between them, are no one code.
        ("en", "pallet-move", "Pallet 8348 8848, 12 units, dock B", {"pallet_id": "?"}),
        # The letters of a code, which may be a hesitation or a word elsewhere.
        ("en", "receive-notice", "Pallet 742, twelve cases, lot mh 8443", {"lot": "MH8443"}),
        ("en", "gate-in", "Trailer GFNE 4938, sealed", {"trailer": "GFNE4938"}),
        ("en", "gate-in", "Trailer at 5501, sealed", {"trailer": "?"}),
        # A cue that may be a choice corrects behind a pause only.
        ("en", "pallet-move", "Pallet 742, thirty or rather forty units, dock B", {"quantity": "?"}),
        ("en", "pallet-move", "Pallet 742, thirty, or rather, forty units, dock B", {"quantity": 40}),
        # A label may stand before another field, and its value behind it; a sign needs no unit.
        ("en", "temperature", "The temperature in trailer 155 is 4 degrees.", {"trailer": "155", "temperature": 4}),
        ("en", "temperature", "Trailer 155, plus 9, rear", {"trailer": "155", "temperature": 9, "position": "rear"}),
        # A small word before a count is no letter of the code before it.
        ("fr", "cycle-count", "L'emplacement B 01 01 a 18 pièces", {"location": "B-01-01", "quantity": 18}),
        # What is added of another field is no other value of this one.
        ("es", "receive", "Palé 517 con 9 unidades, más 5 dañadas", {"quantity": 9, "damaged": 5}),
        ("es", "receive", "Palé 517 con 9 unidades, más 5", {"quantity": [9, 5]}),
        # A change at the end names the value that it changes.
        ("en", "pallet-move", "Pallet 231, 12 units, dock B, change dock B to D", {"dock": "D"}),
        ("en", "pallet-move", "Pallet 231, 12 units, dock B, change dock C to D", {"dock": ["C", "D"]}),
        ("de", "gate-in", "Auflieger 5459, Plombe X L 4 7 3 8 9, ich korrigiere, Auflieger 5259", {"seal": "XL47389"}),
        # A deed of the form, with its verb or without, and what may follow it.
        ("en", "close-trailer", "Everything received from trailer 5501", {"trailer": "5501"}),
        ("en", "close-trailer", "Not everything received from trailer 5501", {"trailer": "?"}),
        ("it", "close-trailer", "Dal rimorchio 4141 abbiamo ricevuto tutto", {"trailer": "4141"}),
        ("de", "pallet-move", "Palette 742 mit 12 Kartons zu Tor C gebracht danke", {"dock": "C"}),
        # The accent tells what was done from what is ordered.
        ("es", "load", "Cargué el palé 742 en el remolque 5501", {"pallet_id": "742"}),
        ("es", "load", "Cargue el palé 742 en el remolque 5501", {"pallet_id": "?"}),
        ("fr", "load", "Charge la palette 742 dans la remorque 5501", {"pallet_id": "?"}),
        ("fr", "unload", "Décharge la palette 742 de la remorque 5501", {"pallet_id": "?"}),
        ("fr", "pallet-move", "Je pose la palette 742 avec 12 colis au quai B", {"quantity": 12}),
        # What is withdrawn has its leading zeros; digits of a thing are no count.
        ("es", "put-away", "Palé 0666, 0166 quería decir, hueco A 06 01", {"pallet_id": "?", "location": "A-06-01"}),
        ("es", "receive-notice", "El dos cero cinco cinco tres son dieciséis cajas", {"quantity": "?"}),
    ],
)
def test_every_word_is_accounted_for_in_its_place(
    language: str, name: str, text: str, fields: Mapping[str, Any], repository: Path, catalogue: Catalogue
) -> None:
    form = load_form(repository / "schemas" / "forms" / f"{name}.schema.json")
    said = told(read_transcript(text, form, catalogue, language))
    assert {field: said.get(field) for field in fields} == fields
