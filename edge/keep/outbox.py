"""The outbox: the pending events, and the state of each.

There is no "in flight": an event is pending until a receipt (or the PUBACK, if so configured) settles it. A dead
letter, which cannot be delivered as it is, blocks nothing: its tombstone is pending instead, an event with the same id
and number and the reason. The inventory prefers the event itself whenever it comes, so a dead letter can be retried
later.
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
    """The state of an event."""

    WAITING = "waiting"
    SETTLED = "settled"
    REFUSED = "refused"
    DEAD = "dead"  # Undeliverable: waits for a person. Its tombstone is published instead.
    DISCARDED = "discarded"  # Given up by a person, or entered again under another number.


HELD = frozenset({OutboxState.REFUSED, OutboxState.DEAD})
"""The states that wait for a person: the inventory does not have the entry, and will not get it by itself."""


class Outbox:
    """The events of one journal."""

    def __init__(self, db: JournalDatabase, signer: Signer | None = None) -> None:
        """`signer` signs tombstones; None for readers."""
        self._db = db
        self._signer = signer

    def load_due(self, limit: int) -> list[OutboxRow]:
        """The first `limit` pending events in the order of their numbers.

        For a dead letter its tombstone: the inventory applies a device's events in order, and must not wait for it.
        """
        found = self._db.rows(f"{_ROW} WHERE settled_at IS NULL ORDER BY sequence LIMIT ?", limit)
        return [self._parse_row(row) for row in found]

    def last_event(self) -> OutboxRow | None:
        """The latest event as `due` gives it, pending or settled; None before the first."""
        found = self._db.rows(f"{_ROW} ORDER BY sequence DESC LIMIT 1")
        return self._parse_row(found[0]) if found else None

    def count_unsettled(self) -> int:
        """The number of pending events."""
        found = self._db.rows("SELECT n FROM tally WHERE what = 'owed'")
        return int(found[0]["n"]) if found else 0

    def oldest_pending(self) -> tuple[str, datetime] | None:
        """The oldest pending event, and when its entry was recorded; None without any."""
        found = self._db.rows(
            "SELECT event_id, recorded_at FROM outbox JOIN entries USING (event_id) "
            "WHERE settled_at IS NULL ORDER BY outbox.sequence LIMIT 1"
        )
        return (found[0]["event_id"], datetime.fromisoformat(found[0]["recorded_at"])) if found else None

    def count_sent(self) -> int:
        """The number of pending events with a PUBACK."""
        sent = "SELECT count(*) AS n FROM outbox WHERE settled_at IS NULL AND attempts > 0"
        return int(self._db.rows(sent)[0]["n"])

    def is_event_pending(self, event_id: str) -> bool:
        """Whether this event is pending; false for an unknown one."""
        return bool(self._db.rows("SELECT 1 FROM outbox WHERE event_id = ? AND settled_at IS NULL", event_id))

    def demand_owner(self, source: str) -> None:
        """Raise Misconfigured where the journal's events belong to another device than `source`.

        The newest event, which is never removed, names the device. An inventory counts each device's events from 1.
        Under another name those of a journal would begin in the middle, and earlier ones would be refused for naming
        another device: none would get into stock.
        """
        newest = self.last_event()
        owner = source if newest is None else json.loads(newest.body)["source"]
        if owner != source:
            path = self._db.path
            raise Misconfigured(
                f"{path}: is that of {owner}, {self.count_unsettled()} of its entries not confirmed "
                f"yet, and the settings name {source}; set site and device back, wait until `dockvoice queue "
                f"unsettled` says 0, then move {path.parent} aside and keep it: a new name begins with a new journal"
            )

    def mark_sent(self, event_id: str) -> bool:
        """Count a PUBACK. The event stays pending. False for an unknown event."""
        sent = "UPDATE outbox SET attempts = attempts + 1, sent_at = ? WHERE event_id = ?"
        return bool(self._db.write(sent, [now(), event_id]))

    def settle(self, event_id: str, receipt: Receipt | None) -> bool:
        """Settle the event by a receipt, or (None) by the PUBACK.

        The first settlement counts. False for an unknown event.
        """
        state = OutboxState.REFUSED if receipt is not None and receipt.is_rejected else OutboxState.SETTLED
        with self._db.writing():
            self._db.execute(
                "UPDATE outbox SET state = iif(state = 'waiting', ?, state), settled_at = ?, receipt = ? "
                "WHERE event_id = ? AND settled_at IS NULL",
                [state.value, now(), receipt_json(receipt), event_id],
            )
            return bool(self._db.rows("SELECT 1 FROM outbox WHERE event_id = ?", event_id))

    def reopen(self, first: int, last: int = sys.maxsize) -> int:
        """Make the events of these numbers pending again, since the inventory lost them; how many were settled."""
        return self._db.write(
            "UPDATE outbox SET state = iif(state IN ('settled', 'refused'), 'waiting', state), "
            "settled_at = NULL, receipt = NULL WHERE sequence BETWEEN ? AND ? AND settled_at IS NOT NULL",
            [first, last],
        )

    def dead_letter(self, event_id: str, reason: str, withhold: Withhold) -> bool:
        """Set a pending event aside, and make its tombstone pending; false where nothing changed."""
        with self._db.writing():
            found = self._db.rows("SELECT body FROM outbox WHERE event_id = ? AND state = 'waiting'", event_id)
            for row in found:
                tombstone = to_json(withhold(json.loads(row["body"])))
                self._db.execute(
                    "UPDATE outbox SET state = 'dead', reason = ?, tombstone = ? WHERE event_id = ?",
                    [reason, tombstone, event_id],
                )
            return bool(found)

    def _parse_row(self, row: Row) -> OutboxRow:
        body = row["body"] if row["tombstone"] is None else row["tombstone"]
        if row["tombstone"] is not None and self._signer is not None:
            body = to_json(hash_chain.sign_withheld_replacement(json.loads(body), self._signer))
        return OutboxRow(row["event_id"], row["sequence"], body)
