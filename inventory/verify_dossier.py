"""Check the dossier of a trailer: python verify_dossier.pyz DOSSIER.zip KEYID [DEVICE_KEYID ...] [options].

Needs Python 3.11 and nothing else: `make verifier` packs this module and what it imports into docs/verify_dossier.pyz.
KEYID is the id of the inventory's key, as its owner tells it to you: what another key signed is not believed. Further
ids are those of the devices and of the office that signs lists; where any is given, no other may have signed in there.

    --trailer SITE/NAME    it must be of this trailer
    --not-before MOMENT    it must rest on what came up to this moment, or later: an older one is not the latest

Prints what it found, and exit code 0 if all of it holds, 1 if anything does not, 2 if it was called wrongly.

The inventory makes dossiers with what stands here: how a dossier is packed, signed and counted has one definition.
"""

import argparse
import hashlib
import io
import json
import re
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import rfc8785

from dockvoice_protocol import ed25519
from dockvoice_protocol.trailer_count import (
    STATUSES,
    CountedEntry,
    ExpectedLine,
    ItemCount,
    TrailerCount,
    Units,
    is_exact_json_number,
    sum_by_unit,
    to_json_number,
)

FORMAT = "dockvoice.dossier.v1"
"""The format's name, and the prefix of its signed text, so that no signature of another text is valid for it."""

_EVIDENCE = ("events", "refused", "reviews", "lists")  # The folders of the evidence for the figures.

CONTENT, PAGE, SIGNATURE, README = "dossier.json", "index.html", "SIGNATURE", "README.txt"

_MEMBER = re.compile(
    r"dossier\.json|index\.html|SIGNATURE|README\.txt|(?:events|refused|reviews)/[A-Za-z0-9][A-Za-z0-9_.-]{0,150}\.json"
    r"|lists/[0-9]{1,16}\.json|keys/[0-9a-f]{16}\.pub|clips/[0-9a-f]{64}\.flac"
)
"""The allowed names of members."""

_LARGEST = 1_000_000_000  # Most bytes of a dossier, which is read as a whole: some thousand recordings.

_PIECE = 1_000_000  # Bytes read at once.

_LONGEST = 400  # Most characters of a printed line; a forged file may hold any number.

_RECORDED_WITHIN = timedelta(minutes=10)
"""A closing recorded this soon after its last utterance counts from its recording; one decided later, from its last
utterance: in ten minutes no trailer leaves and returns, and no question of a device stays open as long. An id made this
long before its event was recorded was not made with it, and its time is not used."""

_LIST_SIGNED_AS = "dockvoice.expected.v1"  # Prefix of the signed text of an expected list.

Json = dict[str, Any]


class Tampered(Exception):
    """The file was not written by an inventory; nothing more can be checked."""


# The file


def pack(files: Mapping[str, bytes]) -> bytes:
    """A ZIP file with these members: sorted, uncompressed, without dates, so that equal members give equal bytes."""
    body, directory = bytearray(), bytearray()
    for name, content in sorted(files.items()):
        of = (zlib.crc32(content), len(content), len(content), len(name), 0)
        # 20: version 2.0 of the format; 0x21: 1 January 1980, its earliest date; 3: made under Unix.
        directory += struct.pack(
            "<4s6H3I5H2I", b"PK\x01\x02", 3 << 8 | 20, 20, 0, 0, 0, 0x21, *of, *[0] * 3, 0, len(body)
        )
        directory[-8:-4] = struct.pack("<I", 0o100644 << 16)
        directory += name.encode("ascii")
        body += struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 0, 0, 0x21, *of) + name.encode("ascii") + content
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, len(files), len(files), len(directory), len(body), 0)
    return bytes(body + directory + end)


def _read_up_to(size: int, file: BinaryIO) -> bytes:
    """At most `size` bytes of the file, read in pieces, since `read(size)` would allocate all of the buffer."""
    found = bytearray()
    while len(found) < size and (more := file.read(min(_PIECE, size - len(found)))):
        found += more
    return bytes(found)


