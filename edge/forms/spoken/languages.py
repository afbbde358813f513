"""The languages in which transcripts are read."""

from __future__ import annotations

import re

from edge.forms.spoken.english import ENGLISH
from edge.forms.spoken.french import FRENCH
from edge.forms.spoken.german import GERMAN
from edge.forms.spoken.italian import ITALIAN
from edge.forms.spoken.language import Language
from edge.forms.spoken.spanish import SPANISH

_LANGUAGES = {language.code: language for language in (ENGLISH, GERMAN, FRENCH, SPANISH, ITALIAN)}
LANGUAGES = tuple(_LANGUAGES)
"""Their codes of ISO 639-1."""


def language_named(tag: str) -> Language:
    """The language of a code or of a longer tag: `de`, `de-AT`, `en_US`. Raises ValueError for any other."""
    code = re.split("[-_]", tag.lower())[0]
    if code not in _LANGUAGES:
        raise ValueError(f"language {tag!r} is not read here; allowed: {', '.join(LANGUAGES)}, or a tag such as de-AT")
    return _LANGUAGES[code]
