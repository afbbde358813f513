"""The alternatives of one utterance are read as each would be alone, whatever was read before them: what they share is
worked out once. By night the sayings of the table are perturbed as well, all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from dockvoice_protocol.forms.spoken.grammar.meaning import Meaning
from dockvoice_protocol.forms.spoken.language import Language, language_named
from dockvoice_protocol.forms.spoken.numerals import Numerals
from dockvoice_protocol.forms.spoken.reader import make_timed_words, parse_meaning
from dockvoice_protocol.languages import LANGUAGES
from dockvoice_protocol.records import Word
from tests.reading.scribe import rules, sayings
from tests.reading.sentences import TONGUES, sentence
from tests.tiers import SEED, sized

SPOKEN = [("en", "stock-count"), *((language, "pallet-move") for language in TONGUES if language in LANGUAGES)]

ALTERNATIVES = sized(quick=2, test=6, nightly=8)
LISTS = sized(test=1, nightly=4)

SHIFTS = (0.0, 0.0, 0.01, 0.03, 0.1, 0.3, 0.6)
"""Seconds by which what follows a word comes later: nothing that matters, and a pause of every length."""


def alternatives(text: str, form: str, language: Language, random: Random) -> Iterator[tuple[Word, ...]]:
    """Guesses at what was said: words are others, there twice or not at all, longer or shorter, or come later."""
    under = rules(form, language.code)
    best = make_timed_words(text, under.form, under.catalogue, language)
    yield best
    for _ in range(ALTERNATIVES - 1):
        yield tuple(guess(best, random))


def guess(best: Sequence[Word], random: Random) -> Iterator[Word]:
    """One of them."""
    odd = set(random.sample(range(len(best)), min(len(best), random.randint(0, 2))))
    late = 0.0
    for at, word in enumerate(best):
        late += random.choice(SHIFTS) if random.random() < len(SHIFTS) / 2 / len(best) else 0.0
        heard = replace(word, start=word.start + late, end=word.end + late, confidence=random.random())
        way = random.randrange(4) if at in odd else -1
        if way == 0:
            heard = replace(heard, text=random.choice(best).text)
        elif way == 1:
            heard = replace(heard, end=heard.start + random.choice((0.1, 0.2)))
        elif way == 2:
            yield replace(heard, end=heard.start)
        if way != 3:
            yield heard


def said_of(meaning: Meaning) -> tuple[Any, ...]:
    """All that a meaning says, its explanations too."""
    return (
        meaning.fields,
        meaning.no_record_reason,
        meaning.preface,
        [(path.cost, path.events) for path in meaning.paths],
    )


def differing(text: str, form: str, language: str) -> Iterator[str]:
    """The alternatives of a text that are read otherwise among the others than alone, by a reader that knows none."""
    random, spoken, under = Random(f"{SEED} {text}"), language_named(language), rules(form, language)
    for words in alternatives(text, form, spoken, random):
        together = parse_meaning(words, under.form, under.catalogue, spoken)
        anew = replace(spoken, numerals=Numerals(spoken.table["numbers"], spaced=spoken.table["thousands"] == " "))
        alone = parse_meaning(words, replace(under.form), under.catalogue, anew)
        if said_of(together) != said_of(alone):
            yield " ".join(word.text for word in words)


@pytest.mark.parametrize(("language", "form"), SPOKEN)
def test_alternatives_are_read_as_alone(language: str, form: str) -> None:
    texts = (sentence(language, form, f"{SEED} alike {one}").text for one in range(LISTS))
    assert [words for text in texts for words in differing(text, form, language)] == []


def test_sayings_of_the_table_are_read_as_alone_among_others_like_them() -> None:
    table = [one for one in sayings() if one.kind == "sentence" and one.form == "pallet-move"]
    some = Random(SEED).sample(table, sized(quick=3, test=6, nightly=30))
    assert [words for one in some for words in differing(one.said, one.form, one.language)] == []
