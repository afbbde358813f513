"""The device's voice on a real sound server: heard at the sink, in time, read by the recogniser, not by itself."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.agent.parts import assemble
from edge.agree.dialogue.orders import Earcon
from edge.audio.sound_server import NULL_SINK
from edge.config import Settings, load
from edge.ports import Interpreter
from edge.records import SAMPLE_RATE, Closing, FieldValue, Segment, Utterance
from edge.speak.earcons import earcon
from tests.command import DOCKVOICE, answer, dockvoice
from tests.earpiece import DEVICE, Earpiece, declare, earpiece, plug_in
from tests.pulseaudio import DEVICE as MICROPHONE
from tests.pulseaudio import Headset, headset
from tests.waiting import Notices, until

ENTRIES: list[dict[str, FieldValue]] = [
    {"pallet_id": "982", "quantity": 122, "dock": "B"},
    {"pallet_id": "046", "quantity": 31, "dock": "A"},
    {"pallet_id": "34646", "quantity": 147, "dock": "F"},
]
"""Such as the recogniser reads right when espeak says them: all nine fields as a rule; espeak's breath is chance."""

SPEAK = """
import asyncio, json, sys
from pathlib import Path
from edge.speak.loudspeaker import Loudspeaker
from edge.agree.dialogue.orders import Earcon, Say, Sound
from edge.speak.wording import Phrasing
from edge.agree.dialogue.orders import Prompt
from edge.speak.synthesis import Speaker
from edge.config import Speak, shipped
from edge.forms.loader import forms_in
from edge.agent.voice_output import phrases

def say(**said):
    print(json.dumps(said), flush=True)

async def main():
    form = forms_in(shipped("schemas") / "forms")["pallet-move"]
    loudspeaker = Loudspeaker(sys.argv[1])
    speaker = Speaker(loudspeaker, phrases(Speak(), {}), Phrasing(form))
    await loudspeaker.open()
    say(open=True)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in (loudspeaker.keep_open(), speaker.run())]
        while line := await asyncio.to_thread(sys.stdin.readline):
            if (entry := json.loads(line)) == "open?":
                say(open=loudspeaker.is_open)
                continue
            speaker.order(Sound(Earcon.STORED))
            speaker.order(Say(Prompt.READBACK, entry))
            await loudspeaker.until_quiet()
            say(told=True)
        for task in tasks:
            task.cancel()

asyncio.run(main())
"""

TRY = """
import asyncio, sys
import sounddevice
from edge.errors import Unavailable
from edge.speak.loudspeaker import Loudspeaker

async def tried(loudspeaker):
    try:
        await loudspeaker.open()
    except Unavailable:
        return 1
    return 0

async def main():
    print(sum([await tried(Loudspeaker(sys.argv[2])) for _ in range(100)]), flush=True)

heard = sounddevice.RawInputStream(
    device=sys.argv[1], samplerate=16000, channels=1, dtype="int16", blocksize=320, callback=lambda *_: None
)
heard.start()
asyncio.run(main())
"""
"""A speaker that is not there is tried a hundred times while a microphone is listened to; prints how often in vain."""

DEMO = Path("tests/data/speech/demo")
CLIP = DEMO / "02-pallet-0126-nine-units-dock-bravo.flac"
ANOTHER = DEMO / "04-dock-charlie-pallet-277-sixteen-units.flac"

LOUD = 300
"""Of 32768: what is louder is no silence between two clauses."""


@pytest.fixture
def worn(tmp_path: Path) -> Iterator[Headset]:
    with headset(tmp_path) as server:
        yield server


@contextmanager
def speaker(server: Headset) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", SPEAK, DEVICE]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    child = subprocess.Popen(command, env=server.environment, text=True, **pipes)  # type: ignore[call-overload]
    try:
        assert answer(child) == {"open": True}
        yield child
    finally:
        child.kill()
        child.communicate()


def ask(child: subprocess.Popen[str], what: object) -> dict[str, Any]:
    assert child.stdin is not None
    child.stdin.write(json.dumps(what) + "\n")
    child.stdin.flush()
    return answer(child)


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
    """Where the earcon begins, to the sample; it must be there."""
    wanted = earcon(which).astype(float)
    likeness = np.correlate(sound.astype(float), wanted, "valid") / (wanted**2).sum()
    assert likeness.max() > 0.9, f"{which} was not heard"
    return int(likeness.argmax())


