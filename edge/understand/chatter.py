"""Chatter: talk that is plainly not for the device. A grammar hears its words in anything that people say beside it.

Better one question too many than dictation ignored in silence: whatever holds a word of the form, a correction, three
figures in a row, or is as short as an answer, is not taken for talk.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from edge.forms.model import Form
from edge.forms.spoken.english import ENGLISH
from edge.forms.spoken.language import Language, fold
from edge.forms.spoken.lexicon import Part, lexicon, marks, tokens
from edge.records import Word

FEWEST_WORDS = 4  # Fewer may be an answer: "dock is B" without its "dock".

FEWEST_STRANGE = 2
"""So many words must be neither a figure nor a letter: nobody dictates so without a word of the form among them."""

FIGURES_IN_A_ROW = 3
"""From here on somebody dictates without labels: "three two two, five, yankee". Talk has two at most ("two eight")."""


def is_chatter(words: Sequence[Word], form: Form, language: Language = ENGLISH) -> bool:
    """Whether words that make no field were plainly not meant for the device."""
    parts = list(marks(list(tokens(words, language)), lexicon(form, language)))
    if len(words) < FEWEST_WORDS or any(mark.part in {Part.LABEL, Part.UNIT, Part.CUE} for mark in parts):
        return False
    said = [token.text for mark in parts if mark.part is not Part.HESITATION for token in mark.tokens]
    strange = sum(not language.tells(fold(word)) for word in said)
    figures = (word not in language.common and language.numbers.is_part(fold(word)) for word in said)
    in_a_row = max((len(list(run)) for is_figure, run in groupby(figures) if is_figure), default=0)
    return strange >= FEWEST_STRANGE and in_a_row < FIGURES_IN_A_ROW
