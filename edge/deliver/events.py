"""The words on the wire: events, receipts, status and their topics, as `schemas/` publishes them.

Pure, and shared with the inventory. Events are CloudEvents 1.0 in structured JSON mode with the official `sequence`
extension.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from jsonschema import Draft202012Validator

from edge.deliver.topics import Topics
from edge.deliver.validation import MalformedMessage, check, parsed, validator
from edge.hash_chain import PublicKey
from edge.records import Act, Entry, Minted, Receipt, ReceiptOutcome, Recording

__all__ = [
    "AMENDED",
    "AMENDED_DATA",
    "CANCELLED",
    "CANCELLED_DATA",
    "CLOCK",
    "EARLY",
    "MEDIA_TYPE",
    "RECORDED",
    "RECORDED_DATA",
    "SCHEMAS",
    "UNSYNCHRONISED",
    "WITHHELD",
    "WITHHELD_DATA",
    "Early",
    "MalformedMessage",
    "Topics",
    "check_event",
    "early",
    "encode",
    "event_validator",
    "read_answer",
    "read_order",
    "receipt",
    "recorded",
    "status",
    "timestamp",
    "withheld",
]

MEDIA_TYPE = "application/cloudevents+json"  # Content type of a CloudEvents event in structured JSON mode.

RECORDED = "dockvoice.entry.recorded.v1"
AMENDED = "dockvoice.entry.amended.v1"
CANCELLED = "dockvoice.entry.cancelled.v1"
WITHHELD = "dockvoice.entry.withheld.v1"

SCHEMAS = {
    RECORDED: "events/entry-recorded.schema.json",
    AMENDED: "events/entry-amended.schema.json",
    CANCELLED: "events/entry-cancelled.schema.json",
    WITHHELD: "events/entry-withheld.schema.json",
}
"""The file below `schemas/` that each type of event follows."""

RECORDED_DATA = "urn:dockvoice:event:entry-recorded:1#data"
"""CloudEvents' `dataschema` of a recorded entry: the schema's own id, at the anchor of `data`."""

AMENDED_DATA = "urn:dockvoice:event:entry-amended:1#data"
CANCELLED_DATA = "urn:dockvoice:event:entry-cancelled:1#data"  # The same of one that amends or cancels another.
WITHHELD_DATA = "urn:dockvoice:event:entry-withheld:1#data"  # The same of a withheld one.

CLOCK, UNSYNCHRONISED = "clock", "unsynchronised"
"""The member of an event whose `time` is doubtful, and what it says. Absent where the clock was synchronised."""

EARLY = "early"  # The outcome in an answer that settles nothing.


@dataclass(frozen=True, slots=True)
class Early:
    """The inventory's answer to an event whose turn has not come. No receipt: the event is owed as before."""

    event_id: str
    sequence: int
    expected: int  # The first number of the device that the inventory lacks.


def recorded(entry: Entry, minted: Minted, *, site: str, device: str, clock_believed: bool = True) -> dict[str, Any]:
    """The event that says `entry` was recorded: or amended, or cancelled, as its act is.

    The same arguments always give the same event. `clock_believed`: whether the wall clock was right when it was
    recorded, as far as the device knew.
    """
    kind, schema = _KINDS[entry.act]
    return {
        **({} if clock_believed else {CLOCK: UNSYNCHRONISED}),
        "specversion": "1.0",
        "id": minted.event_id,
        "source": f"/sites/{site}/devices/{device}",
        "type": kind,
        "subject": entry.form,
        "time": timestamp(entry.recorded_at),
        "datacontenttype": "application/json",
        "dataschema": schema,
        "sequence": str(minted.sequence),
        "sequencetype": "Integer",
        "data": _data(entry),
    }


_KINDS = {
    Act.RECORD: (RECORDED, RECORDED_DATA),
    Act.AMEND: (AMENDED, AMENDED_DATA),
    Act.CANCEL: (CANCELLED, CANCELLED_DATA),
}
"""Type and `dataschema` of the event of an entry, by its act."""


