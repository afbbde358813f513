"""Events of dictation, for whoever displays or counts them."""

from __future__ import annotations

from dataclasses import dataclass

from dockvoice_protocol.records import Reading
from edge.keep.queries import KeptUtterance
from edge.records import Acoustics, OutboxRow, Segment, Utterance, Verdict


@dataclass(frozen=True, slots=True)
class Decided:
    """An utterance was read, decided and put on record."""

    utterance: Utterance
    reading: Reading
    verdict: Verdict
    row: OutboxRow | None
    """The event owed to the inventory, when the verdict is ACCEPT. What comes of a conversation is told apart."""
    compute_s: float  # Seconds from the closing of the utterance until the record was on disk.
    replaces: str | None = None
    """The event that the entry takes the place of: what was said behind it took a part of it back."""
    sound: Acoustics | None = None  # How well it could be heard; None for what was not said just now.


@dataclass(frozen=True, slots=True)
class AlreadyKept:
    """A recording was played again: this stretch of it is on record and was not recorded a second time."""

    source: str
    segment: Segment
    kept: KeptUtterance


@dataclass(frozen=True, slots=True)
class SourceEnded:
    """A source was heard to its end."""

    source: str
    samples: int  # How much sound it gave, at 16 kHz.
    wall_s: float  # Seconds it took to hear it and to conclude, for a recording, all that was heard in it.


@dataclass(frozen=True, slots=True)
class CaptureStopped:
    """The disk is full: nothing that is said is recorded now. Told again for each utterance that was said in vain."""

    reason: str


@dataclass(frozen=True, slots=True)
class CaptureResumed:
    """There is room again: what is said from now on is recorded."""


DictationEvent = Decided | AlreadyKept | SourceEnded | CaptureStopped | CaptureResumed
"""What dictation tells whoever watches it, in the order in which it happened."""
