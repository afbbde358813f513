"""The MQTT client: paho prepared for one persistent session; protocol version, backoff, TLS, what a failure means."""

from __future__ import annotations

import random
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties, VariableByteIntegers
from paho.mqtt.reasoncodes import ReasonCode

from dockvoice_protocol import plain_file
from dockvoice_protocol.config import Mqtt, MqttVersion, SecuredLink
from dockvoice_protocol.errors import Misconfigured

PROTOCOLS = {MqttVersion.V5: MQTTProtocolVersion.MQTTv5, MqttVersion.V311: MQTTProtocolVersion.MQTTv311}

_SESSION_EXPIRY_S = 7 * 24 * 3600
"""Session expiry of an absent client at an MQTT 5 broker: a week, longer than most closings of a site."""

PACKET_TOO_LARGE = 149
"""mosquitto's PUBACK to a message beyond its message_size_limit; by the standard it only ends connections. paho
would treat it as a protocol error and disconnect, again after each reconnect."""

ReasonCode.names[PACKET_TOO_LARGE]["Packet too large"].append(PacketTypes.PUBACK)


@dataclass(frozen=True)
class Will:
    """The last will: published by the broker, retained and with QoS 1, when the connection is lost."""

    topic: str
    payload: bytes


class _HookedClient(Client):
    """paho's client with a hook in its loop: paho alone would wait a keepalive for the answer to CONNECT."""

    on_turn: Callable[[Client], None] | None = None
    fresh_id: str | None = None
    """What the client id of each connection begins with; None: all connections have the same."""

    def reconnect(self) -> MQTTErrorCode:
        """Called by paho for each connection, the first one too."""
        if self.fresh_id is not None:
            self._client_id = f"{self.fresh_id}-{secrets.token_hex(4)}".encode()
        return super().reconnect()

    def loop_misc(self) -> MQTTErrorCode:
        """Called by paho in every turn of its loop, at least once a second."""
        if self.on_turn is not None:
            self.on_turn(self)
        return super().loop_misc()


def make_client(
    settings: Mqtt,
    version: MqttVersion,
    *,
    client_id: str,
    tls: ssl.SSLContext | None,
    will: Will | None,
    at_once: int | None = None,
    keep_session: bool = True,
    fresh_id: bool = False,
) -> _HookedClient:
    """A client that connects as soon as its loop runs.

    An MQTT 5 broker sends at most `at_once` messages without an acknowledgement; None leaves that to the broker. The
    broker discards the client's session without `keep_session`. With `fresh_id` each connection has a client id of its
    own, which begins with `client_id`.
    """
    modern = version is MqttVersion.V5
    client = _HookedClient(
        CallbackAPIVersion.VERSION2,
        client_id,
        protocol=PROTOCOLS[version],
        clean_session=None if modern else not keep_session,
        manual_ack=True,  # always: paho would acknowledge even what the receiver could not take
    )
    client.fresh_id = client_id if fresh_id else None
    client.on_socket_open = _disable_nagle
    client.max_inflight_messages = 0  # no limit of paho's own: beyond it, it would queue in silence
    secret = settings.password
    if settings.username is not None:
        client.username_pw_set(settings.username, secret.get_secret_value() if secret is not None else None)
    if tls is not None:
        client.tls_set_context(tls)
    if will is not None:
        client.will_set(will.topic, will.payload, qos=1, retain=True)
    if modern:
        keep = _properties(PacketTypes.CONNECT, SessionExpiryInterval=_SESSION_EXPIRY_S if keep_session else 0)
        if at_once is not None:
            keep.ReceiveMaximum = at_once
        clean = not keep_session
        client.connect_async(settings.host, settings.port, settings.keepalive_s, clean_start=clean, properties=keep)
    else:
        client.connect_async(settings.host, settings.port, settings.keepalive_s)
    return client


