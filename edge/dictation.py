"""From sound to an entry on disk: hear, understand, agree, keep.

`listening` hears in a thread of its own and has each utterance on disk before it is seen here; what was kept without a
verdict when an earlier run ended is read again at the start (`resume`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from edge.agree.decide import Circumstances, Rules, decide
from edge.agree.happenings import Heard
from edge.hear.acoustics import measured
from edge.keep.desk import Desk
from edge.keep.disk import DiskFull
from edge.keep.journal import Journal
from edge.listening import Attended, HandedOver, Listening
from edge.ports import Interpreter, Source
from edge.records import Act, Entry, FieldValue, Minted, OutboxRow, Outcome, Reading, Verdict
from edge.told import CaptureResumed, CaptureStopped, Decided, Told

logger = logging.getLogger(__name__)

RECENT = 100
"""The latest entries that are looked through for the same thing: more than anybody dictates in ten minutes."""


class Dictation:
    """The way of a sound to an entry. Made once; `hear` and `conclude` run side by side in the app's TaskGroup."""

    def __init__(
        self,
        listening: Listening,
        *,
        rules: Rules,
        interpreter: Interpreter,
        desk: Desk,
        operator: str | None,
        render: Callable[[Entry, Minted], dict[str, Any]],
        tell: Callable[[Told], None],
        converse: Callable[[Heard], Awaitable[OutboxRow | None]] | None = None,
    ) -> None:
        """`render` makes the event of an entry, `tell` hears what happens.

        `converse` agrees with the operator what becomes of a live utterance; without it, one utterance is one entry.
        """
        self._listening = listening
        self._rules = rules
        self._interpreter = interpreter
        self._desk = desk
        self._operator = operator
        self._render = render
        self._tell = tell
        self._converse = converse
        self._handed: asyncio.Queue[HandedOver | None] = asyncio.Queue()
        self._room = asyncio.Event()
        self._room.set()

    def stop(self) -> None:
        """Hear no more; what was heard is still concluded. A blocked microphone must be closed besides."""
        self._listening.stop()
        self._room.set()  # whoever waits for it looks once more, and gives up

    def stop_capture(self, reason: str) -> None:
        """Record nothing that is said from now on: there is no room for it. What was recorded is still concluded."""
        self._listening.lacking = reason
        self._room.clear()
        self._tell(CaptureStopped(reason))

    def resume_capture(self) -> None:
        """There is room, as far as is known: record again, where that was stopped."""
        if self._listening.lacking is not None:
            self._listening.lacking = None
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
            await self._conclude(Attended(utterance, evidence, self._interpreter.attend(), began, live=False))
        return len(ours)

    async def hear(self, sources: Iterable[Source]) -> None:
        """Listen to each source to its end, in a thread; then `conclude` returns too."""
        await self._listening.hear(sources, self._handed.put_nowait)

    async def conclude(self) -> None:
        """Read, decide and record what is handed over, in order, until the last source has ended."""
        try:
            while (heard := await self._handed.get()) is not None:
                if isinstance(heard, Attended):
                    await self._conclude(heard)
                    heard.concluded.set_result(None)
                elif isinstance(heard, CaptureStopped):
                    self.stop_capture(heard.reason)
                else:
                    self._tell(heard)
        finally:
            self._listening.stop()  # however this ends, the ear must not wait for an answer that will never come

    async def _conclude(self, heard: Attended) -> None:
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

    async def _recent(self, heard: Attended) -> tuple[Mapping[str, FieldValue], ...]:
        """What was recorded a little while ago. Nothing for a recording: its time is not that of the shift."""
        if not heard.live:
            return ()
        since = heard.utterance.heard_at - timedelta(minutes=self._rules.demands.double_count_minutes)
        entries = await self._desk(lambda journal: journal.entries(RECENT))
        replaced = {one.replaces for one in entries}  # what was amended or cancelled does not stand any more
        standing = [one for one in entries if one.event_id not in replaced and one.act is not Act.CANCEL]
        return tuple(one.fields for one in standing if one.form == heard.utterance.form and one.recorded_at > since)

    async def _recorded(self, heard: Attended, reading: Reading, verdict: Verdict) -> OutboxRow | None:
        """Put the verdict on record; on a full disk, once there is room. Until then the utterance is kept, unread."""
        while True:
            try:
                return await self._desk(lambda journal: self._record(journal, heard, reading, verdict))
            except DiskFull as fault:
                if self._listening.is_stopping or not heard.live:
                    raise
                self.stop_capture(str(fault))
            await self._room.wait()

    def _record(self, journal: Journal, heard: Attended, reading: Reading, verdict: Verdict) -> OutboxRow | None:
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
