"""One try over one pool of connections; what goes wrong is told as a failure, never in a stranger's words."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from edge.config import EU_REGIONS, ClientSettings
from edge.errors import Misconfigured
from edge.understand.service.answer import Answer, failure, request_id_of
from edge.understand.service.credentials import Credentials
from edge.understand.service.failures import Barred, Fault, Garbled, TryLater

logger = logging.getLogger(__name__)

IDLE_S = 120.0
"""How long an unused connection is kept: operators pause for a minute, and balancers cut after four."""

LARGEST_ANSWER = 8 * 1024 * 1024
"""Bytes: twice a spoken reply of one minute, base64, which is the largest thing that is ever asked for."""

WARM_S = 5.0
"""The most that opening a connection may take at the start: a slow one is opened by the first utterance."""

_DONE = b"data: [DONE]"
"""How OpenAI-shaped streams end, whether or not the connection does."""


class Connection:
    """The pool of one client. It belongs to one event loop, and is closed there."""

    def __init__(
        self,
        name: str,
        settings: ClientSettings,
        clock: Callable[[], float],
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        """Nothing is sent yet. Raises Misconfigured where a key is missing or `ca_file` cannot be read."""
        self.name = name
        self.settings = settings
        self._credentials = Credentials(name, settings, clock)
        self._pool = httpx.AsyncClient(
            base_url=settings.base_url,
            verify=_trusted(name, settings),
            http2=True,
            timeout=None,  # noqa: S113 - each request has a deadline of its own, retries included
            limits=httpx.Limits(max_connections=20, max_keepalive_connections=5, keepalive_expiry=IDLE_S),
            transport=transport,
        )

    async def warm(self) -> None:
        """Open a connection. Never fails: then the first request opens it."""
        try:
            async with asyncio.timeout(WARM_S):
                await self._pool.head("/")
        except (httpx.HTTPError, TimeoutError) as fault:
            logger.info("client %r: no connection yet (%s)", self.name, type(fault).__name__)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()

    def forget_token(self) -> None:
        """The token was refused: the next request asks for a new one."""
        self._credentials.forget()

    async def ask(self, method: str, path: str, sent: dict[str, Any], began: float, until: float) -> Answer:
        """Send a request that began at `began` and has until `until`, both by the loop's clock.

        Raises TryLater, OurFault or Barred; Garbled for an answer that is far too large.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(until):
                identified = await self._credentials.identified()
                request = self._pool.build_request(method, path, **sent)
                response = await self._pool.send(request, auth=identified, stream=True)
                try:
                    body = await self._body(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise TryLater(
                self.name, f"no answer within {loop.time() - began:.1f} s; it is tried again later"
            ) from None
        except httpx.ConnectError as fault:
            raise TryLater(self.name, f"cannot be reached ({fault}); is url right, and the network there?") from None
        except httpx.HTTPError as fault:  # its text may quote what was sent
            raise TryLater(self.name, f"the connection broke ({type(fault).__name__}); it is tried again") from None
        headers = {name.lower(): value for name, value in response.headers.items()}
        if not response.is_success:
            raise failure(self.name, response.status_code, headers, body)
        self._refuse_abroad(headers)
        return Answer(self.name, response.status_code, headers, body, request_id_of(headers), loop.time() - began)

    async def _body(self, response: httpx.Response) -> bytes:
        body = bytearray()
        stream = response.headers.get("content-type", "").startswith("text/event-stream")
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > LARGEST_ANSWER:
                raise Garbled(
                    self.name, Fault.TOO_LARGE, "it is larger than any answer", request_id_of(response.headers)
                )
            if stream and body.rstrip().endswith(_DONE):
                break  # some servers keep the connection open behind it
        return bytes(body)

    def _refuse_abroad(self, headers: Mapping[str, str]) -> None:
        """Azure says where it answered: a resource that forwards elsewhere is not what the operator agreed to."""
        region = headers.get("x-ms-region", "").lower().replace(" ", "")
        regions = EU_REGIONS.get(self.settings.kind)
        if region and regions and self.settings.residency == "eu" and region not in regions:
            told = f"residency is 'eu', but region {region[:40]!r} answered; use a deployment within the EU"
            raise Barred(self.name, told, request_id_of(headers), concerns_key=True)


def _trusted(name: str, settings: ClientSettings) -> ssl.SSLContext | bool:
    if settings.ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(settings.ca_file))
    except OSError as fault:  # ssl.SSLError is one
        raise Misconfigured(
            f"understand.clients.{name}.ca_file: {settings.ca_file} cannot be read as PEM ({fault.strerror or fault}); "
            "name the file with the authority's certificate"
        ) from None
