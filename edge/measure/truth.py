"""`dockvoice record-truth`: a site records a set of its own, sentence by sentence, for `dockvoice evaluate` to hear.

Sentences are made from the form and the catalogue, and heard with the agent's own ear. `truth_set.py` keeps them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from random import Random

import numpy as np

from edge.config import Endpoint, Vad
from edge.forms.catalogue import Catalogue
from edge.forms.form import Form
from edge.forms.spoken import read, sentences
from edge.forms.spoken.sentences import Sentence
from edge.hear.ear import listen
from edge.hear.endpointing import Closed, Endpointing
from edge.hear.framing import floats
from edge.hear.vad import scorer
from edge.measure.noises import active_rms
from edge.ports import Source, StoppableSource
from edge.records import SAMPLE_RATE, Closing, FieldValue, Frame, Segment, Word

CHOICE = 40
"""Sentences to choose each prompt from: the one that says most of what was said least."""

BEFORE_S, AFTER_S = 1.0, 1.6
"""Sound kept around what was said: after it, more than the longest silence that endpointing waits for."""

MINUTE_S = 60
"""Noise is kept in clips of a minute."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A sentence to be said."""

    number: int
    text: str
    fields: Mapping[str, FieldValue]


def prompts(form: Form, catalogue: Catalogue, count: int, speaker: str) -> tuple[Prompt, ...]:
    """Whole entries, spread over values and their characters; the same for the same speaker, others for others."""
    random = Random(speaker)  # noqa: S311 - a choice of sentences
    endless = (sentence for sentence in sentences(form, catalogue, random) if sentence.complete)
    said: dict[str, int] = {}
    chosen = []
    for number in range(1, count + 1):
        freshest = sorted(islice(endless, CHOICE), key=lambda one: _staleness(one.fields, said))
        best = next((one for one in freshest if _is_plain(one, form, catalogue)), freshest[0])
        for piece in _pieces(best.fields):
            said[piece] = said.get(piece, 0) + 1
        chosen.append(Prompt(number, best.text, best.fields))
    return tuple(chosen)


def _is_plain(sentence: Sentence, form: Form, catalogue: Catalogue) -> bool:
    """Whether the words mean the fields and nothing else: a sentence with two meanings has no truth."""
    words = [Word(word, 0.0, 0.0, 1.0) for word in sentence.text.split()]
    return {name: one.value for name, one in read(words, form, catalogue).items()} == sentence.fields


def _pieces(fields: Mapping[str, FieldValue]) -> Iterator[str]:
    """What shall be spread: each value of few, the first and last characters of the others, their length."""
    for name, value in fields.items():
        text = str(value)
        yield f"{name} {text}"
        yield from (f"{name} ends {text[-1]}", f"{name} begins {text[0]}", f"{name} of {len(text)}")


def _staleness(fields: Mapping[str, FieldValue], said: Mapping[str, int]) -> float:
    pieces = list(_pieces(fields))
    return sum(said.get(piece, 0) for piece in pieces) / len(pieces)


@dataclass(frozen=True, slots=True)
class Take:
    """One saying of a prompt, with some quiet around it."""

    pcm: bytes
    speech_end_s: float
    """Where the last word ended, by voice activity: some 50 ms late."""
    level_db: float
    """Of the speech, below full scale."""
    spoilt: bool
    """Sound was lost while it was said, or it did not come to an end."""


class _Kept(Source):
    """A source whose frames are kept as they pass."""

    def __init__(self, source: Source, first: Callable[[], None]) -> None:
        self.name = source.name
        self.live = source.live
        self._source = source
        self._first = first
        self.kept: list[Frame] = []
        self.until: int | None = None
        """Where to end, once that is known: a sample index."""

    def frames(self) -> Iterator[Frame]:
        for frame in self._source.frames():
            if not self.kept:
                self._first()
            self.kept.append(frame)
            yield frame
            if self.until is not None and frame.end >= self.until:
                return


def take(microphone: StoppableSource, endpoint: Endpoint, vad: Vad, listening: Callable[[], None]) -> Take | None:
    """Listen until somebody has said something; None when the source ended before that.

    `listening` is called when the first sound comes: whoever speaks earlier is not heard.
    """
    kept = _Kept(microphone, listening)
    segment: Segment | None = None
    for event in listen(kept, scorer(vad), Endpointing(endpoint)):
        if segment is None and isinstance(event, Closed):
            segment = event.segment
            kept.until = segment.speech_end + round(AFTER_S * SAMPLE_RATE)
    microphone.close()
    return None if segment is None else _cut(kept.kept, segment)


def _cut(frames: Sequence[Frame], segment: Segment) -> Take:
    begin = segment.speech_start - round(BEFORE_S * SAMPLE_RATE)
    end = segment.speech_end + round(AFTER_S * SAMPLE_RATE)
    wanted = [frame for frame in frames if frame.start >= begin and frame.end <= end]
    gap = any(first.end != second.start for first, second in pairwise(wanted))
    pcm = b"".join(frame.pcm for frame in wanted)
    said = floats(segment.pcm).astype(np.float64)
    return Take(
        pcm=pcm,
        speech_end_s=round((segment.speech_end - wanted[0].start) / SAMPLE_RATE, 3),
        level_db=round(20 * float(np.log10(max(active_rms(said), 1e-6))), 1),
        spoilt=gap or segment.closing is not Closing.PAUSE,
    )


def noise(microphone: StoppableSource, seconds: float, heard: Callable[[float], None]) -> bytes:
    """What a place sounds like; `heard` is told the seconds so far, once a second."""
    pieces: list[bytes] = []
    samples = 0
    for frame in microphone.frames():
        pieces.append(frame.pcm)
        samples += frame.samples
        if samples % SAMPLE_RATE == 0:
            heard(samples / SAMPLE_RATE)
        if samples >= seconds * SAMPLE_RATE:
            break
    microphone.close()
    return b"".join(pieces)
