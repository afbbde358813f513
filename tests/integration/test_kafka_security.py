"""A Kafka that lets nobody in without TLS, a certificate and a user: which key is wrong is told, a secret never.

A proxy before tansu speaks TLS. tansu asks for a user, too, but this build of it keeps none: SCRAM is spoken until it
says that it knows nobody of that name, PLAIN it refuses. So no user was ever let in here.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer
from pydantic import SecretStr

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.errors import DockvoiceError, Misconfigured, Unavailable
from dockvoice_protocol.mqtt import Session
from inventory.ingest import kafka as product
from inventory.ingest.kafka import KafkaBroker, client_configuration
from inventory.settings import KafkaSettings, SaslMechanism
from tests.counting.group import APPLIED, PARTITIONS, TOPIC, group_member, records_of
from tests.counting.ledger import Fleet, compare
from tests.servers.certificates import DAY, HERE, Authority, Issued
from tests.servers.inventory import RunningInventory
from tests.servers.kafka import Kafka
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import held_port
from tests.servers.postgresql import PostgreSQL
from tests.servers.tcp_proxy import TcpProxy
from tests.tiers import sized
from tests.waiting import PATIENCE_S, until

USER, SECRET = "dock", "lobelia-4-hush"
GIVES_UP_S = 2.0  # Instead of 20 s: what is wrong is told at once, and again with each try.


@dataclass(frozen=True)
class Secured:
    """Two Kafkas behind proxies that speak TLS and want a certificate."""

    authority: Authority
    client: Issued
    open: Kafka  # The one that asks for no user.
    port: int  # Of its proxy.
    guarded: int  # Of the proxy of the one that does.

    def settings(self, **other: Any) -> KafkaSettings:
        """All that the guarded one wants, and what a test sets otherwise."""
        told = {
            "servers": f"127.0.0.1:{self.guarded}", "topic": TOPIC, "tls": True, "username": USER, "password": SECRET,
            "ca_file": self.authority.issued.certificate, "mechanism": "SCRAM-SHA-256",
            "certificate_file": self.client.certificate, "key_file": self.client.key,
        }  # fmt: skip
        return KafkaSettings(**{key: value for key, value in {**told, **other}.items() if value is not None})


def tls(issued: Issued, trusted: Authority | None) -> ssl.SSLContext:
    """A server's; with `trusted` it wants a certificate of that authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(issued.certificate, issued.key)
    if trusted is not None:
        context.load_verify_locations(trusted.issued.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    directory = tmp_path_factory.mktemp("secured")
    authority = Authority(directory / "authority")
    server = tls(authority.sign("server", HERE), authority)
    with ExitStack() as held:
        ports = [held.enter_context(held_port()) for _ in range(4)]
        kafkas = [Kafka(directory, port) for port in ports[:2]]
        for kafka, behind, front, options in zip(
            kafkas, ports[:2], ports[2:], ((), ("--authentication",)), strict=True
        ):
            held.callback(kafka.kill)
            kafka.start(*options, advertised=front)
            held.enter_context(TcpProxy(behind, port=front, tls=server))
        yield Secured(authority, authority.sign("inventory"), kafkas[0], *ports[2:])


def environment_of(member: Mapping[str, str], ours: KafkaSettings) -> dict[str, str]:
    """What a consumer is told besides, in its environment."""
    keys = ("tls", "username", "mechanism", "ca_file", "certificate_file", "key_file")
    told = {key: getattr(ours, key) for key in keys}
    return {
        **member,
        **{f"DOCKVOICE_INVENTORY_KAFKA__{key.upper()}": str(value) for key, value in told.items() if value is not None},
    }


def test_with_a_certificate_all_is_applied(tmp_path: Path, postgresql: PostgreSQL, secured: Secured) -> None:
    ours = secured.settings(servers=f"127.0.0.1:{secured.port}", username=None, password=None)
    kafka, fleet = secured.open, Fleet(1, 4)
    ledger = fleet.say(40)
    kafka.link = client_configuration(ours)
    kafka.create(TOPIC, PARTITIONS)
    kafka.create(APPLIED, PARTITIONS)
    kafka.write(TOPIC, records_of(ledger))
    member = group_member("inventory-1", fleet.enrol(tmp_path / "keys"), str(ours.servers))
    with ExitStack() as held:
        url = held.enter_context(postgresql.database())
        broker = held.enter_context(Mosquitto(tmp_path / "broker", held.enter_context(held_port())))
        told = environment_of(member, ours)
        running = held.enter_context(RunningInventory(broker.port, tmp_path / "1", url, environment=told))
        until(lambda: sum(kafka.committed(TOPIC, "inventory").values()) == 40, running.log.read_text)
        assert compare(ledger, url)["events"] == 40
        assert running.stop() == 0
    assert len(kafka.records(APPLIED)) == 40


@pytest.mark.parametrize("mechanism", sized(test=[SaslMechanism.SCRAM_SHA_512], nightly=[*SaslMechanism]))
def test_a_password_is_in_no_log_and_in_no_list_of_processes(
    tmp_path: Path, secured: Secured, mechanism: SaslMechanism
) -> None:
    (credentials := tmp_path / "credentials").mkdir()
    (credentials / "dockvoice_inventory_kafka__password").write_text(f"{SECRET}\n")
    ours = secured.settings(mechanism=mechanism)
    member = group_member("inventory-1", tmp_path / "keys", str(ours.servers))
    told = {**environment_of(member, ours), "CREDENTIALS_DIRECTORY": str(credentials)}
    with RunningInventory(1, tmp_path / "1", wait=False, environment=told) as running:
        process = Path("/proc", str(running.pid))
        until(lambda: "entries of" in running.log.read_text(), running.log.read_text)
        shown = [(process / name).read_bytes().decode() for name in ("cmdline", "environ")]
        assert not running.comes_up(PATIENCE_S)
        assert running.stop() == Unavailable.exit_code
    assert f"{ours.servers} does not answer: kafka." in (log := running.log.read_text())
    assert not [one for one in (*shown, log) if SECRET in one]


def start(settings: KafkaSettings) -> None:
    """As the inventory starts it: with a session that is begun once Kafka answered."""
    heard: list[Any] = []
    KafkaBroker(
        settings, 10, heard.append, lambda receive: Session(Mqtt(), client_id="inventory", receive=receive)
    ).start()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product, "_ANSWERS_IN_S", GIVES_UP_S)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"password": "wrong"}, f"kafka.username: found '{USER}'"),
        ({"username": "nobody"}, "kafka.username: found 'nobody'"),
        ({"mechanism": "PLAIN"}, "kafka.mechanism: found PLAIN, allowed is what the server knows"),
        ({"certificate_file": None, "key_file": None}, "it may expect a certificate (kafka.certificate_file)"),
        ({"servers": "127.0.0.1:1"}, "kafka.servers: "),
    ],
)
def test_what_kafka_refuses_is_told_with_the_key(
    secured: Secured, other: dict[str, Any], told: str, caplog: pytest.LogCaptureFixture
) -> None:
    ours = secured.settings(**other)
    with caplog.at_level(logging.DEBUG), pytest.raises(Unavailable) as refused:
        start(ours)
    assert f"{ours.servers} does not answer: " in str(refused.value)
    assert told in str(refused.value)
    assert ours.password is not None
    for shown in (str(refused.value), caplog.text, repr(ours), str(ours)):
        assert ours.password.get_secret_value() not in shown
    warned = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert len(warned) == len(set(warned)), "each fault is logged once"


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("fault", ["another authority", "none of the system's", "another host", "expired"])
def test_a_server_that_is_not_trusted_is_told_with_the_key(tmp_path: Path, secured: Secured, fault: str) -> None:
    authority = secured.authority
    hosts = ("elsewhere.example",) if fault == "another host" else HERE
    issued = authority.sign("server", hosts, file=fault, ends=-DAY if fault == "expired" else DAY)
    trusted = {"another authority": Authority(tmp_path, "strangers").issued.certificate, "none of the system's": None}
    ca_file = trusted.get(fault, authority.issued.certificate)
    with TcpProxy(secured.port, tls=tls(issued, None)) as front, pytest.raises(Unavailable) as refused:
        start(secured.settings(servers=f"127.0.0.1:{front.port}", ca_file=ca_file))
    assert f"kafka.ca_file: found {ca_file or 'none, so the authorities of the system'}" in str(refused.value)
    assert "name the authority that signed the server's certificate" in str(refused.value)


