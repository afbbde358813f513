"""Vosk, listening for what the form lets an operator say, and for nothing else.

The sentences sampled from the form become the recogniser's language model, a bigram: words outside them are heard as
`[unk]`. Weights are tuned when they are unpacked (`config/models.toml`): as published, they read no recording twice
alike.

A word's confidence comes from the rivals that survive decoding, those no more than e^2 times less likely: so it is 0.88
at most where there is any rival, and 1.0 where there is none. A wider beam gives figures in between, but was measured to
tell right from wrong no better.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import vosk

from edge.errors import Misconfigured
from edge.forms.catalogue import Catalogue
from edge.forms.form import Form
from edge.forms.spoken import phrases
from edge.records import SAMPLE_BYTES, SAMPLE_RATE, Reading, Utterance, Word
from edge.understand.proposal import UNKNOWN, proposal, refuse_unhearable

PIECE = SAMPLE_RATE // 5 * SAMPLE_BYTES
"""Bytes given to the recogniser at a time: the 200 ms in which Vosk itself cuts longer sound. Pieces of any other
length gave other confidences in 47 of 120 recordings; whole pieces of this length never did."""

HELD_BACK_MS = 500
"""Sound not yet given to the recogniser, since endpointing may cut it off the end: its hangover, unless told."""

vosk.SetLogLevel(-1)  # else a page for every recogniser, on the standard error of whichever command is running


class VoskInterpreter:
    """Reads utterances with the weights in one directory, for one form. Makes any number of attentions at a time."""

    def __init__(self, weights: Path, form: Form, catalogue: Catalogue, held_back_ms: int = HELD_BACK_MS) -> None:
        """Load the weights, about half a second. Raises Misconfigured where they or the form's words do not serve."""
        self.name = f"vosk/{weights.name}"
        self._form = form
        self._catalogue = catalogue
        self._held_back = held_back_ms * SAMPLE_RATE // 1000 * SAMPLE_BYTES
        self._model = _loaded(weights)
        sentences = phrases(form, catalogue)
        refuse_unhearable(self.name, form, sentences, lambda word: self._model.vosk_model_find_word(word) >= 0)
        self._grammar = json.dumps([*sentences, UNKNOWN])

    def attend(self) -> VoskAttention:
        """Begin to listen. Takes about 20 ms, so do it before the operator speaks."""
        return VoskAttention(self, self._held_back)

    def recogniser(self) -> Any:
        """A recogniser that has heard nothing yet."""
        recogniser = vosk.KaldiRecognizer(self._model, SAMPLE_RATE, self._grammar)
        recogniser.SetWords(True)
        return recogniser

    def reading(self, words: tuple[Word, ...]) -> Reading:
        """What the words heard propose."""
        return proposal(self.name, words, self._form, self._catalogue)


class VoskAttention:
    """One utterance. The reading is always of the utterance's own sound; what was heard before is only a head start.

    So the recording, read again, gives the same reading as the operator's voice did. Sound is given to the recogniser
    as it comes, but for the end that may still be cut off; should it turn out to be not the utterance's, the
    recogniser begins anew.
    """

    def __init__(self, interpreter: VoskInterpreter, held_back: int) -> None:
        self._interpreter = interpreter
        self._held_back = held_back
        self._recogniser = interpreter.recogniser()
        self._heard = bytearray()
        self._taken = 0

    def hear(self, pcm: bytes) -> None:
        """Take the next piece of sound, and let the recogniser have what is sure to belong to the utterance."""
        self._heard += pcm
        self._take(self._heard, len(self._heard) - self._held_back)

    async def finish(self, utterance: Utterance) -> Reading:
        """The reading of the utterance's sound, whether all, some or none of it was heard before."""
        return await asyncio.to_thread(self._read, utterance.segment.pcm)

    def _read(self, pcm: bytes) -> Reading:
        if self._heard[: self._taken] != pcm[: self._taken]:
            self._recogniser, self._taken = self._interpreter.recogniser(), 0
        self._take(pcm, len(pcm))
        self._recogniser.AcceptWaveform(pcm[self._taken :])
        # Vosk may think that a phrase has ended (AcceptWaveform says so). Not asked for its result, it simply goes on,
        # so that the words of the whole utterance come in one piece, timed from its first sample.
        heard = json.loads(self._recogniser.FinalResult())
        return self._interpreter.reading(tuple(_word(word) for word in heard.get("result", ())))

    def _take(self, pcm: bytes | bytearray, until: int) -> None:
        while self._taken + PIECE <= until:
            self._recogniser.AcceptWaveform(bytes(pcm[self._taken : self._taken + PIECE]))
            self._taken += PIECE


def _loaded(weights: Path) -> Any:
    try:
        return vosk.Model(str(weights))
    except Exception as fault:  # noqa: BLE001 - vosk raises nothing more special, and only for weights it cannot load
        raise Misconfigured(f"{weights}: {fault}; remove the directory and fetch the weights again") from None


def _word(heard: dict[str, Any]) -> Word:
    return Word(heard["word"], heard["start"], heard["end"], heard["conf"])
