"""Clauses as sound: made by a voice, trimmed to the word, brought to one loudness, and remembered.

A voice that is asked over a network may be late or gone; another one, on this device, then speaks in its place.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable

import numpy as np

from edge.agree.earcons import Samples
from edge.errors import DockvoiceError, Unavailable
from edge.ports import Voice
from edge.records import SAMPLE_BYTES, SAMPLE_RATE

logger = logging.getLogger(__name__)

REMEMBERED_BYTES = 16_000_000
"""Eight minutes of sound: every label, question and prompt in use, and the numbers and docks of a shift."""

WITHIN_S = 3.0
"""A voice that has not spoken by then is late for any conversation."""

LOUDNESS_DB = -20.0
"""Root mean square of the words, dB below full scale: speech as it is usually recorded, for voices of any vendor."""

PEAK_DB = -3.0
"""No sample is louder, whatever that does to the loudness."""

SILENCE_DB = -50.0
"""What lies below this, relative to the loudest sample, before the first word and after the last, is trimmed."""

KEPT = SAMPLE_RATE * 5 // 1000
"""Left before and behind the words, faded: 5 ms."""

BREATHS_MS = {",": 120, ":": 120, ";": 150, ".": 220, "?": 220, "!": 220}
"""The silence after a clause, by the mark it ends with; next to none where the sentence goes on."""
NO_BREATH_MS = 30

PaceOf = Callable[[float], Voice]
"""A voice that speaks so many times as fast as usual. One that has a single pace gives itself."""


class Phrases:
    """Sound of clauses in one language."""

    def __init__(
        self, voice: PaceOf, language: str, stand_in: PaceOf | None = None, most_bytes: int = REMEMBERED_BYTES
    ) -> None:
        """`stand_in` speaks where `voice` cannot, until that can again."""
        self._voice = voice
        self._stand_in = stand_in
        self._language = language
        self._most_bytes = most_bytes
        self._bytes = 0
        self._remembered: OrderedDict[tuple[str, float], Samples] = OrderedDict()
        self._silent: str | None = None

    def ready(self, clause: str, pace: float) -> Samples | None:
        """The sound of a clause, if it is remembered."""
        sound = self._remembered.get((clause, pace))
        if sound is not None:
            self._remembered.move_to_end((clause, pace))
        return sound

    async def sound(self, clause: str, pace: float) -> Samples:
        """The sound of a clause. Raises Unavailable, or Misconfigured, where no voice can speak."""
        if (ready := self.ready(clause, pace)) is not None:
            return ready
        try:
            said = await self._said(self._voice(pace), clause)
        except Unavailable as fault:
            if self._stand_in is None:
                raise
            self._tell(str(fault))
            return shaped(await self._said(self._stand_in(pace), clause), clause)  # not kept: the voice may come back
        self._silent = None
        return self._remember((clause, pace), shaped(said, clause))

    async def prepare(self, clauses: Iterable[str], pace: float) -> None:
        """Make clauses ready before they are wanted. A voice that cannot speak now is tried again when they are."""
        for clause in clauses:
            try:
                await self.sound(clause, pace)
            except DockvoiceError as fault:
                self._tell(str(fault))
                return

    async def _said(self, voice: Voice, clause: str) -> bytes:
        return b"".join([piece async for piece in voice.say(clause, self._language, WITHIN_S)])

    def _tell(self, fault: str) -> None:
        """Once until it speaks again."""
        if self._silent is None:
            logger.warning("speak: %s", fault)
        self._silent = fault

    def _remember(self, key: tuple[str, float], sound: Samples) -> Samples:
        self._remembered[key] = sound
        self._bytes += sound.nbytes
        while self._bytes > self._most_bytes and len(self._remembered) > 1:
            _, oldest = self._remembered.popitem(last=False)
            self._bytes -= oldest.nbytes
        return sound


def shaped(pcm: bytes, clause: str) -> Samples:
    """Sound of a voice as it is played: the words alone, at our loudness, and the breath that the clause ends with."""
    samples = np.frombuffer(pcm[: len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES], dtype="<i2").astype(np.float64)
    loudest = np.abs(samples).max(initial=0)
    if loudest == 0:
        return np.zeros(0, dtype=np.int16)
    heard = np.flatnonzero(np.abs(samples) > loudest * 10 ** (SILENCE_DB / 20))
    words = samples[max(heard[0] - KEPT, 0) : heard[-1] + 1 + KEPT]
    full = np.iinfo(np.int16).max
    wanted = 10 ** (LOUDNESS_DB / 20) * full / np.sqrt(np.mean(words**2))
    words = words * min(wanted, 10 ** (PEAK_DB / 20) * full / loudest)
    edge = min(KEPT, len(words) // 2)
    words[:edge] *= np.linspace(0, 1, edge)
    words[len(words) - edge :] *= np.linspace(1, 0, edge)
    breath = np.zeros(SAMPLE_RATE * BREATHS_MS.get(clause[-1:], NO_BREATH_MS) // 1000)
    sound: Samples = np.rint(np.concatenate([words, breath])).astype(np.int16)
    return sound
