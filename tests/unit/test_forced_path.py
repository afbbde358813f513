from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from edge.understand.local.forced_path import Frames, measure_fits

BLANK, A, B, C = range(4)


def frames(*likeliest: int, other: float = 0.01) -> Frames:
    """Frames in which one column each is likeliest, and the others have the probability `other`."""
    rows = np.full((len(likeliest), 4), other, np.float32)
    rows[np.arange(len(likeliest)), likeliest] = 1 - 3 * other
    return np.log(rows)


def fits(sound: Frames, *wordings: Sequence[Sequence[Sequence[int]]]) -> list[float]:
    every = [[tuple(map(tuple, ways)) for ways in words] for words in wordings]
    return [float(fit) for fit in measure_fits(sound, every)]


def test_the_wording_that_was_said_fits_best() -> None:
    said, other = fits(frames(BLANK, A, A, BLANK, B, BLANK), [[(A,)], [(B,)]], [[(A,)], [(C,)]])
    assert said > other + 3


def test_what_fits_without_fault_gains_by_its_phonemes_alone() -> None:
    one, two = fits(frames(A, B), [[(A,)]], [[(A,), (B,)], [(B,)]])
    assert two == pytest.approx(4.0)
    assert one < two


def test_two_equal_phonemes_need_a_blank_between_them() -> None:
    apart, joined = (fits(sound, [[(A, A)]])[0] for sound in (frames(A, BLANK, A), frames(A, A, A)))
    assert apart == pytest.approx(4.0)
    assert joined < 0.5


def test_each_way_to_say_a_word_counts() -> None:
    known, unknown = fits(frames(A, C), [[(A, B), (A, C)]], [[(A, B)]])
    assert known == pytest.approx(4.0)
    assert unknown < known


def test_a_word_that_noise_covers_costs_no_more_than_a_limit() -> None:
    long = [[(B, C, B, C, B, C, B)]]
    assert fits(frames(A, A, A, A, A, A, A, other=1e-6), long)[0] > -15


def test_a_word_without_pronunciation_is_any_sound_at_a_cost() -> None:
    unknown, said = fits(frames(A, B, C), [[]], [[(A, B, C)]])
    assert -3 < unknown < 2 < said


def test_nothing_heard_fits_nothing() -> None:
    assert fits(frames(A)[:0], [[(A,)]], []) == [0.0, 0.0]
    assert fits(frames(A)) == []


def test_wordings_that_begin_alike_fit_as_each_alone() -> None:
    sound = frames(A, BLANK, B, C)
    every: list[list[list[tuple[int, ...]]]] = [[[(A,)], [(B,)]], [[(A,)], [(B, C)]], [[(A,)]], [[(B,)]]]
    assert fits(sound, *every) == pytest.approx([fits(sound, one)[0] for one in every])
