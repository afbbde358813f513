"""The ear: from a source to utterances."""

from __future__ import annotations

from collections.abc import Iterator

from edge.errors import DockvoiceError
from edge.hear.endpointing import EarEvent, Endpointing
from edge.ports import Source, SpeechScorer
from edge.records import Closing


def listen(source: Source, scorer: SpeechScorer, endpointing: Endpointing) -> Iterator[EarEvent]:
    """Yield what is heard until the source ends. Blocks as the source does; runs in one thread.

    Where frames are missing (a microphone dropped them), and where a live source ends, what is open closes as broken
    off: nothing may be made of it without asking. What the source raises comes after the closing of what was open.
    """
    ended = Closing.BROKEN_OFF if source.live else Closing.SOURCE_ENDED
    scorer.reset()
    following = 0
    try:
        for frame in source.frames():
            if frame.start != following:
                scorer.reset()
                yield from endpointing.end(Closing.BROKEN_OFF)
            following = frame.end
            yield from endpointing.take(frame, scorer.is_speech(frame))
    except DockvoiceError:
        yield from endpointing.end(Closing.BROKEN_OFF)
        raise
    yield from endpointing.end(ended)
