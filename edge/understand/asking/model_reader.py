"""One utterance, one request, one reading: a model is asked with the form's tools, and not believed blindly."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace

from edge.config import GOOGLE_WIRE, InterpreterSettings
from edge.forms.catalogue import Catalogue
from edge.forms.form import Form
from edge.records import SAMPLE_BYTES, SAMPLE_RATE, Reading, Usage
from edge.understand.asking import verbatim
from edge.understand.asking.answers import Refused, Returned, call
from edge.understand.asking.context import Context, Situation
from edge.understand.asking.gemini import GeminiWire
from edge.understand.asking.model_wire import ModelWire, Question, Tokens
from edge.understand.asking.openai_chat import ChatWire
from edge.understand.asking.prompt import Leaks, Prompt
from edge.understand.asking.tool import tools
from edge.understand.service.answer import Answer
from edge.understand.service.clients import Client
from edge.understand.service.failures import Fault, Garbled

Spoken = Callable[[str, bytes], None]
"""Is given each spoken reply, as a WAV file, with the id of the utterance that it replies to."""


def nowhere(_: str, __: bytes) -> None:
    """Where a spoken reply goes that nobody wants to keep."""


class ModelReader:
    """A model behind a client, reading for one form."""

    def __init__(
        self,
        settings: InterpreterSettings,
        client: Client,
        form: Form,
        catalogue: Catalogue,
        *,
        context: Situation = Context,
        spoken: Spoken = nowhere,
    ) -> None:
        """`context` tells the state of the conversation; `spoken` is given each spoken reply."""
        self._client = client
        self._wire: ModelWire = GeminiWire(settings) if client.settings.kind in GOOGLE_WIRE else ChatWire(settings)
        self.name = f"{client.name}/{self._wire.model}"
        self._tools = tools(form)
        self._prompt = Prompt(form, catalogue, len(json.dumps(self._tools)))
        self._offered = frozenset(tool["function"]["name"] for tool in self._tools)
        self._leaks = Leaks(self._prompt.text(Context()), self._tools)
        self._context = context
        self._spoken = spoken
        self._terms = verbatim.Terms(self.name, form, catalogue, settings.language, settings.confidence)

    async def read(self, said: bytes | str, within_s: float, utterance_id: str = "") -> Reading:
        """What was said: sound as PCM, or its transcript. Raises a Failure when no reading comes in time.

        `utterance_id` goes along with a spoken reply, and nowhere else.
        """
        question = Question(self._prompt.text(self._context()), self._tools, said)
        path, body = self._wire.path(self._client), self._wire.body(question)
        answer = await self._client.post(path, json=body, within_s=within_s, about=self._wire.model)
        seconds = len(said) / SAMPLE_BYTES / SAMPLE_RATE if isinstance(said, bytes) else 0.0
        return self._understood(answer, seconds, utterance_id)

    def _understood(self, answer: Answer, seconds: float, utterance_id: str) -> Reading:
        tokens = Tokens()
        try:
            returned, tokens = self._wire.returned(answer)
            if returned.spoken:
                self._spoken(utterance_id, returned.spoken)
            reading = self._proposed(returned, seconds)
        except Refused as refused:
            garbled = Garbled(self._client.name, refused.fault, refused.told, answer.request_id)
            garbled.usage = self._usage(tokens, answer)
            raise garbled from None
        except Garbled as garbled:
            garbled.usage = self._usage(tokens, answer)
            raise
        return replace(reading, usage=self._usage(tokens, answer))

    def _proposed(self, returned: Returned, seconds: float) -> Reading:
        self._refuse_leaked([returned.text])
        made = call(returned, self._offered)
        self._refuse_leaked(verbatim.heard(made))
        return verbatim.reading(made, self._terms, seconds)

    def _refuse_leaked(self, texts: Iterable[str]) -> None:
        if self._leaks.in_any(texts):
            raise Refused(Fault.LEAKED_PROMPT, "it repeats what the model was told")

    def _usage(self, tokens: Tokens, answer: Answer) -> Usage:
        return Usage(
            client=self._client.name,
            model=self._wire.model,
            text_tokens_in=tokens.text_in,
            audio_tokens_in=tokens.audio_in,
            tokens_out=tokens.out,
            request_id=answer.request_id,
        )
