"""The audit: does the chain of a journal's events hold, are recordings and readings under it the same, and a bundle.

    state directory/journal.anchor    {"sequence": …, "link": …, "removed_at": …, "keyid": …, "signature": …}

The chain of a journal whose oldest entries were removed begins at its anchor: the link that the first kept event
continues, signed. A chain whose beginning is gone could have been cut off by anybody; the anchor says that the device
itself removed what is gone, and up to where. What it is not signed for is missing. It is a file of its own, so that it
outlives a journal that has to be rebuilt.

A bundle holds events with all that proves them, in one ZIP file that a third party can check without this program:

    README.txt                  how to check it
    keys/ef319b84d3168ddb.pub   the public key with this id, 32 bytes
    0000000017/event.json       the event with this sequence as published, byte for byte
    0000000017/reading.json     the whole reading it was made from
    0000000017/audio.flac       the recording, unless it was removed to make room

docs/verify_bundle.py checks one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO, Self
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from edge import hash_chain
from edge.errors import StorageFailed, UnreadableInput
from edge.hash_chain import GENESIS, Broken, Chain, Chained, PublicKey, Signer, Span, Wrong
from edge.keep.codec import now
from edge.keep.database import JournalDatabase, Row
from edge.keep.storage import refusals, sync_directory

ANCHOR = "journal.anchor"

README = """\
Entries dictated to a Dockvoice device, with what proves them. Each folder is one event, named by its number.

  event.json     the event as the device published it
  reading.json   what its recogniser heard
  audio.flac     the recording; missing where the device has removed it to make room
  keys/ID.pub    the public key (Ed25519, 32 bytes) with the key id ID

docs/verify_bundle.py of Dockvoice checks all of it. To check by other means:

1. SHA-256 of reading.json is `readingsha256` of the event, SHA-256 of audio.flac its `data.utterance.audio_sha256`.
2. Take the event without its members `chain` and `signature`, and write it as JSON with sorted keys and no spaces, in
   UTF-8, numbers as they stand in event.json. E is the SHA-256 of that, in hex.
3. SHA-256 of the three lines `previous` of the event, E and `data.utterance.audio_sha256`, each ended by a line feed,
   is `chain` of the event.
4. `signature` is the Ed25519 signature of the 64 characters of `chain` by the key named in `keyid`.
5. A key id is the first 16 hex digits of the SHA-256 of the key. A bundle proves as much as you trust its key: compare
   the id with the one that the owner of the device tells you.
6. `previous` of an event is `chain` of the event before it, where the bundle holds that one too.
"""

_PARTIAL = ".partial"

_TRAIL = """
    SELECT a.sequence, a.previous, a.link, a.event_id, o.body,
        u.audio_sha256, u.audio_path, u.audio_removed_at, u.reading
    FROM audit a JOIN outbox o USING (event_id, sequence) JOIN entries e USING (event_id, sequence)
    JOIN utterances u USING (utterance_id)
