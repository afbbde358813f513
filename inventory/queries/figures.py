"""Figures: entries an hour, what was asked back, what was corrected, how long entries were under way.

No figure is of fewer than five operators together, unless the site says otherwise: who looks at a chart of two looks at
each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import quantiles
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ColumnElement, Connection, case, cast, func, select

from dockvoice_protocol.instants import in_zone
from inventory.store.tables import entries, events

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
    # One after the other, and not by hour and operator at once: of a week that would be ten thousand sums.
    by_hour = dict(_counted(transaction, _hour(transaction, since), wanted))
    by_operator = dict(_counted(transaction, entries.c.operator, wanted))
    whole = Sum(operators=set(by_operator) - {None})
    for one in by_hour.values():
        whole.add(one)
    if whole.entries and len(whole.operators) < SMALLEST and not per_operator:
        return Figures(Sum(), [], [], withheld=True, delays=None, timed=0)
    each = [(in_zone(since + timedelta(hours=n), zone), by_hour.get(n, Sum())) for n in range(hours)]
    named = sorted((name, one) for name, one in by_operator.items() if name is not None) if per_operator else []
    delays = _delays(transaction, wanted)
    return Figures(whole, each, named, withheld=False, delays=_spread(delays), timed=len(delays))


def _hour(transaction: Connection, since: datetime) -> ColumnElement[int]:
    """In which hour from then on an entry was made."""
    if transaction.dialect.name == "sqlite":
        seconds = cast(func.strftime("%s", entries.c.recorded_at), BigInteger)
    else:
        seconds = cast(func.floor(func.extract("epoch", entries.c.recorded_at)), BigInteger)
    return (seconds - int(since.timestamp())) // 3600


def _counted(
    transaction: Connection, by: ColumnElement[Any], wanted: Iterable[ColumnElement[bool]]
) -> Iterator[tuple[Any, Sum]]:
    """By what they have in common. The database counts: there may be a hundred thousand."""
    first = entries.c.replaces.is_(None)
    query = select(
        by.label("one"),
        func.count().filter(first),
        func.sum(entries.c.answers),
        func.sum(case((first & (entries.c.state != "current"), 1), else_=0)),
    )
    for one, number, answers, corrected in transaction.execute(query.where(*wanted).group_by(by)):
        yield one, Sum(number, int(answers), int(corrected))


def _delays(transaction: Connection, wanted: Iterable[ColumnElement[bool]]) -> list[float]:
    """Seconds that the latest of them were under way, where the device's clock could be believed."""
    query = (
        select(entries.c.recorded_at, events.c.received_at)
        .join(events, events.c.event_id == entries.c.event_id)
        .where(*wanted, ~events.c.body.contains('"clock":"unsynchronised"', autoescape=True))
        .order_by(entries.c.recorded_at.desc())
        .limit(TIMED)
    )
    return [
        (row.received_at - row.recorded_at).total_seconds()
        for row in transaction.execute(query)
        if row.received_at >= row.recorded_at
    ]


def _spread(delays: list[float]) -> tuple[float, float] | None:
    if len(delays) < 2:  # noqa: PLR2004 - of one there is no spread
        return None
    cuts = quantiles(delays, n=20, method="inclusive")
    return cuts[9], cuts[18]
