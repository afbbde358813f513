"""Prices: the cost of readings, and the daily budget. Pure: prices and dates are passed in.

Tokens are those that a request's answer reports, and prices those of the site's contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from dockvoice_protocol.records import Usage
from edge.config import Prices

_MILLION = 1_000_000  # Tokens are priced by the million.

_MINUTE_S = 60


def cost_usd(usage: Usage, prices: Prices) -> float | None:
    """The cost of a request in USD; None where nothing that it used has a price."""
    parts = (
        (usage.text_tokens_in / _MILLION, prices.text_in_usd),
        (usage.audio_tokens_in / _MILLION, prices.audio_in_usd),
        (usage.tokens_out / _MILLION, prices.out_usd),
        (usage.audio_seconds / _MINUTE_S, prices.minute_usd),
    )
    priced = [amount * price for amount, price in parts if price is not None]
    return sum(priced) if priced else None


def with_cost(usage: Usage, prices: Prices | None) -> Usage:
    """The usage with its cost; a cost that the service reported is kept."""
    if usage.cost_usd is not None or prices is None:
        return usage
    return replace(usage, cost_usd=cost_usd(usage, prices))


def add_amounts(first: Usage, others: Sequence[Usage]) -> Usage:
    """The first usage with the tokens and seconds of sound of the others added; its cost and request id stay."""
    return replace(
        first,
        text_tokens_in=first.text_tokens_in + sum(one.text_tokens_in for one in others),
        audio_tokens_in=first.audio_tokens_in + sum(one.audio_tokens_in for one in others),
        tokens_out=first.tokens_out + sum(one.tokens_out for one in others),
        audio_seconds=first.audio_seconds + sum(one.audio_seconds for one in others),
    )


class Budget:
    """The cost limit of one day, in USD. The cost before a restart is passed in."""

    def __init__(self, daily_usd: float | None, today: date, spent_usd: float = 0.0) -> None:
        self._daily_usd = daily_usd
        self._day = today
        self._spent_usd = spent_usd
        self._alarmed = False

    def spend(self, today: date, usd: float) -> None:
        """Add the cost of an answer."""
        self._begin(today)
        self._spent_usd += usd

    def is_spent(self, today: date) -> bool:
        """Whether today's limit is reached."""
        self._begin(today)
        return self._daily_usd is not None and self._spent_usd >= self._daily_usd

    def pop_daily_alarm(self) -> str | None:
        """The log message that the budget is spent; None after the first call of a day."""
        alarmed, self._alarmed = self._alarmed, True
        if alarmed:
            return None
        return (
            f"understand.daily_budget_usd = {self._daily_usd:g} is spent ({self._spent_usd:.2f} on {self._day}): the "
            "device reads alone until midnight; raise the budget and start again to go on with the models"
        )

    def _begin(self, today: date) -> None:
        if today != self._day:
            self._day, self._spent_usd, self._alarmed = today, 0.0, False
