"""Particulars of an entry: business day and shift by the site's clock, its context, quantities in base units."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dockvoice_protocol.errors import ManyFaults
from dockvoice_protocol.events import RECORDED, SCHEMAS, parse_event, to_json_bytes
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.records import Act, FieldValue, Reading, UnitFactor
from edge.config import Settings
from edge.deliver.device_events import entry_event, make_derived_fields_function
from edge.records import DerivedFields, Entry, EventIds, SiteCalendar
from tests.dictated import INSTANCE, seal
from tests.rows import each_of, rows_of

SHIFTS = {"early": time(6), "late": time(14), "night": time(22)}
SITES = {
    "BERLIN": SiteCalendar(ZoneInfo("Europe/Berlin"), time(6), SHIFTS),
    "AT_HALF_PAST_TWO": SiteCalendar(ZoneInfo("Europe/Berlin"), time(2, 30), {"one": time(2, 30), "two": time(14)}),
    "CHATHAM": SiteCalendar(ZoneInfo("Pacific/Chatham")),
    "ST_JOHNS": SiteCalendar(ZoneInfo("America/St_Johns")),
}


@each_of(("site", "moment", "day", "shift", "offset"), rows_of("particulars", "moments"))
def test_a_moment_has_one_business_day_and_shift(site: str, moment: str, day: str, shift: str, offset: str) -> None:
    found = SITES[site].at(datetime.fromisoformat(moment).replace(tzinfo=UTC))
    assert (found.business_day, found.shift, found.utc_offset) == (date.fromisoformat(day), shift or None, offset)


@each_of(("factor", "said", "wanted"), rows_of("particulars", "a_quantity_is_converted_exactly_or"))
def test_a_quantity_is_converted_exactly_or_not_at_all(
    factor: str, said: float, wanted: list[float | str] | None
) -> None:
    found = UnitFactor("EA", Decimal(factor)).to_base_unit(said)
    assert (None if found is None else [found.quantity, found.uom, found.factor]) == wanted


Change = Callable[[dict[str, Any]], object]


def written(repository: Path, directory: Path, *changes: Change) -> Path:
    """The form of a cycle count with an item, whose master data convert, and with a trailer as its context."""
    path = repository / "tests" / "data" / "forms" / "cycle-count.schema.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    label = {"spoken": "alphanumeric", "ask": "Which?", "readback": "{value}"}
    document["properties"] |= {
        "item": {"type": "string", "x-voice": {**label, "labels": ["item"], "catalogue": "items"}},
        "trailer": {"type": "string", "x-voice": {**label, "labels": ["trailer"]}},
    }
    document["properties"]["uom"]["x-voice"]["item"] = "item"
    document["x-voice"]["context"] = ["trailer"]
    document["properties"]["location"]["x-voice"]["role"] = "pallet"
    document["properties"]["quantity"]["x-voice"]["role"] = "quantity"
    document["x-voice"]["expects"] = True
    for change in changes:
        change(document)
    (directory / path.name).write_text(json.dumps(document), encoding="utf-8")
    return directory / path.name


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda form: form["x-voice"].update(context=["lorry"]), "#/x-voice/context: 'lorry' is no field"),
        (
            lambda form: form["properties"]["location"]["x-voice"].update(role="lot"),
            "#/x-voice/expects: is set, and no field has the role pallet",
        ),
        (
            lambda form: form["properties"]["lot"]["x-voice"].update(role="colour"),
            "#/properties/lot/x-voice/role: found 'colour', allowed for this type: pallet, item, lot",
        ),
        (
            lambda form: form["properties"]["quantity"]["x-voice"].update(role="lot"),
            "#/properties/quantity/x-voice/role: found 'lot', allowed for this type: quantity, damaged, short, over",
        ),
        (
            lambda form: form["properties"]["lot"]["x-voice"].update(role="pallet"),
            "#/properties/lot/x-voice/role: found 'pallet', which is the role of location",
        ),
        (
            lambda form: form["properties"]["uom"]["x-voice"].update(item="lot"),
            "#/properties/uom/x-voice/item: 'lot' is no field with a 'catalogue'; fields that have: item",
        ),
    ],
)
def test_a_form_that_names_no_field_for_its_particulars_is_told(
    change: Change, told: str, repository: Path, tmp_path: Path
) -> None:
    with pytest.raises(ManyFaults) as caught:
        load_form(written(repository, tmp_path, change))
    assert told in str(caught.value)


def of(
    repository: Path, directory: Path, fields: dict[str, FieldValue], **settings: Any
) -> tuple[Entry, DerivedFields]:
    (directory / "items.csv").write_text("value\nA1\nA2\n", encoding="utf-8")
    (directory / "items.units.csv").write_text("value,unit,factor,base\nA1,CS,12,EA\n", encoding="utf-8")
    form, catalogue = load_form(written(repository, directory)), Catalogue.load(directory)
    moment = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)
    reading = Reading("test", form.name, (), {})
    entry = Entry("01919f3e-7b00-7f10-8aa0-5c4d3e2f1a0b", form.name, fields, None, moment, reading, "ab" * 32, 1.0)
    return entry, make_derived_fields_function(Settings(**settings), form, catalogue)(entry)


def test_an_event_says_what_was_said_and_what_that_is_in_base_units(repository: Path, tmp_path: Path) -> None:
    fields: dict[str, FieldValue] = {"location": "A-12-03", "quantity": 4, "uom": "CS", "item": "A1", "trailer": "5501"}
    workday = {"zone": "Europe/Berlin", "begins": "06:00", "shifts": {"early": "06:00", "night": "22:00"}}
    entry, beside = of(repository, tmp_path, fields, workday=workday)
    named: dict[str, Any] = {"site": "north", "device": "dock-3", "particulars": beside}
    minted = EventIds("01919f3e-7c1a-7d42-9b1f-2f6a0c5d8e11", 1, "0" * 64, INSTANCE)
    for act in (Act.RECORD, Act.AMEND):
        event = entry_event(replace(entry, act=act, replaces=minted.event_id), minted, **named)
        data = parse_event(to_json_bytes(event | seal(1)))["data"]
        assert data["fields"] == fields
        assert data["converted"] == {"quantity": {"quantity": 48, "uom": "EA", "factor": 12}}
        assert data["context"] == {"trailer": "5501"}
        offset = {"zone": "Europe/Berlin", "utc_offset": "+01:00"}
        assert data["workday"] == {"business_day": "2026-11-19", "shift": "night", **offset}


@pytest.mark.parametrize("fields", rows_of("particulars", "without_a_factor_a_quantity_stays"))
def test_without_a_factor_a_quantity_stays_as_it_was_said(
    fields: dict[str, FieldValue], repository: Path, tmp_path: Path
) -> None:
    entry, beside = of(repository, tmp_path, fields)
    assert beside == DerivedFields()
    minted = EventIds("01919f3e-7c1a-7d42-9b1f-2f6a0c5d8e11", 1, "0" * 64, INSTANCE)
    event = entry_event(entry, minted, site="north", device="dock-3", particulars=beside)
    assert event == entry_event(entry, minted, site="north", device="dock-3")
    assert event["type"] == RECORDED in SCHEMAS
