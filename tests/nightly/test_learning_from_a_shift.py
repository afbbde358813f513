"""A shift with sound on a virtual headset: what was corrected and a false alarm become a set that is listened to."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge.records import SAMPLE_RATE
from lab.scoring import Truth, read_manifest
from tests.processes.command import DOCKVOICE, dockvoice
from tests.sound.earpiece import DEVICE, earpiece
from tests.sound.pulseaudio import Headset, headset
from tests.sound.speaking_agent import LOUD, Agent, at_work

SPOKEN = "tests/data/speech/conversation"
TALKING = ("001", "012", "023", "034", "045")
"""Clips of the set that sound at once: people who talk, of whom nobody dictates."""

SAID = {"pallet_id": "743", "quantity": 9, "dock": "A"}


@pytest.fixture
def worn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Headset]:
    with headset(tmp_path) as server:
        for name, text in server.environment.items():
            monkeypatch.setenv(name, text)
        monkeypatch.setenv("DOCKVOICE_SPEAK__DEVICE", DEVICE)
        monkeypatch.setenv("DOCKVOICE_DEVICE", f"speaking-{os.getpid()}")
        monkeypatch.setenv("DOCKVOICE_STATE_DIRECTORY", str(tmp_path / "state"))
        yield server


def babble(repository: Path, file: Path) -> Path:
    sounds = [soundfile.read(repository / f"tests/data/speech/set/{name}-clean.flac")[0] for name in TALKING]
    longest = max(map(len, sounds))
    together = sum(np.pad(one, (0, longest - len(one))) for one in sounds) / 2
    soundfile.write(file, np.clip(together, -1, 1), SAMPLE_RATE)
    return file


def work(worn: Headset, agent: Agent, repository: Path, talk: Path) -> str:
    """An entry whose count is corrected before it is recorded, and talk that the device asks about; the talk's id."""
    worn.say(repository / SPOKEN / "awb-pallet-seven-four-three-nine-units-dock-alpha.flac")
    assert agent.tells("verdict")["fields"] == SAID
    worn.say(repository / SPOKEN / "awb-no-fifteen-units.flac")
    agent.tells("verdict")
    assert agent.tells("agreed")["agreed"] == "recorded"
    worn.say(talk)
    asked = agent.tells("verdict")
    assert asked["verdict"] in {"ask", "repeat"}
    time.sleep(12)  # twice the patience: nobody answers
    return str(asked["utterance_id"])


def test_a_shifts_correction_and_false_alarm_become_a_set_that_a_person_listens_to(
    worn: Headset, tmp_path: Path, repository: Path
) -> None:
    made = tmp_path / "our-set"
    with earpiece(worn) as listening:
        with at_work(worn, tmp_path, DOCKVOICE_AGREE__PATIENCE_S="3") as agent:
            alarm = work(worn, agent, repository, babble(repository, tmp_path / "babble.wav"))
        dockvoice("queue", "discard", alarm, "--reason", "people talking")
        copied = dockvoice("record-truth", made, "--since", "1d")
        assert "copied 1 corrected and 1 cancelled or discarded" in copied.stdout, copied.stdout + copied.stderr
        begins = len(listening.samples)
        answers = "pallet 743, nine units, dock a\nn\n"
        command = [*DOCKVOICE, "record-truth", str(made), "--listen"]
        heard = subprocess.run(command, input=answers, capture_output=True, text=True, check=True)
        assert "0 left to listen to" in heard.stdout, heard.stdout
        assert (np.abs(listening.samples[begins:].astype(int)) > LOUD).any(), heard.stdout
    told = read_manifest(made / "manifest.jsonl")
    assert [(clip.fields, clip.truth) for clip in told] == [(SAID, Truth.LISTENED), (None, Truth.LISTENED)]
    figures = json.loads(dockvoice("evaluate", made / "manifest.jsonl", "--no-floor", "--json").stdout)
    assert (figures["overall"]["n"], figures["overall"]["right"], figures["overall"]["invented"]) == (2, 1, 0), figures
