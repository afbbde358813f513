"""The policy table: how sure a site wants to be. `docs/decisions.md` shows it; a test compares the two.

A demand is the confidence below which a field is asked about: a probability, where the confidence is calibrated. The
demands of `balanced` are set on the dev set, so that wrong records stay within 0.5 % in the clean, 1 % at 10 dB and 1.5
% at 5 dB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from dockvoice_protocol.forms.model import FormField
from dockvoice_protocol.forms.spoken.confusable import RivalKind, classify_rival, is_weak_letter
from dockvoice_protocol.records import FieldReading
from edge.config import PolicyName
from edge.records import Acoustics, Reason

_PASSES_BY_CHANCE = 0.1  # One in ten misheard values has a valid check digit.

_CONFUSABLE_KINDS = frozenset({RivalKind.MORE, RivalKind.ZERO, RivalKind.ALIKE})
"""Kinds of a second candidate that are easily misheard for the first, at any confidence."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One column of the table. Confidences are probabilities, 0 to 1."""

    minimum: float  # For every field.
    uncalibrated: float  # Where the confidence is no probability, but the recogniser's own score.
    alike: float
    """For a C or Z whose second candidate rhymes and has no hiss: of 559 docks said as a single letter by 15 synthetic
    voices none was wrongly recorded as C."""
    rhyming: float
    """For any other letter beside a letter, unless the two are told apart, that no second recogniser bears out; 1: it
    is always asked about. Of the same letters 41 were recorded as another one, at 0.80 to 0.998: of some voices the
    recogniser hears "dee" as "bee", and no confidence tells. All 41 had a letter as the second candidate."""
    poor: float  # For every field in poor sound, by one of the next three.
    noisy_db: float  # Poor: a lower signal-to-noise ratio, dB.
    clipped: float  # Poor: a greater share of clipped samples.
    second_voice: float  # Poor: a greater share of voiced sound at another pitch.
    faint_db: float
    """Speech below this level, in dB relative to full scale, comes from far away: it must be repeated, or is no
    dictation."""
    seconds_per_digit: float  # A shorter time per digit of an identifier is impossible.
    earcon: float
    """Recorded with an earcon only if every field reaches this and none is easily misheard; else read back."""
    double_count_minutes: float  # Window in which the same thing is asked about as a double; 0: never.
    asks_unusual: bool  # Whether a value outside the form's usual range is asked about.

    def with_minimum(self, minimum: float | None) -> Policy:
        """This policy with a site's minimum, to which the other demands are only ever raised; None: unchanged."""
        if minimum is None:
            return self
        others = {name: max(minimum, getattr(self, name)) for name in ("alike", "rhyming", "poor")}
        return replace(self, minimum=minimum, uncalibrated=minimum, **others)


STRICT = Policy(
    minimum=0.95,
    uncalibrated=0.95,
    alike=0.95,
    rhyming=1.0,
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
    alike=0.85,
    rhyming=1.0,
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
    rhyming=0.85,
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
    """The confidence that a field must reach, and the reason if it does not."""

    confidence: float
    reason: Reason


def find_highest_demand(field: FormField, reading: FieldReading, acoustics: Acoustics | None, policy: Policy) -> Demand:
    """The highest demand on a field, with its reason; a check digit lowers it."""
    rival = classify_rival(reading.value, reading.runner_up)
    weak = is_weak_letter(reading.value, reading.runner_up)
    alone = weak and not reading.seconded
    reason = Reason.CONFUSABLE if weak or rival in _CONFUSABLE_KINDS else Reason.FIELD_UNSURE
    minimum = policy.rhyming if alone else policy.alike if weak or rival is RivalKind.ALIKE else policy.minimum
    least = Demand(minimum if reading.calibrated else policy.uncalibrated, reason)
    most = max([least, *_list_acoustic_demands(acoustics, policy)], key=lambda demand: demand.confidence)
    return most if field.check_digit is None else replace(most, confidence=_lower_by_check_digit(most.confidence))


def _list_acoustic_demands(acoustics: Acoustics | None, policy: Policy) -> list[Demand]:
    """The demands of poor sound."""
    if acoustics is None:
        return []
    poor = {
        Reason.TOO_NOISY: acoustics.snr_db < policy.noisy_db,
        Reason.CLIPPED: acoustics.clipped > policy.clipped,
        Reason.SECOND_VOICE: acoustics.second_voice > policy.second_voice,
    }
    return [Demand(policy.poor, reason) for reason, applies in poor.items() if applies]


def _lower_by_check_digit(confidence: float) -> float:
    """The same demand on a value with a valid check digit, by Bayes' rule: a misheard one seldom has it."""
    return confidence * _PASSES_BY_CHANCE / (1 - confidence + confidence * _PASSES_BY_CHANCE)