def unpack(data: bytes) -> dict[str, bytes]:
    """The members of a dossier. Raises Tampered for any manipulation of the ZIP format."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as bundle:
            members = bundle.infolist()
            _refuse_unsafe_members(members, len(data))
            files = {one.filename: bundle.read(one) for one in members}
        as_packed = pack(files)
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        OSError,
        EOFError,
        ValueError,
        struct.error,
    ) as broken:
        raise Tampered(f"is no whole ZIP file: {type(broken).__name__}") from None
    if as_packed != data:
        raise Tampered("is not packed as an inventory packs it: something stands before, between or behind its members")
    return files


def _refuse_unsafe_members(members: list[zipfile.ZipInfo], size: int) -> None:
    seen: set[str] = set()
    for one in members:
        if one.filename in seen:
            raise Tampered(f"{_printable(one.filename)}: is in it twice")
        if not _MEMBER.fullmatch(one.filename) or ".." in one.filename or one.orig_filename != one.filename:
            raise Tampered(f"{_printable(one.orig_filename)}: is no name of a member; it may lead out of the folder")
        if one.compress_type != zipfile.ZIP_STORED or one.file_size != one.compress_size:
            raise Tampered(f"{one.filename}: is compressed, which nothing in a dossier is; it may be a bomb")
        seen.add(one.filename)
    placed = sorted(members, key=lambda one: one.header_offset)
    overlap = any(one.header_offset + one.file_size > other.header_offset for one, other in pairwise(placed))
    if overlap or sum(one.file_size for one in members) > size:
        raise Tampered("its members lie in one place, or are larger than the file: they overlap; it may be a bomb")


def parsed(content: bytes) -> Json:
    """The object in `content`. Raises ValueError for ambiguous JSON."""
    try:
        found = json.loads(content, object_pairs_hook=_reject_duplicates)
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(found, dict):
        raise ValueError("is no object")  # noqa: TRY004 - the content is wrong, not the call
    return found


def _reject_duplicates(pairs: list[tuple[str, Any]]) -> Json:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a member stands twice in one object")
    return dict(pairs)


def write_json(content: Json) -> bytes:
    """`content` as JSON in the format of a dossier."""
    return (json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _canonical(content: Json) -> bytes:
    """`content` as it was signed: RFC 8785. Raises ValueError if it has no such form."""
    try:
        return rfc8785.dumps(content)
    except RecursionError:
        raise ValueError("too deep") from None


def sha256(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def _keyid_of(key: bytes) -> str:
    """The id of a public key."""
    return sha256(key)[:16]


def _printable(text: str) -> str:
    """Untrusted text for a terminal."""
    return "".join(letter if letter.isprintable() else "�" for letter in text[:_LONGEST])


# Seals


def signed_text(content: bytes) -> str:
    """The text that the inventory signs for a dossier.json, which has the SHA-256 of every other member."""
    return f"{FORMAT} {sha256(content)}"


def _has_signed(key: bytes, text: str, signature: str) -> bool:
    """Whether the signature of the text is valid for this key; a signature has one spelling."""
    try:
        made = bytes.fromhex(signature)
    except (ValueError, TypeError):
        return False
    return made.hex() == signature and ed25519.verify_signature(key, text.encode(), made)


def find_seal_fault(event: Json, key: bytes | None) -> str | None:
    """The fault of an event's link or signature, checked with the key that it names; None if both are valid."""
    hashed = {name: value for name, value in event.items() if name not in ("chain", "signature")}
    try:
        audio = event["data"]["utterance"]["audio_sha256"]
        link = sha256(f"{event['previous']}\n{sha256(_canonical(hashed))}\n{audio}\n".encode())
        keyid, chain, signature = str(event["keyid"]), str(event["chain"]), str(event["signature"])
    except (KeyError, TypeError, ValueError):
        return "it carries no signature"
    if key is None or keyid != _keyid_of(key):
        return f"nothing here vouches for the key that it names, {_printable(keyid)}"
    if link != chain:
        return "it was altered"
    return None if _has_signed(key, chain, signature) else "its signature was not made with the key that it names"


def find_list_fault(message: Json, key: bytes | None) -> str | None:
    """The fault of an expected list's signature; None if it is valid."""
    if "signature" not in message:
        return "it carries no signature"
    said = {name: value for name, value in message.items() if name != "signature"}
    if key is None or message.get("keyid") != _keyid_of(key):
        return f"nothing here vouches for the key that it names, {_printable(str(message.get('keyid')))}"
    try:
        signed = _has_signed(key, f"{_LIST_SIGNED_AS} {sha256(_canonical(said))}", str(message["signature"]))
    except ValueError:
        signed = False
    return None if signed else "its signature was not made for it"


# Versions


def evidence_hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    """The SHA-256 of each file of evidence: without recordings, keys and the page."""
    return {name: sha256(one) for name, one in files.items() if name.split("/")[0] in _EVIDENCE}


def hash_evidence(hashes: Mapping[str, str]) -> str:
    """One hash of the evidence: equal for one version, different for two."""
    return sha256("".join(f"{name} {one}\n" for name, one in sorted(hashes.items())).encode())


def compare_versions(before: Mapping[str, str], now: Mapping[str, str], figures_before: Json, figures: Json) -> Json:
    """The differences between two versions: added, removed and changed files, and changed figures."""
    return {
        "added": sorted({*now} - {*before}),
        "gone": sorted({*before} - {*now}),
        "other": sorted(name for name in {*before} & {*now} if before[name] != now[name]),
        "figures": {
            name: {"before": figures_before.get(name), "now": value}
            for name, value in figures.items()
            if figures_before.get(name) != value
        },
    }


# Events


