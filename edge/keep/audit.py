"""The audit of a journal: verifies the chain of its events and everything stored with them.

Verified are each event, its link and signature; its entry; its reading; its recordings, or the device's signed
statement that it removed them; and its second copy in entries.log. Faults acknowledged in `journal.acknowledged` are
skipped.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from dockvoice_protocol import hash_chain, plain_file
from dockvoice_protocol.errors import DockvoiceError, StorageFailed
from dockvoice_protocol.hash_chain import (
    Acknowledgement,
    BadEvent,
    ChainVerifier,
    DefectKind,
    KeySpan,
    KnownFaults,
    PublicKey,
    StoredEvent,
)
from dockvoice_protocol.plain_file import sync_directory
from edge.keep import device_key
from edge.keep.codec import to_json
from edge.keep.database import JournalDatabase, Row
from edge.keep.device_key import Anchor, erasure_digest, removal_digest
from edge.keep.entry_log import ENTRIES, Rows, read_log, sequence_of
from edge.keep.evidence import EVIDENCE, NEW
from edge.keep.review import verify_reviews
from edge.keep.storage import translated_errors

_ACKNOWLEDGED = "journal.acknowledged"  # The file in the state directory with acknowledged faults, a signed line each.

ERASED = "erased"  # The member of an erased event's replacement: `event_sha256`, `at`, `by`, `keyid`, `signature`.

_COMMITTING_S = 0.5
"""How long an entry may be in the log and not yet in the journal, beside an agent that is committing it."""

_TRAIL = """
    SELECT a.sequence, a.previous, a.link, a.event_id, a.public_key, a.signature, o.body,
        u.audio_sha256, u.audio_path, u.audio_removed_at, u.reading,
        r.removed_at, r.keyid AS removed_by, r.signature AS removal,
        e.utterance_id, e.form, e.fields, e.operator, e.recorded_at, e.act, e.replaces, e.support
    FROM audit a JOIN outbox o USING (event_id, sequence) JOIN entries e USING (event_id, sequence)
    JOIN utterances u USING (utterance_id) LEFT JOIN removals r USING (utterance_id)
"""

_SUPPORT = """
    SELECT u.audio_sha256, u.audio_path, u.audio_removed_at, u.utterance_id,
        r.removed_at, r.keyid AS removed_by, r.signature AS removal
    FROM utterances u LEFT JOIN removals r USING (utterance_id) WHERE utterance_id = ?
