"""Talk that is plainly not for the device: people speak to each other beside it, and a grammar hears words in anything.

Better one question too many than dictation ignored in silence: whatever holds a word of the form, a correction, three
figures in a row, or is as short as an answer, is not taken for talk.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from edge.forms.form import Form
from edge.forms.spoken.english import ENGLISH
from edge.forms.spoken.language import fold
from edge.forms.spoken.lexicon import Mark, Part, lexicon, marks, tokens
from edge.records import Word

FEWEST_WORDS = 4
"""Fewer may be an answer: "dock is B" without its "dock"."""

FEWEST_STRANGE = 2
"""So many words must be neither a figure nor a letter: nobody dictates so without a word of the form among them."""

FIGURES_IN_A_ROW = 3
"""From here on somebody dictates without labels: "three two two, five, yankee". Talk has two at most ("two eight")."""


def is_talk(words: Sequence[Word], form: Form) -> bool:
    """Whether words that make no field were plainly not meant for the device."""
    parts = list(marks(list(tokens(words, ENGLISH)), lexicon(form, ENGLISH)))
    if len(words) < FEWEST_WORDS or any(mark.part in {Part.LABEL, Part.UNIT, Part.CUE} for mark in parts):
        return False
    said = [fold(token.text) for mark in parts if mark.part is not Part.HESITATION for token in mark.tokens]
    return _strange(said) >= FEWEST_STRANGE and _longest_run(parts) < FIGURES_IN_A_ROW


def _strange(said: Iterable[str]) -> int:
    return sum(not ENGLISH.tells(word) for word in said)


def _longest_run(parts: Iterable[Mark]) -> int:
    """How many words that are a figure stand in a row, at most."""
    figures = (_is_figure(token.text) for mark in parts if mark.part is not Part.HESITATION for token in mark.tokens)
    return max((len(list(run)) for is_figure, run in groupby(figures) if is_figure), default=0)


def _is_figure(word: str) -> bool:
    return word not in ENGLISH.common and ENGLISH.numbers.is_part(word)
