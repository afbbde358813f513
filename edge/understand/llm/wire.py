"""The wire protocol of a language model: request, answer, and parsing of the tool call. Pure.

A `ModelWire` is a vendor's request format. Address and key belong to the client, so that one wire serves OpenAI, Azure
and self-hosted servers. Only unambiguous faults of a call are repaired: the same call twice, a call written as text,
JSON inside a code fence or in a string, a tool's name with its namespace.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from dockvoice_protocol.strict_json import NotStrict, parse_strict
from edge.understand.remote.client import Client, ServiceAnswer
from edge.understand.remote.failures import LIMITS, AnswerFault

_LONGEST_ARGUMENTS = 20_000  # Limit of characters; twenty fields, each with a long sentence, take a fifth of it.
_FENCE = re.compile(r"\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*", re.DOTALL)  # A Markdown code fence.


class InvalidAnswer(Exception):
    """Raised for an answer that makes no valid reading."""

    def __init__(self, fault: AnswerFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault
        self.message = message


class EndReason(StrEnum):
    """Why an answer ended, the same for all vendors."""

    WHOLE = "whole"
    TRUNCATED = "truncated"
    FILTERED = "filtered"


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """An answer's parts, the same for all vendors."""

    calls: tuple[tuple[str, Any], ...] = field(default=(), repr=False)
    """Names and arguments of the calls: JSON text, or an object."""
    text: str = field(default="", repr=False)
    ending: EndReason = EndReason.WHOLE
    spoken: bytes = field(default=b"", repr=False)  # The spoken reply; empty without one.
    model: str | None = None  # The model that answered; None where the answer does not name it.


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of one of the offered tools."""

    tool: str
    arguments: Mapping[str, Any] = field(repr=False)


def parse_call(returned: ModelAnswer, offered: Collection[str]) -> ToolCall:
    """The answer's one tool call, repeats counted once. Raises InvalidAnswer for a cut off or filtered answer."""
    match returned.ending:
        case EndReason.TRUNCATED:
            raise InvalidAnswer(AnswerFault.TRUNCATED, "it was cut off at the longest the model may answer")
        case EndReason.FILTERED:
            raise InvalidAnswer(AnswerFault.FILTERED, "the service withheld it")
        case EndReason.WHOLE:
            pass
    given = returned.calls or _find_written_calls(returned.text, offered)
    calls = [_check_call(name, arguments, offered) for name, arguments in given]
    if any(one != calls[0] for one in calls):
        raise InvalidAnswer(AnswerFault.SEVERAL_CALLS, f"{len(calls)} calls that differ")
    return calls[0]


def _check_call(name: str, arguments: Any, offered: Collection[str]) -> ToolCall:
    tool = name.removeprefix("functions.")  # OpenAI's models sometimes add the namespace
    if tool not in offered:
        raise InvalidAnswer(AnswerFault.UNKNOWN_TOOL, "a call of a tool that was not offered")
    meant = _parse_object(arguments) if isinstance(arguments, str) else arguments
    if isinstance(meant, str):
        meant = _parse_object(meant)  # an object that was written as a string
    if not isinstance(meant, Mapping):
        raise InvalidAnswer(AnswerFault.WRONG_SHAPE, "arguments that are no object")
    return ToolCall(tool, meant)


def _parse_object(text: str) -> Any:
    if len(text) > _LONGEST_ARGUMENTS:
        raise InvalidAnswer(AnswerFault.TOO_LARGE, "arguments far longer than any reading")
    fenced = _FENCE.fullmatch(text)
    try:
        return parse_strict(fenced[1] if fenced else text, LIMITS)
    except NotStrict as fault:
        raise InvalidAnswer(AnswerFault.from_not_strict(fault), f"arguments: {fault}") from None


def _find_written_calls(text: str, offered: Collection[str]) -> tuple[tuple[str, Any], ...]:
    """Tool calls written as text, as open models do: JSON with `name` and `arguments` or `parameters`."""
    if not text.strip():
        raise InvalidAnswer(AnswerFault.NO_CALL, "neither a call nor text")
    try:
        found = _parse_object(text)
    except InvalidAnswer:
        found = None
    match found:
        case {"name": str(name), "arguments": dict(arguments), **rest} if not rest and name in offered:
            return ((name, arguments),)
        case {"name": str(name), "parameters": dict(arguments), **rest} if not rest and name in offered:
            return ((name, arguments),)
    raise InvalidAnswer(AnswerFault.PROSE, "text in place of a call")


@dataclass(frozen=True, slots=True)
class ModelQuestion:
    """A request to a model: an utterance's sound or transcript, with prompt and tools."""

    prompt: str = field(repr=False)
    tools: list[dict[str, Any]] = field(repr=False)  # In OpenAI's format; other vendors' wires translate.
    said: bytes | str = field(repr=False)  # The sound as PCM, or its transcript.


@dataclass(frozen=True, slots=True)
class Tokens:
    """The token counts that the service reported for a request."""

    text_in: int = 0
    audio_in: int = 0
    out: int = 0


class ModelWire(Protocol):
    """Encodes requests to one kind of service, and decodes its answers."""

    model: str

    def path(self, client: Client) -> str:
        """The path of the URL that the client posts a request to."""

    def body(self, question: ModelQuestion) -> dict[str, Any]:
        """Build the JSON body of a request to the model."""

    def parse(self, answer: ServiceAnswer) -> tuple[ModelAnswer, Tokens]:
        """Parse the answer. Raises Garbled for invalid JSON, InvalidAnswer for another shape."""


_M = TypeVar("_M", bound=BaseModel)


def validate_shape(shape: type[_M], found: Any) -> _M:
    """Validate an answer against the documented shape; other keys are ignored. Raises InvalidAnswer."""
    try:
        return shape.model_validate(found, strict=True)
    except ValidationError:  # its message would quote the answer
        raise InvalidAnswer(AnswerFault.WRONG_SHAPE, "it has not the shape that the service documents") from None
