"""The page of charts: entries an hour, what was asked back, what was corrected, how long entries were under way."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from starlette.responses import Response

from dockvoice_protocol.instants import in_utc, in_zone
from inventory.console import asked
from inventory.console.call import Call, Tab, Way
from inventory.console.people import Role
from inventory.queries import figures, listing
from inventory.queries.figures import Figures, Sum

SPANS = {"day": 1, "week": 7}
"""Days that the page shows."""

WIDTH, HEIGHT = 960, 220  # Of a chart, in units of its own: the page scales it.
LEFT, ABOVE, BELOW = 56, 12, 28  # Of it, what the figures of the axes take.

PARTS = 4  # Of an upright axis, at the most: as many as are read at a glance.
HOURS = 3  # Between two times under a chart of one day; under one of more stands each midnight.


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour in a chart."""

    x: float
    y: float
    width: float
    height: float
    hour: datetime
    told: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A figure at an axis."""

    at: float
    told: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart, of one figure for each hour."""

    name: str
    bars: list[Bar]
    upright: list[Tick]
    along: list[Tick]


def show(call: Call) -> Response:
    """A day or a week until today, or of the day asked for."""
    span = asked.text(call, "span")
    days = SPANS.get(span or "", 1)
    day = in_zone(asked.moment(call, "day") or call.place.now(), call.place.zone).date()
    first, end = (_midnight(day + timedelta(days=n), call.place.zone) for n in (1 - days, 1))
    per_operator = call.place.settings.console.per_operator
    with call.look() as transaction:
        found = figures.of_time(
            transaction,
            first,
            round((end - first) / timedelta(hours=1)),  # A day on which clocks are changed has 23 or 25.
            call.place.zone,
            form=asked.text(call, "form"),
            device=asked.device(call),
            per_operator=per_operator,
        )
        devices = listing.devices_known(transaction)
    return call.page(
        "figures.html",
        of=found,
        charts=_charts(found),
        asked=call.request.query_params,
        day=day.isoformat(),
        span="week" if days > 1 else "day",
        forms=sorted(call.place.forms),
        devices=devices,
        smallest=figures.SMALLEST,
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        foot=HEIGHT - BELOW,
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return in_utc(datetime.combine(day, time(), zone))


def _charts(of: Figures) -> list[Chart]:
    return [
        _chart("entries", of, lambda one: one.entries, "{:g}", least=1.0),  # there is no half entry
        _chart("asked", of, lambda one: one.asked, "{:.4g}"),
        _chart("wrong", of, lambda one: one.wrong, "{:.3g} %"),
    ]


def _chart(name: str, of: Figures, value: Callable[[Sum], float], told: str, least: float = 0.0) -> Chart:
    values = [float(value(one)) for _, one in of.hours]
    steps = round_steps(max(values, default=0.0), least)
    wide, high = (WIDTH - LEFT) / max(len(values), 1), (HEIGHT - ABOVE - BELOW) / steps[-1]

    def place(one: float) -> float:
        return HEIGHT - BELOW - one * high

    bars = [
        Bar(LEFT + (n + 0.1) * wide, place(one), wide * 0.8, one * high, hour, told.format(one))
        for n, ((hour, _), one) in enumerate(zip(of.hours, values, strict=True))
    ]
    is_day = len(values) <= 25  # noqa: PLR2004 - hours of a day on which the clock is put back
    along = [
        Tick(LEFT + n * wide, f"{hour:%H:%M}" if is_day else f"{hour:%m-%d}")
        for n, (hour, _) in enumerate(of.hours)
        if hour.hour % (HOURS if is_day else 24) == 0
    ]
    return Chart(name, bars, [Tick(place(one), told.format(one)) for one in steps], along)


def round_steps(most: float, least: float = 0.0) -> list[float]:
    """The figures of an axis from 0 to `most` or beyond: PARTS at most, each 1, 2 or 5 times a power of ten apart."""
    rough = max(most / PARTS, least) or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(one * power for one in (1, 2, 5, 10) if one * power >= rough * (1 - 1e-9))
    return [n * step for n in range(max(1, math.ceil(most / step * (1 - 1e-9))) + 1)]


TAB = Tab("/figures", "figures.title", Role.VIEWER)
WAYS = (Way("/figures", show, Role.VIEWER),)
