"""A device that is spoken to, and its operator's voice: all of it is real but microphone and loudspeaker.

What a voice says is cut out, recognised, read, decided, agreed, kept and delivered; what it would say is kept in words.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from tempfile import NamedTemporaryFile
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from dockvoice_protocol.records import FieldValue
from edge.agent.clock import Clock
from edge.agent.delivery import DecisionStored, Delivery
from edge.agent.dialogue_driver import DialogueDriver, DialogueStatus, VoiceOrder
from edge.agent.parts import assemble_interpretation, dictate_sources, make_dictation, make_entry_renderer
from edge.agent.review_decisions import DecisionHandler, carry_out_signed_decisions
from edge.agree.dialogue.machine import Dialogue
from edge.agree.dialogue.session import DialogueSettings
from edge.agree.dialogue.table import State
from edge.audio.pcm import FrameCutter
from edge.config import Settings
from edge.hear.recording import RecordedSource
from edge.keep.journal_thread import JournalThread
from edge.records import SAMPLE_RATE, Frame, OutboxRow
from edge.records.speech import Prompt, Say
from edge.speak.wording import Phrasing
from lab.noises import read_all_samples
from lab.scribe.device import READ_BACK
from lab.scribe.receiving import FORM
from tests.waiting import PATIENCE_S, until

T = TypeVar("T")

SITE = "north"

Sound = NDArray[np.float32]

SILENCE: Sound = np.zeros(SAMPLE_RATE // 2, np.float32)
"""Between two sayings: half a second, and more while the device waits for more."""


def flite(line: str, voice: str, stretch: float) -> Sound:
    """What Debian's flite says, in this voice of its own, so much slower than it speaks."""
    with NamedTemporaryFile(suffix=".wav") as file:
        slower = ["--setf", f"duration_stretch={stretch}"]
        subprocess.run(["flite", "-voice", voice, *slower, "-t", line, "-o", file.name], check=True)
        return read_all_samples(RecordedSource(Path(file.name))).astype(np.float32)


class Air:
    """What reaches a device's microphone: what is said into it, as fast as it is listened to."""

    name, live = "microphone", True

    def __init__(self) -> None:
        self._said: Queue[Sound | None] = Queue()
        self._framing = FrameCutter(SAMPLE_RATE)

    def frames(self) -> Iterator[Frame]:
        while (sound := self._said.get()) is not None:
            yield from self._framing.push(sound[:, np.newaxis])
            self._said.task_done()

    def say(self, sound: Sound) -> None:
        """Returns when it was listened to."""
        self._said.put(sound)
        until(lambda: self._said.unfinished_tasks == 0, "nobody listens any more")

    def close(self) -> None:
        self._said.put(None)


class Device:
    """One device, and its operator's voice. Its loop runs in a thread; what is said to it is said from outside."""

    def __init__(self, name: str, directory: Path, broker: int, key: Path) -> None:
        self.name = name
        self.heard: list[Say] = []
        self.rows: list[OutboxRow] = []
        self.stands = DialogueStatus(State.IDLE, None, None, None, ())
        self.read_back: Mapping[str, FieldValue] = {}  # What was read back last.
        self._settings = Settings(
            site=SITE,
            device=name,
            state_directory=directory,
            agree={"conversation": True},
            understand={"engine": "vosk"},
            deliver={"decisions_key": key, "mqtt": {"host": "127.0.0.1", "port": broker, "reconnect_maximum_s": 1}},
        )
        self._parts = assemble_interpretation(self._settings, FORM, operator_present=True)
        self._air = Air()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._running: Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> Self:
        running = self._running = self._thread.submit(asyncio.run, self._run())
        until(lambda: self._loop is not None or running.done(), "the device did not start")
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        assert self._running is not None
        self._air.close()
        self._running.result(PATIENCE_S)
        self._thread.shutdown()

    def says(self, line: str, voice: str, stretch: float) -> None:
        """The operator says it, in this voice of flite, so much slower than it speaks. Returns when it was taken."""
        sound = flite(line, voice, stretch)
        time.sleep(len(sound) / SAMPLE_RATE)  # it takes him so long: what he began before he was told is no answer
        self._air.say(SILENCE)
        self._air.say(sound)
        while self._call(self._attentive()):
            self._air.say(SILENCE)

    def spoken(self, prompt: Prompt) -> list[str]:
        """What was said to the operator with this prompt, word by word."""
        phrasing = Phrasing(self._parts.form)
        return [phrasing.text(say) for say in self.heard if say.prompt is prompt]

    @property
    def expects(self) -> int:
        """How many lists it has."""
        return len(self._delivery.expected.inbox.latest)

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)  # noqa: TID251 - a test's thread

    async def _attentive(self) -> bool:
        return self._dictation.is_busy

    async def _run(self) -> None:
        with JournalThread(self._settings.state) as executor:
            decided = asyncio.Event()
            driver = DialogueDriver(
                Dialogue(self._parts.rules, DialogueSettings(undo_s=600, patience_s=600)),
                executor,
                make_entry_renderer(self._parts, Clock()),
                order=self._order,
                is_silent=lambda: True,
                on_entry=self._owed,
                publish=self._stood,
                attentive=lambda: self._dictation.is_busy,
                cut_off=lambda: False,
            )
            self._delivery = Delivery(
                self._settings, executor, lambda event: decided.set() if isinstance(event, DecisionStored) else None
            )
            decisions = DecisionHandler(self._settings, executor, driver, self._delivery.notify_pending)
            self._dictation = make_dictation(
                self._parts, executor, lambda _: None, dialogue_driver=driver, expected=self._delivery.expected.current
            )
            await driver.start()
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(one)
                    for one in (
                        self._delivery.run(),
                        driver.run(),
                        carry_out_signed_decisions(
                            executor, decided, self._delivery.decisions.verify_and_parse, decisions.decide_signed
                        ),
                    )
                ]
                self._loop = asyncio.get_running_loop()
                await dictate_sources(self._dictation, [self._air])
                for task in tasks:
                    task.cancel()

    def _order(self, order: VoiceOrder) -> None:
        if isinstance(order, Say):
            self.heard.append(order)
            self.read_back = order.fields if order.prompt in READ_BACK else self.read_back

    def _owed(self, row: OutboxRow) -> None:
        self.rows.append(row)
        self._delivery.notify_pending()

    def _stood(self, stands: DialogueStatus) -> None:
        self.stands = stands
