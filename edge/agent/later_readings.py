"""Later readings of an utterance: they make and change no entry themselves.

While an entry is held, a second recogniser reads its sound and may contradict it. It is cancelled when the undo window
ends or the operator goes on; after a crash or a timeout the entry is recorded as it would be without it. Models'
answers after the verdict are stored as evidence, and flag an accepted entry that they contradict. Deferred utterances
are read in the background once a model answers again, the oldest first, and go to review.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.records import Reading
from edge.agent.workplaces import Workplaces
from edge.agree.decide import Rules, decide
from edge.agree.dialogue.interface import ReadingContradicted
from edge.agree.dialogue.table import State
from edge.keep.journal_thread import JournalThread
from edge.keep.readings import DEFERRED, UNREADABLE, LateReading
from edge.keep.storage import DiskFull
from edge.records import ClosedBy, Draft, OutboxRow, Outcome, Utterance
from edge.understand.breaker import Breaker
from edge.understand.local.letter_check import SecondRecogniser
from edge.understand.panel import ArrivalTime, PanelAnswer
from edge.understand.remote.failures import Garbled, Rejected
from edge.understand.second_recogniser import find_contradictions
from edge.understand.weighing import RetryPacing, contradicts

logger = logging.getLogger(__name__)


class LateReadings:
    """Stores late answers and reads deferred utterances, while `store_answers` and `read_deferred` run."""

    def __init__(self, workplaces: Workplaces, executor: JournalThread, per_minute: int) -> None:
        """`workplaces` has the panel and the rules of an utterance's own form, which need not be the current one.

        `per_minute`: the most deferred utterances that are read in a minute.
        """
        self._workplaces = workplaces
        self._executor = executor
        self._pacing = RetryPacing(per_minute)
        self._steps: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        """What is to be done next: store an answer, or compare earlier answers with what is stored since."""
        self._wake = asyncio.Event()
        self._wake.set()

    def queue_answer(self, answer: PanelAnswer) -> None:
        """Queue a model's answer; it also lets deferred utterances be read. Call it in the loop."""
        if answer.reading is not None or answer.came is ArrivalTime.IN_TIME:
            self._pacing.record_success()
            self._wake.set()
        self._steps.put_nowait(partial(self._store_answer, answer))

    def queue_decided_utterance(self, utterance_id: str, outcome: Outcome) -> None:
        """Queue an utterance whose verdict is stored. Call it in the loop."""
        self._steps.put_nowait(partial(self._compare_earlier_answers, utterance_id))
        if outcome is Outcome.DEFER:
            self._wake.set()

    def queue_committed_entry(self, row: OutboxRow) -> None:
        """Queue an entry that is committed after it was held or asked about. Call it in the loop."""
        self._steps.put_nowait(partial(self._compare_earlier_answers, row.event_id))

    async def wait_until_stored(self) -> None:
        """Wait until the queue is empty: all answers are stored, or logged as lost on a full disk."""
        await self._steps.join()

    async def store_answers(self) -> None:
        """Store the queued answers until cancelled."""
        while True:
            take_step = await self._steps.get()
            try:
                await take_step()
            except DiskFull as fault:
                logger.warning("an answer of a model is not kept: %s", fault)
            finally:
                self._steps.task_done()

    async def _store_answer(self, answer: PanelAnswer) -> None:
        said = (answer.utterance_id, answer.interpreter, str(answer.came), answer.reading, answer.usage)
        await self._executor(lambda journal: journal.readings.store_answer(*said))
        if answer.came is ArrivalTime.LATE and answer.reading is not None:
            await self._send_to_review_or_flag(LateReading(answer.utterance_id, answer.interpreter, answer.reading))

    async def _compare_earlier_answers(self, which: str) -> None:
        """`which`: an utterance that has its verdict now, or the event of an entry."""
        for late in await self._executor(lambda journal: journal.readings.late_readings(which)):
            await self._send_to_review_or_flag(late)

    async def _send_to_review_or_flag(self, late: LateReading) -> None:
        """Send a deferred utterance to review with a late answer, or flag an entry that it contradicts."""
        kept = await self._executor(lambda journal: journal.queries.get_utterance(late.utterance_id))
        if kept is None or kept.verdict is None:
            return
        if kept.verdict.outcome is Outcome.DEFER:
            # A deferred utterance always ended with a pause: one that was cut short is never deferred.
            await self._decide_and_send_to_review(late.utterance_id, kept.form, late.reading, ClosedBy.PAUSE)
        if kept.event_id is not None:
            await self._flag_if_contradicted(late, kept.event_id)

    async def _flag_if_contradicted(self, late: LateReading, event_id: str) -> None:
        entry = await self._executor(lambda journal: journal.queries.entry(event_id))
        if entry is None or not contradicts(late.reading, entry.act, entry.fields):
            return
        why = f"contradicted by {late.interpreter}"
        await self._executor(lambda journal: journal.readings.flag_entry(late.utterance_id, why))
        logger.warning(
            "event %s: %s, which answered too late; it stands. `dockvoice queue list --held` shows it", event_id, why
        )

    async def read_deferred(self) -> None:
        """Read deferred utterances by models, the oldest first, and send them to review, until cancelled."""
        while True:
            await self._wait_for_pacing()
            self._wake.clear()  # before the query: an utterance deferred from here on sets it again
            utterance = await self._executor(
                lambda journal: journal.readings.take_oldest_readable_deferred(self._workplaces.forms)
            )
            if utterance is None:
                continue
            self._wake.set()
            self._pacing.record_attempt(asyncio.get_running_loop().time())
            await self._read_and_send_to_review(utterance)

    async def _wait_for_pacing(self) -> None:
        """Wait until an utterance may be deferred and the pacing allows to read it."""
        await self._wake.wait()
        while (wait := self._pacing.seconds_until_due(asyncio.get_running_loop().time())) > 0:
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()  # a model answered, or another utterance was deferred: ask the pacing again
            self._wake.set()

    async def _read_and_send_to_review(self, utterance: Utterance) -> None:
        stays = f"{utterance.utterance_id}: stays deferred"
        reading, panel = None, self._workplaces.for_utterance(utterance).panel
        try:
            reading = None if panel is None else await panel.read_deferred(utterance)
        except (Rejected, Garbled) as fault:
            logger.warning("%s: no model makes a reading of it, a person must: %s", utterance.utterance_id, fault)
        except Unavailable as fault:
            logger.info("%s: %s", stays, fault)
            self._pacing.record_failure(asyncio.get_running_loop().time())
            return
        await self._executor.retry_while_disk_full(
            lambda: self._decide_and_send_to_review(
                utterance.utterance_id, utterance.form, reading, utterance.segment.closing
            ),
            stays,
        )

    async def _decide_and_send_to_review(
        self, utterance_id: str, form: str, reading: Reading | None, closing: ClosedBy
    ) -> None:
        rules = self._workplaces.find_rules(form)
        verdict = None if reading is None or rules is None else decide(reading, closing, rules)
        why = UNREADABLE if reading is None else DEFERRED
        await self._executor(lambda journal: journal.readings.send_to_review(utterance_id, verdict, why))


