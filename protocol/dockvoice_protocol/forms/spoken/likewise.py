"""What is said of other entries too: "same dock", "door thirteen from now on". The words that say so, and the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.folding import Phrase, phrase
from dockvoice_protocol.forms.spoken.grammar.tokens import plain_texts
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.records import Word

Parted = tuple[Sequence[Word], Sequence[Word]]  # The words that say so, and those beside.


def likewise(
    words: Sequence[Word], form: Form, language: Language, asked: str | None = None
) -> tuple[str, Sequence[Word], Sequence[Word]] | None:
    """The place that is said to be the same, the words that say so, and those beside; None where there is none.

    Only at the beginning or the end of what is said: so no words come to stand together that did not. To the question
    for a place, which is `asked`, "the same" is enough.
    """
    if asked is not None and form[asked].is_place and plain_texts(words, language)[0] in _alone(language):
        return asked, words, ()
    found = _parted(words, _ways(form, language), language)
    return None if found is None else (found[0], *found[1])


def from_now_on(words: Sequence[Word], language: Language) -> Parted | None:
    """The words at the beginning or the end that say that the others hold from then on; None where there are none."""
    found = _parted(words, _lasting(language), language)
    return None if found is None else found[1]


def same_again(words: Sequence[Word], language: Language) -> Parted | None:
    """The words at the beginning or the end that say that all is as it was; None where there are none."""
    found = _parted(words, _alike(language), language)
    return None if found is None else found[1]


def _parted(words: Sequence[Word], ways: Mapping[Phrase, str], language: Language) -> tuple[str, Parted] | None:
    """What one of the ways stands for with which the words end or begin; the longest counts."""
    said, begins = plain_texts(words, language)
    for at in range(len(words)):
        if (meant := ways.get(said[begins[at] :])) is not None:
            return meant, (words[at:], words[:at])
    for at in range(len(words), 0, -1):
        if (meant := ways.get(said[: begins[at]])) is not None:
            return meant, (words[:at], words[at:])
    return None


@lru_cache
def _alone(language: Language) -> frozenset[Phrase]:
    before, after = _around(language)
    return frozenset(language.unelided((*one, *other)) for one in before for other in after)


@lru_cache
def _alike(language: Language) -> dict[Phrase, str]:
    return {language.unelided(one): "" for one in language.commands["same_again"]}


@lru_cache
def _lasting(language: Language) -> dict[Phrase, str]:
    return {language.unelided(one): "" for one in language.commands["from_now_on"]}


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
