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
    unless it shut in the middle of speech, and what is said on soon behind it is broken off.
    """
    ended = Closing.BROKEN_OFF if source.live else Closing.SOURCE_ENDED
    scorer.reset()
    following, shut = 0, True
    try:
        for frame in _let_through(source.frames(), gate):
            if isinstance(frame, Shut):
                shut = True
                yield from endpointing.shut()
                continue
            if frame.start != following:
                scorer.reset()
                # What was not to be heard is not missing.
                yield from () if shut else endpointing.lose(frame.start - following)
            shut = False
            following = frame.end
            yield from endpointing.take(frame, scorer.is_speech(frame))
    except DockvoiceError:
        yield from endpointing.end(Closing.BROKEN_OFF)
        raise
    yield from endpointing.end(ended)


def _let_through(frames: Iterable[Frame], gate: Gate | None) -> Iterator[Frame | Shut]:
    for frame in frames:
        yield from (frame,) if gate is None else gate.take(frame)
