"""The words of a form: all that its sentences can hold, and whether there are some for every value."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dockvoice_protocol.errors import ManyFaults
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import OWN_LANGUAGE, Form, FormField
from dockvoice_protocol.forms.pattern import SEPARATORS
from dockvoice_protocol.forms.spoken.folding import phrase
from dockvoice_protocol.forms.spoken.grammar.lexicon import listed
from dockvoice_protocol.forms.spoken.in_words import ONES, TEENS, TENS
from dockvoice_protocol.forms.spoken.kinds import kind_of
from dockvoice_protocol.forms.spoken.kinds.phrases import words_of
from dockvoice_protocol.forms.spoken.language import CODE_WORDS, ENGLISH, LETTERS

ZEROS = ("zero", "oh", "o")
"""What a zero is called in a string of digits. As a count only "zero" is one."""

DIGITS = dict.fromkeys(ZEROS, "0") | {word: str(value) for word, value in ONES.items()} | {"niner": "9"}

NUMBER_WORDS = frozenset(
    {*DIGITS, *TEENS, *TENS, "double", "triple", "quadruple", "hundred", "thousand", "dozen", "half", "and"}
)
"""Every word that can be part of a number; "a" as in "a hundred" is a letter in the first place."""

AS_IN = ("as", "in")
"""What joins a letter to the word that explains it."""
LETTER_WORDS = frozenset({*LETTERS, *(word for phrase in CODE_WORDS for word in phrase), *AS_IN})
"""Every word that can be part of a spoken letter."""

_AROUND = """
um uh er erm hmm and okay ok well hey so now please moving move take going goes have has got i've that that's is
it's there to at the for of on over with thanks thank you i am are no sorry correction rather mean meant make it
wait scratch next
"""
AROUND = frozenset(_AROUND.split())
"""The words around the fields that are expected most; more would be heard where they were not said."""


def vocabulary(form: Form, catalogue: Catalogue) -> frozenset[str]:
    """The words of the form's labels, units and values, and of the language around them."""
    begun = {word for said in form.openings.get(OWN_LANGUAGE, ()) for word in said.split()}
    return AROUND.union(begun, *(_words(field, catalogue) for field in form.fields))


def _words(field: FormField, catalogue: Catalogue) -> set[str]:
    named = field.wording(OWN_LANGUAGE)
    said = [*field.labels, *field.units.keys(), *field.units.values(), *listed(field, catalogue, ENGLISH)]
    said += [*named.counted, *named.zero]
    if (section := kind_of(field).section) is not None:
        said += [*named.true, *named.false]
        said += [" ".join(phrase(one)) for one in words_of(ENGLISH.table[section])]
    words = {word for one in said for word in one.split()}
    words |= LETTER_WORDS if field.spoken.spells else set()
    return words | (NUMBER_WORDS if field.spoken.of_numbers else set())


def check(form: Form, catalogue: Catalogue) -> None:
    """Raise Misconfigured naming every value that breaks the form's rules or has no words, and every lost catalogue."""
    faults = [fault for field in form.fields for fault in _faults(field, catalogue)]
    if faults:
        raise ManyFaults(f"form {form.name!r}: {'; '.join(faults)}", faults)


def spoken_words(form: Form, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """What is said of a form in its own words, each with what it stands for: labels, units, catalogued values."""
    for field in form.fields:
        yield from ((label, f"the field {field.name!r}") for label in field.labels)
        yield from ((unit, f"the unit of {field.name!r}") for unit in field.units)
        if not field.spoken.is_letter:  # which its code word tells from the others
            values = listed(field, catalogue, ENGLISH) if field.catalogue or field.choices else {}
            yield from ((words, f"{value!r} of {field.name!r}") for words, value in values.items())


def _faults(field: FormField, catalogue: Catalogue) -> Iterator[str]:
    where = f"catalogue {field.catalogue!r}" if field.catalogue else "'enum'"
    yield from (f"{where}: {told}" for _, told in value_faults(field, catalogue))


def value_faults(field: FormField, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Each value of a field that breaks its rules or has no words, with what is wrong with it."""
    if field.spoken.by_unit:  # its codes are said by the unit words of what it counts
        return
    known = catalogue.values(field.catalogue) if field.catalogue else field.choices
    said = {value for words, value in listed(field, catalogue, ENGLISH).items() if re.fullmatch("[a-z ]+", words)}
    for value in known:
        if not field.item.allows(value):
            yield value, f"{value!r} breaks the rules of field {field.name!r}; mend one of the two"
        elif value not in said and not _spelt(value, field):
            yield value, f"{value!r} cannot be said as {field.spoken}; give it words in a catalogue's column 'spoken'"


def _spelt(value: str, field: FormField) -> bool:
    one = not field.spoken.is_letter or len(value) == 1
    said = "".join(character for character in value if character not in SEPARATORS)
    joined = said == value or (field.shape is not None and field.shape.joined(said) == value)
    return one and joined and set(said) <= set(field.spoken.characters)
