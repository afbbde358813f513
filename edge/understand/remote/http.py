"""HTTP to a service: the header that says who we are, and its answers.

Keys stay inside `SecretStr` until the header is made, so that no repr, log or traceback shows one.
"""

from __future__ import annotations

import asyncio
import re
import shlex
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.strict_json import NotStrict, strict
from edge.config import ClientKind, ClientSettings, KeyHeader
from edge.understand.remote.failures import LIMITS, AnswerFault, Barred, Garbled

TOKEN_AGE_S = 300.0
"""How long a token that a command printed is used. Entra and Google tokens live for an hour, and their command line
programs give out the same one until shortly before its end: five minutes."""

COMMAND_S = 30.0  # The longest a token command may take: `az` starts in seconds, on a small board in many.
_TOKEN = re.compile(r"[!-~]+")  # Printable ASCII without spaces: what a header can carry.


_SCHEMES = {KeyHeader.BEARER: ("authorization", "Bearer "), KeyHeader.TOKEN: ("authorization", "Token ")}
"""Headers in which a word stands before the key; the others are called as their setting is."""


class Credentials(httpx.Auth):
    """Who we are to one service. Raises Misconfigured where the service wants a key and none is set."""

    def __init__(self, name: str, settings: ClientSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._settings = settings
        self._clock = clock
        self._token: SecretStr | None = None
        self._until = 0.0
        given = settings.key or settings.token_file or settings.token_command
        keyless = settings.kind is ClientKind.SELF_HOSTED or settings.header is KeyHeader.NONE
        if not given and not keyless:
            variable = f"DOCKVOICE_UNDERSTAND__CLIENTS__{name.upper()}__KEY"
            raise Misconfigured(
                f"understand.clients.{name}: has no key; give it as the variable {variable}, or as the credential "
                f"{variable.lower()}, or set token_file, token_command or key_header = 'none'"
            )

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Put the header on a request, where a key is set. Raises Barred without a token."""
        settings, key, header = self._settings, self._settings.key, self._settings.header
        if settings.token_file is not None:
            key, header = self._fit(await asyncio.to_thread(self._read, settings.token_file)), KeyHeader.BEARER
        elif settings.token_command is not None:
            key, header = await self._printed(settings.token_command), KeyHeader.BEARER
        if key is not None and header is not KeyHeader.NONE:
            name, scheme = _SCHEMES.get(header, (header, ""))
            request.headers[name] = scheme + key.get_secret_value()
        yield request

    def forget(self) -> None:
        """The token was refused: the next request asks for a new one."""
        self._token = None

    def _read(self, file: Path) -> str:
        try:
            return plain_file.content(file).decode("ascii")
        except (OSError, UnicodeDecodeError) as fault:
            reason = fault.strerror if isinstance(fault, OSError) else "not ASCII text"
            raise self._barred(f"token_file {file} cannot be read ({reason}); renew it") from None

    async def _printed(self, command: str) -> SecretStr:
        if self._token is None or self._clock() >= self._until:
            self._token = self._fit(await self._run(command))
            self._until = self._clock() + TOKEN_AGE_S
        return self._token

    async def _run(self, command: str) -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                *shlex.split(command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,  # it may tell more of the token than we may
            )
        except (OSError, ValueError) as fault:
            reason = fault.strerror if isinstance(fault, OSError) else "is no command line"
            raise self._barred(f"token_command cannot be run ({reason}); mend it") from None
        try:
            async with asyncio.timeout(COMMAND_S):
                out, _ = await process.communicate()
        except TimeoutError:
            raise self._barred(f"token_command took more than {COMMAND_S:g} s; run it by hand") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise self._barred(f"token_command failed with {process.returncode}; run it by hand")
        return out.decode("ascii", "replace")

    def _barred(self, told: str) -> Barred:
        return Barred(self._name, told, concerns_key=True)

    def _fit(self, token: str) -> SecretStr:
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
            return strict(text, LIMITS)
        except NotStrict as fault:
            raise Garbled(self.client, AnswerFault.from_not_strict(fault), str(fault), self.request_id) from None
