"""The synthetic voice of an operator who speaks another language than English: SVOX Pico, of PyPI's `py-nanotts`."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import soundfile

from dockvoice_protocol.errors import Misconfigured
from edge.audio.pcm import to_floats
from edge.records import SAMPLE_RATE
from lab.noises import Sound

LOCALES = {"en-us": "en-US", "en-gb": "en-GB", "de": "de-DE", "es": "es-ES", "fr": "fr-FR", "it": "it-IT"}
"""Pico's name of each language."""

_COLLEAGUE = (0.92, 0.8)  # Pace and pitch of another speaker, each times the usual one.

_BEFORE_S, _AFTER_S = 0.3, 0.5  # Silence around speech, as of the packaged recordings.


def synthesise_pico(text: str, language: str, pace: float = 1.0, pitch: float = 1.0) -> Sound:
    """The text in a language of LOCALES, at 16 kHz. Raises Misconfigured where the voice is not installed."""
    try:
        import py_nanotts  # noqa: PLC0415 - an extra, which English does without
    except ImportError:
        raise Misconfigured("py-nanotts: not installed; pip install 'dockvoice-lab[languages]'") from None
    said = py_nanotts.NanoTTS().speak(text, LOCALES[language], speed=pace, pitch=pitch)
    return to_floats(said).astype(np.float64)


def record_saying(folder: Path, language: str, text: str, *, by_colleague: bool = False) -> Path:
    """A recording of the text by the operator, or by a colleague in another voice; it is kept in `folder`."""
    manner = _COLLEAGUE if by_colleague else (1.0, 1.0)
    audio = folder / f"{hashlib.sha256(f'{manner} {text}'.encode()).hexdigest()[:16]}.flac"
    if not audio.exists():
        folder.mkdir(parents=True, exist_ok=True)
        silence = tuple(round(seconds * SAMPLE_RATE) for seconds in (_BEFORE_S, _AFTER_S))
        said = np.pad(synthesise_pico(text, language, *manner), silence)
        soundfile.write(audio, said, SAMPLE_RATE, "PCM_16")
    return audio
