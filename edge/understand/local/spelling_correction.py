"""Spelling correction: what Whisper writes for a form's words and for numbers, so that it can be read.

The words are in each language's `misspellings.toml`. They were seen in the clips of `lab.bench.languages`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.languages import load_table

_SHORTEST_LABEL, _SHORTEST_NAME = 3, 2
"""Letters of a label, and of a letter's name or code word, that it writes in one: "Toranton", "muellece"."""

_ANY_FORM = "*"  # The table of what is corrected whatever the form's labels are.


class SpellingCorrector:
    """Corrects what Whisper writes for a form's words, for numbers and for hesitations.

    Each value is confirmed in any case.
    """

    def __init__(self, form: Form, language: Language) -> None:
        wordings = [field.wording(language.code) for field in form.fields]
        spelt = [label for one in wordings for label in one.labels]
        self._labels = {fold(label) for label in spelt}
        labels, long = _any_of(spelt), _any_of(label for label in spelt if len(label) >= _SHORTEST_LABEL)
        units = _any_of(unit for one in wordings for unit in one.units)
        alphabet = (*language.alphabet.code_words, *language.alphabet.names)
        names = _any_of(said[0] for said in alphabet if len(said) == 1 and len(said[0]) >= _SHORTEST_NAME)
        rules = [
            (rf"^\W*[EMH]\b,? (?=(?:{labels})\b)", ""),  # "M, Palette": a hesitation
            (rf"(?<=\d),(?= (?:{units})\b(?!\W+\d))", ""),  # "5, Stück"
            (rf"\b({long})({names})\b", r"\1 \2"),
        ]
        for label, meanings in load_table(language.code, "misspellings").items():
            if label == _ANY_FORM or fold(label) in self._labels:
                rules += [(rf"\b{pattern}", meant) for pattern, meant in meanings.items()]
        self._rules = [(re.compile(pattern, re.IGNORECASE), meant) for pattern, meant in rules]

    def correct(self, text: str) -> str:
        """The text once, with labels as they are spelt, and numbers in one."""
        text = self._without_repetition(text)
        for pattern, meant in self._rules:
            text = pattern.sub(meant, text)
        return text

    def _without_repetition(self, text: str) -> str:
        """The text once, where it is one phrase with a label several times: in short sounds it begins again.

        Figures alone may well repeat.
        """
        words = text.split()
        plain = [fold(word.strip(",?!¿")) for word in words]
        for size in range(2, len(words) // 2 + 1):
            phrase = " ".join(plain[:size])
            if all(word == plain[at % size] for at, word in enumerate(plain)) and any(
                label in phrase for label in self._labels
            ):
                return " ".join(words[:size])
        return text


def _any_of(phrases: Iterable[str]) -> str:
    """A pattern of these phrases, the longest first; of none, one that matches nothing."""
    return "|".join(map(re.escape, sorted(set(phrases), key=len, reverse=True))) or r"(?!)"
