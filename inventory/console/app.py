"""The console put together: its pages, behind the gate, and what runs beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from inventory.console import live
from inventory.console.call import Call, Tab, Way
from inventory.console.gate import route
from inventory.console.pages import (
    alarms,
    catalogue,
    deeds,
    devices,
    drill,
    entries,
    entry,
    figures,
    morning,
    people,
    reviews,
    roster,
    search,
    sign_in,
    sounds,
    trailers,
    words,
)
from inventory.console.people import Role
from inventory.console.workplace import Workplace
from inventory.web.headers import SafeHeaders

STATIC = Path(__file__).with_name("static")

PAGES = (
    *(entries, reviews, morning, entry, sounds, trailers, devices, alarms, search, figures),
    *(catalogue, words, roster, drill, people),
    deeds,
)
"""In the order in which their tabs stand at the top. Each has WAYS, and a TAB or None."""


def create(place: Workplace, every_s: float = live.EVERY_S) -> Starlette:
    """The console on tables that are there. `every_s`: how often it is looked what has changed."""

    def looking() -> dict[str, tuple[object, ...]]:
        with place.look() as transaction:
            return live.look(transaction)

    told = live.Live(looking, every_s)

    def hear(call: Call) -> Response:
        who = "" if call.who is None else call.who.name
        return StreamingResponse(told.heard(who), media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    @asynccontextmanager
    async def at_work(_: Starlette) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            looks = group.create_task(told.run())
            yield
            looks.cancel()

    tabs: tuple[Tab, ...] = tuple(page.TAB for page in PAGES if page.TAB is not None)

    def home(call: Call) -> Response:
        mine = [tab.path for tab in tabs if call.who is not None and call.who.role >= tab.role]
        return RedirectResponse(mine[0], 303) if mine else call.refused("gate.nothing_here", 200)

    ways = [Way("/", home, Role.VIEWER), Way("/live", hear, Role.VIEWER), *sign_in.WAYS]
    ways += [way for page in PAGES for way in page.WAYS]
    routes: list[Route | Mount] = [route(place, tabs, way) for way in ways]
    routes.append(Mount("/static", StaticFiles(directory=STATIC)))
    app = Starlette(routes=routes, lifespan=at_work, middleware=[Middleware(SafeHeaders, encrypted=place.encrypted)])
    app.state.live = told  # who serves it ends it first: a stream would hold up the end
    return app
