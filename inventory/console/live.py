"""Server-sent events: one poll of the database notifies all browsers of changes.

An event is only the name of what changed: each browser then fetches the part of its page itself, with its own session.
A browser that connects gets every name once.
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

POLL_S = 1.0  # What is dictated at a dock is on the page before it is asked for.
MAX_STREAM_SHARE = 1 / 2  # Of all connections: the others are for requests and sign-ins.
_KEEP_ALIVE_S = 15.0  # Proxies close a connection that is silent for a minute.
_STREAM_S = 300.0  # Then the browser reconnects and is authenticated again.

_FINGERPRINTS: dict[str, Executable] = {
    "entries": select(func.max(events.c.arrival)),
    # A review's row is overwritten: the sums show a change that the count does not.
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
"""By event name, a query whose row differs after each change."""


def load_fingerprints(transaction: Connection) -> dict[str, tuple[object, ...]]:
    """Execute the queries of _FINGERPRINTS, whose rows differ after each change."""
    return {name: tuple(transaction.execute(query).one()) for name, query in _FINGERPRINTS.items()}


class Broadcaster:
    """Polls the database, and sends events to every subscribed browser. Belongs to the event loop."""

    def __init__(self, poll: Callable[[], Mapping[str, tuple[object, ...]]], poll_s: float = POLL_S) -> None:
        """`poll` is called in a thread. It may raise."""
        self._poll = poll
        self._poll_s = poll_s
        self._browsers: dict[_Subscriber, str] = {}  # With their user's name, in the order of their coming.
        self._subscribed = asyncio.Event()
        self._closed = False

    async def run(self) -> None:
        """Poll the database while any browser is subscribed, and publish the name of each change; never returns."""
        before: Mapping[str, tuple[object, ...]] | None = None
        while True:
            await self._subscribed.wait()
            if not self._browsers:
                self._subscribed.clear()
                continue
            now = await self._poll_or_log()
            # The first poll sends every name: what changed between a page's request and its stream is in neither.
            for name in () if now is None else [one for one in now if before is None or now[one] != before.get(one)]:
                self.publish(name)
            before = now or before
            await asyncio.sleep(self._poll_s)

    async def _poll_or_log(self) -> Mapping[str, tuple[object, ...]] | None:
        try:
            return await asyncio.to_thread(self._poll)
        except DockvoiceError as fault:  # the pages show it themselves
            log.warning("database: %s", fault)
            return None

    def publish(self, name: str) -> None:
        """Queue an event for every browser."""
        for browser in self._browsers:
            browser.put(name)

    def close(self) -> None:
        """End all streams; browsers reconnect when the console is back."""
        self._closed = True
        self.publish("end")

    async def subscribe(self, user: str) -> AsyncIterator[bytes]:
        """One browser's event stream.

        Where there are too many, the oldest stream of the user with the most of them is ended.
        """
        browser = _Subscriber()
        for name in _FINGERPRINTS:  # anything may have changed since the page was rendered, or while disconnected
            browser.put(name)
        self._browsers[browser] = user
        if len(self._browsers) > most_connections() * MAX_STREAM_SHARE:
            ((most, _),) = Counter(self._browsers.values()).most_common(1)
            first = next(one for one, its in self._browsers.items() if its == most)
            del self._browsers[first]
            first.put("end")
        self._subscribed.set()
        until = asyncio.get_running_loop().time() + _STREAM_S
        try:
            yield b"retry: 2000\n: here\n\n"
            while asyncio.get_running_loop().time() < until and not self._closed and browser in self._browsers:
                names = await browser.wait_for_names(_KEEP_ALIVE_S)
                yield "".join(f"event: {name}\ndata: {name}\n\n" for name in names).encode() or b": here\n\n"
        finally:
            self._browsers.pop(browser, None)


class _Subscriber:
    """The events pending for one browser, each name once."""

    def __init__(self) -> None:
        self._pending: dict[str, None] = {}
        self._some = asyncio.Event()

    def put(self, name: str) -> None:
        self._pending[name] = None
        self._some.set()

    async def wait_for_names(self, timeout_s: float) -> list[str]:
        try:
            async with asyncio.timeout(timeout_s):
                await self._some.wait()
        except TimeoutError:
            return []
        names, self._pending = list(self._pending), {}
        self._some.clear()
        return names
