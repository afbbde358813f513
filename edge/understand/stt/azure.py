"""Azure AI Speech, the REST API for short audio: up to a minute, with a confidence for the whole."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_pascal

from dockvoice_protocol.records import Word
from edge.understand.llm.chunks import wav
from edge.understand.stt.transcriber import Expected, PieceTranscript, Request, TranscriberWire

PATH = "/speech/recognition/conversation/cognitiveservices/v1"

TICKS = 10_000_000  # Offsets and durations are counted in steps of 100 ns.


class AzureWire(TranscriberWire):
    """The service's own model for the language."""

    def __init__(self, model: str, expected: Expected) -> None:
        """`model` is only what goes on record: the region and the language settle which one it is."""
        super().__init__(model, replace(expected, prompt=""))  # this API takes none

    def request(self, pcm: bytes) -> Request:
        """The sound as WAV, whose format the header must spell out."""
        return Request(
            PATH,
            content=wav(pcm),
            params={"language": self.expected.regional, "format": "detailed", "profanity": "raw"},
            headers={"content-type": "audio/wav; codecs=audio/pcm; samplerate=16000", "accept": "application/json"},
        )

    def parse(self, answer: Any, seconds: float) -> PieceTranscript:
        """Parse the best hypothesis, word by word as it was said.

        `Lexical` and not `Display`: that one joins figures ("seven four two, twelve" may come as 74212).
        """
        read = _Answer.model_validate(answer)
        if read.recognition_status is not _Status.SUCCESS or not read.n_best:
            return PieceTranscript("")
        best = max(read.n_best, key=lambda one: one.confidence)
        words = tuple(
            Word(word.word, word.offset / TICKS, (word.offset + word.duration) / TICKS, word.confidence)
            for word in best.words
            if word.confidence is not None
        )
        return PieceTranscript(best.lexical.strip(), best.confidence, words if len(words) == len(best.words) else ())


class _Status(StrEnum):
    """What became of the request; `Error` is left out, since it is no answer."""

    SUCCESS = "Success"
    NO_MATCH = "NoMatch"
    INITIAL_SILENCE = "InitialSilenceTimeout"
    BABBLE = "BabbleTimeout"
    END = "EndOfDictation"


class _Part(BaseModel):
    """A part of the answer, whose keys are written `LikeThis`."""

    model_config = ConfigDict(alias_generator=to_pascal)


class _Word(_Part):
    word: str
    offset: int
    duration: int
    confidence: float | None = None


class _Best(_Part):
    confidence: float
    lexical: str
    words: list[_Word] = []


class _Answer(_Part):
    recognition_status: _Status
    n_best: list[_Best] = []
