"""The outbox: the events that are owed to the inventory, and how far each has come.

There is no "in flight": until a receipt (or the broker's word, if so configured) settles it, an event is owed. A dead
letter, an event that cannot be delivered as it is, holds up nothing: in its place its tombstone is owed, an event with
the same id and number that says why. The inventory prefers the event itself whenever it comes, so a letter can be tried
again even after that.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from dockvoice_protocol import hash_chain
from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.hash_chain import Signer
from dockvoice_protocol.records import Receipt
from edge.keep.codec import now, receipt_json, to_json
from edge.keep.database import JournalDatabase, Row
from edge.records import OutboxRow

Withhold = Callable[[Mapping[str, Any]], Mapping[str, Any]]  # Makes the tombstone of an event.

_ROW = "SELECT event_id, sequence, body, tombstone FROM outbox"  # An event, and what is published in its place.


class OutboxState(StrEnum):
    """What became of an event."""

    WAITING = "waiting"
    SETTLED = "settled"
    REFUSED = "refused"
    DEAD = "dead"  # It could not be delivered as it is: a person must look at it. Its tombstone goes in its place.
    DISCARDED = "discarded"  # A person gave it up, or entered it once more under another number.


HELD = frozenset({OutboxState.REFUSED, OutboxState.DEAD})
"""The states in which an entry waits for a person: the inventory does not have it, and will not get it by itself."""


class Outbox:
    """The events of one journal, and what became of them."""

    def __init__(self, db: JournalDatabase, signer: Signer | None = None) -> None:
        """`signer` gives the device's word for tombstones; who only looks has none."""
        self._db = db
        self._signer = signer

    def due(self, limit: int) -> list[OutboxRow]:
        """The first `limit` events that nothing has settled, in the order they were committed.

        Of a dead letter it is the tombstone: the inventory takes a device's events in order, and must not wait for it.
        """
        found = self._db.rows(f"{_ROW} WHERE settled_at IS NULL ORDER BY sequence LIMIT ?", limit)
        return [self._published(row) for row in found]

    def last(self) -> OutboxRow | None:
        """The latest event as `due` gives it, settled or not; None before the first."""
        found = self._db.rows(f"{_ROW} ORDER BY sequence DESC LIMIT 1")
        return self._published(found[0]) if found else None

    def unsettled(self) -> int:
        """How many events are still owed."""
        found = self._db.rows("SELECT n FROM tally WHERE what = 'owed'")
        return int(found[0]["n"]) if found else 0

    def oldest(self) -> tuple[str, datetime] | None:
        """The event that is owed longest, and when its entry was recorded; None where nothing is."""
        found = self._db.rows(
            "SELECT event_id, recorded_at FROM outbox JOIN entries USING (event_id) "
            "WHERE settled_at IS NULL ORDER BY outbox.sequence LIMIT 1"
        )
        return (found[0]["event_id"], datetime.fromisoformat(found[0]["recorded_at"])) if found else None

    def how_many_sent(self) -> int:
        """Of the events that are owed, how many the broker took at least once."""
        sent = "SELECT count(*) AS n FROM outbox WHERE settled_at IS NULL AND attempts > 0"
        return int(self._db.rows(sent)[0]["n"])

    def owes(self, event_id: str) -> bool:
        """Whether this event is still owed; false for one that is not of this journal."""
        return bool(self._db.rows("SELECT 1 FROM outbox WHERE event_id = ? AND settled_at IS NULL", event_id))

    def demand_owner(self, source: str) -> None:
        """Raise Misconfigured where the journal's events are those of another device than `source`, as events name it.

        The newest event names the device, and the newest always stays. An inventory counts the events of each device by
        its name, from 1. Under another name those of a journal begin in the middle, and those from before the change
        are refused for naming another device: nothing of them would get into stock.
        """
        newest = self.last()
        owner = source if newest is None else json.loads(newest.body)["source"]
        if owner != source:
            path = self._db.path
            raise Misconfigured(
                f"{path}: is that of {owner}, {self.unsettled()} of its entries not confirmed "
                f"yet, and the settings name {source}; set site and device back, wait until `dockvoice queue "
                f"unsettled` says 0, then move {path.parent} aside and keep it: a new name begins with a new journal"
            )

    def sent(self, event_id: str) -> bool:
        """Note that the broker took the event once more. It stays owed. False for one that is not of this journal."""
        with self._db.writing():
            changed = self._db.execute(
                "UPDATE outbox SET attempts = attempts + 1, sent_at = ? WHERE event_id = ?", [now(), event_id]
            )
            return bool(changed.rowcount)

    def settle(self, event_id: str, receipt: Receipt | None) -> bool:
        """Strike the event off: the inventory's receipt came, or (None) the broker's word is taken for it.

        The first settlement stands, whatever comes later. False for an event that is not of this journal.
        """
        state = OutboxState.REFUSED if receipt is not None and receipt.turned_down else OutboxState.SETTLED
        with self._db.writing():
            self._db.execute(
                "UPDATE outbox SET state = iif(state = 'waiting', ?, state), settled_at = ?, receipt = ? "
                "WHERE event_id = ? AND settled_at IS NULL",
                [state.value, now(), receipt_json(receipt), event_id],
            )
            return bool(self._db.rows("SELECT 1 FROM outbox WHERE event_id = ?", event_id))

    def reopen(self, first: int, last: int = sys.maxsize) -> int:
        """Owe the events of these numbers again, because the inventory lost them; how many were settled before."""
        with self._db.writing():
            changed = self._db.execute(
                "UPDATE outbox SET state = iif(state IN ('settled', 'refused'), 'waiting', state), "
                "settled_at = NULL, receipt = NULL WHERE sequence BETWEEN ? AND ? AND settled_at IS NOT NULL",
                [first, last],
            )
            return changed.rowcount

    def dead_letter(self, event_id: str, reason: str, withhold: Withhold) -> bool:
        """Set an event aside that is still owed, and owe its tombstone instead; false where nothing was to be done."""
        with self._db.writing():
            found = self._db.rows("SELECT body FROM outbox WHERE event_id = ? AND state = 'waiting'", event_id)
            for row in found:
                tombstone = to_json(withhold(json.loads(row["body"])))
                self._db.execute(
                    "UPDATE outbox SET state = 'dead', reason = ?, tombstone = ? WHERE event_id = ?",
                    [reason, tombstone, event_id],
                )
            return bool(found)

    def _published(self, row: Row) -> OutboxRow:
        body = row["body"] if row["tombstone"] is None else row["tombstone"]
        if row["tombstone"] is not None and self._signer is not None:
            body = to_json(hash_chain.vouched(json.loads(body), self._signer))
        return OutboxRow(row["event_id"], row["sequence"], body)