@pytest.mark.usefixtures("soon")
def test_a_port_that_expects_tls_is_told(secured: Secured) -> None:
    files = dict.fromkeys(("ca_file", "certificate_file", "key_file"))
    with pytest.raises(Unavailable, match=r"it may expect TLS \(kafka\.tls = true\)"):
        start(secured.settings(tls=False, **files))


def test_files_that_are_no_certificates_and_links_that_others_read_are_told_with_the_key(
    tmp_path: Path, secured: Secured
) -> None:
    def refused(**other: Any) -> str:
        with pytest.raises(DockvoiceError) as told:
            start(secured.settings(**other))
        assert isinstance(told.value, Misconfigured)
        assert SECRET not in str(told.value)
        return str(told.value)

    key, certificate, gone = secured.client.key, secured.client.certificate, tmp_path / "gone.pem"
    assert f"kafka.ca_file: {gone}: No such file or directory; it must hold PEM" in refused(ca_file=gone)
    assert f"kafka.ca_file: {key}: " in refused(ca_file=key)
    assert f"kafka.certificate_file: {key}: " in refused(certificate_file=key)
    assert f"kafka.key_file: {certificate}: " in refused(key_file=None)
    other = secured.authority.sign("other").key
    assert "kafka.key_file: " in (mismatched := refused(key_file=other))
    assert "a key of that certificate" in mismatched
    assert "kafka.password: must be given where kafka.username is" in refused(password=None)
    files: dict[str, Any] = {**dict.fromkeys(("ca_file", "certificate_file", "key_file")), "tls": False}
    exposed = refused(servers="127.0.0.1:9092, kafka-2:9092", **files)
    assert "kafka.tls: is false, and all that is said goes to kafka-2 in the clear; set tls = true" in exposed
    assert "the password goes in the clear" in refused(mechanism="PLAIN", **files)


def test_the_protocol_follows_from_the_settings(secured: Secured) -> None:
    files: dict[str, Any] = dict.fromkeys(("ca_file", "certificate_file", "key_file"))
    nobody: dict[str, Any] = {"username": None, "password": None}
    for other, protocol in (
        ({}, "SASL_SSL"),
        (nobody, "SSL"),
        ({**files, "tls": False}, "SASL_PLAINTEXT"),
        ({**files, **nobody, "tls": False}, "PLAINTEXT"),
        ({"mechanism": "PLAIN"}, "SASL_SSL"),
    ):
        ours = secured.settings(**other)
        found = client_configuration(ours)
        assert found["security.protocol"] == protocol
        assert ("sasl.password" in found) == protocol.startswith("SASL")
        assert found.get("sasl.mechanism", ours.mechanism) == ours.mechanism
        if protocol.startswith("SASL"):
            assert (found["sasl.username"], found["sasl.password"]) == (USER, SECRET)
        Consumer({**found, "group.id": "any"}).close()  # librdkafka takes it
    assert isinstance(secured.settings().password, SecretStr)
