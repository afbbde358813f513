"""What the rooms ask of the world outside, as Protocols. Adapters and the fakes of the tests implement them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from edge.records import Frame, Reading, Utterance


class Source(Protocol):
    """Where sound comes from: a microphone or a recording."""

    name: str
    """`microphone`, or `sha256:<hex>` of the recording's file."""
    live: bool
    """True where sound arrives in real time, and is lost if nobody takes it."""

    def frames(self) -> Iterator[Frame]:
        """Yield frames of 20 ms in order, numbered by sample index, until the source ends.

        Blocks on a live source. Raises Unavailable when the sound stops coming, UnreadableInput for a broken file.
        """
        ...


class StoppableSource(Source, Protocol):
    """A live source: it ends only when it is told to."""

    def close(self) -> None:
        """End `frames`, from whichever thread."""
        ...


class SpeechScorer(Protocol):
    """Voice activity detection: is this frame speech?"""

    def is_speech(self, frame: Frame) -> bool:
        """Score the next frame; frames must be given in order and without gaps."""
        ...

    def reset(self) -> None:
        """Forget all that was heard, before another source."""
        ...


class Attention(Protocol):
    """One utterance being read while it is still being spoken. Used once, by one thread at a time."""

    def hear(self, pcm: bytes) -> None:
        """Take the next piece of sound of the utterance, any length, pre-roll first."""
        ...

    async def finish(self, utterance: Utterance) -> Reading:
        """The reading, once the utterance is closed and its evidence is on disk.

        An interpreter that computes does so in a thread, so that the loop stays on time. Raises Unavailable when
        the interpreter cannot be had now.
        """
        ...


class Interpreter(Protocol):
    """What turns an utterance into a reading. Has no side effect: reading twice gives two equal proposals."""

    name: str
    """Goes on record with each reading: engine and model, for example `vosk/small-en-us`."""

    def attend(self) -> Attention:
        """Begin to listen to one utterance."""
        ...
