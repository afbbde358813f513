"""Compares two runs clip by clip, with a significance test; and the text tables that reports use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath
from typing import Any

from dockvoice_protocol.errors import UnreadableInput
from lab.report.lines import ClipLine
from lab.report.measures import percentile
from lab.report.statistics import Interval, mcnemar_p_value, wilson_interval
from lab.scoring import Mark

_GOOD = {Mark.RIGHT, Mark.SILENT}  # The correct marks: recorded as dictated, or correctly nothing.


@dataclass(frozen=True, slots=True)
class _ChangedClip:
    """A clip with another outcome in the second run."""

    clip: str
    condition: str
    before: ClipLine
    after: ClipLine


@dataclass(frozen=True)
class Comparison:
    """Two runs paired clip by clip."""

    pairs: tuple[tuple[ClipLine, ClipLine], ...]
    unpaired: int  # Clips in only one of the runs, which are ignored.

    @cached_property
    def changed_clips(self) -> tuple[_ChangedClip, ...]:
        """The clips whose outcome differs, or that were recorded wrongly in another way."""
        return tuple(
            _ChangedClip(before.audio, before.condition, before, after)
            for before, after in self.pairs
            if before.mark is not after.mark
            or (before.mark is Mark.WRONG and first_recorded_fields(before) != first_recorded_fields(after))
        )

    @property
    def only_first_right(self) -> int:
        """Clips that only the first run had right."""
        return sum(before.mark in _GOOD and after.mark not in _GOOD for before, after in self.pairs)

    @property
    def only_second_right(self) -> int:
        """Clips that only the second run had right."""
        return sum(after.mark in _GOOD and before.mark not in _GOOD for before, after in self.pairs)

    @property
    def p_value(self) -> float:
        """p-value of McNemar's exact test of right against not right."""
        return mcnemar_p_value(self.only_first_right, self.only_second_right)

    def count_clips_with_mark(self, mark: Mark) -> tuple[int, int]:
        """The clips with `mark` in the first and in the second run."""
        return sum(one.mark is mark for one, _ in self.pairs), sum(one.mark is mark for _, one in self.pairs)

    def as_json(self) -> dict[str, Any]:
        """The comparison as JSON."""
        return {
            "clips": len(self.pairs),
            "unpaired": self.unpaired,
            "marks": {mark.value: self.count_clips_with_mark(mark) for mark in Mark},
            "right_only_first": self.only_first_right,
            "right_only_second": self.only_second_right,
            "mcnemar_p": round(self.p_value, 6),
            "changed": [
                {
                    "audio": one.clip,
                    "condition": one.condition,
                    "before": {"mark": one.before.mark, "fields": first_recorded_fields(one.before)},
                    "after": {"mark": one.after.mark, "fields": first_recorded_fields(one.after)},
                    "truth": one.before.truth,
                }
                for one in self.changed_clips
            ],
        }


def compare_runs(first: Sequence[ClipLine], second: Sequence[ClipLine]) -> Comparison:
    """Pair the clips of both runs by file and folder name. Raises UnreadableInput if none is in both."""
    later = {_folder_and_name(one): one for one in second}
    pairs = tuple((one, later[_folder_and_name(one)]) for one in first if _folder_and_name(one) in later)
    if not pairs:
        raise UnreadableInput("--compare: the two files hold no clip in common; compare runs over the same manifest")
    return Comparison(pairs, len(first) + len(second) - 2 * len(pairs))


def first_recorded_fields(one: ClipLine) -> dict[str, Any] | None:
    """The fields of the first entry recorded from a clip; None if none was."""
    return next((dict(utterance.fields) for utterance in one.heard if utterance.verdict == "accept"), None)


def _folder_and_name(one: ClipLine) -> tuple[str, ...]:
    # Two checkouts of the same set lie in different places: folder and name tell a clip.
    return PurePath(one.audio).parts[-2:]


NONE = "-"  # Printed for a missing figure.


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table of text. The first column names the row, the others are figures."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def format_percent(interval: Interval | None) -> str:
    """Format a share with its interval: `95.7 (90.3-98.1)`."""
    if interval is None:
        return NONE
    return f"{100 * interval.share:.1f} ({100 * interval.least:.1f}-{100 * interval.most:.1f})"


def format_share(hits: int, of: int) -> str:
    """Format the share `hits / of` with its 95 % interval (Wilson)."""
    return format_percent(wilson_interval(hits, of))


def format_decision_ms(lines: Iterable[ClipLine], hundredths: int) -> str:
    """Format a percentile of the decision times, ms."""
    times = [one.decision_ms for one in lines if one.decision_ms is not None]
    return f"{percentile(times, hundredths):.0f}" if times else NONE


def to_markdown(table: Table) -> str:
    """Convert the table to Markdown."""
    head = f"| {' | '.join(table.columns)} |\n|---|{'--:|' * (len(table.columns) - 1)}\n"
    body = "".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in table.rows)
    note = f"\n{table.note}\n" if table.note else ""
    return f"### {table.title}\n\n{head}{body}{note}"
