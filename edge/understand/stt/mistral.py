"""Mistral's hosted transcription (`POST /v1/audio/transcriptions`): OpenAI's path, with fields of its own."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from edge.understand.stt.transcriber import Expected, PieceTranscript, Request, TranscriberWire, flac

PATH = "/v1/audio/transcriptions"
MOST_WORDS = 100  # Words to expect that a request takes (https://docs.mistral.ai/studio/audio/overview).


class MistralWire(TranscriberWire):
    """One model, for example `voxtral-mini-transcribe-3-0`. It gives no confidence, and no times of words."""

    def __init__(self, model: str, expected: Expected) -> None:
        """The language is told, and what is likely said."""
        self.model = model
        self.prompt = expected.prompt
        self._language = expected.short
        # A word to expect has neither a comma nor a space in it; an underscore stands for one.
        self._words = ["_".join(phrase.split()) for phrase in expected.phrases][:MOST_WORDS]

    def request(self, pcm: bytes) -> Request:
        """The sound as FLAC, with the language and the words to expect."""
        data: dict[str, str | list[str]] = {
            "model": self.model,
            "language": self._language,
            "temperature": "0",
            **({"context_bias": self._words} if self._words else {}),
        }
        return Request(PATH, files={"file": ("utterance.flac", flac(pcm), "audio/flac")}, data=data)

    def heard(self, answer: Any, seconds: float) -> PieceTranscript:
        """The text, and which model wrote it."""
        read = _Answer.model_validate(answer)
        return PieceTranscript(
            read.text.strip(),
            text_tokens_in=read.usage.prompt_tokens or 0,
            tokens_out=read.usage.completion_tokens or 0,
            model=read.model,
        )


class _Usage(BaseModel):
    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0


class _Answer(BaseModel):
    model: str
    text: str
    usage: _Usage = _Usage()
