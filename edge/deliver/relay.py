"""The relay of the outbox: which rows to publish, when, and when to retry. Pure: events and time in, commands out.

It holds the oldest unsettled rows, at most as many as the window. A row leaves when it is settled; a disconnect clears
all rows, and the journal offers them again. So no "in flight" state can get stuck, and the worst fault is a duplicate,
which the inventory recognises by its id. Only refusals of an event's content survive a disconnect: some brokers hang
up over them. Rows go in the order of their sequence; a retry may follow later rows, and the inventory reorders them.

With nothing pending at a new connection, the last row is published again: its answer shows whether both sides agree.

Gaps: the inventory may report that it lacks an earlier event. Usually that event is still pending and is sent again at
once with all that follow it. An inventory restored from a backup, or a new one, lacks events that it confirmed: these
become pending again. To prevent storms and loops, an immediate retry needs a higher expected number than before, and
reopening needs two reports a receipt timeout apart (one may be stale); that timeout doubles until reopening helped.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Self

from dockvoice_protocol.events import EarlyAnswer
from dockvoice_protocol.outbox import (
    FAILURE,
    Backoff,
    Outbox,
    Pending,
    Policy,
    PubackEffect,
    PubackMeaning,
    puback_meaning,
)
from dockvoice_protocol.records import Receipt
from edge import config
from edge.records import OutboxRow

_MOST_REOPENING_DOUBLINGS = 8
"""An inventory that forgets everything it confirms is sent it all again every 2**8 timeouts: with 20 s, 85 minutes."""


class _RecoveryStep(Enum):
    """The reaction to the inventory's report of a missing event."""

    NOTHING = auto()  # Pending events are retried after their back-off.
    SEND_AGAIN = auto()  # Publish all pending events from the expected number on, now.
    ASK = auto()  # Publish the oldest again after the wait: that answer counts.
    REOPEN = auto()  # Make all from the expected number on pending again.


class _GapRecovery:
    """Decides how to answer the inventory's reports of missing events. Times are monotonic seconds."""

    def __init__(self, receipt_timeout_s: float) -> None:
        self._timeout_s = receipt_timeout_s
        self._sent_again_from = 0
        self._doubted_at: float | None = None  # When it first reported a confirmed event missing.
        self._reopenings = 0  # How often reopening did not help so far.
        self._useful_from = 0  # An answer to this number or a later one shows that reopening helped.

    @property
    def wait_s(self) -> float:
        """Seconds until a report that confirmed events are missing counts: until then it may be stale."""
        return self._timeout_s * 2.0 ** min(self._reopenings, _MOST_REOPENING_DOUBLINGS)

    def connected(self) -> None:
        """Reset at a new connection."""
        self._sent_again_from = 0
        self._doubted_at = None

    def note_handled(self, sequence: int) -> None:
        """Forget earlier reports of missing events: the inventory has handled this number."""
        self._doubted_at = None
        if sequence >= self._useful_from:
            self._reopenings = 0

    def choose_step(self, answer: EarlyAnswer, owed: Collection[int], now: float) -> _RecoveryStep:
        """Choose the step for the inventory's report of a missing event; `owed` are the scheduled numbers."""
        expected = answer.expected
        if not owed or expected > max(owed) or expected >= answer.sequence:
            return _RecoveryStep.NOTHING
        if expected in owed:
            return self._step_for_lost_in_transit(expected)
        return self._step_for_lost_by_inventory(expected, max(owed), now)

    def _step_for_lost_in_transit(self, expected: int) -> _RecoveryStep:
        if expected <= self._sent_again_from:
            return _RecoveryStep.NOTHING
        self._sent_again_from = expected
        return _RecoveryStep.SEND_AGAIN

    def _step_for_lost_by_inventory(self, expected: int, last: int, now: float) -> _RecoveryStep:
        if self._doubted_at is None:
            self._doubted_at = now
            return _RecoveryStep.ASK
        if now - self._doubted_at < self.wait_s:
            return _RecoveryStep.NOTHING
        self._doubted_at = None
        self._sent_again_from = expected
        self._reopenings += 1
        self._useful_from = last
        return _RecoveryStep.REOPEN


