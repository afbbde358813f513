"""HTTP to a service: the connection, and what its answers mean for us, an error's text never echoed."""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from edge.config import EU_REGIONS, ClientSettings
from edge.errors import Misconfigured
from edge.records.strict_json import Limits, NotStrict, strict
from edge.understand.remote.credentials import Credentials
from edge.understand.remote.failures import AnswerFault, Barred, Failure, Garbled, OurFault, TryLater

LIMITS = Limits(depth=32, integer=18, fraction=32)
"""Of the JSON that a service writes. Its answers have about ten objects in one another; an integer of 64 bits may have
18 characters; a double written in full has 24, and likelihoods are."""

REQUEST_IDS = ("x-request-id", "apim-request-id", "x-ms-request-id", "request-id", "x-goog-request-id", "x-requestid")
"""Headers that name a request: OpenAI and vLLM, Azure, ElevenLabs, Google, Azure Speech."""

PASSING = frozenset({408, 409, 425, 429})  # Statuses that pass by themselves, beside 500 and above.

BARRING = {
    401: "the key is refused; give a valid one",
    402: "the account has no credit; top it up",
    403: "the key may not use this model; allow it in the service's console",
    404: "the service does not know the model or the address; see `dockvoice doctor`",
    410: "the model was shut down; name another one in understand.interpreters",
}
"""What a person must do."""

BAD_KEY = frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED"})
"""Reasons under which the Gemini API refuses a key, with status 400."""

NO_CREDIT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "quota_exceeded"})
"""Codes under which a status of 429 or 401 means that the money is spent: OpenAI's two, and ElevenLabs'."""

_CODE = re.compile(r"[A-Za-z][A-Za-z_.]{1,39}")
"""How codes of errors look. Nothing else of an error is repeated: its text may hold a key, or what was said."""

_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,100}")


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """A response of status 200 to 299."""

    client: str
    status: int
    headers: Mapping[str, str]  # By name in small letters.
    body: bytes = field(repr=False)
    request_id: str | None
    seconds: float  # From the first try to the last byte.

    def json(self) -> Any:
        """The body as strict JSON. Raises Garbled."""
        return self._strict(self.body)

    def events(self) -> list[Any]:
        """The data of each server-sent event as strict JSON, in order, up to `[DONE]`. Raises Garbled.

        The lines are WHATWG's: `data:` with or without a space, several of one event joined, comments left out.
        """
        lines = self.body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
        found: list[Any] = []
        for event in lines.split("\n\n"):
            data = [line[5:].removeprefix(" ") for line in event.split("\n") if line.startswith("data:")]
            if data == ["[DONE]"]:
                break
            if data:
                found.append(self._strict("\n".join(data)))
        return found

    def _strict(self, text: str | bytes) -> Any:
        try:
            return strict(text, LIMITS)
        except NotStrict as fault:
            raise Garbled(self.client, AnswerFault.of(fault), str(fault), self.request_id) from None


def failure(client: str, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """What a response of status 300 and above means."""
    request_id, code = request_id_of(headers), _code(body)
    told = f"status {status}" + (f", {code}" if code else "")
    if code in NO_CREDIT:
        return Barred(client, f"{told}: {BARRING[402]}", request_id, concerns_key=True)
    if code in BAD_KEY:
        return Barred(client, f"{told}: {BARRING[401]}", request_id, concerns_key=True)
    if status in BARRING:
        return Barred(client, f"{told}: {BARRING[status]}", request_id, concerns_key=status in {401, 402})
    if status in PASSING or status >= 500:  # noqa: PLR2004 - RFC 9110, 15.6: the server's own fault
        wait = retry_after_s(headers)
        return TryLater(client, f"{told}: busy or broken; it is tried again", request_id, wait)
    return OurFault(client, f"{told}: the request was not taken; see the interpreter's settings", request_id)


def request_id_of(headers: Mapping[str, str]) -> str | None:
    """What the service calls the request: for its support."""
    given = (headers[name] for name in REQUEST_IDS if name in headers)
    return next((one for one in given if _ID.fullmatch(one)), None)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """How long the service wants to be left alone: `retry-after-ms` is OpenAI's, `retry-after` RFC 9110's, 10.2.3."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", given := headers.get(name, "").strip()):
            return float(given) * unit
    try:
        until = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _code(body: bytes) -> str | None:
    """The code inside an error: `error.code` or `.type` (OpenAI, Azure), `error.status` (Google), `detail.status`.

    Google's says more in the `reason` of one of its `details`.
    """
    try:
        found = strict(body, LIMITS)
    except NotStrict:
        return None
    error = next((found[key] for key in ("error", "detail") if key in found), None) if isinstance(found, dict) else None
    if not isinstance(error, dict):
        return None
    details = error.get("details")
    reasons = [one.get("reason") for one in details if isinstance(one, dict)] if isinstance(details, list) else []
    codes = [*reasons, *(error.get(key) for key in ("code", "status", "type"))]
    return next((code for code in codes if isinstance(code, str) and _CODE.fullmatch(code)), None)


logger = logging.getLogger(__name__)

IDLE_S = 120.0  # How long an unused connection is kept: operators pause for a minute, and balancers cut after four.

LARGEST_ANSWER = 8 * 1024 * 1024
"""Bytes: twice a spoken reply of one minute, base64, which is the largest thing that is ever asked for."""

WARM_S = 5.0  # The most that opening a connection may take at the start: a slow one is opened by the first utterance.
_DONE = b"data: [DONE]"  # How OpenAI-shaped streams end, whether or not the connection does.


class ConnectionPool:
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

    async def ask(self, method: str, path: str, sent: dict[str, Any], began: float, until: float) -> ServiceAnswer:
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
        return ServiceAnswer(
            self.name, response.status_code, headers, body, request_id_of(headers), loop.time() - began
        )

    async def _body(self, response: httpx.Response) -> bytes:
        body = bytearray()
        stream = response.headers.get("content-type", "").startswith("text/event-stream")
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > LARGEST_ANSWER:
                raise Garbled(
                    self.name, AnswerFault.TOO_LARGE, "it is larger than any answer", request_id_of(response.headers)
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
