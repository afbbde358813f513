"""What the inventory signed, as the journal stores it: decisions, lists, roster, master data, requests for clips.

A decision is stored before it is acknowledged to the broker: a crash loses none, and none is carried out twice.
Decisions that were not carried out are counted by reason.

A clip request is stored before anything is sent for it, also where there is no recording to send: the operator may ask
who listened. It is deleted with its utterance.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from dockvoice_protocol.errors import describe_os_error
from edge.keep.codec import now
from edge.keep.database import JournalDatabase, Row


class DecisionFailure(StrEnum):
    """Why a decision was not carried out."""

    FORGED = "forged"  # Not signed with the trusted key, or altered.
    MALFORMED = "malformed"  # It is no decision, or one for another device.
    RETAINED = "retained"  # A retained message of unknown age.
    REPEATED = "repeated"  # A duplicate of one that was carried out or refused.
    LATE = "late"  # Its subject was decided, or has changed, in the meantime.
    REFUSED = "refused"  # It breaks a rule, or its form or catalogue is missing.


class SignedDecisions:
    """Stores the decisions that the inventory sent to one device, until they are carried out."""

    def __init__(self, db: JournalDatabase) -> None:
        self._db = db

    def store(self, signature: str, body: str, *, may_repeat: bool = False) -> bool:
        """Store a decision; False for a duplicate, which is counted unless it may come or the first still waits."""
        with self._db.writing():
            if not (known := self._db.rows("SELECT body FROM orders WHERE signature = ?", signature)):
                self._db.insert("orders", {"signature": signature, "body": body, "taken_at": now()})
            elif known[0]["body"] is None and not may_repeat:
                self._count(DecisionFailure.REPEATED)
        return not known

    def load_due(self) -> list[tuple[str, str]]:
        """The decisions to be carried out with their signatures, the oldest first."""
        found = self._db.rows("SELECT signature, body FROM orders WHERE body IS NOT NULL ORDER BY rowid")
        return [(row["signature"], row["body"]) for row in found]

    @contextmanager
    def complete(self, signature: str) -> Iterator[None]:
        """A transaction that commits the block's changes together with the decision's completion."""
        with self._db.writing():
            yield
            self._end(signature)

    def transaction(self) -> AbstractContextManager[None]:
        """Open one transaction of the journal."""
        return self._db.writing()

    def refuse(self, signature: str, why: DecisionFailure) -> None:
        """Store why a decision is not carried out; final."""
        with self._db.writing():
            self._end(signature)
            self._count(why)

    def count_not_stored(self, why: DecisionFailure) -> None:
        """Count a decision that was not stored."""
        with self._db.writing():
            self._count(why)

    def count_not_done(self, since: str = "") -> dict[str, int]:
        """By reason, how many decisions were ever not carried out; only reasons that occurred at or after `since`."""
        found = self._db.rows("SELECT reason, times FROM orders_not_done WHERE last_at >= ? ORDER BY reason", since)
        return {row["reason"]: row["times"] for row in found}

    def _end(self, signature: str) -> None:
        self._db.execute("UPDATE orders SET body = NULL WHERE signature = ?", [signature])

    def _count(self, why: DecisionFailure) -> None:
        self._db.execute(
            "INSERT INTO orders_not_done (reason, times, last_at) VALUES (?, 1, ?) "
            "ON CONFLICT (reason) DO UPDATE SET times = times + 1, last_at = excluded.last_at",
            [why.value, now()],
        )


_MOST_LISTS = 200  # Lists whose lines are stored: at 128 kB each, some 25 MB. A site has fewer trailers in its yard.


class ListResult(StrEnum):
    """Whether a signed list was stored, was known, or is outdated."""

    NEW = "new"
    KNOWN = "known"  # Identical to the stored one: the broker sends its retained message at each connection.
    OLD = "old"  # Its version is not above the stored one.


class SignedLists:
    """The signed lists of one kind, such as `expected`, by site and place."""

    def __init__(self, db: JournalDatabase, table: str) -> None:
        """`table` is one of ours: `expected`, `roster` or `catalogue`."""
        self._db = db
        self._table = table

    def store(self, site: str, place: str, version: int, body: str | None) -> ListResult:
        """Replace the stored list if the version is higher; a body of None withdraws it.

        The caller has verified the signature.
        """
        with self._db.writing():
            for row in self._db.rows(f"SELECT version, body {self._where_place}", site, place):
                if version <= row["version"]:
                    known = version == row["version"] and row["body"] in {None, body}
                    return ListResult.KNOWN if known else ListResult.OLD
            self._db.execute(
                f"INSERT INTO {self._table} (site, place, version, body) VALUES (?, ?, ?, ?) ON CONFLICT (site, place) "  # noqa: S608 - the table is one of ours
                "DO UPDATE SET version = excluded.version, body = excluded.body",
                [site, place, version, body],
            )
            self._db.execute(
                f"UPDATE {self._table} SET body = NULL WHERE body IS NOT NULL AND rowid NOT IN "  # noqa: S608 - as above
                f"(SELECT rowid FROM {self._table} WHERE body IS NOT NULL ORDER BY version DESC LIMIT ?)",
                [_MOST_LISTS],
            )
        return ListResult.NEW

    def is_known(self, site: str, place: str, body: str) -> bool:
        """Whether the stored list is identical: then it need not be verified or written."""
        return bool(self._db.rows(f"SELECT 1 {self._where_place} AND body = ?", site, place, body))

    def bodies(self, site: str) -> list[tuple[str, str]]:
        """The signed bodies of a site's lists, with their places."""
        query = f"SELECT place, body FROM {self._table} WHERE site = ? AND body IS NOT NULL ORDER BY place"  # noqa: S608
        return [(row["place"], row["body"]) for row in self._db.rows(query, site)]

    @property
    def _where_place(self) -> str:
        return f"FROM {self._table} WHERE site = ? AND place = ?"


