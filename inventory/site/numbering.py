"""Version numbers that no device refuses as older than its own.

Numbers follow the clock, so that after a lost database versions do not restart below those on devices; and they exceed
all versions made or sent here, or reported by devices, since a clock may have been wrong.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.terminal.tables import pluralize
from inventory.store import statuses
from inventory.store.tables import catalogue

log = logging.getLogger("inventory")

ROSTER = "roster"  # The kind; a status reports it apart from master data.

_SENT = ".sent"  # Suffix of a kind: versions that the command sent, without their rows.

_FARTHEST = 5_000_000_000
"""Highest version (the year 2128) accepted from a status, which is unsigned and may be forged."""

_SHOWN = 5  # Most devices named in an error.


class RefusedByDevices(UnreadableInput):
    """Devices have a later version than the one to be published."""


def next_version(transaction: Connection, site: str, kind: str, now: datetime) -> int:
    """The number of the next version of a kind at a site."""
    its = (catalogue.c.site == site, catalogue.c.kind.in_([kind, kind + _SENT]))
    highest = transaction.execute(select(func.max(catalogue.c.version)).where(*its)).scalar() or 0
    there = max(_versions_on_devices(transaction, site, kind).values(), default=0)
    return max(int(now.timestamp()), highest + 1, there + 1 if there <= _FARTHEST else 0)


def record_sent_version(transaction: Connection, site: str, kind: str, who: str, above: int, now: datetime) -> int:
    """Number a version that is published without being stored; record the number, higher than `above`.

    Raises RefusedByDevices.
    """
    version = max(next_version(transaction, site, kind, now), above + 1)
    check_not_older_than_on_devices(transaction, site, kind, version)
    said = {"site": site, "kind": kind + _SENT, "version": version, "rows": [], "who": who, "reason": ""}
    said |= {"what": "sent by the command", "made_at": now, "published_at": now}
    transaction.execute(insert(catalogue).values(said))
    return version


def check_not_older_than_on_devices(transaction: Connection, site: str, kind: str, version: int) -> None:
    """Check that no device would refuse this version as older than its own. Raises RefusedByDevices.

    An impossible version is logged and ignored.
    """
    if (sent := last_published_versions(transaction, site).get(kind, 0)) > version:
        raise RefusedByDevices(
            f"{site} {kind}: version {sent} was sent since, and devices that have it would refuse {version} as old; "
            "nothing was sent: make it anew, which counts on from there, and publish that"
        )
    above = {name: has for name, has in _versions_on_devices(transaction, site, kind).items() if has > version}
    if beyond := [name for name, has in above.items() if has > _FARTHEST]:
        log.warning("%s %s: %s: says that it has a version that nobody made: look at it", site, kind, ", ".join(beyond))
    if above := {name: has for name, has in above.items() if has <= _FARTHEST}:
        named = ", ".join(f"{name} has {has}" for name, has in sorted(above.items())[:_SHOWN])
        raise RefusedByDevices(
            f"{site} {kind}: {pluralize(len(above), 'device')} would refuse version {version} as old ({named}); "
            "nothing was sent: make it anew (`rollback`, or its file once more), which counts on from there, and "
            "publish that"
        )


def last_published_versions(transaction: Connection, site: str) -> dict[str, int]:
    """The last published version of each kind and of the roster: devices refuse older ones."""
    sent = (catalogue.c.site == site, catalogue.c.published_at.is_not(None))
    wanted = select(catalogue.c.kind, func.max(catalogue.c.version)).where(*sent)
    found: dict[str, int] = {}
    for kind, version in transaction.execute(wanted.group_by(catalogue.c.kind)):
        name = kind.removesuffix(_SENT)
        found[name] = max(found.get(name, 0), int(version))
    return found


def _versions_on_devices(transaction: Connection, site: str, kind: str) -> dict[str, int]:
    """The version of a kind in each device's last status; devices without one are left out."""
    reported = {
        one.device: _reported_version(one.said, kind) for one in statuses.load_statuses(transaction) if one.site == site
    }
    return {device: version for device, version in reported.items() if version is not None}


def _reported_version(said: Mapping[str, Any], kind: str) -> int | None:
    its = said.get("roster", {}) if kind == ROSTER else said.get("catalogue", {}).get(kind, {})
    return max((its[name] for name in ("version", "waits") if isinstance(its.get(name), int)), default=None)
