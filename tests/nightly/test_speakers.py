"""The device does not hear itself, and finds a speaker in whatever way it comes; by day one way is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.audio.sound_server import NULL_SINK
from edge.records import SAMPLE_RATE
from edge.records.speech import Earcon
from tests.sound.earpiece import DEVICE, earpiece, plug_in
from tests.sound.pulseaudio import HOWEVER_SURELY, Headset, headset
from tests.sound.speaking_agent import CLIP, LOUD, after, at_work, is_greeted, is_read_back, leak, ring_at


@pytest.fixture
def worn(tmp_path: Path) -> Iterator[Headset]:
    with headset(tmp_path) as server:
        yield server


def test_an_agent_answers_and_does_not_hear_itself(worn: Headset, tmp_path: Path, repository: Path) -> None:
    with earpiece(worn) as listening:
        leak(worn, "-20dB")
        with at_work(worn, tmp_path, DOCKVOICE_AGREE__CONVERSATION="false", **HOWEVER_SURELY) as agent:
            for _ in range(2):
                begins = len(listening.samples)
                worn.say(repository / CLIP)
                told = agent.tells("verdict")
                assert told["fields"]["quantity"] == 9, "the device heard something else than the operator"
                sound = after(listening, begins)
                rings = ring_at(sound, Earcon.STORED if told["verdict"] == "accept" else Earcon.QUESTION)
                assert (np.abs(sound[rings + SAMPLE_RATE // 2 :].astype(int)) > LOUD).any(), "nothing was read back"
    assert [line for line in agent.rest if "verdict" in line] == [], "the device heard itself"


def test_an_earpiece_that_portaudio_has_never_seen_is_found(worn: Headset, tmp_path: Path, repository: Path) -> None:
    with at_work(worn, tmp_path, **HOWEVER_SURELY) as agent:
        assert agent.tells("speaker") == {"speaker": "none"}
        with earpiece(worn) as listening:
            assert agent.tells("speaker") == {"speaker": "heard"}
            is_read_back(agent, worn, repository / CLIP, listening)
        assert "microphone:" not in agent.log, "that the microphone was opened anew is no fault of it"


def test_what_a_sound_server_puts_up_in_the_place_of_a_speaker_is_none(worn: Headset, tmp_path: Path) -> None:
    dummy = plug_in(worn, NULL_SINK)
    worn.run("pactl", "set-default-sink", NULL_SINK)
    with at_work(worn, tmp_path, DOCKVOICE_SPEAK__DEVICE="pulse") as agent:
        assert agent.tells("speaker") == {"speaker": "none"}
        with earpiece(worn) as listening:
            worn.run("pactl", "set-default-sink", DEVICE)
            worn.run("pactl", "unload-module", dummy)
            assert agent.tells("speaker") == {"speaker": "heard"}
            is_greeted(agent, listening)  # with the same stream as ever: what follows is as with any speaker
