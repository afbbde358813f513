"""Figures of a period: entries an hour, repeated questions, corrections, and delays.

No figure covers fewer than five operators, unless the site allows it, so that none shows an individual.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import quantiles
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ColumnElement, Connection, case, cast, func, select

from dockvoice_protocol.instants import to_zone
from inventory.store.tables import entries, events

MIN_OPERATORS = 5  # Fewest operators that a figure may cover.

_TIMED = 2000  # Entries whose delay is measured: the latest of the period.


@dataclass(slots=True)
class EntryCounts:
    """Counts of one hour, or of one operator."""

    entries: int = 0  # First recordings: a correction is no further entry.
    answers: int = 0
    corrected: int = 0  # Of these, corrected or cancelled later.
    operators: set[str] = field(default_factory=set)

    @property
    def answers_per_entry(self) -> float:
        """Additional answers and corrections per entry."""
        return self.answers / self.entries if self.entries else 0.0

    @property
    def corrected_percent(self) -> float:
        """Entries corrected or cancelled later, in percent."""
        return 100 * self.corrected / self.entries if self.entries else 0.0

    def add(self, one: EntryCounts) -> None:
        """Add the counts of another sum."""
        self.entries += one.entries
        self.answers += one.answers
        self.corrected += one.corrected
        self.operators |= one.operators


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a period."""

    whole: EntryCounts
    hours: list[tuple[datetime, EntryCounts]]  # Each hour of the period, on the site's clock, also without entries.
    operators: list[tuple[str, EntryCounts]]  # Only if the site shows them.
    withheld: bool  # There were entries, but of too few operators.
    delays: tuple[float, float] | None  # Seconds from recording to receipt: median and 95th percentile.
    timed: int  # Number of entries measured.


def load_figures(
    transaction: Connection,
    since: datetime,
    hours: int,
    zone: ZoneInfo,
    *,
    form: str | None = None,
    device: tuple[str, str] | None = None,
    per_operator: bool = False,
) -> Figures:
    """Entry counts by hour and operator, and delays, of this many hours; withheld if operators are few."""
    until = since + timedelta(hours=hours)
    wanted: list[ColumnElement[bool]] = [entries.c.recorded_at >= since, entries.c.recorded_at < until]
    if form is not None:
        wanted.append(entries.c.form == form)
    if device is not None:
        wanted += [entries.c.site == device[0], entries.c.device == device[1]]
    # Two queries, not one grouped by hour and operator: of a week that would be ten thousand sums.
    by_hour = dict(_count_by(transaction, _hour_column(transaction, since), wanted))
    by_operator = dict(_count_by(transaction, entries.c.operator, wanted))
    whole = EntryCounts(operators=set(by_operator) - {None})
    for one in by_hour.values():
        whole.add(one)
    if whole.entries and len(whole.operators) < MIN_OPERATORS and not per_operator:
        return Figures(EntryCounts(), [], [], withheld=True, delays=None, timed=0)
    each = [(to_zone(since + timedelta(hours=n), zone), by_hour.get(n, EntryCounts())) for n in range(hours)]
    named = sorted((name, one) for name, one in by_operator.items() if name is not None) if per_operator else []
    delays = _load_delays(transaction, wanted)
    return Figures(whole, each, named, withheld=False, delays=_percentiles(delays), timed=len(delays))


def _hour_column(transaction: Connection, since: datetime) -> ColumnElement[int]:
    """The number of the hour after `since` in which an entry was recorded."""
    if transaction.dialect.name == "sqlite":
        seconds = cast(func.strftime("%s", entries.c.recorded_at), BigInteger)
    else:
        seconds = cast(func.floor(func.extract("epoch", entries.c.recorded_at)), BigInteger)
    return (seconds - int(since.timestamp())) // 3600


def _count_by(
    transaction: Connection, by: ColumnElement[Any], wanted: Iterable[ColumnElement[bool]]
) -> Iterator[tuple[Any, EntryCounts]]:
    """Counts grouped by a column, computed by the database."""
    first = entries.c.replaces.is_(None)
    query = select(
        by.label("one"),
        func.count().filter(first),
        func.sum(entries.c.answers),
        func.sum(case((first & (entries.c.state != "current"), 1), else_=0)),
    )
    for one, number, answers, corrected in transaction.execute(query.where(*wanted).group_by(by)):
        yield one, EntryCounts(number, int(answers), int(corrected))


def _load_delays(transaction: Connection, wanted: Iterable[ColumnElement[bool]]) -> list[float]:
    """Delays in seconds of the latest entries, without those of an unsynchronised device clock."""
    query = (
        select(entries.c.recorded_at, events.c.received_at)
        .join(events, events.c.event_id == entries.c.event_id)
        .where(*wanted, ~events.c.body.contains('"clock":"unsynchronised"', autoescape=True))
        .order_by(entries.c.recorded_at.desc())
        .limit(_TIMED)
    )
    return [
        (row.received_at - row.recorded_at).total_seconds()
        for row in transaction.execute(query)
        if row.received_at >= row.recorded_at
    ]


def _percentiles(delays: list[float]) -> tuple[float, float] | None:
    if len(delays) < 2:  # noqa: PLR2004 - one value has no quantiles
        return None
    cuts = quantiles(delays, n=20, method="inclusive")
    return cuts[9], cuts[18]
