"""Publishes again what a device lacks by its status: a cluster may keep what is retained on one node alone.

RabbitMQ before 3.13 does, so that a device that is new gets nothing. What one device lacks is published to all of its
site, which have it or lack it too: each subject once in a while, however many lack it. What was published for a device
whose session the broker does not keep is published again when it is heard of next.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, select

from dockvoice_protocol.events import Topics
from dockvoice_protocol.hash_chain import PublicKey
from inventory.site.numbering import ROSTER, last_published_versions
from inventory.store.database import begin
from inventory.store.outbox import Message, MessageKind, handle_devices_online, insert_message_unless_pending
from inventory.store.statuses import Statuses, StatusMessage
from inventory.store.tables import catalogue, expected

_GATHERED_FOR = timedelta(seconds=5)  # Devices that connect together are served together, by one of the consumers.

_PAUSE = timedelta(minutes=1)  # From one publication of a subject to the next.

_MOST_REQUESTED = 100_000  # What devices lacked and was published for them, some MB; with more, it is forgotten.


@dataclass(frozen=True, slots=True)
class _Published:
    """The last published version of a subject, as it was signed."""

    kind: MessageKind
    key: str  # `docks`, `roster`, `trailer/5501`
    version: int
    is_withdrawn: bool
    body: str
    public_key: str


class RepublishingStatuses:
    """Stores devices' statuses, and enters in the outbox what they lack, for each site in a transaction of its own."""

    def __init__(self, statuses: Statuses, engine: Engine, prefix: str, now: Callable[[], datetime]) -> None:
        self._statuses = statuses
        self._engine = engine
        self._prefix = prefix
        self._now = now
        self._requested: set[tuple[str, str, str, int]] = set()
        """Site, device, subject and version: what is published for a device is so once, whatever became of it."""
        self._due: dict[tuple[str, str], datetime] = {}  # By site and subject, when it may be published again.

    def mark_missing_offline(self, online: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
        """As for `Statuses`."""
        return self._statuses.mark_missing_offline(online)

    def record(self, messages: Sequence[StatusMessage]) -> None:
        """Store status messages in this order; enter in the outbox what their devices lack. Raises Unavailable."""
        self._statuses.record(messages)
        live = [message for message in messages if message.state == "online" and not message.retained]
        for kept in (True, False):
            devices = {(one.site, one.device) for one in live if one.said.get("session_kept", True) is kept}
            if devices:
                with begin(self._engine) as transaction:
                    handle_devices_online(transaction, devices, self._now(), session_kept=kept)
        by_site: dict[str, list[StatusMessage]] = defaultdict(list)
        for message in live:
            # A broker that gives us what it retains gives devices theirs, too.
            if "expected" in message.said:
                by_site[message.site].append(message)
        for site, ours in by_site.items():
            with begin(self._engine) as transaction:
                self._enter_lacking(transaction, site, ours)

    def _enter_lacking(self, transaction: Connection, site: str, messages: Sequence[StatusMessage]) -> None:
        published = [*_load_catalogue(transaction, site), *_load_lists(transaction, site)]
        lists = [one.version for one in published if one.kind is MessageKind.EXPECTED]
        oldest = min(lists, default=0)
        requested = {
            (site, message.device, one.key, one.version): one
            for message in messages
            for one in published
            if _lacks(message.said, one, oldest)
        }
        new = {one.key: one for request, one in requested.items() if request not in self._requested}
        now = self._now()
        for key, one in new.items():
            due = max(now + _GATHERED_FOR, self._due.get((site, key), now))
            if insert_message_unless_pending(transaction, self._message(site, one), now, held=due - now):
                self._due[site, key] = due + _PAUSE
        if len(self._requested) > _MOST_REQUESTED:
            self._requested.clear()
        self._requested.update(requested)

    def _message(self, site: str, one: _Published) -> Message:
        of_list = one.kind is MessageKind.EXPECTED
        of_roster = Topics.roster(self._prefix, site)
        of_kind = Topics.expected if of_list else Topics.catalogue
        topic = of_roster if one.kind is MessageKind.ROSTER else of_kind(self._prefix, site, one.key)
        key = PublicKey(bytes.fromhex(one.public_key))
        return Message(one.kind, site, "", one.key, topic, one.body.encode(), key, retain=True)


def _lacks(said: Mapping[str, Any], one: _Published, oldest_list: int) -> bool:
    """Whether a device's status tells that it has not got this, and does not tell that it refused it.

    It lacks lists where it has none that is current: who has some is sent the others by the broker.
    """
    if one.kind is MessageKind.EXPECTED:
        return bool(said["expected"] < oldest_list)
    reported = said.get("roster", {}) if one.kind is MessageKind.ROSTER else said.get("catalogue", {}).get(one.key, {})
    has = max(reported.get("version", 0), reported.get("waits", 0))
    refused = reported.get("refused")
    is_refused = refused is not None and (
        isinstance(refused, str) or refused.get("version", one.version) == one.version
    )
    return has < one.version and not is_refused and not (one.is_withdrawn and not has)


def _load_catalogue(transaction: Connection, site: str) -> Iterator[_Published]:
    latest = last_published_versions(transaction, site)
    of_site = select(catalogue).where(catalogue.c.site == site, catalogue.c.kind.in_([*latest]))
    for row in transaction.execute(of_site.where(catalogue.c.version.in_([*latest.values()]))):
        if row.version == latest[row.kind] and row.body is not None:
            kind = MessageKind.ROSTER if row.kind == ROSTER else MessageKind.CATALOGUE
            yield _Published(kind, row.kind, row.version, not row.rows, row.body, row.public_key)


def _load_lists(transaction: Connection, site: str) -> Iterator[_Published]:
    for row in transaction.execute(select(expected).where(expected.c.site == site, expected.c.body.is_not(None))):
        if row.lines:  # A device that is new lacks no withdrawal.
            yield _Published(MessageKind.EXPECTED, row.place, row.version, False, row.body, row.public_key)
