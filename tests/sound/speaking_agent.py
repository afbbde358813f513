"""An agent at work on a virtual headset: what it tells at its terminal, and what is heard of it in the earpiece."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.records import SAMPLE_RATE
from edge.records.speech import Earcon
from edge.speak.mixer import earcon_samples
from tests.playbook.listener import likeness
from tests.processes.command import DOCKVOICE
from tests.processes.starting import Started
from tests.sound.earpiece import DEVICE, Earpiece
from tests.sound.pulseaudio import DEVICE as MICROPHONE
from tests.sound.pulseaudio import Headset
from tests.waiting import Notices, until

CLIP = Path("tests/data/speech/demo/02-pallet-0126-nine-units-dock-bravo.flac")

ALIKE = 0.9  # From which an earcon was heard: 1 where it is alone; a voice that begins beneath it takes a little off.

LOUD = 300  # Of 32768: what is louder is no silence between two clauses.


def after(listening: Earpiece, begins: int) -> NDArray[np.int16]:
    """What was played from there on, once a second of silence has followed it."""

    def heard() -> NDArray[np.int16]:
        return listening.samples[begins:]

    def over() -> bool:
        loud = np.flatnonzero(np.abs(heard().astype(int)) > LOUD)
        return len(loud) > 0 and len(heard()) - loud[-1] > SAMPLE_RATE

    until(over, "nothing was heard, or it never ended")
    return heard()


def ring_at(sound: NDArray[np.int16], which: Earcon) -> int:
    """Where the earcon begins, to the sample; it must be there: or one half, where a busy machine left a gap in it."""
    whole = earcon_samples(which)
    half = len(whole) // 2
    for begins, part in ((0, whole), (0, whole[:half]), (half, whole[half:])):
        alike = likeness(sound.astype(float), part)
        if alike.max(initial=0) > ALIKE:
            return max(0, int(alike.argmax()) - begins)
    raise AssertionError(f"{which} was not heard")


def is_greeted(agent: Agent, listening: Earpiece) -> None:
    """The operator is told that he is heard, in words that come out of the earpiece."""
    until(lambda: "from now on" in agent.log, lambda: agent.log)
    sound = after(listening, 0)
    rings = ring_at(sound, Earcon.HEARD)
    assert (np.abs(sound[rings + SAMPLE_RATE // 2 :].astype(int)) > LOUD).any(), "nothing was said"


def is_read_back(agent: Agent, worn: Headset, clip: Path, listening: Earpiece) -> None:
    """The operator is told that he is heard; from then on what he says is held, read back, and committed."""
    is_greeted(agent, listening)  # who speaks over it might be heard in part, and asked
    begins = len(listening.samples)
    worn.say(clip)
    assert agent.tells("verdict")["verdict"] == "hold"
    sound = after(listening, begins)
    rings = ring_at(sound, Earcon.HEARD)
    assert (np.abs(sound[rings + SAMPLE_RATE // 2 :].astype(int)) > LOUD).any(), "nothing was read back"
    assert agent.tells("agreed")["agreed"] == "recorded"


class Agent:
    """An agent at work, as its terminal shows it."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log
        self._told: list[dict[str, Any]] = []
        self.rest: list[str] = []  # What it had told besides, when it was ended.

    @property
    def log(self) -> str:
        return self._log.read_text()

    def tells(self, what: str) -> dict[str, Any]:
        """The next line that it tells about this."""
        while (found := next((line for line in self._told if what in line), None)) is None:
            assert self._process.stdout is not None
            line = self._process.stdout.readline()
            assert line, f"the agent ended: {self.log}"
            self._told.append(json.loads(line))
        self._told.remove(found)
        return found

    def end(self) -> None:
        self._process.kill()
        rest, _ = self._process.communicate()
        self.rest = rest.splitlines()


@contextmanager
def at_work(worn: Headset, directory: Path, **settings: str) -> Iterator[Agent]:
    """An agent that listens to the headset in a quiet room, and speaks where it can."""
    log = directory / "errors"
    room = subprocess.Popen(
        ["pacat", "--device=mic", "--raw", "--rate=16000", "--channels=1", str(noise(directory))], env=worn.environment
    )
    with log.open("w") as errors, Notices() as notices:
        environment = {
            **worn.environment,
            "DOCKVOICE_DEVICE": f"speaking-{os.getpid()}",  # no other test's: a device runs once on a machine
            "DOCKVOICE_HEAR__DEVICE": MICROPHONE,
            "DOCKVOICE_SPEAK__DEVICE": DEVICE,
            "DOCKVOICE_STATE_DIRECTORY": str(directory / "state"),
            "DOCKVOICE_DELIVER__MQTT__PORT": "1",
            "NOTIFY_SOCKET": notices.address,
            **settings,
        }
        command = [*DOCKVOICE, "run", "--json"]
        agent = Agent(Started(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True), log)
        try:
            notices.hear("READY=1", lambda: f"nobody listens: {agent.log}")
            yield agent
        finally:
            room.kill()
            room.wait()
            agent.end()


def noise(directory: Path) -> Path:
    """Minutes of a quiet room, some -60 dBFS: without any the microphone would count as dead."""
    file = directory / "room.raw"
    chance = np.random.default_rng(1)
    file.write_bytes(chance.normal(0, 30, 300 * SAMPLE_RATE).astype("<i2").tobytes())
    return file


def leak(worn: Headset, volume: str) -> None:
    """What is played is heard by the microphone too."""
    loop = ["load-module", "module-loopback", f"source={DEVICE}.monitor", "sink=mic", "latency_msec=60"]
    worn.run("pactl", *loop)
    listing = ["pactl", "-f", "json", "list", "sink-inputs"]
    inputs = json.loads(subprocess.run(listing, env=worn.environment, check=True, capture_output=True).stdout)
    worn.run("pactl", "set-sink-input-volume", str(inputs[-1]["index"]), volume)
