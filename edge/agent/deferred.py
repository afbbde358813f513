"""Late and deferred readings: models' answers after the verdict are stored and compared with the accepted entry.

Late answers become evidence in the journal, and flag an accepted entry that they contradict. Deferred utterances are
read in the background once a model answers again, the oldest first, and go to review. Nothing here makes or changes an
entry.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.records import Reading
from edge.agent.workplaces import Workplaces
from edge.agree.decide import decide
from edge.keep.journal_thread import JournalThread
from edge.keep.readings import DEFERRED, UNREADABLE, LateReading
from edge.keep.storage import DiskFull
from edge.records import Closing, OutboxRow, Outcome, Utterance
from edge.understand.panel import Came, PanelAnswer
from edge.understand.remote.failures import Garbled, OurFault
from edge.understand.weighing import Pacing, contradicts

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Concluded:
    """An utterance whose verdict or entry is stored."""

    which: str  # The id of the utterance, or of the entry's event.


class LateReadings:
    """Stores late answers and reads deferred utterances, while `keep_answers` and `read_deferred` run."""

    def __init__(self, works: Workplaces, executor: JournalThread, per_minute: int) -> None:
        """`works` has the panel and the rules of an utterance's own form, which need not be the current one.

        `per_minute`: the most deferred utterances that are read in a minute.
        """
        self._works = works
        self._executor = executor
        self._pacing = Pacing(per_minute)
        self._news: asyncio.Queue[PanelAnswer | _Concluded] = asyncio.Queue()
        self._wake = asyncio.Event()
        self._wake.set()

    def queue_answer(self, answer: PanelAnswer) -> None:
        """Queue a model's answer; it also lets deferred utterances be read. Call it in the loop."""
        if answer.reading is not None or answer.came is Came.IN_TIME:
            self._pacing.answered()
            self._wake.set()
        self._news.put_nowait(answer)

    def decided(self, utterance_id: str, outcome: Outcome) -> None:
        """Queue an utterance whose verdict is stored. Call it in the loop."""
        self._news.put_nowait(_Concluded(utterance_id))
        if outcome is Outcome.DEFER:
            self._wake.set()

    def committed(self, row: OutboxRow) -> None:
        """Queue an entry that is committed after it was held or asked about. Call it in the loop."""
        self._news.put_nowait(_Concluded(row.event_id))

    async def finish(self) -> None:
        """Wait until the queue is empty: all answers are stored, or logged as lost on a full disk."""
        await self._news.join()

    async def keep_answers(self) -> None:
        """Store the queued answers until cancelled."""
        while True:
            news = await self._news.get()
            try:
                await self._store_or_compare(news)
            except DiskFull as fault:
                logger.warning("an answer of a model is not kept: %s", fault)
            finally:
                self._news.task_done()

    async def _store_or_compare(self, news: PanelAnswer | _Concluded) -> None:
        if isinstance(news, _Concluded):
            for late in await self._executor(lambda journal: journal.readings.late_readings(news.which)):
                await self._send_to_review_or_flag(late)
            return
        said = (news.utterance_id, news.interpreter, str(news.came), news.reading, news.usage)
        await self._executor(lambda journal: journal.readings.store_answer(*said))
        if news.came is Came.LATE and news.reading is not None:
            await self._send_to_review_or_flag(LateReading(news.utterance_id, news.interpreter, news.reading))

    async def _send_to_review_or_flag(self, late: LateReading) -> None:
        """Send a deferred utterance to review with a late answer, or flag an entry that it contradicts."""
        kept = await self._executor(lambda journal: journal.queries.kept(late.utterance_id))
        if kept is None or kept.verdict is None:
            return
        if kept.verdict.outcome is Outcome.DEFER:
            # A deferred utterance always ended with a pause: one that was cut short is never deferred.
            await self._decide_and_send_to_review(late.utterance_id, kept.form, late.reading, Closing.PAUSE)
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
            utterance = await self._executor(lambda journal: journal.readings.oldest_deferred(self._works.forms))
            if utterance is None:
                continue
            self._wake.set()
            self._pacing.tried(asyncio.get_running_loop().time())
            await self._read_and_send_to_review(utterance)

    async def _wait_for_pacing(self) -> None:
        """Wait until an utterance may be deferred and the pacing allows to read it."""
        await self._wake.wait()
        while (wait := self._pacing.due_in(asyncio.get_running_loop().time())) > 0:
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()  # a model answered, or another utterance was deferred: ask the pacing again
            self._wake.set()

    async def _read_and_send_to_review(self, utterance: Utterance) -> None:
        stays = f"{utterance.utterance_id}: stays deferred"
        reading, panel = None, self._works.of_utterance(utterance).panel
        try:
            reading = None if panel is None else await panel.read_later(utterance)
        except (OurFault, Garbled) as fault:
            logger.warning("%s: no model makes a reading of it, a person must: %s", utterance.utterance_id, fault)
        except Unavailable as fault:
            logger.info("%s: %s", stays, fault)
            self._pacing.failed(asyncio.get_running_loop().time())
            return
        await self._executor.when_there_is_room(
            lambda: self._decide_and_send_to_review(
                utterance.utterance_id, utterance.form, reading, utterance.segment.closing
            ),
            stays,
        )

    async def _decide_and_send_to_review(
        self, utterance_id: str, form: str, reading: Reading | None, closing: Closing
    ) -> None:
        rules = self._works.rules_of(form)
        verdict = None if reading is None or rules is None else decide(reading, closing, rules)
        why = UNREADABLE if reading is None else DEFERRED
        await self._executor(lambda journal: journal.readings.send_to_review(utterance_id, verdict, why))
