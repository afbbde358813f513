"""A broker that lives and does not answer: what is on the way must not take up the room for good, and nobody waits
for ever; but one that first sends all that it kept is heard to the end."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dockvoice_protocol.config import Mqtt, MqttVersion
from dockvoice_protocol.mqtt import MessageReceived, Session, SessionConnected, SessionDisconnected, SessionEvent
from tests.waiting import until

ONE_AT_A_TIME = bytes.fromhex("20 06 00 00 03 21 00 01")
"""A CONNACK with the receive maximum 1."""
KEPT = bytes.fromhex("20 03 01 00 00")
"""A CONNACK: the session is known."""


def publication(number: int) -> bytes:
    """A PUBLISH of QoS 1 on the topic `t`."""
    return bytes.fromhex("32 06 00 01") + b"t" + number.to_bytes(2, "big") + b"\0"


def suback(subscribe: bytes) -> bytes:
    """The answer to a SUBSCRIBE to one topic."""
    return bytes.fromhex("90 04") + subscribe[2:4] + bytes.fromhex("00 01")


@contextmanager
def welcomed_by(listener: socket.socket) -> Iterator[tuple[socket.socket, bytes]]:
    """The broker's end of a connection that it has taken, and the SUBSCRIBE that came."""
    end, _ = listener.accept()
    with end:
        end.recv(1000)
        end.sendall(KEPT)
        yield end, end.recv(1000)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Where the broker listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(60)
        yield listening


@contextmanager
def session(listener: socket.socket, *subscriptions: str) -> Iterator[tuple[Session, list[SessionEvent]]]:
    """A device's session with it, and what the device hears of that."""
    heard: list[SessionEvent] = []
    settings = Mqtt(host="127.0.0.1", port=listener.getsockname()[1], version=MqttVersion.V5)
    made = Session(settings, client_id="device", receive=heard.append, subscriptions=subscriptions)
    made.start()
    yield made, heard
    made.stop()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dockvoice_protocol.mqtt._ANSWER_S", 0.5)


def test_the_connection_is_made_anew_and_room_is_there_again(listener: socket.socket) -> None:
    with session(listener) as (device, heard):
        for _ in range(2):
            end, _ = listener.accept()
            with end:
                end.recv(1000)
                end.sendall(ONE_AT_A_TIME)
                until(lambda: device.is_connected, "never connected")
                assert device.publish("topic", b"first", tag="first")
                assert not device.publish("topic", b"second", tag="second"), "there is no room for another one"
                until(lambda: isinstance(heard[-1], SessionDisconnected), "it waits for ever")
    assert kinds(heard) == [SessionConnected, SessionDisconnected] * 2
    assert isinstance(heard[1], SessionDisconnected)
    assert "lives, but acknowledges nothing" in heard[1].why


def test_a_subscription_that_is_never_answered_ends_the_connection_and_is_told(listener: socket.socket) -> None:
    with session(listener, "t") as (device, heard):
        with welcomed_by(listener):
            until(lambda: device.trouble is not None, "it waits for ever")
        assert not device.is_accepted
        assert "lives, but answers no subscription" in str(device.trouble)
        with welcomed_by(listener) as (end, subscribe):
            end.sendall(suback(subscribe))
            until(lambda: device.is_connected, "never connected")
    assert heard[0] == SessionConnected("5", 65_535, session_present=True)


def test_all_that_was_kept_may_come_before_the_answer(listener: socket.socket) -> None:
    with session(listener, "t") as (device, heard), welcomed_by(listener) as (end, subscribe):
        for number in range(1, 11):  # for twice as long as nothing at all would be waited for
            end.sendall(publication(number))
            time.sleep(0.1)
        assert device.is_accepted
        assert heard == []
        end.sendall(suback(subscribe))
        until(lambda: len(heard) == 11, "what came early is not told")
    assert kinds(heard)[:11] == [SessionConnected, *[MessageReceived] * 10]


def kinds(heard: list[SessionEvent]) -> list[type]:
    return [type(event) for event in heard]
