"""Whisper base: a recogniser of many languages, for those whose own weights are not at hand.

It decodes after the last word only. Each utterance is heard at two speeds, as it is and a little slower, and each
hearing gives its likeliest texts: values that all of them have are right far more often. What it may write is limited
to the tokens of the form's words, and its prompt holds the form's labels and units, never a value. A text that nobody
said, as such models write for silence, is set aside (`edge.understand.stt.hallucinations`).

The weights are CTranslate2's (`config/models.toml`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import soxr

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import parse_meaning
from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.forms.spoken.reader import cached_lexicon, make_timed_words
from dockvoice_protocol.forms.spoken.rough import rough_sentences
from dockvoice_protocol.records import FieldReading, NotUnderstoodReason, Reading, Word
from edge.audio.pcm import to_floats
from edge.records import SAMPLE_RATE
from edge.understand.local.confidence import Alternative, likeliest_meaning
from edge.understand.local.incremental import Awaited, OnDeviceInterpreter, await_no_fields
from edge.understand.local.mel import mel_filters
from edge.understand.local.spelling_correction import SpellingCorrector
from edge.understand.reading_builder import build_reading, parse_without_initial_noise
from edge.understand.stt.hallucinations import detect_hallucination

_WINDOW, _HOP, _BANDS = 400, 160, 80
"""Samples of a frame and from one to the next, and mel bands: those that Whisper was trained on."""
_MEL_FILTERS = mel_filters(_BANDS, _WINDOW).astype(np.float32)

_LONGEST = 3000  # Frames that it hears at most: 30 s.

_STEP = 250
"""Frames to whose multiple the sound is filled up with silence. It was trained on 30 s always, which takes five
times as long to hear."""

_TAIL_S = 1.0  # Silence behind the sound, at least: with less it drops the last word.

_DYNAMIC = 8.0  # Powers of ten below the loudest band at which spectra are cut off; as it was trained.

_SPEEDS = (1.0, 0.93)  # Speeds of the hearings, as vosk's.

_BEAM = 5
_MOST_TOKENS = 80  # Of a text: a sentence of 30 s at the pace of the sets has 70.

_UNITS = 3  # Units of each field in the prompt. With all synonyms of a form it writes some of them for noise.

_STEM = 3  # Letters by which two units are told apart: "unidades" and "unidad" are one.

_LEAST = 1e-9  # Below this a probability of a token counts as this one: its logarithm would outweigh all others.

_SPECIAL = ("<|startoftranscript|>", "<|transcribe|>", "<|notimestamps|>")
_BEFORE = "<|startofprev|>"
_PUNCTUATION = {",", "?", "!", "'", "¿"}
"""No full stop and no dash: with them it writes 603 and 25 as "6-0-3-25" or "6.0.3.25"."""

Samples = np.ndarray[Any, np.dtype[np.float32]]


class WhisperInterpreter(OnDeviceInterpreter):
    """Reads utterances of one form in one language, one at a time."""

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
        awaited: Awaited = await_no_fields,
    ) -> None:
        """Load the weights, a second. `names` and `works` are as for `UnmeasuredVosk`.

        Raises Misconfigured where the package is not installed, or the weights cannot be loaded.
        """
        super().__init__(f"whisper/{weights.name}", form, catalogue, language, converses=converses, awaited=awaited)
        self._decoder = load_decoder(weights)
        self._prompt = make_prompt(form, language)
        words = {
            word for said in rough_sentences(form, catalogue, language, _any, names, works) for word in said.split()
        }
        self._forbidden = self._decoder.list_forbidden(words)
        self._spelling = SpellingCorrector(form, language)
        self._parts_of_values = cached_lexicon(form, catalogue, language).parts_of_values

    def _begin(self) -> _Sound:
        return _Sound(self.read)

    def read(self, pcm: bytes) -> Reading:
        """The reading of the sound; takes a fifth of its length on a processor that is free."""
        return self.read_texts([self._hear(pcm, speed) for speed in _SPEEDS] if pcm.strip(b"\0") else [[]])

    def read_texts(self, hearings: Sequence[Sequence[tuple[str, float]]]) -> Reading:
        """The reading of the texts of each hearing, the likeliest first, each with the logarithm of its probability."""
        texts = [text for hearing in hearings for text, _ in hearing[:1]]
        if not all(texts) or len(texts) < len(_SPEEDS) or any(detect_hallucination(one, self._prompt) for one in texts):
            return Reading(self.name, self._form.name, (), {}, NotUnderstoodReason.NO_WORDS)
        form, catalogue, language = self._form, self._catalogue, self._language

        def read(words: Sequence[Word]) -> Mapping[str, FieldReading]:
            return parse_without_initial_noise(words, form, catalogue, language, longest_noise_s=0)[1]

        def make_words(text: str) -> tuple[Word, ...]:
            return make_timed_words(self._spelling.correct(text), form, catalogue, language)

        alternatives = [[Alternative(score, make_words(text)) for text, score in hearing] for hearing in hearings]
        words, fields = likeliest_meaning(alternatives, read, self._allows, self._parts_of_values, has_word_times=False)
        meant = parse_meaning(words, form, catalogue, language)
        # Its scores tell right from wrong hardly at all: each value is confirmed.
        unsure = {name: replace(field, confirmed=False) for name, field in fields.items()}
        return build_reading(
            self.name, form, catalogue, words, unsure, language, preface=meant.preface_words(), meant=meant
        )

    def _hear(self, pcm: bytes, speed: float) -> list[tuple[str, float]]:
        samples = to_floats(pcm)
        if speed != 1:
            samples = soxr.resample(samples, SAMPLE_RATE * speed, SAMPLE_RATE)
        found = self._decoder.transcribe(samples, self._language.code, self._prompt, self._forbidden)
        return [(text, score) for text, score in found if text]


def _any(_phrase: str) -> bool:
    return True


def make_prompt(form: Form, language: Language) -> str:
    """Of each required field the first label, or what is counted, as a prompt.

    No values: models return plausible ones for noise.
    """
    words: list[str] = []
    for field in form.fields:
        wording = field.wording(language.code)
        if field.required:
            words += _some_units(wording.units) or wording.labels[:1]
    return f"{', '.join(dict.fromkeys(words))}.".capitalize()


def _some_units(units: Iterable[str]) -> list[str]:
    """The first units that do not begin alike."""
    stems: dict[str, str] = {}
    for unit in units:
        if len(unit) >= _STEM:
            stems.setdefault(fold(unit)[:_STEM], unit)
    return [*stems.values()][:_UNITS]


class _Sound:
    """The sound of one utterance, which is read when it ends."""

    def __init__(self, understand: Callable[[bytes], Reading]) -> None:
        self._understand = understand
        self._pcm = bytearray()

    def accept(self, pcm: bytes) -> None:
        self._pcm += pcm

    def is_unfinished_entry(self) -> bool:
        return False  # nothing was decoded yet

    def reading(self) -> Reading:
        return self._understand(bytes(self._pcm))


@lru_cache
def load_decoder(weights: Path) -> WhisperDecoder:
    """The model of these weights, cached for all forms. Raises Misconfigured."""
    return WhisperDecoder(weights)


def is_installed() -> bool:
    """Whether the packages are installed that decode."""
    return find_spec("ctranslate2") is not None and find_spec("tokenizers") is not None


class WhisperDecoder:
    """The model with its tokens. One sound at a time."""

    def __init__(self, weights: Path) -> None:
        try:
            import ctranslate2  # noqa: PLC0415 - an extra: 40 MB that not every site wants
            from tokenizers import Tokenizer  # noqa: PLC0415 - likewise
        except ImportError:
            raise Misconfigured("whisper: is not installed; pip install 'dockvoice[whisper]'") from None
        self._storage = ctranslate2.StorageView
        file = weights / "tokenizer.json"
        try:
            self._tokens = Tokenizer.from_file(str(file))
            file = weights / "model.bin"
            self._model = ctranslate2.models.Whisper(str(weights), device="cpu", compute_type="int8", intra_threads=1)
        except Exception as fault:  # noqa: BLE001 - both libraries raise nothing more special
            todo = f"remove the directory and run `dockvoice models get {weights.name}`"
            raise Misconfigured(f"{file}: cannot be loaded ({fault}); {todo}") from None
        texts = range(self._number("<|endoftext|>"))
        self._texts = {number: self._tokens.decode([number]) for number in texts}
        self._turn = Lock()

    def list_forbidden(self, words: Iterable[str]) -> list[int]:
        """The tokens that none of the words has, in small letters or with a capital, and no figure or comma."""
        spelt = {form for word in words for form in (word, word.capitalize(), word.upper() if len(word) == 1 else word)}
        allowed = {token for word in spelt for start in ("", " ") for token in self._encode(start + word)}
        allowed |= {
            token for token, text in self._texts.items() if re.fullmatch(r" ?\d+", text) or text in _PUNCTUATION
        }
        return [token for token in self._texts if token not in allowed]

    def transcribe(
        self, samples: Samples, language: str, prompt: str, forbidden: Sequence[int]
    ) -> list[tuple[str, float]]:
        """The likeliest texts of the sound, the likeliest first, each with the logarithm of its probability."""
        said = self._number(_SPECIAL[0]), self._number(f"<|{language}|>"), *map(self._number, _SPECIAL[1:])
        begun = [self._number(_BEFORE), *self._encode(" " + prompt), *said]
        with self._turn:
            found = self._model.generate(
                self._model.encode(self._storage.from_array(log_mel(samples)[None])),
                [begun],
                beam_size=_BEAM,
                num_hypotheses=_BEAM,
                max_length=len(begun) + _MOST_TOKENS,
                return_scores=True,
                suppress_tokens=[-1, *forbidden],
            )[0]
        return [
            (self._tokens.decode(tokens).strip(), score * (len(tokens) + 1))
            for tokens, score in zip(found.sequences_ids, found.scores, strict=True)
        ]

    def score(self, samples: Samples, language: str, texts: Sequence[str]) -> list[float]:
        """Of each text the logarithm of the probability that it is what was said, given that it was written at all.

        Nothing is searched for: each text is held against the sound, so that none is made up.
        """
        begun = [self._number(_SPECIAL[0]), self._number(f"<|{language}|>"), *map(self._number, _SPECIAL[1:])]
        mel = log_mel(samples)
        with self._turn:
            heard = self._model.encode(self._storage.from_array(mel[None]))
            held = [
                self._model.align(heard, begun, [self._encode(f" {text}")], mel.shape[1])[0].text_token_probs
                for text in texts
            ]
        return [sum(math.log(max(one, _LEAST)) for one in probabilities) for probabilities in held]

    def _encode(self, text: str) -> list[int]:
        numbers: list[int] = self._tokens.encode(text, add_special_tokens=False).ids
        return numbers

    def _number(self, token: str) -> int:
        return int(self._tokens.token_to_id(token) or 0)


def log_mel(samples: Samples) -> Samples:
    """The sound as Whisper hears it: the logarithm of its mel bands, filled up with silence."""
    least = len(samples) / _HOP + _TAIL_S * SAMPLE_RATE / _HOP
    frames = min(_LONGEST, int(-(-least // _STEP)) * _STEP)
    filled = np.pad(samples[: frames * _HOP], (0, max(0, frames * _HOP - len(samples))))
    framed = np.lib.stride_tricks.sliding_window_view(np.pad(filled, _WINDOW // 2, mode="reflect"), _WINDOW)
    power = np.abs(np.fft.rfft(framed[::_HOP][:frames] * np.hanning(_WINDOW + 1)[:-1])) ** 2
    bands = np.log10(np.maximum(_MEL_FILTERS @ power.T, 1e-10))
    return np.asarray((np.maximum(bands, bands.max() - _DYNAMIC) + 4) / 4, np.float32)
