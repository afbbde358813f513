"""The witness in a process of its own, which may crash or hang without affecting the agent.

`python -m edge.understand.local.witness_process` reads utterances on standard input, each its length in four bytes and
16-bit sound, and writes a line of JSON with the words of each. It runs at a lower priority than the agent, and the
agent kills it when its words are no longer needed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress

from dockvoice_protocol.errors import Unavailable
from edge.understand.local.moonshine import load_model, transcribe
from edge.understand.stt.hallucinations import detect_hallucination

_COMMAND = (sys.executable, "-m", __name__)

_NICE = 10
"""Below the agent's own priority: hearing the next sentence comes before hearing the last one again."""

_LENGTH = 4  # Bytes of the length before the sound.


class WitnessProcess:
    """Starts the process at the first request, and again after it ended."""

    def __init__(self, command: Sequence[str] = _COMMAND) -> None:
        self._command = command
        self._process: Process | None = None
        self._turn = asyncio.Lock()  # One sound at a time.
        self.loop: asyncio.AbstractEventLoop | None = None

    def open(self) -> None:
        """Let letters be checked in the running loop."""
        self.loop = asyncio.get_running_loop()

    async def recognise(self, pcm: bytes) -> str:
        """The recognised words; empty for none. Cancelling kills the process. Raises Unavailable where it fails."""
        async with self._turn:
            process = self._process or await self._ensure_started()
            try:
                return str(json.loads(await _exchange(process, pcm))["words"])
            except BaseException as fault:
                await self.end()  # an answer to this may still be under way, and would be taken for one to the next
                if isinstance(fault, OSError | ValueError | LookupError | EOFError):
                    raise Unavailable(f"the witness ended before it answered (status {process.returncode})") from None
                raise

    @property
    def pid(self) -> int | None:
        """The process id; None where none runs."""
        return None if self._process is None else self._process.pid

    async def _ensure_started(self) -> Process:
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL
            )
        except OSError as fault:
            raise Unavailable(f"the witness could not be started ({fault.strerror})") from None
        return self._process

    async def end(self) -> None:
        """Kill the process, if one runs."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _exchange(process: Process, pcm: bytes) -> bytes:
    if process.stdin is None or process.stdout is None:
        raise EOFError
    process.stdin.write(len(pcm).to_bytes(_LENGTH) + pcm)
    await process.stdin.drain()
    if not (line := await process.stdout.readline()):
        raise EOFError
    return line


def main() -> None:
    """Recognise utterances one after the other, until the end of standard input."""
    os.nice(_NICE)
    model = load_model()
    while length := sys.stdin.buffer.read(_LENGTH):
        text = transcribe(model, sys.stdin.buffer.read(int.from_bytes(length)))
        sys.stdout.write(json.dumps({"words": "" if detect_hallucination(text) else text}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
