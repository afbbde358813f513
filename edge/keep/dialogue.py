"""The dialogue as the journal has it: what is being agreed with the operator, and what was agreed last."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from dockvoice_protocol.records import Act
from edge.keep.codec import context_json, context_of, draft_json, draft_of, fields_of, reading_of
from edge.keep.database import JournalDatabase, Row
from edge.records import NOTHING_STANDS, Draft, LastEntry, StandingContext, Work

_ABSENT = "state IN ('refused', 'dead', 'discarded')"
"""Of an event: the inventory does not have it, and waits for it no more."""

_LAST = f"""
    SELECT e.*, {_ABSENT} AS absent, u.reading
    FROM entries e JOIN outbox USING (event_id) JOIN utterances u USING (utterance_id)
    WHERE NOT (act = 'cancel' AND {_ABSENT}) ORDER BY e.sequence DESC LIMIT 1
"""  # noqa: S608 - the list is our own
"""The newest entry: a cancellation that was refused leaves the one before it."""

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
    """Where the dialogue stood when the journal was last written."""

    draft: Draft | None  # What was being agreed.
    operator: str | None  # Who was signed on.
    context: StandingContext = NOTHING_STANDS  # What was said once, for all entries.
    work: Work | None = None  # What was changed to; None where nothing ever was.


class DialogueRecord:
    """What a dialogue is taken up from again after a restart."""

    def __init__(self, db: JournalDatabase) -> None:
        self._db = db

    def kept(self) -> _KeptDialogue:
        """The draft, who is signed on, what stands and what is done, as the last turn left them."""
        (row,) = self._db.rows("SELECT draft, operator, context, work FROM conversation")
        work = None if row["work"] is None else Work(**json.loads(row["work"]))
        return _KeptDialogue(draft_of(row["draft"]), row["operator"], context_of(row["context"]), work)

    def last_entry(self) -> LastEntry | None:
        """The newest entry; None before the first, and where it is a cancellation: what stood before is not told."""
        for row in self._db.rows(_LAST):
            act = Act(row["act"])
            if act is Act.CANCEL or row["reading"] is None:
                return None
            return _entry(row)
        return None

    def entries(self, limit: int) -> list[LastEntry]:
        """The latest entries, cancellations too, the oldest first."""
        return [_entry(row) for row in reversed(self._db.rows(_LATEST, limit)) if row["reading"] is not None]

    def turned_down(self, event_id: str) -> dict[str, str | None]:
        """Of an event and those it replaces one after the other, each that the inventory has not, by its own word.

        With the one that it was to replace.
        """
        return {row["event_id"]: row["replaces"] for row in self._db.rows(_TURNED_DOWN, event_id)}

    def accepted_or_pending(self, event_ids: Iterable[str]) -> set[str]:
        """Of these events, those that the inventory accepted or has not answered yet."""
        return {row["event_id"] for row in self._db.rows(_TAKEN, json.dumps(list(event_ids)))}

    def keep(self, draft: Draft | None, operator: str | None, context: StandingContext) -> None:
        """Keep what is being agreed, inside of the transaction of the step that led to it."""
        self._db.execute("UPDATE conversation SET draft = ?, operator = ?", [draft_json(draft), operator])
        # Behind the draft, in which it may have been said: that lets go of the recordings that it needed.
        self._db.execute("UPDATE conversation SET context = ?", [context_json(context)])

    def keep_work(self, work: Work) -> None:
        """Keep what is done from now on, inside of the transaction of the step that changed it."""
        self._db.execute("UPDATE conversation SET work = ?", [json.dumps(asdict(work))])

    def forget(self, utterance_id: str) -> None:
        """Ask no more about the draft that this utterance began, inside of the transaction that decides about it."""
        self._db.execute(
            "UPDATE conversation SET draft = NULL WHERE json_extract(draft, '$.utterance_id') = ?", [utterance_id]
        )


def _entry(row: Row) -> LastEntry:
    """From a row of `_LAST` or `_LATEST`."""
    reading = reading_of(json.loads(row["reading"]))
    draft = Draft(row["utterance_id"], row["form"], reading, row["operator"], Act(row["act"]), row["replaces"])
    at = datetime.fromisoformat(row["recorded_at"])
    return LastEntry(row["event_id"], draft, fields_of(row["fields"]), bool(row["absent"]), at)
