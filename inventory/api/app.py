"""The API's application and its server, which runs until SIGTERM or SIGINT."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dockvoice_protocol.errors import Unavailable
from inventory.api import devices, entries, expected, master, stock, tokens, trailers, waiting
from inventory.api.authentication import Authentication, answer_internal_error, answer_unknown_address
from inventory.api.document import build_document
from inventory.api.endpoint import Endpoint, Problem
from inventory.api.models import HealthOut
from inventory.forms import load_forms
from inventory.settings import InventorySettings
from inventory.store.keys import KeyDirectory
from inventory.store.request_database import RequestDatabase
from inventory.web.resources import Resources, load_console_signer, open_database_creating_tables
from inventory.web.serving import LOOPBACK, SecurityHeaders, Server, run_server

log = logging.getLogger("api")

_GROUPS = {
    "Entries": (entries,),
    "Trailers": (trailers,),
    "Stock": (stock,),
    "Expected receipts": (expected,),
    "What waits for a person": (waiting,),
    "Devices": (devices,),
    "Master data": (master,),
}
"""The tags of the OpenAPI document, each with its modules."""
ENDPOINTS: tuple[Endpoint, ...] = tuple(
    replace(endpoint, group=group)
    for group, subjects in _GROUPS.items()
    for subject in subjects
    for endpoint in subject.ENDPOINTS
)


def create_app(resources: Resources, clock: Callable[[], float] = time.monotonic) -> Starlette:
    """Build the Starlette application, on tables that exist. `clock` returns monotonic seconds."""
    authentication = Authentication(resources, clock)
    description = json.dumps(build_document(ENDPOINTS, resources.settings.api.address)).encode()

    async def describe(_: Request) -> Response:
        return Response(description, media_type="application/json")

    async def health(_: Request) -> Response:
        """Whether the database answers, for monitoring: nothing else, and without a token."""
        try:
            await run_in_threadpool(partial(_ping_database, resources))
        except Unavailable:
            return Problem("away", "the database does not answer", headers={"Retry-After": "5"}).response()
        return Response(HealthOut(database="answers").model_dump_json(), media_type="application/json")

    routes = [
        Route("/v1/openapi.json", describe),
        Route("/health", health),
        *map(authentication.guarded_route, ENDPOINTS),
    ]
    encrypted = (resources.settings.api.address or "").startswith("https:")
    return Starlette(
        routes=routes,
        middleware=[Middleware(SecurityHeaders, encrypted=encrypted)],
        exception_handlers={HTTPException: answer_unknown_address, Exception: answer_internal_error},
    )


def _ping_database(resources: Resources) -> None:
    with resources.read_transaction():
        pass


def serve(settings: InventorySettings, port: int | None = None) -> None:
    """Serve the API until stopped. Raises Misconfigured, Unavailable or StorageFailed if it cannot start."""
    settings.demand_owner()
    ours, signer = settings.api, load_console_signer(settings)
    at = port or ours.port
    if signer is None:
        log.warning("console.key is not set: nothing can be written here; name a private key")
    if ours.host not in LOOPBACK and not (ours.address or "").startswith("https:"):
        log.warning("api.host is %s without https: tokens can be read on the way; use a proxy", ours.host)
    with open_api_database(settings) as opened:
        forms, keys = load_forms(settings.forms), KeyDirectory(settings.keys)
        resources = Resources(settings, opened, forms, keys, signer, lambda: datetime.now(UTC))
        log.info("ask %s/v1/openapi.json", ours.address or f"http://{ours.host}:{at}")
        run_server(Server(create_app(resources), ours.host, at))
        log.info("stopped")


@contextmanager
def open_api_database(settings: InventorySettings) -> Iterator[RequestDatabase]:
    """The database, with the tables of the inventory, the console and the API."""
    with open_database_creating_tables(settings) as opened:
        tokens.create_or_check_tokens(opened.engine)
        yield opened
