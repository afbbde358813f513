"""OpenAI's Chat Completions, whole or as server-sent events: sound or text in, a tool call out."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from edge.config import ClientKind
from lab.standin.accounts import Modality, Model
from lab.standin.behaviour import Refusal, Vendor, vendor_of
from lab.standin.documented import CHAT, MISTRAL_CHAT, check_json, missing_key_refusal, wrong_type_refusal
from lab.standin.hearing import SPEECH_RATE, DecodedSound, encode_sound
from lab.standin.model import Answer, Call, Tool
from lab.standin.server import (
    StandinState,
    decode_base64,
    decode_sound,
    estimate_tokens,
    new_id,
    read_json,
    set_vendor_by_model,
)

_PIECE = 12  # Characters of arguments per streamed event: some three tokens, as the vendors send.


def _finish_reason(message: Mapping[str, Any]) -> str:
    """OpenAI's `finish_reason` of a message."""
    return "tool_calls" if message.get("tool_calls") else "stop"


def _azure_filter_result() -> dict[str, Any]:
    """Azure's content filter result for a harmless prompt."""
    return {"prompt_index": 0, "content_filter_results": {}}


async def _stream_events(
    message: Mapping[str, Any], model: Model, usage: Mapping[str, Any] | None, *, azure: bool
) -> AsyncIterator[str]:
    """Yield a message as server-sent events, then the token usage if wanted, then `[DONE]`."""
    head = {
        "id": new_id("chatcmpl-"),
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": model.name,
        "system_fingerprint": "fp_standin",
    }
    # Azure's first event has the filter results of the prompt, and no choice.
    if azure:
        yield _to_sse({**head, "choices": [], "prompt_filter_results": [_azure_filter_result()]})
    shared = {} if usage is None else {"usage": None}
    for delta in _deltas(message):
        yield _to_sse({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}], **shared})
    last = {"index": 0, "delta": {}, "finish_reason": _finish_reason(message)}
    yield _to_sse({**head, "choices": [last], **shared})
    if usage is not None:
        yield _to_sse({**head, "choices": [], "usage": usage})
    yield "data: [DONE]\n\n"


def _deltas(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": None, "refusal": None}]
    deltas += [{"content": piece} for piece in _split_text(message["content"] or "")]
    for index, call in enumerate(message.get("tool_calls", ())):
        function = {"name": call["function"]["name"], "arguments": ""}
        deltas.append({"tool_calls": [{"index": index, "id": call["id"], "type": "function", "function": function}]})
        pieces = _split_text(call["function"]["arguments"])
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in pieces]
    if sound := message.get("audio"):
        deltas += [{"audio": {"id": sound["id"], name: sound[name]}} for name in ("transcript", "data")]
        deltas.append({"audio": {"expires_at": sound["expires_at"]}})
    return deltas


def _split_text(text: str) -> list[str]:
    return [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]


def _to_sse(event: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(event, separators=(',', ':'))}\n\n"


SOUND_TOKENS_PER_S = 10  # OpenAI's tokens for input sound: one for each 100 ms.
_SPEECH_TOKENS = 5  # Output tokens of speech for each token of text: one for 50 ms.

_ROLES = {"system", "developer", "user", "assistant", "tool", "function"}
_MOST_TOOLS = 128
_REASONING = ("gpt-5", "gpt-6")  # How the names of OpenAI's models begin that think.
_FIRST_WITH_SOUND = "2025-01-01-preview"  # Azure's first api-version that accepts sound in a chat.

_FORMATS = {"wav": {"WAV", "WAVEX", "RF64"}, "mp3": {"MP3"}}
"""The values of `input_audio.format`, and the file formats that the bytes must then have."""
VOICES = {
    "alloy",
    "ash",
    "ballad",
    "coral",
    "echo",
    "fable",
    "nova",
    "onyx",
    "sage",
    "shimmer",
    "verse",
    "marin",
    "cedar",
}
_EXPIRES_AFTER_S = 3600

