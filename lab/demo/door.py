"""The demo's device: the agent's pipeline, dialogue, journal and delivery, with recordings as microphone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from queue import SimpleQueue
from threading import Event

from dockvoice_protocol.records import FieldValue
from edge.agent import review_decisions, review_delivery
from edge.agent.clock import Clock
from edge.agent.delivery import DecisionStored, Delivery
from edge.agent.dialogue_driver import DialogueDriver, DialogueStatus, make_dialogue_settings
from edge.agent.parts import Parts, dictate_sources, make_dictation, make_entry_renderer
from edge.agent.review_decisions import DecisionHandler
from edge.agree.dialogue.machine import Dialogue
from edge.agree.dialogue.questions import Question
from edge.agree.dialogue.table import State
from edge.agree.readings import values_of
from edge.hear.recording import RecordedSource
from edge.keep.journal_thread import JournalThread
from edge.ports import Source
from edge.records import SAMPLE_RATE, Frame

_SILENCE_FRAME = bytes(640)  # 20 ms of it, at 16 kHz and 16 bit.
_REACTION_S = 0.5  # People take as long; the device ignores an answer within 0.4 s of its question.
_CALM_S = 0.1  # Playback has reached the ear by then, and a second breath too, where no question is open.
_RECOGNITION_TIMEOUT_S = 2.0  # Far more than reading takes on a busy machine; then it counts as not recognised.
_LOOK_S = 0.02  # How often it is looked whether something has come about.


class _RecordedMicrophone(Source):
    """A source that plays queued recordings in real time, and silence between them."""

    name = "microphone"
    live = True

    def __init__(self) -> None:
        self._recordings: SimpleQueue[RecordedSource] = SimpleQueue()
        self._quiet, self._off = Event(), Event()
        self._quiet.set()
        self._late = False  # Whether more time has gone by than there was sound.

    @property
    def is_quiet(self) -> bool:
        """Whether all recordings were played."""
        return self._quiet.is_set()

    def play(self, recording: Path) -> None:
        """Queue a recording."""
        self._quiet.clear()
        self._recordings.put(RecordedSource(recording))

    def close(self) -> None:
        """End `frames`."""
        self._off.set()

    def frames(self) -> Iterator[Frame]:
        """Frames in real time at most, so that speech before a question cannot answer it."""
        began, start = time.monotonic(), 0
        for pcm in self._sound():
            frame = Frame(start, pcm)
            start += frame.samples
            ahead = began + start / SAMPLE_RATE - time.monotonic()
            self._late = ahead < 0
            time.sleep(max(0.0, ahead))
            yield frame

    def _sound(self) -> Iterator[bytes]:
        while not self._off.is_set():
            if self._recordings.empty():
                self._quiet.set()
                yield _SILENCE_FRAME
            elif self._late:  # on a busy machine, sound from now would be dated before the question
                yield _SILENCE_FRAME
            else:
                yield from (frame.pcm for frame in self._recordings.get().frames())


async def _poll_until(there: Callable[[], bool]) -> None:
    """Poll until the condition holds."""
    while not there():  # noqa: ASYNC110 - sound and conversation go on in threads and rooms that have no event for it
        await asyncio.sleep(_LOOK_S)


class DemoDevice:
    """The agent's parts wired together for the demo."""

    def __init__(self, parts: Parts, executor: JournalThread, publish: Callable[[DialogueStatus], None]) -> None:
        """`publish` is called with the state after each step of the dialogue."""
        settings = parts.settings
        self._noted = 0  # How many utterances have led to something, were it that they are none for the device.

        def counted(stands: DialogueStatus) -> None:
            self._noted += len(stands.noted)
            publish(stands)

        self._executor = executor
        self._signed = asyncio.Event()
        workplaces = parts.workplaces()
        self._delivery = Delivery(
            settings,
            executor,
            lambda event: self._signed.set() if isinstance(event, DecisionStored) else None,
            review=review_delivery.make_review_renderer(workplaces.find_rules, settings.site, settings.device),
        )
        self._dialogue = Dialogue(parts.rules, make_dialogue_settings(settings, parts.closing))
        self._dialogue_driver = DialogueDriver(
            self._dialogue,
            executor,
            make_entry_renderer(parts, Clock(), workplaces),
            order=lambda _: None,
            is_silent=lambda: True,
            on_entry=lambda _: self._delivery.notify_pending(),
            publish=counted,
            attentive=lambda: not self._headset.is_quiet or self._dictation.is_busy,
            cut_off=lambda: False,
        )
        self._dictation = make_dictation(
            parts,
            executor,
            lambda _: None,
            dialogue_driver=self._dialogue_driver,
            expected=self._delivery.expected.current,
            workplaces=workplaces,
        )
        self._decisions = DecisionHandler(settings, executor, self._dialogue_driver, self._delivery.notify_pending)
        self._headset = _RecordedMicrophone()

    @property
    def question(self) -> Question | None:
        """The open question."""
        return self._dialogue.question

    @property
    def held(self) -> Mapping[str, FieldValue] | None:
        """The values of the entry that was read back and is held; None: none is."""
        draft = self._dialogue.draft
        return None if draft is None or self._dialogue.state is not State.HELD else values_of(draft.reading)

    @property
    def standing(self) -> Mapping[str, FieldValue]:
        """The values that apply to all following entries."""
        stands = self._dialogue.context.fields
        return {name: said.value for name, said in stands.items() if said.value is not None}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Run dialogue and delivery while the block lasts."""
        async with asyncio.TaskGroup() as group:
            await self._dictation.decide_unread()
            await self._dialogue_driver.start()
            working = (self._delivery.run(), self._dialogue_driver.run(), self._apply_signed_decisions())
            beside = [group.create_task(work) for work in working]
            hearing = group.create_task(dictate_sources(self._dictation, [self._headset]))
            try:
                yield
            finally:
                self._headset.close()
            await hearing
            for task in beside:
                task.cancel()

    async def _apply_signed_decisions(self) -> None:
        """Carry out the console's signed decisions about parked entries."""
        read, carry_out = self._delivery.decisions.verify_and_parse, self._decisions.decide_signed
        await review_decisions.carry_out_signed_decisions(self._executor, self._signed, read, carry_out)

    async def play_until_handled(self, recording: Path) -> None:
        """Play a recording; return when its result is on disk."""
        before, calm = self._noted, 0
        self._headset.play(recording)
        while calm * _LOOK_S < self._silence_needed_s(before):
            await asyncio.sleep(_LOOK_S)
            calm = calm + 1 if self._headset.is_quiet and not self._dictation.is_busy else 0

    def _silence_needed_s(self, before: int) -> float:
        """Seconds of silence to wait until all recognised speech is surely recorded."""
        if self._noted == before:
            return _RECOGNITION_TIMEOUT_S
        return _CALM_S if self._dialogue.question is None else _REACTION_S

    async def wait_until_announced(self) -> None:
        """Wait until the expected list has arrived."""
        await _poll_until(lambda: bool(self._delivery.expected.current().places))

    async def wait_until_recorded(self) -> None:
        """Wait until the entry read back is committed."""
        await _poll_until(lambda: self._dialogue.state is not State.HELD)

    async def count_pending_after(self, within_s: float) -> int:
        """Wait at most `within_s` seconds for receipts; return the number of pending events."""
        await self._delivery.drain(within_s)
        return await self._executor(lambda journal: journal.outbox.count_unsettled())

    async def parked_ids(self) -> list[str]:
        """Ids of the parked utterances, oldest first."""
        return await self._executor(lambda journal: [one.utterance_id for one in journal.review.list_under_review()])
