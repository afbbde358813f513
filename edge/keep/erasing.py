"""Erasing: an operator's speech and name are removed from the journal and its files; the chain stays valid.

An erased event keeps id, number, seal, the hashes of its content and recordings, and the device's signed statement of
who had it erased, and when. Recordings, words, values, operator, shifts, breaks and models' answers are removed: from
the tables, the WAL, free pages, and entries.log. If the inventory asks for the event again, it gets a tombstone.

What is pending, unread or undecided is not erased: nothing may be lost before it has arrived.

    state directory/journal.erasing      marks an erasure under way: the next opening completes it
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dockvoice_protocol import hash_chain
from dockvoice_protocol.errors import Unfinished
from dockvoice_protocol.hash_chain import Signer
from dockvoice_protocol.plain_file import sync_directory
from edge.keep.audit import ERASED
from edge.keep.codec import format_time, now, to_json
from edge.keep.database import JournalDatabase
from edge.keep.device_key import erasure_digest
from edge.keep.entry_log import EntryLog, entry_rows
from edge.keep.outbox import Withhold
from edge.keep.readings import REPLIES
from edge.keep.retention import Retention
from edge.keep.review import sign_review_removals
from edge.keep.storage import DiskFull, translated_errors

_log = logging.getLogger(__name__)

_ERASING = "journal.erasing"

_NOBODY = "erased"  # Replaces an erased name.

_STAYS = ("specversion", "id", "source", "sequence", hash_chain.PREVIOUS, hash_chain.KEYID)
"""The members of an event that stay besides its link and signature."""

_OF_OPERATOR = "SELECT utterance_id FROM entries WHERE operator = ?"
_STANDS_NO_MORE = "UPDATE conversation SET context = NULL WHERE json_extract(context, '$.operator') = ?"
_OF_ENTRY = "SELECT ?"
_BEFORE = "SELECT utterance_id FROM utterances WHERE heard_at < ?"

_CHOSEN = """
    WITH named (utterance_id) AS ({named}), chosen (utterance_id) AS (
        SELECT utterance_id FROM named
        UNION SELECT value FROM entries, json_each(support) WHERE entries.utterance_id IN named
        UNION SELECT copy.utterance_id FROM utterances u JOIN utterances copy USING (source, speech_start, heard_at)
            WHERE u.utterance_id IN named
    )
    SELECT u.utterance_id, u.evidence, e.sequence FROM chosen JOIN utterances u USING (utterance_id)
    LEFT JOIN entries e USING (utterance_id) ORDER BY u.rowid