"""

_ENTRY = ("event_id", "utterance_id", "form", "fields", "operator", "recorded_at", "act", "replaces", "support")

_LOGGED = {
    "outbox": "SELECT event_id, sequence, body FROM outbox WHERE sequence = ?",
    "audit": "SELECT event_id, sequence, previous, link, public_key, signature FROM audit WHERE sequence = ?",
    "entries": "SELECT * FROM entries WHERE sequence = ?",
    "utterances": "SELECT u.utterance_id, u.audio_sha256, u.reading, u.heard_at, u.source "
    "FROM utterances u JOIN entries USING (utterance_id) WHERE sequence = ?",
}
"""By table: what never changes after the commit, unless the entry is erased."""

_PAGE = 1000  # Rows read at a time: some megabytes.


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailEvent(StoredEvent):
    """An event of the audit trail with all rows that an audit compares it with."""

    event_id: str
    body: str = field(repr=False)  # The event as published, byte for byte.
    audio_path: str  # Relative to the state directory.
    reading: str | None = field(repr=False)  # The JSON text of the reading that the entry was made from.
    row: Row = field(repr=False)  # The joined row.


class AuditTrail:
    """The chain over the events of one journal."""

    def __init__(self, db: JournalDatabase) -> None:
        self._db = db
        self.directory = db.path.parent

    @property
    def last_removed_sequence(self) -> int:
        """The highest sequence whose entry was removed to make room; 0 without any."""
        return Anchor.read(self.directory).sequence

    def events(self, after: int = 0) -> Iterator[TrailEvent]:
        """Every event after this number, in the order of their sequence.

        Read in pages: the audit of a long journal must not keep the WAL from being checkpointed.
        """
        last = after
        while page := self._db.rows(f"{_TRAIL} WHERE a.sequence > ? ORDER BY a.sequence LIMIT {_PAGE}", last):
            yield from map(_parse_trailed, page)
            last = page[-1]["sequence"]

    def event(self, event_id: str) -> TrailEvent | None:
        """One event; None if it was not committed here."""
        found = self._db.rows(f"{_TRAIL} WHERE a.event_id = ?", event_id)
        return _parse_trailed(found[0]) if found else None

    def find_link(self, sequence: int) -> str | None:
        """The link of the event with this sequence; None where it is not in the journal."""
        found = self._db.rows("SELECT link FROM audit WHERE sequence = ?", sequence)
        return str(found[0]["link"]) if found else None

    def last_sequence(self) -> int:
        """The newest event's number in any of the tables; 0 before the first."""
        return max(self._extremes("max"), default=0)

    def first_sequence(self) -> int:
        """The lowest number in any of the tables; 1 where there is none."""
        return min(self._extremes("min"), default=1)

    def _extremes(self, which: str) -> list[int]:
        """The extreme number of each table that has one."""
        tables = ("entries", "outbox", "audit")
        of_each = (f"SELECT {which}(sequence) AS n FROM {table}" for table in tables)  # noqa: S608 - our own tables
        return [row["n"] for row in self._db.rows(" UNION ".join(of_each)) if row["n"] is not None]

    def keys(self) -> dict[str, PublicKey]:
        """The public keys this device signed with, by key id; an invalid key has signed nothing."""
        known = {}
        for row in self._db.rows("SELECT DISTINCT public_key FROM audit"):
            with suppress(ValueError):
                key = PublicKey(bytes.fromhex(row["public_key"]))
                known[key.keyid] = key
        return known

    def keys_with_current(self) -> dict[str, PublicKey]:
        """The keys of `keys` and the current key, where readable: it may have signed no entry yet."""
        with suppress(DockvoiceError):  # unreadable for other users
            own = device_key.load(self.directory).public
            return {**self.keys(), own.keyid: own}
        return self.keys()

    def verify_review_events(self, keys: Mapping[str, PublicKey]) -> tuple[int, BadEvent | None]:
        """The number of valid review events, and the first faulty one."""
        return verify_reviews(self._db, keys)

    def recording_path(self, audio_path: str) -> Path:
        """The path of a recording: in its final place, or among the new ones until the next start."""
        path = self.directory / audio_path
        new = self.directory / EVIDENCE / NEW / path.name
        return new if new.exists() and not path.exists() else path

    def recording(self, utterance_id: str) -> Row | None:
        """The recording of an utterance, with its removal."""
        found = self._db.rows(_SUPPORT, utterance_id)
        return found[0] if found else None

    def immutable_rows(self, sequence: int) -> Rows:
        """The immutable rows of this entry, by table."""
        return {table: row for table, sql in _LOGGED.items() for row in self._db.rows(sql, sequence)}

    def load_acknowledgements(self) -> list[Acknowledgement]:
        """The acknowledged faults, unverified. Raises StorageFailed."""
        path = self.directory / _ACKNOWLEDGED
        with translated_errors(path):
            if not path.exists():
                return []
            text = path.read_text(encoding="utf-8", errors="replace")
        try:
            return hash_chain.parse_acknowledgements(text)
        except ValueError as fault:
            raise StorageFailed(f"{path}: {fault}; put it back from a copy") from None

    def acknowledge(self, one: Acknowledgement) -> None:
        """Append the acknowledgement durably. Raises StorageFailed."""
        path = self.directory / _ACKNOWLEDGED
        with translated_errors(path):
            with plain_file.open_owner_only(path, "a") as file:
                file.write(hash_chain.format_fault_acknowledgement(one).encode())
                file.flush()
                os.fsync(file.fileno())
            sync_directory(self.directory)


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The report of an audit: the valid events, and the first fault."""

    events: int  # Valid events, from the first one in the journal.
    removed: int  # Of these, how many have a removed recording, with the device's signature.
    broken: BadEvent | None  # The first faulty event, where the audit ended; None without one.
    spans: tuple[KeySpan, ...]  # By key.
    forgotten: int = 0  # Events before them that the device removed to make room.
    erased: tuple[KeySpan, ...] = ()  # Erased events: here `keyid` is the name of the person who erased.
    acknowledged: tuple[Acknowledgement, ...] = ()  # The acknowledged faults.
    found: str | None = None  # SHA-256 of the faulty content, for an acknowledgement.
    reviews: int = 0  # Valid review events, which have numbers of their own.
    review_broken: BadEvent | None = None  # The first faulty one.

    @property
    def is_intact(self) -> bool:
        """Whether there are events, and no unacknowledged fault."""
        return self.broken is None and self.review_broken is None and bool(self.events or self.acknowledged)


def verify(
    trail: AuditTrail, tell: Callable[[int], None] = lambda _: None, *, keys: Mapping[str, PublicKey] | None = None
) -> AuditReport:
    """Verify the journal's events up to the first unacknowledged fault.

    `keys` are the device's keys; None: those that the journal names. `tell` is called after each event with the number
    of valid ones. Works beside the process that writes: events committed meanwhile may be left out. Raises
    StorageFailed where the disk cannot be read.
    """
    reviews, review_broken = trail.verify_review_events(trail.keys_with_current() if keys is None else keys)
    keys = trail.keys() if keys is None else keys
    anchor = Anchor.read(trail.directory)
    if wrong := anchor.find_fault(keys):
        return AuditReport(0, 0, BadEvent(anchor.sequence, wrong), ())
    made = _AuditRun(trail, keys, anchor).run_audit(tell)
    return replace(made, reviews=reviews, review_broken=review_broken)


class _AuditRun:
    """One audit under way."""

    def __init__(self, trail: AuditTrail, keys: Mapping[str, PublicKey], anchor: Anchor) -> None:
        self._trail = trail
        self._keys = keys
        self._anchor = anchor
        self._known = KnownFaults(trail.load_acknowledgements(), keys)
        self._links = ChainVerifier(keys)
        self._links.last, self._links.link = anchor.sequence, anchor.link
        self._log = _SecondCopy(trail, anchor.sequence)
        self._erased: list[KeySpan] = []
        self._removed = 0

    def run_audit(self, tell: Callable[[int], None]) -> AuditReport:
        """Verify all events, and return the report."""
        if self._trail.first_sequence() < 1:
            return self._make_report(BadEvent(self._links.last + 1, DefectKind.MISPLACED), None)
        newest = self._trail.last_sequence()  # later commits may not be in the log as it was read
        for trailed in self._trail.events(after=self._anchor.sequence):
            if trailed.sequence > newest:
                break
            if (broken := self._find_unacknowledged_fault(trailed)) is not None:
                return self._make_report(broken, self._fault_content_hash(trailed, broken.wrong))
            tell(self._links.last)
        ahead = self._log.uncommitted(self._links.last)
        # The writer commits one at a time; earlier ones may have been committed since the last read.
        alone = len(ahead) == 1 and newest <= self._links.last
        follows = alone and (ahead[0] == self._links.last + 1 or bool(self._trail.immutable_rows(ahead[0] - 1)))
        newest = max([newest, *ahead])
        broken = (
            BadEvent(ahead[0], DefectKind.UNCOMMITTED)
            if follows
            else BadEvent(self._links.last + 1, DefectKind.MISSING)
        )
        found = hash_chain.sha256_hex(f"{self._links.link}\n{newest}\n")
        if self._links.last >= newest or self._known.excuse_if_acknowledged(broken, lambda: found):
            return self._make_report(None, None)
        return self._make_report(broken, found)

    def _find_unacknowledged_fault(self, trailed: TrailEvent) -> BadEvent | None:
        """The event's fault that is not acknowledged; None where the chain continues behind it."""
        while wrong := self._event_fault(trailed):
            broken = BadEvent(self._links.last + 1, wrong)
            if not self._known.excuse_if_acknowledged(broken, partial(self._fault_content_hash, trailed, wrong)):
                return broken
            if not self._links.skip_acknowledged(wrong, trailed):
                return None
        self._extend_spans(trailed)
        return None

    def _make_report(self, broken: BadEvent | None, found: str | None) -> AuditReport:
        return AuditReport(
            self._links.held,
            self._removed,
            broken,
            tuple(self._links.spans),
            self._anchor.sequence,
            tuple(self._erased),
            tuple(self._known.met),
            found,
        )

    def _extend_spans(self, trailed: TrailEvent) -> None:
        self._links.advance(trailed)
        self._removed += not self._trail.recording_path(trailed.audio_path).exists()
        if trailed.event_sha256 is None:
            return
        by, at = str(trailed.event[ERASED]["by"]), trailed.sequence
        if self._erased and (self._erased[-1].keyid, self._erased[-1].last) == (by, at - 1):
            at = self._erased.pop().first
        self._erased.append(KeySpan(by, at, trailed.sequence))

    def _event_fault(self, trailed: TrailEvent) -> DefectKind | None:
        return (
            self._links.next_fault(trailed)
            or _row_fault(trailed)
            or (self._erasure_fault(trailed) if trailed.event_sha256 else _content_fault(trailed))
            or self._recordings_fault(trailed)
            or self._log.wrong(trailed.sequence)
        )

    def _erasure_fault(self, trailed: TrailEvent) -> DefectKind | None:
        erasure, row = trailed.event[ERASED], trailed.row
        emptied = (row["fields"], row["operator"], row["reading"]) == ("{}", None, None)
        key = self._keys.get(str(erasure.get("keyid")))
        digest = erasure_digest(trailed.sequence, trailed.link, str(erasure.get("at")), str(erasure.get("by")))
        signed = key is not None and key.verify(digest, str(erasure.get("signature")))
        return None if emptied and signed else DefectKind.ERASURE_FORGED

    def _recordings_fault(self, trailed: TrailEvent) -> DefectKind | None:
        """The fault of the entry's recording, or of the supporting ones."""
        wrong = self._recording_fault(trailed.row, trailed.audio_sha256)
        for named in _supporting_recordings(trailed.event):
            row = self._trail.recording(str(named.get("id")))
            wrong = wrong or (
                DefectKind.RECORDING_MISSING
                if row is None
                else self._recording_fault(row, str(named.get("audio_sha256")))
            )
        return wrong

    def _recording_fault(self, row: Row, audio_sha256: str) -> DefectKind | None:
        path = self._trail.recording_path(row["audio_path"])
        with translated_errors(path):
            found = _file_sha256(path)
        if found is None and row["audio_removed_at"] is None:  # the agent may have removed it meanwhile
            row = self._trail.recording(row["utterance_id"]) or row
        if row["audio_removed_at"] is not None and not self._is_removal_signed(row, audio_sha256):
            return DefectKind.REMOVAL_FORGED
        if row["audio_sha256"] != audio_sha256 or found not in {None, audio_sha256}:
            return DefectKind.RECORDING_ALTERED
        return DefectKind.RECORDING_MISSING if found is None and row["audio_removed_at"] is None else None

    def _is_removal_signed(self, row: Row, audio_sha256: str) -> bool:
        """Whether the device signed this removal; after a crash the file may still exist."""
        key = self._keys.get(str(row["removed_by"]))
        digest = removal_digest(row["utterance_id"], audio_sha256, str(row["removed_at"]))
        signed = key is not None and key.verify(digest, str(row["removal"]))
        return signed and row["removed_at"] == row["audio_removed_at"]

    def _fault_content_hash(self, trailed: TrailEvent, wrong: DefectKind) -> str:
        """A hash of the faulty content that an acknowledgement covers."""
        lasting = {name: value for name, value in trailed.row.items() if name not in _CHANGING}
        parts = [wrong, str(self._links.last), to_json(lasting), to_json(self._log.lines(trailed.sequence))]
        path = self._trail.recording_path(trailed.audio_path)
        if wrong is DefectKind.RECORDING_ALTERED:
            parts.append(_file_sha256(path) or "")
        return hash_chain.sha256_hex("\n".join(parts))


