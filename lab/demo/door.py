"""The demo's device: the agent's own ears, conversation, journal and delivery, with recordings for a microphone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from queue import SimpleQueue

from edge.agent.clock import Clock
from edge.agent.delivery import Delivery
from edge.agent.dialogue_driver import DialogueDriver, Stands
from edge.agent.dialogue_steps import manner
from edge.agent.events import DictationEvent, SourceEnded
from edge.agent.parts import Parts, dictation, renderer, take
from edge.agree.dialogue.machine import Dialogue
from edge.agree.dialogue.table import State
from edge.hear.recording import RecordedSource
from edge.keep.journal_thread import JournalThread
from edge.ports import Source
from edge.records import Frame

LOOK_S = 0.02  # How often it is looked whether something has come about.


class Mouth(Source):
    """A recording that is taken for speech into the microphone, as fast as the device can hear."""

    name = "microphone"
    live = True

    def __init__(self, recording: Path) -> None:
        self._recording = RecordedSource(recording)

    def frames(self) -> Iterator[Frame]:
        """Its sound."""
        yield from self._recording.frames()


class Door:
    """A device at a door, and the operator before it."""

    def __init__(self, parts: Parts, desk: JournalThread, tell: Callable[[Stands], None]) -> None:
        """`tell` hears where each step of the conversation led."""
        settings = parts.settings
        self._desk = desk
        self._delivery = Delivery(settings, desk, tell=lambda _: None, beat=lambda: None)
        self._dialogue = Dialogue(parts.rules, manner(settings, parts.closing))
        self._conversing = DialogueDriver(
            self._dialogue,
            desk,
            renderer(parts, Clock()),
            order=lambda _: None,
            quiet=lambda: True,
            owed=lambda _: self._delivery.written(),
            tell=tell,
            attentive=lambda: False,
            cut_off=lambda: False,
        )
        self._dictation = dictation(
            *(parts, desk, self._told),
            conversing=self._conversing,
            expected=self._delivery.expected.at_hand,
        )
        self._mouths: SimpleQueue[Mouth | None] = SimpleQueue()
        self._ended = asyncio.Event()

    def _told(self, what: DictationEvent) -> None:
        if isinstance(what, SourceEnded):
            self._ended.set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Let it converse and deliver meanwhile."""
        async with asyncio.TaskGroup() as group:
            await self._dictation.resume()
            await self._conversing.start()
            beside = [group.create_task(self._delivery.run()), group.create_task(self._conversing.run())]
            hearing = group.create_task(take(self._dictation, iter(self._mouths.get, None)))
            try:
                yield
            finally:
                self._mouths.put(None)
            await hearing
            for task in beside:
                task.cancel()

    async def hear(self, recording: Path) -> None:
        """The operator, or somebody beside him, says it; what comes of it is on disk when this returns."""
        self._ended.clear()
        self._mouths.put(Mouth(recording))
        await self._ended.wait()

    async def until_announced(self) -> None:
        """Wait until it knows what is expected."""
        while not self._delivery.expected.at_hand().places:
            await asyncio.sleep(LOOK_S)

    async def until_recorded(self) -> None:
        """Wait until what was read back is on record: nobody says anything against it."""
        while self._dialogue.state is State.HELD:
            await asyncio.sleep(LOOK_S)

    async def settle(self, within_s: float) -> int:
        """Wait so long for the inventory's receipts; how many events are owed then."""
        await self._delivery.drain(within_s)
        return await self._desk(lambda journal: journal.outbox.unsettled())
