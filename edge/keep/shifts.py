"""Shifts as the journal keeps them: who signed on and off, which breaks were taken, and what a shift came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from dockvoice_protocol.records import Act, ShiftChange, Shifted
from edge.keep.codec import now
from edge.keep.database import JournalDatabase, Row
from edge.keep.outbox import HELD, OutboxState

_COMMITTED = """
    SELECT e.event_id, e.form, e.act, e.replaces, e.operator, o.state FROM entries e JOIN outbox o USING (event_id)
    WHERE e.sequence > ? ORDER BY e.sequence
"""
_ASIDE = """
    SELECT count(*) AS n FROM utterances
    WHERE review IS NOT NULL AND heard_at >= ? AND json_extract(draft, '$.operator') = ?
"""


@dataclass(frozen=True, slots=True)
class _Totals:
    """What a shift came to, as far as it is known now."""

    recorded: Mapping[str, int] = field(default_factory=dict)  # Entries that stand, by form.
    aside: int = 0  # Utterances that wait for a person.
    turned_down: int = 0  # Entries that the inventory has not taken, and nobody has decided about.


@dataclass(frozen=True, slots=True)
class WorkSpan:
    """A shift, or a break within one."""

    operator: str
    kind: str  # shift or break
    reason: str | None  # Of the break, or why the shift ended.
    began: str  # ISO 8601 in UTC.
    ended: str | None  # None: it goes on.


class Shifts:
    """The shifts of one journal."""

    def __init__(self, db: JournalDatabase) -> None:
        self._db = db

    def note(self, step: Shifted) -> None:
        """Keep that somebody signed on or off, went or came back, inside of the transaction of the step it is of."""
        self._db.execute(
            "INSERT INTO shifts (at, operator, change, reason, entries) "
            "VALUES (?, ?, ?, ?, (SELECT coalesce(max(sequence), 0) FROM entries))",
            [now(), step.operator, step.change, step.reason],
        )

    def on_break(self, operator: str) -> str | None:
        """Why the operator is away; None where he is not."""
        for row in self._db.rows("SELECT * FROM shifts WHERE operator = ? ORDER BY id DESC LIMIT 1", operator):
            return row["reason"] if row["change"] == ShiftChange.BREAK else None
        return None

    def totals(self, operator: str) -> _Totals | None:
        """What his last shift came to; None where nothing is kept of it."""
        wanted = "SELECT at, entries FROM shifts WHERE operator = ? AND change = 'on' ORDER BY id DESC LIMIT 1"
        for began in self._db.rows(wanted, operator):
            since = self._db.rows(_COMMITTED, began["entries"])
            aside = self._db.rows(_ASIDE, began["at"], operator)[0]["n"]
            turned_down = sum(row["state"] in HELD and row["operator"] == operator for row in since)
            return _Totals(_standing(since, operator), aside, turned_down)
        return None

    def spans(self, limit: int) -> list[WorkSpan]:
        """The last shifts and breaks, the newest first."""
        done: list[WorkSpan] = []
        open_: dict[tuple[str, str], WorkSpan] = {}

        def end(operator: str, kind: str, at: str, why: str | None = None) -> None:
            if (span := open_.pop((operator, kind), None)) is not None:
                done.append(WorkSpan(operator, kind, why or span.reason, span.began, at))

        for row in reversed(self._db.rows("SELECT * FROM shifts ORDER BY id DESC LIMIT ?", 4 * limit)):
            who, change, at = row["operator"], row["change"], row["at"]
            end(who, "break", at)
            if change in {ShiftChange.ON, ShiftChange.OFF}:
                end(who, "shift", at, row["reason"])
            if change in {ShiftChange.ON, ShiftChange.BREAK}:
                kind = "shift" if change == ShiftChange.ON else "break"
                open_[who, kind] = WorkSpan(who, kind, row["reason"], at, None)
        return sorted([*done, *open_.values()], key=lambda span: span.began, reverse=True)[:limit]


def _standing(rows: list[Row], operator: str) -> dict[str, int]:
    """By form, his entries that no cancellation has taken back, and the inventory has not turned down."""
    root: dict[str, str] = {}
    form: dict[str, str] = {}
    for row in rows:
        if row["state"] in {*HELD, OutboxState.DISCARDED}:
            continue
        if row["act"] == Act.RECORD and row["operator"] == operator:
            root[row["event_id"]], form[row["event_id"]] = row["event_id"], row["form"]
        elif row["replaces"] in root:
            root[row["event_id"]] = root[row["replaces"]]
            if row["act"] == Act.CANCEL:
                form.pop(root[row["event_id"]], None)
    return dict(Counter(form.values()))
