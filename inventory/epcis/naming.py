"""Converts an entry to EPCIS events, or gives the reasons why it has none. Pure.

Nothing is guessed. A number that is no SSCC, an item without GTIN or a door without GLN is reported with what to add to
the mapping, and the whole entry is left out: a part of it would state something else.

EPCIS 2.0 (GS1, June 2022; ISO/IEC 19987:2024): section 7.3, QuantityElement (which units a quantity may have), 7.4.1
(eventTime and its zone), 7.4.2 ObjectEvent, 7.4.3 AggregationEvent; CBV 2.0, section 8 (names of documents and of
events).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import inf
from typing import Any
from uuid import UUID, uuid5

from dockvoice_protocol.instants import rfc3339
from inventory.epcis import vocabulary
from inventory.epcis.keys import SSCC, InvalidKey, Key, KeyKind, check_key_digits, check_lot_or_extension
from inventory.epcis.mapping import WHOLE_SITE, EpcisMapping, FormMapping, SiteMapping

EpcisEvent = dict[str, Any]  # An event as JSON.

MAIN, DAMAGED = "", "damaged"  # The parts of an entry: its content, and the damaged goods.

_MOST_OFFSET = timedelta(hours=14)  # Limit of eventTimeZoneOffset in both directions.


class ObstacleCode(StrEnum):
    """Reasons to leave an entry out: codes for the counts at the end."""

    ALTERED = "altered"
    CLOCK = "clock"
    DOCUMENT = "document"
    EXCEPTION = "exception"
    FORM = "form"
    ITEM = "item"
    LOT = "lot"
    OFFSET = "offset"
    OTHERWISE = "exported_otherwise"
    PALLET = "pallet"
    PLACE = "place"
    QUANTITY = "quantity"
    SITE = "site"
    UNIT = "unit"
    UNSOUND = "unsound"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class ExportObstacle:
    """One reason why an entry is not exported."""

    code: ObstacleCode
    message: str  # The field, what was found, what is allowed, what to do.


@dataclass(frozen=True, slots=True)
class EventTimes:
    """The time of an event by the device's clock, and of its receipt."""

    recorded_at: datetime
    received_at: datetime
    synchronised: bool  # Whether the device's clock was synchronised.


@dataclass(frozen=True, slots=True)
class EntryContent:
    """An entry as the export reads it: the fields of its form by role, and its times."""

    event_id: str
    site: str
    form: str
    fields: Mapping[str, Any]
    roles: Mapping[str, str]  # The form's fields by role.
    when: EventTimes


class _NotExportable(Exception):
    """Raised for a value that has no name in GS1."""

    def __init__(self, code: ObstacleCode, message: str) -> None:
        super().__init__(message)
        self.refusal = ExportObstacle(code, message)


@dataclass(frozen=True, slots=True)
class _NamedEntry:
    """The events of an entry by part, or the reasons why there are none."""

    parts: dict[str, EpcisEvent]
    refusals: tuple[ExportObstacle, ...] = ()


def to_epcis_events(said: EntryContent, mapping: EpcisMapping) -> _NamedEntry:
    """Convert an entry to its EPCIS events, or return every reason why it has none."""
    site, form = mapping.sites.get(said.site), mapping.forms.get(said.form)
    if site is None or form is None:
        return _NamedEntry({}, tuple(_missing_mappings(said, site, form)))
    refusals: list[ExportObstacle] = []
    context: EpcisEvent = {}
    what: dict[str, EpcisEvent] = {}
    for make in (_event_time_members, _step_and_disposition, _event_places, _document_list):
        try:
            context |= make(said, mapping, site, form)
        except _NotExportable as fault:
            refusals.append(fault.refusal)
    try:
        what = _object_members_by_part(said, mapping, form)
    except _NotExportable as fault:
        refusals.append(fault.refusal)
    if refusals:
        return _NamedEntry({}, tuple(refusals))
    return _NamedEntry({part: _build_event(said.event_id, part, one, context) for part, one in what.items()})


def _missing_mappings(
    said: EntryContent, site: SiteMapping | None, form: FormMapping | None
) -> Iterator[ExportObstacle]:
    if site is None:
        yield ExportObstacle(ObstacleCode.SITE, f"the site {said.site} is not in the mapping; add [sites.{said.site}]")
    if form is None:
        repair = f"add [forms.{said.form}], or the name to left_out where it is nothing for partners"
        yield ExportObstacle(ObstacleCode.FORM, f"the form {said.form} is not in the mapping; {repair}")


def _build_event(event_id: str, part: str, what: EpcisEvent, context: EpcisEvent) -> EpcisEvent:
    """One event. Its id is derived from the entry's, so that a repeated export gives the same."""
    of_part = {"disposition": vocabulary.DISPOSITION_OF_DAMAGED} if part == DAMAGED else {}
    return {"type": what["type"], "eventID": event_identifier(event_id, part), **context, **what, **of_part}


