"""The state of each device, from its status, its events, and what is missing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from dockvoice_protocol.instants import parse_iso
from dockvoice_protocol.records import LOUD_DB, NOISY_DB, QUIET_DB
from inventory.reviews.continuity import CHAIN_BROKEN, NUMBER_JUMPS, load_flagged_devices
from inventory.site.master_kinds import RESERVED_KINDS
from inventory.site.roster import ROSTER
from inventory.store import statuses
from inventory.store.statuses import Status
from inventory.store.tables import catalogue, devices

_BACKLOG = timedelta(minutes=10)
"""Entries pending for longer at an online device raise an alarm; a restart of the inventory takes less."""

_QUIET = frozenset({"muted"})  # Microphone faults that the operator causes on purpose.


class KindVersions(NamedTuple):
    """The versions of one kind of master data at a device."""

    kind: str
    running: int | None
    published: int | None
    declined: str | None  # Why the last published one was declined, as a code.


@dataclass(frozen=True, slots=True)
class Device:
    """One device, as the inventory knows it."""

    site: str
    name: str
    linked: bool
    since: datetime | None  # When it came online or went offline; None: no status yet.
    heard_at: datetime | None  # Time of its last message.
    handled: int
    highest: int
    said: Mapping[str, Any] = field(repr=False)  # As in schemas/status.schema.json.
    keys: int  # Number of its enrolled keys.
    wanted: Mapping[str, int] = field(default_factory=dict)  # The published version of each kind.
    odd: Collection[str] = ()  # Rules of its open continuity flags (`continuity`).

    @property
    def missing_count(self) -> int:
        """Events not received yet, judged by the highest number received."""
        return max(0, self.highest - self.handled)

    @property
    def faults(self) -> list[str]:
        """Faults of its microphone and speaker, as codes."""
        found = list(self.said.get("microphone", {}).get("faults", ()))
        return found + (["mute"] if self.said.get("speaker", {}).get("heard") is False else [])

    @property
    def speech_level_db(self) -> int | None:
        """Level of the wearer's speech in dBFS, 0 or negative; None: not known."""
        return self._hearing.get("level_db")

    @property
    def noise_level_db(self) -> int | None:
        """Level of the noise around it in dBFS, 0 or negative; None: not known."""
        return self._hearing.get("noise_db")

    @property
    def _hearing(self) -> Mapping[str, int]:
        """The last levels; empty while it is offline."""
        return self.said.get("hearing", {}) if self.linked else {}

    @property
    def snr_db(self) -> int | None:
        """Signal-to-noise ratio in dB; None: not known."""
        return (
            None
            if self.speech_level_db is None or self.noise_level_db is None
            else self.speech_level_db - self.noise_level_db
        )

    @property
    def speech_quality(self) -> str | None:
        """Quality of the wearer's recorded speech as a code; None: not known."""
        if self.speech_level_db is None:
            return None
        if self.speech_level_db < QUIET_DB:
            return "too_quiet"
        if self.speech_level_db > LOUD_DB:
            return "too_loud"
        return "loud_hall" if self.snr_db is not None and self.snr_db < NOISY_DB else "well"

    @property
    def pending_count(self) -> int | None:
        """Number of pending entries in its last status; None: never reported."""
        found: int | None = self.said.get("backlog", {}).get("entries")
        return found

    @property
    def waits_since(self) -> datetime | None:
        """When the oldest pending entry was recorded, by the device's clock."""
        reported = self.said.get("backlog", {}).get("since")
        return None if reported is None else parse_iso(reported)

    @property
    def versions(self) -> list[KindVersions]:
        """For each kind of master data: the running version, the published one, and why it was declined."""
        reported: Mapping[str, Mapping[str, Any]] = self.said.get("catalogue", {})
        refused = {kind: one["refused"] for kind, one in reported.items() if "refused" in one}
        return [
            KindVersions(
                kind, reported.get(kind, {}).get("version"), self.wanted.get(kind), refused.get(kind, {}).get("reason")
            )
            for kind in sorted({*reported, *self.wanted} - RESERVED_KINDS)
        ]

    @property
    def roster(self) -> tuple[int | None, int | None, str | None]:
        """The roster's running version, the published one, and why the last was declined."""
        reported: Mapping[str, Any] = self.said.get("roster", {})
        return reported.get("version"), self.wanted.get(ROSTER), reported.get("refused")

    def alarms(self, now: datetime, silent: timedelta) -> list[str]:
        """The device's alarms, as codes."""
        last = max((one for one in (self.since, self.heard_at) if one is not None), default=None)
        waits = self.waits_since
        declined = any(reason for *_, reason in (*self.versions, self.roster))
        amiss = {
            "silent": not self.linked and (last is None or now - last > silent),
            "chain": CHAIN_BROKEN in self.odd,
            "number": NUMBER_JUMPS in self.odd,
            "gap": self.missing_count > 0,
            "backlog": self.linked and waits is not None and now - waits > _BACKLOG,
            "no_key": not self.keys,
            "fault": self.linked and bool(set(self.faults) - _QUIET),
            "unheard": self.speech_quality not in {None, "well"},
            "declined": declined,
            "not_done": bool(self.said.get("decisions_not_done")),
        }
        return [code for code, holds in amiss.items() if holds]


def load_devices(transaction: Connection, enrolled: Iterable[tuple[str, str]]) -> list[Device]:
    """Every device with a status, an event or a key, by site and name. `enrolled`: the device of each key."""
    keys: dict[tuple[str, str], int] = {}
    for at in enrolled:
        keys[at] = keys.get(at, 0) + 1
    said = {(one.site, one.device): one for one in statuses.load_statuses(transaction)}
    came = {(row.site, row.device): row for row in transaction.execute(select(devices))}
    published, odd = _published_versions(transaction), load_flagged_devices(transaction)
    return [
        _to_device(at, said.get(at), came.get(at), keys.get(at, 0), published.get(at[0], {}), odd.get(at, ()))
        for at in sorted({*keys, *said, *came} - (statuses.load_retired(transaction) - keys.keys()))
    ]


def _to_device(
    at: tuple[str, str], said: Status | None, came: Any, keys: int, wanted: Mapping[str, int], odd: Collection[str]
) -> Device:
    times = (None if said is None else said.heard_at, None if came is None else came.heard_at)
    contacts: list[datetime] = [one for one in times if one is not None]
    return Device(
        site=at[0],
        name=at[1],
        linked=said is not None and said.state == "online",
        since=None if said is None else said.since,
        heard_at=max(contacts, default=None),
        handled=0 if came is None else came.handled,
        highest=0 if came is None else came.highest,
        said={} if said is None else said.said,
        keys=keys,
        wanted=wanted,
        odd=odd,
    )


def _published_versions(transaction: Connection) -> dict[str, dict[str, int]]:
    """The published version of each kind, by site."""
    columns = (catalogue.c.site, catalogue.c.kind, catalogue.c.version)
    rows = transaction.execute(
        select(*columns).where(catalogue.c.published_at.is_not(None)).order_by(catalogue.c.version)
    )
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row.site, {})[row.kind] = row.version
    return found


def load_sites(transaction: Connection) -> list[str]:
    """Every site with a device or a catalogue."""
    found = {row.site for row in transaction.execute(select(devices.c.site).distinct())}
    found |= {row.site for row in transaction.execute(select(catalogue.c.site).distinct())}
    return sorted(found | {one.site for one in statuses.load_statuses(transaction)})