_TAGGED = re.compile(r"<transcript>(.*?)</transcript>", re.DOTALL)
_HEADED = re.compile(r"^[^\n]*:\n(.*)", re.DOTALL)
_QUOTED = re.compile(r"[\"“](.*)[\"”]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _ChatRequest:
    """A parsed request."""

    model: Model
    sounds: tuple[DecodedSound, ...]
    text: str  # The last text part of the last user message.
    prompt: str  # All text before it: system messages and earlier turns.
    tools: tuple[Tool, ...]
    must_call: bool
    body: Mapping[str, Any]


async def complete_chat(request: Request) -> Response:
    """`POST …/chat/completions`: answer text or sound with a tool call or text."""
    house: StandinState = request.app.state.house
    body = await read_json(request)
    asking = _parse_request(house, body, request)
    said = (
        " ".join([await house.ear.hear(sound) for sound in asking.sounds])
        if asking.sounds
        else _extract_transcript(asking.text)
    )
    answer = house.answer_as_ordered(said, asking.tools, request, asking.prompt, must_call=asking.must_call)
    message = await _build_message(house, answer, asking)
    usage = _count_usage(asking, answer, message)
    azure = vendor_of(request.url.path) is Vendor.AZURE
    if body.get("stream"):
        with_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        events = _stream_events(message, asking.model, usage if with_usage else None, azure=azure)
        return StreamingResponse(events, media_type="text/event-stream")
    return JSONResponse(_build_completion(message, asking.model, usage, azure=azure))


def _parse_request(state: StandinState, body: Mapping[str, Any], request: Request) -> _ChatRequest:
    name = request.path_params.get("deployment") or body.get("model")
    model = state.find_model(name, Modality.TEXT | Modality.SOUND, request.url.path)
    vendor = set_vendor_by_model(request, model)
    if model.whose is not ClientKind.SELF_HOSTED:
        check_json(body, MISTRAL_CHAT if vendor is Vendor.MISTRAL else CHAT, vendor)
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise missing_key_refusal("messages", vendor)
    parts = [(message, part) for at, message in enumerate(messages) for part in _message_parts(message, at, vendor)]
    sounds = tuple(_parse_sound(part, vendor) for _, part in parts if part.get("type") == "input_audio")
    if sounds and vendor is Vendor.AZURE:
        _check_api_version(request)
    texts = [str(part.get("text", "")) for _, part in parts if part.get("type") == "text"]
    asked = [str(part.get("text", "")) for message, part in parts if message["role"] == "user" and "text" in part]
    tools = tuple(_parse_tool(tool) for tool in body.get("tools") or ())
    _check_parameters(
        model, body, has_sound=bool(sounds), has_system=messages[0].get("role") in {"system", "developer"}
    )
    chosen = body.get("tool_choice", "auto" if tools else "none")
    if isinstance(chosen, Mapping):
        tools = tuple(tool for tool in tools if tool.name == chosen.get("function", {}).get("name"))
        if not tools:
            raise Refusal(400, "Invalid value: 'tool_choice' names a function not in 'tools'.", None, "tool_choice")
    offered = () if chosen == "none" else tools
    must_call = chosen not in {"auto", "none"} if isinstance(chosen, str) else True
    text = asked[-1] if asked else ""
    return _ChatRequest(model, sounds, text, "\n".join(texts), offered, must_call, body)


def _check_api_version(request: Request) -> None:
    """Refuse Azure deployments with an api-version before _FIRST_WITH_SOUND; newer paths need none."""
    version = request.query_params.get("api-version")
    if "deployment" in request.path_params and (version is None or version < _FIRST_WITH_SOUND):
        raise Refusal(
            400, "Invalid value: 'input_audio'. Supported values are: 'text' and 'image_url'.", "invalid_value"
        )


def _message_parts(message: object, at: int, vendor: Vendor) -> Sequence[Mapping[str, Any]]:
    if not isinstance(message, Mapping):
        raise wrong_type_refusal(f"messages[{at}]", "object", "something else", vendor)
    if message.get("role") not in _ROLES:
        raise Refusal(400, f"Invalid value: {message.get('role')!r}.", "invalid_value", f"messages[{at}].role")
    content = message.get("content") or []
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(parts, list) or not all(isinstance(part, Mapping) for part in parts):
        raise wrong_type_refusal(f"messages[{at}].content", "string or array", "something else", vendor)
    return parts


def _parse_sound(part: Mapping[str, Any], vendor: Vendor) -> DecodedSound:
    given = part.get("input_audio") or {}
    if vendor is Vendor.MISTRAL:  # Mistral takes the bare sound, and detects its format
        if not isinstance(given, str):
            raise wrong_type_refusal("input_audio", "string", "an object", vendor)
        return decode_sound(decode_base64(given, "input_audio"))
    if not isinstance(given, Mapping):
        raise wrong_type_refusal("messages[].content[].input_audio", "object", "a string", vendor)
    claimed = given.get("format")
    if claimed not in _FORMATS:
        raise Refusal(
            400,
            f"Invalid value: '{claimed}'. Supported values are: 'wav' and 'mp3'.",
            "invalid_value",
            "messages[].content[].input_audio.format",
        )
    sound = decode_sound(decode_base64(given.get("data"), "input_audio.data"))
    if sound.container not in _FORMATS[claimed]:
        raise Refusal(400, f"The data provided for 'input_audio' is not of valid {claimed} format.", "invalid_value")
    return sound


def _parse_tool(tool: object) -> Tool:
    function = tool.get("function") if isinstance(tool, Mapping) else None
    if not isinstance(tool, Mapping) or not isinstance(function, Mapping):
        raise Refusal(400, "Missing required parameter: 'tools[0].function'.", "missing_required_parameter", "tools")
    if tool.get("type") != "function" or not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", str(function.get("name", ""))):
        raise Refusal(400, "Invalid 'tools[].function.name'.", "invalid_value", "tools")
    return Tool(function["name"], function.get("parameters") or {})


def _check_parameters(model: Model, body: Mapping[str, Any], *, has_sound: bool, has_system: bool) -> None:
    """Refuse parameters that this model refuses."""
    _check_limits(model, body)
    speaks = "audio" in (body.get("modalities") or ())
    if body.get("tool_choice") == "required" and not body.get("tools"):
        raise Refusal(400, "'tool_choice' is only allowed when 'tools' are specified.", None, "tool_choice")
    if model.is_audio_chat and (body.get("response_format") or {}).get("type") == "json_schema":
        raise Refusal(
            400, "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
            None, "response_format",
        )  # fmt: skip
    if has_sound and not model.is_audio_chat:
        raise Refusal(400, "Invalid content type. 'input_audio' is not supported by this model.", "invalid_value")
    if Modality.TEXT not in model.takes and not has_sound and not speaks:
        raise Refusal(
            400, "This model requires that either input content or output modality contain audio.",
            "invalid_value", "model",
        )  # fmt: skip
    if not model.system_prompt and has_sound and has_system:
        raise Refusal(
            400, "Found system messages at indexes [0] and audio chunks in messages at indexes [1]. "
            "This is not allowed prior to the tokenizer version 13.", kind="BadRequestError",
        )  # fmt: skip
    if speaks:
        _check_speech_output(model, body)


def _check_limits(model: Model, body: Mapping[str, Any]) -> None:
    if len(body.get("tools") or ()) > _MOST_TOOLS:
        message = f"Invalid 'tools': array too long. Expected an array with maximum length {_MOST_TOOLS}."
        raise Refusal(400, message, "array_above_max_length", "tools")
    if model.whose is ClientKind.OPENAI and "reasoning_effort" in body and not model.name.startswith(_REASONING):
        message = "Unsupported parameter: 'reasoning_effort' is not supported with this model."
        raise Refusal(400, message, "unsupported_parameter", "reasoning_effort")


def _check_speech_output(model: Model, body: Mapping[str, Any]) -> None:
    given = body.get("audio") or {}
    if not model.is_audio_chat:
        raise Refusal(400, "This model does not support audio output.", "invalid_value", "modalities")
    if given.get("voice") not in VOICES:
        raise Refusal(400, f"Invalid value: 'audio.voice' is one of {sorted(VOICES)}.", "invalid_value", "audio.voice")
    allowed = ["pcm16"] if body.get("stream") else ["wav", "mp3", "flac", "pcm16"]
    if given.get("format") not in allowed:
        message = f"Unsupported value: 'audio.format' does not support '{given.get('format')}'; here: {allowed}."
        raise Refusal(400, message, "unsupported_value", "audio.format")


def _extract_transcript(text: str) -> str:
    """The transcript in a text model's prompt: in tags, below a heading, in quotation marks, else all of it."""
    found = _TAGGED.search(text) or _HEADED.match(text) or _QUOTED.search(text)
    return (found[1] if found else text).strip()


async def _build_message(state: StandinState, answer: Answer, asking: _ChatRequest) -> dict[str, Any]:
    calls = [_to_tool_call(call, answer.broken) for call in answer.calls]
    message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None, "annotations": []}
    if calls:
        message["tool_calls"] = calls
    if "audio" in (asking.body.get("modalities") or ()):
        message["audio"] = await _speak_answer(state, answer, asking.body["audio"]["format"])
        message["content"] = None
    return message


