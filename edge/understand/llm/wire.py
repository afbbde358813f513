"""The wire protocol of a language model: what a vendor's request and answer look like.

The shape in which a vendor wants it is a `ModelWire`. Who is asked is the client's business: so one wire serves OpenAI,
Azure and what is self-hosted alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from edge.understand.llm.tool_calls import Refused, Returned
from edge.understand.remote.client import Client
from edge.understand.remote.failures import AnswerFault
from edge.understand.remote.http import ServiceAnswer


@dataclass(frozen=True, slots=True)
class ModelQuestion:
    """One utterance, and how it is to be read."""

    prompt: str = field(repr=False)
    tools: list[dict[str, Any]] = field(repr=False)  # In OpenAI's shape; wires of other vendors translate.
    said: bytes | str = field(repr=False)  # The sound as PCM, or its transcript.


@dataclass(frozen=True, slots=True)
class Tokens:
    """What an answer took, as the service counted it."""

    text_in: int = 0
    audio_in: int = 0
    out: int = 0


class ModelWire(Protocol):
    """How one kind of service is asked, and how it answers."""

    model: str

    def path(self, client: Client) -> str:
        """Where the model is asked."""
        ...

    def body(self, question: ModelQuestion) -> dict[str, Any]:
        """The request, as JSON."""
        ...

    def returned(self, answer: ServiceAnswer) -> tuple[Returned, Tokens]:
        """What came back. Raises Garbled for what is not JSON, Refused for what has another shape."""
        ...


M = TypeVar("M", bound=BaseModel)


def as_shaped(shape: type[M], found: Any) -> M:
    """What was found, as the service documents it; keys we do not use are not looked at. Raises Refused."""
    try:
        return shape.model_validate(found, strict=True)
    except ValidationError:  # with what was found in its message
        raise Refused(AnswerFault.WRONG_SHAPE, "it has not the shape that the service documents") from None
