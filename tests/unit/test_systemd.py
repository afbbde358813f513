from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dockvoice_protocol.systemd import Notifier
from tests.rows import each_of

DEADLINE_S = 5  # A datagram on this machine takes microseconds; waiting longer means that none was sent.


class Manager:
    """systemd's end of the socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.end.settimeout(DEADLINE_S)
        self.end.bind("\0" + address[1:] if address.startswith("@") else address)

    def heard(self) -> str:
        return self.end.recv(4096).decode()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@dockvoice-test/{os.getpid()}"
    manager = Manager(address)
    with closing(manager.end):
        yield manager


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_vanished_socket_is_told_once_and_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    notifier = Notifier(str(tmp_path / "gone"))
    for _ in range(3):
        notifier.ping_watchdog()
    assert warnings(caplog) == [
        "systemd cannot be reached at $NOTIFY_SOCKET (No such file or directory) and may restart this service"
    ]


def test_a_manager_that_does_not_read_holds_nobody_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    manager = Manager(str(tmp_path / "notify"))
    notifier = Notifier(manager.address)
    with closing(manager.end):
        for _ in range(10_000):  # More than any kernel lets wait in a datagram socket; a blocking send would hang here.
            notifier.ping_watchdog()
            if warnings(caplog):
                break
    assert len(warnings(caplog)) == 1


def test_systemd_hears_what_it_is_told(manager: Manager) -> None:
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": manager.address})
    notifier.notify_ready("listening")
    assert manager.heard() == "READY=1\nSTATUS=listening"
    notifier.ping_watchdog()
    assert manager.heard() == "WATCHDOG=1"
    notifier.set_status("broker away, 3 owed")
    assert manager.heard() == "STATUS=broker away, 3 owed"
    notifier.notify_stopping()
    assert manager.heard() == "STOPPING=1"


def test_a_line_break_in_the_status_does_not_begin_another_key(manager: Manager) -> None:
    Notifier(manager.address).set_status("broker away\nREADY=1")
    assert manager.heard() == "STATUS=broker away READY=1"


@each_of(
    ("environment", "period_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": ""}, 15.0),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": ""}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_at_half_its_time_and_only_by_whom_it_watches(
    environment: dict[str, str], period_s: float | None
) -> None:
    assert Notifier.from_environment(environment).period_s == period_s
