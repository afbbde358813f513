"""Gemini's `generateContent`, of the Gemini API and Vertex AI, whole or streamed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from lab.standin.accounts import Modality
from lab.standin.behaviour import Refusal, Vendor
from lab.standin.documented import GENERATE, GENERATION, check_json
from lab.standin.hearing import DecodedSound
from lab.standin.model import Answer, Tool
from lab.standin.server import StandinState, decode_base64, decode_sound, estimate_tokens, new_id, read_json

_SOUND_TOKENS_PER_S = 32  # Gemini's tokens per second of input sound.


@dataclass(frozen=True, slots=True)
class _GenerateRequest:
    """A parsed request."""

    sounds: tuple[DecodedSound, ...]
    text: str
    prompt: str
    tools: tuple[Tool, ...]
    must_call: bool


async def generate_content(request: Request) -> Response:
    """`POST …/models/{model}:generateContent` and `:streamGenerateContent`."""
    house: StandinState = request.app.state.house
    model = house.find_model(request.path_params["model"], Modality.SOUND, request.url.path)
    body = await read_json(request)
    asking = _parse_request(body)
    said = " ".join([await house.ear.hear(sound) for sound in asking.sounds]) if asking.sounds else asking.text
    answer = house.answer_as_ordered(said, asking.tools, request, asking.prompt, must_call=asking.must_call)
    whole = {
        "candidates": [_build_candidate(answer)],
        "usageMetadata": _count_usage(asking, answer, body),
        "modelVersion": model.name,
        "responseId": new_id(""),
    }
    if request.path_params["method"] == "generateContent":
        return JSONResponse(whole)
    pieces = list(_split_response(whole))
    if request.query_params.get("alt") == "sse":
        return StreamingResponse(_to_sse(pieces), media_type="text/event-stream")
    return JSONResponse(pieces)


def _parse_request(body: Mapping[str, Any]) -> _GenerateRequest:
    check_json(body, GENERATE, Vendor.GEMINI)
    check_json(_get_either_case(body, "generationConfig") or {}, GENERATION, Vendor.GEMINI, "generation_config.")
    contents = body.get("contents")
    if not contents:
        raise Refusal(400, "* GenerateContentRequest.contents: contents is not specified")
    system = _get_either_case(body, "systemInstruction") or {}
    parts = [part for content in contents for part in _get_either_case(content, "parts") or ()]
    sounds = tuple(_parse_sound(blob) for part in parts if (blob := _get_either_case(part, "inlineData")))
    texts = [part["text"] for part in parts if "text" in part]
    prompt = [part.get("text", "") for part in system.get("parts", ())] + texts
    tools = tuple(
        Tool(function["name"], _get_either_case(function, "parametersJsonSchema") or function.get("parameters") or {})
        for tool in body.get("tools") or ()
        for function in _get_either_case(tool, "functionDeclarations") or ()
    )
    calling = _get_either_case(_get_either_case(body, "toolConfig") or {}, "functionCallingConfig") or {}
    mode, allowed = calling.get("mode", "AUTO"), _get_either_case(calling, "allowedFunctionNames")
    if allowed and mode == "AUTO":
        raise Refusal(400, "Function calling config is set without function_calling_config.mode ANY.")
    if unknown := set(allowed or ()) - {tool.name for tool in tools}:
        raise Refusal(400, f"allowed_function_names should be a subset of the declarations; unknown: {sorted(unknown)}")
    offered = tuple(tool for tool in tools if not allowed or tool.name in allowed)
    return _GenerateRequest(
        sounds, texts[-1] if texts else "", "\n".join(prompt), () if mode == "NONE" else offered, mode == "ANY"
    )


def _get_either_case(json_object: Mapping[str, Any], name: str) -> Any:
    """A field in camel case or with underscores: protobuf's JSON accepts both."""
    if not isinstance(json_object, Mapping):
        raise Refusal(400, f"Invalid value (no object where {name!r} is looked for)")
    underscored = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return json_object.get(name, json_object.get(underscored))


def _parse_sound(blob: Mapping[str, Any]) -> DecodedSound:
    media = _get_either_case(blob, "mimeType")
    if not str(media).startswith("audio/"):
        raise Refusal(400, f"Unsupported MIME type: {media}")
    return decode_sound(decode_base64(blob.get("data"), "inline_data.data"))


def _build_candidate(answer: Answer) -> dict[str, Any]:
    if answer.broken is not None:
        return {"finishReason": "MALFORMED_FUNCTION_CALL", "index": 0}
    calls = [{"functionCall": {"name": call.name, "args": call.arguments}} for call in answer.calls]
    texts = [{"text": answer.text}] if answer.text is not None else []
    content = {"content": {"parts": [*texts, *calls], "role": "model"}} if calls or texts else {}
    return {**content, "finishReason": "STOP", "index": 0}


def _count_usage(asking: _GenerateRequest, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    audio_tokens = round(sum(sound.seconds for sound in asking.sounds) * _SOUND_TOKENS_PER_S)
    read = estimate_tokens(asking.prompt) + estimate_tokens(json.dumps(body.get("tools") or ""))
    wrote = estimate_tokens(answer.text or "") + sum(
        estimate_tokens(json.dumps(call.arguments)) + 8 for call in answer.calls
    )
    details = [{"modality": "TEXT", "tokenCount": read}, {"modality": "AUDIO", "tokenCount": audio_tokens}]
    return {
        "promptTokenCount": audio_tokens + read,
        "candidatesTokenCount": wrote,
        "totalTokenCount": audio_tokens + read + wrote,
        "promptTokensDetails": [detail for detail in details if detail["tokenCount"]],
    }


def _split_response(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the parts one by one, then the end: Gemini never splits a call."""
    candidate = whole["candidates"][0]
    for part in candidate.get("content", {}).get("parts", ()):
        yield {**whole, "candidates": [{"content": {"parts": [part], "role": "model"}, "index": 0}]}
    yield {**whole, "candidates": [{"finishReason": candidate["finishReason"], "index": 0}]}


async def _to_sse(pieces: list[dict[str, Any]]) -> AsyncIterator[str]:
    for piece in pieces:
        yield f"data: {json.dumps(piece)}\r\n\r\n"
