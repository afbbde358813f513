"""Live: browsers are told what has changed, by one look at the database for all of them.

What a browser hears is the name of what changed: it asks for the part of its page that shows it, as itself. Nothing
goes out here that somebody may not see. Whoever comes, or comes again, is told everything once.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping

from sqlalchemy import Connection, Executable, func, select

from dockvoice_protocol.errors import DockvoiceError
from inventory.store.console_tables import decisions
from inventory.store.tables import devices, events, outbox, refused, rejected, reviews, statuses
from inventory.web.serving import most_connections

log = logging.getLogger("console")

EVERY_S = 1.0  # How often it is looked: what is said at a dock is on the page before anybody asks for it.
MOST_SHARE = 1 / 2  # Of all connections: the others are for who asks, and for who signs in.
BEAT_S = 15.0  # So often something is said to a browser: proxies close what is silent for a minute.
LASTING_S = 300.0  # Then a browser comes again, and it is seen anew who asks.

MARKS: dict[str, Executable] = {
    "entries": select(func.max(events.c.arrival)),
    # The latest word takes the place of the one before: the sum tells a change that the count does not.
    "reviews": select(func.count(), func.sum(reviews.c.life), func.sum(reviews.c.sequence)),
    "decisions": select(
        select(func.count()).select_from(decisions).scalar_subquery(),
        *(func.count(column) for column in (outbox.c.id, outbox.c.published_at, outbox.c.error)),
    ),
    "devices": select(func.count(), func.max(devices.c.heard_at), func.sum(devices.c.handled)),
    "statuses": select(func.count(), func.max(statuses.c.heard_at), func.max(statuses.c.since)),
    "refusals": select(func.count(), func.max(refused.c.received_at)).select_from(refused),
    "rejected": select(func.max(rejected.c.id)),
}
"""What can change, by the name that browsers hear: a row that is another one whenever it has."""


def look(transaction: Connection) -> dict[str, tuple[object, ...]]:
    """How everything stands."""
    return {name: tuple(transaction.execute(mark).one()) for name, mark in MARKS.items()}


class Live:
    """The one look, and the browsers that are told. Belongs to the loop."""

    def __init__(self, looking: Callable[[], Mapping[str, tuple[object, ...]]], every_s: float = EVERY_S) -> None:
        """`looking` is called in a thread. It may raise."""
        self._looking = looking
        self._every_s = every_s
        self._browsers: dict[_Browser, str] = {}  # And who looks at it, the one that came first first.
        self._come = asyncio.Event()
        self._ended = False

    async def run(self) -> None:
        """Look for as long as there is anybody to be told."""
        before: Mapping[str, tuple[object, ...]] | None = None
        while True:
            await self._come.wait()
            if not self._browsers:
                self._come.clear()
                continue
            now = await self._looked()
            # The first look tells everything: what came between a browser's page and it was in neither.
            for name in () if now is None else [one for one in now if before is None or now[one] != before.get(one)]:
                self.tell(name)
            before = now or before
            await asyncio.sleep(self._every_s)

    async def _looked(self) -> Mapping[str, tuple[object, ...]] | None:
        try:
            return await asyncio.to_thread(self._looking)
        except DockvoiceError as fault:  # the pages say so themselves
            log.warning("database: %s", fault)
            return None

    def tell(self, name: str) -> None:
        """Say to every browser that something has changed."""
        for browser in self._browsers:
            browser.tell(name)

    def end(self) -> None:
        """Tell nobody any more: every browser is let go, and comes again where there is a console."""
        self._ended = True
        self.tell("end")

    async def heard(self, who: str) -> AsyncIterator[bytes]:
        """What one browser hears, as server-sent events, until it is time to come again.

        Where there are too many, the first one of whoever has most of them is let go.
        """
        browser = _Browser()
        for name in MARKS:  # between its page and this, or while it was not connected, anything may have changed
            browser.tell(name)
        self._browsers[browser] = who
        if len(self._browsers) > most_connections() * MOST_SHARE:
            ((most, _),) = Counter(self._browsers.values()).most_common(1)
            first = next(one for one, its in self._browsers.items() if its == most)
            del self._browsers[first]
            first.tell("end")
        self._come.set()
        until = asyncio.get_running_loop().time() + LASTING_S
        try:
            yield b"retry: 2000\n: here\n\n"
            while asyncio.get_running_loop().time() < until and not self._ended and browser in self._browsers:
                names = await browser.next(BEAT_S)
                yield "".join(f"event: {name}\ndata: {name}\n\n" for name in names).encode() or b": here\n\n"
        finally:
            self._browsers.pop(browser, None)


class _Browser:
    """What one browser is still to be told: however much changes meanwhile, each name once."""

    def __init__(self) -> None:
        self._owed: dict[str, None] = {}
        self._some = asyncio.Event()

    def tell(self, name: str) -> None:
        self._owed[name] = None
        self._some.set()

    async def next(self, patience_s: float) -> list[str]:
        try:
            async with asyncio.timeout(patience_s):
                await self._some.wait()
        except TimeoutError:
            return []
        names, self._owed = list(self._owed), {}
        self._some.clear()
        return names