def read(interpreter: Interpreter, sound: NDArray[np.int16]) -> dict[str, FieldValue | None]:
    """What the recogniser makes of it."""
    loud = np.flatnonzero(np.abs(sound.astype(int)) > LOUD)
    quiet = np.zeros(SAMPLE_RATE // 3, dtype=np.int16)
    pcm = np.concatenate([quiet, sound[loud[0] : loud[-1]], quiet]).tobytes()
    attention = interpreter.attend()
    attention.hear(pcm)
    segment = Segment(0, len(quiet), len(pcm) // 2 - len(quiet), len(pcm) // 2, Closing.PAUSE, pcm)
    said = Utterance("0", "pallet-move", "sha256:0", datetime.now(UTC), segment)
    return {name: field.value for name, field in asyncio.run(attention.finish(said)).fields.items()}


def test_an_earcon_and_a_readback_come_out_of_the_earpiece_and_say_the_entry(worn: Headset) -> None:
    right, interpreter = 0, assemble(load(Settings, None, understand={"engine": "vosk"})).interpreter
    with earpiece(worn) as listening, speaker(worn) as child:
        for entry in ENTRIES:
            begins = len(listening.samples)
            assert ask(child, entry) == {"told": True}
            sound = after(listening, begins)
            rings = ring_at(sound, Earcon.STORED)
            words = sound[rings:].astype(int)
            words[: len(earcon(Earcon.STORED))] -= earcon(Earcon.STORED)
            first = np.flatnonzero(np.abs(words) > LOUD)[0] * 1000 / SAMPLE_RATE
            assert 45 <= first <= 80  # ms after the earcon began, by the samples: no busy machine can change that
            right += len(entry.items() & read(interpreter, words.astype(np.int16)).items())
    assert right >= 6, f"of nine fields read back the recogniser read {right}"


def test_an_earpiece_that_vanishes_is_spoken_into_again_when_it_is_back(worn: Headset) -> None:
    with earpiece(worn) as listening, speaker(worn) as child:
        assert ask(child, ENTRIES[0]) == {"told": True}
        after(listening, 0)
        listening.unplug()
        until(lambda: ask(child, "open?") == {"open": False}, "the loss was not noticed")
        assert ask(child, ENTRIES[0]) == {"told": True}  # nobody waits for it
        plug_in(worn)
        until(lambda: ask(child, "open?") == {"open": True}, "it was not opened again")


def test_a_speaker_that_is_not_there_is_refused_every_time_while_the_microphone_is_heard(worn: Headset) -> None:
    declare(worn)
    command = [sys.executable, "-c", TRY, MICROPHONE, DEVICE]
    tried = subprocess.run(command, env=worn.environment, capture_output=True, text=True, timeout=60, check=False)
    assert (tried.returncode, tried.stdout) == (0, "100\n"), tried.stderr


def test_speak_plays_and_without_a_device_says_what_to_mend(worn: Headset, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in worn.environment.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("DOCKVOICE_SPEAK__DEVICE", DEVICE)
    absent = dockvoice("speak", "pallet 7 4 2")
    assert absent.returncode == 69
    assert "speak.device" in absent.stderr
    with earpiece(worn) as listening:
        spoken = dockvoice("speak", "pallet 7 4 2", "--earcon", "fault")
        assert spoken.returncode == 0, spoken.stderr
        ring_at(after(listening, 0), Earcon.FAULT)


def test_an_agent_answers_and_does_not_hear_itself(worn: Headset, tmp_path: Path, repository: Path) -> None:
    with earpiece(worn) as listening:
        leak(worn, "-20dB")
        with at_work(worn, tmp_path, DOCKVOICE_AGREE__CONVERSATION="false") as agent:
            for _ in range(2):
                begins = len(listening.samples)
                worn.say(repository / CLIP)
                told = agent.tells("verdict")
                assert told["fields"]["quantity"] == 9, "the device heard something else than the operator"
                sound = after(listening, begins)
                rings = ring_at(sound, Earcon.STORED if told["verdict"] == "accept" else Earcon.QUESTION)
                assert (np.abs(sound[rings + SAMPLE_RATE // 2 :].astype(int)) > LOUD).any(), "nothing was read back"
    assert [line for line in agent.rest if "verdict" in line] == [], "the device heard itself"


def test_an_earpiece_that_appears_while_the_operator_speaks_is_used_from_then_on(
    worn: Headset, tmp_path: Path, repository: Path
) -> None:
    declare(worn)
    with at_work(worn, tmp_path) as agent:
        assert agent.tells("speaker") == {"speaker": "none"}
        with ThreadPoolExecutor(1) as mouth:
            saying = mouth.submit(worn.say, repository / ANOTHER)
            with earpiece(worn) as listening:
                saying.result()
                whole = agent.tells("verdict")
                assert whole["fields"] == {"pallet_id": "277", "quantity": 16, "dock": "C"}, "it was broken off"
                assert agent.tells("speaker") == {"speaker": "heard"}
                is_read_back(agent, worn, repository / CLIP, listening)


def test_an_earpiece_that_portaudio_has_never_seen_is_found(worn: Headset, tmp_path: Path, repository: Path) -> None:
    with at_work(worn, tmp_path) as agent:
        assert agent.tells("speaker") == {"speaker": "none"}
        with earpiece(worn) as listening:
            assert agent.tells("speaker") == {"speaker": "heard"}
            is_read_back(agent, worn, repository / CLIP, listening)
        assert "microphone:" not in agent.log, "that the microphone was opened anew is no fault of it"


def test_what_a_sound_server_puts_up_in_the_place_of_a_speaker_is_none(worn: Headset, tmp_path: Path) -> None:
    dummy = plug_in(worn, NULL_SINK)
    worn._run("pactl", "set-default-sink", NULL_SINK)
    with at_work(worn, tmp_path, DOCKVOICE_SPEAK__DEVICE="pulse") as agent:
        assert agent.tells("speaker") == {"speaker": "none"}
        with earpiece(worn) as listening:
            worn._run("pactl", "set-default-sink", DEVICE)
            worn._run("pactl", "unload-module", dummy)
            assert agent.tells("speaker") == {"speaker": "heard"}
            is_greeted(agent, listening)  # with the same stream as ever: what follows is as with any speaker


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
        self.rest: list[str] = []
        """What it had told besides, when it was ended."""

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
        agent = Agent(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True), log)
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
    worn._run("pactl", *loop)
    listing = ["pactl", "-f", "json", "list", "sink-inputs"]
    inputs = json.loads(subprocess.run(listing, env=worn.environment, check=True, capture_output=True).stdout)
    worn._run("pactl", "set-sink-input-volume", str(inputs[-1]["index"]), volume)
