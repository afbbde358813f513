"""ASGI middleware for every request and answer: logs, delays, refuses or cuts off, as ordered."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from lab.standin.behaviour import MESSAGES, Behaviour, CutPoint, Refusal, Vendor, refusal_response, vendor_of
from lab.standin.server import LoggedRequest, StandinState, new_id

_CONTROL = "/standin/"  # Prefix of the control endpoints, to which no behaviour applies.

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with zero seconds: closing sends RST instead of FIN (man 7 socket).

_REQUEST_IDS = {
    Vendor.OPENAI: ("x-request-id",),
    Vendor.AZURE: ("x-request-id", "apim-request-id"),
    Vendor.AZURE_SPEECH: ("x-requestid",),
    Vendor.ELEVENLABS: ("request-id",),
}
"""The headers in which each vendor names a request."""

_transports: dict[tuple[str, int], asyncio.Transport] = {}
"""The open connections by the client's address: an ASGI application cannot reach its own."""


class TrackedConnection(H11Protocol):
    """Uvicorn's connection, registered by client address so that it can be cut."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """Register the transport by client address."""
        super().connection_made(transport)
        if self.client:
            _transports[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Unregister the transport."""
        super().connection_lost(exc)
        if self.client:
            _transports.pop(self.client, None)


class _ConnectionCutError(Exception):
    """Raised after a deliberate cut: nothing more is sent."""


class BehaviourMiddleware:
    """Applies the ordered behaviours to each request."""

    def __init__(self, inner: ASGIApp, state: StandinState) -> None:
        self._inner = inner
        self._house = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Log one request, and answer it as ordered or by the application."""
        if scope["type"] != "http" or scope["path"].startswith(_CONTROL):
            await self._inner(scope, receive, send)
            return
        request = Request(scope, receive)
        body = await request.body()
        self._house.asked.append(_log_request(request, body))
        behaviours = self._house.orders.select_for(scope["path"])
        scope.setdefault("state", {})["behaviours"] = behaviours
        due = asyncio.get_running_loop().time() + sum(behaviour.wait_s() for behaviour in behaviours)
        cut = next((behaviour.cut for behaviour in behaviours if behaviour.cut), None)
        if cut is CutPoint.BEFORE_HEADERS:
            await _sleep_until(due)
            _reset_connection(scope)
            return
        responses = (_ordered_response(behaviour, request) for behaviour in behaviours)
        answer = next((response for response in responses if response), self._inner)
        cutting = _cut_response(scope, _with_request_id(scope, _delay_until(send, due)), cut)
        with suppress(_ConnectionCutError):
            await answer(scope, _replay_body(body), cutting)


def _log_request(request: Request, body: bytes) -> LoggedRequest:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return LoggedRequest(request.method, request.url.path, dict(request.query_params), headers, body)


def _ordered_response(behaviour: Behaviour, request: Request) -> Response | None:
    """The body or error that a behaviour orders in place of the application's response; None if it orders neither."""
    if behaviour.body is not None:
        headers = {**behaviour.headers, "content-type": behaviour.content_type}
        return Response(behaviour.body.encode(), behaviour.status or 200, headers)
    if behaviour.status is None or behaviour.status < 400:  # noqa: PLR2004 - from here on, HTTP calls it an error
        return None
    message = MESSAGES.get(behaviour.status, "The request could not be processed.")
    return refusal_response(Refusal(behaviour.status, message, headers=behaviour.headers), vendor_of(request.url.path))


def _replay_body(body: bytes) -> Receive:
    """A receive callable that gives the body once more, then waits until the client disconnects."""
    given = asyncio.Event()

    async def receive() -> Message:
        if given.is_set():
            await asyncio.Event().wait()
        given.set()
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _delay_until(send: Send, due: float) -> Send:
    """Wrap `send` to delay the response's start until `due`, event loop time."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            await _sleep_until(due)
        await send(message)

    return sending


async def _sleep_until(due: float) -> None:
    await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))


def _with_request_id(scope: Scope, send: Send) -> Send:
    """Wrap `send` to add the vendor's request id header."""
    names = _REQUEST_IDS.get(vendor_of(scope["path"]), ())

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = [(name.encode(), new_id("req_").encode()) for name in names]
            message = {**message, "headers": [*message.get("headers", ()), *given]}
        await send(message)

    return sending


def _cut_response(scope: Scope, send: Send, cut: CutPoint | None) -> Send:
    """Wrap `send` to pass as much of a response as ordered, then cut the connection."""
    if cut is None:
        return send
    kept: list[Message] = []

    async def sending(message: Message) -> None:
        kept.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            await _send_headers_and_half_body(kept, send, headers_only=cut is CutPoint.AFTER_HEADERS)
            _reset_connection(scope) if cut is CutPoint.AFTER_HEADERS else _close_connection(scope)
            raise _ConnectionCutError

    return sending


async def _send_headers_and_half_body(kept: list[Message], send: Send, *, headers_only: bool) -> None:
    start, *bodies = kept
    content = b"".join(body.get("body", b"") for body in bodies)
    await send(start)
    # An empty piece makes uvicorn send the headers now.
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    if not headers_only:
        await send({"type": "http.response.body", "body": content[: len(content) // 2], "more_body": True})


def _reset_connection(scope: Scope) -> None:
    """Cut the connection with RST: the client sees `connection reset by peer`."""
    transport = _transports[_client_address(scope)]
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


def _close_connection(scope: Scope) -> None:
    """Close the connection after the bytes written so far, within the body."""
    _transports[_client_address(scope)].close()


def _client_address(scope: MutableMapping[str, Any]) -> tuple[str, int]:
    host, port = scope["client"]
    return host, port


Endpoint = Callable[[Request], Awaitable[Response]]
