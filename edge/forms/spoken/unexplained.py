"""Unexplained: what of an utterance says nothing to a form, beside figures that might: "door 12", "40 colli"."""

from __future__ import annotations

from collections.abc import Sequence

from edge.forms.catalogue import Catalogue
from edge.forms.model import Form
from edge.forms.spoken.grammar.path import Happens
from edge.forms.spoken.grammar.tokens import tokens
from edge.forms.spoken.language import Language
from edge.forms.spoken.reader import understood
from edge.records import Word

FIGURE = "#"  # Stands for a number, a digit or a spelt letter, whichever it was.

LONGEST = 3  # Words in a row: what is longer is talk, and nobody's name for a thing.


def unexplained(words: Sequence[Word], form: Form, catalogue: Catalogue, language: Language) -> frozenset[str]:
    """The phrases that nothing explains, as they stand beside figures: `door #`, `# colli`.

    None of an utterance in which nothing of the form is said: that is talk.
    """
    meant, heard = understood(words, form, catalogue, language), tokens(tuple(words), language)
    events = meant.paths[0].events if meant.paths else ()
    if not any(one.happens is Happens.MENTION for one in events):
        return frozenset()
    strange = {at for one in events if one.happens is Happens.STRANGER for at in range(one.start, one.end)}
    figures = {at for at, token in enumerate(heard) if _is_figure(token.text, language)}
    found: set[str] = set()
    run: list[int] = []
    for at in range(len(heard) + 1):
        if at in strange - figures:
            run.append(at)
            continue
        if 0 < len(run) <= LONGEST:
            before, behind = run[0] - 1 in figures, at in figures
            said = [FIGURE] * before + [heard[one].text for one in run] + [FIGURE] * behind
            found |= {" ".join(said)} if before or behind else set()
        run = []
    return frozenset(found)


def _is_figure(word: str, language: Language) -> bool:
    spelt = len(word) == 1 or (word,) in language.alphabet.code_words
    return spelt or word.isdigit() or language.numerals.is_part(word)
