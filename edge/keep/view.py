"""What the journal tells: every question it answers, and nothing that changes it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlite_utils import Database

from edge.errors import StorageFailed, UnreadableInput
from edge.hash_chain import PublicKey
from edge.keep import dossier, evidence, rows
from edge.keep.anchor import Anchor
from edge.keep.database import CHECKED_AT_ONCE, JOURNAL
from edge.keep.disk import refusals
from edge.keep.dossier import Dossier
from edge.keep.rows import Counts, KeptEntry, KeptUtterance, OutboxState, Row, Spare, Trailed
from edge.records import Act, FieldValue, OutboxRow, Outcome, ReceiptOutcome, Segment, Utterance

RECORDING = "sha256:"
"""How the source of an utterance begins that was cut from a recording, which can be played again."""

log = logging.getLogger(__name__)

KEPT = """
    SELECT u.*, e.fields AS entry_fields, e.event_id, o.state
    FROM utterances u LEFT JOIN entries e USING (utterance_id) LEFT JOIN outbox o USING (event_id)
"""
"""Utterances with what became of them, as `rows.kept_utterance` takes them."""

_ENTRY = "SELECT e.*, o.state, o.attempts, o.receipt, o.reason FROM entries e JOIN outbox o USING (event_id)"

_TRAIL = """
    SELECT a.sequence, a.previous, a.link, a.event_id, o.body,
        u.audio_sha256, u.audio_path, u.audio_removed_at, u.reading
    FROM audit a JOIN outbox o USING (event_id, sequence) JOIN entries e USING (event_id, sequence)
    JOIN utterances u USING (utterance_id)