_LONGEST_S = 20.0  # Timeout; usual is a tenth of the sound's length.


class SecondRecogniserQueue:
    """Has the second recogniser read held utterances. Use it in the event loop only."""

    def __init__(
        self,
        second_recogniser: SecondRecogniser,
        rules: Callable[[Utterance], Rules | None],
        post: Callable[[ReadingContradicted], None],
    ) -> None:
        """`rules` returns the rules of an utterance; None where the second recogniser does not support its language.

        `post` passes a contradiction to the dialogue.
        """
        self._second_recogniser = second_recogniser
        self._rules = rules
        self._post = post
        self._wanted: asyncio.Queue[tuple[Utterance, Reading]] = asyncio.Queue()
        self._of: str | None = None
        self._limit: asyncio.Timeout | None = None
        self.breaker = Breaker()

    def queue_if_held(self, utterance: Utterance, reading: Reading, state: State, draft: Draft | None) -> None:
        """Queue a concluded utterance for the second recogniser, if its entry is held and not yet recorded."""
        held = state is State.HELD and draft is not None and draft.utterance_id == utterance.utterance_id
        if held and utterance.segment.pcm and not self.breaker.wait_s(time.monotonic()):
            self._of = utterance.utterance_id
            self._wanted.put_nowait((utterance, reading))

    def cancel_if_not_held(self, state: State, draft: Draft | None) -> None:
        """Cancel the second recogniser when its entry is not held any more."""
        if state is State.HELD and draft is not None and draft.utterance_id == self._of:
            return
        self._of = None
        limit, self._limit = self._limit, None
        if limit is not None:
            limit.reschedule(asyncio.get_running_loop().time())

    async def run(self) -> None:
        """Process the queue until cancelled."""
        try:
            while True:
                await self._post_contradictions(*await self._wanted.get())
        finally:
            await self._second_recogniser.end()

    async def _post_contradictions(self, utterance: Utterance, reading: Reading) -> None:
        """Have a held utterance read again; post a contradiction to the dialogue. Failures are logged."""
        rules = self._rules(utterance)
        if self._of != utterance.utterance_id or rules is None:
            return  # not held any more, or a language that the second recogniser does not support
        if not self.breaker.try_acquire(time.monotonic()):
            return
        try:
            async with asyncio.timeout(_LONGEST_S) as limit:
                self._limit = limit
                words = await self._second_recogniser.recognise(utterance.segment.pcm)
        except TimeoutError:
            if self._of == utterance.utterance_id:
                self._log_failure(f"the witness said nothing within {_LONGEST_S:g} s")
        except Unavailable as fault:
            self._log_failure(str(fault))
        else:
            self.breaker.record_success()
            otherwise = await asyncio.to_thread(find_contradictions, reading.words, words, rules.form, rules.catalogue)
            if otherwise and self._of == utterance.utterance_id:
                self._post(ReadingContradicted(utterance.utterance_id, otherwise))
        finally:
            self._limit = None
            self.breaker.release()

    def _log_failure(self, why: str) -> None:
        self.breaker.record_failure(time.monotonic())
        rest = self.breaker.wait_s(time.monotonic())
        again = f"; it is asked again in {rest:.0f} s" if rest else ""
        logger.warning("%s: entries are held without a second hearing%s", why, again)
