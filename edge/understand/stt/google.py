"""Google Cloud Speech-to-Text v2 (`recognizers/_:recognize`), for example with the model `chirp_2`; up to a minute."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic.alias_generators import to_camel

from dockvoice_protocol.records import Word
from edge.understand.stt.transcriber import Expected, PieceTranscript, Request, TranscriberWire, flac


class GoogleWire(TranscriberWire):
    """One model in one region of one project."""

    def __init__(self, project: str, region: str, model: str, expected: Expected) -> None:
        """The client's own project and region."""
        super().__init__(model, expected)
        self._path = f"/v2/projects/{project}/locations/{region}/recognizers/_:recognize"

    def request(self, pcm: bytes) -> Request:
        """The sound as FLAC, in base64 as JSON wants it."""
        config = {
            "model": self.model,
            "languageCodes": [self.expected.regional],
            "autoDecodingConfig": {},
            "features": {"enableWordConfidence": True, "enableWordTimeOffsets": True},
            **({"adaptation": self._adaptation()} if self.expected.phrases else {}),
        }
        return Request(self._path, json={"config": config, "content": base64.b64encode(flac(pcm)).decode()})

    def _adaptation(self) -> dict[str, Any]:
        """The words to expect, given along with the request (SpeechAdaptation of google-cloud-speech 2.41.0)."""
        phrases = [{"value": phrase} for phrase in self.expected.phrases]
        return {"phraseSets": [{"inlinePhraseSet": {"phrases": phrases}}]}

    def parse(self, answer: Any, seconds: float) -> PieceTranscript:
        """Parse the best alternative of each result, in order. Without speech the answer has no results."""
        results = _Answer.model_validate(answer).results
        best = [result.alternatives[0] for result in results if result.alternatives]
        # 0.0 is how the service says that it has no figure (WordInfo.confidence in its reference).
        sure = [one.confidence for one in best if one.confidence]
        text = " ".join(one.transcript.strip() for one in best)
        return PieceTranscript(text.strip(), min(sure, default=None), _words(best, seconds))


def _seconds(duration: object) -> object:
    """A duration of protobuf's JSON: "0.400s"."""
    return duration.removesuffix("s") if isinstance(duration, str) else duration


Seconds = Annotated[float, BeforeValidator(_seconds)]


class _Word(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)

    word: str
    # Proto3 leaves out what is zero.
    start_offset: Seconds = 0.0
    end_offset: Seconds | None = None
    confidence: float = 0.0


class _Alternative(BaseModel):
    transcript: str = ""
    confidence: float = 0.0
    words: list[_Word] = []


class _Result(BaseModel):
    alternatives: list[_Alternative] = []


class _Answer(BaseModel):
    results: list[_Result] = []
    metadata: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _is_an_answer(self) -> Self:
        """Nothing heard is told with what it cost. Another document is no silence."""
        if self.metadata is None and not self.results:
            raise ValueError("neither results nor metadata")
        return self


def _words(best: list[_Alternative], seconds: float) -> tuple[Word, ...]:
    """The words, where each has a confidence of its own."""
    words = [word for one in best for word in one.words]
    if not all(word.confidence for word in words):
        return ()
    ends = [seconds if word.end_offset is None else word.end_offset for word in words]
    return tuple(
        Word(word.word, word.start_offset, end, word.confidence) for word, end in zip(words, ends, strict=True)
    )
