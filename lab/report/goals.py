"""Tables of goals against results, of causes for clips that are not right, and of endpointing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lab.report.comparing import NONE, Table, format_decision_ms, format_share
from lab.report.lines import ClipLine
from lab.report.measures import count_marks, group_by_condition, group_by_condition_with_total, percentile
from lab.scoring import Mark

_MET = "met"

_Row = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class _Goal:
    """Goal of one condition, in % of dictated clips."""

    right: float  # Minimum share right without any question.
    wrong: float  # Maximum share wrong.


GOALS: Mapping[str, _Goal] = {
    "clean": _Goal(95, 0.5),
    "20dB": _Goal(94, 0.5),
    "10dB": _Goal(88, 1),
    "5dB": _Goal(75, 1.5),
}
"""By condition, on the device alone, policy `balanced` (`docs/accuracy.md`)."""

_DECISION_MS = {50: 400, 95: 700}
"""From the last word of a clean clip to the record on disk, at most, by hundredths of the clips."""

_IN_THE_END = 0.2  # Maximum share of wrong records after a simulated operator's answers, in %.


def tabulate_goals(lines: Sequence[ClipLine]) -> Table:
    """Each goal that the run has data for, and whether it is met."""
    rows = (
        *_outcome_goal_rows(lines),
        *_decision_time_rows(lines),
        *_invented_row(lines),
        *_conversation_end_rows(lines),
    )
    columns = ("", "goal", "found", "")
    return Table("Against the goals", columns, rows, "In brackets: 95 % intervals (Wilson).")


def _outcome_goal_rows(lines: Sequence[ClipLine]) -> Iterator[_Row]:
    for condition, goal in GOALS.items():
        some = [one for one in lines if one.condition == condition and one.truth is not None]
        if some:
            yield _share_row(f"{condition}: right %", "at least", goal.right, some, _WAYS["right"])
            yield _share_row(f"{condition}: wrong %", "at most", goal.wrong, some, _WAYS["wrong"])


def _share_row(
    name: str, bound: str, wanted: float, lines: Sequence[ClipLine], hit: Callable[[ClipLine], bool]
) -> _Row:
    """The goal that `hit` holds for `wanted` % of the clips, `at least` or `at most`."""
    count, goal = sum(map(hit, lines)), wanted / 100 * len(lines)
    lacking = math.ceil(goal) - count if bound == "at least" else count - math.floor(goal)
    outcome = _MET if lacking <= 0 else f"missed by {lacking} of {len(lines)}"
    return name, f"{bound} {wanted:g}", format_share(count, len(lines)), outcome


def _decision_time_rows(lines: Sequence[ClipLine]) -> Iterator[_Row]:
    times = [one.decision_ms for one in lines if one.condition == "clean" and one.decision_ms is not None]
    for hundredths, wanted in _DECISION_MS.items() if times else ():
        found = percentile(times, hundredths)
        outcome = _MET if found <= wanted else f"missed by {found - wanted:.0f} ms"
        yield f"clean: decision within, of {hundredths} %", f"at most {wanted} ms", f"{found:.0f} ms", outcome


def _invented_row(lines: Sequence[ClipLine]) -> Iterator[_Row]:
    """The goal that clips without a complete dictation record nothing."""
    nothing = [one for one in lines if one.truth is None]
    if nothing:
        count = sum(one.mark is Mark.INVENTED for one in nothing)
        outcome = _MET if not count else f"missed by {count} of {len(nothing)}"
        yield "recorded where nothing may be", "none", f"{count} of {len(nothing)} clips", outcome


def _conversation_end_rows(lines: Sequence[ClipLine]) -> Iterator[_Row]:
    for condition, some in group_by_condition(one for one in lines if one.conversation is not None).items():
        kept = [one for one in some if one.conversation is not None and one.conversation.end != "parked"]
        if condition in GOALS and kept:
            name = f"{condition}: wrong in the end, with an operator, %"
            yield _share_row(name, "at most", _IN_THE_END, kept, _ended_wrong)


def _ended_wrong(one: ClipLine) -> bool:
    return one.conversation is not None and one.conversation.end == "wrong"


def tabulate_causes_of_not_right(lines: Sequence[ClipLine]) -> Table:
    """Dictated clips that were not right at once, by condition and cause."""
    groups = group_by_condition(one for one in lines if one.truth is not None)
    rows = tuple((name, *(str(sum(map(why, some))) for why in _WAYS.values())) for name, some in groups.items())
    columns = ("condition", *_WAYS)
    note = (
        "Unsure: every field was read as it was said, and the policy demands more. Misread: a field was read as "
        "another value, and asked about. Incomplete: a field was not read, or had two values."
    )
    return Table("What kept clips from being right at once", columns, rows, note)


def _is_asked_or_missed(one: ClipLine) -> bool:
    return one.mark in {Mark.ASKED, Mark.MISSED}


_WAYS: Mapping[str, Callable[[ClipLine], bool]] = {
    "right": lambda one: one.mark is Mark.RIGHT,
    "unsure": lambda one: _is_asked_or_missed(one) and one.is_complete and one.would_be_right,
    "misread": lambda one: _is_asked_or_missed(one) and one.is_complete and not one.would_be_right,
    "incomplete": lambda one: _is_asked_or_missed(one) and not one.is_complete,
    "wrong": lambda one: one.mark is Mark.WRONG,
}


@dataclass(frozen=True, slots=True)
class FixedPauseRun:
    """The dictated clips of a run, evaluated again with one fixed pause for endpointing."""

    pause_ms: int
    lines: Sequence[ClipLine]


def tabulate_fixed_pause(lines: Sequence[ClipLine], fixed: FixedPauseRun | None) -> Table:
    """The dictated clips with endpointing by meaning, beside the same clips with a fixed pause."""
    ways = {} if fixed is None else {"by meaning": lines, f"fixed {fixed.pause_ms} ms": fixed.lines}
    groups = {
        way: group_by_condition_with_total(one for one in some if one.truth is not None) for way, some in ways.items()
    }
    rows = tuple(
        (f"{condition}: {way}", *_pause_cells(of_way[condition]))
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


def _pause_cells(lines: Sequence[ClipLine]) -> tuple[str, ...]:
    counted = count_marks(lines)
    return (
        str(len(lines)),
        format_decision_ms(lines, 50),
        format_decision_ms(lines, 95),
        format_share(sum(one.is_cut_in_two for one in lines), len(lines)),
        format_share(counted[Mark.RIGHT], len(lines)),
        str(counted[Mark.WRONG]),
    )


def tabulate_speculation(lines: Sequence[ClipLine]) -> Table:
    """The CPU cost of recognising at pauses in advance, by condition."""
    groups = group_by_condition_with_total(one for one in lines if one.ahead is not None and one.ahead.made)
    rows = tuple((name, *_speculation_cells(some)) for name, some in groups.items())
    columns = ("condition", "utterances", "readings", "thrown away", "away each", "wasted ms each", "wasted %")
    note = (
        "Each: an utterance. Wasted: processor time of readings thrown away, since speech went on, and of hearing "
        "again what had been heard; against all that the recogniser took."
    )
    return Table("Reading at pauses", columns, rows, note)


def _speculation_cells(lines: Sequence[ClipLine]) -> tuple[str, ...]:
    spent = [one.ahead for one in lines if one.ahead is not None]
    utterances, made = sum(one.utterances for one in lines), sum(one.made for one in spent)
    away, wasted_s = made - sum(one.used for one in spent), sum(one.made_s - one.used_s + one.again_s for one in spent)
    total_s = sum(one.ahead_s + one.after_s for one in spent)
    return (
        str(utterances),
        str(made),
        str(away),
        f"{away / utterances:.2f}" if utterances else NONE,
        f"{1000 * wasted_s / utterances:.0f}" if utterances else NONE,
        f"{100 * wasted_s / total_s:.0f}" if total_s else NONE,
    )
