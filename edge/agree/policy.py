"""How sure a site wants to be: the policy table. `docs/decisions.md` shows it to people; a test holds the two together.

A demand is what a field's confidence must reach, or the field is asked about: a probability, where the confidence is
one. The demands of `balanced` are set on the dev set, so that records which are wrong stay within 0.5 % in the clean,
1 % at 10 dB and 1.5 % at 5 dB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from dockvoice_protocol.forms.model import FormField
from dockvoice_protocol.forms.spoken.confusable import Rival, rivalry
from dockvoice_protocol.records import FieldReading
from edge.config import PolicyName
from edge.records import Acoustics, Reason

PASSES_BY_CHANCE = 0.1  # One misheard value in ten has a check digit that fits: there are ten.

MISHEARD = frozenset({Rival.MORE, Rival.ZERO, Rival.ALIKE})
"""What the likeliest other value is where it may be misheard for the one that was read, sure as that may be."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One column of the table. Confidences are probabilities, 0 to 1."""

    minimum: float  # What any field must reach.
    uncalibrated: float  # The same where the confidence is no probability, but the reader's own view.
    alike: float
    """The same of a letter whose likeliest other value is another that ends in "ee". Of 15 such letters in the accents,
    the wordings and a third of the dev set, the wrong ones were at 0.70 to 0.77, and the right ones that were recorded
    from 0.90 on: `balanced` lies between."""
    poor: float  # The same for every field where the sound is poor by one of the next three.
    noisy_db: float  # Poor: the voice stands out from what surrounds it by less, dB.
    clipped: float  # Poor: a greater share of the samples overran the converter.
    second_voice: float  # Poor: a greater share of the voiced sound has another pitch.
    faint_db: float
    """Fainter than this, dB below full scale, it is somebody far away: said again, or no dictation at all."""
    seconds_per_digit: float  # Nobody says the digits of an identifier faster.
    earcon: float
    """Recorded with a mere sound where every field reaches this and none is easily misheard; else it is read back."""
    double_count_minutes: float  # The same thing recorded again within so many minutes is asked about; 0: never.
    asks_unusual: bool  # Whether a value outside what the form calls usual is asked about.

    def demanding(self, minimum: float | None) -> Policy:
        """This policy with the least confidence that a site has set for itself; None: it has set none."""
        if minimum is None:
            return self
        alike, poor = max(minimum, self.alike), max(minimum, self.poor)
        return replace(self, minimum=minimum, uncalibrated=minimum, alike=alike, poor=poor)


STRICT = Policy(
    minimum=0.95,
    uncalibrated=0.95,
    alike=0.95,
    poor=0.99,
    noisy_db=10.0,
    clipped=0.001,
    second_voice=0.40,
    faint_db=-45.0,
    seconds_per_digit=0.12,
    earcon=1.0,
    double_count_minutes=30.0,
    asks_unusual=True,
)
BALANCED = Policy(
    minimum=0.75,
    uncalibrated=0.75,
    alike=0.80,
    poor=0.85,
    noisy_db=8.0,
    clipped=0.01,
    second_voice=0.55,
    faint_db=-50.0,
    seconds_per_digit=0.10,
    earcon=0.95,
    double_count_minutes=10.0,
    asks_unusual=True,
)
FAST = Policy(
    minimum=0.60,
    uncalibrated=0.60,
    alike=0.70,
    poor=0.75,
    noisy_db=0.0,
    clipped=0.05,
    second_voice=0.70,
    faint_db=-55.0,
    seconds_per_digit=0.08,
    earcon=0.75,
    double_count_minutes=2.0,
    asks_unusual=False,
)

POLICIES: Mapping[PolicyName, Policy] = MappingProxyType(
    {PolicyName.STRICT: STRICT, PolicyName.BALANCED: BALANCED, PolicyName.FAST: FAST}
)


@dataclass(frozen=True, slots=True)
class Demand:
    """How sure a field must be, and what to call it if it is not."""

    confidence: float
    reason: Reason


def demanded(field: FormField, said: FieldReading, acoustics: Acoustics | None, policy: Policy) -> Demand:
    """What the policy demands of a field as it was read: the most of all that applies, by the most telling reason."""
    rival = rivalry(said.value, said.runner_up)
    reason = Reason.CONFUSABLE if rival in MISHEARD else Reason.FIELD_UNSURE
    least = Demand(_least(rival, policy) if said.calibrated else policy.uncalibrated, reason)
    most = max([least, *_by_place(acoustics, policy)], key=lambda demand: demand.confidence)
    return most if field.check_digit is None else replace(most, confidence=_checked(most.confidence))


def _least(rival: Rival, policy: Policy) -> float:
    return policy.alike if rival is Rival.ALIKE else policy.minimum


def _by_place(acoustics: Acoustics | None, policy: Policy) -> list[Demand]:
    """Where the sound was poor."""
    if acoustics is None:
        return []
    poor = {
        Reason.TOO_NOISY: acoustics.snr_db < policy.noisy_db,
        Reason.CLIPPED: acoustics.clipped > policy.clipped,
        Reason.SECOND_VOICE: acoustics.second_voice > policy.second_voice,
    }
    return [Demand(policy.poor, reason) for reason, applies in poor.items() if applies]


def _checked(confidence: float) -> float:
    """The same demand of a value whose check digit fits, by Bayes' rule: a misheard one seldom does."""
    return confidence * PASSES_BY_CHANCE / (1 - confidence + confidence * PASSES_BY_CHANCE)
