"""The recordings: one lossless FLAC file per utterance, beside the journal.

A file gets its final name once its content is durable, and names its utterance in a Vorbis comment: a crash between the
file and its row loses nothing. Until it has its row it lies in `new`: so a start need not search years of recordings
for what a crash left.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dockvoice_protocol.errors import StorageFailed
from dockvoice_protocol.instants import to_utc
from dockvoice_protocol.plain_file import PARTIAL, atomic_write, sync_directory
from edge.keep.codec import format_time
from edge.keep.storage import make_directory, translated_errors
from edge.records import SAMPLE_BYTES, SAMPLE_RATE, ClosedBy, Segment, Utterance

EVIDENCE = "evidence"  # The directory of recordings inside the state directory; in it, one directory per UTC day.
NEW = "new"  # The directory, beside the days, of recordings that have no row in the journal yet.
_TYPED = "typed"  # The key of typed or scanned text in a file's comment.
_DEVICE = "device"  # The key of the scanner's name.
_LANGUAGE = "language"  # The key of the spoken language, also in its row.


@dataclass(frozen=True, slots=True)
class Evidence:
    """The path, hash and length of a durable recording."""

    path: Path
    sha256: str  # Of the FLAC file's bytes, in hex.
    seconds: float


def _columns(utterance: Utterance) -> dict[str, str | int]:
    """The columns of an utterance without its sound and typed text. Positions are sample indices."""
    segment = utterance.segment
    return {
        "utterance_id": utterance.utterance_id,
        "form": utterance.form,
        "source": utterance.source,
        "heard_at": format_time(utterance.heard_at),
        "start": segment.start,
        "speech_start": segment.speech_start,
        "speech_end": segment.speech_end,
        "closed": segment.closed,
        "closing": segment.closing.value,
    }


def utterance_row(directory: Path, utterance: Utterance, recording: Evidence) -> dict[str, str | int | None]:
    """The row of `utterances` before the verdict."""
    is_new = recording.path.parent.name == NEW
    path = final_path(utterance) if is_new else recording.path.relative_to(directory)
    return {
        **_columns(utterance),
        _LANGUAGE: utterance.language,
        "samples": len(utterance.segment.pcm) // SAMPLE_BYTES,
        "audio_path": path.as_posix(),
        "audio_sha256": recording.sha256,
        "audio_bytes": recording.path.stat().st_size,
    }


def _parse_utterance(description: dict[str, Any], pcm: bytes) -> Utterance:
    """Parse the utterance in a file's comment. Raises KeyError, TypeError or ValueError."""
    return Utterance(
        utterance_id=description["utterance_id"],
        form=description["form"],
        source=description["source"],
        heard_at=datetime.fromisoformat(description["heard_at"]),
        segment=Segment(
            start=description["start"],
            speech_start=description["speech_start"],
            speech_end=description["speech_end"],
            closed=description["closed"],
            closing=ClosedBy(description["closing"]),
            pcm=pcm,
        ),
        typed=description.get(_TYPED),
        device=description.get(_DEVICE),
        language=description.get(_LANGUAGE),
    )


def write(directory: Path, utterance: Utterance, *, is_new: bool = True) -> Evidence:
    """Write the sound of `utterance` durably, to `new`.

    `is_new` false: to its final place, where the next start does not read it as a new utterance. Raises StorageFailed,
    ValueError when there is no sound.
    """
    flac = _encode(utterance)
    final = directory / final_path(utterance)
    path = directory / EVIDENCE / NEW / final.name if is_new else final
    with translated_errors(path):
        make_directory(path.parent)
        make_directory(final.parent)
        with atomic_write(path) as file:
            file.write(flac)
    return Evidence(path, hashlib.sha256(flac).hexdigest(), utterance.segment.seconds)


def final_path(utterance: Utterance) -> Path:
    """The recording's final path, relative to the state directory."""
    return Path(EVIDENCE) / f"{to_utc(utterance.heard_at):%Y-%m-%d}" / f"{utterance.utterance_id}.flac"


def put_in_place(recording: Path, final: Path) -> None:
    """Move a recording to its final path, if it is not there. One of its names survives any power cut.

    The new name is synced at once; the removal of the old name is synced with the next recording.
    """
    with translated_errors(final):
        if recording.exists():
            make_directory(final.parent)
            recording.replace(final)
        if final.exists():  # moved just now, or by a run that was killed before the sync
            sync_directory(final.parent)