"""

_EMPTIED = (
    "UPDATE utterances SET fields = '{}', ask = NULL, reasons = '[]', reading = NULL, flag = NULL",
    "UPDATE reviews SET fields = NULL, body = '{}', settled_at = coalesce(settled_at, :at)",
    "UPDATE answers SET reading = NULL, request_id = NULL",
    "DELETE FROM clips",
    "DELETE FROM clip_requests",
)
"""What is done with all rows of an erased utterance."""

_ERASED_EVENTS = "SELECT sequence, tombstone FROM outbox WHERE json_extract(body, '$.erased') IS NOT NULL"
_EVENTS = "SELECT sequence, body FROM outbox WHERE sequence IN (SELECT value FROM json_each(?)) ORDER BY sequence"


@dataclass(frozen=True, slots=True)
class _Erased:
    """The numbers of what an erasure removed."""

    utterances: int
    entries: int
    waiting: tuple[str, ...]  # Not erased, since still needed: the entry's number, else the utterance's id.
    left: tuple[str, ...]  # Broken journals that were set aside and may hold it still.


class Erasing:
    """Erases from one journal."""

    def __init__(self, db: JournalDatabase, entries: EntryLog, retention: Retention, signer: Signer) -> None:
        self._db = db
        self._entries = entries
        self._retention = retention
        self._signer = signer
        self._directory = db.path.parent

    def erase_operator(self, name: str, who: str, withhold: Withhold) -> _Erased:
        """Erase all entries of the operator, and the name wherever it occurs."""
        self._db.write(_STANDS_NO_MORE, [name])  # the standing context would keep its recording
        return self._erase(_OF_OPERATOR, name, who, withhold, name)

    def erase_entry(self, utterance_id: str, who: str, withhold: Withhold) -> _Erased:
        """Erase one utterance, with its entry, the utterances that support it, and those that share its sound."""
        return self._erase(_OF_ENTRY, utterance_id, who, withhold)

    def erase_before(self, moment: datetime, who: str, withhold: Withhold) -> _Erased:
        """Erase all utterances before this moment."""
        return self._erase(_BEFORE, format_time(moment), who, withhold)

    def resume(self) -> None:
        """Complete an interrupted erasure, if the disk allows it."""
        if not self._marker_path.exists():
            return
        try:
            self._purge_erased_content()
        except (DiskFull, Unfinished) as fault:  # must not block new utterances
            _log.warning("what was erased is not gone from every file yet: %s", fault)

    def _purge_erased_content(self) -> None:
        """Last step of every erasure: rewrite the entry log, compact the database. Raises StorageFailed, Unfinished."""
        lines = {}
        for row in self._db.rows(_ERASED_EVENTS):
            line = lines[row["sequence"]] = entry_rows(self._db, row["sequence"])
            # For a journal that is rebuilt: it goes in the event's place.
            line["outbox"]["tombstone"] = row["tombstone"]
        self._entries.replace(lines)
        self._db.compact()
        with translated_errors(self._marker_path):
            self._marker_path.unlink(missing_ok=True)
            sync_directory(self._directory)

    @property
    def _marker_path(self) -> Path:
        return self._directory / _ERASING

    def _erase(self, named: str, value: str, who: str, withhold: Withhold, name: str | None = None) -> _Erased:
        chosen = self._db.rows(_CHOSEN.format(named=named), value)
        needed = [row for row in chosen if row["evidence"] == "needed"]
        waiting = (
            *(str(row["sequence"]) for row in needed if row["sequence"] is not None),
            *(row["utterance_id"] for row in needed if row["sequence"] is None),
        )
        going = [row for row in chosen if row["evidence"] != "needed"]
        utterances = [row["utterance_id"] for row in going]
        numbers = [row["sequence"] for row in going if row["sequence"] is not None]
        with translated_errors(self._marker_path):
            self._marker_path.touch(mode=0o600)
            sync_directory(self._directory)
            self._remove_replies(utterances)
        self._retention.remove_recordings(utterances)
        with self._db.writing():
            for row in self._db.rows(_EVENTS, to_json(numbers)):
                self._erase_event(row["sequence"], row["body"], who, withhold)
            self._erase_utterances(utterances)
            if name is not None:
                self._db.execute("DELETE FROM shifts WHERE operator = ?", [name])
            if named == _BEFORE:
                self._db.execute("DELETE FROM shifts WHERE at < ?", [value])
            if name is not None and not waiting:
                self._db.execute("UPDATE conversation SET operator = NULL WHERE operator = ?", [name])
                self._db.execute("UPDATE decisions SET who = ? WHERE who = ?", [_NOBODY, name])
        self._purge_erased_content()
        left = tuple(sorted(path.name for path in self._directory.glob("journal.broken-*")))
        return _Erased(len(utterances), len(numbers), waiting, left)

    def _erase_event(self, sequence: int, body: str, who: str, withhold: Withhold) -> None:
        event = hash_chain.parse_event_or_empty(body)
        if ERASED in event:
            return
        at = now()
        erasure = {
            "event_sha256": hash_chain.event_sha256(event),
            "at": at,
            "by": who,
            "keyid": self._signer.public.keyid,
            "signature": self._signer.sign(erasure_digest(sequence, event[hash_chain.CHAIN], at, who)),
        }
        sealed = (*_STAYS, *hash_chain.UNHASHED)
        stays = {name: event[name] for name in event if name in sealed}
        tombstone = {name: value for name, value in withhold(event).items() if name != hash_chain.READING}
        self._db.execute(
            "UPDATE outbox SET body = ?, tombstone = ? WHERE sequence = ?",
            [
                to_json({**stays, "support": _supporting_recordings(event), ERASED: erasure}),
                to_json(tombstone),
                sequence,
            ],
        )
        self._db.execute("UPDATE entries SET fields = '{}', operator = NULL WHERE sequence = ?", [sequence])

    def _erase_utterances(self, utterances: Iterable[str]) -> None:
        those = to_json(list(utterances))
        sign_review_removals(self._db, those, self._signer)
        for change in _EMPTIED:
            whole = f"{change} WHERE utterance_id IN (SELECT value FROM json_each(:those))"  # noqa: S608 - our own
            self._db.execute(whole, {"those": those, "at": now()})
        self._db.execute(
            "UPDATE decisions SET who = ?, reason = NULL WHERE subject IN (SELECT value FROM json_each(?))",
            [_NOBODY, those],
        )

    def _remove_replies(self, utterances: Iterable[str]) -> None:
        gone = set(utterances)
        for path in (self._directory / REPLIES).glob("*.wav"):
            if path.stem.partition("-")[2] in gone:
                path.unlink()


def _supporting_recordings(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    data = event.get("data")
    support = data.get("support", []) if isinstance(data, dict) else []
    return [{"id": one["id"], "audio_sha256": one["audio_sha256"]} for one in support]
