"""The API put together: its endpoints, behind the gate, and their description."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dockvoice_protocol.errors import Unavailable
from inventory.api import devices, entries, events, expected, master, stock, trailers, waiting
from inventory.api.document import document
from inventory.api.enquiry import Endpoint
from inventory.api.gate import Gate, broken, nowhere
from inventory.api.problems import Problem
from inventory.api.told import ToldHealth
from inventory.web.headers import SafeHeaders
from inventory.web.resources import Resources

SUBJECTS = (entries, events, trailers, stock, expected, waiting, devices, master)

ENDPOINTS: tuple[Endpoint, ...] = tuple(one for subject in SUBJECTS for one in subject.ENDPOINTS)


def create(place: Resources, clock: Callable[[], float] = time.monotonic) -> Starlette:
    """The API on tables that are there. `clock` counts the seconds between requests."""
    gate = Gate(place, clock)
    told = json.dumps(document(ENDPOINTS, place.settings.api.address)).encode()

    async def described(_: Request) -> Response:
        return Response(told, media_type="application/json")

    async def health(_: Request) -> Response:
        """Whether the database answers, for whoever watches over it: says nothing else, and needs no token."""
        try:
            await run_in_threadpool(partial(_look, place))
        except Unavailable:
            return Problem("away", "the database does not answer", headers={"Retry-After": "5"}).response()
        return Response(ToldHealth(database="answers").model_dump_json(), media_type="application/json")

    routes = [Route("/v1/openapi.json", described), Route("/health", health), *map(gate.route, ENDPOINTS)]
    encrypted = (place.settings.api.address or "").startswith("https:")
    return Starlette(
        routes=routes,
        middleware=[Middleware(SafeHeaders, encrypted=encrypted)],
        exception_handlers={HTTPException: nowhere, Exception: broken},
    )


def _look(place: Resources) -> None:
    with place.look():
        pass
