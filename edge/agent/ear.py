"""The ear: splits sound into utterances and stores them, one source after another, in its own thread."""

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
from edge.agent.events import CaptureStopped, SourceEnded, UtteranceAlreadyStored
from edge.agent.typed_input import SILENT_SOURCES
from edge.agent.workplaces import Workplace
from edge.config import Endpoint
from edge.hear.endpointing import (
    EarEvent,
    Endpointer,
    Gate,
    GateShut,
    UtteranceAbandoned,
    UtteranceClosed,
    UtteranceContinued,
    UtteranceOpened,
    UtterancePaused,
)
from edge.keep.journal_thread import JournalThread
from edge.keep.storage import DiskFull
from edge.ports import Source, SpeechScorer, UtteranceListener
from edge.records import SAMPLE_RATE, ClosedBy, Frame, Segment, Utterance


def listen(
    source: Source, scorer: SpeechScorer, endpointing: Endpointer, gate: Gate | None = None
) -> Iterator[EarEvent]:
    """Yield the endpointing's events until the source ends. Blocks as the source does; runs in one thread.

    Missing frames (dropped by a microphone) and the end of a live source close an open utterance as broken off, and
    speech right after a loss is broken off too: no entry is made of it without a question. An error of the source is
    raised after the open utterance is closed. A shutting gate closes an open utterance at once: as finished, unless it
    shut during speech; speech soon after that is broken off.
    """
    ended = ClosedBy.BROKEN_OFF if source.live else ClosedBy.SOURCE_ENDED
    scorer.reset()
    following, shut = 0, True
    try:
        for frame in _apply_gate(source.frames(), gate):
            if isinstance(frame, GateShut):
                shut = True
                yield from endpointing.close_at_gate()
                continue
            if frame.start != following:
                scorer.reset()
                # Frames that the gate held back are not missing.
                yield from () if shut else endpointing.note_lost_samples(frame.start - following)
            shut = False
            following = frame.end
            yield from endpointing.process_frame(frame, scorer.is_speech(frame))
    except DockvoiceError:
        yield from endpointing.end_source(ClosedBy.BROKEN_OFF)
        raise
    yield from endpointing.end_source(ended)


def _apply_gate(frames: Iterable[Frame], gate: Gate | None) -> Iterator[Frame | GateShut]:
    for frame in frames:
        yield from (frame,) if gate is None else gate.filter_frame(frame)


_STOP_NOTICED_S = 0.1
"""Poll interval of a waiting ear for the stop flag: short for a person, negligible for the processor."""


@dataclass(frozen=True, slots=True)
class ListenedUtterance:
    """A stored utterance, with the interpreter's attention that has read along."""

    utterance: Utterance
    attention: UtteranceListener
    closed_at: float  # When the frame that closed it arrived, on the clock of `time.perf_counter`.
    live: bool  # Live speech cannot be replayed as a recording can, so it waits for disk space.
    concluded: Future[None] = field(default_factory=Future)  # Set once it is concluded.

    @property
    def speech_times_s(self) -> tuple[float, float]:
        """When its speech began and ended, in seconds of `closed_at`'s clock; for typed input, both `closed_at`."""
        if self.utterance.source in SILENT_SOURCES:
            return self.closed_at, self.closed_at
        segment = self.utterance.segment
        closed = self.closed_at - segment.closed / SAMPLE_RATE
        return closed + segment.speech_start / SAMPLE_RATE, closed + segment.speech_end / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class _ClosedSegment:
    """A closed utterance before it is stored."""

    source: Source
    segment: Segment
    work: Workplace  # The current one when its speech began.
    attention: UtteranceListener
    closed_at: float  # As in `ListenedUtterance`.


EarOutput = ListenedUtterance | UtteranceAlreadyStored | SourceEnded | CaptureStopped
"""The ear's output, in the order of the sound."""

_HandOver = Callable[[EarOutput], object]


