"""An entry as EPCIS events, or the reasons why it has none. Pure: the same entry and mapping give the same events.

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

from dockvoice_protocol.instants import timestamp
from inventory.epcis import vocabulary
from inventory.epcis.keys import SSCC, InvalidKey, Key, KeyKind, check_key_digits, check_suffix
from inventory.epcis.mapping import SITE, EpcisMapping, FormNamed, SiteNamed
from inventory.forms import CALLED

EpcisEvent = dict[str, Any]  # An event as JSON.

MAIN, DAMAGED = "", "damaged"
"""The parts of an entry: its content, and the damaged goods."""

MOST_OFFSET = timedelta(hours=14)  # Limit of eventTimeZoneOffset in both directions.


class Lack(StrEnum):
    """Why an entry is refused: codes for the counts at the end."""

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
class Unexported:
    """One reason why an entry is not exported."""

    code: Lack
    told: str  # The field, what was found, what is allowed, what to do.


@dataclass(frozen=True, slots=True)
class Occasion:
    """When something happened, by the device's clock, and when it was received."""

    recorded_at: datetime
    received_at: datetime
    synchronised: bool  # Whether the device's clock was synchronised.


@dataclass(frozen=True, slots=True)
class EntrySaid:
    """The content of an entry."""

    event_id: str
    site: str
    form: str
    fields: Mapping[str, Any]
    when: Occasion


class _Unnamed(Exception):
    """A value has no name in GS1."""

    def __init__(self, code: Lack, told: str) -> None:
        super().__init__(told)
        self.refusal = Unexported(code, told)


@dataclass(frozen=True, slots=True)
class NamedEntry:
    """The events of an entry by part, or the reasons why there are none."""

    parts: dict[str, EpcisEvent]
    refusals: tuple[Unexported, ...] = ()


def named(said: EntrySaid, mapping: EpcisMapping) -> NamedEntry:
    """The events of an entry, or every reason why it has none."""
    site, form = mapping.sites.get(said.site), mapping.forms.get(said.form)
    if site is None or form is None:
        return NamedEntry({}, tuple(_unmapped(said, site, form)))
    refusals: list[Unexported] = []
    context: EpcisEvent = {}
    what: dict[str, EpcisEvent] = {}
    for make in (_when, _why, _where, _documents):
        try:
            context |= make(said, mapping, site, form)
        except _Unnamed as fault:
            refusals.append(fault.refusal)
    try:
        what = _what(said, mapping, form)
    except _Unnamed as fault:
        refusals.append(fault.refusal)
    if refusals:
        return NamedEntry({}, tuple(refusals))
    return NamedEntry({part: _event(said.event_id, part, one, context) for part, one in what.items()})


def _unmapped(said: EntrySaid, site: SiteNamed | None, form: FormNamed | None) -> Iterator[Unexported]:
    if site is None:
        yield Unexported(Lack.SITE, f"the site {said.site} is not in the mapping; add [sites.{said.site}]")
    if form is None:
        repair = f"add [forms.{said.form}], or the name to left_out where it is nothing for partners"
        yield Unexported(Lack.FORM, f"the form {said.form} is not in the mapping; {repair}")


def _event(event_id: str, part: str, what: EpcisEvent, context: EpcisEvent) -> EpcisEvent:
    """One event. Its id is derived from the entry's, so that a repeated export gives the same."""
    of_part = {"disposition": vocabulary.DISPOSITION_OF_DAMAGED} if part == DAMAGED else {}
    return {"type": what["type"], "eventID": identity(event_id, part), **context, **what, **of_part}


def identity(event_id: str, part: str = MAIN) -> str:
    """The eventID of a part of an entry: the entry's own UUID, or one derived from it and the part (RFC 9562, v5).

    CBV 2.0, section 8: an eventID is a UUID as URN, or a hash of the event.
    """
    own = UUID(event_id)
    return f"urn:uuid:{own if part == MAIN else uuid5(own, part)}"


def _when(said: EntrySaid, mapping: EpcisMapping, site: SiteNamed, _: FormNamed) -> EpcisEvent:
    when = said.when
    if not when.synchronised and mapping.unsynchronised == "refuse":
        raise _Unnamed(
            Lack.CLOCK,
            f"its device's clock could not be believed ({timestamp(when.recorded_at)}), so nobody knows when it was; "
            'unsynchronised = "received" dates such entries by when they came',
        )
    moment = when.recorded_at if when.synchronised else when.received_at
    return {"eventTime": timestamp(moment), "eventTimeZoneOffset": offset(site, moment)}


