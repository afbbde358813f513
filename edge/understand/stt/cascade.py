"""A cascade: one service writes down what was said, and the text is read by the form's own parser or a text model.

The parser costs nothing and answers at once, so it goes first: where it finds every field the form requires, nobody
else is asked. The rest goes to a model with the tools of the form, whose values must be borne out by the transcript.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import Protocol

from edge.config import Parser
from edge.errors import Unavailable
from edge.forms.catalogue import Catalogue
from edge.forms.model import Form
from edge.ports import Attention, Interpreter, Transcriber
from edge.records import FieldReading, Reading, Transcript, Usage, Utterance
from edge.understand.costs import Prices, cost_usd
from edge.understand.stt.transcript_reader import DICTATED, TranscriptReader, borne_out, doubted

logger = logging.getLogger(__name__)

PARSED = "spoken-forms"
"""What goes on record as the reader where there is no text model. With one, the usage tells whether it was asked."""


class TextReader(Protocol):
    """A model that reads a transcript with the tools of the form."""

    name: str  # Client and model.

    async def read(self, said: str, within_s: float) -> Reading:
        """What the transcript says. Raises Unavailable when there is no answer in time."""
        ...


@dataclass(frozen=True, slots=True)
class TranscriptTerms:
    """On which terms a transcript is read."""

    language: str  # The language that is spoken, as a tag.
    confidence: float  # How sure a transcript is whose transcriber gives no confidence, 0 to 1.
    within_s: float  # For everything together, in seconds.
    parser: Parser
    prices: Prices  # What the text model costs; the transcriber knows its own prices.


class Cascade(Interpreter):
    """A transcriber, and what reads its text."""

    def __init__(
        self,
        transcriber: Transcriber,
        reader: TextReader | None,
        form: Form,
        catalogue: Catalogue,
        terms: TranscriptTerms,
    ) -> None:
        """Without a `reader` the parser reads alone."""
        self.name = f"{transcriber.name} + {PARSED if reader is None else reader.name}"
        self._transcriber = transcriber
        self._reader = reader
        self._form = form
        self._catalogue = catalogue
        self._terms = terms
        self._parser = TranscriptReader(form, catalogue, terms.language)

    def attend(self) -> Attention:
        """Begin to listen; it starts to read only when the utterance is closed."""
        return _Attention(self)

    async def read(self, utterance: Utterance) -> Reading:
        """The reading of one utterance. Raises Unavailable when no transcript comes in time."""
        ends = time.monotonic() + self._terms.within_s
        transcript = await self._transcriber.transcribe(utterance, self._terms.within_s)
        parsed = self._parsed(transcript, utterance.segment.seconds)
        if self._reader is None or not transcript.text or self._is_enough(parsed):
            return parsed
        try:
            read = await self._reader.read(transcript.text, ends - time.monotonic())
        except Unavailable as fault:
            if parsed.not_understood is not None:
                raise
            # What was heard need not wait for what the model would have made of it: the rest is asked for.
            logger.warning("%s: the text model did not answer, the parser's reading stands (%s)", self.name, fault)
            return parsed
        return self._checked(read, parsed, transcript)

    def _parsed(self, transcript: Transcript, seconds: float) -> Reading:
        reading = self._parser.read(transcript, self._terms.confidence, seconds)
        return replace(reading, interpreter=self.name)

    def _is_enough(self, parsed: Reading) -> bool:
        """Has the parser, where it goes first, a command, or one value that may stand for every field required?"""
        if self._terms.parser is Parser.FIRST and parsed.act not in DICTATED:
            return True
        values = {name: field.value for name, field in parsed.fields.items() if field.value is not None}
        return (
            self._terms.parser is Parser.FIRST
            and len(values) == len(parsed.fields)
            and not any(field.rivals for field in parsed.fields.values())
            and not self._form.faults(values)
            and all(self._is_known(name, str(value)) for name, value in values.items())
        )

    def _is_known(self, name: str, value: str) -> bool:
        catalogue = self._form[name].catalogue
        return catalogue is None or value in self._catalogue.values(catalogue)

    def _checked(self, read: Reading, parsed: Reading, transcript: Transcript) -> Reading:
        """The model's reading, as far as the transcript bears it out."""
        spellings = (transcript.text, self._parser.mended(transcript.text))
        borne = borne_out(read, spellings, parsed.fields)
        sure = self._terms.confidence if transcript.confidence is None else transcript.confidence
        return replace(
            borne,
            interpreter=self.name,
            words=parsed.words,
            fields={name: _as_sure(field, transcript, sure) for name, field in borne.fields.items()},
            usage=_together(transcript.usage, self._priced(read.usage)),
        )

    def _priced(self, taken: Usage | None) -> Usage | None:
        return None if taken is None else replace(taken, cost_usd=cost_usd(taken, self._terms.prices))


class _Attention(Attention):
    def __init__(self, cascade: Cascade) -> None:
        self._cascade = cascade

    def hear(self, pcm: bytes) -> None:
        """Nothing to be done ahead: the services take an utterance as a whole."""

    async def finish(self, utterance: Utterance) -> Reading:
        return await self._cascade.read(utterance)


def _as_sure(field: FieldReading, transcript: Transcript, sure: float) -> FieldReading:
    """As sure as the transcriber was: what reads a text cannot be surer of the sound."""
    return doubted(replace(field, confidence=sure), transcript.words)


def _together(transcribed: Usage | None, read: Usage | None) -> Usage | None:
    """What both services took, as one."""
    if transcribed is None or read is None:
        return transcribed or read
    costs = [cost for cost in (transcribed.cost_usd, read.cost_usd) if cost is not None]
    return Usage(
        client=f"{transcribed.client} + {read.client}",
        model=f"{transcribed.model} + {read.model}",
        text_tokens_in=transcribed.text_tokens_in + read.text_tokens_in,
        audio_tokens_in=transcribed.audio_tokens_in + read.audio_tokens_in,
        tokens_out=transcribed.tokens_out + read.tokens_out,
        audio_seconds=transcribed.audio_seconds + read.audio_seconds,
        request_id=read.request_id,
        cost_usd=sum(costs) if costs else None,
    )
