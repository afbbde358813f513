"""The MQTT session against a real mosquitto, and against sockets that answer as told."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.events import MEDIA_TYPE
from dockvoice_protocol.mqtt import (
    MessageReceived,
    PubackReceived,
    Session,
    SessionConnected,
    SessionDisconnected,
    SessionEvent,
)
from dockvoice_protocol.mqtt_client import Will
from tests.processes.starting import Started
from tests.servers.mosquitto import Mosquitto
from tests.waiting import until

DEADLINE_S = 60.0

BOTH = pytest.mark.parametrize("version", ["5", "3.1.1"])

Event = TypeVar("Event", SessionConnected, SessionDisconnected, PubackReceived, MessageReceived)


class Owner:
    """Keeps what a session tells, and waits for more."""

    def __init__(self) -> None:
        self.heard: list[SessionEvent] = []
        self._news = threading.Condition()

    def __call__(self, event: SessionEvent) -> None:
        with self._news:
            self.heard.append(event)
            self._news.notify_all()

    def all(self, kind: type[Event]) -> list[Event]:
        return [event for event in list(self.heard) if isinstance(event, kind)]

    def next(self, kind: type[Event], number: int = 1) -> Event:
        """The event of that kind with that number, counted from 1."""
        with self._news:
            came = self._news.wait_for(lambda: len(self.all(kind)) >= number, DEADLINE_S)
        assert came, f"no {kind.__name__} number {number}; heard {self.heard}"
        return self.all(kind)[number - 1]


class Sessions:
    """Opens sessions and sees to it that none outlives the test."""

    def __init__(self) -> None:
        self.opened: list[Session] = []

    def __call__(
        self, port: int, name: str = "device", *, receive: Callable[[SessionEvent], None] | None = None, **options: Any
    ) -> tuple[Session, Owner]:
        owner = Owner()
        kept = {
            key: options.pop(key)
            for key in ("subscriptions", "unkept", "keep_session", "will", "manual_ack", "at_once")
            if key in options
        }
        settings = Mqtt(**{"host": "127.0.0.1", "port": port, "keepalive_s": 5, "reconnect_maximum_s": 1, **options})
        session = Session(settings, client_id=name, receive=receive or owner, **kept)
        self.opened.append(session)
        session.start()
        return session, owner


@pytest.fixture
def connect() -> Iterator[Sessions]:
    sessions = Sessions()
    yield sessions
    for session in sessions.opened:
        session.stop()


@BOTH
def test_what_one_publishes_another_receives_and_the_broker_acknowledges(
    broker: Mosquitto, connect: Sessions, version: str
) -> None:
    session, sender = connect(broker.port, version=version)
    _, reader = connect(broker.port, "reader", version=version, subscriptions=["north/+/entries"])
    assert reader.next(SessionConnected).protocol == version
    assert sender.next(SessionConnected).receive_maximum == (20 if version == "5" else 65_535)
    assert session.is_connected
    assert session.trouble is None
    assert session.publish("north/dock-3/entries", b"{}", tag="one", content_type="application/cloudevents+json")
    assert sender.next(PubackReceived).tag == "one"
    delivered = reader.next(MessageReceived)
    assert (delivered.topic, delivered.payload) == ("north/dock-3/entries", b"{}")


def test_the_content_type_travels_as_a_property_of_mqtt_5(broker: Mosquitto, connect: Sessions) -> None:
    session, owner = connect(broker.port)
    owner.next(SessionConnected)

    def publish(*_subscribed: object) -> None:
        session.publish("entries", b"{}", tag="one", content_type=MEDIA_TYPE)

    arrived: SimpleQueue[tuple[bytes | bytearray, str | None]] = SimpleQueue()
    reader = Client(CallbackAPIVersion.VERSION2, "reader", protocol=MQTTProtocolVersion.MQTTv5)
    reader.on_message = lambda _client, _userdata, message: arrived.put(
        (message.payload, getattr(message.properties, "ContentType", None))
    )
    reader.on_subscribe = publish
    reader.connect("127.0.0.1", broker.port)
    reader.subscribe("entries", 1)
    reader.loop_start()
    try:
        assert arrived.get(timeout=DEADLINE_S) == (b"{}", "application/cloudevents+json")
    finally:
        reader.disconnect()
        reader.loop_stop()


def test_an_absent_broker_is_waited_for(tmp_path: Path, free_port: Callable[[], int], connect: Sessions) -> None:
    port = free_port()
    session, owner = connect(port)
    until(lambda: session.trouble is not None, "no trouble was told")
    assert session.trouble == f"broker 127.0.0.1:{port}: Connection refused"
    assert not session.is_connected
    assert not session.publish("entries", b"too early", tag="early")
    with Mosquitto(tmp_path / "broker", port):
        owner.next(SessionConnected)
        assert session.trouble is None


@BOTH
def test_after_a_restart_of_the_broker_it_goes_on_and_sends_nothing_of_its_own(
    broker: Mosquitto, connect: Sessions, version: str
) -> None:
    session, owner = connect(broker.port, version=version, subscriptions=["echo"])
    assert not owner.next(SessionConnected).session_present
    broker.stop()
    owner.next(SessionDisconnected)
    assert session.trouble is not None
    assert not session.publish("echo", b"while away", tag="away")
    broker.start()
    assert owner.next(SessionConnected, 2).session_present
    assert session.publish("echo", b"back again", tag="back")
    assert owner.next(PubackReceived).tag == "back"
    assert [delivered.payload for delivered in [owner.next(MessageReceived)]] == [b"back again"]


def test_what_was_on_the_way_when_the_broker_died_is_not_repeated_behind_the_owners_back(
    broker: Mosquitto, connect: Sessions
) -> None:
    session, owner = connect(broker.port, subscriptions=["echo"])
    owner.next(SessionConnected)
    broker.freeze()
    assert session.publish("echo", b"into the void", tag="lost")
    broker.kill()
    owner.next(SessionDisconnected)
    broker.start()
    owner.next(SessionConnected, 2)
    assert session.publish("echo", b"after", tag="after")
    assert owner.next(PubackReceived) == PubackReceived("after", 0)
    assert owner.next(MessageReceived).payload == b"after"
    assert len(owner.all(PubackReceived)) == 1


def test_no_more_is_on_the_way_than_the_broker_takes(
    tmp_path: Path, free_port: Callable[[], int], connect: Sessions
) -> None:
    with Mosquitto(tmp_path / "broker", free_port(), options=["max_inflight_messages 2"]) as broker:
        session, owner = connect(broker.port)
        assert owner.next(SessionConnected).receive_maximum == 2
        broker.freeze()
        assert [session.publish("entries", b"", tag=tag) for tag in "abc"] == [True, True, False]
        broker.thaw()
        assert [owner.next(PubackReceived, 1).tag, owner.next(PubackReceived, 2).tag] == ["a", "b"]
        assert session.publish("entries", b"", tag="c")


def test_the_last_will_speaks_when_a_client_is_killed_and_only_then(broker: Mosquitto, connect: Sessions) -> None:
    _, watcher = connect(broker.port, "watcher", subscriptions=["status"])
    watcher.next(SessionConnected)
    leaver, owner = connect(broker.port, "leaver", will=Will("status", b"never said"))
    owner.next(SessionConnected)
    leaver.stop()
    program = (
        "import sys, time; from dockvoice_protocol.config import Mqtt\n"
        "from dockvoice_protocol.mqtt import Session, Will\n"
        "s = Session(Mqtt(host='127.0.0.1', port=int(sys.argv[1])), client_id='victim',"
        " receive=lambda event: print(type(event).__name__, flush=True), will=Will('status', b'offline'))\n"
        "s.start(); time.sleep(60)"
    )
    with Started([sys.executable, "-c", program, str(broker.port)], stdout=subprocess.PIPE) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == b"SessionConnected\n"
        os.kill(victim.pid, signal.SIGKILL)
    assert watcher.next(MessageReceived).payload == b"offline"
    _, later = connect(broker.port, "later", subscriptions=["status"])
    assert later.next(MessageReceived).payload == b"offline", "the will was not retained"


@BOTH
def test_two_of_one_name_are_told_why_they_lose_the_connection(
    broker: Mosquitto, connect: Sessions, version: str
) -> None:
    _, first = connect(broker.port, "dock", version=version)
    first.next(SessionConnected)
    _, second = connect(broker.port, "dock", version=version)

    def told(owner: Owner) -> bool:
        return any("another client calls itself 'dock' too" in lost.why for lost in owner.all(SessionDisconnected))

    # A connection that stood for long before is not suspected at once.
    until(lambda: told(first) and told(second), "no namesake was told")


@BOTH
def test_a_message_comes_again_until_it_is_acknowledged(broker: Mosquitto, connect: Sessions, version: str) -> None:
    session, owner = connect(broker.port, version=version, subscriptions=["entries"], manual_ack=True)
    owner.next(SessionConnected)
    session.publish("entries", b"first", tag="first")
    before_the_restart = owner.next(MessageReceived, 1)
    restart(broker)
    again = owner.next(MessageReceived, 2)
    session.acknowledge(before_the_restart)  # of a connection that is gone: must not count for this one
    restart(broker)
    session.acknowledge(owner.next(MessageReceived, 3))
    session.publish("entries", b"second", tag="second")
    owner.next(MessageReceived, 4)  # the acknowledgement of the first was on the wire before
    restart(broker)
    owner.next(MessageReceived, 5)
    assert again.payload == b"first"
    payloads = [delivered.payload for delivered in owner.all(MessageReceived)]
    assert payloads == [b"first", b"first", b"first", b"second", b"second"]


@BOTH
def test_of_some_subscriptions_the_broker_keeps_nothing_for_who_is_absent(
    broker: Mosquitto, connect: Sessions, version: str
) -> None:
    topics: dict[str, Any] = {"subscriptions": ["kept", "unkept"], "unkept": ["unkept"]}
    absent, before = connect(broker.port, "reader", version=version, **topics)
    before.next(SessionConnected)
    absent.stop()
    session, sender = connect(broker.port, version=version)
    sender.next(SessionConnected)
    for number, topic in enumerate(("unkept", "kept"), 1):
        assert session.publish(topic, b"while absent", tag=topic)
        sender.next(PubackReceived, number)
    _, after = connect(broker.port, "reader", version=version, **topics)
    after.next(SessionConnected)
    session.publish("unkept", b"now", tag="now")
    after.next(MessageReceived, 2)
    assert [(one.topic, one.payload) for one in after.all(MessageReceived)] == [
        ("kept", b"while absent"),
        ("unkept", b"now"),
    ]


@BOTH
def test_without_a_kept_session_each_connection_has_a_client_id_of_its_own(
    broker: Mosquitto, connect: Sessions, version: str
) -> None:
    told: dict[str, Any] = {"version": version, "subscriptions": ["kept"], "keep_session": False}
    first, owner = connect(broker.port, **told)
    owner.next(SessionConnected)
    restart(broker)
    assert not owner.next(SessionConnected, 2).session_present
    _, other = connect(broker.port, **told)
    other.next(SessionConnected)
    named = re.findall(r"New client connected from .* as (\S+) \(", broker.log)
    assert len(set(named)) == 3, "one threw the other out"
    assert all(re.fullmatch("device-[0-9a-f]{8}", name) for name in named)
    assert len(owner.all(SessionDisconnected)) == 1
    first.stop()
    sender, acknowledged = connect(broker.port, "sender", version=version)
    acknowledged.next(SessionConnected)
    sender.publish("kept", b"while absent", tag="one")
    acknowledged.next(PubackReceived)
    _, again = connect(broker.port, **told)
    again.next(SessionConnected)
    sender.publish("kept", b"now", tag="two")
    assert again.next(MessageReceived).payload == b"now"


@BOTH
def test_a_subscription_is_renewed_on_the_same_connection(broker: Mosquitto, connect: Sessions, version: str) -> None:
    session, owner = connect(broker.port, version=version, subscriptions=["kept", "unkept"], unkept=["unkept"])
    session.subscribe_again()  # not connected yet, or just now: nothing happens twice
    owner.next(SessionConnected)
    session.publish("kept", b"retained", tag="one", retain=True)
    owner.next(MessageReceived)
    session.subscribe_again()
    assert owner.next(MessageReceived, 2).retained, "the answer to a subscription"
    for topic in ("kept", "unkept"):
        session.publish(topic, b"after", tag=topic)
    owner.next(MessageReceived, 4)
    heard = [(one.topic, one.payload) for one in owner.all(MessageReceived)]
    assert heard == [("kept", b"retained"), ("kept", b"retained"), ("kept", b"after"), ("unkept", b"after")]
    assert len(owner.all(SessionConnected)) == 1
    assert owner.all(SessionDisconnected) == []


def restart(broker: Mosquitto) -> None:
    broker.stop()
    broker.start()


def test_a_broken_receiver_ends_the_session_and_loses_no_message(broker: Mosquitto, connect: Sessions) -> None:
    def broken(event: SessionEvent) -> None:
        if isinstance(event, MessageReceived):
            raise LookupError("pallet seven four two")  # noqa: TRY004 - what a broken receiver raises is its own affair

    session, _ = connect(broker.port, receive=broken, subscriptions=["entries"])
    until(lambda: session.is_connected, "it never connected")
    session.publish("entries", b"precious", tag="one")
    until(lambda: session.failure is not None, "the failure was not kept")
    assert session.trouble == (
        f"broker 127.0.0.1:{broker.port}: the receiver failed (LookupError), the session is over"
    )
    assert not session.is_connected
    with pytest.raises(LookupError):
        session.publish("entries", b"", tag="two")
    _, owner = connect(broker.port, subscriptions=["entries"])
    assert owner.next(MessageReceived).payload == b"precious"


@BOTH
def test_a_denied_subscription_is_no_connection(free_port: Callable[[], int], connect: Sessions, version: str) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as server:
        session, owner = connect(port, version=version, subscriptions=["receipts"], keepalive_s=60)
        connection = server.accept()[0]
        with connection:
            connection.recv(1024)
            connection.sendall(bytes.fromhex("20 03 00 00 00" if version == "5" else "20 02 00 00"))  # CONNACK
            packet = connection.recv(1024)
            property_length = b"\x00" if version == "5" else b""
            suback = packet[2:4] + property_length + (b"\x87" if version == "5" else b"\x80")
            connection.sendall(b"\x90" + bytes([len(suback)]) + suback)
            until(lambda: session.trouble is not None, "no trouble was told")
    assert "may not subscribe to receipts" in str(session.trouble)
    assert owner.heard == []


def test_a_stop_is_prompt_even_when_the_broker_is_frozen(broker: Mosquitto, connect: Sessions) -> None:
    session, owner = connect(broker.port)
    owner.next(SessionConnected)
    broker.freeze()
    began = time.monotonic()
    session.stop(1.0)
    assert time.monotonic() - began < 10  # a second at most to wait for, and no more than that and a busy machine


def test_a_session_that_never_connected_stops_and_leaves_no_thread(
    free_port: Callable[[], int], connect: Sessions
) -> None:
    session, _ = connect(free_port(), "gone")
    until(lambda: session.trouble is not None, "no trouble was told")
    session.stop()
    until(lambda: not [thread for thread in threading.enumerate() if "gone" in thread.name], "the thread did not end")


UNSUPPORTED = bytes.fromhex("20 02 00 01")  # CONNACK of MQTT 3.1.1: unacceptable protocol version.
ACCEPTED = bytes.fromhex("20 02 00 00")
CLOSED = b""


def scripted(server: socket.socket, *answers: bytes) -> list[int]:
    """Answer one CONNECT after another as told, and close after it; returns the protocol levels they asked for."""
    levels = []
    for answer in answers:
        connection = server.accept()[0]
        with connection:
            levels.append(connection.recv(1024)[8])
            connection.sendall(answer)
    return levels


@pytest.mark.parametrize(
    ("version", "answers", "levels"),
    [
        pytest.param("auto", [UNSUPPORTED, ACCEPTED, CLOSED], [5, 4, 4], id="refused, and the version is kept"),
        pytest.param("auto", [CLOSED, CLOSED, ACCEPTED], [5, 5, 4], id="closed twice without an answer"),
        pytest.param("5", [CLOSED, CLOSED, CLOSED], [5, 5, 5], id="no other version allowed"),
        pytest.param("5", [UNSUPPORTED, UNSUPPORTED], [5, 5], id="refused, no other version allowed"),
    ],
)
def test_which_version_is_tried_next(
    free_port: Callable[[], int], connect: Sessions, version: str, answers: list[bytes], levels: list[int]
) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(DEADLINE_S)
        session, _ = connect(port, version=version)
        assert scripted(server, *answers) == levels
        until(lambda: session.trouble is not None, "no trouble was told")
    if answers[-1] == UNSUPPORTED:
        assert 'unsupported protocol version; version = "auto"' in str(session.trouble)


def test_a_port_that_says_nothing_is_told(free_port: Callable[[], int], connect: Sessions) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        session, _ = connect(port, keepalive_s=60)
        until(lambda: session.trouble is not None, "no trouble was told")
        trouble = str(session.trouble)  # once the port is closed, it is another one
    assert "takes the connection but does not answer MQTT 5" in trouble


# ---- what is too much ----

AT_ONCE, EVERY = 7, 30
SILENCE_S = 0.5  # In which a broker that knows no limit would have sent the rest many times over.


def test_no_more_comes_than_the_receiver_said_until_something_is_acknowledged(
    broker: Mosquitto, connect: Sessions
) -> None:
    # mosquitto's own limit is 20: what the receiver says counts.
    receiver, owner = connect(broker.port, "far", subscriptions=["t"], manual_ack=True, at_once=AT_ONCE)
    sender, _ = connect(broker.port, "near")
    owner.next(SessionConnected)
    for number in range(EVERY):
        until(partial(sender.publish, "t", b"x", tag=str(number)), "not sent")
    owner.next(MessageReceived, AT_ONCE)
    time.sleep(SILENCE_S)
    assert len(owner.all(MessageReceived)) == AT_ONCE
    done = 0
    while done < EVERY:
        for one in (came := owner.all(MessageReceived))[done:]:
            receiver.acknowledge(one)
        done = len(came)
        if done < EVERY:
            owner.next(MessageReceived, done + 1)


TOO_LARGE, NO_SUBSCRIBER = 149, 16
CONNACK = bytes.fromhex("20 03 00 00 00")  # Without any property.
DISCONNECT_TOO_LARGE = bytes.fromhex("e0 02 95 00")


def test_what_the_broker_announced_to_be_too_large_is_not_sent_to_it(
    tmp_path: Path, free_port: Callable[[], int], connect: Sessions
) -> None:
    with Mosquitto(tmp_path / "broker", free_port(), options=["max_packet_size 600"]) as broker:
        device, owner = connect(broker.port, version="5")
        owner.next(SessionConnected)
        # Fixed header 3, topic 2 + 5, packet identifier 2, length of the properties 1: the standard's section 3.3.
        for tag, size in (("too large", 588), ("just right", 587)):
            assert device.publish("topic", bytes(size), tag=tag)
        owner.next(PubackReceived, 2)
    wanted = [PubackReceived("too large", TOO_LARGE), PubackReceived("just right", NO_SUBSCRIBER)]
    assert owner.all(PubackReceived) == wanted


def test_what_a_broker_hung_up_over_without_a_warning_counts_as_refused(
    listener: socket.socket, connect: Sessions
) -> None:
    device, owner = connect(listener.getsockname()[1], version="5")
    end, _ = listener.accept()
    with end:
        end.recv(1000)
        end.sendall(CONNACK)
        owner.next(SessionConnected)
        for tag, size in (("small", 100), ("large", 1000), ("behind", 100)):
            assert device.publish("topic", bytes(size), tag=tag)
        received = 0
        while received < 1200:
            received += len(end.recv(4000))
        end.sendall(DISCONNECT_TOO_LARGE)
        owner.next(SessionDisconnected)
    assert kinds(owner)[:3] == [SessionConnected, PubackReceived, SessionDisconnected]
    assert owner.heard[1] == PubackReceived("large", TOO_LARGE), "of those that were not taken it is the largest"


def kinds(owner: Owner) -> list[type]:
    return [type(event) for event in owner.heard]


# ---- a broker that lives and does not answer ----

ONE_AT_A_TIME = bytes.fromhex("20 06 00 00 03 21 00 01")  # A CONNACK with the receive maximum 1.
KEPT = bytes.fromhex("20 03 01 00 00")  # A CONNACK: the session is known.


def publication(number: int) -> bytes:
    """A PUBLISH of QoS 1 on the topic `t`."""
    return bytes.fromhex("32 06 00 01") + b"t" + number.to_bytes(2, "big") + b"\0"


def suback(subscribe: bytes) -> bytes:
    """The answer to a SUBSCRIBE to one topic."""
    return bytes.fromhex("90 04") + subscribe[2:4] + bytes.fromhex("00 01")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Where a broker listens that the test plays."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(DEADLINE_S)
        yield listening


@contextmanager
def welcomed_by(listener: socket.socket) -> Iterator[tuple[socket.socket, bytes]]:
    """The broker's end of a connection that it has taken, and the SUBSCRIBE that came."""
    end, _ = listener.accept()
    with end:
        end.recv(1000)
        end.sendall(KEPT)
        yield end, end.recv(1000)