def read(path: Path, row: Mapping[str, Any]) -> Utterance:
    """Read the utterance of a row with its sound.

    Raises StorageFailed if the file is missing or altered.
    """
    with translated_errors(path):
        flac = path.read_bytes()
    if hashlib.sha256(flac).hexdigest() != row["audio_sha256"]:
        raise StorageFailed(f"{path}: is not the recording that was written; restore it from a copy")
    comment, pcm = _decode(path, flac)
    members = json.loads(comment)
    return _parse_utterance({**row, _TYPED: members.get(_TYPED), _DEVICE: members.get(_DEVICE)}, pcm)


def read_without_row(path: Path) -> tuple[Utterance, Evidence]:
    """Read an utterance from its file alone. Raises StorageFailed if the file is invalid."""
    with translated_errors(path):
        flac = path.read_bytes()
    comment, pcm = _decode(path, flac)
    try:
        utterance = _parse_utterance(json.loads(comment), pcm)
    except (KeyError, TypeError, ValueError):
        raise StorageFailed(f"{path}: does not say whose sound it is; move it out of {EVIDENCE}") from None
    return utterance, Evidence(path, hashlib.sha256(flac).hexdigest(), utterance.segment.seconds)


def list_recordings(directory: Path) -> list[Path]:
    """All recordings below the state directory, oldest day first."""
    return sorted((directory / EVIDENCE).glob("*/*.flac"))


def list_new(directory: Path) -> list[Path]:
    """The recordings without a row, in the order in which they were made."""
    return sorted((directory / EVIDENCE / NEW).glob("*.flac"))


def load_new(directory: Path, utterance_id: str) -> Evidence | None:
    """A complete recording that has no row yet; None without one."""
    path = directory / EVIDENCE / NEW / f"{utterance_id}.flac"
    return read_without_row(path)[1] if path.exists() else None


def remove(path: Path) -> None:
    """Delete a recording, and its day's directory with the last one; missing files are ignored."""
    with translated_errors(path):
        path.unlink(missing_ok=True)
        with suppress(OSError):  # others are left of that day
            path.parent.rmdir()


def sync_removed(directory: Path, removed: Iterable[Path]) -> None:
    """Make the removal of these recordings durable."""
    with translated_errors(directory / EVIDENCE):
        for day in {path.parent for path in removed}:
            if day.exists():
                sync_directory(day)
        sync_directory(directory / EVIDENCE)


def remove_partial_files(directory: Path) -> None:
    """Remove partial files after a crash: they were never acknowledged."""
    for leftover in (directory / EVIDENCE / NEW).glob(f"*{PARTIAL}"):
        leftover.unlink()


def _comment_of(utterance: Utterance) -> str:
    """What was typed or scanned is stored here only: the file is durable first, and its hash is in the event."""
    file_only = {_TYPED: utterance.typed, _DEVICE: utterance.device, _LANGUAGE: utterance.language}
    return json.dumps({**_columns(utterance), **{key: value for key, value in file_only.items() if value is not None}})


# numpy and soundfile are imported lazily: listing the queue does not need them.


def _encode(utterance: Utterance) -> bytes:
    import numpy as np  # noqa: PLC0415
    import soundfile  # noqa: PLC0415

    pcm = utterance.segment.pcm
    if not pcm or len(pcm) % SAMPLE_BYTES:
        raise ValueError(f"{utterance.utterance_id}: {len(pcm)} bytes are not whole samples of sound")
    memory = io.BytesIO()
    with soundfile.SoundFile(memory, "w", SAMPLE_RATE, 1, subtype="PCM_16", format="FLAC") as file:
        file.comment = _comment_of(utterance)
        file.write(np.frombuffer(pcm, dtype="<i2").astype(np.int16, copy=False))
    return memory.getvalue()


def _decode(path: Path, flac: bytes) -> tuple[str, bytes]:
    import soundfile  # noqa: PLC0415

    try:
        with soundfile.SoundFile(io.BytesIO(flac)) as file:
            return file.comment, file.read(dtype="int16").astype("<i2", copy=False).tobytes()
    except soundfile.SoundFileError as fault:
        raise StorageFailed(f"{path}: is not a FLAC file ({fault}); restore it from a copy") from None
