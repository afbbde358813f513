"""Can every value that a form and its catalogue know be said at all?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import ascii_uppercase, digits

from edge.errors import Misconfigured
from edge.forms.catalogue import Catalogue
from edge.forms.model import Form, FormField, Spoken
from edge.forms.spoken.values import phrases

CHARACTERS = {
    Spoken.DIGITS: frozenset(digits),
    Spoken.ALPHANUMERIC: frozenset(ascii_uppercase + digits),
    Spoken.LETTER: frozenset(ascii_uppercase),
}
"""What a value may consist of, where it is spelt."""


def check(form: Form, catalogue: Catalogue) -> None:
    """Raise Misconfigured naming every value that breaks the form's rules or has no words, and every lost catalogue."""
    faults = [fault for field in form.fields for fault in _faults(field, catalogue)]
    if faults:
        raise Misconfigured(f"form {form.name!r}: {'; '.join(faults)}")


def _faults(field: FormField, catalogue: Catalogue) -> Iterator[str]:
    known = catalogue.values(field.catalogue) if field.catalogue else field.choices
    where = f"catalogue {field.catalogue!r}" if field.catalogue else "'enum'"
    said = {value for words, value in phrases(field, catalogue).items() if re.fullmatch("[a-z ]+", words)}
    for value in known:
        if not field.allows(value):
            yield f"{where}: {value!r} breaks the rules of field {field.name!r}; mend one of the two"
        elif value not in said and not _spelt(value, field):
            yield f"{where}: {value!r} cannot be said as {field.spoken}; give it words in a catalogue's column 'spoken'"


def _spelt(value: str, field: FormField) -> bool:
    one = field.spoken is not Spoken.LETTER or len(value) == 1
    return one and set(value) <= CHARACTERS.get(field.spoken, frozenset())
