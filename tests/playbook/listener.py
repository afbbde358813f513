"""Who wears the headset in a play with sound: finds the device's earcons in what the earpiece played, and its words."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeVar

import numpy as np
import vosk
from numpy.typing import NDArray

from edge.records import SAMPLE_RATE
from edge.records.speech import Earcon
from edge.speak.mixer import earcon_samples
from tests.reading.speakers import english
from tests.sound.earpiece import Earpiece

LOUD = 300  # Of 32768: what is louder is no silence between two clauses.

FAINT = SAMPLE_RATE // 10
"""So long a word may have begun before it is louder than that: the hiss of "seven" is faint, and no "seven" without."""

BREATH = SAMPLE_RATE * 7 // 10
"""Silence after which a phrase is over: thrice the longest breath between two clauses, for a busy machine."""

ALIKE = 0.8  # From which an earcon was heard: 1 where it is alone; a voice that begins beneath it takes a little off.

LONGER = SAMPLE_RATE // 2  # What sounds for longer than this is no earcon, but for an alarm.

LOOK_S = 0.1  # How often what was played is looked at: often enough, and next to no work.

Sound = NDArray[np.int16]

T = TypeVar("T")


@dataclass(frozen=True)
class Phrase:
    """A stretch of speech."""

    begins: int  # Its first sample, as the earpiece counts.
    words: str  # As the recogniser reads them.


class Reader:
    """Reads what the device said with the recogniser, which expects any of the prompts of all plays."""

    def __init__(self, weights: Path, prompts: Iterable[str]) -> None:
        self._model = vosk.Model(str(weights))
        self._grammar = json.dumps([*sorted({in_words(prompt) for prompt in prompts}), "[unk]"])

    def read(self, sound: Sound) -> str:
        """The words of it; nothing where there are none."""
        quiet = np.zeros(SAMPLE_RATE // 3, dtype=np.int16)
        recogniser = vosk.KaldiRecognizer(self._model, SAMPLE_RATE, self._grammar)
        recogniser.AcceptWaveform(np.concatenate([quiet, sound, quiet]).astype("<i2").tobytes())
        return str(json.loads(recogniser.FinalResult())["text"])


class Listener:
    """Listens to one earpiece. What was listened to once is not heard again.

    Sound without words is an earcon: a busy machine may leave a gap in one, so that it does not look like itself.
    """

    def __init__(self, earpiece: Earpiece, reader: Reader) -> None:
        self.earpiece = earpiece
        self.heard_until = 0  # The sample up to which all was listened to.
        self._reader = reader

    def phrase(self, seconds: float) -> Phrase:
        """The next thing that the device says, to its end, which must come within so many seconds."""
        return self._until(self._phrase, "the device said nothing", seconds)

    def speaks(self, seconds: float) -> None:
        """Return as soon as it says the next thing; that is still to be listened to."""
        self._until(self._speaks, "the device said nothing", seconds)

    def sound(self, since: int, seconds: float) -> int:
        """The first sample of the first sound after `since`, be it an earcon or a word."""
        return self._until(lambda: self._sound(since), "nothing sounded", seconds)

    def ring(self, which: Earcon, since: int, seconds: float) -> None:
        """Return when the earcon has sounded after `since`."""
        self._until(lambda: self._ring(which, since), f"{which} did not sound", seconds)

    def untold(self) -> str:
        """What the device has said besides, so far; nothing is taken away by looking."""
        played = self._played(self.heard_until)
        return "" if _stretch(played) is None else self._reader.read(without_earcons(played))

    def silent_since(self, since: int) -> int:
        """The sample after the last loud one; `since` where all is silent from there."""
        loud = np.flatnonzero(np.abs(self._played(since).astype(int)) > LOUD)
        return since + int(loud[-1]) + 1 if len(loud) else since

    def _played(self, begin: int) -> Sound:
        return self.earpiece.between(begin, len(self.earpiece))

    def _phrase(self) -> Phrase | None:
        """The next phrase, once silence has followed it."""
        played = self._played(self.heard_until)
        stretch = _stretch(played)
        if stretch is None or len(played) - stretch[1] < BREATH:
            return None
        begin, (_, end) = self.heard_until, stretch
        self.heard_until += end
        left = without_earcons(played[:end])
        spoken = _stretch(left)
        words = "" if spoken is None else self._reader.read(left[max(0, spoken[0] - FAINT) :])
        return None if spoken is None or not words else Phrase(begin + spoken[0], words)

    def _speaks(self) -> bool | None:
        stretch = _stretch(self._played(self.heard_until))
        return True if stretch is not None and stretch[1] - stretch[0] > LONGER else None

    def _sound(self, since: int) -> int | None:
        stretch = _stretch(self._played(since))
        return None if stretch is None else since + stretch[0]

    def _ring(self, which: Earcon, since: int) -> bool | None:
        """Half of it is enough: in the other one there may be a gap."""
        played, whole = self._played(since).astype(float), earcon_samples(which)
        for half in (whole[: len(whole) // 2], whole[len(whole) // 2 :]):
            if likeness(played, half).max(initial=0) > ALIKE:
                return True
        return None

    def _until(self, find: Callable[[], T | None], complaint: str, seconds: float) -> T:
        deadline = time.monotonic() + seconds
        while (found := find()) is None:
            assert time.monotonic() < deadline, f"{complaint} within {seconds:g} s"
            time.sleep(LOOK_S)
        return found


def in_words(prompt: str) -> str:
    """A prompt as it is spoken: "7 4 2, 15 units" is "seven four two fifteen units"."""
    pieces: list[str] = re.findall(r"\w+", prompt.lower())
    return " ".join(english(int(piece), Random(0)) if piece.isdigit() else piece for piece in pieces)


def without_earcons(played: Sound) -> Sound:
    """What is left of it when the earcons in it are taken away, sample by sample."""
    left = played.astype(float)
    for which in sorted(Earcon, key=lambda one: -len(earcon_samples(one))):
        alike = likeness(left, earcon_samples(which))
        while len(alike) and alike.max() > ALIKE:
            at = int(alike.argmax())
            left[at : at + len(earcon_samples(which))] -= earcon_samples(which)
            alike[max(0, at - len(earcon_samples(which))) : at + len(earcon_samples(which))] = 0
    rest: Sound = np.clip(np.rint(left), -32_768, 32_767).astype(np.int16)
    return rest


def _stretch(played: Sound) -> tuple[int, int] | None:
    """Where the first stretch of sound begins and ends; None where there is none."""
    loud = np.flatnonzero(np.abs(played.astype(int)) > LOUD)
    if not len(loud):
        return None
    gaps = np.flatnonzero(np.diff(loud) > BREATH)
    return int(loud[0]), int(loud[gaps[0]] if len(gaps) else loud[-1]) + 1


def likeness(sound: NDArray[np.float64], ring: Sound) -> NDArray[np.float64]:
    """How much of `ring` begins at each sample: 1 where it is all there. By way of the spectrum: that is quick."""
    wanted = ring.astype(float)
    if len(sound) < len(wanted):
        return np.zeros(0)
    size = 1 << (len(sound) + len(wanted)).bit_length()
    spectrum = np.fft.rfft(sound, size) * np.conj(np.fft.rfft(wanted, size))
    found: NDArray[np.float64] = np.fft.irfft(spectrum, size)[: len(sound) - len(wanted) + 1] / (wanted**2).sum()
    return found