@dataclass(frozen=True)
class DeviceEvent:
    """One event of a device, with its time of receipt."""

    event: Json = field(repr=False)
    received_at: str

    @property
    def id(self) -> str:
        """The event's id."""
        return str(self.event["id"])

    @property
    def source(self) -> str:
        """The URI of its device."""
        return str(self.event["source"])

    @property
    def number(self) -> int:
        """Its number on the device."""
        return int(self.event["sequence"])

    @property
    def data(self) -> Json:
        """The event's data."""
        found: Json = self.event["data"]
        return found

    @property
    def form(self) -> str:
        """The name of its form."""
        return str(self.data["form"])

    @property
    def replaces(self) -> str | None:
        """The event whose entry it amends or cancels."""
        return self.data.get("amends") or self.data.get("cancels")

    @property
    def moment(self) -> datetime:
        """The time of recording; with a doubtful device clock, the time of receipt."""
        return moment(self.received_at if "clock" in self.event else self.event["time"])

    @property
    def said_at(self) -> datetime:
        """The start of its first utterance: an utterance under review is spoken long before its entry is recorded."""
        return self.moment if "clock" in self.event else min(_began(self) or self.moment, self.moment)

    @property
    def in_force_at(self) -> datetime:
        """From when a closing counts: its recording or, if it was decided later, its last utterance."""
        return self.moment if "clock" in self.event else _in_force(self, self.moment)

    def before(self, other: "DeviceEvent") -> bool:
        """Whether it was spoken before the other came into force, or is the other.

        Two events of one device are compared by its clock, or by their numbers if the clock was set in between.
        """
        if self.source != other.source:
            return self.said_at <= other.in_force_at
        numbered, began, made, others = self.number <= other.number, _began(self), heard_at(self.id), heard_at(other.id)
        if began is None or made is None or others is None or numbered != (made <= others):
            return numbered
        return min(began, made) <= _in_force(other, others)

    @property
    def recordings(self) -> list[str]:
        """The SHA-256 of its recordings: the utterance, then answers and corrections."""
        data = self.data
        return [str(one["audio_sha256"]) for one in (data["utterance"], *data.get("support", []))]


def _began(of: DeviceEvent) -> datetime | None:
    return next(iter(_spoken(of)), None)


def _in_force(of: DeviceEvent, recorded: datetime) -> datetime:
    last = max(_spoken(of), default=recorded)
    return last if recorded - last > _RECORDED_WITHIN else recorded


def _spoken(of: DeviceEvent) -> list[datetime]:
    """Start of each of its utterances, its own first; empty if the ids were made by another clock."""
    made, data = heard_at(of.id), of.data
    if made is None or moment(of.event["time"]) - made > _RECORDED_WITHIN:
        return []
    times = [heard_at(str(one["id"])) for one in (data["utterance"], *data.get("support", []))]
    return [] if None in times else [one for one in times if one is not None]


