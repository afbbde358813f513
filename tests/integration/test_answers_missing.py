"""A broker that lives and does not answer: what is on the way must not take up the room for good, and nobody waits
for ever; but one that first sends all that it kept is heard to the end."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from edge.config import Mqtt, MqttVersion
from edge.deliver.mqtt import Connected, Delivered, Disconnected, Session, SessionEvent
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


def test_the_connection_is_made_anew_and_room_is_there_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.deliver.mqtt.ANSWER_S", 0.5)
    heard: list[SessionEvent] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        settings = Mqtt(host="127.0.0.1", port=listener.getsockname()[1], version=MqttVersion.V5)
        session = Session(settings, client_id="device", receive=heard.append)
        session.start()
        for _ in range(2):
            end, _ = listener.accept()
            with end:
                end.recv(1000)
                end.sendall(ONE_AT_A_TIME)
                until(lambda: session.connected, "never connected")
                assert session.publish("topic", b"first", tag="first")
                assert not session.publish("topic", b"second", tag="second"), "there is no room for another one"
                until(lambda: isinstance(heard[-1], Disconnected), "it waits for ever")
        session.stop()
    assert kinds(heard) == [Connected, Disconnected] * 2
    assert isinstance(heard[1], Disconnected)
    assert "lives, but acknowledges nothing" in heard[1].why


def test_a_subscription_that_is_never_answered_ends_the_connection_and_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edge.deliver.mqtt.ANSWER_S", 0.5)
    heard: list[SessionEvent] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        settings = Mqtt(host="127.0.0.1", port=listener.getsockname()[1], version=MqttVersion.V5)
        session = Session(settings, client_id="device", receive=heard.append, subscriptions=["t"])
        session.start()
        with welcomed_by(listener):
            until(lambda: session.trouble is not None, "it waits for ever")
        assert not session.welcomed
        assert "lives, but answers no subscription" in str(session.trouble)
        with welcomed_by(listener) as (end, subscribe):
            end.sendall(suback(subscribe))
            until(lambda: session.connected, "never connected")
        session.stop()
    assert heard[0] == Connected("5", 65_535, session_present=True)


def test_all_that_was_kept_may_come_before_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.deliver.mqtt.ANSWER_S", 0.5)
    heard: list[SessionEvent] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        settings = Mqtt(host="127.0.0.1", port=listener.getsockname()[1], version=MqttVersion.V5)
        session = Session(settings, client_id="device", receive=heard.append, subscriptions=["t"])
        session.start()
        with welcomed_by(listener) as (end, subscribe):
            for number in range(1, 11):  # for twice as long as nothing at all would be waited for
                end.sendall(publication(number))
                time.sleep(0.1)
            assert session.welcomed
            assert heard == []
            end.sendall(suback(subscribe))
            until(lambda: len(heard) == 11, "what came early is not told")
        session.stop()
    assert kinds(heard)[:11] == [Connected, *[Delivered] * 10]


def kinds(heard: list[SessionEvent]) -> list[type]:
    return [type(event) for event in heard]
