"""The examples of bridges from MQTT to Kafka: each reads what devices say, and keeps a device's messages in order.

Read as their programs' formats are; that those programs take them was not tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml
from pyhocon import ConfigFactory

from dockvoice_protocol.events import Topics
from inventory.settings import InventorySettings, KafkaSettings

FILTER = Topics.all_devices_filters(InventorySettings.model_fields["prefix"].default).entries
TOPIC = KafkaSettings.model_fields["topic"].default


@dataclass(frozen=True)
class Bridge:
    """What a bridge is told, in its own words."""

    filter: str
    topic: str
    key: str
    acks: str
    in_order: str  # What keeps records of one key in their order.
    keeps_session: bool  # Whether the broker keeps messages while it is away; a broker's own bridge needs none.


def redpanda_connect(file: Path) -> Bridge:
    told = yaml.safe_load(file.read_text(encoding="utf-8"))
    mqtt, kafka = told["input"]["mqtt"], told["output"]["redpanda"]
    assert mqtt["qos"] == 1
    assert kafka["idempotent_write"] is True
    assert kafka["partitioner"] == "murmur2_hash"
    order = f"max_in_flight {kafka['max_in_flight']}"
    (topic,) = mqtt["topics"]
    return Bridge(topic, kafka["topic"], kafka["key"], kafka["acks"], order, mqtt["clean_session"] is False)


def emqx(file: Path) -> Bridge:
    told = ConfigFactory.parse_file(str(file), resolve=False)
    (name,) = told["actions.kafka_producer"]
    action, rule = told[f"actions.kafka_producer.{name}"], told[f"rule_engine.rules.{name}"]
    assert action["connector"] in told["connectors.kafka_producer"]
    assert rule["actions"] == [f"kafka_producer:{name}"]
    kafka = action["parameters"]
    assert kafka["message.value"] == "${.payload}"
    assert kafka["buffer.mode"] == "disk"
    chosen = rule["sql"].removeprefix("SELECT * FROM ").strip().strip('"')
    order = f"{kafka['partition_strategy']} {kafka['max_inflight']}"
    return Bridge(chosen, kafka["topic"], kafka["message.key"], kafka["required_acks"], order, keeps_session=True)


def hivemq(file: Path) -> Bridge:
    told = ET.fromstring(file.read_bytes())  # noqa: S314 - ours
    clusters = [one.text for one in told.iterfind("kafka-clusters/kafka-cluster/id")]
    (mapping,) = told.iterfind("mqtt-to-kafka-mappings/mqtt-to-kafka-mapping")
    assert mapping.findtext("cluster-id") in clusters
    (chosen,) = mapping.iterfind("mqtt-topic-filters/mqtt-topic-filter")
    topic = mapping.findtext("kafka-topic") or ""
    return Bridge(chosen.text or "", topic, "its own", "its own", "its own", keeps_session=True)


def properties(file: Path) -> dict[str, str]:
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def confluent(file: Path) -> Bridge:
    told = properties(file)
    assert told["mqtt.qos"] == "1"
    return Bridge(
        told["mqtt.topics"], told["kafka.topic"], told["key.converter"], told["producer.override.acks"],
        told["tasks.max"], told["mqtt.clean.session.enabled"] == "false",
    )  # fmt: skip


def lenses(file: Path) -> Bridge:
    told = properties(file)
    assert told["connect.mqtt.service.quality"] == "1"
    assert told["connect.mqtt.process.duplicates"] == "true"
    _insert, topic, _select, chosen, _with, converter, _end = told["connect.mqtt.kcql"].split("`")
    assert converter.endswith(".BytesConverter")
    (transform,) = told["transforms"].split(",")
    key = f"{told[f'transforms.{transform}.type'].rpartition('.')[2]} {told[f'transforms.{transform}.field']}"
    return Bridge(
        chosen, topic, key, told["producer.override.acks"], told["tasks.max"], told["connect.mqtt.clean"] == "false"
    )


BRIDGES: dict[str, tuple[Callable[[Path], Bridge], str, str, str]] = {
    "redpanda-connect.yaml": (redpanda_connect, '${! meta("mqtt_topic") }', "all", "max_in_flight 1"),
    "emqx.conf": (emqx, "${.topic}", "all_isr", "key_dispatch 1"),
    "hivemq.xml": (hivemq, "its own", "its own", "its own"),
    "connect-confluent.properties": (confluent, "org.apache.kafka.connect.storage.StringConverter", "all", "1"),
    "connect-lenses.properties": (lenses, "ExtractField$Key topic", "all", "1"),
}


@pytest.mark.parametrize("name", BRIDGES)
def test_an_example_reads_what_devices_say_and_keys_it_by_its_topic(repository: Path, name: str) -> None:
    read, key, acks, order = BRIDGES[name]
    found = read(repository / "config" / "bridges" / name)
    assert found == Bridge(FILTER, TOPIC, key, acks, order, keeps_session=True)


def test_each_example_is_tried(repository: Path) -> None:
    assert {path.name for path in (repository / "config" / "bridges").iterdir()} == set(BRIDGES)
