"""What the journal tells: every question it answers, and nothing that changes it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlite_utils import Database

from edge.errors import StorageFailed
from edge.keep import evidence, rows
from edge.keep.audit import Audited
from edge.keep.disk import refusals
from edge.keep.rows import Counts, KeptEntry, KeptUtterance, Row
from edge.records import OutboxRow, Outcome, ReceiptOutcome, Segment, Utterance

JOURNAL = "journal.db"

RECORDING = "sha256:"
"""How the source of an utterance begins that was cut from a recording, which can be played again."""

log = logging.getLogger(__name__)

_KEPT = """
    SELECT u.*, e.fields AS entry_fields, e.event_id, o.state
    FROM utterances u LEFT JOIN entries e USING (utterance_id) LEFT JOIN outbox o USING (event_id)
"""


class JournalView:
    """A device's journal as one may look at it. Closes when left as a context manager."""

    def __init__(self, directory: Path, db: Database, held: ExitStack) -> None:
        self._directory = directory
        self._path = directory / JOURNAL
        self._db = db
        self._held = held

    def close(self) -> None:
        """Let go of the file. Closing twice is harmless."""
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def known(self, source: str, segment: Segment) -> KeptUtterance | None:
        """The utterance already kept of the same speech, when a recording is played again; None for a microphone.

        The same speech: of the same recording, with overlapping speech. Pre-roll does not count: it may reach back into
        the utterance before.
        """
        if not source.startswith(RECORDING):
            return None
        found = self._rows(
            f"{_KEPT} WHERE source = ? AND speech_start < ? AND speech_end > ? ORDER BY speech_start LIMIT 1",
            source,
            segment.speech_end,
            segment.speech_start,
        )
        return rows.kept_utterance(found[0]) if found else None

    def kept(self, utterance_id: str) -> KeptUtterance | None:
        """What the journal knows of an utterance; None if it never heard it."""
        found = self._rows(f"{_KEPT} WHERE utterance_id = ?", utterance_id)
        return rows.kept_utterance(found[0]) if found else None

    def unread(self) -> Iterator[Utterance]:
        """What was begun and has no verdict, oldest first, with its sound: after a crash, it is to be read again.

        A recording that the disk does not give back is logged and stays where it is: one of them must not make the
        agent deaf at every start.
        """
        for row in self._rows("SELECT * FROM utterances WHERE outcome IS NULL ORDER BY heard_at, utterance_id"):
            try:
                pcm = evidence.read(self._directory / row["audio_path"], row["audio_sha256"])
            except StorageFailed as fault:
                log.warning("not understood yet, and cannot be read: %s", fault)
            else:
                yield evidence.recall(row, pcm)

    def due(self, limit: int) -> list[OutboxRow]:
        """The first `limit` events that nothing has settled, in the order they were committed."""
        found = self._rows(
            "SELECT event_id, sequence, body FROM outbox WHERE state = 'waiting' ORDER BY sequence LIMIT ?", limit
        )
        return [OutboxRow(**row) for row in found]

    def unsettled(self) -> int:
        """How many events are still owed."""
        return int(self._rows("SELECT count(*) AS n FROM outbox WHERE state = 'waiting'")[0]["n"])

    def counts(self) -> Counts:
        """How many utterances and events there are, by what became of them."""
        outcomes = self._tally("SELECT outcome AS name, count(*) AS n FROM utterances GROUP BY name")
        receipts = self._tally(
            "SELECT json_extract(receipt, '$.outcome') AS name, count(*) AS n FROM outbox GROUP BY name"
        )
        return Counts(
            heard=sum(outcomes.values()),
            accepted=outcomes.get(Outcome.ACCEPT, 0),
            asked=outcomes.get(Outcome.ASK, 0),
            repeat=outcomes.get(Outcome.REPEAT, 0),
            ignored=outcomes.get(Outcome.IGNORE, 0),
            unsettled=self.unsettled(),
            applied=receipts.get(ReceiptOutcome.APPLIED, 0),
            duplicate=receipts.get(ReceiptOutcome.DUPLICATE, 0),
            refused=receipts.get(ReceiptOutcome.REFUSED, 0),
        )

    def entries(self, limit: int) -> list[KeptEntry]:
        """The last `limit` entries, newest first, and how far each has come."""
        found = self._rows(
            "SELECT e.*, o.state, o.attempts, o.receipt FROM entries e JOIN outbox o USING (event_id) "
            "ORDER BY e.sequence DESC LIMIT ?",
            limit,
        )
        return [rows.kept_entry(row) for row in found]

    def trail(self) -> Iterator[Audited]:
        """Every event with its audit link, in order, as `audit.verify` takes them."""
        for row in self._rows(
            "SELECT a.sequence, a.previous, a.link, o.body, u.audio_sha256 FROM audit a "
            "JOIN outbox o USING (event_id) JOIN entries e USING (event_id) JOIN utterances u USING (utterance_id) "
            "ORDER BY a.sequence"
        ):
            yield Audited(event=json.loads(row.pop("body")), **row)

    def _rows(self, sql: str, *values: str | int) -> list[Row]:
        with refusals(self._path):
            return list(self._db.query(sql, values))

    def _tally(self, sql: str) -> dict[str | None, int]:
        return {row["name"]: row["n"] for row in self._rows(sql)}
