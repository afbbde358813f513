"""Vosk in a language whose weights nobody measured here, listening for what the form's words may make.

What it hears is read as a transcript is. How well such weights hear is not known, and how sure they are is their own
view: so every value wants the operator's word for it ("pallet 7 4 2, right?").
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import vosk

from edge.forms.catalogue import Catalogue
from edge.forms.model import Form
from edge.forms.spoken import expected, read_transcript
from edge.forms.spoken.language import Language
from edge.forms.spoken.rough import rough_sentences
from edge.records import SAMPLE_BYTES, SAMPLE_RATE, Expectation, Reading, Transcript, Word
from edge.understand.local.incremental import Awaited, ListeningAhead, Speculation, whole_entries
from edge.understand.local.vosk import HUNDREDTHS, Decoders, knowing, loaded
from edge.understand.proposal import UNKNOWN
from edge.understand.stt.transcript_reader import TranscriptReader

UNSURE = 0.0
"""What stands for the confidence of a value that rests on no word: there is none."""


class UnmeasuredVosk:
    """Reads utterances of one form in one language. Any number of attentions may be open."""

    def __init__(
        self,
        weights: Path,
        form: Form,
        catalogue: Catalogue,
        language: Language,
        *,
        names: Sequence[str] = (),
        works: Sequence[str] = (),
        converses: bool = False,
        awaited: Awaited = whole_entries,
    ) -> None:
        """Load the weights. `names` are what operators sign on with, `works` the ways to name the forms at hand.

        What the weights do not know is left out: `dockvoice doctor` tells what that is. Raises Misconfigured where the
        weights cannot be loaded.
        """
        self.name = f"vosk/{weights.name}"
        self.speculation = Speculation()
        self._form = form
        self._catalogue = catalogue
        self._language = language
        self._converses = converses
        self._awaited = awaited
        self._needed = frozenset(field.name for field in form.fields if field.required)
        self._reader = TranscriptReader(form, catalogue, language.code)
        told = rough_sentences(form, catalogue, language, knowing(weights), names, works)
        self._decoders = Decoders(partial(_decoder, loaded(weights), json.dumps([*told, UNKNOWN])))

    def attend(self) -> ListeningAhead:
        """Begin to listen."""
        return ListeningAhead(self._begin, self._judge, self.speculation)

    def _begin(self) -> _Recogniser:
        return _Recogniser(self._decoders, self._understand, self._goes_on)

    def _judge(self, reading: Reading) -> Expectation:
        known = (self._form, self._catalogue, self._language)
        return expected(reading.words, reading.fields, *known, converses=self._converses, awaited=self._awaited())

    def _goes_on(self, text: str) -> bool:
        """Whether these words surely are not all: a field, and two still to be said."""
        fields = read_transcript(text, self._form, self._catalogue, self._language.code)
        awaited = self._awaited()
        return bool(fields) and len((self._needed if awaited is None else frozenset(awaited)) - fields.keys()) > 1

    def _understand(self, words: tuple[Word, ...], seconds: float) -> Reading:
        text = " ".join(word.text for word in words)
        read = self._reader.read(Transcript(self.name, text, None, words), UNSURE, seconds)
        fields = {name: replace(field, confirmed=False) for name, field in read.fields.items()}
        return replace(read, fields=fields)


def _decoder(model: Any, grammar: str) -> Any:
    """One that tells how sure it is of each word."""
    decoder = vosk.KaldiRecognizer(model, SAMPLE_RATE, grammar)
    decoder.SetWords(True)
    return decoder


class _Recogniser:
    """One utterance."""

    def __init__(
        self,
        decoders: Decoders,
        understand: Callable[[tuple[Word, ...], float], Reading],
        goes_on: Callable[[str], bool],
    ) -> None:
        self._decoders = decoders
        self._understand = understand
        self._goes_on = goes_on
        self._kaldi: Any = None
        self._before = self._samples = 0

    def take(self, pcm: bytes) -> None:
        if self._kaldi is None:
            self._kaldi, self._before = self._decoders.take()
        self._kaldi.AcceptWaveform(pcm)
        self._samples += len(pcm) // SAMPLE_BYTES

    def goes_on(self) -> bool:
        return self._kaldi is not None and self._goes_on(json.loads(self._kaldi.PartialResult())["partial"])

    def reading(self) -> Reading:
        if self._kaldi is None:  # There was no sound at all.
            self._kaldi, self._before = self._decoders.take()
        said = json.loads(self._kaldi.FinalResult()).get("result", ())
        self._decoders.give_back(self._kaldi, self._before + self._samples)
        self._kaldi = None
        words = tuple(
            Word(one["word"], self._at(one["start"]), self._at(one["end"]), min(1.0, one["conf"])) for one in said
        )
        return self._understand(words, self._samples / SAMPLE_RATE)

    def _at(self, told: float) -> float:
        """Seconds from the first sample of the utterance: vosk counts from the first that the decoder ever had."""
        return max(0.0, round(told - self._before / SAMPLE_RATE, HUNDREDTHS))
