"""The console's Starlette application and its server, which runs until SIGTERM or SIGINT.

The table of pages, their authenticated routes, and the event stream.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from socket import socket

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from dockvoice_protocol.hash_chain import Signer
from inventory.clips.clips import ClipFolder, ClipStore
from inventory.console import accounts, live
from inventory.console.accounts import Role
from inventory.console.authentication import guarded_route
from inventory.console.context import ConsoleResources, Page, RequestContext, Route
from inventory.console.live import Broadcaster
from inventory.console.pages import (
    audit,
    devices,
    drill,
    entries,
    figures,
    master,
    morning,
    people,
    recordings,
    reviews,
    sign_in,
    trailers,
    words,
)
from inventory.console.sounds import DeviceSounds, NoSounds, Sounds
from inventory.forms import load_forms
from inventory.settings import ConsoleSettings, InventorySettings
from inventory.store.keys import KeyDirectory
from inventory.store.request_database import RequestDatabase
from inventory.web.resources import load_console_signer, open_database_creating_tables
from inventory.web.serving import LOOPBACK, SecurityHeaders, Server, run_server

log = logging.getLogger("console")

_STATIC = Path(__file__).with_name("static")

PAGES = (
    Page("entries", Role.VIEWER, entries.ROUTES),
    Page("reviews", Role.VIEWER, reviews.ROUTES),
    Page("morning", Role.VIEWER, morning.ROUTES),
    Page("sounds", Role.REVIEWER, recordings.ROUTES, tab=False),
    Page("trailers", Role.VIEWER, trailers.ROUTES),
    Page("devices", Role.VIEWER, devices.ROUTES),
    Page("alarms", Role.VIEWER, devices.ALARM_ROUTES),
    Page("search", Role.VIEWER, entries.SEARCH_ROUTES),
    Page("figures", Role.VIEWER, figures.ROUTES),
    Page("catalogue", Role.VIEWER, master.CATALOGUE_ROUTES),
    Page("words", Role.REVIEWER, words.ROUTES),
    Page("roster", Role.VIEWER, master.ROSTER_ROUTES),
    Page("drill", Role.REVIEWER, drill.ROUTES),
    Page("people", Role.ADMIN, people.ROUTES),
    Page("audit", Role.ADMIN, audit.ROUTES),
)
"""The pages in the order of the tabs, each with address, title (`title` of its texts) and role."""


def create_app(resources: ConsoleResources, poll_s: float = live.POLL_S) -> Starlette:
    """Build the application, on tables that exist. `poll_s`: how often the database is polled for changes."""

    def poll() -> dict[str, tuple[object, ...]]:
        with resources.read_transaction() as transaction:
            return live.load_fingerprints(transaction)

    broadcaster = live.Broadcaster(poll, poll_s)

    def stream(context: RequestContext) -> Response:
        events = broadcaster.subscribe(context.user_name)
        return StreamingResponse(events, media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            polling = group.create_task(broadcaster.run())
            yield
            polling.cancel()

    tabs = tuple(page for page in PAGES if page.tab)

    def home(context: RequestContext) -> Response:
        """The first page for the user's role."""
        mine = [tab.path for tab in tabs if context.has_role(tab.role)]
        return RedirectResponse(mine[0], 303) if mine else context.refuse("gate.nothing_here", 200)

    routes = [Route("/", home, Role.VIEWER), Route("/live", stream, Role.VIEWER), *sign_in.ROUTES]
    routes += [route for page in PAGES for route in page.routes()]
    mounted: list[BaseRoute] = [guarded_route(resources, tabs, route) for route in routes]
    mounted.append(Mount("/static", StaticFiles(directory=_STATIC)))
    middleware = [Middleware(SecurityHeaders, encrypted=resources.encrypted)]
    app = Starlette(routes=mounted, lifespan=lifespan, middleware=middleware)
    app.state.broadcaster = broadcaster  # the server closes it first: open streams would delay its shutdown
    return app


def serve(settings: InventorySettings, port: int | None = None) -> None:
    """Serve pages. Raises Misconfigured, Unavailable or StorageFailed where it cannot start."""
    settings.demand_owner()
    ours = settings.console
    at, signer = port or ours.port, load_console_signer(settings)
    if signer is None:
        log.warning("console.key is not set: nothing can be decided here; name a private key")
    if ours.host not in LOOPBACK and not (ours.address or "").startswith("https:"):
        log.warning("console.host is %s without https: passwords can be read on the way; use a proxy", ours.host)
    with open_database_creating_tables(settings) as opened:
        _warn_of_accounts_unlike_settings(opened, ours)
        resources = ConsoleResources(
            settings,
            opened,
            load_forms(settings.forms),
            KeyDirectory(settings.keys),
            signer,
            lambda: datetime.now(UTC),
            _create_sounds(settings, opened, signer),
        )
        server = ConsoleServer(create_app(resources), ours.host, at)
        log.info("open %s", ours.address or f"http://{ours.host}:{at}")
        run_server(server)
        log.info("stopped")


def _warn_of_accounts_unlike_settings(database: RequestDatabase, ours: ConsoleSettings) -> None:
    """Log accounts that sign in otherwise than the settings suggest."""
    with database.read() as transaction:
        users = accounts.load_users(transaction)
    by_proxy = ", ".join(one.name for one in users if not one.by_password)
    by_password = ", ".join(one.name for one in users if one.by_password)
    if by_proxy and ours.proxy_header is None:
        log.warning("console.proxy_header is not set: %s, added with --by-proxy, cannot sign in; name it", by_proxy)
    if by_password and ours.proxy_header is not None:
        message = "%s signs nobody in who has a password: %s go on using theirs; for the proxy add them with --by-proxy"
        log.warning(message, ours.proxy_header, by_password)


class ConsoleServer(Server):
    """A server that closes the event streams before it waits for open requests."""

    def __init__(self, app: Starlette, host: str, port: int) -> None:
        """`app` is that of `create_app`; with port 0 the system chooses one."""
        self._broadcaster: Broadcaster = app.state.broadcaster
        super().__init__(app, host, port)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Close the streams, then shut down."""
        self._broadcaster.close()
        await super().shutdown(sockets)


def _create_sounds(settings: InventorySettings, database: RequestDatabase, signer: Signer | None) -> Sounds:
    if signer is None:
        return NoSounds()
    folder = ClipFolder(settings.clips_folder, settings.clips.free_mb)
    return DeviceSounds(ClipStore(database.engine, lambda: datetime.now(UTC)), folder, signer, settings.prefix)
