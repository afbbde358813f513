"""Which models there are, as OpenAI, Azure and Gemini tell it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lab.standin.accounts import EVERYTHING, Model, Takes
from lab.standin.behaviour import Vendor
from lab.standin.server import House, vendor_in

CREATED = 1_700_000_000
"""The creation time of every model; no client uses it."""


async def openai_models(request: Request) -> Response:
    """`GET /v1/models`."""
    house: House = request.app.state.house
    if vendor_in(request) is Vendor.GEMINI:
        return await gemini_models(request)
    return JSONResponse({"object": "list", "data": [_openai(model) for model in house.accounts.all().values()]})


async def openai_model(request: Request) -> Response:
    """`GET /v1/models/{id}`."""
    house: House = request.app.state.house
    return JSONResponse(_openai(house.model(request.path_params["model"], EVERYTHING, request.url.path)))


async def gemini_models(request: Request) -> Response:
    """`GET /v1beta/models`."""
    house: House = request.app.state.house
    named = [model for model in house.accounts.all().values() if model.name.startswith("gemini")]
    return JSONResponse({"models": [_gemini(model) for model in named]})


async def gemini_model(request: Request) -> Response:
    """`GET /v1beta/models/{id}`."""
    house: House = request.app.state.house
    return JSONResponse(_gemini(house.model(request.path_params["model"], Takes.SOUND, request.url.path)))


def _openai(model: Model) -> dict[str, Any]:
    shutdown = {"shutdown_date": model.shutdown.isoformat()} if model.shutdown else {}
    return {"id": model.name, "object": "model", "created": CREATED, "owned_by": "system", **shutdown}


def _gemini(model: Model) -> dict[str, Any]:
    return {
        "name": f"models/{model.name}",
        "version": "001",
        "displayName": model.name,
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 8192,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }
