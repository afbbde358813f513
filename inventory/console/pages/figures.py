"""The page of charts: entries an hour, what was asked back, what was corrected, how long entries were under way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from starlette.responses import Response

from inventory.console import asked, figures, listing
from inventory.console.call import Call, Tab, Way
from inventory.console.figures import Figures, Sum
from inventory.console.people import Role

SPANS = {"day": 1, "week": 7}
"""Days that the page shows."""

WIDTH, HEIGHT = 960, 180  # Of a chart, in units of its own: the page scales it.


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
class Chart:
    """One chart, of one figure for each hour."""

    name: str
    bars: list[Bar]
    top: str  # What the highest line stands for.


def show(call: Call) -> Response:
    """A day or a week until today, or of the day asked for."""
    span = asked.text(call, "span")
    days = SPANS.get(span or "", 1)
    day = (asked.moment(call, "day") or call.place.now()).astimezone(call.place.zone).date()
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
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _charts(of: Figures) -> list[Chart]:
    return [
        _chart("entries", of, lambda one: one.entries, "{:.0f}"),
        _chart("asked", of, lambda one: one.asked, "{:.2f}"),
        _chart("wrong", of, lambda one: one.wrong, "{:.1f} %"),
    ]


def _chart(name: str, of: Figures, value: Callable[[Sum], float], shown: str) -> Chart:
    values = [float(value(one)) for _, one in of.hours]
    top = max(values, default=0.0) or 1.0
    wide = WIDTH / max(len(values), 1)
    bars = [
        Bar(n * wide + wide * 0.1, HEIGHT - HEIGHT * one / top, wide * 0.8, HEIGHT * one / top, hour, shown.format(one))
        for n, ((hour, _), one) in enumerate(zip(of.hours, values, strict=True))
    ]
    return Chart(name, bars, shown.format(top))


TAB = Tab("/figures", "figures.title", Role.VIEWER)
WAYS = (Way("/figures", show, Role.VIEWER),)
