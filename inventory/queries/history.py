"""The history of an entry: what it replaced and what replaced it, and the proof of each event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from dockvoice_protocol.events import CANCELLED, WITHHELD
from dockvoice_protocol.hash_chain import (
    CHAIN,
    GENESIS,
    KEYID,
    PREVIOUS,
    SIGNATURE,
    is_whole_event_signed,
    parse_event_or_empty,
)
from dockvoice_protocol.strict_json import cut_nesting
from inventory.records import MALFORMED
from inventory.store.keys import KeyDirectory
from inventory.store.tables import entries, events, refused

_MOST = 200  # Most corrections shown: more than any entry has had.


@dataclass(frozen=True, slots=True)
class Proof:
    """The result of verifying an event's signature and chain link."""

    fault: str | None  # A code of words/*/entry.toml; None if it is valid.
    keyid: str
    chain: str
    previous: str
    signature: str

    @property
    def holds(self) -> bool:
        """Whether it is valid."""
        return self.fault is None


@dataclass(frozen=True, slots=True)
class Step:
    """One event in the history of an entry."""

    event_id: str
    site: str
    device: str
    sequence: int
    kind: str  # recorded, amended, cancelled, withheld, refused.
    state: str | None  # State of its entry: current, amended, cancelled; None if it makes none.
    event: Mapping[str, Any] = field(repr=False)
    received_at: datetime
    reasons: tuple[str, ...]  # Reasons of a refusal.
    proof: Proof

    @property
    def data(self) -> Mapping[str, Any]:
        """The event's data; empty if it violates its schema."""
        is_malformed = any(one.startswith(MALFORMED) for one in self.reasons)
        found: Mapping[str, Any] = {} if is_malformed else self.event.get("data", {})
        return found

    @property
    def replaces(self) -> str | None:
        """The event whose entry this one changes."""
        return self.data.get("amends") or self.data.get("cancels")


def _load_step(transaction: Connection, keys: KeyDirectory, event_id: str) -> Step | None:
    """Load one event, applied or refused; None for an unknown id."""
    wanted = select(events, entries.c.state).outerjoin(entries, entries.c.event_id == events.c.event_id)
    row = transaction.execute(wanted.where(events.c.event_id == event_id)).one_or_none()
    if row is None:
        return _load_refused(transaction, keys, event_id)
    said = parse_event_or_empty(row.body)
    kind = row.type.split(".")[2]
    proof = _verify_event(transaction, keys, row.site, row.device, row.sequence, said)
    at = (row.event_id, row.site, row.device, row.sequence)
    return Step(*at, kind, row.state, said, row.received_at, (), proof)


def _load_refused(transaction: Connection, keys: KeyDirectory, event_id: str) -> Step | None:
    row = transaction.execute(select(refused).where(refused.c.event_id == event_id).limit(1)).one_or_none()
    if row is None:
        return None
    said = parse_event_or_empty(row.body)
    proof = _verify_event(transaction, keys, row.site, row.device, row.sequence, said)
    at = (row.event_id, row.site, row.device, row.sequence)
    return Step(*at, "refused", None, cut_nesting(said), row.received_at, tuple(row.reasons), proof)


def load_amendment_chain(transaction: Connection, keys: KeyDirectory, event_id: str) -> list[Step]:
    """The events that made, amended and cancelled the entry, oldest first, with checked signatures; none if unknown."""
    here = _load_step(transaction, keys, event_id)
    if here is None:
        return []
    steps = [here]
    while len(steps) < _MOST and steps[0].replaces is not None:
        before = _load_step(transaction, keys, steps[0].replaces)
        if before is None or before.event_id in {one.event_id for one in steps}:
            break
        steps.insert(0, before)
    while len(steps) < _MOST and (following := _find_next_event(transaction, steps[-1])) is not None:
        behind = _load_step(transaction, keys, following)
        if behind is None or behind.event_id in {one.event_id for one in steps}:
            break
        steps.append(behind)
    return steps


def _find_next_event(transaction: Connection, of: Step) -> str | None:
    amended = select(entries.c.event_id).where(entries.c.replaces == of.event_id, entries.c.device == of.device)
    if (found := transaction.execute(amended.limit(1)).scalar()) is not None:
        return str(found)
    if of.state != "cancelled":
        return None
    named = events.c.body.contains(f'"cancels":"{of.event_id}"', autoescape=True)
    its = (events.c.site == of.site, events.c.device == of.device, events.c.sequence > of.sequence)
    cancelled = select(events.c.event_id).where(*its, events.c.type == CANCELLED, named)
    found = transaction.execute(cancelled.limit(1)).scalar()
    return None if found is None else str(found)


def _verify_event(
    transaction: Connection, keys: KeyDirectory, site: str, device: str, sequence: int, said: Mapping[str, Any]
) -> Proof:
    keyid, enrolled = str(said.get(KEYID, "")), keys.keys_of(site, device)
    previous = str(said.get(PREVIOUS, ""))
    seal = (keyid, str(said.get(CHAIN, "")), previous, str(said.get(SIGNATURE, "")))
    if not keyid:
        return Proof("unsigned", *seal)
    if keyid not in enrolled:
        return Proof("unknown_key", *seal)
    vouching = [one.key for one in enrolled.values() if not one.revoked]
    if not is_whole_event_signed(said, enrolled[keyid].key, vouching, withheld=said.get("type") == WITHHELD):
        return Proof("altered", *seal)
    before = _load_link(transaction, site, device, sequence - 1) if sequence > 1 else GENESIS
    return Proof(None if before is None or before == previous else "misplaced", *seal)


def _load_link(transaction: Connection, site: str, device: str, sequence: int) -> str | None:
    """The chain link of an event; None if it is not here, or has none."""
    for table in (events, refused):
        its = (table.c.site == site, table.c.device == device, table.c.sequence == sequence)
        for row in transaction.execute(select(table.c.body).where(*its).limit(1)):
            return parse_event_or_empty(row.body).get(CHAIN)
    return None
