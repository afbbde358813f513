from __future__ import annotations

from datetime import date, timedelta

import pytest

from dockvoice_protocol.records import Usage
from edge.config import InterpreterKind, InterpreterSettings
from edge.understand.prices import Budget, cost_usd
from tests.rows import each_of

TODAY = date(2026, 11, 20)
MINI = InterpreterSettings(kind=InterpreterKind.CHAT_AUDIO, text_in_usd=0.60, audio_in_usd=10, out_usd=2.40)
FREE = InterpreterSettings(kind=InterpreterKind.CHAT_AUDIO)
WHISPER = InterpreterSettings(kind=InterpreterKind.CHAT_AUDIO, minute_usd=0.006)


@each_of(
    ("usage", "prices", "usd"),
    [
        (Usage("c", "m", text_tokens_in=1_000_000), MINI, 0.60),
        (Usage("c", "m", audio_tokens_in=1_000_000), MINI, 10),
        (Usage("c", "m", tokens_out=1_000_000), MINI, 2.40),
        (Usage("c", "m", text_tokens_in=1200, audio_tokens_in=40, tokens_out=60), MINI, 0.001264),
        (Usage("c", "m", audio_seconds=30), WHISPER, 0.003),
        (Usage("c", "m", audio_seconds=30), MINI, 0),
        (Usage("c", "m", text_tokens_in=1_000_000), FREE, None),
    ],
)
def test_cost(usage: Usage, prices: InterpreterSettings, usd: float | None) -> None:
    assert cost_usd(usage, prices) == (None if usd is None else pytest.approx(usd))


def test_a_budget_is_spent_when_it_is_reached() -> None:
    budget = Budget(1.0, TODAY)
    budget.spend(TODAY, 0.6)
    assert not budget.is_spent(TODAY)
    budget.spend(TODAY, 0.4)
    assert budget.is_spent(TODAY)


def test_a_new_day_has_a_new_budget_and_a_new_alarm() -> None:
    budget = Budget(1.0, TODAY, 5.0)
    told = budget.pop_daily_alarm()
    assert told is not None
    assert "5.00 on 2026-11-20" in told
    assert budget.pop_daily_alarm() is None
    tomorrow = TODAY + timedelta(days=1)
    assert not budget.is_spent(tomorrow)
    budget.spend(tomorrow, 2.0)
    assert budget.pop_daily_alarm() is not None


def test_no_budget_is_never_spent_and_none_is_at_once() -> None:
    assert not Budget(None, TODAY, 1e6).is_spent(TODAY)
    assert Budget(0, TODAY).is_spent(TODAY)
