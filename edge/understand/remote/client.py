"""Clients of services: credentials, connections, retries with pauses, a circuit breaker, one deadline over all.

The only layer that retries: inside the time that the caller gives, with jitter, and honouring the service's own pause.
The result is an answer or a typed failure (`failures`). Keys stay inside `SecretStr` until the header is made, so that
no repr, log or traceback shows one.
"""

from __future__ import annotations

import asyncio
import logging
import re
import shlex
import ssl
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import SecretStr
from tenacity import AsyncRetrying, retry_if_exception_type, stop_before_delay, wait_exception, wait_random_exponential

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.strict_json import NotStrict, parse_strict
from edge.config import EU_REGIONS, ClientKind, ClientSettings, KeyHeader
from edge.understand.breaker import Breaker
from edge.understand.remote.failures import (
    LIMITS,
    AccessDenied,
    AnswerFault,
    Failure,
    Garbled,
    TryLater,
    classify_response,
    find_request_id,
)

_TOKEN_AGE_S = 300.0
"""How long a token that a command printed is used. Entra and Google tokens live for an hour, and their command line
programs give out the same one until shortly before its end: five minutes."""

_COMMAND_S = 30.0  # The longest a token command may take: `az` starts in seconds, on a small board in many.
_TOKEN = re.compile(r"[!-~]+")  # Printable ASCII without spaces: what a header can carry.

_SCHEMES = {KeyHeader.BEARER: ("authorization", "Bearer "), KeyHeader.TOKEN: ("authorization", "Token ")}
"""Headers in which a word stands before the key; the others are called as their setting is."""


