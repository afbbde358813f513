"""Bears letters out by their sound, beside the recogniser. Pure.

Letters that rhyme are no words: a recogniser is as sure of one that was not said as of one that was.
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
witness. Of 378 docks of the development sets and of ten voices that were heard right and in doubt 197 were, and of 159
that were misheard one: a D as a B."""


def second_letters(reading: Reading, sound: Sound, form: Form, catalogue: Catalogue, sounds: Sounds) -> Reading:
    """The reading; a letter that may be another one is seconded where it sounds like none of those."""
    fields, words = dict(reading.fields), reading.words
    coded = {CODE_WORDS.get((word.text,)) for word in words}  # "G as in golf" needs no ear.
    for name, one in reading.fields.items():
        place = find_letter(one, [word.text for word in words]) if may_be_another(one) else None
        if place is None or words[place].text in coded or words[place].end <= words[place].start:
            continue
        measured = sound.measure(words[place].start, words[place].end)
        rivals = [of.casefold() for of in allowed_letters(form[name], catalogue) if is_weak_letter(one.value, of)]
        likely = sounds.letters.find_probabilities(measured, [words[place].text, *rivals])
        if _is_borne_out(one, words[place].text, likely):
            fields[name] = replace(one, seconded=True, confidence=1 - (1 - one.confidence) * (1 - SECONDED))
    return replace(reading, fields=fields)


def may_be_another(one: FieldReading) -> bool:
    """Whether it is a letter for which the one that is listed beside it may have been said."""
    return not one.rivals and is_weak_letter(one.value, one.runner_up)


def _is_borne_out(one: FieldReading, heard: str, likely: Mapping[str, float]) -> bool:
    """`likely`: how likely the sound is to be the letter that was heard, and each that may have been said for it."""
    other = max((value for letter, value in likely.items() if letter != heard), default=None)
    if heard not in likely or other is None:
        return False
    sounds, recognised = likely[heard] / max(other, _LEAST), one.confidence / max(1 - one.confidence, _LEAST)
    return sounds > 1 and min(recognised, _MOST_BELIEVED) * min(sounds, _TRUSTED) >= _BORNE_OUT
