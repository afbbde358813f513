"""What several unit tests begin with."""

from __future__ import annotations

import pytest

from edge.hear import capture, microphone
from tests.sound_library import FakePortAudio


@pytest.fixture
def portaudio(monkeypatch: pytest.MonkeyPatch) -> FakePortAudio:
    fake = FakePortAudio()
    monkeypatch.setattr(capture, "portaudio", lambda: fake)
    monkeypatch.setattr(microphone, "REOPEN_EVERY_S", 0.01)
    return fake
