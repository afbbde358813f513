"""The device's voice on a real sound server: heard at the sink, in time, and read by the recogniser."""

from __future__ import annotations

import asyncio
import json
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

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.records import FieldValue
from edge.agent.parts import assemble_interpretation
from edge.config import Settings
from edge.ports import Interpreter
from edge.records import SAMPLE_RATE, ClosedBy, Segment, Utterance
from edge.records.speech import Earcon
from edge.speak.mixer import earcon_samples
from tests.processes.command import answer, dockvoice
from tests.processes.starting import Started, run
from tests.sound.earpiece import DEVICE, declare, earpiece, plug_in
from tests.sound.pulseaudio import DEVICE as MICROPHONE
from tests.sound.pulseaudio import HOWEVER_SURELY, Headset, headset
from tests.sound.speaking_agent import CLIP, LOUD, after, at_work, is_read_back, ring_at
from tests.tiers import sized
from tests.waiting import until

ENTRIES: list[dict[str, FieldValue]] = [
    {"pallet_id": "398", "quantity": 11, "dock": "C"},
    {"pallet_id": "046", "quantity": 31, "dock": "A"},
    {"pallet_id": "646", "quantity": 35, "dock": "D"},
]
"""Such as the recogniser reads right each time that espeak says them: of 28 entries, 19; hundreds are not among them.
espeak's breath is chance: it says no entry twice alike."""

TOLD = ENTRIES[: sized(test=2, nightly=3)]

SPEAK = """
import asyncio, json, sys
from pathlib import Path
from edge.speak.loudspeaker import Loudspeaker
from edge.records.speech import Earcon, PlayEarcon, Prompt, Say
from edge.speak.wording import Phrasing
from edge.speak.synthesis import Speaker
from dockvoice_protocol.plain_file import shipped_directory
from edge.config import Speak
from dockvoice_protocol.forms.loader import load_forms
from edge.agent.voice_output import make_clause_cache

def say(**said):
    print(json.dumps(said), flush=True)

async def main():
    form = load_forms(shipped_directory("schemas") / "forms")["pallet-move"]
    loudspeaker = Loudspeaker(sys.argv[1])
    speaker = Speaker(loudspeaker, make_clause_cache(Speak(), {}), Phrasing(form))
    await loudspeaker.open()
    say(open=True)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in (loudspeaker.keep_open(), speaker.run())]
        while line := await asyncio.to_thread(sys.stdin.readline):
            if (entry := json.loads(line)) == "open?":
                say(open=loudspeaker.is_open)
                continue
            speaker.carry_out(PlayEarcon(Earcon.STORED))
            speaker.carry_out(Say(Prompt.LAST_ENTRY, entry))  # with the label, which the recogniser goes by
            await loudspeaker.wait_until_quiet()
            say(told=True)
        for task in tasks:
            task.cancel()

asyncio.run(main())
"""

TRY = """
import asyncio, sys
import sounddevice
from dockvoice_protocol.errors import Unavailable
from edge.speak.loudspeaker import Loudspeaker

async def tried(loudspeaker):
    try:
        await loudspeaker.open()
    except Unavailable:
        return 1
    return 0

async def main():
    print(sum([await tried(Loudspeaker(sys.argv[2])) for _ in range(int(sys.argv[3]))]), flush=True)

heard = sounddevice.RawInputStream(
    device=sys.argv[1], samplerate=16000, channels=1, dtype="int16", blocksize=320, callback=lambda *_: None
)
heard.start()
asyncio.run(main())
"""
"""A speaker that is not there is tried so many times while a microphone is listened to; prints how often in vain."""

TRIES = sized(test=20, nightly=100)

ANOTHER = "tests/data/speech/demo/04-dock-charlie-pallet-277-sixteen-units.flac"


@pytest.fixture
def worn(tmp_path: Path) -> Iterator[Headset]:
    with headset(tmp_path) as server:
        yield server


