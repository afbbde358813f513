"""Every word that the sentences of a form can hold."""

from __future__ import annotations

from edge.forms.catalogue import Catalogue
from edge.forms.model import Form, FormField, Spoken
from edge.forms.spoken import letters, numbers
from edge.forms.spoken.values import phrases
from edge.forms.spoken.words import CUES, HESITATIONS, LINK_PHRASES, LINKS

SPELT = {Spoken.ALPHANUMERIC, Spoken.LETTER}
COUNTED = {Spoken.DIGITS, Spoken.ALPHANUMERIC, Spoken.CARDINAL}


def vocabulary(form: Form, catalogue: Catalogue) -> frozenset[str]:
    """The words of the form's labels, units and values, and of the language around them."""
    language = {word for phrase in (*CUES, *LINK_PHRASES) for word in phrase} | HESITATIONS | LINKS
    return frozenset(language.union(*(_words(field, catalogue) for field in form.fields)))


def _words(field: FormField, catalogue: Catalogue) -> set[str]:
    said = [*field.labels, *field.units.keys(), *field.units.values(), *phrases(field, catalogue)]
    words = {word for phrase in said for word in phrase.split()}
    words |= letters.WORDS if field.spoken in SPELT else set()
    return words | (numbers.WORDS if field.spoken in COUNTED else set())
