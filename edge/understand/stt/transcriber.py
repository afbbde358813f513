"""Transcribers: requests to a transcription service, in its wire format, and its transcripts.

A transcript that is a known hallucination is discarded, with the reason.
"""

from __future__ import annotations

import io
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import soundfile
from pydantic import ValidationError

from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.languages import LANGUAGES, load_table
from dockvoice_protocol.records import HallucinationKind, Transcript, Usage, Word
from edge.config import TranscriberSettings
from edge.ports import Transcriber
from edge.records import SAMPLE_BYTES, SAMPLE_RATE, Utterance
from edge.understand.llm.chunks import split_at_pauses
from edge.understand.prices import with_cost
from edge.understand.remote.client import Client, ServiceAnswer
from edge.understand.remote.failures import AnswerFault, Garbled, TryLater
from edge.understand.remote.served_models import RecordedModelName
from edge.understand.stt.hallucinations import detect_hallucination


@dataclass(frozen=True)
class Request:
    """One HTTP request to a transcriber, as arguments for `Client.post`."""

    path: str
    json: Any = field(default=None, repr=False)
    files: Mapping[str, tuple[str, bytes, str]] | None = field(default=None, repr=False)
    data: Mapping[str, str | list[str]] | None = field(default=None, repr=False)
    content: bytes | None = field(default=None, repr=False)
    params: Mapping[str, str | list[str]] | None = None
    headers: Mapping[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PieceTranscript:
    """A service's transcript of one piece of sound."""

    text: str = field(repr=False)
    confidence: float | None = None
    words: tuple[Word, ...] = ()
    hallucination: HallucinationKind | None = None  # Where the service's own figures say: no speech.
    text_tokens_in: int = 0
    audio_tokens_in: int = 0
    tokens_out: int = 0
    model: str | None = None  # The model that answered, where the answer names it.


class TranscriberWire(ABC):
    """The wire format of one service: builds its requests and parses its answers."""

    def __init__(self, model: str, expected: Hints) -> None:
        self.model = model
        self.expected = expected

    @abstractmethod
    def request(self, pcm: bytes) -> Request:
        """The request for a piece of sound."""

    @abstractmethod
    def parse(self, answer: Any, seconds: float) -> PieceTranscript:
        """Parse the answer, given as decoded JSON, to a piece of sound that lasts `seconds`.

        Raises pydantic's ValidationError where the answer has not the shape that the service documents.
        """


@dataclass(frozen=True, slots=True)
class Hints:
    """The language and the words that the operator is expected to speak."""

    language: str  # A tag such as "en" or "de-AT".
    prompt: str = ""  # The words the model is told to expect; empty: none.

    @property
    def phrases(self) -> tuple[str, ...]:
        """The expected words as a list, for services that take one."""
        return tuple(self.prompt.split(", ")) if self.prompt else ()

    @property
    def language_code(self) -> str:
        """The language code without a region: "de"."""
        return self.language.replace("_", "-").split("-")[0].lower()

    @property
    def regional_code(self) -> str:
        """The language with a region: "de-AT"."""
        if self.language_code != self.language or self.language_code not in LANGUAGES:
            return self.language.replace("_", "-")
        return str(load_table(self.language_code, "voices")["region"])


def label_hints(form: Form, language: str) -> str:
    """The form's labels and units, as a prompt. No values: models return plausible ones for noise."""
    wordings = [field.wording(language) for field in form.fields]
    return ", ".join(dict.fromkeys(word for wording in wordings for word in (*wording.labels, *wording.units)))


def to_flac(pcm: bytes) -> bytes:
    """Encode sound as FLAC, losslessly, at half the size of WAV."""
    file = io.BytesIO()
    soundfile.write(file, np.frombuffer(pcm, dtype="<i2"), SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def to_probability(logprob: float) -> float:
    """The probability, 0 to 1, of a natural log probability; 0 for NaN and values above 0."""
    return math.exp(logprob) if logprob <= 0 else 0.0


def spread_words(texts: Sequence[str], confidences: Sequence[float], seconds: float) -> tuple[Word, ...]:
    """Words without known times, spread over the sound in proportion to their letters."""
    whole = sum(map(len, texts)) or 1
    words: list[Word] = []
    at = 0
    for text, confidence in zip(texts, confidences, strict=True):
        words.append(Word(text, seconds * at / whole, seconds * (at + len(text)) / whole, confidence))
        at += len(text)
    return tuple(words)


@dataclass(frozen=True, slots=True)
class _Part:
    """One piece of the utterance, transcribed."""

    transcript: PieceTranscript
    start: float  # Seconds from the first sample of the utterance.
    seconds: float
    request_id: str | None


class CloudTranscriber(Transcriber):
    """Transcribes utterances with one service, long ones in pieces."""

    def __init__(self, settings: TranscriberSettings, client: Client, wire: TranscriberWire) -> None:
        self._answerer = RecordedModelName(client.name, client.settings.kind, wire.model)
        self.name = self._answerer.name(None)
        self._settings = settings
        self._client = client
        self._wire = wire

    async def transcribe(self, utterance: Utterance, within_s: float) -> Transcript:
        """The transcript; digital silence is not sent. Raises Unavailable, as the client does."""
        pcm = utterance.segment.pcm
        if not pcm.strip(b"\0"):
            return Transcript(self.name, "", None)
        ends = time.monotonic() + within_s
        parts: list[_Part] = []
        at = 0
        for piece in split_at_pauses(pcm, self._settings.max_seconds):
            parts.append(await self._transcribe_piece(piece, at / SAMPLE_BYTES / SAMPLE_RATE, ends - time.monotonic()))
            at += len(piece)
        return self._join_parts([part for part in parts if part.transcript.text], parts)

    async def _transcribe_piece(self, pcm: bytes, start: float, within_s: float) -> _Part:
        if within_s <= 0:
            raise TryLater(self._client.name, "no time was left for the rest of a long utterance; give it more")
        asked = self._wire.request(pcm)
        answer = await self._client.post(
            asked.path,
            within_s=within_s,
            about=self._wire.model,
            **{name: sent for name, sent in vars(asked).items() if name != "path" and sent is not None},
        )
        seconds = len(pcm) / SAMPLE_BYTES / SAMPLE_RATE
        return _Part(self._parse(answer, seconds), start, seconds, answer.request_id)

    def _parse(self, answer: ServiceAnswer, seconds: float) -> PieceTranscript:
        try:
            transcript = self._wire.parse(answer.json(), seconds)
        except ValidationError as fault:
            # Where it is wrong and not what stands there: that may be what the operator said.
            where = "; ".join(
                f"{'.'.join(map(str, error['loc'])) or 'answer'}: {error['msg']}"
                for error in fault.errors(include_url=False, include_input=False, include_context=False)
            )
            garbled = Garbled(self._client.name, AnswerFault.WRONG_SHAPE, where, answer.request_id)
            garbled.usage = with_cost(Usage(self._client.name, self._wire.model, audio_seconds=seconds), self._settings)
            raise garbled from None
        disbelief = transcript.hallucination or detect_hallucination(transcript.text, self._wire.expected.prompt)
        return transcript if disbelief is None else replace(transcript, text="", words=(), hallucination=disbelief)

    def _join_parts(self, said: Sequence[_Part], parts: Sequence[_Part]) -> Transcript:
        """Join the pieces, with the lowest confidence, and with words only if all pieces have them."""
        known = [part.transcript.confidence for part in said]
        answered = next((part.transcript.model for part in reversed(parts) if part.transcript.model), None)
        timed = all(part.transcript.words for part in said)
        return Transcript(
            self._answerer.name(answered),
            " ".join(part.transcript.text for part in said),
            min((sure for sure in known if sure is not None), default=None) if None not in known else None,
            tuple(
                replace(word, start=word.start + part.start, end=word.end + part.start)
                for part in said
                for word in part.transcript.words
                if timed
            ),
            self._sum_usage(parts, answered),
            next((part.transcript.hallucination for part in parts if part.transcript.hallucination and not said), None),
        )

    def _sum_usage(self, parts: Sequence[_Part], answered: str | None) -> Usage:
        taken = Usage(
            client=self._client.name,
            model=self._answerer.model(answered),
            text_tokens_in=sum(part.transcript.text_tokens_in for part in parts),
            audio_tokens_in=sum(part.transcript.audio_tokens_in for part in parts),
            tokens_out=sum(part.transcript.tokens_out for part in parts),
            audio_seconds=sum(part.seconds for part in parts),
            request_id=parts[-1].request_id if parts else None,
        )
        return with_cost(taken, self._settings)
