"""Sound that was cut out: why it was closed, and the identity it is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from edge.records.sound import SAMPLE_BYTES, SAMPLE_RATE


class Closing(StrEnum):
    """Why an utterance was closed."""

    PAUSE = "pause"
    """The operator fell silent for the hangover."""
    TOO_LONG = "too_long"
    """The hard maximum length was reached while speech went on."""
    BROKEN_OFF = "broken_off"
    """Sound was lost, or the microphone ended, while somebody spoke: the end, or the beginning, was not heard."""
    SOURCE_ENDED = "source_ended"
    """The recording ended, and with it what was said in it."""


class Expectation(StrEnum):
    """What to expect of an operator who pauses, judged by what was said so far."""

    FINISHED = "finished"
    """The form is complete, and what was said last can hardly go on."""
    EITHER = "either"
    """Nothing tells: the usual pause decides."""
    MORE = "more"
    """It ends in the middle of a number or a field."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of sound that endpointing cut out, before it has an identity. All positions are sample indices."""

    start: int
    """First sample of `pcm`, pre-roll included."""
    speech_start: int
    speech_end: int
    closed: int
    """Where in the sound the decision fell that the operator had finished."""
    closing: Closing
    pcm: bytes = field(repr=False)

    @property
    def seconds(self) -> float:
        """The length of the sound kept, in seconds."""
        return len(self.pcm) / SAMPLE_BYTES / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Utterance:
    """Endpointed sound with an identity that never changes, whatever is re-read or re-sent."""

    utterance_id: str
    """UUIDv7, minted when the segment closed."""
    form: str
    """Name of the form the operator was filling."""
    source: str
    """`microphone`, `keyboard`, or `sha256:<hex>` of the recording it was cut from."""
    heard_at: datetime
    """Wall time of the closing, UTC. Data, never used for waiting."""
    segment: Segment
    typed: str | None = field(default=None, repr=False)
    """What was typed in the place of speech; None for what was said."""
