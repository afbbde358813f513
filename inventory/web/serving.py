"""Serving the console and the API: uvicorn with limits on slow clients, security headers, the reverse proxy's headers.

A client can leave a request unfinished, or an answer unread, at no cost (slowloris). Such connections are limited in
number, where the oldest is closed, and in time: an ordinary request arrives within milliseconds. The proxy's user and
client headers are trusted only from its own address.
"""

from __future__ import annotations

import asyncio
import logging
import re
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

import h11
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from dockvoice_protocol.errors import Unavailable
from inventory.settings import ConsoleSettings

_ENDING_S = 5  # Timeout of open requests at shutdown.

MOST_CONNECTIONS = 500  # Enough for hundreds of event streams; at most half of the process's file descriptors.

_UNFINISHED = 1 / 4
"""Share of connections that may be unfinished: an incomplete request, an unread answer, or none begun."""

HEAD_TIMEOUT_S = 10  # Timeout of a request's head.
BODY_TIMEOUT_S = 60  # Of its body: 2 MB over 300 kbit/s.
UNREAD_TIMEOUT_S = 60  # Of an answer that is not read: 64 kB beyond the system's buffer.

ABORT_AFTER_S = _ENDING_S - 1
"""Timeout of unfinished connections at shutdown; later uvicorn would cancel them, each with a traceback."""

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def most_connections() -> int:
    """The limit of connections; a request on one more is answered with 503."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if files == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, files // 2)


class _TimedProtocol(H11Protocol):
    """Uvicorn's connection with timeouts; the oldest unfinished ones are closed beyond a limit."""

    awaited: Any = None  # Head, body or the reading of an answer, with its request; None while nothing is awaited.
    since = 0.0  # On the loop's clock.
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Start the timeout; abort the oldest unfinished connection beyond the limit."""
        super().connection_made(transport)
        self._set_timeout_by_state()
        every = [one for one in self.connections if isinstance(one, _TimedProtocol)]
        coming = [one for one in every if one.awaited is not None and not one.transport.is_closing()]
        if len(coming) > most_connections() * _UNFINISHED:
            min(coming, key=lambda one: one.since).transport.abort()

    def handle_events(self) -> None:
        """Restart the timeout on data, or on the next pipelined request."""
        super().handle_events()
        self._set_timeout_by_state()

    def pause_writing(self) -> None:
        """Start the timeout: the client does not read the answer."""
        super().pause_writing()
        self._set_timeout_by_state()

    def resume_writing(self) -> None:
        """Restart the timeout: the client reads again."""
        super().resume_writing()
        self._set_timeout_by_state()

    def shutdown(self) -> None:
        """Begin to shut down; abort unfinished connections after ABORT_AFTER_S."""
        super().shutdown()
        if self.awaited is not None:
            self.loop.call_later(ABORT_AFTER_S, self.transport.abort)

    def send_400_response(self, msg: str) -> None:
        """Answer invalid HTTP with 400; a request that is being read ends as disconnected."""
        under_way: RequestResponseCycle | None = self.cycle
        if under_way is not None and not under_way.response_complete:
            under_way.disconnected = True
            under_way.message_event.set()
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            super().send_400_response(msg)
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the connection's timeout."""
        self._set_timeout_unless_same(None, 0)
        super().connection_lost(exc)

    def _set_timeout_by_state(self) -> None:
        theirs = self.conn.their_state
        if self.flow.write_paused:
            self._set_timeout_unless_same(("unread", self.cycle), UNREAD_TIMEOUT_S)
        elif theirs is h11.IDLE:
            self._set_timeout_unless_same((theirs, self.cycle), HEAD_TIMEOUT_S)
        elif theirs is h11.SEND_BODY:
            self._set_timeout_unless_same((theirs, self.cycle), BODY_TIMEOUT_S)
        else:
            self._set_timeout_unless_same(None, 0)

    def _set_timeout_unless_same(self, awaited: Any, seconds: float) -> None:
        if awaited == self.awaited:
            return
        if self._deadline is not None:
            self._deadline.cancel()
        self.awaited, self.since, self._deadline = awaited, self.loop.time(), None
        if awaited is not None:
            self._deadline = self.loop.call_later(seconds, self.transport.abort)