class Ear:
    """Splits the sound of sources into utterances and stores them, one source at a time. Made once."""

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
        """`present` returns the current workplace. `gate` filters the frames of a live source.

        `meant` removes the wake phrase from an utterance, where one is used; None: not meant for the device.

        All these are called in the ear's thread: `heartbeat` for every frame, `speaking` when speech to a live source
        begins.
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
        """Why live speech cannot be recorded now (the disk is full); None where it can. Set from outside."""
        self.is_open = False  # Whether an utterance is open: in speech, or in a short pause.

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Stop listening. A blocked microphone must be closed as well."""
        self._stopping.set()

    async def hear(self, sources: Iterable[Source], hand_over: Callable[[EarOutput | None], None]) -> None:
        """Listen to each source to its end. `hand_over` is called in the loop's thread, with None at the end of all."""
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._hear, sources, lambda what: loop.call_soon_threadsafe(hand_over, what))

    def _hear(self, sources: Iterable[Source], hand_over: Callable[[EarOutput | None], object]) -> None:
        try:
            for source in sources:
                hand_over(self._hear_one(source, hand_over))
                if self.is_stopping:
                    break
        finally:
            hand_over(None)

    def _hear_one(self, source: Source, hand_over: _HandOver) -> SourceEnded:
        began = time.perf_counter()
        work = self._present()
        attention = work.readers.interpreter.listen()
        watched = _Watched(source, self._stopping, self._heartbeat)
        lacking = None
        endpointing = Endpointer(self._endpoint)
        paused, thought_s = 0, 0.0
        for event in listen(watched, self._scorer, endpointing, self._gate if source.live else None):
            if isinstance(event, UtteranceOpened):
                lacking = self._begin_utterance_and_find_obstacle(source)
                work, attention = self._present_attention(work, attention)
            match event:
                case UtteranceOpened(pcm) | UtteranceContinued(pcm):
                    attention.hear(pcm)
                case UtterancePaused():
                    paused, thinks = watched.samples, time.perf_counter()
                    endpointing.set_expectation(attention.judge_pause())
                    thought_s = time.perf_counter() - thinks
                case UtteranceClosed() if lacking is not None:
                    hand_over(CaptureStopped(lacking))
                    attention = work.readers.interpreter.listen()
                case UtteranceClosed(segment):
                    # Frames queued up while `judge_pause` ran in the pause: this one was read late by so much.
                    late_s = max(0.0, thought_s - (segment.closed - paused) / SAMPLE_RATE)
                    said = _ClosedSegment(source, segment, work, attention, time.perf_counter() - late_s)
                    self._store_if_meant(said, hand_over)
                    thought_s = 0.0
                    attention = work.readers.interpreter.listen()
                case UtteranceAbandoned():
                    attention = work.readers.interpreter.listen()
            # Reset only after the hand-over: the dialogue's timeout waits for an open utterance.
            self.is_open = self.is_open and not isinstance(event, UtteranceClosed | UtteranceAbandoned)
        return SourceEnded(source.name, watched.samples, time.perf_counter() - began)

    def _present_attention(self, work: Workplace, attention: UtteranceListener) -> tuple[Workplace, UtteranceListener]:
        """The current workplace and an attention for it: a new one where the form or the language has changed."""
        now = self._present()
        return (work, attention) if now is work else (now, now.readers.interpreter.listen())

    def _begin_utterance_and_find_obstacle(self, source: Source) -> str | None:
        """Mark an utterance as open and signal live speech; return why it cannot be recorded, or None."""
        self.is_open = True
        if not source.live:
            return None
        self._speaking()
        return self.lacking

    def _store_if_meant(self, said: _ClosedSegment, hand_over: _HandOver) -> None:
        """Store an utterance without its wake phrase and hand it over; one not meant for the device is dropped."""
        segment = said.segment
        meant = segment if self._meant is None or not said.source.live else self._meant(segment)
        if meant is None:
            return
        if meant is not segment:
            attention = said.work.readers.interpreter.listen()
            attention.hear(meant.pcm)
            said = replace(said, segment=meant, attention=attention)
        self._store_and_hand_over(said, hand_over)

    def _store_and_hand_over(self, said: _ClosedSegment, hand_over: _HandOver) -> None:
        source, segment, work = said.source, said.segment, said.work
        # Only a recording can be played again; a microphone need not wait for the query.
        kept = (
            None
            if source.live
            else self._executor.run(lambda journal: journal.queries.find_utterance(source.name, segment))
        )
        if kept is not None:
            hand_over(UtteranceAlreadyStored(source.name, segment, kept))
            return
        which, form, language = str(uuid_utils.uuid7()), work.rules.form.name, work.work.language
        utterance = Utterance(which, form, source.name, datetime.now(UTC), segment, language=language)
        try:
            self._executor.store_utterance(utterance)
        except DiskFull as fault:
            if not source.live:
                raise
            hand_over(CaptureStopped(str(fault)))
            return
        attended = ListenedUtterance(utterance, said.attention, said.closed_at, source.live)
        hand_over(attended)
        if not source.live:
            self._wait_for(attended.concluded)

    def _wait_for(self, concluded: Future[None]) -> None:
        """Wait until a recording's utterance is concluded, so that its timings are not distorted."""
        while not concluded.done() and not self.is_stopping:
            wait((concluded,), timeout=_STOP_NOTICED_S)


class _Watched:
    """A source that ends when `stopping` is set, and calls `heartbeat` at every frame."""

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
