"""A chat completion in pieces, as server-sent events."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from edge.standin.accounts import Model
from edge.standin.house import identity

PIECE = 12
"""Characters of arguments in one event of a stream: three tokens or so, as the vendors send them."""


def reason(message: Mapping[str, Any]) -> str:
    """Why the answer ends, in OpenAI's words."""
    return "tool_calls" if message.get("tool_calls") else "stop"


def unfiltered() -> dict[str, Any]:
    """What Azure's filters say of a prompt they do not mind."""
    return {"prompt_index": 0, "content_filter_results": {}}


async def events(
    message: Mapping[str, Any], model: Model, usage: Mapping[str, Any] | None, *, azure: bool
) -> AsyncIterator[str]:
    """The events of a message, the last one `[DONE]`; the tokens before it, where they are wanted."""
    head = {
        "id": identity("chatcmpl-"),
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": model.name,
        "system_fingerprint": "fp_standin",
    }
    # Azure's first event tells what its filters think of the prompt, and has no choice in it.
    if azure:
        yield _event({**head, "choices": [], "prompt_filter_results": [unfiltered()]})
    shared = {} if usage is None else {"usage": None}
    for delta in _deltas(message):
        yield _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}], **shared})
    last = {"index": 0, "delta": {}, "finish_reason": reason(message)}
    yield _event({**head, "choices": [last], **shared})
    if usage is not None:
        yield _event({**head, "choices": [], "usage": usage})
    yield "data: [DONE]\n\n"


def _deltas(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": None, "refusal": None}]
    deltas += [{"content": piece} for piece in _pieces(message["content"] or "")]
    for index, call in enumerate(message.get("tool_calls", ())):
        function = {"name": call["function"]["name"], "arguments": ""}
        deltas.append({"tool_calls": [{"index": index, "id": call["id"], "type": "function", "function": function}]})
        pieces = _pieces(call["function"]["arguments"])
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in pieces]
    if sound := message.get("audio"):
        deltas += [{"audio": {"id": sound["id"], name: sound[name]}} for name in ("transcript", "data")]
        deltas.append({"audio": {"expires_at": sound["expires_at"]}})
    return deltas


def _pieces(text: str) -> list[str]:
    return [text[at : at + PIECE] for at in range(0, len(text), PIECE)]


def _event(told: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(told, separators=(',', ':'))}\n\n"
