"""The voices here are chords, their embedding is the power of eight bands; `tests/integration` has real ones."""

from __future__ import annotations

import copy
import logging
import pickle

import numpy as np
import numpy.typing as npt
import pytest

from edge.records import SAMPLE_RATE
from edge.understand.wearer_voice import HOP, WINDOW, Vectors, VoiceTrack, WearerVoice

ANNA, BRUNO = (150, 900, 2200), (400, 1500, 3400)


def bands(windows: npt.NDArray[np.float32]) -> Vectors:
    powers = np.abs(np.fft.rfft(windows)) ** 2
    split = np.stack([part.sum(axis=1) for part in np.array_split(powers[:, : WINDOW // 4], 8, axis=1)], axis=1)
    return np.asarray(split / np.linalg.norm(split, axis=1, keepdims=True), np.float32)


def sound(voice: tuple[int, ...], seconds: float = 4.0, level: float = 0.2) -> bytes:
    at = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    chord = np.sum([np.sin(2 * np.pi * pitch * at) for pitch in voice], axis=0) * level / len(voice)
    return bytes((chord * 32_767).astype("<i2").tobytes())


@pytest.fixture
def voice() -> WearerVoice:
    known = WearerVoice(bands)
    known.sign_on("anna")
    known.learn(sound(ANNA), accepted=True)
    return known


def is_another(voice: WearerVoice, pcm: bytes) -> bool:
    return VoiceTrack(voice).is_another_voice(pcm)


def test_a_colleague_as_loud_as_the_wearer_is_told_apart(voice: WearerVoice) -> None:
    assert not is_another(voice, sound(ANNA, 2.5))
    assert is_another(voice, sound(BRUNO, 2.5))


def test_while_it_is_spoken_and_at_once_it_is_judged_alike(voice: WearerVoice) -> None:
    for pitches in (ANNA, BRUNO):
        track, pcm = VoiceTrack(voice), sound(pitches, 6.3)
        for end in range(0, len(pcm), 6400):
            track.hear(pcm[:end])
        assert track.is_another_voice(pcm) == is_another(voice, pcm) == (pitches is BRUNO)


@pytest.mark.parametrize("seconds", [0.0, 0.3, WINDOW / SAMPLE_RATE, (WINDOW + HOP - 1) / SAMPLE_RATE])
def test_what_is_too_short_is_not_judged(voice: WearerVoice, seconds: float) -> None:
    assert not is_another(voice, sound(BRUNO, seconds))


def test_nothing_is_judged_before_something_was_accepted() -> None:
    unknown = WearerVoice(bands)
    unknown.sign_on("anna")
    unknown.learn(sound(ANNA), accepted=False)
    assert not is_another(unknown, sound(BRUNO))


def test_without_a_sign_on_no_voice_is_learnt() -> None:
    nobody = WearerVoice(bands)
    nobody.learn(sound(ANNA), accepted=True)
    assert not nobody.is_known


def test_it_is_forgotten_at_sign_off_and_when_another_signs_on(voice: WearerVoice) -> None:
    voice.sign_on("anna")
    assert is_another(voice, sound(BRUNO))
    voice.sign_on(None)
    assert not is_another(voice, sound(BRUNO))
    voice.sign_on("anna")
    voice.learn(sound(ANNA), accepted=True)
    assert is_another(voice, sound(BRUNO))
    voice.sign_on("bruno")
    assert not is_another(voice, sound(BRUNO))


def test_who_takes_over_the_headset_without_a_sign_off_is_asked_three_times_then_learnt(voice: WearerVoice) -> None:
    for _ in range(3):
        assert is_another(voice, sound(BRUNO))
        voice.learn(sound(BRUNO), accepted=False)
    assert not is_another(voice, sound(BRUNO))
    voice.learn(sound(BRUNO), accepted=True)
    assert is_another(voice, sound(ANNA))


def test_a_colleague_now_and_then_does_not_take_the_voice_over(voice: WearerVoice) -> None:
    for _ in range(4):
        voice.learn(sound(BRUNO), accepted=True)
        voice.learn(sound(ANNA), accepted=True)
    assert is_another(voice, sound(BRUNO))


def test_at_sign_off_it_is_forgotten_of_utterances_that_somebody_still_holds(voice: WearerVoice) -> None:
    track = VoiceTrack(voice)
    track.hear(sound(ANNA))
    assert track._vectors
    voice.sign_on(None)
    assert not track._vectors


def test_who_signs_off_while_his_entry_is_embedded_is_forgotten() -> None:
    def sign_off_meanwhile(windows: npt.NDArray[np.float32]) -> Vectors:
        leaving.sign_on(None)
        return bands(windows)

    leaving = WearerVoice(sign_off_meanwhile)
    leaving.sign_on("anna")
    leaving.learn(sound(ANNA), accepted=True)
    assert not leaving.is_known


def test_one_long_utterance_is_a_voice_like_any_other(voice: WearerVoice) -> None:
    voice.learn(sound(ANNA, 29.0), accepted=True)
    assert not is_another(voice, sound(ANNA))
    assert is_another(voice, sound(BRUNO))


def test_nothing_tells_the_voice(voice: WearerVoice, caplog: pytest.LogCaptureFixture) -> None:
    track = VoiceTrack(voice)
    with caplog.at_level(logging.DEBUG):
        track.is_another_voice(sound(BRUNO))
        voice.learn(sound(ANNA), accepted=True)
    assert not caplog.records
    for told in (repr(voice), str(voice), f"{voice}", repr(track)):
        assert "array" not in told
        assert "." not in told.replace("edge.understand.wearer_voice.", "")
    for kept in (voice, track):
        assert not hasattr(kept, "__dict__")
        for save in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="kept in memory only"):
                save(kept)
