"""How likely a field is right, given the share of all that was likely in which it has its value.

What else it may have been tells as much as the share: a value from which a sound may have been lost (60 for 16) is
wrong far more often than one in which that sound was heard, at the same share. So there is a curve for each kind of
rival; on voices that they were not fitted on, these told more than one for all (`bench/calibration.py` prints both).
The form is Platt's: Platt, "Probabilistic outputs for support vector machines", 1999.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from edge.forms.spoken.confusable import Rival

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


VOSK: Mapping[Rival, Curve] = MappingProxyType(
    {
        Rival.NONE: Curve(offset=-0.11, slope=1.30),
        Rival.LESS: Curve(offset=0.43, slope=1.58),
        Rival.MORE: Curve(offset=-1.42, slope=0.72),
        Rival.ALIKE: Curve(offset=-0.18, slope=1.09),
        Rival.LETTER: Curve(offset=0.57, slope=1.63),
        Rival.OTHER: Curve(offset=-0.38, slope=0.83),
    }
)
"""Fitted on half of the speakers, those whose name has an even SHA-256: on their clips of the dev set, and of the
repository's own set in made noise. `python -m bench.calibration DETAILS...` fits them."""
