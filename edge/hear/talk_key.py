"""The key that is held to talk, from Linux's input devices: a keyboard, a foot switch, a button on a GPIO pin.

The kernel makes them all alike (evdev): a device below /dev/input that says which key went down and up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from edge.errors import Misconfigured

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
"""How often it is looked for a key that is not there: as with the headset, an operator waits no longer."""

UP, DOWN = 0, 1  # The values of a key's event; 2 is the keyboard's repetition, which says nothing new.


async def follow_talk_key(key: str, device: Path | None, talk: Callable[[bool], None]) -> None:
    """Tell `talk` whenever the key goes down or up, until cancelled. A device that vanishes is looked for again.

    Raises Misconfigured for a key that Linux does not know, or without the library.
    """
    library = _evdev()
    code = library.ecodes.ecodes.get(key)
    if code is None:
        raise Misconfigured(f"hear.talk_key = {key!r}: Linux knows no such key; `evtest` shows what a key is called")
    missed = False
    while True:
        found = _device_with(library, code, device)
        if found is None:
            if not missed:
                logger.warning("hear.talk_key = %r: no input device has this key now; looking for it", key)
            missed = True
            await asyncio.sleep(LOOK_EVERY_S)
            continue
        missed = False
        logger.info("the talk key %s is on %s", key, found.name)
        async for is_down in _presses(found, library, code):
            talk(is_down)
        talk(False)  # with the key gone, nobody holds it down


async def _presses(found: Any, library: Any, code: int) -> AsyncIterator[bool]:
    """Down and up, until the device is gone."""
    try:
        async for event in found.async_read_loop():
            if event.type == library.ecodes.EV_KEY and event.code == code and event.value in {UP, DOWN}:
                yield event.value == DOWN
    except OSError as fault:
        logger.warning("the talk key's device %s is gone (%s); looking for it", found.name, fault.strerror)
    finally:
        found.close()


def _device_with(library: Any, code: int, wanted: Path | None) -> Any | None:
    """The input device that has the key: the one wanted, or the first that has it."""
    for path in [str(wanted)] if wanted is not None else library.list_devices():
        try:
            found = library.InputDevice(path)
        except OSError:  # it has just vanished, or is not for us
            continue
        if code in found.capabilities().get(library.ecodes.EV_KEY, []):
            return found
        found.close()
    return None


def _evdev() -> Any:
    try:
        import evdev  # noqa: PLC0415 - only where a key is named
    except ImportError:
        raise Misconfigured("hear.talk_key is set, but evdev is missing; pip install 'dockvoice[talk-key]'") from None
    return evdev
