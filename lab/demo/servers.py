"""Starts the demo's servers: a broker that can be killed and restarted, and an inventory with its own database."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from dockvoice_protocol.config import MqttVersion
from dockvoice_protocol.errors import Misconfigured, Unavailable
from edge.keep import device_key
from edge.keep.device_key import KEY

_START_WITHIN_S = 60.0
"""Timeout for a server's start: two seconds on a quiet machine, over twenty on one that computes five things more."""

_KEYS = "DOCKVOICE_INVENTORY_KEYS_DIRECTORY"  # The setting that says where the keys of devices are.
_PORTS = range(20_000, 32_768)
"""Below Linux's ip_local_port_range, so that no outgoing connection takes a server's port while it starts."""

_SBIN = ("/usr/sbin", "/usr/local/sbin")  # Where Debian puts mosquitto: not on the path of an ordinary user.


class BrokerKind(StrEnum):
    """Which broker the demo starts."""

    AUTO = "auto"
    MOSQUITTO = "mosquitto"
    EMBEDDED = "embedded"


class DemoBroker:
    """A broker on a free port while the block lasts; it can be killed and restarted within."""

    def __init__(self, kind: BrokerKind, scratch: Path) -> None:
        """Raises Misconfigured if no broker of that kind is installed."""
        self.port = free_port()
        self._log = scratch / "broker.log"
        self._running = ExitStack()
        mosquitto = shutil.which("mosquitto", path=os.pathsep.join((os.environ.get("PATH", ""), *_SBIN)))
        if kind is BrokerKind.MOSQUITTO and mosquitto is None:
            raise Misconfigured("mosquitto: not installed; install it, or use --with embedded")
        if mosquitto is not None and kind is not BrokerKind.EMBEDDED:
            self.name = f"mosquitto ({mosquitto})"
            self.version = MqttVersion.V5
            """Its MQTT version, configured: detecting that the embedded broker has no MQTT 5 takes seconds."""
            self._command = _mosquitto_command(mosquitto, scratch, self.port)
        elif find_spec("amqtt") is None:
            raise Misconfigured("amqtt: not installed; pip install 'dockvoice-lab[demo]', or install mosquitto")
        else:
            self.name = "embedded in Python (amqtt); mosquitto is not used"
            self.version = MqttVersion.V311
            self._command = _amqtt_command(scratch, self.port)

    def __enter__(self) -> Self:
        """Start the broker."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Kill the broker."""
        self.stop()

    def start(self) -> None:
        """Start the broker and wait until its port accepts connections. Raises Unavailable."""
        with ExitStack() as starting:  # stops the started servers if the start fails
            process = starting.enter_context(run_process(self._command, self._log))
            wait_until(lambda: is_listening(self.port), process, "the broker", self._log)
            self._running = starting.pop_all()

    def stop(self) -> None:
        """Stop the broker (SIGTERM, then SIGKILL); its sessions and retained messages are lost."""
        self._running.close()


def _mosquitto_command(program: str, scratch: Path, port: int) -> list[str]:
    settings = scratch / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n", encoding="utf-8")
    return [program, "-c", str(settings)]


def _amqtt_command(scratch: Path, port: int) -> list[str]:
    settings = scratch / "amqtt.json"  # JSON is YAML, the format that amqtt reads
    anonymous = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    listeners = {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}
    settings.write_text(json.dumps({"listeners": listeners, "plugins": anonymous}), encoding="utf-8")
    return [sys.executable, "-m", "amqtt.scripts.broker_script", "-c", str(settings)]


