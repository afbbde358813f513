from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.loader import load_form, load_forms
from dockvoice_protocol.forms.model import Form
from tests.reading.patches import faults_of, merged
from tests.rows import each_of


@pytest.fixture
def schema(repository: Path) -> dict[str, Any]:
    text = (repository / "schemas" / "forms" / "pallet-move.schema.json").read_text()
    document: dict[str, Any] = json.loads(text)
    return document


def written(document: object, directory: Path, name: str = "pallet-move.schema.json") -> Path:
    path = directory / name
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def fault(path: Path) -> str:
    with pytest.raises(Misconfigured) as caught:
        load_form(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def voice(document: dict[str, Any], field: str) -> dict[str, Any]:
    found: dict[str, Any] = document["properties"][field]["x-voice"]
    return found


def test_a_file_that_is_none_or_no_json_is_told(tmp_path: Path) -> None:
    assert "no such file" in fault(tmp_path / "absent.schema.json")
    assert "line 2, column 11" in fault(written('{\n "title": ,\n}', tmp_path))
    assert "'title' stands twice" in fault(written('{"title": "a", "title": "b"}', tmp_path))
    path = tmp_path / "pallet-move.schema.json"
    path.write_bytes(b"\xff\xfe{}")
    assert "readable UTF-8" in fault(path)


@each_of(("name", "change", "told"), faults_of("form_faults"))
def test_a_fault_is_told_with_file_place_and_what_is_allowed(
    name: str, change: dict[str, Any], told: list[str], schema: dict[str, Any], tmp_path: Path
) -> None:
    schema = merged(schema, change)
    path = written(schema, tmp_path)
    message = fault(path)
    assert message.startswith(f"{path}: ")
    for part in told:
        assert part in message


def test_all_faults_of_a_file_are_told_at_once(schema: dict[str, Any], tmp_path: Path) -> None:
    schema["properties"]["dock"]["format"] = "x"
    schema["properties"]["quantity"]["multipleOf"] = 2
    voice(schema, "pallet_id")["speak"] = "digits"
    message = fault(written(schema, tmp_path))
    for place in (
        "#/properties/dock/format",
        "#/properties/quantity/multipleOf",
        "#/properties/pallet_id/x-voice/speak",
    ):
        assert place in message


def test_the_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"no form here.*forms\.directory"):
        load_forms(tmp_path)
    written("{", tmp_path, "a.schema.json")
    written("[]", tmp_path, "b.schema.json")
    with pytest.raises(Misconfigured, match=r"a\.schema\.json.*b\.schema\.json"):
        load_forms(tmp_path)


VALID: Mapping[str, object] = {"pallet_id": "007", "quantity": 12, "dock": "B"}


@each_of(
    ("field", "value"),
    [
        ("pallet_id", 7),
        ("pallet_id", "742\n"),
        ("pallet_id", "1" * 19),
        ("pallet_id", None),
        ("quantity", 12.0),
        ("quantity", True),
        ("quantity", 0),
        ("quantity", 100_000),
        ("dock", "AB"),
        ("colour", "red"),
    ],
)
def test_a_value_that_breaks_a_rule_is_a_fault_of_its_field(field: str, value: object, form: Form) -> None:
    assert list(form.faults({**VALID, field: value})) == [field]


@each_of(
    ("entry", "valid"),
    [(VALID, True), ({**VALID, "note": "x"}, False), ({**VALID, "pallet_id": 7}, False), ({"dock": "B"}, False)],
)
def test_the_form_and_a_json_schema_validator_agree(entry: Mapping[str, object], valid: bool, form: Form) -> None:
    assert jsonschema.Draft202012Validator(dict(form.schema)).is_valid(entry) is valid
    assert (form.faults(entry) == []) is valid


def test_a_form_says_which_thing_an_entry_is_about(schema: dict[str, Any], tmp_path: Path) -> None:
    schema["x-voice"]["identifies"] = ["pallet_id", "dock"]
    assert load_form(written(schema, tmp_path)).identifies == ("pallet_id", "dock")
    del schema["x-voice"]["identifies"]
    assert load_form(written(schema, tmp_path)).identifies == ("pallet_id",)


@each_of(
    ("entry", "told"),
    [
        ({"pallet_id": "007", "quantity": 12, "dock": "B"}, "pallet 0 0 7, 12 units, dock B"),
        ({"pallet_id": "007", "quantity": 1, "dock": "B"}, "pallet 0 0 7, 1 unit, dock B"),
        ({"dock": "B", "pallet_id": "742"}, "pallet 7 4 2, dock B"),
        ({}, ""),
    ],
)
def test_an_entry_is_read_back_as_far_as_it_goes(entry: dict[str, Any], told: str, form: Form) -> None:
    assert form.readback(entry) == told


def test_a_wrong_check_digit_breaks_the_form(schema: dict[str, Any], tmp_path: Path) -> None:
    schema["properties"]["pallet_id"]["x-voice"]["check_digit"] = "sscc"
    form = load_form(written(schema, tmp_path))
    fields = {"pallet_id": "376130321109103421", "quantity": 12, "dock": "B"}
    assert form.faults(fields) == ["pallet_id"]
    assert not form["pallet_id"].allows("376130321109103421")
    assert form.faults(fields | {"pallet_id": "376130321109103420"}) == []


@pytest.mark.parametrize(
    ("field", "usual", "told"),
    [
        ("quantity", {"minimum": 9, "maximum": 3}, "#/properties/quantity/x-voice/usual/minimum: 9 is above maximum 3"),
        ("pallet_id", {"minLength": 3, "maxLength": 2}, "#/properties/pallet_id/x-voice/usual/minLength: 3 is above"),
        ("dock", {"minLength": 1, "maxLength": 1}, "#/properties/dock/x-voice/usual: is for what is spoken as"),
    ],
)
def test_usual_values_that_are_none_are_refused(
    schema: dict[str, Any], tmp_path: Path, field: str, usual: dict[str, int], told: str
) -> None:
    voice(schema, field)["usual"] = usual
    assert told in fault(written(schema, tmp_path))


def test_the_usual_values_hold_both_their_ends(schema: dict[str, Any], tmp_path: Path) -> None:
    voice(schema, "quantity")["usual"] = {"minimum": 3, "maximum": 9}
    quantity = load_form(written(schema, tmp_path))["quantity"]
    assert [value for value in (2, 3, 9, 10) if quantity.is_usual(value)] == [3, 9]
    del voice(schema, "quantity")["usual"]
    assert load_form(written(schema, tmp_path))["quantity"].is_usual(99_999)


def test_an_identifier_is_usual_by_its_length_or_by_a_check_digit_that_fits(
    schema: dict[str, Any], tmp_path: Path
) -> None:
    voice(schema, "pallet_id")["usual"] = {"minLength": 3, "maxLength": 8}
    pallet = load_form(written(schema, tmp_path))["pallet_id"]
    sscc = "376130321109103420"
    assert [value for value in ("99", "007", "12345678", "123456789", sscc) if pallet.is_usual(value)] == [
        *("007", "12345678", sscc)
    ]
    assert not pallet.is_usual(sscc[:-1]), "a figure was lost"
    assert pallet.allows(sscc[:-1])
    assert not pallet.is_usual("376130321109103421"), "a figure is wrong"
