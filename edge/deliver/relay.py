"""The relay of the outbox: which rows to publish, and when. Pure: events and the time come in, commands go out.

It holds the oldest unsettled rows, at most as many as the window, and of each only when it is due to be sent. A row
leaves when it is settled, and everything is forgotten at a disconnect: the journal offers it again. So there is no
"in flight" state to get stuck in, and the worst a mistake can do is to send an event twice, which the inventory knows
by its id.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edge import config
from edge.records import OutboxRow, Receipt

MOST_DOUBLINGS = 3
"""The wait before sending again grows to 2**3 times the receipt's timeout: an inventory that is away for a night
finds few copies of each event in the broker's queue, and one that comes back is served within minutes."""

FIRST_REFUSAL = 0x80
"""PUBACK reason codes from here on mean that the broker did not take the message (MQTT 5, 3.4.2.1)."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """A PUBACK reason code in words, and what a person can do about it."""

    name: str
    remedy: str = ""


PUBACK = {
    0x00: Meaning("success"),
    0x10: Meaning("no matching subscribers", "start the inventory if it is not running"),
    0x80: Meaning("unspecified error", "see the broker's log"),
    0x83: Meaning("implementation specific error", "see the broker's log"),
    0x87: Meaning("not authorized", "let the broker's access rules allow this device to publish its entries"),
    0x90: Meaning("topic name invalid", "correct deliver.prefix, site or device, or what the broker allows"),
    0x97: Meaning("quota exceeded", "raise the broker's limit on messages kept"),
    0x99: Meaning("payload format invalid", "let the broker accept application/cloudevents+json"),
}
"""The reason codes a PUBACK may carry that concern us (MQTT 5, table 3-4). 0x10 is optional, and wrong in some
brokers: a hint, never a proof that somebody listens or nobody does."""


@dataclass(frozen=True, slots=True)
class WantRows:
    """Read the oldest unsettled rows from the journal, this many at most, and call `offered` with them."""

    at_most: int


@dataclass(frozen=True, slots=True)
class Publish:
    """Publish the row, tagged with its event id. Where that fails, nothing need be said: it is due again later."""

    row: OutboxRow


@dataclass(frozen=True, slots=True)
class Sent:
    """The broker has the event. Worth noting, proves nothing: brokers lose what they acknowledged."""

    event_id: str


@dataclass(frozen=True, slots=True)
class Settle:
    """The debt is paid: by this receipt, or by the broker's PUBACK where there are no receipts (None)."""

    event_id: str
    receipt: Receipt | None


@dataclass(frozen=True, slots=True)
class Alarm:
    """The broker refuses events for this reason. Raised once, and again only after it took one in between."""

    reason_code: int
    meaning: Meaning


Command = WantRows | Publish | Sent | Settle | Alarm


@dataclass(slots=True)
class _Debt:
    row: OutboxRow
    due: float
    sendings: int = 0


class Relay:
    """Decides for one outbox. Commands are to be carried out in the order given. Times are monotonic seconds."""

    def __init__(self, settings: config.Deliver) -> None:
        self._settings = settings
        self._limit = 0
        """How many rows may be on the way: 0 without a connection."""
        self._debts: dict[str, _Debt] = {}
        self._drained = False
        """Whether the journal held no more rows than it offered."""
        self._alarmed: set[int] = set()

    def connected(self, receive_maximum: int) -> list[Command]:
        """The broker can be reached, and takes `receive_maximum` unacknowledged messages: all unsettled rows go."""
        self._debts.clear()
        self._limit = min(self._settings.window, receive_maximum)
        return [WantRows(self._limit)]

    def disconnected(self) -> list[Command]:
        """The broker is gone. What was on the way is forgotten: only the journal knows what is owed."""
        self._debts.clear()
        self._limit = 0
        return []

    def written(self) -> list[Command]:
        """The journal has a new row."""
        self._drained = False
        return self._ask()

    def offered(self, rows: Iterable[OutboxRow], now: float) -> list[Command]:
        """The oldest unsettled rows of the journal, as WantRows asked for them."""
        oldest = sorted(rows, key=lambda row: row.sequence)
        self._drained = len(oldest) < self._limit
        new = [row for row in oldest if row.event_id not in self._debts]
        for row in new[: self._room]:
            self._debts[row.event_id] = _Debt(row, due=now)
        return self.tick(now)

    def acknowledged(self, event_id: str, reason_code: int) -> list[Command]:
        """The broker's PUBACK. A refusal leaves the row as it is: it is due again after its growing wait."""
        if reason_code >= FIRST_REFUSAL:
            return self._alarm(reason_code)
        self._alarmed.clear()
        if self._settings.settle is config.Settle.BROKER:
            return self._settle(event_id, None)
        return [Sent(event_id)]

    def receipt(self, receipt: Receipt) -> list[Command]:
        """The inventory's answer, be it applied, duplicate or refused; also to a row we no longer think of."""
        return self._settle(receipt.event_id, receipt)

    def tick(self, now: float) -> list[Command]:
        """Time has passed: publish what is due, in the order of its sequence."""
        due = sorted((debt for debt in self._debts.values() if debt.due <= now), key=lambda debt: debt.row.sequence)
        for debt in due:
            debt.due = now + self._settings.receipt_timeout_s * 2.0 ** min(debt.sendings, MOST_DOUBLINGS)
            debt.sendings += 1
        return [Publish(debt.row) for debt in due]

    def next_due(self, now: float) -> float | None:
        """Seconds until `tick` has something to do; None while nothing is on the way."""
        if not self._debts:
            return None
        return max(0.0, min(debt.due for debt in self._debts.values()) - now)

    @property
    def _room(self) -> int:
        return self._limit - len(self._debts)

    def _ask(self) -> list[Command]:
        return [WantRows(self._limit)] if self._room > 0 and not self._drained else []

    def _settle(self, event_id: str, receipt: Receipt | None) -> list[Command]:
        self._debts.pop(event_id, None)
        return [Settle(event_id, receipt), *self._ask()]

    def _alarm(self, reason_code: int) -> list[Command]:
        if reason_code in self._alarmed:
            return []
        self._alarmed.add(reason_code)
        return [Alarm(reason_code, PUBACK.get(reason_code, Meaning(f"reason code {reason_code}")))]
