"""ALSA's own word on a device, asked before PortAudio opens it.

PortAudio 19 keeps the code of an error in one variable of the whole library (`paUtilErr_`, `pa_unix_util.h`), and the
thread of each running stream writes to it with every block. So an opening that fails while another stream runs may be
given out as done: to start what came of it waits for ever, and the next one can end the process. What ALSA refuses is
therefore never opened through PortAudio.
"""

from __future__ import annotations

import ctypes
import os
import re
from functools import cache
from typing import Any

from edge.records import SAMPLE_RATE

HARDWARE = re.compile(r"\(((?:plug)?hw:[^()]+)\)$")
"""How PortAudio ends the name of a card; all else it calls as ALSA's configuration does."""

_PLAYBACK, _CAPTURE = 0, 1  # snd_pcm_stream_t
_NONBLOCK = 1  # SND_PCM_NONBLOCK: what somebody else has is refused, not waited for
_INTERLEAVED = 3  # SND_PCM_ACCESS_RW_INTERLEAVED
_S16_LE = 2  # SND_PCM_FORMAT_S16_LE


def refusal(name: str, *, playback: bool) -> str | None:
    """Why ALSA does not open the device that PortAudio calls `name`; None where it does, or there is no ALSA."""
    if (alsa := _library()) is None:
        return None
    card = HARDWARE.search(name)
    pcm = ctypes.c_void_p()
    status = alsa.snd_pcm_open(
        ctypes.byref(pcm), (card[1] if card else name).encode(), _PLAYBACK if playback else _CAPTURE, _NONBLOCK
    )
    if status >= 0:
        status = _prepared(alsa, pcm)
        alsa.snd_pcm_close(pcm)
    return None if status >= 0 else os.strerror(-status)


def _prepared(alsa: Any, pcm: ctypes.c_void_p) -> int:
    """Get it ready for sound, as near to ours as it can: before that a sound server is not asked for the device."""
    parameters = ctypes.create_string_buffer(alsa.snd_pcm_hw_params_sizeof())
    rate, channels = ctypes.c_uint(SAMPLE_RATE), ctypes.c_uint(1)
    alsa.snd_pcm_hw_params_any(pcm, parameters)
    # What it cannot do of these is left to its choice: PortAudio converts.
    alsa.snd_pcm_hw_params_set_access(pcm, parameters, _INTERLEAVED)
    alsa.snd_pcm_hw_params_set_format(pcm, parameters, _S16_LE)
    alsa.snd_pcm_hw_params_set_channels_near(pcm, parameters, ctypes.byref(channels))
    alsa.snd_pcm_hw_params_set_rate_near(pcm, parameters, ctypes.byref(rate), None)
    return int(alsa.snd_pcm_hw_params(pcm, parameters))


@cache
def _library() -> Any:
    try:
        return ctypes.CDLL("libasound.so.2")
    except OSError:  # another system than Linux, where PortAudio has other ways into the sound card
        return None
