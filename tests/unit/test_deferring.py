from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from dockvoice_protocol.errors import Unavailable, UnreadableInput
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import NotUnderstoodReason, Reading, Usage
from edge.agent.later_readings import LateReadings
from edge.agent.typed_input import ReaderBySource
from edge.agent.workplaces import Workplace, Workplaces
from edge.agree.decide import Rules
from edge.config import UnderstandingMode
from edge.keep.journal import Journal, JournalReader
from edge.keep.journal_thread import JournalThread
from edge.ports import Interpreter, UtteranceListener
from edge.records import Cause, Outcome, Reason, StoreFormOrLanguageChange, Utterance, Verdict
from edge.understand.panel import ArrivalTime, Member, Panel, PanelAnswer, PanelSettings
from edge.understand.remote.failures import AccessDenied, AnswerFault, Garbled, Rejected, TryLater
from edge.understand.weighing import RetryPacing
from tests.fakes import alone, reading
from tests.sayings import ACCEPT, ASK, FIELDS, entry, render, utterance

DEFER = Verdict(Outcome.DEFER, (Cause(Reason.NO_MODEL), Cause(Reason.FIELD_UNSURE, "dock")), {})
SAID = replace(reading(FIELDS), interpreter="gpt", usage=Usage("openai", "gpt", cost_usd=0.002))
INVENTED = reading({**FIELDS, "pallet_id": "991"})
PATIENCE_S = 30


# ---- when the next one is read ----


def test_a_backlog_goes_at_its_rate() -> None:
    pacing = RetryPacing(20)
    assert pacing.seconds_until_due(100) == 0
    pacing.record_attempt(100)
    assert pacing.seconds_until_due(100) == pytest.approx(3)
    assert pacing.seconds_until_due(104) == 0


def test_tries_grow_rare_while_nothing_answers() -> None:
    pacing, waits = RetryPacing(600), []
    for _ in range(30):
        pacing.record_failure(0)
        waits.append(pacing.seconds_until_due(0))
    assert waits[:4] == [2, 4, 8, 16]
    assert waits[-1] == 30


# ---- reading later ----


class Scripted(Interpreter):
    """Answers each request with what is next, and what stands last for ever."""

    name = "gpt"

    def __init__(self, *answers: Reading | Unavailable) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def listen(self) -> UtteranceListener:
        return _ScriptedAttention(self)


class _ScriptedAttention(UtteranceListener):
    def __init__(self, interpreter: Scripted) -> None:
        self._interpreter = interpreter

    def hear(self, pcm: bytes) -> None:
        pass

    async def finish(self, utterance: Utterance) -> Reading:
        answers = self._interpreter.answers
        self._interpreter.asked.append(utterance.utterance_id)
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Unavailable):
            raise answer
        return answer


class Bench:
    """A journal, and what works beside dictation."""

    def __init__(self, directory: Path, rules: Rules) -> None:
        self.directory = directory
        self.rules = rules

    def defer(self, *numbers: int, form: str = "pallet-move") -> list[str]:
        """Utterances that were deferred, with ids in the order of their numbers."""
        with Journal.open(self.directory) as journal:
            said = [replace(utterance(number), form=form) for number in numbers]
            for one in said:
                journal.store_utterance(one)
                journal.conclude(one.utterance_id, reading(FIELDS), DEFER)
        return [one.utterance_id for one in said]

    def work(
        self,
        model: Scripted,
        *answers: PanelAnswer,
        until: Callable[[Journal], bool],
        meanwhile: Callable[[LateReadings], None] = lambda _: None,
        works: Workplaces | None = None,
    ) -> None:
        """Let it work until the journal is as the test wants it."""

        async def main(executor: JournalThread) -> None:
            terms = PanelSettings(UnderstandingMode.CLOUD_FIRST, 1.2, None, 0.9)
            panel = Panel(model, [Member(model)], None, terms, self.rules.form)
            beside = LateReadings(works or alone(self.rules, panel, panel), executor, per_minute=600)
            async with (
                asyncio.timeout(PATIENCE_S),
                panel.running_requests(beside.queue_answer),
                asyncio.TaskGroup() as group,
            ):
                working = [group.create_task(work) for work in (beside.store_answers(), beside.read_deferred())]
                for answer in answers:
                    beside.queue_answer(answer)
                await beside.wait_until_stored()
                while not await executor(until):
                    meanwhile(beside)
                    await asyncio.sleep(0.01)
                await beside.wait_until_stored()
                for task in working:
                    task.cancel()

        with JournalThread(self.directory) as executor:
            asyncio.run(main(executor))

    def look(self) -> JournalReader:
        return Journal.inspect(self.directory)

    def stored(self, sql: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.directory / "journal.db")) as db:
            return list(db.execute(sql))


