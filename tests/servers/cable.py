"""A network cable that can be pulled, between this machine and a program beside it.

with cable() as link:
    subprocess.Popen([*link.inside, …])   # the program; it reaches us at link.address
    link.pull()
    link.plug()

With root it is a real one: a network namespace whose link is set down. Without, a proxy that lets nothing pass.
"""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from tests.servers.tcp_proxy import TcpProxy

_numbers = itertools.count(1)


class Cable(Protocol):
    """The link, as a test sees it."""

    inside: Sequence[str]  # What begins a command that is to run at the other end.
    address: str  # Where this machine is reached from there; what listens must listen on it.

    def port(self, listening: int) -> int:
        """The port to go to from the other end, for what listens on `listening` here."""
        ...

    def pull(self) -> None:
        """Nothing passes from now on."""
        ...

    def plug(self) -> None:
        """As before."""
        ...


class _Namespace:
    """A pair of interfaces; the other end is in a network of its own."""

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self.address = address
        self.inside: Sequence[str] = ("ip", "netns", "exec", name)

    def port(self, listening: int) -> int:
        return listening

    def pull(self) -> None:
        _ip("link", "set", f"{self.name}a", "down")

    def plug(self) -> None:
        _ip("link", "set", f"{self.name}a", "up")


class _Proxied:
    """The same faults over loopback, where namespaces are not to be had."""

    def __init__(self) -> None:
        self.inside: Sequence[str] = ()
        self.address = "127.0.0.1"
        self._proxy: TcpProxy | None = None

    def port(self, listening: int) -> int:
        self._proxy = TcpProxy(listening).__enter__()
        return self._proxy.port

    def pull(self) -> None:
        assert self._proxy is not None
        self._proxy.silence()

    def plug(self) -> None:
        assert self._proxy is not None
        self._proxy.speak()

    def close(self) -> None:
        if self._proxy is not None:
            self._proxy.__exit__(None, None, None)


@contextmanager
def cable() -> Iterator[Cable]:
    """One cable, plugged in."""
    number = next(_numbers)
    name = f"dv{os.getpid() % 100_000}x{number}"
    here, there = f"10.203.{number}.1", f"10.203.{number}.2"
    if os.geteuid() != 0 or not _worked("netns", "add", name):
        proxied = _Proxied()
        try:
            yield proxied
        finally:
            proxied.close()
        return
    try:
        _ip("link", "add", f"{name}a", "type", "veth", "peer", "name", f"{name}b", "netns", name)
        _ip("addr", "add", f"{here}/30", "dev", f"{name}a")
        _ip("link", "set", f"{name}a", "up")
        _ip("-n", name, "addr", "add", f"{there}/30", "dev", f"{name}b")
        _ip("-n", name, "link", "set", f"{name}b", "up")
        _ip("-n", name, "link", "set", "lo", "up")
        yield _Namespace(name, here)
    finally:
        _ip("netns", "delete", name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _worked(*arguments: str) -> bool:
    try:
        _ip(*arguments)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True
