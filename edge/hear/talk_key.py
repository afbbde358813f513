"""The key that is held to talk, from Linux's input devices: a keyboard, a foot switch, a button on a GPIO pin."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from edge.errors import Misconfigured
from edge.hear.input_keys import KeyDevice, code_of

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
"""How often it is looked for a key that is not there: as with the headset, an operator waits no longer."""

DEVICES = Path("/dev/input")  # Where the kernel shows them, as event0, event1 and so on.


async def follow_talk_key(key: str, device: Path | None, talk: Callable[[bool], None]) -> None:
    """Tell `talk` whenever the key goes down or up, until cancelled. A device that vanishes is looked for again.

    Raises Misconfigured for a key that Linux does not know.
    """
    code = code_of(key)
    if code is None:
        raise Misconfigured(
            f"hear.talk_key = {key!r}: Linux knows no such key; `evtest` shows what a key is called, and its number, "
            "which will do too"
        )
    missed = False
    while True:
        found = _device_with(code, device)
        if found is None:
            if not missed:
                logger.warning("hear.talk_key = %r: no input device has this key now; looking for it", key)
            missed = True
            await asyncio.sleep(LOOK_EVERY_S)
            continue
        missed = False
        logger.info("the talk key %s is on %s", key, found.name)
        with found:
            try:
                async for is_down in found.presses(code):
                    talk(is_down)
            except OSError as fault:
                logger.warning("the talk key's device %s is gone (%s); looking for it", found.name, fault.strerror)
        talk(False)  # with the key gone, nobody holds it down


def _device_with(code: int, wanted: Path | None) -> KeyDevice | None:
    """The input device that has the key: the one wanted, or the first that has it."""
    for path in [wanted] if wanted is not None else sorted(DEVICES.glob("event*")):
        try:
            found = KeyDevice(path)
        except OSError:  # it has just vanished, or is not for us
            continue
        if found.has(code):
            return found
        found.close()
    return None
