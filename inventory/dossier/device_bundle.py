"""Recordings out of the bundles that devices made: those that a dossier rests on, and no others."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Collection, Iterable
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from dockvoice_protocol.errors import UnreadableInput, plainly
from dockvoice_protocol.hash_chain import parsed
from inventory.dossier.dossier import Clips

LARGEST = 50_000_000  # Bytes of one member: an hour of speech as FLAC. What claims more is a bomb.

BROKEN = (BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, zlib.error)
"""What Python says of a ZIP file that is none, or is encrypted."""


def clips_in(bundles: Iterable[Path], needed: Collection[str]) -> Clips:
    """The recordings with one of these SHA-256, and which of them their device had no more. Raises UnreadableInput."""
    given: dict[str, bytes] = {}
    named: set[str] = set()
    for path in bundles:
        try:
            with ZipFile(path) as bundle:
                for member in bundle.infolist():
                    _read_member(bundle, member, path, needed, given, named)
        except OSError as fault:
            raise UnreadableInput(
                f"--bundle {path}: {plainly(fault)}; name what `dockvoice audit export` made"
            ) from None
        except BROKEN:
            raise UnreadableInput(f"--bundle {path}: is no bundle; name what `dockvoice audit export` made") from None
    return Clips(given, frozenset((named & {*needed}) - {*given}))


def _read_member(
    bundle: ZipFile,
    member: ZipInfo,
    path: Path,
    needed: Collection[str],
    given: dict[str, bytes],
    named: set[str],
) -> None:
    if not member.filename.endswith((".flac", "/event.json")):
        return
    if member.file_size > LARGEST:
        raise UnreadableInput(
            f"--bundle {path}: {member.filename!r} claims {member.file_size:,} bytes, allowed are {LARGEST:,}; "
            "name what `dockvoice audit export` made"
        )
    if member.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
        raise BadZipFile
    with bundle.open(member) as file:  # `read` of the ZIP file would take all that a bomb holds, whatever it claims
        content = file.read(member.file_size + 1)
    if member.filename.endswith(".flac"):
        clip = hashlib.sha256(content).hexdigest()
        if clip in needed:
            given[clip] = content
        return
    data = parsed(content).get("data")
    said = [data.get("utterance"), *data.get("support", [])] if isinstance(data, dict) else []
    named.update(str(one.get("audio_sha256")) for one in said if isinstance(one, dict))
