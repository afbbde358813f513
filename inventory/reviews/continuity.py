"""Checks whether a device's event continues the one before it, in one journal with one key.

With a stolen key or a cloned device, `previous` names another event than the stored one, or the number is far beyond
the device's. Such a signed event is handled as any other, but flagged and logged at once, before the next audit.
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
from inventory.records import Event, InvalidEvent
from inventory.store import many
from inventory.store.tables import events, flags, refused

log = logging.getLogger("inventory")

CHAIN_BROKEN, NUMBER_JUMPS = "chain", "number"  # The rules of these flags.

DEVICE_RULES = (CHAIN_BROKEN, NUMBER_JUMPS)
"""Rules about a device: their flags count even if the event has no current entry."""

_FAR = 1_000_000
"""Gap above which a number does not count as the device's highest: four months of an entry every ten seconds. A device
truly so far ahead sends the missing events first.
"""


class Links(NamedTuple):
    """The chain members of an event; None if missing, as in a refused event."""

    previous: str | None
    link: str | None


def parse_chain_members(body: str | bytes) -> Links:
    """Parse the chain members of an event."""
    try:
        said = from_json(body)
    except ValueError:
        said = None
    found = said if isinstance(said, dict) else {}
    previous, link = (one if isinstance(one, str) else None for one in (found.get(PREVIOUS), found.get(CHAIN)))
    return Links(previous, link)


def continues_chain(before: str | None, seal: Links) -> bool:
    """Whether the event's `previous` is the link before it; True if either is unknown."""
    return before is None or seal.previous is None or seal.previous == before


_Number = tuple[str, str, int]  # Site, device and number of an event.


def load_links(transaction: Connection, of: Collection[_Number]) -> dict[_Number, str | None]:
    """Load the chain links of these events, applied or refused; number 0 has the genesis link.

    Unknown events are left out; None: an event without a link.
    """
    found: dict[_Number, str | None] = {one: GENESIS for one in of if one[2] == 0}
    lacking = {*of} - found.keys()
    for table in (events, refused):
        if not lacking:
            break
        wanted = select(table.c.site, table.c.device, table.c.sequence, table.c.body)
        for row in many.select_by_keys(transaction, wanted, table, ["site", "device", "sequence"], lacking):
            found[row.site, row.device, row.sequence] = parse_chain_members(row.body).link
        lacking -= found.keys()
    return found


def flag_broken_chain(transaction: Connection, event: Event | InvalidEvent, last_handled: int, now: datetime) -> None:
    """Compare the device's next event with the last handled one; log and flag a break."""
    at = (event.site, event.device, last_handled)
    if continues_chain(load_links(transaction, [at]).get(at), parse_chain_members(event.body)):
        return
    before = _find_event_id(transaction, at)
    log.warning(
        "%s, number %d of %s/%s: does not continue number %d that is here: another one signs with the device's key, or "
        "its journal was copied; compare with `dockvoice audit verify` on the device, then `dockvoice inventory flags`",
        event.event_id,
        event.sequence,
        event.site,
        event.device,
        last_handled,
    )
    _insert_flag(transaction, event, CHAIN_BROKEN, "not_continued", before, now)


def is_number_jump(event: Event | InvalidEvent, last_handled: int) -> bool:
    """Whether the event's number is more than _FAR beyond the last handled one."""
    return event.sequence > last_handled + _FAR


def insert_jump_flag_unless_open(
    transaction: Connection, event: Event | InvalidEvent, last_handled: int, now: datetime
) -> None:
    """Flag and log an event that `is_number_jump`, unless such a flag of its device is open."""
    its = (flags.c.site == event.site, flags.c.device == event.device, flags.c.state == "open")
    if transaction.execute(select(exists().where(*its, flags.c.rule == NUMBER_JUMPS))).scalar_one():
        return
    log.warning(
        "%s of %s/%s: its number is %d, and %d is the next one: the device miscounts, or another signs with its key; "
        "nothing is made of it, and `dockvoice inventory flags` shows it",
        event.event_id,
        event.site,
        event.device,
        event.sequence,
        last_handled + 1,
    )
    _insert_flag(transaction, event, NUMBER_JUMPS, f"number_jumps:{event.sequence}", None, now)


def load_flagged_devices(transaction: Connection) -> dict[tuple[str, str], set[str]]:
    """The rules of open continuity flags, by site and device."""
    wanted = select(flags.c.site, flags.c.device, flags.c.rule).distinct()
    found: dict[tuple[str, str], set[str]] = {}
    for row in transaction.execute(wanted.where(flags.c.state == "open", flags.c.rule.in_(DEVICE_RULES))):
        found.setdefault((row.site, row.device), set()).add(row.rule)
    return found


def _insert_flag(
    transaction: Connection, event: Event | InvalidEvent, rule: str, reason: str, other: str | None, now: datetime
) -> None:
    # The id is the sender's claim: another device's event must not get flagged by it.
    foreign = (events.c.event_id == event.event_id, (events.c.site != event.site) | (events.c.device != event.device))
    claimed = transaction.execute(select(exists().where(*foreign))).scalar_one()
    its = {"event_id": str(uuid4()) if claimed else event.event_id, "rule": rule}
    of = {"site": event.site, "device": event.device, "other": other}
    many.insert_new_rows(transaction, flags, [{**its, **of, "reason": reason, "flagged_at": now, "state": "open"}])


def _find_event_id(transaction: Connection, at: _Number) -> str | None:
    """The id of the applied event of this number."""
    its = tuple_(events.c.site, events.c.device, events.c.sequence) == at
    return transaction.execute(select(events.c.event_id).where(its)).scalar()
