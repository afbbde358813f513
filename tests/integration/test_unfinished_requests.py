"""Requests that are never sent to their end, and answers that are never taken: many, by nobody in particular."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from inventory.api import tokens
from inventory.api.app import create_app
from inventory.console import live
from inventory.web import serving
from inventory.web.serving import Server
from tests.console import Console, console, run_in_thread, served
from tests.console.api import token
from tests.waiting import until

SOON_S = 20  # Far less than uvicorn would wait, which is for ever; far more than what is awaited takes.

FORM = b"content-type: application/x-www-form-urlencoded\r\ncontent-length: 1000\r\n\r\nname="
SLOW = b"content-type: application/json\r\ncontent-length: 1000\r\n\r\n{"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    monkeypatch.setattr(serving, "MOST_CONNECTIONS", 40)
    with console(tmp_path) as found:
        yield found


@contextmanager
def asked(site: Console) -> Iterator[str]:
    """The API: its address."""
    tokens.create_or_check_tokens(site.engine)
    with run_in_thread(Server(create_app(site.place), "127.0.0.1", 0)) as address:
        yield address


def half(address: str, sent: bytes) -> socket.socket:
    """A connection on which so much was sent."""
    place = urlsplit(address)
    made = socket.create_connection((place.hostname, place.port or 0), timeout=SOON_S)
    made.sendall(sent)
    return made


def answer(of: socket.socket) -> bytes:
    """What comes until it is closed from there; fails where it is not."""
    found = b""
    try:
        while part := of.recv(10_000):
            found += part
    except ConnectionResetError:
        pass
    return found


def head(method: str, path: str, more: bytes = b"") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nhost: there\r\n".encode() + more


@pytest.mark.parametrize(
    "sent",
    [b"", head("GET", "/sign-in"), head("POST", "/sign-in", FORM)],
    ids=["nothing", "half a head", "half a body"],
)
def test_what_is_not_sent_to_its_end_in_time_is_closed(
    site: Console, sent: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(serving, "HEAD_TIMEOUT_S", 0.3)
    monkeypatch.setattr(serving, "BODY_TIMEOUT_S", 0.3)
    caplog.set_level(logging.INFO)
    with served(site) as address, half(address, sent) as unfinished:
        assert answer(unfinished) == b""
        assert httpx.get(f"{address}/sign-in").status_code == 200
    assert not [one for one in caplog.records if one.exc_info]


def test_who_begins_many_requests_and_ends_none_keeps_nobody_else_from_asking(site: Console) -> None:
    """Three times as many as there may be connections: the oldest go, whatever they have begun."""
    begun = (b"", head("GET", "/sign-in"), head("POST", "/sign-in", FORM))
    with served(site) as address, ExitStack() as opened, asked(site) as api:
        for number in range(120):
            opened.enter_context(half(address, begun[number % 3]))
            opened.enter_context(half(api, head("PUT", "/v1/sites/north/operators", SLOW)))
        for _ in range(5):
            assert httpx.get(f"{address}/sign-in", timeout=SOON_S).status_code == 200
            assert httpx.get(f"{api}/health", timeout=SOON_S).status_code == 200


SCRIPT = "/static/htmx.min.js"


def untaken(address: str, path: str, times: int) -> socket.socket:
    """A connection on which something was asked for so many times, with room for hardly anything of the answers."""
    place = urlsplit(address)
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.settimeout(SOON_S)
    made.connect((place.hostname, place.port))
    made.sendall(head("GET", path, b"\r\n") * times)
    return made


def test_what_is_not_taken_in_time_is_closed(
    site: Console, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(serving, "UNREAD_TIMEOUT_S", 0.3)
    times = 500  # 25 MB: the system holds some of it for whoever sends
    with served(site) as address:
        size = len(httpx.get(f"{address}{SCRIPT}").content)
        with untaken(address, SCRIPT, times) as asked_for:
            time.sleep(2)
            assert len(answer(asked_for)) < times * size
    assert not [one for one in caplog.records if one.exc_info]


def test_who_asks_for_much_and_takes_nothing_keeps_nobody_else_from_asking(site: Console) -> None:
    with served(site) as address, ExitStack() as opened, asked(site) as api:
        for _ in range(60):
            opened.enter_context(untaken(address, SCRIPT, 500)).recv(1)  # it has begun to answer
            opened.enter_context(untaken(api, "/v1/openapi.json", 200)).recv(1)
        wanted = [f"{address}/sign-in"] * 6 + [f"{api}/health"] * 6

        def is_answered() -> bool:
            with ThreadPoolExecutor(6) as browser:  # as many connections as one opens
                return all(one.status_code == 200 for one in browser.map(httpx.get, wanted))

        until(is_answered, "others are kept from asking")


def test_what_is_unfinished_at_the_end_leaves_one_line_in_the_log(
    site: Console, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(serving, "ABORT_AFTER_S", 0.3)
    caplog.set_level(logging.INFO)
    bearer = f"authorization: Bearer {token(site)}\r\n".encode()
    with ExitStack() as opened, served(site) as address, asked(site) as api:
        opened.enter_context(half(address, head("POST", "/sign-in", FORM)))
        opened.enter_context(half(api, head("PUT", "/v1/sites/north/operators", bearer + SLOW)))
        opened.enter_context(untaken(address, SCRIPT, 200))
        time.sleep(0.5)
    assert not [one for one in caplog.records if one.exc_info]
    assert caplog.text.count("went away before") == 2


def test_who_has_no_token_is_answered_before_he_has_sent_anything(site: Console) -> None:
    with asked(site) as address, half(address, head("PUT", "/v1/sites/north/operators", SLOW)) as unfinished:
        assert unfinished.recv(100).startswith(b"HTTP/1.1 401 ")


def test_who_has_not_signed_in_is_answered_before_he_has_sent_anything(site: Console) -> None:
    sent = head(
        "POST", "/people", b"content-type: application/x-www-form-urlencoded\r\ncontent-length: 1000\r\n\r\nname="
    )
    with served(site) as address, half(address, sent) as unfinished:
        assert unfinished.recv(100).startswith(b"HTTP/1.1 303 ")


@pytest.mark.parametrize("path", ["/v1/sites/north/operators", "/nothing"])
@pytest.mark.parametrize("more", [b"", b"1\r\nn\r\n"], ids=["at once", "behind a part"])
def test_a_body_that_is_no_http_leaves_no_traceback(
    site: Console, more: bytes, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    chunked = b"content-type: application/json\r\ntransfer-encoding: chunked\r\n"
    bearer = f"authorization: Bearer {token(site)}\r\n\r\n".encode()
    sent = head("PUT", path, chunked + bearer + more + b"no length\r\n")
    with asked(site) as address:
        for _ in range(3):
            with half(address, sent) as broken:
                assert answer(broken).startswith(b"HTTP/1.1 400 ")
        assert httpx.get(f"{address}/health").status_code == 200
    assert not [one for one in caplog.records if one.exc_info]


def listening(site: Console, address: str, name: str) -> socket.socket:
    """Somebody's page, which is told what changes."""
    cookie = f"cookie: dockvoice={site.signed_in(name)}\r\n\r\n".encode()
    return half(address, head("GET", "/live", cookie))


def test_who_opens_page_after_page_keeps_nobody_else_from_asking(site: Console) -> None:
    """Three times as many as there may be connections: of the one who has most, the first go."""
    with served(site) as address, ExitStack() as opened, listening(site, address, "ben") as other:
        for _ in range(120):
            opened.enter_context(listening(site, address, "ana")).recv(1)
        assert httpx.get(f"{address}/sign-in", timeout=SOON_S).status_code == 200
        opened.close()
        other.settimeout(1)
        assert b"event: end" not in answer_so_far(other)


def answer_so_far(of: socket.socket) -> bytes:
    found = b""
    try:
        while part := of.recv(10_000):
            found += part
    except TimeoutError:
        return found
    return found + b"event: end"


def test_more_whole_requests_than_there_may_be_are_told_to_come_later(
    site: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MAX_STREAM_SHARE", 2)
    with served(site) as address, ExitStack() as opened:
        told = [opened.enter_context(listening(site, address, "ana")).recv(12) for _ in range(45)]
        assert told[:39] == [b"HTTP/1.1 200"] * 39
        assert told[-1] == b"HTTP/1.1 503"
