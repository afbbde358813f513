"""The endpoints that list models, in OpenAI's, Azure's and Gemini's formats."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lab.standin.accounts import EVERYTHING, Modality, Model
from lab.standin.behaviour import Vendor
from lab.standin.server import StandinState, vendor_of_request

_CREATED = 1_700_000_000  # The creation time of every model; no client uses it.


async def list_openai_models(request: Request) -> Response:
    """`GET /v1/models`: list the models in OpenAI's format."""
    house: StandinState = request.app.state.house
    if vendor_of_request(request) is Vendor.GEMINI:
        return await list_gemini_models(request)
    return JSONResponse(
        {"object": "list", "data": [_to_openai_json(model) for model in house.accounts.live_models().values()]}
    )


async def get_openai_model(request: Request) -> Response:
    """`GET /v1/models/{id}`: one model in OpenAI's format."""
    house: StandinState = request.app.state.house
    return JSONResponse(_to_openai_json(house.find_model(request.path_params["model"], EVERYTHING, request.url.path)))


async def list_gemini_models(request: Request) -> Response:
    """`GET /v1beta/models`: list the models in Gemini's format."""
    house: StandinState = request.app.state.house
    named = [model for model in house.accounts.live_models().values() if model.name.startswith("gemini")]
    return JSONResponse({"models": [_to_gemini_json(model) for model in named]})


async def get_gemini_model(request: Request) -> Response:
    """`GET /v1beta/models/{id}`: one model in Gemini's format."""
    house: StandinState = request.app.state.house
    return JSONResponse(
        _to_gemini_json(house.find_model(request.path_params["model"], Modality.SOUND, request.url.path))
    )


def _to_openai_json(model: Model) -> dict[str, Any]:
    shutdown = {"shutdown_date": model.shutdown.isoformat()} if model.shutdown else {}
    return {"id": model.name, "object": "model", "created": _CREATED, "owned_by": "system", **shutdown}


def _to_gemini_json(model: Model) -> dict[str, Any]:
    return {
        "name": f"models/{model.name}",
        "version": "001",
        "displayName": model.name,
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 8192,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }
