"""The server of whisper.cpp (`POST /inference`, examples/server of ggml-org/whisper.cpp): words with probabilities."""

from __future__ import annotations

from typing import Any

from edge.understand.asking.pieces import wav
from edge.understand.transcribers.openai_wire import Answer, whispered
from edge.understand.transcribers.wire import Expected, Heard, Request, Wire

PATH = "/inference"


class WhisperCppWire(Wire):
    """The one model that the server was started with: `model` is only what goes on record."""

    def __init__(self, model: str, expected: Expected) -> None:
        """The server must know the language: a model whose name ends in `.en` knows English only."""
        self.model = model
        self.prompt = expected.prompt
        self._language = expected.short

    def request(self, pcm: bytes) -> Request:
        """The sound as WAV, the one container that it reads without ffmpeg."""
        data: dict[str, str | list[str]] = {
            "response_format": "verbose_json",
            "language": self._language,
            "temperature": "0.0",
            "temperature_inc": "0.0",  # no second try at a higher temperature: that is where it invents most
        }
        if self.prompt:
            data["prompt"] = self.prompt
        return Request(PATH, files={"file": ("utterance.wav", wav(pcm), "audio/wav")}, data=data)

    def heard(self, answer: Any, seconds: float) -> Heard:
        """The text and its words."""
        return whispered(Answer.model_validate(answer), seconds)
