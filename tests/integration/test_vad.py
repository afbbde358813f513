from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from dockvoice_protocol.errors import Misconfigured
from edge.audio.pcm import FrameCutter
from edge.config import Vad, VadKind
from edge.hear import speech_detection
from edge.hear.recording import RecordedSource
from edge.hear.speech_detection import GatedSilero, Silero, Webrtc, make_speech_scorer
from edge.records import Frame
from lab.noises import generate_noise

KINDS = list(VadKind)


@pytest.fixture(scope="module")
def speech(repository: Path) -> list[Frame]:
    return list(
        RecordedSource(repository / "tests/data/speech/demo/01-pallet-5451-four-cases-dock-alpha.flac").frames()
    )


def frames(sound: np.ndarray) -> list[Frame]:
    framing = FrameCutter(16_000)
    return [*framing.push(sound.astype(np.float32)[:, None]), *framing.end()]


def share(settings: Vad, sound: list[Frame]) -> float:
    """How much of the sound is taken for speech."""
    detector = make_speech_scorer(settings)
    return float(np.mean([detector.is_speech(frame) for frame in sound]))


class ScriptedGate(Webrtc):
    """Lets those frames pass that are listed by number."""

    def __init__(self, passing: Iterable[int]) -> None:
        super().__init__(mode=1)
        self._passing = set(passing)

    def is_speech(self, frame: Frame) -> bool:
        return frame.start // 320 in self._passing


class CountingSilero(Silero):
    """Notes how many windows it was given after each reset."""

    def __init__(self) -> None:
        self.heard: list[list[bytes]] = []
        super().__init__(threshold=0.5)

    def reset(self) -> None:
        super().reset()
        self.heard.append([])

    def has_speech_in(self, windows: list[bytes]) -> bool:
        self.heard[-1].extend(windows)
        return super().has_speech_in(windows)


def test_the_network_of_arm_boxes_judges_as_the_other_does(
    speech: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = [*speech, *frames(generate_noise("forklift_engine", 2, seed=3))]
    scores = []
    for name in speech_detection.BUILDS:
        with monkeypatch.context() as only:
            only.setattr(speech_detection, "BUILDS", (name,))
            detector = Silero(0.5)
            scores.append([detector.is_speech(frame) for frame in sound])
    assert any(scores[0])
    assert (
        np.mean(np.array(scores[0]) == np.array(scores[1])) > 0.98
    )  # two releases of one network: at the edges a frame may differ


def test_without_any_network_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech_detection, "BUILDS", ("silero_of_yesterday",))
    with pytest.raises(Misconfigured, match=r'none of silero_of_yesterday is installed; .*kind = "webrtc"'):
        Silero(0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_digital_silence_is_not_speech(kind: VadKind) -> None:
    assert share(Vad(kind=kind), frames(np.zeros(5 * 16_000))) == 0


@pytest.mark.parametrize("kind", ["pink", "wind", "forklift_engine", "reversing_beeper", "clang"])
def test_noise_of_the_dock_is_not_speech_by_default(kind: str) -> None:
    assert share(Vad(), frames(generate_noise(kind, 5, seed=3))) == 0


def test_webrtcvad_alone_takes_an_engine_for_speech() -> None:
    # The reason why Silero confirms; where this no longer holds, the gate alone would do.
    assert share(Vad(kind=VadKind.WEBRTC), frames(generate_noise("forklift_engine", 5, seed=3))) > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_speech_is_speech(kind: VadKind, speech: list[Frame]) -> None:
    spoken = [frame for frame in speech if 0.6 * 16_000 < frame.start < 2.8 * 16_000]  # speech_end is 3.025 s
    detector = make_speech_scorer(Vad(kind=kind))
    flags = {frame.start: detector.is_speech(frame) for frame in speech}
    assert np.mean([flags[frame.start] for frame in spoken]) > 0.75
    assert not any(flags[frame.start] for frame in speech if frame.start > 3.5 * 16_000)


@pytest.mark.parametrize("kind", KINDS)
def test_after_a_reset_nothing_is_left_of_what_was_heard(kind: VadKind, speech: list[Frame]) -> None:
    fresh, used = make_speech_scorer(Vad(kind=kind)), make_speech_scorer(Vad(kind=kind))
    for frame in frames(generate_noise("wind", 3, seed=1)):
        used.is_speech(frame)
    used.reset()
    assert [used.is_speech(frame) for frame in speech] == [fresh.is_speech(frame) for frame in speech]


def test_settings_reach_the_detectors(speech: list[Frame]) -> None:
    assert share(Vad(kind=VadKind.SILERO, silero_threshold=0.99), speech) < share(
        Vad(kind=VadKind.SILERO, silero_threshold=0.05), speech
    )
    wind = frames(generate_noise("wind", 5, seed=3))
    assert share(Vad(kind=VadKind.WEBRTC, webrtc_mode=3), wind) < share(Vad(kind=VadKind.WEBRTC, webrtc_mode=0), wind)


def test_while_the_gate_is_shut_silero_does_not_run(speech: list[Frame]) -> None:
    silero = CountingSilero()
    gated = GatedSilero(ScriptedGate([]), silero)
    assert not any(gated.is_speech(frame) for frame in speech)
    assert not any(silero.heard)


def test_when_the_gate_opens_silero_hears_a_little_from_before(speech: list[Frame]) -> None:
    silero = CountingSilero()
    gated = GatedSilero(ScriptedGate([50]), silero)
    for frame in speech[:51]:
        gated.is_speech(frame)
    before = b"".join(frame.pcm for frame in speech[:51])
    whole = len(before) // 1024 * 1024
    assert b"".join(silero.heard[-1]) == before[whole - 8 * 1024 : whole]


def test_the_gate_stays_open_for_a_second_and_silero_hears_that_as_one_stream(speech: list[Frame]) -> None:
    silero = CountingSilero()
    gated = GatedSilero(ScriptedGate([0, 40]), silero)
    for frame in speech:
        gated.is_speech(frame)
    shut_at = 41 * 320 + 16_000
    heard = b"".join(silero.heard[-1])
    assert heard == b"".join(frame.pcm for frame in speech)[: len(heard)]
    assert shut_at - 512 < len(heard) // 2 <= shut_at


def test_when_the_gate_opens_again_silero_starts_afresh(speech: list[Frame]) -> None:
    silero = CountingSilero()
    gated = GatedSilero(ScriptedGate([0, 150]), silero)
    resets = len(silero.heard)
    for frame in speech:
        gated.is_speech(frame)
    assert len(silero.heard) == resets + 2


def test_behind_the_gate_silero_judges_as_it_does_alone(speech: list[Frame]) -> None:
    alone, gated = make_speech_scorer(Vad(kind=VadKind.SILERO)), make_speech_scorer(Vad())
    assert [gated.is_speech(frame) for frame in speech] == [alone.is_speech(frame) for frame in speech]
