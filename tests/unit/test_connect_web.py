"""The connection to another system, against real sockets: what is slow, cut off or too much."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockvoice_protocol.errors import Misconfigured
from inventory.connect.ports import Away
from inventory.connect.web import Http, shorten_to_line

Script = Callable[[socket.socket], object]


@contextlib.contextmanager
def answering(script: Script) -> Iterator[str]:
    """A server that does to each connection what it is told."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                with contextlib.suppress(TimeoutError, OSError):
                    connection, _ = server.accept()
                    with connection:
                        connection.settimeout(5)
                        connection.recv(65536)
                        script(connection)

        thread = threading.Thread(target=serve)  # noqa: TID251 - of the test, joined below
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            ended.set()
            thread.join()


def ask(address: str, *, within_s: float = 5) -> bytes:
    web = Http("wms", address, within_s=within_s)
    try:
        return web.ask("POST", "/in", content=b"{}").body
    finally:
        web.close()


def test_who_never_answers_is_away_in_time() -> None:
    over = threading.Event()
    with answering(lambda connection: over.wait(30)) as address:
        began = time.monotonic()
        with pytest.raises(Away, match=r"did not answer within 0\.3 s"):
            ask(address, within_s=0.3)
        assert time.monotonic() - began < 3
        over.set()


def drips(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")
    with contextlib.suppress(OSError):
        for _ in range(30):
            connection.sendall(b"x")
            time.sleep(0.05)


def test_who_answers_byte_by_byte_is_away_in_time_too() -> None:
    with answering(drips) as address, pytest.raises(Away, match=r"took more than 0\.3 s to answer"):
        ask(address, within_s=0.3)


def test_an_answer_that_is_cut_off_is_none() -> None:
    with (
        answering(
            lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
        ) as address,
        pytest.raises(Away, match="cannot be asked"),
    ):
        ask(address)


def test_an_answer_that_comes_whole_is_taken() -> None:
    told = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone"
    with answering(lambda connection: connection.sendall(told)) as address:
        assert ask(address) == b"done"


def test_certificates_that_are_none_are_named(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    with pytest.raises(Misconfigured, match=r"ca\.pem: No such file or directory; name a file of certificates"):
        Http("wms", "https://wms.example", ca_file=file)
    file.write_text("none")
    with pytest.raises(Misconfigured, match=r"ca\.pem: .*; name a file of certificates"):
        Http("wms", "https://wms.example", ca_file=file)


def test_what_another_system_says_steers_no_terminal_and_fills_no_page() -> None:
    assert shorten_to_line("a\x1b[2J\r\n\tb") == "a [2J b"
    assert len(shorten_to_line("x" * 10_000)) == 301