@contextmanager
def speaker(server: Headset) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", SPEAK, DEVICE]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    child = Started(command, env=server.environment, text=True, **pipes)  # type: ignore[call-overload]
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


def read(interpreter: Interpreter, sound: NDArray[np.int16]) -> dict[str, FieldValue | None]:
    """What the recogniser makes of it, be it unsure: a busy machine leaves gaps."""
    loud = np.flatnonzero(np.abs(sound.astype(int)) > LOUD)
    quiet = np.zeros(SAMPLE_RATE // 3, dtype=np.int16)
    pcm = np.concatenate([quiet, sound[loud[0] : loud[-1]], quiet]).tobytes()
    attention = interpreter.listen()
    attention.hear(pcm)
    segment = Segment(0, len(quiet), len(pcm) // 2 - len(quiet), len(pcm) // 2, ClosedBy.PAUSE, pcm)
    said = Utterance("0", "pallet-move", "sha256:0", datetime.now(UTC), segment)
    fields = asyncio.run(attention.finish(said)).fields
    return {name: one.runner_up if one.value is None else one.value for name, one in fields.items()}


def test_an_earcon_and_a_readback_come_out_of_the_earpiece_and_say_the_entry(worn: Headset) -> None:
    interpreter = assemble_interpretation(load_settings(Settings, None, understand={"engine": "vosk"})).interpreter
    begun, heard = [], []
    with earpiece(worn) as listening, speaker(worn) as child:
        for entry in TOLD:
            begins = len(listening.samples)
            assert ask(child, entry) == {"told": True}
            sound = after(listening, begins)
            rings = ring_at(sound, Earcon.STORED)
            words = sound[rings:].astype(int)
            ring = len(earcon_samples(Earcon.STORED))
            words[:ring] -= earcon_samples(Earcon.STORED)
            begun.append(int(np.flatnonzero(np.abs(words) > LOUD)[0]))
            heard.append(read(interpreter, words.astype(np.int16)))
    # The words begin while the earcon fades. How long espeak's breath takes to be loud is chance, 55 to 85 ms, and a
    # busy machine may leave a gap: once is enough, as words that waited for the earcon's end would never be in time.
    assert any(45 * SAMPLE_RATE // 1000 <= first < len(earcon_samples(Earcon.STORED)) for first in begun), begun
    right = sum(len(entry.items() & one.items()) for entry, one in zip(TOLD, heard, strict=True))
    assert right >= 2 * len(TOLD), f"{TOLD} was read back, {heard} was heard"


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
    command = [sys.executable, "-c", TRY, MICROPHONE, DEVICE, str(TRIES)]
    tried = run(command, env=worn.environment)
    assert (tried.returncode, tried.stdout) == (0, f"{TRIES}\n"), tried.stderr


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
        begins = len(listening.samples)
        with ThreadPoolExecutor(1) as mouth:
            speaking = mouth.submit(dockvoice, "speak", "pallet 7 4 2, twelve cases, dock bravo", "--earcon", "fault")
            until(lambda: bool(max(listening.samples[begins:], default=0) > LOUD), "it says nothing")
            worn.kill()
            broken = speaking.result()
        assert broken.returncode == 69, "what was not said counts as said"
        assert "took no more sound before all was said" in broken.stderr


def test_an_earpiece_that_appears_while_the_operator_speaks_is_used_from_then_on(
    worn: Headset, tmp_path: Path, repository: Path
) -> None:
    declare(worn)
    with at_work(worn, tmp_path, **HOWEVER_SURELY) as agent:
        assert agent.tells("speaker") == {"speaker": "none"}
        with ThreadPoolExecutor(1) as mouth:
            saying = mouth.submit(worn.say, repository / ANOTHER)
            with earpiece(worn) as listening:
                saying.result()
                whole = agent.tells("verdict")
                assert whole["fields"] == {"pallet_id": "277", "quantity": 16, "dock": "C"}, "it was broken off"
                assert agent.tells("speaker") == {"speaker": "heard"}
                is_read_back(agent, worn, repository / CLIP, listening)
