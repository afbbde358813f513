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
from edge.deliver import events
from edge.deliver.mqtt import Session, Will
from edge.deliver.relay import Alarm, Command, Publish, Relay, Sent, Settle, WantRows
from edge.deliver.session_events import Acknowledged, Connected, Delivered, Disconnected, SessionEvent
from edge.keep.desk import Desk
from edge.keep.journal import Journal
from edge.records import Receipt

logger = logging.getLogger(__name__)

IDLE_S = 1.0
"""How long it waits for news at most before it looks at the clock and shows that it is alive."""

STATUS = "status"
"""The tag of status messages: no event id looks like it."""


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The connection to the broker came up or was lost."""

    up: bool
    what: str
    """Which broker, and why it was lost."""


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
        self._tell = tell
        self._beat = beat
        self._relay = Relay(settings.deliver)
        self._news: asyncio.Queue[SessionEvent | _Word] = asyncio.Queue()
        self._drained = asyncio.Event()
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

    def _status(self, state: Literal["online", "offline"], now: datetime | None = None) -> bytes:
        return events.encode(events.status(state, site=self._settings.site, device=self._settings.device, time=now))

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
                return self._receipt(payload)

    def _receipt(self, payload: bytes) -> list[Command]:
        try:
            return self._relay.receipt(events.read_receipt(payload))
        except events.MalformedMessage as fault:
            # Whoever sent it, the event stays owed and is sent again: a true receipt follows that.
            logger.warning("a message on the receipts topic is no receipt: %s", fault)
            return []

    async def _carry_out(self, commands: Iterable[Command]) -> None:
        for command in commands:
            match command:
                case WantRows(at_most):
                    rows = await self._desk(partial(Journal.due, limit=at_most))
                    await self._carry_out(self._relay.offered(rows, time.monotonic()))
                case Publish(row):
                    self._session.publish(
                        self._topics.entries, row.body.encode(), tag=row.event_id, content_type=events.MEDIA_TYPE
                    )
                case Sent(event_id):
                    await self._desk(partial(Journal.sent, event_id=event_id))
                case Settle(event_id, receipt):
                    await self._settle(event_id, receipt)
                case Alarm(reason_code, meaning):
                    logger.error("the broker refuses events: %s (%d). %s", meaning.name, reason_code, meaning.remedy)

    async def _settle(self, event_id: str, receipt: Receipt | None) -> None:
        if not await self._desk(lambda journal: journal.settle(event_id, receipt)):
            logger.warning("a receipt came for %s, which this device never sent", event_id)
        await self._look_whether_drained()

    async def _look_whether_drained(self) -> None:
        if await self._desk(Journal.unsettled) == 0:
            self._drained.set()
