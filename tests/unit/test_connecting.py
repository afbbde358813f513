"""Before and between connections: settings that cannot work, which version comes next, how long to wait."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.config import Mqtt, MqttVersion
from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.mqtt import Session
from dockvoice_protocol.mqtt_client import (
    ANSWER_S,
    ReconnectBackoff,
    VersionChoice,
    explain_failure,
    same_client_id_hint,
)
from tests.rows import each_of
from tests.servers.certificates import HERE, Authority
from tests.servers.mosquitto import Certificates


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


OPEN = "set tls = true, or insecure = true where nobody else can listen on the way"


@each_of(
    "settings",
    [
        {},
        {"host": "10.0.0.7", "insecure": True},
        {"host": "b.north", "tls": True},
        {"username": "dock", "password": "right", "insecure": True},
    ],
)
def test_a_link_that_nobody_reads_or_that_may_be_read_is_taken(settings: dict[str, Any]) -> None:
    Session(Mqtt(**settings), client_id="device", receive=print)


def refusal(**settings: Any) -> str:
    with pytest.raises(Misconfigured) as refused:
        Session(Mqtt(**settings), client_id="device", receive=print)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@each_of(
    ("settings", "told"),
    [
        ({"host": "a..b"}, "mqtt.host: 'a..b' can be no host name; give a name or an address"),
        *(
            ({"host": host}, f"mqtt.tls: is false, and all that is said goes to {host} in the clear; {OPEN}")
            for host in ("broker.north", "10.0.0.7", "2001:db8::7", "localhost.north")
        ),
        ({"username": "dock", "password": "right"}, f"mqtt.tls: is false, and the password goes in the clear; {OPEN}"),
        ({"tls": True, "ca_file": "gone"}, "mqtt.ca_file: gone: No such file or directory; it must hold PEM"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], told: str) -> None:
    assert refusal(**settings) == told


def test_a_file_that_holds_no_certificate_is_refused(tmp_path: Path, certificates: Certificates) -> None:
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("nothing")
    assert refusal(tls=True, ca_file=rubbish).startswith(f"mqtt.ca_file: {rubbish}: TLS failed: no certificate")
    other = certificates.server_key
    told = refusal(tls=True, certificate_file=certificates.client, key_file=other)
    assert told.startswith(
        f"mqtt.certificate_file: {certificates.client} with key {other}: TLS failed: key values mism"
    )


def test_no_secret_shows() -> None:
    session = Session(Mqtt(username="dock", password="hush", insecure=True), client_id="device", receive=print)  # noqa: S106 - made up
    assert "hush" not in f"{session!r} {vars(session)!r}"


@each_of(
    ("fault", "told"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (socket.gaierror(-2, "Name or service not known"), "no such host: Name or service not known"),
        (None, "NoneType"),
    ],
)
def test_failures_are_put_into_words(fault: BaseException | None, told: str) -> None:
    assert explain_failure(fault) == told


def test_auto_goes_from_5_to_3_1_1_and_back_until_one_is_accepted() -> None:
    version = VersionChoice(MqttVersion.AUTO)
    tried = []
    for happens in (
        version.note_unsupported,
        version.note_dropped,
        version.note_dropped,
        version.note_dropped,
        version.note_dropped,
    ):
        tried.append(version.now.value)
        happens()
    assert tried == ["5", "3.1.1", "3.1.1", "5", "5"]
    assert version.now is MqttVersion.V311
    version.note_accepted()
    for happens in (version.note_unsupported, version.note_dropped, version.note_dropped, version.note_dropped):
        happens()
    assert version.now is MqttVersion.V311


@each_of("wanted", [MqttVersion.V5, MqttVersion.V311])
def test_a_version_that_was_asked_for_stays(wanted: MqttVersion) -> None:
    version = VersionChoice(wanted)
    for happens in (version.note_unsupported, version.note_dropped, version.note_dropped, version.note_dropped):
        happens()
    assert version.now is wanted
    assert version.connect_timeout_s == ANSWER_S


def test_waits_grow_to_the_maximum_and_differ() -> None:
    waits = ReconnectBackoff(30)
    taken = [waits.next_wait_s() for _ in range(100)]
    for number, wait in enumerate(taken):
        full = min(30.0, 0.5 * 2**number)
        assert full / 2 <= wait <= full
    assert len(set(taken)) > 90


def test_a_connection_that_did_not_last_does_not_shorten_the_waits() -> None:
    waits = ReconnectBackoff(30)
    for _ in range(10):
        waits.next_wait_s()
    waits.note_connected()
    waits.note_disconnected()
    assert waits.next_wait_s() > 10


@each_of(
    ("reason", "steady", "told"),
    [
        (142, True, "; another client calls itself 'north' too"),
        (128, False, "; if that goes on, another client calls itself 'north' too"),
        (128, True, ""),  # a broker that was restarted
        (141, False, ""),  # the keepalive ran out: the radio is gone
    ],
)
def test_a_namesake_is_named_where_it_is_the_likely_cause(reason: int, steady: bool, told: str) -> None:
    found = same_client_id_hint(reason, "north", steady=steady)
    assert found.startswith(told)
    assert ("give each a name of its own" in found) == bool(told)


def handshake(directory: Path, *, lax: bool) -> None:
    """A client that verifies as Python does from 3.13 on, and a server, in memory. Raises what the client raises."""
    authority = Authority(directory, lax=lax)
    issued = authority.sign("localhost", HERE)
    client = ssl.create_default_context(cafile=str(authority.issued.certificate))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(issued.certificate, issued.key)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(back, there, server_hostname="localhost"), server.wrap_bio(there, back, server_side=True)]
    for end in ends * 4:  # more turns than a handshake has
        with suppress(ssl.SSLWantReadError):
            end.do_handshake()


def test_what_strict_verification_lacks_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError) as refused:
        handshake(tmp_path, lax=True)
    told = explain_failure(refused.value)
    assert "Missing" in told or "does not include key usage" in told, told
    assert "Python verifies strictly from 3.13 on: sign it anew" in told
    assert "docs/install.md" in told
