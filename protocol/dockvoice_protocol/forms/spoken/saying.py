"""Values to words: the ways in which a value of a field may be said, chosen at random as people choose them."""

from __future__ import annotations

from random import Random

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import OWN_LANGUAGE, FormField
from dockvoice_protocol.forms.spoken.grammar.lexicon import listed
from dockvoice_protocol.forms.spoken.in_words import spelt
from dockvoice_protocol.forms.spoken.kinds import kind_of
from dockvoice_protocol.forms.spoken.language import ENGLISH
from dockvoice_protocol.records import FieldValue

# How people say things, in shares of all the times they do: estimates, since no field recordings exist yet.
CHECKED = 0.3
"""Of the values that have a check word."""
LISTED = 0.5
"""Of the values that a catalogue gives words of their own."""

LONGEST_LIST = 3
"""Values of a list are sampled up to here: more are said no differently."""


def value(field: FormField, catalogue: Catalogue, random: Random) -> FieldValue:
    """A value that the form allows and the catalogue knows."""
    if field.many is not None:
        several = field.many[:LONGEST_LIST] or field.many
        return tuple(str(value(field.item, catalogue, random)) for _ in range(random.choice(several)))
    if known := catalogue.values(field.catalogue) if field.catalogue is not None else field.choices:
        return random.choice(known)
    return kind_of(field).made(field, random)


def said(value: FieldValue, field: FormField, catalogue: Catalogue, random: Random) -> str:
    """The value in words, in one of the ways that `values.value` reads back as the same value."""
    if isinstance(value, tuple):
        return " and ".join(said(one, field.item, catalogue, random) for one in value)
    words = _words(value, field, catalogue, random)
    checks = catalogue.checks_of(field.catalogue, str(value)) if field.catalogue else ()
    if not checks or random.random() >= CHECKED:
        return words
    check = random.choice(checks)
    return f"{words} check {spelt(check, random) if check.isdigit() else check}"


def _words(value: FieldValue, field: FormField, catalogue: Catalogue, random: Random) -> str:
    phrases = [words for words, meant in listed(field, catalogue, ENGLISH).items() if meant == value]
    if phrases and (field.spoken.listed or random.random() < LISTED):
        return random.choice(phrases)
    return kind_of(field).words(value, field, random)


def stands_alone(value: FieldValue, field: FormField) -> bool:
    """May the value be said without the label of its field?"""
    named = field.wording(OWN_LANGUAGE)
    return field.bare or (isinstance(value, bool) and bool(named.true if value else named.false))
