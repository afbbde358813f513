"""How many docks one machine carries: `dockvoice simulate` at a mosquitto and inventories of its own, in one run.

    python -m tests.bench.devices [--devices 10000] [--backlog 1] [--rate 20] [--seconds 60] [--cuts 0.05] [--storm 300]
                                [--database postgresql] [--consumers 1] [--keepalive 60] [--trust]

Prints the table of docs/scale.md. Broker, database, inventories and devices share this machine: what it says of a rate
is what all of them together do, and a broker on a machine of its own has more.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.servers.inventory import RunningInventory
from tests.servers.ports import held_port
from tests.servers.postgresql import PostgreSQL
from tests.waiting import until

START_S = 20.0  # Until the broker takes connections: milliseconds, on a busy machine more.

PATIENCE_S = 300.0
"""So long may no answer come before what is left counts as lost: a busy machine may stand still for a while."""

BROKER = """\
listener {port} 127.0.0.1
allow_anonymous true
max_queued_messages 0
set_tcp_nodelay true
log_type error
log_type warning
"""
"""mosquitto as it comes keeps 1,000 messages for the inventory, and drops what is beyond in silence. Without
`set_tcp_nodelay` its receipt waits for the acknowledgement of its PUBACK, which Linux delays by 40 ms."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--backlog", type=int, default=1, help="entries that each owes when it connects")
    parser.add_argument("--rate", type=float, default=20.0, help="entries a second, of all together")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long they are said")
    parser.add_argument("--cuts", type=float, default=0.05, help="share of the links that is cut in a minute")
    parser.add_argument("--storm", type=float, default=300.0, help="connections begun a second")
    parser.add_argument("--keepalive", type=int, default=60, help="of each device, seconds")
    parser.add_argument("--consumers", type=int, default=1)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="postgresql")
    parser.add_argument("--trust", action="store_true", help="trust keys at first use instead of giving all beforehand")
    given = parser.parse_args()
    with TemporaryDirectory(prefix="dockvoice-devices-") as scratch, ExitStack() as held:
        told = measured(given, Path(scratch), held)
    print(markdown(told))
    sys.exit(0 if told["whole"] else 1)


def measured(given: argparse.Namespace, scratch: Path, held: ExitStack) -> dict[str, Any]:
    """What `dockvoice simulate --json` says."""
    watched: dict[str, int] = {}
    url = f"sqlite:///{scratch / 'inventory.db'}"
    if given.database == "postgresql":
        cluster = held.enter_context(PostgreSQL())
        url = cluster.url
        watched["database"] = cluster.pid
    port, watched["broker"] = held.enter_context(broker(scratch))
    for number in range(given.consumers):
        environment = {} if given.trust else {"DOCKVOICE_INVENTORY_TRUST_FIRST_USE": "false"}
        environment |= {"DOCKVOICE_INVENTORY_KEYS_DIRECTORY": str(scratch / "keys")}
        environment |= consumer(number, given.consumers)
        running = RunningInventory(port, scratch / f"inventory-{number}", url, environment=environment)
        watched[f"inventory {number + 1}"] = held.enter_context(running).pid
    settings = scratch / "edge.toml"
    settings.write_text(f"[deliver.mqtt]\nkeepalive_s = {given.keepalive}\n", encoding="utf-8")
    asked = {name: getattr(given, name) for name in ("devices", "backlog", "rate", "cuts", "storm")}
    asked |= {"for": given.seconds, "patience": PATIENCE_S, "config": settings, "broker": f"127.0.0.1:{port}"}
    asked |= {"database": url} | ({} if given.trust else {"keys": scratch / "keys"})
    options = [part for name, value in asked.items() for part in (f"--{name}", str(value))]
    watching = [part for name, pid in watched.items() for part in ("--watch", f"{name}={pid}")]
    command = [sys.executable, "-m", "edge", "simulate", *options, *watching, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def consumer(number: int, of: int) -> dict[str, str]:
    """What this one of several inventories is told besides: each event goes to one of them."""
    if of == 1:
        return {}
    return {"DOCKVOICE_INVENTORY_CLIENT_ID": f"inventory-{number + 1}", "DOCKVOICE_INVENTORY_CONSUMER__SHARE": "office"}


@contextmanager
def broker(scratch: Path) -> Iterator[tuple[int, int]]:
    """Its port and its process. Quiet: to write down each packet takes it longer than to pass it on."""
    program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if program is None:
        sys.exit("mosquitto is not installed: apt install mosquitto")
    with held_port() as port:
        settings = scratch / "mosquitto.conf"
        settings.write_text(BROKER.format(port=port), encoding="utf-8")
        with (scratch / "mosquitto.log").open("ab") as log:
            process = subprocess.Popen([program, "-c", str(settings)], stdout=log, stderr=log)
        try:
            until(lambda: _accepts(port), "mosquitto takes no connections", START_S)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait()


def markdown(told: Mapping[str, Any]) -> str:
    """Two tables: what was measured, and what it took."""
    asked, machine = told["asked"], told["machine"]
    rows = [
        ("devices connected", f"{told['connect']['connected']:,} of {asked['devices']:,}"),
        ("all connected after", f"{told['connect']['seconds']:,.1f} s, {told['connect']['per_second']:,.0f} a second"),
        ("TCP to SUBACK, 50 % / 99 %", _spread(told["connect"]["handshake_ms"])),
    ]
    for part, name in (("backlog", "owed at the start"), ("live", "said live")):
        if (one := told[part]) is not None:
            rows += [
                (f"{name}: entries, answered", f"{one['entries']:,}, {one['answered']:,}"),
                (f"{name}: first sent to last answered", f"{one['seconds']:,.1f} s, {one['per_second']} a second"),
                (f"{name}: PUBLISH to PUBACK, 50 % / 99 %", _spread(one["publish_to_puback_ms"])),
                (f"{name}: PUBACK to receipt, 50 % / 99 %", _spread(one["puback_to_receipt_ms"])),
                (f"{name}: sent more than once", f"{one['sent_again']:,}"),
            ]
    rows += [(name, f"{count:,}") for name, count in told["links"].items()]
    rows += [("lost", f"{told['lost']:,}"), ("twice", f"{told['twice']:,}")]
    rows += [("rows in the database that are wrong or missing", _wrong(told["database"]))]
    head = f"{machine['processors']} processors, load before {machine['load_before']}, Python {machine['python']}"
    lines = [f"| {head} | |", "|---|---:|", *(f"| {name} | {value} |" for name, value in rows), ""]
    lines += ["| process | MB before | MB at most | kB a device | processor s | cores, mean |", "|---|" + "---:|" * 5]
    for name, one in told["processes"].items():
        memory = f"{one['mb_before']:,.0f} | {one['mb_most']:,.0f} | {one['kb_per_device']:,.1f}"
        lines.append(f"| {name} | {memory} | {one['processor_s']:,.0f} | {one['cores']:.2f} |")
    return "\n".join(lines)


def _spread(told: Mapping[str, float]) -> str:
    return f"{told['p50']:,.0f} / {told['p99']:,.0f} ms" if told else "-"


def _wrong(compared: Mapping[str, Any] | None) -> str:
    if compared is None:
        return "-"
    return f"{sum(compared[name] for name in ('missing', 'altered', 'wrong_state', 'twice', 'unknown')):,}"


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    main()
