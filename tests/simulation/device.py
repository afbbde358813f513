"""A simulated device: lives of the agent's delivery on one outbox, and somebody who dictates."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from functools import cache
from typing import TypeVar, cast

from dockvoice_protocol.mqtt import Session
from edge.agent.delivery import Delivery
from edge.config import Deliver, Settings
from edge.deliver.relay import Relay
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.keep.storage import DiskFull
from tests.simulation.broker import Broker, Client
from tests.simulation.events import AT, Saying
from tests.simulation.outbox import Disk, Outbox
from tests.simulation.virtual import Crash, VirtualLoop

T = TypeVar("T")

REBIRTH_S = 5.0  # systemd starts the next life within so many seconds.

SLOW_S = 2.0  # How long a slow disk may take.


@cache
def settings(window: int, receipt_timeout_s: float) -> Settings:
    """Those of the agent."""
    site, device = AT
    return Settings(site=site, device=device, deliver=Deliver(window=window, receipt_timeout_s=receipt_timeout_s))


class _Seen:
    """The journal as delivery sees it."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = self.trail = outbox
        self.public_key = outbox.public_key


class _Executor(JournalThread):
    """Work on the outbox, done at once, or while news come in."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._seen = _Seen(device.outbox)

    async def __call__(self, work: Callable[[Journal], T]) -> T:
        device = self._device
        if device.chance.random() < device.broker.weather.slow_disk:
            await asyncio.sleep(device.chance.random() * SLOW_S)
        return self.run(work)

    def run(self, work: Callable[[Journal], T]) -> T:
        return work(cast(Journal, self._seen))


class Device:
    """One device of one run."""

    def __init__(
        self,
        loop: VirtualLoop,
        chance: random.Random,
        broker: Broker,
        disk: Disk,
        outbox: Outbox,
        wanted: Settings,
        relay: type[Relay],
    ) -> None:
        self.chance = chance
        self.broker = broker
        self.outbox = outbox
        self.kept: list[Saying] = []  # What was said and is safe, in the order in which it was said.
        self._loop = loop
        self._disk = disk
        self._settings = wanted
        self._relay = relay
        self._unsure: list[Saying] = []
        """What was being committed when the process ended: the next life brings it to its end."""
        self._life: asyncio.Task[None] | None = None

    def start(self) -> None:
        """A life begins."""
        self._disk.fuse.set(self.broker.weather.crash)
        session = cast(Callable[..., Session], self._session)
        self._delivery = Delivery(self._settings, _Executor(self), lambda _: None, beat=lambda: None, session=session)
        self._delivery._relay = self._relay(self._settings.deliver)
        self._life = self._loop.create_task(self._delivery.run())
        self._life.add_done_callback(self._ended)
        for saying in [*self._unsure]:
            self.speak(saying)

    @property
    def alive(self) -> bool:
        """Whether anybody would be heard."""
        return self._life is not None

    @property
    def trouble(self) -> str | None:
        """Why it has no connection."""
        return self._delivery.connection_error

    def speak(self, saying: Saying) -> None:
        """An operator says something; while the agent is dead, or the disk full, he is told to say it later."""
        if self._life is None:
            return
        try:
            self.outbox.speak(saying)
        except DiskFull:
            return
        except Crash:
            self._unsure = [saying]
            self._die()
            return
        self._unsure = []
        self.kept.append(saying)
        self._delivery.notify_pending()

    def stop(self) -> None:
        """The run is over."""
        if self._life is not None:
            self._life.remove_done_callback(self._ended)
            self._life.cancel()

    def _session(self, _mqtt: object, **wanted: object) -> Client:
        self._client = Client(self.broker, self._disk.fuse, **wanted)  # type: ignore[arg-type] # as Delivery gives them
        return self._client

    def _ended(self, life: asyncio.Task[None]) -> None:
        if life is not self._life:
            return
        try:
            life.result()
        except Crash:
            self._die()

    def _die(self) -> None:
        life, self._life = self._life, None
        self._client.die()
        self.broker.forget(self._client)
        if life is not None:
            life.cancel()
        self.outbox.crash()
        self._loop.call_later(self.chance.random() * REBIRTH_S, self._reborn)

    def _reborn(self) -> None:
        self.outbox.open()
        self.start()
