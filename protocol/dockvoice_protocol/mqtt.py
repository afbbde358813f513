"""The MQTT session: one persistent connection that reconnects by itself, and reports PUBACKs with reason codes.

Used by the agent and by the inventory. paho queues in memory and reports a message as published at any PUBACK, even a
refusal. So nothing is published without a connection, paho's queue is dropped after a disconnect, and each PUBACK is
passed on with its reason code. The caller decides what is published again.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from dockvoice_protocol.config import Mqtt, MqttVersion
from dockvoice_protocol.mqtt_client import (
    PACKET_TOO_LARGE,
    PROTOCOLS,
    REMEDIES,
    InFlightPublications,
    ReconnectBackoff,
    VersionChoice,
    Will,
    close_abruptly,
    content_type_properties,
    explain_failure,
    make_client,
    make_tls_context,
    packet_size,
    refuse_exposed_link,
    refuse_impossible_host,
    same_client_id_hint,
)

_RECEIVE_MAXIMUM = 65_535
"""MQTT 5's default where the broker names no receive maximum; MQTT 3.1.1 knows no other limit."""

_LARGEST = 268_435_460  # The largest packet that MQTT can express, bytes: section 2.1.4 of MQTT 5.

_ANSWER_S = 60.0
"""Timeout for PUBACK and SUBACK from a broker that still answers pings: a minute is beyond every slow link."""

_UNSUPPORTED_VERSION = 132  # CONNACK 0x84; paho reports the MQTT 3.1.1 code 1 under this number too.


@dataclass(frozen=True)
class SessionConnected:
    """The broker accepted the connection and every subscription."""

    protocol: str  # `5` or `3.1.1`.
    receive_maximum: int  # How many unacknowledged publications the broker takes.
    session_present: bool  # Whether the broker kept this client's session.


@dataclass(frozen=True)
class SessionDisconnected:
    """A connection that was reported as SessionConnected has ended."""

    why: str


@dataclass(frozen=True)
class PubackReceived:
    """The broker's PUBACK for the publication with this tag; with MQTT 3.1.1, which has no codes, always 0.

    149 too where the broker hung up because the packet was too large; then SessionDisconnected follows.
    """

    tag: str
    reason_code: int


@dataclass(frozen=True)
class MessageReceived:
    """A received message; always between SessionConnected and SessionDisconnected."""

    topic: str
    payload: bytes = field(repr=False)
    token: int  # What `Session.acknowledge` needs: the packet identifier, and the connection it is valid for.
    retained: bool = False  # Whether it is a retained message.


SessionEvent = SessionConnected | SessionDisconnected | PubackReceived | MessageReceived


@dataclass
class _Attempt:
    """One attempt to connect, and the resulting connection."""

    number: int
    answer_due: float | None  # Deadline of the broker's answer, on the monotonic clock; None once it has answered.
    silent: bool = False  # Whether the deadline passed.
    welcome: SessionConnected | None = None  # Reported once the subscriptions are accepted.
    early: list[MQTTMessage] = field(default_factory=list)  # Messages of a kept session that arrive before that.
    last_received_at: float = 0.0  # When the last of them, or CONNACK, arrived, on the monotonic clock.
    refusal: str | None = None  # Why the broker refused.
    largest: int = _LARGEST  # The broker's limit on packets, in bytes.
    over: bool = False  # paho can report one disconnect twice.


