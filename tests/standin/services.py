"""A service outside as a client meets it: it answers as it was told, or never."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from edge.config import ClientSettings
from edge.understand.remote.client import Client, ServiceAnswer
from edge.understand.remote.failures import Failure

KEY = "sk-the-key-of-the-tests"
AZURE = {"kind": "azure-openai", "url": "https://r.openai.azure.com"}
Reply = httpx.Response | Exception


class Service:
    """Answers as it was told, in order, the last answer for ever; knows what it was asked."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        # A response is read once.
        return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)


class Slow(httpx.AsyncBaseTransport):
    """Never answers."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")


class Wall:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def ok(**headers: str) -> httpx.Response:
    return httpx.Response(200, json={"ok": True}, headers=headers)


def status(code: int, body: Any = None, **headers: str) -> httpx.Response:
    return httpx.Response(code, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def client_for(transport: httpx.AsyncBaseTransport | Service, clock: Wall | None = None, **settings: Any) -> Client:
    given = {"kind": "openai", "key": KEY} | settings
    used = httpx.MockTransport(transport) if isinstance(transport, Service) else transport
    return Client("service", ClientSettings(**given), transport=used, clock=clock or Wall())


def ask(client: Client, times: int = 1, *, within_s: float = 5, about: str = "model") -> list[ServiceAnswer | Failure]:
    """What comes of as many requests, one after another."""

    async def asked() -> list[ServiceAnswer | Failure]:
        found: list[ServiceAnswer | Failure] = []
        for _ in range(times):
            try:
                found.append(await client.post("/v1/x", json={}, within_s=within_s, about=about))
            except Failure as failure:
                found.append(failure)
        return found

    return asyncio.run(asked())


def failure(client: Client, **how: Any) -> Failure:
    found = ask(client, **how)[0]
    assert isinstance(found, Failure)
    return found
