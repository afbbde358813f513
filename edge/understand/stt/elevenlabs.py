"""ElevenLabs Scribe (`POST /v1/speech-to-text`): words with times and likelihoods."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from dockvoice_protocol.records import Word
from edge.understand.stt.transcriber import PieceTranscript, Request, TranscriberWire, flac, likelihood

PATH = "/v1/speech-to-text"


LONGEST_TERM, MOST_WORDS = 50, 5
"""Characters and words of a keyterm; 1,000 of them would be taken (speech_to_text.convert of elevenlabs 2.78.0)."""


class ScribeWire(TranscriberWire):
    """One model, for example `scribe_v2`."""

    def request(self, pcm: bytes) -> Request:
        """The sound as FLAC; sounds that are no words are not to be written down.

        The language is told, so that it need not be guessed from a few words.
        """
        known = () if self.model.startswith("scribe_v1") else self.expected.phrases  # scribe_v1 takes none
        terms = [term for term in known if len(term) <= LONGEST_TERM and len(term.split()) <= MOST_WORDS]
        data: dict[str, str | list[str]] = {
            "model_id": self.model,
            "language_code": self.expected.short,
            "tag_audio_events": "false",
            "timestamps_granularity": "word",
            "temperature": "0",
            **({"keyterms": terms} if terms else {}),
        }
        return Request(PATH, files={"file": ("utterance.flac", flac(pcm), "audio/flac")}, data=data)

    def parse(self, answer: Any, seconds: float) -> PieceTranscript:
        """Parse the text and its words, without the spaces and noises, which come as words too."""
        read = _Answer.model_validate(answer)
        said = [word for word in read.words if word.type == "word"]
        words = tuple(
            Word(word.text.strip(), word.start, word.end, likelihood(word.logprob))
            for word in said
            if word.start is not None and word.end is not None and word.logprob is not None
        )
        known = words if len(words) == len(said) else ()
        return PieceTranscript(read.text.strip(), min((word.confidence for word in known), default=None), known)


class _Word(BaseModel):
    text: str
    type: str = "word"
    start: float | None = None
    end: float | None = None
    logprob: float | None = None


class _Answer(BaseModel):
    text: str
    words: list[_Word] = []
