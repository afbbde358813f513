"""The dossier of a trailer: everything of one visit in one signed file, which docs/verify_dossier.pyz checks.

    dossier.json              expected and received quantities, and the files of evidence with their SHA-256
    SIGNATURE                 of dossier.json, by the inventory's key
    index.html                the same, to read and to print
    events/dock-3.0000000017.json   an event as its device published it, byte for byte; refused/ and reviews/ likewise
    lists/1795158902.json     an expected list, as it was signed
    keys/ef319b84d3168ddb.pub a key of these signatures
    clips/2c26….flac          a recording, if it was given

The same inputs give the same bytes.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from dockvoice_protocol import hash_chain
from dockvoice_protocol.errors import UnreadableInput, describe_os_error
from dockvoice_protocol.hash_chain import PublicKey, Signer
from dockvoice_protocol.instants import rfc3339
from inventory.dossier.dossier_page import render_page
from inventory.dossier.visits import TrailerRows, Visit
from inventory.store.keys import EnrolledKey
from inventory.verify_dossier import (
    CONTENT,
    FORMAT,
    PAGE,
    README,
    SIGNATURE,
    DeviceEvent,
    ReceiptTotals,
    moment,
    pack,
    parsed,
    sha256,
    signed_text,
    write_json,
)

_README_TEXT = (
    "What a trailer brought, signed by the inventory: index.html is for people, dossier.json for programs.\n"
    "Unpack the file to listen to the recordings from index.html. docs/verify_dossier.pyz of Dockvoice, which you\n"
    "should have from elsewhere than this file, checks all of it; docs/dossier.md says how to do it by other means.\n"
)
"""The README of each dossier."""


@dataclass(frozen=True, slots=True)
class DossierClips:
    """Recordings given for a dossier, by their SHA-256."""

    given: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    gone: Collection[str] = frozenset()  # Recordings that their device had removed before it made the bundle.


NO_CLIPS = DossierClips()

_Issue = Callable[[dict[str, Any], Mapping[str, bytes]], dict[str, Any] | None]
"""Returns the `issue` member of dossier.json, from its other members and the files."""


@dataclass(frozen=True, slots=True)
class Dossier:
    """A finished dossier."""

    content: dict[str, Any] = field(repr=False)  # The members of dossier.json.
    file: bytes = field(repr=False)


def build(
    visit: Visit,
    of: TrailerRows,
    enrolled: Iterable[EnrolledKey],
    signer: Signer,
    language: str,
    clips: DossierClips = NO_CLIPS,
    issue: _Issue = lambda _content, _files: None,
) -> Dossier:
    """Build a visit's signed dossier. `enrolled` are the keys that the inventory trusts, `issue` numbers it."""
    content, files = collect_content(visit, of, enrolled, language, clips)
    if (version := issue(content, files)) is not None:
        content["issue"] = version
    files[PAGE] = render_page(content, files, signer.public.keyid).encode()
    files[README] = _README_TEXT.encode()
    content["files"] = {name: sha256(one) for name, one in files.items()}
    files[CONTENT] = write_json(content)
    seal = {"keyid": signer.public.keyid, "public_key": signer.public.raw.hex(), "signs": FORMAT}
    files[SIGNATURE] = write_json({**seal, "signature": signer.sign(signed_text(files[CONTENT]))})
    return Dossier(content, pack(files))


