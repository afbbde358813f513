"""The wearer's voice: an embedding of the voice of who is signed on, and whether an utterance is in it.

Loudness tells the wearer from who is farther away, within one utterance; a colleague who speaks alone, and as loudly,
differs by the voice only. What is in another voice is asked about, never ignored: the wearer may have a cold, or have
handed over the headset.

The embedding is personal data (biometric). It is in memory only, for one sign-on: no method returns it, and it cannot
be pickled or printed.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import NoReturn
from weakref import WeakSet

import numpy as np
import numpy.typing as npt

from edge.audio.pcm import to_floats
from edge.records import SAMPLE_BYTES, SAMPLE_RATE

WINDOW = 13_152
"""Samples of one embedding, 0.82 s: 80 frames of 512 samples, 160 apart, which the model was trained on."""

HOP = SAMPLE_RATE * 2 // 5  # Samples between windows. At 0.2 s 0.3 % fewer own and 1 % more others were told apart.

BATCH = 4
"""Windows that are embedded at a time: one alone takes 27 ms of a processor, one of four 8 ms, one of eight 6 ms.

The network's memory grows with them, and stays: 7 MB of four, 80 MB of the forty of a long first sentence.
"""

_FAINT_DB = 10.0  # Windows so much fainter than the loudest are pauses and others' talk.

_FEWEST = 2  # Windows of an utterance that is judged: 1.2 s of speech. "Yes" and "dock C" are too short.

_FEWEST_ENROLLED = 5  # Windows of the voice before anything is judged by it: one or two accepted sentences.

_REMEMBERED = 50
"""Windows that the voice is the mean of, 20 s of speech; later ones count as the last of so many: voices change with
the hours."""

_SLICE = SAMPLE_RATE // 50  # 20 ms: the slice whose power is measured.

_FLOOR = 0.05  # The quantile of the slices that is the background's power.

_BY_COSINE, _BY_SNR_DB, _OFFSET = 23.42, -0.06, -12.15
"""Logistic regression of 'the wearer' on the cosine of utterance and voice, and the SNR, since noise moves all voices
alike. Fitted on pairs of 8 of 16 synthetic voices, enrolled from 1 to 5 clips at clean to 5 dB."""

_CLEAR_DB = 40.0  # The highest SNR that counts: nothing changes above it.

_DOUBT = -3.0
"""The log-likelihood ratio below which an utterance is doubted. Of the other 8 voices' clean clips 0.6 % are, of others
in their place 82 %; at -2 it is 0.9 and 89 %."""

_STRANGE = 3
"""Utterances in another voice, one after the other, from which the voice is forgotten: the headset was handed over. The
new wearer is asked so often."""

Vectors = npt.NDArray[np.float32]
Embed = Callable[[npt.NDArray[np.float32]], Vectors]
"""Unit vectors of windows: a row each, of WINDOW samples from -1 to 1."""


class WearerVoice:
    """The voice of who is signed on. Thread-safe: one signs off while an utterance is still embedded in a thread."""

    __slots__ = ("_embed", "_enrolled", "_latest", "_lock", "_operator", "_strange", "_tracks", "_windows")

    def __init__(self, embed: Embed) -> None:
        self._embed = embed
        self._operator: str | None = None
        self._lock = RLock()
        self._tracks: WeakSet[VoiceTrack] = WeakSet()
        self.forget()

    def forget(self) -> None:
        """Forget the voice, and what of it the tracks of utterances have that somebody still holds."""
        with self._lock:
            self._enrolled: Vectors | None = None
            self._latest: VoiceTrack | None = None
            self._windows = self._strange = 0
            for track in self._tracks:
                track.forget()

    def sign_on(self, operator: str | None) -> None:
        """Forget the voice where another operator signs on; None: nobody is signed on, and no voice is learnt."""
        with self._lock:
            if operator != self._operator:
                self.forget()
            self._operator = operator

    def learn(self, pcm: bytes, *, accepted: bool) -> None:
        """Learn from an utterance that was accepted; from others only whether the headset was handed over."""
        whose = self._operator
        if whose is None:
            return
        judged, self._latest = self._latest, None
        track = judged if judged is not None and judged.judged_pcm == pcm else VoiceTrack(self)
        strange = track.is_another_voice(pcm)
        mean = track.mean_vector(pcm) if accepted and not strange else None
        with self._lock:
            if self._operator != whose:
                self.forget()  # signed off meanwhile
            elif strange:
                self._strange += 1
                if self._strange >= _STRANGE:
                    self.forget()
            elif mean is not None:
                self._strange = 0
                self._enrol(*mean)

    def _enrol(self, vector: Vectors, windows: int) -> None:
        self._windows = min(self._windows + windows, _REMEMBERED)
        share = min(1.0, windows / self._windows)
        before = vector if self._enrolled is None else self._enrolled
        self._enrolled = (1 - share) * before + share * vector

    def similarity(self, vector: Vectors) -> float | None:
        """The cosine of a mean vector and the voice, -1 to 1; None while too little of the voice is known."""
        voice = self._enrolled
        if voice is None or self._windows < _FEWEST_ENROLLED:
            return None
        return float(vector @ voice / (np.linalg.norm(vector) * np.linalg.norm(voice)))

    def embed(self, windows: npt.NDArray[np.float32]) -> Vectors:
        """Embed windows, as `Embed`."""
        return self._embed(windows)

    def keep_latest(self, track: VoiceTrack) -> None:
        """Keep the utterance that was judged last until it is learnt from: it is embedded once."""
        with self._lock:
            self._latest = track if self.is_known else None

    def register(self, track: VoiceTrack) -> None:
        """Have the track forgotten together with the voice."""
        with self._lock:
            self._tracks.add(track)

    @property
    def is_known(self) -> bool:
        """Whether utterances can be judged."""
        return self._enrolled is not None and self._windows >= _FEWEST_ENROLLED

    def __repr__(self) -> str:
        return "WearerVoice()"

    def __reduce__(self) -> NoReturn:
        _refuse_copy()


class VoiceTrack:
    """The voice in one utterance, embedded while it is spoken."""

    __slots__ = ("__weakref__", "_vectors", "_voice", "judged_pcm")

    def __init__(self, voice: WearerVoice) -> None:
        self._voice = voice
        self.forget()
        voice.register(self)

    def forget(self) -> None:
        """Forget what was embedded; it would be embedded again from the first sample."""
        self._vectors: list[Vectors] = []
        self.judged_pcm = b""

    @property
    def _taken(self) -> int:
        """Samples before the next window."""
        return HOP * sum(map(len, self._vectors))

    def hear(self, pcm: bytes | bytearray) -> None:
        """Embed what is new, as far as it fills a batch of windows; `pcm` is the utterance from its first sample."""
        if self._voice.is_known:
            while len(pcm) // SAMPLE_BYTES >= self._taken + (BATCH - 1) * HOP + WINDOW:
                self._embed(pcm, BATCH)

    def is_another_voice(self, pcm: bytes) -> bool:
        """Whether the whole utterance is probably in another voice than the wearer's."""
        if not self._voice.is_known or (mean := self.mean_vector(pcm)) is None:
            return False
        self.judged_pcm = pcm
        self._voice.keep_latest(self)
        cosine = self._voice.similarity(mean[0])
        if cosine is None:
            return False
        snr_db = min(_snr_db(to_floats(pcm)), _CLEAR_DB)
        return _BY_COSINE * cosine + _BY_SNR_DB * snr_db + _OFFSET < _DOUBT

    def mean_vector(self, pcm: bytes) -> tuple[Vectors, int] | None:
        """The mean of the loud windows' vectors, and how many; None for too few.

        What is less than a batch at the end is left out: the decision need not wait for it.
        """
        if not self._vectors:
            self._embed(pcm, (len(pcm) // SAMPLE_BYTES - WINDOW) // HOP + 1)
        samples, vectors = to_floats(pcm), tuple(self._vectors)
        starts = range(0, min(HOP * sum(map(len, vectors)), len(samples) - WINDOW + 1), HOP)
        levels = np.array([10 * np.log10(np.mean(samples[at : at + WINDOW] ** 2) + 1e-12) for at in starts])
        if len(levels) < _FEWEST:
            return None
        loud = np.concatenate(vectors)[: len(levels)][levels >= levels.max() - _FAINT_DB]
        return None if len(loud) < _FEWEST else (loud.mean(axis=0), len(loud))

    def __reduce__(self) -> NoReturn:
        _refuse_copy()

    def _embed(self, pcm: bytes | bytearray, count: int) -> None:
        if count < 1:
            return
        new = to_floats(bytes(pcm[self._taken * SAMPLE_BYTES :]))
        windows = np.lib.stride_tricks.sliding_window_view(new, WINDOW)[::HOP][:count]
        kept = self._vectors  # Forgotten meanwhile, these are another list, and this one is dropped.
        kept += [self._voice.embed(windows[at : at + BATCH]) for at in range(0, len(windows), BATCH)]


def _refuse_copy() -> NoReturn:
    raise TypeError("a voice is kept in memory only")


def _snr_db(samples: npt.NDArray[np.float32]) -> float:
    """The SNR in dB of the whole utterance; its pauses are the background; for `Acoustics` it is what surrounds it."""
    powers = np.sort((samples[: len(samples) // _SLICE * _SLICE].reshape(-1, _SLICE) ** 2).mean(axis=1)) + 1e-10
    return float(10 * np.log10(powers[len(powers) // 2 :].mean() / np.quantile(powers, _FLOOR)))
