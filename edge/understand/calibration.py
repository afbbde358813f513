"""How likely a field is right, given the share of all that was likely in which it has its value.

The share is a good guess, and a little too modest at its upper end. One curve serves every kind of field: fitted apart
for digits, numbers and letters, the curves were worse on voices that they were not fitted on (`bench/calibration.py`
prints both). The form is Platt's: Platt, "Probabilistic outputs for support vector machines", 1999.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

CERTAIN = 0.999
"""Shares beyond are counted as this: a few hundred readings cannot tell one error in a thousand from none."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The logarithm of the odds of being right, as a line over that of the share. Rises where `slope` does."""

    offset: float
    slope: float

    def probability(self, share: float) -> float:
        """How likely a value of this share is right, 0 to 1."""
        return 1 / (1 + math.exp(-(self.offset + self.slope * log_odds(share))))

    def share(self, probability: float) -> float:
        """The share that has this probability: what was measured, of what was told."""
        return 1 / (1 + math.exp(-(log_odds(probability, certain=1 - 1e-9) - self.offset) / self.slope))


def log_odds(share: float, certain: float = CERTAIN) -> float:
    """The logarithm of the odds, held within what can be told apart."""
    held = min(max(share, 1 - certain), certain)
    return math.log(held / (1 - held))


VOSK = Curve(offset=-0.09, slope=1.43)
"""Fitted on half of the dev set's speakers (540 fields, 11 of them wrong), those whose name has an even SHA-256:
`dockvoice evaluate MANIFEST --details dev.jsonl; python -m bench.calibration dev.jsonl`."""
