"""The units in a real systemd, booted for them: started, watched over, killed, stopped, and what they may not do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.machine import Machine, refusal
from tests.sound.pulseaudio import ASOUNDRC, DEVICE, OPTIONS
from tests.waiting import until

AGENT, INVENTORY = "dockvoice@dock-b.service", "dockvoice-inventory.service"
UNITS = (AGENT, INVENTORY)

SECRETS = {"dock-b": "gerbera-7", "inventory": "lobelia-4"}  # The passwords at the broker; only credentials hold them.

SOUND = "unix:/run/pulse/native"

WATCHDOG_S = 8
"""In the place of half a minute and of a minute, where it is waited for; a busy machine holds a ping up for seconds."""

BROKER = """
[Service]
RuntimeDirectory=broker
ExecStartPre=sh -c '{passwords}'
ExecStart=/usr/sbin/mosquitto -v -c /etc/broker.conf
"""

MOSQUITTO = """
user root
listener 1883 127.0.0.1
password_file /run/broker/passwords
allow_anonymous false
"""

SOUND_SERVER = f"""
[Service]
RuntimeDirectory=pulse
Environment=HOME=/run/pulse
ExecStart=/usr/bin/pulseaudio {" ".join(OPTIONS)} \
    "--load=module-native-protocol-unix socket=/run/pulse/native auth-anonymous=1"
"""

PROBE = """#!/opt/dockvoice/bin/python
import ctypes, errno, grp, json, mmap, os, resource, socket, sys

def tried(what):
    try:
        what()
    except OSError as fault:
        return errno.errorcode[fault.errno]
    return "done"

def opened(path, flags=os.O_RDONLY):
    return tried(lambda: os.close(os.open(path, flags, 0o600)))

def mounted():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", b"/tmp", b"tmpfs", 0, None):
        raise OSError(ctypes.get_errno(), "")

status = dict(line.rstrip().split(":", 1) for line in open("/proc/self/status"))
print("probed", json.dumps({
    "groups": sorted(grp.getgrgid(one).gr_name for one in os.getgroups()),
    "capabilities": int(status["CapEff"], 16) | int(status["CapBnd"], 16),
    "no new privileges": int(status["NoNewPrivs"]),
    "card": opened("/dev/snd/controlC0", os.O_RDWR),
    "keyboard": opened("/dev/input/event0"),
    "state": opened(os.environ["STATE_DIRECTORY"] + "/probe", os.O_WRONLY | os.O_CREAT),
    "settings": opened("/etc/dockvoice/probe", os.O_WRONLY | os.O_CREAT),
    "a home": opened("/root/probed"),
    "raw network": tried(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()),
    "a mount": tried(mounted),
    "made code": tried(lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()),
    "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
    "secrets": {name: open(os.path.join(os.environ["CREDENTIALS_DIRECTORY"], name)).read()
        for name in os.listdir(os.environ["CREDENTIALS_DIRECTORY"])},
}))
"""
"""What a program may do that is started as the unit starts its own."""


def probing(repository: Path, unit: str, program: str) -> str:
    """The unit with the probe in the place of the program, once."""
    text = (repository / "systemd" / unit).read_text(encoding="utf-8").replace("%i", "dock-b")
    start = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    return text.replace(start, f"ExecStart={program}").replace("Type=notify", "Type=oneshot").replace("=always", "=no")


@pytest.fixture(scope="module")
def machine(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A dock's box with its inventory, booted and at work; no headset is plugged in."""
    if why := refusal():
        pytest.skip(f"no machine can be booted here, and these tests need one: {why}")
    made = "; ".join(
        f"mosquitto_passwd {'' if number else '-c'} -b /run/broker/passwords {user} {password}"
        for number, (user, password) in enumerate(SECRETS.items())
    )
    mqtt = '[{}]\nhost = "127.0.0.1"\nusername = "{}"\ninsecure = true\n'
    files = {
        "etc/dockvoice/dock-b.toml": f'site = "north"\ndevice = "dock-b"\n[hear]\ndevice = "{DEVICE}"\n'
        + mqtt.format("deliver.mqtt", "dock-b"),
        "etc/dockvoice/inventory.toml": mqtt.format("mqtt", "inventory"),
        "etc/credstore/dockvoice.dock-b.mqtt-password": SECRETS["dock-b"],
        "etc/credstore/dockvoice-inventory.mqtt-password": SECRETS["inventory"],
        "etc/asound.conf": ASOUNDRC.format(name=DEVICE),
        "etc/broker.conf": MOSQUITTO,
        "etc/systemd/system/broker.service": BROKER.format(passwords=made),
        "etc/systemd/system/sound.service": SOUND_SERVER,
        f"etc/systemd/system/{AGENT}.d/box.conf": f"[Service]\nEnvironment=PULSE_SERVER={SOUND}\n",
        "opt/dockvoice/bin/probe": PROBE,
        "etc/systemd/system/agent-probe.service": probing(repository, "dockvoice@.service", "/opt/dockvoice/bin/probe"),
        "etc/systemd/system/inventory-probe.service": probing(
            repository, "dockvoice-inventory.service", "/opt/dockvoice/bin/probe"
        ),
    }
    with Machine(tmp_path_factory.mktemp("machine"), files) as booted:
        booted.run("systemctl", "start", "--no-block", "broker", "sound", *UNITS, "agent-probe", "inventory-probe")
        yield booted