"""

RECENT = 100
"""The latest entries that are looked through for the same thing: more than anybody dictates in ten minutes."""

_PAGE = 1000
"""Rows read at a time: some megabytes."""


class JournalView:
    """A device's journal as one may look at it. Closes when left as a context manager."""

    def __init__(self, directory: Path, db: Database, held: ExitStack) -> None:
        self._directory = directory
        self._path = directory / JOURNAL
        self._db = db
        self._held = held

    @property
    def directory(self) -> Path:
        """The state directory: what the journal says of recordings is relative to it."""
        return self._directory

    def close(self) -> None:
        """Let go of the file. Closing twice is harmless."""
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def is_checked(self) -> bool:
        """Whether the opening has checked the file; it leaves a large one to `Journal.check`."""
        return self._path.stat().st_size <= CHECKED_AT_ONCE

    def known(self, source: str, segment: Segment) -> KeptUtterance | None:
        """The utterance already kept of the same speech, when a recording is played again; None for a microphone.

        The same speech: of the same recording, with overlapping speech. Pre-roll does not count: it may reach back into
        the utterance before.
        """
        if not source.startswith(RECORDING):
            return None
        found = self._rows(
            f"{KEPT} WHERE source = ? AND speech_start < ? AND speech_end > ? ORDER BY speech_start LIMIT 1",
            source,
            segment.speech_end,
            segment.speech_start,
        )
        return rows.kept_utterance(found[0]) if found else None

    def kept(self, utterance_id: str) -> KeptUtterance | None:
        """What the journal knows of an utterance; None if it never heard it."""
        found = self._rows(f"{KEPT} WHERE utterance_id = ?", utterance_id)
        return rows.kept_utterance(found[0]) if found else None

    def unread(self) -> Iterator[Utterance]:
        """What was begun and has no verdict, oldest first, with its sound: after a crash, it is to be read again.

        A recording that the disk does not give back is logged and stays where it is: one of them must not make the
        agent deaf at every start.
        """
        unread = "SELECT * FROM utterances WHERE outcome IS NULL AND review IS NULL ORDER BY heard_at, utterance_id"
        for row in self._rows(unread):
            try:
                utterance = evidence.read(self._directory / row["audio_path"], row)
            except StorageFailed as fault:
                log.warning("not understood yet, and cannot be read: %s", fault)
            else:
                yield utterance

    def under_review(self) -> list[KeptUtterance]:
        """The utterances that a person must look at before anything is made of them, oldest first."""
        return [rows.kept_utterance(row) for row in self._rows(f"{KEPT} WHERE review IS NOT NULL ORDER BY heard_at")]

    def due(self, limit: int) -> list[OutboxRow]:
        """The first `limit` events that nothing has settled, in the order they were committed.

        Of a dead letter it is the tombstone: the inventory takes a device's events in order, and must not wait for it.
        """
        found = self._rows(
            "SELECT event_id, sequence, coalesce(tombstone, body) AS body FROM outbox WHERE settled_at IS NULL "
            "ORDER BY sequence LIMIT ?",
            limit,
        )
        return [OutboxRow(**row) for row in found]

    def last(self) -> OutboxRow | None:
        """The latest event as `due` gives it, settled or not; None before the first."""
        found = self._rows(
            "SELECT event_id, sequence, coalesce(tombstone, body) AS body FROM outbox ORDER BY sequence DESC LIMIT 1"
        )
        return OutboxRow(**found[0]) if found else None

    def unsettled(self) -> int:
        """How many events are still owed."""
        return self._tally().get("owed", 0)

    def how_many_sent(self) -> int:
        """Of the events that are owed, how many the broker took at least once."""
        return self._count("SELECT count(*) AS n FROM outbox WHERE settled_at IS NULL AND attempts > 0")

    def how_many_in_review(self) -> int:
        """How many utterances a person must look at."""
        return self._count("SELECT count(*) AS n FROM utterances WHERE review IS NOT NULL")

    def owes(self, event_id: str) -> bool:
        """Whether this event is still owed; false for one that is not of this journal."""
        return bool(self._rows("SELECT 1 FROM outbox WHERE event_id = ? AND settled_at IS NULL", event_id))

    def evidence_bytes(self) -> int:
        """How much room the recordings take that were not removed."""
        return self._tally()["evidence bytes"]

    def spare_evidence(self, limit: int) -> list[Spare]:
        """The first `limit` recordings that nothing rests on any more, oldest first."""
        found = self._rows(
            "SELECT utterance_id, audio_path AS path, audio_bytes AS bytes, heard_at FROM utterances "
            "WHERE evidence = 'spare' ORDER BY heard_at LIMIT ?",
            limit,
        )
        return [Spare(**row) for row in found]

    def counts(self) -> Counts:
        """How many utterances and events there are, by what became of them."""
        tally = self._tally()
        return Counts(
            heard=sum(n for what, n in tally.items() if what.startswith("utterance ")),
            accepted=tally.get(f"utterance {Outcome.ACCEPT}", 0),
            asked=tally.get(f"utterance {Outcome.ASK}", 0),
            repeat=tally.get(f"utterance {Outcome.REPEAT}", 0),
            ignored=tally.get(f"utterance {Outcome.IGNORE}", 0),
            unsettled=tally.get("owed", 0),
            applied=tally.get(f"event {ReceiptOutcome.APPLIED}", 0),
            duplicate=tally.get(f"event {ReceiptOutcome.DUPLICATE}", 0),
            refused=tally.get(f"event {ReceiptOutcome.REFUSED}", 0),
            deferred=tally.get(f"utterance {Outcome.DEFER}", 0),
        )

    def entries(self, limit: int) -> list[KeptEntry]:
        """The last `limit` entries, newest first, and how far each has come."""
        found = self._rows(
            f"{_ENTRY} ORDER BY e.sequence DESC LIMIT ?",
            limit,
        )
        return [rows.kept_entry(row) for row in found]

    def entry(self, event_id: str) -> KeptEntry | None:
        """The entry of an event, and how far it has come; None for an event that is not of this journal."""
        found = self._rows(f"{_ENTRY} WHERE e.event_id = ?", event_id)
        return rows.kept_entry(found[0]) if found else None

    def standing(self, form: str, since: datetime) -> tuple[Mapping[str, FieldValue], ...]:
        """The fields of what was recorded after `since` and stands: not replaced since then, nor refused."""
        return tuple(one.fields for one in self.entries_standing(form, since, RECENT))

    def entries_standing(self, form: str, since: datetime, limit: int) -> list[KeptEntry]:
        """What `standing` tells, the newest first, as far as it is among the last `limit` entries."""
        taken = [one for one in self.entries(limit) if one.state is not OutboxState.REFUSED]
        gone = {one.replaces for one in taken} | {one.event_id for one in taken if one.act is Act.CANCEL}
        lately = (one for one in taken if one.form == form and one.recorded_at > since)
        return [one for one in lately if one.event_id not in gone]

    def held(self) -> list[KeptEntry]:
        """The entries whose events are dead letters, oldest first."""
        found = self._rows(f"{_ENTRY} WHERE o.state = 'dead' ORDER BY e.sequence")
        return [rows.kept_entry(row) for row in found]

    def dossier(self, which: str) -> Dossier:
        """All that is kept about an utterance, by its id, or by the number or the event id of its entry.

        Raises UnreadableInput when there is none.
        """
        named = self._rows(
            "SELECT utterance_id FROM entries WHERE event_id = ? UNION SELECT utterance_id FROM entries "
            "WHERE sequence = ?",
            which,
            int(which) if which.isdecimal() else -1,
        )
        utterance_id = named[0]["utterance_id"] if named else which
        for row in self._rows(f"{dossier.SELECT} WHERE u.utterance_id = ?", utterance_id):
            return self._dossier(row)
        raise UnreadableInput(f"{which}: no such entry or utterance in {self._path}; `dockvoice queue list` names them")

    def dossiers(self) -> Iterator[Dossier]:
        """All that is kept about every entry, in the order of their numbers."""
        last = 0
        while page := self._rows(f"{dossier.SELECT} WHERE e.sequence > ? ORDER BY e.sequence LIMIT {_PAGE}", last):
            yield from map(self._dossier, page)
            last = page[-1]["sequence"]

    def _dossier(self, row: Row) -> Dossier:
        decisions = "SELECT decision, who, reason, decided_at FROM decisions WHERE subject = ? ORDER BY id"
        answers = (
            "SELECT interpreter, came, answered_at, reading, request_id, cost_usd FROM answers "
            "WHERE utterance_id = ? ORDER BY id"
        )
        utterance_id = row["utterance_id"]
        return dossier.dossier(row, self._rows(decisions, utterance_id), self._rows(answers, utterance_id))

    @property
    def forgotten(self) -> int:
        """The last number whose entry was removed to make room; 0 where none was."""
        return Anchor.read(self._directory).sequence

    def trail(self, after: int = 0) -> Iterator[Trailed]:
        """Every event behind this number with its link and all it rests on, in the order of their sequence.

        Read in pages: an audit of a long journal must not keep the agent's log (WAL) from being folded in.
        """
        last = after
        while page := self._rows(f"{_TRAIL} WHERE a.sequence > ? ORDER BY a.sequence LIMIT {_PAGE}", last):
            yield from map(rows.trailed, page)
            last = page[-1]["sequence"]

    def trailed(self, event_id: str) -> Trailed | None:
        """One event as `trail` tells it; None if it was not committed here."""
        found = self._rows(f"{_TRAIL} WHERE a.event_id = ?", event_id)
        return rows.trailed(found[0]) if found else None

    def last_sequence(self) -> int:
        """The number of the newest event, by whichever table still has it; 0 before the first."""
        newest = "SELECT max(sequence) AS n FROM entries UNION SELECT max(sequence) FROM outbox"
        return max(row["n"] or 0 for row in self._rows(newest))

    def keys(self) -> dict[str, PublicKey]:
        """The public keys this device signed with, by key id."""
        return rows.keys(self._rows("SELECT DISTINCT public_key FROM audit WHERE public_key IS NOT NULL"))

    def _rows(self, sql: str, *values: str | int) -> list[Row]:
        with refusals(self._path):
            return list(self._db.query(sql, values))

    def _count(self, sql: str) -> int:
        return int(self._rows(sql)[0]["n"])

    def _tally(self) -> dict[str, int]:
        """How many there are of what; one page is read, however long the journal is."""
        return {row["what"]: row["n"] for row in self._rows("SELECT what, n FROM tally")}
