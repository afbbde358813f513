"""Messages that are larger than the broker takes: what the session says of them, whatever the broker does."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from dockvoice_protocol.config import Mqtt, MqttVersion
from dockvoice_protocol.mqtt import PubackReceived, Session, SessionConnected, SessionDisconnected, SessionEvent
from tests.servers.mosquitto import Mosquitto
from tests.waiting import until

TOO_LARGE = 149
NO_SUBSCRIBER = 16
CONNACK = bytes.fromhex("20 03 00 00 00")
"""Without any property."""

DISCONNECT_TOO_LARGE = bytes.fromhex("e0 02 95 00")


def session(port: int, heard: list[SessionEvent]) -> Session:
    settings = Mqtt(host="127.0.0.1", port=port, version=MqttVersion.V5)
    made = Session(settings, client_id="device", receive=heard.append)
    made.start()
    return made


def test_what_the_broker_announced_to_be_too_large_is_not_sent_to_it(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    heard: list[SessionEvent] = []
    with Mosquitto(tmp_path / "broker", free_port(), options=["max_packet_size 600"]) as broker:
        device = session(broker.port, heard)
        until(lambda: device.is_connected, "never connected")
        # Fixed header 3, topic 2 + 5, packet identifier 2, length of the properties 1: the standard's section 3.3.
        for tag, size in (("too large", 588), ("just right", 587)):
            assert device.publish("topic", bytes(size), tag=tag)
        until(lambda: len(heard) == 3, "not both were answered")
        device.stop()
    assert heard[1:] == [PubackReceived("too large", TOO_LARGE), PubackReceived("just right", NO_SUBSCRIBER)]


def test_what_a_broker_hung_up_over_without_a_warning_counts_as_refused() -> None:
    heard: list[SessionEvent] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        device = session(listener.getsockname()[1], heard)
        end, _ = listener.accept()
        with end:
            end.recv(1000)
            end.sendall(CONNACK)
            until(lambda: device.is_connected, "never connected")
            for tag, size in (("small", 100), ("large", 1000), ("behind", 100)):
                assert device.publish("topic", bytes(size), tag=tag)
            received = 0
            while received < 1200:
                received += len(end.recv(4000))
            end.sendall(DISCONNECT_TOO_LARGE)
            until(lambda: len(heard) >= 3, "the end of the connection was not told")
        device.stop()
    assert [type(event) for event in heard] == [SessionConnected, PubackReceived, SessionDisconnected]
    assert heard[1] == PubackReceived("large", TOO_LARGE), "of those that were not taken it is the largest"
