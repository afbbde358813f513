"""The recordings that prove what was said: one FLAC file per utterance, lossless, beside the journal.

A file has its final name only when its content is on the disk, and it says itself whose sound it is (a Vorbis comment):
a crash between the file and its row in the journal loses nothing.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from edge.errors import StorageFailed
from edge.keep.disk import make_directory, refusals, sync_directory
from edge.records import SAMPLE_BYTES, SAMPLE_RATE, Closing, Segment, Utterance

EVIDENCE = "evidence"
"""The directory of recordings inside the state directory; in it, one directory per UTC day."""

PARTIAL = ".partial"
"""Ends the name of a file that is still being written. Found at a start it is a crash's leftover, not acknowledged."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A recording that is safely on the disk."""

    path: Path
    sha256: str
    """Of the FLAC file's bytes, in hex."""
    seconds: float


def describe(utterance: Utterance) -> dict[str, str | int]:
    """All of an utterance but its sound, as JSON takes it; positions are sample indices."""
    segment = utterance.segment
    return {
        "utterance_id": utterance.utterance_id,
        "form": utterance.form,
        "source": utterance.source,
        "heard_at": utterance.heard_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "start": segment.start,
        "speech_start": segment.speech_start,
        "speech_end": segment.speech_end,
        "closed": segment.closed,
        "closing": segment.closing.value,
    }


def recall(description: dict[str, Any], pcm: bytes) -> Utterance:
    """The utterance that `describe` described. Raises KeyError, TypeError or ValueError if it did not."""
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
    )


def write(directory: Path, utterance: Utterance) -> Evidence:
    """Put the sound of `utterance` on the disk below the state directory `directory`; it is safe when this returns.

    Raises StorageFailed when the disk refuses, ValueError when there is no sound.
    """
    flac = _encode(utterance)
    path = directory / EVIDENCE / f"{utterance.heard_at.astimezone(UTC):%Y-%m-%d}" / f"{utterance.utterance_id}.flac"
    with refusals(path):
        make_directory(path.parent)
        _write_durably(path, flac)
    return Evidence(path, hashlib.sha256(flac).hexdigest(), utterance.segment.seconds)


def read(path: Path, sha256: str) -> bytes:
    """The sound in the file `path`, 16 kHz mono PCM. Raises StorageFailed if it is gone or not what was written."""
    with refusals(path):
        flac = path.read_bytes()
    if hashlib.sha256(flac).hexdigest() != sha256:
        raise StorageFailed(f"{path}: is not the recording that was written; restore it from a copy")
    return _decode(path, flac)[1]


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
    """The recordings below the state directory `directory`, oldest day first."""
    return sorted((directory / EVIDENCE).glob("*/*.flac"))


def sweep(directory: Path) -> None:
    """Remove what a crash left half written: nobody was told that it had been heard."""
    for leftover in (directory / EVIDENCE).glob(f"*/*{PARTIAL}"):
        leftover.unlink()


def _write_durably(path: Path, content: bytes) -> None:
    partial = path.with_name(path.name + PARTIAL)
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        # The space goes back at once: on a full disk it is what the journal needs.
        partial.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def _encode(utterance: Utterance) -> bytes:
    pcm = utterance.segment.pcm
    if not pcm or len(pcm) % SAMPLE_BYTES:
        raise ValueError(f"{utterance.utterance_id}: {len(pcm)} bytes are not whole samples of sound")
    memory = io.BytesIO()
    with soundfile.SoundFile(memory, "w", SAMPLE_RATE, 1, subtype="PCM_16", format="FLAC") as file:
        file.comment = json.dumps(describe(utterance))
        file.write(np.frombuffer(pcm, dtype="<i2").astype(np.int16, copy=False))
    return memory.getvalue()


def _decode(path: Path, flac: bytes) -> tuple[str, bytes]:
    try:
        with soundfile.SoundFile(io.BytesIO(flac)) as file:
            return file.comment, file.read(dtype="int16").astype("<i2", copy=False).tobytes()
    except soundfile.SoundFileError as fault:
        raise StorageFailed(f"{path}: is not a FLAC file ({fault}); restore it from a copy") from None