_CHANGING = {"audio_removed_at", "removed_at", "removed_by", "removal", "audio_path"}
"""Columns that may change after a fault was acknowledged: the recording is removed in its time."""


class _SecondCopy:
    """Compares the lines of entries.log with the events, in one pass."""

    def __init__(self, trail: AuditTrail, after: int) -> None:
        self._trail = trail
        self._lines = (one for one in read_log(trail.directory / ENTRIES) if sequence_of(one) > after)
        self._next = next(self._lines, None)
        self._now: list[Rows] = []  # Of the current event.
        self._of = after

    def lines(self, sequence: int) -> list[Rows]:
        """The rows of this event in entries.log; call it in ascending order of events."""
        if sequence > self._of:
            self._now, self._of = [], sequence
            while self._next is not None and sequence_of(self._next) <= sequence:
                self._now.append(self._next)
                self._next = next(self._lines, None)
        return self._now

    def wrong(self, sequence: int) -> DefectKind | None:
        """The fault of this event's line in entries.log."""
        said, kept = self.lines(sequence), self._trail.immutable_rows(sequence)
        if len(said) != 1 or said[0].keys() != kept.keys():
            return DefectKind.LOG_ALTERED
        same = all({name: said[0][table].get(name) for name in row} == row for table, row in kept.items())
        return None if same else DefectKind.LOG_ALTERED

    def uncommitted(self, last: int) -> list[int]:
        """The numbers after `last` in the log that do not get into the journal in time."""
        self.lines(last)
        ahead = [] if self._next is None else [sequence_of(self._next), *map(sequence_of, self._lines)]
        deadline = time.monotonic() + _COMMITTING_S
        while ahead and not self._trail.immutable_rows(ahead[-1]) and time.monotonic() < deadline:
            time.sleep(_COMMITTING_S / 20)
        return [one for one in ahead if not self._trail.immutable_rows(one)]


