"""Serving: a web application until the process is told to stop, for the console and for the API.

A request that is never sent to its end costs whoever sends it nothing, and neither does an answer that is never taken.
So there is a bound to how many of these there are, and to how long each takes: for one more, the oldest is closed.
Whoever means to ask has asked within milliseconds.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h11
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from dockvoice_protocol.errors import Unavailable

ENDING_S = 5  # So long an answer that is under way may take.

MOST_CONNECTIONS = 500
"""At once: hundreds of browsers that are told what changes. Half of the files that the process may open, where that is
less; the others are the database's and ours."""

UNFINISHED = 1 / 4
"""Of these: requests that are not here as a whole, answers that nobody takes, connections on which none has begun."""

HEAD_S = 10  # So long the head of a request may take.
BODY_S = 60  # And its body: 2 MB, over a link of 300 kbit/s.
TAKEN_S = 60  # So long an answer may wait to be taken: 64 kB, behind what the system holds.

LAST_S = ENDING_S - 1
"""So long at the end each of these still has: uvicorn would break off whoever waits for them, with a traceback each."""

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def most_connections() -> int:
    """How many connections there may be at once; a request on one more is answered with 503."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if files == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, files // 2)


class Bounded(H11Protocol):
    """A connection as uvicorn has it, closed where it is waited for too long, or too many are waited for."""

    awaited: Any = None  # The head, the body, or that an answer is taken, of which request; else nothing.
    since = 0.0  # When that began, by the clock of the loop.
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Somebody has connected."""
        super().connection_made(transport)
        self._await()
        every = [one for one in self.connections if isinstance(one, Bounded)]
        coming = [one for one in every if one.awaited is not None and not one.transport.is_closing()]
        if len(coming) > most_connections() * UNFINISHED:
            min(coming, key=lambda one: one.since).transport.abort()

    def handle_events(self) -> None:
        """Something has come, or what was answered is followed by the next."""
        super().handle_events()
        self._await()

    def pause_writing(self) -> None:
        """Whoever has asked takes nothing of the answer."""
        super().pause_writing()
        self._await()

    def resume_writing(self) -> None:
        """He takes it."""
        super().resume_writing()
        self._await()

    def shutdown(self) -> None:
        """The process ends."""
        super().shutdown()
        if self.awaited is not None:
            self.loop.call_later(LAST_S, self.transport.abort)

    def send_400_response(self, msg: str) -> None:
        """What has come is no HTTP. Whoever was reading it is told that nothing more comes, and answers nobody."""
        under_way: RequestResponseCycle | None = self.cycle
        if under_way is not None and not under_way.response_complete:
            under_way.disconnected = True
            under_way.message_event.set()
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            super().send_400_response(msg)
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._set(None, 0)
        super().connection_lost(exc)

    def _await(self) -> None:
        theirs = self.conn.their_state
        if self.flow.write_paused:
            self._set(("taken", self.cycle), TAKEN_S)
        elif theirs is h11.IDLE:
            self._set((theirs, self.cycle), HEAD_S)
        elif theirs is h11.SEND_BODY:
            self._set((theirs, self.cycle), BODY_S)
        else:
            self._set(None, 0)

    def _set(self, awaited: Any, seconds: float) -> None:
        if awaited == self.awaited:
            return
        if self._deadline is not None:
            self._deadline.cancel()
        self.awaited, self.since, self._deadline = awaited, self.loop.time(), None
        if awaited is not None:
            self._deadline = self.loop.call_later(seconds, self.transport.abort)


def served_as(app: Starlette, host: str, port: int) -> uvicorn.Config:
    """How it is served; with port 0 the system chooses one."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        proxy_headers=False,  # whose word counts is decided by our own settings
        server_header=False,
        log_config=None,
        access_log=False,
        http=Bounded,
        ws="none",
        limit_concurrency=most_connections(),
        backlog=int(most_connections() * UNFINISHED),  # so many are accepted in one go, before any can be closed
        timeout_graceful_shutdown=ENDING_S,
    )


def run(server: uvicorn.Server) -> None:
    """Serve until SIGTERM or SIGINT. Raises Unavailable where it cannot be listened."""
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: None)  # uvicorn ends by them, and then has them end the process too
    try:
        with _told_to_stop():
            server.run()
    except SystemExit:  # how uvicorn says that it cannot listen
        told = f"{server.config.host}:{server.config.port}: cannot be listened on; stop what does, or give another port"
        raise Unavailable(told) from None


@contextmanager
def _told_to_stop() -> Iterator[None]:
    """To be told to stop is no fault: uvicorn, once it has, would raise the signal anew and end the process by it."""
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    before = {number: signal.signal(number, lambda _number, _frame: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
