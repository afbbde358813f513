"""Figures: entries an hour, what was asked back, what was corrected, how long entries were under way.

No figure is of fewer than five operators together, unless the site says otherwise: who looks at a chart of two looks at
each of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import quantiles
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ColumnElement, Connection, case, cast, func, select

from inventory.tables import entries, events

SMALLEST = 5
"""Operators that a figure is of together, at the least."""

TIMED = 2000  # Entries of which it is told how long they were under way: the latest of the time.


@dataclass(slots=True)
class Sum:
    """What is counted of one hour, or of one operator."""

    entries: int = 0  # First recordings: what corrects one is no further entry.
    answers: int = 0
    corrected: int = 0  # Of these, corrected or cancelled later.
    operators: set[str] = field(default_factory=set)

    @property
    def asked(self) -> float:
        """Answers and corrections said besides, for each entry."""
        return self.answers / self.entries if self.entries else 0.0

    @property
    def wrong(self) -> float:
        """Entries corrected or cancelled later, in percent."""
        return 100 * self.corrected / self.entries if self.entries else 0.0

    def add(self, one: Sum) -> None:
        """And these."""
        self.entries += one.entries
        self.answers += one.answers
        self.corrected += one.corrected
        self.operators |= one.operators


@dataclass(frozen=True, slots=True)
class Figures:
    """What is shown of a time."""

    whole: Sum
    hours: list[tuple[datetime, Sum]]  # Each hour of it, on the site's clock; of an hour without entries too.
    operators: list[tuple[str, Sum]]  # Only where the site shows them.
    withheld: bool  # There were entries, and of too few operators.
    delays: tuple[float, float] | None  # Seconds from the dock until here: of half, and of 95 of 100.
    timed: int  # Of how many entries.


def of_time(
    transaction: Connection,
    since: datetime,
    hours: int,
    zone: ZoneInfo,
    *,
    form: str | None = None,
    device: tuple[str, str] | None = None,
    per_operator: bool = False,
) -> Figures:
    """What was said in so many hours from then on."""
    until = since + timedelta(hours=hours)
    wanted: list[ColumnElement[bool]] = [entries.c.recorded_at >= since, entries.c.recorded_at < until]
    if form is not None:
        wanted.append(entries.c.form == form)
    if device is not None:
        wanted += [entries.c.site == device[0], entries.c.device == device[1]]
    by_hour: dict[int, Sum] = defaultdict(Sum)
    by_operator: dict[str, Sum] = defaultdict(Sum)
    whole = Sum()
    for hour, name, one in _counted(transaction, since, wanted):
        by_hour[hour].add(one)
        whole.add(one)
        if name is not None:
            by_operator[name].add(one)
    if whole.entries and len(whole.operators) < SMALLEST and not per_operator:
        return Figures(Sum(), [], [], withheld=True, delays=None, timed=0)
    each = [((since + timedelta(hours=n)).astimezone(zone), by_hour[n]) for n in range(hours)]
    named = sorted(by_operator.items()) if per_operator else []
    delays = _delays(transaction, wanted)
    return Figures(whole, each, named, withheld=False, delays=_spread(delays), timed=len(delays))


def _counted(
    transaction: Connection, since: datetime, wanted: Iterable[ColumnElement[bool]]
) -> Iterable[tuple[int, str | None, Sum]]:
    """By hour and operator. The database counts: there may be a hundred thousand."""
    if transaction.dialect.name == "sqlite":
        seconds = cast(func.strftime("%s", entries.c.recorded_at), BigInteger)
    else:
        seconds = cast(func.floor(func.extract("epoch", entries.c.recorded_at)), BigInteger)
    hour = (seconds - int(since.timestamp())) // 3600
    first = entries.c.replaces.is_(None)
    query = (
        select(
            hour.label("hour"),
            entries.c.operator,
            func.count().filter(first).label("number"),
            func.sum(entries.c.answers).label("answers"),
            func.sum(case((first & (entries.c.state != "current"), 1), else_=0)).label("corrected"),
        )
        .where(*wanted)
        .group_by(hour, entries.c.operator)
    )
    for row in transaction.execute(query):
        named: set[str] = set() if row.operator is None else {row.operator}
        yield int(row.hour), row.operator, Sum(row.number, int(row.answers), int(row.corrected), named)


def _delays(transaction: Connection, wanted: Iterable[ColumnElement[bool]]) -> list[float]:
    """Seconds that the latest of them were under way, where the device's clock could be believed."""
    query = (
        select(entries.c.recorded_at, events.c.received_at, events.c.body)
        .join(events, events.c.event_id == entries.c.event_id)
        .where(*wanted)
        .order_by(entries.c.recorded_at.desc())
        .limit(TIMED)
    )
    return [
        (row.received_at - row.recorded_at).total_seconds()
        for row in transaction.execute(query)
        if '"clock":"unsynchronised"' not in row.body and row.received_at >= row.recorded_at
    ]


def _spread(delays: list[float]) -> tuple[float, float] | None:
    if len(delays) < 2:  # noqa: PLR2004 - of one there is no spread
        return None
    cuts = quantiles(delays, n=20, method="inclusive")
    return cuts[9], cuts[18]
