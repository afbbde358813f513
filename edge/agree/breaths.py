"""A sentence said in several breaths: a number that a pause cut in two counts in neither half by itself. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from edge.agree.decide import Rules
from edge.forms.spoken import are_one_number, begins, ends, preface
from edge.forms.spoken.language import fold
from edge.records import NotUnderstood, Reading, Word

BREATH_S = 4.0
"""Who pauses for longer in the middle of a sentence begins it anew."""


def astray(said: Reading, rules: Rules) -> bool:
    """Do words go before the first field that belong to none: "where is dock C", "not dock C", "zero eight, dock A"?"""
    return bool(preface(said.words, rules.form, rules.catalogue, rules.language))


def is_wordless(said: Reading) -> bool:
    """Is it a cough, or words that nobody knows? What was said before it is still what was said last."""
    return said.not_understood is NotUnderstood.NO_WORDS


def continued(before: Sequence[Word], said: Reading, rules: Rules) -> Reading:
    """The reading, in which a count is to be confirmed whose beginning may be what was said `before`."""
    if not are_one_number(before, said.words, rules.language):
        return said
    return unconfirmed(said, _counted_first(said, rules))


def starts_in_doubt(said: Reading, rules: Rules) -> bool:
    """Does the number that it begins with make no value of its field, "eight five two twelve units", or belong to none?

    "Oh, dock A": a zero, maybe, of what was said before.
    """
    counted = _counted_first(said, rules)
    return not counted or any(said.fields[name].value is None for name in counted)


def _counted_first(said: Reading, rules: Rules) -> tuple[str, ...]:
    """The fields that the number at the beginning may count."""
    number = begins(said.words, rules.language)
    return tuple(name for name, one in said.fields.items() if one.words and fold(one.words[0]) in number)


def cut_off(reading: Reading, before: Sequence[Word], rules: Rules) -> tuple[str, ...]:
    """The fields whose value is a number that the words `before` end with: it may have had an end of its own."""
    last = tuple(word for word in ends(before, rules.language) if rules.language.tells(word))[-1:]
    return tuple(name for name, one in reading.fields.items() if last and tuple(map(fold, one.words[-1:])) == last)


def unconfirmed(reading: Reading, names: Iterable[str]) -> Reading:
    """The reading, in which these fields are to be confirmed."""
    doubted = {name: replace(reading.fields[name], confirmed=False) for name in names}
    return replace(reading, fields={**reading.fields, **doubted}) if doubted else reading
