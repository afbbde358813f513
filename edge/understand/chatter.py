"""Chatter, or small talk: talk that is plainly not for the device.

A grammar hears its words in anything that people say beside it.

Better one question too many than dictation ignored in silence: whatever holds a word of the form, a correction, three
figures in a row, or is as short as an answer, is not taken for talk.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.grammar.lexicon import Role
from dockvoice_protocol.forms.spoken.grammar.tokens import tokens
from dockvoice_protocol.forms.spoken.language import ENGLISH, Language
from dockvoice_protocol.forms.spoken.reader import lexicon
from dockvoice_protocol.records import Word

FEWEST_WORDS = 4  # Fewer may be an answer: "dock is B" without its "dock".

FEWEST_STRANGE = 2
"""So many words must be neither a figure nor a letter: nobody dictates so without a word of the form among them."""

FIGURES_IN_A_ROW = 3
"""From here on somebody dictates without labels: "three two two, five, yankee". Talk has two at most ("two eight")."""


def is_chatter(words: Sequence[Word], form: Form, catalogue: Catalogue, language: Language = ENGLISH) -> bool:
    """Whether words that make no field were plainly not meant for the device."""
    said = tokens(words, language)
    known = lexicon(form, catalogue, language)
    roles = {match.role for at in range(len(said)) for match in known.matches(said, at)}
    if len(words) < FEWEST_WORDS or roles & {Role.LABEL, Role.UNIT, Role.CUE, Role.BEGINNING}:
        return False
    strange = sum(not language.tells(token.text) for token in said)
    figures = (token.text not in language.common and language.numerals.is_part(token.text) for token in said)
    in_a_row = max((len(list(run)) for is_figure, run in groupby(figures) if is_figure), default=0)
    return strange >= FEWEST_STRANGE and in_a_row < FIGURES_IN_A_ROW
