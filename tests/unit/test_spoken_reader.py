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
from edge.understand.reading_builder import read_recognised_words
from tests.rows import each_of, every, rows_of

TABLES = Path(__file__).parent / "tables"
BRIEF_WORDS = {"to", "for"}
DRAWN_S = 0.5
SILENT_S = {"|": 0.3, ",": 0.15, ".": 0.03}


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


@each_of(("unsure", "field", "confidence"), rows_of("spoken_reader", "a_value_is_as_sure_as"))
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


@each_of(("say", "denied"), rows_of("spoken_reader", "what_a_value_is_not_is"))
def test_what_a_value_is_not_is_told_beside_it(say: str, denied: list[str], form: Form, catalogue: Catalogue) -> None:
    assert read_fields(words(say), form, catalogue)["pallet_id"].denied == (*denied,)


def test_words_that_differ_in_an_accent_alone_are_not_read_as_those_before(
    repository: Path, catalogue: Catalogue
) -> None:
    form = load_form(repository / "schemas" / "forms" / "load.schema.json")
    for _ in range(2):
        for text, pallet in (("Cargué el palé 742", "742"), ("Cargue el palé 742", "?")):
            assert told(read_transcript(f"{text} en el remolque 5501", form, catalogue, "es"))["pallet_id"] == pallet


@each_of(("language", "name", "text", "fields"), rows_of("spoken_reader", "in_place"))
def test_every_word_is_accounted_for_in_its_place(
    language: str, name: str, text: str, fields: Mapping[str, Any], repository: Path, catalogue: Catalogue
) -> None:
    form = load_form(repository / "schemas" / "forms" / f"{name}.schema.json")
    said = told(read_transcript(text, form, catalogue, language))
    assert {field: said.get(field) for field in fields or said} == fields
