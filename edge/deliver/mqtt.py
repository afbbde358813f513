"""The MQTT session: one persistent connection that goes on by itself, and tells what really happened.

The only module that knows paho, used by the agent and by the inventory. paho keeps a queue of its own in memory and
calls a message published as soon as any PUBACK came, a refusal included; so nothing is handed to it while there is no
connection, what it still holds after one is dropped, and each PUBACK is passed on with its reason code. Whoever
publishes decides what goes again.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.config import Mqtt, MqttVersion
from edge.deliver.connecting import REMEDIES, Version, Waits, check_host, explained, tls_context
from edge.deliver.session_events import Acknowledged, Connected, Delivered, Disconnected, SessionEvent

__all__ = ["Acknowledged", "Connected", "Delivered", "Disconnected", "Session", "SessionEvent", "Will"]

PROTOCOLS = {MqttVersion.V5: MQTTProtocolVersion.MQTTv5, MqttVersion.V311: MQTTProtocolVersion.MQTTv311}

SESSION_EXPIRY_S = 7 * 24 * 3600
"""How long an MQTT 5 broker keeps the session of an absent client: a week, longer than most closings of a site."""

RECEIVE_MAXIMUM = 65_535
"""What MQTT 5 says holds where the broker names no receive maximum; MQTT 3.1.1 knows no other limit."""

UNSUPPORTED_VERSION = 132
"""CONNACK 0x84; paho reports the MQTT 3.1.1 code 1 under this number too."""

PACKET_TOO_LARGE = 149
"""mosquitto's PUBACK to a message beyond its message_size_limit; the standard has it only end connections. To paho it
would be a protocol error: it would hang up, and again after each reconnect, for as long as the message is sent."""

ReasonCode.names[PACKET_TOO_LARGE]["Packet too large"].append(PacketTypes.PUBACK)


@dataclass(frozen=True)
class Will:
    """What the broker publishes, retained and with QoS 1, when this client is lost without a word."""

    topic: str
    payload: bytes


@dataclass
class _Try:
    """One try to connect, and the connection it leads to."""

    number: int
    answer_due: float | None
    """When patience for the broker's answer ends, on the monotonic clock; None once it has answered."""
    silent: bool = False
    """Whether patience did end."""
    welcome: Connected | None = None
    """What will be told once the subscriptions stand."""
    early: list[MQTTMessage] = field(default_factory=list)
    """What a session kept by the broker sends before that."""
    refusal: str | None = None
    """What the broker did not allow."""
    over: bool = False
    """paho can report one end twice."""


class _Client(Client):
    """paho's client, which alone would wait for the answer to CONNECT as long as a keepalive."""

    on_turn: Callable[[Client], None] | None = None

    def loop_misc(self) -> MQTTErrorCode:
        """What paho does in every turn of its loop, at least once a second."""
        if self.on_turn is not None:
            self.on_turn(self)
        return super().loop_misc()


