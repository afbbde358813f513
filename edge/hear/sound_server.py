"""The sound server (PulseAudio, or PipeWire in its place), asked through its own command, `pactl`.

It is asked about once a second, 5 ms of a processor, and never waited for: the thread that listens starts the question
and comes back for the answer. Where there is no `pactl` or no server, there is nothing to ask, and that is no fault.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from enum import Enum, auto
from typing import IO

from edge.hear.routing import Routing, routing

logger = logging.getLogger(__name__)

EVERY_S = 0.8
"""From one question to the next: with what else it takes, a stream that was moved is found within 2 s."""

ANSWER_S = 5.0
"""A server that has not answered by then is not asked again through the same process."""

ORDER_S = 2.0
"""How long an order to the server may take; it takes milliseconds."""


class Gone(Enum):
    """The server answered before, and does not any more."""

    GONE = auto()


class SoundServer:
    """Asks where this process's recording comes from. Used by one thread; `close` ends a question under way."""

    def __init__(self) -> None:
        self._pactl = shutil.which("pactl")
        self._question: subprocess.Popen[bytes] | None = None
        self._answer: IO[bytes] | None = None
        self._asked = float("-inf")
        self._knows = False

    def look(self, now: float) -> Routing | Gone | None:
        """The answer to the last question, once; None while there is none. `now` is in seconds, monotonic."""
        if self._question is None:
            self._ask(now)
            return None
        if self._question.poll() is None:
            if now - self._asked > ANSWER_S:
                self.close()
            return None
        return self._read()

    def now(self) -> Routing | Gone | None:
        """Ask, and wait for the answer: for when there is no sound that could be missed meanwhile."""
        self.close()
        self._asked = float("-inf")
        self._ask(0.0)
        if self._question is None:
            return None
        with suppress(subprocess.TimeoutExpired):
            self._question.wait(ORDER_S)
            return self._read()
        self.close()
        return None

    def move(self, stream: int, source: str) -> None:
        """Let a recording come from another source."""
        self._order("move-source-output", str(stream), source)

    def resume(self, source: str) -> None:
        """Wake a source that was suspended."""
        self._order("suspend-source", source, "0")

    def close(self) -> None:
        """Give up a question under way."""
        if self._question is not None:
            self._question.kill()
            self._question.wait()
        self._forget()

    def _ask(self, now: float) -> None:
        if self._pactl is None or now - self._asked < EVERY_S:
            return
        self._asked = now
        # A file, not a pipe: a long answer must not stop for want of a reader.
        self._answer = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it has been read
        with suppress(OSError):  # no processes left to be had: asked again a second later
            self._question = subprocess.Popen(  # noqa: S603 - words of ours, no shell
                [self._pactl, "-f", "json", "list"],
                stdin=subprocess.DEVNULL,
                stdout=self._answer,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "LC_ALL": "C"},  # in some languages pactl writes numbers that JSON does not know
            )

    def _read(self) -> Routing | Gone | None:
        if self._question is None or self._answer is None:
            return None
        code = self._question.returncode
        self._answer.seek(0)
        listing = self._answer.read()
        self._forget()
        if code != 0:
            return self._unanswered()
        try:
            found = routing(listing, os.getpid())
        except (ValueError, KeyError, TypeError) as fault:
            logger.warning("pactl: its listing cannot be read (%r); routing is not checked", fault)
            self._pactl = None
            return None
        self._knows = True
        return found

    def _unanswered(self) -> Gone | None:
        if self._knows:
            return Gone.GONE
        self._pactl = None  # no server when the device was opened: the sound comes from elsewhere, and always will
        return None

    def _forget(self) -> None:
        if self._answer is not None:
            self._answer.close()
        self._question = self._answer = None

    def _order(self, *words: str) -> None:
        if self._pactl is None:
            return
        try:
            subprocess.run(  # noqa: S603 - words of ours, no shell
                [self._pactl, *words], check=True, capture_output=True, timeout=ORDER_S
            )
        except (OSError, subprocess.SubprocessError) as fault:
            logger.info("the sound server did not obey %s: %s", words[0], fault)
