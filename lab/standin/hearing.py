"""The stand-in's recogniser (Moonshine tiny-en): free text, corrected to the form's words, with word times."""

from __future__ import annotations

import hashlib
import io
import re
import threading
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import soundfile
import soxr
from starlette.concurrency import run_in_threadpool

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import vocabulary
from dockvoice_protocol.forms.spoken.sentences import NUMBER_WORDS as NUMBERS
from edge.understand.local.moonshine import Samples, pad_with_silence

RATE = 16_000  # Samples per second of the recogniser's input.

SHORTEST_S = 0.1  # OpenAI's least length of a recording; less is refused as `audio_too_short`.


class NotSound(ValueError):
    """The uploaded bytes are not audio in the declared format."""


@dataclass(frozen=True, slots=True)
class DecodedSound:
    """An uploaded recording decoded to 16 kHz mono."""

    samples: Samples
    container: str  # The file format in soundfile's terms: WAV, MP3, FLAC, OGG.

    @classmethod
    def decode(cls, content: bytes) -> DecodedSound:
        """Decode the bytes of any container that libsndfile supports. Raises NotSound."""
        try:
            with soundfile.SoundFile(io.BytesIO(content)) as file:
                samples, rate, container = file.read(dtype="float32", always_2d=True), file.samplerate, file.format
        except (soundfile.LibsndfileError, RuntimeError) as fault:
            raise NotSound(str(fault)) from None
        mono = samples.mean(axis=1, dtype=np.float32)
        return cls(mono if rate == RATE else soxr.resample(mono, rate, RATE), container)

    @property
    def seconds(self) -> float:
        """Duration of the recording in seconds."""
        return len(self.samples) / RATE

    @property
    def sha256(self) -> str:
        """Hash of the decoded samples, the same for any lossless container."""
        return hashlib.sha256(self.samples.tobytes()).hexdigest()


class MoonshineRecogniser:
    """The process's recogniser; caches each sound's transcript."""

    def __init__(self) -> None:
        """Load the weights (half a second). Raises Misconfigured if the package cannot be loaded."""
        self._transcriber = _load_transcriber()
        self._one_at_a_time = threading.Lock()  # the library's object is not made for two threads at a time
        self._transcripts: dict[str, str] = {}

    async def hear(self, sound: DecodedSound) -> str:
        """Transcribe the sound, with the recogniser's punctuation; empty if it recognises no words."""
        known = self._transcripts.get(sound.sha256)
        return known if known is not None else await run_in_threadpool(self._listen, sound)

    def _listen(self, sound: DecodedSound) -> str:
        with self._one_at_a_time:
            if sound.sha256 not in self._transcripts:
                transcript = self._transcriber.transcribe_without_streaming(
                    pad_with_silence(sound.samples).tolist(), RATE
                )
                self._transcripts[sound.sha256] = " ".join(line.text.strip() for line in transcript.lines)
        return self._transcripts[sound.sha256]


def _load_transcriber() -> Any:
    try:
        from moonshine_voice import ModelArch, get_model_path  # noqa: PLC0415 - half a second, and an optional extra
        from moonshine_voice.transcriber import Transcriber  # noqa: PLC0415 - likewise
    except OSError as fault:  # its package opens the sound library, though nothing here needs a sound card
        raise Misconfigured(
            f"the stand-in's recogniser needs the PortAudio library ({fault}); on Debian: apt-get install libportaudio2"
        ) from None
    # Otherwise each answer carries the sound along, as a list of Python floats.
    return Transcriber(get_model_path("tiny-en"), ModelArch.TINY, options={"return_audio_data": "false"})


_ALIKE = 0.8
"""Minimum similarity (difflib's ratio) at which a word is corrected to one of a value's words: "foxtrom", "charley"."""
_ALIKE_LABELS = 0.65  # The same for labels and units, which every sentence has: "palette", "doc", "pallid".
_ALIKE_BEFORE_NUMBERS = 0.45  # The same for labels before a number, where a label is likely: "howlet seven".
_SHORTEST = 3  # Minimum letters of a word to correct; shorter ones are similar to everything.

