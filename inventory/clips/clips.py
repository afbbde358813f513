"""Clips: the recordings that devices sent, their transfer, and the requests to listen.

The audio is a file, a file for each utterance; the row, updated after the file, says how much of it is safe. The row is
locked while the file is written. A file's name is a hash of site, device and utterance: nothing received over the
network becomes a path.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, insert, select, update

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import UnreadableInput, describe_os_error
from dockvoice_protocol.events import ClipAnswer, ClipChunk, ClipOffered, ClipReceipt, ClipUnavailable
from dockvoice_protocol.signed import ClipRequest
from inventory.store import outbox
from inventory.store.database import begin
from inventory.store.outbox import Message, MessageKind
from inventory.store.tables import clip_requests, clips, entries, events, reviews

MB = 1_000_000  # Bytes.
_SUFFIX = ".flac"

_HASH_DIFFERS = "hash_differs"  # The received audio differs from the signed hash.
OUTLIVED, MADE_ROOM, LOST = "outlived", "made_room", "lost"  # Why a stored recording was removed.


class ClipState(StrEnum):
    """State of a recording's transfer."""

    ASKED = "asked"  # Requested from its device.
    ARRIVING = "arriving"
    HERE = "here"
    GONE = "gone"  # The device has none, or sends none, with the reason.
    REJECTED = "rejected"  # The received audio differs from the signed hash.
    REMOVED = "removed"  # It was here before.


_COMING = (ClipState.ASKED, ClipState.ARRIVING)

_STALLED = timedelta(minutes=10)
"""A transfer without progress for this long is requested again by the next request to listen: a restored copy of these
tables may wait for audio that its device sent long ago."""


@dataclass(frozen=True, slots=True)
class SignedSound:
    """The recording of one utterance, as its device signed it."""

    site: str
    device: str
    utterance_id: str
    audio_sha256: str
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Clip:
    """The transfer of one recording."""

    site: str
    device: str
    utterance_id: str
    audio_sha256: str
    state: ClipState
    why: str | None
    have: int  # Chunks stored.
    chunks: int  # Chunks in total; 0 if not known yet.
    kept: int  # Bytes stored.
    bytes: int  # Bytes in total.
    changed_at: datetime

    @property
    def sound(self) -> SignedSound:
        """The signed recording that is transferred."""
        return SignedSound(self.site, self.device, self.utterance_id, self.audio_sha256)


@dataclass(frozen=True, slots=True)
class ListeningRequest:
    """A request to listen to a recording."""

    request: str
    who: str
    reason: str = field(repr=False)
    asked_at: datetime
    noted_at: datetime | None  # When the device confirmed that its journal has it; None: not yet.


class NoSound(UnreadableInput):
    """There is no audio; the message gives the reason."""


