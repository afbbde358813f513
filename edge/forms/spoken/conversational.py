"""What an operator says when the device answers: commands, one field alone, corrections, bare values, check digits.

Given to a recogniser beside the sentences of the form, and fewer than those, so that it still expects these most.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from edge.forms.catalogue import Catalogue
from edge.forms.model import Form, FormField
from edge.forms.spoken import saying
from edge.forms.spoken.commands import command_phrases
from edge.forms.spoken.sentences import CUES, SEED

COMMANDS = 4
"""So often each command: together some 200 of more than 6,000 sentences."""
PER_FIELD = 150
"""So many answers and corrections for each field."""


def conversational(form: Form, catalogue: Catalogue, names: Sequence[str] = ()) -> tuple[str, ...]:
    """Short utterances, the same for the same form, catalogue and `names` of those who may sign on."""
    random = Random(SEED)  # noqa: S311 - sampling, not secrecy
    answers = [one for field in form.fields for _ in range(PER_FIELD) for one in _about(field, catalogue, random)]
    said_twice = [f"{choice} {choice}" for field in form.fields if field.exception for choice in field.choices]
    return (*(command_phrases(names) * COMMANDS), *said_twice, *answers, *_checks(form, catalogue, random))


def _about(field: FormField, catalogue: Catalogue, random: Random) -> Iterator[str]:
    """A bare value, the field alone, and one of these as a correction."""
    words = saying.said(saying.value(field, catalogue, random), field, catalogue, random)
    named = f"{words} {random.choice(list(field.units))}" if field.units else f"{random.choice(field.labels)} {words}"
    yield words
    yield named
    yield f"{random.choices(list(CUES), weights=list(CUES.values()))[0]} {named}"


def _checks(form: Form, catalogue: Catalogue, random: Random) -> Iterator[str]:
    for field in form.fields:
        for value in catalogue.values(field.catalogue) if field.catalogue else ():
            for check in catalogue.checks_of(str(field.catalogue), value):
                yield saying.spelt(check, random) if check.isdigit() else check
