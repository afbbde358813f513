"""Moonshine tiny: a second on-device recogniser, of another kind than the first.

It transcribes free English text (encoder-decoder), while vosk follows the form's grammar, so their errors differ: what
both hear is right. It is weaker than vosk alone, and reports no confidence. Its wheel up to version 0.1.0 has the
weights.
"""

from __future__ import annotations

import asyncio
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from dockvoice_protocol.errors import Misconfigured, Unavailable
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import Reading, Transcript
from edge.audio.pcm import to_floats
from edge.ports import Interpreter, UtteranceListener, WholeUtteranceListener
from edge.records import SAMPLE_BYTES, SAMPLE_RATE
from edge.understand.stt.hallucinations import detect_hallucination
from edge.understand.stt.transcript_reader import TranscriptParser

LANGUAGE = "en"

_CONFIDENCE = 0.9
"""In place of the confidence that the model does not give: it suffices together with another reading only."""

_SILENCE_BEFORE_S, _SILENCE_AFTER_S = 0.5, 1.0
"""Put around each sound. The library keeps the state of its voice detector from one sound to the next: without this,
what it writes depends on what it heard before ("You Hallet five, …" after a sound that ended abruptly)."""

Samples = np.ndarray[Any, np.dtype[np.float32]]


class MoonshineInterpreter(Interpreter):
    """Reads utterances of one form, one at a time, since the model uses all cores."""

    name = "moonshine/tiny-en"

    def __init__(self, form: Form, catalogue: Catalogue) -> None:
        """Load the weights: half a second, 150 MB. Raises Misconfigured where the package is not installed."""
        self._reader = TranscriptParser(form, catalogue, LANGUAGE)
        self._model = load_model()
        self._turn = Lock()

    def listen(self) -> UtteranceListener:
        """Begin to listen; recognition starts when the utterance is closed."""
        return WholeUtteranceListener(lambda utterance: asyncio.to_thread(self.read, utterance.segment.pcm))

    def read(self, pcm: bytes) -> Reading:
        """The reading of the sound; takes a tenth of its length, longer on a busy machine. Blocks."""
        seconds = len(pcm) / SAMPLE_BYTES / SAMPLE_RATE
        text = self._transcribe(pcm) if pcm.strip(b"\0") else ""
        unbelieved = detect_hallucination(text)
        transcript = Transcript(self.name, "" if unbelieved else text, None, hallucination=unbelieved)
        return self._reader.read(transcript, _CONFIDENCE, seconds)

    def _transcribe(self, pcm: bytes) -> str:
        with self._turn:
            try:
                return transcribe(self._model, pcm)
            except Exception as fault:  # noqa: BLE001 - its library's errors share no parent of their own
                raise Unavailable(f"{self.name}: could not read ({fault}); the utterance is kept") from None


def transcribe(model: Any, pcm: bytes) -> str:
    """The model's transcript of the sound. Raises whatever its library does."""
    transcript = model.transcribe_without_streaming(pad_with_silence(to_floats(pcm)).tolist(), SAMPLE_RATE)
    return " ".join(line.text.strip() for line in transcript.lines)


def pad_with_silence(samples: Samples) -> Samples:
    """The sound with silence before and after it, so that the model keeps no state of another sound."""
    return np.pad(samples, (round(_SILENCE_BEFORE_S * SAMPLE_RATE), round(_SILENCE_AFTER_S * SAMPLE_RATE)))


def is_installed() -> bool:
    """Whether the package `moonshine_voice` is installed."""
    return find_spec("moonshine_voice") is not None


def load_model() -> Any:
    """Load Moonshine's tiny English model. Raises Misconfigured where the package or its weights are missing."""
    try:
        from moonshine_voice.moonshine_api import ModelArch  # noqa: PLC0415 - an extra: 56 MB that not every site wants
        from moonshine_voice.transcriber import Transcriber  # noqa: PLC0415 - likewise
    except ImportError:
        raise Misconfigured("moonshine: is not installed; pip install 'dockvoice[second-reader]'") from None
    weights = Path(str(resources.files("moonshine_voice"))) / "assets" / "tiny-en"
    if not weights.is_dir():
        raise Misconfigured(f"{weights}: no weights here; pip install moonshine-voice==0.1.0, which carries them")
    # Otherwise each answer carries the sound along, as a list of Python floats.
    return Transcriber(weights, ModelArch.TINY, options={"return_audio_data": "false"})
