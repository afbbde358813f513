"""OpenAI's Chat Completions: the wire that OpenAI, Azure, vLLM, llama-server and Ollama share.

Sound is sent as base64 WAV (`input_audio`); the answer is a tool call, whole or as server-sent events. No structured
outputs: audio models refuse them. Format: https://platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from edge.config import ClientKind, InterpreterSettings
from edge.understand.llm.chunks import to_wav
from edge.understand.llm.wire import EndReason, InvalidAnswer, ModelAnswer, ModelQuestion, Tokens, validate_shape
from edge.understand.remote.client import Client, ServiceAnswer
from edge.understand.remote.failures import AnswerFault

SAID = "What the worker said, as a transcript:\n"
"""Prefix of a transcript, so that a model does not treat it as an instruction."""

_STREAMED_RATE = 24_000  # Samples per second of streamed speech (`pcm16`); the stream does not state it.

_ENDINGS = {"length": EndReason.TRUNCATED, "content_filter": EndReason.FILTERED}


class _Function(BaseModel):
    name: str = ""
    arguments: str | dict[str, Any] | None = ""  # OpenAI sends JSON text, Ollama an object.


class _ToolCall(BaseModel):
    index: int = 0
    function: _Function


class _Audio(BaseModel):
    data: str = ""


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None
    audio: _Audio | None = None


class _Choice(BaseModel):
    message: _Message = _Message()
    delta: _Message = _Message()
    finish_reason: str | None = None


class _PromptDetails(BaseModel):
    audio_tokens: int | None = None


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _PromptDetails | None = None


class _Completion(BaseModel):
    model: str | None = None
    choices: list[_Choice] = Field(default_factory=list)
    usage: _Usage | None = None


class ChatWire:
    """Encodes requests as OpenAI chat completions, and decodes their answers."""

    def __init__(self, settings: InterpreterSettings, whose: ClientKind = ClientKind.OPENAI) -> None:
        """`whose` is the kind of service: some use other parameter names."""
        self._settings = settings
        self._whose = whose
        self.model = str(settings.model)

    def path(self, client: Client) -> str:
        """The path of `chat/completions` for the model."""
        return client.openai_path("chat/completions", self.model)

    def body(self, question: ModelQuestion) -> dict[str, Any]:
        """Build the chat completion's JSON body for one utterance."""
        return {
            "model": self.model,
            "messages": self._messages(question),
            "tools": question.tools,
            "tool_choice": "required",
            "parallel_tool_calls": False,
            **self._modalities(question),
            **self._output_limits(),
            **self._streaming(),
        }

    def parse(self, answer: ServiceAnswer) -> tuple[ModelAnswer, Tokens]:
        """Parse the chat completion and token counts. Raises Garbled without valid JSON, InvalidAnswer otherwise."""
        if not self._settings.streaming:
            events = [validate_shape(_Completion, answer.json())]
            choices = events[0].choices
        else:
            events = [validate_shape(_Completion, event) for event in answer.events()]
            choices = _join_stream([event.choices for event in events])
        usage = next((event.usage for event in reversed(events) if event.usage), None)
        answered = next((event.model for event in reversed(events) if event.model), None)
        return _parse_choices(choices, answered), _parse_tokens(usage)

    def _messages(self, question: ModelQuestion) -> list[dict[str, Any]]:
        said: dict[str, Any] = (
            {"type": "text", "text": SAID + question.said}
            if isinstance(question.said, str)
            else {"type": "input_audio", "input_audio": self._encode_sound(to_wav(question.said))}
        )
        if self._settings.system_prompt:
            return [{"role": "system", "content": question.prompt}, {"role": "user", "content": [said]}]
        return [{"role": "user", "content": [{"type": "text", "text": question.prompt}, said]}]

    def _encode_sound(self, recording: bytes) -> str | dict[str, str]:
        # Mistral's own service takes the sound bare (AudioChunk of mistralai 3.7.0); vLLM does not.
        whole = _base64(recording)
        return whole if self._whose is ClientKind.MISTRAL else {"data": whole, "format": "wav"}

    def _output_limits(self) -> dict[str, Any]:
        """OpenAI has replaced `max_tokens` by a name that only newer compatible servers know."""
        is_openai = self._whose in {ClientKind.OPENAI, ClientKind.AZURE_OPENAI}
        most, thinking = self._settings.max_tokens, self._settings.thinking
        return {
            **({} if most is None else {"max_completion_tokens" if is_openai else "max_tokens": most}),
            **({} if thinking is None else {"reasoning_effort": str(thinking)}),
        }

    def _streaming(self) -> dict[str, Any]:
        if not self._settings.streaming:
            return {}
        # Mistral always reports a stream's usage, and has no such parameter.
        options = {} if self._whose is ClientKind.MISTRAL else {"stream_options": {"include_usage": True}}
        return {"stream": True, **options}

    def _modalities(self, question: ModelQuestion) -> dict[str, Any]:
        if self._settings.voice is None or isinstance(question.said, str):
            return {}
        # Streams send speech only as raw samples.
        sound = "pcm16" if self._settings.streaming else "wav"
        return {"modalities": ["text", "audio"], "audio": {"voice": self._settings.voice, "format": sound}}


