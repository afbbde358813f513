from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dockvoice_protocol.forms.loader import load_form
from edge.records import SAMPLE_RATE
from lab.bench.speech_to_intent import (
    FIELDS,
    FORM,
    FORMS,
    PUBLISHED,
    SNRS_DB,
    DatasetFiles,
    choose_clips,
    mix,
    tabulate,
    write_set,
)
from lab.noises import Sound
from lab.scoring import Mark, read_manifest
from tests.lab.details import line
from tests.rows import each_of

LABELS = {
    "anna.wav": {"intent": "orderDrink", "slots": {"coffeeDrink": "latte", "milkAmount": " soy milk"}},
    "ben.wav": {"intent": "orderDrink", "slots": {"coffeeDrink": "mocha", "numberOfShots": "double shot"}},
    "not in the set.wav": {"intent": "orderDrink", "slots": {"coffeeDrink": "coffee"}},
}


def tone(seconds: float, hertz: float) -> Sound:
    return 0.1 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    data = tmp_path / "benchmark" / "data"
    for folder in ("label", "speech/clean", "noise"):
        (data / folder).mkdir(parents=True)
    (data / "label" / "label.json").write_text(json.dumps(LABELS), encoding="utf-8")
    for name in list(LABELS)[:2]:
        soundfile.write(data / "speech" / "clean" / name, tone(0.5, 300), SAMPLE_RATE)
    soundfile.write(data / "noise" / "kitchen.wav", tone(2, 1000), SAMPLE_RATE)
    return data.parent


@each_of("snr_db", [24, 6])
def test_the_loudest_frames_have_the_ratio_and_the_peak_is_half_of_full_scale(snr_db: int) -> None:
    speech, noise = tone(1, 300), tone(1, 1000)
    speech[: SAMPLE_RATE // 2] = 0
    mixed = mix(speech, noise, snr_db)
    noise_alone, both = mixed[: SAMPLE_RATE // 4], mixed[-SAMPLE_RATE // 4 :]
    ratio = 10 * np.log10((np.mean(both**2) - np.mean(noise_alone**2)) / np.mean(noise_alone**2))
    assert ratio == pytest.approx(snr_db, abs=0.2)
    assert np.abs(mixed).max() == pytest.approx(0.5)


def test_labels_become_a_manifest_from_a_checkout_as_from_a_git_directory(checkout: Path, tmp_path: Path) -> None:
    git = ["git", "-C", str(checkout), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "all"]):
        subprocess.run([*git, *command], check=True)
    made: list[list[bytes]] = []
    for place in (checkout, checkout / ".git"):
        source = DatasetFiles(place)
        names = choose_clips(source, None, None)
        assert sorted(names) == ["anna.wav", "ben.wav"]
        clips = read_manifest(write_set(source, "kitchen", [24, 6], names, tmp_path / place.name))
        made.append([clip.audio.read_bytes() for clip in clips])
        assert [clip.condition for clip in clips] == ["kitchen 24 dB", "kitchen 6 dB"] * 2
        assert {clip.form for clip in clips} == {FORM}
        assert {str(clip.speaker): clip.fields for clip in clips} == {
            "anna.wav": {"coffee_drink": "latte", "milk_amount": "soy milk"},
            "ben.wav": {"coffee_drink": "mocha", "number_of_shots": "double shot"},
        }
    assert made[0] == made[1], "the same stretch of noise in every run"


def test_the_ratios_may_take_turns(checkout: Path, tmp_path: Path) -> None:
    manifest = write_set(
        DatasetFiles(checkout), "kitchen", [24, 6], ["anna.wav", "ben.wav"], tmp_path / "dealt", deal=True
    )
    assert [clip.condition for clip in read_manifest(manifest)] == ["kitchen 24 dB", "kitchen 6 dB"]


def test_a_noise_that_the_source_lacks_is_told(checkout: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cafe\.wav: the source lacks it"):
        write_set(DatasetFiles(checkout), "cafe", SNRS_DB, ["anna.wav"], tmp_path / "cafe")


def test_the_form_has_the_slots_of_the_benchmark() -> None:
    form = load_form(FORMS / f"{FORM}.schema.json")
    assert {field.name for field in form.fields} == set(FIELDS.values())
    assert all(field.bare for field in form.fields)


def test_our_share_stands_beside_what_is_published() -> None:
    in_kitchen = ((24, Mark.RIGHT), (6, Mark.ASKED))
    noisy = (line(mark, condition=f"kitchen {snr} dB", noise="kitchen") for snr, mark in in_kitchen)
    lines = [line(Mark.WRONG), *noisy]
    rows = {row[0]: row for row in tabulate(lines).rows}
    assert rows["clean"][2:5] == ("0", "0", "1")
    assert rows["clean"][-len(PUBLISHED) :] == ("-",) * len(PUBLISHED)
    assert rows["kitchen 6 dB"][-len(PUBLISHED) :] == ("96", "86", "72", "80", "70")
    assert rows["kitchen, all"][1:5] == ("2", "1", "1", "0")
    assert rows["kitchen, all"][-len(PUBLISHED)] == "97.5"
    assert all(len(of) == len(SNRS_DB) for noises in PUBLISHED.values() for of in noises.values())
