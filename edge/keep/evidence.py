"""The recordings that prove what was said: one FLAC file per utterance, lossless, beside the journal.

A file has its final name only when its content is on the disk, and it says itself whose sound it is (a Vorbis comment):
a crash between the file and its row in the journal loses nothing. Until it has its row, it lies among the new ones: so
a start need not look through years of recordings for what a crash left.
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
from dockvoice_protocol.instants import in_utc
from edge.keep.storage import PARTIAL, make_directory, refusals, replacing, sync_directory
from edge.records import SAMPLE_BYTES, SAMPLE_RATE, Closing, Segment, Utterance

EVIDENCE = "evidence"  # The directory of recordings inside the state directory; in it, one directory per UTC day.
NEW = "new"  # The directory, beside the days, of recordings that have no row in the journal yet.
_TYPED = "typed"  # The key, in a file's comment, of what was typed in the place of speech, or scanned.
_DEVICE = "device"  # Likewise of the scanner's name.
_LANGUAGE = "language"  # Likewise, and in its row, of the language that was spoken.


@dataclass(frozen=True, slots=True)
class Evidence:
    """A recording that is safely on the disk."""

    path: Path
    sha256: str  # Of the FLAC file's bytes, in hex.
    seconds: float


def describe(utterance: Utterance) -> dict[str, str | int]:
    """All that a row holds of an utterance: neither its sound nor what was typed. Positions are sample indices."""
    segment = utterance.segment
    return {
        "utterance_id": utterance.utterance_id,
        "form": utterance.form,
        "source": utterance.source,
        "heard_at": in_utc(utterance.heard_at).isoformat(timespec="microseconds"),
        "start": segment.start,
        "speech_start": segment.speech_start,
        "speech_end": segment.speech_end,
        "closed": segment.closed,
        "closing": segment.closing.value,
    }


def columns(directory: Path, utterance: Utterance, recording: Evidence) -> dict[str, str | int | None]:
    """The row of `utterances` for what was heard, before it has a verdict."""
    is_new = recording.path.parent.name == NEW
    path = place(utterance) if is_new else recording.path.relative_to(directory)
    return {
        **describe(utterance),
        _LANGUAGE: utterance.language,
        "samples": len(utterance.segment.pcm) // SAMPLE_BYTES,
        "audio_path": path.as_posix(),
        "audio_sha256": recording.sha256,
        "audio_bytes": recording.path.stat().st_size,
    }


def recall(description: dict[str, Any], pcm: bytes) -> Utterance:
    """The utterance that a file's comment described. Raises KeyError, TypeError or ValueError if it did not."""
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
            closing=Closing(description["closing"]),
            pcm=pcm,
        ),
        typed=description.get(_TYPED),
        device=description.get(_DEVICE),
        language=description.get(_LANGUAGE),
    )


def write(directory: Path, utterance: Utterance, *, is_new: bool = True) -> Evidence:
    """Put the sound of `utterance` on the disk, among the new recordings; it is safe when this returns.

    `is_new`: otherwise at its final place, where a crash leaves nothing that the next start would read as just heard.
    Raises StorageFailed when the disk refuses, ValueError when there is no sound.
    """
    flac = _encode(utterance)
    final = directory / place(utterance)
    path = directory / EVIDENCE / NEW / final.name if is_new else final
    with refusals(path):
        make_directory(path.parent)
        make_directory(final.parent)
        with replacing(path) as file:
            file.write(flac)
    return Evidence(path, hashlib.sha256(flac).hexdigest(), utterance.segment.seconds)


def place(utterance: Utterance) -> Path:
    """Where its recording belongs, relative to the state directory."""
    return Path(EVIDENCE) / f"{in_utc(utterance.heard_at):%Y-%m-%d}" / f"{utterance.utterance_id}.flac"


def put_in_place(recording: Path, final: Path) -> None:
    """Move a recording to where its row says it is, if it is not there yet. One of its names survives any power cut.

    Its new name is made durable at once: when the next recording is, the old name is durably gone.
    """
    with refusals(final):
        if recording.exists():
            make_directory(final.parent)
            recording.replace(final)
        if final.exists():  # moved by a run that was killed before its name was durable, or just now
            sync_directory(final.parent)


def another_id(utterance_id: str, event_id: str) -> str:
    """The id of an utterance that is another one's sound once more, for this event's sake: as old, and always the same.

    It is a UUIDv7 like the other: the time stands in its first twelve digits.
    """
    digits = hashlib.sha256(f"{utterance_id}\n{event_id}".encode("ascii")).hexdigest()
    return f"{utterance_id[:14]}7{digits[:3]}-8{digits[3:6]}-{digits[6:18]}"


