"""A language model as an interpreter: one utterance, one request, one validated reading."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import NotUnderstoodReason, Reading, Usage
from edge.config import GOOGLE_KINDS, InterpreterSettings
from edge.ports import Interpreter, UtteranceListener, WholeUtteranceListener
from edge.records import SAMPLE_BYTES, SAMPLE_RATE, Utterance
from edge.understand.llm.chunks import join_readings, split_at_pauses
from edge.understand.llm.gemini import GeminiWire
from edge.understand.llm.openai_chat import ChatWire
from edge.understand.llm.prompt import Context, ContextSource, ModelPrompt, PromptLeakDetector
from edge.understand.llm.tool import CallContext, build_tools, claimed_words, to_reading
from edge.understand.llm.wire import InvalidAnswer, ModelAnswer, ModelQuestion, ModelWire, Tokens, parse_call
from edge.understand.remote.client import Client, ServiceAnswer
from edge.understand.remote.failures import AnswerFault, Failure, Garbled
from edge.understand.remote.served_models import RecordedModelName

ReplySink = Callable[[str, bytes], None]
"""Called with an utterance's id and the model's spoken reply to it, a WAV file."""


def discard_reply(_: str, __: bytes) -> None:
    """Discard a spoken reply: the default sink."""


class ModelReader:
    """Reads utterances for one form with a model behind a client."""

    def __init__(
        self,
        settings: InterpreterSettings,
        client: Client,
        form: Form,
        catalogue: Catalogue,
        *,
        get_context: ContextSource = Context,
        on_spoken_reply: ReplySink = discard_reply,
    ) -> None:
        """`get_context` returns the dialogue's state; `on_spoken_reply` is called with each spoken reply."""
        self._client = client
        kind = client.settings.kind
        self._wire: ModelWire = GeminiWire(settings) if kind in GOOGLE_KINDS else ChatWire(settings, kind)
        self._answerer = RecordedModelName(client.name, kind, self._wire.model)
        self.name = self._answerer.name(None)
        self._tools = build_tools(form)
        self._prompt = ModelPrompt(form, catalogue, len(json.dumps(self._tools)))
        self._offered = frozenset(tool["function"]["name"] for tool in self._tools)
        self._leaks = PromptLeakDetector(self._prompt.text(Context()), self._tools)
        self._get_context = get_context
        self._on_spoken_reply = on_spoken_reply
        self._call_context = CallContext(self.name, form, catalogue, settings.language, settings.confidence)

    async def read(self, said: bytes | str, within_s: float, utterance_id: str = "") -> Reading:
        """Read PCM sound or a transcript. Raises a Failure without a reading in time.

        `utterance_id` is only passed on with a spoken reply.
        """
        question = ModelQuestion(self._prompt.text(self._get_context()), self._tools, said)
        path, body = self._wire.path(self._client), self._wire.body(question)
        answer = await self._client.post(path, json=body, within_s=within_s, about=self._wire.model)
        seconds = len(said) / SAMPLE_BYTES / SAMPLE_RATE if isinstance(said, bytes) else 0.0
        return self._parse_answer(answer, seconds, utterance_id)

    def _parse_answer(self, answer: ServiceAnswer, seconds: float, utterance_id: str) -> Reading:
        tokens, answered = Tokens(), None
        try:
            returned, tokens = self._wire.parse(answer)
            answered = returned.model
            if returned.spoken:
                self._on_spoken_reply(utterance_id, returned.spoken)
            reading = self._read_call_unless_leaked(returned, seconds)
        except InvalidAnswer as refused:
            garbled = Garbled(self._client.name, refused.fault, refused.message, answer.request_id)
            garbled.usage = self._build_usage(tokens, answer, answered)
            raise garbled from None
        except Garbled as garbled:
            garbled.usage = self._build_usage(tokens, answer, answered)
            raise
        name = self._answerer.name(answered)
        return replace(reading, interpreter=name, usage=self._build_usage(tokens, answer, answered))

    def _read_call_unless_leaked(self, returned: ModelAnswer, seconds: float) -> Reading:
        self._refuse_leaked([returned.text])
        call = parse_call(returned, self._offered)
        self._refuse_leaked(claimed_words(call))
        return to_reading(call, self._call_context, seconds)

    def _refuse_leaked(self, texts: Iterable[str]) -> None:
        if self._leaks.is_leaked_in(texts):
            raise InvalidAnswer(AnswerFault.LEAKED_PROMPT, "it repeats what the model was told")

    def _build_usage(self, tokens: Tokens, answer: ServiceAnswer, answered: str | None) -> Usage:
        return Usage(
            client=self._client.name,
            model=self._answerer.model(answered),
            text_tokens_in=tokens.text_in,
            audio_tokens_in=tokens.audio_in,
            tokens_out=tokens.out,
            request_id=answer.request_id,
        )


_SHORTEST_S = 0.1  # Services refuse shorter sound, and no word is shorter.


class AudioLlm(Interpreter):
    """An interpreter that sends each closed utterance to one audio model."""

    def __init__(self, settings: InterpreterSettings, reader: ModelReader) -> None:
        self.name = reader.name
        self._settings = settings
        self._reader = reader

    def listen(self) -> UtteranceListener:
        """Begin to listen; the request is made when the utterance is closed."""
        return WholeUtteranceListener(self.read)

    async def read(self, utterance: Utterance) -> Reading:
        """Read an utterance; sound that is too long for the model is split, and the readings joined.

        Silence is not sent: models hallucinate whole sentences in it. Raises a Failure without a reading.
        """
        pcm = utterance.segment.pcm
        if len(pcm) < _SHORTEST_S * SAMPLE_RATE * SAMPLE_BYTES or not any(pcm):
            return Reading(self.name, utterance.form, (), {}, NotUnderstoodReason.NO_WORDS)
        parts = split_at_pauses(pcm, self._settings.max_seconds)
        readings = await self._read_pieces(parts, utterance.utterance_id)
        return readings[0] if len(readings) == 1 else join_readings(readings[-1].interpreter, readings, parts)

    async def _read_pieces(self, parts: Sequence[bytes], utterance_id: str) -> list[Reading]:
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