class Session:
    """A persistent MQTT session with QoS 1 throughout; MQTT 5, or 3.1.1 where the broker knows no better.

    `receive` is called on paho's network thread and must not wait for another thread that publishes. When it raises,
    the connection is cut without farewell (so that the last will speaks), the message does not count as received, the
    error stays in `failure`, and `publish` and `acknowledge` raise it: a session whose receiver is broken is over.
    """

    def __init__(
        self,
        settings: Mqtt,
        *,
        client_id: str,
        receive: Callable[[SessionEvent], None],
        subscriptions: Sequence[str] = (),
        will: Will | None = None,
        manual_ack: bool = False,
    ) -> None:
        """Prepare; nothing is contacted yet. Raises Misconfigured for an impossible host or bad TLS files."""
        check_host(settings)
        self._settings = settings
        self._tls = tls_context(settings)
        self._client_id = client_id
        self._receive = receive
        self._subscriptions = tuple(subscriptions)
        self._will = will
        self._manual_ack = manual_ack
        self._version = Version(settings.version)
        self._waits = Waits(settings.reconnect_maximum_s)
        self._try = _Try(0, None)
        self._tagged = threading.Condition()
        self._tags: dict[int, str] = {}
        self._swap = threading.Lock()
        self._client: Client | None = None
        self._join: Callable[[float], None] | None = None
        self._connected: Connected | None = None
        self._trouble: str | None = None
        self._failure: Exception | None = None

    @property
    def connected(self) -> bool:
        """Whether a publication would go out now."""
        return self._connected is not None

    @property
    def trouble(self) -> str | None:
        """Why there is no connection, in one line; None while there is one, and before the first try failed."""
        return self._trouble

    @property
    def failure(self) -> Exception | None:
        """What `receive` raised, which ended the session; None as long as all is well."""
        return self._failure

    def start(self) -> None:
        """Connect in paho's thread and stay connected, for ever; an absent broker is waited for, not an error."""
        with self._swap:
            self._open()

    def publish(
        self, topic: str, payload: bytes, *, tag: str, retain: bool = False, content_type: str | None = None
    ) -> bool:
        """Send now, or say False: not connected, or as much on the way as the broker takes. Nothing is queued.

        True means only that it was handed to the network: `Acknowledged(tag, …)` follows, or nothing does when the
        connection ends first. `content_type` becomes the property of MQTT 5.
        """
        self._raise_failure()
        client, connected = self._client, self._connected
        if client is None or connected is None or len(self._tags) >= connected.receive_maximum:
            return False
        properties = None
        if content_type is not None and connected.protocol == MqttVersion.V5:
            properties = _properties(PacketTypes.PUBLISH, ContentType=content_type)
        sent = client.publish(topic, payload, qos=1, retain=retain, properties=properties)
        # Not held during client.publish: paho holds a lock of its own there, as it does when it calls _on_publish.
        with self._tagged:
            self._tags[sent.mid] = tag
            self._tagged.notify_all()
        return sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def acknowledge(self, delivered: Delivered) -> None:
        """Tell the broker that a message is dealt with. One from an earlier connection is left: it comes again."""
        self._raise_failure()
        number, packet = divmod(delivered.token, RECEIVE_MAXIMUM + 1)
        client = self._client
        # A packet identifier belongs to one connection; a message published with QoS 0 has none.
        if client is not None and number == self._try.number and packet:
            client.ack(packet, 1)

    def stop(self, timeout_s: float = 2.0) -> None:
        """Say farewell to the broker after what is already handed over; cut the connection if that takes too long.

        Not to be called from `receive`. A try to connect that is under way ends by itself, and leads to nothing.
        """
        with self._swap:
            client, self._client = self._client, None
        self._connected = None
        if client is None:
            return
        client.disconnect()
        if self._join is not None:
            self._join(timeout_s)
        _cut(client)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _open(self) -> None:
        self._client = self._prepared(PROTOCOLS[self._version.now])
        self._client.loop_start()

    def _prepared(self, protocol: MQTTProtocolVersion) -> Client:
        modern = protocol is MQTTProtocolVersion.MQTTv5
        client = _Client(
            CallbackAPIVersion.VERSION2,
            self._client_id,
            protocol=protocol,
            clean_session=None if modern else False,
            manual_ack=True,  # always: paho would acknowledge even what the receiver could not take
        )
        client.max_inflight_messages = 0  # no limit of paho's own: beyond it, it would queue in silence
        self._listen(client)
        settings, secret = self._settings, self._settings.password
        if settings.username is not None:
            client.username_pw_set(settings.username, secret.get_secret_value() if secret is not None else None)
        if self._tls is not None:
            client.tls_set_context(self._tls)
        if self._will is not None:
            client.will_set(self._will.topic, self._will.payload, qos=1, retain=True)
        if modern:
            keep = _properties(PacketTypes.CONNECT, SessionExpiryInterval=SESSION_EXPIRY_S)
            client.connect_async(settings.host, settings.port, settings.keepalive_s, clean_start=False, properties=keep)
        else:
            client.connect_async(settings.host, settings.port, settings.keepalive_s)
        return client

    # What paho calls, on its own thread. A client that is no longer ours is on its way out and is not listened to.

    def _listen(self, client: _Client) -> None:
        client.on_pre_connect = self._on_pre_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_turn = self._on_turn
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect

    def _on_pre_connect(self, client: Client, _userdata: object) -> None:
        if client is not self._client:
            client.loop_stop()
            raise ConnectionAbortedError("stopped")  # an OSError is how paho is told that there is no connection
        self._join = threading.current_thread().join
        # paho itself gives up after a keepalive, and would not say that it did.
        patience_s = min(self._version.patience_s, self._settings.keepalive_s)
        self._try = _Try(self._try.number + 1, time.monotonic() + patience_s)

    def _on_connect_fail(self, client: Client, _userdata: object) -> None:
        if client is self._client:
            # paho calls this from its `except OSError`, and gives no other way to learn what happened.
            self._trouble = f"{self._broker}: {explained(sys.exception())}"
            self._wait(client)

    def _on_turn(self, client: Client) -> None:
        due = self._try.answer_due
        if client is self._client and due is not None and time.monotonic() >= due:
            self._try.silent = True
            _cut(client)

    def _on_connect(
        self, client: Client, _userdata: object, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if client is not self._client:
            client.disconnect()
            return
        self._try.answer_due = None
        if reason.is_failure:
            self._refused(reason)
            return
        self._version.accepted()
        client.drop_out_messages()
        with self._tagged:
            self._tags.clear()
        limit = getattr(properties, "ReceiveMaximum", RECEIVE_MAXIMUM)
        self._try.welcome = Connected(self._version.now.value, limit, flags.session_present)
        if self._subscriptions:
            client.subscribe([(topic, 1) for topic in self._subscriptions])
        else:
            self._ready(client)

    def _on_subscribe(
        self, client: Client, _userdata: object, _mid: int, reasons: list[ReasonCode], _properties: object
    ) -> None:
        denied = [topic for topic, reason in zip(self._subscriptions, reasons, strict=False) if reason.is_failure]
        if denied:
            allow = "let the broker's access rules allow it"
            self._try.refusal = f"{self._broker}: may not subscribe to {', '.join(denied)}; {allow}"
            _cut(client)
        elif client is self._client:
            self._ready(client)

    def _on_publish(self, client: Client, _userdata: object, mid: int, reason: ReasonCode, _properties: object) -> None:
        # The PUBACK can be here before the publishing thread has noted which packet carries its tag.
        with self._tagged:
            self._tagged.wait_for(lambda: mid in self._tags, timeout=1)
            tag = self._tags.pop(mid, None)
        if tag is not None and client is self._client:
            self._tell(client, Acknowledged(tag, reason.value))

    def _on_message(self, client: Client, _userdata: object, message: MQTTMessage) -> None:
        if client is not self._client:
            return
        if self._connected is None:
            self._try.early.append(message)
            return
        token = self._try.number * (RECEIVE_MAXIMUM + 1) + message.mid
        taken = self._tell(client, Delivered(message.topic, bytes(message.payload), token))
        if taken and not self._manual_ack:
            client.ack(message.mid, message.qos)

    def _on_disconnect(
        self, client: Client, _userdata: object, _flags: DisconnectFlags, reason: ReasonCode, _properties: object
    ) -> None:
        if client is not self._client or self._try.over:
            return
        self._try.over = True
        lost, self._connected = self._connected, None
        self._trouble = self._why(reason)
        self._wait(client)
        if lost is not None:
            self._waits.ended()
            self._tell(client, Disconnected(self._trouble))
        if client.protocol != PROTOCOLS[self._version.now]:
            self._reopen(client)

    def _why(self, reason: ReasonCode) -> str:
        if self._try.silent:
            silence = f"takes the connection but does not answer MQTT {self._version.now}"
            self._version.unsupported()
            return f"{self._broker}: {silence}; is it a broker, and does it know this version?"
        if self._try.answer_due is not None:
            self._version.dropped()
            hint = "it may want a client certificate" if self._settings.tls else "it may expect TLS (tls = true)"
            return f"{self._broker}: closes the connection without answering; {hint}"
        return self._try.refusal or f"{self._broker}: connection lost ({str(reason).lower()})"

    def _ready(self, client: Client) -> None:
        if self._try.welcome is None:
            return
        self._connected, self._trouble = self._try.welcome, None
        self._waits.began()
        self._tell(client, self._connected)
        for message in self._try.early:
            self._on_message(client, None, message)

    def _refused(self, reason: ReasonCode) -> None:
        remedy = REMEDIES.get(reason.value, "")
        self._try.refusal = f"{self._broker}: refuses the connection: {str(reason).lower()}{remedy}"
        if reason.value == UNSUPPORTED_VERSION:
            self._version.unsupported()

    def _tell(self, client: Client, event: SessionEvent) -> bool:
        try:
            self._receive(event)
        except Exception as fault:  # noqa: BLE001 - kept in `failure` and raised on the owner's next call
            self._failure, self._connected, self._client = fault, None, None
            # The kind only: the text of a stranger's error may quote what was said.
            self._trouble = f"{self._broker}: the receiver failed ({type(fault).__name__}), the session is over"
            client.loop_stop()
            _cut(client)
        return self._failure is None

    def _wait(self, client: Client) -> None:
        wait = self._waits.next()
        client.reconnect_delay_set(wait, wait)  # type: ignore[arg-type] # declared int, used as seconds of any kind

    def _reopen(self, client: Client) -> None:
        """Go on with a client that speaks the other version: paho's cannot change its own."""
        with self._swap:
            if client is self._client:
                client.loop_stop()  # on its own thread this waits for nothing, it only lets the loop end
                self._open()

    @property
    def _broker(self) -> str:
        return f"broker {self._settings.host}:{self._settings.port}"


def _properties(packet: int, **values: str | int) -> Properties:
    properties = Properties(packet)  # type: ignore[no-untyped-call] # paho left this one without annotations
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def _cut(client: Client) -> None:
    """Close the connection without farewell, from any thread: paho's loop finds it ended."""
    connection = client.socket()
    if isinstance(connection, socket.socket):
        with suppress(OSError):  # it may be closed already
            connection.shutdown(socket.SHUT_RDWR)
