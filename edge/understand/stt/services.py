"""The wires of Azure, Deepgram, ElevenLabs and Google: how each transcribes a piece of sound."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel, to_pascal

from dockvoice_protocol.records import Word
from edge.understand.llm.chunks import to_wav
from edge.understand.stt.transcriber import Hints, PieceTranscript, Request, TranscriberWire, to_flac, to_probability

_AZURE_PATH = "/speech/recognition/conversation/cognitiveservices/v1"

_AZURE_TICKS = 10_000_000  # Offsets and durations are counted in steps of 100 ns.


class AzureWire(TranscriberWire):
    """Azure's wire format, for its own model of the language."""

    def __init__(self, model: str, expected: Hints) -> None:
        """`model` is only recorded: the region and the language determine which one answers."""
        super().__init__(model, replace(expected, prompt=""))  # this API takes none

    def request(self, pcm: bytes) -> Request:
        """The sound as WAV, whose format the header must spell out."""
        return Request(
            _AZURE_PATH,
            content=to_wav(pcm),
            params={"language": self.expected.regional_code, "format": "detailed", "profanity": "raw"},
            headers={"content-type": "audio/wav; codecs=audio/pcm; samplerate=16000", "accept": "application/json"},
        )

    def parse(self, answer: Any, seconds: float) -> PieceTranscript:
        """Parse the best hypothesis in its lexical form.

        `Lexical` and not `Display`: that one joins figures ("seven four two, twelve" may come as 74212).
        """
        read = _AzureAnswer.model_validate(answer)
        if read.recognition_status is not _AzureStatus.SUCCESS or not read.n_best:
            return PieceTranscript("")
        best = max(read.n_best, key=lambda one: one.confidence)
        words = tuple(
            Word(word.word, word.offset / _AZURE_TICKS, (word.offset + word.duration) / _AZURE_TICKS, word.confidence)
            for word in best.words
            if word.confidence is not None
        )
        return PieceTranscript(best.lexical.strip(), best.confidence, words if len(words) == len(best.words) else ())


class _AzureStatus(StrEnum):
    """Azure's result codes, but for `Error`."""

    SUCCESS = "Success"
    NO_MATCH = "NoMatch"
    INITIAL_SILENCE = "InitialSilenceTimeout"
    BABBLE = "BabbleTimeout"
    END = "EndOfDictation"


class _AzurePart(BaseModel):
    """A part of the answer, whose keys are written `LikeThis`."""

    model_config = ConfigDict(alias_generator=to_pascal)


class _AzureWord(_AzurePart):
    word: str
    offset: int
    duration: int
    confidence: float | None = None


class _AzureBest(_AzurePart):
    confidence: float
    lexical: str
    words: list[_AzureWord] = []


class _AzureAnswer(_AzurePart):
    recognition_status: _AzureStatus
    n_best: list[_AzureBest] = []


_DEEPGRAM_PATH = "/v1/listen"

_WITH_KEYTERMS = ("nova-3", "flux")
"""Models that take terms to expect (https://developers.deepgram.com/docs/keyterm); others refuse them."""


class DeepgramWire(TranscriberWire):
    """Deepgram's wire format, for models such as `nova-3`."""

    def __init__(self, model: str, expected: Hints) -> None:
        """The language and the expected words are sent as parameters."""
        super().__init__(model, expected if model.startswith(_WITH_KEYTERMS) else replace(expected, prompt=""))

    def request(self, pcm: bytes) -> Request:
        """The sound as FLAC. Numbers stay words: "seven four two, twelve" might be written 74212."""
        terms = list(self.expected.phrases)
        params: dict[str, str | list[str]] = {
            "model": self.model,
            "language": self.expected.language_code,
            "smart_format": "false",
            "numerals": "false",
            **({"keyterm": terms} if terms else {}),
        }
        return Request(_DEEPGRAM_PATH, content=to_flac(pcm), params=params, headers={"content-type": "audio/flac"})

    def parse(self, answer: Any, seconds: float) -> PieceTranscript:
        """Parse the first alternative of the one channel."""
        read = _DeepgramAnswer.model_validate(answer)
        best = read.results.channels[0].alternatives[0]
        words = tuple(Word(word.word, word.start, word.end, word.confidence) for word in best.words)
        sure = min((word.confidence for word in words), default=None)
        return PieceTranscript(best.transcript.strip(), sure, words, model=self._served_model(read.metadata.model_info))

    def _served_model(self, models: Mapping[str, _DeepgramModel]) -> str | None:
        """The model that answered; the one asked for where it is of that kind: "nova-3-medical", "nova-3"."""
        kind = next((model.arch for model in models.values()), None)
        return self.model if kind is None or self.model.startswith(kind) else kind


class _DeepgramWord(BaseModel):
    word: str
    start: float
    end: float
    confidence: float


class _DeepgramAlternative(BaseModel):
    transcript: str
    words: list[_DeepgramWord] = []


class _DeepgramChannel(BaseModel):
    alternatives: list[_DeepgramAlternative] = Field(min_length=1)


class _DeepgramResults(BaseModel):
    channels: list[_DeepgramChannel] = Field(min_length=1)


class _DeepgramModel(BaseModel):
    arch: str | None = None


class _DeepgramMetadata(BaseModel):
    model_info: dict[str, _DeepgramModel] = {}