_MOST_DOUBLINGS = 3
"""The wait before a retry grows to 2**3 times the receipt's timeout: an inventory that is away for a night finds few
copies of each event in the broker's queue, and one that comes back is served within minutes."""

MOST_REFUSALS = 4
"""Refusals of an event's content before it is set aside: with growing waits more than two minutes, enough to correct
the broker's settings."""

_MOST_DEAD_LETTERS = 16
"""Limit of refused events that let later ones pass. When more follow one another, and the broker accepts nothing in
between, the events are not the cause: an alarm is raised, and nothing is set aside."""

_MOST_LOST_PUBLICATIONS = 8
"""Accepted publications of the event that the inventory lacks, while later ones arrive, before it is set aside: with
growing waits a quarter of an hour. With MQTT 3.1.1 mosquitto drops what is too large without an error."""

_NO_LINK_ALERT_S = 3.0  # Time without a connection before an alert: a broker's restart or a dead spot takes less.

_UNANSWERED_BEFORE_ALERT = 3
"""Accepted publications of one event before the lack of a receipt is an alert: with growing waits more than 60 s, in
which an inventory can restart."""

NEVER_ARRIVES_REASON = "taken by the broker, but it never arrives"  # The reason in that case.


@dataclass(frozen=True, slots=True)
class ReadPendingRows:
    """Read the oldest unsettled rows from the journal, this many at most, and call `add_rows` with them."""

    at_most: int


@dataclass(frozen=True, slots=True)
class ReadLastRow:
    """Read the last row of the journal, which is settled, and call `republish_last_row` with it."""


@dataclass(frozen=True, slots=True)
class PublishRow:
    """Publish the row, tagged with its event id; where there is no room for it, call `mark_unsent`."""

    row: OutboxRow


@dataclass(frozen=True, slots=True)
class CountPuback:
    """Count the broker's PUBACK for the event. It settles nothing: brokers lose messages that they acknowledged."""

    event_id: str


@dataclass(frozen=True, slots=True)
class SettleRow:
    """The row is settled: by this receipt, or by the PUBACK where there are no receipts (None)."""

    event_id: str
    receipt: Receipt | None


@dataclass(frozen=True, slots=True)
class ReopenRows:
    """The inventory lacks this settled event: make it pending again, with all that follow it."""

    sequence: int


@dataclass(frozen=True, slots=True)
class DeadLetterRow:
    """The event cannot be delivered: set it aside, and let the journal offer its replacement."""

    event_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class RaiseAlarm:
    """The broker refuses events for this reason. Raised once until it accepts an event."""

    reason_code: int
    meaning: PubackMeaning


Command = ReadPendingRows | ReadLastRow | PublishRow | CountPuback | SettleRow | ReopenRows | DeadLetterRow | RaiseAlarm


@dataclass(slots=True, kw_only=True)
class PendingRow(Pending):
    """A row of the journal that is not settled."""

    row: OutboxRow
    taken: int = 0  # PUBACKs since the inventory reported it missing.
    early: bool = False  # A receipt came before the PUBACK of the question on this connection.
    taken_before: int = 0  # The total of accepted events when the first refusal of this one came.

    @classmethod
    def from_row(cls, row: OutboxRow, now: float) -> Self:
        """Make a pending row that is due now."""
        return cls(key=row.event_id, order=row.sequence, due=now, row=row)


def make_row_schedule(receipt_timeout_s: float) -> Outbox[PendingRow]:
    """Make the schedule of rows that a receipt settles."""
    return Outbox(Policy.IN_ORDER, Backoff(receipt_timeout_s, _MOST_DOUBLINGS))


