"""A headset without hardware: a PulseAudio server of our own whose sink is heard again as a microphone.

Needs Debian's pulseaudio, pulseaudio-utils, libasound2-plugins and libportaudio2. Nothing of the machine's own sound
set-up is touched: home, runtime directory and socket are private.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any, Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from tests.waiting import until

DEVICE = "headset"  # The microphone's name for PortAudio, and the server's name for the source.

START_S = 60  # A server that is not up by then never will be.

HOWEVER_SURELY = {"DOCKVOICE_AGREE__POLICY": "fast", "DOCKVOICE_AGREE__MINIMUM_CONFIDENCE": "0"}
"""Settings for a test of something else than the recogniser: a busy machine may hear the right thing less surely, and
must not ask about that. What it hears must be right all the same."""

ASOUNDRC = """
pcm.{name} {{
    type pulse
    device "{name}"
    hint {{ show on  description "Virtual headset" }}
}}
"""

OPTIONS = (
    *("-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--log-target=stderr"),
    "--disable-shm=yes",  # With it a client that leaves now and then ends the server: a fault of PulseAudio, issue 824.
)

RATE = 16_000
TICK_S = 0.02
TICK = round(RATE * TICK_S)

Samples = NDArray[Any]


@dataclass(frozen=True)
class Headset:
    """A running server with one headset, silent unless it is said something.

    Whatever is to hear it must be started with `environment`.
    """

    environment: dict[str, str]
    server: subprocess.Popen[bytes]

    def say(self, recording: Path) -> None:
        """Play a recording into the microphone; returns when it has been heard to its end."""
        self.run("paplay", "--device=mic", str(recording))

    def suspend(self) -> None:
        """The device falls asleep, as a Bluetooth headset out of range does: the stream stays open, no sound comes."""
        self.run("pactl", "suspend-source", DEVICE, "1")
        self.run("pactl", "suspend-sink", "mic", "1")

    def kill(self) -> None:
        """The server dies."""
        self.server.kill()
        self.server.wait()

    def run(self, *command: str) -> None:
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


class Air:
    """What the microphones of a shelf hear: each its own noise, and what is said into it, in real time.

    It is written to the pipes of their sources from one thread, 20 ms at a time.
    """

    def __init__(self) -> None:
        self._pipes: dict[str, int] = {}
        self._sounds: dict[str, Callable[[int], Samples]] = {}
        self._said: dict[str, Samples] = {}
        self._began: dict[str, float] = {}
        self._ended = Event()

    def open(self, name: str, pipe: Path) -> None:
        """Begin to fill the pipe of a source, which holds open its other end."""
        if (old := self._pipes.get(name)) is not None:
            os.close(old)
        # Both ways, so that opening it never waits; without waiting, so that a source nobody reads holds up no other.
        self._pipes[name] = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
        self._sounds.setdefault(name, room)

    def let(self, name: str, sound: Callable[[int], Samples]) -> None:
        """From now on the microphone hears what `sound` makes for a number of samples."""
        self._sounds[name] = sound

    def say(self, name: str, recording: Path) -> None:
        """Say a recording (16 kHz) into a microphone, over the noise; returns at once."""
        said, rate = soundfile.read(recording, dtype="int16")
        assert rate == RATE
        self._began.pop(name, None)
        self._said[name] = said

    def began(self, name: str) -> float | None:
        """When the first sample of what was said last was heard, by the monotonic clock; None: not yet."""
        return self._began.get(name)

    def is_over(self, name: str) -> bool:
        """Whether what was said was heard to its end."""
        return not len(self._said.get(name, ()))

    def blow(self) -> None:
        """Keep the air moving until `end`."""
        begun, ticks = time.monotonic(), 0
        while not self._ended.wait(max(0.0, begun + (ticks + 1) * TICK_S - time.monotonic())):
            ticks += 1
            for name, pipe in list(self._pipes.items()):
                with suppress(BlockingIOError):  # nobody reads: what is full stays full
                    os.write(pipe, self._next(name).astype("<i2").tobytes())

    def end(self) -> None:
        """The air stands still."""
        self._ended.set()
        for pipe in self._pipes.values():
            os.close(pipe)
        self._pipes.clear()

    def _next(self, name: str) -> Samples:
        sound = self._sounds[name](TICK).astype(np.int32)
        said = self._said.get(name, sound[:0])
        if len(said) and name not in self._began:
            self._began[name] = time.monotonic()
        self._said[name] = said[len(sound) :]
        sound[: len(said)] += said[: len(sound)]
        return np.clip(sound, -32_768, 32_767)


CHANCE = np.random.default_rng(4)


def room(samples: int) -> Samples:
    """The noise of a live microphone in a quiet room, some -60 dBFS."""
    return CHANCE.normal(0, 30, samples).astype(np.int32)


def zeros(samples: int) -> Samples:
    """Nothing at all, as from a link that is connected and dead."""
    return np.zeros(samples, np.int32)


def gated() -> Callable[[int], Samples]:
    """Half a second of sound, half a second of zeros: a headset whose noise gate closes between words."""
    given = 0

    def sound(samples: int) -> Samples:
        nonlocal given
        given += samples
        return room(samples) if given // (RATE // 2) % 2 == 0 else zeros(samples)

    return sound


def faint(samples: int) -> Samples:
    """The last bit of a converter whose gain is turned down."""
    return CHANCE.integers(-1, 2, samples)


def overdriven(samples: int) -> Samples:
    """Far too loud: cut flat most of the time."""
    return np.where(CHANCE.random(samples) < 0.5, -32_768, 32_767)


def too_fast(samples: int) -> Samples:
    """A device that gives half as much again as it says."""
    return room(samples * 3 // 2)


def stopped(_samples: int) -> Samples:
    """A driver that brings nothing any more, and says nothing."""
    return np.zeros(0, np.int32)


class Shelf:
    """A sound server of our own with any number of headsets, which live, fail and are mended by command."""

    def __init__(self, directory: Path, names: Sequence[str]) -> None:
        self.directory = directory
        self.names = tuple(names)
        self.air = Air()
        self.environment = _environment(directory, names)
        self._modules: dict[str, str] = {}
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._blowing = ThreadPoolExecutor(1)
        self._blowing.submit(self.air.blow)
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.kill()
        self.air.end()
        self._blowing.shutdown()

    def start(self) -> None:
        """Start the server, with all headsets plugged in."""
        log = self.directory / "pulseaudio.log"
        socket = self.directory / "pulse" / "native"
        command = ["pulseaudio", *OPTIONS, f"--load=module-native-protocol-unix socket={socket} auth-anonymous=1"]
        with log.open("ab") as output:
            self._server = subprocess.Popen(command, env=self.environment, stdout=output, stderr=output)
        until(
            lambda: self._pactl("info").returncode == 0, lambda: f"no sound server: {log.read_text()[-2000:]}", START_S
        )
        for name in self.names:
            self.plug(name)

    def kill(self) -> None:
        """The server dies, and every stream with it."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None

    def freeze(self) -> None:
        """The server stands still, with all its connections open."""
        if self._server is not None:
            self._server.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        if self._server is not None:
            self._server.send_signal(signal.SIGCONT)

    def plug(self, name: str) -> None:
        """A headset is there, hearing the noise of its room."""
        pipe = self.directory / f"{name}.pipe"
        pipe.unlink(missing_ok=True)
        options = f"source_name={name} file={pipe} rate={RATE} channels=1 format=s16le"
        loaded = self._pactl("load-module", "module-pipe-source", *options.split())
        assert loaded.returncode == 0, loaded.stderr
        self._modules[name] = loaded.stdout.strip()
        self.air.open(name, pipe)

    def unplug(self, name: str) -> None:
        """It is gone; the server says so to nobody who records from it."""
        self._pactl("unload-module", self._modules.pop(name))

    def suspend(self, name: str) -> None:
        """It falls asleep: streams stay open, no sound comes."""
        self._pactl("suspend-source", name, "1")

    def resume(self, name: str) -> None:
        """It is awake."""
        self._pactl("suspend-source", name, "0")

    def reroute(self, name: str, process: int) -> None:
        """The recording of a process is moved to another headset, as a desktop's settings can do."""
        listed = json.loads(self._pactl("-f", "json", "list", "source-outputs").stdout)
        ours = [one for one in listed if one["properties"].get("application.process.id") == str(process)]
        self._pactl("move-source-output", str(ours[0]["index"]), name)

    def is_heard(self, name: str) -> bool:
        """Whether somebody records from it."""
        listed = json.loads(self._pactl("-f", "json", "list").stdout)
        numbers = {one["index"] for one in listed["sources"] if one["name"] == name}
        return any(one["source"] in numbers for one in listed["source_outputs"])

    def _pactl(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = ["pactl", *words]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=False)


def _environment(directory: Path, names: Sequence[str] = (DEVICE,)) -> dict[str, str]:
    runtime = directory / "pulse"
    runtime.mkdir(mode=0o700, parents=True)
    (directory / ".asoundrc").write_text("".join(ASOUNDRC.format(name=name) for name in names))
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
    return ["pulseaudio", *OPTIONS, *(f"--load={module}" for module in modules)]


def _wait_for_source(server: subprocess.Popen[bytes], environment: dict[str, str], log: Path) -> None:
    def complaint() -> str:
        return f"the virtual headset did not start: {log.read_text()[-2000:]}"

    def listed() -> bool:
        assert server.poll() is None, complaint()
        listing = ["pactl", "list", "short", "sources"]
        return DEVICE in subprocess.run(listing, env=environment, capture_output=True, text=True, check=False).stdout

    until(listed, complaint, START_S)
