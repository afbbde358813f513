from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.systemd import Notifier
from inventory.ingest.watchdog import MAX_OUTAGE_S, OutageWatchdog

ALIVE = b"WATCHDOG=1"


class Systemd:
    """The other end of the notification socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))

    def forget(self) -> None:
        """Let go of what was heard."""
        assert self.heard

    def close(self) -> None:
        self._socket.close()

    @property
    def heard(self) -> list[bytes]:
        words = []
        try:
            while True:
                words.append(self._socket.recv(4096))
        except BlockingIOError:
            return words


class World:
    """Broker, database and clock in one."""

    is_connected = True
    database = True
    s = 0.0

    def ping(self) -> None:
        if not self.database:
            raise Unavailable("database: gone")

    def clock(self) -> float:
        return self.s


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Systemd]:
    listening = Systemd(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    yield listening
    listening.close()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def pulse(systemd: Systemd, world: World) -> OutageWatchdog:
    return OutageWatchdog(world, world, world.clock, Notifier.from_environment())  # type: ignore[arg-type] # only what a pulse looks at


def live(pulse: OutageWatchdog, world: World, seconds: int) -> None:
    for _ in range(seconds):
        world.s += 1
        pulse.beat()


def test_it_beats_twice_in_the_time_allowed(pulse: OutageWatchdog, world: World, systemd: Systemd) -> None:
    live(pulse, world, 60)
    assert systemd.heard == [ALIVE] * 4


@pytest.mark.parametrize("away", ["is_connected", "database"])
def test_an_outage_is_borne_for_a_while_and_then_no_longer(
    pulse: OutageWatchdog, world: World, systemd: Systemd, away: str
) -> None:
    setattr(world, away, False)
    live(pulse, world, 60)
    systemd.forget()
    live(pulse, world, int(MAX_OUTAGE_S) - 61)
    systemd.forget()
    live(pulse, world, 60)
    assert systemd.heard == []


def test_after_an_outage_it_beats_again(pulse: OutageWatchdog, world: World, systemd: Systemd) -> None:
    world.database = False
    live(pulse, world, int(MAX_OUTAGE_S) + 60)
    systemd.forget()
    assert systemd.heard == []
    world.database = True
    live(pulse, world, 30)
    assert systemd.heard == [ALIVE] * 2