def moment(text: str) -> datetime:
    """Parse a time of an event."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def heard_at(identity: str) -> datetime | None:
    """When an utterance began, or an event was numbered, by its device's clock; None if the id has no time.

    A UUIDv7 begins with the milliseconds.
    """
    try:
        began = int(identity.replace("-", "")[:12], 16) / 1000
        return datetime.fromtimestamp(began, UTC) if identity[14] == "7" else None
    except (ValueError, IndexError, OverflowError, OSError):
        return None


def _put_aside_at(review: Json) -> datetime:
    """When an utterance under review was spoken."""
    return heard_at(str(review["data"]["utterance"]["id"])) or moment(str(review["time"]))


_TRAILER_ALONE = {"trailer": "trailer"}  # The roles of an unknown form.


class EntryHistory:
    """Events with their replacements, and which of them are current."""

    def __init__(self, said: Iterable[DeviceEvent], forms: Mapping[str, Any]) -> None:
        self.said = list(said)
        self.forms = forms
        self.by_id = {one.id: one for one in self.said}
        self.replaced_by: dict[str, DeviceEvent] = {}
        for one in self.said:
            before = self.by_id.get(one.replaces or "")
            if before is not None and before.source == one.source and before.number < one.number:
                self.replaced_by.setdefault(before.id, one)

    def roles(self, one: DeviceEvent) -> dict[str, str]:
        """The fields of its form by role."""
        found: dict[str, str] = self.forms.get(one.form, {}).get("fields", _TRAILER_ALONE)
        return found

    def kind(self, one: DeviceEvent) -> str:
        """The kind of its form: receipt, damage, closing, other."""
        return str(self.forms.get(one.form, {}).get("kind", "other"))

    def value(self, one: DeviceEvent, role: str) -> Any:
        """The value of the field with this role; None if there is none."""
        name = self.roles(one).get(role)
        return None if name is None else one.data.get("fields", {}).get(name)

    def counted(self, one: DeviceEvent) -> CountedEntry:
        """A current entry, for the count of its trailer."""
        roles = self.roles(one)
        values = {role: self.value(one, role) for role in roles}
        return CountedEntry(one.id, self.kind(one), values, one.data.get("converted", {}).get(roles.get("quantity")))

    def trailer(self, one: DeviceEvent) -> str | None:
        """The trailer of its entry."""
        name = self.roles(one).get("trailer", "trailer")
        found = one.data.get("context", {}).get(name, one.data.get("fields", {}).get(name))
        return None if found is None else str(found)

    def stands(self, one: DeviceEvent) -> bool:
        """Whether its entry is current."""
        return one.id not in self.replaced_by and "fields" in one.data

    def root(self, one: DeviceEvent) -> DeviceEvent:
        """The first event in its chain of amendments."""
        while (before := self.by_id.get(one.replaces or "")) is not None and self.replaced_by.get(before.id) is one:
            one = before
        return one

    def of_trailer(self, trailer: str) -> list[DeviceEvent]:
        """The events of all entries that name or named this trailer."""
        roots = {self.root(one).id for one in self.said if self.trailer(one) == trailer}
        return [one for one in self.said if self.root(one).id in roots]

    def closings(self, trailer: str) -> list[DeviceEvent]:
        """The current entries that close the trailer, in the order in which they count."""
        found = [
            one
            for one in self.said
            if self.kind(one) == "closing" and self.stands(one) and self.trailer(one) == trailer
        ]
        return sorted(found, key=lambda one: (self.root(one).in_force_at, one.source, self.root(one).number))


# Figures


class ReceiptTotals:
    """The figures of one visit, calculated from its events and its lists alone."""

    def __init__(
        self,
        trailer: str,
        story: EntryHistory,
        lists: Iterable[Json],
        reviews: Iterable[Json] = (),
        refused: int = 0,
        after: str | None = None,
    ) -> None:
        """`after`: the event that closed the visit before; it is in the history, and counts in no figure."""
        self.trailer = trailer
        self.story = story
        former = self.story.by_id.get(after or "")
        self._former = (
            set()
            if former is None
            else {one.id for one in self.story.said if self.story.root(one) is self.story.root(former)}
        )
        self.lists = sorted(lists, key=lambda one: int(one["version"]))
        self.reviews = list(reviews)
        self.refused = refused
        self.current = [one for one in self.story.said if one.id not in self._former]
        self.standing = [
            one for one in self.current if self.story.stands(one) and self.story.trailer(one) == self.trailer
        ]
        announced = self._announced()
        self.count = TrailerCount(
            None if announced is None else [_expected_line(one) for one in announced],
            (self.story.counted(one) for one in self.standing),
        )

    @classmethod
    def from_dossier(cls, dossier: Json, contents: Mapping[str, bytes]) -> "ReceiptTotals":
        """From a dossier; only the members that the figures depend on are read."""
        lists = (parsed(contents[one["file"]]) for one in dossier["lists"])
        reviews = (parsed(contents[one["file"]]) for one in dossier["reviews"])
        story = EntryHistory(read_events(dossier, contents), dossier["forms"])
        beside = (len(dossier["refused"]), dossier["visit"]["after"])
        return cls(str(dossier["trailer"]), story, lists, reviews, *beside)

    def as_json(self) -> Json:
        """The lines and the figures, as in dossier.json."""
        return {"lines": [_line_json(line) for line in self.count.lines], "figures": self._check_figures()}

    def _announced(self) -> list[Json] | None:
        """The lines of the list that receipts are compared with: the latest one; None without a list.

        A list that was withdrawn before anything of it was received announces nothing.
        """
        latest: list[Json] | None = None
        for one in self.lists:
            if one["lines"]:
                latest = one["lines"]
            elif latest is not None and not self._received_any_by(latest, moment(one["time"])):
                latest = None
        return latest

    def _received_any_by(self, lines: list[Json], by: datetime) -> bool:
        pallets = {str(line["pallet"]) for line in lines}
        receipts = (one for one in self.standing if self.story.kind(one) == "receipt")
        return any(
            str(self.story.value(one, "pallet")) in pallets and self.story.root(one).said_at <= by for one in receipts
        )

    def _check_figures(self) -> Json:
        lines = self.count.lines

        def total(name: str, *statuses: str) -> Json:
            return _as_json(sum_by_unit(getattr(line, name) for line in lines if line.status in (statuses or STATUSES)))

        def differing(status: str) -> Json:
            found = (line.difference for line in lines if line.status == status)
            return _as_json(sum_by_unit({unit: abs(more) for unit, more in one.items()} for one in found))

        beyond = (line for line in lines if line.status == "not_announced")
        is_open = [one["data"]["state"] == "open" for one in self.reviews]
        return {
            "pallets": {
                "expected": len({line.pallet for line in lines if line.expected}),
                "received": len(self.count.received),
            },
            "lines": {status: sum(line.status == status for line in lines) for status in STATUSES},
            "expected": total("expected"),
            "good": total("good"),
            "damaged": total("damaged"),
            "refused": total("refused"),
            "damage_reported": total("damage_reported"),
            "said_short": total("said_short"),
            "said_over": total("said_over"),
            "over": differing("over"),
            "short": differing("short"),
            "missing": total("expected", "missing"),
            "not_announced": _as_json(sum_by_unit(line.present for line in beyond)),
            "entries": {
                "standing": len(self.standing),
                "amended": sum("amends" in one.data for one in self.current),
                "cancelled": sum("cancels" in one.data for one in self.current),
                "counted_twice": sum("counted_first" in one.data for one in self.standing),
                "turned_down": self.refused,
            },
            "reviews": {"open": sum(is_open), "decided": len(is_open) - sum(is_open)},
        }


def _expected_line(one: Json) -> ExpectedLine:
    notice, pallet, item, uom = (str(one[name]) for name in ("notice", "pallet", "item", "uom"))
    return ExpectedLine(notice, pallet, item, one["quantity"], uom, lot_needed=False)


_LINE_QUANTITIES = (
    "expected", "good", "damaged", "refused", "said_short", "said_over", "damage_reported", "base", "difference",
)  # fmt: skip
"""The quantities of a line in dossier.json."""


def _line_json(line: ItemCount) -> Json:
    return {
        "pallet": line.pallet,
        "item": line.item,
        "item_by_notice": line.by_notice,
        "notices": sorted(line.notices),
        **{name: _as_json(getattr(line, name)) for name in _LINE_QUANTITIES},
        "status": line.status,
        "details": {role: sorted(values) for role, values in sorted(line.details.items())},
        "entries": line.entries,
    }


def _as_json(units: Units) -> Json:
    # A quantity without an exact number is text: 7/12.
    return {unit: to_json_number(one) if is_exact_json_number(one) else str(one) for unit, one in sorted(units.items())}


def read_events(dossier: Json, contents: Mapping[str, bytes]) -> list[DeviceEvent]:
    """The events of a dossier, in the order of receipt."""
    return [DeviceEvent(parsed(contents[one["file"]]), str(one["received_at"])) for one in dossier["events"]]


# Verification


def find_part_number(said: DeviceEvent, ends: list[DeviceEvent]) -> int:
    """The number of the part that this first event belongs to: each part ends with one of `ends`, the last one is open.

    A closing belongs to the part that it ends, whatever the clocks say. Any other event belongs to the first part that
    had not ended then.
    """
    closes = (number for number, end in enumerate(ends) if end.id == said.id)
    within = (number for number, end in enumerate(ends) if said.before(end))
    return next(closes, next(within, len(ends)))


@dataclass(frozen=True)
class VisitBounds:
    """The limits of a visit: after the closing of the visit before, up to its own closing; without one, it is open."""

    after: DeviceEvent | None
    closing: DeviceEvent | None
    ends: list[DeviceEvent]  # The first events of all closings of the trailer, in order.

    @classmethod
    def between(cls, story: EntryHistory, trailer: str, after: str | None, closing: str | None) -> "VisitBounds":
        """The limits set by these closings of the trailer, by their ids; the first event of each counts."""
        begins, closes = (None if one is None else story.root(story.by_id[one]) for one in (after, closing))
        return cls(begins, closes, [story.root(one) for one in story.closings(trailer)])

    def hold(self, root: DeviceEvent) -> bool:
        """Whether an entry with this first event belongs to the visit."""
        part = find_part_number(root, self.ends)
        began = self.after is None or part > find_part_number(self.after, self.ends)
        return began and (self.closing is None or part <= find_part_number(self.closing, self.ends))

    def hold_moment(self, at: datetime) -> bool:
        """Whether something of this time, without an event's number, belongs to the visit."""
        began = self.after is None or at > self.after.in_force_at
        return began and (self.closing is None or at <= self.closing.in_force_at)


