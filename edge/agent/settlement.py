"""Outbox settlement: what became of each event is put into the journal: sent, settled, owed again, set aside.

Apart from what decides it (`deliver.relay`) and what drives that (`delivery`): a disk that is full for a while keeps an
outcome from being noted, and then the event stays owed until there is room.
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
from edge.deliver.relay import DeadLetter, Reopen, Sent, Settle
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread

logger = logging.getLogger(__name__)

REOPENED_AT_ONCE = 10_000
"""So many events are owed again in one transaction: about 150 ms, in which the journal can keep nothing else."""

OVERTAKEN = {
    "sequence_reused": "its numbers were used before",
    "another_instance": "another journal of this device has gone on since",
}
"""The inventory's reasons for refusals that one event of the device after another will meet, and what they mean."""

UNKNOWN = "which this device never sent, or has removed since to make room"  # What is answered so late changes nothing.

UNDELIVERABLE = "undeliverable"  # What the operator is told of a dead letter; what the broker said is in the log.
Outcome = Sent | Settle | Reopen | DeadLetter  # The commands of the relay that change the journal.


class Settlement:
    """Notes outcomes in one journal, one at a time."""

    def __init__(
        self, executor: JournalThread, heartbeat: Callable[[], None], turned_down: Callable[[Receipt], None]
    ) -> None:
        """`heartbeat` is called before each wait for room on the disk.

        `turned_down` hears, once, what the inventory does not take, and what will never reach it.
        """
        self._executor = executor
        self._heartbeat = heartbeat
        self._turned_down = turned_down
        self.nothing_owed = asyncio.Event()  # Set while every event that was written is settled.
        self.sent_again = 0  # How many settled events the inventory turned out to lack.
        self._is_doubted = False  # Whether it was told that somebody claims that without proof.
        self.superseded: Misconfigured | None = None
        """What is wrong with a journal that is an older copy, or beside a copy: it must use up no more numbers."""

    async def refresh(self) -> None:
        """See whether anything is owed."""
        if await self._executor(lambda journal: journal.outbox.count_unsettled()) == 0:
            self.nothing_owed.set()

    async def note(self, outcome: Outcome) -> None:
        """Note it; on a full disk as soon as there is room, for until then the event stays owed.

        Nothing else is delivered meanwhile.
        """
        waits = "what became of an event cannot be noted, and is tried again"
        await self._executor.when_there_is_room(lambda: self._note(outcome), waits, lambda _: self._heartbeat())

    async def _note(self, outcome: Outcome) -> None:
        match outcome:
            case Sent(event_id):
                if not await self._executor(lambda journal: journal.outbox.mark_sent(event_id)):
                    logger.info("the broker took %s, %s", event_id, UNKNOWN)
            case Settle(event_id, receipt):
                await self._settle(event_id, receipt)
            case Reopen(sequence):
                await self._reopen(sequence)
            case DeadLetter(event_id, reason):
                await self._withhold(event_id, reason)

    async def _settle(self, event_id: str, receipt: Receipt | None) -> None:
        struck = await self._executor(lambda journal: _struck_off(journal, event_id, receipt))
        if not struck.is_ours:
            logger.warning("a receipt came for %s, %s", event_id, UNKNOWN)
        elif receipt is not None and receipt.turned_down:
            does = "refuses" if receipt.outcome is ReceiptOutcome.REFUSED else "has already"
            logger.warning("the inventory %s %s: %s", does, event_id, ", ".join(receipt.reasons))
            if struck.was_owed:  # the same answer comes again, to the question at each connection
                self._turned_down(receipt)
        if struck.unsettled == 0:
            self.nothing_owed.set()
        if struck.is_ours and receipt is not None and self.superseded is None:
            await self._see_whether_overtaken(receipt, struck.newest)

    async def _see_whether_overtaken(self, receipt: Receipt, newest: int) -> None:
        why = next((OVERTAKEN[reason] for reason in receipt.reasons if reason in OVERTAKEN), None)
        if receipt.handled > newest:
            why = f"the inventory has handled number {receipt.handled} of this device, and it ends at {newest}"
        if why is None:
            return
        latest = receipt.latest or {}
        if await self._executor(lambda journal: journal.successor.is_proved_by(latest, journal.public_key)):
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

    async def _reopen(self, first: int) -> None:
        self.nothing_owed.clear()
        forgotten = await self._executor(lambda journal: journal.trail.forgotten)
        if first <= forgotten:
            logger.error(
                "the inventory lacks number %d, but up to %d all was removed here to make room (keep.entries_mb): it "
                "can take nothing from this device until it is restored from a newer copy",
                *(first, forgotten),
            )
        newest = await self._executor(lambda journal: journal.outbox.last())
        reopened = 0
        # From the end, so that a crash in between leaves no gap behind which nothing is owed.
        for last in range(0 if newest is None else newest.sequence, first - 1, -REOPENED_AT_ONCE):
            lowest = max(first, last - REOPENED_AT_ONCE + 1)
            reopened += await self._executor(partial(_reopened, first=lowest, last=last))
        self.sent_again += reopened
        logger.warning(
            "the inventory lacks number %d and those after it, which it had confirmed (is it new, or restored?): "
            "%d events are sent again",
            *(first, reopened),
        )

    async def _withhold(self, event_id: str, reason: str) -> None:
        def withhold(journal: Journal) -> bool:
            return journal.outbox.dead_letter(event_id, reason, partial(withheld_event, reason=reason))

        if await self._executor(withhold):
            logger.error(
                "%s is set aside, so that it holds up nothing: %s. `dockvoice queue list --held` shows it",
                *(event_id, reason),
            )
            self._turned_down(Receipt(event_id, ReceiptOutcome.REFUSED, (UNDELIVERABLE,)))


def _reopened(journal: Journal, first: int, last: int) -> int:
    return journal.outbox.reopen(first, last)


@dataclass(frozen=True, slots=True)
class _Struck:
    """What was found when an event was struck off."""

    was_owed: bool
    is_ours: bool
    unsettled: int
    newest: int  # The last number of the journal.


def _struck_off(journal: Journal, event_id: str, receipt: Receipt | None) -> _Struck:
    was_owed = journal.outbox.is_event_pending(event_id)
    is_ours, newest = journal.outbox.settle(event_id, receipt), journal.outbox.last()
    return _Struck(was_owed, is_ours, journal.outbox.count_unsettled(), 0 if newest is None else newest.sequence)
