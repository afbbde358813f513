"""A headset without hardware: a PulseAudio server of our own whose sink is heard again as a microphone.

Needs Debian's pulseaudio, pulseaudio-utils, libasound2-plugins and libportaudio2. Nothing of the machine's own sound
set-up is touched: home, runtime directory and socket are private.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import until

DEVICE = "headset"
"""The microphone's name for PortAudio, and the server's name for the source."""

START_S = 20
"""A server that is not up by then never will be."""

ASOUNDRC = f"""
pcm.{DEVICE} {{
    type pulse
    device "{DEVICE}"
    hint {{ show on  description "Virtual headset" }}
}}
"""


@dataclass(frozen=True)
class Headset:
    """A running server. Whatever is to hear the headset must be started with `environment`."""

    environment: dict[str, str]
    server: subprocess.Popen[bytes]

    def say(self, recording: Path) -> None:
        """Play a recording into the microphone; returns when it has been heard to its end."""
        self._run("paplay", "--device=mic", str(recording))

    def suspend(self) -> None:
        """The device falls asleep, as a Bluetooth headset out of range does: the stream stays open, no sound comes."""
        self._run("pactl", "suspend-source", DEVICE, "1")
        self._run("pactl", "suspend-sink", "mic", "1")

    def kill(self) -> None:
        """The server dies."""
        self.server.kill()
        self.server.wait()

    def _run(self, *command: str) -> None:
        subprocess.run(command, env=self.environment, check=True, capture_output=True, timeout=60)


@contextmanager
def headset(directory: Path) -> Iterator[Headset]:
    """A virtual headset whose every file lies in `directory`; the server ends with the block."""
    environment = _environment(directory)
    socket = directory / "pulse" / "native"
    with (directory / "pulseaudio.log").open("wb") as log:
        server = subprocess.Popen(_command(socket), env=environment, stdout=log, stderr=log)
    try:
        _wait_for_source(server, environment, directory / "pulseaudio.log")
        yield Headset(environment, server)
    finally:
        server.terminate()
        server.wait(timeout=START_S)


def _environment(directory: Path) -> dict[str, str]:
    runtime = directory / "pulse"
    runtime.mkdir(mode=0o700, parents=True)
    (directory / ".asoundrc").write_text(ASOUNDRC)
    return {
        **os.environ,
        "HOME": str(directory),
        "XDG_RUNTIME_DIR": str(directory),
        "PULSE_RUNTIME_PATH": str(runtime),
        "PULSE_SERVER": f"unix:{runtime / 'native'}",
        "DBUS_SESSION_BUS_ADDRESS": "disabled:",
    }


def _command(socket: Path) -> list[str]:
    modules = (
        f"module-native-protocol-unix socket={socket} auth-anonymous=1",
        "module-null-sink sink_name=mic rate=16000 channels=1",
        f"module-remap-source master=mic.monitor source_name={DEVICE}",
    )
    options = ["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--log-target=stderr"]
    return ["pulseaudio", *options, *(f"--load={module}" for module in modules)]


def _wait_for_source(server: subprocess.Popen[bytes], environment: dict[str, str], log: Path) -> None:
    def complaint() -> str:
        return f"the virtual headset did not start: {log.read_text()[-2000:]}"

    def listed() -> bool:
        assert server.poll() is None, complaint()
        listing = ["pactl", "list", "short", "sources"]
        return DEVICE in subprocess.run(listing, env=environment, capture_output=True, text=True, check=False).stdout

    until(listed, complaint, START_S)
