"""From the outbox to the receipt: the relay decides, this carries out, over the journal and the MQTT session.

paho's thread, the journal and dictation all speak to it through one queue, so the relay is asked one thing at a time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from functools import partial
from typing import Literal

from edge.config import Settings
from edge.config import Settle as SettleOn
from edge.deliver import events
from edge.deliver.mqtt import Session, Will
from edge.deliver.relay import (
    Alarm,
    Command,
    DeadLetter,
    Publish,
    Relay,
    Reopen,
    Sent,
    Settle,
    WantLast,
    WantRows,
)
from edge.deliver.session_events import Acknowledged, Connected, Delivered, Disconnected, SessionEvent
from edge.errors import Misconfigured
from edge.keep.desk import Desk
from edge.keep.disk import DiskFull
from edge.keep.journal import Journal
from edge.records import Receipt, ReceiptOutcome

logger = logging.getLogger(__name__)

IDLE_S = 1.0
"""How long it waits for news at most before it looks at the clock and shows that it is alive."""

STATUS = "status"
"""The tag of status messages: no event id looks like it."""

REOPENED_AT_ONCE = 10_000
"""So many events are owed again in one transaction: about 150 ms, in which the journal can keep nothing else."""

REUSED = "sequence_reused"
"""The inventory's reason for a refusal that one device after another event will meet, until a person steps in."""


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The connection to the broker came up or was lost."""

    up: bool
    what: str
    """Which broker, and why it was lost."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What comparing this device with the inventory came to."""

    agreed: bool
    """Whether the inventory confirmed, within the time given, that it has all that was ever committed here."""
    sent_again: int
    """How many events it had lost after it had confirmed them."""
    unsettled: int
    """How many are still owed."""
    trouble: str | None
    """Why there is no connection to the broker; None while there is one."""


class _Word(Enum):
    """What dictation tells the relay."""

    WRITTEN = auto()
    """The journal has a new event to deliver."""


