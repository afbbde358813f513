"""Where a sound server (PulseAudio, or PipeWire in its place) plays what this process says.

PortAudio cannot tell: when a speaker vanishes, the server moves the stream to another one without a word, and what is
said to the operator comes out elsewhere. Where there is no `pactl` or no server there is nothing to ask.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess

logger = logging.getLogger(__name__)

ANSWER_S = 2.0
"""How long the server may take to answer; it takes milliseconds."""


class Outlet:
    """The sink that a stream was opened on: made together with it, and asked now and then whether it is still there."""

    def __init__(self) -> None:
        self._pactl = shutil.which("pactl")
        self._sink: str | None = None

    def is_gone(self) -> bool:
        """Whether the sink has vanished. A stream that somebody moved while it is there stays where it was put."""
        if self._pactl is None:
            return False
        listing = self._listing()
        if listing is None:
            return False  # a server that is gone ends the stream, which is noticed as such
        try:
            sink, sinks = played_into(listing, os.getpid())
        except (ValueError, KeyError, TypeError) as fault:
            logger.warning("pactl: its listing cannot be read (%r); where sound goes is not checked", fault)
            self._pactl = None
            return False
        if self._sink is None or self._sink in sinks:
            self._sink = sink or self._sink
            return False
        return True

    def _listing(self) -> bytes | None:
        try:
            asked = subprocess.run(  # noqa: S603 - words of ours, no shell
                [str(self._pactl), "-f", "json", "list"],
                check=True,
                capture_output=True,
                timeout=ANSWER_S,
                env={**os.environ, "LC_ALL": "C"},  # in some languages pactl writes numbers that JSON does not know
            )
        except (OSError, subprocess.SubprocessError) as fault:
            logger.debug("the sound server does not answer: %s", fault)
            return None
        return asked.stdout


def played_into(listing: bytes, process: int) -> tuple[str | None, frozenset[str]]:
    """From what `pactl -f json list` says: the sink that `process` plays into, if any, and the sinks there are.

    Raises ValueError, KeyError or TypeError for anything else.
    """
    told = json.loads(listing)
    sinks = {sink["index"]: sink["name"] for sink in told["sinks"]}
    ours = (
        sinks.get(stream["sink"])
        for stream in told["sink_inputs"]
        if stream["properties"].get("application.process.id") == str(process)
    )
    return next(ours, None), frozenset(sinks.values())
