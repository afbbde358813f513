"""The nouns of the receiving side: the event that came, what became of it, and what the tables hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from edge.records import FieldValue


@dataclass(frozen=True, slots=True)
class Event:
    """What a device says happened, checked, and ready to be applied."""

    event_id: str
    site: str
    device: str
    sequence: int
    type: str
    form: str
    utterance_id: str
    recorded_at: datetime
    operator: str | None
    body: str
    """The event as it came: the same event has the same JSON at every sending."""
    fields: Mapping[str, FieldValue] | None
    """The values of the entry; None where the event cancels one."""
    replaces: str | None = None
    """The event whose entry this one amends or cancels."""


@dataclass(frozen=True, slots=True)
class Applied:
    """The event is in the tables now, and was not before."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The same event was applied before; nothing changed."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The event was not applied, and never will be as it stands."""

    reasons: tuple[str, ...]


Applying = Applied | Duplicate | Refused
"""What became of an event."""


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as the inventory holds it."""

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
class Counts:
    """What is in the tables, counted there."""

    rows: int
    """Entries that stand."""
    amended: int
    cancelled: int
    events: int
    """Events applied: entries, amendments and cancellations."""
    repeated: int
    """Recorded entries beyond the first of one and the same utterance: what must never be made."""
    rejected: int
    """Messages kept aside because nobody could be answered."""
