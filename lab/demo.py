"""`dockvoice demo`: recorded sentences become rows of a demo inventory, over a real broker.

It starts a broker (mosquitto where there is one, otherwise one embedded in Python) and the inventory with a database of
its own, replays the recordings that came with the program, and counts what arrived in the inventory's table.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from edge.agent.app import AgentTold, replay
from edge.agent.events import Decided
from edge.agent.parts import Parts, assemble
from edge.cli.output import EXIT_CODES, log_warnings
from edge.cli.present.lines import teller
from edge.config import MqttVersion, Settings, load
from edge.console import SafeConsole, show
from edge.errors import Misconfigured, Unavailable
from edge.forms.model import Form
from edge.hear.recording import RecordedSource
from edge.keep.device_key import DeviceKey

START_WITHIN_S = 20.0
"""A broker or an inventory that is not up by then will not come up: each takes a second or two on a slow box."""

SETTLE_WITHIN_S = 60.0  # Receipts come within milliseconds; this covers a machine that is busy with something else.
IN_WHEEL, IN_TREE = Path(__file__).parent / "recordings", Path(__file__).parents[1] / "tests/data/speech/demo"
SBIN = ("/usr/sbin", "/usr/local/sbin")  # Where Debian puts mosquitto: not on the path of an ordinary user.

commands = typer.Typer()


class BrokerKind(StrEnum):
    """Which broker the demo starts."""

    AUTO = "auto"
    MOSQUITTO = "mosquitto"
    EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class Count:
    """What was recorded on the device against what stands in the inventory's table."""

    recorded: int
    applied: int
    lost: int
    duplicated: int

    @property
    def whole(self) -> bool:
        """Every record is there once, as it was recorded."""
        return self.applied == self.recorded and not self.lost and not self.duplicated

    def __str__(self) -> str:
        return f"applied {self.applied} of {self.recorded}, lost {self.lost}, duplicated {self.duplicated}"


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that runs."""

    name: str  # What it is, in words.
    port: int
    version: MqttVersion
    """What it speaks: told, since finding out that the embedded one knows no MQTT 5 takes seconds."""


@commands.command(epilog=EXIT_CODES)
def demo(
    using: Annotated[
        BrokerKind, typer.Option("--with", help="The broker: auto takes mosquitto if it is installed.")
    ] = BrokerKind.AUTO,
    engine: Annotated[
        str | None, typer.Option(metavar="NAME", help="vosk or pocketsphinx; unset: vosk where its weights are.")
    ] = None,
) -> None:
    """Recorded sentences become inventory rows, counted.

    Starts a broker and an inventory of its own, plays the recordings that came with the program the whole way, and
    compares what the inventory's table holds with what was recorded. Exit code 1 if they differ.
    """
    log_warnings()
    console = SafeConsole(highlight=False)
    demand_inventory()
    clips = recordings()
    said = {one.name: words for one, words in clips.items()}
    with tempfile.TemporaryDirectory(prefix="dockvoice-demo-") as directory:
        scratch = Path(directory)
        with broker(using, scratch) as running:
            parts = assemble(load(Settings, None, **settings(scratch, running, engine)))
            console.print(f"Broker: {running.name}\nRecogniser: {parts.interpreter.name}\n", style="dim")
            inventory = Inventory(scratch, running)
            inventory.enrol(scratch / "state")
            with inventory.running():
                ledger = asyncio.run(play(parts, list(clips), teller(parts.form, said, as_json=False)))
                rows = inventory.rows()
    console.print()
    show(inventory_rows(parts.form, rows))
    came = count(ledger, rows)
    console.print(str(came))
    if not came.whole:
        raise typer.Exit(1)


def demand_inventory() -> None:
    """Raise Misconfigured where there is no inventory to receive anything: it is a distribution of its own."""
    if find_spec("inventory") is None:
        raise Misconfigured("demo: the inventory is not installed; pip install 'dockvoice-lab[demo]'")


def recordings() -> dict[RecordedSource, str]:
    """The recordings that came with the program, in their order, each with what is said in it, in words for people."""
    manifest = (IN_WHEEL if IN_WHEEL.is_dir() else IN_TREE) / "manifest.jsonl"
    found = {}
    for clip in map(json.loads, manifest.read_text(encoding="utf-8").splitlines()):
        audio = manifest.parent / clip["audio"]
        said = f'"{clip["text"]}"' if clip["text"] else f"({clip['condition']})"
        found[RecordedSource(audio)] = f"{audio.stem[:2]} {said}"
    return found


@contextmanager
def broker(kind: BrokerKind, scratch: Path) -> Iterator[Broker]:
    """Run a broker of that kind on a free port."""
    port = _free_port()
    mosquitto = shutil.which("mosquitto", path=os.pathsep.join((os.environ.get("PATH", ""), *SBIN)))
    if kind is BrokerKind.MOSQUITTO and mosquitto is None:
        raise Misconfigured("mosquitto: not installed; install it, or use --with embedded")
    if mosquitto is not None and kind is not BrokerKind.EMBEDDED:
        running = Broker(f"mosquitto ({mosquitto})", port, MqttVersion.V5)
        command = _mosquitto(mosquitto, scratch, port)
    elif find_spec("amqtt") is None:
        raise Misconfigured("amqtt: not installed; pip install 'dockvoice-lab[demo]', or install mosquitto")
    else:
        running = Broker("embedded in Python (amqtt); mosquitto is not used", port, MqttVersion.V311)
        command = _embedded(scratch, port)
    with _running(command, scratch / "broker.log") as process:
        _wait_until(lambda: _accepts(port), process, "the broker", scratch / "broker.log")
        yield running


def _mosquitto(program: str, scratch: Path, port: int) -> list[str]:
    settings = scratch / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n", encoding="utf-8")
    return [program, "-c", str(settings)]


def _embedded(scratch: Path, port: int) -> list[str]:
    settings = scratch / "amqtt.json"  # JSON is YAML, which is what amqtt reads
    anonymous = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    listeners = {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}
    settings.write_text(json.dumps({"listeners": listeners, "plugins": anonymous}), encoding="utf-8")
    return [sys.executable, "-m", "amqtt.scripts.broker_script", "-c", str(settings)]


def settings(scratch: Path, broker: Broker, engine: str | None) -> dict[str, Any]:
    """Settings of the demo's agent, over the defaults: its state is thrown away with `scratch`."""
    mqtt = {"host": "127.0.0.1", "port": broker.port, "version": broker.version}
    given = {"site": "demo", "device": "demo", "state_directory": scratch / "state", "deliver": {"mqtt": mqtt}}
    return given if engine is None else {**given, "understand": {"engine": engine}}