def _join_stream(events: Sequence[Sequence[_Choice]]) -> list[_Choice]:
    """Join a stream's pieces into one message. Raises InvalidAnswer where the stream ended before the answer did."""
    pieces = [choice for choices in events for choice in choices]
    if not pieces:
        raise InvalidAnswer(AnswerFault.EMPTY, "a stream without a single piece")
    ending = next((piece.finish_reason for piece in reversed(pieces) if piece.finish_reason), None)
    if ending is None:
        raise InvalidAnswer(AnswerFault.HALF_STREAM, "the stream ended before the answer did")
    deltas = [piece.delta for piece in pieces]
    message = _Message(
        content="".join(delta.content or "" for delta in deltas),
        tool_calls=_join_calls([call for delta in deltas for call in delta.tool_calls or ()]),
        audio=_Audio(data=_base64(_join_speech(deltas))),
    )
    return [_Choice(message=message, finish_reason=ending)]


def _join_speech(deltas: Sequence[_Message]) -> bytes:
    """The speech in a stream as a WAV file; empty where there is none."""
    pieces = [delta.audio for delta in deltas if delta.audio]
    # Some servers split one base64 text into pieces, others encode each piece.
    whole = _decode_reply(_Audio(data="".join(piece.data for piece in pieces)))
    samples = whole or b"".join(_decode_reply(piece) for piece in pieces)
    return to_wav(samples, _STREAMED_RATE) if samples else b""


def _join_calls(pieces: Sequence[_ToolCall]) -> list[_ToolCall]:
    calls: dict[int, _ToolCall] = {}
    for piece in pieces:
        before = calls.setdefault(piece.index, _ToolCall(function=_Function())).function
        if isinstance(piece.function.arguments, dict):  # some servers send the whole object in one piece
            whole: str | dict[str, Any] = piece.function.arguments
        else:
            whole = str(before.arguments or "") + (piece.function.arguments or "")
        calls[piece.index] = _ToolCall(
            function=_Function(name=before.name + piece.function.name, arguments=whole), index=piece.index
        )
    return [calls[index] for index in sorted(calls)]


def _parse_choices(choices: Sequence[_Choice], answered: str | None) -> ModelAnswer:
    if len(choices) != 1:
        found = f"{len(choices)} answers in place of one" if choices else "no answer in it"
        raise InvalidAnswer(AnswerFault.SEVERAL_CALLS if choices else AnswerFault.EMPTY, found)
    message, ending = choices[0].message, str(choices[0].finish_reason)
    if message.refusal:
        raise InvalidAnswer(AnswerFault.FILTERED, "the model refused")
    return ModelAnswer(
        calls=tuple((call.function.name, call.function.arguments or "") for call in message.tool_calls or ()),
        text=message.content or "",
        ending=_ENDINGS.get(ending, EndReason.WHOLE),
        spoken=_decode_reply(message.audio),
        model=answered,
    )


def _parse_tokens(usage: _Usage | None) -> Tokens:
    if usage is None:
        return Tokens()
    details = usage.prompt_tokens_details
    audio = (details.audio_tokens or 0) if details else 0
    return Tokens(max(0, usage.prompt_tokens - audio), audio, usage.completion_tokens)


def _decode_reply(audio: _Audio | None) -> bytes:
    """Decode the spoken reply; an invalid one counts as none, since nothing depends on it."""
    try:
        return base64.b64decode(audio.data, validate=True) if audio else b""
    except binascii.Error:
        return b""


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