class DemoInventory:
    """The inventory as a user runs it: the `dockvoice inventory` command, with an SQLite database in `scratch`."""

    def __init__(self, scratch: Path, broker: DemoBroker) -> None:
        self._scratch = scratch
        self._keys = scratch / "keys"
        self._database = ["--database", f"sqlite:///{scratch / 'inventory.db'}"]
        self.place = [*self._database, "--broker", f"127.0.0.1:{broker.port}"]
        """Where its database and its broker are, for a command that works on them."""
        self.environment = {
            _KEYS: str(self._keys),
            "DOCKVOICE_INVENTORY_MQTT__VERSION": broker.version.value,
            "DOCKVOICE_INVENTORY_CLIPS__FOLDER": str(scratch / "clips"),
        }
        """Additional environment of such a command."""
        office = scratch / "office"
        office.mkdir(mode=0o700)
        self.key = device_key.load_or_create(office).public  # The public half of the key that it signs with.
        self.public_key = scratch / "office.pem"
        self.public_key.write_bytes(self.key.pem)
        self.private_key = office / KEY  # The other half: the file.
        self._sign = ["--sign", str(self.private_key)]

    def enrol(self, state: Path) -> None:
        """Create the device's key and enrol it with the inventory."""
        state.mkdir(mode=0o700, exist_ok=True)
        file = self._scratch / "demo.pem"
        file.write_bytes(device_key.load_or_create(state).public.pem)
        run_dockvoice("inventory", "keys", "enrol", "demo/demo", str(file), "--directory", str(self._keys))

    def publish_expected_list(self, notice: Path) -> str:
        """Publish the expected list of a notice file."""
        command = ("inventory", "expect", str(notice), "--site", "demo", *self.place, *self._sign)
        return run_dockvoice(*command, environment=self.environment)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the inventory while the block lasts; it is subscribed when the block begins."""
        log = self._scratch / "inventory.log"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
            address = str(self._scratch / "notify")
            notices.bind(address)
            notices.setblocking(False)
            command = [*DOCKVOICE, "inventory", *self.place]
            environment = {**self.environment, "NOTIFY_SOCKET": address}
            with run_process(command, log, environment) as process:
                wait_until(lambda: _is_ready(notices), process, "the inventory", log)
                yield

    def rows(self) -> list[dict[str, Any]]:
        """The table's rows, from `inventory rows --json`."""
        found = run_dockvoice("inventory", "rows", *self._database, "--json")
        return [json.loads(line) for line in found.splitlines()]

    def make_dossier(self, trailer: str, out: Path, device_bundle: Path) -> dict[str, Any]:
        """Make a trailer's dossier with the recordings of a device's bundle; return its content."""
        make = ("inventory", "dossier", trailer, "--out", str(out), "--bundle", str(device_bundle))
        run_dockvoice(*make, *self._database, *self._sign, environment=self.environment)
        with zipfile.ZipFile(out) as made:
            content: dict[str, Any] = json.loads(made.read("dossier.json"))
        return content


DOCKVOICE = (sys.executable, "-m", "edge")


def run_dockvoice(*arguments: str, environment: Mapping[str, str] = {}, typed: str = "") -> str:
    """Run a dockvoice command with `typed` on its standard input; return its output. Raises Unavailable on failure."""
    ran = subprocess.run(  # noqa: S603 - our own program
        [*DOCKVOICE, *arguments],
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    if ran.returncode:
        raise Unavailable(f"dockvoice {' '.join(arguments[:2])}: {ran.stderr.strip()}")
    return ran.stdout


@contextmanager
def run_process(
    command: list[str], log: Path, environment: Mapping[str, str] = {}
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program while the block lasts; its output goes to `log`."""
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - programs of ours, or the mosquitto that is installed
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env={**os.environ, **environment}
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=_START_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until(there: Callable[[], bool], process: subprocess.Popen[bytes], what: str, log: Path) -> None:
    """Wait until the condition holds. Raises Unavailable if the process ended, or takes too long."""
    deadline = time.monotonic() + _START_WITHIN_S
    while not there():
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["(it said nothing)"]
        if process.poll() is not None:
            raise Unavailable(f"{what} did not start: {lines[-1]}")
        if time.monotonic() > deadline:
            raise Unavailable(f"{what} is not up after {_START_WITHIN_S:g} s; is the machine busy? {lines[-1]}")
        time.sleep(0.05)


def _is_ready(notices: socket.socket) -> bool:
    try:
        return b"READY=1" in notices.recv(4096)
    except BlockingIOError:
        return False


def is_listening(port: int) -> bool:
    """Whether a server accepts connections on the local port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A free local port outside the range of outgoing connections. Raises Unavailable if there is none."""
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise Unavailable(f"127.0.0.1: each port from {_PORTS.start} to {_PORTS.stop - 1} is in use")