class Inventory:
    """The inventory as a user runs it: the `dockvoice inventory` command, with an SQLite database in `scratch`."""

    def __init__(self, scratch: Path, broker: Broker) -> None:
        self._scratch = scratch
        self._broker = broker
        self._keys = scratch / "keys"
        self._options = ["--database", f"sqlite:///{scratch / 'inventory.db'}"]

    def enrol(self, state: Path) -> None:
        """Let the demo's device enter, as somebody does who sets a device up."""
        state.mkdir(mode=0o700, exist_ok=True)
        file = self._scratch / "demo.pem"
        file.write_bytes(DeviceKey.of(state).public.pem)
        command = [*_dockvoice(), "inventory", "keys", "enrol", "demo/demo", str(file), "--directory", str(self._keys)]
        told = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
        if told.returncode:
            raise Unavailable(f"the demo's key could not be enrolled: {told.stderr.strip()}")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it; it is subscribed when the block begins."""
        log = self._scratch / "inventory.log"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
            address = str(self._scratch / "notify")
            notices.bind(address)
            notices.setblocking(False)
            command = [*_dockvoice(), "inventory", *self._options, "--broker", f"127.0.0.1:{self._broker.port}"]
            said = {
                "NOTIFY_SOCKET": address,
                "DOCKVOICE_INVENTORY_KEYS_DIRECTORY": str(self._keys),
                "DOCKVOICE_INVENTORY_MQTT__VERSION": self._broker.version.value,
            }
            with _running(command, log, said) as process:
                _wait_until(lambda: _ready(notices), process, "the inventory", log)
                yield

    def rows(self) -> list[dict[str, Any]]:
        """What stands in its table, told by its own command."""
        command = [*_dockvoice(), "inventory", "rows", *self._options, "--json"]
        told = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
        if told.returncode:
            raise Unavailable(f"the inventory's rows could not be read: {told.stderr.strip()}")
        return [json.loads(line) for line in told.stdout.splitlines()]


async def play(parts: Parts, recordings: Sequence[RecordedSource], tell: Callable[[AgentTold], None]) -> list[Decided]:
    """Replay the recordings; returns what was accepted, the demo's own ledger."""
    ledger: list[Decided] = []

    def noted(told: AgentTold) -> None:
        if isinstance(told, Decided) and told.row is not None:
            ledger.append(told)
        tell(told)

    await replay(parts, recordings, noted, settle_within_s=SETTLE_WITHIN_S)
    return ledger


def count(ledger: Sequence[Decided], rows: Sequence[dict[str, Any]]) -> Count:
    """Compare the ledger with the table: a row counts as applied only if its fields are those that were accepted."""
    owed = {one.row.event_id: dict(one.verdict.fields) for one in ledger if one.row is not None}
    found = Counter(row["event_id"] for row in rows if owed.get(row["event_id"]) == row["fields"])
    return Count(
        recorded=len(ledger),
        applied=len(found),
        lost=len(owed) - len(found),
        duplicated=len(rows) - len(found),
    )


def inventory_rows(form: Form, rows: Sequence[Mapping[str, Any]]) -> Table:
    """The inventory's table, a column per field of the form."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.title, table.title_justify, table.title_style = "The inventory's table", "left", "dim"
    for name in ("sequence", *(field.name for field in form.fields), "event"):
        table.add_column(name)
    for row in rows:
        values = (str(row["fields"].get(field.name, "")) for field in form.fields)
        table.add_row(str(row["sequence"]), *values, row["event_id"])
    return table


def _dockvoice() -> list[str]:
    return [sys.executable, "-m", "edge"]


@contextmanager
def _running(command: list[str], log: Path, environment: Mapping[str, str] = {}) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - programs of ours, or the mosquitto that is installed
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env={**os.environ, **environment}
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=START_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until(there: Callable[[], bool], process: subprocess.Popen[bytes], what: str, log: Path) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while not there():
        if process.poll() is not None or time.monotonic() > deadline:
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["(it said nothing)"]
            raise Unavailable(f"{what} did not start: {lines[-1]}")
        time.sleep(0.05)


def _ready(notices: socket.socket) -> bool:
    try:
        return b"READY=1" in notices.recv(4096)
    except BlockingIOError:
        return False


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as chooser:
        chooser.bind(("127.0.0.1", 0))
        return int(chooser.getsockname()[1])
