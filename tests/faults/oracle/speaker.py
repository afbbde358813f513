"""Speech that carries its number in the sound itself, and the interpreter that reads it there.

So an utterance that a crash left on the disk unread says the same to the process that finds it.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterable, Iterator

from dockvoice_protocol.records import Reading
from edge.ports import Interpreter, StoppableSource, UtteranceListener
from edge.records import Frame, Utterance
from tests.fakes import SILENCE, reading
from tests.faults.oracle.ledger import Ledger, fields

MARK = b"number:\x00"
NUMBERED = struct.Struct("<8sq")
SAMPLES = 320  # Per frame, 20 ms.

SPOKEN = 36  # Frames of speech: 720 ms. In less, nobody says the digits of an identifier, and it would be asked for.
PAUSE = 20  # Frames of silence: more than webrtcvad's own hangover and the hangover configured together.

MOST_OWED = 500
"""Events: while so many wait to be delivered, nobody says more. That is more than are ever on their way at once, and a
machine that is busy with something else still delivers them within a minute."""

LOOK_S = 0.1  # How often it is looked whether that has changed.

EAR = {
    "hear.vad.kind": "webrtc",
    "hear.endpoint.preroll_ms": 0,
    "hear.endpoint.onset_ms": 20,
    "hear.endpoint.hangover_ms": 100,
    "hear.endpoint.minimum_speech_ms": 20,
}
"""Settings of the ear that cut such speech into utterances quickly."""


def sound(number: int) -> bytes:
    """A frame that says `number`."""
    return NUMBERED.pack(MARK, number) * (SAMPLES * 2 // NUMBERED.size)


def number_in(pcm: bytes) -> int:
    """The number said in `pcm`."""
    _, number = NUMBERED.unpack_from(pcm, pcm.index(MARK))
    return int(number)


class NumberReader(Interpreter, UtteranceListener):
    """Reads what the utterance says, and remembers nothing of it: it can do so for days, and twice."""

    name = "scripted"

    def listen(self) -> UtteranceListener:
        return self

    def hear(self, pcm: bytes) -> None:
        pass

    async def finish(self, utterance: Utterance) -> Reading:
        return reading(fields(number_in(utterance.segment.pcm)))


class Speaker(StoppableSource):
    """A microphone in front of which somebody says one number after another, and enters each into the ledger."""

    name = "microphone"
    live = True

    def __init__(
        self, numbers: Iterable[int], pace_s: float, ledger: Ledger, begun: Callable[[], int], owed: Callable[[], int]
    ) -> None:
        """`pace_s` is the rest between two utterances.

        `begun` counts the utterances that the journal has begun, `owed` the events that are to be delivered.
        """
        self._numbers = numbers
        self._pace_s = pace_s
        self._ledger = ledger
        self._begun = begun
        self._owed = owed
        self._closed = threading.Event()
        self._start = 0

    def frames(self) -> Iterator[Frame]:
        for number in self._numbers:
            before = self._begun()
            self._ledger.handed_in(number)
            yield from self._say(number)
            # Asked for another frame: the ear is done with the utterance, and has it on the disk or was refused.
            if self._begun() > before:
                self._ledger.kept(number)
            if self._closed.wait(self._pace_s):
                return
            while self._owed() >= MOST_OWED:
                if self._closed.wait(LOOK_S):
                    return
                yield self._frame(SILENCE)

    def close(self) -> None:
        self._closed.set()

    def _say(self, number: int) -> Iterator[Frame]:
        for pcm in [sound(number)] * SPOKEN + [SILENCE] * PAUSE:
            yield self._frame(pcm)

    def _frame(self, pcm: bytes) -> Frame:
        frame = Frame(self._start, pcm)
        self._start += SAMPLES
        return frame
