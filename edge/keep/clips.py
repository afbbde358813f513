"""Clips: who asked to hear which recording, and which are still to be sent.

A request is in the journal before anything is sent for it, also where nothing can be: the operator is told who listened
to him. It goes with the utterance that it is about.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from dockvoice_protocol.errors import plainly
from edge.keep.codec import now
from edge.keep.database import JournalDatabase, Row

log = logging.getLogger(__name__)

_REMOVED, _ERASED, _DAMAGED, _UNKNOWN = "removed", "erased", "damaged", "unknown"
"""Why there is no recording to send."""

_OPEN = "SELECT utterance_id FROM clips WHERE closed IS NULL ORDER BY opened_at, rowid LIMIT ?"

_UNCLEAR = """
    SELECT u.utterance_id, u.audio_sha256 FROM utterances u JOIN reviews r USING (utterance_id)
    WHERE u.review IS NOT NULL AND r.latest AND r.state = 'open' AND r.settled_at IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM clips c WHERE c.utterance_id = u.utterance_id)
    ORDER BY u.heard_at LIMIT 50
"""
"""What waits for a person, once the inventory knows of it: of what it does not know it takes no sound."""

_RECORDING = """
    SELECT u.audio_path, u.audio_sha256, u.evidence, c.audio_sha256 AS named,
        (SELECT json_extract(o.body, '$.erased') IS NOT NULL FROM entries e JOIN outbox o USING (event_id)
            WHERE e.utterance_id = c.utterance_id) AS erased
    FROM clips c LEFT JOIN utterances u USING (utterance_id) WHERE c.utterance_id = ?
"""

_SPEAKER = """
    coalesce(
        (SELECT e.operator FROM entries e WHERE e.utterance_id = q.utterance_id),
        (SELECT e.operator FROM rests_on r JOIN entries e USING (sequence) WHERE r.utterance_id = q.utterance_id
            AND e.operator IS NOT NULL LIMIT 1),
        (SELECT json_extract(u.draft, '$.operator') FROM utterances u WHERE u.utterance_id = q.utterance_id)
    )
"""
"""Who said it, as far as the journal knows."""

_LISTENED = f"""
    SELECT q.who, q.reason, q.asked_at, count(*) OVER () AS times
    FROM clip_requests q JOIN utterances USING (utterance_id) LEFT JOIN clips c USING (utterance_id)
    WHERE (c.closed IS NULL OR c.closed NOT IN ('removed', 'erased', 'damaged', 'unknown', 'no_audio', 'never'))
        AND (? = '' OR coalesce({_SPEAKER}, ?) = ?)
    ORDER BY q.asked_at DESC, q.rowid DESC LIMIT 1
"""  # noqa: S608 - our own words
"""What did not go out nobody has heard. What nobody is known to have said is told to whoever asks."""


@dataclass(frozen=True, slots=True)
class ClipAsked:
    """Somebody on the inventory's side listens to what was said."""

    request: str
    utterance_id: str
    audio_sha256: str
    sound: bool  # Whether it is to be sent.
    who: str = field(repr=False)
    reason: str = field(repr=False)
    asked_at: str
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RecordingBytes:
    """Some of a recording's bytes."""

    audio_sha256: str
    size: int  # Bytes of all of it.
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Listened:
    """Who listened last, of so many times."""

    who: str
    reason: str = field(repr=False)
    at: datetime
    times: int


class Clips:
    """The clips of one journal."""

    def __init__(self, db: JournalDatabase) -> None:
        self._db = db
        self._directory = db.path.parent

    def take(self, asked: ClipAsked) -> bool:
        """Keep a request, and owe its sound where it wants that; False where it came before: nothing is done."""
        with self._db.writing():
            if self._db.rows("SELECT 1 FROM clip_requests WHERE request = ?", asked.request):
                return False
            row = {name: getattr(asked, name) for name in ("request", "utterance_id", "who", "reason", "asked_at")}
            self._db.insert("clip_requests", {**row, "taken_at": now(), "body": asked.body})
            if asked.sound:
                self._owe(asked.utterance_id, asked.audio_sha256)
        return True

    def owe_unclear(self) -> None:
        """Owe the sound of what waits for a person, where it was never owed before."""
        if found := self._db.rows(_UNCLEAR):
            with self._db.writing():
                for row in found:
                    self._owe(row["utterance_id"], row["audio_sha256"])

    def due(self, limit: int) -> list[str]:
        """The utterances whose sound is to be sent, as they were asked for."""
        return [row["utterance_id"] for row in self._db.rows(_OPEN, limit)]

    def close(self, utterance_id: str, became: str) -> None:
        """This is no longer to be sent."""
        with self._db.writing():
            self._db.execute("UPDATE clips SET closed = ? WHERE utterance_id = ?", [became, utterance_id])

    def whole(self, utterance_id: str) -> RecordingBytes | str:
        """What is to be sent, all of it and as it was recorded; else why there is nothing."""
        row = self._row(utterance_id)
        return row if isinstance(row, str) else self._read(row, 0, -1, check=True)

    def piece(self, utterance_id: str, offset: int, size: int) -> RecordingBytes | str:
        """So much of it, if it has not been removed meanwhile; else why not. `whole` has looked at all of it before."""
        row = self._row(utterance_id)
        return row if isinstance(row, str) else self._read(row, offset, size, check=False)

    def listened(self, operator: str | None) -> _Listened | None:
        """Who listened last to what this operator said; to what anybody said, where nobody is named."""
        for row in self._db.rows(_LISTENED, *[operator or ""] * 3):
            return _Listened(row["who"], row["reason"], datetime.fromisoformat(row["asked_at"]), row["times"])
        return None

    def _owe(self, utterance_id: str, audio_sha256: str) -> None:
        self._db.execute(
            "INSERT INTO clips (utterance_id, audio_sha256, opened_at) VALUES (?, ?, ?) ON CONFLICT (utterance_id) "
            "DO UPDATE SET audio_sha256 = excluded.audio_sha256, opened_at = excluded.opened_at, closed = NULL",
            [utterance_id, audio_sha256, now()],
        )

    def _row(self, utterance_id: str) -> Row | str:
        for row in self._db.rows(_RECORDING, utterance_id):
            # Of a recording that was never told beyond this device, nobody there knows the hash.
            if row["audio_sha256"] != row["named"]:
                return _UNKNOWN
            if row["evidence"] == _REMOVED:
                return _ERASED if row["erased"] else _REMOVED
            return row
        return _UNKNOWN

    def _read(self, row: Row, offset: int, size: int, *, check: bool) -> RecordingBytes | str:
        path: Path = self._directory / row["audio_path"]
        try:
            with path.open("rb") as file:
                whole = file.seek(0, 2)
                file.seek(offset)
                data = file.read(size)
        except OSError as fault:
            log.warning("%s: cannot be sent: %s", path, plainly(fault))
            return _DAMAGED
        if check and hashlib.sha256(data).hexdigest() != row["audio_sha256"]:
            log.warning("%s: cannot be sent: is not the recording that was written", path)
            return _DAMAGED
        return RecordingBytes(row["audio_sha256"], whole, data)
