"""Entries for the tests of EPCIS, a mapping that names what they name, and GS1's own JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jsonschema import Draft7Validator, FormatChecker

from inventory.epcis.export import Export, StoredEvent
from inventory.epcis.mapping import EpcisMapping, load_mapping
from inventory.forms import Roles, load_forms, load_roles
from tests.dictated import identity, payload
from tests.sharing import ROOT

MAPPING = ROOT / "config" / "epcis.toml"  # What is shipped as an example: so it is an example that works.

SCHEMA = ROOT / ".cache" / "epcis2" / "package" / "src" / "schema" / "EPCISDocument.schema.json"
"""GS1's, which `make ready` fetches."""

SSCC = "106141412345678908"  # The example of the Tag Data Standard.
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
CAME = datetime(2026, 11, 20, 7, 15, 4, tzinfo=UTC)

RECEIVED = {"pallet_id": SSCC, "quantity": 24, "uom": "CS", "item": "A100", "door": "12", "order": "4711"}
"""What an entry of the form `receive` may say."""

SAID: Mapping[str, Mapping[str, Any]] = {
    "receive": RECEIVED | {"damaged": 2, "trailer": "5501"},
    "receive-notice": {"pallet_id": SSCC, "quantity": 12, "uom": "EA", "item": "A100", "lot": "L4711", "door": "1"},
    "unload": {"pallet_id": SSCC, "trailer": "5501", "door": "1", "exception": "wet"},
    "put-away": {"pallet_id": SSCC, "location": "A-01-02"},
    "pallet-move": {"pallet_id": SSCC, "quantity": 12, "dock": "B"},
    "load": {"pallet_id": SSCC, "trailer": "5502", "door": "12"},
    "damage": {"pallet_id": SSCC, "quantity": 3, "uom": "CS", "item": "A100", "damage": "torn"},
    "cycle-count": {"location": "A-01-02", "quantity": 2.5, "uom": "KGM", "item": "A200"},
    "stock-count": {"item": "A100", "quantity": 7, "location": "A01"},
}
"""By form, an entry that can be named."""


@cache
def mapping() -> EpcisMapping:
    return load_mapping(MAPPING)


@cache
def forms_roles() -> Roles:
    return load_roles(load_forms(ROOT / "schemas" / "forms"))


def mapped(**changed: Any) -> EpcisMapping:
    """The mapping with other members."""
    return EpcisMapping.model_validate(mapping().model_dump() | changed)


def with_urns() -> EpcisMapping:
    return mapped(identifiers="urn", company_prefixes=("9521321", "0614141"))


def happened(
    number: int,
    kind: str = "recorded",
    *,
    form: str = "receive",
    fields: Mapping[str, Any] | None = None,
    of: int = 0,
    time: str = "2026-11-20T07:15:02.417Z",
    site: str = "north",
    replaced: bool = False,
    struck_at: datetime | None = None,
    came: datetime = CAME,
    clock: str | None = None,
) -> StoredEvent:
    """Event `number` of dock-3 as the inventory has it; of an amendment or a cancellation, `of` what it names."""
    names = {"amended": {"amends": identity(1, of)}, "cancelled": {"cancels": identity(1, of)}}.get(kind, {})
    said = {} if kind in {"cancelled", "withheld"} else {"fields": dict(RECEIVED if fields is None else fields)}
    event = {
        "id": identity(1, number),
        "type": f"dockvoice.entry.{kind}.v1",
        "time": time,
        **({"clock": clock} if clock else {}),
    }
    return StoredEvent(
        event_id=identity(1, number),
        site=site,
        device="dock-3",
        sequence=number,
        type=f"dockvoice.entry.{kind}.v1",
        body=payload({**event, "data": {"form": form, **said, **names}}).decode(),
        received_at=came,
        replaced=replaced,
        struck_at=struck_at,
    )


def a_day() -> list[StoredEvent]:
    """An entry of each form, one that is corrected, one that is cancelled, one that a person struck."""
    said = [happened(10 + at, form=form, fields=fields) for at, (form, fields) in enumerate(SAID.items())]
    return [
        *said,
        happened(1, replaced=True),
        happened(2, "amended", of=1, fields=RECEIVED | {"quantity": 23}, time="2026-11-20T08:00:00.000Z"),
        happened(3, replaced=True),
        happened(4, "cancelled", of=3, time="2026-11-20T08:01:00.000Z"),
        happened(5, struck_at=datetime(2026, 11, 21, 9, tzinfo=UTC)),
    ]


def exported(
    came: Iterable[StoredEvent], names: EpcisMapping | None = None, known: Iterable[Mapping[str, Any]] = ()
) -> tuple[dict[str, Any], list[tuple[int, str, str]], Export]:
    """The document, what was refused (number, code, reason), and the export itself."""
    refused: list[tuple[int, str, str]] = []
    making = Export(
        names or mapping(),
        forms_roles(),
        NOW,
        lambda one, why: refused.append((one.sequence, why.code.value, why.message)),
    )
    for earlier in known:
        making.remember_earlier(events(earlier))
    document: dict[str, Any] = json.loads("".join(making.lines(came)))
    return document, refused, making


def events(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document["epcisBody"]["eventList"]
    return found


@cache
def by_gs1() -> Draft7Validator:
    """GS1's schema, every format that Python can check checked."""
    return Draft7Validator(json.loads(SCHEMA.read_text(encoding="utf-8")), format_checker=FormatChecker())