def event_identifier(event_id: str, part: str = MAIN) -> str:
    """The eventID of a part of an entry: the entry's own UUID, or one derived from it and the part (RFC 9562, v5).

    CBV 2.0, section 8: an eventID is a UUID as URN, or a hash of the event.
    """
    own = UUID(event_id)
    return f"urn:uuid:{own if part == MAIN else uuid5(own, part)}"


def _event_time_members(said: EntryContent, mapping: EpcisMapping, site: SiteMapping, _: FormMapping) -> EpcisEvent:
    when = said.when
    if not when.synchronised and mapping.unsynchronised == "refuse":
        raise _NotExportable(
            ObstacleCode.CLOCK,
            f"its device's clock could not be believed ({rfc3339(when.recorded_at)}), so nobody knows when it was; "
            'unsynchronised = "received" dates such entries by when they came',
        )
    moment = when.recorded_at if when.synchronised else when.received_at
    return {"eventTime": rfc3339(moment), "eventTimeZoneOffset": _format_offset(site, moment)}


def _format_offset(site: SiteMapping, moment: datetime) -> str:
    """The site's UTC offset: `+02:00`. Raises _NotExportable if eventTimeZoneOffset cannot express it."""
    if (ahead := site.offset(moment)) is None:
        raise _NotExportable(ObstacleCode.OFFSET, f"{moment} has no time in {site.zone}; set the device's clock")
    minutes, seconds = divmod(abs(ahead), timedelta(minutes=1))
    if seconds or abs(ahead) > _MOST_OFFSET:
        raise _NotExportable(
            ObstacleCode.OFFSET,
            f"{site.zone} was {ahead} from UTC then, which is no whole minute; EPCIS has no word for that",
        )
    return f"{'-' if ahead < timedelta() else '+'}{minutes // 60:02}:{minutes % 60:02}"


def _step_and_disposition(said: EntryContent, _: EpcisMapping, __: SiteMapping, form: FormMapping) -> EpcisEvent:
    """Business step and disposition, by the form and by the entry's exceptions."""
    step, disposition = form.step, form.disposition
    for field in dict.fromkeys([*form.exceptions, said.roles.get("exception", "exception")]):
        value = said.fields.get(field)
        if value is None:
            continue
        of = form.exceptions.get(field, {}).get(_text(value))
        if of is None:
            where = f"[forms.{said.form}.exceptions.{field}]"
            raise _NotExportable(
                ObstacleCode.EXCEPTION,
                f"{field}: found {_shorten(value)}, and the mapping does not say what that is in EPCIS; "
                f"add it to {where} with a disposition, a step or both",
            )
        step, disposition = of.step or step, of.disposition or disposition
    return {"action": "OBSERVE", "bizStep": step, **({"disposition": disposition} if disposition else {})}


def _event_places(said: EntryContent, mapping: EpcisMapping, site: SiteMapping, form: FormMapping) -> EpcisEvent:
    at: EpcisEvent = {}
    for member, field in (("readPoint", form.read_point), ("bizLocation", form.location)):
        if field == WHOLE_SITE and site.gln is not None:
            at[member] = {"id": _key_uri(mapping, Key(KeyKind.PLACE, site.gln), ObstacleCode.PLACE, "gln")}
        elif field is not None and (value := said.fields.get(field)) is not None:
            at[member] = {"id": _place_identifier(said, mapping, site, field, value)}
    return at


def _place_identifier(said: EntryContent, mapping: EpcisMapping, site: SiteMapping, field: str, value: object) -> str:
    place = site.places.get(field, {}).get(_text(value))
    if place is None:
        where = f"[sites.{said.site}.places.{field}]"
        raise _NotExportable(
            ObstacleCode.PLACE, f"{field}: {_shorten(value)} has no GLN in the mapping; add it to {where}"
        )
    return _key_uri(mapping, place.key, ObstacleCode.PLACE, field)


def _document_list(said: EntryContent, mapping: EpcisMapping, _: SiteMapping, __: FormMapping) -> EpcisEvent:
    """The entry's documents: `urn:epcglobal:cbv:bt:GLN:NUMBER`, as in CBV 2.0, section 8."""
    found = []
    for one in mapping.transactions:
        value = said.fields.get(one.field)
        number = None if value is None else _text(value) if one.values is None else one.values.get(_text(value))
        if number is not None:
            found.append(
                {
                    "type": one.type,
                    "bizTransaction": f"urn:epcglobal:cbv:bt:{one.gln}:{_escape_document_number(one.field, number)}",
                }
            )
        elif value is not None and not one.optional:
            raise _NotExportable(
                ObstacleCode.DOCUMENT,
                f"{one.field}: {_shorten(value)} is not among the values of its [[transactions]]; add its document, or "
                "set optional = true where not every one has some",
            )
    return {"bizTransactionList": found} if found else {}


def _escape_document_number(field: str, number: str) -> str:
    """A document's number escaped for a URN, as in TDS."""
    try:
        checked = check_lot_or_extension(number, "document's number")
    except InvalidKey as fault:
        raise _NotExportable(ObstacleCode.DOCUMENT, f"{field}: {fault}") from None
    return re.sub(r'["%&/<>?#]', lambda sign: f"%{ord(sign[0]):02X}", checked)