class DossierCheck:
    """Verifies one dossier: `faults` and `findings` are the results."""

    def __init__(self, data: bytes, believed: str, others: Iterable[str] = ()) -> None:
        """`believed`: the id of the inventory's key; `others`: those of devices and offices; empty: any."""
        self.faults: list[str] = []
        self.findings: list[str] = []
        self._believed = believed
        self._others = set(others)
        self._files: dict[str, bytes] = {}
        self.dossier: Json = {}
        try:
            self._files = unpack(data)
            self._check_all()
        except Tampered as found:
            self.faults.append(str(found))
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as broken:
            self.faults.append(
                f"{CONTENT}: is not what a dossier holds: {type(broken).__name__} {_printable(str(broken))}"
            )

    def check_trailer(self, trailer: str) -> None:
        """Add a fault unless it is of this trailer, as SITE/NAME."""
        found = f"{self.dossier.get('site')}/{self.dossier.get('trailer')}"
        if found != trailer:
            self.faults.append(
                f"trailer: it is of {_printable(found)}, not of {_printable(trailer)}: another one's dossier"
            )

    def check_not_before(self, wanted: datetime) -> None:
        """Add a fault if it ends before this moment."""
        found = str(self.dossier.get("as_of"))
        try:
            late = moment(found) >= wanted
        except ValueError:
            late = False
        if not late:
            self.faults.append(f"as of: it rests on what came up to {_printable(found)}: there is a later one")

    def _check_all(self) -> None:
        for name in (CONTENT, SIGNATURE, PAGE):
            if name not in self._files:
                raise Tampered(f"{name}: is missing")
        self._check_signature()
        self.dossier = parsed(self._files[CONTENT])
        if self.dossier["dossier"] != FORMAT:
            self.faults.append(f"{CONTENT}: is of another format, {_printable(str(self.dossier['dossier']))}")
        self._check_members()
        keys = self._check_keys()
        events = read_events(self.dossier, self._files)
        self._check_seals(events, keys)
        self._check_lists(keys)
        self._check_clips(events)
        self._check_visit(events)
        self._check_figures()
        self._check_version()

    def _check_signature(self) -> None:
        seal, content = parsed(self._files[SIGNATURE]), self._files[CONTENT]
        key, signature = bytes.fromhex(seal["public_key"]), str(seal["signature"])
        if _keyid_of(key) != self._believed:
            self.faults.append(
                f"{SIGNATURE}: it is signed with the key {_keyid_of(key)}, and you expect {_printable(self._believed)}:"
                " it cannot be trusted"
            )
        elif seal["keyid"] != self._believed or not _has_signed(key, signed_text(content), signature):
            self.faults.append(f"{SIGNATURE}: was not made for this {CONTENT}: one of the two was altered or exchanged")
        elif self._files[SIGNATURE] != write_json(seal):
            self.faults.append(f"{SIGNATURE}: was altered")
        else:
            self.findings.append(f"signature: of the inventory, key {self._believed}")

    def _check_members(self) -> None:
        listed, ours = self.dossier["files"], {*self._files} - {CONTENT, SIGNATURE}
        self.faults += [f"{name}: is missing" for name in sorted({*listed} - ours)]
        self.faults += [f"{name}: was put in" for name in sorted(ours - {*listed})]
        altered = [name for name in sorted(ours & {*listed}) if sha256(self._files[name]) != listed[name]]
        self.faults += [f"{name}: was altered or exchanged" for name in altered]
        listing = [one["file"] for part in _EVIDENCE for one in self.dossier[part]]
        named = {*listing}
        if len(named) < len(listing):
            self.faults.append(f"{CONTENT}: names a file twice")
        there = {name for name in ours if name.split("/")[0] in _EVIDENCE}
        self.faults += [
            f"{name}: stands in one of the two alone, the file or {CONTENT}" for name in sorted(named ^ there)
        ]
        self.findings.append(f"files: {len(ours)}")

    def _check_keys(self) -> dict[tuple[str | None, str], bytes]:
        """The keys that the inventory vouches for, by device (None: the office) and id."""
        found = {}
        for one in self.dossier["keys"]:
            keyid, key = str(one["keyid"]), self._files[f"keys/{one['keyid']}.pub"]
            if _keyid_of(key) != keyid:
                self.faults.append(f"keys/{keyid}.pub: is another key")
            elif self._others and keyid not in self._others:
                self.faults.append(f"keys/{keyid}.pub: of {_printable(str(one['device']))}, is none that you named")
            else:
                found[one["device"], keyid] = key
        by = (
            "as you named them"
            if self._others
            else "that the inventory vouches for; give their ids to hold them to that"
        )
        self.findings.append(f"keys of devices: {len(found)}, {by}")
        return found

    def _check_seals(self, events: list[DeviceEvent], keys: Mapping[tuple[str | None, str], bytes]) -> None:
        links = {(one.source, one.number): one.event.get("chain") for one in events}
        if len({one.id for one in events}) < len(events) or len(links) < len(events):
            self.faults.append("events: two of them have one id, or one number")
        for one in events:
            if fault := find_seal_fault(one.event, keys.get((one.source, str(one.event.get("keyid"))))):
                self.faults.append(f"{_name_of(one)}: {fault}")
            previous = one.event.get("previous")
            if links.get((one.source, one.number - 1), previous) != previous:
                self.faults.append(f"{_name_of(one)}: does not continue the one before it")
        beside = [listed["file"] for part in ("refused", "reviews") for listed in self.dossier[part]]
        if len({parsed(self._files[name])["id"] for name in beside}) < len(beside):
            self.faults.append("refused, reviews: two of them have one id")
        for name in beside:
            event = parsed(self._files[name])
            if fault := find_seal_fault(event, keys.get((str(event.get("source")), str(event.get("keyid"))))):
                self.faults.append(f"{name}: {fault}")
        self.findings.append(f"events: {len(events)}, refused ones and reviews: {len(beside)}")

    def _check_lists(self, keys: Mapping[tuple[str | None, str], bytes]) -> None:
        for listed in self.dossier["lists"]:
            message = parsed(self._files[listed["file"]])
            if fault := find_list_fault(message, keys.get((None, str(message.get("keyid"))))):
                self.faults.append(f"{listed['file']}: {fault}")
            place = {"kind": "trailer", "name": self.dossier["trailer"]}
            if (message["site"], message["place"]) != (self.dossier["site"], place):
                self.faults.append(f"{listed['file']}: announces something else than this trailer")
        self.findings.append(f"lists: {len(self.dossier['lists'])}")

    def _check_clips(self, events: list[DeviceEvent]) -> None:
        reviews = [parsed(self._files[one["file"]]) for one in self.dossier["reviews"]]
        needed = {clip for one in events for clip in one.recordings}
        needed |= {str(one["data"]["utterance"]["audio_sha256"]) for one in reviews}
        given = {
            name.removeprefix("clips/").removesuffix(".flac"): name for name in self._files if name.startswith("clips/")
        }
        for clip, name in sorted(given.items()):
            if sha256(self._files[name]) != clip:
                self.faults.append(f"{name}: is another recording")
            elif clip not in needed:
                self.faults.append(f"{name}: no event here rests on it")
        listed = self.dossier["clips"]
        if {*listed} != needed or {clip for clip, state in listed.items() if state == "given"} != {*given}:
            self.faults.append(f"{CONTENT}: says of other recordings than the events that they are given, or are not")
        self.findings.append(f"recordings: {len(given)} of {len(needed)} are given")

    def _check_visit(self, events: list[DeviceEvent]) -> None:
        story, visit, trailer = (
            EntryHistory(events, self.dossier["forms"]),
            self.dossier["visit"],
            str(self.dossier["trailer"]),
        )
        bounds = VisitBounds.between(story, trailer, visit["after"], visit["closing"])
        ours, site = {one.id for one in story.of_trailer(trailer)}, f"/sites/{self.dossier['site']}/"
        ends = [one for one in (visit["after"], visit["closing"]) if one is not None]
        closings = [one.id for one in story.closings(trailer)]
        self.faults += [f"visit: {one} is no entry that closes the trailer" for one in ends if one not in closings]
        if [one for one in closings if one != visit["after"]][-1:] != [one for one in ends if one != visit["after"]]:
            self.faults.append("visit: another entry closes the trailer than it says, or none does")
        for one in events:
            root = story.root(one)
            if one.id not in ours or not one.source.startswith(site):
                self.faults.append(f"{_name_of(one)}: is of another trailer")
            elif not bounds.hold(root) and root is not bounds.after:
                self.faults.append(f"{_name_of(one)}: is of another visit of the trailer")
        times = {one["file"]: moment(str(parsed(self._files[one["file"]])["time"])) for one in self.dossier["lists"]}
        self.faults += [f"{name}: is of another visit" for name, at in times.items() if not bounds.hold_moment(at)]
        self._check_refused_and_reviews(story, trailer, site)
        closed = None if visit["closed_at"] is None else moment(str(visit["closed_at"]))
        if closed != (None if bounds.closing is None else bounds.closing.in_force_at):
            self.faults.append("visit: it was closed at another moment than it says")
        came = [moment(str(one["received_at"])) for part in ("events", "refused") for one in self.dossier[part]]
        aside = [_put_aside_at(parsed(self._files[one["file"]])) for one in self.dossier["reviews"]]
        if moment(self.dossier["as_of"]) != max([*came, *times.values()], default=min(aside, default=None)):
            self.faults.append(f"{CONTENT}: says that it rests on what came up to another moment than its events did")

    def _check_refused_and_reviews(self, story: EntryHistory, trailer: str, site: str) -> None:
        """Check that refused events and reviews are of the trailer."""
        for one in self.dossier["refused"]:
            if story.trailer(DeviceEvent(parsed(self._files[one["file"]]), str(one["received_at"]))) != trailer:
                self.faults.append(f"{one['file']}: is of another trailer")
        pallets = {
            str(line["pallet"]) for one in self.dossier["lists"] for line in parsed(self._files[one["file"]])["lines"]
        }
        for one in self.dossier["reviews"]:
            said = DeviceEvent(parsed(self._files[one["file"]]), self.dossier["as_of"])
            entered, named = said.data.get("event_id") in story.by_id, story.trailer(said) == trailer
            if not (named or entered or str(story.value(said, "pallet")) in pallets) or not said.source.startswith(
                site
            ):
                self.faults.append(f"{one['file']}: is of another trailer")

    def _check_figures(self) -> None:
        counted = ReceiptTotals.from_dossier(self.dossier, self._files).as_json()
        wrong = [fault for part in ("figures", "lines") for fault in _compare(part, self.dossier[part], counted[part])]
        self.faults += wrong
        if not wrong:
            self.findings.append("figures: as the events and the lists give them")

    def _check_version(self) -> None:
        """Check the version's members against this file; the previous version needs its own file."""
        issue = self.dossier.get("issue")
        if issue is None:
            return
        hashes = evidence_hashes(self._files)
        if issue["basis"] != hash_evidence(hashes):
            self.faults.append("version: it is that of another dossier: this one rests on something else")
        if not isinstance(issue["version"], int) or issue["version"] < 1 or self.dossier["visit"]["closing"] is None:
            self.faults.append("version: only a closed visit has one, from 1 on")
        changed = issue["changed"] or {"added": [], "gone": [], "other": [], "figures": {}}
        if not {*changed["added"], *changed["other"]} <= {*hashes} or {*changed["gone"]} & {*hashes}:
            self.faults.append("version: it says of other files that they were changed")
        if any(one["now"] != self.dossier["figures"].get(name) for name, one in changed["figures"].items()):
            self.faults.append("version: it says that the figures are others than they are")