def _data(entry: Entry) -> dict[str, Any]:
    named = {Act.AMEND: "amends", Act.CANCEL: "cancels"}.get(entry.act)
    replaces = {} if named is None else {named: entry.replaces}
    utterance = _utterance(Recording(entry.utterance_id, entry.audio_sha256, entry.audio_seconds))
    support = {"support": [_utterance(one) for one in entry.support]} if entry.support else {}
    said = {**replaces, "form": entry.form, "operator": entry.operator, "utterance": utterance, **support}
    if entry.act is Act.CANCEL:
        return said
    reading = entry.reading
    return {
        **said,
        "fields": dict(entry.fields),
        "reading": {
            "interpreter": reading.interpreter,
            "heard": {name: " ".join(field.words) for name, field in reading.fields.items()},
            "confidence": {name: round(field.confidence, 4) for name, field in reading.fields.items()},
        },
    }


def _utterance(recording: Recording) -> dict[str, Any]:
    return {
        "id": recording.utterance_id,
        "audio_sha256": recording.audio_sha256,
        "audio_seconds": round(recording.audio_seconds, 3),
    }


def withheld(event: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """What goes in the place of an event that no broker will take: its number must not be lacking for ever.

    Id, number and seal are those of `event`, so that it counts as that event and the chain has no hole. `reason` is a
    code of the device.
    """
    data = event["data"]
    said = {"form": data["form"], "utterance": data["utterance"], "reason": reason}
    return {**event, "type": WITHHELD, "dataschema": WITHHELD_DATA, "data": said}


def receipt(
    event_id: str, outcome: ReceiptOutcome, reasons: Iterable[str], sequence: int, time: datetime
) -> dict[str, Any]:
    """The inventory's answer to one event. A refusal needs at least one reason."""
    return {
        "event_id": event_id,
        "outcome": outcome.value,
        "reasons": list(reasons),
        "sequence": sequence,
        "time": timestamp(time),
    }


def early(event_id: str, expected: int, sequence: int, time: datetime) -> dict[str, Any]:
    """The inventory's answer to an event that came before its turn: `expected` is the number it waits for."""
    return {
        "event_id": event_id,
        "outcome": EARLY,
        "reasons": [],
        "expected": expected,
        "sequence": sequence,
        "time": timestamp(time),
    }


def status(
    state: Literal["online", "offline"],
    *,
    site: str,
    device: str,
    key: PublicKey,
    time: datetime | None = None,
    microphone: Mapping[str, Any] | None = None,
    speaker: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The retained word on a device's connection, and the key it signs with.

    A last will carries no time, since nobody knows it beforehand. `microphone` is how the device listens: mode, muted,
    faults; `speaker`, whether it is heard. A device that only replays has neither, and a mute one no speaker.
    """
    said = {"state": state, "site": site, "device": device, "keyid": key.keyid, "public_key": key.pem.decode("ascii")}
    worn = {"microphone": microphone, "speaker": speaker}
    known = {part: dict(state) for part, state in worn.items() if state is not None}
    return {**said, **known} if time is None else {**said, **known, "time": timestamp(time)}


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, for example `2026-11-20T07:15:02.417Z`. Raises ValueError without a zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone: events carry UTC")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def encode(message: dict[str, Any]) -> bytes:
    """The bytes to publish: UTF-8 JSON without blanks."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def check_event(payload: bytes) -> dict[str, Any]:
    """The event in `payload`, which follows the schema of its type. Raises MalformedMessage.

    `data.fields` is checked here only to be named strings and integers: the form's own schema says the rest.
    """
    event = parsed(payload)
    kind = event.get("type")
    if not isinstance(kind, str) or kind not in SCHEMAS:
        raise MalformedMessage(f"/type: no known type of event; known are {', '.join(SCHEMAS)}")
    check(event, SCHEMAS[kind])
    return event


def event_validator(kind: str = RECORDED) -> Draft202012Validator:
    """The JSON Schema validator for one type of event."""
    return validator(SCHEMAS[kind])


def read_answer(payload: bytes) -> Receipt | Early:
    """What the inventory says to one event. Raises MalformedMessage."""
    message = parsed(payload)
    check(message, "receipt.schema.json")
    if message["outcome"] == EARLY:
        return Early(message["event_id"], message["sequence"], message["expected"])
    return Receipt(message["event_id"], ReceiptOutcome(message["outcome"]), tuple(message["reasons"]))


def read_order(payload: bytes) -> str:
    """What somebody asks of the device's headset: mute, unmute, talk or done. Raises MalformedMessage."""
    message = parsed(payload)
    check(message, "control.schema.json")
    return str(message["order"])
