"""Echo suppression: the device's own voice in the microphone is told from the operator's.

A headset's microphone picks up its earpiece, softer and a little later. For each frame it is asked what that leakage
can be at most, given what was played just before. A frame no louder is the device's own. One that is louder is still
the device's own if the microphone's loudness has gone up and down as the played sound did for half a second; that also
tells how strong the leakage is, and how late. All else is the operator, who may talk over the device at any time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from edge.ports import SpeechScorer
from edge.records import SAMPLE_RATE, Frame

_STEP = SAMPLE_RATE * 10 // 1000  # Loudness is followed in steps of 10 ms: a syllable has some twenty.

_LATEST = 40
"""Steps by which leakage may be late, 400 ms: the buffers of a Bluetooth headset there and back, and some room."""

_EARLIEST = 4  # Steps by which it may seem early, 40 ms: the two clocks are only known as well as that.

_COMPARED = 50
"""Steps that are compared, half a second: two syllables or three, which nobody else speaks in just that rhythm."""

_ALIKE = 0.85
"""Correlation of loudness from which the microphone is taken to hear the device. Leakage in a room with some noise has
0.9 and more. Two different voices reach 0.7 at the best of all delays in one of some hundred half seconds."""

_TELLING = 0.5  # Share of the steps in which something was played, from which likeness alone tells.
_USUAL_DB = -14.0  # The leakage to be expected before anything is known: an earpiece worn loosely, turned up.
_LEAST_DB, _MOST_DB = -45.0, 6.0
"""Less cannot be told from nothing; more is no leakage but a loudspeaker next to the microphone, or a loop back."""

_MARGIN_DB = 6.0
"""Louder than the leakage expected by so much is somebody else: rooms and resamplers make single steps louder."""

_LEARNED = 0.3  # How far the expectation goes, at each look, to what was found.
_PLAYED = 40.0  # Root mean square of a step, of 32768, from which something is played at all: -58 dBFS.

_REMEMBERED = 4 * (_LATEST + _COMPARED)
"""Steps of what was played that are kept: 3.6 s, so that an ear that lags behind still finds it."""

_Powers = NDArray[np.float64]


class Clocked:
    """When samples of a stream were at the microphone or the speaker, by one clock, from when they were handed over.

    A sample can be handed over late, but never early: the least delay of all tells how count and clock belong together.
    """

    FORGETS = 0.001  # Seconds that it may seem later with each second: two clocks drift apart by a tenth of that.
    LOST_S = 1.0  # Off by more than this, and the stream is another one, or stood still.

    def __init__(self) -> None:
        self._offset: float | None = None
        self._last = 0.0

    def at(self, sample: int, now: float) -> float:
        """When the sample with this index was there, given that it is handed over now; in seconds."""
        offset = now - sample / SAMPLE_RATE
        if self._offset is None or abs(offset - self._offset) > self.LOST_S:
            self._offset = offset
        else:
            self._offset = min(offset, self._offset + self.FORGETS * max(0.0, now - self._last))
        self._last = now
        return self._offset + sample / SAMPLE_RATE


class OwnVoice:
    """Knows what is played, and judges what is heard.

    `played` may be called from one thread and `is_own` from another: one alone writes down what was played, and a step
    that is being written is not among those that the other looks for.
    """

    def __init__(self) -> None:
        self.leakage_db = _USUAL_DB
        """How strong the speaker is in the microphone, as far as is known: their samples compared, in dB."""
        self._played: _Powers = np.zeros(_REMEMBERED)
        self._newest = 0
        self._heard: deque[float] = deque(maxlen=_COMPARED)
        self._delay: int | None = None

    def played(self, at: float, pcm: bytes) -> None:
        """The speaker plays this from `at` on, in seconds by whichever clock `is_own` is asked by."""
        step = round(at * SAMPLE_RATE / _STEP)
        for number, power in enumerate(_powers(pcm)):
            self._note(step + number, power)

    def is_own(self, frame: Frame, at: float) -> bool:
        """Whether the frame, which ended `at`, holds the device's own voice and no other."""
        powers = _powers(frame.pcm)
        self._heard.extend(powers)
        reference = self._reference(round(at * SAMPLE_RATE / _STEP))
        if reference.max() < _PLAYED**2:
            return False
        alike = self._compared(reference)
        expected = self._expected(reference, len(powers))
        return alike or bool(powers.max() <= expected * 10 ** (_MARGIN_DB / 10))

    def _note(self, step: int, power: float) -> None:
        """Blocks come with a little jitter: a step that was skipped over is as loud as the one after it."""
        if step <= self._newest - _REMEMBERED:
            return
        for missed in range(max(self._newest + 1, step - _REMEMBERED), step):
            self._played[missed % _REMEMBERED] = power if step - missed <= _EARLIEST else 0.0
        if step <= self._newest:
            power = max(power, self._played[step % _REMEMBERED])
        self._played[step % _REMEMBERED] = power
        self._newest = max(self._newest, step)

    def _reference(self, now: int) -> _Powers:
        """What was played until EARLIEST steps after `now`, the newest last; silence where nothing was noted."""
        wanted = np.arange(now - _LATEST - _COMPARED, now + _EARLIEST + 1)
        newest = self._newest
        known = (wanted <= newest) & (wanted > newest - _REMEMBERED)
        return np.where(known, self._played[wanted % _REMEMBERED], 0.0)

    def _expected(self, reference: _Powers, steps: int) -> float:
        """The power of leakage at most, in what was just heard: at the known delay, or else at any."""
        if self._delay is None:
            near = reference[-(_LATEST + _EARLIEST + steps) :]
        else:
            end = len(reference) - self._delay
            near = reference[max(0, end - steps - 2 * _EARLIEST) : end + _EARLIEST]
        return float(near.max(initial=0.0) * 10 ** (self.leakage_db / 10))

    def _compared(self, reference: _Powers) -> bool:
        """Whether the last half second sounds like what was played; learns delay and strength from it if so."""
        if len(self._heard) < _COMPARED:
            return False
        heard = np.sqrt(np.array(self._heard))
        windows = np.sqrt(sliding_window_view(reference, _COMPARED))[::-1]  # from the latest played to the earliest
        if self._delay is not None:
            windows = windows[max(0, self._delay - _EARLIEST) : self._delay + _EARLIEST + 1]
        likeness = _correlations(windows, heard)
        best = int(likeness.argmax())
        if likeness[best] >= _ALIKE and self._is_possible(heard, windows[best]):
            self._learn(heard, windows[best])
            self._delay = best if self._delay is None else max(0, self._delay - _EARLIEST) + best
            return True
        self._unlearn(heard, windows)
        return False

    def _is_possible(self, heard: _Powers, played: _Powers) -> bool:
        """Whether it may be leakage by its strength: one tone alone rises and falls as any syllable does."""
        return bool((played > _PLAYED).mean() >= _TELLING) or _swing_db(heard, played) <= self.leakage_db + _MARGIN_DB

    def _learn(self, heard: _Powers, played: _Powers) -> None:
        self._move_to(_swing_db(heard, played))

    def _unlearn(self, heard: _Powers, windows: _Powers) -> None:
        """However little was heard while much was played is an upper bound of the leakage."""
        least = float(windows.mean(axis=1).min())
        if least < _PLAYED:
            return
        bound = 20 * np.log10(max(float(heard.mean()), 1.0) / least)
        if bound < self.leakage_db:
            self._move_to(bound)

    def _move_to(self, found_db: float) -> None:
        moved = self.leakage_db + _LEARNED * (found_db - self.leakage_db)
        self.leakage_db = min(max(moved, _LEAST_DB), _MOST_DB)


