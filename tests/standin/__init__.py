"""The stand-in beside the tests: `dockvoice standin` in a process of its own, told what to do while it runs."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import pytest

from tests.processes.command import DOCKVOICE
from tests.processes.starting import Started

KEY = "standin-key"
FORBIDDEN = "standin-forbidden"

ENDED_IN_S = 30  # It ends in well under a second; a busy machine may need longer.
ANSWERS_IN_S = 60


@dataclass(frozen=True)
class Asked:
    """One request that the stand-in got."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def json(self) -> Any:
        """The body, parsed; None where it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @cached_property
    def form(self) -> dict[str, str]:
        """The text fields of a multipart body."""
        return {name: content.decode() for name, filename, content in self._parts() if filename is None}

    @cached_property
    def files(self) -> dict[str, bytes]:
        """The files of a multipart body."""
        return {name: content for name, filename, content in self._parts() if filename is not None}

    def _parts(self) -> Iterator[tuple[str, str | None, bytes]]:
        head = f"content-type: {self.headers.get('content-type', '')}\r\n\r\n".encode()
        whole = BytesParser(policy=HTTP).parsebytes(head + self.body)
        for part in whole.iter_parts() if whole.is_multipart() else ():
            assert isinstance(part, Message)
            name = part.get_param("name", header="content-disposition")
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            yield str(name), part.get_filename(), content


class RunningStandin:
    """`dockvoice standin` on a free port. Entering waits until it listens."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.log = directory / "standin.log"
        self.url = ""
        self._arguments = arguments
        self.printed = ""  # What it said when it had started: settings that lead to it.
        self._process: subprocess.Popen[str] | None = None
        self._control = httpx.Client(timeout=ANSWERS_IN_S)

    def __enter__(self) -> Self:
        with self.log.open("ab") as log:
            self._process = Started(
                [*DOCKVOICE, "standin", "--port", "0", *self._arguments], stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.printed += line
            if found := re.match(r"# Standing in at (\S+)", line):  # its last word, once it listens
                self.url = found[1]
                break
        if not self.url:
            self.__exit__(None, None, None)
            pytest.fail(f"the stand-in did not start: {self.log.read_text()}")
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._control.close()
        if self._process is not None:
            self._process.terminate()
            self._process.communicate(timeout=ENDED_IN_S)
            self._process = None

    def post(self, path: str, body: Any, headers: Mapping[str, str]) -> Any:
        """Ask one of its endpoints as no client of ours would; the answer's JSON."""
        return self._control.post(self.url + path, json=body, headers=headers).raise_for_status().json()

    def behave(self, **order: Any) -> None:
        """Give it one order; the words are the fields of `lab.standin.behaviour.Behaviour`."""
        self._tell("behave", order)

    def serve(self, *models: str) -> None:
        """Let it serve models that are retired or unknown."""
        self._tell("serve", {"models": models})

    def reset(self) -> None:
        """Let it forget all orders, models and requests."""
        self._tell("reset", {})

    def requests(self) -> list[Asked]:
        """What it was asked since it last forgot, oldest first."""
        told = self._control.get(f"{self.url}/standin/requests").raise_for_status().json()
        return [Asked(**{**asked, "body": base64.b64decode(asked["body"])}) for asked in told]

    def _tell(self, what: str, order: Mapping[str, Any]) -> None:
        answer = self._control.post(f"{self.url}/standin/{what}", json=order)
        assert answer.status_code == httpx.codes.NO_CONTENT, answer.text


@pytest.fixture(scope="session")
def standin_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStandin]:
    """One for all tests: what it heard once in a sound it does not work out again."""
    with RunningStandin(tmp_path_factory.mktemp("standin")) as running:
        yield running


@pytest.fixture
def standin(standin_process: RunningStandin) -> RunningStandin:
    """It, with nothing ordered and nothing asked yet."""
    standin_process.reset()
    return standin_process
