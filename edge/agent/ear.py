"""The ear: sound to utterances on disk, for one source after another, in a thread of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Event

import uuid_utils

from dockvoice_protocol.errors import DockvoiceError
from edge.agent.events import AlreadyKept, CaptureStopped, SourceEnded
from edge.agent.typed_input import UNSPOKEN
from edge.agent.workplaces import Workplace
from edge.config import Endpoint
from edge.hear.endpointing import Abandoned, Closed, Continued, EarEvent, Endpointing, Gate, Opened, Paused, Shut
from edge.keep.evidence import Evidence
from edge.keep.journal_thread import JournalThread
from edge.keep.storage import DiskFull
from edge.ports import Attention, Source, SpeechScorer
from edge.records import SAMPLE_RATE, Closing, Frame, Segment, Utterance


def listen(
    source: Source, scorer: SpeechScorer, endpointing: Endpointing, gate: Gate | None = None
) -> Iterator[EarEvent]:
    """Yield what is heard until the source ends. Blocks as the source does; runs in one thread.

    Where frames are missing (a microphone dropped them), and where a live source ends, what is open closes as broken
    off, and so does what is said on right behind a loss: nothing may be made of it without asking. What the source
    raises comes after the closing of what was open. Where the gate shuts, what is open closes at once: as finished,
    unless it shut in the middle of speech, and what is said on soon behind it is broken off.
    """
    ended = Closing.BROKEN_OFF if source.live else Closing.SOURCE_ENDED
    scorer.reset()
    following, shut = 0, True
    try:
        for frame in _let_through(source.frames(), gate):
            if isinstance(frame, Shut):
                shut = True
                yield from endpointing.shut()
                continue
            if frame.start != following:
                scorer.reset()
                # What was not to be heard is not missing.
                yield from () if shut else endpointing.lose(frame.start - following)
            shut = False
            following = frame.end
            yield from endpointing.process(frame, scorer.is_speech(frame))
    except DockvoiceError:
        yield from endpointing.end(Closing.BROKEN_OFF)
        raise
    yield from endpointing.end(ended)


def _let_through(frames: Iterable[Frame], gate: Gate | None) -> Iterator[Frame | Shut]:
    for frame in frames:
        yield from (frame,) if gate is None else gate.process(frame)


STOP_NOTICED_S = 0.1
"""How often a waiting ear looks whether it is to stop: short for a person, nothing for the processor."""


@dataclass(frozen=True, slots=True)
class Attended:
    """An utterance that is on disk, and the attention that was paid to it while it was spoken."""

    utterance: Utterance
    evidence: Evidence
    attention: Attention
    closed_at: float  # When the sound came that closed it, on the clock of `time.perf_counter`.
    live: bool  # What was said cannot be said to us again as a recording can: it waits for room on the disk.
    concluded: Future[None] = field(default_factory=Future)  # Set when it is concluded.

    @property
    def began(self) -> float:
        """When its speech began, as `closed_at` counts."""
        return self._time_of(self.utterance.segment.speech_start)

    @property
    def ended(self) -> float:
        """When its speech ended, as `closed_at` counts."""
        return self._time_of(self.utterance.segment.speech_end)

    def _time_of(self, sample: int) -> float:
        """What was typed or scanned is there all at once."""
        if self.utterance.source in UNSPOKEN:
            return self.closed_at
        return self.closed_at - (self.utterance.segment.closed - sample) / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class _ClosedSegment:
    """A stretch of sound that is closed, before it is on disk."""

    source: Source
    segment: Segment
    work: Workplace  # At which it was said.
    attention: Attention
    closed_at: float  # As of `Attended`.


HandedOver = Attended | AlreadyKept | SourceEnded | CaptureStopped
"""What the ear hands over, in the order of the sound."""

HandOver = Callable[[HandedOver], object]


class Ear:
    """One ear. Made once; its sources are heard one after another."""

    def __init__(
        self,
        *,
        present: Callable[[], Workplace],
        endpoint: Endpoint,
        scorer: SpeechScorer,
        executor: JournalThread,
        heartbeat: Callable[[], None] = lambda: None,
        gate: Gate | None = None,
        meant: Callable[[Segment], Segment | None] | None = None,
        speaking: Callable[[], None] = lambda: None,
    ) -> None:
        """`present` tells at which workplace somebody begins to speak. `gate` is what a live source goes through.

        `meant` takes the wake phrase off an utterance, where one is used.

        All these are called in the ear's thread: `heartbeat` for every frame heard, `speaking` when somebody begins to
        speak to a live source.
        """
        self._present = present
        self._endpoint = endpoint
        self._scorer = scorer
        self._executor = executor
        self._heartbeat = heartbeat
        self._gate = gate
        self._meant = meant
        self._speaking = speaking
        self._stopping = Event()
        self.lacking: str | None = None
        """Why nothing that is said to a live source can be recorded now. Set by whoever knows the disk."""
        self.is_open = False  # Whether an utterance is open: somebody speaks, or has just paused.

    @property
    def is_stopping(self) -> bool:
        """Whether nothing more is to be heard."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Hear no more. A blocked microphone must be closed besides."""
        self._stopping.set()

    async def hear(self, sources: Iterable[Source], hand_over: Callable[[HandedOver | None], None]) -> None:
        """Listen to each source to its end. `hand_over` is called in the loop's thread, with None at the very end."""
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._hear, sources, lambda what: loop.call_soon_threadsafe(hand_over, what))

    def _hear(self, sources: Iterable[Source], hand_over: Callable[[HandedOver | None], object]) -> None:
        try:
            for source in sources:
                hand_over(self._hear_one(source, hand_over))
                if self.is_stopping:
                    break
        finally:
            hand_over(None)

    def _hear_one(self, source: Source, hand_over: HandOver) -> SourceEnded:
        began = time.perf_counter()
        work = self._present()
        attention = work.readers.interpreter.attend()
        watched = _Watched(source, self._stopping, self._heartbeat)
        lacking = None
        endpointing = Endpointing(self._endpoint)
        paused, thought_s = 0, 0.0
        for event in listen(watched, self._scorer, endpointing, self._gate if source.live else None):
            if isinstance(event, Opened):
                lacking = self._opened(source)
                work, attention = self._attending(work, attention)
            match event:
                case Opened(pcm) | Continued(pcm):
                    attention.hear(pcm)
                case Paused():
                    paused, thinks = watched.samples, time.perf_counter()
                    endpointing.expect(attention.expect())
                    thought_s = time.perf_counter() - thinks
                case Closed() if lacking is not None:
                    hand_over(CaptureStopped(lacking))
                    attention = work.readers.interpreter.attend()
                case Closed(segment):
                    # Sound came on while it was thought about the pause: by so much it is late.
                    late_s = max(0.0, thought_s - (segment.closed - paused) / SAMPLE_RATE)
                    said = _ClosedSegment(source, segment, work, attention, time.perf_counter() - late_s)
                    self._keep_meant(said, hand_over)
                    thought_s = 0.0
                    attention = work.readers.interpreter.attend()
                case Abandoned():
                    attention = work.readers.interpreter.attend()
            # Not before it was handed over: a deadline waits for what is being said.
            self.is_open = self.is_open and not isinstance(event, Closed | Abandoned)
        return SourceEnded(source.name, watched.samples, time.perf_counter() - began)

    def _attending(self, work: Workplace, attention: Attention) -> tuple[Workplace, Attention]:
        """Where somebody begins to speak, and who listens: another one, where the form or the language changed."""
        now = self._present()
        return (work, attention) if now is work else (now, now.readers.interpreter.attend())

    def _opened(self, source: Source) -> str | None:
        """Why what somebody begins to say cannot be recorded; None where it can be."""
        self.is_open = True
        if not source.live:
            return None
        self._speaking()
        return self.lacking

    def _keep_meant(self, said: _ClosedSegment, hand_over: HandOver) -> None:
        """Keep what is meant for the device: what was said to others is not recorded at all."""
        segment = said.segment
        meant = segment if self._meant is None or not said.source.live else self._meant(segment)
        if meant is None:
            return
        if meant is not segment:
            attention = said.work.readers.interpreter.attend()
            attention.hear(meant.pcm)
            said = replace(said, segment=meant, attention=attention)
        self._keep(said, hand_over)

    def _keep(self, said: _ClosedSegment, hand_over: HandOver) -> None:
        source, segment, work = said.source, said.segment, said.work
        # A microphone is never played again, and need not wait for the answer.
        kept = None if source.live else self._executor.now(lambda journal: journal.queries.known(source.name, segment))
        if kept is not None:
            hand_over(AlreadyKept(source.name, segment, kept))
            return
        which, form, language = str(uuid_utils.uuid7()), work.rules.form.name, work.work.language
        utterance = Utterance(which, form, source.name, datetime.now(UTC), segment, language=language)
        try:
            evidence = self._executor.begin(utterance)
        except DiskFull as fault:
            if not source.live:
                raise
            hand_over(CaptureStopped(str(fault)))
            return
        attended = Attended(utterance, evidence, said.attention, said.closed_at, source.live)
        hand_over(attended)
        if not source.live:
            self._wait_for(attended.concluded)

    def _wait_for(self, concluded: Future[None]) -> None:
        """A recording can wait: one utterance at a time keeps its timings true."""
        while not concluded.done() and not self.is_stopping:
            wait((concluded,), timeout=STOP_NOTICED_S)


class _Watched:
    """A source that can be told to stop, and that shows at every frame that sound is still coming."""

    def __init__(self, source: Source, stopping: Event, heartbeat: Callable[[], None]) -> None:
        self.name = source.name
        self.live = source.live
        self._source = source
        self._stopping = stopping
        self._heartbeat = heartbeat
        self.samples = 0

    def frames(self) -> Iterator[Frame]:
        for frame in self._source.frames():
            if self._stopping.is_set():
                return
            self._heartbeat()
            self.samples = frame.end
            yield frame
