"""Vosk, listening for what the form lets an operator say, and for nothing else.

The sentences sampled from the form become the recogniser's language model, a bigram: words outside them are heard as
`[unk]`. Weights are tuned when they are unpacked (`config/models.toml`): as published, they read no recording twice
alike.

A word's confidence comes from the rivals that survive decoding, those no more than e^2 times less likely: so it is at
most 0.88 where there is a rival, and 1.0 where there is none. A wider beam gives figures in between, but was measured
to tell right from wrong no better.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import vosk

from edge.errors import Misconfigured
from edge.forms.catalogue import Catalogue
from edge.forms.form import Form
from edge.forms.spoken import phrases
from edge.records import SAMPLE_RATE, Reading, Word
from edge.understand.attention import ListeningAhead
from edge.understand.proposal import UNKNOWN, proposal, refuse_unhearable

vosk.SetLogLevel(-1)  # else a page for every recogniser, on the standard error of whichever command is running


class VoskInterpreter:
    """Reads utterances with the weights in one directory, for one form. Any number of attentions may be open."""

    def __init__(self, weights: Path, form: Form, catalogue: Catalogue, held_back_ms: int) -> None:
        """Load the weights, about half a second; `held_back_ms` is the hangover, the most that endpointing cuts off.

        Raises Misconfigured where the weights cannot be loaded or do not know a word of the form.
        """
        self.name = f"vosk/{weights.name}"
        self._form = form
        self._catalogue = catalogue
        self._held_back_ms = held_back_ms
        self._model = _loaded(weights)
        sentences = phrases(form, catalogue)
        refuse_unhearable(self.name, form, sentences, lambda word: self._model.vosk_model_find_word(word) >= 0)
        self._grammar = json.dumps([*sentences, UNKNOWN])

    def attend(self) -> ListeningAhead:
        """Begin to listen. Takes about 20 ms, so do it before the operator speaks."""
        return ListeningAhead(self._begin, self._propose, self._held_back_ms)

    def _begin(self) -> _Recogniser:
        return _Recogniser(self._model, self._grammar)

    def _propose(self, words: tuple[Word, ...]) -> Reading:
        return proposal(self.name, words, self._form, self._catalogue)


class _Recogniser:
    """One utterance in one piece, timed from its first sample.

    Vosk thinks that a phrase has ended whenever somebody pauses, and says so. Not asked for its result, it goes on with
    the same sentence; asked, it would begin another one.
    """

    def __init__(self, model: Any, grammar: str) -> None:
        self._kaldi = vosk.KaldiRecognizer(model, SAMPLE_RATE, grammar)
        self._kaldi.SetWords(True)

    def take(self, pcm: bytes) -> None:
        self._kaldi.AcceptWaveform(pcm)

    def words(self) -> tuple[Word, ...]:
        heard = json.loads(self._kaldi.FinalResult()).get("result", ())
        return tuple(Word(word["word"], word["start"], word["end"], word["conf"]) for word in heard)


def _loaded(weights: Path) -> Any:
    try:
        return vosk.Model(str(weights))
    except Exception as fault:  # noqa: BLE001 - vosk raises nothing more special, and only for weights it cannot load
        raise Misconfigured(f"{weights}: {fault}; remove the directory and fetch the weights again") from None
