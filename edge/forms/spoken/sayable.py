"""Can every value that a form and its catalogue know be said at all?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from edge.errors import ManyFaults
from edge.forms.catalogue import Catalogue
from edge.forms.model import CHARACTERS, Form, FormField, Spoken
from edge.forms.pattern import SEPARATORS
from edge.forms.spoken.grammar.lexicon import listed
from edge.forms.spoken.language import ENGLISH


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
        if field.spoken is not Spoken.LETTER:  # which its code word tells from the others
            values = listed(field, catalogue, ENGLISH) if field.catalogue or field.choices else {}
            yield from ((words, f"{value!r} of {field.name!r}") for words, value in values.items())


def _faults(field: FormField, catalogue: Catalogue) -> Iterator[str]:
    if field.spoken is Spoken.UNIT:  # its codes are said by the unit words of what it counts
        return
    known = catalogue.values(field.catalogue) if field.catalogue else field.choices
    where = f"catalogue {field.catalogue!r}" if field.catalogue else "'enum'"
    said = {value for words, value in listed(field, catalogue, ENGLISH).items() if re.fullmatch("[a-z ]+", words)}
    for value in known:
        if not field.item.allows(value):
            yield f"{where}: {value!r} breaks the rules of field {field.name!r}; mend one of the two"
        elif value not in said and not _spelt(value, field):
            yield f"{where}: {value!r} cannot be said as {field.spoken}; give it words in a catalogue's column 'spoken'"


def _spelt(value: str, field: FormField) -> bool:
    one = field.spoken is not Spoken.LETTER or len(value) == 1
    said = "".join(character for character in value if character not in SEPARATORS)
    joined = said == value or (field.shape is not None and field.shape.joined(said) == value)
    return one and joined and set(said) <= CHARACTERS.get(field.spoken, frozenset())
