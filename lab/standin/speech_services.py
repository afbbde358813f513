"""Endpoints of services that only transcribe or only speak: Google Speech v2, Azure AI Speech, ElevenLabs, Deepgram."""

from __future__ import annotations

import hashlib
import math
import re
import uuid
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lab.standin.accounts import Modality
from lab.standin.behaviour import Refusal, Vendor
from lab.standin.documented import (
    LISTEN,
    RECOGNITION,
    RECOGNIZE,
    SCRIBE,
    SPEAKING,
    check_json,
    check_media_type,
    check_multipart_form,
    check_query,
    missing_key_refusal,
)
from lab.standin.hearing import DecodedSound, encode_sound, estimate_word_times
from lab.standin.server import StandinState, decode_base64, decode_sound, new_id, read_json

_CONFIDENCE = 0.93  # Typical confidence of these services for clear speech, since the recogniser gives none.

_LONGEST_S = 60.0  # Google's and Azure's limit for a request that is answered at once.
_LARGEST = 10 * 1000 * 1000  # Google's limit in bytes for such a request.
_TICKS = 10_000_000  # Azure's times are in units of 100 ns.

_PLACES = {"chirp_2": {"us-central1", "europe-west4", "asia-southeast1"}, "chirp_3": {"eu", "us"}}
"""The locations that offer each model."""

MOST_TERMS, LONGEST_TERM, MOST_WORDS = 1000, 50, 5
"""ElevenLabs' maximum number of keyterms, and the maximum characters and words of each."""


async def google_recognise(request: Request) -> Response:
    """`POST /v2/projects/P/locations/L/recognizers/R:recognize`: transcribe, Google Speech v2."""
    house: StandinState = request.app.state.house
    body = await read_json(request)
    check_json(body, RECOGNIZE, Vendor.GOOGLE_SPEECH)
    config = body.get("config") or {}
    check_json(config, RECOGNITION, Vendor.GOOGLE_SPEECH, "config.")
    model = house.find_model(config.get("model"), Modality.TRANSCRIBES, request.url.path)
    location = request.path_params["location"]
    if location not in _PLACES.get(model.name, {location}):
        raise Refusal(400, f'The model "{model.name}" does not exist in the location named "{location}".')
    if not config.get("languageCodes"):
        raise Refusal(400, "Invalid RecognitionConfig: no language code is given.")
    if not {"autoDecodingConfig", "explicitDecodingConfig"} & config.keys():
        raise Refusal(400, "Invalid RecognitionConfig: no decoding config is given.")
    sound = _check_length(decode_sound(decode_base64(body.get("content"), "content"), _LARGEST))
    text = await house.ear.hear(sound)
    billed = {"totalBilledDuration": f"{math.ceil(sound.seconds)}s", "requestId": new_id("")}
    if not text:
        return JSONResponse({"metadata": billed})
    words = [
        {"startOffset": f"{word.start}s", "endOffset": f"{word.end}s", "word": word.text, "confidence": _CONFIDENCE}
        for word in estimate_word_times(text, sound)
    ]
    wanted = (config.get("features") or {}).get("enableWordTimeOffsets")
    best = {"transcript": text, "confidence": _CONFIDENCE, **({"words": words} if wanted else {})}
    result = {"alternatives": [best], "resultEndOffset": f"{sound.seconds:.3f}s", "languageCode": "en-US"}
    return JSONResponse({"results": [result], "metadata": billed})


async def azure_recognise(request: Request) -> Response:
    """`POST /speech/recognition/conversation/cognitiveservices/v1`: transcribe the body, Azure AI Speech."""
    house: StandinState = request.app.state.house
    check_media_type(request.headers, ("audio/wav", "audio/ogg"), Vendor.AZURE_SPEECH)
    if "language" not in request.query_params:
        raise Refusal(400, "The language query parameter is missing.", "BadRequest")
    sound = _check_length(decode_sound(await request.body(), _LARGEST))
    text = await house.ear.hear(sound)
    if not text:
        return JSONResponse({"RecognitionStatus": "InitialSilenceTimeout", "Offset": 0, "Duration": 0})
    content: dict[str, Any] = {"RecognitionStatus": "Success", "Offset": 0, "Duration": round(sound.seconds * _TICKS)}
    if request.query_params.get("format") != "detailed":
        return JSONResponse({**content, "DisplayText": text})
    lexical = " ".join(re.findall(r"[\w']+", text.lower()))
    best = {"Confidence": _CONFIDENCE, "Lexical": lexical, "ITN": lexical, "MaskedITN": lexical, "Display": text}
    return JSONResponse({**content, "DisplayText": text, "NBest": [best]})


