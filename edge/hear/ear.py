"""The ear: from a source to utterances."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from edge.errors import DockvoiceError
from edge.hear.endpointing import EarEvent, Endpointing
from edge.hear.gate import Gate, Shut
from edge.ports import Source, SpeechScorer
from edge.records import Closing, Frame


def listen(
    source: Source, scorer: SpeechScorer, endpointing: Endpointing, gate: Gate | None = None
) -> Iterator[EarEvent]:
    """Yield what is heard until the source ends. Blocks as the source does; runs in one thread.

    Where frames are missing (a microphone dropped them), and where a live source ends, what is open closes as broken
    off, and so does what is said on right behind a loss: nothing may be made of it without asking. What the source
    raises comes after the closing of what was open. Where the gate shuts, what is open closes at once: as finished,
    unless it shut in the middle of speech.
    """
    ended = Closing.BROKEN_OFF if source.live else Closing.SOURCE_ENDED
    scorer.reset()
    following, speech = 0, False
    try:
        for frame in _let_through(source.frames(), gate):
            if isinstance(frame, Shut):
                yield from endpointing.end(Closing.BROKEN_OFF if speech else Closing.PAUSE)
                continue
            if frame.start != following:
                scorer.reset()
                yield from endpointing.lose()
            following, speech = frame.end, scorer.is_speech(frame)
            yield from endpointing.take(frame, speech)
    except DockvoiceError:
        yield from endpointing.end(Closing.BROKEN_OFF)
        raise
    yield from endpointing.end(ended)


def _let_through(frames: Iterable[Frame], gate: Gate | None) -> Iterator[Frame | Shut]:
    for frame in frames:
        yield from (frame,) if gate is None else gate.take(frame)
