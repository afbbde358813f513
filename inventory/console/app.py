"""The console's Starlette application: the table of pages, their authenticated routes, and the event stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from inventory.console import live
from inventory.console.accounts import Role
from inventory.console.authentication import guarded_route
from inventory.console.context import ConsoleResources, Page, RequestContext, Route
from inventory.console.pages import (
    audit,
    catalogue,
    devices,
    drill,
    entries,
    figures,
    morning,
    people,
    recordings,
    reviews,
    roster,
    sign_in,
    trailers,
    words,
)
from inventory.web.serving import SecurityHeaders

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
    Page("catalogue", Role.VIEWER, catalogue.ROUTES),
    Page("words", Role.REVIEWER, words.ROUTES),
    Page("roster", Role.VIEWER, roster.ROUTES),
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
        mine = [tab.path for tab in tabs if context.may(tab.role)]
        return RedirectResponse(mine[0], 303) if mine else context.refuse("gate.nothing_here", 200)

    routes = [Route("/", home, Role.VIEWER), Route("/live", stream, Role.VIEWER), *sign_in.ROUTES]
    routes += [route for page in PAGES for route in page.routes()]
    mounted: list[BaseRoute] = [guarded_route(resources, tabs, route) for route in routes]
    mounted.append(Mount("/static", StaticFiles(directory=_STATIC)))
    middleware = [Middleware(SecurityHeaders, encrypted=resources.encrypted)]
    app = Starlette(routes=mounted, lifespan=lifespan, middleware=middleware)
    app.state.broadcaster = broadcaster  # the server closes it first: open streams would delay its shutdown
    return app