def _name_of(one: DeviceEvent) -> str:
    return f"event {one.number} of {_printable(one.source)}"


def _compare(at: str, said: Any, counted: Any) -> Iterator[str]:
    """The differences between the dossier and its events."""
    if isinstance(said, dict) and isinstance(counted, dict):
        for name in sorted({*said, *counted}):
            yield from _compare(f"{at}/{_printable(str(name))}", said.get(name), counted.get(name))
    elif isinstance(said, list) and isinstance(counted, list) and len(said) == len(counted):
        for number, (ours, theirs) in enumerate(zip(said, counted, strict=True), 1):
            yield from _compare(f"{at}/{number}", ours, theirs)
    elif said != counted or type(said) is not type(counted):
        yield f"{at}: the dossier says {_shorten(said)}, its events give {_shorten(counted)}"


def _shorten(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} of them"
    return "nothing" if value is None else _printable(json.dumps(value, ensure_ascii=False))


_QUANTITIES = (
    "expected", "good", "damaged", "refused", "over", "short", "missing", "not_announced",
    "damage_reported", "said_short", "said_over",
)  # fmt: skip
"""The figures that are quantities by unit, in the order printed."""


def summary_lines(dossier: Json) -> Iterator[str]:
    """The dossier's contents as lines for a terminal."""
    visit, figures = dossier["visit"], dossier["figures"]
    state = f"closed at {visit['closed_at']}" if visit["closing"] else "still open"
    yield f"trailer {dossier['trailer']} at {dossier['site']}, visit {visit['number']} of {visit['of']}, {state}"
    yield from _version_lines(dossier.get("issue"))
    pallets = figures["pallets"]
    yield f"pallets: {pallets['expected']} expected, {pallets['received']} received"
    for name in _QUANTITIES:
        if amounts := ", ".join(f"{quantity} {unit}".strip() for unit, quantity in figures[name].items()):
            yield f"{name.replace('_', ' ')}: {amounts}"
    if differing := ", ".join(
        f"{number} {name.replace('_', ' ')}" for name, number in figures["lines"].items() if number
    ):
        yield f"lines: {differing}"
    if figures["reviews"]["open"]:
        yield f"waiting for a person: {figures['reviews']['open']}"
    for gap in dossier["still_to_come"]:
        yield f"not here yet: numbers {gap['from']} to {gap['to']} of {gap['device']}"


