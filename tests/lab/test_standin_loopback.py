"""No test can reach a paid service: the guard of conftest holds, also for the library that asks them."""

from __future__ import annotations

import asyncio
import socket

import httpx
import pytest

from tests.rows import each_of

ELSEWHERE = "192.0.2.1"
"""TEST-NET-1 of RFC 5737, which belongs to nobody."""


@each_of("way", ["connect", "connect_ex"])
def test_a_socket_cannot_leave_this_machine(way: str) -> None:
    with socket.socket() as plain, pytest.raises(AssertionError, match="tests stay on this machine"):
        getattr(plain, way)((ELSEWHERE, 443))


def test_a_client_in_a_loop_cannot_leave_this_machine() -> None:
    async def ask() -> None:
        async with httpx.AsyncClient() as client:
            await client.get(f"http://{ELSEWHERE}/v1/models")

    with pytest.raises(ExceptionGroup) as raised:  # anyio tries all addresses of a name at once
        asyncio.run(ask())
    assert raised.group_contains(AssertionError, match="tests stay on this machine")
