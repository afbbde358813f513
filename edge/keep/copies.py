"""Copies: utterances that repeat another one's sound, for a second thing that it names, or for an entry made again.

Each has its own recording, so that either may be removed without the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from edge.keep import evidence
from edge.keep.database import JournalDatabase
from edge.keep.evidence import Evidence
from edge.keep.queries import UtteranceHistory
from edge.records import DurableOrder, Note, Park, Utterance, make_copy_id

CopyRow = dict[str, str | int | None]


class Copies:
    """The copied utterances of one journal."""

    def __init__(self, db: JournalDatabase, directory: Path) -> None:
        self._db = db
        self._directory = directory

    def copy_of_entry(self, history: UtteranceHistory) -> Utterance:
        """The utterance of an entry under a deterministic id, with the same sound, for a further entry.

        Raises StorageFailed where its recording cannot be read.
        """
        return self._copy(history.utterance_id, make_copy_id(history.utterance_id, str(history.event_id)))

    def store(self, utterance: Utterance) -> tuple[Evidence, CopyRow]:
        """Store the recording of a copy; its row, which is inserted with what is made of it. Idempotent."""
        recording = evidence.write(self._directory, utterance, is_new=False)
        return recording, evidence.utterance_row(self._directory, utterance, recording)

    def store_second_things(self, orders: Iterable[DurableOrder]) -> list[CopyRow]:
        """Store the recording of each second thing of an utterance that is parked or noted; the rows for them."""
        stored = ((order.utterance_id, order.said_in) for order in orders if isinstance(order, Note | Park))
        return [self.store(self._copy(said_in, copy))[1] for copy, said_in in stored if said_in is not None]

    def insert(self, rows: Iterable[CopyRow]) -> None:
        """Insert the rows of copies, but those that are there; the caller holds the transaction."""
        for row in rows:
            self._db.insert("utterances", row, "ON CONFLICT (utterance_id) DO NOTHING")

    def _copy(self, utterance_id: str, copy_id: str) -> Utterance:
        for row in self._db.rows("SELECT * FROM utterances WHERE utterance_id = ?", utterance_id):
            return replace(evidence.read(self._directory / row["audio_path"], row), utterance_id=copy_id)
        raise LookupError(f"{utterance_id}: no such utterance was begun here")
