"""What the rooms ask of the world outside, as Protocols. Adapters and the fakes of the tests implement them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Protocol

from dockvoice_protocol.records import Reading, Transcript, TurnExpectation
from edge.records import Frame, Utterance


class Source(Protocol):
    """Where sound comes from: a microphone or a recording."""

    name: str  # `microphone`, or `sha256:<hex>` of the recording's file.
    live: bool  # True where sound arrives in real time, and is lost if nobody takes it.

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
        """Forget all sound so far, before another source."""
        ...


class UtteranceListener(Protocol):
    """One utterance being read while it is still being spoken. Used once, by one thread at a time."""

    def hear(self, pcm: bytes) -> None:
        """Take the next piece of sound of the utterance, any length, pre-roll first."""
        ...

    def judge_pause(self) -> TurnExpectation:
        """Read the sound so far as if it were all, now that the operator pauses, and judge whether more follows.

        May take as long as a reading does. If nothing follows, `finish` has its reading at once. An interpreter that
        takes utterances only as a whole has nothing to tell.
        """
        return TurnExpectation.EITHER

    async def finish(self, utterance: Utterance) -> Reading:
        """The reading, once the utterance is closed and its evidence is on disk.

        An interpreter that computes does so in a thread, so that the loop stays on time. Raises Unavailable when
        the interpreter cannot be had now.
        """
        ...


class WholeUtteranceListener(UtteranceListener):
    """Listener that reads an utterance only as a whole: nothing is done ahead."""

    def __init__(self, read: Callable[[Utterance], Awaitable[Reading]]) -> None:
        self._read = read

    def hear(self, pcm: bytes) -> None:
        """Nothing yet."""

    async def finish(self, utterance: Utterance) -> Reading:
        """The reading, as `read` makes it."""
        return await self._read(utterance)


class Interpreter(Protocol):
    """What turns an utterance into a reading. Has no side effect: reading twice gives two equal proposals."""

    name: str  # Goes on record with each reading: engine and model, for example `vosk/small-en-us`.

    def listen(self) -> UtteranceListener:
        """Begin to listen to one utterance."""
        ...


class Transcriber(Protocol):
    """What turns an utterance into text, and leaves the meaning to others."""

    name: str  # Goes on record with each transcript: client and model.

    async def transcribe(self, utterance: Utterance, within_s: float) -> Transcript:
        """The words of the utterance. Raises Unavailable when there is no answer within `within_s` seconds."""
        ...


class Voice(Protocol):
    """What speaks to the operator."""

    name: str  # Service and voice, for logs and for the operator of the site.

    def say(self, text: str, language: str, within_s: float) -> AsyncIterator[bytes]:
        """The text as sound, piece by piece, so that the first is heard early: each of whole samples, in order.

        `language` is a tag such as "en" or "de-AT". Raises Unavailable when the first sound is not there within
        `within_s` seconds, or when the sound breaks off.
        """
        ...
