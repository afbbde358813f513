"""PortAudio through sounddevice, which only this module imports, for microphone and speaker.

PortAudio 19 keeps error codes in one global variable (`paUtilErr_`, `pa_unix_util.h`), which the thread of each running
stream writes with every block. So a failed opening beside a running stream may be reported as done: starting it blocks
for ever, and the next one can end the process. Therefore ALSA is asked first, and what it refuses is never opened
through PortAudio.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Mapping
from functools import cache
from threading import Lock
from typing import Any

from dockvoice_protocol.errors import Unavailable
from edge.records import SAMPLE_RATE

TURN = Lock()
"""Lock for opening and closing devices: PortAudio's lists are not thread-safe, and a headset that vanishes has its
microphone and speaker reopened at the same time."""

_started: list[Any] = []  # The streams that are open.

_HARDWARE = re.compile(r"\(((?:plug)?hw:[^()]+)\)$")
"""The suffix of a card's name in PortAudio; other names are those of ALSA's configuration."""

_PLAYBACK, _CAPTURE = 0, 1  # snd_pcm_stream_t
_NONBLOCK = 1  # SND_PCM_NONBLOCK: a device in use is refused, not waited for
_INTERLEAVED = 3  # SND_PCM_ACCESS_RW_INTERLEAVED
_S16_LE = 2  # SND_PCM_FORMAT_S16_LE


def import_sounddevice() -> Any:
    """Import sounddevice. Raises Unavailable, with what to install, where it or PortAudio is missing."""
    try:
        import sounddevice  # noqa: PLC0415 - needs a system library, which machines that only replay lack
    except ImportError:
        raise Unavailable("sound: sounddevice is missing; pip install 'dockvoice[microphone]'") from None
    except OSError:
        raise Unavailable("sound: PortAudio is missing; apt install libportaudio2") from None
    return sounddevice


def require_alsa_opens(library: Any, found: Mapping[str, Any], *, playback: bool) -> None:
    """Raise PortAudio's error where ALSA refuses the device."""
    if library.query_hostapis(found["hostapi"])["name"] != "ALSA":
        return
    if (why := _alsa_error(found["name"], playback=playback)) is not None:
        raise library.PortAudioError(f"ALSA: {why}")


def start_stream(library: Any, stream: Any) -> None:
    """Start a stream while holding `TURN`; to be closed with `close_stream`, unless this raises PortAudioError.

    A device can vanish after ALSA was asked: PortAudio then reports a stream as open that has no rate. Such a stream is
    neither started nor closed: either may block for ever.
    """
    if not stream.samplerate:
        raise library.PortAudioError("vanished while it was being opened")
    _started.append(stream)
    try:
        stream.start()
    except library.PortAudioError:
        _close(stream)
        raise


def close_stream(stream: Any) -> None:
    """Close a started device. May block."""
    with TURN:
        _close(stream)


def _close(stream: Any) -> None:
    stream.abort()
    stream.close()
    _started.remove(stream)


def restart_portaudio() -> bool:
    """Restart PortAudio, which lists devices only when it starts; False while a stream is open.

    Raises Unavailable where it does not start again; then no device can be opened in this process.
    """
    library = import_sounddevice()
    with TURN:
        if _started:
            return False
        try:
            library._terminate()  # noqa: SLF001 - sounddevice has no other way, and its author recommends this one
            library._initialize()  # noqa: SLF001
        except library.PortAudioError as fault:
            raise Unavailable(f"sound: PortAudio does not start again ({' '.join(str(fault).split())})") from None
    return True


def _alsa_error(name: str, *, playback: bool) -> str | None:
    """Why ALSA does not open the device of that name; None where it does, or without ALSA."""
    if (alsa := _load_alsa()) is None:
        return None
    card = _HARDWARE.search(name)
    pcm = ctypes.c_void_p()
    status = alsa.snd_pcm_open(
        ctypes.byref(pcm), (card[1] if card else name).encode(), _PLAYBACK if playback else _CAPTURE, _NONBLOCK
    )
    if status >= 0:
        status = _set_pcm_parameters(alsa, pcm)
        alsa.snd_pcm_close(pcm)
    return None if status >= 0 else os.strerror(-status)


def _set_pcm_parameters(alsa: Any, pcm: ctypes.c_void_p) -> int:
    """Set the PCM's parameters near 16 kHz mono; ALSA's status. Only this asks a sound server behind it."""
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
def _load_alsa() -> Any:
    try:
        return ctypes.CDLL("libasound.so.2")
    except OSError:  # another system than Linux, where PortAudio has other ways into the sound card
        return None