def started_again(machine: Machine, unit: str, times: str) -> None:
    machine.until(unit, "NRestarts", lambda told: told != times)
    machine.until(unit, "ActiveState", lambda told: told == "active")


def test_a_box_without_its_headset_is_ready_and_waits_for_it_without_a_restart(machine: Machine) -> None:
    for unit in UNITS:
        machine.until(unit, "ActiveState", lambda told: told == "active")
    machine.until(AGENT, "StatusText", lambda told: "microphone: unplugged: cannot be opened" in told)
    for module in ("module-null-sink sink_name=room", f"module-remap-source master=room.monitor source_name={DEVICE}"):
        machine.run("pactl", f"--server={SOUND}", "load-module", *module.split())
    machine.until(AGENT, "StatusText", lambda told: "listening" in told or "digital_silence" in told)
    assert machine.shows(AGENT, "NRestarts") == "0", machine.journal(AGENT)


def test_passwords_come_as_credentials_and_lie_open_nowhere(machine: Machine) -> None:
    until(lambda: all(f"u'{user}'" in machine.journal("broker") for user in SECRETS), lambda: machine.journal("broker"))
    for unit, secret in zip(UNITS, SECRETS.values(), strict=True):
        process = machine.shows(unit, "MainPID")
        seen = machine.run("cat", f"/proc/{process}/environ", f"/proc/{process}/cmdline") + machine.journal(unit)
        assert secret not in seen + machine.run("systemctl", "show", unit)


def test_the_sandbox_leaves_what_is_needed_and_nothing_else(machine: Machine) -> None:
    probed = {}
    for name in ("agent", "inventory"):
        unit = f"{name}-probe.service"
        machine.until(unit, "ActiveState", lambda told: told in {"inactive", "failed"})
        lines = [line for line in machine.journal(unit).splitlines() if line.startswith("probed ")]
        assert lines, machine.journal(unit)
        probed[name] = json.loads(lines[0].removeprefix("probed "))
    denied = {
        "capabilities": 0,
        "no new privileges": 1,
        "keyboard": "EPERM",
        "state": "done",
        "settings": "EROFS",
        "a home": "EACCES",
        "raw network": "EAFNOSUPPORT",
        "a mount": "EPERM",
        "core": 0,
    }
    card = probed["agent"].pop("card")
    assert card in {"done", "ENXIO", "ENODEV"}, "past the sandbox, it depends on whether there is a card"
    assert probed["agent"] == denied | {
        "groups": ["audio", "dockvoice"],
        "made code": "done",
        "secrets": {"dockvoice_deliver__mqtt__password": SECRETS["dock-b"]},
    }
    made = probed["inventory"].pop("made code")
    assert made in {"EPERM", "EACCES"}, (
        "by a filter of systemd's own, or by the kernel, which newer ones ask (Debian 13)"
    )
    assert probed["inventory"] == denied | {
        "groups": ["dockvoice-inventory"],
        "card": "ENOENT",
        "keyboard": "ENOENT",
        "secrets": {"dockvoice_inventory_mqtt__password": SECRETS["inventory"]},
    }


def test_what_is_killed_or_stands_still_is_started_again(machine: Machine) -> None:
    for unit in UNITS:
        machine.until(unit, "ActiveState", lambda told: told == "active")
        sooner = f"mkdir -p $0 && printf '[Service]\\nWatchdogSec={WATCHDOG_S}\\n' > $0/sooner.conf"
        machine.run("sh", "-c", sooner, f"/run/systemd/system/{unit}.d")
    machine.run("systemctl", "daemon-reload")
    before = {unit: machine.shows(unit, "NRestarts") for unit in UNITS}
    machine.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", *UNITS)
    for unit in UNITS:
        started_again(machine, unit, before[unit])
    before = {unit: machine.shows(unit, "NRestarts") for unit in UNITS}
    machine.run("systemctl", "kill", "--kill-whom=main", "--signal=STOP", *UNITS)
    for unit in UNITS:
        started_again(machine, unit, before[unit])
        assert f"Watchdog timeout (limit {WATCHDOG_S}s)!" in machine.journal(unit)


def test_what_is_stopped_ends_in_order(machine: Machine) -> None:
    for unit in UNITS:
        machine.until(unit, "ActiveState", lambda told: told == "active")
    machine.run("systemctl", "stop", *UNITS)
    for unit in UNITS:
        assert (machine.shows(unit, "Result"), machine.shows(unit, "ExecMainStatus")) == ("success", "0")
