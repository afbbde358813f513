"""Tables of results by speaker, wording and noise, which a mean hides; and the baseline beside the product."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from statistics import quantiles

from lab.report.comparing import Table, format_percent, format_share
from lab.report.lines import ClipLine
from lab.report.measures import count_marks, group_by, group_by_condition_with_total
from lab.report.statistics import Interval, mcnemar_p_value
from lab.scoring import Mark

LEAST = 3  # Minimum clips of a group in the worst-group and quartile figures.

_RESAMPLED = 1000  # Bootstrap samples for the quartile's interval (Efron): its ends vary by some 1 %.

BY: Mapping[str, Callable[[ClipLine], str | None]] = {
    "speaker": lambda one: one.speaker,
    "wording": lambda one: one.wording,
    "noise": lambda one: one.noise,
}


def tabulate_spread(lines: Sequence[ClipLine]) -> Table:
    """Dictated clips by speaker, wording and noise: the groups' lower quartile, and the worst group."""
    dictated = [one for one in lines if one.truth is not None]
    every = group_by_condition_with_total(dictated)
    rows = tuple(
        (f"{name}: {condition}", *_spread_cells(groups))
        for name, key in BY.items()
        for condition, some in every.items()
        if len(groups := {group: few for group, few in group_by(some, key).items() if len(few) >= LEAST}) > 1
    )
    columns = ("by: condition", "groups", "lower quartile right %", "worst", "right %", "most wrong", "wrong %")
    note = (
        f"Groups of at least {LEAST} dictated clips. In brackets: 95 % intervals, Wilson's; the quartile's by drawing "
        "the groups anew. Of the worst of many, chance explains a part."
    )
    return Table("Spread", columns, rows, note)


def _spread_cells(groups: Mapping[str, Sequence[ClipLine]]) -> tuple[str, ...]:
    right, wrong = _count_mark_by_group(groups, Mark.RIGHT), _count_mark_by_group(groups, Mark.WRONG)
    worst = min(right, key=lambda name: right[name][0] / right[name][1])
    most = max(wrong, key=lambda name: wrong[name][0] / wrong[name][1])
    return (
        str(len(groups)),
        format_percent(lower_quartile([hits / of for hits, of in right.values()])),
        worst,
        format_share(*right[worst]),
        most if wrong[most][0] else "none",
        format_share(*wrong[most]),
    )


def _count_mark_by_group(groups: Mapping[str, Sequence[ClipLine]], mark: Mark) -> dict[str, tuple[int, int]]:
    return {name: (count_marks(some)[mark], len(some)) for name, some in groups.items()}


def lower_quartile(shares: Sequence[float]) -> Interval:
    """The lower quartile of the shares, with a bootstrap 95 % interval."""
    chance = Random(0)  # noqa: S311 - the same run prints the same interval
    found = sorted(_quartile(chance.choices(shares, k=len(shares))) for _ in range(_RESAMPLED))
    return Interval(_quartile(shares), found[_RESAMPLED // 40], found[-1 - _RESAMPLED // 40])


def _quartile(shares: Sequence[float]) -> float:
    return quantiles(shares, n=4, method="inclusive")[0]


def tabulate_baseline(lines: Sequence[ClipLine]) -> Table:
    """Marks of dictated clips by the product and by the baseline on the same sound."""
    groups = group_by_condition_with_total(one for one in lines if one.floor is not None)
    rows = tuple((name, *_baseline_cells(some)) for name, some in groups.items())
    columns = ("condition", "n", "right %", "floor: right %", "wrong %", "floor: wrong %", "p")
    note = (
        "The floor: one hearing by the same weights with the form's sentences as grammar, a plain parser, every "
        "complete reading recorded. In brackets: 95 % intervals (Wilson). p: McNemar's exact test of right against not "
        "right."
    )
    return Table("Beside the floor", columns, rows, note)


def _baseline_cells(lines: Sequence[ClipLine]) -> Iterator[str]:
    ways = ([one.mark for one in lines], [one.floor.mark for one in lines if one.floor is not None])
    yield str(len(lines))
    for mark in (Mark.RIGHT, Mark.WRONG):
        for way in ways:
            yield format_share(way.count(mark), len(way))
    right = [tuple(mark is Mark.RIGHT for mark in both) for both in zip(*ways, strict=True)]
    yield f"{mcnemar_p_value(right.count((True, False)), right.count((False, True))):.3g}"
