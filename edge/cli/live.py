"""`dockvoice run` on a terminal: the live view and the keyboard, beside the agent and never in its way."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

from edge.agent.app import Agent, AgentTold
from edge.agent.parts import Parts
from edge.agent.typed_input import pressed
from edge.cli.screen import Aside, Screen, aside, screen
from edge.cli.terminal import keys
from edge.keep.journal import Journal
from edge.keep.writer import JournalThread
from edge.ports import StoppableSource
from edge.records import Command, Frame
from edge.view.drawing import draw
from edge.view.keyboard import Keyboard, Pressed, Sentence, Switch
from edge.view.listing import Kept
from edge.view.meter import NO_SOUND, Meter, Sounding
from edge.view.picture import Picture
from edge.view.watching import Moment, Watching

DRAWN_EVERY_S = 0.1
"""A bar that moves ten times a second is smooth, and costs next to nothing."""

LOOKED_EVERY_S = 0.5
"""How often the journal is asked what it holds."""

LATEST = 50
"""Entries that are looked at: more than any terminal shows."""

LOOKS_WITHOUT_SOUND = 5
"""So many in a row, and no sound comes."""

NO_DIALOGUE = "no dialogue to answer: it takes a speaker, or agree.conversation = true; a sentence can be typed (/)"


class LiveView:
    """What is shown of one agent, and what is typed to it."""

    def __init__(self, parts: Parts) -> None:
        self._rules = parts.rules
        self._watching = Watching(parts.settings, parts.rules)
        self._meter = Meter()
        self._keyboard = Keyboard()
        self._pressed: asyncio.Queue[Pressed] = asyncio.Queue()
        self._heard = NO_SOUND
        self._silent_looks = 0
        self._drawn: tuple[Picture, tuple[int, int]] | None = None

    def tell(self, told: AgentTold) -> None:
        """Something happened to the agent."""
        self._watching.tell(told)

    async def run(self, agent: Agent, desk: JournalThread, *, settle_within_s: float) -> None:
        """Run the agent until it is stopped; the terminal is as it was afterwards."""
        with (
            aside(sys.stderr.fileno()) as logged,
            screen(sys.stdout.fileno(), sys.stdout.encoding) as shown,
            keys(sys.stdin.fileno(), self._type),
        ):
            async with asyncio.TaskGroup() as group:
                beside = (self._draw(agent, shown, logged), self._look(desk), self._carry_out(agent))
                tasks = [group.create_task(work) for work in beside]
                microphone = Metered(agent.microphone(), self._meter)
                await agent.run_until_stopped(microphone, settle_within_s=settle_within_s)
                for task in tasks:
                    task.cancel()

    def _type(self, key: str) -> None:
        what = self._keyboard.take(key)
        if what is not None:
            self._pressed.put_nowait(what)

    async def _draw(self, agent: Agent, shown: Screen, logged: Aside) -> None:
        while True:
            self._watching.log(logged.fresh())
            size = shown.size
            now = self._watching.picture(self._now(agent)), (size.columns, size.lines)
            if now != self._drawn and shown.show(draw(now[0], size.columns, size.lines)):
                self._drawn = now
            await asyncio.sleep(DRAWN_EVERY_S)
            self._keyboard.settle()

    def _now(self, agent: Agent) -> Moment:
        return Moment(
            sound=self._sound(),
            is_open=agent.is_open,
            talking=agent.headset.gate.talking,
            converses=agent.converses,
            left_s=agent.left_s,
            trouble=agent.trouble,
            typing=self._keyboard.line,
        )

    def _sound(self) -> Sounding:
        """How loud it is; sound servers hand it over in pieces of up to some tenths of a second."""
        sound = self._meter.read()
        self._silent_looks = 0 if sound.samples else self._silent_looks + 1
        if sound.samples or self._silent_looks > LOOKS_WITHOUT_SOUND:
            self._heard = sound
        return self._heard

    async def _look(self, desk: JournalThread) -> None:
        while True:
            self._watching.keep(await desk(_kept))
            await asyncio.sleep(LOOKED_EVERY_S)

    async def _carry_out(self, agent: Agent) -> None:
        while True:
            match await self._pressed.get():
                case Switch.MUTE | Switch.TALK as switch:
                    agent.headset.typed(switch.value)
                case Sentence(text):
                    await agent.type(text)
                case _ if not agent.converses:
                    self._watching.log([NO_DIALOGUE])
                case Switch.PAUSE:
                    asked = Command.RESUME if self._watching.paused else Command.PAUSE
                    await agent.type(pressed(asked, self._rules.language))
                case asked:
                    await agent.type(pressed(asked, self._rules.language))


class Metered(StoppableSource):
    """A microphone whose level is seen."""

    def __init__(self, microphone: StoppableSource, meter: Meter) -> None:
        self.name, self.live = microphone.name, microphone.live
        self._microphone = microphone
        self._meter = meter

    def frames(self) -> Iterator[Frame]:
        """The microphone's frames."""
        for frame in self._microphone.frames():
            self._meter.take(frame, speech=False)
            yield frame

    def close(self) -> None:
        """End them."""
        self._microphone.close()


def _kept(journal: Journal) -> Kept:
    return Kept(
        journal.queries.counts(),
        journal.outbox.how_many_sent(),
        journal.review.how_many(),
        journal.queries.entries(LATEST),
    )
