"""The stand-in as an ASGI application, and as a server process."""

from __future__ import annotations

import json
import socket
import sys
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_forms
from edge.config import Settings
from lab.standin import gemini, models, openai_audio, openai_chat, speech_services
from lab.standin.accounts import Accounts
from lab.standin.behaviour import Behaviour, BehaviourQueue, Refusal, Vendor, refusal_response
from lab.standin.model import SimulatedModel
from lab.standin.server import StandinState, read_json, vendor_of_request
from lab.standin.wires import BehaviourMiddleware, Endpoint, TrackedConnection


def _build_application(state: StandinState) -> ASGIApp:
    """The application with all vendors' endpoints, and the stand-in's control endpoints under `/standin/`."""
    openai = {
        "chat/completions": openai_chat.complete_chat,
        "audio/transcriptions": openai_audio.transcribe,
        "audio/speech": openai_audio.synthesise_speech,
    }
    places = ("/v1", "/openai/v1", "/openai/deployments/{deployment:path}")
    routes = [_post(f"{place}/{path}", endpoint) for place in places for path, endpoint in openai.items()]
    control = [
        Route("/standin/behave", _add_behaviour, methods=["POST"]),
        Route("/standin/serve", _serve_models, methods=["POST"]),
        Route("/standin/reset", _reset, methods=["POST"]),
        Route("/standin/requests", _list_requests),
    ]
    faults: dict[Any, Any] = {Refusal: _handle_refusal, HTTPException: _handle_not_found}
    inner = Starlette(routes=[*routes, *_routes_beside_openai(), *control], exception_handlers=faults)
    inner.state.house = state
    return BehaviourMiddleware(inner, state)


def _routes_beside_openai() -> list[Route]:
    google = "/projects/{project}/locations/{location}"
    return [
        *(_get(f"{place}/models", models.list_openai_models) for place in ("/v1", "/openai/v1", "/openai")),
        *(
            _get(f"{place}/models/{{model:path}}", models.get_openai_model)
            for place in ("/v1", "/openai/v1", "/openai")
        ),
        _get("/v1beta/models", models.list_gemini_models),
        _get("/v1beta/models/{model}", models.get_gemini_model),
        *(_post(f"/{version}/models/{{model}}:{{method}}", gemini.generate_content) for version in ("v1beta", "v1")),
        _post(f"/v1{google}/publishers/google/models/{{model}}:{{method}}", gemini.generate_content),
        _post("/inference", openai_audio.transcribe_whisper_cpp),
        _post(f"/v2{google}/recognizers/{{recognizer}}:recognize", speech_services.google_recognise),
        _post("/speech/recognition/conversation/cognitiveservices/v1", speech_services.azure_recognise),
        _post("/cognitiveservices/v1", speech_services.azure_speak),
        _post("/v1/speech-to-text", speech_services.elevenlabs_transcribe),
        _post("/v1/listen", speech_services.deepgram_transcribe),
        _post("/v1/text-to-speech/{voice}", speech_services.elevenlabs_speak),
        _post("/v1/text-to-speech/{voice}/stream", speech_services.elevenlabs_speak),
    ]


def _post(path: str, endpoint: Endpoint) -> Route:
    return Route(path, _require_key(endpoint), methods=["POST"])


def _get(path: str, endpoint: Endpoint) -> Route:
    return Route(path, _require_key(endpoint))


def _require_key(endpoint: Endpoint) -> Endpoint:
    async def checked(request: Request) -> Response:
        house: StandinState = request.app.state.house
        if "x-goog-api-key" in request.headers and request.url.path.startswith("/v1/models"):
            request.scope["state"]["vendor"] = Vendor.GEMINI  # whose newer paths begin as OpenAI's do
        house.accounts.check_key(request.headers, request.query_params, vendor_of_request(request))
        return await endpoint(request)

    return checked


async def _handle_refusal(request: Request, refusal: Refusal) -> Response:
    return refusal_response(refusal, vendor_of_request(request))


async def _handle_not_found(request: Request, fault: HTTPException) -> Response:
    return refusal_response(
        Refusal(fault.status_code, f"Invalid URL ({request.method} {request.url.path})"), vendor_of_request(request)
    )


async def _add_behaviour(request: Request) -> Response:
    try:
        house: StandinState = request.app.state.house
        house.orders.add(Behaviour.model_validate(await read_json(request)))
    except ValidationError as fault:
        return JSONResponse({"faults": fault.errors(include_url=False, include_context=False)}, 422)
    return Response(status_code=204)


async def _serve_models(request: Request) -> Response:
    for name in (await read_json(request))["models"]:
        house: StandinState = request.app.state.house
        house.accounts.serve_as_live(name)
    return Response(status_code=204)


async def _reset(request: Request) -> Response:
    house: StandinState = request.app.state.house
    house.orders.remove_added()
    house.asked.clear()
    house.accounts.also.clear()
    return Response(status_code=204)


async def _list_requests(request: Request) -> Response:
    house: StandinState = request.app.state.house
    return JSONResponse([asked.as_json() for asked in house.asked])


_BACKLOG = 128  # Listen backlog: more connections than any test opens.


@dataclass(frozen=True, slots=True)
class StandinArguments:
    """The arguments of the command line."""

    host: str
    port: int
    key: str = field(repr=False)
    behaviours: tuple[Behaviour, ...]
    serve: tuple[str, ...]


def serve_forever(settings: Settings, arguments: StandinArguments) -> None:
    """Serve until Ctrl-C or SIGTERM. Raises Unavailable if the port is in use."""
    listener = _open_listener(arguments.host, arguments.port)
    accounts = Accounts(arguments.key)
    for name in arguments.serve:
        accounts.serve_as_live(name)
    mind = SimulatedModel(load_forms(settings.forms_directory), Catalogue.load(settings.catalogue_directory))
    house = StandinState(mind, accounts, BehaviourQueue(arguments.behaviours))
    # httptools, where it is installed, would bypass our connection class; uvicorn's own log would repeat our output.
    config = uvicorn.Config(
        _build_application(house), http=TrackedConnection, ws="none", lifespan="off", log_config=None, access_log=False
    )
    sys.stdout.write(_settings_text(f"http://{arguments.host}:{listener.getsockname()[1]}", arguments.key))
    sys.stdout.flush()
    uvicorn.Server(config).run(sockets=[listener])


def _open_listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as fault:
        listener.close()
        raise Unavailable(f"--port {port}: cannot listen on {host} ({fault.strerror}); choose another port") from None
    listener.listen(_BACKLOG)
    return listener


def _settings_text(url: str, key: str) -> str:
    """Settings for the agent, with the address in a comment: printed, the output is a valid settings file."""
    return f"""\
# Put this into your settings file:

[understand]
mode = "panel"
first = "standin"

[understand.clients.standin]
kind = "openai"
url = {json.dumps(url + "/v1")}
key = {json.dumps(key)}

[understand.interpreters.standin]
kind = "chat-audio"
client = "standin"
model = "gpt-audio-1.5"
# What the vendor takes for it, USD per million tokens; here nothing is paid, but `dockvoice costs` has what to count.
text_in_usd = 2.50
audio_in_usd = 32
out_usd = 10

# Standing in at {url} until Ctrl-C.
"""
