"""A set recorded on a virtual headset, broken off and gone on with, that `dockvoice evaluate` can hear."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.hear.recording import RecordedSource
from lab.scoring import read_manifest
from tests.processes.command import DOCKVOICE
from tests.sound.pulseaudio import DEVICE, Headset, headset

SPEECH = ("02-pallet-0126-nine-units-dock-bravo.flac", "01-pallet-5451-four-cases-dock-alpha.flac")


@pytest.fixture
def virtual(tmp_path: Path) -> Iterator[Headset]:
    with headset(tmp_path) as worn:
        yield worn


@contextmanager
def recording(worn: Headset, folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    command = [*DOCKVOICE, "record-truth", str(folder), "--speaker", "anna", *options]
    environment = {**worn.environment, "DOCKVOICE_HEAR__DEVICE": DEVICE}
    child = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def until(child: subprocess.Popen[str], wanted: str) -> str:
    """Read on until a line holds `wanted`; pytest's own time limit ends a wait for nothing."""
    assert child.stdout is not None
    told = ""
    while (text := child.stdout.readline()) != "":
        told += text
        if wanted in text:
            return text
    raise AssertionError(f"ended without {wanted!r}: {told}")


def press(child: subprocess.Popen[str], key: str) -> None:
    assert child.stdin is not None
    child.stdin.write(key + "\n")


def test_a_set_is_recorded_sentence_by_sentence_and_never_begins_anew(
    virtual: Headset, tmp_path: Path, repository: Path
) -> None:
    folder = tmp_path / "set"
    spoken = [repository / "tests/data/speech/demo" / name for name in SPEECH]
    with recording(virtual, folder, "--count", "3") as child:
        until(child, "1 of 3")
        until(child, "now")
        virtual.say(spoken[0])
        until(child, "heard")
        press(child, "r")  # again
        until(child, "now")
        virtual.say(spoken[0])
        until(child, "heard")
        press(child, "")
        until(child, "kept anna-001.flac")
        until(child, "now")  # and here it is killed
    with recording(virtual, folder, "--count", "2", "--hands-free") as child:
        until(child, "2 of 2")
        until(child, "now")
        virtual.say(spoken[1])
        until(child, "kept anna-002.flac")
        until(child, "2 of 2 said")
        assert child.wait() == 0
    first, second = read_manifest(folder / "manifest.jsonl")
    assert first.fields
    assert first.fields != second.fields
    for clip in (first, second):
        assert clip.speech_end is not None
        assert clip.speech_end + 1.5 < sum(frame.samples for frame in RecordedSource(clip.audio).frames()) / 16_000
