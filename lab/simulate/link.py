"""One device's MQTT session on the event loop: paho's client without a thread for each device."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from paho.mqtt.client import Client
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from dockvoice_protocol.config import Mqtt, MqttVersion
from dockvoice_protocol.mqtt_client import (
    ANSWER_S,
    PROTOCOLS,
    VersionChoice,
    Will,
    close_abruptly,
    content_type_properties,
    make_client,
)

_RECEIVE_MAXIMUM = 65_535  # The default of MQTT 5 if the broker gives no receive maximum.

_UNSUPPORTED_VERSION = 132  # CONNACK 0x84; paho reports the MQTT 3.1.1 code 1 under this number too.


class _LinkListener(Protocol):
    """Callbacks of a link, all called on the event loop."""

    def on_connected(self, receive_maximum: int, *, session_present: bool) -> None:
        """Called when connection and subscriptions are accepted."""

    def on_disconnected(self, why: str) -> None:
        """Called when the connection ends, or is refused."""

    def on_puback(self, tag: str, reason_code: int) -> None:
        """Called on the PUBACK for the publication with this tag."""

    def on_receipt_or_presence(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Called for a message; it is acknowledged to the broker afterwards."""


class MqttLink:
    """A persistent MQTT session on an asyncio loop; its owner reconnects it. MQTT 5, or 3.1.1 as on a device.

    Without `keep_session` the broker keeps none, each connection has a client id of its own, and subscriptions have
    QoS 0, as on a device.
    """

    def __init__(
        self,
        settings: Mqtt,
        listener: _LinkListener,
        *,
        client_id: str,
        topics: tuple[str, ...],
        keep_session: bool = True,
        will: Will,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._listener = listener
        self._topics = topics
        self._tags: dict[int, str] = {}
        self._receive_maximum = 0
        self._present = False
        self._refusal: str | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writing = self._inside = self._answered = False
        self.is_up = False
        self._version = VersionChoice(settings.version)
        self.keeps_session = keep_session
        self._make_client = partial(make_client, settings, client_id=client_id, tls=tls)
        self._will = will
        self._client = self._new_client()

    def _new_client(self) -> Client:
        keep = self.keeps_session
        client = self._make_client(self._version.now, will=self._will, keep_session=keep, fresh_id=not keep)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        client.on_socket_close = self._on_socket_close
        return client

    def open(self) -> None:
        """Open a connection; blocks for the handshakes, so call it in a thread. Raises OSError."""
        self._tags.clear()
        self._answered = False
        if self._client.protocol != PROTOCOLS[self._version.now]:
            self._client = self._new_client()
        self._client.reconnect()

    def attach_to_loop(self) -> None:
        """Attach the open connection to the event loop."""
        if (connection := self._client.socket()) is None:
            self._listener.on_disconnected("the broker closes the connection at once")
            return
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(connection, self._on_readable)
        self._flush()

    def publish(
        self, topic: str, payload: bytes, *, tag: str, retain: bool = False, content_type: str | None = None
    ) -> bool:
        """Publish at QoS 1; False if not connected, or the receive window is full."""
        if not self.is_up or len(self._tags) >= self._receive_maximum:
            return False
        properties = None
        if content_type is not None and self._version.now is MqttVersion.V5:
            properties = content_type_properties(content_type)
        sent = self._client.publish(topic, payload, qos=1, retain=retain, properties=properties)
        self._tags[sent.mid] = tag
        self._flush()
        return self.is_up

    def subscribe_again(self) -> None:
        """Subscribe again, while connected: a broker that lost a subscription has it again."""
        if self.is_up:
            self._subscribe()
            self._flush()

    def keep_alive(self) -> None:
        """Keepalive: send a ping when due, or detect a dead peer."""
        if self._client.socket() is not None:
            self._client.loop_misc()
            self._flush()

    def cut(self) -> None:
        """Drop the connection without DISCONNECT, as a dead spot does."""
        close_abruptly(self._client)

    def end_session(self) -> None:
        """Disconnect; with MQTT 5 the broker then discards the session."""
        forgetting = None
        if self._version.now is MqttVersion.V5:
            forgetting = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call] # paho left it without any
            forgetting.SessionExpiryInterval = 0
        self._client.disconnect(properties=forgetting)
        self._flush()

    def discard_session(self) -> None:
        """Let a broker of MQTT 3.1.1 discard the session of a closed link; with MQTT 5 `end_session` did.

        Connects once more, for a clean session: 3.1.1 has no other way. Blocks, so call it in a thread. Raises OSError.
        """
        if self._version.now is MqttVersion.V5 or not self.keeps_session:
            return
        client = self._make_client(self._version.now, will=None, keep_session=False)
        client.on_connect = lambda connected, *_news: connected.disconnect()
        deadline = time.monotonic() + ANSWER_S
        client.reconnect()
        while client.loop() == MQTTErrorCode.MQTT_ERR_SUCCESS and time.monotonic() < deadline:
            pass
        close_abruptly(client)

    def _on_readable(self) -> None:
        self._call_client_without_flush(self._client.loop_read)
        # `select` does not show data that TLS has already decrypted.
        while isinstance(connection := self._client.socket(), ssl.SSLSocket) and connection.pending():
            self._call_client_without_flush(self._client.loop_read)
        self._flush()

    def _call_client_without_flush(self, step: Callable[[], object]) -> None:
        self._inside = True
        try:
            step()
        finally:
            self._inside = False

    def _flush(self) -> None:
        """Write pending data; the rest goes when the socket is writable.

        Not inside a callback of paho: paho would report a connection that breaks during the write, and deadlock.
        """
        if self._inside:
            return
        if self._client.want_write():
            self._call_client_without_flush(self._client.loop_write)
        connection, wanted = self._client.socket(), self._client.want_write()
        if self._loop is None or connection is None or wanted == self._writing:
            return
        self._writing = wanted
        if wanted:
            self._loop.add_writer(connection, self._flush)
        else:
            self._loop.remove_writer(connection)

    # Callbacks of paho.

    def _on_connect(self, _client: object, _userdata: object, flags: Any, reason: Any, properties: Any) -> None:
        self._answered = True
        if reason.is_failure:
            self._refusal = f"refuses the connection: {str(reason).lower()}"
            if reason.value == _UNSUPPORTED_VERSION:
                self._version.note_unsupported()
            return
        self._version.note_accepted()
        self._client.drop_out_messages()
        self._receive_maximum = getattr(properties, "ReceiveMaximum", _RECEIVE_MAXIMUM)
        self._present, self._refusal = flags.session_present, None
        self._subscribe()

    def _subscribe(self) -> None:
        self._client.subscribe([(topic, int(self.keeps_session)) for topic in self._topics])

    def _on_subscribe(
        self, _client: object, _userdata: object, _mid: int, reasons: list[Any], _properties: object
    ) -> None:
        if denied := [topic for topic, one in zip(self._topics, reasons, strict=False) if one.is_failure]:
            self._refusal = f"may not subscribe to {', '.join(denied)}; let the broker's access rules allow it"
            self.cut()
            return
        if self.is_up:
            return
        self.is_up = True
        self._listener.on_connected(self._receive_maximum, session_present=self._present)

    def _on_publish(self, _client: object, _userdata: object, mid: int, reason: Any, _properties: object) -> None:
        if (tag := self._tags.pop(mid, None)) is not None:
            self._listener.on_puback(tag, reason.value)

    def _on_message(self, client: Any, _userdata: object, message: Any) -> None:
        self._listener.on_receipt_or_presence(message.topic, bytes(message.payload), retained=message.retain)
        client.ack(message.mid, message.qos)

    def _on_disconnect(
        self, _client: object, _userdata: object, _flags: object, reason: Any, _properties: object
    ) -> None:
        self.is_up = False
        self._tags.clear()
        if not self._answered:
            self._version.note_dropped()
        self._listener.on_disconnected(self._refusal or f"connection lost ({str(reason).lower()})")

    def _on_socket_close(self, _client: object, _userdata: object, connection: Any) -> None:
        if self._loop is not None:
            self._loop.remove_reader(connection)
            self._loop.remove_writer(connection)
        self._loop, self._writing = None, False