def collect_content(
    visit: Visit, of: TrailerRows, enrolled: Iterable[EnrolledKey], language: str, clips: DossierClips = NO_CLIPS
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Collect the members of dossier.json, except the hashes, and the files of evidence by name."""
    root = None if visit.after is None else of.story.root(visit.after)
    before = [] if root is None else [one for one in of.story.said if of.story.root(one) is root]
    said = [*before, *visit.said]
    files: dict[str, bytes] = {}
    for one in said:
        files[_file_name("events", one)] = of.bodies[one.id]
    for turned_down in visit.refused:
        files[_file_name("refused", turned_down.said)] = turned_down.body
    for review in visit.reviews:
        files[f"reviews/{review.device}.{review.utterance_id}.json"] = review.body.encode()
    for listed in visit.lists:
        files[f"lists/{listed.version}.json"] = listed.body
    vouched = _signing_keys(visit, said, of.site, enrolled)
    files.update((f"keys/{key.keyid}.pub", key.raw) for _, key in vouched)
    needed = {clip for one in said for clip in one.recordings} | {one.audio_sha256 for one in visit.reviews}
    files.update((f"clips/{clip}.flac", clips.given[clip]) for clip in needed & {*clips.given})
    forms = {one.form for one in said} | {one.said.form for one in visit.refused} | {one.form for one in visit.reviews}
    came = [one.received_at for one in said] + [one.said.received_at for one in visit.refused]
    closing = None if visit.closing is None else of.story.root(visit.closing)
    content: dict[str, Any] = {
        "dossier": FORMAT,
        "site": of.site,
        "trailer": of.trailer,
        "language": language,
        "zone": _time_zone(visit.said),
        "visit": {
            "number": visit.number,
            "of": len(of.visits()),
            "began": rfc3339(visit.began),
            "closed_at": None if closing is None else rfc3339(closing.in_force_at),
            "after": None if visit.after is None else visit.after.id,
            "closing": None if visit.closing is None else visit.closing.id,
        },
        "as_of": rfc3339(max([*map(moment, came), *(one.time for one in visit.lists)], default=visit.began)),
        "forms": {form: _in_language(of.roles[form], language) for form in sorted(forms) if form in of.roles},
        "events": [{"file": _file_name("events", one), "received_at": one.received_at} for one in said],
        "refused": [
            {"file": _file_name("refused", one.said), "received_at": one.said.received_at, "reasons": list(one.reasons)}
            for one in visit.refused
        ],
        "reviews": [{"file": f"reviews/{one.device}.{one.utterance_id}.json"} for one in visit.reviews],
        "lists": [{"file": f"lists/{one.version}.json"} for one in visit.lists],
        "still_to_come": [
            {"device": one.device, "from": one.missing[0], "to": one.missing[1]} for one in of.gaps if one.missing
        ],
        "keys": [{"device": source, "keyid": key.keyid} for source, key in vouched],
        "clips": {
            clip: "given" if clip in clips.given else "gone" if clip in clips.gone else "not_given"
            for clip in sorted(needed)
        },
    }
    content |= ReceiptTotals.from_dossier(content, files).as_json()
    return content, files


def _in_language(form: Mapping[str, Any], language: str) -> dict[str, Any]:
    """A form with the titles of its fields in this language, else in English."""
    return {**form, "titles": {name: titles.get(language, titles["en"]) for name, titles in form["titles"].items()}}


def _file_name(folder: str, said: DeviceEvent) -> str:
    return f"{folder}/{said.source.rsplit('/', 1)[-1]}.{said.number:010}.json"


def _signing_keys(
    visit: Visit, said: Iterable[DeviceEvent], site: str, enrolled: Iterable[EnrolledKey]
) -> list[tuple[str | None, PublicKey]]:
    """The signing keys of all files, with their devices; None for lists, which the office signs."""
    events = [one.event for one in said] + [one.said.event for one in visit.refused]
    events += [parsed(one.body.encode()) for one in visit.reviews]
    named = {(str(event.get("source")), str(event.get("keyid"))) for event in events}
    found: dict[tuple[str | None, str], PublicKey] = {}
    for one in enrolled:
        source = f"/sites/{one.site}/devices/{one.device}"
        if one.site == site and (source, one.keyid) in named:
            found[source, one.keyid] = one.key
    for listed in visit.lists:
        if listed.public_key is not None:
            key = PublicKey(bytes.fromhex(listed.public_key))
            found[None, key.keyid] = key
    return [(source, found[source, keyid]) for source, keyid in sorted(found, key=lambda at: (at[0] or "", at[1]))]


def _time_zone(said: Iterable[DeviceEvent]) -> str | None:
    """The site's time zone, by most of its events."""
    zones = Counter(str(one.data["workday"]["zone"]) for one in said if "workday" in one.data)
    return min(zones, key=lambda zone: (-zones[zone], zone)) if zones else None


_LARGEST = 50_000_000  # Most bytes of one member: an hour of speech as FLAC. A larger claim is a decompression bomb.

_BROKEN = (BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, zlib.error)
"""Python's errors for a ZIP file that is invalid or encrypted."""


def read_clips(bundles: Iterable[Path], needed: Collection[str]) -> DossierClips:
    """The recordings with one of these SHA-256, and those that their device had removed. Raises UnreadableInput."""
    given: dict[str, bytes] = {}
    named: set[str] = set()
    for path in bundles:
        try:
            with ZipFile(path) as bundle:
                for member in bundle.infolist():
                    _read_recording_or_named_hashes(bundle, member, path, needed, given, named)
        except OSError as fault:
            raise UnreadableInput(
                f"--bundle {path}: {describe_os_error(fault)}; name what `dockvoice audit export` made"
            ) from None
        except _BROKEN:
            raise UnreadableInput(f"--bundle {path}: is no bundle; name what `dockvoice audit export` made") from None
    return DossierClips(given, frozenset((named & {*needed}) - {*given}))


def _read_recording_or_named_hashes(
    bundle: ZipFile, member: ZipInfo, path: Path, needed: Collection[str], given: dict[str, bytes], named: set[str]
) -> None:
    if not member.filename.endswith((".flac", "/event.json")):
        return
    if member.file_size > _LARGEST:
        raise UnreadableInput(
            f"--bundle {path}: {member.filename!r} claims {member.file_size:,} bytes, allowed are {_LARGEST:,}; "
            "name what `dockvoice audit export` made"
        )
    if member.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
        raise BadZipFile
    with bundle.open(member) as file:  # `ZipFile.read` would decompress all of a bomb, whatever size it claims
        content = file.read(member.file_size + 1)
    if member.filename.endswith(".flac"):
        clip = hashlib.sha256(content).hexdigest()
        if clip in needed:
            given[clip] = content
        return
    data = hash_chain.parse_event_or_empty(content).get("data")
    said = [data.get("utterance"), *data.get("support", [])] if isinstance(data, dict) else []
    named.update(str(one.get("audio_sha256")) for one in said if isinstance(one, dict))
