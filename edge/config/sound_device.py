"""How a sound device is named in the settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, StrictInt


def _numbered(device: object) -> object:
    # Every variable is text, so "2" is the second device and not a device whose name holds a 2.
    return int(device) if isinstance(device, str) and device.isdecimal() else device


SoundDevice = Annotated[Annotated[str, Field(min_length=1)] | StrictInt | None, BeforeValidator(_numbered)]
"""Sounddevice's name or number of a device; None is its default."""
