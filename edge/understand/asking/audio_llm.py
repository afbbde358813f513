"""An audio model as an interpreter: it hears the utterance itself, and answers with a tool call."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from edge.config import InterpreterSettings
from edge.ports import Attention, Interpreter
from edge.records import SAMPLE_BYTES, SAMPLE_RATE, NotUnderstood, Reading, Utterance
from edge.understand.asking.model_reader import ModelReader
from edge.understand.asking.pieces import pieces
from edge.understand.asking.piecewise import together
from edge.understand.service.failures import Failure

SHORTEST_S = 0.1
"""Less sound than this the services refuse, and no word is so short."""


class AudioLlm(Interpreter):
    """Reads utterances with one model. Nothing is done ahead: a request is one piece of sound."""

    def __init__(self, settings: InterpreterSettings, reader: ModelReader) -> None:
        self.name = reader.name
        self._settings = settings
        self._reader = reader

    def attend(self) -> Attention:
        """Begin to listen."""
        return _Attention(self)

    async def read(self, utterance: Utterance) -> Reading:
        """The reading; of sound that is too long for the model, made of the readings of its pieces.

        Silence is not sent: models hear whole sentences in it. Raises a Failure when there is no reading.
        """
        pcm = utterance.segment.pcm
        if len(pcm) < SHORTEST_S * SAMPLE_RATE * SAMPLE_BYTES or not any(pcm):
            return Reading(self.name, utterance.form, (), {}, NotUnderstood.NO_WORDS)
        parts = pieces(pcm, self._settings.max_seconds)
        readings = await self._each(parts, utterance.utterance_id)
        return readings[0] if len(readings) == 1 else together(self.name, readings, parts)

    async def _each(self, parts: Sequence[bytes], utterance_id: str) -> list[Reading]:
        reads = partial(self._reader.read, within_s=self._settings.within_s, utterance_id=utterance_id)
        if len(parts) == 1:
            return [await reads(parts[0])]
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(reads(part)) for part in parts]
        except* Failure as failures:
            failure = failures.exceptions[0]
        else:
            return [task.result() for task in tasks]
        raise failure


class _Attention(Attention):
    def __init__(self, interpreter: AudioLlm) -> None:
        self._interpreter = interpreter

    def hear(self, pcm: bytes) -> None:
        """The model is asked when the utterance is whole."""

    async def finish(self, utterance: Utterance) -> Reading:
        """The reading. Raises a Failure when there is none."""
        return await self._interpreter.read(utterance)
