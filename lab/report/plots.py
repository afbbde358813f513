"""SVG plots of a run: stacked bars, curves and a confusion matrix, in the page's colours.

380 units wide, a phone's width, so that text stays legible; wider screens show several side by side.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from lab.report.lines import ClipLine
from lab.report.measures import (
    Pair,
    bin_by_confidence,
    count_character_confusions,
    count_marks,
    field_results,
    group_by_condition,
    percentile,
    risk_coverage_curve,
)
from lab.report.statistics import Interval, wilson_interval
from lab.scoring import Mark

Element = ET.Element
_Content = Element | str


def element(tag: str, *content: _Content, **attributes: str | float) -> Element:
    """Create an XML element with content. `_` in an attribute's name becomes `-`; a trailing one is removed."""
    named = {name.rstrip("_").replace("_", "-"): _text(value) for name, value in attributes.items()}
    made = ET.Element(tag, named)
    for one in content:
        append(made, one)
    return made


def append(parent: Element, content: _Content) -> None:
    """Append an element or text to `parent`."""
    if isinstance(content, Element):
        parent.append(content)
    elif len(parent):
        parent[-1].tail = (parent[-1].tail or "") + content
    else:
        parent.text = (parent.text or "") + content


def to_html_document(root: Element) -> str:
    """Serialise the page with its doctype."""
    return "<!doctype html>\n" + ET.tostring(root, encoding="unicode", method="html") + "\n"


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")


_WIDTH = 380
_LINE = 26  # Height of one bar with the space below it.
_BAR = 12
_NAME = 150  # Room for the names left of bars.
_EDGE = 14  # Room right of bars, where the text of the greatest interval ends.

_Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Bar:
    """One stacked bar: counts by kind, and an optional interval for the first kind's share."""

    name: str
    counts: Mapping[str, int]
    interval: Interval | None  # Interval of the first kind's share, drawn as a whisker.


def _bar_plot(title: str, lines: Sequence[_Bar]) -> Element:
    """Stacked bars of shares, with the counts written in where there is room."""
    plot = _svg(title, _LINE * len(lines) + 8)
    span = _WIDTH - _NAME - _EDGE
    for number, line in enumerate(lines):
        top = number * _LINE + 6
        total = sum(line.counts.values())
        append(plot, _label(0, top + _BAR - 2, f"{line.name} ({total})"))
        at = float(_NAME)
        for kind, count in line.counts.items():
            wide = span * count / total if total else 0.0
            tooltip = f"{line.name}: {kind} {count} of {total}"
            piece = element("rect", x=at, y=top, width=wide, height=_BAR, class_=f"mark-{kind}")
            append(piece, element("title", tooltip))
            append(plot, piece)
            if wide > 7 * len(str(count)) + 4:
                append(plot, _label(at + wide / 2, top + _BAR - 2, str(count), "inside", "middle"))
            at += wide
        if line.interval is not None:
            append(plot, _whisker(line.interval, _NAME, span, top + _BAR + 4))
    return plot


def _whisker(interval: Interval, left: float, span: float, y: float) -> Element:
    first, last = (left + span * share for share in (interval.least, interval.most))
    tooltip = f"{interval.share:.1%}, 95 %: {interval.least:.1%} to {interval.most:.1%}"
    path = f"M{first:.1f} {y - 3}V{y + 3}M{first:.1f} {y}H{last:.1f}M{last:.1f} {y - 3}V{y + 3}"
    return element("path", element("title", tooltip), d=path, class_="whisker")


@dataclass(frozen=True, slots=True)
class _Axis:
    """An axis: label, range, and number format."""

    name: str
    least: float
    most: float
    write: Callable[[float], str]


@dataclass(frozen=True, slots=True)
class _Curve:
    """A named series of points; with `dots`, each is marked, with its interval if given."""

    name: str
    points: Sequence[_Point]
    dots: bool = False
    joined: bool = True  # Whether a line joins the points; without, each is drawn on its own.
    intervals: Sequence[Interval] = ()


LEFT, RIGHT, TOP, BOTTOM, HEIGHT = 46, 20, 8, 38, 250
_LEGEND = 17  # Height of one line of the legend.
_TICKS = 4


def _curve_plot(title: str, across: _Axis, up: _Axis, lines: Sequence[_Curve], diagonal: bool = False) -> Element:
    """Curves over two axes, with a legend; `diagonal` draws the line of equal values."""
    plot = _svg(title, HEIGHT + _LEGEND * len(lines))
    place = _PlotScale(across, up)
    _grid(plot, across, up, place)
    if diagonal:
        append(plot, element("path", d=_path([(0, 0), (1, 1)], place), class_="grid dashed"))
    for number, line in enumerate(lines):
        style = f"line line-{number % _COLOURS}"
        if line.joined:
            append(plot, element("path", d=_path(line.points, place), class_=style))
        for index, point in enumerate(line.points if line.dots else ()):
            x, y = place(point)
            append(plot, element("circle", cx=x, cy=y, r=3, class_=f"dot dot-{number % _COLOURS}"))
            if line.intervals:
                reach = line.intervals[index]
                low, high = (place((point[0], end))[1] for end in (reach.least, reach.most))
                append(plot, element("path", d=f"M{x:.1f} {low:.1f}V{high:.1f}", class_=style))
        y = HEIGHT + _LEGEND * number + 4
        append(plot, element("path", d=f"M{LEFT} {y}h22", class_=style))
        append(plot, _label(LEFT + 28, y + 4, line.name))
    return plot