@pytest.fixture
def hurried(listener: socket.socket, connect: Sessions, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A session with the broker that the test plays, which waits for its answers for half a second."""
    monkeypatch.setattr("dockvoice_protocol.mqtt._ANSWER_S", 0.5)
    return lambda *topics: connect(listener.getsockname()[1], version="5", keepalive_s=60, subscriptions=topics)


def test_where_nothing_is_acknowledged_the_connection_is_made_anew_and_room_is_there_again(
    listener: socket.socket, hurried: Callable[..., Any]
) -> None:
    device, owner = hurried()
    for number in (1, 2):
        end, _ = listener.accept()
        with end:
            end.recv(1000)
            end.sendall(ONE_AT_A_TIME)
            until(lambda: device.is_connected, "never connected")
            assert device.publish("topic", b"first", tag="first")
            assert not device.publish("topic", b"second", tag="second"), "there is no room for another one"
            assert "lives, but acknowledges nothing" in owner.next(SessionDisconnected, number).why
    assert kinds(owner)[:4] == [SessionConnected, SessionDisconnected] * 2


def test_a_subscription_that_is_never_answered_ends_the_connection_and_is_told(
    listener: socket.socket, hurried: Callable[..., Any]
) -> None:
    device, owner = hurried("t")
    with welcomed_by(listener):
        until(lambda: device.trouble is not None, "it waits for ever")
    assert not device.is_accepted
    assert "lives, but answers no subscription" in str(device.trouble)
    with welcomed_by(listener) as (end, subscribe):
        end.sendall(suback(subscribe))
        until(lambda: device.is_connected, "never connected")
    assert owner.heard[0] == SessionConnected("5", 65_535, session_present=True)


def test_all_that_was_kept_may_come_before_the_answer(listener: socket.socket, hurried: Callable[..., Any]) -> None:
    device, owner = hurried("t")
    with welcomed_by(listener) as (end, subscribe):
        for number in range(1, 11):  # for twice as long as nothing at all would be waited for
            end.sendall(publication(number))
            time.sleep(0.1)
        assert device.is_accepted
        assert owner.heard == []
        end.sendall(suback(subscribe))
        owner.next(MessageReceived, 10)
    assert kinds(owner)[:11] == [SessionConnected, *[MessageReceived] * 10]