def offset(site: SiteNamed, moment: datetime) -> str:
    """The site's UTC offset: `+02:00`. Raises _Unnamed if eventTimeZoneOffset cannot express it."""
    if (ahead := site.offset(moment)) is None:
        raise _Unnamed(Lack.OFFSET, f"{moment} has no time in {site.zone}; set the device's clock")
    minutes, seconds = divmod(abs(ahead), timedelta(minutes=1))
    if seconds or abs(ahead) > MOST_OFFSET:
        raise _Unnamed(
            Lack.OFFSET, f"{site.zone} was {ahead} from UTC then, which is no whole minute; EPCIS has no word for that"
        )
    return f"{'-' if ahead < timedelta() else '+'}{minutes // 60:02}:{minutes % 60:02}"


def _why(said: EntrySaid, _: EpcisMapping, __: SiteNamed, form: FormNamed) -> EpcisEvent:
    """Business step and disposition, by the form and by the entry's exceptions."""
    step, disposition = form.step, form.disposition
    fields = [*form.exceptions, *(one for one in CALLED["exception"] if one not in form.exceptions)]
    for field in fields:
        value = said.fields.get(field)
        if value is None:
            continue
        of = form.exceptions.get(field, {}).get(_text(value))
        if of is None:
            where = f"[forms.{said.form}.exceptions.{field}]"
            raise _Unnamed(
                Lack.EXCEPTION,
                f"{field}: found {_shown(value)}, and the mapping does not say what that is in EPCIS; "
                f"add it to {where} with a disposition, a step or both",
            )
        step, disposition = of.step or step, of.disposition or disposition
    return {"action": "OBSERVE", "bizStep": step, **({"disposition": disposition} if disposition else {})}


def _where(said: EntrySaid, mapping: EpcisMapping, site: SiteNamed, form: FormNamed) -> EpcisEvent:
    at: EpcisEvent = {}
    for member, field in (("readPoint", form.read_point), ("bizLocation", form.location)):
        if field == SITE and site.gln is not None:
            at[member] = {"id": _address(mapping, Key(KeyKind.PLACE, site.gln), Lack.PLACE, "gln")}
        elif field is not None and (value := said.fields.get(field)) is not None:
            at[member] = {"id": _place(said, mapping, site, field, value)}
    return at


def _place(said: EntrySaid, mapping: EpcisMapping, site: SiteNamed, field: str, value: object) -> str:
    place = site.places.get(field, {}).get(_text(value))
    if place is None:
        where = f"[sites.{said.site}.places.{field}]"
        raise _Unnamed(Lack.PLACE, f"{field}: {_shown(value)} has no GLN in the mapping; add it to {where}")
    return _address(mapping, place.key, Lack.PLACE, field)


def _documents(said: EntrySaid, mapping: EpcisMapping, _: SiteNamed, __: FormNamed) -> EpcisEvent:
    """The entry's documents: `urn:epcglobal:cbv:bt:GLN:NUMBER`, as in CBV 2.0, section 8."""
    found = []
    for one in mapping.transactions:
        value = said.fields.get(one.field)
        number = None if value is None else _text(value) if one.values is None else one.values.get(_text(value))
        if number is not None:
            found.append(
                {"type": one.type, "bizTransaction": f"urn:epcglobal:cbv:bt:{one.gln}:{_number(one.field, number)}"}
            )
        elif value is not None and not one.optional:
            raise _Unnamed(
                Lack.DOCUMENT,
                f"{one.field}: {_shown(value)} is not among the values of its [[transactions]]; add its document, or "
                "set optional = true where not every one has some",
            )
    return {"bizTransactionList": found} if found else {}


def _number(field: str, number: str) -> str:
    """A document's number escaped for a URN, as in TDS."""
    try:
        told = check_suffix(number, "document's number")
    except InvalidKey as fault:
        raise _Unnamed(Lack.DOCUMENT, f"{field}: {fault}") from None
    return re.sub(r'["%&/<>?#]', lambda sign: f"%{ord(sign[0]):02X}", told)


def _what(said: EntrySaid, mapping: EpcisMapping, form: FormNamed) -> dict[str, EpcisEvent]:
    """The observed objects, by part."""
    if form.kind == "pallet":
        return {MAIN: {"type": "ObjectEvent", "epcList": [_pallet(said, mapping, form)]}}
    if form.kind == "goods":
        return {part: {"type": "ObjectEvent", "quantityList": [one]} for part, one in _goods(said, mapping, form)}
    pallet = _pallet(said, mapping, form)
    return {
        part: {"type": "AggregationEvent", "parentID": pallet, "childQuantityList": [one]}
        for part, one in _goods(said, mapping, form)
    }


