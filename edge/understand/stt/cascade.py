"""The cascade: a service transcribes, then the form's parser or a text model reads the transcript.

The parser is free and instant, so it goes first; if it finds all required fields, no model is asked. A model's values
must be found in the transcript.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import Protocol

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import Reading, Transcript, Usage
from edge.config import InterpreterSettings, ParserUse
from edge.ports import Interpreter, Transcriber, UtteranceListener, WholeUtteranceListener
from edge.records import Utterance
from edge.understand.prices import add_amounts, with_cost
from edge.understand.stt.transcript_reader import (
    DICTATED,
    TranscriptParser,
    cap_confidence_by_words,
    drop_values_not_in_transcript,
)

logger = logging.getLogger(__name__)

_PARSED = "spoken-forms"
"""What goes on record as the reader where there is no text model. With one, the usage tells whether it was asked."""


class _TextReader(Protocol):
    """A text model that reads transcripts with the form's tools."""

    name: str  # Client and model.

    async def read(self, said: str, within_s: float) -> Reading:
        """The reading of a transcript. Raises Unavailable when no answer comes in time."""


class Cascade(Interpreter):
    """An interpreter of a transcriber, a parser and an optional text model."""

    def __init__(
        self,
        transcriber: Transcriber,
        reader: _TextReader | None,
        form: Form,
        catalogue: Catalogue,
        settings: InterpreterSettings,
    ) -> None:
        self.name = f"{transcriber.name} + {_PARSED if reader is None else reader.name}"
        self._transcriber = transcriber
        self._reader = reader
        self._form = form
        self._catalogue = catalogue
        self._settings = settings
        self._parser = TranscriptParser(form, catalogue, settings.language)

    def listen(self) -> UtteranceListener:
        """Begin to listen; the request is made when the utterance is closed."""
        return WholeUtteranceListener(self.read)

    async def read(self, utterance: Utterance) -> Reading:
        """The reading of one utterance. Raises Unavailable when no transcript comes in time."""
        ends = time.monotonic() + self._settings.within_s
        transcript = await self._transcriber.transcribe(utterance, self._settings.within_s)
        parsed = self._parser.read(transcript, self._settings.confidence, utterance.segment.seconds)
        # The names of the models that answered: a service may have put another in the place of the one asked for.
        reader = _PARSED if self._reader is None else self._reader.name
        parsed = replace(parsed, interpreter=f"{transcript.transcriber} + {reader}")
        if self._reader is None or not transcript.text or self._needs_no_text_model(parsed):
            return parsed
        try:
            read = await self._reader.read(transcript.text, ends - time.monotonic())
        except Unavailable as fault:
            if parsed.not_understood is not None:
                raise
            # The transcript need not wait for what the model would have made of it: the rest is asked for.
            logger.warning("%s: the text model did not answer, the parser's reading stands (%s)", self.name, fault)
            return parsed
        return self._drop_values_not_in_transcript(read, parsed, transcript)

    def _needs_no_text_model(self, parsed: Reading) -> bool:
        """Whether the parser goes first and found a command, or a valid value for every required field."""
        if self._settings.parser is ParserUse.FIRST and parsed.act not in DICTATED:
            return True
        values = {name: field.value for name, field in parsed.fields.items() if field.value is not None}
        return (
            self._settings.parser is ParserUse.FIRST
            and len(values) == len(parsed.fields)
            and not any(field.rivals for field in parsed.fields.values())
            and not self._form.faults(values)
            and all(self._catalogue.has_values(self._form[name].catalogue, value) for name, value in values.items())
        )

    def _drop_values_not_in_transcript(self, read: Reading, parsed: Reading, transcript: Transcript) -> Reading:
        """The model's reading, without values whose words are not in the transcript."""
        spellings = (transcript.text, self._parser.correct_labels(transcript.text))
        borne = drop_values_not_in_transcript(read, spellings, parsed.fields)
        sure = self._settings.confidence if transcript.confidence is None else transcript.confidence
        return replace(
            borne,
            interpreter=f"{transcript.transcriber} + {read.interpreter}",
            words=parsed.words,
            preface=parsed.preface,
            # The transcriber's confidence, which a reader of its text cannot exceed.
            fields={
                name: cap_confidence_by_words(replace(field, confidence=sure), transcript.words)
                for name, field in borne.fields.items()
            },
            usage=_sum_usage(transcript.usage, read.usage and with_cost(read.usage, self._settings)),
        )


def _sum_usage(transcribed: Usage | None, read: Usage | None) -> Usage | None:
    """The usage of both models together, with the sum of the costs that are known and the text model's request id."""
    if transcribed is None or read is None:
        return transcribed or read
    costs = [cost for cost in (transcribed.cost_usd, read.cost_usd) if cost is not None]
    return replace(
        add_amounts(transcribed, [read]),
        client=f"{transcribed.client} + {read.client}",
        model=f"{transcribed.model} + {read.model}",
        request_id=read.request_id,
        cost_usd=sum(costs) if costs else None,
    )
