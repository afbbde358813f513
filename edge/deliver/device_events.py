"""Events that a device makes, and an entry's attributes beside the form's fields. Pure, but for the current time.

The events: of an entry, of a withheld entry, of an utterance under review. The attributes: business day and shift
(which the dialogue looks up, too), context, quantities in base units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from dockvoice_protocol.events import AMENDED, CANCELLED, CLOCK, RECORDED, REVIEW, UNSYNCHRONISED, WITHHELD
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.account import AccountedWords
from dockvoice_protocol.hash_chain import INSTANCE
from dockvoice_protocol.instants import rfc3339
from dockvoice_protocol.records import Act, ConvertedQuantity, Reading
from dockvoice_protocol.terminal.plain_text import blank_unsafe
from edge.config import Settings
from edge.records import Cause, DerivedFields, Entry, EventIds, Recording, ReviewChange, Shift, SiteCalendar

DerivedFieldsFunction = Callable[[Entry], DerivedFields]


def make_derived_fields_function(settings: Settings, form: Form, catalogue: Catalogue) -> DerivedFieldsFunction:
    """Return the function that derives from an entry its business day, context and converted counts."""
    clock = _make_site_time(settings)

    def particulars_of(entry: Entry) -> DerivedFields:
        return DerivedFields(
            workday=None if clock is None else clock.at(entry.recorded_at),
            context={name: entry.fields[name] for name in form.context if name in entry.fields},
            converted=dict(_convert_quantities(entry, form, catalogue)),
        )

    return particulars_of


def _make_site_time(settings: Settings) -> SiteCalendar | None:
    """The site's business days and shifts; None where the settings have no time zone."""
    workday = settings.workday
    if workday.zone is None:
        return None
    shifts = {name: time.fromisoformat(begins) for name, begins in workday.shifts.items()}
    return SiteCalendar(ZoneInfo(workday.zone), time.fromisoformat(workday.begins), shifts)


def make_shift_lookup(settings: Settings) -> Callable[[], Shift | None]:
    """Return the function for the site's current business day and shift; None without a time zone."""
    clock = _make_site_time(settings)

    def current_shift() -> Shift | None:
        if clock is None:
            return None
        workday = clock.at(datetime.now(UTC))
        return workday.business_day.isoformat(), workday.shift

    return current_shift


def _convert_quantities(entry: Entry, form: Form, catalogue: Catalogue) -> Iterator[tuple[str, ConvertedQuantity]]:
    for unit in form.fields:
        if unit.unit_of is None or unit.factors_by is None:
            continue
        quantity, item = entry.fields.get(unit.unit_of), form[unit.factors_by]
        factor = catalogue.factor(item.catalogue, entry.fields.get(item.name), entry.fields.get(unit.name))
        if factor is None or isinstance(quantity, bool) or not isinstance(quantity, int | float):
            continue
        if (converted := factor.to_base_unit(quantity)) is not None:
            yield unit.unit_of, converted


REVIEW_DATA = "urn:dockvoice:event:review:1#data"
"""CloudEvents' `dataschema` of a review: the schema's own id, at the anchor of `data`."""

_NONE_BESIDE = DerivedFields()


def entry_event(
    entry: Entry,
    minted: EventIds,
    *,
    site: str,
    device: str,
    clock_believed: bool = True,
    particulars: DerivedFields = _NONE_BESIDE,
) -> dict[str, Any]:
    """The event of an entry: recorded, amended or cancelled, by its act.

    Deterministic. `clock_believed`: whether the wall clock was synchronised when it was recorded. `particulars` are the
    optional fields.
    """
    kind, schema = _KINDS[entry.act]
    doubtful = {} if clock_believed else {CLOCK: UNSYNCHRONISED}
    about = (kind, schema, entry.form, entry.recorded_at)
    return {**doubtful, **_event_envelope(minted, site, device, *about), "data": _entry_data(entry, particulars)}


def _event_envelope(
    minted: EventIds, site: str, device: str, kind: str, schema: str, form: str, time: datetime
) -> dict[str, Any]:
    """The members of every event of a device."""
    return {
        "specversion": "1.0",
        "id": minted.event_id,
        "source": f"/sites/{site}/devices/{device}",
        "type": kind,
        "subject": form,
        "time": rfc3339(time),
        "datacontenttype": "application/json",
        "dataschema": schema,
        "sequence": str(minted.sequence),
        "sequencetype": "Integer",
        INSTANCE: minted.instance,
    }


_KINDS = {
    Act.RECORD: (RECORDED, "urn:dockvoice:event:entry-recorded:1#data"),
    Act.AMEND: (AMENDED, "urn:dockvoice:event:entry-amended:1#data"),
    Act.CANCEL: (CANCELLED, "urn:dockvoice:event:entry-cancelled:1#data"),
}
"""Type and `dataschema` of the event of an entry, by its act."""


