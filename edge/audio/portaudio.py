"""PortAudio through sounddevice: the one place that imports it, for the microphone and for the speaker."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

from edge.audio.alsa import refusal
from edge.errors import Unavailable

TURN = Lock()
"""Held while a device is looked up and opened, or closed: PortAudio keeps its lists without a lock of its own, and a
headset that vanishes has its microphone and its speaker opened again at the same time."""

_started: list[Any] = []
"""The streams that are open."""


def portaudio() -> Any:
    """The library. Raises Unavailable saying what to install where it is missing."""
    try:
        import sounddevice  # noqa: PLC0415 - needs a system library, which machines that only replay lack
    except ImportError:
        raise Unavailable("sound: sounddevice is missing; pip install 'dockvoice[microphone]'") from None
    except OSError:
        raise Unavailable("sound: PortAudio is missing; apt install libportaudio2") from None
    return sounddevice


def demand_openable(library: Any, found: Mapping[str, Any], *, playback: bool) -> None:
    """Raise PortAudio's error where it could not open the device that it found: it must not try (`edge.audio.alsa`)."""
    if library.query_hostapis(found["hostapi"])["name"] != "ALSA":
        return
    if (why := refusal(found["name"], playback=playback)) is not None:
        raise library.PortAudioError(f"ALSA: {why}")


def start(library: Any, made: Any) -> None:
    """Start a stream, while it is our `TURN`; `end` follows in any case, unless PortAudio's error says it is not made.

    A device can vanish after ALSA was asked: then PortAudio gives a stream out as open that has no rate. What is half
    made is neither started nor closed: either may never return.
    """
    if not made.samplerate:
        raise library.PortAudioError("vanished while it was being opened")
    _started.append(made)
    try:
        made.start()
    except library.PortAudioError:
        _end(made)
        raise


def end(stream: Any) -> None:
    """Give a device back that was started. May wait for it."""
    with TURN:
        _end(stream)


def _end(stream: Any) -> None:
    stream.abort()
    stream.close()
    _started.remove(stream)


def look_anew() -> bool:
    """Let PortAudio see which devices there are now: it looks once, when it starts. Not while a stream is open.

    Returns whether it looked. Raises Unavailable where it does not start again; then nothing can be opened any more in
    this process.
    """
    library = portaudio()
    with TURN:
        if _started:
            return False
        try:
            library._terminate()  # noqa: SLF001 - sounddevice has no other way, and its author recommends this one
            library._initialize()  # noqa: SLF001
        except library.PortAudioError as fault:
            raise Unavailable(f"sound: PortAudio does not start again ({' '.join(str(fault).split())})") from None
    return True
