"""Numbering: which number a version gets that devices take, so that none of them refuses it as older than what it has.

By the clock, so that a database that was lost does not begin again below what devices have; above all that was ever
made or sent from here, and above what devices say they have, for a clock may have been wrong.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.terminal.tables import many
from inventory.store import statuses
from inventory.store.tables import catalogue

log = logging.getLogger("inventory")

ROSTER = "roster"  # The kind; devices tell of it beside their master data.

SENT = ".sent"  # Behind the name of a kind: versions of it that the command sent, without what they say.

FARTHEST = 5_000_000_000
"""The highest version that is believed of a device's own word, which carries no signature: the clock of the year 2128.
So nobody who writes statuses can use the versions up."""

SHOWN = 5  # So many devices are named.


class RefusedByDevices(UnreadableInput):
    """Devices have a later version than the one that is to be published."""


def next_version(transaction: Connection, site: str, kind: str, now: datetime) -> int:
    """The number of the next version of a kind at a site."""
    its = (catalogue.c.site == site, catalogue.c.kind.in_([kind, kind + SENT]))
    highest = transaction.execute(select(func.max(catalogue.c.version)).where(*its)).scalar() or 0
    there = max(_run_by_devices(transaction, site, kind).values(), default=0)
    return max(int(now.timestamp()), highest + 1, there + 1 if there <= FARTHEST else 0)


def number_sent(transaction: Connection, site: str, kind: str, who: str, above: int, now: datetime) -> int:
    """Number a version that is published and not kept here, and note the number. It is higher than `above`, too.

    Raises RefusedByDevices.
    """
    version = max(next_version(transaction, site, kind, now), above + 1)
    see_taken(transaction, site, kind, version)
    said = {"site": site, "kind": kind + SENT, "version": version, "rows": [], "who": who, "reason": ""}
    said |= {"what": "sent by the command", "made_at": now, "published_at": now}
    transaction.execute(insert(catalogue).values(said))
    return version


def see_taken(transaction: Connection, site: str, kind: str, version: int) -> None:
    """See that no device would refuse this version as older than what it has. Raises RefusedByDevices.

    A version that nobody can have made is told in the log, and holds nothing up.
    """
    if (sent := floors(transaction, site).get(kind, 0)) > version:
        raise RefusedByDevices(
            f"{site} {kind}: version {sent} was sent since, and devices that have it would refuse {version} as old; "
            "nothing was sent: make it anew, which counts on from there, and publish that"
        )
    above = {name: has for name, has in _run_by_devices(transaction, site, kind).items() if has > version}
    if beyond := [name for name, has in above.items() if has > FARTHEST]:
        log.warning("%s %s: %s: says that it has a version that nobody made: look at it", site, kind, ", ".join(beyond))
    if above := {name: has for name, has in above.items() if has <= FARTHEST}:
        named = ", ".join(f"{name} has {has}" for name, has in sorted(above.items())[:SHOWN])
        raise RefusedByDevices(
            f"{site} {kind}: {many(len(above), 'device')} would refuse version {version} as old ({named}); nothing was "
            "sent: make it anew (`rollback`, or its file once more), which counts on from there, and publish that"
        )


def floors(transaction: Connection, site: str) -> dict[str, int]:
    """The version of each kind that was published last, also of the roster: older ones are nothing for a device."""
    sent = (catalogue.c.site == site, catalogue.c.published_at.is_not(None))
    wanted = select(catalogue.c.kind, func.max(catalogue.c.version)).where(*sent)
    found: dict[str, int] = {}
    for kind, version in transaction.execute(wanted.group_by(catalogue.c.kind)):
        name = kind.removesuffix(SENT)
        found[name] = max(found.get(name, 0), int(version))
    return found


def _run_by_devices(transaction: Connection, site: str, kind: str) -> dict[str, int]:
    """Which version of a kind each device of the site has said last that it has; none of those that have none."""
    told = {one.device: _stated_version(one.said, kind) for one in statuses.load(transaction) if one.site == site}
    return {device: version for device, version in told.items() if version is not None}


def _stated_version(said: Mapping[str, Any], kind: str) -> int | None:
    its = said.get("roster", {}) if kind == ROSTER else said.get("catalogue", {}).get(kind, {})
    return max((its[name] for name in ("version", "waits") if isinstance(its.get(name), int)), default=None)