def _to_tool_call(call: Call, broken: str | None) -> dict[str, Any]:
    arguments = broken if broken is not None else json.dumps(call.arguments)
    return {"id": new_id("call_"), "type": "function", "function": {"name": call.name, "arguments": arguments}}


async def _speak_answer(state: StandinState, answer: Answer, container: str) -> dict[str, Any]:
    text = answer.text or answer.readback or "I did not understand."
    sound = encode_sound(await state.speak(text), container, SPEECH_RATE)
    return {
        "id": new_id("audio_"),
        "data": base64.b64encode(sound).decode(),
        "expires_at": int(time.time()) + _EXPIRES_AFTER_S,
        "transcript": text,
    }


def _count_usage(asking: _ChatRequest, answer: Answer, message: Mapping[str, Any]) -> dict[str, Any]:
    audio_tokens = round(sum(sound.seconds for sound in asking.sounds) * SOUND_TOKENS_PER_S)
    read = estimate_tokens(asking.prompt) + estimate_tokens(json.dumps(asking.body.get("tools") or ""))
    wrote = estimate_tokens(answer.text or "") + sum(
        estimate_tokens(json.dumps(call.arguments)) + 8 for call in answer.calls
    )
    spoke = estimate_tokens(message["audio"]["transcript"]) * _SPEECH_TOKENS if "audio" in message else 0
    return {
        "prompt_tokens": audio_tokens + read,
        "completion_tokens": wrote + spoke,
        "total_tokens": audio_tokens + read + wrote + spoke,
        "prompt_tokens_details": {"audio_tokens": audio_tokens, "text_tokens": read, "cached_tokens": 0},
        "completion_tokens_details": {"audio_tokens": spoke, "text_tokens": wrote, "reasoning_tokens": 0},
    }


def _build_completion(
    message: Mapping[str, Any], model: Model, usage: Mapping[str, Any], *, azure: bool
) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(message)}
    filtered: dict[str, Any] = {"prompt_filter_results": [_azure_filter_result()]} if azure else {}
    return {
        "id": new_id("chatcmpl-"),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model.name,
        "choices": [{**choice, **({"content_filter_results": {}} if azure else {})}],
        "usage": usage,
        "service_tier": "default",
        "system_fingerprint": "fp_standin",
        **filtered,
    }
