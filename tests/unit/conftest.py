"""What several unit tests begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.hear import capture, microphone
from edge.keep.journal import Journal
from tests.sound.sound_library import FakePortAudio


@pytest.fixture
def portaudio(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakePortAudio:
    fake = FakePortAudio()
    # A microphone is claimed for the whole machine: the headset of a test beside this one is that of another server.
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(capture, "import_sounddevice", lambda: fake)
    monkeypatch.setattr(microphone, "_REOPEN_EVERY_S", 0.01)
    return fake


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """An empty journal in the directory of the test."""
    with Journal.open(tmp_path) as opened:
        yield opened
