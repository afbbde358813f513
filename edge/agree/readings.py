"""Readings: the values that their fields have or may have, where two of them differ, and a part of one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from edge.agree.decide import Rules
from edge.forms.spoken import read
from edge.records import FieldReading, FieldValue, Reading, Word


def values_of(reading: Reading) -> dict[str, FieldValue]:
    """The values of the fields that have one, in doubt or not."""
    return {name: said.value for name, said in reading.fields.items() if said.value is not None}


def likely_values(reading: Reading) -> dict[str, FieldValue]:
    """As `values_of`, and where a field has none, the one that its words may mean."""
    may_be = {name: said.runner_up for name, said in reading.fields.items() if said.runner_up is not None}
    return may_be | values_of(reading)


def own(reading: Reading) -> Reading:
    """The reading without what stands for all entries, which was filled in."""
    return replace(reading, fields={name: one for name, one in reading.fields.items() if not one.is_taken})


def values_in(said: FieldReading | None) -> tuple[FieldValue, ...]:
    """All values that a field may have by what was said, the likeliest first; none where nothing is known of it."""
    if said is None:
        return ()
    likely = said.runner_up if said.value is None else said.value
    return tuple(one for one in (likely, *said.rivals) if one is not None)


def differing(claim: Reading, said: Reading, identifies: Iterable[str]) -> tuple[str, ...]:
    """The identifying fields of which both have values, and none in common."""
    pairs = ((name, values_in(claim.fields.get(name)), values_in(said.fields.get(name))) for name in identifies)
    return tuple(name for name, before, after in pairs if before and after and not set(before) & set(after))


def names_unclearly(said: Reading, rules: Rules) -> bool:
    """Does it name something by an identifier that was not understood? What it is of nobody knows then."""
    return any(name in said.fields and said.fields[name].value is None for name in rules.identifies)


def says_nothing(said: Reading) -> bool:
    """Does no field have a value that may be meant: "not dock D"?"""
    return not likely_values(said)


def part_of(said: Reading, words: Sequence[Word], rules: Rules) -> Reading:
    """What some of the words that were said mean by themselves. What stands for all is of each part."""
    stands = {name: one for name, one in said.fields.items() if one.is_taken}
    fields = {**stands, **read(words, rules.form, rules.catalogue, rules.language)}
    # What made a field doubtful as it was heard holds for either part.
    doubted = [name for name in fields if name in said.fields and not said.fields[name].confirmed]
    return unconfirmed(replace(said, words=tuple(words), fields=fields, not_understood=None), doubted)


def unconfirmed(reading: Reading, names: Iterable[str]) -> Reading:
    """The reading, in which these fields are to be confirmed."""
    doubted = {name: replace(reading.fields[name], confirmed=False) for name in names}
    return replace(reading, fields={**reading.fields, **doubted}) if doubted else reading