def _object_members_by_part(said: EntryContent, mapping: EpcisMapping, form: FormMapping) -> dict[str, EpcisEvent]:
    """The observed objects, by part."""
    if form.kind == "pallet":
        return {MAIN: {"type": "ObjectEvent", "epcList": [_pallet_identifier(said, mapping)]}}
    if form.kind == "goods":
        return {
            part: {"type": "ObjectEvent", "quantityList": [one]} for part, one in _goods_quantities(said, mapping, form)
        }
    pallet = _pallet_identifier(said, mapping)
    return {
        part: {"type": "AggregationEvent", "parentID": pallet, "childQuantityList": [one]}
        for part, one in _goods_quantities(said, mapping, form)
    }


def _pallet_identifier(said: EntryContent, mapping: EpcisMapping) -> str:
    field, value = _role_value(said, "pallet")
    if value is None:
        raise _NotExportable(ObstacleCode.PALLET, f"{field}: no pallet was said; EPCIS needs its SSCC")
    try:
        digits = check_key_digits(_text(value), SSCC, "SSCC")
    except InvalidKey as fault:
        repair = 'a number of your own is no EPC; label pallets with SSCCs, or set kind = "goods" for this form'
        raise _NotExportable(ObstacleCode.PALLET, f"{field}: {fault}; {repair}") from None
    return _key_uri(mapping, Key(KeyKind.UNIT, digits), ObstacleCode.PALLET, field)


def _goods_quantities(said: EntryContent, mapping: EpcisMapping, form: FormMapping) -> Iterator[tuple[str, EpcisEvent]]:
    """Classes and quantities, good and damaged apart; at least one of both."""
    item_field, item = _role_value(said, "item")
    if item is None:
        raise _NotExportable(ObstacleCode.ITEM, f"{item_field}: no item was said; EPCIS needs its GTIN")
    units = mapping.items.get(_text(item))
    if units is None:
        raise _NotExportable(
            ObstacleCode.ITEM, f"{item_field}: {_shorten(item)} has no GTIN in the mapping; add [items.{_text(item)}]"
        )
    unit_field, said_unit = _role_value(said, "uom")
    unit = form.unit if said_unit is None else _text(said_unit)
    if unit is None:
        raise _NotExportable(
            ObstacleCode.UNIT, f"{unit_field}: no unit was said; set unit in [forms.{said.form}] to what is counted"
        )
    if unit not in units:
        known = ", ".join(sorted(units)) or "none"
        raise _NotExportable(
            ObstacleCode.UNIT,
            f"{unit_field}: {_shorten(item)} has no GTIN for {unit} in the mapping, which has {known}: a case and what "
            f"is in it have each their own; add {unit} to [items.{_text(item)}]",
        )
    key = _class_key(said, units[unit])
    amounts = [(MAIN, *_role_value(said, "quantity")), (DAMAGED, *_role_value(said, "damaged"))]
    counted = [(part, field, value) for part, field, value in amounts if value is not None and value != 0]
    if not counted:
        message = "none was counted" if any(value is not None for _, _, value in amounts) else "no quantity was said"
        raise _NotExportable(
            ObstacleCode.QUANTITY, f"{amounts[0][1]}: {message}; EPCIS tells of what is there, and has no word for none"
        )
    epc_class = _key_uri(mapping, key, ObstacleCode.ITEM, item_field)
    for part, field, value in counted:
        yield part, {"epcClass": epc_class, **_quantity_element(field, value, unit)}


def _class_key(said: EntryContent, gtin: str) -> Key:
    field, lot = _role_value(said, "lot")
    if lot is None:
        return Key(KeyKind.CLASS, gtin)
    try:
        return Key(KeyKind.LOT, gtin, check_lot_or_extension(_text(lot), "lot"))
    except InvalidKey as fault:
        raise _NotExportable(ObstacleCode.LOT, f"{field}: {fault}; GS1 cannot name it") from None


def _quantity_element(field: str, value: object, unit: str) -> EpcisEvent:
    """QuantityElement: without `uom` a positive whole number of objects, with it a positive measure."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < inf:
        raise _NotExportable(ObstacleCode.QUANTITY, f"{field}: found {_shorten(value)}, allowed is a positive number")
    if unit in vocabulary.MEASURE_UNITS:
        return {"quantity": value, "uom": unit}
    if value != int(value):
        raise _NotExportable(
            ObstacleCode.QUANTITY, f"{field}: found {value} {unit}, and {unit} is counted in whole numbers"
        )
    return {"quantity": int(value)}


def _key_uri(mapping: EpcisMapping, key: Key, lack: ObstacleCode, field: str) -> str:
    try:
        return mapping.name(key)
    except InvalidKey as fault:
        repair = 'add its issuer\'s prefix, or set identifiers = "digital_link", which needs none'
        raise _NotExportable(lack, f"{field}: {fault}; {repair}") from None


def _role_value(said: EntryContent, role: str) -> tuple[str, Any]:
    """The form's field with this role, and its value."""
    name = said.roles.get(role, role)
    return name, said.fields.get(name)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shorten(value: object) -> str:
    return repr(value)[:60]