_log = logging.getLogger(__name__)

_REMOVED, _ERASED, _DAMAGED, _UNKNOWN = "removed", "erased", "damaged", "unknown"  # Why there is no recording to send.

_OPEN = "SELECT utterance_id FROM clips WHERE closed IS NULL ORDER BY opened_at, rowid LIMIT ?"

_UNCLEAR = """
    SELECT u.utterance_id, u.audio_sha256 FROM utterances u JOIN reviews r USING (utterance_id)
    WHERE u.review IS NOT NULL AND r.latest AND r.state = 'open' AND r.settled_at IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM clips c WHERE c.utterance_id = u.utterance_id)
    ORDER BY u.heard_at LIMIT 50
"""
"""Utterances under review that the inventory knows of: it rejects sound of others."""

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
"""Clips that were not sent were not listened to. Utterances of an unknown speaker count for every operator."""


@dataclass(frozen=True, slots=True)
class StoredClip:
    """A request to listen to an utterance."""

    request: str
    utterance_id: str
    audio_sha256: str
    sound: bool  # Whether the sound is requested too.
    who: str = field(repr=False)
    reason: str = field(repr=False)
    asked_at: str
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RecordingBytes:
    """A part of a recording's bytes."""

    audio_sha256: str
    size: int  # Of the whole recording.
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Listened:
    """The latest listener, and the number of times that clips were listened to."""

    who: str
    reason: str = field(repr=False)
    at: datetime
    times: int


class Clips:
    """The pending clips and the clip requests of one journal."""

    def __init__(self, db: JournalDatabase) -> None:
        self._db = db
        self._directory = db.path.parent

    def store(self, request: StoredClip) -> bool:
        """Store a request, and make its sound pending where requested; False for a duplicate."""
        with self._db.writing():
            if self._db.rows("SELECT 1 FROM clip_requests WHERE request = ?", request.request):
                return False
            row = {name: getattr(request, name) for name in ("request", "utterance_id", "who", "reason", "asked_at")}
            self._db.insert("clip_requests", {**row, "taken_at": now(), "body": request.body})
            if request.sound:
                self._make_pending(request.utterance_id, request.audio_sha256)
        return True

    def make_unclear_pending(self) -> None:
        """Make the sound of utterances under review pending, each once."""
        if found := self._db.rows(_UNCLEAR):
            with self._db.writing():
                for row in found:
                    self._make_pending(row["utterance_id"], row["audio_sha256"])

    def load_due(self, limit: int) -> list[str]:
        """The ids of utterances whose sound is to be sent, in the order of the requests."""
        return [row["utterance_id"] for row in self._db.rows(_OPEN, limit)]

    def store_result(self, utterance_id: str, became: str) -> None:
        """Store a clip's result; it is no longer pending."""
        self._db.write("UPDATE clips SET closed = ? WHERE utterance_id = ?", [became, utterance_id])

    def read(self, utterance_id: str, offset: int = 0, size: int | None = None) -> RecordingBytes | str:
        """The recording, or a part of it; else why there is none. Only the whole one is verified by its hash."""
        row = self._recording_row(utterance_id)
        return row if isinstance(row, str) else self._read_bytes(row, offset, size)

    def latest_listener(self, operator: str | None) -> _Listened | None:
        """Who listened last to this operator, and how often; to any operator, where `operator` is None."""
        for row in self._db.rows(_LISTENED, *[operator or ""] * 3):
            return _Listened(row["who"], row["reason"], datetime.fromisoformat(row["asked_at"]), row["times"])
        return None

    def _make_pending(self, utterance_id: str, audio_sha256: str) -> None:
        self._db.execute(
            "INSERT INTO clips (utterance_id, audio_sha256, opened_at) VALUES (?, ?, ?) ON CONFLICT (utterance_id) "
            "DO UPDATE SET audio_sha256 = excluded.audio_sha256, opened_at = excluded.opened_at, closed = NULL",
            [utterance_id, audio_sha256, now()],
        )

    def _recording_row(self, utterance_id: str) -> Row | str:
        for row in self._db.rows(_RECORDING, utterance_id):
            # The inventory cannot know the hash of a recording that was never published.
            if row["audio_sha256"] != row["named"]:
                return _UNKNOWN
            if row["evidence"] == _REMOVED:
                return _ERASED if row["erased"] else _REMOVED
            return row
        return _UNKNOWN

    def _read_bytes(self, row: Row, offset: int, size: int | None) -> RecordingBytes | str:
        path: Path = self._directory / row["audio_path"]
        try:
            with path.open("rb") as file:
                whole = file.seek(0, 2)
                file.seek(offset)
                data = file.read(size)
        except OSError as fault:
            _log.warning("%s: cannot be sent: %s", path, describe_os_error(fault))
            return _DAMAGED
        if size is None and hashlib.sha256(data).hexdigest() != row["audio_sha256"]:
            _log.warning("%s: cannot be sent: is not the recording that was written", path)
            return _DAMAGED
        return RecordingBytes(row["audio_sha256"], whole, data)
