"""Deepgram's transcription of recordings (`POST /v1/listen`): words with times and confidences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, Field

from dockvoice_protocol.records import Word
from edge.understand.stt.transcriber import Expected, PieceTranscript, Request, TranscriberWire, flac

PATH = "/v1/listen"

TERMS = ("nova-3", "flux")
"""Models that take terms to expect (https://developers.deepgram.com/docs/keyterm); others refuse them."""


class DeepgramWire(TranscriberWire):
    """One model, for example `nova-3`."""

    def __init__(self, model: str, expected: Expected) -> None:
        """The language is told, and what is likely said."""
        super().__init__(model, expected if model.startswith(TERMS) else replace(expected, prompt=""))

    def request(self, pcm: bytes) -> Request:
        """The sound as FLAC. No figures are made of words: "seven four two, twelve" might come as 74212."""
        terms = list(self.expected.phrases)
        params: dict[str, str | list[str]] = {
            "model": self.model,
            "language": self.expected.short,
            "smart_format": "false",
            "numerals": "false",
            **({"keyterm": terms} if terms else {}),
        }
        return Request(PATH, content=flac(pcm), params=params, headers={"content-type": "audio/flac"})

    def parse(self, answer: Any, seconds: float) -> PieceTranscript:
        """Parse the first alternative of the one channel."""
        read = _Answer.model_validate(answer)
        best = read.results.channels[0].alternatives[0]
        words = tuple(Word(word.word, word.start, word.end, word.confidence) for word in best.words)
        sure = min((word.confidence for word in words), default=None)
        return PieceTranscript(best.transcript.strip(), sure, words, model=self._answered(read.metadata.model_info))

    def _answered(self, told: Mapping[str, _Model]) -> str | None:
        """The kind of model that answered; the one asked for where that is of the kind: "nova-3-medical", "nova-3"."""
        kind = next((model.arch for model in told.values()), None)
        return self.model if kind is None or self.model.startswith(kind) else kind


class _Word(BaseModel):
    word: str
    start: float
    end: float
    confidence: float


class _Alternative(BaseModel):
    transcript: str
    words: list[_Word] = []


class _Channel(BaseModel):
    alternatives: list[_Alternative] = Field(min_length=1)


class _Results(BaseModel):
    channels: list[_Channel] = Field(min_length=1)


class _Model(BaseModel):
    arch: str | None = None


class _Metadata(BaseModel):
    model_info: dict[str, _Model] = {}


class _Answer(BaseModel):
    results: _Results
    metadata: _Metadata = _Metadata()
