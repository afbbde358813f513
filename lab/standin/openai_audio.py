"""OpenAI's transcriptions and speech, which Azure, vLLM and speaches copy, and whisper.cpp's `/inference`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from edge.config import ClientKind
from lab.standin.accounts import Modality, Model
from lab.standin.behaviour import Refusal, Vendor
from lab.standin.documented import (
    MISTRAL_TRANSCRIPTION,
    SPEECH,
    TRANSCRIPTION,
    check_json,
    check_multipart_form,
    missing_key_refusal,
)
from lab.standin.hearing import RATE, SPEECH_RATE, DecodedSound, encode_sound, estimate_word_times
from lab.standin.openai_chat import SOUND_TOKENS_PER_S, VOICES
from lab.standin.server import (
    StandinState,
    decode_sound,
    estimate_tokens,
    read_json,
    set_vendor_by_model,
    vendor_of_request,
)

_LARGEST = 25 * 1000 * 1000  # Maximum bytes of a file for the transcription endpoints.

_MOST_BIAS = 100  # Maximum context words that Mistral accepts.

_LONGEST_TEXT = 4096  # Maximum characters per speech request.

_MEDIA_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg", "flac": "audio/flac", "pcm": "audio/pcm"}

_AS_SURE_AS_USUAL = -0.2
"""The mean log probability of a segment: the recogniser gives none, and this is Whisper's for clear speech."""


async def transcribe(request: Request) -> Response:
    """`POST …/audio/transcriptions`: transcribe an uploaded file."""
    house: StandinState = request.app.state.house
    async with request.form() as form:
        name = request.path_params.get("deployment") or form.get("model")
        model = house.find_model(name, Modality.TRANSCRIBES, request.url.path)
        vendor = set_vendor_by_model(request, model)
        if model.whose is not ClientKind.SELF_HOSTED:
            check_multipart_form(form, MISTRAL_TRANSCRIPTION if vendor is Vendor.MISTRAL else TRANSCRIPTION, vendor)
        if vendor is Vendor.MISTRAL:
            return await _transcribe_mistral(house, model, form)
        _check_parameters(model, form)
        sound = await _read_upload(form)
        text = await house.ear.hear(sound)
        return _transcription_response(model, text, sound, form)


def _transcription_response(model: Model, text: str, sound: DecodedSound, form: FormData) -> Response:
    shape = str(form.get("response_format") or "json")
    by_token = model.name.startswith("gpt-")
    if shape == "text":
        return PlainTextResponse(text + "\n")
    if shape in {"srt", "vtt"}:
        return PlainTextResponse(_to_subtitle(text, sound, shape))
    if shape == "verbose_json":
        return JSONResponse(_to_verbose_json(text, sound, form))
    whole: dict[str, Any] = {"text": text, "usage": _count_usage(text, sound, form, by_token=by_token)}
    if form.getlist("include[]"):
        whole["logprobs"] = _logprobs(text)
    if _has_own_fields(model):
        whole["languages"] = [{"code": "en"}] if text else []
    if by_token and str(form.get("stream")).lower() == "true":
        return StreamingResponse(_stream_events(whole), media_type="text/event-stream")
    return JSONResponse(whole)


async def _transcribe_mistral(state: StandinState, model: Model, form: FormData) -> Response:
    granularities = {str(one) for name in ("", "[]") for one in form.getlist(f"timestamp_granularities{name}")}
    if "word" in granularities:
        raise Refusal(400, "Word timestamps are not supported by this model.", param="timestamp_granularities")
    words = [str(one) for one in form.getlist("context_bias")]
    if len(words) > _MOST_BIAS or any("," in word or word != "".join(word.split()) for word in words):
        message = f"context_bias: at most {_MOST_BIAS} words, without commas and white space"
        raise Refusal(422, message, "value_error", "context_bias")
    if not isinstance(form.get("file"), UploadFile):
        raise missing_key_refusal("file", Vendor.MISTRAL)
    sound = await _read_upload(form)
    text = await state.ear.hear(sound)
    usage = {
        "prompt_audio_seconds": math.ceil(sound.seconds),
        "prompt_tokens": 4,
        "completion_tokens": estimate_tokens(text),
        "total_tokens": 4 + estimate_tokens(text),
    }
    content: dict[str, Any] = {
        "model": model.name,
        "text": text,
        "language": form.get("language"),
        "segments": [],
        "usage": usage,
    }
    return JSONResponse(content)


def _has_own_fields(model: Model) -> bool:
    """Whether the model accepts `languages` and `keywords`, and ignores `language`."""
    return model.name.startswith("gpt-transcribe")


def _check_parameters(model: Model, form: FormData) -> None:
    """Refuse parameters that this model refuses."""
    by_token, own = model.name.startswith("gpt-"), _has_own_fields(model)
    shape = str(form.get("response_format") or "json")
    if shape not in (allowed := ["json"] if by_token else ["json", "text", "srt", "verbose_json", "vtt"]):
        message = f"response_format '{shape}' is not compatible with this model. Use one of {allowed} instead."
        raise Refusal(400, message, "unsupported_value", "response_format")
    for name in ("languages", "keywords"):
        if form.getlist(f"{name}[]") and not own:
            raise _unsupported_refusal(name)
    if form.getlist("include[]") and not model.name.startswith("gpt-4o"):
        raise _unsupported_refusal("include")
    if form.getlist("timestamp_granularities[]") and shape != "verbose_json":
        message = "'timestamp_granularities' needs response_format 'verbose_json'."
        raise Refusal(400, message, "invalid_value", "timestamp_granularities")
    temperature = float(str(form.get("temperature") or 0))
    if not 0 <= temperature <= 1:
        raise Refusal(400, "Invalid 'temperature': must be between 0 and 1.", "invalid_value", "temperature")


