"""Mel filters, as `librosa.filters.mel` makes them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge.records import SAMPLE_RATE

_LINEAR_HZ = 1000.0  # Slaney's mel scale is linear below, 200 / 3 Hz a mel, and logarithmic above.
_MEL_HZ, _LOG_STEP = 200 / 3, np.log(6.4) / 27


def mel_filters(bands: int, transform: int) -> npt.NDArray[np.float64]:
    """The weight of each frequency of a transform of so many samples (16 kHz) in each band: [band, frequency]."""
    mels = np.linspace(0, _LINEAR_HZ / _MEL_HZ + np.log(SAMPLE_RATE / 2 / _LINEAR_HZ) / _LOG_STEP, bands + 2)
    break_at = _LINEAR_HZ / _MEL_HZ
    edges = np.where(mels < break_at, mels * _MEL_HZ, _LINEAR_HZ * np.exp((mels - break_at) * _LOG_STEP))
    at = np.fft.rfftfreq(transform, 1 / SAMPLE_RATE)
    rising = (at - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - at) / np.diff(edges)[1:, None]
    filters: npt.NDArray[np.float64] = (
        np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    )
    return filters
