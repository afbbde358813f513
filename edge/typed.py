"""What is typed in the place of speech: its reading, and an utterance that says on record that nobody spoke.

The source of such an utterance is the keyboard, and so is the interpreter of its reading, which every event names.
In the place of a recording it has a tenth of a second of digital silence.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import uuid_utils

from edge.agree.decide import Rules
from edge.forms.spoken import read_transcript
from edge.ports import Attention
from edge.records import SAMPLE_BYTES, SAMPLE_RATE, Act, Closing, Command, Reading, Segment, Utterance, Word
from edge.understand.proposal import proposed

KEYBOARD = "keyboard"
"""The source of what was typed, as it goes on record."""

SILENCE = bytes(SAMPLE_RATE // 10 * SAMPLE_BYTES)

WORD_S = 0.3
"""How long a typed word counts as having been spoken."""


class Typed(Attention):
    """The attention paid to what was typed: it is known already."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def hear(self, pcm: bytes) -> None:
        """There is nothing to hear."""

    async def finish(self, utterance: Utterance) -> Reading:
        """What was typed."""
        return self._reading


def typed(text: str, rules: Rules) -> Reading:
    """What a typed line says, in words or figures."""
    pieces = [piece.strip('.,;:!?"') for piece in text.lower().split()]
    words = _words(filter(None, pieces))
    fields = read_transcript(text, rules.form, rules.catalogue, rules.language.code)
    return proposed(KEYBOARD, rules.form, words, fields, rules.language)


def pressed(asked: Act | Command, form: str) -> Reading:
    """What a key asks that stands for a command, or for yes, no or cancel."""
    words = tuple(_words(asked.value.split("_")))
    if isinstance(asked, Command):
        return Reading(KEYBOARD, form, words, {}, act=Act.COMMAND, command=asked)
    return Reading(KEYBOARD, form, words, {}, act=asked)


def unspoken(form: str, closing: Closing = Closing.PAUSE) -> Utterance:
    """The utterance that typing takes the place of."""
    samples = len(SILENCE) // SAMPLE_BYTES
    segment = Segment(0, 0, samples, samples, closing, SILENCE)
    return Utterance(str(uuid_utils.uuid7()), form, KEYBOARD, datetime.now(UTC), segment)


def _words(texts: Iterable[str]) -> list[Word]:
    return [Word(text, number * WORD_S, (number + 1) * WORD_S, 1.0) for number, text in enumerate(texts)]
