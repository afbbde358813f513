"""Terms: how an operator words an entry: the units that he used, and the end of a long number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from dockvoice_protocol.forms.model import FormField, Gs1
from dockvoice_protocol.forms.spoken import read_transcript
from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.records import FieldValue, Reading
from edge.agree.decide import Rules
from edge.agree.readings import normalize_word
from edge.records import Draft
from edge.records.speech import Terms

_SPOKEN_DIGITS = 4
"""How many digits of a number suffice to find its label. A valid check digit also detects an error before them."""

_Counted = tuple[str, str]  # The words up to a unit, and that unit.


def build_terms(draft: Draft, others: Iterable[Mapping[str, FieldValue]], rules: Rules) -> Terms:
    """How to read a draft back: in its spoken units, and by the ends of numbers that tell it from `others`."""
    return Terms(
        find_spoken_units(draft.reading, rules), frozenset(_find_shortenable_fields(draft, tuple(others), rules))
    )


def find_spoken_units(reading: Reading, rules: Rules) -> Mapping[str, Mapping[FieldValue, str]]:
    """By field and value, the unit that was spoken: "twelve cases and three pieces" has two.

    A correction inherits it: "twelve cases", "no, fifteen".
    """
    counted = [one for one in rules.form.fields if one.units and rules.form.unit_field(one.name) is None]
    units_by_field = {one.name: _find_field_units(one, reading, rules) for one in counted if one.name in reading.fields}
    return {name: units for name, units in units_by_field.items() if units}


def _find_field_units(field: FormField, reading: Reading, rules: Rules) -> Mapping[FieldValue, str]:
    said = reading.fields[field.name]
    units = {fold(unit) for unit in field.wording(rules.language.code).units}
    chunks = list(_split_at_units(said.words, units)) or list(
        _split_at_units(_words_of_no_other_field(field, reading), units)
    )
    if len({_plural(field, unit) for _, unit in chunks}) > 1:
        read = (
            (read_transcript(words, rules.form, rules.catalogue, rules.language.code), unit) for words, unit in chunks
        )
        known = ((one[field.name].value, unit) for one, unit in read if field.name in one)
        return {value: unit for value, unit in known if value is not None}
    values = [value for value in (said.value, said.runner_up, *said.rivals) if value is not None]
    return {value: unit for value in values for _, unit in chunks}


def _split_at_units(words: Sequence[str], units: set[str]) -> Iterator[_Counted]:
    """Yield the words up to and including each unit, from the unit before on, with the unit."""
    start = 0
    for at, word in enumerate(words):
        if (unit := normalize_word(word)) in units:
            yield " ".join(words[start : at + 1]), unit
            start = at + 1


def _words_of_no_other_field(field: FormField, reading: Reading) -> Sequence[str]:
    """The words of the utterance that gave no other field."""
    others = {fold(word) for name, one in reading.fields.items() if name != field.name for word in one.words}
    return [word.text for word in reading.words if fold(word.text) not in others]


def _plural(field: FormField, unit: str) -> str:
    return next((many for many, one in field.units.items() if fold(one) == unit), unit)


def _find_shortenable_fields(draft: Draft, others: Sequence[Mapping[str, FieldValue]], rules: Rules) -> Iterator[str]:
    """The fields to shorten: identifiers with a valid check digit that were scanned, or heard once without a doubt.

    Not where another entry ends with the same digits.
    """
    for one in rules.form.fields:
        said = draft.reading.fields.get(one.name)
        if (
            said is None
            or not isinstance(said.value, str)
            or not (one.identifier and has_reliable_check_digit(one, said.value))
        ):
            continue
        end = said.value[-_SPOKEN_DIGITS:]
        alike = any(str(entry.get(one.name, "")).endswith(end) for entry in others if entry.get(one.name) != said.value)
        if said.confirmed and (said.scanned or not draft.support) and not alike:
            yield one.name


def has_reliable_check_digit(field: FormField, value: str) -> bool:
    """Eight to fourteen digits are valid by chance too often, unless the form says that they are such a key."""
    return (field.check_digit or Gs1.SSCC).is_valid(value)
