"""Unit: a letter is corroborated where it sounds like itself, and gets a runner-up where it sounds like another one."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import ascii_uppercase

import numpy as np
import pytest

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.records import FieldReading, Reading, Word
from edge.understand import letter_classifier
from edge.understand.letter_classifier import (
    Discriminants,
    corroborate_letters_by_spectrum,
    load_discriminants,
    measure_letter,
)
from lab.bench.letter_sounds import fit_discriminants, format_table
from tests.shipped import catalogue, form

_RATE = 16_000
_START, _END = 0.5, 0.7


def tone(hz: float, loud: float = 0.3, ends: float = 1.2, noise: float = 1e-3) -> bytes:
    """A tone between the letter's times in a little noise, 16-bit."""
    at = np.arange(round(ends * _RATE)) / _RATE
    sound = noise * np.random.default_rng(3).standard_normal(len(at))
    sound += np.where((at >= _START) & (at < _END + 0.1), np.sin(2 * np.pi * hz * at), 0.0)
    return bytes((loud * sound / np.abs(sound).max() * 32_767).astype("<i2").tobytes())


def measured(pcm: bytes) -> np.ndarray:
    return measure_letter(pcm, _START, _END)


@cache
def tones() -> Discriminants:
    """Discriminants by which a low tone is a B, a high one a D; other letters are unknown."""
    random, said, rows = np.random.default_rng(5), [], []
    for letter, hz in (("B", 400.0), ("D", 2_500.0)):
        for _ in range(20):
            said.append(letter)
            rows.append(measured(tone(hz * random.uniform(0.95, 1.05), noise=float(random.uniform(1e-3, 1e-2)))))
    return fit_discriminants(np.array(rows), said)


def judged(pcm: bytes, letter: str, runner_up: str | None, end: float = _END, behind: str = "") -> FieldReading:
    rest = (Word(word, end, end + 0.1, 1.0) for word in behind.split())
    words = (Word("dock", 0.2, 0.5, 1.0), Word(letter.lower(), _START, end, 1.0), *rest)
    dock = FieldReading(letter, ("dock", letter.lower()), 0.9, runner_up=runner_up)
    reading = Reading("vosk", "pallet-move", words, {"dock": dock})
    return corroborate_letters_by_spectrum(reading, pcm, form("pallet-move"), catalogue(), tones()).fields["dock"]


def test_a_letter_that_sounds_like_itself_is_corroborated_and_surer() -> None:
    low = judged(tone(400), "B", "D")
    assert low.seconded
    assert low.confidence > 0.9
    assert judged(tone(2_500), "D", "B").seconded
    assert judged(tone(400, loud=0.02), "B", "D").seconded, "loudness tells no letter"
    assert judged(tone(400, ends=_END + 0.12), "B", "D").seconded, "the utterance ends behind it"


def test_a_letter_that_is_surely_another_one_that_was_listed_is_that_one() -> None:
    high = judged(tone(2_500), "B", "D")
    assert (high.value, high.words, high.runner_up) == ("D", ("dock", "d"), "B")
    assert high.seconded
    assert judged(tone(2_500), "B", "D", behind="as in bravo").value == "B", "its code word was heard"
    listed = judged(tone(2_500), "B", "E")
    assert (listed.value, listed.runner_up, listed.seconded) == ("B", "E", False), "the recogniser did not list a D"


def test_what_has_no_rival_or_no_length_or_is_unknown_is_left_as_it_was() -> None:
    assert not judged(tone(400), "B", None).seconded, "nothing else may have been said"
    assert not judged(tone(400), "B", "D", end=_START).seconded, "no time"
    assert not judged(tone(400), "G", "D").seconded, "no such letter was fitted"


def test_the_shipped_discriminants_are_of_every_letter() -> None:
    found, size = load_discriminants(), len(measured(tone(400)))
    assert found.means.keys() == {*ascii_uppercase}
    assert found.projection.shape == (size + 1, len(ascii_uppercase) - 1)
    for letter, mean in found.means.items():
        nearest = min(found.means, key=lambda one: float(np.sum((found.means[one] - mean) ** 2)))
        assert nearest == letter


def test_letters_are_told_apart_by_what_they_were_fitted_on() -> None:
    random = np.random.default_rng(7)
    rows = random.standard_normal((60, 4)) + np.repeat(np.eye(3, 4) * 9, 20, axis=0)
    found = fit_discriminants(rows, ["A"] * 20 + ["B"] * 20 + ["C"] * 20)
    likely = found.find_probabilities(rows[0], "ABCZ")
    assert likely.keys() == {"A", "B", "C"}
    assert likely["A"] > 0.9
    assert sum(likely.values()) == pytest.approx(1.0)
    names = [line.partition(",")[0] for line in format_table(found).splitlines()]
    assert names == ["x0", "x1", "x2", "x3", "x4", "A", "B", "C"]
    assert isinstance(found, Discriminants)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (None, "cannot be read"),
        (lambda whole: "", r"the shape \(0,\), not"),
        (lambda whole: whole[: len(whole) // 2], "cannot be read"),
        (lambda whole: whole.replace("\nA,", "\nx,"), "cannot be read"),
        (lambda whole: whole[: whole.index("\nY,")], "no mean of 25 values for Y, Z"),
        (lambda whole: "".join(line.rpartition(",")[0] + "\n" for line in whole.splitlines()), "the shape"),
    ],
)
def test_a_table_that_is_lost_or_cut_off_says_so_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[str], str] | None, why: str
) -> None:
    whole = files(letter_classifier.__package__).joinpath(letter_classifier.TABLE).read_text(encoding="utf-8")
    if damage:
        (tmp_path / "broken.csv").write_text(damage(whole), encoding="utf-8")
    monkeypatch.setattr(letter_classifier, "files", lambda _: tmp_path)
    monkeypatch.setattr(letter_classifier, "TABLE", "broken.csv")
    load_discriminants.cache_clear()
    try:
        with pytest.raises(Misconfigured, match=rf"broken\.csv: .*{why}.*; install dockvoice again"):
            load_discriminants()
    finally:
        load_discriminants.cache_clear()
