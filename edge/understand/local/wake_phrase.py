"""The wake phrase: heard on the device before dictation begins.

A recogniser that knows one phrase hears it in much that sounds a little like it. So the grammar has decoys, parts of
the phrase and common words, and the phrase counts only when it was heard whole, at the beginning, and surely.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dockvoice_protocol.errors import Misconfigured
from edge.records import SAMPLE_BYTES, SAMPLE_RATE
from edge.understand.local.vosk import decoder, loaded

LONGEST_S = 3.0  # Whatever is spoken first in an utterance is over by then, pre-roll included.
SURE = 0.9  # Vosk's confidence in each word of the phrase, 0 to 1.

DECOYS = ("[unk]", "the", "and", "a", "to", "one", "two", "no", "yes", "pallet", "dock")
"""What else an utterance may begin with."""


class WakeWord:
    """Listens for one phrase at the beginning of utterances."""

    def __init__(self, weights: Path, phrase: str) -> None:
        """Load the weights, about half a second. Raises Misconfigured for words that they do not know."""
        self._model = loaded(weights)
        self._phrase = phrase.split()
        if unknown := [word for word in self._phrase if self._model.vosk_model_find_word(word) < 0]:
            raise Misconfigured(
                f"hear.wake_phrase = {phrase!r}: {weights.name} does not know {', '.join(unknown)}; choose other words"
            )
        self._grammar = json.dumps([phrase, *self._phrase, *DECOYS])

    def spotted(self, pcm: bytes) -> int | None:
        """The sample index at which the phrase that `pcm` begins with ends; None where it begins otherwise."""
        kaldi = decoder(self._model, self._grammar)
        kaldi.AcceptWaveform(pcm[: round(LONGEST_S * SAMPLE_RATE) * SAMPLE_BYTES])
        words: list[dict[str, Any]] = json.loads(kaldi.FinalResult()).get("result", [])
        first = words[: len(self._phrase)]
        if [word["word"] for word in first] != self._phrase or min(word["conf"] for word in first) < SURE:
            return None
        return round(float(first[-1]["end"]) * SAMPLE_RATE)
