"""How a verdict comes to be in the journal, and an entry in its outbox: in one transaction, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import uuid_utils

from edge import hash_chain
from edge.keep import committed, rows
from edge.keep.conversing import Conversing
from edge.keep.drafts import Parked, Turn, draft_json, recordings_json
from edge.keep.entrylog import EntryLog
from edge.keep.identity import DeviceKey
from edge.keep.rows import Row
from edge.records import Entry, Minted, OutboxRow, Outcome, Reading, Verdict


class Committing(Conversing):
    """The part of the journal that keeps verdicts, and makes events of entries."""

    _key: DeviceKey
    _entry_log: EntryLog

    def conclude(self, utterance_id: str, reading: Reading | None, verdict: Verdict) -> None:
        """Keep a verdict that makes no entry: ask, repeat, ignore, defer. The last one stands; a commit may follow.

        Raises ValueError where it would contradict a commit, LookupError for an utterance that never began.
        """
        if verdict.outcome is Outcome.ACCEPT:
            raise ValueError(f"{utterance_id}: what is accepted is committed, not concluded")
        with self._writing():
            self._conclude(utterance_id, reading, verdict)

    def put_under_review(self, utterance_id: str, reading: Reading, verdict: Verdict, why: str) -> None:
        """Keep what was read of an utterance, and let a person decide about it. Raises as `conclude` does."""
        with self._writing():
            self._conclude(utterance_id, reading, verdict)
            self._park(Parked(utterance_id, why, verdict.fields))

    def commit(self, entry: Entry, verdict: Verdict, render: Callable[[Minted], dict[str, Any]]) -> OutboxRow:
        """Keep an entry and owe its event, in one transaction. From here it cannot be lost or doubled.

        `render` makes the event from the identity minted for it; `chain.sealed` ties and signs it. Committing the same
        utterance again returns the first event, unchanged. Raises StorageFailed: then nothing was committed and no
        number is used up; ValueError or LookupError where the entry does not rest on what was heard.
        """
        if verdict.outcome is not Outcome.ACCEPT:
            raise ValueError(f"{entry.utterance_id}: what is committed must be accepted, not {verdict.outcome}")
        with self._writing():
            return self._commit(entry, verdict, render)

    def accept(
        self, entry: Entry, verdict: Verdict, who: str, reason: str | None, render: Callable[[Minted], dict[str, Any]]
    ) -> OutboxRow:
        """Commit the entry that a person makes of an utterance under review; his name and reason stay beside it.

        Raises as `commit` does, and UnreadableInput for what is not under review.
        """
        found = self.under_review_as(entry.utterance_id)
        with self._writing():
            self._note(found, "accept", who, reason)
            self._db.execute("UPDATE utterances SET review = NULL WHERE utterance_id = ?", [found.utterance_id])
            # Whatever was still to be agreed about it, it is decided now.
            self._db.execute(
                "UPDATE conversation SET draft = NULL WHERE json_extract(draft, '$.utterance_id') = ?",
                [found.utterance_id],
            )
            return self._commit(entry, verdict, render)

    def turn(self, turn: Turn, render: Callable[[Entry, Minted], dict[str, Any]]) -> OutboxRow | None:
        """Keep what one step of the dialogue changed, in one transaction; the event that is owed by it, if one is.

        Raises as `conclude` and `commit` do: then nothing of it was kept.
        """
        agreed = turn.agreed
        with self._writing():
            for noted in turn.noted:
                self._conclude(noted.utterance_id, noted.reading, noted.verdict)
            for parked in turn.parked:
                self._park(parked)
            owed = None if agreed is None else self._commit(agreed.entry, agreed.verdict, partial(render, agreed.entry))
            self._db.execute("UPDATE conversation SET draft = ?, operator = ?", [draft_json(turn.draft), turn.operator])
        return owed

    def _conclude(self, utterance_id: str, reading: Reading | None, verdict: Verdict) -> None:
        if self._owed(utterance_id) is not None:
            raise ValueError(f"{utterance_id}: is committed already, which cannot be taken back")
        self._decide(utterance_id, reading, verdict)

    def _commit(self, entry: Entry, verdict: Verdict, render: Callable[[Minted], dict[str, Any]]) -> OutboxRow:
        if (owed := self._owed(entry.utterance_id)) is not None:
            return owed
        self._decide(entry.utterance_id, entry.reading, verdict)
        self._demand_evidence(entry)
        minted = self._mint()
        reading = rows.reading_json(entry.reading)
        event = hash_chain.sealed(render(minted), minted.chain, entry.audio_sha256, reading, self._key)
        owed = OutboxRow(minted.event_id, minted.sequence, rows.to_json(event))
        self._enter(entry, event, owed)
        self._entry_log.append(committed.rows_of(self._db, owed.sequence))
        return owed

    def _decide(self, utterance_id: str, reading: Reading | None, verdict: Verdict) -> None:
        changed = self._db.execute(
            # A verdict ends a review: what was put there while a question was open has been answered.
            "UPDATE utterances SET outcome = :outcome, reasons = :reasons, fields = :fields, ask = :ask, "
            "reading = :reading, review = NULL WHERE utterance_id = :utterance_id",
            {"utterance_id": utterance_id, **rows.verdict_columns(reading, verdict)},
        )
        if not changed.rowcount:
            raise LookupError(f"{utterance_id}: no such utterance was begun here")

    def _demand_evidence(self, entry: Entry) -> None:
        found = self._rows("SELECT audio_sha256 FROM utterances WHERE utterance_id = ?", entry.utterance_id)
        if found[0]["audio_sha256"] != entry.audio_sha256:
            raise ValueError(f"{entry.utterance_id}: the entry names another recording than the one kept")

    def _owed(self, utterance_id: str) -> OutboxRow | None:
        found = self._rows(
            "SELECT o.event_id, o.sequence, o.body FROM entries e JOIN outbox o USING (event_id) "
            "WHERE e.utterance_id = ?",
            utterance_id,
        )
        return OutboxRow(**found[0]) if found else None

    def _mint(self) -> Minted:
        last = self._rows("SELECT sequence, link FROM audit ORDER BY sequence DESC LIMIT 1")
        sequence, link = (last[0]["sequence"], last[0]["link"]) if last else (0, hash_chain.GENESIS)
        return Minted(event_id=str(uuid_utils.uuid7()), sequence=sequence + 1, chain=link)

    def _enter(self, entry: Entry, event: dict[str, Any], owed: OutboxRow) -> None:
        identity = {"event_id": owed.event_id, "sequence": owed.sequence}
        self._insert(
            "entries",
            {
                **identity,
                "utterance_id": entry.utterance_id,
                "form": entry.form,
                "fields": rows.to_json(dict(entry.fields)),
                "operator": entry.operator,
                "recorded_at": rows.to_time(entry.recorded_at),
                "act": entry.act.value,
                "replaces": entry.replaces,
                "support": recordings_json(entry.support),
            },
        )
        self._insert("audit", {**identity, **rows.audit_columns(event, self._key.public)})
        self._insert("outbox", {**identity, "body": owed.body})

    def _insert(self, table: str, row: Row) -> None:
        self._db.table(table).insert(row)
