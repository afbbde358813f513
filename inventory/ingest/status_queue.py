"""Handles devices' status messages: stores the statuses, and enrols unknown devices if a site trusts at first use."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from itertools import islice

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.events import SHOWN, MalformedMessage, Topics, parse_device_key
from dockvoice_protocol.mqtt import MessageReceived
from inventory.ingest.ports import StatusStore
from inventory.store.database import SiteFault
from inventory.store.keys import KeyDirectory
from inventory.store.statuses import StatusMessage

log = logging.getLogger("inventory")

_AT_ONCE = 500  # Statuses stored in one transaction, so that an entry waits for one transaction only.

_MOST_NOT_ENROLLED = 10_000  # Most devices remembered as not enrolled.

_MOST_WARNINGS = 100  # Most warnings about another device's key.

_NAMED = 10  # Most devices named in a log line.

_DELIVERED_WITHIN_S = 60.0
"""Seconds after connecting until retained messages are delivered and online devices have published again."""


class StatusQueue:
    """Queue of status messages, handled after entries."""

    def __init__(
        self,
        prefix: str,
        largest: int,
        keys: KeyDirectory,
        trust_first_use: bool,
        statuses: StatusStore | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._prefix = prefix
        self._largest = largest
        self._keys = keys
        self._trust_first_use = trust_first_use
        self._statuses = statuses
        self._clock = clock
        self._connected_at: float | None = None
        """When the broker began to deliver retained messages; None: the missing devices are marked."""
        self._seen: set[tuple[str, str]] = set()  # Devices with a status since then.
        self._distrusted: set[str] = set()  # Topics that showed another device's key.
        self._not_enrolled: set[tuple[str, str]] = set()
        self._unmet = deque[MessageReceived]()
        self._unkept = deque[MessageReceived]()

    @property
    def has_messages(self) -> bool:
        """Whether messages are pending."""
        return bool(self._unmet or self._unkept)

    def add(self, message: MessageReceived) -> None:
        """Append a device's status message."""
        self._unmet.append(message)

    def note_connected(self) -> None:
        """Note that the broker begins to deliver its retained messages."""
        self._connected_at = self._clock()
        self._seen.clear()

    def mark_missing_offline(self) -> None:
        """Mark devices offline that were online and have no retained status any more. Raises Unavailable."""
        if (
            self._statuses is None
            or self._connected_at is None
            or self._clock() < self._connected_at + _DELIVERED_WITHIN_S
        ):
            return
        lost = self._statuses.mark_missing_offline(self._seen)
        self._connected_at = None
        if lost:
            named = ", ".join("/".join(one) for one in lost[:_NAMED])
            log.warning("%d devices were linked, and the broker keeps no word of them any more: %s", len(lost), named)

    def clear(self) -> None:
        """Clear the queues: the broker delivers all of it again."""
        self._connected_at = None
        self._unmet.clear()
        self._unkept.clear()

    def enrol_new_devices(self) -> None:
        """Enrol devices without a known key if the site trusts at first use. Raises StorageFailed."""
        while self._unmet:
            self._enrol_at_first_use(self._unmet[0])
            self._unkept.append(self._unmet.popleft())

    def store_batch(self) -> list[MessageReceived]:
        """Store statuses; the messages to acknowledge. Raises Unavailable.

        Statuses are unsigned and decide nothing; the broker's access rules authenticate them. Those of devices that are
        not enrolled are dropped.
        """
        messages = list(islice(self._unkept, _AT_ONCE))
        statuses = self._keep_enrolled_and_log_others(
            [status for message in messages if (status := self._parse(message)) is not None]
        )
        if self._statuses is not None and statuses:
            try:
                self._statuses.record(statuses)
            except SiteFault:
                self._store_one_by_one(statuses, self._statuses)
        self._seen.update((status.site, status.device) for status in statuses if status.state == "online")
        for _ in messages:
            self._unkept.popleft()
        return messages

    def _keep_enrolled_and_log_others(self, statuses: list[StatusMessage]) -> list[StatusMessage]:
        """The messages of enrolled devices; others are counted, each device once."""
        ours = [
            status
            for status in statuses
            if any(not one.revoked for one in self._keys.keys_of(status.site, status.device).values())
        ]
        before = len(self._not_enrolled)
        if len(ours) < len(statuses) and before < _MOST_NOT_ENROLLED:
            enrolled = {(status.site, status.device) for status in ours}
            self._not_enrolled |= {(status.site, status.device) for status in statuses} - enrolled
        if len(self._not_enrolled) > before:
            log.warning(
                "%d devices say how they are and none of them is enrolled: nothing is kept of that (the last: %s); "
                "`dockvoice inventory keys enrol` lets one in, and the broker's rules keep others out",
                *(len(self._not_enrolled), f"{statuses[-1].site}/{statuses[-1].device}"),
            )
        return ours

    def _store_one_by_one(self, statuses: list[StatusMessage], store: StatusStore) -> None:
        """Store one by one; log and skip what the site's constraints reject, since each device repeats its status."""
        for status in statuses:
            try:
                store.record([status])
            except SiteFault as fault:
                log.warning("not kept of what %s/%s says of itself: %s", status.site, status.device, fault)

    def _parse(self, message: MessageReceived) -> StatusMessage | None:
        try:
            if not message.payload:
                return StatusMessage.cleared(Topics.parse(self._prefix, message.topic))
            if len(message.payload) > self._largest:
                raise MalformedMessage(f"message: found {len(message.payload):,} bytes, allowed are {self._largest:,}")
            topics = Topics.parse(self._prefix, message.topic)
            return StatusMessage.read(message.payload, topics, retained=message.retained)
        except MalformedMessage as fault:
            log.warning("not kept of what came on %s: %s", message.topic[:SHOWN], fault)
            return None

    def _enrol_at_first_use(self, message: MessageReceived) -> None:
        # Without the setting it is a subscription that the broker kept from when it was on.
        if not self._trust_first_use or not message.payload:
            return
        try:
            topics = Topics.parse(self._prefix, message.topic)
            if not self._keys.keys_of(topics.site, topics.device):
                key = self._keys.enrol(topics.site, topics.device, parse_device_key(message.payload, topics))
                log.warning("%s/%s: key %s trusted at first use", key.site, key.device, key.keyid)
        except MalformedMessage as fault:
            log.warning("nobody is trusted for what came on %s: %s", message.topic[:SHOWN], fault)
        except Misconfigured as fault:  # the key is another device's, and every later status shows it again
            if message.topic not in self._distrusted and len(self._distrusted) < _MOST_WARNINGS:
                self._distrusted.add(message.topic)
                log.warning("nobody is trusted for what came on %s: %s", message.topic[:SHOWN], fault)
