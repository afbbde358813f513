"""What the journal tells about what it keeps, and how the nouns of the house are written into its columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from edge import hash_chain
from edge.hash_chain import Chained, PublicKey
from edge.records import Act, Because, FieldValue, Outcome, Reading, Reason, Receipt, Verdict

Row = dict[str, Any]
"""A row of a table, by column."""


class OutboxState(StrEnum):
    """What became of an event. There is no "in flight": until it is settled, it is owed."""

    WAITING = "waiting"
    SETTLED = "settled"
    REFUSED = "refused"
    DEAD = "dead"
    """It could not be delivered as it is: a person must look at it. Its tombstone goes in its place."""
    DISCARDED = "discarded"
    """A person gave it up."""


@dataclass(frozen=True, slots=True)
class KeptUtterance:
    """An utterance as the journal knows it, without its sound."""

    utterance_id: str
    form: str
    source: str
    verdict: Verdict | None
    """None while it is heard but not yet read."""
    fields: Mapping[str, FieldValue] = field(repr=False)
    """Those of the entry, where there is one; else those that stood at the verdict, or when it went to review."""
    event_id: str | None
    """The event its entry became, where it was accepted."""
    state: OutboxState | None
    """What became of that event."""


@dataclass(frozen=True, slots=True)
class KeptEntry:
    """An entry and how far its event has come."""

    sequence: int
    event_id: str
    form: str
    fields: Mapping[str, FieldValue] = field(repr=False)
    recorded_at: datetime
    state: OutboxState
    attempts: int
    """How often the broker took it."""
    reasons: tuple[str, ...]
    """Those of the inventory's receipt, if it refused; that of a dead letter."""
    act: Act = Act.RECORD
    replaces: str | None = None
    """The event of the entry that it amends or cancels."""


@dataclass(frozen=True, slots=True)
class Trailed(Chained):
    """One event of the audit trail, with what else an audit looks at."""

    event_id: str
    body: str = field(repr=False)
    """The event as published, byte for byte."""
    audio_path: str
    """Relative to the state directory."""
    audio_removed_at: str | None
    """When the recording was removed to make room; None while it must be there."""
    reading: str | None = field(repr=False)
    """The JSON text of the reading that the entry was made from."""


@dataclass(frozen=True, slots=True)
class Spare:
    """A recording that nothing rests on any more."""

    utterance_id: str
    path: str
    """Relative to the state directory."""
    bytes: int
    heard_at: str
    """ISO 8601 in UTC."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of each the journal holds."""

    heard: int
    """All utterances; those without a verdict are the difference to the next four and to `deferred`."""
    accepted: int
    asked: int
    repeat: int
    ignored: int
    unsettled: int
    applied: int
    duplicate: int
    refused: int
    deferred: int = 0
    """Not read surely yet, or under review since; given up, they count as ignored."""


def to_json(value: object) -> str:
    """Compact JSON, as it is stored."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def to_time(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds: as text it sorts by time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def verdict_columns(reading: Reading | None, verdict: Verdict) -> Row:
    """The columns of `utterances` that a verdict fills."""
    return {
        "outcome": verdict.outcome.value,
        "reasons": to_json([asdict(because) for because in verdict.reasons]),
        "fields": to_json(dict(verdict.fields)),
        "ask": verdict.ask,
        "reading": None if reading is None else reading_json(reading),
    }


def reading_json(reading: Reading) -> str:
    """A reading as it is stored."""
    return to_json(_reading(reading))


def _reading(reading: Reading) -> Row:
    # Not asdict of the whole: it cannot copy a Mapping that is no dict.
    return {
        "interpreter": reading.interpreter,
        "form": reading.form,
        "act": reading.act,
        "command": reading.command,
        "words": [asdict(word) for word in reading.words],
        "fields": {name: asdict(field) for name, field in reading.fields.items()},
        "not_understood": reading.not_understood,
        "usage": None if reading.usage is None else asdict(reading.usage),
        "opinions": [_reading(opinion) for opinion in reading.opinions],
    }


def audit_columns(event: Mapping[str, Any], key: PublicKey) -> Row:
    """The columns of `audit` besides its identity, from a sealed event and the key that checks its signature."""
    return {
        "link": event[hash_chain.CHAIN],
        "previous": event[hash_chain.PREVIOUS],
        "public_key": key.raw.hex(),
        "signature": event[hash_chain.SIGNATURE],
    }


def receipt_json(receipt: Receipt | None) -> str | None:
    """A receipt as it is stored; None stays None: the broker settled it."""
    return None if receipt is None else to_json({"outcome": receipt.outcome.value, "reasons": list(receipt.reasons)})


def kept_utterance(row: Row) -> KeptUtterance:
    """From a row of `utterances` joined with its entry's `entry_fields`, `event_id` and `state`."""
    return KeptUtterance(
        utterance_id=row["utterance_id"],
        form=row["form"],
        source=row["source"],
        verdict=_verdict(row),
        fields=json.loads(row["entry_fields"] or row["fields"] or "{}"),
        event_id=row["event_id"],
        state=None if row["state"] is None else OutboxState(row["state"]),
    )


def kept_entry(row: Row) -> KeptEntry:
    """From a row of `entries` joined with `state`, `attempts`, `receipt` and `reason` of its outbox row."""
    reasons = json.loads(row["receipt"])["reasons"] if row["receipt"] else []
    return KeptEntry(
        sequence=row["sequence"],
        event_id=row["event_id"],
        form=row["form"],
        fields=json.loads(row["fields"]),
        recorded_at=datetime.fromisoformat(row["recorded_at"]),
        state=OutboxState(row["state"]),
        attempts=row["attempts"],
        reasons=tuple([row["reason"], *reasons] if row["reason"] else reasons),
        act=Act(row["act"]),
        replaces=row["replaces"],
    )


def trailed(row: Row) -> Trailed:
    """From a row of `audit` joined with the event's `body` and what its utterance's row says of the recording."""
    return Trailed(event=hash_chain.parsed(row["body"]), withheld=False, **row)


def keys(found: Iterable[Row]) -> dict[str, PublicKey]:
    """The public keys in rows of `audit`, by key id. What is no key any more has signed nothing."""
    known = {}
    for row in found:
        with suppress(ValueError):
            key = PublicKey(bytes.fromhex(row["public_key"]))
            known[key.keyid] = key
    return known


def _verdict(row: Row) -> Verdict | None:
    if row["outcome"] is None:
        return None
    return Verdict(
        outcome=Outcome(row["outcome"]),
        reasons=tuple(Because(Reason(because["reason"]), because["field"]) for because in json.loads(row["reasons"])),
        fields=json.loads(row["fields"]),
        ask=row["ask"],
    )