async def elevenlabs_transcribe(request: Request) -> Response:
    """`POST /v1/speech-to-text`: transcribe an uploaded file."""
    house: StandinState = request.app.state.house
    async with request.form() as form:
        if "model_id" not in form:
            raise missing_key_refusal("model_id", Vendor.ELEVENLABS)
        house.find_model(form.get("model_id"), Modality.TRANSCRIBES, request.url.path)
        check_multipart_form(form, SCRIBE, Vendor.ELEVENLABS)
        _check_keyterms([str(term) for term in form.getlist("keyterms")])
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Refusal(400, "Must provide either file or cloud_storage_url.", "invalid_parameters")
        sound = decode_sound(await file.read())
    text = await house.ear.hear(sound)
    words = [
        {"text": word.text, "start": word.start, "end": word.end, "type": "word", "logprob": math.log(_CONFIDENCE)}
        for word in estimate_word_times(text, sound)
    ]
    content = {"language_code": "eng", "language_probability": 0.98, "text": text, "words": words}
    return JSONResponse({**content, "transcription_id": new_id("")})


def _check_keyterms(terms: list[str]) -> None:
    long = [term for term in terms if len(term) > LONGEST_TERM or len(term.split()) > MOST_WORDS]
    if len(terms) > MOST_TERMS or long:
        message = f"At most {MOST_TERMS} keyterms, of at most {LONGEST_TERM} characters and {MOST_WORDS} words each."
        raise Refusal(422, message, "value_error", "keyterms")


async def deepgram_transcribe(request: Request) -> Response:
    """`POST /v1/listen`: transcribe the body; all parameters are in the query."""
    house: StandinState = request.app.state.house
    query = request.query_params
    check_query(query.multi_items(), LISTEN, Vendor.DEEPGRAM)
    model = house.find_model(query.get("model"), Modality.TRANSCRIBES, request.url.path)
    if "keyterm" in query and not model.name.startswith("nova-3"):
        raise Refusal(400, "Bad Request: Keyterm is only available with Nova-3 and Flux models.")
    check_media_type(request.headers, ("audio/", "video/", "application/octet-stream"), Vendor.DEEPGRAM)
    sound = decode_sound(await request.body(), _LARGEST)
    text = " ".join(re.findall(r"[\w']+", (await house.ear.hear(sound)).lower()))
    words = [
        {"word": word.text, "start": word.start, "end": word.end, "confidence": _CONFIDENCE}
        for word in estimate_word_times(text, sound)
    ]
    version = str(uuid.uuid4())
    metadata = {
        "transaction_key": "deprecated",
        "request_id": str(uuid.uuid4()),
        "sha256": hashlib.sha256(sound.samples.tobytes()).hexdigest(),
        "created": datetime.now(UTC).isoformat(),
        "duration": sound.seconds,
        "channels": 1,
        "models": [version],
        "model_info": {version: {"name": f"general-{model.name}", "version": "2025-04-17.21547", "arch": model.name}},
    }
    best = {"transcript": text, "confidence": _CONFIDENCE if text else 0.0, "words": words}
    return JSONResponse({"metadata": metadata, "results": {"channels": [{"alternatives": [best]}]}})


async def elevenlabs_speak(request: Request) -> Response:
    """`POST /v1/text-to-speech/{voice}` and `…/stream`: synthesise a text."""
    house: StandinState = request.app.state.house
    body = await read_json(request)
    check_json(body, SPEAKING, Vendor.ELEVENLABS)
    house.find_model(body.get("model_id", "eleven_multilingual_v2"), Modality.SPEAKS, request.url.path)
    container, _, rate = request.query_params.get("output_format", "mp3_44100_128").partition("_")
    if container not in {"mp3", "pcm", "wav"} or not body.get("text"):
        raise Refusal(400, "text is empty, or output_format is none of mp3_…, pcm_…, wav_….", "invalid_parameters")
    samples = await house.speak(str(body["text"]))
    sound = encode_sound(samples, container, int(rate.partition("_")[0] or 44_100))
    return Response(sound, media_type={"mp3": "audio/mpeg", "wav": "audio/wav"}.get(container, "audio/pcm"))


async def azure_speak(request: Request) -> Response:
    """`POST /cognitiveservices/v1`: synthesise SSML."""
    house: StandinState = request.app.state.house
    check_media_type(request.headers, ("application/ssml+xml",), Vendor.AZURE_SPEECH)
    wanted = request.headers.get("x-microsoft-outputformat", "")
    found = re.fullmatch(r"(riff|raw|audio)-(\d+)khz-.*", wanted)
    if found is None:
        raise Refusal(400, f"X-Microsoft-OutputFormat {wanted!r} is not supported.", "BadRequest")
    try:
        # Loopback, and expat itself refuses entities that grow without end.
        root = ET.fromstring(await request.body())  # noqa: S314 - see above
    except ET.ParseError:
        raise Refusal(400, "The SSML is not well-formed.", "BadRequest") from None
    if next(root.iter("{http://www.w3.org/2001/10/synthesis}voice"), None) is None:
        raise Refusal(400, "The SSML has no voice element in its namespace.", "BadRequest")
    samples = await house.speak(" ".join("".join(root.itertext()).split()))
    container = {"riff": "wav", "raw": "pcm", "audio": "mp3"}[found[1]]
    return Response(encode_sound(samples, container, int(found[2]) * 1000), media_type="audio/x-wav")


def _check_length(sound: DecodedSound) -> DecodedSound:
    if sound.seconds > _LONGEST_S:
        raise Refusal(400, f"Audio of {sound.seconds:.0f} s is longer than the limit of {_LONGEST_S:.0f} s.")
    return sound
