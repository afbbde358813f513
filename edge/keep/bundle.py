"""A bundle: events with their proofs in one ZIP file, which a third party can check without this program.

    README.txt                  how to check it
    keys/ef319b84d3168ddb.pub   the public key with this id, 32 bytes
    0000000017/event.json       the event with this sequence as published, byte for byte
    0000000017/reading.json     the reading it was made from
    0000000017/audio.flac       the recording, unless it was removed
    0000000017/support/ID.flac  that of an answer or a correction, by the id of its utterance, unless it was removed

docs/verify_bundle.py checks one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import UnreadableInput
from edge.keep.audit import AuditTrail, TrailEvent
from edge.keep.storage import translated_errors

README = Path(__file__).with_name("bundle_readme.txt").read_text(encoding="utf-8")  # How a third party checks a bundle.


@dataclass(frozen=True, slots=True)
class BundleCounts:
    """The number of events in a bundle, of those without a recording, and of erased ones."""

    events: int
    silent: int  # Events whose recording was removed.
    erased: int = 0  # Erased events, which are left out.


def export(
    trail: AuditTrail, events: Iterable[TrailEvent], path: Path, tell: Callable[[int], None] = lambda _: None
) -> BundleCounts:
    """Write a new bundle of `events` to `path`, readable by its owner only: it holds speech.

    `tell` is called after each event with their number. Raises UnreadableInput where the file cannot be made,
    StorageFailed.
    """
    try:
        with plain_file.open_owner_only(path) as file:
            return _bundle(trail, events, file, tell)
    except FileExistsError:
        raise UnreadableInput(f"{path}: exists already; name another file") from None
    except OSError as fault:
        path.unlink(missing_ok=True)
        raise UnreadableInput(f"{path}: cannot be written ({fault.strerror}); name another file") from None
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def list_trailer_event_ids(trail: AuditTrail, trailer: str) -> set[str]:
    """The events of all entries of a trailer, with their amendments and cancellations."""
    roots: dict[str, str] = {}
    wanted: set[str] = set()
    for trailed in trail.events():
        data = trailed.event.get("data", {})  # erased events have none
        before = data.get("amends") or data.get("cancels") or trailed.event_id
        roots[trailed.event_id] = roots.get(before, before)
        if trailer in (data.get("context", {}).get("trailer"), data.get("fields", {}).get("trailer")):
            wanted.add(roots[trailed.event_id])
    return {event_id for event_id, root in roots.items() if root in wanted}


def _bundle(
    trail: AuditTrail, events: Iterable[TrailEvent], file: BinaryIO, tell: Callable[[int], None]
) -> BundleCounts:
    added = silent = erased = 0
    with ZipFile(file, "w", ZIP_DEFLATED) as bundle:
        bundle.writestr("README.txt", README)
        for key in trail.keys().values():
            bundle.writestr(f"keys/{key.keyid}.pub", key.raw)
        for trailed in events:
            if trailed.event_sha256 is not None:
                erased += 1
            else:
                added += 1
                silent += not _add_event(bundle, trailed, trail)
            tell(added + erased)
    return BundleCounts(added, silent, erased)


def _add_event(bundle: ZipFile, trailed: TrailEvent, trail: AuditTrail) -> bool:
    """Add one event; whether its recording is included."""
    folder = f"{trailed.sequence:010}"
    bundle.writestr(f"{folder}/event.json", trailed.body)
    bundle.writestr(f"{folder}/reading.json", trailed.reading or "")
    for support in trailed.event["data"].get("support", ()):
        if (kept := trail.recording(support["id"])) is not None:
            _add_recording(bundle, f"{folder}/support/{support['id']}.flac", trail.recording_path(kept["audio_path"]))
    return _add_recording(bundle, f"{folder}/audio.flac", trail.directory / trailed.audio_path)


def _add_recording(bundle: ZipFile, name: str, recording: Path) -> bool:
    with translated_errors(recording):
        if there := recording.exists():
            bundle.writestr(name, recording.read_bytes(), ZIP_STORED)  # FLAC is compressed as it is
    return there
