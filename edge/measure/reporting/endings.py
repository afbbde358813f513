"""How turns end, by meaning or by a fixed pause, and what it costs to know early that one has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge.measure.reporting.intervals import wilson
from edge.measure.reporting.lines import Ahead, Line
from edge.measure.reporting.measures import by_condition, marks
from edge.measure.reporting.table import NONE, Table, decision_ms, percent
from edge.measure.scoring import Mark


@dataclass(frozen=True, slots=True)
class Fixed:
    """The dictated clips of a run again, where a pause of one length ends every turn."""

    pause_ms: int
    lines: Sequence[Line]


def beside(lines: Sequence[Line], fixed: Fixed | None) -> Table:
    """The dictated clips of `lines`, whose turns ended by meaning, beside the same with a fixed pause."""
    ways = {} if fixed is None else {"by meaning": lines, f"fixed {fixed.pause_ms} ms": fixed.lines}
    groups = {way: _dictated(some) for way, some in ways.items()}
    rows = tuple(
        (f"{condition}: {way}", *_row(of_way[condition]))
        for condition in next(iter(groups.values()), {})
        for way, of_way in groups.items()
        if condition in of_way
    )
    columns = ("condition: end of the turn", "n", "median ms", "95 % ms", "cut in two %", "right %", "wrong")
    note = (
        "From the last word to the record on disk. Cut in two: more than one utterance began before the last word had "
        "ended. Both read at pauses; only how long a pause ends the turn differs."
    )
    return Table("End of the turn", columns, rows, note)


def _dictated(lines: Sequence[Line]) -> Mapping[str, Sequence[Line]]:
    return _and_together([one for one in lines if one.truth is not None])


def _and_together(lines: Sequence[Line]) -> Mapping[str, Sequence[Line]]:
    groups = by_condition(lines)
    return {**groups, "together": lines} if len(groups) > 1 else groups


def _row(lines: Sequence[Line]) -> tuple[str, ...]:
    counted = marks(lines)
    return (
        str(len(lines)),
        decision_ms(lines, 50),
        decision_ms(lines, 95),
        percent(wilson(sum(one.cut_in_two for one in lines), len(lines))),
        percent(wilson(counted[Mark.RIGHT], len(lines))),
        str(counted[Mark.WRONG]),
    )


def reading_ahead(lines: Sequence[Line]) -> Table:
    """What reading at pauses took, by condition."""
    heard = [one for one in lines if one.ahead is not None and one.ahead.made]
    rows = tuple((name, *_cost(some)) for name, some in _and_together(heard).items())
    columns = ("condition", "utterances", "readings", "thrown away", "away each", "wasted ms each", "wasted %")
    note = (
        "Each: an utterance. Wasted: processor time of readings thrown away, since speech went on, and of hearing "
        "again what had been heard; against all that the recogniser took."
    )
    return Table("Reading at pauses", columns, rows, note)


def _cost(lines: Sequence[Line]) -> tuple[str, ...]:
    spent = [one.ahead for one in lines if one.ahead is not None]
    utterances, made = sum(one.utterances for one in lines), sum(one.made for one in spent)
    away, wasted_s = made - sum(one.used for one in spent), sum(map(_wasted_s, spent))
    total_s = sum(one.ahead_s + one.after_s for one in spent)
    return (
        str(utterances),
        str(made),
        str(away),
        f"{away / utterances:.2f}" if utterances else NONE,
        f"{1000 * wasted_s / utterances:.0f}" if utterances else NONE,
        f"{100 * wasted_s / total_s:.0f}" if total_s else NONE,
    )


def _wasted_s(spent: Ahead) -> float:
    return spent.made_s - spent.used_s + spent.again_s
