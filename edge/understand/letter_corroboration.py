"""Letters in doubt, and the confidence of one that a second measurement corroborates. Pure."""

from __future__ import annotations

from dataclasses import replace

from dockvoice_protocol.forms.spoken.confusable import is_weak_letter
from dockvoice_protocol.records import FieldReading

CORROBORATION_PROBABILITY = 0.9
"""How likely a letter that a second measurement finds is the one that was said: one that the second recogniser writes
as a word of its own, that fits the sound best by far, or that has such a spectrum."""


def is_doubtful_letter(field: FieldReading) -> bool:
    """Whether the value is a letter for which the one that is listed beside it may have been said."""
    return not field.rivals and is_weak_letter(field.value, field.runner_up)


def corroborate(field: FieldReading) -> FieldReading:
    """The field as seconded; it is wrong only where the recogniser and the second measurement both are."""
    return replace(field, seconded=True, confidence=1 - (1 - field.confidence) * (1 - CORROBORATION_PROBABILITY))