def _pallet(said: EntrySaid, mapping: EpcisMapping, form: FormNamed) -> str:
    field, value = _field(said, form, "pallet")
    if value is None:
        raise _Unnamed(Lack.PALLET, f"{field}: no pallet was said; EPCIS needs its SSCC")
    try:
        digits = check_key_digits(_text(value), SSCC, "SSCC")
    except InvalidKey as fault:
        repair = 'a number of your own is no EPC; label pallets with SSCCs, or set kind = "goods" for this form'
        raise _Unnamed(Lack.PALLET, f"{field}: {fault}; {repair}") from None
    return _address(mapping, Key(KeyKind.UNIT, digits), Lack.PALLET, field)


def _goods(said: EntrySaid, mapping: EpcisMapping, form: FormNamed) -> Iterator[tuple[str, EpcisEvent]]:
    """Classes and quantities, good and damaged apart; at least one of both."""
    item_field, item = _field(said, form, "item")
    if item is None:
        raise _Unnamed(Lack.ITEM, f"{item_field}: no item was said; EPCIS needs its GTIN")
    units = mapping.items.get(_text(item))
    if units is None:
        raise _Unnamed(Lack.ITEM, f"{item_field}: {_shown(item)} has no GTIN in the mapping; add [items.{_text(item)}]")
    unit_field, said_unit = _field(said, form, "uom")
    unit = form.unit if said_unit is None else _text(said_unit)
    if unit is None:
        raise _Unnamed(Lack.UNIT, f"{unit_field}: no unit was said; set unit in [forms.{said.form}] to what is counted")
    if unit not in units:
        known = ", ".join(sorted(units)) or "none"
        raise _Unnamed(
            Lack.UNIT,
            f"{unit_field}: {_shown(item)} has no GTIN for {unit} in the mapping, which has {known}: a case and what "
            f"is in it have each their own; add {unit} to [items.{_text(item)}]",
        )
    key = _class(said, form, units[unit])
    amounts = [(MAIN, *_field(said, form, "quantity")), (DAMAGED, *_field(said, form, "damaged"))]
    counted = [(part, field, value) for part, field, value in amounts if value is not None and value != 0]
    if not counted:
        told = "none was counted" if any(value is not None for _, _, value in amounts) else "no quantity was said"
        raise _Unnamed(
            Lack.QUANTITY, f"{amounts[0][1]}: {told}; EPCIS tells of what is there, and has no word for none"
        )
    epc_class = _address(mapping, key, Lack.ITEM, item_field)
    for part, field, value in counted:
        yield part, {"epcClass": epc_class, **_quantity(field, value, unit)}


def _class(said: EntrySaid, form: FormNamed, gtin: str) -> Key:
    field, lot = _field(said, form, "lot")
    if lot is None:
        return Key(KeyKind.CLASS, gtin)
    try:
        return Key(KeyKind.LOT, gtin, check_suffix(_text(lot), "lot"))
    except InvalidKey as fault:
        raise _Unnamed(Lack.LOT, f"{field}: {fault}; GS1 cannot name it") from None


def _quantity(field: str, value: object, unit: str) -> EpcisEvent:
    """QuantityElement: without `uom` a positive whole number of objects, with it a positive measure."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < inf:
        raise _Unnamed(Lack.QUANTITY, f"{field}: found {_shown(value)}, allowed is a positive number")
    if unit in vocabulary.MEASURES:
        return {"quantity": value, "uom": unit}
    if value != int(value):
        raise _Unnamed(Lack.QUANTITY, f"{field}: found {value} {unit}, and {unit} is counted in whole numbers")
    return {"quantity": int(value)}


def _address(mapping: EpcisMapping, key: Key, lack: Lack, field: str) -> str:
    try:
        return mapping.name(key)
    except InvalidKey as fault:
        repair = 'add its issuer\'s prefix, or set identifiers = "digital_link", which needs none'
        raise _Unnamed(lack, f"{field}: {fault}; {repair}") from None


_USUAL: Mapping[str, tuple[str, ...]] = {**CALLED, "uom": ("uom",)}


def _field(said: EntrySaid, form: FormNamed, role: Any) -> tuple[str, Any]:
    """The form's field with this role, and its value."""
    names = (form.fields[role],) if role in form.fields else _USUAL[role]
    return next(((name, said.fields[name]) for name in names if said.fields.get(name) is not None), (names[0], None))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(value: object) -> str:
    return repr(value)[:60]
