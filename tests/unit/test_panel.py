from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date

import pytest

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import Reading, Usage
from edge.config import InterpreterKind, InterpreterSettings, UnderstandingMode
from edge.ports import Interpreter, UtteranceListener
from edge.records import Utterance
from edge.understand.panel import ArrivalTime, Member, Panel, PanelAnswer, PanelSettings
from edge.understand.prices import Budget
from edge.understand.remote.failures import AccessDenied, AnswerFault, Garbled, Rejected, TryLater
from tests.fakes import reading
from tests.sayings import FIELDS, utterance
from tests.simulation.virtual import VirtualLoop

TODAY = date(2026, 11, 20)
PRICES = InterpreterSettings(kind=InterpreterKind.CHAT_AUDIO, text_in_usd=1, audio_in_usd=10, out_usd=20)
PAID = Usage("openai", "gpt-audio-mini", text_tokens_in=1_000, audio_tokens_in=100, tokens_out=100)
COST = 0.001 + 0.001 + 0.002
OTHERS = {**FIELDS, "pallet_id": "991"}


class Timed(Interpreter):
    """Gives each answer in turn (a reading, or a failure) after its time in seconds; the last one for ever."""

    def __init__(self, name: str, *answers: tuple[float, Reading | Unavailable]) -> None:
        self.name = name
        self.answers = list(answers)
        self.asked = 0
        self.heard: list[bytes] = []
        self.called_off = 0

    def listen(self) -> UtteranceListener:
        return _TimedAttention(self)

    async def read(self) -> Reading:
        after, answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        try:
            await asyncio.sleep(after)
        except asyncio.CancelledError:
            self.called_off += 1
            raise
        if isinstance(answer, Unavailable):
            raise answer
        return replace(answer, interpreter=self.name)


class _TimedAttention(UtteranceListener):
    def __init__(self, interpreter: Timed) -> None:
        self._interpreter = interpreter

    def hear(self, pcm: bytes) -> None:
        self._interpreter.heard.append(pcm)

    async def finish(self, utterance: Utterance) -> Reading:
        return await self._interpreter.read()


SAID = reading(FIELDS)
INVENTED = reading(OTHERS)
PAID_FOR = replace(SAID, usage=PAID)
BUSY = TryLater("openai", "busy")


