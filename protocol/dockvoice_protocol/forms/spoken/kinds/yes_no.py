"""Yes and no: "sealed", "not sealed", "sealed: yes"; behind the label, or as an answer, also a bare "yes" or "no"."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from dockvoice_protocol.forms.model import OWN_LANGUAGE, FormField
from dockvoice_protocol.forms.spoken.folding import phrase
from dockvoice_protocol.forms.spoken.kinds.kind import (
    FieldKind,
    Read,
    ReadbackVoice,
    UtteranceContext,
    cheapest_readings,
    optional_ends,
    phrase_ends,
)
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.records import FieldValue

_ANSWERED = 5.0
"""Cost of a word for true or false directly before "yes" or "no", where it is the label: "sealed no"."""
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

    def readings(self, field: FormField, at: int, heard: UtteranceContext) -> Sequence[Read]:
        return self._readings(field, at, heard, labelled=True)

    def readings_without_label(self, field: FormField, at: int, heard: UtteranceContext) -> Sequence[Read]:
        return self._readings(field, at, heard, labelled=False)

    def _readings(self, field: FormField, at: int, heard: UtteranceContext, *, labelled: bool) -> Sequence[Read]:
        wording = field.wording(heard.language.code)
        own = BooleanWords(wording.true, wording.false)
        table, paused = heard.language.table, heard.follows_pause
        return yes_no_readings(heard.words, at, table, own, labelled=labelled, follows_pause=paused)

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


@dataclass(frozen=True, slots=True)
class BooleanWords:
    """The words for true and false of one field in one language."""

    true: tuple[str, ...]
    false: tuple[str, ...]
    labels: tuple[str, ...] = ()


def yes_no_readings(
    words: Sequence[str],
    at: int,
    language: Mapping[str, Any],
    field: BooleanWords,
    *,
    labelled: bool = False,
    follows_pause: Callable[[int], bool] = lambda _: False,
) -> list[tuple[int, bool, float]]:
    """Every yes or no that begins at a word: end, value, cost in nats.

    `labelled`: the label precedes it, or it is an answer; then a bare "yes" or "no" is valid. `follows_pause`: whether
    there is a pause before a word.
    """
    said = language["yes_no"]
    return cheapest_readings(_readings(words, at, said, field, labelled=labelled, follows_pause=follows_pause))


def _readings(
    words: Sequence[str],
    at: int,
    said: Mapping[str, Any],
    field: BooleanWords,
    *,
    labelled: bool,
    follows_pause: Callable[[int], bool],
) -> Iterator[tuple[int, bool, float]]:
    answers = [(True, said["yes"]), (False, said["no"])]
    for value, own in ((True, field.true), (False, field.false)):
        for end in phrase_ends(words, at, own):
            if not _is_part_of_longer(words, at, end, field):
                answered = any(True for _, ways in answers for _ in phrase_ends(words, end, ways))
                # "Sealed, no, sorry" corrects something, or says that it is not sealed.
                yield end, value, _ANSWERED if answered and not follows_pause(end) else 0.0
    starts = (
        [at]
        if labelled
        else [
            start for end in phrase_ends(words, at, field.labels) for start in optional_ends(words, end, said["within"])
        ]
    )
    for start in starts:
        for value, ways in answers:
            yield from ((end, value, 0.0) for end in phrase_ends(words, start, ways))


def _is_part_of_longer(words: Sequence[str], at: int, end: int, field: BooleanWords) -> bool:
    """Whether the words are the middle or end of a longer phrase ("sealed" of "not sealed"), and so no value."""
    for one in (*field.true, *field.false):
        length = len(phrase(one))
        for start in range(max(0, at - length + 1), at):
            if start + length >= end and any(phrase_ends(words, start, [one])):
                return True
    return False
