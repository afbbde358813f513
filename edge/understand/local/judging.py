"""Judging: how a second judge of the sound changes the confidence of each field. Pure.

The recogniser lists what may have been said; a model of phonemes tells how well each of it fits the sound
(`forced_path.py`). For a field, the wording with its value is compared with those that have another one. Letters that
rhyme are all compared, whether the recogniser lists them or not: nearly all that it believes and that is wrong is one
such letter, "dock E" heard as G.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from string import ascii_uppercase

from dockvoice_protocol.records import FieldReading, FieldValue, Word

RHYMES = (frozenset("BCDEGPTVZ"), frozenset("AHJK"), frozenset("MN"), frozenset("FSX"))
"""Letters that differ by one short consonant."""

_OFFSET, _WEIGHT = -0.86, 0.68
"""What the log odds that a value is right gain: the offset, and the weight for each nat of margin. Fitted where the
judge hears well, on the half of the speakers to whom the curves were fitted: 139 fields with a rival, 8 wrong. All
limits below were set with the clips of both halves in view."""

_CONFIRMED, _MOST = 3.0, 6.0
"""The margin in nats from which on the judge makes a value surer, and up to which it counts."""

_CONTRADICTED, _CONTRADICTED_BY_OTHER = -3.0, -7.0
"""From here on downwards, in nats, another letter was said: one that rhymes, or any other one, by which a letter that
noise covers is beaten for having fewer phonemes (F by A, -6.1). Of 213 letters, by all speakers, the right ones had
-1.8 at least against one that rhymes; of the 12 wrong ones five had -8 to -9: no more are caught."""

_HALF = 0.5  # The confidence of such a letter: every policy asks.

_HEARS_WELL = 0.25
"""The least fit of the likeliest wording, in nats a frame, from which the judge makes a value surer. Below, in much
noise, it was wrong by large margins, too."""

_CERTAIN = 0.99  # No confidence counts for more before it is judged.


@dataclass(frozen=True, slots=True)
class Fits:
    """How well wordings fit the sound, in nats: only differences mean much. `frames` of 20 ms is its length."""

    values: Sequence[float]
    frames: int


@dataclass(frozen=True, slots=True)
class Heard:
    """An alternative of the recogniser: all its words, other voices' among them, and the fields of the wearer's."""

    words: tuple[Word, ...]
    fields: Mapping[str, FieldReading]


def judge_fields(
    fields: Mapping[str, FieldReading],
    heard: Sequence[Heard],
    measure: Callable[[Sequence[Sequence[str]]], Fits],
    allows: Callable[[str, FieldValue], bool],
) -> Mapping[str, FieldReading]:
    """The fields with the confidence that recogniser and judge have together; those without a rival are unchanged.

    `heard`: the alternatives, the likeliest first. `measure` is asked once, and not at all where no field has a rival;
    `allows` returns whether a field may have a value.
    """
    listed = {
        name: tuple(_list_wordings(name, field, heard, allows))
        for name, field in fields.items()
        if field.value is not None and not field.rivals
    }
    rivalled = {name: some for name, some in listed.items() if any(value != fields[name].value for value, _ in some)}
    every = tuple(dict.fromkeys(words for some in rivalled.values() for _, words in some))
    if not every:
        return fields
    fits = measure(every)
    fit = dict(zip(every, fits.values, strict=True))
    hears_well = max(fits.values) >= _HEARS_WELL * fits.frames
    judged = {}
    for name, some in rivalled.items():
        best: dict[FieldValue, float] = {}
        for value, words in some:
            best[value] = max(fit[words], best.get(value, -math.inf))
        judged[name] = _judge_field(fields[name], best, hears_well=hears_well)
    return {**fields, **judged}


def _list_wordings(
    name: str, field: FieldReading, heard: Sequence[Heard], allows: Callable[[str, FieldValue], bool]
) -> Iterator[tuple[FieldValue, tuple[str, ...]]]:
    """Yield each value of a field with a wording that has it; none where no wording has the field's own value."""
    said = [(one.fields.get(name), tuple(word.text for word in one.words)) for one in heard]
    clear = [(one.value, words) for one, words in said if one is not None and one.value is not None and not one.rivals]
    own = next((words for value, words in clear if value == field.value), None)
    if own is None:
        return
    yield from clear
    if _is_bare_letter(field) and field.words[-1] in own:
        at = len(own) - 1 - own[::-1].index(field.words[-1])
        for letter in ascii_uppercase:
            if allows(name, letter):
                yield letter, (*own[:at], letter.lower(), *own[at + 1 :])


def _is_bare_letter(field: FieldReading) -> bool:
    """Whether the value was said as a letter without a word for it."""
    value = field.value
    return isinstance(value, str) and len(value) == 1 and field.words[-1:] == (value.lower(),)


def _judge_field(field: FieldReading, best: Mapping[FieldValue, float], *, hears_well: bool) -> FieldReading:
    """The field with its new confidence; `best` has the best fit of each value, its own and another among them."""
    others = {value: fit for value, fit in best.items() if value != field.value}
    rival = max(others, key=others.__getitem__)
    own = next(fit for value, fit in best.items() if value == field.value)
    margin = own - others[rival]
    if _is_bare_letter(field):
        rhyming = [fit for value, fit in others.items() if any({value, field.value} <= group for group in RHYMES)]
        if own - max(rhyming, default=-math.inf) <= _CONTRADICTED or margin <= _CONTRADICTED_BY_OTHER:
            return replace(field, confidence=min(field.confidence, _HALF), runner_up=rival)
    if not hears_well or margin < _CONFIRMED:
        return field
    held = min(max(field.confidence, 1 - _CERTAIN), _CERTAIN)
    odds = math.log(held / (1 - held)) + _OFFSET + _WEIGHT * min(margin, _MOST)
    return replace(field, confidence=max(field.confidence, 1 / (1 + math.exp(-odds))))