def read(path: Path, row: Mapping[str, Any]) -> Utterance:
    """The utterance of a row, with all that the file `path` holds of it.

    Raises StorageFailed if the file is gone or not what was written.
    """
    with refusals(path):
        flac = path.read_bytes()
    if hashlib.sha256(flac).hexdigest() != row["audio_sha256"]:
        raise StorageFailed(f"{path}: is not the recording that was written; restore it from a copy")
    comment, pcm = _decode(path, flac)
    told = json.loads(comment)
    return recall({**row, _TYPED: told.get(_TYPED), _DEVICE: told.get(_DEVICE)}, pcm)


def recover(path: Path) -> tuple[Utterance, Evidence]:
    """The utterance that the file `path` alone remembers. Raises StorageFailed if it is not such a file."""
    with refusals(path):
        flac = path.read_bytes()
    comment, pcm = _decode(path, flac)
    try:
        utterance = recall(json.loads(comment), pcm)
    except (KeyError, TypeError, ValueError):
        raise StorageFailed(f"{path}: does not say whose sound it is; move it out of {EVIDENCE}") from None
    return utterance, Evidence(path, hashlib.sha256(flac).hexdigest(), utterance.segment.seconds)


def recordings(directory: Path) -> list[Path]:
    """All recordings below the state directory `directory`, oldest day first."""
    return sorted((directory / EVIDENCE).glob("*/*.flac"))


def new(directory: Path) -> list[Path]:
    """The recordings that a crash may have left without a row, in the order in which they were made."""
    return sorted((directory / EVIDENCE / NEW).glob("*.flac"))


def of_new(directory: Path, utterance_id: str) -> Evidence | None:
    """A recording that has no row yet, if it is whole on the disk."""
    path = directory / EVIDENCE / NEW / f"{utterance_id}.flac"
    return recover(path)[1] if path.exists() else None


def remove(path: Path) -> None:
    """Delete a recording, and the directory of its day with the last one. One that is gone already is no fault."""
    with refusals(path):
        path.unlink(missing_ok=True)
        with suppress(OSError):  # others are left of that day
            path.parent.rmdir()


def sync_removed(directory: Path, removed: Iterable[Path]) -> None:
    """Make it durable that these recordings are gone: a power cut brings none of them back."""
    with refusals(directory / EVIDENCE):
        for day in {path.parent for path in removed}:
            if day.exists():
                sync_directory(day)
        sync_directory(directory / EVIDENCE)


def sweep(directory: Path) -> None:
    """Remove what a crash left half written: nobody was told that it had been heard."""
    for leftover in (directory / EVIDENCE / NEW).glob(f"*{PARTIAL}"):
        leftover.unlink()


def _comment(utterance: Utterance) -> str:
    """What was typed or scanned stands here and nowhere else: the file is durable first, and what events prove."""
    told = {_TYPED: utterance.typed, _DEVICE: utterance.device, _LANGUAGE: utterance.language}
    return json.dumps({**describe(utterance), **{key: value for key, value in told.items() if value is not None}})


# A queue is listed without a sound: what reads and writes sound is imported where it does.


def _encode(utterance: Utterance) -> bytes:
    import numpy as np  # noqa: PLC0415
    import soundfile  # noqa: PLC0415

    pcm = utterance.segment.pcm
    if not pcm or len(pcm) % SAMPLE_BYTES:
        raise ValueError(f"{utterance.utterance_id}: {len(pcm)} bytes are not whole samples of sound")
    memory = io.BytesIO()
    with soundfile.SoundFile(memory, "w", SAMPLE_RATE, 1, subtype="PCM_16", format="FLAC") as file:
        file.comment = _comment(utterance)
        file.write(np.frombuffer(pcm, dtype="<i2").astype(np.int16, copy=False))
    return memory.getvalue()


def _decode(path: Path, flac: bytes) -> tuple[str, bytes]:
    import soundfile  # noqa: PLC0415

    try:
        with soundfile.SoundFile(io.BytesIO(flac)) as file:
            return file.comment, file.read(dtype="int16").astype("<i2", copy=False).tobytes()
    except soundfile.SoundFileError as fault:
        raise StorageFailed(f"{path}: is not a FLAC file ({fault}); restore it from a copy") from None
