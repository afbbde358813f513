"""Listening ahead: a recogniser works on an utterance while the operator is still speaking.

The reading is always of the utterance's own sound, the one that is on disk; what was heard before is a head start. So
the recording, read again, gives the very reading that the operator's voice gave.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from edge.records import SAMPLE_BYTES, SAMPLE_RATE, Expectation, Reading, Utterance

PIECE = SAMPLE_RATE // 5 * SAMPLE_BYTES
"""Bytes given to a recogniser at a time: 200 ms, however the sound arrives, since recognisers adapt to a voice piece by
piece. Vosk cuts longer sound so itself; given pieces of 20 ms it had other confidences in 47 of 120 recordings."""


class Recogniser(Protocol):
    """Takes the sound of one utterance from its first sample on, and reads it at the end."""

    def take(self, pcm: bytes) -> None:
        """Work on the next piece."""
        ...

    def reading(self) -> Reading:
        """What all that was heard proposes; no sound may follow."""
        ...


class ListeningAhead:
    """The attention of an on-device recogniser for one utterance.

    Sound goes to the recogniser as it comes. When the operator pauses, the reading is made as if that were the end; if
    speech goes on, it is thrown away and the recogniser begins anew.
    """

    def __init__(
        self,
        begin: Callable[[], Recogniser],
        judge: Callable[[Reading], Expectation],
    ) -> None:
        """`begin` makes a recogniser that has heard nothing, the first one at once; `judge` tells what may follow."""
        self._begin = begin
        self._judge = judge
        self._recogniser = begin()
        self._heard = bytearray()
        self._taken = 0
        self._foreseen: Reading | None = None

    def hear(self, pcm: bytes) -> None:
        """Take the next piece of sound."""
        if self._foreseen is not None:
            self._begin_anew()
        self._heard += pcm
        self._take(self._heard)

    def expect(self) -> Expectation:
        """Read what was heard as if it were all, and judge by it."""
        self._foreseen = self._read(bytes(self._heard))
        return self._judge(self._foreseen)

    async def finish(self, utterance: Utterance) -> Reading:
        """The reading of the utterance's sound, whether all, some or none of it was heard before."""
        pcm = utterance.segment.pcm
        if self._foreseen is not None and self._heard == pcm:
            return self._foreseen
        return await asyncio.to_thread(self._read, pcm)

    def _read(self, pcm: bytes) -> Reading:
        if self._foreseen is not None or self._heard[: self._taken] != pcm[: self._taken]:
            self._begin_anew()
        self._take(pcm)
        if rest := pcm[self._taken :]:
            self._recogniser.take(rest)
        return self._recogniser.reading()

    def _begin_anew(self) -> None:
        self._recogniser, self._taken, self._foreseen = self._begin(), 0, None

    def _take(self, pcm: bytes | bytearray) -> None:
        while self._taken + PIECE <= len(pcm):
            self._recogniser.take(bytes(pcm[self._taken : self._taken + PIECE]))
            self._taken += PIECE
