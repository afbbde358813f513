"""Serving: a web application until the process is told to stop, for the console and for the API."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from edge.errors import Unavailable

ENDING_S = 5  # So long an answer that is under way may take.

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def served_as(app: Starlette, host: str, port: int) -> uvicorn.Config:
    """How it is served; with port 0 the system chooses one."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        proxy_headers=False,  # whose word counts is decided by our own settings
        server_header=False,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=ENDING_S,
    )


def run(server: uvicorn.Server) -> None:
    """Serve until SIGTERM or SIGINT. Raises Unavailable where it cannot be listened."""
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: None)  # uvicorn ends by them, and then has them end the process too
    try:
        with _told_to_stop():
            server.run()
    except SystemExit:  # how uvicorn says that it cannot listen
        told = f"{server.config.host}:{server.config.port}: cannot be listened on; stop what does, or give another port"
        raise Unavailable(told) from None


@contextmanager
def _told_to_stop() -> Iterator[None]:
    """To be told to stop is no fault: uvicorn, once it has, would raise the signal anew and end the process by it."""
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    before = {number: signal.signal(number, lambda _number, _frame: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