class Server(uvicorn.Server):
    """Uvicorn with the limits of this module."""

    def __init__(self, app: Starlette, host: str, port: int) -> None:
        """With port 0 the system chooses one."""
        super().__init__(_config(app, host, port))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Shut down; then abort the connections that are left, such as one accepted meanwhile, so that none leaks."""
        await super().shutdown(sockets)
        for left in self.server_state.connections:
            left.transport.abort()
        await asyncio.sleep(0)  # abort closes the socket in the loop's next turn


def _config(app: Starlette, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        proxy_headers=False,  # client_address and proxy_user decide which are trusted
        server_header=False,
        log_config=None,
        access_log=False,
        http=_TimedProtocol,
        ws="none",
        limit_concurrency=most_connections(),
        backlog=int(most_connections() * _UNFINISHED),  # accepted in one go, before any can be closed
        timeout_graceful_shutdown=_ENDING_S,
    )


def run_server(server: uvicorn.Server) -> None:
    """Serve until SIGTERM or SIGINT. Raises Unavailable where the port cannot be bound."""
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: None)  # uvicorn raises them again after its shutdown
    try:
        with _ignored_signals():
            server.run()
    except SystemExit:  # how uvicorn reports that it cannot bind
        reason = (
            f"{server.config.host}:{server.config.port}: cannot be listened on; stop what does, or give another port"
        )
        raise Unavailable(reason) from None


@contextmanager
def _ignored_signals() -> Iterator[None]:
    """Ignore SIGTERM and SIGINT, which uvicorn raises again after its shutdown, so that the process exits normally."""
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    before = {number: signal.signal(number, lambda _number, _frame: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class SecurityHeaders:
    """ASGI middleware: only own scripts, no framing, no caching."""

    def __init__(self, app: ASGIApp, *, encrypted: bool) -> None:
        """`encrypted`: browsers use https, so HSTS is sent."""
        self._app = app
        self._encrypted = encrypted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to the response."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("cache-control", "no-store")
                if self._encrypted:
                    headers["strict-transport-security"] = "max-age=31536000"
            await send(message)

        await self._app(scope, receive, with_headers)


_WITH_PORT = re.compile(r"\[(?P<six>[^\]]+)\](?::[0-9]+)?|(?P<four>[0-9.]+):[0-9]+")
"""Some proxies write an address with its port, which differs for each connection."""

_NETWORK_BITS = 64  # Of an IPv6 address: the others are chosen by the customer (RFC 6177).


def _normalise(address: str) -> str:
    """The canonical form of an address without its port; anything else unchanged."""
    found = _WITH_PORT.fullmatch(address)
    bare = address if found is None else found["six"] or found["four"]
    try:
        known = ip_address(bare)
    except ValueError:
        return address
    return str(known.ipv4_mapped or known) if isinstance(known, IPv6Address) else str(known)


def rate_limit_key(address: str) -> str:
    """The key of rate limits: an IPv6 address's /64, since one customer has all addresses of it; else the address."""
    try:
        six = IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ip_network((six, _NETWORK_BITS), strict=False))


def _is_proxy(settings: ConsoleSettings, request: Request) -> bool:
    """Whether the client is the proxy of the settings."""
    here = None if request.client is None else _normalise(request.client.host)
    return settings.proxy is not None and here == _normalise(settings.proxy)


def proxy_user(settings: ConsoleSettings, request: Request) -> str | None:
    """The user whom the proxy has authenticated; None without its header, or if the client is not the proxy."""
    if settings.proxy_header is None or not _is_proxy(settings, request):
        return None
    given = request.headers.getlist(settings.proxy_header)
    return given[0] if len(given) == 1 and given[0] else None  # of two headers one is the browser's own


def client_address(settings: ConsoleSettings, request: Request) -> str:
    """The client's address; behind the proxy, the one that the proxy saw."""
    here = _normalise(request.client.host) if request.client is not None else "unknown"
    if not _is_proxy(settings, request):
        return here
    forwarded = ",".join(request.headers.getlist("x-forwarded-for"))  # some proxies add a line of their own
    return _normalise(forwarded.rpartition(",")[2].strip()[:64]) or here  # only the last one was added by the proxy