def _unsupported_refusal(name: str) -> Refusal:
    message = f"Unsupported parameter: '{name}' is not supported with this model."
    return Refusal(400, message, "unsupported_parameter", name)


def _logprobs(text: str) -> list[dict[str, Any]]:
    """One token for each word, as sure as usual: the recogniser gives no likelihoods."""
    tokens = [word if at == 0 else f" {word}" for at, word in enumerate(text.split())]
    return [{"token": token, "logprob": _AS_SURE_AS_USUAL, "bytes": list(token.encode())} for token in tokens]


def _to_subtitle(text: str, sound: DecodedSound, shape: str) -> str:
    """Format the whole transcript as one SRT or VTT subtitle."""
    point = "," if shape == "srt" else "."
    until = f"00:{int(sound.seconds // 60):02}:{int(sound.seconds % 60):02}{point}{int(sound.seconds % 1 * 1000):03}"
    cue = f"00:00:00{point}000 --> {until}\n{text}\n\n" if text else ""
    return f"WEBVTT\n\n{cue}" if shape == "vtt" else (f"1\n{cue}" if cue else "")


async def _stream_events(whole: Mapping[str, Any]) -> AsyncIterator[str]:
    for token in re.findall(r"\s*\S+", whole["text"]):
        yield f"data: {json.dumps({'type': 'transcript.text.delta', 'delta': token})}\n\n"
    yield f"data: {json.dumps({'type': 'transcript.text.done', **whole})}\n\n"
    yield "data: [DONE]\n\n"


async def transcribe_whisper_cpp(request: Request) -> Response:
    """`POST /inference`: transcribe an uploaded file in whisper.cpp's format."""
    house: StandinState = request.app.state.house
    async with request.form() as form:
        shape = str(form.get("response_format") or "json")
        sound = await _read_upload(form)
        text = await house.ear.hear(sound)
        if shape == "verbose_json":
            return JSONResponse(_to_verbose_json(text, sound, form))
    # It begins each segment with a space and ends it with a line break, as Whisper's tokens do.
    return PlainTextResponse(f" {text}\n") if shape == "text" else JSONResponse({"text": f" {text}\n"})


async def synthesise_speech(request: Request) -> Response:
    """`POST …/audio/speech`: synthesise a text."""
    house: StandinState = request.app.state.house
    body = await read_json(request)
    house.find_model(request.path_params.get("deployment") or body.get("model"), Modality.SPEAKS, request.url.path)
    check_json(body, SPEECH, vendor_of_request(request))
    text, voice, container = body.get("input"), body.get("voice"), body.get("response_format", "mp3")
    if not isinstance(text, str) or not 0 < len(text) <= _LONGEST_TEXT:
        raise Refusal(400, f"'input' must be a string of 1 to {_LONGEST_TEXT} characters.", "invalid_value", "input")
    if voice not in VOICES:
        raise Refusal(400, f"Invalid value: 'voice' is one of {sorted(VOICES)}.", "invalid_value", "voice")
    if container not in _MEDIA_TYPES:
        raise Refusal(
            400, f"Here 'response_format' is one of {list(_MEDIA_TYPES)}.", "invalid_value", "response_format"
        )
    return Response(encode_sound(await house.speak(text), container, SPEECH_RATE), media_type=_MEDIA_TYPES[container])


async def _read_upload(form: FormData) -> DecodedSound:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise Refusal(400, "Missing required parameter: 'file'.", "missing_required_parameter", "file")
    return decode_sound(await file.read(), _LARGEST)


def _count_usage(text: str, sound: DecodedSound, form: FormData, *, by_token: bool) -> dict[str, Any]:
    if not by_token:
        return {"type": "duration", "seconds": round(sound.seconds)}
    audio_tokens, read = round(sound.seconds * SOUND_TOKENS_PER_S), estimate_tokens(str(form.get("prompt") or ""))
    return {
        "type": "tokens",
        "input_tokens": audio_tokens + read,
        "output_tokens": estimate_tokens(text),
        "total_tokens": audio_tokens + read + estimate_tokens(text),
        "input_token_details": {"audio_tokens": audio_tokens, "text_tokens": read},
    }


def _to_verbose_json(text: str, sound: DecodedSound, form: FormData) -> dict[str, Any]:
    words = [{"word": word.text, "start": word.start, "end": word.end} for word in estimate_word_times(text, sound)]
    segment = {
        "id": 0,
        "seek": 0,
        "start": 0.0,
        "end": round(sound.seconds, 2),
        "text": f" {text}",
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": _AS_SURE_AS_USUAL,
        "compression_ratio": 1.0,
        "no_speech_prob": 0.01,
    }
    wanted = form.getlist("timestamp_granularities[]")
    return {
        "task": "transcribe",
        "language": "english",
        "duration": len(sound.samples) / RATE,
        "text": text,
        "segments": [segment] if text else [],
        **({"words": words} if "word" in wanted else {}),
        "usage": {"type": "duration", "seconds": round(sound.seconds)},
    }
