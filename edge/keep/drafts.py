"""How a draft is written into the journal, and how it and the last entry are found again after a restart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edge.keep.rows import Row, reading_json, to_json
from edge.records import (
    Act,
    Command,
    Draft,
    Entry,
    FieldReading,
    FieldValue,
    LastEntry,
    NotUnderstood,
    Reading,
    Recording,
    Verdict,
    Word,
)


@dataclass(frozen=True, slots=True)
class Noted:
    """A verdict that makes no entry."""

    utterance_id: str
    reading: Reading
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Parked:
    """An utterance that a person must decide about."""

    utterance_id: str
    why: str
    fields: Mapping[str, FieldValue] = field(repr=False)
    """What stands of it so far."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """An entry that is to be committed, and the verdict on it."""

    entry: Entry
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Turn:
    """What one step of the dialogue puts on disk: all of it in one transaction, or none."""

    noted: tuple[Noted, ...] = ()
    parked: tuple[Parked, ...] = ()
    agreed: Agreed | None = None
    draft: Draft | None = None
    """What is being agreed after the step."""
    operator: str | None = None
    """Who is signed on after it."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Where the conversation stood when the journal was last written."""

    draft: Draft | None
    operator: str | None


_ABSENT = "state IN ('refused', 'dead', 'discarded')"
"""Of an event: the inventory does not have it, and waits for it no more."""

LAST = f"""
    SELECT e.*, {_ABSENT} AS absent, u.reading
    FROM entries e JOIN outbox USING (event_id) JOIN utterances u USING (utterance_id)
    WHERE NOT (act = 'cancel' AND {_ABSENT}) ORDER BY e.sequence DESC LIMIT 1
"""  # noqa: S608 - the list is our own
"""The newest entry, as `last_entry` takes it: a cancellation that was refused leaves the one before it."""

TURNED_DOWN = f"""
    WITH RECURSIVE line (event_id, replaces) AS (
        SELECT event_id, replaces FROM entries WHERE event_id = ?
        UNION ALL SELECT e.event_id, e.replaces FROM entries e JOIN line ON e.event_id = line.replaces
    )
    SELECT event_id, replaces FROM line JOIN outbox USING (event_id) WHERE {_ABSENT}
"""  # noqa: S608 - the list is our own
"""Of an event and those it replaces one after the other, those that the inventory does not have."""

TAKEN = f"SELECT event_id FROM outbox JOIN json_each(?) ON event_id = value WHERE NOT {_ABSENT}"  # noqa: S608 - as above
"""Of these events, those that the inventory has, or is still to answer."""


def draft_json(draft: Draft | None) -> str | None:
    """A draft as it is stored."""
    if draft is None:
        return None
    reading = json.loads(reading_json(draft.reading))
    return to_json({**{name: getattr(draft, name) for name in _PLAIN}, "reading": reading})


def draft_of(stored: str | None) -> Draft | None:
    """A draft as it was stored."""
    if stored is None:
        return None
    row = json.loads(stored)
    lists = {name: tuple(row[name]) for name in ("support", "agreed", "proved")}
    return Draft(**{**row, **lists, "act": Act(row["act"]), "reading": reading_of(row["reading"])})


def last_entry(row: Row) -> LastEntry | None:
    """From a row of `LAST`; None for a cancellation: what stood before it is not told."""
    act = Act(row["act"])
    if act is Act.CANCEL or row["reading"] is None:
        return None
    draft = Draft(
        row["utterance_id"], row["form"], reading_of(json.loads(row["reading"])), row["operator"], act, row["replaces"]
    )
    return LastEntry(row["event_id"], draft, json.loads(row["fields"]), bool(row["absent"]))


def reading_of(row: Row) -> Reading:
    """A reading as it was stored, without its usage and its opinions."""
    return Reading(
        interpreter=row["interpreter"],
        form=row["form"],
        words=tuple(Word(**word) for word in row["words"]),
        fields={name: _field_of(field) for name, field in row["fields"].items()},
        not_understood=None if row["not_understood"] is None else NotUnderstood(row["not_understood"]),
        act=Act(row.get("act", Act.RECORD)),
        command=None if row.get("command") is None else Command(row["command"]),
    )


def recordings_json(support: tuple[Recording, ...]) -> str:
    """The ids of the utterances that support an entry."""
    return to_json([recording.utterance_id for recording in support])


def _field_of(row: dict[str, Any]) -> FieldReading:
    return FieldReading(**{**row, "words": tuple(row["words"]), "rivals": tuple(row["rivals"])})


_PLAIN = ("utterance_id", "form", "operator", "act", "replaces", "support", "agreed", "proved")
