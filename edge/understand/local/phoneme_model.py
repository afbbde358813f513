"""The phoneme model of the Python package hama: sound to log-probabilities of phonemes, stretch by stretch.

Its wheel has a model of 4.7 MB and the library that runs it. `dockvoice models get hama` fetches both; the package need
not be installed. The model hears a whole sound at once, so it is given stretches of 1.2 s while the operator speaks,
each with some sound around it: differences between wordings come out as for the whole sound.
"""

from __future__ import annotations

import ctypes
import json
import platform
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dockvoice_protocol.errors import Misconfigured
from edge.audio.pcm import to_floats
from edge.records import SAMPLE_BYTES, SAMPLE_RATE
from edge.understand.local.forced_path import Frames, Pronunciations, measure_fits
from edge.understand.local.judging import Fits
from edge.understand.local.pronunciation import PHONEMES, pronounce

NAME = "hama"  # Of the weights in `config/models.toml`.

# ruff: noqa: RUF001 - the symbols of the International Phonetic Alphabet look like letters
_SYMBOLS = {
    "AA": "ɑ ɒ a ä", "AE": "æ", "AH": "ʌ ə ɐ", "AO": "ɔ", "AW": "aʊ", "AY": "aɪ", "EH": "ɛ", "ER": "ɝ ɚ ɜ",
    "EY": "eɪ e", "IH": "ɪ", "IY": "i", "OW": "oʊ o", "OY": "ɔɪ", "UH": "ʊ", "UW": "u ʉ",
    "B": "b", "CH": "t͡ʃ t͡ɕ", "D": "d ɖ", "DH": "ð", "F": "f", "G": "ɡ g", "HH": "h ɦ", "JH": "d͡ʒ", "K": "k kʰ k͈",
    "L": "l ɫ", "M": "m", "N": "n", "NG": "ŋ", "P": "p pʰ p͈", "R": "ɹ r ɻ", "S": "s s͈ ʂ", "SH": "ʃ ɕ", "T": "t tʰ t͈ ɾ",
    "TH": "θ", "V": "v ʋ", "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ",
}  # fmt: skip
"""The model's symbols for each phoneme; whatever else it writes is of other languages."""

_OUTPUTS = 191  # The symbols of its vocabulary, behind them the boundary of words and the blank.

_FRAME = SAMPLE_RATE // 50 * SAMPLE_BYTES  # Bytes: the model gives a frame for each 20 ms.

_STRETCH, _BEFORE, _BEHIND = 60 * _FRAME, 20 * _FRAME, 10 * _FRAME
"""Bytes of a stretch, and of the sound before and behind it that the model is given as well: 1.2, 0.4 and 0.2 s. So
each second is computed one and a half times, and the last stretch when the operator ends. Stretches that end where the
voice pauses would leave nothing to compute then, but cut words: of 100 clips at 10 dB that were right 3 were asked."""

_RAREST = 1e-7  # The least probability of a phoneme, so that it has a logarithm.


