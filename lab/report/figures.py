"""The tables of an evaluation, for the HTML page, Markdown and the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean

from lab.report import breakdown, goals
from lab.report.breakdown import BY
from lab.report.comparing import NONE, Table, format_decision_ms, format_percent, format_share
from lab.report.lines import ClipLine
from lab.report.measures import (
    NOTHING,
    FieldResult,
    Pair,
    bin_by_confidence,
    count_character_confusions,
    count_marks,
    field_results,
    group_by,
    group_by_condition,
    measure_silence,
    percentile,
)
from lab.report.statistics import speaker_half
from lab.scoring import Mark

ALARMING = {Mark.WRONG, Mark.INVENTED}  # Marks whose count must be 0.


def _tabulate_outcomes(title: str, heading: str, groups: Mapping[str, Sequence[ClipLine]], note: str = "") -> Table:
    """The outcomes of each group's clips, with 95 % intervals for right and for wrong."""
    rows = []
    for name, lines in groups.items():
        counted = count_marks(lines)
        accepted_wrong = sum(counted[mark] for mark in ALARMING)
        dictated = sum(one.truth is not None for one in lines)
        right = format_share(counted[Mark.RIGHT], dictated) if dictated else NONE
        counts = (str(counted[mark]) for mark in Mark)
        times = (format_decision_ms(lines, 50), format_decision_ms(lines, 95))
        rows.append((name, str(len(lines)), *counts, right, format_share(accepted_wrong, len(lines)), *times))
    columns = (heading, "n", *(mark.value for mark in Mark), "right %", "wrong or invented %", "p50 ms", "p95 ms")
    return Table(title, columns, tuple(rows), note)


def _tabulate_speaker_halves(lines: Sequence[ClipLine]) -> Table:
    """The outcomes by half of the speakers and condition."""
    groups = group_by(lines, lambda one: one.speaker and f"{speaker_half(one.speaker)}: {one.condition}")
    note = "Speakers are parted by a hash of their name: one half to tune on, the other to report on."
    return _tabulate_outcomes("By half of the speakers", "half: condition", dict(sorted(groups.items())), note)


def _tabulate_fields(lines: Sequence[ClipLine]) -> Table:
    """By field and condition: how often the recognised value is the true one, whatever the decision."""
    rows = [
        (f"{name}: {condition}", *_field_row([one for one in field_results(some) if one.name == name]))
        for name in dict.fromkeys(one.name for one in field_results(lines))
        for condition, some in group_by_condition(lines).items()
        if any(one.truth for one in some)
    ]
    columns = ("field: condition", "n", "right %", "another value %", "not read %")
    return Table("By kind of field", columns, tuple(rows), "Before any question, and before the decision.")


def _field_row(results: Sequence[FieldResult]) -> tuple[str, ...]:
    right, missing = sum(one.is_right for one in results), sum(one.recognised is None for one in results)
    counts = (right, len(results) - right - missing, missing)
    return str(len(results)), *(format_share(count, len(results)) for count in counts)


def _tabulate_confusions(title: str, counts: Mapping[Pair, int]) -> Table:
    """The confused pairs, most frequent first, each with its share of the character's occurrences."""
    said = Counter[str]()
    for (truth, _), count in counts.items():
        said[truth] += count
    wrong = sorted(((pair, count) for pair, count in counts.items() if pair[0] != pair[1]), key=lambda one: -one[1])
    rows = tuple(
        (
            f"{truth or 'nothing'} as {recognised or 'nothing'}",
            str(count),
            NONE if truth == NOTHING else format_share(count, said[truth]),
        )
        for (truth, recognised), count in wrong
    )
    same = sum(count for (truth, recognised), count in counts.items() if truth == recognised)
    return Table(title, ("said, heard", "times", "% of those said"), rows, f"Heard as said: {same}.")


