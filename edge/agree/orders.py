"""What the dialogue wants done. What is to be on disk comes first in its list, and is one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from edge.agree.prompt import Prompt
from edge.records import Command, Draft, FieldValue, Reading, Verdict


class Earcon(StrEnum):
    """Sounds that say what became of the operator's words before any voice does."""

    HEARD = "heard"
    STORED = "stored"
    """On disk and owed to the inventory: another sound than `heard`."""
    QUESTION = "question"
    """Something is asked, and an answer waited for."""
    NOT_UNDERSTOOD = "not understood"
    REFUSED = "refused"
    """The inventory refused what was stored."""
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Note:
    """Put a verdict on record that makes no entry."""

    utterance_id: str
    reading: Reading
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Park:
    """Put an utterance under review: a person decides about it."""

    utterance_id: str
    why: str
    fields: Mapping[str, FieldValue] = field(default_factory=dict, repr=False)
    """What stands of it so far."""


@dataclass(frozen=True, slots=True)
class Commit:
    """Make the draft an entry: a new one, one that amends, or one that cancels, as `draft.act` says."""

    draft: Draft
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Drop:
    """Put on record that the operator took the draft back before it was an entry."""

    draft: Draft


@dataclass(frozen=True, slots=True)
class Say:
    """Speak a prompt. Its slots `entry` and `field` are `fields`, read back as the form says.

    In no language: whoever speaks it has the form's words, and the texts of the language that is spoken.
    """

    prompt: Prompt
    fields: Mapping[str, FieldValue] = field(default_factory=dict, repr=False)
    slots: Mapping[str, str] = field(default_factory=dict, repr=False)
    priority: bool = False
    """Cannot be talked over."""
    asked: str | None = None
    """The field that is asked for, where the prompt asks for one."""
    candidates: tuple[FieldValue, ...] = field(default=(), repr=False)
    """The values of that field that are offered."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Play an earcon at once."""

    earcon: Earcon


@dataclass(frozen=True, slots=True)
class Hush:
    """Stop speaking."""


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Tell `Deadline` in so many seconds from the end of what is being said; one timer only, this one."""

    seconds: float


@dataclass(frozen=True, slots=True)
class StopTimer:
    """Tell no deadline any more."""


@dataclass(frozen=True, slots=True)
class Adjust:
    """Change the device's voice: louder, softer, faster, slower."""

    what: Command


Durable = Note | Park | Commit | Drop
Order = Durable | Say | Sound | Hush | StartTimer | StopTimer | Adjust
