"""The panel: several interpreters read one utterance in parallel, under one deadline; their readings are weighed.

The device's recogniser runs while the operator speaks. After the utterance closes, all readings are awaited until none
could change the result (`weighing.is_settled`) or the deadline passes. Later answers are reported as late, for the
journal only. An interpreter that raises Unavailable gives no reading.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from enum import StrEnum

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import Reading, TurnExpectation, Usage
from edge.config import Prices, UnderstandingMode
from edge.ports import Interpreter, UtteranceListener
from edge.records import Utterance
from edge.understand.prices import Budget, with_cost
from edge.understand.remote.failures import Garbled, Rejected
from edge.understand.weighing import PanelRole, is_settled, weigh


class ArrivalTime(StrEnum):
    """When an answer arrived, relative to the verdict."""

    IN_TIME = "in time"
    LATE = "late"  # After the verdict.
    DEFERRED = "deferred"  # To an utterance that was kept for later.


@dataclass(frozen=True, slots=True)
class PanelAnswer:
    """A model's answer to one utterance, for the journal and the cost count."""

    utterance_id: str
    interpreter: str
    came: ArrivalTime
    reading: Reading | None  # None where the answer was no reading, and was charged for.
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class Member:
    """An interpreter of the panel besides the device's own recogniser, with its prices."""

    interpreter: Interpreter
    prices: Prices | None = None
    is_remote: bool = True  # Whether it may be out of reach: false for a second reader on this device.


@dataclass(frozen=True, slots=True)
class PanelSettings:
    """The mode of a panel, its delays, and the confidence that it requires."""

    mode: UnderstandingMode
    deadline_s: float
    hedge_s: float | None  # With no answer after so long another request is sent; None: never.
    sure_from: float  # The confidence that `agree` demands.


def _with_cost(reading: Reading, prices: Prices | None) -> Reading:
    """The reading with its cost in USD, where it has usage and a price is set."""
    return reading if reading.usage is None else replace(reading, usage=with_cost(reading.usage, prices))


def today_at_site() -> date:
    """Today's date in this machine's time zone."""
    return datetime.now(UTC).astimezone().date()


logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Round:
    """The state of one utterance while the panel reads it."""

    utterance: Utterance
    deadline: float
    opinions: dict[PanelRole, Reading] = field(default_factory=dict)
    asked_remote: bool = False
    answered_remote: bool = False
    is_over: bool = False