def _row_fault(trailed: TrailEvent) -> DefectKind | None:
    """The fault where the event's columns differ from its members."""
    event, row = trailed.event, trailed.row
    same = (_keyid(row["public_key"]), row["signature"]) == (event[hash_chain.KEYID], event[hash_chain.SIGNATURE])
    named = (event.get("id", row["event_id"]), str(event.get("sequence", row["sequence"])))
    return None if same and named == (row["event_id"], str(row["sequence"])) else DefectKind.ROW_ALTERED


def _keyid(raw: str) -> str | None:
    try:
        return PublicKey(bytes.fromhex(raw)).keyid
    except ValueError:
        return None


def _content_fault(trailed: TrailEvent) -> DefectKind | None:
    """The fault where entry or reading differ from the event."""
    if trailed.event.get(hash_chain.READING) != hash_chain.sha256_hex(trailed.reading or ""):
        return DefectKind.READING_ALTERED
    said = _entry_row(trailed.event)
    kept = {name: trailed.row[name] for name in _ENTRY}
    return (
        None
        if said is None or said == {**kept, "recorded_at": _to_event_time(kept["recorded_at"])}
        else DefectKind.ENTRY_ALTERED
    )


def _to_event_time(stored: str) -> str:
    """Convert a stored time to the spelling of events; unchanged where it is no time."""
    try:
        return datetime.fromisoformat(stored).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except ValueError:
        return stored