def _entry_data(entry: Entry, beside: DerivedFields) -> dict[str, Any]:
    named = {Act.AMEND: "amends", Act.CANCEL: "cancels"}.get(entry.act)
    replaces = {} if named is None else {named: entry.replaces}
    utterance = _utterance_members(Recording(entry.utterance_id, entry.audio_sha256, entry.audio_seconds))
    support = {"support": [_utterance_members(one) for one in entry.support]} if entry.support else {}
    said = {**replaces, "form": entry.form, "operator": entry.operator, "utterance": utterance, **support}
    if entry.act is Act.CANCEL:
        return said
    reading = entry.reading
    return {
        **said,
        "fields": dict(entry.fields),
        **({"counted_first": dict(entry.counted)} if entry.counted else {}),
        **_particulars_members(beside),
        "reading": {
            "interpreter": reading.interpreter,
            "heard": {name: blank_unsafe(" ".join(field.words)) for name, field in reading.fields.items()},
            "confidence": {name: round(field.confidence, 4) for name, field in reading.fields.items()},
        },
    }


def _particulars_members(particulars: DerivedFields) -> dict[str, Any]:
    """The event's members for business day, context and base units, omitted where unset."""
    said: dict[str, Any] = {}
    if (workday := particulars.workday) is not None:
        shift = {} if workday.shift is None else {"shift": workday.shift}
        said["workday"] = {
            "business_day": workday.business_day.isoformat(),
            **shift,
            "zone": workday.zone,
            "utc_offset": workday.utc_offset,
        }
    if particulars.context:
        said["context"] = dict(particulars.context)
    if particulars.converted:
        said["converted"] = {name: asdict(one) for name, one in particulars.converted.items()}
    return said


def _utterance_members(recording: Recording) -> dict[str, Any]:
    return {
        "id": recording.utterance_id,
        "audio_sha256": recording.audio_sha256,
        "audio_seconds": round(recording.audio_seconds, 3),
    }


def withheld_event(event: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """The replacement of an event that no broker accepts, so that its number is not missing for ever.

    Id, number and seal are those of `event`: it counts as that event, and the chain has no gap. `reason` is a code.
    """
    data = event["data"]
    said = {"form": data["form"], "utterance": data["utterance"], "reason": reason}
    return {**event, "type": WITHHELD, "dataschema": "urn:dockvoice:event:entry-withheld:1#data", "data": said}


def review_event(
    change: ReviewChange,
    minted: EventIds,
    doubts: Iterable[Cause],
    account_of: Callable[[Reading], Iterable[AccountedWords]],
    *,
    site: str,
    device: str,
) -> dict[str, Any]:
    """The event about an utterance under review, with its fields and doubts, or about the decision.

    `account_of` returns what each word of a reading stands for.
    """
    field_readings = {} if change.reading is None else change.reading.fields
    waits: dict[str, Any] = {}
    if change.why is not None:
        waits = {
            "reason": change.why,
            "doubtful": [{"field": one.field, "reason": one.reason.value} for one in doubts if one.field is not None],
            "heard": {name: blank_unsafe(" ".join(said.words)) for name, said in field_readings.items()},
        }
        if change.reading is not None:
            opinions = change.reading.opinions or (change.reading,)
            waits["readings"] = [_reading_members(one, account_of(one)) for one in opinions]
    else:
        waits = {"by": "office" if change.by_office else "operator"}
    return {
        **_event_envelope(minted, site, device, REVIEW, REVIEW_DATA, change.form, datetime.now(UTC)),
        "data": {
            "state": str(change.state),
            "form": change.form,
            "operator": change.operator,
            "utterance": _utterance_members(change.recording),
            "fields": dict(change.fields),
            **waits,
            **({} if change.event_id is None else {"event_id": change.event_id}),
        },
    }


def _reading_members(reading: Reading, account: Iterable[AccountedWords]) -> dict[str, Any]:
    """What one interpreter heard, its values of each field, the likeliest first, and what its words stand for."""
    given = {
        name: [one for one in dict.fromkeys((said.value, said.runner_up, *said.rivals)) if one is not None]
        for name, said in reading.fields.items()
    }
    members = {"interpreter": reading.interpreter, "heard": blank_unsafe(reading.transcript), "fields": given}
    accounted = [
        {"words": blank_unsafe(" ".join(one.words)), "sense": one.sense.value, "fields": list(one.fields)}
        for one in account
    ]
    return {**members, **({"account": accounted} if accounted else {})}
