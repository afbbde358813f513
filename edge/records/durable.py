"""What one step of the dialogue puts on disk: the orders that the journal carries out in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge.records.entry import Draft, Verdict
from edge.records.reading import FieldValue, Reading


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
    fields: Mapping[str, FieldValue] = field(default_factory=dict, repr=False)  # What stands of it so far.


@dataclass(frozen=True, slots=True)
class Commit:
    """Make the draft an entry: a new one, one that amends, or one that cancels, as `draft.act` says."""

    draft: Draft
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Drop:
    """Put on record that the operator took the draft back before it was an entry."""

    draft: Draft


Durable = Note | Park | Commit | Drop
