"""Programs that nobody here wrote read our events, and answer them: mqtt.js with `cloudevents`, and mosquitto_sub."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dockvoice_protocol.events import MEDIA_TYPE, Topics, validate_message
from tests.processes.command import dockvoice
from tests.servers.mosquitto import Mosquitto
from tests.waiting import until

CLIPS = "tests/data/speech/demo"

TAKEN = ("01-pallet-5451-four-cases-dock-alpha.flac", "02-pallet-0126-nine-units-dock-bravo.flac")


class Receiving:
    """docs/examples/receive.mjs at work, as a site would run it."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def told(self) -> list[dict[str, Any]]:
        """What it has printed, but for its complaints."""
        lines = self._log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def end(self) -> int:
        self._process.terminate()
        return self._process.wait(30)


@contextmanager
def receiving(repository: Path, broker: Mosquitto, directory: Path) -> Iterator[Receiving]:
    """The program, in a folder beside its modules, which is how node finds them."""
    program = directory / "receive.mjs"
    program.write_text((repository / "docs" / "examples" / "receive.mjs").read_text(encoding="utf-8"))
    if not (directory / "node_modules").exists():
        (directory / "node_modules").symlink_to(repository / ".cache" / "node" / "node_modules")
    log = directory / "told.jsonl"
    command = ["node", str(program), f"mqtt://127.0.0.1:{broker.port}", str(directory / "kept.jsonl")]
    with log.open("a", encoding="utf-8") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, text=True)
    running = Receiving(process, log)
    before = sum("subscribed" in one for one in running.told)
    try:
        until(lambda: sum("subscribed" in one for one in running.told) > before, log.read_text)
        yield running
    finally:
        process.kill()
        process.wait()


def test_a_system_of_another_language_settles_what_an_agent_recorded(
    repository: Path, broker: Mosquitto, tmp_path: Path
) -> None:
    foreign, at = tmp_path / "foreign", f"127.0.0.1:{broker.port}"
    foreign.mkdir()
    clips = [repository / CLIPS / name for name in TAKEN]
    told = tmp_path / "read.jsonl"
    reading = ["mosquitto_sub", "-V", "mqttv5", "-p", str(broker.port), "-t", "dockvoice/+/+/entries", "-q", "1"]
    with told.open("w") as output, subprocess.Popen([*reading, "-F", "%C %p"], stdout=output) as mosquitto_sub:
        try:
            until(lambda: "dockvoice/+/+/entries (QoS 1)" in broker.log, "mosquitto_sub does not subscribe")
            with receiving(repository, broker, foreign) as running:
                # `replay` ends with 0 only when all that it recorded is settled: here by that program's receipts.
                ended = dockvoice("replay", *clips, "--broker", at, "--state", tmp_path / "state", "--json")
                assert ended.returncode == 0, ended.stderr + (foreign / "told.jsonl").read_text()
                assert running.end() == 0
            entered = [json.loads(line) for line in ended.stdout.splitlines()]
            accepted = [one for one in entered if one["verdict"] == "accept"]
            assert len(accepted) == len(clips)
            taken = [one for one in running.told if "id" in one]
            assert [(one["id"], one["outcome"], one["data"]["fields"]) for one in taken] == [
                (one["event_id"], "applied", one["fields"]) for one in accepted
            ]
            until(lambda: len(told.read_text().splitlines()) == len(clips), "mosquitto_sub did not read them")
        finally:
            mosquitto_sub.terminate()
    for line, of in zip(told.read_text().splitlines(), accepted, strict=True):
        kind, _, event = line.partition(" ")
        assert kind == MEDIA_TYPE, "MQTT 5 says what it is"
        assert json.loads(event)["id"] == of["event_id"]


def test_it_answers_what_comes_twice_too_early_or_is_no_event_as_the_page_says(
    repository: Path, broker: Mosquitto, tmp_path: Path
) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    topics = Topics("dockvoice", "north", "dock-3")
    example = json.loads((repository / "schemas" / "examples" / "entry-recorded.json").read_text(encoding="utf-8"))
    first = example | {"source": topics.source, "sequence": "1"}
    third = first | {"sequence": "3", "id": "01919f3e-0003-7000-8000-000000000003"}
    sent = [json.dumps(first), json.dumps(first), json.dumps(third), "{}", "no JSON"]
    answers = tmp_path / "receipts"
    reading = ["mosquitto_sub", "-V", "mqttv5", "-p", str(broker.port), "-t", topics.receipts, "-q", "1"]
    with answers.open("w") as output, subprocess.Popen(reading, stdout=output) as mosquitto_sub:
        try:
            until(lambda: f"{topics.receipts} (QoS 1)" in broker.log, "mosquitto_sub does not subscribe")
            with receiving(repository, broker, foreign):
                for one in sent:
                    publish(broker, topics.entries, one)
                until(lambda: len(answers.read_text().splitlines()) == 3, answers.read_text)
            with receiving(repository, broker, foreign):  # it was killed, and knows what it has kept
                publish(broker, topics.entries, json.dumps(first))
                until(lambda: len(answers.read_text().splitlines()) == 4, answers.read_text)
        finally:
            mosquitto_sub.terminate()
    receipts = [json.loads(line) for line in answers.read_text().splitlines()]
    assert [one["outcome"] for one in receipts] == ["applied", "duplicate", "early", "duplicate"]
    assert receipts[2]["expected"] == 2
    for one in receipts:
        validate_message(one, "receipt.schema.json")


def publish(broker: Mosquitto, topic: str, message: str) -> None:
    command = ["mosquitto_pub", "-V", "mqttv5", "-p", str(broker.port), "-q", "1", "-t", topic, "-m", message]
    subprocess.run(command, check=True, timeout=30)
