"""All there is to see at one moment. Nothing here has a place on a screen yet: `drawing` gives it one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edge.view.meter import Sounding


class Tone(StrEnum):
    """What something means to whoever watches."""

    PLAIN = "plain"
    GOOD = "good"
    OPEN = "open"
    """Not settled: something is asked, held or on its way."""
    BAD = "bad"
    QUIET = "quiet"
    """Nothing to attend to."""


@dataclass(frozen=True, slots=True)
class Told:
    """Some words, and what they mean."""

    words: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Header:
    """Who this is."""

    device: str
    site: str
    form: str
    operator: str | None
    broker: str
    """Its address."""
    up: bool | None
    """Whether the broker can be reached; None before it was tried."""


@dataclass(frozen=True, slots=True)
class Microphone:
    """What is listened to."""

    name: str
    mode: str
    """When it is heard, in words."""
    sound: Sounding
    hears: bool
    """Whether what comes may be heard: neither muted, nor the talk key up."""


@dataclass(frozen=True, slots=True)
class State:
    """Where the dialogue stands, or the device where there is none."""

    name: str
    detail: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word as it was heard."""

    text: str
    doubtful: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard last, and what became of it."""

    words: tuple[HeardWord, ...]
    typed: bool
    result: Told


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field of the entry at hand."""

    name: str
    value: str | None = None
    words: str = ""
    """What was heard for it."""
    doubt: str | None = None
    """Why it does not stand, in words."""


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One entry, and how far it has come."""

    number: int
    what: str
    state: Told


@dataclass(frozen=True, slots=True)
class Queue:
    """What the journal holds."""

    counts: tuple[Told, ...] = ()
    rows: tuple[QueueRow, ...] = ()
    """Newest first."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key, and what it does."""

    key: str
    does: str


@dataclass(frozen=True, slots=True)
class Picture:
    """What is to be seen."""

    header: Header
    microphone: Microphone
    state: State
    said: str | None
    """What the device said last."""
    heard: Heard | None
    entry: tuple[FieldRow, ...]
    queue: Queue
    faults: tuple[str, ...]
    """What is wrong now, and what to do about it."""
    log: tuple[str, ...]
    """Lines of the log, oldest first."""
    typing: str | None
    """The line that is being typed; None while there is none."""
    keys: tuple[Key, ...]