class Delivery:
    """Delivers what the journal owes, for as long as `run` runs."""

    def __init__(
        self, settings: Settings, desk: Desk, tell: Callable[[LinkChanged], None], beat: Callable[[], None]
    ) -> None:
        """`tell` hears of the link, `beat` is called whenever the relay has looked at the clock."""
        self._settings = settings
        self._topics = events.Topics(settings.deliver.prefix, settings.site, settings.device)
        self._broker = f"{settings.deliver.mqtt.host}:{settings.deliver.mqtt.port}"
        self._desk = desk
        self._key = desk.now(lambda journal: journal.public_key)
        self._tell = tell
        self._beat = beat
        self._relay = Relay(settings.deliver)
        self._news: asyncio.Queue[SessionEvent | _Word] = asyncio.Queue()
        self._drained = asyncio.Event()
        self._agreed = asyncio.Event()
        self._sent_again = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session = Session(
            settings.deliver.mqtt,
            client_id=f"{settings.deliver.prefix}-{settings.site}-{settings.device}".replace("/", "-"),
            receive=self._received,
            subscriptions=[self._topics.receipts],
            will=Will(self._topics.status, self._status("offline")),
        )

    @property
    def trouble(self) -> str | None:
        """Why there is no connection to the broker; None while there is one."""
        return self._session.trouble

    def written(self) -> None:
        """The journal has a new event to deliver."""
        self._drained.clear()
        self._news.put_nowait(_Word.WRITTEN)

    async def run(self) -> None:
        """Deliver until cancelled. Raises nothing for an absent broker: it is waited for."""
        self._loop = asyncio.get_running_loop()
        await self._look_whether_drained()
        self._session.start()
        try:
            while True:
                await self._carry_out(await self._next())
                if self._relay.agreed:
                    self._agreed.set()
                self._beat()
        finally:
            if self._session.failure is None:
                self._announce("offline")
            await asyncio.to_thread(self._session.stop)

    async def drain(self, within_s: float) -> None:
        """Wait until nothing is owed, but no longer than `within_s` seconds."""
        try:
            async with asyncio.timeout(within_s):
                await self._drained.wait()
        except TimeoutError:
            logger.info("not everything was settled within %g s", within_s)

    async def reconcile(self, within_s: float) -> Reconciled:
        """Wait, while it runs, until the inventory has shown that it lacks nothing; what it lacks is sent again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._agreed.wait()
        unsettled = await self._desk(Journal.unsettled)
        return Reconciled(self._agreed.is_set(), self._sent_again, unsettled, self.trouble)

    def _status(self, state: Literal["online", "offline"], now: datetime | None = None) -> bytes:
        site, device = self._settings.site, self._settings.device
        return events.encode(events.status(state, site=site, device=device, key=self._key, time=now))

    def _announce(self, state: Literal["online", "offline"]) -> None:
        self._session.publish(self._topics.status, self._status(state, datetime.now(UTC)), tag=STATUS, retain=True)

    def _received(self, event: SessionEvent) -> None:
        """What the session tells, on paho's thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._news.put_nowait, event)

    async def _next(self) -> list[Command]:
        """Wait for news or for the time at which something is due; what the relay makes of it."""
        if self._session.failure is not None:
            raise self._session.failure
        wait_s = self._relay.next_due(time.monotonic())
        made: list[Command] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(IDLE_S if wait_s is None else min(wait_s, IDLE_S)):
                made = self._heard(await self._news.get())
        return [*made, *self._relay.tick(time.monotonic())]

    def _heard(self, news: SessionEvent | _Word) -> list[Command]:
        match news:
            case _Word.WRITTEN:
                return self._relay.written()
            case Connected(protocol, receive_maximum):
                self._announce("online")
                self._tell(LinkChanged(True, f"{self._broker} (MQTT {protocol})"))
                return self._relay.connected(receive_maximum)
            case Disconnected(why):
                self._tell(LinkChanged(False, why))
                return self._relay.disconnected()
            case Acknowledged(tag, _) if tag == STATUS:
                return []
            case Acknowledged(tag, reason_code):
                return self._relay.acknowledged(tag, reason_code)
            case Delivered(_, payload):
                return self._answer(payload)

    def _answer(self, payload: bytes) -> list[Command]:
        try:
            answer = events.read_answer(payload)
        except events.MalformedMessage as fault:
            # Whoever sent it, the event stays owed and is sent again: a true receipt follows that.
            logger.warning("a message on the receipts topic is no receipt: %s", fault)
            return []
        if isinstance(answer, events.Early):
            return self._relay.early(answer, time.monotonic())
        return self._relay.receipt(answer)

    async def _carry_out(self, commands: Iterable[Command]) -> None:
        for command in commands:
            match command:
                case WantRows() | WantLast():
                    await self._carry_out(await self._offer(command))
                case Publish(row):
                    self._session.publish(
                        self._topics.entries, row.body.encode(), tag=row.event_id, content_type=events.MEDIA_TYPE
                    )
                case Sent() | Settle() | Reopen() | DeadLetter():
                    await self._note(command)
                case Alarm(reason_code, meaning):
                    logger.error("the broker refuses events: %s (%d). %s", meaning.name, reason_code, meaning.remedy)

    async def _offer(self, wanted: WantRows | WantLast) -> list[Command]:
        match wanted:
            case WantRows(at_most):
                rows = await self._desk(partial(Journal.due, limit=at_most))
                return self._relay.offered(rows, time.monotonic())
            case WantLast():
                last = await self._desk(Journal.last)
                return self._relay.asked(last, time.monotonic())

    async def _note(self, change: Sent | Settle | Reopen | DeadLetter) -> None:
        """Carry out what changes the journal; on a full disk as soon as there is room, for until then it stays owed."""
        told = False
        while True:
            try:
                await self._change(change)
            except DiskFull as fault:
                if not told:
                    logger.warning("what became of an event cannot be noted, and is tried again: %s", fault)
                told = True
            else:
                return
            self._beat()
            await asyncio.sleep(IDLE_S)

    async def _change(self, change: Sent | Settle | Reopen | DeadLetter) -> None:
        match change:
            case Sent(event_id):
                await self._desk(partial(Journal.sent, event_id=event_id))
            case Settle(event_id, receipt):
                await self._settle(event_id, receipt)
            case Reopen(sequence):
                await self._reopen(sequence)
            case DeadLetter(event_id, reason):
                await self._withhold(event_id, reason)

    async def _settle(self, event_id: str, receipt: Receipt | None) -> None:
        if not await self._desk(lambda journal: journal.settle(event_id, receipt)):
            logger.warning("a receipt came for %s, which this device never sent", event_id)
        elif receipt is not None and receipt.outcome is ReceiptOutcome.REFUSED:
            logger.warning("the inventory refuses %s: %s", event_id, _explained(receipt.reasons))
        await self._look_whether_drained()

    async def _reopen(self, first: int) -> None:
        self._drained.clear()
        newest = await self._desk(Journal.last)
        reopened = 0
        # From the end, so that a crash in between leaves no gap behind which nothing is owed.
        for last in range(0 if newest is None else newest.sequence, first - 1, -REOPENED_AT_ONCE):
            lowest = max(first, last - REOPENED_AT_ONCE + 1)
            reopened += await self._desk(partial(Journal.reopen, first=lowest, last=last))
        self._sent_again += reopened
        logger.warning(
            "the inventory lacks number %d and those after it, which it had confirmed (is it new, or restored?): "
            "%d events are sent again",
            *(first, reopened),
        )

    async def _withhold(self, event_id: str, reason: str) -> None:
        withhold = partial(events.withheld, reason=reason)
        if await self._desk(lambda journal: journal.dead_letter(event_id, reason, withhold)):
            logger.error(
                "%s is set aside, so that it holds up nothing: %s. `dockvoice queue list --held` shows it",
                *(event_id, reason),
            )

    async def _look_whether_drained(self) -> None:
        if await self._desk(Journal.unsettled) == 0:
            self._drained.set()


async def reconcile(
    settings: Settings, desk: Desk, tell: Callable[[LinkChanged], None], *, within_s: float
) -> Reconciled:
    """Compare this device with the inventory, and send again what the inventory lacks.

    Publishes what is owed or, where nothing is, the last event once more: the answer tells. A running agent does the
    same at each connection. Raises Misconfigured where the inventory sends no receipts.
    """
    if settings.deliver.settle is SettleOn.BROKER:
        raise Misconfigured(
            'deliver.settle = "broker": an inventory that sends no receipts cannot be compared with; '
            'set it to "receipt" if yours does'
        )
    delivery = Delivery(settings, desk, tell, beat=lambda: None)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(delivery.run())
        found = await delivery.reconcile(within_s)
        running.cancel()
    return found


def _explained(reasons: Iterable[str]) -> str:
    told = ", ".join(reasons)
    if REUSED not in told:
        return told
    return f"{told}. This device's numbers were used before: its journal was emptied or copied; give it a new name"