class Panel(Interpreter):
    """An interpreter that combines several. It reads only inside `running_requests`, which owns the requests."""

    def __init__(
        self,
        on_device: Interpreter,
        first: Sequence[Member],
        second: Member | None,
        settings: PanelSettings,
        form: Form,
        today: Callable[[], date] = today_at_site,
    ) -> None:
        """`first`: the first model, then its fallbacks. `today` returns the site's date, for the daily budget."""
        self.name = f"{settings.mode}({' '.join(one.interpreter.name for one in (*first, second) if one is not None)})"
        self._on_device = on_device
        self._first = tuple(first)
        self._second = second
        self._settings = settings
        self._form = form
        self._today = today
        self._budget = Budget(None, today())
        self._note: Callable[[PanelAnswer], None] = _ignore
        self._group: asyncio.TaskGroup | None = None
        self._under_way: set[asyncio.Task[Reading | None]] = set()

    @asynccontextmanager
    async def running_requests(
        self, note: Callable[[PanelAnswer], None] | None = None, budget: Budget | None = None
    ) -> AsyncIterator[None]:
        """Run the requests' task group; on exit, open requests are cancelled.

        `note` is called in the loop with each answer to be stored or counted; `budget` limits the cost.
        """
        self._note, self._budget = note or _ignore, budget or self._budget
        try:
            async with asyncio.TaskGroup() as self._group:
                yield
                for task in self._under_way:
                    task.cancel()
        finally:
            self._group = None

    def listen(self) -> _Listening:
        """Begin to listen, with the device's recogniser, the first and the second model."""
        # Only a panel wants second opinions; elsewhere they would be paid for and not used.
        second = self._second if self._settings.mode is UnderstandingMode.PANEL else None
        asked = {PanelRole.FIRST: next(iter(self._first), None), PanelRole.SECOND: second}
        listeners = {role: one.interpreter.listen() for role, one in asked.items() if one is not None}
        return _Listening(self, {PanelRole.ON_DEVICE: self._on_device.listen(), **listeners})

    async def read_deferred(self, utterance: Utterance) -> Reading:
        """The reading of a deferred utterance, by the first model that answers.

        Raises Unavailable when none answers or the budget is spent; Rejected or Garbled where a retry cannot help.
        """
        trouble = Unavailable("understand.daily_budget_usd is spent; what was deferred waits for tomorrow")
        hopeless = True
        remote = [one for one in (*self._first, self._second) if one is not None and one.is_remote]
        if not self._may_spend():
            raise trouble
        for member in remote:
            try:
                reading = _with_cost(await member.interpreter.listen().finish(utterance), member.prices)
            except Unavailable as fault:
                self._log_failure_and_charge_usage(utterance, member, fault, ArrivalTime.DEFERRED)
                if hopeless:
                    trouble, hopeless = fault, isinstance(fault, Rejected | Garbled)
            else:
                self._charge_and_note_answer(utterance, reading, ArrivalTime.DEFERRED)
                return reading
        raise trouble

    async def weigh_answers(self, utterance: Utterance, listeners: Mapping[PanelRole, UtteranceListener]) -> Reading:
        """Weigh the readings of a closed utterance; returns at the deadline at the latest."""
        if not self._may_spend():
            return await listeners[PanelRole.ON_DEVICE].finish(utterance)
        now = asyncio.get_running_loop().time()
        round_ = _Round(utterance, now + self._settings.deadline_s)
        readings = {self._start_task(self._read_for_role(round_, *one)) for one in listeners.items()}
        try:
            async with asyncio.timeout_at(round_.deadline):
                while readings and not is_settled(
                    round_.opinions, self._settings.mode, self._form, self._settings.sure_from
                ):
                    _, readings = await asyncio.wait(readings, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            logger.info("%s: decided at the deadline by %d opinions", utterance.utterance_id, len(round_.opinions))
        round_.is_over = True
        out_of_reach = round_.asked_remote and not round_.answered_remote
        return weigh(
            round_.opinions, self._settings.mode, self._form, self._settings.sure_from, out_of_reach=out_of_reach
        )

    async def _read_for_role(self, round_: _Round, role: PanelRole, listener: UtteranceListener) -> Reading | None:
        if role is PanelRole.FIRST:
            reading = await self._first_answer_or_fallback(round_, listener)
        elif role is PanelRole.SECOND and self._second is not None:
            reading = await self._ask_member(round_, self._second, listener)
        else:
            reading = await _reading_or_none(listener.finish(round_.utterance))
        if reading is not None and not round_.is_over:
            round_.opinions[role] = reading
        return reading

    async def _first_answer_or_fallback(self, round_: _Round, listener: UtteranceListener) -> Reading | None:
        """The first model's reading; a fallback's where it fails or, with hedging, is slow."""
        first, *others = self._first
        pending = {self._start_task(self._ask_member(round_, first, listener))}
        patience = self._settings.hedge_s
        while pending:
            done, pending = await asyncio.wait(pending, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if answers := [answer for task in done if (answer := task.result()) is not None]:
                return answers[0]
            another = others.pop(0) if others else first
            is_hedge = not done
            if is_hedge:
                patience = None
            if (is_hedge or another is not first) and not round_.is_over:
                pending.add(self._start_task(self._ask_member(round_, another, another.interpreter.listen())))
        return None

    async def _ask_member(self, round_: _Round, member: Member, listener: UtteranceListener) -> Reading | None:
        """One model's reading; None where it fails. An answer after the verdict is reported as late."""
        round_.asked_remote |= member.is_remote
        try:
            reading = _with_cost(await listener.finish(round_.utterance), member.prices)
        except Unavailable as fault:
            self._log_failure_and_charge_usage(
                round_.utterance, member, fault, ArrivalTime.LATE if round_.is_over else ArrivalTime.IN_TIME
            )
            return None
        round_.answered_remote |= member.is_remote
        arrived = ArrivalTime.LATE if round_.is_over else ArrivalTime.IN_TIME
        self._charge_and_note_answer(round_.utterance, reading, arrived)
        return reading

    def _charge_and_note_answer(self, utterance: Utterance, reading: Reading, came: ArrivalTime) -> None:
        self._add_to_budget(reading.usage)
        # An answer in time is among the opinions of the verdict.
        kept = None if came is ArrivalTime.IN_TIME else reading
        if kept is not None or reading.usage is not None:
            self._note(PanelAnswer(utterance.utterance_id, reading.interpreter, came, kept, reading.usage))

    def _log_failure_and_charge_usage(
        self, utterance: Utterance, member: Member, fault: Unavailable, came: ArrivalTime
    ) -> None:
        """Report a failure; an answer that made no reading still costs."""
        logger.info("%s: no reading: %s", utterance.utterance_id, fault)
        usage: Usage | None = getattr(fault, "usage", None)
        if usage is not None:
            usage = with_cost(usage, member.prices)
            self._add_to_budget(usage)
            self._note(PanelAnswer(utterance.utterance_id, member.interpreter.name, came, None, usage))

    def _add_to_budget(self, usage: Usage | None) -> None:
        if usage is not None and usage.cost_usd is not None:
            self._budget.spend(self._today(), usage.cost_usd)

    def _may_spend(self) -> bool:
        if not self._budget.is_spent(self._today()):
            return True
        if alarm := self._budget.pop_daily_alarm():
            logger.error("%s", alarm)
        return False

    def _start_task(self, work: Coroutine[object, object, Reading | None]) -> asyncio.Task[Reading | None]:
        if self._group is None:
            work.close()
            raise RuntimeError("the panel reads only inside `running_requests`")
        task = self._group.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task


class _Listening(UtteranceListener):
    """The open listeners of all interpreters to one utterance."""

    def __init__(self, panel: Panel, listeners: Mapping[PanelRole, UtteranceListener]) -> None:
        self._panel = panel
        self._listeners = listeners

    def hear(self, pcm: bytes) -> None:
        for listener in self._listeners.values():
            listener.hear(pcm)

    def judge_pause(self) -> TurnExpectation:
        """The expectation of the device's recogniser, if it listens: models do not read before the utterance ends."""
        expectations = [listener.judge_pause() for listener in self._listeners.values()]
        return next((one for one in expectations if one is not TurnExpectation.EITHER), TurnExpectation.EITHER)

    async def finish(self, utterance: Utterance) -> Reading:
        return await self._panel.weigh_answers(utterance, self._listeners)


async def _reading_or_none(reading: Coroutine[object, object, Reading]) -> Reading | None:
    try:
        return await reading
    except Unavailable as fault:
        logger.warning("the device's own recogniser gave no reading: %s", fault)
        return None


def _ignore(_: PanelAnswer) -> None:
    """Discard an answer: the default of `note`."""
