"""Measures whether confidence equals the probability of being right: `python -m lab.bench.calibration DETAILS...`.

Each of `DETAILS` was written by `dockvoice evaluate MANIFEST --details DETAILS`; a recording in several counts once.
Speakers are halved by the SHA-256 of their name: curves are fitted on the even half, and every figure is also given for
the other. After a change of recogniser, grammar or parser, the new curves go into
`edge/understand/local/confidence.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import cast

import numpy as np

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.forms.loader import load_forms
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.confusable import classify_rival
from edge.config import Settings
from edge.understand.local.confidence import VOSK, Calibration
from lab.bench.command import make_parser
from lab.report.lines import ClipLine, read_lines
from lab.report.statistics import Interval, wilson_interval
from lab.retuning import PULL, SHARE_ITSELF, FieldSample, fit_by_kind, fit_logistic_curve

_EDGES = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
"""Bounds of the table's confidence bins, finer where decisions fall."""

_LEAST = 1e-4  # Lower bound of a probability in the log loss, so that one overconfident reading cannot dominate.


def main() -> None:
    """Print reliability and fitted curves of the clips in details files."""
    parser = make_parser("lab.bench.calibration", __doc__)
    parser.add_argument("details", type=Path, nargs="+")
    details: list[Path] = parser.parse_args().details
    settings = load_settings(Settings, None)
    lines = {Path(line.audio).name: line for path in details for line in read_lines(path)}
    reads = list(_vosk_field_samples(lines.values(), load_forms(settings.forms_directory)))
    fitted, others = [one for one in reads if one.is_fitted], [one for one in reads if not one.is_fitted]
    for name, half in (("speakers of the fit", fitted), ("other speakers", others)):
        print(f"\n{name}: {len({one.speaker for one in half})}; fields: {len(half)}, wrong: {_count_wrong(half)}")
        _print_reliability(half)
    _print_curves_and_losses(fitted, others)


def _vosk_field_samples(lines: Iterable[ClipLine], forms: Mapping[str, Form]) -> Iterator[FieldSample]:
    """Each field that vosk alone recognised with one value, in clips of one utterance."""
    for line in lines:
        said = line.truth or line.said
        if not said or len(line.heard) != 1 or not line.heard[0].interpreter.startswith("vosk/"):
            continue
        for name, one in line.heard[0].readings.items():
            if one.value is not None and not one.rivals:
                kind, rival = forms[line.form][name].spoken.name, classify_rival(one.value, one.runner_up)
                share = VOSK[rival].share(one.confidence)
                yield FieldSample(kind, rival, line.speaker or "", share, said.get(name) == one.value)


def _count_wrong(reads: Iterable[FieldSample]) -> int:
    """Number of wrong samples."""
    return sum(not one.right for one in reads)


def _print_reliability(reads: Sequence[FieldSample]) -> None:
    """Print the share right by bins of confidence, with 95 % intervals."""
    print(f"{'confidence':>13} {'n':>5} {'told':>7} {'right':>7}  95 % interval")
    for low, high in pairwise(_EDGES):
        row = [one for one in reads if low <= one.confidence < high]
        if row:
            mean_confidence = float(np.mean([one.confidence for one in row]))
            right = len(row) - _count_wrong(row)
            reach = cast("Interval", wilson_interval(right, len(row)))
            print(
                f"{low:>6.2f}-{high:<6.2f} {len(row):>5} {mean_confidence:>7.1%} {reach.share:>7.1%}"
                f"  {reach.least:.1%} to {reach.most:.1%}"
            )


def _print_curves_and_losses(fitted: Sequence[FieldSample], others: Sequence[FieldSample]) -> None:
    """Print the curve for all samples, for each kind of field and of rival, and which fit the other speakers better."""
    pooled = fit_logistic_curve(fitted, SHARE_ITSELF, PULL)
    of_kinds = fit_by_kind(fitted, pooled, lambda one: one.kind)
    of_rivals = fit_by_kind(fitted, pooled, lambda one: one.rival)
    print(f"\nfitted: all {_curve_source(pooled)}")
    for name, curve in {**of_kinds, **of_rivals}.items():
        n, bad = _count_kind(fitted, name)
        print(f"  {name:>12} {_curve_source(curve)}; {n} fields, {bad} wrong")
    print("loss (nats a field) on the other speakers, less is better:")
    by: dict[str, Callable[[FieldSample], Calibration]] = {
        "share itself": lambda _: SHARE_ITSELF,
        "in use": lambda one: VOSK[one.rival],
        "one curve": lambda _: pooled,
        "by field": lambda one: of_kinds.get(one.kind, pooled),
        "by rival": lambda one: of_rivals.get(one.rival, pooled),
    }
    for name, curve_of in by.items():
        print(f"  {name:>12} {log_loss(others, curve_of):.4f}")


def _count_kind(reads: Sequence[FieldSample], name: str) -> tuple[int, int]:
    """Number of samples of a kind of field or rival, and how many of them are wrong."""
    some = [one for one in reads if name in {one.kind, one.rival}]
    return len(some), _count_wrong(some)


def _curve_source(curve: Calibration) -> str:
    """Format a curve as Python source."""
    return f"Calibration(offset={curve.offset:.2f}, slope={curve.slope:.2f})"


def log_loss(reads: Iterable[FieldSample], curve: Callable[[FieldSample], Calibration]) -> float:
    """Mean negative log-likelihood of the actual outcomes."""
    chances = [(curve(one).probability(one.share), one.right) for one in reads]
    return float(np.mean([-np.log(max(chance if right else 1 - chance, _LEAST)) for chance, right in chances]))


if __name__ == "__main__":
    main()
