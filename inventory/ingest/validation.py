"""Validates a message by its bytes and topic alone: no clock, no database, no broker."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dockvoice_protocol.events import AMENDED, CANCELLED, REVIEW, MalformedMessage, Topics, parse_event, parse_time
from dockvoice_protocol.hash_chain import INSTANCE
from inventory.forms import Forms, find_faults
from inventory.records import MALFORMED, Event, InvalidEvent

_EVENT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Format of an event id in a receipt: the `event_id` of schemas/receipt.schema.json."""

_CHANGED_ID_MEMBER = {AMENDED: "amends", CANCELLED: "cancels"}
"""The member with the id of the changed entry, by event type; other types must not have it."""

_SEQUENCE = re.compile(r"[1-9][0-9]{0,9}")  # The `sequence` of schemas/events.

MAX_MESSAGE_BYTES = 256_000  # Default limit of a message in bytes: a hundred times an event.


@dataclass(frozen=True, slots=True)
class ValidMessage:
    """A valid event of its sender's, ready to be applied."""

    sender: Topics
    event: Event
    said: Mapping[str, Any] = field(repr=False)  # The event's body, parsed.


@dataclass(frozen=True, slots=True)
class InvalidMessage:
    """An event that breaks a rule, which the receipt names."""

    sender: Topics
    event: InvalidEvent
    said: None = None


@dataclass(frozen=True, slots=True)
class DeadLetterMessage:
    """A message that is no event: without an id it cannot be answered, and a copy is stored."""

    reason: str


Validated = ValidMessage | InvalidMessage | DeadLetterMessage


def validate(payload: bytes, topic: str, prefix: str, forms: Forms, largest: int = MAX_MESSAGE_BYTES) -> Validated:
    """Validate a message of `topic`; one of more than `largest` bytes is a dead letter."""
    try:
        sender = Topics.parse(prefix, topic)
    except MalformedMessage as fault:
        return DeadLetterMessage(str(fault))
    if len(payload) > largest:
        return DeadLetterMessage(f"message: found {len(payload):,} bytes, allowed are {largest:,} (message_kb)")
    try:
        message = parse_event(payload)
        event = _build_event(message, payload, sender)
    except (MalformedMessage, ValueError) as fault:
        return _refuse_malformed(payload, sender, str(fault))
    if reasons := _find_violations(message, sender, forms):
        return _build_invalid(sender, event.event_id, event.sequence, payload, reasons)
    return ValidMessage(sender, event, message)


def _build_event(message: dict[str, Any], payload: bytes, sender: Topics) -> Event:
    data, naming = message["data"], _CHANGED_ID_MEMBER.get(message["type"])
    if odd := [name for name in _CHANGED_ID_MEMBER.values() if name in data and name != naming]:
        raise MalformedMessage(f"/data/{odd[0]}: belongs to no event of this type")
    return Event(
        event_id=message["id"],
        site=sender.site,
        device=sender.device,
        sequence=int(message["sequence"]),
        type=message["type"],
        form=data["form"],
        utterance_id=data["utterance"]["id"],
        recorded_at=parse_time(message["time"]),
        operator=data.get("operator"),
        body=payload,
        fields=_to_integers(data["fields"]) if "fields" in data else None,
        replaces=None if naming is None else data[naming],
        instance=message[INSTANCE],
        answers=len(data.get("support", ())),
    )


def _to_integers(fields: dict[str, Any]) -> dict[str, Any]:
    # JSON Schema accepts 12.0 as an integer, the table does not: convert it. Other decimals stay.
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value for name, value in fields.items()
    }


def _find_violations(message: dict[str, Any], sender: Topics, forms: Forms) -> tuple[str, ...]:
    data = message["data"]
    if message["source"] != sender.source:
        return ("wrong_source",)
    if data["form"] not in forms:
        return (f"unknown_form:{data['form']}",)
    if "fields" not in data:
        return ()
    return tuple(f"invalid:{fault}" for fault in find_faults(forms[data["form"]], data["fields"]))


def _refuse_malformed(payload: bytes, sender: Topics, fault: str) -> InvalidMessage | DeadLetterMessage:
    """InvalidMessage if id and sequence are readable, so that the device stops resending; else DeadLetterMessage."""
    try:
        message = json.loads(payload)
        event_id, sequence, kind = message["id"], message["sequence"], message.get("type")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return DeadLetterMessage(fault)
    if kind == REVIEW:  # signed by the device, with a number that is not one of its entries'
        return DeadLetterMessage("a review, on the topic of entries")
    if not (isinstance(event_id, str) and _EVENT_ID.fullmatch(event_id)):
        return DeadLetterMessage(fault)
    if not (isinstance(sequence, str) and _SEQUENCE.fullmatch(sequence)):
        return DeadLetterMessage(fault)
    return _build_invalid(sender, event_id, int(sequence), payload, (f"{MALFORMED}:{fault}",))


def _build_invalid(
    sender: Topics, event_id: str, sequence: int, payload: bytes, reasons: tuple[str, ...]
) -> InvalidMessage:
    return InvalidMessage(sender, InvalidEvent(event_id, sender.site, sender.device, sequence, payload, reasons))
