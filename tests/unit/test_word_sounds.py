"""Unit: words are compared by their sound, by which letters are seconded and alternatives rescored."""

from __future__ import annotations

from functools import cache
from string import ascii_lowercase

import numpy as np
import pytest

from dockvoice_protocol.records import FieldReading, Reading, Word
from edge.understand.letter_sounds import second_letters
from edge.understand.local.confidence import Alternative
from edge.understand.local.rescoring import rescore
from edge.understand.word_sounds import Sound, Sounds, load_sounds
from lab.bench.word_sounds import fit_sounds, fit_word_sounds, format_table
from tests.shipped import catalogue, form

_RATE = 16_000
_START, _END = 0.5, 0.7


def tone(hz: float, loud: float = 0.3, ends: float = 1.2, noise: float = 1e-3) -> Sound:
    """A tone between the word's times in a little noise."""
    at = np.arange(round(ends * _RATE)) / _RATE
    sound = noise * np.random.default_rng(3).standard_normal(len(at))
    sound += np.where((at >= _START) & (at < _END + 0.1), np.sin(2 * np.pi * hz * at), 0.0)
    return Sound((loud * sound / np.abs(sound).max() * 32_767).astype("<i2").tobytes())


@cache
def tones() -> Sounds:
    """Sounds by which a low tone is a B or "sixty", a high one a D or "sixteen"; other words are unknown."""
    random, said, rows = np.random.default_rng(5), list[str](), []
    for words, hz in ((("b", "sixty"), 400.0), (("d", "sixteen"), 2_500.0)):
        for _ in range(20):
            sound = tone(hz * random.uniform(0.95, 1.05), noise=float(random.uniform(1e-3, 1e-2)))
            said += words
            rows += [sound.measure(_START, _END)] * len(words)
    return fit_sounds(np.array(rows), said)


def judged(sound: Sound, letter: str, runner_up: str | None, end: float = _END, behind: str = "") -> FieldReading:
    rest = (Word(word, end, end + 0.1, 1.0) for word in behind.split())
    words = (Word("dock", 0.2, 0.5, 1.0), Word(letter.lower(), _START, end, 1.0), *rest)
    dock = FieldReading(letter, ("dock", letter.lower()), 0.9, runner_up=runner_up)
    reading = Reading("vosk", "pallet-move", words, {"dock": dock})
    return second_letters(reading, sound, form("pallet-move"), catalogue(), tones()).fields["dock"]


def heard(text: str, score: float, end: float = _END) -> Alternative:
    return Alternative(score, (Word("pallet", 0.1, 0.4, 1.0), Word(text, _START, end, 1.0)))


def likeliest(sound: Sound, *alternatives: Alternative) -> str:
    [[first, *_]] = rescore([alternatives], sound, tones().words)
    return first.words[-1].text


def test_a_letter_that_sounds_like_itself_is_seconded_and_surer() -> None:
    low = judged(tone(400), "B", "D")
    assert low.seconded
    assert low.confidence > 0.9
    assert judged(tone(2_500), "D", "B").seconded
    assert judged(tone(400, loud=0.02), "B", "D").seconded, "loudness tells no letter"
    assert judged(tone(400, ends=_END + 0.12), "B", "D").seconded, "the utterance ends behind it"


def test_a_letter_that_sounds_like_another_one_is_left_in_doubt() -> None:
    high = judged(tone(2_500), "B", "D")
    assert (high.value, high.runner_up, high.seconded) == ("B", "D", False)
    assert not judged(tone(400), "B", "D", behind="as in bravo").seconded, "its code word was heard"


def test_what_has_no_rival_or_no_length_or_is_unknown_is_left_as_it_was() -> None:
    assert not judged(tone(400), "B", None).seconded, "nothing else may have been said"
    assert not judged(tone(400), "B", "D", end=_START).seconded, "no time"
    assert not judged(tone(400), "G", "D").seconded, "no such letter was fitted"


def test_of_two_alternatives_that_the_recogniser_scores_alike_the_one_is_taken_that_the_sound_is() -> None:
    either = heard("sixty", 0.0), heard("sixteen", -0.1)
    assert likeliest(tone(400, noise=3e-3), *either) == "sixty"
    assert likeliest(tone(2_500, noise=3e-3), *either) == "sixteen"


def test_the_sound_does_not_outweigh_a_recogniser_that_is_sure() -> None:
    assert likeliest(tone(2_500), heard("sixty", 0.0), heard("sixteen", -30.0)) == "sixty"


def test_a_word_that_is_unknown_or_has_no_length_is_scored_by_the_recogniser_alone() -> None:
    [scored] = rescore([[heard("cones", 1.5), heard("sixty", 1.0, end=_START)]], tone(400), tones().words)
    assert [one.score for one in scored] == [1.5, 1.0]


def test_times_beyond_the_sound_are_measured_in_silence() -> None:
    assert tones().words.compare("sixty", tone(400), 1.1, 3.0) < 0
    assert Sound(b"").measure(0.0, 0.3).shape == tone(400).measure(_START, _END).shape


def test_the_shipped_sounds_are_of_every_letter_and_number() -> None:
    found, letters = load_sounds()
    assert found.means.keys() >= {*ascii_lowercase, "zero", "oh", "nine", "thirteen", "nineteen", "ninety", "hundred"}
    assert len(found.projection) == len(tone(400).measure(_START, _END)) + 1
    assert letters.means.keys() == {*ascii_lowercase}
    assert len(letters.projection) == len(found.projection)
    for word, mean in found.means.items():
        nearest = min(found.means, key=lambda one: float(np.sum((found.means[one] - mean) ** 2)))
        assert nearest == word


def test_words_are_told_apart_by_what_they_were_fitted_on() -> None:
    random = np.random.default_rng(7)
    rows = random.standard_normal((60, 4)) + np.repeat(np.eye(3, 4) * 9, 20, axis=0)
    found = fit_word_sounds(rows, ["one"] * 20 + ["two"] * 20 + ["six"] * 20)
    likely = found.find_probabilities(rows[0], ("one", "two", "six", "ten"))
    assert likely.keys() == {"one", "two", "six"}
    assert likely["one"] > 0.9
    assert sum(likely.values()) == pytest.approx(1.0)
    names = [line.partition(",")[0] for line in format_table(found).splitlines()]
    assert names == ["#0", "#1", "#2", "#3", "#4", "one", "six", "two"]