_COLOURS = 6  # Number of distinct line colours; more lines reuse them.


@dataclass(frozen=True, slots=True)
class _PlotScale:
    """Converts data coordinates to drawing coordinates."""

    across: _Axis
    up: _Axis

    def __call__(self, point: _Point) -> _Point:
        x = LEFT + _axis_fraction(point[0], self.across) * (_WIDTH - LEFT - RIGHT)
        return x, HEIGHT - BOTTOM - _axis_fraction(point[1], self.up) * (HEIGHT - TOP - BOTTOM)


def _axis_fraction(value: float, axis: _Axis) -> float:
    share = (value - axis.least) / (axis.most - axis.least)
    return min(max(share, 0.0), 1.0)  # values beyond the axis are drawn at its end


def _grid(plot: Element, across: _Axis, up: _Axis, place: _PlotScale) -> None:
    for step in range(_TICKS + 1):
        x_value = across.least + (across.most - across.least) * step / _TICKS
        y_value = up.least + (up.most - up.least) * step / _TICKS
        x, y = place((x_value, y_value))
        append(
            plot, element("path", d=f"M{x:.1f} {TOP}V{HEIGHT - BOTTOM}M{LEFT} {y:.1f}H{_WIDTH - RIGHT}", class_="grid")
        )
        append(plot, _label(x, HEIGHT - BOTTOM + 14, across.write(x_value), "", "middle"))
        append(plot, _label(LEFT - 4, y + 4, up.write(y_value), "", "end"))
    append(plot, _label((LEFT + _WIDTH) / 2, HEIGHT - 8, across.name, "name", "middle"))
    turned = f"rotate(-90 10 {(HEIGHT - BOTTOM) / 2:.0f})"
    name = element(
        "text", up.name, x=10, y=(HEIGHT - BOTTOM) / 2, text_anchor="middle", class_="name", transform=turned
    )
    append(plot, name)


def _path(points: Sequence[_Point], place: _PlotScale) -> str:
    placed = (place(point) for point in points)
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in placed) if points else ""


_CELL = 24
_HEAD = 40  # Room for the names of rows and columns.


def _matrix_plot(
    title: str, rows: Sequence[str], columns: Sequence[str], counts: Mapping[tuple[str, str], int]
) -> Element:
    """Counts by row (spoken) and column (recognised): equal pairs in one colour, others in another, darker for more."""
    wide = max(_WIDTH, _HEAD + _CELL * len(columns) + 4)
    plot = _svg(title, _HEAD + _CELL * len(rows) + 4, wide)
    append(plot, _label(_HEAD, 12, "heard as", "name"))
    append(plot, _label(2, _HEAD - 6, "said", "name"))
    for index, name in enumerate(columns):
        append(plot, _label(_HEAD + _CELL * (index + 0.5), _HEAD - 6, name or "-", "", "middle"))
    for down, said in enumerate(rows):
        append(plot, _label(_HEAD - 8, _HEAD + _CELL * down + 16, said or "-", "", "end"))
        total = sum(counts.get((said, recognised), 0) for recognised in columns)
        for right, recognised in enumerate(columns):
            count = counts.get((said, recognised), 0)
            append(plot, _cell(_HEAD + _CELL * right, _HEAD + _CELL * down, count, total, said == recognised))
            if count:
                append(
                    plot,
                    _label(_HEAD + _CELL * (right + 0.5), _HEAD + _CELL * down + 16, str(count), "count", "middle"),
                )
    return plot


_FAINTEST = 0.15  # How strongly the smallest count is coloured: one confusion in a thousand must still be seen.


def _cell(x: float, y: float, count: int, total: int, same: bool) -> Element:
    strength = _FAINTEST + (1 - _FAINTEST) * count / total if count else 0.0
    style = "same" if same else "other"
    return element("rect", x=x, y=y, width=_CELL - 1, height=_CELL - 1, class_=style, fill_opacity=strength)


def _svg(title: str, height: float, width: float = _WIDTH) -> Element:
    plot = element("svg", viewBox=f"0 0 {width:.0f} {height:.0f}", role="img", aria_label=title)
    plot.set("xmlns", "http://www.w3.org/2000/svg")
    return plot


def _label(x: float, y: float, text: str, style: str = "", anchor: str = "start") -> Element:
    return element("text", text, x=x, y=y, text_anchor=anchor, class_=style)