def _entry_row(event: Mapping[str, Any]) -> Row | None:
    """The entry in an event, as a row; None without one."""
    data = event.get("data")
    if not isinstance(data, dict) or "form" not in data:
        return None
    act = "amend" if "amends" in data else "cancel" if "cancels" in data else "record"
    return {
        "event_id": event["id"],
        "utterance_id": data["utterance"]["id"],
        "form": data["form"],
        "fields": to_json(data.get("fields", {})),
        "operator": data.get("operator"),
        "recorded_at": event["time"],
        "act": act,
        "replaces": data.get("amends", data.get("cancels")),
        "support": to_json([one["id"] for one in _supporting_recordings(event)]),
    }


def _supporting_recordings(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The supporting recordings that an event names."""
    data = event.get("data")
    support = event.get("support", data.get("support", []) if isinstance(data, dict) else [])
    return [one for one in support if isinstance(one, dict)] if isinstance(support, list) else []


def _file_sha256(path: Path) -> str | None:
    """The SHA-256 of a file in hex; None where it does not exist."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _parse_trailed(row: Row) -> TrailEvent:
    event = hash_chain.parse_event_or_empty(row["body"])
    erasure = event.get(ERASED)
    return TrailEvent(
        sequence=row["sequence"],
        previous=row["previous"],
        link=row["link"],
        event=event,
        audio_sha256=row["audio_sha256"],
        withheld=False,
        event_sha256=str(erasure.get("event_sha256")) if isinstance(erasure, dict) else None,
        event_id=row["event_id"],
        body=row["body"],
        audio_path=row["audio_path"],
        reading=row["reading"],
        row=row,
    )
