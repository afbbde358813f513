"""OpenAI's transcriptions and speech, which Azure, vLLM and speaches copy, and whisper.cpp's `/inference`."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from lab.standin.accounts import Takes
from lab.standin.behaviour import Refusal
from lab.standin.hearing import RATE, SPEECH_RATE, Sound, encoded, timed
from lab.standin.openai_chat import SOUND_TOKENS_PER_S, VOICES
from lab.standin.server import House, json_in, sound_in, text_tokens

LARGEST = 25 * 1000 * 1000
"""Bytes of a file that the transcription endpoints take."""

LONGEST_TEXT = 4096
"""Characters that are spoken at a time."""

MEDIA_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg", "flac": "audio/flac", "pcm": "audio/pcm"}

AS_SURE_AS_USUAL = -0.2
"""The mean log probability of a segment: the recogniser gives none, and this is Whisper's for clear speech."""


async def transcriptions(request: Request) -> Response:
    """`POST …/audio/transcriptions`."""
    house: House = request.app.state.house
    async with request.form() as form:
        name = request.path_params.get("deployment") or form.get("model")
        model = house.model(name, Takes.TRANSCRIBES, request.url.path)
        shape = str(form.get("response_format") or "json")
        by_token = model.name.startswith("gpt-")
        _refuse_shape(shape, ["json"] if by_token else ["json", "text", "verbose_json"])
        sound = await _sent(form)
        text = await house.ear.hear(sound)
        if shape == "text":
            return PlainTextResponse(text + "\n")
        if shape == "verbose_json":
            return JSONResponse(_verbose(text, sound, form))
    return JSONResponse({"text": text, "usage": _usage(text, sound, form, by_token=by_token)})


async def inference(request: Request) -> Response:
    """whisper.cpp's server: `POST /inference`."""
    house: House = request.app.state.house
    async with request.form() as form:
        shape = str(form.get("response_format") or "json")
        sound = await _sent(form)
        text = await house.ear.hear(sound)
        if shape == "verbose_json":
            return JSONResponse(_verbose(text, sound, form))
    # It begins each segment with a space and ends it with a line break, as Whisper's tokens do.
    return PlainTextResponse(f" {text}\n") if shape == "text" else JSONResponse({"text": f" {text}\n"})


async def speech(request: Request) -> Response:
    """`POST …/audio/speech`."""
    house: House = request.app.state.house
    body = await json_in(request)
    house.model(request.path_params.get("deployment") or body.get("model"), Takes.SPEAKS, request.url.path)
    text, voice, container = body.get("input"), body.get("voice"), body.get("response_format", "mp3")
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST_TEXT:
        raise Refusal(400, f"'input' must be a string of 1 to {LONGEST_TEXT} characters.", "invalid_value", "input")
    if voice not in VOICES:
        raise Refusal(400, f"Invalid value: 'voice' is one of {sorted(VOICES)}.", "invalid_value", "voice")
    if container not in MEDIA_TYPES:
        raise Refusal(400, f"Here 'response_format' is one of {list(MEDIA_TYPES)}.", "invalid_value", "response_format")
    return Response(encoded(await house.say(text), container, SPEECH_RATE), media_type=MEDIA_TYPES[container])


def _refuse_shape(shape: str, allowed: list[str]) -> None:
    if shape not in allowed:
        message = f"response_format '{shape}' is not compatible with this model. Use one of {allowed} instead."
        raise Refusal(400, message, "unsupported_value", "response_format")


async def _sent(form: FormData) -> Sound:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise Refusal(400, "Missing required parameter: 'file'.", "missing_required_parameter", "file")
    return sound_in(await file.read(), LARGEST)


def _usage(text: str, sound: Sound, form: FormData, *, by_token: bool) -> dict[str, Any]:
    if not by_token:
        return {"type": "duration", "seconds": round(sound.seconds)}
    heard, read = round(sound.seconds * SOUND_TOKENS_PER_S), text_tokens(str(form.get("prompt") or ""))
    return {
        "type": "tokens",
        "input_tokens": heard + read,
        "output_tokens": text_tokens(text),
        "total_tokens": heard + read + text_tokens(text),
        "input_token_details": {"audio_tokens": heard, "text_tokens": read},
    }


def _verbose(text: str, sound: Sound, form: FormData) -> dict[str, Any]:
    words = [{"word": word.text, "start": word.start, "end": word.end} for word in timed(text, sound)]
    segment = {
        "id": 0,
        "seek": 0,
        "start": 0.0,
        "end": round(sound.seconds, 2),
        "text": f" {text}",
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": AS_SURE_AS_USUAL,
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