def _disable_nagle(_client: Client, _userdata: object, link: object) -> None:
    """Disable Nagle's algorithm: small packets do not wait for delayed acknowledgements."""
    assert isinstance(link, socket.socket)  # noqa: S101 - paho's others are for transports that are not used here
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def content_type_properties(content_type: str) -> Properties:
    """The MQTT 5 properties of a publication with this content type."""
    return _properties(PacketTypes.PUBLISH, ContentType=content_type)


def packet_size(topic: str, payload: bytes, properties: Properties | None) -> int:
    """The bytes of a publication with QoS 1 in MQTT 5 (section 3.3 of the standard)."""
    packed = b"\0" if properties is None else properties.pack()  # type: ignore[no-untyped-call] # as below
    identifier = 2
    remaining = 2 + len(topic.encode()) + identifier + len(packed) + len(payload)
    return 1 + len(VariableByteIntegers.encode(remaining)) + remaining  # type: ignore[no-untyped-call] # as below


def close_abruptly(client: Client) -> None:
    """Close the connection without DISCONNECT, from any thread."""
    connection = client.socket()
    if isinstance(connection, socket.socket):
        with suppress(OSError):  # it may be closed already
            connection.shutdown(socket.SHUT_RDWR)


def _properties(packet: int, **values: str | int) -> Properties:
    properties = Properties(packet)  # type: ignore[no-untyped-call] # paho left this one without annotations
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


_FIRST_WAIT_S = 0.5  # Wait before the second try to connect; it doubles from try to try.

_MOST_DOUBLINGS = 16
"""2**16 times the first wait is above every maximum, and no float overflows in a year without a broker."""

_STEADY_S = 5.0
"""A connection that lasted this long was stable: the back-off restarts. A shorter one was closed by the broker."""

_NOTING_S = 1.0  # Timeout for the publishing thread to register the packet of a PUBACK: that takes microseconds.

_DROPPED_TWICE = 2
"""Connections closed in a row without an answer before the other version is tried: one may be a restart."""

ANSWER_S = 10.0  # Timeout of CONNECT: slow links and brokers that ask a directory need a few seconds.

_FIRST_ANSWER_S = 2.0
"""The same while it is unknown whether the broker speaks MQTT 5: amqtt 0.12 misreads it and says nothing at all."""

REMEDIES = {
    132: '; version = "auto" finds the one it speaks, but deliver.settle = "broker" and consumer.share need MQTT 5',
    134: "; check username and password",
    135: "; check username and password",
    138: "; its administrator has banned this client",
}
"""The remedy for a refused connection, by MQTT 5 reason code; paho maps those of MQTT 3.1.1 to these."""

_TAKEN_OVER, _WITHOUT_A_WORD = 142, 128
"""DISCONNECT 0x8E of MQTT 5, and what paho makes of a connection that just ends: so it does where one client throws out
another with mosquitto 2.0.11, and with every broker in MQTT 3.1.1."""

_EXPIRED, _OTHER_HOST = (
    "; renew it, or set this machine's clock",
    "; mqtt.host must be a name that the certificate gives",
)

_LAX = (
    "; Python verifies strictly from 3.13 on: sign it anew with what it lacks, as docs/install.md (The broker) does, "
    "or the authority, if it is that one's"
)

_UNTRUSTED = {
    **dict.fromkeys(range(80, 94), _LAX),
    9: "; it is not valid yet: set the clock of this machine, or of the one that made it",
    10: _EXPIRED,
    62: _OTHER_HOST,
    64: _OTHER_HOST,
}
"""The remedy for a certificate, by OpenSSL's X509_V_ERR code (x509_vfy.h); the others need an authority.

80 to 93, from PATHLEN_INVALID_FOR_NON_CA to EXTENSIONS_REQUIRE_VERSION_3, are what X509_V_FLAG_X509_STRICT checks.
"""


