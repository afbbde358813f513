"""Yes and no: "sealed", "not sealed", "sealed: yes"; behind the label, or as an answer, also a bare "yes" or "no"."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from random import Random

from dockvoice_protocol.forms.model import OWN_LANGUAGE, FormField
from dockvoice_protocol.forms.spoken.folding import phrase
from dockvoice_protocol.forms.spoken.kinds.kind import (
    FieldKind,
    Read,
    ReadbackVoice,
    UtteranceContext,
    cheapest_readings,
    phrase_ends,
)
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.records import FieldValue

_ANSWERED = 5.0  # Cost of a word for true or false directly before "yes" or "no", where it is the label: "sealed no".
_CACHE_SIZE = 256  # Cache size: a dozen forms with one or two such fields each, in seven languages.
_YES = 0.8  # Probability of a sampled True: most goods on a dock are sealed, whole, dry.


class _YesNo(FieldKind):
    """The field kind of yes-or-no values."""

    name = "yes_no"
    holds = "true or false"
    said = 'its own words, "sealed", "not sealed"; or the label with yes or no'
    type = "boolean"
    answers = True
    section = "yes_no"
    grammar = ("yes", "no")

    def readings(self, field: FormField, at: int, utterance: UtteranceContext) -> Sequence[Read]:
        return self._readings(field, at, utterance, labelled=True)

    def readings_without_label(self, field: FormField, at: int, utterance: UtteranceContext) -> Sequence[Read]:
        return self._readings(field, at, utterance, labelled=False)

    def _readings(self, field: FormField, at: int, utterance: UtteranceContext, *, labelled: bool) -> Sequence[Read]:
        wording = field.wording(utterance.language.code)
        begins = not _first_words((*wording.true, *wording.false)).isdisjoint(utterance.words[at : at + 1])
        if not labelled and not begins:
            return []  # As at most words.
        own = {True: wording.true, False: wording.false}
        table, paused = utterance.language.table[self.section], utterance.follows_pause
        return yes_no_readings(utterance.words, at, table, own, labelled=labelled, follows_pause=paused)

    def sample_value(self, field: FormField, random: Random) -> FieldValue:
        return random.random() < _YES

    def words_for(self, value: bool, field: FormField, random: Random) -> str:
        named = field.wording(OWN_LANGUAGE)
        return random.choice((named.true if value else named.false) or ("yes" if value else "no",))

    def read_back(self, value: bool, field: FormField, language: Language, voice: ReadbackVoice) -> str:
        named, answers = field.wording(language.code), language.table[self.section]
        return str([*(named.true if value else named.false), *answers["yes" if value else "no"]][0])

    def example_value(self, field: FormField, numbers: Iterator[str]) -> FieldValue | None:
        return True


@lru_cache(maxsize=_CACHE_SIZE)
def _first_words(phrases: tuple[str, ...]) -> frozenset[str]:
    return frozenset(said[0] for said in map(phrase, phrases) if said)


def yes_no_readings(
    words: Sequence[str],
    at: int,
    answers: Mapping[str, Sequence[str]],
    own: Mapping[bool, Sequence[str]],
    *,
    labelled: bool = False,
    follows_pause: Callable[[int], bool] = lambda _: False,
) -> list[tuple[int, bool, float]]:
    """Every yes or no that begins at a word: end, value, cost in nats.

    `answers` are the language's words for `yes` and `no`, `own` the field's words for true and false. `labelled`: the
    label precedes it, or it is an answer; then a bare "yes" or "no" is valid. `follows_pause`: whether there is a pause
    before a word.
    """
    found: list[tuple[int, bool, float]] = []
    for value, phrases in own.items():
        for end in phrase_ends(words, at, phrases):
            if not _is_part_of_longer(words, at, end, [*own[True], *own[False]]):
                answered = any(phrase_ends(words, end, [*answers["yes"], *answers["no"]]))
                # "Sealed, no, sorry" corrects something, or says that it is not sealed.
                found.append((end, value, _ANSWERED if answered and not follows_pause(end) else 0.0))
    for value, name in ((True, "yes"), (False, "no")) if labelled else ():
        found += ((end, value, 0.0) for end in phrase_ends(words, at, answers[name]))
    return cheapest_readings(found)


def _is_part_of_longer(words: Sequence[str], at: int, end: int, phrases: Sequence[str]) -> bool:
    """Whether the words are the middle or end of a longer phrase ("sealed" of "not sealed"), and so no value."""
    for one in phrases:
        length = len(phrase(one))
        for start in range(max(0, at - length + 1), at):
            if start + length >= end and any(phrase_ends(words, start, [one])):
                return True
    return False
