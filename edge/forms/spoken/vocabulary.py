"""Every word that the sentences of a form can hold."""

from __future__ import annotations

from edge.forms.catalogue import Catalogue
from edge.forms.model import OWN_LANGUAGE, Form, FormField, Spoken
from edge.forms.spoken import letters, numbers
from edge.forms.spoken.grammar.lexicon import listed
from edge.forms.spoken.kinds.phrases import phrase, table, words_of
from edge.forms.spoken.language import ENGLISH

_AROUND = """
um uh er erm hmm and okay ok well hey so now please moving move take going goes have has got i've that that's is
it's there to at the for of on over with thanks thank you i am are no sorry correction rather mean meant make it
wait scratch
"""
AROUND = frozenset(_AROUND.split())
"""The words around the fields that are expected most; more would be heard where they were not said."""

SPELT = {Spoken.ALPHANUMERIC, Spoken.LETTER}
COUNTED = {Spoken.DIGITS, Spoken.ALPHANUMERIC, Spoken.CARDINAL, Spoken.DECIMAL, Spoken.DATE}
SECTIONS = {Spoken.DECIMAL: "decimals", Spoken.DATE: "dates", Spoken.YES_NO: "yes_no"}
"""The section of a language's file that has the words of a kind."""


def vocabulary(form: Form, catalogue: Catalogue) -> frozenset[str]:
    """The words of the form's labels, units and values, and of the language around them."""
    return AROUND.union(*(_words(field, catalogue) for field in form.fields))


def _words(field: FormField, catalogue: Catalogue) -> set[str]:
    said = [*field.labels, *field.units.keys(), *field.units.values(), *listed(field, catalogue, ENGLISH)]
    if field.spoken in SECTIONS:
        named = field.wording(OWN_LANGUAGE)
        said += [*named.true, *named.false]
        said += [" ".join(phrase(one)) for one in words_of(table(OWN_LANGUAGE)[SECTIONS[field.spoken]])]
    words = {word for one in said for word in one.split()}
    words |= letters.WORDS if field.spoken in SPELT else set()
    return words | (numbers.WORDS if field.spoken in COUNTED else set())
