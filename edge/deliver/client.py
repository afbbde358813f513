"""paho's client, prepared for one persistent session of one protocol version, and what else of paho needs mending.

Besides `mqtt`, which drives it, the only module that knows paho.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties, VariableByteIntegers
from paho.mqtt.reasoncodes import ReasonCode

from edge.config import Mqtt, MqttVersion

PROTOCOLS = {MqttVersion.V5: MQTTProtocolVersion.MQTTv5, MqttVersion.V311: MQTTProtocolVersion.MQTTv311}

SESSION_EXPIRY_S = 7 * 24 * 3600
"""How long an MQTT 5 broker keeps the session of an absent client: a week, longer than most closings of a site."""

PACKET_TOO_LARGE = 149
"""mosquitto's PUBACK to a message beyond its message_size_limit; the standard has it only end connections. To paho it
would be a protocol error: it would hang up, and again after each reconnect, for as long as the message is sent."""

ReasonCode.names[PACKET_TOO_LARGE]["Packet too large"].append(PacketTypes.PUBACK)


@dataclass(frozen=True)
class Will:
    """What the broker publishes, retained and with QoS 1, when this client is lost without a word."""

    topic: str
    payload: bytes


class Watched(Client):
    """paho's client, which alone would wait for the answer to CONNECT as long as a keepalive."""

    on_turn: Callable[[Client], None] | None = None

    def loop_misc(self) -> MQTTErrorCode:
        """What paho does in every turn of its loop, at least once a second."""
        if self.on_turn is not None:
            self.on_turn(self)
        return super().loop_misc()


def prepared(
    settings: Mqtt, version: MqttVersion, *, client_id: str, tls: ssl.SSLContext | None, will: Will | None
) -> Watched:
    """A client that will connect as soon as its loop runs."""
    modern = version is MqttVersion.V5
    client = Watched(
        CallbackAPIVersion.VERSION2,
        client_id,
        protocol=PROTOCOLS[version],
        clean_session=None if modern else False,
        manual_ack=True,  # always: paho would acknowledge even what the receiver could not take
    )
    client.max_inflight_messages = 0  # no limit of paho's own: beyond it, it would queue in silence
    secret = settings.password
    if settings.username is not None:
        client.username_pw_set(settings.username, secret.get_secret_value() if secret is not None else None)
    if tls is not None:
        client.tls_set_context(tls)
    if will is not None:
        client.will_set(will.topic, will.payload, qos=1, retain=True)
    if modern:
        keep = _properties(PacketTypes.CONNECT, SessionExpiryInterval=SESSION_EXPIRY_S)
        client.connect_async(settings.host, settings.port, settings.keepalive_s, clean_start=False, properties=keep)
    else:
        client.connect_async(settings.host, settings.port, settings.keepalive_s)
    return client


def of_type(content_type: str) -> Properties:
    """The properties of a publication with this content type, for MQTT 5."""
    return _properties(PacketTypes.PUBLISH, ContentType=content_type)


def packet_size(topic: str, payload: bytes, properties: Properties | None) -> int:
    """How many bytes a publication with QoS 1 takes in MQTT 5 (section 3.3 of the standard)."""
    packed = b"\0" if properties is None else properties.pack()  # type: ignore[no-untyped-call] # as below
    identifier = 2
    remaining = 2 + len(topic.encode()) + identifier + len(packed) + len(payload)
    return 1 + len(VariableByteIntegers.encode(remaining)) + remaining  # type: ignore[no-untyped-call] # as below


def cut(client: Client) -> None:
    """Close the connection without farewell, from any thread: paho's loop finds it ended."""
    connection = client.socket()
    if isinstance(connection, socket.socket):
        with suppress(OSError):  # it may be closed already
            connection.shutdown(socket.SHUT_RDWR)


def _properties(packet: int, **values: str | int) -> Properties:
    properties = Properties(packet)  # type: ignore[no-untyped-call] # paho left this one without annotations
    for name, value in values.items():
        setattr(properties, name, value)
    return properties
