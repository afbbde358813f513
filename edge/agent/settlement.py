"""Outbox settlement: stores each event's outcome in the journal: sent, settled, pending again, dead letter.

Separate from the decision (`deliver.relay`) and the loop that drives it (`delivery`): on a full disk the outcome is
retried until there is space, and the event stays pending.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.records import Receipt, ReceiptOutcome
from edge.deliver.device_events import withheld_event
from edge.deliver.relay import CountPuback, DeadLetterRow, ReopenRows, SettleRow
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread

logger = logging.getLogger(__name__)

_REOPENED_AT_ONCE = 10_000
"""Limit of events reopened in one transaction: about 150 ms, during which the journal is blocked."""

_OVERTAKEN = {
    "sequence_reused": "its numbers were used before",
    "another_instance": "another journal of this device has gone on since",
}
"""The inventory's reasons for rejections that every further event would meet too, and their meanings."""

_UNKNOWN = "which this device never sent, or has removed since to make room"  # Such an answer changes nothing.

_UNDELIVERABLE = "undeliverable"  # A dead letter's reason for the operator; the log has the broker's.
DeliveryOutcome = (
    CountPuback | SettleRow | ReopenRows | DeadLetterRow
)  # The commands of the relay that change the journal.


class Settlement:
    """Stores outcomes in one journal, one at a time."""

    def __init__(
        self, executor: JournalThread, heartbeat: Callable[[], None], turned_down: Callable[[Receipt], None]
    ) -> None:
        """`heartbeat` is called before each wait for disk space.

        `turned_down` is called once for each rejected event and each dead letter.
        """
        self._executor = executor
        self._heartbeat = heartbeat
        self._turned_down = turned_down
        self.nothing_owed = asyncio.Event()  # Set while no event is pending.
        self.sent_again = 0  # Settled events that the inventory lacked.
        self._is_doubted = False  # Whether an overtaking without proof was logged.
        self.superseded: Misconfigured | None = None
        """The error for a journal that is an older copy, or used beside a copy: it must use no more numbers."""

    async def signal_if_nothing_pending(self) -> None:
        """Set `nothing_owed` if no event is pending in the journal."""
        if await self._executor(lambda journal: journal.outbox.count_unsettled()) == 0:
            self.nothing_owed.set()

    async def store_outcome(self, outcome: DeliveryOutcome) -> None:
        """Store an outcome; on a full disk retry until there is space.

        The event stays pending and delivery is blocked meanwhile.
        """
        waits = "what became of an event cannot be noted, and is tried again"
        await self._executor.retry_while_disk_full(lambda: self._store(outcome), waits, lambda _: self._heartbeat())

    async def _store(self, outcome: DeliveryOutcome) -> None:
        match outcome:
            case CountPuback(event_id):
                if not await self._executor(lambda journal: journal.outbox.mark_sent(event_id)):
                    logger.info("the broker took %s, %s", event_id, _UNKNOWN)
            case SettleRow(event_id, receipt):
                await self._settle_and_report(event_id, receipt)
            case ReopenRows(sequence):
                await self._reopen_from(sequence)
            case DeadLetterRow(event_id, reason):
                await self._set_aside_dead_letter(event_id, reason)

    async def _settle_and_report(self, event_id: str, receipt: Receipt | None) -> None:
        struck = await self._executor(lambda journal: _settle_event(journal, event_id, receipt))
        if not struck.is_ours:
            logger.warning("a receipt came for %s, %s", event_id, _UNKNOWN)
        elif receipt is not None and receipt.is_rejected:
            does = "refuses" if receipt.outcome is ReceiptOutcome.REFUSED else "has already"
            logger.warning("the inventory %s %s: %s", does, event_id, ", ".join(receipt.reasons))
            if struck.was_owed:  # the inventory repeats the answer at each connection
                self._turned_down(receipt)
        if struck.unsettled == 0:
            self.nothing_owed.set()
        if struck.is_ours and receipt is not None and self.superseded is None:
            await self._note_if_superseded(receipt, struck.newest)

    async def _note_if_superseded(self, receipt: Receipt, newest: int) -> None:
        """Set `superseded` where the receipt proves that another copy of the journal has gone on; else log it."""
        why = next((_OVERTAKEN[reason] for reason in receipt.reasons if reason in _OVERTAKEN), None)
        if receipt.handled > newest:
            why = f"the inventory has handled number {receipt.handled} of this device, and it ends at {newest}"
        if why is None:
            return
        latest = receipt.latest or {}
        if await self._executor(lambda journal: journal.successor.proves_overtaking(latest, journal.public_key)):
            self.superseded = await self._executor(lambda journal: journal.successor.note(why))
            logger.error("%s", self.superseded)
        elif not self._is_doubted:
            self._is_doubted = True
            logger.error(
                "a receipt says that this is an older copy of the journal (%s), and shows no event of this device that "
                "proves it, so the device goes on: let the broker's access rules allow nobody but the inventory to "
                "write receipts; if it was the inventory, bring it up to the version of this device",
                why,
            )

    async def _reopen_from(self, first: int) -> None:
        """Make all events from the number `first` on pending again, and log how many."""
        self.nothing_owed.clear()
        forgotten = await self._executor(lambda journal: journal.trail.last_removed_sequence)
        if first <= forgotten:
            logger.error(
                "the inventory lacks number %d, but up to %d all was removed here to make room (keep.entries_mb): it "
                "can take nothing from this device until it is restored from a newer copy",
                first,
                forgotten,
            )
        newest = await self._executor(lambda journal: journal.outbox.last_event())
        reopened = 0
        # From the end, so that after a crash the pending events still reach to the newest.
        for last in range(0 if newest is None else newest.sequence, first - 1, -_REOPENED_AT_ONCE):
            lowest = max(first, last - _REOPENED_AT_ONCE + 1)
            reopened += await self._executor(partial(_reopen_range, first=lowest, last=last))
        self.sent_again += reopened
        logger.warning(
            "the inventory lacks number %d and those after it, which it had confirmed (is it new, or restored?): "
            "%d events are sent again",
            first,
            reopened,
        )

    async def _set_aside_dead_letter(self, event_id: str, reason: str) -> None:
        def withhold(journal: Journal) -> bool:
            return journal.outbox.dead_letter(event_id, reason, partial(withheld_event, reason=reason))

        if await self._executor(withhold):
            logger.error(
                "%s is set aside, so that it holds up nothing: %s. `dockvoice queue list --held` shows it",
                event_id,
                reason,
            )
            self._turned_down(Receipt(event_id, ReceiptOutcome.REFUSED, (_UNDELIVERABLE,)))


def _reopen_range(journal: Journal, first: int, last: int) -> int:
    return journal.outbox.reopen(first, last)


@dataclass(frozen=True, slots=True)
class _Settled:
    """The result of settling an event."""

    was_owed: bool
    is_ours: bool  # Whether the journal has the event.
    unsettled: int
    newest: int  # The last number of the journal.


def _settle_event(journal: Journal, event_id: str, receipt: Receipt | None) -> _Settled:
    was_owed = journal.outbox.is_event_pending(event_id)
    is_ours, newest = journal.outbox.settle(event_id, receipt), journal.outbox.last_event()
    return _Settled(was_owed, is_ours, journal.outbox.count_unsettled(), 0 if newest is None else newest.sequence)
