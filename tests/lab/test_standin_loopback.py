"""No test can reach a paid service: the guard of conftest holds, also for the library that asks them."""

from __future__ import annotations

import socket

import pytest

from tests.rows import each_of

ELSEWHERE = "192.0.2.1"  # TEST-NET-1 of RFC 5737, which belongs to nobody.


@each_of("way", ["connect", "connect_ex"])
def test_a_socket_cannot_leave_this_machine(way: str) -> None:
    with socket.socket() as plain, pytest.raises(AssertionError, match="tests stay on this machine"):
        getattr(plain, way)((ELSEWHERE, 443))