class Bench:
    """A panel on virtual time, and all that it noted."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.noted: list[PanelAnswer] = []
        self.ours = Timed("vosk", (0.005, SAID))
        self.budget: Budget | None = None


def run(
    bench: Bench,
    *first: Timed,
    second: Timed | None = None,
    mode: UnderstandingMode = UnderstandingMode.PANEL,
    hedge_s: float | None = None,
    then: Callable[[Panel], Awaitable[None]] | None = None,
) -> tuple[Reading, float]:
    """What the panel reads, and after how many seconds; `then` is awaited while it is still at work."""
    members = [Member(one, PRICES) for one in first]
    other = None if second is None else Member(second, PRICES)
    panel = Panel(bench.ours, members, other, PanelSettings(mode, 1.2, hedge_s, 0.9), bench.form, lambda: TODAY)

    async def main() -> tuple[Reading, float]:
        loop = asyncio.get_running_loop()
        async with panel.running_requests(bench.noted.append, bench.budget):
            began = loop.time()
            read = await panel.listen().finish(utterance())
            took = loop.time() - began
            if then is not None:
                await then(panel)
        return read, took

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


@pytest.fixture
def bench(form: Form) -> Bench:
    return Bench(form)


def test_two_that_agree_need_not_wait_for_the_deadline(bench: Bench) -> None:
    read, took = run(bench, Timed("gpt", (0.35, SAID)))
    assert took == pytest.approx(0.35)
    assert {name: one.value for name, one in read.fields.items()} == FIELDS
    assert [one.interpreter for one in read.opinions] == ["gpt", "vosk"]
    assert all(one.confirmed for one in read.fields.values())


def test_at_the_deadline_what_there_is_counts(bench: Bench) -> None:
    read, took = run(bench, Timed("gpt", (5, SAID)))
    assert took == pytest.approx(1.2)
    assert [name for name, one in read.fields.items() if not one.confirmed] == ["pallet_id", "dock"]
    assert read.deferrable


def test_a_late_answer_is_noted_with_its_reading_and_its_cost(bench: Bench) -> None:
    async def later(_: Panel) -> None:
        await asyncio.sleep(10)

    run(bench, Timed("gpt", (5, PAID_FOR)), then=later)
    (late,) = bench.noted
    assert (late.came, late.interpreter) == (ArrivalTime.LATE, "gpt")
    assert late.reading is not None
    assert late.usage is not None
    assert late.usage.cost_usd == pytest.approx(COST)


def test_a_fallback_stands_in_for_the_first(bench: Bench) -> None:
    other = Timed("gemini", (0.3, SAID))
    read, took = run(bench, Timed("gpt", (0.1, BUSY)), other)
    assert took == pytest.approx(0.4)
    assert [one.interpreter for one in read.opinions] == ["gemini", "vosk"]


@pytest.mark.parametrize("failure", [BUSY, AccessDenied("openai", "no such key"), Unavailable("gone")])
def test_without_any_model_the_device_is_not_waited_past(bench: Bench, failure: Unavailable) -> None:
    read, took = run(bench, Timed("gpt", (0.1, failure)))
    assert took == pytest.approx(0.1)
    assert read.deferrable


def test_a_slow_request_is_hedged_once_and_the_first_answer_counts(bench: Bench) -> None:
    gpt = Timed("gpt", (1.1, INVENTED), (0.1, SAID))
    read, took = run(bench, gpt, hedge_s=0.5)
    assert took == pytest.approx(0.6)
    assert gpt.asked == 2
    assert read.fields["pallet_id"].rivals == ()


def test_a_model_that_is_faster_than_the_device_is_held_against_it_all_the_same(bench: Bench) -> None:
    bench.ours.answers = [(0.3, SAID)]
    read, took = run(bench, Timed("gpt", (0.1, INVENTED)), mode=UnderstandingMode.CLOUD_FIRST)
    assert took == pytest.approx(0.3)
    assert (read.fields["pallet_id"].value, read.fields["pallet_id"].rivals) == ("991", (FIELDS["pallet_id"],))


def test_an_answer_that_is_none_is_paid_for(bench: Bench) -> None:
    prose = Garbled("openai", AnswerFault.PROSE, "text in place of a call")
    prose.usage = PAID
    bench.budget = Budget(0.003, TODAY)
    read, _ = run(bench, Timed("gpt", (0.1, prose)))
    (noted,) = bench.noted
    assert (noted.reading, noted.came) == (None, ArrivalTime.IN_TIME)
    assert bench.budget.is_spent(TODAY)
    assert read.deferrable


def test_with_the_budget_spent_the_device_reads_alone_and_it_is_told_once(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    gpt = Timed("gpt", (0.1, PAID_FOR))
    bench.budget = Budget(COST, TODAY)

    async def again(panel: Panel) -> None:
        for _ in range(2):
            read = await panel.listen().finish(utterance())
            assert (read.interpreter, read.opinions, read.deferrable) == ("vosk", (), False)
        with pytest.raises(Unavailable, match="waits for tomorrow"):
            await panel.read_deferred(utterance())

    run(bench, gpt, then=again)
    assert gpt.asked == 1
    assert caplog.text.count("daily_budget_usd") == 1


def test_what_was_deferred_is_read_by_the_first_that_answers(bench: Bench) -> None:
    gpt, gemini = Timed("gpt", (0.1, BUSY)), Timed("gemini", (5, PAID_FOR))

    async def later(panel: Panel) -> None:
        bench.noted.clear()
        assert (await panel.read_deferred(utterance())).interpreter == "gemini"

    run(bench, gpt, gemini, then=later)
    assert [one.came for one in bench.noted if one.interpreter == "gemini"][-1] is ArrivalTime.DEFERRED


@pytest.mark.parametrize(
    ("failures", "raised"),
    [
        ((BUSY, Rejected("gemini", "400")), TryLater),
        ((Rejected("openai", "400"), BUSY), TryLater),
        ((Rejected("openai", "400"), Garbled("gemini", AnswerFault.EMPTY, "nothing")), Garbled),
    ],
)
def test_deferring_goes_on_while_any_model_may_do_better(
    bench: Bench, failures: tuple[Unavailable, Unavailable], raised: type[Unavailable]
) -> None:
    async def later(panel: Panel) -> None:
        with pytest.raises(raised):
            await panel.read_deferred(utterance())

    run(bench, *(Timed(f"model-{n}", (0.1, one)) for n, one in enumerate(failures)), then=later)
