"""Wordings: texts with their values replaced by "…", so that clips with the same wording can be counted together."""

from __future__ import annotations

import re

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.language import CODE_WORDS, ENGLISH

_VALUE = "…"
_WORD = re.compile(r"[\w']+")
_SEVERAL = re.compile(rf"{_VALUE}(?:[\s-]*(?:and )?{_VALUE})+")


def generalise_values(text: str, form: Form, catalogue: Catalogue) -> str | None:
    """Replace each value in the text by "…" and each unit by the form's first one; None for an empty text."""
    if not text:
        return None
    names = {code[0]: letter for code, letter in CODE_WORDS.items() if len(code) == 1}
    values = {
        word
        for field in form.fields
        if field.catalogue is not None
        for said in (*catalogue.values(field.catalogue), *catalogue.value_by_spoken(field.catalogue))
        for word in said.lower().split()
    }
    values |= {word for word, letter in names.items() if letter in values}
    units = {word: next(iter(field.units)) for field in form.fields for pair in field.units.items() for word in pair}

    def generalise_word(found: re.Match[str]) -> str:
        word = found[0].lower()
        return _VALUE if word in values or ENGLISH.numerals.is_part(word) else units.get(word, word)

    return _SEVERAL.sub(_VALUE, _WORD.sub(generalise_word, text))
