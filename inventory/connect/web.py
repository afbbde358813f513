"""HTTP to another system: one request with a total timeout; its whole answer, or `Away`.

The connector interprets the answer. Common failures are handled here: unreachable, slow, failing, or moved.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
from pydantic import AfterValidator

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import Misconfigured, describe_os_error
from dockvoice_protocol.strict_json import NotStrict, parse_strict
from dockvoice_protocol.terminal.plain_text import is_plain_text
from inventory.connect.ports import Away

ANSWER_TIMEOUT_S = 20.0  # Standard Webhooks recommends 15 to 30 s; a slow ERP books a receipt in less.
_CONNECT_S = 5.0  # Timeout for connecting.
_MOST_BYTES = 20_000_000  # Most bytes of one answer: ten thousand items with their units have five million.
_LONGEST_WAIT_S = 3600.0  # Upper limit of a Retry-After: a longer one is a mistake or malicious.
_EXCERPT = 300  # Characters quoted of another system's text.

_TRY_LATER = frozenset({408, 425, 429})  # Like every status from 500 on: a retry may succeed.


def _check_address(given: str) -> str:
    parts = urlsplit(given)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("an address without user or question mark is allowed, such as https://erp.example")
    return given.rstrip("/")


Address = Annotated[str, AfterValidator(_check_address)]  # The base URL of another system.


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole response."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 - HTTP status classes

    def json(self) -> Any:
        """The body; None where it is no JSON."""
        try:
            return parse_strict(self.body)
        except NotStrict:
            return None

    def excerpt(self) -> str:
        """The body, shortened to one line."""
        return shorten_to_line(self.body.decode("utf-8", "replace"))


def shorten_to_line(text: str) -> str:
    """One short line of another system's text, without control characters."""
    line = " ".join("".join(one if is_plain_text(one) else " " for one in text).split())
    return line if len(line) <= _EXCERPT else f"{line[:_EXCERPT]}…"


class Http:
    """The connection to one system. For one thread."""

    def __init__(
        self,
        name: str,
        address: str,
        *,
        ca_file: Path | None = None,
        headers: Mapping[str, str] | None = None,
        within_s: float = ANSWER_TIMEOUT_S,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`headers` are sent with every request, and never shown. Raises Misconfigured for an invalid `ca_file`."""
        self._name = name
        self.address = address
        self._within_s = within_s
        self._clock = clock
        timeout = httpx.Timeout(within_s, connect=min(_CONNECT_S, within_s))
        self._client = httpx.Client(
            headers=dict(headers or {}),
            timeout=timeout,
            follow_redirects=False,  # the key is sent to the configured address only
            verify=_ssl_context(name, ca_file, needed=transport is None and address.startswith("https")),
            transport=transport,
        )

    def ask(
        self, method: str, path: str = "", *, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> HttpAnswer:
        """Send a request; return its response. Raises Away, and Misconfigured for a redirect."""
        until = self._clock() + self._within_s
        try:
            with self._client.stream(method, self.address + path, content=content, headers=headers) as response:
                body = bytearray()
                for piece in response.iter_bytes():
                    body += piece
                    if self._clock() > until:
                        raise Away(f"{self._name}: {self.address} took more than {self._within_s:g} s to answer")
                    if len(body) > _MOST_BYTES:
                        raise Away(f"{self._name}: {self.address} answered more than {_MOST_BYTES:,} bytes")
                answer = HttpAnswer(response.status_code, response.headers, bytes(body))
        except httpx.TimeoutException:
            raise Away(f"{self._name}: {self.address} did not answer within {self._within_s:g} s") from None
        except httpx.HTTPError as fault:
            reason = shorten_to_line(str(fault)) or type(fault).__name__
            raise Away(f"{self._name}: {self.address} cannot be asked ({reason})") from None
        return self._check_answer(answer)

    def _check_answer(self, answer: HttpAnswer) -> HttpAnswer:
        if 300 <= answer.status < 400:  # noqa: PLR2004 - HTTP status classes
            to = shorten_to_line(answer.headers.get("location", "nowhere"))
            raise Misconfigured(f"{self._name}: {self.address} has moved to {to}; set its url to where it is now")
        if answer.status in _TRY_LATER or answer.status >= 500:  # noqa: PLR2004 - HTTP status classes
            raise Away(
                f"{self._name}: {self.address} answered {answer.status}: {answer.excerpt() or 'nothing more'}",
                wait_s=_parse_retry_after(answer.headers.get("retry-after")),
            )
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _ssl_context(name: str, ca_file: Path | None, *, needed: bool) -> ssl.SSLContext:
    if not needed:  # Loading the system's certificates takes longer than many a request.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # It trusts no certificate.
    try:
        plain_file.require_regular_files(ca_file)
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except OSError as fault:  # an ssl.SSLError is one
        message = "holds no certificates" if isinstance(fault, ssl.SSLError) else describe_os_error(fault)
        raise Misconfigured(f"{name}: ca_file {ca_file}: {message}; name a file of certificates, PEM") from None


def _parse_retry_after(given: str | None) -> float | None:
    """Retry-After in seconds, from a number or a date."""
    if not given:
        return None
    try:
        seconds = (
            float(given) if given.isdigit() else (parsedate_to_datetime(given) - datetime.now(UTC)).total_seconds()
        )
    except (TypeError, ValueError):
        return None
    return min(max(seconds, 0.0), _LONGEST_WAIT_S)
