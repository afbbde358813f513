"""A broker that lives and acknowledges nothing: what is on the way must not take up the room for good."""

from __future__ import annotations

import socket

import pytest

from edge.config import Mqtt, MqttVersion
from edge.deliver.mqtt import Connected, Disconnected, Session, SessionEvent
from tests.waiting import until

ONE_AT_A_TIME = bytes.fromhex("20 06 00 00 03 21 00 01")
"""A CONNACK with the receive maximum 1."""


def test_the_connection_is_made_anew_and_room_is_there_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.deliver.mqtt.PUBACK_S", 0.5)
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


def kinds(heard: list[SessionEvent]) -> list[type]:
    return [type(event) for event in heard]
