"""Transcription as OpenAI shaped it (`audio/transcriptions`), and those that answer alike: Mistral's, whisper.cpp's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from dockvoice_protocol.records import HallucinationKind, Word
from edge.config import TranscriptDetail
from edge.understand.llm.chunks import to_wav
from edge.understand.stt.transcriber import (
    Hints,
    PieceTranscript,
    Request,
    TranscriberWire,
    spread_words,
    to_flac,
    to_probability,
)

_NO_SPEECH, _DOUBTFUL = 0.6, -1.0
"""Whisper's own rule for silence (`no_speech_threshold` and `logprob_threshold` of openai/whisper, transcribe.py): more
than the first as the probability of no speech, and less than the second as the mean logarithm of its tokens'."""


class OpenAiWire(TranscriberWire):
    """The wire format of OpenAI's transcription endpoint, for one model."""

    def __init__(self, path: str, model: str, expected: Hints, detail: TranscriptDetail | None = None) -> None:
        """`detail` None: derived from the model's name."""
        super().__init__(model, expected)
        self._path = path
        self._detail = detail or _detail_of_model(model)

    def request(self, pcm: bytes) -> Request:
        """The sound as FLAC, with the language and the words to expect."""
        data: dict[str, str | list[str]] = {"model": self.model, **self._hint_fields()}
        match self._detail:
            case TranscriptDetail.WORDS:
                data |= {"response_format": "verbose_json", "timestamp_granularities[]": ["word", "segment"]}
            case TranscriptDetail.LOGPROBS:
                data |= {"response_format": "json", "include[]": ["logprobs"]}
            case TranscriptDetail.TEXT:
                data |= {"response_format": "json"}
        return Request(self._path, files={"file": ("utterance.flac", to_flac(pcm), "audio/flac")}, data=data)

    def _hint_fields(self) -> dict[str, str | list[str]]:
        """The language and the expected words, in the parameters that this model supports.

        gpt-transcribe has its own (https://developers.openai.com/cookbook/examples/
        migrating_from_whisper_to_gpt_transcribe), and ignores those of older models.
        """
        if self.model.lower().startswith("gpt-transcribe"):
            words = list(self.expected.phrases)
            return {"languages[]": [self.expected.language_code], **({"keywords[]": words} if words else {})}
        prompt = {"prompt": self.expected.prompt} if self.expected.prompt else {}
        return {"language": self.expected.language_code, "temperature": "0", **prompt}

    def parse(self, answer: Any, seconds: float) -> PieceTranscript:
        """Parse the text and the model's confidence in it."""
        return _to_piece_transcript(_WhisperAnswer.model_validate(answer), seconds)


class _Word(BaseModel):
    word: str
    start: float
    end: float
    probability: float | None = None  # Not of OpenAI's: faster-whisper and whisper.cpp give it.


class _Segment(BaseModel):
    avg_logprob: float | None = None
    no_speech_prob: float | None = None
    words: list[_Word] | None = None


class _Token(BaseModel):
    token: str
    logprob: float


class _TokensIn(BaseModel):
    audio_tokens: int = 0
    text_tokens: int = 0


class _Usage(BaseModel):
    input_token_details: _TokensIn | None = None
    output_tokens: int = 0


class _WhisperAnswer(BaseModel):
    """`json` and `verbose_json` in one; what a server leaves out is None."""

    text: str
    segments: list[_Segment] | None = None
    words: list[_Word] | None = None
    logprobs: list[_Token] | None = None
    usage: _Usage | None = None


def _to_piece_transcript(answer: _WhisperAnswer, seconds: float) -> PieceTranscript:
    segments = answer.segments or []
    tokens = answer.usage or _Usage()
    counted = tokens.input_token_details or _TokensIn()
    confidence, words = _find_confidences(answer, segments, seconds)
    return PieceTranscript(
        text=answer.text.strip(),
        confidence=confidence,
        words=words,
        hallucination=HallucinationKind.NO_SPEECH if _is_silent(segments) else None,
        text_tokens_in=counted.text_tokens,
        audio_tokens_in=counted.audio_tokens,
        tokens_out=tokens.output_tokens,
    )