class VersionChoice:
    """The protocol version to try next; fixed once a broker has accepted one."""

    def __init__(self, wanted: MqttVersion) -> None:
        self.now = MqttVersion.V5 if wanted is MqttVersion.AUTO else wanted
        self._settled = wanted is not MqttVersion.AUTO
        self._drops = 0

    @property
    def connect_timeout_s(self) -> float:
        """Timeout of a CONNECT of this version."""
        return ANSWER_S if self._settled or self.now is MqttVersion.V311 else _FIRST_ANSWER_S

    def note_accepted(self) -> None:
        """Fix the version: a broker accepted the connection."""
        self._settled = True

    def note_unsupported(self) -> None:
        """Try the other version next: the broker rejected this one, or did not answer in time."""
        if not self._settled:
            self._switch()

    def note_dropped(self) -> None:
        """Try the other version after two in a row: the broker closed the connection without an answer."""
        self._drops += 1
        if self._drops >= _DROPPED_TWICE and not self._settled:
            self._switch()

    def _switch(self) -> None:
        self.now = MqttVersion.V311 if self.now is MqttVersion.V5 else MqttVersion.V5
        self._drops = 0


class ReconnectBackoff:
    """Growing waits between attempts to connect, with jitter so that a whole site does not reconnect at once."""

    def __init__(self, maximum_s: float) -> None:
        self._maximum_s = maximum_s
        self._tries = 0
        self._began = 0.0

    def note_connected(self) -> None:
        """Note that a connection was established."""
        self._began = time.monotonic()

    def note_disconnected(self) -> None:
        """Note that the connection was lost; a stable one resets the back-off."""
        if self.is_steady:
            self._tries = 0

    @property
    def is_steady(self) -> bool:
        """Whether the connection has lasted long enough to be stable."""
        return time.monotonic() - self._began >= _STEADY_S

    def next_wait_s(self) -> float:
        """The wait before the next attempt, seconds."""
        full = min(self._maximum_s, _FIRST_WAIT_S * 2.0**self._tries)
        self._tries = min(self._tries + 1, _MOST_DOUBLINGS)
        return full * random.uniform(0.5, 1)  # noqa: S311 - spreads the tries, keeps no secret


@dataclass(frozen=True, slots=True)
class _Sent:
    """A publication without its PUBACK."""

    tag: str
    size: int  # Of the payload, bytes.
    at: float  # When it was handed over, on the monotonic clock.


class InFlightPublications:
    """In-flight publications of one connection by packet identifier: added on any thread, removed on paho's."""

    def __init__(self) -> None:
        self._noted = threading.Condition()
        self._sent: dict[int, _Sent] = {}

    def __len__(self) -> int:
        """The number of publications without a PUBACK."""
        return len(self._sent)

    def add(self, packet: int, tag: str, size: int) -> None:
        """Register a publication of `size` bytes, sent just now."""
        with self._noted:
            self._sent[packet] = _Sent(tag, size, time.monotonic())
            self._noted.notify_all()

    def acknowledge(self, packet: int) -> str | None:
        """Remove the publication that a PUBACK confirms and return its tag; None if it is not of this connection."""
        # The PUBACK can be here before the publishing thread has noted which packet carries its tag.
        with self._noted:
            self._noted.wait_for(lambda: packet in self._sent, timeout=_NOTING_S)
            sent = self._sent.pop(packet, None)
        return None if sent is None else sent.tag

    def clear(self) -> None:
        """Forget the publications of the previous connection."""
        with self._noted:
            self._sent.clear()

    def oldest_sent_at(self, now: float) -> float:
        """When the oldest publication without PUBACK was sent, on the monotonic clock; `now` without any."""
        with self._noted:
            return next((sent.at for sent in self._sent.values()), now)

    def tag_of_largest(self) -> str | None:
        """The tag of the largest publication; None where there is none."""
        with self._noted:
            untaken = list(self._sent.values())
        return max(untaken, key=lambda sent: sent.size).tag if untaken else None


