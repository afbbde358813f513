"""The wire protocol of a transcribing service: what it is asked and what it answers, in words of ours."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import soundfile

from edge.forms.model import Form
from edge.records import SAMPLE_RATE, Hallucination, Word

REGIONS = {"en": "en-US", "de": "de-DE", "fr": "fr-FR", "es": "es-ES", "it": "it-IT"}
"""The region that a bare language means, for services that know languages with regions only."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as `Client.post` takes it."""

    path: str
    json: Any = field(default=None, repr=False)
    files: Mapping[str, tuple[str, bytes, str]] | None = field(default=None, repr=False)
    data: Mapping[str, str | list[str]] | None = field(default=None, repr=False)
    content: bytes | None = field(default=None, repr=False)
    params: Mapping[str, str] | None = None
    headers: Mapping[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PieceTranscript:
    """What a service heard in one piece of sound."""

    text: str = field(repr=False)
    confidence: float | None = None
    words: tuple[Word, ...] = ()
    hallucination: Hallucination | None = None  # Where the service's own figures say that nobody spoke.
    text_tokens_in: int = 0
    audio_tokens_in: int = 0
    tokens_out: int = 0


class TranscriberWire(Protocol):
    """How one service wants to be asked, and how it answers."""

    model: str
    prompt: str  # The words the model is told to expect; empty: none.

    def request(self, pcm: bytes) -> Request:
        """The request for a piece of sound."""
        ...

    def heard(self, answer: Any, seconds: float) -> PieceTranscript:
        """What the answer, as decoded JSON, says of sound that lasts `seconds`.

        Raises pydantic's ValidationError where the answer has not the shape that the service documents.
        """
        ...


@dataclass(frozen=True, slots=True)
class Expected:
    """What the operator is expected to speak."""

    language: str  # A tag such as "en" or "de-AT".
    prompt: str = ""

    @property
    def short(self) -> str:
        """The language alone: "de"."""
        return self.language.replace("_", "-").split("-")[0].lower()

    @property
    def regional(self) -> str:
        """The language with a region: "de-AT"."""
        return self.language.replace("_", "-") if self.short != self.language else REGIONS.get(self.short, self.short)


def hints(form: Form, language: str) -> str:
    """The form's labels and units, as a prompt. Never a value: models hand plausible records back for noise."""
    wordings = [field.wording(language) for field in form.fields]
    return ", ".join(dict.fromkeys(word for wording in wordings for word in (*wording.labels, *wording.units)))


def flac(pcm: bytes) -> bytes:
    """Sound as a FLAC file, half the size of a WAV file and the same sound."""
    file = io.BytesIO()
    soundfile.write(file, np.frombuffer(pcm, dtype="<i2"), SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def likelihood(logprob: float) -> float:
    """A probability, 0 to 1, from its natural logarithm. What is no number, or above 0, is taken for no certainty."""
    return math.exp(logprob) if logprob <= 0 else 0.0


def spread(texts: Sequence[str], confidences: Sequence[float], seconds: float) -> tuple[Word, ...]:
    """Words of which only the order is known: they share the sound by their letters. Nothing may rest on the times."""
    whole = sum(map(len, texts)) or 1
    words: list[Word] = []
    at = 0
    for text, confidence in zip(texts, confidences, strict=True):
        words.append(Word(text, seconds * at / whole, seconds * (at + len(text)) / whole, confidence))
        at += len(text)
    return tuple(words)
