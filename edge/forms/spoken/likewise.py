"""What is said to be as it was for the last entry: "same dock". No value stands in the words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from edge.forms.model import Form
from edge.forms.spoken.folding import Phrase, phrase
from edge.forms.spoken.grammar.tokens import tokens
from edge.forms.spoken.language import Language
from edge.records import Word


def likewise(
    words: Sequence[Word], form: Form, language: Language, asked: str | None = None
) -> tuple[str, Sequence[Word], Sequence[Word]] | None:
    """The place that is said to be the same, the words that say so, and those beside; None where there is none.

    Only at the beginning or the end of what is said: so no words come to stand together that did not. To the question
    for a place, which is `asked`, "the same" is enough.
    """
    ways = _ways(form, language)
    said = [_plain(words[:at], language) for at in range(len(words) + 1)]
    left = [_plain(words[at:], language) for at in range(len(words) + 1)]
    if asked is not None and form[asked].is_place and said[-1] in _alone(language):
        return asked, words, ()
    for at in range(len(words)):
        if (name := ways.get(left[at])) is not None:
            return name, words[at:], words[:at]
    for at in range(len(words), 0, -1):
        if (name := ways.get(said[at])) is not None:
            return name, words[:at], words[at:]
    return None


def _plain(words: Sequence[Word], language: Language) -> Phrase:
    return language.unelided(tuple(token.text for token in tokens(words, language)))


@lru_cache
def _alone(language: Language) -> frozenset[Phrase]:
    before, after = _around(language)
    return frozenset(language.unelided((*one, *other)) for one in before for other in after)


@lru_cache
def _ways(form: Form, language: Language) -> dict[Phrase, str]:
    before, after = _around(language)
    return {
        language.unelided((*one, *phrase(label), *other)): field.name
        for field in form.fields
        if field.is_place
        for label in field.wording(language.code).labels
        for one in before
        for other in after
    }


def _around(language: Language) -> tuple[Sequence[Phrase], Sequence[Phrase]]:
    return language.commands["same"], ((), *language.commands["as_before"])
