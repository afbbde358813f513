"""Picture of a running agent: all there is to see at one moment, without a place on any screen yet."""

from __future__ import annotations

from dataclasses import dataclass

from edge.cli.present.meter import NO_SOUND, Loudness
from edge.cli.present.wording import Meaning, Worded


@dataclass(frozen=True, slots=True)
class Badge:
    """Where the dialogue stands, or the device where there is none."""

    name: str
    detail: str = ""
    meaning: Meaning = Meaning.PLAIN


@dataclass(frozen=True, slots=True)
class HeardLast:
    """What was heard last, and what became of it."""

    words: tuple[tuple[str, bool], ...]  # Each with whether it was heard surely.
    typed: bool
    result: Worded


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field of the entry at hand."""

    name: str
    value: str | None = None
    words: str = ""  # What was heard for it.
    doubt: str | None = None  # Why it does not stand, in words.


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One entry, and how far it has come."""

    number: int
    what: str
    state: Worded


@dataclass(frozen=True, slots=True)
class Picture:
    """What is to be seen."""

    who: tuple[str, ...] = ()  # The device and its site, the form, the operator.
    broker: str = ""  # Its address.
    up: bool | None = None  # Whether the broker can be reached; None before it was tried.
    microphone: str = ""  # When it is heard, and its name.
    sound: Loudness = NO_SOUND
    hears: bool = True  # Whether what comes may be heard: neither muted, nor the talk key up.
    badge: Badge = Badge("waiting")
    said: str | None = None  # What the device said last.
    heard: HeardLast | None = None
    entry: tuple[FieldRow, ...] = ()
    counts: tuple[Worded, ...] = ()  # What the journal holds.
    queue: tuple[QueueRow, ...] = ()  # Newest first.
    faults: tuple[str, ...] = ()  # What is wrong now, and what to do about it.
    log: tuple[str, ...] = ()  # Oldest first.
    typing: str | None = None  # The line that is being typed; None while there is none.
    keys: tuple[tuple[str, str], ...] = ()  # Keys, each with what it does.
