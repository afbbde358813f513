"""The site's fault command: run with what is wrong with the headset, one at a time.

The command is run as it is, without a shell, with a time limit, and sees no variable that could hold a secret.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence

logger = logging.getLogger(__name__)

LIMIT_S = 5.0  # A lamp is switched in milliseconds; what takes longer is ended.

PASSED_ON = ("PATH", "HOME", "LANG", "XDG_RUNTIME_DIR")
"""The variables that the command is given. Not ours: they can carry the broker's password."""


async def run_fault_command(command: Sequence[str], state: str, fault: str, limit_s: float = LIMIT_S) -> None:
    """Run `command` with the words `state` ("began", "over") and `fault` behind it. A failure is logged, no more."""
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    try:
        process = await asyncio.create_subprocess_exec(
            *(*command, state, fault),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
        )
    except OSError as fault_of_it:
        logger.warning("watch.fault_command: %s cannot be run (%s)", command[0], fault_of_it.strerror)
        return
    try:
        async with asyncio.timeout(limit_s):
            code = await process.wait()
    except TimeoutError:
        logger.warning("watch.fault_command: %s was ended after %g s", command[0], limit_s)
    else:
        if code:
            logger.warning("watch.fault_command: %s ended with %d", command[0], code)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
