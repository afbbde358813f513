"""Charts by the hour: entries, questions, corrections, and the delay until entries arrived."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from starlette.responses import Response

from dockvoice_protocol.instants import to_utc, to_zone
from inventory.console.context import RequestContext, Route
from inventory.queries import figures, listing
from inventory.queries.figures import EntryCounts, Figures

_SPANS = {"day": 1, "week": 7}  # By the value of the parameter, the number of days.

_WIDTH, _HEIGHT = 960, 220  # Of a chart, in SVG units: the page scales it.
_LEFT, _ABOVE, _BELOW = 56, 12, 28  # Margins for the labels of the axes.

_PARTS = 4  # Most intervals of the vertical axis: as many as are read at a glance.
_HOURS = 3  # Between two labels under a chart of one day; longer charts label each midnight.


@dataclass(frozen=True, slots=True)
class _Bar:
    """The bar of one hour."""

    x: float
    y: float
    width: float
    height: float
    hour: datetime
    text: str


@dataclass(frozen=True, slots=True)
class _Tick:
    """A label at an axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class _Chart:
    """A bar chart with one value for each hour."""

    name: str
    bars: list[_Bar]
    upright: list[_Tick]
    along: list[_Tick]


def _page(context: RequestContext) -> Response:
    """Show the day or the week that ends today, or on the given day."""
    span = context.text_parameter("span")
    days = _SPANS.get(span or "", 1)
    day = to_zone(context.instant_parameter("day") or context.resources.now(), context.resources.zone).date()
    first, end = (_midnight(day + timedelta(days=n), context.resources.zone) for n in (1 - days, 1))
    per_operator = context.resources.settings.console.per_operator
    with context.read_transaction() as transaction:
        found = figures.load_figures(
            transaction,
            first,
            round((end - first) / timedelta(hours=1)),  # 23 or 25 on the day of a clock change
            context.resources.zone,
            form=context.text_parameter("form"),
            device=context.device_parameter(),
            per_operator=per_operator,
        )
        devices = listing.load_device_names(transaction)
    return context.render(
        "figures.html",
        of=found,
        charts=[
            _build_chart("entries", found, lambda one: one.entries, "{:g}", least=1.0),  # no half entries
            _build_chart("asked", found, lambda one: one.answers_per_entry, "{:.4g}"),
            _build_chart("wrong", found, lambda one: one.corrected_percent, "{:.3g} %"),
        ],
        asked=context.request.query_params,
        odd=context.invalid_instants("day"),
        day=day.isoformat(),
        span="week" if days > 1 else "day",
        forms=sorted(context.resources.forms),
        devices=devices,
        smallest=figures.MIN_OPERATORS,
        width=_WIDTH,
        height=_HEIGHT,
        left=_LEFT,
        foot=_HEIGHT - _BELOW,
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return to_utc(datetime.combine(day, time(), zone))


def _build_chart(
    name: str, of: Figures, value: Callable[[EntryCounts], float], text: str, least: float = 0.0
) -> _Chart:
    values = [float(value(one)) for _, one in of.hours]
    steps = round_steps(max(values, default=0.0), least)
    wide, high = (_WIDTH - _LEFT) / max(len(values), 1), (_HEIGHT - _ABOVE - _BELOW) / steps[-1]

    def place(one: float) -> float:
        return _HEIGHT - _BELOW - one * high

    bars = [
        _Bar(_LEFT + (n + 0.1) * wide, place(one), wide * 0.8, one * high, hour, text.format(one))
        for n, ((hour, _), one) in enumerate(zip(of.hours, values, strict=True))
    ]
    is_day = len(values) <= 25  # noqa: PLR2004 - hours of the day on which clocks are put back
    along = [
        _Tick(_LEFT + n * wide, f"{hour:%H:%M}" if is_day else f"{hour:%m-%d}")
        for n, (hour, _) in enumerate(of.hours)
        if hour.hour % (_HOURS if is_day else 24) == 0
    ]
    return _Chart(name, bars, [_Tick(place(one), text.format(one)) for one in steps], along)


def round_steps(most: float, least: float = 0.0) -> list[float]:
    """Axis labels from 0 to at least `most`: _PARTS intervals at most, each 1, 2 or 5 times a power of ten.

    `least`: the smallest interval.
    """
    rough = max(most / _PARTS, least) or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(one * power for one in (1, 2, 5, 10) if one * power >= rough * (1 - 1e-9))
    return [n * step for n in range(max(1, math.ceil(most / step * (1 - 1e-9))) + 1)]


ROUTES = (Route("", _page),)
