"""The dialogue and the shifts in the journal: the open draft, the last entries, sign-ons, breaks and shift totals."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime

from dockvoice_protocol.records import Act, ShiftChange, ShiftEvent
from edge.keep.codec import context_json, draft_json, now, parse_context, parse_draft, parse_fields, parse_reading
from edge.keep.database import JournalDatabase, Row
from edge.keep.outbox import HELD, OutboxState
from edge.records import NOTHING_STANDS, Draft, LastEntry, StandingContext, StoreFormOrLanguageChange

_ABSENT = "state IN ('refused', 'dead', 'discarded')"  # Events that the inventory does not have, and does not wait for.

_LAST = f"""
    SELECT e.*, {_ABSENT} AS absent, u.reading
    FROM entries e JOIN outbox USING (event_id) JOIN utterances u USING (utterance_id)
    WHERE NOT (act = 'cancel' AND {_ABSENT}) ORDER BY e.sequence DESC LIMIT 1
"""  # noqa: S608 - the list is our own
"""The newest entry; a refused cancellation is skipped."""

_LATEST = f"""
    SELECT e.*, {_ABSENT} AS absent, u.reading
    FROM entries e JOIN outbox USING (event_id) JOIN utterances u USING (utterance_id) ORDER BY e.sequence DESC LIMIT ?
"""  # noqa: S608 - the list is our own

_TURNED_DOWN = f"""
    WITH RECURSIVE line (event_id, replaces) AS (
        SELECT event_id, replaces FROM entries WHERE event_id = ?
        UNION ALL SELECT e.event_id, e.replaces FROM entries e JOIN line ON e.event_id = line.replaces
    )
    SELECT event_id, replaces FROM line JOIN outbox USING (event_id) WHERE {_ABSENT}
"""  # noqa: S608 - the list is our own

_TAKEN = f"SELECT event_id FROM outbox JOIN json_each(?) ON event_id = value WHERE NOT {_ABSENT}"  # noqa: S608 - as above


@dataclass(frozen=True, slots=True)
class _KeptDialogue:
    """The stored dialogue: open draft, operator, context and work."""

    draft: Draft | None  # The open draft.
    operator: str | None  # Signed on.
    context: StandingContext = NOTHING_STANDS  # Said once for all entries.
    work: StoreFormOrLanguageChange | None = None  # The chosen form and language; None before any choice.


class DialogueRecord:
    """The dialogue's state, restored after a restart."""

    def __init__(self, db: JournalDatabase) -> None:
        self._db = db

    def load_state(self) -> _KeptDialogue:
        """The dialogue's state that the last turn stored."""
        (row,) = self._db.rows("SELECT draft, operator, context, work FROM conversation")
        work = None if row["work"] is None else StoreFormOrLanguageChange(**json.loads(row["work"]))
        return _KeptDialogue(parse_draft(row["draft"]), row["operator"], parse_context(row["context"]), work)

    def last_entry(self) -> LastEntry | None:
        """The newest entry; None before the first, and where it is a cancellation."""
        for row in self._db.rows(_LAST):
            act = Act(row["act"])
            if act is Act.CANCEL or row["reading"] is None:
                return None
            return _parse_last_entry(row)
        return None

    def latest_entries(self, limit: int) -> list[LastEntry]:
        """The latest entries, cancellations too, the oldest first."""
        return [_parse_last_entry(row) for row in reversed(self._db.rows(_LATEST, limit)) if row["reading"] is not None]

    def load_refused_chain(self, event_id: str) -> dict[str, str | None]:
        """The refused events among this event and those it replaces, each with the event that it replaces."""
        return {row["event_id"]: row["replaces"] for row in self._db.rows(_TURNED_DOWN, event_id)}

    def select_accepted_or_pending(self, event_ids: Iterable[str]) -> set[str]:
        """Those of the events that the inventory accepted or has not answered yet."""
        return {row["event_id"] for row in self._db.rows(_TAKEN, json.dumps(list(event_ids)))}

    def save_state(self, draft: Draft | None, operator: str | None, context: StandingContext) -> None:
        """Store the state after a turn. Call inside the turn's transaction."""
        self._db.execute("UPDATE conversation SET draft = ?, operator = ?", [draft_json(draft), operator])
        # After the draft, which may contain it: updating the draft releases the recordings that it needed.
        self._db.execute("UPDATE conversation SET context = ?", [context_json(context)])

    def save_work(self, work: StoreFormOrLanguageChange) -> None:
        """Store the chosen form and language. Call inside the turn's transaction."""
        self._db.execute("UPDATE conversation SET work = ?", [json.dumps(asdict(work))])

    def clear_draft(self, utterance_id: str) -> None:
        """Clear the open draft if this utterance began it. Call inside the decision's transaction."""
        self._db.execute(
            "UPDATE conversation SET draft = NULL WHERE json_extract(draft, '$.utterance_id') = ?", [utterance_id]
        )


def _parse_last_entry(row: Row) -> LastEntry:
    """From a row of `_LAST` or `_LATEST`."""
    reading = parse_reading(json.loads(row["reading"]))
    draft = Draft(row["utterance_id"], row["form"], reading, row["operator"], Act(row["act"]), row["replaces"])
    at = datetime.fromisoformat(row["recorded_at"])
    return LastEntry(row["event_id"], draft, parse_fields(row["fields"]), bool(row["absent"]), at)


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
    """The number of a shift's recorded entries by form, of parked utterances, and of refused entries."""

    recorded: Mapping[str, int] = field(default_factory=dict)  # Entries that stand, by form.
    aside: int = 0  # Utterances that wait for a person.
    turned_down: int = 0  # Held entries, undecided.


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

    def store_change(self, step: ShiftEvent) -> None:
        """Store a sign-on, a sign-off or a break. Call inside the step's transaction."""
        self._db.execute(
            "INSERT INTO shifts (at, operator, change, reason, entries) "
            "VALUES (?, ?, ?, ?, (SELECT coalesce(max(sequence), 0) FROM entries))",
            [now(), step.operator, step.change, step.reason],
        )

    def load_break_reason(self, operator: str) -> str | None:
        """Why the operator is on a break; None where there is none."""
        for row in self._db.rows("SELECT * FROM shifts WHERE operator = ? ORDER BY id DESC LIMIT 1", operator):
            return row["reason"] if row["change"] == ShiftChange.BREAK else None
        return None

    def last_shift_totals(self, operator: str) -> _Totals | None:
        """The totals of the operator's last shift; None without one."""
        wanted = "SELECT at, entries FROM shifts WHERE operator = ? AND change = 'on' ORDER BY id DESC LIMIT 1"
        for began in self._db.rows(wanted, operator):
            since = self._db.rows(_COMMITTED, began["entries"])
            aside = self._db.rows(_ASIDE, began["at"], operator)[0]["n"]
            turned_down = sum(row["state"] in HELD and row["operator"] == operator for row in since)
            return _Totals(_count_standing(since, operator), aside, turned_down)
        return None

    def shifts_and_breaks(self, limit: int) -> list[WorkSpan]:
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


def _count_standing(rows: list[Row], operator: str) -> dict[str, int]:
    """The number of the operator's standing entries by form, without refused ones."""
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
