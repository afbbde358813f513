"""The noises of a dock, generated from a seed: the same kind, length and seed give the same samples.

So noise need not be stored for measurements: `dockvoice evaluate --noise-hours` and `python -m lab.bench.noise`
generate it, and `dockvoice record-truth` mixes a site's noise with the recorded sentences.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import typer

from edge.audio.pcm import FrameCutter, to_floats
from edge.ports import Source
from edge.records import Frame

RATE = 16_000  # Samples per second of all sound generated here: the recogniser's rate.

_SLOW_HZ = 2  # Engines wander slower than this; gusts take twice as long.

LEVEL = 0.1  # RMS of every noise, full scale being 1: -20 dB leaves room for the peaks of all but a clang.

_ACTIVE_FRAME = 320  # Samples (20 ms) over which speech is judged active or not.

_ACTIVE_DB = 40
"""A frame is active speech within so many dB of the loudest one: the span between a stressed vowel and a soft "f"."""

Sound = npt.NDArray[np.float64]  # Samples, full scale being -1 to 1.


def generate_noise(kind: str, seconds: float, seed: int) -> Sound:
    """Generate noise of a kind of NOISE_KINDS at an RMS of LEVEL. Raises KeyError for an unknown kind."""
    sound = NOISE_KINDS[kind](round(seconds * RATE), np.random.default_rng(seed))
    return sound * (LEVEL / _rms(sound))


def mix_at_snr(speech: Sound, sound: Sound, snr_db: float) -> Sound:
    """Speech in noise that is `snr_db` below it, as long as the speech; the noise is repeated where it is shorter.

    SNR = 20 log10(rms(active speech) / rms(noise)), where active speech is the 20 ms frames whose RMS lies within
    _ACTIVE_DB of the loudest: pauses would make the same voice count as softer. (ITU-T P.56 measures active level with
    an envelope; for speech without background the two differ by less than 1 dB.) Scaled down where it would clip.
    """
    under = np.resize(sound, len(speech))
    mixed = speech + under * (active_rms(speech) / _rms(under) / 10 ** (snr_db / 20))
    return limit_peak(mixed)


def limit_peak(sound: Sound) -> Sound:
    """The samples unchanged, or all scaled down so that the peak is at full scale."""
    return sound / max(1.0, float(np.abs(sound).max()))


def active_rms(speech: Sound) -> float:
    """RMS over the 20 ms frames that contain speech."""
    whole = speech[: len(speech) // _ACTIVE_FRAME * _ACTIVE_FRAME].reshape(-1, _ACTIVE_FRAME)
    power = (whole**2).mean(axis=1)
    return float(np.sqrt(power[power >= power.max() * 10 ** (-_ACTIVE_DB / 10)].mean()))


def _pink(samples: int, random: np.random.Generator) -> Sound:
    """Pink noise (equal power in every octave), as many distant sources add up to."""
    return _shaped_noise(samples, random, lambda hertz: 1 / np.sqrt(hertz))


def _wind(samples: int, random: np.random.Generator) -> Sound:
    """Wind on a microphone: rumble below some 300 Hz whose level rises and falls over seconds."""
    rumble = _shaped_noise(samples, random, lambda hertz: 1 / (hertz * (1 + (hertz / 300) ** 2)))
    gusts = _shaped_noise(samples, random, lambda hertz: np.where(hertz < _SLOW_HZ / 2, 1.0, 0.0))
    return rumble / _rms(rumble) * np.exp(0.8 * gusts / _rms(gusts))


def _forklift_engine(samples: int, random: np.random.Generator) -> Sound:
    """A four-cylinder engine near 1,500 rpm (50 firings a second, with drift), plus hydraulic hiss."""
    wander = _shaped_noise(samples, random, lambda hertz: np.where(hertz < _SLOW_HZ, 1.0, 0.0))
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


_RING = 3 * RATE  # Samples after which the longest ringing metal is 87 dB softer.


def _clang(samples: int, random: np.random.Generator) -> Sound:
    """Metal on metal about once a second: inharmonic partials that ring out in tenths of a second, over pink noise."""
    far = _pink(samples, random)
    sound: Sound = 0.05 * far / _rms(far)
    for start in np.cumsum(random.uniform(0.4, 1.6, size=samples // RATE * 3 + 1)):
        begin = round(start * RATE)
        time = np.arange(min(_RING, max(0, samples - begin))) / RATE
        for hertz in random.uniform(400, 6000, size=8):
            sound[begin : begin + len(time)] += np.sin(2 * np.pi * hertz * time) * np.exp(
                -time / random.uniform(0.03, 0.3)
            )
    return sound


def _shaped_noise(samples: int, random: np.random.Generator, spectrum: Callable[[Sound], Sound]) -> Sound:
    """Gaussian noise filtered so that `spectrum` gives its amplitude at each frequency in Hz."""
    shape = np.fft.rfft(random.standard_normal(samples))
    hertz = np.fft.rfftfreq(samples, 1 / RATE).astype(np.float64)
    shape[0] = 0
    shape[1:] *= spectrum(hertz[1:])
    return np.fft.irfft(shape, samples)


def _rms(sound: Sound) -> float:
    return float(np.sqrt(np.mean(sound**2)))


def _white(samples: int, random: np.random.Generator) -> Sound:
    """White noise (equal power at every frequency), as of compressed air or a radio between stations."""
    return random.standard_normal(samples)


def _music(samples: int, random: np.random.Generator) -> Sound:
    """A radio: chords of three sawtooth-like voices that change twice a second, over a beat of short noise."""
    time = np.arange(samples) / RATE
    beat = round(RATE * random.uniform(0.4, 0.6))
    root = random.choice(np.array([0, 3, 5, 7]), size=samples // beat + 1)
    sound = np.zeros(samples)
    for step in (0, 4, 7, 12):
        hertz = 220 * 2 ** ((root + step) / 12)
        phase = (
            2 * np.pi * np.cumsum(np.repeat(hertz, beat)[:samples] * (1 + 0.004 * np.sin(2 * np.pi * 5 * time))) / RATE
        )
        sound += sum(np.sin(n * phase) / n for n in range(1, 7))
    since = np.arange(samples) % beat / RATE
    return np.asarray(
        sound * (0.3 + np.exp(-since / 0.3)) + 3 * random.standard_normal(samples) * np.exp(-since / 0.03)
    )


NOISE_KINDS: dict[str, Callable[[int, np.random.Generator], Sound]] = {
    "white": _white,
    "pink": _pink,
    "wind": _wind,
    "forklift_engine": _forklift_engine,
    "reversing_beeper": _reversing_beeper,
    "clang": _clang,
    "music": _music,
}


def generate_babble(voices: Sequence[Sound], seconds: float, seed: int) -> Sound:
    """Overlay reversed recordings of speech, as of several people talking. Raises ValueError without a voice."""
    if not voices:
        raise ValueError("babble is made of recordings of speech, and there is none")
    random = np.random.default_rng(seed)
    samples = round(seconds * RATE)
    sound = np.zeros(samples)
    for _ in range(_TALKERS):
        said: list[Sound] = []
        while sum(map(len, said)) < samples:
            voice = voices[int(random.integers(len(voices)))][::-1]
            said.append(voice / (_rms(voice) or 1.0))
        sound += np.roll(np.concatenate(said)[:samples], random.integers(samples))
    return sound * (LEVEL / _rms(sound))


_TALKERS = 4  # Simultaneous talkers around a dock.


class GeneratedNoise(Source):
    """A generated noise as a microphone source; the seed determines samples and loudness."""

    live = False

    def __init__(self, kind: str, seconds: float, seed: int, voices: Sequence[Sound] = ()) -> None:
        """`kind` is one of NOISE_KINDS, SILENCE, or BABBLE, which overlays the speech of `voices`."""
        self.name = f"sha256:{hashlib.sha256(f'{kind} {seconds} {seed}'.encode()).hexdigest()}"
        self._kind = kind
        self._seconds = seconds
        self._seed = seed
        self._voices = voices

    def sound(self) -> Sound:
        """All samples, scaled down if they would clip."""
        if self._kind == SILENCE:
            return generate_noise("white", self._seconds, self._seed) * (10 ** (_LEAST_BIT_DB / 20) / LEVEL)
        if self._kind == BABBLE:
            made = generate_babble(self._voices, self._seconds, self._seed)
        else:
            made = generate_noise(self._kind, self._seconds, self._seed)
        softest, loudest = LOUDNESS_DB
        db = np.random.default_rng(self._seed).uniform(softest, loudest)
        return limit_peak(made * 10 ** (db / 20))

    def frames(self) -> Iterator[Frame]:
        """The sound in frames of 20 ms."""
        return to_frames(self.sound())


class NoisyRecording(Source):
    """A recording mixed with generated noise at a signal-to-noise ratio of `snr_db`."""

    live = False

    def __init__(self, recording: Source, kind: str, snr_db: float) -> None:
        """The same recording, kind and ratio give the same samples."""
        identity = f"{recording.name} {kind} {snr_db}"
        self.name = f"sha256:{hashlib.sha256(identity.encode()).hexdigest()}"
        self._recording = recording
        self._kind = kind
        self._snr_db = snr_db

    def frames(self) -> Iterator[Frame]:
        """The mixture in frames of 20 ms."""
        speech = read_all_samples(self._recording)
        under = generate_noise(self._kind, len(speech) / RATE, int(self.name[-8:], 16))
        return to_frames(mix_at_snr(speech, under, self._snr_db))


def to_frames(sound: Sound) -> Iterator[Frame]:
    """Convert samples to frames of 20 ms, the last one padded."""
    framing = FrameCutter(RATE)
    yield from framing.push(sound.astype(np.float32)[:, np.newaxis])
    yield from framing.end()


def read_all_samples(source: Source) -> Sound:
    """Read a finite source to its end; return its samples as floats from -1 to 1."""
    return to_floats(b"".join(frame.pcm for frame in source.frames())).astype(np.float64)


LOUDNESS_DB = (-20.0, 10.0)  # Range of the random level of generated noise, dB relative to LEVEL.

BABBLE = "babble"
SILENCE = "silence"  # A silent room: only the converter's own noise.

_LEAST_BIT_DB = -90.3  # RMS of SILENCE, the converter's own noise: one step of 16 bits, dB of full scale.


def parse_snrs_db(text: str | None, option: str) -> list[int]:
    """Parse the value of a command-line option into ratios of speech to noise, dB; empty for None."""
    try:
        return [] if text is None else [int(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{text!r}: whole numbers of dB, joined by commas", param_hint=option) from None