class _DeepgramAnswer(BaseModel):
    results: _DeepgramResults
    metadata: _DeepgramMetadata = _DeepgramMetadata()


_SCRIBE_PATH = "/v1/speech-to-text"

_LONGEST_TERM, _MOST_WORDS = 50, 5
"""Characters and words of a keyterm; 1,000 of them would be taken (speech_to_text.convert of elevenlabs 2.78.0)."""


class ScribeWire(TranscriberWire):
    """ElevenLabs' wire format, for models such as `scribe_v2`."""

    def request(self, pcm: bytes) -> Request:
        """The sound as FLAC, with the language; sounds other than words are not to be transcribed."""
        known = () if self.model.startswith("scribe_v1") else self.expected.phrases  # scribe_v1 takes none
        terms = [term for term in known if len(term) <= _LONGEST_TERM and len(term.split()) <= _MOST_WORDS]
        data: dict[str, str | list[str]] = {
            "model_id": self.model,
            "language_code": self.expected.language_code,
            "tag_audio_events": "false",
            "timestamps_granularity": "word",
            "temperature": "0",
            **({"keyterms": terms} if terms else {}),
        }
        return Request(_SCRIBE_PATH, files={"file": ("utterance.flac", to_flac(pcm), "audio/flac")}, data=data)

    def parse(self, answer: Any, seconds: float) -> PieceTranscript:
        """Parse the text and its words, without the spaces and noises, which come as words too."""
        read = _ScribeAnswer.model_validate(answer)
        said = [word for word in read.words if word.type == "word"]
        words = tuple(
            Word(word.text.strip(), word.start, word.end, to_probability(word.logprob))
            for word in said
            if word.start is not None and word.end is not None and word.logprob is not None
        )
        known = words if len(words) == len(said) else ()
        return PieceTranscript(read.text.strip(), min((word.confidence for word in known), default=None), known)


class _ScribeWord(BaseModel):
    text: str
    type: str = "word"
    start: float | None = None
    end: float | None = None
    logprob: float | None = None


class _ScribeAnswer(BaseModel):
    text: str
    words: list[_ScribeWord] = []


class GoogleWire(TranscriberWire):
    """Google's wire format, for one model in one region of one project."""

    def __init__(self, project: str, region: str, model: str, expected: Hints) -> None:
        """`project` and `region` are the client's."""
        super().__init__(model, expected)
        self._path = f"/v2/projects/{project}/locations/{region}/recognizers/_:recognize"

    def request(self, pcm: bytes) -> Request:
        """The request: the recognition settings, and the sound as FLAC in base64."""
        config = {
            "model": self.model,
            "languageCodes": [self.expected.regional_code],
            "autoDecodingConfig": {},
            "features": {"enableWordConfidence": True, "enableWordTimeOffsets": True},
            **({"adaptation": self._adaptation()} if self.expected.phrases else {}),
        }
        return Request(self._path, json={"config": config, "content": base64.b64encode(to_flac(pcm)).decode()})

    def _adaptation(self) -> dict[str, Any]:
        """The words to expect, given along with the request (SpeechAdaptation of google-cloud-speech 2.41.0)."""
        phrases = [{"value": phrase} for phrase in self.expected.phrases]
        return {"phraseSets": [{"inlinePhraseSet": {"phrases": phrases}}]}

    def parse(self, answer: Any, seconds: float) -> PieceTranscript:
        """Parse the best alternative of each result, in order. Without speech the answer has no results."""
        results = _GoogleAnswer.model_validate(answer).results
        best = [result.alternatives[0] for result in results if result.alternatives]
        # 0.0 is how the service says that it has no figure (WordInfo.confidence in its reference).
        sure = [one.confidence for one in best if one.confidence]
        text = " ".join(one.transcript.strip() for one in best)
        return PieceTranscript(text.strip(), min(sure, default=None), _google_words(best, seconds))


def _parse_google_duration(duration: object) -> object:
    """Strip the unit of a protobuf JSON duration, "0.400s"; other values are returned as they are."""
    return duration.removesuffix("s") if isinstance(duration, str) else duration


_GoogleSeconds = Annotated[float, BeforeValidator(_parse_google_duration)]


class _GoogleWord(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)

    word: str
    # Proto3 leaves out what is zero.
    start_offset: _GoogleSeconds = 0.0
    end_offset: _GoogleSeconds | None = None
    confidence: float = 0.0


class _GoogleAlternative(BaseModel):
    transcript: str = ""
    confidence: float = 0.0
    words: list[_GoogleWord] = []


class _GoogleResult(BaseModel):
    alternatives: list[_GoogleAlternative] = []


class _GoogleAnswer(BaseModel):
    results: list[_GoogleResult] = []
    metadata: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _is_an_answer(self) -> Self:
        """Raise ValueError without metadata and results; metadata alone is silence."""
        if self.metadata is None and not self.results:
            raise ValueError("neither results nor metadata")
        return self


def _google_words(best: list[_GoogleAlternative], seconds: float) -> tuple[Word, ...]:
    """The words, where each has a confidence of its own."""
    words = [word for one in best for word in one.words]
    if not all(word.confidence for word in words):
        return ()
    ends = [seconds if word.end_offset is None else word.end_offset for word in words]
    return tuple(
        Word(word.word, word.start_offset, end, word.confidence) for word, end in zip(words, ends, strict=True)
    )
