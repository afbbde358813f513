"""A real sound server and PortAudio: what is played into the virtual headset is heard, and its faults are noticed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes.command import answer
from tests.processes.starting import Started
from tests.sound.pulseaudio import DEVICE, Headset, headset

STALL_S = 3  # Longer than the up to 2 s after which a PulseAudio null sink that stood idle brings its first sound.

LISTEN = """
import json, sys
from edge.config import Endpoint, Vad
from dockvoice_protocol.errors import Unavailable
from edge.hear.microphone import Microphone
from edge.agent.ear import listen
from edge.hear.endpointing import Endpointer, UtteranceClosed
from edge.hear.speech_detection import make_speech_scorer

def say(**said):
    print(json.dumps(said), flush=True)

class Announced(Microphone):
    def frames(self):
        for frame in super().frames():
            if frame.start == 0:
                say(listening=True)
            yield frame

def tell(event):
    if sys.argv[1] == "absent":
        say(told=event.fault, why=event.what)

microphone = Announced(sys.argv[1], float(sys.argv[2]), publish=tell, patient=True)
try:
    for event in listen(microphone, make_speech_scorer(Vad()), Endpointer(Endpoint())):
        if isinstance(event, UtteranceClosed):
            seconds = (event.segment.speech_end - event.segment.speech_start) / 16000
            say(speech=seconds, closing=event.segment.closing, dropped=microphone.dropped)
except Unavailable as fault:
    say(unavailable=str(fault))
"""


@pytest.fixture
def virtual(tmp_path: Path) -> Iterator[Headset]:
    with headset(tmp_path) as worn:
        yield worn


@pytest.fixture
def clip(repository: Path) -> Path:
    return repository / "tests/data/speech/demo/02-pallet-0126-nine-units-dock-bravo.flac"


@contextmanager
def listener(worn: Headset, device: str = DEVICE) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", LISTEN, device, str(STALL_S)]
    child = Started(command, env=worn.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def test_a_device_there_is_not_is_waited_for_and_told_with_those_there_are(virtual: Headset) -> None:
    with listener(virtual, "absent") as child:
        told = answer(child)
        assert told["told"] == "unplugged"
        assert f"{DEVICE}, " in told["why"]


def test_a_headset_that_falls_asleep_for_good_is_given_up(virtual: Headset) -> None:
    with listener(virtual) as child:
        assert answer(child) == {"listening": True}
        virtual.suspend()
        assert f"nothing could be heard for {STALL_S:g} s" in answer(child)["unavailable"]


def test_a_process_that_was_stopped_hears_afterwards_what_was_said_meanwhile_and_the_death_of_the_server(
    virtual: Headset, clip: Path
) -> None:
    with listener(virtual) as child:
        assert answer(child) == {"listening": True}
        child.send_signal(signal.SIGSTOP)
        virtual.say(clip)  # 5.5 s, longer than the stall time
        child.send_signal(signal.SIGCONT)
        utterance = answer(child)
        assert (utterance["closing"], utterance["dropped"]) == ("pause", 0)
        assert utterance["speech"] == pytest.approx(3.3, abs=0.3)  # as the recording itself gives
        virtual.kill()
        assert "stopped" in answer(child)["unavailable"]