def _tabulate_calibration(lines: Sequence[ClipLine]) -> Table:
    """Mean confidence against the share right, by field."""
    results = list(field_results(lines))
    rows = tuple(
        (name, f"{one.confidence:.3f}", format_percent(one.right), str(one.count))
        for name in dict.fromkeys(one.name for one in results)
        for one in bin_by_confidence([field for field in results if field.name == name])
    )
    return Table("Reliability", ("field", "mean confidence", "right %", "n"), rows)


def tabulate_silence(lines: Sequence[ClipLine]) -> Table:
    """By condition without speech: hours, and false detections of speech."""
    groups = group_by_condition(one for one in lines if one.truth is None and one.speech_end_s is None)
    found = [(name, measure_silence(some)) for name, some in groups.items()] + [("together", measure_silence(lines))]
    rows = tuple(
        (
            name,
            f"{one.hours:.3f}",
            *(str(count) for count in (one.utterances, one.invented)),
            *(f"{one.per_hour_at_most(count):.1f}" for count in (one.utterances, one.invented)),
        )
        for name, one in found
        if one is not None
    )
    columns = ("sound", "hours", "utterances", "invented", "utterances an hour at most", "invented an hour at most")
    return Table(
        "Sound without speech", columns, rows, "At most: with 95 % confidence (Poisson; with none, 3 by hours)."
    )


def tabulate_conversations(lines: Sequence[ClipLine]) -> Table:
    """By condition: the clips' outcomes after the simulated operator answered the questions."""
    answered = [one for one in lines if one.conversation is not None]
    groups = {**group_by_condition(answered), "together": answered}
    rows = tuple((name, *_conversation_row(some)) for name, some in groups.items() if some)
    columns = (
        "condition", "n", "kept", "wrong % of kept", "put right", "parked %", "questions", "seconds", "seconds p95",
    )  # fmt: skip
    note = (
        "Put right: entries that were read back wrong, and that the operator corrected. Questions and seconds: means "
        "per clip; seconds from the first word to the end, with questions, answers and readbacks."
    )
    return Table("With an operator who answers", columns, rows, note)


def _conversation_row(lines: Sequence[ClipLine]) -> tuple[str, ...]:
    talks = [one.conversation for one in lines if one.conversation is not None]
    ends = Counter(talk.end for talk in talks)
    kept = ends["right"] + ends["wrong"]
    return (
        str(len(talks)),
        str(kept),
        format_share(ends["wrong"], kept),
        str(sum(any(turn.why == "correction" for turn in talk.turns) for talk in talks)),
        format_share(ends["parked"], len(talks)),
        f"{fmean(talk.questions for talk in talks):.2f}",
        f"{fmean(talk.seconds for talk in talks):.1f}",
        f"{percentile([talk.seconds for talk in talks], 95):.1f}",
    )


def all_tables(lines: Sequence[ClipLine], fixed: goals.FixedPauseRun | None = None) -> tuple[Table, ...]:
    """Every table of a run that has content, the long ones last; with `fixed`, compared with that run."""
    digits, letters = count_character_confusions(lines)
    every = (
        goals.tabulate_goals(lines),
        _tabulate_outcomes(
            "By condition",
            "condition",
            {**group_by_condition(lines), "overall": list(lines)},
            "In brackets: 95 % intervals (Wilson).",
        ),
        breakdown.tabulate_baseline(lines),
        goals.tabulate_causes_of_not_right(lines),
        breakdown.tabulate_spread(lines),
        tabulate_conversations(lines),
        tabulate_silence(lines),
        goals.tabulate_fixed_pause(lines, fixed),
        goals.tabulate_speculation(lines),
        _tabulate_speaker_halves(lines),
        _tabulate_fields(lines),
        _tabulate_confusions("Digits confused", digits),
        _tabulate_confusions("Letters confused", letters),
        _tabulate_calibration(lines),
        *(
            _tabulate_outcomes(f"By {name}", name, dict(sorted(group_by(lines, BY[name]).items())))
            for name in ("noise", "wording", "speaker")
        ),
    )
    return tuple(table for table in every if table.rows)
