"""Kinds of fields beyond names and counts: what is wrong with a form, with a value; how a value is read back."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from typer.testing import CliRunner

from dockvoice_protocol.errors import ManyFaults
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.forms.model import DayOrder, Form, MonthAlone
from dockvoice_protocol.forms.spoken import check_speakable, jsgf_grammar, vocabulary
from dockvoice_protocol.forms.spoken.kinds import date, numbers
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.forms.spoken.sentences import sample_value, value_in_words
from dockvoice_protocol.hash_chain import canonical_bytes, parse_event_or_empty
from dockvoice_protocol.languages import LANGUAGES
from dockvoice_protocol.records import FieldValue, format_number
from edge.cli.forms import commands
from edge.keep.codec import parse_fields, to_json
from edge.speak.wording import Readback
from tests.reading.patches import faults_of, merged
from tests.rows import each_of
from tests.sharing import ROOT
from tests.shipped import form_in

ENGLISH = language_named("en").numerals

ENTRY: dict[str, FieldValue] = {
    "location": "A-12-03",
    "quantity": 4,
    "uom": "CS",
    "lot": "L1234",
    "expiry": "2027-03-05",
    "weight": 250.5,
    "temperature": -18,
    "condition": "wet",
    "sealed": False,
    "serials": ("A1234", "B0007"),
}


@pytest.fixture
def schema(repository: Path) -> dict[str, Any]:
    text = (repository / "tests" / "data" / "forms" / "cycle-count.schema.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


@pytest.fixture
def form(repository: Path) -> Form:
    return form_in(repository / "tests" / "data" / "forms" / "cycle-count.schema.json")


def faults(document: dict[str, Any], directory: Path) -> tuple[str, ...]:
    path = directory / "cycle-count.schema.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ManyFaults) as caught:
        load_form(path)
    return caught.value.faults


def field(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = document["properties"][name]
    return found


def voice(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = field(document, name)["x-voice"]
    return found


@each_of(("name", "change", "told"), faults_of("form_faults_of_kinds"))
def test_a_fault_is_told_with_its_place_and_what_to_do(
    name: str, change: dict[str, Any], told: list[str], schema: dict[str, Any], tmp_path: Path
) -> None:
    schema = merged(schema, change)
    found = faults(schema, tmp_path)
    assert any(all(part in fault for part in told) for fault in found), found


def test_a_broken_field_hides_no_fault_of_another_and_makes_none(schema: dict[str, Any], tmp_path: Path) -> None:
    field(schema, "lot")["format"] = "x"
    field(schema, "uom")["title"] = 7
    field(schema, "weight")["minimum"] = 0.25
    voice(schema, "expiry")["readback"] = "{day}"
    schema["required"].append("colour")
    schema["x-voice"]["name"] = "count"
    places = [fault.split(": ")[0] for fault in faults(schema, tmp_path)]
    assert sorted(places) == [
        "#/properties/expiry/x-voice/readback",
        "#/properties/lot/format",
        "#/properties/uom/title",
        "#/properties/weight/minimum",
        "#/required",
        "#/x-voice/name",
    ]


@pytest.mark.parametrize("broken", [{}, {"properties": []}, {"properties": {"a": 7}}, {"x-voice": 1, "required": "a"}])
def test_a_form_of_which_little_is_there_is_told_all_the_same(broken: dict[str, Any], tmp_path: Path) -> None:
    assert len(faults(broken, tmp_path)) > 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("location", "A1203"),
        ("quantity", True),
        ("uom", "PL"),
        ("expiry", "2027-02-30"),
        ("expiry", "05.03.2027"),
        ("weight", 2.55),
        ("weight", 2500.1),
        ("weight", float("nan")),
        ("temperature", False),
        ("condition", "dry"),
        ("sealed", 1),
        ("sealed", None),
        ("serials", ()),
        ("serials", ("A1234", "A1234")),
        ("serials", ("A1234", "A12")),
        ("serials", ("A1234", 7)),
        ("serials", tuple(f"A{number:04}" for number in range(13))),
    ],
)
def test_a_value_that_breaks_a_rule_is_a_fault_of_its_field(name: str, value: Any, form: Form) -> None:
    assert list(form.faults({**ENTRY, name: value})) == [name]
    assert not form[name].allows(value)


def test_a_value_that_nobody_wonders_about_is_usual(form: Form) -> None:
    weights = [form["weight"].is_usual(value) for value in (0.4, 0.5, 52.5, 1500, 1500.1)]
    assert weights == [False, True, True, True, False]
    assert all(form[name].is_usual(ENTRY[name]) for name in ("expiry", "sealed", "serials", "uom", "condition"))


def test_every_decimal_keeps_its_digits_in_each_form_it_takes() -> None:
    for number in range(-1_000_000, 1_000_000, 997):
        written = Decimal(number) / 1000
        kept = parse_fields(to_json({"weight": float(written)}))
        event = {"data": {"fields": kept}}
        assert canonical_bytes(parse_event_or_empty(canonical_bytes(event))) == canonical_bytes(event)
        assert Decimal(format_number(float(str(kept["weight"])))) == written


READ_BACK = {
    "en": "location A, 1 2, 0 3, 4 cases, lot L 1 2 3 4, expiry 5 March 2027, 250.5 kilos, 2 5 0 point 5, "
    "minus 18 degrees, wet, not sealed, serials A 1 2 3 4, bravo 0 0 0 7",
    "de": "Platz A, 1 2, 0 3, 4 Kisten, Charge L 1 2 3 4, Ablaufdatum 5. März 2027, 250,5 Kilo, 2 5 0 Komma 5, "
    "minus 18 Grad, nass, nicht verplombt, Seriennummern A 1 2 3 4, Berta 0 0 0 7",
}


@pytest.mark.parametrize(("language", "line"), READ_BACK.items())
def test_an_entry_is_read_back_in_words_that_are_not_mistaken(language: str, line: str, form: Form) -> None:
    assert Readback(form, language).entry_line(ENTRY) == line


def test_one_of_a_unit_is_one_and_an_unknown_unit_is_not_made_up(form: Form) -> None:
    told = Readback(form)
    assert told.entry_line({"quantity": 1, "uom": "CS"}) == "1 case"
    assert told.entry_line({"quantity": 4}) == "quantity 4"
    assert told.entry_line({"uom": "BX"}) == "boxes"
    assert told.field_line("quantity", 12) == "quantity 12"
    assert form.readback({"quantity": 1, "uom": "BX"}) == "1 box"
    assert form.readback({"quantity": 4}) == "4"


def test_every_language_has_words_for_the_units_that_forms_share(repository: Path) -> None:
    quantity = form_in(repository / "schemas/forms/receive.schema.json")["quantity"]
    codes = language_named("en").units.keys()
    assert codes == {"BG", "BE", "BJ", "DR", "PU", "RO", "SA"}
    for code in LANGUAGES:
        units = language_named(code).units
        words = [word for ways in units.values() for word in ways]
        assert units.keys() == codes
        assert len(set(words)) == len(words)
        assert [quantity.unit_word(12, one, code) for one in codes] == [units[one][0] for one in codes]
        assert [quantity.unit_word(1, one, code) for one in codes] == [units[one][:2][-1] for one in codes]


def test_yes_and_no_without_words_of_their_own_are_said_with_the_label(schema: dict[str, Any], tmp_path: Path) -> None:
    field(schema, "sealed")["x-languages"] = {"de": {"labels": ["plombe"]}}
    voice(schema, "sealed")["readback"] = "sealed {value}"
    path = tmp_path / "cycle-count.schema.json"
    path.write_text(json.dumps(schema), encoding="utf-8")
    form = load_form(path)
    assert Readback(form).entry_line({"sealed": False}) == "sealed no"
    assert Readback(form, "de").entry_line({"sealed": True}) == "Plombe ja"


@each_of("name", ["cycle-count", "coffee"])
def test_what_is_made_of_a_form_keeps_its_rules_and_can_be_said(name: str, repository: Path) -> None:
    form = load_form(repository / "tests" / "data" / "forms" / f"{name}.schema.json")
    catalogue, random = Catalogue({}), Random(1)
    check_speakable(form, catalogue)
    for _ in range(200):
        made = {one.name: sample_value(one, catalogue, random) for one in form.fields}
        assert form.faults(made) == []
        words = [
            value_in_words(made[one.name], one, catalogue, random) for one in form.fields if not one.spoken.by_unit
        ]
        assert all(words)


def test_what_is_said_of_a_decimal_and_a_day_is_read_again(form: Form) -> None:
    catalogue, random = Catalogue({}), Random(1)
    language = {**language_named("en").table, "decimal": ".", "thousands": ","}
    for _ in range(300):
        weight = sample_value(form["weight"], catalogue, random)
        words = value_in_words(weight, form["weight"], catalogue, random).split()
        if not {"a", "dozen"} & set(words):  # which the small numerals do not have
            assert best(numbers.decimal_readings(words, 0, ENGLISH, language), len(words)) == weight
        expiry = sample_value(form["expiry"], catalogue, random)
        words = value_in_words(expiry, form["expiry"], catalogue, random).split()
        dated = date.date_readings(
            words, 0, ENGLISH, language, date.DateLabelFormat(DayOrder.DAY_MONTH_YEAR, MonthAlone.END)
        )
        assert best(dated, len(words)) == expiry


def best(found: Sequence[tuple[int, float | str, float]], end: int) -> FieldValue:
    return min((one for one in found if one[0] == end), key=lambda one: one[2])[1]


@each_of("name", ["cycle-count", "coffee"])
def test_every_rule_of_a_grammar_is_there_and_every_word_known(name: str, repository: Path) -> None:
    form = load_form(repository / "tests" / "data" / "forms" / f"{name}.schema.json")
    grammar = jsgf_grammar(form, Catalogue({}), commands=["help"])
    named = set(re.findall(r"<([a-z_]+)>", grammar))
    rules = dict(re.findall(r"^(?:public )?<([a-z_]+)> = (.*);$", grammar, re.MULTILINE))
    assert named == set(rules)
    assert all(expansion.strip() for expansion in rules.values())
    known = {"coffee": {"double", "shot", "oat"}, "cycle-count": {"march", "point", "not", "fifth", "cases"}}
    assert known[name] <= vocabulary(form, Catalogue({}))


def test_every_kind_that_a_form_may_name_is_listed_with_what_it_holds_and_how_it_is_said() -> None:
    listed = [json.loads(line) for line in CliRunner().invoke(commands, ["kinds", "--json"]).stdout.splitlines()]
    forms = "".join(path.read_text("utf-8") for path in (ROOT / "schemas" / "forms").glob("*.json"))
    assert {one["name"] for one in listed} >= {*re.findall(r'"spoken": "(\w+)"', forms), "date"}
    assert all(one["holds"] and one["said"] for one in listed)
