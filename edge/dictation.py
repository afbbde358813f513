"""From sound to an entry on disk: hear, understand, agree, keep, for one source after another.

The ear works in a thread of its own. It feeds the recogniser while the operator is still speaking, and puts each
utterance on disk *before* it hands it over to the loop: a kill at any later moment loses nothing, because what was
kept without a verdict is read again at the next start (`resume`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event
from typing import Any

import uuid_utils

from edge.agree.decide import Circumstances, Rules, decide
from edge.agree.happenings import Heard
from edge.config import Endpoint
from edge.hear.acoustics import measured
from edge.hear.ear import listen
from edge.hear.endpointing import Abandoned, Closed, Continued, Endpointing, Opened, Paused
from edge.hear.gate import Gate
from edge.keep.desk import Desk
from edge.keep.disk import DiskFull
from edge.keep.evidence import Evidence
from edge.keep.journal import Journal, KeptUtterance
from edge.ports import Attention, Interpreter, Source, SpeechScorer
from edge.records import Act, Entry, FieldValue, Frame, Minted, OutboxRow, Outcome, Reading, Segment, Utterance, Verdict

logger = logging.getLogger(__name__)

RECENT = 100
"""The latest entries that are looked through for the same thing: more than anybody dictates in ten minutes."""

STOP_NOTICED_S = 0.1
"""How often a waiting ear looks whether it is to stop: short for a person, nothing for the processor."""


@dataclass(frozen=True, slots=True)
class Decided:
    """An utterance was read, decided and put on record."""

    utterance: Utterance
    reading: Reading
    verdict: Verdict
    row: OutboxRow | None
    """The event owed to the inventory, when the verdict is ACCEPT."""
    compute_s: float
    """Seconds from the closing of the utterance until the record was on disk."""


@dataclass(frozen=True, slots=True)
class AlreadyKept:
    """A recording was played again: this stretch of it is on record and was not recorded a second time."""

    source: str
    segment: Segment
    kept: KeptUtterance


@dataclass(frozen=True, slots=True)
class SourceEnded:
    """A source was heard to its end."""

    source: str
    samples: int
    """How much sound it gave, at 16 kHz."""
    wall_s: float
    """Seconds it took to hear it and to conclude, for a recording, all that was heard in it."""


@dataclass(frozen=True, slots=True)
class CaptureStopped:
    """The disk is full: nothing that is said is recorded now. Told again for each utterance that was said in vain."""

    reason: str


@dataclass(frozen=True, slots=True)
class CaptureResumed:
    """There is room again: what is said from now on is recorded."""


Told = Decided | AlreadyKept | SourceEnded | CaptureStopped | CaptureResumed
"""What dictation tells whoever watches it, in the order in which it happened."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """What the ear hands over: an utterance that is on disk, and the ear that was lent to it while it was spoken."""

    utterance: Utterance
    evidence: Evidence
    attention: Attention
    closed_at: float
    concluded: Future[None]
    live: bool
    """What was said cannot be said to us again as a recording can: it waits for room on the disk."""


_Handed = _Heard | AlreadyKept | SourceEnded | CaptureStopped


class Dictation:
    """The way of a sound to an entry. Made once; `hear` and `conclude` run side by side in the app's TaskGroup."""

    def __init__(
        self,
        *,
        rules: Rules,
        endpoint: Endpoint,
        scorer: SpeechScorer,
        interpreter: Interpreter,
        desk: Desk,
        operator: str | None,
        render: Callable[[Entry, Minted], dict[str, Any]],
        tell: Callable[[Told], None],
        beat: Callable[[], None],
        gate: Gate | None = None,
        meant: Callable[[Segment], Segment | None] | None = None,
        converse: Callable[[Heard], Awaitable[OutboxRow | None]] | None = None,
        speaking: Callable[[], None] = lambda: None,
    ) -> None:
        """`gate` is what a live source goes through, `meant` takes the wake phrase off an utterance, where one is used.

        `converse` agrees with the operator what becomes of a live utterance; without it, one utterance is one entry.
        `speaking` is called, in the ear's thread, when somebody begins to speak to a live source.
        `render` makes the event of an entry, `tell` hears what happens, `beat` is called for every frame heard.
        """
        self._rules = rules
        self._endpoint = endpoint
        self._scorer = scorer
        self._interpreter = interpreter
        self._desk = desk
        self._operator = operator
        self._render = render
        self._tell = tell
        self._beat = beat
        self._gate = gate
        self._meant = meant
        self._converse = converse
        self._speaking = speaking
        self._stopping = Event()
        self._handed: asyncio.Queue[_Handed | None] = asyncio.Queue()
        self._lacking: str | None = None
        self._room = asyncio.Event()
        self._room.set()

    def stop(self) -> None:
        """Hear no more; what was heard is still concluded. A blocked microphone must be closed besides."""
        self._stopping.set()
        self._room.set()  # whoever waits for it looks once more, and gives up

    def stop_capture(self, reason: str) -> None:
        """Record nothing that is said from now on: there is no room for it. What was recorded is still concluded."""
        self._lacking = reason
        self._room.clear()
        self._tell(CaptureStopped(reason))

    def resume_capture(self) -> None:
        """There is room, as far as is known: record again, where that was stopped."""
        if self._lacking is not None:
            self._lacking = None
            self._room.set()
            self._tell(CaptureResumed())

    async def resume(self) -> int:
        """Read and decide what an earlier run heard and kept but did not decide; returns how many utterances.

        What was dictated for another form waits until an agent fills that form: read as this one, it could only be
        misunderstood.
        """
        unread = await self._desk(lambda journal: list(journal.unread()))
        ours = [utterance for utterance in unread if utterance.form == self._rules.form.name]
        for form in sorted({utterance.form for utterance in unread} - {self._rules.form.name}):
            logger.warning(
                "kept and not read yet: utterances for the form %r; run with --form %s to read them", form, form
            )
        for utterance in ours:
            # To begin what has begun changes nothing, and tells where its recording is.
            evidence = await self._desk(partial(Journal.begin, utterance=utterance))
            began = time.perf_counter()
            await self._conclude(_Heard(utterance, evidence, self._interpreter.attend(), began, Future(), live=False))
        return len(ours)

    async def hear(self, sources: Iterable[Source]) -> None:
        """Listen to each source to its end, in a thread; then `conclude` returns too."""
        loop = asyncio.get_running_loop()

        def hand_over(what: _Handed | None) -> None:
            loop.call_soon_threadsafe(self._handed.put_nowait, what)

        await asyncio.to_thread(self._hear, sources, hand_over)

    async def conclude(self) -> None:
        """Read, decide and record what is handed over, in order, until the last source has ended."""
        try:
            while (heard := await self._handed.get()) is not None:
                if isinstance(heard, _Heard):
                    await self._conclude(heard)
                    heard.concluded.set_result(None)
                elif isinstance(heard, CaptureStopped):
                    self.stop_capture(heard.reason)
                else:
                    self._tell(heard)
        finally:
            self._stopping.set()  # however this ends, the ear must not wait for an answer that will never come

    def _hear(self, sources: Iterable[Source], hand_over: Callable[..., None]) -> None:
        try:
            for source in sources:
                hand_over(self._hear_one(source, hand_over))
                if self._stopping.is_set():
                    break
        finally:
            hand_over(None)

    def _hear_one(self, source: Source, hand_over: Callable[..., None]) -> SourceEnded:
        began = time.perf_counter()
        attention = self._interpreter.attend()
        watched = _Watched(source, self._stopping, self._beat)
        lacking = None
        endpointing = Endpointing(self._endpoint)
        for event in listen(watched, self._scorer, endpointing, self._gate if source.live else None):
            if isinstance(event, Opened) and source.live:
                lacking = self._lacking
                self._speaking()
            match event:
                case Opened(pcm) | Continued(pcm):
                    attention.hear(pcm)
                case Paused():
                    endpointing.expect(attention.expect())
                case Closed() if lacking is not None:
                    hand_over(CaptureStopped(lacking))
                    attention = self._interpreter.attend()
                case Closed(segment):
                    self._keep_meant(source, segment, attention, hand_over)
                    attention = self._interpreter.attend()
                case Abandoned():
                    attention = self._interpreter.attend()
        return SourceEnded(source.name, watched.samples, time.perf_counter() - began)

    def _keep_meant(
        self, source: Source, segment: Segment, attention: Attention, hand_over: Callable[..., None]
    ) -> None:
        """Keep what is meant for the device: what was said to others is not recorded at all."""
        meant = segment if self._meant is None or not source.live else self._meant(segment)
        if meant is None:
            return
        if meant is not segment:
            attention = self._interpreter.attend()
            attention.hear(meant.pcm)
        self._keep(source, meant, attention, hand_over)

    def _keep(self, source: Source, segment: Segment, attention: Attention, hand_over: Callable[..., None]) -> None:
        kept = self._desk.now(lambda journal: journal.known(source.name, segment))
        if kept is not None:
            hand_over(AlreadyKept(source.name, segment, kept))
            return
        closed_at = time.perf_counter()
        utterance = self._identified(source, segment)
        try:
            evidence = self._desk.now(lambda journal: journal.begin(utterance))
        except DiskFull as fault:
            if not source.live:
                raise
            hand_over(CaptureStopped(str(fault)))
            return
        heard = _Heard(utterance, evidence, attention, closed_at, Future(), source.live)
        hand_over(heard)
        if not source.live:
            self._wait_for(heard.concluded)

    def _wait_for(self, concluded: Future[None]) -> None:
        """A recording can wait: one utterance at a time keeps its timings true."""
        while not concluded.done() and not self._stopping.is_set():
            wait((concluded,), timeout=STOP_NOTICED_S)

    def _identified(self, source: Source, segment: Segment) -> Utterance:
        return Utterance(
            utterance_id=str(uuid_utils.uuid7()),
            form=self._rules.form.name,
            source=source.name,
            heard_at=datetime.now(UTC),
            segment=segment,
        )

    async def _conclude(self, heard: _Heard) -> None:
        reading = await heard.attention.finish(heard.utterance)
        known = Circumstances(measured(heard.utterance.segment), await self._recent(heard))
        verdict = decide(reading, heard.utterance.segment.closing, self._rules, known)
        if self._converse is not None and heard.live:
            row = await self._converse(
                Heard(heard.utterance.utterance_id, reading, verdict, heard.utterance.segment.closing, known)
            )
            if verdict.outcome is Outcome.ACCEPT:
                verdict = replace(verdict, outcome=Outcome.HOLD)
        else:
            row = await self._recorded(heard, reading, verdict)
        self._tell(Decided(heard.utterance, reading, verdict, row, time.perf_counter() - heard.closed_at))

    async def _recent(self, heard: _Heard) -> tuple[Mapping[str, FieldValue], ...]:
        """What was recorded a little while ago. Nothing for a recording: its time is not that of the shift."""
        if not heard.live:
            return ()
        since = heard.utterance.heard_at - timedelta(minutes=self._rules.demands.double_count_minutes)
        entries = await self._desk(lambda journal: journal.entries(RECENT))
        replaced = {one.replaces for one in entries}  # what was amended or cancelled does not stand any more
        standing = [one for one in entries if one.event_id not in replaced and one.act is not Act.CANCEL]
        return tuple(one.fields for one in standing if one.form == heard.utterance.form and one.recorded_at > since)

    async def _recorded(self, heard: _Heard, reading: Reading, verdict: Verdict) -> OutboxRow | None:
        """Put the verdict on record; on a full disk, once there is room. Until then the utterance is kept, unread."""
        while True:
            try:
                return await self._desk(lambda journal: self._record(journal, heard, reading, verdict))
            except DiskFull as fault:
                if self._stopping.is_set() or not heard.live:
                    raise
                self.stop_capture(str(fault))
            await self._room.wait()

    def _record(self, journal: Journal, heard: _Heard, reading: Reading, verdict: Verdict) -> OutboxRow | None:
        utterance = heard.utterance
        if verdict.outcome is not Outcome.ACCEPT:
            journal.conclude(utterance.utterance_id, reading, verdict)
            return None
        entry = Entry(
            utterance_id=utterance.utterance_id,
            form=utterance.form,
            fields=verdict.fields,
            operator=self._operator,
            recorded_at=datetime.now(UTC),
            reading=reading,
            audio_sha256=heard.evidence.sha256,
            audio_seconds=heard.evidence.seconds,
        )
        return journal.commit(entry, verdict, lambda minted: self._render(entry, minted))


class _Watched:
    """A source that can be told to stop, and that shows at every frame that sound is still coming."""

    def __init__(self, source: Source, stopping: Event, beat: Callable[[], None]) -> None:
        self.name = source.name
        self.live = source.live
        self._source = source
        self._stopping = stopping
        self._beat = beat
        self.samples = 0

    def frames(self) -> Iterator[Frame]:
        for frame in self._source.frames():
            if self._stopping.is_set():
                return
            self._beat()
            self.samples = frame.end
            yield frame
