"""What the recogniser wrote, as a reader who knows the form would read it: "Hallet five" is a pallet's number.

The recogniser knows no form and writes the nearest English. A language model sets that right from the names of the
fields; so does this. It touches the words around values only: figures stay as they were heard.
"""

from __future__ import annotations

import re
from difflib import get_close_matches

from edge.forms.catalogue import Catalogue
from edge.forms.form import Form
from edge.forms.spoken import vocabulary
from edge.forms.spoken.numbers import WORDS as NUMBERS

ALIKE = 0.8
"""From this similarity (difflib's ratio) a word is taken for one that is said of a value: "foxtrom", "charley"."""
ALIKE_LABELS = 0.65
"""The same for labels and units, which every sentence has: "palette", "doc", "pallid"."""
ALIKE_BEFORE_NUMBERS = 0.45
"""And for labels where a number follows, and so a label is to be expected: "howlet seven"."""
SHORTEST = 3
"""Letters; anything shorter is like everything."""

_LETTERS = {
    "b": "bee", "c": "cee sea", "d": "dee", "g": "gee", "h": "age aitch", "j": "jay", "k": "kay",
    "p": "pea pee", "q": "cue queue", "t": "tea tee", "v": "vee", "z": "zee zed",
}  # fmt: skip
LETTERS = {spelling: letter for letter, spellings in _LETTERS.items() for spelling in spellings.split()}
"""Words that are letters wherever somebody spells."""

HESITATION = re.compile(r"\b(ah|eh|uhm|umm|mm)\b", re.IGNORECASE)
"""Spellings of what the forms know as "uh"."""

_WORD = re.compile(rf"[A-Za-z']{{{SHORTEST},}}(?=[\W_]*(\w*))")
"""A word and the beginning of the next one."""


class Corrector:
    """Corrects for one form and its catalogue."""

    def __init__(self, form: Form, catalogue: Catalogue) -> None:
        self._known = vocabulary(form, catalogue)
        self._names = sorted(word for word in self._known if len(word) >= SHORTEST)
        self._labels = sorted({label.split()[0] for field in form.fields for label in field.labels})
        units = {unit for field in form.fields for pair in field.units.items() for unit in pair}
        self._titles = sorted({word for unit in units for word in unit.split()} | set(self._labels))

    def corrected(self, said: str) -> str:
        """The transcript with words that are nearly the form's taken for them."""
        return _WORD.sub(self._nearest, HESITATION.sub("uh", said))

    def _nearest(self, found: re.Match[str]) -> str:
        word, following = found[0].lower(), found[1].lower()
        if word in self._known:
            return found[0]
        if word in LETTERS:
            return LETTERS[word]
        near = get_close_matches(word, self._names, 1, ALIKE) or get_close_matches(word, self._titles, 1, ALIKE_LABELS)
        if not near and (following.isdigit() or following in NUMBERS):
            near = get_close_matches(word, self._labels, 1, ALIKE_BEFORE_NUMBERS)
        return near[0] if near else found[0]
