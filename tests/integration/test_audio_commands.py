"""`dockvoice audio` as a user runs it, on virtual headsets."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.command import DOCKVOICE
from tests.processes.starting import Started
from tests.sound.pulseaudio import Shelf, zeros
from tests.waiting import until

CLIP = "tests/data/speech/demo/02-pallet-0126-nine-units-dock-bravo.flac"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    with Shelf(tmp_path_factory.mktemp("shelf") / "sound", ["left", "right", "silent"]) as opened:
        yield opened


def audio(shelf: Shelf, *words: str, device: str = "left") -> subprocess.Popen[str]:
    environment = {**shelf.environment, "DOCKVOICE_HEAR__DEVICE": device}
    command = [*DOCKVOICE, "audio", *words]
    return Started(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def told(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, errors = process.communicate(timeout=120)
    return process.returncode, out, errors


def test_devices_are_listed_with_the_one_that_the_settings_choose(shelf: Shelf) -> None:
    code, out, errors = told(audio(shelf, "list", "--json"))
    assert code == 0, errors
    listed = {one["name"]: one for one in map(json.loads, out.splitlines())}
    assert [name for name, one in listed.items() if one["chosen"]] == ["left"]
    assert listed["right"]["channels"] >= 1
    code, out, errors = told(audio(shelf, "list", device="nowhere"))
    assert code == 0, errors
    assert "hear.device = 'nowhere' means none of these" in out
    assert "for hear.source: left, right, silent" in out


def test_the_level_is_that_of_what_the_microphone_hears_and_silence_is_told_with_what_is_wrong(shelf: Shelf) -> None:
    shelf.air.let("right", zeros)
    shelf.air.let("silent", zeros)
    tested = audio(shelf, "test", "--seconds", "3", device="silent")
    room, dead = (audio(shelf, "level", "--seconds", "4", "--json", device=device) for device in ("left", "right"))
    code, out, errors = told(room)
    assert code == 0, errors
    last = json.loads(out.splitlines()[-1])
    assert last["floor_db"] == pytest.approx(-61, abs=3)
    assert (last["speech"], last["clipped"], last["faults"]) == (False, 0, [])
    _, out, _ = told(dead)
    assert json.loads(out.splitlines()[-1])["faults"] == ["digital_silence"]
    code, _, errors = told(tested)
    assert code == 69
    assert "no speech within 3 s: the microphone gives nothing but zeros" in errors


def test_a_device_there_is_not_is_told_with_those_there_are(shelf: Shelf) -> None:
    code, _, errors = told(audio(shelf, "level", device="nowhere"))
    assert code == 69
    assert "hear.device = 'nowhere': cannot be opened" in errors
    assert "left" in errors


def test_a_sentence_is_read_and_the_sound_judged(shelf: Shelf, repository: Path) -> None:
    testing = audio(shelf, "test", "--json", "--no-playback", "--seconds", "60")
    until(lambda: shelf.is_heard("left"), "nobody listens to the headset")
    shelf.air.say("left", repository / CLIP)
    code, out, errors = told(testing)
    assert code == 0, errors
    found = json.loads(out)
    assert found["fields"]["quantity"]["value"] == 9
    assert 0 <= found["fields"]["quantity"]["confidence"] <= 1
    assert found["level_db"] > -40
    assert found["faults"] == []