class _Refusals:
    """Counts the broker's refusals, and decides which raise an alarm and which are due to the event itself."""

    def __init__(self) -> None:
        self.suspects: dict[str, PendingRow] = {}  # Refused for their content, and not accepted since.
        self._taken = 0  # How many events the broker took in all.
        self._alarmed: set[int] = set()

    def note_accepted(self) -> None:
        """Count an accepted event: later refusals raise a new alarm."""
        self._taken += 1
        self._alarmed.clear()

    def raise_alarm_once(self, reason_code: int, meaning: PubackMeaning) -> list[Command]:
        """The alarm for this reason code, unless it was raised since the last accepted event."""
        if reason_code in self._alarmed or not meaning.alarm:
            return []
        self._alarmed.add(reason_code)
        return [RaiseAlarm(reason_code, meaning)]

    def count_content_refusal(self, pending: PendingRow) -> bool:
        """Count a refusal of the event's content; whether to set it aside, since others are accepted."""
        if not pending.refusals:
            pending.taken_before = self._taken
        pending.refusals += 1
        self.suspects[pending.key] = pending
        return pending.refusals >= MOST_REFUSALS and pending.taken_before != self._taken


class Relay:
    """Decides what to do for one outbox: events in, ordered commands out. Times are monotonic seconds."""

    def __init__(self, settings: config.Deliver) -> None:
        self._settings = settings
        self._settle_by = settings.settle
        self._limit = 0  # Rows in flight at most: 0 without a connection.
        self._pending = make_row_schedule(settings.receipt_timeout_s)
        self._probe: Outbox[PendingRow] = Outbox(Policy.IN_ORDER, Backoff(math.inf, 0))
        """The last row, already settled, published once while nothing is pending to compare both sides."""
        self._asked = False  # Whether that question was asked on this connection, or is not needed.
        self._drained = False  # Whether the journal has offered all of its rows.
        self._catching_up = _GapRecovery(settings.receipt_timeout_s)
        self._refusals = _Refusals()

    @property
    def has_inventory_answered_all(self) -> bool:
        """Whether the inventory, or the broker where PUBACKs settle, has answered for all rows on this connection."""
        return self._limit > 0 and self._asked and self._drained and not len(self._schedule)

    @property
    def settles_by_receipt(self) -> bool:
        """Whether a receipt settles rows, and not the PUBACK."""
        return self._settle_by is config.SettleBy.RECEIPT

    def settle_by_receipts(self) -> None:
        """Settle rows by receipts from now on, not by PUBACKs: an inventory sends them."""
        self._settle_by = config.SettleBy.RECEIPT

    def handle_connect(self, receive_maximum: int) -> list[Command]:
        """Forget the schedule and ask the journal for all unsettled rows, to publish them.

        `receive_maximum` is how many unacknowledged messages the broker accepts.
        """
        self._clear_schedule()
        self._limit = min(self._settings.window, receive_maximum)
        self._asked = not self.settles_by_receipt
        self._catching_up.connected()
        return [ReadPendingRows(self._window)]

    def handle_disconnect(self) -> list[Command]:
        """Clear the schedule at a lost connection: only the journal knows what is pending."""
        self._clear_schedule()
        self._limit = 0
        return []

    def handle_new_row(self) -> list[Command]:
        """Request the pending rows, since the journal has a new one."""
        self._drained = False
        return self._request_rows()

    def add_rows(self, rows: Iterable[OutboxRow], now: float) -> list[Command]:
        """Schedule the oldest unsettled rows of the journal, as ReadPendingRows asked for them."""
        oldest = sorted(rows, key=lambda row: row.sequence)
        self._drained = len(oldest) < self._window
        if not oldest and self._limit and not self._asked:
            return [ReadLastRow()]
        new = [row for row in oldest if self._pending.get(row.event_id) is None]
        for row in new[: self._free_slots]:
            self._pending.add(self._refusals.suspects.get(row.event_id) or PendingRow.from_row(row, now))
        if len(self._pending):
            self._asked = True
            self._probe.clear()
        return self.publish_due(now)

    def republish_last_row(self, last: OutboxRow | None, now: float) -> list[Command]:
        """Publish the journal's last row again to compare both sides, as ReadLastRow asked; None: there is none."""
        self._asked = True
        if last is not None and self._limit and not len(self._pending):
            self._probe.add(PendingRow.from_row(last, now))
        return self.publish_due(now)

    def handle_puback(self, event_id: str, reason_code: int) -> list[Command]:
        """Count the PUBACK, or settle the row by it where no receipts come; handle a refusal."""
        if reason_code >= FAILURE:
            return self._handle_refusal(event_id, reason_code)
        self._refusals.note_accepted()
        if not self.settles_by_receipt:
            return self._settle(event_id, None)
        self._refusals.suspects.pop(event_id, None)
        self._pending.note_puback(event_id)
        if (pending := self._schedule.get(event_id)) is not None:
            pending.taken += 1
            if pending.early and pending.taken == 1:
                pending.due = -math.inf  # The receipt may have been this publication's: ask once more.
        return [CountPuback(event_id)]

    def handle_receipt(self, receipt: Receipt) -> list[Command]:
        """Settle the row that the inventory answered: applied, duplicate or refused; it need not be scheduled.

        A receipt before the PUBACK of the question does not answer it: the broker may have queued it since an earlier
        connection, and another inventory may be there now.
        """
        asked = self._probe.get(receipt.event_id)
        if asked is not None and not asked.taken and not asked.early:
            asked.early = True
            return []
        if (pending := self._schedule.get(receipt.event_id)) is not None:
            self._catching_up.note_handled(pending.order)
        return self._settle(receipt.event_id, receipt)

    def handle_gap_report(self, answer: EarlyAnswer, now: float) -> list[Command]:
        """Publish, reopen or set aside the event that the inventory reports missing. Nothing is settled."""
        owed = {pending.order: pending for pending in self._schedule.pending}
        match self._catching_up.choose_step(answer, owed, now):
            case _RecoveryStep.SEND_AGAIN:
                for sequence, pending in owed.items():
                    # A suspect keeps to its waits: the broker may hang up over it, and all the others with it.
                    if sequence >= answer.expected and not pending.refusals:
                        pending.due, pending.attempts, pending.taken = now, 0, 0
                return self.publish_due(now)
            case _RecoveryStep.ASK:
                oldest = owed[min(owed)]
                oldest.due = min(oldest.due, now + self._catching_up.wait_s)
                return []
            case _RecoveryStep.REOPEN:
                self._clear_schedule()
                return [ReopenRows(answer.expected), ReadPendingRows(self._window)]
            case _RecoveryStep.NOTHING:
                swallowed = owed.get(answer.expected)
                if swallowed is None or swallowed.taken < _MOST_LOST_PUBLICATIONS:
                    return []
                return self._dead_letter(swallowed, NEVER_ARRIVES_REASON)

    def publish_all_pending(self, now: float) -> list[Command]:
        """Publish all pending rows at once, or the last row without any: an inventory came online."""
        if not (self._limit and self.settles_by_receipt):
            return []
        if not len(self._pending):
            self._asked = False  # it may be another one, or restored
            self._probe.clear()
            return [ReadPendingRows(self._window)]
        for pending in self._pending.pending:
            if not pending.refusals:
                pending.due, pending.attempts = now, 0
        return self.publish_due(now)

    def publish_due(self, now: float) -> list[Command]:
        """Publish what is due, in the order of sequence.

        Rows that the broker refused for their content go last: it may accept only one at a time.
        """
        return [PublishRow(pending.row) for pending in self._schedule.start_due_attempts(now)]

    def is_answer_overdue(self, now: float) -> bool:
        """Whether an event that is due again was taken by the broker, and no receipt came: subscribe to them again.

        RabbitMQ 3.10 drops the queue of a client that has connected again after a node's death, and does not say so.
        """
        return any(pending.due <= now and pending.taken and not pending.early for pending in self._schedule.pending)

    def mark_unsent(self, event_id: str, now: float) -> None:
        """Take back the attempt of a row that could not be published because the broker's window is full."""
        self._schedule.mark_unsent(event_id, now)

    def due_in_s(self, now: float) -> float | None:
        """Seconds until `publish_due` has work; None while nothing is in flight."""
        return self._schedule.seconds_until_due(now)

    @property
    def _schedule(self) -> Outbox[PendingRow]:
        return self._pending if len(self._pending) else self._probe

    @property
    def _window(self) -> int:
        # Rows refused for their content do not count: the result of the next row shows the cause.
        return self._limit + min(len(self._refusals.suspects), _MOST_DEAD_LETTERS) if self._limit else 0

    @property
    def _free_slots(self) -> int:
        return max(0, self._window - len(self._pending))

    def _clear_schedule(self) -> None:
        self._pending.clear()
        self._probe.clear()

    def _request_rows(self) -> list[Command]:
        return [ReadPendingRows(self._window)] if self._free_slots and not self._drained else []

    def _settle(self, event_id: str, receipt: Receipt | None) -> list[Command]:
        self._pending.remove_confirmed(event_id)
        self._probe.remove_confirmed(event_id)
        self._refusals.suspects.pop(event_id, None)
        return [SettleRow(event_id, receipt), *self._request_rows()]

    def _handle_refusal(self, event_id: str, reason_code: int) -> list[Command]:
        meaning = puback_meaning(reason_code)
        alarm = self._refusals.raise_alarm_once(reason_code, meaning)
        pending = self._pending.get(event_id)
        if pending is None or meaning.consequence is not PubackEffect.DEAD_LETTER:
            return alarm
        return [
            *alarm,
            *(
                self._dead_letter(pending, meaning.name)
                if self._refusals.count_content_refusal(pending)
                else self._request_rows()
            ),
        ]

    def _dead_letter(self, pending: PendingRow, reason: str) -> list[Command]:
        self._pending.remove_confirmed(pending.key)
        self._refusals.suspects.pop(pending.key, None)
        return [DeadLetterRow(pending.key, reason), ReadPendingRows(self._window)]


