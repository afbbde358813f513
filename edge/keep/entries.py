"""Entries: verdicts, reviews and entries of utterances. Every method runs inside the caller's transaction."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

import uuid_utils

from dockvoice_protocol import hash_chain
from dockvoice_protocol.hash_chain import INSTANCE, Signer
from dockvoice_protocol.records import Reading
from edge.keep import codec
from edge.keep.database import JournalDatabase
from edge.keep.entry_log import EntryLog, entry_rows
from edge.keep.outbox import Outbox
from edge.keep.queries import Queries
from edge.records import Entry, EventIds, OutboxRow, Park, Verdict


class Entries:
    """The verdicts and entries of one journal. The caller holds the transaction."""

    def __init__(self, db: JournalDatabase, entry_log: EntryLog, key: Signer, queries: Queries) -> None:
        self._db = db
        self._entry_log = entry_log
        self._key = key
        self._queries = queries
        self._outbox = Outbox(db)
        self._instance: str | None = None

    def conclude(self, utterance_id: str, reading: Reading | None, verdict: Verdict) -> None:
        """Store a verdict that makes no entry; raises as `Journal.conclude` does."""
        if self._committed_event(utterance_id) is not None:
            raise ValueError(f"{utterance_id}: is committed already, which cannot be taken back")
        self._store_verdict(utterance_id, reading, verdict)

    def park(self, park: Park) -> None:
        """Put under review, without an outcome: a retry reads it again."""
        changed = self._db.execute(
            "UPDATE utterances SET outcome = NULL, reasons = NULL, ask = NULL, review = ?, fields = ?, draft = ? "
            "WHERE utterance_id = ?",
            [park.why, codec.to_json(dict(park.fields)), codec.draft_json(park.draft), park.utterance_id],
        )
        if not changed.rowcount:
            raise LookupError(f"{park.utterance_id}: no such utterance was begun here")

    def commit(self, entry: Entry, verdict: Verdict, render: Callable[[EventIds], dict[str, Any]]) -> OutboxRow:
        """Number, seal and store an entry with its pending event; raises as `Journal.commit` does."""
        if (owed := self._committed_event(entry.utterance_id)) is not None:
            return owed
        self._store_verdict(entry.utterance_id, entry.reading, verdict)
        if self._queries.recording(entry.utterance_id).audio_sha256 != entry.audio_sha256:
            raise ValueError(f"{entry.utterance_id}: the entry names another recording than the one kept")
        minted = self._mint()
        reading = codec.reading_json(entry.reading)
        event = hash_chain.seal_event(render(minted), minted.chain, entry.audio_sha256, reading, self._key)
        owed = OutboxRow(minted.event_id, minted.sequence, codec.to_json(event))
        self._insert_entry(entry, event, owed)
        self._entry_log.append(entry_rows(self._db, owed.sequence))
        return owed

    def make_instance_id(self) -> str:
        """The id of this opening of the journal: one more than that in the newest event, and a random part."""
        if self._instance is None:
            newest = self._outbox.last_event()
            before = "0" if newest is None else str(json.loads(newest.body)[INSTANCE])
            self._instance = f"{int(before.partition('-')[0]) + 1}-{secrets.token_hex(8)}"
        return self._instance

    def _store_verdict(self, utterance_id: str, reading: Reading | None, verdict: Verdict) -> None:
        changed = self._db.execute(
            # A verdict ends a review: the open question was answered.
            "UPDATE utterances SET outcome = ?, reasons = ?, fields = ?, ask = ?, reading = ?, review = NULL "
            "WHERE utterance_id = ?",
            [
                verdict.outcome.value,
                codec.reasons_json(verdict),
                codec.to_json(dict(verdict.fields)),
                verdict.ask,
                None if reading is None else codec.reading_json(reading),
                utterance_id,
            ],
        )
        if not changed.rowcount:
            raise LookupError(f"{utterance_id}: no such utterance was begun here")

    def _committed_event(self, utterance_id: str) -> OutboxRow | None:
        """The event of an utterance that is committed already."""
        found = self._db.rows(
            "SELECT o.event_id, o.sequence, o.body FROM entries e JOIN outbox o USING (event_id) "
            "WHERE e.utterance_id = ?",
            utterance_id,
        )
        return OutboxRow(**found[0]) if found else None

    def _mint(self) -> EventIds:
        last = self._db.rows("SELECT sequence, link FROM audit ORDER BY sequence DESC LIMIT 1")
        sequence, link = (last[0]["sequence"], last[0]["link"]) if last else (0, hash_chain.GENESIS)
        return EventIds(
            event_id=str(uuid_utils.uuid7()), sequence=sequence + 1, chain=link, instance=self.make_instance_id()
        )

    def _insert_entry(self, entry: Entry, event: dict[str, Any], row: OutboxRow) -> None:
        identity = {"event_id": row.event_id, "sequence": row.sequence}
        meant = {
            "utterance_id": entry.utterance_id,
            "form": entry.form,
            "fields": codec.to_json(dict(entry.fields)),
            "operator": entry.operator,
            "recorded_at": codec.format_time(entry.recorded_at),
            "act": entry.act.value,
            "replaces": entry.replaces,
            "support": codec.to_json([recording.utterance_id for recording in entry.support]),
        }
        sealed = {
            "link": event[hash_chain.CHAIN],
            "previous": event[hash_chain.PREVIOUS],
            "public_key": self._key.public.raw.hex(),
            "signature": event[hash_chain.SIGNATURE],
        }
        self._db.insert("entries", {**identity, **meant})
        self._db.insert("audit", {**identity, **sealed})
        self._db.insert("outbox", {**identity, "body": row.body})