@pytest.fixture
def bench(tmp_path: Path, form: Form, catalogue: Catalogue) -> Bench:
    return Bench(tmp_path / "state", Rules(form, catalogue, 0.9))


def nothing_waits(journal: Journal) -> bool:
    return not journal.readings.deferred_utterances()


def test_what_was_deferred_is_read_oldest_first_and_goes_to_review_not_into_stock(bench: Bench) -> None:
    ids = bench.defer(0, 1, 2)
    model = Scripted(SAID)
    bench.work(model, until=nothing_waits)
    assert model.asked == ids
    with bench.look() as journal:
        assert [one.utterance_id for one in journal.review.list_under_review()] == ids
        assert {one.event_id for one in journal.review.list_under_review()} == {None}
        assert (journal.outbox.count_unsettled(), journal.queries.counts().deferred) == (0, 3)
        found = journal.queries.history(ids[0])
    assert found.review == "deferred"
    assert found.fields == FIELDS
    (answer,) = found.answers
    assert (answer.came, answer.cost_usd) == ("deferred", 0.002)
    assert answer.reading is not None
    assert answer.reading["fields"]["pallet_id"]["value"] == "007"


@pytest.mark.parametrize("failure", [TryLater("openai", "busy"), AccessDenied("openai", "the key is refused")])
def test_while_no_model_can_be_asked_everything_waits(bench: Bench, failure: Unavailable) -> None:
    ids = bench.defer(0, 1)
    model = Scripted(failure)
    bench.work(model, until=lambda _: len(model.asked) == 1)
    with bench.look() as journal:
        assert [one.utterance_id for one in journal.readings.deferred_utterances()] == ids
        assert journal.review.list_under_review() == []


def test_a_model_that_answers_somebody_is_asked_again_at_once(bench: Bench) -> None:
    (waiting,) = bench.defer(0)
    model = Scripted(*[TryLater("openai", "busy")] * 7, SAID)

    def somebody_is_answered(beside: LateReadings) -> None:
        beside.queue_answer(PanelAnswer(waiting, "gpt", ArrivalTime.IN_TIME, None, Usage("openai", "gpt")))

    # Left alone, seven failures would make 2 + 4 + 8 + 16 + 30 + 30 + 30 s of waiting.
    bench.work(model, until=nothing_waits, meanwhile=somebody_is_answered)
    assert len(model.asked) == 8


def test_one_that_no_model_can_read_holds_up_nobody(bench: Bench) -> None:
    ids = bench.defer(0, 1, 2)
    bench.work(
        Scripted(Rejected("openai", "400"), Garbled("openai", AnswerFault.PROSE, "prose"), SAID), until=nothing_waits
    )
    with bench.look() as journal:
        assert [journal.queries.history(one).review for one in ids] == ["unreadable", "unreadable", "deferred"]


def test_a_recording_that_is_lost_holds_up_nobody(bench: Bench) -> None:
    ids = bench.defer(0, 1)
    next(bench.directory.rglob(f"{ids[0]}.flac")).unlink()
    bench.work(Scripted(SAID), until=nothing_waits)
    with bench.look() as journal:
        assert [journal.queries.history(one).review for one in ids] == ["recording_lost", "deferred"]


def test_where_a_model_hears_no_words_nobody_need_look(bench: Bench) -> None:
    bench.defer(0)
    bench.work(Scripted(reading(not_understood=NotUnderstoodReason.NO_WORDS)), until=nothing_waits)
    with bench.look() as journal:
        assert journal.review.list_under_review() == []
        assert journal.queries.counts().ignored == 1


