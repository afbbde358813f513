"""The inventory's records: events, their outcomes, and rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic_core import from_json

from dockvoice_protocol.records import FieldValue

MALFORMED = "malformed"  # Reason of a refusal for an event that violates its schema; the place follows.


@dataclass(frozen=True, slots=True)
class Event:
    """A validated event, ready to be applied."""

    event_id: str
    site: str
    device: str
    sequence: int
    type: str
    form: str
    utterance_id: str
    recorded_at: datetime
    operator: str | None
    body: bytes = field(repr=False)  # The event as received: each time it is sent it has the same JSON.
    fields: Mapping[str, FieldValue] | None
    """The values of the entry; None for a cancelling event, or if its content is withheld."""
    instance: str  # The instance of the device's journal that made it.
    replaces: str | None = None  # The event whose entry this one amends or cancels.
    answers: int = 0  # The operator's answers to questions and corrections needed for it.


@dataclass(frozen=True, slots=True)
class InvalidEvent:
    """An event that breaks a rule; it uses up its number in the device's sequence all the same."""

    event_id: str
    site: str
    device: str
    sequence: int
    body: bytes = field(repr=False)  # As received.
    reasons: tuple[str, ...]  # The broken rules.
    instance: None = None  # An invalid event's instance is not trusted.


@dataclass(frozen=True, slots=True)
class Applied:
    """The event was applied now."""

    handled: int = field(default=0, compare=False)
    """The device's last handled number at that time; likewise in the classes below."""
    latest: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)
    """The event of that number, as proof for the device; likewise in the classes below."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The same event was applied before; nothing changed."""

    handled: int = field(default=0, compare=False)
    latest: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """The event was refused for good."""

    reasons: tuple[str, ...]
    handled: int = field(default=0, compare=False)
    latest: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Early:
    """The event came before its turn and was not stored: the device must send it again after the expected one."""

    expected: int  # The device's first missing number.


@dataclass(frozen=True, slots=True)
class Buffered:
    """The event came before its turn and is buffered until those before it are handled."""


Outcome = Applied | Duplicate | Refused | Early  # Outcome of an event.

HandledEvent = tuple[Event | InvalidEvent, Outcome | Buffered]  # An event with its outcome.


@dataclass(frozen=True, slots=True)
class BufferSize:
    """The size and age of the reorder buffer."""

    events: int
    devices: int
    since: datetime | None  # Arrival of the oldest event.


@dataclass(frozen=True, slots=True)
class DeviceBuffer:
    """The buffered events of one device."""

    events: int
    first: int  # The lowest buffered number: all from the expected one up to it are missing.
    since: datetime


@dataclass(frozen=True, slots=True)
class DeviceProgress:
    """How far the events of one device are handled."""

    site: str
    device: str
    handled: int  # All events up to this number are applied or refused.
    highest: int  # The highest number received.
    heard_at: datetime  # Time of the last event.

    @property
    def missing(self) -> tuple[int, int] | None:
        """The first and the last missing number; the device must send these again."""
        return (self.handled + 1, self.highest) if self.highest > self.handled else None


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as stored."""

    event_id: str
    site: str
    device: str
    sequence: int
    form: str
    fields: Mapping[str, FieldValue]
    operator: str | None
    recorded_at: datetime
    received_at: datetime
    state: str
    replaces: str | None


@dataclass(frozen=True, slots=True)
class TableCounts:
    """Numbers of rows in the tables."""

    rows: int  # Current entries.
    amended: int
    cancelled: int
    events: int  # Events applied: entries, amendments and cancellations.
    repeated: int  # Recorded entries after the first of one utterance: must be 0.
    refused: int  # Events refused in their turn.
    rejected: int  # Messages that could not be answered.


def event_data_or_empty(body: str | bytes) -> Mapping[str, Any]:
    """The data of a stored event; empty if the row was altered and is no event.

    Four times as fast as `parse_event_or_empty`, for pages that read thousands: duplicate names are rejected by
    validation before the event is stored, and found by the audit afterwards.
    """
    try:
        event = from_json(body)
    except ValueError:
        return {}
    data = event.get("data") if isinstance(event, dict) else None
    return data if isinstance(data, dict) else {}


class PostingState(StrEnum):
    """State of a posting in the ledger."""

    DUE = "due"  # Not tried yet, or to be retried.
    POSTED = "posted"
    DECLINED = "declined"  # Needs a decision: in the other system, in the mapping, or at the pallet.
    REVERSED = "reversed"  # It was posted and reversed.
    VOID = "void"  # Nothing was posted, and nothing needs to be.


LACKS_SETTINGS = "settings"  # Reason code of a due posting that waits for its connector's settings.
