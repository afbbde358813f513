"""Ports of this machine that nobody else gets while a test may use them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_port() -> Iterator[int]:
    """A port for one server: bound without listening, so that the kernel gives it to nobody else by chance."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the server binds it, too
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])