def _version_lines(issue: Json | None) -> Iterator[str]:
    if issue is None:
        return
    place = "" if issue["replaces"] is None else f", in the place of the one that rests on {issue['replaces'][:16]}"
    yield f"version {issue['version']}, rests on {issue['basis'][:16]}{place}"
    changed = issue["changed"] or {}
    for name in ("added", "gone", "other"):
        for file in changed.get(name, ()):
            yield f"changed: {file}: {_CHANGED[name]}"
    for name, one in changed.get("figures", {}).items():
        yield f"changed: {name.replace('_', ' ')}: {_to_text(one['before'])}; now {_to_text(one['now'])}"


_CHANGED = {"added": "new", "gone": "no longer of this visit", "other": "says something else"}
"""Texts for changed files."""


def _to_text(figure: Any) -> str:
    if not isinstance(figure, dict):
        return "nothing" if figure is None else str(figure)
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figure.items() if value) or "nothing"


def main(arguments: list[str]) -> int:
    """The program; its exit code."""
    parser = argparse.ArgumentParser(description="Check the dossier of a trailer.")
    parser.add_argument("dossier", type=Path, metavar="DOSSIER.zip")
    parser.add_argument(
        "keyid", nargs="+", metavar="KEYID", help="the inventory's, then those of devices and the office"
    )
    parser.add_argument("--trailer", metavar="SITE/NAME", help="it must be of this trailer")
    parser.add_argument(
        "--not-before", metavar="MOMENT", type=moment, help="it must rest on what came up to then, or later"
    )
    given = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may lack some of its characters
    try:
        with given.dossier.open("rb") as file:
            data = _read_up_to(_LARGEST + 1, file)
    except OSError as fault:
        print(f"{given.dossier}: {fault.strerror}")  # noqa: T201
        return 1
    if len(data) > _LARGEST:
        print(f"{given.dossier}: has more than {_LARGEST:,} bytes: no dossier has")  # noqa: T201
        return 1
    found = DossierCheck(data, given.keyid[0], given.keyid[1:])
    if given.trailer is not None:
        found.check_trailer(given.trailer)
    if given.not_before is not None:
        found.check_not_before(given.not_before)
    shown = [*found.findings, *(f"WRONG {fault}" for fault in found.faults)]
    shown += ["IT DOES NOT HOLD"] if found.faults else [*summary_lines(found.dossier), "it holds"]
    print("\n".join(map(_printable, shown)))  # noqa: T201
    return 1 if found.faults else 0
