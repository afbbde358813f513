"""Devices in Home Assistant: docs/examples/home-assistant.mjs publishes what its MQTT integration says that it takes.

Home Assistant itself does not run here: what it takes is written down from its own schemas of device discovery
(homeassistant/components/mqtt/schemas.py, sensor.py and binary_sensor.py), and its templates are Jinja's.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jsonschema import Draft202012Validator

from tests.servers.mosquitto import Mosquitto
from tests.waiting import until

DOCK_4 = {"site": "north", "device": "dock-4"}

TEXT = {"type": "string", "minLength": 1}
SHARED = {
    **dict.fromkeys(("name", "unique_id", "value_template", "state_topic", "availability_topic"), TEXT),
    **dict.fromkeys(("availability_template", "payload_available", "payload_not_available"), TEXT),
}
TAKES = {
    "type": "object",
    "required": ["device", "components", "origin"],
    "additionalProperties": False,
    "properties": {
        "device": {
            "required": ["identifiers"],
            "additionalProperties": False,
            "properties": {
                "identifiers": {"type": "array", "minItems": 1, "items": TEXT},
                **dict.fromkeys(("name", "manufacturer", "model", "sw_version", "hw_version", "serial_number"), TEXT),
            },
        },
        "origin": {
            "required": ["name"],
            "additionalProperties": False,
            "properties": dict.fromkeys(("name", "sw_version", "support_url"), TEXT),
        },
        "state_topic": {"type": "string", "pattern": "^[^#+]+$"},
        "qos": {"enum": [0, 1, 2]},
        "components": {
            "minProperties": 1,
            "additionalProperties": {
                "required": ["platform", "unique_id"],
                "unevaluatedProperties": False,
                "properties": SHARED,
                "oneOf": [
                    {
                        "properties": {
                            "platform": {"const": "sensor"},
                            "device_class": {"enum": ["data_size"]},
                            "state_class": {"enum": ["measurement", "total", "total_increasing"]},
                            "unit_of_measurement": {"enum": ["MB"]},
                        }
                    },
                    {
                        "properties": {
                            "platform": {"const": "binary_sensor"},
                            "device_class": {"enum": ["connectivity", "problem"]},
                            "payload_on": TEXT,
                            "payload_off": TEXT,
                        }
                    },
                ],
            },
        },
    },
}


@pytest.fixture
def telling(repository: Path, broker: Mosquitto, tmp_path: Path) -> Iterator[Path]:
    """The program at work; its log."""
    program, log = tmp_path / "home-assistant.mjs", tmp_path / "log"
    program.write_text((repository / "docs" / "examples" / program.name).read_text(encoding="utf-8"))
    (tmp_path / "node_modules").symlink_to(repository / ".cache" / "node" / "node_modules")
    with log.open("w") as output:
        command = ["node", str(program), f"mqtt://127.0.0.1:{broker.port}"]
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        until(lambda: "dockvoice/+/+/status (QoS 1)" in broker.log, log.read_text)
        yield log
    finally:
        process.kill()
        process.wait()


def publish(broker: Mosquitto, topic: str, message: str) -> None:
    message_given = ["-m", message] if message else ["-n"]
    command = ["mosquitto_pub", "-p", str(broker.port), "-q", "1", "-r", "-t", topic, *message_given]
    subprocess.run(command, check=True, timeout=30)


def retained(broker: Mosquitto) -> dict[str, dict[str, Any]]:
    """What Home Assistant would find when it starts."""
    command = ["mosquitto_sub", "-p", str(broker.port), "-t", "homeassistant/#", "-F", "%t %p", "-W", "1"]
    lines = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout.splitlines()
    return {topic: json.loads(payload) for topic, _, payload in (line.partition(" ") for line in lines)}


def test_each_device_is_told_in_the_form_that_home_assistant_takes(
    repository: Path, broker: Mosquitto, telling: Path
) -> None:
    status = json.loads((repository / "schemas" / "examples" / "status.json").read_text(encoding="utf-8"))
    publish(broker, "dockvoice/north/dock-3/status", json.dumps(status))
    publish(
        broker, "dockvoice/north/dock-4/status", json.dumps({"state": "offline", "site": "north", "device": "dock-4"})
    )
    publish(broker, "dockvoice/north/dock-9/status", json.dumps(status))  # which names another device
    publish(broker, "dockvoice/north/dock-8/status", "rubbish")
    until(lambda: telling.read_text().count("told ") == 2, telling.read_text)
    until(lambda: telling.read_text().count("dock-9") + telling.read_text().count("dock-8") == 2, telling.read_text)
    found = retained(broker)
    assert set(found) == {f"homeassistant/device/dockvoice_north_dock-{n}/config" for n in (3, 4)}
    for topic, payload in found.items():
        assert re.fullmatch(r"homeassistant/device/[a-zA-Z0-9_-]+/config", topic)
        assert [one.message for one in Draft202012Validator(TAKES).iter_errors(payload)] == []
    ids = [one["unique_id"] for payload in found.values() for one in payload["components"].values()]
    assert len(set(ids)) == len(ids) == 10
    shown = {name: _shown(one, status) for name, one in found[min(found)]["components"].items()}
    assert shown == {"link": "online", "microphone": "ON", "waiting": "12", "review": "1", "disk": "21480"}
    gone = {"state": "offline", "site": "north", "device": "dock-3"}
    shown = {name: _shown(one, gone) for name, one in found[min(found)]["components"].items()}
    assert shown == {"link": "offline", "microphone": "OFF", "waiting": "None", "review": "None", "disk": "None"}


def _shown(component: dict[str, Any], status: dict[str, Any]) -> str:
    template = ImmutableSandboxedEnvironment().from_string(component["value_template"])
    return template.render(value_json=status)


def test_a_device_that_is_gone_is_gone_there_too(broker: Mosquitto, telling: Path) -> None:
    publish(
        broker, "dockvoice/north/dock-4/status", json.dumps({"state": "online", "site": "north", "device": "dock-4"})
    )
    until(lambda: "told " in telling.read_text(), telling.read_text)
    assert len(retained(broker)) == 1
    publish(broker, "dockvoice/north/dock-4/status", "")
    until(lambda: "removed " in telling.read_text(), telling.read_text)
    assert retained(broker) == {}