class PhonemeModel:
    """The model. Thread-safe: nothing of one sound is kept for another."""

    def __init__(self, weights: Path) -> None:
        """Load the model in the directory `weights`: 50 ms, 23 MB. Raises Misconfigured where it cannot be used."""
        model = weights / "hama/assets/asr_waveform.hama"
        library = weights / f"hama/_libs/linux-{platform.machine()}/libhama.so"
        try:
            content = model.read_bytes()
            symbols = json.loads((weights / "hama/assets/g2p_vocab.json").read_text(encoding="utf-8"))["decoder"]
            self._engine = _bind(ctypes.CDLL(str(library)))
        except (OSError, ValueError, KeyError, AttributeError) as fault:
            raise Misconfigured(f"{weights}: cannot be used ({fault}); run `dockvoice models get {NAME}`") from None
        self._handle = self._engine.hama_asr_load(content, len(content))
        if not self._handle:
            raise Misconfigured(f"{model}: cannot be loaded; remove {weights} and fetch it again")
        self._turn = Lock()  # whether the library may run twice at once, it does not say
        boundaries = [len(symbols), len(symbols) + 1]  # the boundary of words is as good as the blank
        self._columns = [boundaries, *([symbols.index(one) for one in _SYMBOLS[name].split()] for name in PHONEMES)]

    def frames(self, pcm: bytes) -> Frames:
        """The log-probability of blank and phonemes in each 20 ms of the 16-bit sound."""
        sound = np.ascontiguousarray(to_floats(pcm), dtype=np.float32)
        if len(pcm) < _FRAME:
            return np.zeros((0, len(self._columns)), np.float32)
        found = np.empty((self._engine.hama_asr_num_frames(len(sound)), _OUTPUTS), np.float32)
        length = ctypes.c_int64()
        run = (self._handle, _pointer(sound), len(sound), _pointer(found), ctypes.byref(length))
        with self._turn:
            failed = self._engine.hama_asr_run(*run) < 0
        if failed:
            raise MemoryError("the phoneme model could not compute")
        said = np.exp(found[: length.value])
        return np.log(np.stack([said[:, some].sum(axis=1) for some in self._columns], axis=1) + _RAREST)

    def listen(self) -> PhonemeListener:
        """Begin to listen to an utterance."""
        return PhonemeListener(self)


class PhonemeListener:
    """The model's attention to one utterance."""

    def __init__(self, model: PhonemeModel) -> None:
        self._model = model
        self._sound = bytearray()
        self._done = 0
        self._frames: list[Frames] = []

    def accept(self, pcm: bytes) -> None:
        """Hear the next piece of sound; compute each stretch once the sound behind it is there."""
        self._sound += pcm
        while self._done + _STRETCH + _BEHIND <= len(self._sound):
            self._compute(self._done + _STRETCH, self._done + _STRETCH + _BEHIND)

    def measure_fits(self, wordings: Sequence[Sequence[str]]) -> Fits:
        """How well each wording fits the sound. No sound may follow."""
        if self._done < len(self._sound):
            self._compute(len(self._sound), len(self._sound))
        frames = np.concatenate(self._frames) if self._frames else np.zeros((0, len(PHONEMES) + 1), np.float32)
        fits = measure_fits(frames, [[_columns_of(word) for word in words] for words in wordings])
        return Fits(tuple(fits.tolist()), len(frames))

    def _compute(self, end: int, until: int) -> None:
        """Compute up to `end`, hearing the sound up to `until`."""
        before = max(0, self._done - _BEFORE)
        frames = self._model.frames(bytes(self._sound[before:until]))
        first = (self._done - before) // _FRAME
        self._frames.append(frames[first : None if end == until else first + (end - self._done) // _FRAME])
        self._done = end


@lru_cache
def load_model(weights: Path) -> PhonemeModel:
    """The model in a directory, loaded once for all forms. Raises Misconfigured."""
    return PhonemeModel(weights)


@lru_cache(4096)
def _columns_of(word: str) -> Pronunciations:
    """The columns of frames for each way to say a word."""
    return tuple(tuple(PHONEMES.index(phoneme) + 1 for phoneme in said) for said in pronounce(word))


_Floats = ctypes.POINTER(ctypes.c_float)


def _bind(library: ctypes.CDLL) -> ctypes.CDLL:
    """Declare the library's functions that are used. Raises AttributeError for another library."""
    library.hama_asr_load.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    library.hama_asr_load.restype = ctypes.c_void_p
    library.hama_asr_num_frames.argtypes = [ctypes.c_int64]
    library.hama_asr_num_frames.restype = ctypes.c_int64
    library.hama_asr_run.argtypes = [
        ctypes.c_void_p, _Floats, ctypes.c_int64, _Floats, ctypes.POINTER(ctypes.c_int64)
    ]  # fmt: skip
    library.hama_asr_run.restype = ctypes.c_int64
    return library


def _pointer(values: NDArray[np.float32]) -> Any:
    return values.ctypes.data_as(_Floats)
