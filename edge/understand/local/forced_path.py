"""Forced path: how well given words fit a sound, by a model's log-probabilities of phonemes. Pure.

The model is one of connectionist temporal classification (Graves et al., 2006): each frame is a phoneme or the blank,
and a phoneme that stays is one. The forced path is the likeliest one that spells given words, the free path the
likeliest of all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.float32]
"""Natural logarithms of probabilities: a row for each frame, a column for each phoneme; the first one is the blank."""

Pronunciations = tuple[tuple[int, ...], ...]
"""The ways to say a word, each the columns of its phonemes. None: any sound may stand there."""

_BLANK, _LOST, _ANY = 0, -2, -1  # Columns; the last two are added to those of the frames.

_ANY_COST = 0.7  # What a frame of any sound costs against the likeliest phoneme: else it would explain everything best.

_LOST_COST = 7.0
"""What a word costs that is not heard at all, in nats. Without a limit one word that noise covers outweighs all others;
at 2 a letter that was plainly heard otherwise hardly counts."""

_GAIN = 2.0
"""What a phoneme that is heard gains, in nats. Without it the wording with the fewest phonemes fits noise best: "dock
E" for "dock D", "dock A" for "dock F"."""


def measure_fits(frames: Frames, wordings: Sequence[Sequence[Pronunciations]]) -> NDArray[np.float64]:
    """How well each wording fits: its forced path against the free path, in nats a frame of which there are `frames`.

    `wordings`: the words of each, in order. The more the better, and only differences within one sound mean much. All
    are computed together, what they begin with alike once.
    """
    if not len(frames) or not wordings:
        return np.zeros(len(wordings))
    graph = _Graph()
    ends = [graph.add_wording(words) for words in wordings]
    best = graph.run(frames)
    return np.array([max(best[end] for end in some) for some in ends]) - float(frames.max(axis=1).sum())


class _Graph:
    """The states of all wordings, each with its column and the other states that it is reached from."""

    def __init__(self) -> None:
        self._columns: list[int] = []
        self._before: list[list[int]] = []
        self._first: list[int] = []
        self._begun: dict[tuple[Pronunciations, ...], list[int]] = {(): [self._add(_BLANK, [], first=True)]}
        """The states in which each beginning of a wording may end: the pause behind it, and its last phonemes."""

    def add_wording(self, words: Sequence[Pronunciations]) -> list[int]:
        """Add the states of one wording behind those of the longest beginning known; return the ones it may end in."""
        for end in range(1, len(words) + 1):
            if (begun := tuple(words[:end])) not in self._begun:
                self._begun[begun] = self._add_word(words[end - 1], *self._begun[begun[:-1]], first=end == 1)
        return self._begun[tuple(words)]

    def _add_word(self, ways: Pronunciations, pause: int, *tails: int, first: bool) -> list[int]:
        ends = [self._add_phonemes(one, pause, tails, first=first) for one in ways or ((_ANY,),)]
        lost = self._add(_LOST, [pause, *tails], first=first)
        ends += [lost, self._add(_ANY, [lost])]
        return [self._add(_BLANK, ends), *ends]

    def _add_phonemes(self, phonemes: Sequence[int], pause: int, tails: Sequence[int], *, first: bool) -> int:
        """Add one way to say a word behind the `pause` and the `tails` of the word before; return its last state."""
        last = self._add(phonemes[0], [pause, *self._others(phonemes[0], tails)], first=first)
        for column in phonemes[1:]:
            last = self._add(column, [self._add(_BLANK, [last]), *self._others(column, [last])])
        return last

    def _others(self, column: int, states: Sequence[int]) -> list[int]:
        """The states of other phonemes: two alike need a blank between them."""
        return [state for state in states if self._columns[state] != column]

    def _add(self, column: int, before: Sequence[int], *, first: bool = False) -> int:
        state = len(self._columns)
        self._columns.append(column)
        self._before.append(list(before))
        if first:
            self._first.append(state)
        return state

    def run(self, frames: Frames) -> NDArray[np.float64]:
        """The log-probability of the likeliest path to each state at the last frame, with what its phonemes gain."""
        size = len(self._columns)
        before = np.full((size, max(1, *map(len, self._before))), size)
        for state, some in enumerate(self._before):
            before[state, : len(some)] = some
        columns = np.array(self._columns)
        gains = np.where(columns > _BLANK, _GAIN, 0.0)
        likeliest = frames.max(axis=1, keepdims=True)
        heard = np.hstack([frames, likeliest - _LOST_COST, likeliest - _ANY_COST]).astype(np.float64)[:, columns]
        best = np.full(size + 1, -np.inf)  # the last one stands for no state
        best[self._first] = heard[0, self._first] + gains[self._first]
        for frame in heard[1:]:
            best[:size] = np.maximum(best[:size], best[before].max(axis=1) + gains) + frame
        return best[:size]
