"""PortAudio through sounddevice: the one place that imports it."""

from __future__ import annotations

from typing import Any

from edge.errors import Unavailable


def portaudio() -> Any:
    """The library. Raises Unavailable saying what to install where it is missing."""
    try:
        import sounddevice  # noqa: PLC0415 - needs a system library, which machines that only replay lack
    except ImportError:
        raise Unavailable("microphone: sounddevice is missing; pip install 'dockvoice[microphone]'") from None
    except OSError:
        raise Unavailable("microphone: PortAudio is missing; apt install libportaudio2") from None
    return sounddevice