_WRONG_PORT = "is this the port for TLS (8883 is usual)?"


class _Closing(ssl.SSLSocket):
    """Closes itself when the handshake fails; paho leaves that to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except ConnectionResetError as fault:
            self.close()
            raise ConnectionResetError(fault.errno, f"{fault.strerror} in the TLS handshake; {_WRONG_PORT}") from None
        except BaseException:
            self.close()
            raise


def refuse_impossible_host(settings: Mqtt) -> None:
    """Raise Misconfigured for an impossible host name: resolving it would raise UnicodeError."""
    try:
        settings.host.encode("idna")
    except UnicodeError:
        raise Misconfigured(f"mqtt.host: {settings.host!r} can be no host name; give a name or an address") from None


def refuse_exposed_link(settings: SecuredLink, section: str = "mqtt") -> None:
    """Raise Misconfigured where the link is neither private nor declared insecure in the settings."""
    if settings.exposure and not settings.insecure:
        raise Misconfigured(
            f"{section}.tls: is false, and {settings.exposure}; set tls = true, or insecure = true where nobody else "
            "can listen on the way"
        )


def make_tls_context(settings: Mqtt) -> ssl.SSLContext | None:
    """The TLS context, with verification of the broker; None without TLS. Raises Misconfigured for bad files."""
    if not settings.tls:
        return None
    try:
        plain_file.require_regular_files(settings.ca_file)
        context = ssl.create_default_context(cafile=settings.ca_file)
    except OSError as fault:
        raise Misconfigured(f"mqtt.ca_file: {settings.ca_file}: {explain_failure(fault)}; it must hold PEM") from None
    if settings.certificate_file is not None:
        try:
            plain_file.require_regular_files(settings.certificate_file, settings.key_file)
            # The empty password keeps OpenSSL from prompting for one.
            context.load_cert_chain(settings.certificate_file, settings.key_file, password="")
        except OSError as fault:
            where = (
                f"mqtt.certificate_file: {settings.certificate_file} with key {settings.key_file or 'in the same file'}"
            )
            raise Misconfigured(
                f"{where}: {explain_failure(fault)}; both must be PEM, the key without a password"
            ) from None
    context.sslsocket_class = _Closing
    return context


def explain_failure(fault: BaseException | None) -> str:
    """A failure to connect in a few words, with its remedy where that is known."""
    match fault:
        case ssl.SSLCertVerificationError():
            remedy = _UNTRUSTED.get(fault.verify_code, "; name the authority that signed it in mqtt.ca_file")
            return f"its certificate is not trusted: {fault.verify_message}{remedy}"
        case ssl.SSLError():
            reason = fault.reason or str(fault)
            return f"TLS failed: {reason.lower().replace('_', ' ')}{_tls_remedy(reason)}"
        case socket.gaierror():
            return f"no such host: {fault.strerror}"
        case OSError():
            return fault.strerror or str(fault) or type(fault).__name__
        case _:
            return type(fault).__name__


def same_client_id_hint(reason: int, client_id: str, *, steady: bool) -> str:
    """A hint that another client has the same client id, for a disconnect that looks like one; else empty."""
    if reason != _TAKEN_OVER and (steady or reason != _WITHOUT_A_WORD):
        return ""
    sure = "" if reason == _TAKEN_OVER else "if that goes on, "
    return (
        f"; {sure}another client calls itself {client_id!r} too, and each throws the other out: give each a name of "
        "its own (an agent's is made of site and device, an inventory's is client_id)"
    )


def _tls_remedy(reason: str) -> str:
    # The broker's alerts (RFC 8446, 6.2) about the client's certificate all name it.
    if "CERTIFICATE" in reason or "UNKNOWN_CA" in reason:
        return "; give a certificate that it trusts as mqtt.certificate_file and mqtt.key_file"
    return f"; {_WRONG_PORT}"