def _find_confidences(
    answer: _WhisperAnswer, segments: Sequence[_Segment], seconds: float
) -> tuple[float | None, tuple[Word, ...]]:
    """The confidence of the whole text, and the words where each has its own."""
    if answer.logprobs:
        words = _join_tokens(answer.logprobs, seconds)
        return min((word.confidence for word in words), default=None), words
    timed = answer.words or [word for segment in segments for word in segment.words or ()]
    known = [word.probability for word in timed if word.probability is not None]
    if timed and len(known) == len(timed):
        pairs = zip(timed, known, strict=True)
        return min(known), tuple(Word(word.word.strip(), word.start, word.end, sure) for word, sure in pairs)
    # The mean of a segment measures no one word: it counts only where Whisper itself would not believe the segment.
    low = [mean for segment in segments if (mean := segment.avg_logprob) is not None and mean < _DOUBTFUL]
    return (to_probability(min(low)) if low else None), ()


def _join_tokens(tokens: Sequence[_Token], seconds: float) -> tuple[Word, ...]:
    """Join tokens to words: a space begins one, and its confidence is that of its least sure token."""
    texts: list[str] = []
    sure: list[float] = []
    for token in tokens:
        if token.token[:1].isspace() or not texts:
            texts.append("")
            sure.append(1.0)
        texts[-1] += token.token.strip()
        sure[-1] = min(sure[-1], to_probability(token.logprob))
    return spread_words(texts, sure, seconds)


def _is_silent(segments: Sequence[_Segment]) -> bool:
    figures = [(segment.no_speech_prob, segment.avg_logprob) for segment in segments]
    return bool(figures) and all(
        silent is not None and mean is not None and silent > _NO_SPEECH and mean < _DOUBTFUL for silent, mean in figures
    )


def _detail_of_model(model: str) -> TranscriptDetail:
    name = model.lower()
    if "gpt-4o" in name and "diarize" not in name:
        return TranscriptDetail.LOGPROBS
    return TranscriptDetail.WORDS if "whisper" in name else TranscriptDetail.TEXT


_PATH = "/inference"  # Of examples/server of ggml-org/whisper.cpp.


class WhisperCppWire(TranscriberWire):
    """The wire format of whisper.cpp, for the model that its server was started with; `model` is only recorded.

    The server must know the language: a model whose name ends in `.en` knows English only.
    """

    def request(self, pcm: bytes) -> Request:
        """The sound as WAV, the one container that it reads without ffmpeg."""
        data: dict[str, str | list[str]] = {
            "response_format": "verbose_json",
            "language": self.expected.language_code,
            "temperature": "0.0",
            "temperature_inc": "0.0",  # no second try at a higher temperature: that is where it invents most
        }
        if self.expected.prompt:
            data["prompt"] = self.expected.prompt
        return Request(_PATH, files={"file": ("utterance.wav", to_wav(pcm), "audio/wav")}, data=data)

    def parse(self, answer: Any, seconds: float) -> PieceTranscript:
        """Parse the text and its words."""
        return _to_piece_transcript(_WhisperAnswer.model_validate(answer), seconds)


_MISTRAL_PATH = "/v1/audio/transcriptions"
_MOST_WORDS = 100  # Words to expect that a request takes (https://docs.mistral.ai/studio/audio/overview).


class MistralWire(TranscriberWire):
    """Mistral's wire format, for models such as `voxtral-mini-transcribe-3-0`: no confidences, no word times."""

    def request(self, pcm: bytes) -> Request:
        """The sound as FLAC, with the language and the words to expect."""
        # A word to expect has neither a comma nor a space in it; an underscore stands for one.
        words = ["_".join(phrase.split()) for phrase in self.expected.phrases][:_MOST_WORDS]
        data: dict[str, str | list[str]] = {
            "model": self.model,
            "language": self.expected.language_code,
            "temperature": "0",
            **({"context_bias": words} if words else {}),
        }
        return Request(_MISTRAL_PATH, files={"file": ("utterance.flac", to_flac(pcm), "audio/flac")}, data=data)

    def parse(self, answer: Any, seconds: float) -> PieceTranscript:
        """Parse the text and the name of the model."""
        read = _MistralAnswer.model_validate(answer)
        return PieceTranscript(
            read.text.strip(),
            text_tokens_in=read.usage.prompt_tokens or 0,
            tokens_out=read.usage.completion_tokens or 0,
            model=read.model,
        )


class _MistralUsage(BaseModel):
    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0


class _MistralAnswer(BaseModel):
    model: str
    text: str
    usage: _MistralUsage = _MistralUsage()
