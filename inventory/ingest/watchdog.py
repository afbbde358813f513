"""systemd's watchdog, fed only while the broker and the database are available."""

from __future__ import annotations

import logging
from collections.abc import Callable

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.systemd import Notifier
from inventory.ingest.ports import Broker, EventStore

log = logging.getLogger("inventory")

MAX_OUTAGE_S = 300.0
"""Longest outage of broker or database before the watchdog is no longer fed and systemd restarts the process."""


class OutageWatchdog:
    """Feeds systemd's watchdog while the loop turns and no outage has lasted longer than MAX_OUTAGE_S."""

    def __init__(self, broker: Broker, store: EventStore, clock: Callable[[], float], systemd: Notifier) -> None:
        self._broker = broker
        self._store = store
        self._clock = clock
        self._systemd = systemd
        self._next = self._broker_seen = self._store_seen = clock()

    def beat(self) -> None:
        """Feed systemd's watchdog if due and no outage exceeds MAX_OUTAGE_S; call at every turn of the loop."""
        if self._systemd.period_s is None or self._clock() < self._next:
            return
        self._next = self._clock() + self._systemd.period_s
        self._probe_broker_and_database()
        if self._clock() - min(self._broker_seen, self._store_seen) < MAX_OUTAGE_S:
            self._systemd.ping_watchdog()

    def _probe_broker_and_database(self) -> None:
        if self._broker.is_connected:
            self._broker_seen = self._clock()
        try:
            self._store.ping()
        except Unavailable as fault:
            log.warning("database: %s", fault)
        else:
            self._store_seen = self._clock()
