"""Listening ahead: a recogniser works on an utterance while the operator is still speaking.

The reading is always of the utterance's own sound, the one that is on disk; what was heard before is a head start. So
the recording, read again, gives the very reading that the operator's voice gave.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from edge.records import SAMPLE_BYTES, SAMPLE_RATE, Reading, Utterance, Word

PIECE = SAMPLE_RATE // 5 * SAMPLE_BYTES
"""Bytes given to a recogniser at a time: 200 ms, however the sound arrives, since recognisers adapt to a voice piece by
piece. Vosk cuts longer sound so itself; given pieces of 20 ms it had other confidences in 47 of 120 recordings."""


class Recogniser(Protocol):
    """Takes the sound of one utterance from its first sample on, and tells its words at the end."""

    def take(self, pcm: bytes) -> None:
        """Work on the next piece."""
        ...

    def words(self) -> tuple[Word, ...]:
        """All that was heard; no sound may follow."""
        ...


class ListeningAhead:
    """The attention of an on-device recogniser for one utterance.

    Sound goes to the recogniser as it comes, but for the last `held_back_ms`, which endpointing may yet cut off. Should
    the utterance turn out to be other sound than was taken, the recogniser begins anew.
    """

    def __init__(
        self, begin: Callable[[], Recogniser], propose: Callable[[tuple[Word, ...]], Reading], held_back_ms: int
    ) -> None:
        """`begin` makes a recogniser that has heard nothing, `propose` reads words. The first one is made at once."""
        self._begin = begin
        self._propose = propose
        self._held_back = held_back_ms * SAMPLE_RATE // 1000 * SAMPLE_BYTES
        self._recogniser = begin()
        self._heard = bytearray()
        self._taken = 0

    def hear(self, pcm: bytes) -> None:
        """Take the next piece of sound; the recogniser gets what is sure to belong to the utterance."""
        self._heard += pcm
        self._take(self._heard, len(self._heard) - self._held_back)

    async def finish(self, utterance: Utterance) -> Reading:
        """The reading of the utterance's sound, whether all, some or none of it was heard before."""
        return await asyncio.to_thread(self._read, utterance.segment.pcm)

    def _read(self, pcm: bytes) -> Reading:
        if self._heard[: self._taken] != pcm[: self._taken]:
            self._recogniser, self._taken = self._begin(), 0
        self._take(pcm, len(pcm))
        if rest := pcm[self._taken :]:
            self._recogniser.take(rest)
        return self._propose(self._recogniser.words())

    def _take(self, pcm: bytes | bytearray, until: int) -> None:
        while self._taken + PIECE <= until:
            self._recogniser.take(bytes(pcm[self._taken : self._taken + PIECE]))
            self._taken += PIECE
