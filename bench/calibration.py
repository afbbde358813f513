"""Whether a confidence is the probability it claims to be: `python -m bench.calibration DETAILS`.

`DETAILS` is what `dockvoice evaluate MANIFEST --details DETAILS` wrote. The speakers are halved by the SHA-256 of their
name. A curve is fitted on the first half (those that are even), and every figure is also given for the other, which
nothing was fitted on. Fitted again after a change of recogniser, grammar or parser, the curve goes into
`edge/understand/calibration.py`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from edge.config import Settings, load
from edge.forms.form import Form, forms_in
from edge.measure.reporting.intervals import Interval, wilson
from edge.measure.reporting.lines import Line, read_lines
from edge.understand.calibration import VOSK, Curve, log_odds

EDGES = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
"""Bounds of the rows of the table: finer where decisions fall."""

SHARE_ITSELF = Curve(0.0, 1.0)
"""The share taken at its word: what the fit is drawn to where there is little to fit."""

PULL = 1.0
"""How strongly, as the inverse variance of both parameters."""

PULL_OF_KINDS = 3.0
"""The same for the curve of one kind of field, towards that of all."""

STEPS = 100
"""Newton's method needs about eight."""

LEAST = 1e-4
"""A probability in a loss: one overconfident reading must not drown the others."""


@dataclass(frozen=True, slots=True)
class Read:
    """One field of a clip: how sure, and whether right."""

    kind: str
    speaker: str
    share: float
    right: bool

    @property
    def is_fitted(self) -> bool:
        """Whether its speaker is of the half that the curve is fitted on."""
        return sha256(self.speaker.encode()).digest()[0] % 2 == 0


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.calibration", description=__doc__)
    parser.add_argument("details", type=Path)
    details: Path = parser.parse_args().details
    settings = load(Settings, None)
    reads = list(fields(read_lines(details), forms_in(settings.forms_directory)))
    fitted, others = [one for one in reads if one.is_fitted], [one for one in reads if not one.is_fitted]
    for name, half in (("speakers of the fit", fitted), ("other speakers", others)):
        print(f"\n{name}: {len({one.speaker for one in half})}; fields: {len(half)}, wrong: {wrong(half)}")
        print_reliability(half)
    print_curves(fitted, others)


def fields(lines: Iterable[Line], forms: Mapping[str, Form]) -> Iterator[Read]:
    """Every field that vosk alone read to one value, in clips heard as one utterance."""
    for line in lines:
        said = line.truth or line.said
        if not said or len(line.heard) != 1 or not line.heard[0].interpreter.startswith("vosk/"):
            continue
        for name, one in line.heard[0].readings.items():
            if one.value is not None and not one.rivals:
                kind = forms[line.form][name].spoken
                yield Read(kind, line.speaker or "", VOSK.share(one.confidence), said.get(name) == one.value)


def wrong(reads: Iterable[Read]) -> int:
    """How many are."""
    return sum(not one.right for one in reads)


def print_reliability(reads: Sequence[Read]) -> None:
    """How often fields of about the same confidence were right, with the 95 % interval of so few."""
    print(f"{'confidence':>13} {'n':>5} {'told':>7} {'right':>7}  95 % interval")
    for low, high in pairwise(EDGES):
        row = [one for one in reads if low <= VOSK.probability(one.share) < high]
        if row:
            told = float(np.mean([VOSK.probability(one.share) for one in row]))
            right = len(row) - wrong(row)
            reach = cast("Interval", wilson(right, len(row)))
            print(
                f"{low:>6.2f}-{high:<6.2f} {len(row):>5} {told:>7.1%} {reach.share:>7.1%}"
                f"  {reach.least:.1%} to {reach.most:.1%}"
            )


def print_curves(fitted: Sequence[Read], others: Sequence[Read]) -> None:
    """The curve for all kinds and one for each, and which of them tells more of the other speakers."""
    pooled = fit(fitted, SHARE_ITSELF, PULL)
    kinds = sorted({one.kind for one in fitted})
    own = {kind: fit([one for one in fitted if one.kind == kind], pooled, PULL_OF_KINDS) for kind in kinds}
    print(f"\nfitted: all kinds {told(pooled)}" + "".join(f"; {kind} {told(curve)}" for kind, curve in own.items()))
    print("loss (nats a field) on the other speakers, less is better:")
    by: dict[str, Callable[[Read], Curve]] = {
        "share itself": lambda _: SHARE_ITSELF,
        "in use": lambda _: VOSK,
        "one curve": lambda _: pooled,
        "one each": lambda one: own.get(one.kind, pooled),
    }
    for name, curve in by.items():
        print(f"  {name:>12} {loss(others, curve):.4f}")


def told(curve: Curve) -> str:
    """A curve as it stands in the code."""
    return f"Curve(offset={curve.offset:.2f}, slope={curve.slope:.2f})"


def fit(reads: Sequence[Read], drawn_to: Curve, pull: float) -> Curve:
    """The likeliest curve, drawn to another one: logistic regression with a ridge, by Newton's method."""
    odds = np.array([[1.0, log_odds(one.share)] for one in reads])
    right = np.array([one.right for one in reads], float)
    prior = np.array([drawn_to.offset, drawn_to.slope])
    weights: NDArray[np.float64] = prior.copy()
    for _ in range(STEPS):
        probable = 1 / (1 + np.exp(-odds @ weights))
        gradient = odds.T @ (right - probable) - pull * (weights - prior)
        curvature = (odds * (probable * (1 - probable))[:, None]).T @ odds + pull * np.eye(2)
        weights = weights + np.linalg.solve(curvature, gradient)
    return Curve(float(weights[0]), float(weights[1]))


def loss(reads: Iterable[Read], curve: Callable[[Read], Curve]) -> float:
    """The mean negative logarithm of the probability given to what was the case."""
    chances = [(curve(one).probability(one.share), one.right) for one in reads]
    return float(np.mean([-np.log(max(chance if right else 1 - chance, LEAST)) for chance, right in chances]))


if __name__ == "__main__":
    main()
