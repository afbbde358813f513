"""An entry: what the operator meant, agreed, from its draft to the one that was committed last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from edge.records.reading import Act, FieldValue, Reading


@dataclass(frozen=True, slots=True)
class Draft:
    """What is being agreed with the operator: no entry yet. It is on disk, so that a power cut finds it again."""

    utterance_id: str
    """The utterance that began it."""
    form: str
    reading: Reading
    """All that was said for it so far."""
    operator: str | None = None
    act: Act = Act.RECORD
    """RECORD, or AMEND or CANCEL of the entry that the event `replaces` names."""
    replaces: str | None = None
    support: tuple[str, ...] = ()
    """The further utterances it rests on, in order: answers and corrections."""
    agreed: tuple[str, ...] = field(default=(), repr=False)
    """What the operator said yes to, as `field=value`."""
    proved: tuple[str, ...] = field(default=(), repr=False)
    """The places whose check digits were said, in the same way."""


@dataclass(frozen=True, slots=True)
class Recording:
    """The sound of an utterance, as events name it."""

    utterance_id: str
    audio_sha256: str
    audio_seconds: float


@dataclass(frozen=True, slots=True)
class Entry:
    """What the operator meant, agreed: the one thing that may become a row in the inventory."""

    utterance_id: str
    form: str
    fields: Mapping[str, FieldValue] = field(repr=False)
    operator: str | None
    recorded_at: datetime
    reading: Reading
    audio_sha256: str
    audio_seconds: float
    act: Act = Act.RECORD
    """RECORD; or AMEND or CANCEL of the entry that the event `replaces` names. A cancellation has no fields."""
    replaces: str | None = None
    support: tuple[Recording, ...] = ()
    """The further utterances it rests on, in order."""


@dataclass(frozen=True, slots=True)
class LastEntry:
    """The entry that was committed last: what "cancel" and "correction" are about when nothing is open."""

    event_id: str
    draft: Draft
    """What it was made from."""
    fields: Mapping[str, FieldValue] = field(repr=False)
    refused: bool = False
    """The inventory does not have it: there is nothing that could be amended or cancelled."""