def test_what_was_deferred_is_read_as_the_form_and_in_the_language_in_which_it_was_said(bench: Bench) -> None:
    """Whatever is filled, and spoken, when a model answers again."""
    read: list[tuple[str, str | None]] = []

    class Noting(Panel):
        def __init__(self, work: StoreFormOrLanguageChange) -> None:
            terms = PanelSettings(UnderstandingMode.CLOUD_FIRST, 1.2, None, 0.9)
            super().__init__(Scripted(SAID), [Member(Scripted(SAID))], None, terms, bench.rules.form)
            self.work = work

        async def read_deferred(self, utterance: Utterance) -> Reading:
            read.append((self.work.form or "", self.work.language))
            return SAID

    def make(form: Form, language: str | None) -> Workplace:
        panel = Noting(StoreFormOrLanguageChange(form.name, language))
        return Workplace(panel.work, ReaderBySource(replace(bench.rules, form=form), panel), panel)

    counting = replace(bench.rules.form, name="stock-count")
    said: list[tuple[str, str | None]] = [("stock-count", None), ("pallet-move", "de"), ("pallet-move", None)]
    with Journal.open(bench.directory) as journal:
        for number, (form, spoken) in enumerate(said):
            one = replace(utterance(number), form=form, language=spoken)
            journal.store_utterance(one)
            journal.conclude(one.utterance_id, reading(FIELDS), DEFER)

    works = Workplaces(make(bench.rules.form, None), make, [counting])
    bench.work(Scripted(SAID), until=lambda journal: len(journal.review.list_under_review()) == len(said), works=works)
    assert read == said


# ---- late answers ----


@asynccontextmanager
async def at_work(bench: Bench, executor: JournalThread) -> AsyncIterator[LateReadings]:
    """What keeps answers, at work."""
    terms = PanelSettings(UnderstandingMode.PANEL, 1.2, None, 0.9)
    panel = Panel(Scripted(SAID), [Member(Scripted(SAID))], None, terms, bench.rules.form)
    beside = LateReadings(alone(bench.rules, panel, panel), executor, per_minute=600)
    async with panel.running_requests(), asyncio.TaskGroup() as group:
        working = group.create_task(beside.store_answers())
        yield beside
        working.cancel()


def late(utterance_id: str, read: Reading) -> PanelAnswer:
    return PanelAnswer(utterance_id, "gpt", ArrivalTime.LATE, read, Usage("openai", "gpt", cost_usd=0.002))


@pytest.fixture
def accepted(bench: Bench) -> str:
    said = utterance()
    with Journal.open(bench.directory) as journal:
        journal.commit(entry(said, journal.store_utterance(said)), ACCEPT, render)
    return said.utterance_id