class DeliveryAlerts:
    """Delivery alerts: what keeps entries from the inventory and needs a person, each reported once.

    Either there is no connection, and the session knows why; or there is one, and no receipts come: with MQTT 3.1.1 a
    broker can only refuse an event by acknowledging and dropping it, and any broker may accept a subscription to
    receipts that it does not deliver. Times are monotonic seconds.
    """

    def __init__(self, unanswered: str) -> None:
        """`unanswered` is the alert for missing receipts."""
        self._unanswered = unanswered
        self._lost_at: float | None = None  # When the connection was lost.
        self._reported: set[str] = set()  # What was reported since the last connection.
        self._pubacks: dict[str, int] = {}  # PUBACKs of each event since the last answer to any.
        self._reported_unanswered = False

    def new_alerts(self, trouble: str | None, now: float) -> list[str]:
        """The alerts that were not reported yet; `trouble` is why there is no connection, None while there is one."""
        if trouble is None:
            self._lost_at = None
            self._reported.clear()
            return self._unanswered_alerts()
        self._lost_at = now if self._lost_at is None else self._lost_at
        if trouble in self._reported or now - self._lost_at < _NO_LINK_ALERT_S:
            return []
        self._reported.add(trouble)
        return [trouble]

    def note_puback(self, event_id: str) -> None:
        """Count a PUBACK of the event."""
        self._pubacks[event_id] = self._pubacks.get(event_id, 0) + 1

    def note_answer(self) -> None:
        """Restart the count of PUBACKs: the inventory answered."""
        self._pubacks.clear()
        self._reported_unanswered = False

    def _unanswered_alerts(self) -> list[str]:
        if self._reported_unanswered or max(self._pubacks.values(), default=0) < _UNANSWERED_BEFORE_ALERT:
            return []
        self._reported_unanswered = True
        return [self._unanswered]
