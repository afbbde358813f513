"""All that is kept about one utterance: what was heard, what was meant, what became of it, who decided what."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edge.keep.rows import OutboxState, Row
from edge.records import FieldValue

SELECT = """
    SELECT u.utterance_id, u.form, u.heard_at, u.outcome, u.review, u.flag, u.audio_path, u.audio_sha256,
        u.audio_removed_at,
        coalesce(e.fields, u.fields) AS fields, e.event_id, e.sequence, e.operator, e.recorded_at,
        o.state, o.attempts, o.settled_at, o.reason, o.receipt, o.body
    FROM utterances u LEFT JOIN entries e USING (utterance_id) LEFT JOIN outbox o USING (event_id)
"""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided."""

    decision: str
    """`retry`, `discard`, `stand` or `accept`."""
    who: str
    reason: str | None
    """In his words; of a `retry` why it was under review, where it was."""
    decided_at: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What a model answered."""

    interpreter: str
    came: str
    """`in time`, `late` (after the verdict) or `deferred` (to an utterance that was kept for later)."""
    answered_at: str
    reading: Mapping[str, Any] | None = field(repr=False)
    """None where the verdict's own reading has it, or where it was none."""
    request_id: str | None
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class Dossier:
    """One utterance and, where it was accepted, its entry and event. Times are ISO 8601 in UTC."""

    utterance_id: str
    form: str
    heard_at: str
    outcome: str | None
    review: str | None
    """Why a person must look at it before anything is made of it."""
    flag: str | None
    """Why a person should look at its entry, which stands."""
    fields: Mapping[str, FieldValue] = field(repr=False)
    audio_path: str
    """Relative to the state directory."""
    audio_sha256: str
    audio_removed_at: str | None
    event_id: str | None
    sequence: int | None
    operator: str | None
    recorded_at: str | None
    state: OutboxState | None
    attempts: int | None
    settled_at: str | None
    reason: str | None
    """Why its event is a dead letter."""
    receipt: Mapping[str, Any] | None
    event: Mapping[str, Any] | None = field(repr=False)
    """As it was made, also where its tombstone was published."""
    decisions: tuple[Decision, ...]
    answers: tuple[Answered, ...]
    """Of models, in the order in which they came."""


def dossier(row: Row, decisions: Iterable[Row], answers: Iterable[Row]) -> Dossier:
    """From a row of `SELECT`, and the rows of `decisions` and `answers` on it."""
    row = dict(row)
    receipt, body = row.pop("receipt"), row.pop("body")
    return Dossier(
        **{
            **row,
            "fields": json.loads(row["fields"] or "{}"),
            "state": None if row["state"] is None else OutboxState(row["state"]),
        },
        receipt=None if receipt is None else json.loads(receipt),
        event=None if body is None else json.loads(body),
        decisions=tuple(Decision(**decision) for decision in decisions),
        answers=tuple(map(_answered, answers)),
    )


def _answered(row: Row) -> Answered:
    return Answered(**{**row, "reading": None if row["reading"] is None else json.loads(row["reading"])})