"""

_PAGE = 1000  # Rows read at a time: some megabytes.


@dataclass(frozen=True, slots=True)
class Trailed(Chained):
    """One event of the audit trail, with what else an audit looks at."""

    event_id: str
    body: str = field(repr=False)  # The event as published, byte for byte.
    audio_path: str  # Relative to the state directory.
    audio_removed_at: str | None  # When the recording was removed to make room; None while it must be there.
    reading: str | None = field(repr=False)  # The JSON text of the reading that the entry was made from.


class AuditTrail:
    """The chain over the events of one journal."""

    def __init__(self, db: JournalDatabase) -> None:
        self._db = db
        self.directory = db.path.parent

    @property
    def forgotten(self) -> int:
        """The last number whose entry was removed to make room; 0 where none was."""
        return Anchor.read(self.directory).sequence

    def events(self, after: int = 0) -> Iterator[Trailed]:
        """Every event behind this number with its link and all it rests on, in the order of their sequence.

        Read in pages: an audit of a long journal must not keep the agent's log (WAL) from being folded in.
        """
        last = after
        while page := self._db.rows(f"{_TRAIL} WHERE a.sequence > ? ORDER BY a.sequence LIMIT {_PAGE}", last):
            yield from map(_trailed, page)
            last = page[-1]["sequence"]

    def event(self, event_id: str) -> Trailed | None:
        """One event as `events` tells it; None if it was not committed here."""
        found = self._db.rows(f"{_TRAIL} WHERE a.event_id = ?", event_id)
        return _trailed(found[0]) if found else None

    def last_sequence(self) -> int:
        """The number of the newest event, by whichever table still has it; 0 before the first."""
        newest = "SELECT max(sequence) AS n FROM entries UNION SELECT max(sequence) FROM outbox"
        return max(row["n"] or 0 for row in self._db.rows(newest))

    def keys(self) -> dict[str, PublicKey]:
        """The public keys this device signed with, by key id. What is no key any more has signed nothing."""
        known = {}
        for row in self._db.rows("SELECT DISTINCT public_key FROM audit WHERE public_key IS NOT NULL"):
            with suppress(ValueError):
                key = PublicKey(bytes.fromhex(row["public_key"]))
                known[key.keyid] = key
        return known


@dataclass(frozen=True, slots=True)
class Anchor:
    """Up to where entries were removed. Sequence 0: none were, and nothing is signed."""

    sequence: int = 0  # The last number that is gone.
    link: str = GENESIS  # The link of that event.
    removed_at: str | None = None
    keyid: str | None = None
    signature: str | None = None

    @classmethod
    def signed(cls, sequence: int, link: str, signer: Signer) -> Self:
        """The statement of the device that it removed everything up to this event."""
        removed_at = now()
        signature = signer.sign(_statement(sequence, link, removed_at))
        return cls(sequence, link, removed_at, signer.public.keyid, signature)

    @classmethod
    def read(cls, directory: Path) -> Self:
        """The anchor in a state directory. Raises StorageFailed where it is there and cannot be made out."""
        path = directory / ANCHOR
        with refusals(path):
            if not path.exists():
                return cls()
            written = path.read_bytes()
        try:
            return cls(**json.loads(written))
        except (ValueError, TypeError):
            raise StorageFailed(f"{path}: is no anchor of a journal any more; put it back from a copy") from None

    def write(self, directory: Path) -> None:
        """Put it on the disk in the place of the last one. Raises StorageFailed."""
        path = directory / ANCHOR
        partial = path.with_name(ANCHOR + _PARTIAL)
        with refusals(path):
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(json.dumps(asdict(self)))
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            sync_directory(directory)

    def wrong(self, keys: Mapping[str, PublicKey]) -> Wrong | None:
        """What is wrong with it, when these are the device's keys; None where nothing is."""
        if not self.sequence:
            return None
        key = keys.get(str(self.keyid))
        if key is None:
            return Wrong.UNKNOWN_KEY
        statement = _statement(self.sequence, self.link, str(self.removed_at))
        return None if key.signed(statement, str(self.signature)) else Wrong.FORGED


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found."""

    events: int  # How many hold, from the first one on that is kept.
    removed: int  # Of how many of them the recording was removed to make room.
    broken: Broken | None
    """The first event with which something is wrong, and where the audit ended; None when all of it is whole."""
    spans: tuple[Span, ...]  # Who signed what.
    forgotten: int = 0  # How many events before them the device removed to make room.


@dataclass(frozen=True, slots=True)
class Bundled:
    """What went into a bundle."""

    events: int
    unsigned: int  # Events left out: they are from before events were signed, and would prove nothing.
    silent: int  # Events without their recording, which is not on the device any more.


def verify(trail: AuditTrail, tell: Callable[[int], None] = lambda _: None) -> AuditReport:
    """Follow the journal's events from the first one until something is wrong.

    `tell` hears after each event how many hold. Works beside the process that writes: what is committed meanwhile may
    be looked at or not. Raises StorageFailed where the disk does not give back what is there.
    """
    keys, anchor = trail.keys(), Anchor.read(trail.directory)
    if wrong := anchor.wrong(keys):
        return AuditReport(0, 0, Broken(anchor.sequence, wrong), ())
    links = Chain(keys)
    links.last, links.link = anchor.sequence, anchor.link
    newest, removed = trail.last_sequence(), 0
    for trailed in trail.events(after=anchor.sequence):
        recording = trail.directory / trailed.audio_path
        if wrong := links.wrong_with(trailed) or _reading_wrong(trailed) or _recording_wrong(trailed, recording):
            break
        links.grow(trailed)
        removed += not recording.exists()
        tell(links.last)
    if wrong is None and links.last < newest:
        wrong = Wrong.MISSING
    broken = None if wrong is None else Broken(links.last + 1, wrong)
    return AuditReport(links.last - anchor.sequence, removed, broken, tuple(links.spans), anchor.sequence)


def export(
    trail: AuditTrail, events: Iterable[Trailed], path: Path, tell: Callable[[int], None] = lambda _: None
) -> Bundled:
    """Write a new bundle of `events` to `path`, readable by its owner only: it holds what people said.

    `tell` hears after each event how many were looked at. Raises UnreadableInput where no file can be made there,
    StorageFailed.
    """
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            return _bundle(trail, events, file, tell)
    except FileExistsError:
        raise UnreadableInput(f"{path}: exists already; name another file") from None
    except OSError as fault:
        path.unlink(missing_ok=True)
        raise UnreadableInput(f"{path}: cannot be written ({fault.strerror}); name another file") from None
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _reading_wrong(trailed: Trailed) -> Wrong | None:
    tied = trailed.event.get(hash_chain.READING)  # none, from before events were signed
    return Wrong.READING_ALTERED if tied not in {None, hash_chain.sha256(trailed.reading or "")} else None


def _recording_wrong(trailed: Trailed, path: Path) -> Wrong | None:
    with refusals(path):
        if not path.exists():
            return Wrong.RECORDING_MISSING if trailed.audio_removed_at is None else None
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    return None if found == trailed.audio_sha256 else Wrong.RECORDING_ALTERED


def _trailed(row: Row) -> Trailed:
    return Trailed(event=hash_chain.parsed(row["body"]), withheld=False, **row)


def _statement(sequence: int, link: str, removed_at: str) -> str:
    return hash_chain.sha256(f"removed up to\n{sequence}\n{link}\n{removed_at}\n")


def _bundle(trail: AuditTrail, events: Iterable[Trailed], file: BinaryIO, tell: Callable[[int], None]) -> Bundled:
    signed = unsigned = silent = 0
    with ZipFile(file, "w", ZIP_DEFLATED) as bundle:
        bundle.writestr("README.txt", README)
        for key in trail.keys().values():
            bundle.writestr(f"keys/{key.keyid}.pub", key.raw)
        for trailed in events:
            if hash_chain.SIGNATURE in trailed.event:
                signed += 1
                silent += not _add(bundle, trailed, trail.directory)
            else:
                unsigned += 1
            tell(signed + unsigned)
    return Bundled(signed, unsigned, silent)


def _add(bundle: ZipFile, trailed: Trailed, directory: Path) -> bool:
    """Add one event; whether its recording is there too."""
    folder = f"{trailed.sequence:010}"
    bundle.writestr(f"{folder}/event.json", trailed.body)
    bundle.writestr(f"{folder}/reading.json", trailed.reading or "")
    recording = directory / trailed.audio_path
    with refusals(recording):
        if there := recording.exists():
            bundle.writestr(f"{folder}/audio.flac", recording.read_bytes(), ZIP_STORED)  # FLAC is compressed as it is
    return there