_CaptionedPlot = tuple[Element, str]  # A plot and its caption.

_STEPS_MS = 400  # Axes of time end at a whole number of these, so that their four parts are round figures.

_STEPS_OF_RISK = 0.04  # The same for shares that should be small.


def plot_outcomes(lines: Sequence[ClipLine]) -> Element:
    """Bars of the outcomes, one for each condition."""
    shown = []
    for name, some in group_by_condition(lines).items():
        counted = count_marks(some)
        dictated = any(one.truth is not None for one in some)
        good = counted[Mark.RIGHT] if dictated else len(some) - counted[Mark.INVENTED]
        shown.append(_Bar(name, {mark.value: counted[mark] for mark in _ORDER}, wilson_interval(good, len(some))))
    return _bar_plot("Outcomes by condition", shown)


_ORDER = (Mark.RIGHT, Mark.SILENT, Mark.ASKED, Mark.MISSED, Mark.WRONG, Mark.INVENTED)
"""From the left: correct, costs time, must not happen."""


def plot_curves(lines: Sequence[ClipLine]) -> Iterator[_CaptionedPlot]:
    """Plots of risk, latency and calibration, those that there are data for."""
    dictated = group_by_condition(one for one in lines if one.truth is not None)
    if dictated:
        yield _risk_plot(dictated), "Risk against coverage: as if everything complete were accepted, surest first."
    every = {name: [one.decision_ms for one in some if one.decision_ms is not None] for name, some in dictated.items()}
    timed = {name: times for name, times in every.items() if times}
    if timed:
        yield _latency_plot(timed), "Share of decisions made within a time, from the last word to the record on disk."
    read = list(field_results(lines))
    if read:
        caption = (
            "Confidence against the share that is right: on the dashed line it keeps what it promises. Bars: 95 %; "
            f"of {_FEWEST} values and more."
        )
        by_name = {name: [one for one in read if one.name == name] for name in dict.fromkeys(one.name for one in read)}
        shown = [
            _Curve(name, [(one.confidence, one.right.share) for one in bins], True, False, [one.right for one in bins])
            for name in by_name
            if (bins := [one for one in bin_by_confidence(by_name[name]) if one.count >= _FEWEST])
        ]
        yield _curve_plot("Reliability", _share_axis("confidence"), _share_axis("right"), shown, diagonal=True), caption


_FEWEST = 5  # Minimum values of a bin: with fewer, the interval spans the whole axis.


def _risk_plot(groups: dict[str, list[ClipLine]]) -> Element:
    shown = [_Curve(name, points, dots=True) for name, some in groups.items() if (points := risk_coverage_curve(some))]
    worst = max((share for curve in shown for _, share in curve.points), default=0.0)
    most = _STEPS_OF_RISK * max(1, math.ceil(worst / _STEPS_OF_RISK))
    up = _Axis("wrong among accepted", 0, most, lambda share: f"{share:.0%}")
    return _curve_plot("Risk against coverage", _share_axis("accepted"), up, shown)


def _latency_plot(times: dict[str, list[float]]) -> Element:
    latest = max(percentile(some, 98) for some in times.values())
    across = _Axis("ms", 0, _STEPS_MS * (latest // _STEPS_MS + 1), lambda value: f"{value:.0f}")
    shown = [
        _Curve(f"{name}: {percentile(some, 50):.0f} ms, at 95 % {percentile(some, 95):.0f} ms", _cumulative_steps(some))
        for name, some in times.items()
    ]
    return _curve_plot("Latency", across, _share_axis("decisions"), shown)


def _cumulative_steps(times: Sequence[float]) -> list[tuple[float, float]]:
    ordered = sorted(times)
    return [(0.0, 0.0), *((value, (number + 1) / len(ordered)) for number, value in enumerate(ordered))]


def _share_axis(name: str) -> _Axis:
    return _Axis(name, 0, 1, lambda share: f"{share:.0%}")


def plot_confusions(lines: Sequence[ClipLine]) -> Iterator[_CaptionedPlot]:
    """Confusion matrices of digits and letters."""
    for name, counts in zip(("Digits", "Letters"), count_character_confusions(lines), strict=True):
        if counts:
            differing = sum(count for (said, recognised), count in counts.items() if said != recognised)
            of = f"{differing} of {counts.total()}"
            caption = f"{name} of values read: {of} differ. Red: heard as another one; -: as nothing."
            yield _matrix_plot(f"{name} heard as", *_sorted_characters(counts), counts), caption


def _sorted_characters(counts: Counter[Pair]) -> tuple[list[str], list[str]]:
    # "Nothing" comes last on both sides.
    said, recognised = ({pair[side] for pair in counts} for side in (0, 1))
    return sorted(said, key=_empty_last_key), sorted(recognised, key=_empty_last_key)


def _empty_last_key(character: str) -> tuple[bool, str]:
    return not character, character
