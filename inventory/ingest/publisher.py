"""The publisher: publishes due outbox rows on the consumer's connection, and records the broker's PUBACKs."""

from __future__ import annotations

import logging
from collections.abc import Callable

from dockvoice_protocol.mqtt import PubackReceived
from dockvoice_protocol.outbox import FAILURE, puback_meaning
from inventory.ingest.ports import Broker
from inventory.store.database import SiteFault
from inventory.store.outbox import WORK_KINDS, OutboxTable, PendingKind

log = logging.getLogger("inventory")

_TAG = "outbox "  # Tag prefix of outbox messages; the row's id follows.

_ALARM_S = 60.0  # Interval of checking for what is stuck, and the wait after a trigger bars the table.

_LOOK_S = 1.0  # Polling interval for due rows, short because a supervisor watches the console until a decision is sent.


class Publisher:
    """Publishes due outbox rows, in the consumer's thread; without `rows` none."""

    def __init__(
        self, broker: Broker, rows: OutboxTable | None, clock: Callable[[], float], denied: Callable[[str, int], None]
    ) -> None:
        """`denied` is called if the broker refuses a message that is not in the outbox."""
        self._broker = broker
        self._rows = rows
        self._clock = clock
        self._denied = denied
        self._taken: list[int] = []
        self._refused: list[tuple[int, str]] = []
        self._is_new = False  # Whether a new connection is not recorded in the table yet.
        self._next = self._alarm_at = self._barred_until = 0.0
        self._alarmed: set[str] = set()  # Kinds logged as stuck.

    def handle_connect(self) -> None:
        """Handle a new connection: messages in flight on the old one may be lost."""
        self._is_new, self._next = True, 0.0

    def queue_puback(self, puback: PubackReceived) -> None:
        """Queue the broker's PUBACK for `record_pubacks_and_publish`; refusals of other messages go to `denied`."""
        is_row, refuses = puback.tag.startswith(_TAG), puback.reason_code >= FAILURE
        row = int(puback.tag.removeprefix(_TAG)) if is_row else 0
        if is_row and refuses:
            self._refused.append((row, f"the broker refuses it: {puback_meaning(puback.reason_code).name}"))
        elif is_row:
            self._taken.append(row)
        elif refuses:
            self._denied(puback.tag, puback.reason_code)

    def record_pubacks_and_publish(self) -> None:
        """Record the broker's answers, and publish the due rows. Raises Unavailable: call it again."""
        if self._rows is None or self._clock() < self._barred_until:
            return
        try:
            self._process(self._rows)
        except SiteFault as fault:  # entries do not wait for the outbox
            log.warning("nothing is published to devices: %s", fault)
            self._barred_until = self._clock() + _ALARM_S

    def _process(self, rows: OutboxTable) -> None:
        self._record_pubacks(rows)
        if self._clock() >= self._alarm_at:
            self._log_stuck(rows.stuck_kinds())
            self._alarm_at = self._clock() + _ALARM_S
        if self._broker.is_connected and self._clock() >= self._next:
            self._publish_due(rows)
            self._next = self._clock() + _LOOK_S

    def _record_pubacks(self, rows: OutboxTable) -> None:
        if self._taken:
            rows.delete_or_await_confirmation(self._taken)
            self._taken = []
        for row, why in self._refused:
            log.warning("row %d of the outbox: %s", row, why)
            rows.record_failure([row], why)
        self._refused = []

    def _publish_due(self, rows: OutboxTable) -> None:
        if self._is_new:
            rows.handle_connect()
            self._is_new = False
        for one in rows.take_due():
            # Without room at the broker the row waits for its retry, like a lost message.
            if self._broker.publish(one.topic, one.body, tag=f"{_TAG}{one.id}", retain=one.retain):
                log.info("%s: published", one.topic)

    def _log_stuck(self, stuck: list[PendingKind]) -> None:
        """Log each kind once, and again after it was not stuck in between."""
        for one in stuck:
            if one.kind not in self._alarmed:
                trouble = None if one.kind in WORK_KINDS else self._broker.trouble
                report = (one.kind, one.number, one.oldest, one.attempts, one.error or trouble or "no error")
                log.error("%s: %d pending, the oldest since %s; %d attempts: %s", *report)
        self._alarmed = {one.kind for one in stuck}
