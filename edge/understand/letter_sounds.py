"""Tells by its sound which letter was said, beside the recogniser. Pure.

Letters that rhyme are no words: the recogniser lists no E beside a G that was one, so that no confidence tells them
apart, nor do its alternatives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.confusable import is_weak_letter
from dockvoice_protocol.forms.spoken.language import CODE_WORDS
from dockvoice_protocol.records import FieldReading, Reading
from edge.understand.letter_scores import allowed_letters, find_letter
from edge.understand.witness import SECONDED
from edge.understand.word_sounds import Sound, Sounds

_LEAST = 1e-9  # No probability is less.

_TRUSTED = 300.0
"""However much likelier a letter is by its sound, it counts as so many times: one B by a voice unlike all that were
fitted sounded like the E that was heard, at any odds."""

_MOST_BELIEVED = 30.0
"""However sure the recogniser is, its letter counts as so many times likelier: it has the E of a voice as an A, at any
confidence. The sound must then bear it out by 17 times."""

_BORNE_OUT = 500.0
"""How much likelier a letter must be than any other, by the recogniser and its sound together, to need no other
witness. Of 378 docks of the development sets and of ten voices that were heard right and in doubt 190 were, and of 159
that were misheard none."""

_OVERRULES = 1_000_000.0
"""How much likelier a letter that the recogniser listed must be than the one that it heard, to be taken instead. Of
the same docks 10 were so, rightly; where neither was said, the other one was likelier by 370,000 times at most."""


def second_letters(reading: Reading, sound: Sound, form: Form, catalogue: Catalogue, sounds: Sounds) -> Reading:
    """The reading; a letter that may be another one is seconded where it sounds like none of those.

    Where it is surely another letter, which the recogniser listed, that is the value.
    """
    fields, words = dict(reading.fields), list(reading.words)
    coded = {CODE_WORDS.get((word.text,)) for word in words}  # "G as in golf" needs no ear.
    for name, one in reading.fields.items():
        place = find_letter(one, [word.text for word in words]) if may_be_another(one) else None
        if place is None or words[place].text in coded or words[place].end <= words[place].start:
            continue
        measured = sounds.words.project(sound.measure(words[place].start, words[place].end))
        rivals = [of.casefold() for of in allowed_letters(form[name], catalogue) if is_weak_letter(one.value, of)]
        fields[name] = _judge(one, sounds.letters.find_probabilities(measured, [words[place].text, *rivals]))
        if fields[name].value != one.value:
            words[place] = replace(words[place], text=str(fields[name].value).casefold())
    return replace(reading, fields=fields, words=tuple(words))


def may_be_another(one: FieldReading) -> bool:
    """Whether it is a letter for which the one that is listed beside it may have been said."""
    return not one.rivals and is_weak_letter(one.value, one.runner_up)


def _judge(one: FieldReading, likely: Mapping[str, float]) -> FieldReading:
    """`likely`: how likely the sound is to be the letter that was heard, and each that may have been said for it."""
    heard, recognised = str(one.value).casefold(), one.confidence / max(1 - one.confidence, _LEAST)
    others = {letter: value for letter, value in likely.items() if letter != heard}
    if heard not in likely or not others:
        return one
    best = max(others, key=others.__getitem__)
    sounds = likely[heard] / max(others[best], _LEAST)
    if sounds > 1:
        borne_out = min(recognised, _MOST_BELIEVED) * min(sounds, _TRUSTED) >= _BORNE_OUT
        sure = 1 - (1 - one.confidence) * (1 - SECONDED)
        return replace(one, seconded=True, confidence=sure) if borne_out else one
    if best.upper() != one.runner_up or recognised * sounds * _OVERRULES > 1:
        return one
    words = tuple(best if word == heard else word for word in one.words)
    return replace(one, value=best.upper(), words=words, runner_up=heard.upper(), seconded=True, confidence=SECONDED)
