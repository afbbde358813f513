"""Continuity: whether a device's event goes on from the one before it, as one journal with one key makes them.

A key that was stolen, or a device that was cloned, signs events that fit by their number alone: `previous` then names
another event than the one that is here, or the number is one that no device has come to. Such an event is handled as
any other, for it is signed; but a person is told when it comes, in the log and by a flag, and not by the next audit.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

from pydantic_core import from_json
from sqlalchemy import Connection, exists, select, tuple_

from dockvoice_protocol.hash_chain import CHAIN, GENESIS, PREVIOUS
from inventory.records import Event, Unfit
from inventory.store import many
from inventory.store.tables import events, flags, refused

log = logging.getLogger("inventory")

CHAIN_BROKEN, NUMBER_JUMPS = "chain", "number"
"""The rules of these flags."""

OF_DEVICE = (CHAIN_BROKEN, NUMBER_JUMPS)
"""They speak against a device: also where the event makes no entry that could stand."""

FAR = 1_000_000
"""So far behind the last number handled, one says nothing of how far the device has come: that many entries are one
every ten seconds for four months, day and night. A device that truly is so far ahead sends what is lacking first."""


class Links(NamedTuple):
    """What ties an event to others; None where it says nothing, as what was refused may."""

    previous: str | None
    link: str | None


def read_links(body: str | bytes) -> Links:
    """The seal of an event."""
    try:
        said = from_json(body)
    except ValueError:
        said = None
    found = said if isinstance(said, dict) else {}
    previous, link = (one if isinstance(one, str) else None for one in (found.get(PREVIOUS), found.get(CHAIN)))
    return Links(previous, link)


def continues(before: str | None, seal: Links) -> bool:
    """Whether it goes on from the link before it, as far as both are known."""
    return before is None or seal.previous is None or seal.previous == before


Number = tuple[str, str, int]
"""Site, device and number of an event."""


def links(transaction: Connection, of: Collection[Number]) -> dict[Number, str | None]:
    """The links of these events, applied or refused; that of number 0 is what the first one names."""
    found: dict[Number, str | None] = {one: GENESIS for one in of if one[2] == 0}
    lacking = {*of} - found.keys()
    for table in (events, refused):
        if not lacking:
            break
        wanted = select(table.c.site, table.c.device, table.c.sequence, table.c.body)
        for row in many.among(transaction, wanted, table, ["site", "device", "sequence"], lacking):
            found[row.site, row.device, row.sequence] = read_links(row.body).link
        lacking -= found.keys()
    return found


def check(transaction: Connection, event: Event | Unfit, handled: int, now: datetime) -> None:
    """Hold an event whose turn it is against the one before it, which was the last one handled."""
    at = (event.site, event.device, handled)
    if continues(links(transaction, [at]).get(at), read_links(event.body)):
        return
    before = _event_of(transaction, at)
    log.warning(
        "%s, number %d of %s/%s: does not continue number %d that is here: another one signs with the device's key, or "
        "its journal was copied; compare with `dockvoice audit verify` on the device, then `dockvoice inventory flags`",
        *(event.event_id, event.sequence, event.site, event.device, handled),
    )
    _flag(transaction, event, CHAIN_BROKEN, "not_continued", before, now)


def jumps(event: Event | Unfit, handled: int) -> bool:
    """Whether its number is one that no device has come to."""
    return event.sequence > handled + FAR


def tell_jump(transaction: Connection, event: Event | Unfit, handled: int, now: datetime) -> None:
    """Flag a number that jumps, once for a device until it is decided."""
    its = (flags.c.site == event.site, flags.c.device == event.device, flags.c.state == "open")
    if transaction.execute(select(exists().where(*its, flags.c.rule == NUMBER_JUMPS))).scalar_one():
        return
    log.warning(
        "%s of %s/%s: its number is %d, and %d is the next one: the device miscounts, or another signs with its key; "
        "nothing is made of it, and `dockvoice inventory flags` shows it",
        *(event.event_id, event.site, event.device, event.sequence, handled + 1),
    )
    _flag(transaction, event, NUMBER_JUMPS, f"number_jumps:{event.sequence}", None, now)


def alarmed(transaction: Connection) -> dict[tuple[str, str], set[str]]:
    """By site and device, the rules of this kind that speak against it and are not decided."""
    wanted = select(flags.c.site, flags.c.device, flags.c.rule).distinct()
    found: dict[tuple[str, str], set[str]] = {}
    for row in transaction.execute(wanted.where(flags.c.state == "open", flags.c.rule.in_(OF_DEVICE))):
        found.setdefault((row.site, row.device), set()).add(row.rule)
    return found


def _flag(
    transaction: Connection, event: Event | Unfit, rule: str, reason: str, other: str | None, now: datetime
) -> None:
    # An id is its sender's claim: that of another device's event must not get that one flagged.
    foreign = (events.c.event_id == event.event_id, (events.c.site != event.site) | (events.c.device != event.device))
    claimed = transaction.execute(select(exists().where(*foreign))).scalar_one()
    its = {"event_id": str(uuid4()) if claimed else event.event_id, "rule": rule}
    of = {"site": event.site, "device": event.device, "other": other}
    many.add_new(transaction, flags, [{**its, **of, "reason": reason, "flagged_at": now, "state": "open"}])


def _event_of(transaction: Connection, at: Number) -> str | None:
    """The id of the applied event of this number."""
    its = tuple_(events.c.site, events.c.device, events.c.sequence) == at
    return transaction.execute(select(events.c.event_id).where(its)).scalar()
