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
import time
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger(__name__)

ANSWER_S = 2.0
"""How long the server may take to answer; it takes milliseconds."""

FRESH_S = 1.0
"""An answer that is not older is as good as another: each takes 5 ms of a processor."""

DUMMY = "auto_null"
"""The sink that PulseAudio (module-always-sink) and PipeWire (its fallback sink) put up while there is no real one."""

CARDS = Path("/proc/asound/pcm")
"""The inputs and outputs of the sound cards that Linux knows, a line each."""


class Outlet:
    """The sink that a stream was opened on: made together with it, and asked now and then whether it is still there."""

    def __init__(self) -> None:
        self._pactl = shutil.which("pactl")
        self._sink: str | None = None
        self._found: tuple[str | None, frozenset[str]] | None = None
        self._asked_at = float("-inf")

    def is_gone(self) -> bool:
        """Whether the sink has vanished. A stream that somebody moved while it is there stays where it was put."""
        found = self._played_into()
        if found is None:
            return False
        sink, sinks = found
        if self._sink is None or self._sink in sinks:
            self._sink = sink or self._sink
            return False
        return True

    def leads_nowhere(self) -> bool:
        """Whether the server has no speaker, and swallows what is said."""
        found = self._found if time.monotonic() - self._asked_at < FRESH_S else self._played_into()
        return found is not None and found[0] == DUMMY

    def _played_into(self) -> tuple[str | None, frozenset[str]] | None:
        """As `played_into`; None where there is nobody to ask. A server that is gone ends the stream by itself."""
        self._found, self._asked_at = self._read(), time.monotonic()
        return self._found

    def _read(self) -> tuple[str | None, frozenset[str]] | None:
        listing = None if self._pactl is None else _asked(self._pactl, "-f", "json", "list")
        if listing is None:
            return None
        try:
            return played_into(listing, os.getpid())
        except (ValueError, KeyError, TypeError) as fault:
            logger.warning("pactl: its listing cannot be read (%r); where sound goes is not checked", fault)
            self._pactl = None
            return None


def outlets(cards: Path = CARDS) -> frozenset[str]:
    """What sound can go into, as far as this machine tells without opening anything: cards, and the server's sinks.

    For comparing with what was there before: the words mean nothing by themselves.
    """
    with suppress(OSError):  # no ALSA on this machine
        return _sinks() | {line for line in cards.read_text("utf-8", "replace").splitlines() if "playback" in line}
    return _sinks()


def _sinks() -> frozenset[str]:
    pactl = shutil.which("pactl")
    listing = None if pactl is None else _asked(pactl, "list", "short", "sinks")
    rows = (line.split("\t") for line in (listing or b"").decode("utf-8", "replace").splitlines())
    # A number and a name: what follows changes whenever a sink falls asleep.
    return frozenset(" ".join(row[:2]) for row in rows)


def _asked(pactl: str, *words: str) -> bytes | None:
    try:
        asked = subprocess.run(  # noqa: S603 - words of ours, no shell
            [pactl, *words],
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
