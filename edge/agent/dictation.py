"""From sound to a stored entry: hear, understand, agree, keep.

The ear listens in its own thread and stores each utterance before it hands it over; utterances that an earlier run left
without a verdict are read again at the start (`decide_unread`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from dockvoice_protocol.records import Act, FieldValue, Reading
from edge.agent.breaths import Breath, Breaths, TornNumbers, join_sound
from edge.agent.ear import Ear, EarOutput, ListenedUtterance
from edge.agent.events import CaptureResumed, CaptureStopped, DictationEvent, UtteranceDecided
from edge.agent.typed_input import SILENT_SOURCES, scanned_utterance, typed_utterance
from edge.agent.workplaces import Workplaces
from edge.agree.decide import Circumstances, decide
from edge.agree.dialogue.interface import UtteranceHeard
from edge.agree.dialogue.parking import UNANSWERED
from edge.agree.dialogue.questions import hold_if_accepted
from edge.agree.expectations import NOTHING_EXPECTED, Expectations
from edge.hear.acoustics import measure_acoustics
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.keep.queries import RECORDING_PREFIX
from edge.keep.storage import DiskFull
from edge.ports import Source
from edge.records import Draft, Entry, EventIds, OutboxRow, Outcome, StoreFormOrLanguageChange, Utterance, Verdict
from edge.understand.local.letter_check import SecondRecogniser
from edge.understand.wearer_voice import WearerVoice

INTERRUPTED = "interrupted"
"""Reason for review: the device went down before the operator could be asked about the utterance."""


def needs_review_after_restart(utterance: Utterance, reading: Reading, verdict: Verdict, *, agreed: bool) -> bool:
    """Whether an utterance that an earlier run left without a verdict needs a review by a person.

    `agreed`: entries are agreed with the operator, who cannot object to this one any more.
    """
    if utterance.source.startswith(RECORDING_PREFIX):
        return False  # it can be played again
    if verdict.outcome is Outcome.ASK or (verdict.outcome is Outcome.REPEAT and reading.act is Act.RECORD):
        return True  # the operator is not there to answer or to repeat it
    # The entry that a correction refers to is not known any more.
    return agreed and (verdict.outcome is Outcome.ACCEPT or reading.act in {Act.AMEND, Act.CANCEL})


logger = logging.getLogger(__name__)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Earshot:
    """Queue item: agree entries by dialogue from here on, since the operator can hear the device; `begin` starts it."""

    begin: Callable[[], Awaitable[None]]


class Dictation:
    """Turns utterances into entries. Made once; `hear` and `process_queue` run concurrently in the app's TaskGroup."""

    def __init__(
        self,
        listening: Ear,
        *,
        workplaces: Workplaces,
        executor: JournalThread,
        operator: str | None,
        render: Callable[[Entry, EventIds], dict[str, Any]],
        publish: Callable[[DictationEvent], None],
        converse: Callable[[UtteranceHeard], Awaitable[Verdict]] | None = None,
        expected: Callable[[], Expectations] = lambda: NOTHING_EXPECTED,
        voice: WearerVoice | None = None,
        second_recogniser: SecondRecogniser | None = None,
    ) -> None:
        """`workplaces` has the interpreters and rules. `render` makes an entry's event, `publish` receives each event.

        `converse` returns the dialogue's verdict on a live utterance; without it, one utterance is one entry.
        `expected` returns the current lists of expected receipts. `voice` learns from what is accepted.
        `second_recogniser` ends with the last utterance.
        """
        self._second_recogniser = second_recogniser
        self._voice = voice
        self._listening = listening
        self._workplaces = workplaces
        self._executor = executor
        self._operator = operator
        self._render = render
        self._publish = publish
        self._converse = converse
        self._alone = False
        self._handed: asyncio.Queue[EarOutput | _Earshot | None] = asyncio.Queue()
        self._typed: set[str] = set()
        self._expected = expected
        self._concluding = False
        self._torn = TornNumbers()
        self._at = workplaces.current
        self._breaths = Breaths()

    @property
    def is_utterance_open(self) -> bool:
        """Whether an utterance is open."""
        return self._listening.is_open

    def stop(self) -> None:
        """Stop listening; utterances already heard are still concluded. A blocked microphone must be closed as well."""
        self._listening.stop()

    def stop_capture(self, reason: str) -> None:
        """Stop recording for want of disk space. Recorded utterances are still concluded."""
        self._listening.lacking = reason
        self._publish(CaptureStopped(reason))

    def resume_capture(self) -> None:
        """Record again after `stop_capture`, and publish CaptureResumed; else do nothing."""
        if self._listening.lacking is not None:
            self._listening.lacking = None
            self._publish(CaptureResumed())

    async def decide_unread(self) -> int:
        """Read and decide the utterances that an earlier run left without a verdict; returns how many.

        The operator is not there for a question or a readback: an utterance that needs a question goes to review, and
        with a dialogue every entry does. An utterance for a form that is not loaded stays unread until an agent runs
        with that form: read with another form, it would be misunderstood.
        """
        unread = await self._executor(lambda journal: list(journal.queries.unread_utterances()))
        earlier = [utterance for utterance in unread if utterance.utterance_id not in self._typed]
        ours = [utterance for utterance in earlier if utterance.form in self._workplaces.forms]
        for form in sorted({utterance.form for utterance in earlier} - self._workplaces.forms.keys()):
            logger.warning(
                "kept and not read yet: utterances for the form %r; run with --form %s to read them", form, form
            )
        for utterance in ours:
            began = time.perf_counter()
            attention = self._workplaces.make_attention(utterance)
            await self._decide_or_put_under_review(ListenedUtterance(utterance, attention, began, live=False))
        return len(ours)

    async def hear(self, sources: Iterable[Source]) -> None:
        """Listen to each source to its end, in a thread; then `process_queue` returns too."""
        await self._listening.hear(sources, self._handed.put_nowait)

    @property
    def is_busy(self) -> bool:
        """Whether an utterance is open, queued or being decided."""
        return self._listening.is_open or self._concluding or not self._handed.empty()

    @property
    def uses_dialogue(self) -> bool:
        """Whether entries are agreed by dialogue."""
        return self._converse is not None and not self._alone

    def suspend_dialogue(self) -> None:
        """Make one utterance one entry, without questions, until `begin_dialogue`: the operator cannot hear them."""
        self._alone = True

    def begin_dialogue(self, begin: Callable[[], Awaitable[None]]) -> None:
        """Agree on entries by dialogue from the next utterance on.

        `begin` is awaited first, after all queued utterances.
        """
        self._handed.put_nowait(_Earshot(begin))

    async def queue_text(self, text: str) -> None:
        """Queue typed text, which is processed like speech. It is stored when this returns.

        Allowed at any time: `decide_unread` skips what was typed before it; what is typed after `process_queue` ends is
        read at the next start. Raises UnreadableInput where it is too long.
        """
        at = self._workplaces.current
        await self._store_and_queue(typed_utterance(at.rules.form.name, text, language=at.work.language))

    async def queue_scan(self, scan: str, device: str) -> None:
        """Queue a scan, as `type` queues text. It is stored when this returns."""
        at = self._workplaces.current
        await self._store_and_queue(scanned_utterance(at.rules.form.name, scan, device, at.work.language))

    async def _store_and_queue(self, utterance: Utterance) -> None:
        self._typed.add(utterance.utterance_id)  # before it is stored, so that `decide_unread` skips it
        began = time.perf_counter()
        try:
            await self._executor(partial(Journal.store_utterance, utterance=utterance))
        except DiskFull as fault:
            self.stop_capture(str(fault))
        else:
            attention = self._workplaces.make_attention(utterance)
            self._handed.put_nowait(ListenedUtterance(utterance, attention, began, live=True))

    async def process_queue(self) -> None:
        """Read, decide and store the queued utterances in order, until the last source has ended."""
        if self._second_recogniser is not None:
            self._second_recogniser.open()
        try:
            while (queued := await self._handed.get()) is not None:
                if isinstance(queued, ListenedUtterance):
                    self._concluding = True
                    await self._read_decide_and_store(queued)
                    self._concluding = False
                    queued.concluded.set_result(None)
                elif isinstance(queued, CaptureStopped):
                    self._breaths.forget()
                    self.stop_capture(queued.reason)
                elif isinstance(queued, _Earshot):
                    await self._retry_on_full_disk(queued.begin)
                    self._alone = False
                else:
                    self._breaths.forget()  # sound of another source, or not heard in this run, may lie between
                    self._publish(queued)
        finally:
            self._listening.stop()  # after an error too: the ear must not wait for a conclusion that never comes
            if self._second_recogniser is not None:
                self._second_recogniser.loop = None
                await self._second_recogniser.end()

    async def _decide_or_put_under_review(self, listened: ListenedUtterance) -> None:
        """Read and decide an utterance of an earlier run, or put it under review."""
        reading, known = await self._read(listened)
        verdict = decide(reading, listened.utterance.segment.closing, self._at.rules, known)
        row, why = None, await self._find_review_reason(listened.utterance, reading, verdict)
        if why is not None:
            verdict = hold_if_accepted(verdict)
            which = listened.utterance.utterance_id
            await self._executor(lambda journal: journal.put_under_review(which, reading, verdict, why))
        else:
            row = await self._store_verdict_or_entry(
                listened, reading, verdict, _make_draft(listened.utterance, reading, self._operator)
            )
        self._publish(
            UtteranceDecided(listened.utterance, reading, verdict, row, time.perf_counter() - listened.closed_at)
        )

    async def _find_review_reason(self, utterance: Utterance, reading: Reading, verdict: Verdict) -> str | None:
        """The reason to put an utterance of an earlier run under review; None where it is decided as usual."""
        kept = await self._executor(lambda journal: journal.queries.history(utterance.utterance_id))
        wanted = kept.decisions[-1] if kept.decisions else None
        if wanted is not None and wanted.reason == UNANSWERED:
            # The operator may have answered "no": a person's order to read it again does not confirm the reading.
            return UNANSWERED
        if not needs_review_after_restart(utterance, reading, verdict, agreed=self.uses_dialogue):
            return None
        return None if wanted is not None and verdict.outcome is Outcome.ACCEPT else INTERRUPTED

    async def _read(self, listened: ListenedUtterance) -> tuple[Reading, Circumstances]:
        at = self._workplaces.for_utterance(listened.utterance)
        converses = listened.live and self.uses_dialogue
        if at is not self._at:  # a change of form or language ends split numbers and breaths
            self._at, self._torn = at, TornNumbers()
            self._breaths.forget()
        reading = await listened.attention.finish(listened.utterance)
        if converses:
            self._breaths.forget()  # the dialogue joins what follows itself
        reading = self._torn.doubt_continued_number(listened.utterance, reading, at.rules)
        sound = None if listened.utterance.source in SILENT_SOURCES else measure_acoustics(listened.utterance.segment)
        # Without a dialogue, a question from the lists could not be answered, and would block the entry for ever.
        expected = self._expected() if converses else NOTHING_EXPECTED
        recent: tuple[Mapping[str, FieldValue], ...] = ()
        if listened.live:  # A recording is of another time: its entries are no double counts of the latest ones.
            since = listened.utterance.heard_at - timedelta(minutes=at.rules.site_policy.double_count_minutes)
            form = listened.utterance.form
            recent = await self._executor(lambda journal: journal.queries.standing_entry_fields(form, since))
        return reading, Circumstances(sound, recent, expected)

    async def _move_to_current_workplace(self, listened: ListenedUtterance) -> ListenedUtterance:
        """Assign a queued live utterance to the form and language that have become current, in the journal too."""
        utterance, work = listened.utterance, self._workplaces.current.work
        if not (listened.live and self.uses_dialogue) or work == StoreFormOrLanguageChange(
            utterance.form, utterance.language
        ):
            return listened
        await self._retry_on_full_disk(
            partial(self._executor, lambda journal: journal.set_work(utterance.utterance_id, work))
        )
        moved = replace(utterance, form=str(work.form), language=work.language)
        return replace(listened, utterance=moved, attention=self._workplaces.make_attention(moved))

    async def _read_decide_and_store(self, attended: ListenedUtterance) -> None:
        listened = await self._move_to_current_workplace(attended)
        reading, known = await self._read(listened)
        closing, row, replaces = listened.utterance.segment.closing, None, None
        if self._converse is not None and not self._alone and listened.live:
            which = listened.utterance.utterance_id
            verdict = await self._converse(UtteranceHeard(which, reading, closing, known, *listened.speech_times_s))
        else:
            said, verdict = Breath(listened.utterance, reading), decide(reading, closing, self._at.rules, known)
            reading, verdict, draft = await self._read_with_breaths(listened, said, verdict, known)
            row, replaces = await self._store_verdict_or_entry(listened, reading, verdict, draft), draft.replaces
            if row is None:
                self._breaths.remember_if_unfinished(said, verdict, self._at.rules)
            else:
                self._breaths.remember_entry(said, row.event_id, verdict, len(draft.support))
        self._typed.discard(listened.utterance.utterance_id)
        compute_s, sound = time.perf_counter() - listened.closed_at, known.acoustics if listened.live else None
        self._publish(UtteranceDecided(listened.utterance, reading, verdict, row, compute_s, replaces, sound))
        spoken = listened.utterance.source not in SILENT_SOURCES and verdict.outcome is not Outcome.IGNORE
        if self._voice is not None and spoken:  # what colleagues chat about does not hand the headset over
            accepted = verdict.outcome is Outcome.ACCEPT
            await asyncio.to_thread(self._voice.learn, listened.utterance.segment.pcm, accepted=accepted)

    async def _read_with_breaths(
        self, listened: ListenedUtterance, said: Breath, verdict: Verdict, known: Circumstances
    ) -> tuple[Reading, Verdict, Draft]:
        """Read the utterance joined with earlier breaths where that makes an entry or amends theirs, else alone."""
        utterance, rules = listened.utterance, self._at.rules
        alone = _make_draft(utterance, said.reading, self._operator)
        before = (
            () if utterance.source in SILENT_SOURCES else self._breaths.earlier_breaths_to_join(said, verdict, rules)
        )
        if not before:
            return said.reading, verdict, alone
        whole = join_sound((*before, utterance))
        reading = await self._at.readers.interpreter.listen().finish(whole)
        on_record = self._breaths.committed_entry
        recent = known.recent if on_record is None else tuple(one for one in known.recent if one != on_record.fields)
        together = decide(
            reading, whole.segment.closing, rules, Circumstances(measure_acoustics(whole.segment), recent)
        )
        amends = on_record is None or on_record.may_be_amended_to(together.fields, rules)
        if together.outcome is not Outcome.ACCEPT or not amends:
            return said.reading, verdict, alone
        draft = replace(alone, reading=reading, support=tuple(one.utterance_id for one in before))
        if on_record is not None:
            draft = replace(draft, act=Act.AMEND, replaces=on_record.event_id)
        return reading, together, draft

    async def _store_verdict_or_entry(
        self, listened: ListenedUtterance, reading: Reading, verdict: Verdict, draft: Draft
    ) -> OutboxRow | None:
        """Store the verdict, or commit the entry and return its row. On a full disk live speech waits."""

        def conclude_or_commit(journal: Journal) -> OutboxRow | None:
            if verdict.outcome is not Outcome.ACCEPT:
                journal.conclude(listened.utterance.utterance_id, reading, verdict)
                return None
            entry = journal.queries.make_entry(draft, verdict)
            return journal.commit(entry, verdict, lambda minted: self._render(entry, minted))

        recorded = partial(self._executor, conclude_or_commit)
        return await (self._retry_on_full_disk(recorded) if listened.live else recorded())

    async def _retry_on_full_disk(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Do the work, if the disk is full once there is space; later utterances wait."""
        return await self._executor.retry_while_disk_full(work, refused=self._stop_capture_on_full_disk)

    def _stop_capture_on_full_disk(self, fault: DiskFull) -> None:
        if self._listening.is_stopping:
            raise fault
        if self._listening.lacking != str(fault):
            self.stop_capture(str(fault))


def _make_draft(utterance: Utterance, reading: Reading, operator: str | None) -> Draft:
    return Draft(utterance.utterance_id, utterance.form, reading, operator)