_LETTERS = {
    "b": "bee", "c": "cee sea", "d": "dee", "g": "gee", "h": "age aitch", "j": "jay", "k": "kay",
    "p": "pea pee", "q": "cue queue", "t": "tea tee", "v": "vee", "z": "zee zed",
}  # fmt: skip
_LETTER_NAMES = {spelling: letter for letter, spellings in _LETTERS.items() for spelling in spellings.split()}
"""Words that are spelt-out letters."""

_HESITATION = re.compile(r"\b(ah|eh|uhm|umm|mm)\b", re.IGNORECASE)  # Variants of the forms' "uh".

_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_RUN = re.compile(rf"\b({'|'.join(_DIGITS)})(,? ({'|'.join(_DIGITS)})\b)+", re.IGNORECASE)  # Digits spoken one by one.

_WORD = re.compile(rf"[A-Za-z']{{{_SHORTEST},}}(?=[\W_]*(\w*))")  # A word and the beginning of the next one.


class VocabularyCorrector:
    """Corrects transcripts to one form's words and its catalogue."""

    def __init__(self, form: Form, catalogue: Catalogue) -> None:
        self._known = vocabulary(form, catalogue)
        self._names = sorted(word for word in self._known if len(word) >= _SHORTEST)
        self._labels = sorted({label.split()[0] for field in form.fields for label in field.labels})
        units = {unit for field in form.fields for pair in field.units.items() for unit in pair}
        self._titles = sorted({word for unit in units for word in unit.split()} | set(self._labels))

    def correct(self, text: str) -> str:
        """Replace near misses in the transcript by the form's words."""
        return _WORD.sub(self._nearest_known_word, _HESITATION.sub("uh", _RUN.sub(_normalise_commas, text)))

    def _nearest_known_word(self, found: re.Match[str]) -> str:
        word, following = found[0].lower(), found[1].lower()
        if word in self._known:
            return found[0]
        if word in _LETTER_NAMES:
            return _LETTER_NAMES[word]
        near = get_close_matches(word, self._names, 1, _ALIKE) or get_close_matches(
            word, self._titles, 1, _ALIKE_LABELS
        )
        if not near and (following.isdigit() or following in NUMBERS):
            near = get_close_matches(word, self._labels, 1, _ALIKE_BEFORE_NUMBERS)
        return near[0] if near else found[0]


def _normalise_commas(run: re.Match[str]) -> str:
    """Put commas between all digits of a run or none: which of them get one differs between processors."""
    return re.sub(",? ", ", ", run[0]) if "," in run[0] else run[0]


_LOUD = 0.05  # Share of the peak above which a sample counts as speech.


@dataclass(frozen=True, slots=True)
class _TimedWord:
    """A word with start and end in seconds."""

    text: str
    start: float
    end: float


def estimate_word_times(text: str, sound: DecodedSound) -> list[_TimedWord]:
    """Estimate the times of a transcript's words, spread over the loud part of the sound."""
    words = text.split()
    loud = np.flatnonzero(np.abs(sound.samples) > _LOUD * np.abs(sound.samples).max())
    if not words or not len(loud):
        return []
    first, last = loud[0] / RATE, loud[-1] / RATE
    ends = np.cumsum([len(word) + 1 for word in words])
    marks = [first, *(first + (last - first) * ends / ends[-1])]
    return [
        _TimedWord(*timed) for timed in zip(words, _round_seconds(marks[:-1]), _round_seconds(marks[1:]), strict=True)
    ]


def _round_seconds(marks: list[float]) -> list[float]:
    return [round(float(mark), 2) for mark in marks]


SPEECH_RATE = 24_000  # Samples per second of OpenAI's synthesised speech, in every format.

_Pcm = np.ndarray[Any, np.dtype[np.int16]]

_CONTAINERS = {"wav": ("WAV", "PCM_16"), "flac": ("FLAC", "PCM_16"), "mp3": ("MP3", "MPEG_LAYER_III")}
"""In soundfile's words."""


def encode_sound(samples: _Pcm, container: str, rate: int = RATE) -> bytes:
    """Encode 16 kHz samples in a container of `_CONTAINERS`, or as raw `pcm`, resampled to `rate`."""
    turned = samples if rate == RATE else soxr.resample(samples, RATE, rate)
    if container not in _CONTAINERS:
        return bytes(turned.tobytes())
    file = io.BytesIO()
    kind, subtype = _CONTAINERS[container]
    soundfile.write(file, turned, rate, format=kind, subtype=subtype)
    return file.getvalue()