class Session:
    """A persistent MQTT session with QoS 1, where not told otherwise; MQTT 5, or 3.1.1 where the broker lacks it.

    `receive` is called on paho's network thread, or by `publish`, and must not wait for another thread that publishes.
    When it raises, the connection is cut without DISCONNECT (so that the last will is published), the message does not
    count as received, the error stays in `failure`, and `publish` and `acknowledge` raise it: the session is over.
    """

    def __init__(
        self,
        settings: Mqtt,
        *,
        client_id: str,
        receive: Callable[[SessionEvent], None],
        subscriptions: Sequence[str] = (),
        wishes: Sequence[str] = (),
        unkept: Collection[str] = (),
        keep_session: bool = True,
        will: Will | None = None,
        manual_ack: bool = False,
        at_once: int | None = None,
    ) -> None:
        """Prepare; nothing is contacted yet. Raises Misconfigured: impossible host, open link, bad TLS files.

        `wishes` are optional subscriptions, skipped where the broker forbids them. Those of both that are `unkept` have
        QoS 0: the broker keeps nothing of them for an absent client. Without `keep_session` it keeps nothing at all,
        and each connection has a client id of its own, which begins with `client_id`: the will of an earlier connection
        may then come after what the client publishes on the next one. `at_once` is the receive maximum of this client
        (MQTT 5); None leaves it to the broker.
        """
        refuse_impossible_host(settings)
        refuse_exposed_link(settings)
        self._settings = settings
        self._broker_name = f"broker {settings.host}:{settings.port}"
        self._tls = make_tls_context(settings)
        self._client_id = client_id
        self._keep_session = keep_session
        self._receive = receive
        self._subscriptions = tuple(subscriptions)
        self._wanted = [(topic, 0 if topic in unkept else 1) for topic in (*subscriptions, *wishes)]
        self._will = will
        self._manual_ack = manual_ack
        self._at_once = at_once
        self._version = VersionChoice(settings.version)
        self._waits = ReconnectBackoff(settings.reconnect_maximum_s)
        self._try = _Attempt(0, None)
        self._on_the_way = InFlightPublications()
        self._swap = threading.Lock()
        self._client: Client | None = None
        self._join: Callable[[float], None] | None = None
        self._connected: SessionConnected | None = None
        self._trouble: str | None = None
        self._failure: Exception | None = None

    @property
    def is_connected(self) -> bool:
        """Whether publications can be sent now."""
        return self._connected is not None

    @property
    def is_accepted(self) -> bool:
        """Whether the broker has accepted the connection; a kept session's messages may come before SUBACK."""
        return self._try.welcome is not None and not self._try.over

    @property
    def trouble(self) -> str | None:
        """Why there is no connection, in one line; None while connected, and before the first attempt failed."""
        return self._trouble

    @property
    def failure(self) -> Exception | None:
        """The error that `receive` raised, which ended the session; None without one."""
        return self._failure

    def start(self) -> None:
        """Connect in paho's thread and stay connected; an unreachable broker is retried, and is no error."""
        with self._swap:
            self._start_new_client()

    def publish(
        self, topic: str, payload: bytes, *, tag: str, retain: bool = False, content_type: str | None = None
    ) -> bool:
        """Send now; False when not connected, or at the broker's receive maximum. Nothing is queued.

        True means only that it was handed to the network: `PubackReceived(tag, …)` follows, or nothing when the
        connection ends first. `content_type` becomes the property of MQTT 5. A packet above the broker's limit would
        end the connection: it is not sent, and acknowledged at once as too large.
        """
        self._raise_failure()
        client, connected = self._client, self._connected
        if client is None or connected is None or len(self._on_the_way) >= connected.receive_maximum:
            return False
        properties = None
        if content_type is not None and connected.protocol == MqttVersion.V5:
            properties = content_type_properties(content_type)
        if packet_size(topic, payload, properties) > self._try.largest:
            return self._call_receive_or_end_session(client, PubackReceived(tag, PACKET_TOO_LARGE))
        sent = client.publish(topic, payload, qos=1, retain=retain, properties=properties)
        # Afterwards: no lock of ours is held in client.publish, where paho holds one that it holds at on_publish too.
        self._on_the_way.add(sent.mid, tag, len(payload))
        return sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def subscribe_again(self) -> None:
        """Subscribe again, while connected, to all but the wishes: the broker may have lost a subscription.

        Retained messages come again. Where the broker refuses it now, the connection is cut, as at its beginning.
        """
        client = self._client
        if client is not None and self.is_connected and self._subscriptions:
            client.subscribe(self._wanted[: len(self._subscriptions)])

    def acknowledge(self, delivered: MessageReceived) -> None:
        """Acknowledge a received message. One of an earlier connection is ignored: the broker sends it again."""
        self._raise_failure()
        number, packet = divmod(delivered.token, _RECEIVE_MAXIMUM + 1)
        client = self._client
        # A packet identifier belongs to one connection; a message published with QoS 0 has none.
        if client is not None and number == self._try.number and packet:
            client.ack(packet, 1)

    def stop(self, timeout_s: float = 2.0) -> None:
        """Disconnect after what is already handed over; cut the connection after the timeout.

        Not to be called from `receive`. An attempt to connect that is under way ends by itself.
        """
        with self._swap:
            client, self._client = self._client, None
        self._connected = None
        if client is None:
            return
        client.disconnect()
        if self._join is not None:
            self._join(timeout_s)
        close_abruptly(client)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _start_new_client(self) -> None:
        self._client = client = make_client(
            self._settings,
            self._version.now,
            client_id=self._client_id,
            tls=self._tls,
            will=self._will,
            at_once=self._at_once,
            keep_session=self._keep_session,
            fresh_id=not self._keep_session,
        )
        client.on_pre_connect = self._begin_attempt
        client.on_connect_fail = self._note_connect_failure
        client.on_turn = self._cut_if_answer_overdue
        client.on_connect = self._subscribe_or_note_refusal
        client.on_subscribe = self._report_connected_or_cut
        client.on_publish = self._report_acknowledged
        client.on_message = self._deliver_or_hold_until_connected
        client.on_disconnect = self._report_disconnected
        client.loop_start()

    # Callbacks on paho's thread. A replaced client is ending; its callbacks are ignored.

    def _begin_attempt(self, client: Client, _userdata: object) -> None:
        """Begin an attempt to connect, with a deadline for the broker's answer."""
        if client is not self._client:
            client.loop_stop()
            raise ConnectionAbortedError("stopped")  # an OSError is how paho is told that there is no connection
        self._join = threading.current_thread().join
        # paho itself gives up after a keepalive, and would not say that it did.
        patience_s = min(self._version.connect_timeout_s, self._settings.keepalive_s)
        self._try = _Attempt(self._try.number + 1, time.monotonic() + patience_s)

    def _note_connect_failure(self, client: Client, _userdata: object) -> None:
        if client is self._client:
            # paho calls this from its `except OSError`, and gives no other way to learn what happened.
            self._trouble = f"{self._broker_name}: {explain_failure(sys.exception())}"
            self._wait_before_retry(client)

    def _cut_if_answer_overdue(self, client: Client) -> None:
        """Cut the connection where CONNACK, SUBACK or a PUBACK is overdue."""
        if client is not self._client:
            return
        due, now = self._try.answer_due, time.monotonic()
        if due is not None and now >= due:
            self._try.silent = True
            close_abruptly(client)
        elif self._connected is None and self.is_accepted and now - self._try.last_received_at >= _ANSWER_S:
            self._try.refusal = (
                f"{self._broker_name}: lives, but answers no subscription; restart it if that comes again"
            )
            close_abruptly(client)
        elif self._connected is not None and now - self._on_the_way.oldest_sent_at(now) >= _ANSWER_S:
            # A publication without PUBACK occupies the window, and may be sent again on another connection only.
            self._try.refusal = f"{self._broker_name}: lives, but acknowledges nothing; restart it if that comes again"
            close_abruptly(client)

    def _subscribe_or_note_refusal(
        self, client: Client, _userdata: object, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if client is not self._client:
            client.disconnect()
            return
        self._try.answer_due = None
        if reason.is_failure:
            remedy = REMEDIES.get(reason.value, "")
            self._try.refusal = f"{self._broker_name}: refuses the connection: {str(reason).lower()}{remedy}"
            if reason.value == _UNSUPPORTED_VERSION:
                self._version.note_unsupported()
            return
        self._version.note_accepted()
        client.drop_out_messages()
        self._on_the_way.clear()
        limit = getattr(properties, "ReceiveMaximum", _RECEIVE_MAXIMUM)
        self._try.largest = getattr(properties, "MaximumPacketSize", _LARGEST)
        self._try.welcome = SessionConnected(self._version.now.value, limit, flags.session_present)
        self._try.last_received_at = time.monotonic()
        if self._wanted:
            client.subscribe(self._wanted)
        else:
            self._report_connected_and_deliver_held(client)

    def _report_connected_or_cut(
        self, client: Client, _userdata: object, _mid: int, reasons: list[ReasonCode], _properties: object
    ) -> None:
        denied = [topic for topic, reason in zip(self._subscriptions, reasons, strict=False) if reason.is_failure]
        if denied:
            allow = "let the broker's access rules allow it"
            self._try.refusal = f"{self._broker_name}: may not subscribe to {', '.join(denied)}; {allow}"
            close_abruptly(client)
        elif client is self._client and self._connected is None:
            self._report_connected_and_deliver_held(client)

    def _report_acknowledged(
        self, client: Client, _userdata: object, mid: int, reason: ReasonCode, _properties: object
    ) -> None:
        tag = self._on_the_way.acknowledge(mid)
        if tag is not None and client is self._client:
            self._call_receive_or_end_session(client, PubackReceived(tag, reason.value))

    def _deliver_or_hold_until_connected(self, client: Client, _userdata: object, message: MQTTMessage) -> None:
        """Report a message; hold it where it comes before SessionConnected was reported."""
        if client is not self._client:
            return
        if self._connected is None:
            self._try.early.append(message)
            self._try.last_received_at = time.monotonic()
            return
        token = self._try.number * (_RECEIVE_MAXIMUM + 1) + message.mid
        taken = self._call_receive_or_end_session(
            client, MessageReceived(message.topic, bytes(message.payload), token, message.retain)
        )
        if taken and not self._manual_ack:
            client.ack(message.mid, message.qos)

    def _report_disconnected(
        self, client: Client, _userdata: object, _flags: DisconnectFlags, reason: ReasonCode, _properties: object
    ) -> None:
        if client is not self._client or self._try.over:
            return
        self._try.over = True
        lost, self._connected = self._connected, None
        self._trouble = self._explain_disconnect_and_note_version(reason)
        self._wait_before_retry(client)
        if lost is not None:
            self._waits.note_disconnected()
            largest = self._on_the_way.tag_of_largest()
            if reason.value == PACKET_TOO_LARGE and largest is not None:
                # The broker does not say which packet was too large: take the largest unacknowledged one.
                self._call_receive_or_end_session(client, PubackReceived(largest, PACKET_TOO_LARGE))
            self._call_receive_or_end_session(client, SessionDisconnected(self._trouble))
        if client.protocol != PROTOCOLS[self._version.now]:
            self._replace_client(client)

    def _explain_disconnect_and_note_version(self, reason: ReasonCode) -> str:
        """Why the connection ended, in one line; an unanswered CONNECT counts against its protocol version."""
        if self._try.silent:
            silence = f"takes the connection but does not answer MQTT {self._version.now}"
            self._version.note_unsupported()
            return f"{self._broker_name}: {silence}; is it a broker, and does it know this version?"
        if self._try.answer_due is not None:
            self._version.note_dropped()
            expected = (
                "a client certificate that it trusts (mqtt.certificate_file)"
                if self._settings.tls
                else "TLS (tls = true)"
            )
            return f"{self._broker_name}: closes the connection without answering; it may expect {expected}"
        steady = self._waits.is_steady
        likely = same_client_id_hint(reason.value, self._client_id, steady=steady) if self._keep_session else ""
        return self._try.refusal or f"{self._broker_name}: connection lost ({str(reason).lower()}){likely}"

    def _report_connected_and_deliver_held(self, client: Client) -> None:
        if self._try.welcome is None:
            return
        self._connected, self._trouble = self._try.welcome, None
        self._waits.note_connected()
        self._call_receive_or_end_session(client, self._connected)
        early, self._try.early = self._try.early, []
        for message in early:
            self._deliver_or_hold_until_connected(client, None, message)

    def _call_receive_or_end_session(self, client: Client, event: SessionEvent) -> bool:
        try:
            self._receive(event)
        except Exception as fault:  # noqa: BLE001 - kept in `failure` and raised on the owner's next call
            self._failure, self._connected, self._client = fault, None, None
            # The type only: the text of a foreign error may quote an operator's speech.
            self._trouble = f"{self._broker_name}: the receiver failed ({type(fault).__name__}), the session is over"
            client.loop_stop()
            close_abruptly(client)
        return self._failure is None

    def _wait_before_retry(self, client: Client) -> None:
        wait = self._waits.next_wait_s()
        client.reconnect_delay_set(wait, wait)  # type: ignore[arg-type] # declared int, used as seconds of any kind

    def _replace_client(self, client: Client) -> None:
        """Replace the client with one of the other version: paho's cannot change its own."""
        with self._swap:
            if client is self._client:
                client.loop_stop()  # on its own thread this waits for nothing, it only lets the loop end
                self._start_new_client()
