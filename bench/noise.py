"""The noises of a dock, made from a seed: pink, wind, forklift_engine, reversing_beeper, clang.

    python -m bench.noise KIND SECONDS OUT.wav --seed N

The same kind, length and seed give the same samples, so that noise need not be stored to be measured against.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import soundfile

RATE = 16_000
"""Samples per second of everything made here: what the ear works with."""

SLOW_HZ = 2
"""Engines wander slower than this; gusts take twice as long."""

LEVEL = 0.1
"""RMS of every noise, full scale being 1: -20 dB leaves room for the peaks of all but a clang."""

ACTIVE_FRAME = 320
"""Samples (20 ms) over which speech is judged active or not."""

ACTIVE_DB = 40
"""A frame is active speech within so many dB of the loudest one: the span between a stressed vowel and a soft "f"."""

Sound = npt.NDArray[np.float64]
"""Samples, full scale being -1 to 1."""


def noise(kind: str, seconds: float, seed: int) -> Sound:
    """Noise of a kind of KINDS at an RMS of LEVEL. Raises KeyError for a kind there is not."""
    sound = KINDS[kind](round(seconds * RATE), np.random.default_rng(seed))
    return sound * (LEVEL / _rms(sound))


def mix(speech: Sound, sound: Sound, snr_db: float) -> Sound:
    """Speech in noise that is `snr_db` below it, as long as the speech; the noise is repeated where it is shorter.

    SNR = 20 log10(rms(active speech) / rms(noise)), where active speech is the 20 ms frames whose RMS lies within
    ACTIVE_DB of the loudest: pauses would make the same voice count as softer. (ITU-T P.56 measures active level with
    an envelope; for speech without background the two differ by less than 1 dB.) Scaled down where it would clip.
    """
    under = np.resize(sound, len(speech))
    mixed = speech + under * (active_rms(speech) / _rms(under) / 10 ** (snr_db / 20))
    return within_full_scale(mixed)


def within_full_scale(sound: Sound) -> Sound:
    """The sound as it is, or scaled down as a whole so that its peak does not clip."""
    return sound / max(1.0, float(np.abs(sound).max()))


def active_rms(speech: Sound) -> float:
    """RMS of the frames in which somebody speaks."""
    whole = speech[: len(speech) // ACTIVE_FRAME * ACTIVE_FRAME].reshape(-1, ACTIVE_FRAME)
    power = (whole**2).mean(axis=1)
    return float(np.sqrt(power[power >= power.max() * 10 ** (-ACTIVE_DB / 10)].mean()))


def _pink(samples: int, random: np.random.Generator) -> Sound:
    """Equal power in every octave: the sum of many far sources."""
    return _coloured(samples, random, lambda hertz: 1 / np.sqrt(hertz))


def _wind(samples: int, random: np.random.Generator) -> Sound:
    """Rumble below some 300 Hz that swells and dies away in gusts of seconds, as across a microphone's capsule."""
    rumble = _coloured(samples, random, lambda hertz: 1 / (hertz * (1 + (hertz / 300) ** 2)))
    gusts = _coloured(samples, random, lambda hertz: np.where(hertz < SLOW_HZ / 2, 1.0, 0.0))
    return rumble / _rms(rumble) * np.exp(0.8 * gusts / _rms(gusts))


def _forklift_engine(samples: int, random: np.random.Generator) -> Sound:
    """A four-cylinder engine near 1,500 turns a minute (50 firings a second, wandering), and its hydraulics' hiss."""
    wander = _coloured(samples, random, lambda hertz: np.where(hertz < SLOW_HZ, 1.0, 0.0))
    phase = 2 * np.pi * np.cumsum(50 * (1 + 0.03 * wander / _rms(wander))) / RATE
    firing = sum(np.sin(n * phase + random.uniform(0, 2 * np.pi)) / n for n in range(1, 25))
    hiss = _pink(samples, random)
    return np.asarray(firing + 0.4 * hiss / _rms(hiss))


def _reversing_beeper(samples: int, random: np.random.Generator) -> Sound:
    """1,250 Hz with its third harmonic, half a second on, half a second off, over distant pink noise."""
    time = np.arange(samples) / RATE + random.uniform(0, 1)
    on = np.clip(np.minimum(time % 1, 0.5 - time % 1) / 0.005, 0, 1)  # 5 ms to rise and fall, so that it does not click
    tone = np.sin(2 * np.pi * 1250 * time) + 0.3 * np.sin(2 * np.pi * 3750 * time)
    far = _pink(samples, random)
    return np.asarray(on * tone + 0.05 * far / _rms(far))


def _clang(samples: int, random: np.random.Generator) -> Sound:
    """Metal on metal about once a second: inharmonic partials that ring out in tenths of a second, over pink noise."""
    far = _pink(samples, random)
    sound: Sound = 0.05 * far / _rms(far)
    for start in np.cumsum(random.uniform(0.4, 1.6, size=samples // RATE * 3 + 1)):
        begin = round(start * RATE)
        time = np.arange(max(0, samples - begin)) / RATE
        for hertz in random.uniform(400, 6000, size=8):
            sound[begin:] += np.sin(2 * np.pi * hertz * time) * np.exp(-time / random.uniform(0.03, 0.3))
    return sound


def _coloured(samples: int, random: np.random.Generator, spectrum: Callable[[Sound], Sound]) -> Sound:
    """Gaussian noise shaped by `spectrum`, which gives the amplitude at each frequency in Hz."""
    shape = np.fft.rfft(random.standard_normal(samples))
    hertz = np.fft.rfftfreq(samples, 1 / RATE).astype(np.float64)
    shape[0] = 0
    shape[1:] *= spectrum(hertz[1:])
    return np.fft.irfft(shape, samples)


def _rms(sound: Sound) -> float:
    return float(np.sqrt(np.mean(sound**2)))


KINDS: dict[str, Callable[[int, np.random.Generator], Sound]] = {
    "pink": _pink,
    "wind": _wind,
    "forklift_engine": _forklift_engine,
    "reversing_beeper": _reversing_beeper,
    "clang": _clang,
}


def main() -> None:
    """Write a noise to a file."""
    parser = argparse.ArgumentParser(prog="python -m bench.noise", description="Make a noise of the dock from a seed.")
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("seconds", type=float)
    parser.add_argument("out", help="the file to write; its ending says the format: .wav or .flac")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    sound = within_full_scale(noise(asked.kind, asked.seconds, asked.seed))
    soundfile.write(asked.out, sound, RATE, subtype="PCM_16")
    print(f"{asked.out}: {asked.seconds:g} s of {asked.kind}, seed {asked.seed}")


if __name__ == "__main__":
    main()
