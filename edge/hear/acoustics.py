"""Acoustics: how well an utterance can be heard, measured from its sound alone, and advice to the operator. Pure.

It measures the conditions under which recognisers are wrong with high confidence: speech hardly louder than its
background, clipped sound, a faint voice, a second voice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dockvoice_protocol.records import LOUD_DB, NOISY_DB, QUIET_DB
from edge.audio.pcm import FULL_SCALE, is_telephone_band
from edge.records import SAMPLE_RATE, Acoustics, Segment

_FRAME = SAMPLE_RATE // 50  # 20 ms: the slice whose loudness is measured.

_PITCH_WINDOW = SAMPLE_RATE // 20  # 50 ms: the window for the pitch, at least three periods of the deepest voice.

_HOP = SAMPLE_RATE // 40  # 25 ms from one pitch to the next.

_OVERRUN = 32_567  # Clipping threshold: resampling and filters round off what the converter clipped.

_DEEPEST_HZ, _HIGHEST_HZ = 70.0, 400.0  # Voices of adults, from a deep man's to a shouting woman's.

_PERIODIC = 0.6  # Autocorrelation from which a stretch is voiced. Machines and wind seldom get there, vowels mostly do.

_PEAK_SHARE = 0.85  # Of the highest autocorrelation: a peak at the period itself, beside those at its multiples.

_SECOND_VOICE_RATIO = 1.4
"""A second voice differs by this factor from the median pitch; one voice varies by a third at most."""

_OCTAVE = (1.85, 2.15)  # Twice or half the pitch is the most common error of pitch trackers, and no second voice.

_FEWEST_PITCHES = 12  # Fewer voiced stretches (0.3 s) tell nothing of a second voice.
_QUIETEST = 1e-12  # Lower bound of power, so that digital silence has a logarithm: -120 dB.

_Floats = NDArray[np.float64]


def measure_acoustics(segment: Segment) -> Acoustics:
    """Measure SNR, level, clipping, seconds of speech and the share of a second voice. Takes a few milliseconds."""
    sound = np.frombuffer(segment.pcm, np.int16).astype(np.float64)
    start, end = segment.speech_start - segment.start, segment.speech_end - segment.start
    speech = sound[max(0, start) : max(0, end)]
    around = np.concatenate((sound[:start], sound[end:]))
    loud, quiet = _voice_power(speech), _background_power(around, speech)
    return Acoustics(
        snr_db=float(10 * np.log10(max(loud - quiet, _QUIETEST) / max(quiet, _QUIETEST))),
        level_db=float(10 * np.log10(max(loud, _QUIETEST))),
        clipped=float(np.mean(np.abs(speech) >= _OVERRUN)) if len(speech) else 0.0,
        speech_seconds=len(speech) / SAMPLE_RATE,
        second_voice=_second_voice_share(speech),
    )


def _frame_powers(sound: _Floats) -> _Floats:
    """The power of each frame, 1 for a square wave at full scale."""
    whole = len(sound) // _FRAME * _FRAME
    frames = sound[:whole].reshape(-1, _FRAME) / FULL_SCALE
    powers: _Floats = np.mean(frames**2, axis=1)
    return powers


def _voice_power(speech: _Floats) -> float:
    """The power of the louder half of the frames: the quieter half are pauses and consonants."""
    powers = np.sort(_frame_powers(speech))
    return float(np.mean(powers[len(powers) // 2 :])) if len(powers) else 0.0


def _background_power(around: _Floats, speech: _Floats) -> float:
    """The power of the quieter half of the background, or of the pauses where there is none."""
    powers = np.sort(_frame_powers(around))
    outside = float(np.mean(powers[: max(1, len(powers) // 2)])) if len(powers) else None
    inside = _frame_powers(speech)
    pauses = float(np.quantile(inside, 0.05)) if len(inside) else 0.0
    return pauses if outside is None else outside


def _second_voice_share(speech: _Floats) -> float:
    """The share of voiced windows whose pitch differs from most others, 0 to 1."""
    pitches = _pitches_hz(speech)
    if len(pitches) < _FEWEST_PITCHES:
        return 0.0
    ratios = pitches / np.median(pitches)
    ratios = np.maximum(ratios, 1 / ratios)
    other = (ratios > _SECOND_VOICE_RATIO) & ~((ratios > _OCTAVE[0]) & (ratios < _OCTAVE[1]))
    return float(np.mean(other))


def _pitches_hz(speech: _Floats) -> _Floats:
    """The pitch of each voiced window, Hz, by autocorrelation."""
    if len(speech) < _PITCH_WINDOW:
        return np.empty(0)
    stretches = np.lib.stride_tricks.sliding_window_view(speech, _PITCH_WINDOW)[::_HOP]
    stretches = stretches - stretches.mean(axis=1, keepdims=True)
    spectra = np.fft.rfft(stretches, 2 * _PITCH_WINDOW)
    correlations = np.fft.irfft(np.abs(spectra) ** 2)[:, :_PITCH_WINDOW]
    shortest, longest = int(SAMPLE_RATE / _HIGHEST_HZ), int(SAMPLE_RATE / _DEEPEST_HZ)
    # Longer shifts overlap less: without the correction, deep voices would seem less periodic.
    overlap = (_PITCH_WINDOW - np.arange(shortest, longest)) / _PITCH_WINDOW
    periodic = correlations[:, shortest:longest] / overlap / np.maximum(correlations[:, :1], _QUIETEST)
    voiced = periodic[periodic.max(axis=1) >= _PERIODIC]
    pitches: _Floats = SAMPLE_RATE / (shortest + _first_peak_index(voiced))
    return pitches


def _first_peak_index(periodic: _Floats) -> NDArray[np.int64]:
    """The index of each row's first peak near its maximum: multiples of the period are peaks too."""
    inner = periodic[:, 1:-1]
    peaks = (inner >= periodic[:, :-2]) & (inner >= periodic[:, 2:])
    high = peaks & (inner >= _PEAK_SHARE * periodic.max(axis=1, keepdims=True))
    first: NDArray[np.int64] = np.where(high.any(axis=1), 1 + high.argmax(axis=1), periodic.argmax(axis=1))
    return first


_CLIPPED = 0.001  # One sample in a thousand: it is heard as crackling.
_OTHERS = 0.3  # The share of another pitch that makes a second speaker likely.


def measure_and_advise(segment: Segment) -> tuple[Acoustics, list[str]]:
    """Measure an utterance's acoustics, and word advice to the operator where it is hard to hear."""
    acoustics = measure_acoustics(segment)
    judged = (
        (acoustics.clipped >= _CLIPPED, "overdriven: turn the gain down, or move the microphone away from the mouth"),
        (acoustics.level_db > LOUD_DB, "very loud: turn the gain down a little"),
        (acoustics.level_db < QUIET_DB, "very quiet: turn the gain up (`alsamixer`, F4; or `pactl set-source-volume`)"),
        (acoustics.snr_db < NOISY_DB, "drowned in noise: bring the microphone to the corner of the mouth, 2 cm away"),
        (acoustics.second_voice > _OTHERS, "another voice is heard too: turn the boom to the mouth, away from others"),
        (
            is_telephone_band(segment.pcm),
            "a telephone band: pick a wideband profile (mSBC, not CVSD), or one with a dongle",
        ),
    )
    return acoustics, [sentence for holds, sentence in judged if holds]
