"""Rescores letters that rhyme: how well each letter fits the sound, by a second recogniser. Pure.

It is given the first recogniser's words once with each letter that the field may have. So it cannot lose its way, as it
does where it writes what it hears: "docky" and "darker" are no letters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from string import ascii_uppercase

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form, FormField
from dockvoice_protocol.forms.spoken.confusable import find_unlisted_rival, is_weak_letter
from dockvoice_protocol.records import FieldReading, Reading
from edge.understand.letter_corroboration import corroborate, is_doubtful_letter

_MARGIN = 2.0
"""How much likelier the letter must be than any other, as the logarithm of the ratio. Of docks said as a letter by ten
synthetic voices, and by those of the dev sets, in noise too, 281 fitted by it, none of them misheard; others that were
misheard fitted by 0.8 at most."""

_GREATER_MARGINS = {"B": 4.0, "G": 4.0}
"""By letter as it was heard, where another one said for it fitted it better than itself, by up to 3.1: a D heard as a
B, a B or D heard as a G. 177 docks of these two letters fitted by it, none of them misheard."""

_NOT_TOLD_APART = {"B": frozenset("PV"), "D": frozenset("T"), "V": frozenset("B")}
"""By letter as it was heard, those said for it that fitted it better by any margin: by up to 7.8, 6.0 and 4.1."""

_SURE = 0.6  # How sure the first recogniser must be by itself: of those that it misheard at less one fitted by 4.8.


@dataclass(frozen=True, slots=True)
class LetterText:
    """The first recogniser's words with a letter in the place of the one that was read."""

    field: str
    letter: str = attribute(repr=False)
    text: str = attribute(repr=False)


def list_letter_texts(reading: Reading, form: Form, catalogue: Catalogue) -> tuple[LetterText, ...]:
    """For each field whose value is a letter that may be another one, a text with each letter that it may have."""
    words = [word.text for word in reading.words]
    found: list[LetterText] = []
    for name, one in reading.fields.items():
        if one.seconded or not is_doubtful_letter(one):
            continue
        letters = allowed_letters(form[name], catalogue)
        rivals = _NOT_TOLD_APART.get(str(one.value), frozenset())
        if rivals.isdisjoint(letters) and (place := find_letter(one, words)) is not None:
            found += [
                LetterText(name, letter, " ".join([*words[:place], letter, *words[place + 1 :]])) for letter in letters
            ]
    return tuple(found)


def allowed_letters(field: FormField, catalogue: Catalogue) -> tuple[str, ...]:
    """The letters that the field may have."""
    return tuple(
        letter for letter in ascii_uppercase if field.allows(letter) and catalogue.has_values(field.catalogue, letter)
    )


def find_letter(one: FieldReading, words: Sequence[str]) -> int | None:
    """The index of the field's letter among the words; None where it was said by its code word alone."""
    letter, word_count = str(one.value).casefold(), len(one.words)
    if letter not in one.words:
        return None
    begun = [at for at in range(len(words) - word_count + 1) if tuple(words[at : at + word_count]) == one.words]
    return begun[-1] + one.words.index(letter) if begun else None


@dataclass(frozen=True, slots=True)
class ScoredLetters:
    """A reading after its letters were scored."""

    reading: Reading
    contradicted: frozenset[str] = attribute(repr=False)
    """Fields of which another letter fits better: it is the runner-up now, and may be offered."""


def corroborate_letters_by_rescoring(
    reading: Reading, texts: Sequence[LetterText], scores: Sequence[float]
) -> ScoredLetters:
    """Corroborate the letters that fit better than any other by the margin.

    Not an A where E is allowed: of one voice, 8 of 41 E that the first recogniser had as A fitted an A by 3.2 to 8.9,
    as its own A do (3.9 to 7.5).
    """
    fields, contradicted = dict(reading.fields), set()
    for name in dict.fromkeys(text.field for text in texts):
        one = fields[name]
        scores_by_letter = {text.letter: score for text, score in zip(texts, scores, strict=True) if text.field == name}
        own = scores_by_letter.pop(str(one.value), None)
        if own is None or not scores_by_letter:
            continue
        best = max(scores_by_letter, key=scores_by_letter.__getitem__)
        margin = _GREATER_MARGINS.get(str(one.value), _MARGIN)
        fits = one.confidence >= _SURE and own - scores_by_letter[best] >= margin
        if own < scores_by_letter[best] and is_weak_letter(one.value, best):
            fields[name] = replace(one, runner_up=best)
            contradicted.add(name)
        elif fits and find_unlisted_rival(one.value) not in scores_by_letter:
            fields[name] = corroborate(one)
    return ScoredLetters(replace(reading, fields=fields), frozenset(contradicted))