class _Credentials(httpx.Auth):
    """The credentials of one service. Raises Misconfigured where the service wants a key and none is set."""

    def __init__(self, name: str, settings: ClientSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._settings = settings
        self._clock = clock
        self._token: SecretStr | None = None
        self._until = 0.0
        given = settings.key or settings.token_file or settings.token_command
        keyless = settings.kind is ClientKind.SELF_HOSTED or settings.effective_header is KeyHeader.NONE
        if not given and not keyless:
            variable = f"DOCKVOICE_UNDERSTAND__CLIENTS__{name.upper()}__KEY"
            raise Misconfigured(
                f"understand.clients.{name}: has no key; give it as the variable {variable}, or as the credential "
                f"{variable.lower()}, or set token_file, token_command or key_header = 'none'"
            )

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Put the header on a request, where a key is set. Raises AccessDenied without a token."""
        settings, key, header = self._settings, self._settings.key, self._settings.effective_header
        if settings.token_file is not None:
            key, header = self._check_token(await asyncio.to_thread(self._read, settings.token_file)), KeyHeader.BEARER
        elif settings.token_command is not None:
            key, header = await self._read_from_command(settings.token_command), KeyHeader.BEARER
        if key is not None and header is not KeyHeader.NONE:
            name, scheme = _SCHEMES.get(header, (header, ""))
            request.headers[name] = scheme + key.get_secret_value()
        yield request

    def forget(self) -> None:
        """Drop the cached token, after the service refused it."""
        self._token = None

    def _read(self, file: Path) -> str:
        try:
            return plain_file.read_regular_file(file).decode("ascii")
        except (OSError, UnicodeDecodeError) as fault:
            reason = fault.strerror if isinstance(fault, OSError) else "not ASCII text"
            raise self._barred(f"token_file {file} cannot be read ({reason}); renew it") from None

    async def _read_from_command(self, command: str) -> SecretStr:
        if self._token is None or self._clock() >= self._until:
            self._token = self._check_token(await self._run_command(command))
            self._until = self._clock() + _TOKEN_AGE_S
        return self._token

    async def _run_command(self, command: str) -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                *shlex.split(command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,  # it may show the token
            )
        except (OSError, ValueError) as fault:
            reason = fault.strerror if isinstance(fault, OSError) else "is no command line"
            raise self._barred(f"token_command cannot be run ({reason}); mend it") from None
        try:
            async with asyncio.timeout(_COMMAND_S):
                out, _ = await process.communicate()
        except TimeoutError:
            raise self._barred(f"token_command took more than {_COMMAND_S:g} s; run it by hand") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise self._barred(f"token_command failed with {process.returncode}; run it by hand")
        return out.decode("ascii", "replace")

    def _barred(self, message: str) -> AccessDenied:
        return AccessDenied(self._name, message, concerns_key=True)

    def _check_token(self, token: str) -> SecretStr:
        if not _TOKEN.fullmatch(token.strip()):
            source = "token_file" if self._settings.token_file else "token_command"
            raise self._barred(f"{source} gave no token: printable ASCII without spaces is needed; renew it")
        return SecretStr(token.strip())


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """A response of status 200 to 299."""

    client: str
    headers: Mapping[str, str]  # By name, in capitals or not.
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
            return parse_strict(text, LIMITS)
        except NotStrict as fault:
            raise Garbled(self.client, AnswerFault.from_not_strict(fault), str(fault), self.request_id) from None


logger = logging.getLogger(__name__)

_PAUSES = wait_random_exponential(multiplier=0.15, min=0.05, max=3)
"""Seconds before another try: the longest doubles with each. Chance keeps devices that failed together from coming back
together."""

_HOLD_S = 60.0  # Pause after a refusal that only a person can mend; then one request tries again.

_IDLE_S = 120.0  # How long an unused connection is kept: operators pause for a minute, and balancers cut after four.

_LARGEST_ANSWER = 8 * 1024 * 1024
"""Bytes: twice a spoken reply of one minute, base64, which is the largest thing that is ever asked for."""

_WARM_S = 5.0  # The most that opening a connection may take at the start: a slow one is opened by the first utterance.
_DONE = b"data: [DONE]"  # How OpenAI-shaped streams end, whether or not the connection does.


class Client:
    """A connection to one service. It belongs to one event loop, and is closed there."""

    def __init__(
        self,
        name: str,
        settings: ClientSettings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`transport` replaces the network in tests. Raises Misconfigured without a required key or `ca_file`."""
        self.name = name
        self.settings = settings
        self._clock = clock
        self._credentials = _Credentials(name, settings, clock)
        self._pool = httpx.AsyncClient(
            auth=self._credentials,
            base_url=settings.base_url,
            verify=_make_tls_context(name, settings),
            http2=True,
            timeout=None,  # noqa: S113 - each request has a deadline of its own, retries included
            limits=httpx.Limits(max_connections=20, max_keepalive_connections=5, keepalive_expiry=_IDLE_S),
            transport=transport,
        )
        self._breaker = Breaker()
        self._held: dict[str, tuple[float, AccessDenied]] = {}

    def __repr__(self) -> str:
        return f"Client({self.name!r}, {self.settings.base_url!r})"

    async def post(self, path: str, *, within_s: float, about: str = "", **sent: Any) -> ServiceAnswer:
        """Send a POST request, with retries, within `within_s` seconds in all.

        `about` is the model: a hold for one model does not block others. `sent` are httpx's arguments: `json`, `files`,
        `data`, `content`, `params` or `headers`. Raises TryLater, Rejected, AccessDenied; Garbled if too large.
        """
        return await self._send("POST", path, within_s, about, sent)

    async def get(self, path: str, *, within_s: float, about: str = "") -> ServiceAnswer:
        """Send a GET request, as `post` does."""
        return await self._send("GET", path, within_s, about, {})

    async def warm(self) -> None:
        """Open a connection ahead of the first utterance. Never raises."""
        try:
            async with asyncio.timeout(_WARM_S):
                await self._pool.head("/", auth=httpx.Auth())
        except (httpx.HTTPError, TimeoutError) as fault:
            logger.info("client %r: no connection yet (%s)", self.name, type(fault).__name__)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()

    def openai_path(self, operation: str, model: str) -> str:
        """The path of an operation such as `chat/completions`: at OpenAI, an Azure deployment or self-hosted."""
        if self.settings.kind is not ClientKind.AZURE_OPENAI:
            return f"/v1/{operation}"
        if self.settings.api_version is None:
            return f"/openai/v1/{operation}"
        return f"/openai/deployments/{model}/{operation}?api-version={self.settings.api_version}"

    def gemini_path(self, model: str, method: str = "generateContent") -> str:
        """The path of a Gemini model, on the Gemini API or on Vertex in its project and region."""
        if self.settings.kind is not ClientKind.VERTEX:
            return f"/v1beta/models/{model}:{method}"
        place = f"projects/{self.settings.project}/locations/{self.settings.region}"
        return f"/v1/{place}/publishers/google/models/{model}:{method}"

    async def _send(self, method: str, path: str, within_s: float, about: str, sent: dict[str, Any]) -> ServiceAnswer:
        self._admit(about)
        began = asyncio.get_running_loop().time()
        tries = AsyncRetrying(
            retry=retry_if_exception_type(TryLater),
            wait=_PAUSES + wait_exception(_asked_pause_s),
            stop=stop_before_delay(within_s),
            reraise=True,
        )
        return await self._count_outcome(about, tries(self._ask, method, path, sent, began, began + within_s))

    async def _ask(self, method: str, path: str, sent: dict[str, Any], began: float, until: float) -> ServiceAnswer:
        """Send one request, begun at `began` and due by `until` on the loop's clock.

        Raises TryLater, Rejected or AccessDenied; Garbled for a too large answer.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(until), self._pool.stream(method, path, **sent) as response:
                body = await self._read_body(response)
        except TimeoutError:
            raise TryLater(
                self.name, f"no answer within {loop.time() - began:.1f} s; it is tried again later"
            ) from None
        except httpx.ConnectError as fault:
            raise TryLater(self.name, f"cannot be reached ({fault}); is url right, and the network there?") from None
        except httpx.HTTPError as fault:  # its text may quote what was sent
            raise TryLater(self.name, f"the connection broke ({type(fault).__name__}); it is tried again") from None
        headers = response.headers
        if not response.is_success:
            raise classify_response(self.name, response.status_code, headers, body)
        self._refuse_abroad(headers)
        return ServiceAnswer(self.name, headers, body, find_request_id(headers), loop.time() - began)

    async def _read_body(self, response: httpx.Response) -> bytes:
        body = bytearray()
        stream = response.headers.get("content-type", "").startswith("text/event-stream")
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > _LARGEST_ANSWER:
                raise Garbled(
                    self.name, AnswerFault.TOO_LARGE, "it is larger than any answer", find_request_id(response.headers)
                )
            if stream and body.rstrip().endswith(_DONE):
                break  # some servers keep the connection open behind it
        return bytes(body)

    def _refuse_abroad(self, headers: Mapping[str, str]) -> None:
        """Raise where Azure reports that another region processed the request, which the operator did not agree to."""
        region = headers.get("x-ms-region", "").lower().replace(" ", "")
        regions = EU_REGIONS.get(self.settings.kind)
        if region and regions and self.settings.residency == "eu" and region not in regions:
            message = f"residency is 'eu', but region {region[:40]!r} answered; use a deployment within the EU"
            raise AccessDenied(self.name, message, find_request_id(headers), concerns_key=True)

    def _admit(self, about: str) -> None:
        """Raise at once where a hold or the breaker blocks requests."""
        now = self._clock()
        for subject in ("", about):
            until, barred = self._held.get(subject, (now, None))
            if barred is not None and now < until:
                raise barred.copy_for_unsent()
        if not self._breaker.try_acquire(now):
            message = "it failed several times in a row, and is left alone for a while"
            raise TryLater(self.name, message, None, self._breaker.wait_s(now))

    async def _count_outcome(self, about: str, trying: Awaitable[ServiceAnswer]) -> ServiceAnswer:
        """Await the answer, and report the outcome of all its tries as one to the breaker and the holds."""
        try:
            answer = await trying
        except TryLater:
            self._breaker.record_failure(self._clock())
            raise
        except AccessDenied as barred:
            self._breaker.record_success()
            self._hold(barred, about)
            raise
        except Failure:
            self._breaker.record_success()
            raise
        except BaseException:
            self._breaker.release()
            raise
        self._breaker.record_success()
        self._held.pop("", None)
        self._held.pop(about, None)
        return answer

    def _hold(self, barred: AccessDenied, about: str) -> None:
        """Block requests for a while: for the model, or for the service where its key is refused. Log it once."""
        subject = "" if barred.concerns_key else about
        if subject not in self._held:
            logger.error("%s; nothing is asked for %g s at a time until that is mended", barred, _HOLD_S)
        self._held[subject] = (self._clock() + _HOLD_S, barred)
        if barred.concerns_key:
            self._credentials.forget()


def _asked_pause_s(fault: BaseException) -> float:
    return (fault.retry_after_s or 0.0) if isinstance(fault, TryLater) else 0.0


def _make_tls_context(name: str, settings: ClientSettings) -> ssl.SSLContext | bool:
    if settings.ca_file is None:
        return True
    try:
        plain_file.require_regular_files(settings.ca_file)
        return ssl.create_default_context(cafile=str(settings.ca_file))
    except OSError as fault:  # ssl.SSLError is one
        raise Misconfigured(
            f"understand.clients.{name}.ca_file: {settings.ca_file} cannot be read as PEM ({fault.strerror or fault}); "
            "name the file with the authority's certificate"
        ) from None


class Clients(Mapping[str, Client]):
    """The clients of the settings, made at first use. `async with` warms and closes them."""

    def __init__(self, settings: Mapping[str, ClientSettings], transport: Any = None) -> None:
        """A `transport` of httpx stands in for the network in tests."""
        self._settings = settings
        self._transport = transport
        self._made: dict[str, Client] = {}

    def __getitem__(self, name: str) -> Client:
        if name not in self._made:
            self._made[name] = Client(name, self._settings[name], transport=self._transport)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def __len__(self) -> int:
        return len(self._settings)

    async def warm(self) -> None:
        """Open a connection of each client in use, concurrently."""
        async with asyncio.TaskGroup() as group:
            for client in self._made.values():
                group.create_task(client.warm())

    async def aclose(self) -> None:
        """Close every connection."""
        for client in self._made.values():
            await client.aclose()

    async def __aenter__(self) -> Self:
        await self.warm()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