class ClipFolder:
    """The folder of audio files. Safe for several processes if each locks a clip's row while it writes."""

    def __init__(self, folder: Path, free_mb: float = 0) -> None:
        """`free_mb`: space on the disk that clips must leave free."""
        self.folder = folder
        self._free = int(free_mb * MB)

    def bytes_to_free(self, size: int) -> int:
        """Bytes to free before `size` more can be stored. Raises OSError."""
        self._make()
        return max(0, size + self._free - shutil.disk_usage(self.folder).free)

    def append_unless_shorter(self, sound: SignedSound, offset: int, data: bytes) -> bool:
        """Write bytes after the first `offset`, durably; False if the file has fewer.

        Bytes after the offset, left by an interrupted attempt, are truncated. Raises OSError.
        """
        self._make()
        path = self._path(sound)
        is_new = not path.exists()
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b") as file:
            if file.seek(0, os.SEEK_END) < offset:
                return False
            file.truncate(offset)
            file.seek(offset)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            plain_file.sync_directory(self.folder)
        return True

    def is_as_signed(self, sound: SignedSound) -> bool:
        """Whether the file has the hash that its device signed. Raises OSError."""
        with self._path(sound).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sound.audio_sha256

    def remove(self, sound: SignedSound) -> None:
        """Delete the file, if any. Raises OSError."""
        self._path(sound).unlink(missing_ok=True)

    def read_verified(self, clip: Clip) -> bytes:
        """The recording as FLAC bytes. Raises NoSound: not here, unreadable, or not what the device signed."""
        if clip.state is not ClipState.HERE:
            why = f", {clip.why}" if clip.why else ""
            raise NoSound(f"{clip.utterance_id}: is not here ({clip.state}{why})")
        path = self._path(clip.sound)
        try:
            sound = path.read_bytes()
        except OSError as fault:
            raise NoSound(f"{path}: {describe_os_error(fault)}; ask for it once more") from None
        if hashlib.sha256(sound).hexdigest() != clip.audio_sha256:
            raise NoSound(f"{path}: is not what the device sent; ask for it once more")
        return sound

    def remove_except(self, kept: Collection[SignedSound]) -> None:
        """Delete all files except those of `kept`. Raises OSError."""
        names = {self._path(sound).name for sound in kept}
        for path in self.folder.glob(f"*{_SUFFIX}"):
            if path.name not in names:
                path.unlink(missing_ok=True)

    def _path(self, sound: SignedSound) -> Path:
        whose = f"{sound.site}\n{sound.device}\n{sound.utterance_id}"
        return self.folder / f"{hashlib.sha256(whose.encode()).hexdigest()}{_SUFFIX}"

    def _make(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _find_sounds(transaction: Connection, which: str) -> list[SignedSound]:
    """The recordings of an entry, by its event's id, or that of one utterance; empty if unknown."""
    of_event = transaction.execute(
        select(events.c.site, events.c.device, events.c.body).where(events.c.event_id == which)
    ).one_or_none()
    if of_event is not None:
        data = json.loads(of_event.body)["data"]
        said = [data["utterance"], *data.get("support", [])]
        return [_parse_sound(of_event.site, of_event.device, one) for one in said]
    reviewed = select(reviews.c.site, reviews.c.device, reviews.c.body).where(reviews.c.utterance_id == which)
    entered = select(events.c.site, events.c.device, events.c.body).join(
        entries, entries.c.event_id == events.c.event_id
    )
    for query in (entered.where(entries.c.utterance_id == which).limit(1), reviewed.limit(1)):
        for row in transaction.execute(query):
            return [_parse_sound(row.site, row.device, json.loads(row.body)["data"]["utterance"])]
    return []


def _parse_sound(site: str, device: str, said: Mapping[str, Any]) -> SignedSound:
    return SignedSound(site, device, said["id"], said["audio_sha256"], said["audio_seconds"])


def _load_clip(transaction: Connection, sound: SignedSound) -> Clip | None:
    """The recording's transfer; None if it was neither requested nor sent."""
    row = transaction.execute(select(clips).where(*_match_sound(sound))).mappings().one_or_none()
    return None if row is None else _parse_clip(row)


def _load_clips(transaction: Connection, state: ClipState | None) -> list[Clip]:
    """All clips, or those in this state, the newest first."""
    wanted = select(clips).order_by(clips.c.changed_at.desc(), clips.c.utterance_id)
    rows = transaction.execute(wanted if state is None else wanted.where(clips.c.state == state.value)).mappings()
    return [_parse_clip(row) for row in rows]


def _mark_asked_unless_here_or_coming(transaction: Connection, sound: SignedSound, now: datetime) -> bool:
    """Mark the recording as requested if it is neither stored nor in transfer; whether the device must send it."""
    row = _lock_row(transaction, sound)
    if row is not None and row["audio_sha256"] == sound.audio_sha256:
        if row["state"] == ClipState.HERE:
            return False
        if row["state"] in _COMING:
            return bool(row["changed_at"] < now - _STALLED)
    anew = {"state": ClipState.ASKED.value, "why": None, "have": 0, "chunks": 0, "kept": 0, "bytes": 0}
    _save_row(transaction, sound, row, {**anew, "audio_sha256": sound.audio_sha256}, now)
    return True


def _record_request(transaction: Connection, sound: SignedSound, request: ClipRequest, now: datetime) -> None:
    """Store a request to listen."""
    row = {"site": sound.site, "device": sound.device, "utterance_id": sound.utterance_id}
    row |= {"request": request.request, "who": request.who, "reason": request.reason}
    transaction.execute(insert(clip_requests).values({**row, "asked_at": now}))


def _find_objection(transaction: Connection, sound: SignedSound, row: RowMapping | None) -> ClipAnswer | None:
    """The answer that rejects further chunks; None if the next one is wanted."""
    if row is None:
        signed = {one.audio_sha256 for one in _find_sounds_of(transaction, sound)}
        return None if sound.audio_sha256 in signed else ClipAnswer.REJECTED if signed else ClipAnswer.LATER
    same = row["audio_sha256"] == sound.audio_sha256
    if row["state"] in _COMING:
        return None if same else ClipAnswer.REJECTED
    return ClipAnswer.HERE if same and row["state"] == ClipState.HERE else ClipAnswer.UNWANTED


def _reject(transaction: Connection, sound: SignedSound, row: RowMapping | None, now: datetime) -> ClipReceipt:
    _save_row(transaction, sound, row, {"state": ClipState.REJECTED.value, "why": _HASH_DIFFERS}, now)
    return ClipReceipt(sound.utterance_id, ClipAnswer.REJECTED)


def _find_sounds_of(transaction: Connection, sound: SignedSound) -> Sequence[SignedSound]:
    """The recording of this utterance in an event or a review of its device."""
    found = _find_sounds(transaction, sound.utterance_id)
    return [one for one in found if (one.site, one.device) == (sound.site, sound.device)]


def _lock_row(transaction: Connection, sound: SignedSound) -> RowMapping | None:
    return transaction.execute(select(clips).where(*_match_sound(sound)).with_for_update()).mappings().one_or_none()


def _save_row(
    transaction: Connection, sound: SignedSound, row: RowMapping | None, values: Mapping[str, Any], now: datetime
) -> None:
    if row is not None:
        transaction.execute(update(clips).where(*_match_sound(sound)).values({**values, "changed_at": now}))
        return
    whose = {"site": sound.site, "device": sound.device, "utterance_id": sound.utterance_id}
    anew = {"audio_sha256": sound.audio_sha256, "why": None, "have": 0, "chunks": 0, "kept": 0, "bytes": 0}
    transaction.execute(insert(clips).values({**whose, **anew, **values, "changed_at": now}))


def _match_sound(sound: SignedSound) -> tuple[Any, ...]:
    return (clips.c.site == sound.site, clips.c.device == sound.device, clips.c.utterance_id == sound.utterance_id)


def _parse_clip(row: RowMapping) -> Clip:
    return Clip(**{**{name: row[name] for name in Clip.__dataclass_fields__}, "state": ClipState(row["state"])})


class ClipStore:
    """The clips of one database. Safe for several threads and processes."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    def find_sounds(self, which: str) -> list[SignedSound]:
        """The recordings of an entry, by its event's id; or that of one utterance. Raises Unavailable.

        The utterance comes first, then those that corrected or completed it. Empty if unknown.
        """
        with begin(self._engine) as transaction:
            return _find_sounds(transaction, which)

    def load_clip(self, sound: SignedSound) -> Clip | None:
        """The transfer of a recording; None if it was never requested. Raises Unavailable."""
        with begin(self._engine) as transaction:
            return _load_clip(transaction, sound)

    def load_clips(self, state: ClipState | None = None) -> list[Clip]:
        """The requested or received recordings, or those in this state, the newest first. Raises Unavailable."""
        with begin(self._engine) as transaction:
            return _load_clips(transaction, state)

    def load_requests(self, sound: SignedSound) -> list[ListeningRequest]:
        """The requests to listen to the recording, the newest first. Raises Unavailable."""
        its = (clip_requests.c.site == sound.site, clip_requests.c.device == sound.device)
        wanted = select(clip_requests).where(*its, clip_requests.c.utterance_id == sound.utterance_id)
        wanted = wanted.order_by(clip_requests.c.asked_at.desc(), clip_requests.c.request)
        names = ListeningRequest.__dataclass_fields__
        with begin(self._engine) as transaction:
            rows = transaction.execute(wanted).mappings()
            return [ListeningRequest(**{name: row[name] for name in names}) for row in rows]

    def record_request(
        self, sound: SignedSound, signed: Callable[..., tuple[ClipRequest, Message]], publish_after: timedelta
    ) -> tuple[Clip, list[int]]:
        """Record a request to listen; `signed` makes the request, with `wanted` if the device must send the audio.

        Returns the clip, and the ids of the outbox rows.
        """
        with begin(self._engine) as transaction:
            now = self._now()
            request, sending = signed(wanted=_mark_asked_unless_here_or_coming(transaction, sound, now))
            _record_request(transaction, sound, request, now)
            entered = outbox.insert_messages(transaction, [sending], now, held=publish_after)
            asked = _load_clip(transaction, sound)
        if asked is None:
            raise LookupError(f"{sound.utterance_id}: was not kept")
        return asked, entered

    def mark_request_noted(self, site: str, device: str, request: str) -> None:
        """Record that the device has this request in its journal. Raises Unavailable."""
        with begin(self._engine) as transaction:
            now = self._now()
            its = (clip_requests.c.request == request, clip_requests.c.site == site, clip_requests.c.device == device)
            unnoted = (*its, clip_requests.c.noted_at.is_(None))
            transaction.execute(update(clip_requests).where(*unnoted).values(noted_at=now))
            outbox.delete_confirmed(transaction, MessageKind.CLIP_REQUEST, site, device, request)

    def mark_gone(self, site: str, device: str, said: ClipUnavailable) -> ClipReceipt:
        """Record why a recording is not sent; the answer. Raises Unavailable."""
        with begin(self._engine) as transaction:
            now = self._now()
            sound = SignedSound(site, device, said.utterance_id, "")
            row = _lock_row(transaction, sound)
            if row is not None and row["state"] in _COMING:
                _save_row(transaction, sound, row, {"state": ClipState.GONE.value, "why": said.why.value}, now)
            return ClipReceipt(said.utterance_id, ClipAnswer.NOTED)

    def handle_offer(self, site: str, device: str, said: ClipOffered) -> ClipReceipt:
        """Begin or resume a transfer; answer the number of chunks stored, or why none is wanted. Raises Unavailable."""
        with begin(self._engine) as transaction:
            now = self._now()
            sound = SignedSound(site, device, said.utterance_id, said.audio_sha256)
            row = _lock_row(transaction, sound)
            match _find_objection(transaction, sound, row):
                case None if row is not None and (row["chunks"], row["bytes"]) == (said.chunks, said.bytes):
                    return ClipReceipt(said.utterance_id, ClipAnswer.WANTED, row["have"])
                case None:
                    sized = {"chunks": said.chunks, "bytes": said.bytes, "have": 0, "kept": 0}
                    _save_row(transaction, sound, row, {**sized, "state": ClipState.ARRIVING.value, "why": None}, now)
                    return ClipReceipt(said.utterance_id, ClipAnswer.WANTED, 0)
                case ClipAnswer.REJECTED:
                    return _reject(transaction, sound, row, now)
                case answer:
                    return ClipReceipt(said.utterance_id, answer)

    def store_chunk(self, site: str, device: str, said: ClipChunk, files: ClipFolder) -> ClipReceipt:
        """Store a chunk, if it is the next one; the answer. Raises Unavailable, and OSError from the folder."""
        with begin(self._engine) as transaction:
            now = self._now()
            sound = SignedSound(site, device, said.utterance_id, said.audio_sha256)
            row = _lock_row(transaction, sound)
            if row is None or row["state"] != ClipState.ARRIVING or row["chunks"] != said.chunks:
                objection = _find_objection(transaction, sound, row)
                return ClipReceipt(said.utterance_id, objection or ClipAnswer.LATER)  # it must be offered first
            if said.number != row["have"] + 1:
                return ClipReceipt(said.utterance_id, ClipAnswer.WANTED, row["have"])
            kept = row["kept"] + len(said.data)
            if row["audio_sha256"] != said.audio_sha256 or kept > row["bytes"]:
                return _reject(transaction, sound, row, now)
            if not files.append_unless_shorter(sound, row["kept"], said.data):
                _save_row(transaction, sound, row, {"have": 0, "kept": 0}, now)  # the file was lost: start again
                return ClipReceipt(said.utterance_id, ClipAnswer.WANTED, 0)
            whole = said.number == row["chunks"]
            if whole and not files.is_as_signed(sound):
                return _reject(transaction, sound, row, now)
            state = ClipState.HERE if whole else ClipState.ARRIVING
            _save_row(transaction, sound, row, {"have": said.number, "kept": kept, "state": state.value}, now)
            return ClipReceipt(said.utterance_id, ClipAnswer.HERE if whole else ClipAnswer.WANTED, said.number)

    def mark_removed(self, sound: SignedSound, why: str) -> None:
        """Record that a stored recording was removed. Raises Unavailable."""
        with begin(self._engine) as transaction:
            now = self._now()
            row = _lock_row(transaction, sound)
            if row is not None and row["state"] == ClipState.HERE:
                _save_row(transaction, sound, row, {"state": ClipState.REMOVED.value, "why": why}, now)

    def mark_expired(self, kept: timedelta, budget: int) -> list[SignedSound]:
        """Mark as removed what is older than `kept`, and the oldest beyond `budget` bytes; the files to delete."""
        with begin(self._engine) as transaction:
            now = self._now()
            staying = 0
            going: list[tuple[Clip, str]] = []
            for one in [*_load_clips(transaction, ClipState.ARRIVING), *_load_clips(transaction, ClipState.HERE)]:
                staying += one.kept
                if one.changed_at < now - kept:
                    going.append((one, OUTLIVED))
                elif one.state is ClipState.HERE and staying > budget:
                    going.append((one, MADE_ROOM))
            for one, why in going:
                values = {"state": ClipState.REMOVED.value, "why": why, "changed_at": now}
                transaction.execute(update(clips).where(*_match_sound(one.sound)).values(values))
            return [one.sound for one, _ in going]
