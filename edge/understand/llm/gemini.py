"""Google's `generateContent`: the wire of Gemini, on the Gemini API and on Vertex AI alike.

Sound goes along as `inlineData`; `functionCallingConfig` of mode ANY makes the model call one of our functions. Format:
https://ai.google.dev/api/generate-content.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from edge.config import InterpreterSettings, ThinkingLevel
from edge.understand.llm.chunks import to_wav
from edge.understand.llm.openai_chat import SAID
from edge.understand.llm.wire import EndReason, InvalidAnswer, ModelAnswer, ModelQuestion, Tokens, validate_shape
from edge.understand.remote.client import Client, ServiceAnswer
from edge.understand.remote.failures import AnswerFault

_WHOLE = frozenset({"STOP", "FINISH_REASON_UNSPECIFIED", "None"})
_CALL_LOST = frozenset({"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"})
"""Finish reasons for a call that Gemini itself could not encode."""

_WITH_BUDGET = "gemini-2"
_BUDGETS = {
    ThinkingLevel.NONE: 0,
    ThinkingLevel.MINIMAL: 1024,
    ThinkingLevel.LOW: 1024,
    ThinkingLevel.MEDIUM: 8192,
    ThinkingLevel.HIGH: 24_576,
}
"""Thinking budgets in tokens, by Google's mapping of levels: 1K, 8K, 24K (https://ai.google.dev/gemini-api/docs/openai)."""


class _Shape(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class _FunctionCall(_Shape):
    name: str = ""
    args: dict[str, Any] | None = None


class _Part(_Shape):
    text: str | None = None
    thought: bool | None = None
    function_call: _FunctionCall | None = None


class _Content(_Shape):
    parts: list[_Part] | None = None


class _Candidate(_Shape):
    content: _Content | None = None
    finish_reason: str | None = None


class _Modality(_Shape):
    modality: str = ""
    token_count: int = 0


class _Usage(_Shape):
    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    prompt_tokens_details: list[_Modality] | None = None


class _Feedback(_Shape):
    block_reason: str | None = None


class _Response(_Shape):
    model_version: str | None = None
    candidates: list[_Candidate] = Field(default_factory=list)
    prompt_feedback: _Feedback | None = None
    usage_metadata: _Usage | None = None


class GeminiWire:
    """Encodes requests to a Gemini model and decodes its answers."""

    def __init__(self, settings: InterpreterSettings) -> None:
        self._settings = settings
        self.model = str(settings.model)

    def path(self, client: Client) -> str:
        """The path of Gemini's `generateContent` for the model, or of its streaming variant."""
        if self._settings.streaming:
            return client.gemini_path(self.model, "streamGenerateContent") + "?alt=sse"
        return client.gemini_path(self.model)

    def body(self, question: ModelQuestion) -> dict[str, Any]:
        """Build Gemini's JSON body for one utterance."""
        functions = [_declaration(tool["function"]) for tool in question.tools]
        names = [function["name"] for function in functions]
        said: dict[str, Any] = (
            {"text": SAID + question.said}
            if isinstance(question.said, str)
            else {"inlineData": {"mimeType": "audio/wav", "data": base64.b64encode(to_wav(question.said)).decode()}}
        )
        prompt = {"text": question.prompt}
        head = {"systemInstruction": {"parts": [prompt]}} if self._settings.system_prompt else {}
        parts = [said] if self._settings.system_prompt else [prompt, said]
        return {
            **head,
            "contents": [{"role": "user", "parts": parts}],
            "tools": [{"functionDeclarations": functions}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": names}},
            **self._output_limits(),
        }

    def _output_limits(self) -> dict[str, Any]:
        most, thinking = self._settings.max_tokens, self._settings.thinking
        limits = {
            **({} if most is None else {"maxOutputTokens": most}),
            **({} if thinking is None else {"thinkingConfig": self._thinking_config(thinking)}),
        }
        return {"generationConfig": limits} if limits else {}

    def _thinking_config(self, wanted: ThinkingLevel) -> dict[str, Any]:
        """Gemini 2.5 takes a budget in tokens. Later models take levels, none of which turns thinking off."""
        if self.model.startswith(_WITH_BUDGET):
            return {"thinkingBudget": _BUDGETS[wanted]}
        return {"thinkingLevel": str(ThinkingLevel.MINIMAL if wanted is ThinkingLevel.NONE else wanted).upper()}

    def parse(self, answer: ServiceAnswer) -> tuple[ModelAnswer, Tokens]:
        """Parse Gemini's answer and token counts. Raises Garbled without valid JSON, InvalidAnswer otherwise."""
        if self._settings.streaming:
            events = [validate_shape(_Response, event) for event in answer.events()]
            if not events:
                raise InvalidAnswer(AnswerFault.EMPTY, "a stream without a single piece")
        else:
            events = [validate_shape(_Response, answer.json())]
        usage = next((event.usage_metadata for event in reversed(events) if event.usage_metadata), None)
        answered = next((event.model_version for event in reversed(events) if event.model_version), None)
        return _parse_returned(events, self._settings.streaming, answered), _parse_tokens(usage)


def _declaration(function: dict[str, Any]) -> dict[str, Any]:
    parameters = function["parameters"]
    return {"name": function["name"], "description": function["description"], "parametersJsonSchema": parameters}


def _parse_returned(events: Sequence[_Response], streaming: bool, answered: str | None) -> ModelAnswer:
    if any(event.prompt_feedback and event.prompt_feedback.block_reason for event in events):
        raise InvalidAnswer(AnswerFault.FILTERED, "the service withheld it")
    if any(len(event.candidates) > 1 for event in events):
        raise InvalidAnswer(AnswerFault.SEVERAL_CALLS, "several answers in place of one")
    candidates = [candidate for event in events for candidate in event.candidates]
    if not candidates:
        raise InvalidAnswer(AnswerFault.EMPTY, "no answer in it")
    ending = next((one.finish_reason for one in reversed(candidates) if one.finish_reason), None)
    if ending is None and streaming:
        raise InvalidAnswer(AnswerFault.HALF_STREAM, "the stream ended before the answer did")
    if ending in _CALL_LOST:
        raise InvalidAnswer(AnswerFault.NOT_JSON, "the model's call could not be written down")
    parts = [part for one in candidates if one.content for part in one.content.parts or ()]
    return ModelAnswer(
        calls=tuple((part.function_call.name, part.function_call.args or {}) for part in parts if part.function_call),
        text="".join(part.text for part in parts if part.text and not part.thought),
        ending=_parse_ending(str(ending)),
        model=answered,
    )


def _parse_ending(reason: str) -> EndReason:
    if reason in _WHOLE:
        return EndReason.WHOLE
    return EndReason.TRUNCATED if reason == "MAX_TOKENS" else EndReason.FILTERED


def _parse_tokens(usage: _Usage | None) -> Tokens:
    if usage is None:
        return Tokens()
    audio = sum(one.token_count for one in usage.prompt_tokens_details or () if one.modality == "AUDIO")
    out = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
    return Tokens(max(0, (usage.prompt_token_count or 0) - audio), audio, out)