class EchoSuppressed(SpeechScorer):
    """A detector of speech that is deaf to the device's own voice, and tells when somebody speaks over it."""

    ONSET = 3  # Frames of speech in a row, 60 ms, that make a barge-in: what it takes to open an utterance, as a rule.

    def __init__(
        self,
        scorer: SpeechScorer,
        own: OwnVoice,
        clock: Callable[[], float],
        spoken_over: Callable[[], None] = lambda: None,
    ) -> None:
        """`clock` gives the time, in seconds, by which `own` is told what is played; `spoken_over` is called soon."""
        self._scorer = scorer
        self._own = own
        self._clock = clock
        self._spoken_over = spoken_over
        self._clocked = Clocked()
        self._speech = 0

    def is_speech(self, frame: Frame) -> bool:
        """Score the next frame."""
        speech = self._scorer.is_speech(frame)  # asked of every frame: its windows must have no gaps
        own = self._own.is_own(frame, self._clocked.at(frame.end, self._clock()))
        self._speech = self._speech + 1 if speech and not own else 0
        if self._speech == self.ONSET:
            self._spoken_over()
        return speech and not own

    def reset(self) -> None:
        """Forget all that was heard."""
        self._scorer.reset()
        self._clocked = Clocked()
        self._speech = 0


def _powers(pcm: bytes) -> _Powers:
    """The mean square of each step."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    whole = samples[: len(samples) // _STEP * _STEP].reshape(-1, _STEP)
    powers: _Powers = (whole**2).mean(axis=1)
    return powers


def _swing_db(heard: _Powers, played: _Powers) -> float:
    """How strong the leakage is, if it is any. Noise adds to the level, and little to the swing."""
    swing = float(np.std(heard) / np.std(played))
    return 20 * float(np.log10(max(swing, 1e-6)))


def _correlations(windows: _Powers, heard: _Powers) -> _Powers:
    """Pearson's correlation of `heard` with each window; 0 where one of them stands still."""
    aside = windows - windows.mean(axis=1, keepdims=True)
    mine = heard - heard.mean()
    lengths = np.sqrt((aside**2).sum(axis=1) * (mine**2).sum())
    found: _Powers = np.divide(aside @ mine, lengths, out=np.zeros(len(windows)), where=lengths > 0)
    return found