def test_a_late_answer_that_contradicts_flags_the_entry_and_changes_nothing(
    bench: Bench, accepted: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = bench.stored("SELECT fields, reading FROM utterances"), bench.stored("SELECT body, state FROM outbox")
    bench.work(Scripted(SAID), late(accepted, INVENTED), until=lambda journal: bool(journal.review.flagged_entries()))
    after = bench.stored("SELECT fields, reading FROM utterances"), bench.stored("SELECT body, state FROM outbox")
    assert after == before
    with bench.look() as journal:
        (flagged,) = journal.review.flagged_entries()
    assert (flagged.entry.sequence, flagged.flag) == (1, "contradicted by gpt")
    # As a word: the log names the event, and an id may have the same digits within.
    assert "991" not in re.findall(r"\w+", caplog.text), "what operators say is not for the log"


def test_a_flag_is_taken_away_by_a_person_who_looked(bench: Bench, accepted: str) -> None:
    bench.work(Scripted(SAID), late(accepted, INVENTED), until=lambda journal: bool(journal.review.flagged_entries()))
    with Journal.open(bench.directory) as journal:
        journal.review.clear_flag("1", "kim", "the label says 007")
        assert journal.review.flagged_entries() == []
        (decision,) = journal.queries.history("1").decisions
        assert (decision.decision, decision.who) == ("stand", "kim")
        with pytest.raises(UnreadableInput, match="carries no flag"):
            journal.review.clear_flag("1", "kim", None)


HELD = replace(ACCEPT, outcome=Outcome.HOLD)


@pytest.mark.parametrize("before_the_verdict", [True, False])
@pytest.mark.parametrize("first", [(HELD,), (ASK,), ()], ids=["held", "asked about", "accepted at once"])
def test_an_answer_that_comes_before_the_entry_is_committed_flags_it_then(
    bench: Bench, first: tuple[Verdict, ...], *, before_the_verdict: bool
) -> None:
    said = utterance()
    with Journal.open(bench.directory) as opened:
        kept = opened.store_utterance(said)

    async def main(executor: JournalThread) -> None:
        async with at_work(bench, executor) as beside:
            answers = [late(said.utterance_id, INVENTED), late(said.utterance_id, SAID)]
            for answer in answers if before_the_verdict else ():
                beside.queue_answer(answer)
            await beside.wait_until_stored()
            for verdict in first:
                await executor(partial(Journal.conclude, utterance_id=said.utterance_id, reading=SAID, verdict=verdict))
                beside.queue_decided_utterance(said.utterance_id, verdict.outcome)
                await beside.wait_until_stored()
            for answer in () if before_the_verdict else answers:
                beside.queue_answer(answer)
            await beside.wait_until_stored()
            row = await executor(lambda journal: journal.commit(entry(said, kept), ACCEPT, render))
            beside.queue_committed_entry(row)
            await beside.wait_until_stored()

    with JournalThread(bench.directory) as executor:
        asyncio.run(main(executor))
    with bench.look() as journal:
        assert [one.entry.sequence for one in journal.review.flagged_entries()] == [1]


def test_a_late_answer_to_what_was_deferred_is_its_reading(bench: Bench) -> None:
    (waiting,) = bench.defer(0)
    model = Scripted(TryLater("openai", "busy"))
    bench.work(model, late(waiting, SAID), until=nothing_waits)
    with bench.look() as journal:
        assert journal.queries.history(waiting).review == "deferred"


# ---- what it cost ----


def test_costs_are_counted_by_day_and_model_and_survive_a_restart(bench: Bench, accepted: str) -> None:
    unpriced = PanelAnswer(accepted, "local", ArrivalTime.IN_TIME, None, Usage("box", "voxtral", text_tokens_in=5))
    bench.work(Scripted(SAID), late(accepted, SAID), late(accepted, SAID), unpriced, until=lambda _: True)
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    with bench.look() as journal:
        assert journal.readings.spent_usd(hour_ago) == pytest.approx(0.004)
        assert journal.readings.spent_usd(datetime.now(UTC) + timedelta(hours=1)) == 0
        spent = {one.model: one for one in journal.readings.daily_usage(hour_ago)}
    assert spent["gpt"].answers == 2
    assert spent["gpt"].cost_usd == pytest.approx(0.004)
    assert (spent["voxtral"].text_tokens_in, spent["voxtral"].cost_usd) == (5, None)
    assert json.loads(str(bench.stored("SELECT reading FROM answers LIMIT 1")[0][0]))["interpreter"] == "gpt"


def test_what_was_said_for_another_form_waits_for_that_form(bench: Bench) -> None:
    bench.defer(0, form="stock-count")
    ours = bench.defer(1)
    model = Scripted(SAID)
    bench.work(model, until=lambda journal: len(journal.readings.deferred_utterances()) == 1)
    assert model.asked == ours


def test_a_late_answer_that_agrees_is_kept_as_evidence(bench: Bench, accepted: str) -> None:
    bench.work(Scripted(SAID), late(accepted, SAID), until=lambda _: True)
    with bench.look() as journal:
        assert journal.review.flagged_entries() == []
        (answer,) = journal.queries.history(accepted).answers
    assert answer.came == "late"


def test_what_was_taken_back_is_no_entry_to_flag(bench: Bench) -> None:
    said = utterance()
    with Journal.open(bench.directory) as opened:
        opened.store_utterance(said)
        opened.conclude(said.utterance_id, SAID, HELD)
        opened.conclude(said.utterance_id, SAID, replace(HELD, outcome=Outcome.CANCEL))
    bench.work(Scripted(SAID), late(said.utterance_id, INVENTED), until=lambda _: True)
    assert bench.stored("SELECT flag FROM utterances") == [(None,)]
