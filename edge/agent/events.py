"""Events that dictation publishes to displays and counters."""

from __future__ import annotations

from dataclasses import dataclass

from dockvoice_protocol.records import Reading
from edge.keep.queries import KeptUtterance
from edge.records import Acoustics, OutboxRow, Segment, Utterance, Verdict


@dataclass(frozen=True, slots=True)
class UtteranceDecided:
    """An utterance was read and decided, and its verdict stored."""

    utterance: Utterance
    reading: Reading
    verdict: Verdict
    row: OutboxRow | None
    """The pending event, when the verdict is ACCEPT. Entries made in the dialogue are published with its steps."""
    compute_s: float  # Seconds from the closing of the utterance until the verdict was stored.
    replaces: str | None = None  # The event that the entry amends: a later breath corrected a part of it.
    sound: Acoustics | None = None  # Levels of live speech; None for recordings, typed text and scans.


@dataclass(frozen=True, slots=True)
class UtteranceAlreadyStored:
    """A recorded utterance is in the journal already, and is not stored again."""

    source: str
    segment: Segment
    kept: KeptUtterance


@dataclass(frozen=True, slots=True)
class SourceEnded:
    """A source has ended."""

    source: str
    samples: int  # Its length, at 16 kHz.
    wall_s: float  # Seconds to hear it and, for a recording, to conclude all its utterances.


@dataclass(frozen=True, slots=True)
class CaptureStopped:
    """Recording stopped, since the disk is full. Published again for each lost utterance."""

    reason: str


@dataclass(frozen=True, slots=True)
class CaptureResumed:
    """Recording was resumed, since there is disk space again."""


DictationEvent = UtteranceDecided | UtteranceAlreadyStored | SourceEnded | CaptureStopped | CaptureResumed
"""What dictation publishes to its subscriber, in order."""
