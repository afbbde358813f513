"""Unit: an A and an E are told apart by their formants, in sound that is made of resonances."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dockvoice_protocol.records import FieldReading, Reading, Word
from edge.understand.vowels import second_vowels
from tests.rows import each_of

_RATE = 16_000
_MAN_A, _WOMAN_A, _MAN_E, _WOMAN_E = (530, 1840), (610, 2330), (270, 2290), (310, 2790)
"""Hz, means of Peterson and Barney (1952, table II): the vowels of "head", where an A begins, and of "heed"."""


def resonate(sound: np.ndarray, hz: float, wide: float = 60.0) -> np.ndarray:
    """The sound behind a resonator of two poles."""
    radius, turn = np.exp(-np.pi * wide / _RATE), 2 * np.pi * hz / _RATE
    out = np.zeros(len(sound) + 2)
    for at, sample in enumerate(sound):
        out[at + 2] = sample + 2 * radius * np.cos(turn) * out[at + 1] - radius**2 * out[at]
    return out[2:]


def vowel(formants: Sequence[float], voice_hz: int, seconds: float = 0.2, noise: float = 0.0) -> bytes:
    """A voice's pulses through the formants and two further ones, 16-bit."""
    sound = np.zeros(int(seconds * _RATE))
    sound[:: _RATE // voice_hz] = 1.0
    for hz in (*formants, 3_000, 3_700):
        sound = resonate(sound, hz)
    sound = 0.5 * sound / np.abs(sound).max() + noise * np.random.default_rng(1).standard_normal(len(sound))
    return bytes((sound.clip(-1, 1) * 32_767).astype("<i2").tobytes())


def is_seconded(pcm: bytes, letter: str = "A", runner_up: str = "E", of: float = 0.2) -> bool:
    words = (Word("dock", 0.0, 0.0, 1.0), Word(letter.lower(), 0.0, of, 1.0))
    dock = FieldReading(letter, ("dock", letter.lower()), 0.99, runner_up=runner_up)
    return second_vowels(Reading("vosk", "pallet-move", words, {"dock": dock}), pcm).fields["dock"].seconded


@each_of(
    ("formants", "voice_hz", "is_a"),
    [(_MAN_A, 120, True), (_WOMAN_A, 210, True), (_MAN_E, 120, False), (_WOMAN_E, 210, False)],
)
def test_an_a_is_borne_out_by_the_vowel_of_an_a_alone(formants: Sequence[float], voice_hz: int, is_a: bool) -> None:
    assert is_seconded(vowel(formants, voice_hz)) is is_a


def test_what_is_no_clear_vowel_bears_nothing_out() -> None:
    assert not is_seconded(bytes(6_400)), "silence"
    assert not is_seconded(vowel(_MAN_A, 120, 0.05), of=0.05), "too short"
    assert not is_seconded(vowel(_MAN_A, 120, noise=0.5)), "noise"
    assert not is_seconded(vowel(_MAN_A, 120), letter="B", runner_up="D"), "a consonant tells these apart"
    assert not is_seconded(vowel(_MAN_A, 120), runner_up="K"), "both have this vowel"
