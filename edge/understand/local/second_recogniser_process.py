"""The second recogniser in a process of its own, which may crash or hang without affecting the agent.

`python -m edge.understand.local.second_recogniser_process [WEIGHTS]` reads utterances on standard input: two lengths of
four bytes, 16-bit sound, and a list of texts in JSON, which may be empty. It writes a line of JSON for each: the words
that Moonshine hears, or how well each text fits the sound, as Whisper has it with the weights in that directory; or the
fault of weights that cannot be loaded. It runs at a lower priority than the agent.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from dockvoice_protocol.errors import Misconfigured, Unavailable
from edge.audio.pcm import to_floats
from edge.understand.local import moonshine, whisper
from edge.understand.stt.hallucinations import detect_hallucination

_COMMAND = (sys.executable, "-m", __name__)

_NICE = 10  # Below the agent's own priority: hearing the next sentence comes before hearing the last one again.

_LENGTH = 4  # Bytes of each length before the sound.

_LATEST_S = 20.0
"""How long after it was cancelled a request may go unanswered: both models load in 3 s, on a busy machine in ten."""


class SecondRecogniserProcess:
    """Starts the process at the first request, and again after it ended."""

    def __init__(self, weights: Path | None = None, command: Sequence[str] = _COMMAND) -> None:
        """`weights`: Whisper's; None: it scores nothing."""
        self.scores = weights is not None  # Whether it may be asked how well texts fit.
        self._command = command if weights is None else (*command, str(weights))
        self._process: Process | None = None
        self._turn = asyncio.Lock()  # One sound at a time.
        self._late: tuple[asyncio.Task[bytes], float] | None = None
        """The exchange of a cancelled request, and until when its answer is waited for, on the loop's clock."""
        self.loop: asyncio.AbstractEventLoop | None = None

    def open(self) -> None:
        """Let letters be checked in the running loop."""
        self.loop = asyncio.get_running_loop()

    async def recognise(self, pcm: bytes) -> str:
        """The recognised words; empty for none. Raises Unavailable where it fails."""
        return str(await self._ask(pcm, (), "words"))

    async def score(self, pcm: bytes, texts: Sequence[str]) -> list[float]:
        """How well each text fits the sound, as the logarithm of a probability. Else as `recognise`."""
        return [float(one) for one in await self._ask(pcm, texts, "scores")]

    async def _ask(self, pcm: bytes, texts: Sequence[str], wanted: str) -> Any:
        """The wanted part of the answer. Cancelled, the answer that is under way is discarded before the next request.

        The process is not killed for that: loading the weights anew takes longer than any answer.
        """
        async with self._turn:
            await self._discard_late_answer()
            process = self._process or await self._ensure_started()
            told = _exchange(process, pcm, json.dumps([*texts]).encode())
            exchange = asyncio.create_task(told)  # noqa: TID251 - awaited here, or before the next request
            try:
                answer = json.loads(await asyncio.shield(exchange))
                if "fault" not in answer:
                    return answer[wanted]
            except asyncio.CancelledError:
                self._late = exchange, asyncio.get_running_loop().time() + _LATEST_S
                raise
            except (OSError, ValueError, LookupError, EOFError):
                await self.end()
                raise Unavailable(f"the witness ended before it answered (status {process.returncode})") from None
            raise Unavailable(answer["fault"])

    async def _discard_late_answer(self) -> None:
        """Wait for the answer to a cancelled request, which nobody needs; kill a process that gives none."""
        if self._late is None:
            return
        late, until = self._late
        try:
            async with asyncio.timeout_at(until):
                await asyncio.shield(late)
        except (TimeoutError, OSError, ValueError, EOFError):
            await self.end()
        self._late = None

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
        late, self._late = self._late, None
        if late is not None:
            late[0].cancel()
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _exchange(process: Process, pcm: bytes, texts: bytes) -> bytes:
    if process.stdin is None or process.stdout is None:
        raise EOFError
    process.stdin.write(len(pcm).to_bytes(_LENGTH) + len(texts).to_bytes(_LENGTH) + pcm + texts)
    await process.stdin.drain()
    if not (line := await process.stdout.readline()):
        raise EOFError
    return line


@cache
def _moonshine() -> Any:
    return moonshine.load_model()


def _answer(pcm: bytes, texts: Sequence[str], weights: Sequence[str]) -> dict[str, Any]:
    if texts:
        scores = whisper.load_decoder(Path(weights[0])).score(to_floats(pcm), moonshine.LANGUAGE, texts)
        return {"scores": scores}
    text = moonshine.transcribe(_moonshine(), pcm)
    return {"words": "" if detect_hallucination(text) else text}


def main() -> None:
    """Answer one request after the other, until the end of standard input. Each model is loaded at its first."""
    os.nice(_NICE)
    while length := sys.stdin.buffer.read(_LENGTH):
        of_texts = int.from_bytes(sys.stdin.buffer.read(_LENGTH))
        pcm = sys.stdin.buffer.read(int.from_bytes(length))
        texts = json.loads(sys.stdin.buffer.read(of_texts))
        try:
            answer = _answer(pcm, texts, sys.argv[1:])
        except Misconfigured as fault:
            answer = {"fault": str(fault)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
