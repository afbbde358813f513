"""Check a bundle that `dockvoice audit export` made: python verify_bundle.py BUNDLE.zip KEYID [KEYID ...].

Needs `pip install cryptography rfc8785`, nothing of Dockvoice. KEYID is the id of the device's key, as the owner of the
device tells it to you: what other keys signed is not believed. Prints a line for each event; exit code 0 if all of them
hold.
"""

import hashlib
import json
import re
import struct
import sys
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LARGEST = {"txt": 1_000_000, "pub": 32, "json": 20_000_000, "flac": 100_000_000}
"""Bytes of a member, by the end of its name: many times what a device writes, and what any machine has room for."""

MEMBER = re.compile(
    r"README\.txt|keys/[0-9a-f]{16}\.pub"
    r"|[0-9]{10}/(?:event\.json|reading\.json|audio\.flac|support/[A-Za-z0-9_-]{1,100}\.flac)"
)
"""The only names that a member may have."""

LONGEST = 80  # Characters of a name that is told; in a file that somebody made there may be any number.

README = "28ba82cdb8d71ddae48618c0a8a695a36cd9bac0ee6c22263d75c914fd22ef01"
"""The SHA-256 of the README that devices write: nobody signs it, and it tells people what to do."""

HEADER = 30  # Bytes before the name of a member, where it lies in the file.

FAR = 0x7FFFFFFF  # Places from here on are written in 64 bits, as more members than 65,535 are counted in 64.


class Tampered(Exception):
    """It is not as a device wrote it; nothing more of it can be looked at."""


def printable(text: object) -> str:
    """The text, for any terminal: what stands in a file that somebody made moves no cursor and turns no line round."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in str(text)[:LONGEST])


def unrepeated(pairs: list) -> dict:
    """The members of an object; two of one name would mean two things to two readers."""
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a member stands twice in one object")
    return dict(pairs)


def sha256(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def headers(one: zipfile.ZipInfo) -> tuple[bytes, bytes]:
    """What a device writes of a member: where it lies in the file, and in the directory behind all of them."""
    year, month, day, hour, minute, second = one.date_time
    when = (hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day)
    of = (0, one.compress_type, *when, one.CRC, one.compress_size, one.file_size, len(one.filename))
    far = struct.pack("<2HQ", 1, 8, one.header_offset) if one.header_offset > FAR else b""
    version, place = (45, 0xFFFFFFFF) if far else (20, one.header_offset)  # 3: made under Unix, by its owner alone
    beside = (len(far), 0, 0, 0, 0o600 << 16, place)
    name = one.filename.encode("ascii")
    return (
        struct.pack("<4sH4H3I2H", b"PK\3\4", 20, *of, 0) + name,
        struct.pack("<4s2H4H3I5H2I", b"PK\1\2", 3 << 8 | version, version, *of, *beside) + name + far,
    )


def directory(members: list[zipfile.ZipInfo], at: int) -> bytes:
    """What stands behind these members in a file that a device wrote."""
    listed = b"".join(headers(one)[1] for one in members)
    number, large = min(len(members), 0xFFFF), b""
    if len(members) > number or max(len(listed), at) > FAR:
        of = (len(members), len(members), len(listed), at)
        large = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, *of)
        large += struct.pack("<4sIQI", b"PK\6\7", 0, at + len(listed), 1)
    of = (number, number, min(len(listed), 0xFFFFFFFF), min(at, 0xFFFFFFFF))
    return listed + large + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, *of, 0)


def see(members: list[zipfile.ZipInfo]) -> None:
    """Raise Tampered for a member that no device puts into a bundle."""
    names: set[str] = set()
    events = {one.filename.removesuffix("event.json") for one in members if one.filename.endswith("/event.json")}
    for one in members:
        name = printable(one.orig_filename)
        if not MEMBER.fullmatch(one.filename) or one.filename != one.orig_filename:
            raise Tampered(f"{name}: is no name of a member, and nobody signed it")
        if one.filename[0].isdigit() and one.filename[:11] not in events:
            raise Tampered(f"{name}: belongs to no event, and nobody signed it")
        if one.filename in names:
            raise Tampered(f"{name}: is in it twice")
        kind = one.filename.rpartition(".")[2]
        if one.file_size > (largest := LARGEST[kind]):
            raise Tampered(f"{name}: claims {one.file_size:,} bytes, of {largest:,} at most; it may be a bomb")
        # A recording is compressed as it is; and nothing that is deflated gets much larger.
        known = {zipfile.ZIP_STORED} if kind == "flac" else {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
        if one.compress_type not in known or one.compress_size > one.file_size + one.file_size // 1000 + 20:
            raise Tampered(f"{name}: is compressed in a way that no device uses; it may be a bomb")
        names.add(one.filename)


def see_places(members: list[zipfile.ZipInfo], file: BinaryIO) -> None:
    """Raise Tampered for every other trick of a ZIP file: what one program reads in it, each other does too."""
    end, before = 0, ""
    for one in sorted(members, key=lambda member: member.header_offset):
        if one.header_offset != end:
            place = f"in the same place as {before}" if one.header_offset < end else "behind something unsigned"
            raise Tampered(f"{one.filename}: lies {place}; it may be a bomb")
        file.seek(end)
        if file.read(HEADER + len(one.filename)) != headers(one)[0]:
            raise Tampered(f"{one.filename}: says something else of itself than the directory; others may go by that")
        end, before = one.header_offset + HEADER + len(one.filename) + one.compress_size, one.filename
    file.seek(end)
    if file.read(len(behind := directory(members, end)) + 1) != behind:
        raise Tampered("its directory is none that a device wrote, or something stands before or behind it")


def content(bundle: zipfile.ZipFile, name: str) -> bytes:
    """A member, and no more of it than it says it has. Raises Tampered where it is not that, KeyError for none."""
    member, behind = bundle.getinfo(name), False
    bundle.fp.seek(member.header_offset + HEADER + len(name))
    found = bundle.fp.read(member.compress_size)
    if member.compress_type == zipfile.ZIP_DEFLATED:
        inflating = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            found = inflating.decompress(found, member.file_size + 1)
        except zlib.error:
            raise Tampered(f"{printable(name)}: is damaged") from None
        behind = not inflating.eof or bool(inflating.unused_data)  # nobody signed it, and no program shows it
    if behind or len(found) != member.file_size or zlib.crc32(found) != member.CRC:
        raise Tampered(f"{printable(name)}: is damaged: its size, its checksum or its end is another than it says")
    return found


def fault(event: dict, key: bytes, reading: bytes, recording: bytes | None, believed: list[str]) -> str | None:
    """What is wrong with an event, its reading or its recording; None where nothing is."""
    hashed = {name: value for name, value in event.items() if name not in ("chain", "signature")}
    audio = event["data"]["utterance"]["audio_sha256"]
    if sha256(f"{event['previous']}\n{sha256(rfc8785.dumps(hashed))}\n{audio}\n".encode()) != event["chain"]:
        return "the event was altered"
    if event["keyid"] != sha256(key)[:16] or event["keyid"] not in believed:
        return f"it is signed with a key that is not believed, {printable(event['keyid'])}"
    try:
        signature = bytes.fromhex(event["signature"])
        Ed25519PublicKey.from_public_bytes(key).verify(signature, event["chain"].encode())
    except (InvalidSignature, ValueError):
        return "the signature is not the device's"
    if event["readingsha256"] != sha256(reading) or event["signature"] != signature.hex():
        return "the reading or the signature was altered"
    return None if recording is None or sha256(recording) == audio else "the recording was altered"


def support_fault(bundle: zipfile.ZipFile, names: list[str], folder: str, event: dict) -> str | None:
    """What is wrong with the recordings of answers and corrections that are here; None where nothing is."""
    answers = {f"{folder}support/{one['id']}.flac": one["audio_sha256"] for one in event["data"].get("support", [])}
    here = (name for name in names if name.startswith(folder + "support/"))
    altered = any(answers.get(name) != sha256(content(bundle, name)) for name in here)
    return "the recording of an answer or a correction was altered" if altered else None


def see_unsigned(bundle: zipfile.ZipFile, names: list[str]) -> None:
    """Raise Tampered where the README or a key that no event may name is not as a device writes it."""
    for name in names:
        if name == "README.txt" and sha256(content(bundle, name)) != README:
            raise Tampered("README.txt: was altered, and what it tells to do nobody signed")
        if name.startswith("keys/") and name != f"keys/{sha256(content(bundle, name))[:16]}.pub":
            raise Tampered(f"{printable(name)}: is another key")


def check(bundle: zipfile.ZipFile, file: BinaryIO, believed: list[str]) -> bool:
    """Tell of each event of the bundle, which is this file; whether all of them hold. Raises Tampered."""
    see(bundle.infolist())
    see_places(bundle.infolist(), file)
    names, links, ids, good = bundle.namelist(), {}, set(), True
    see_unsigned(bundle, names)
    for folder in sorted(name.removesuffix("event.json") for name in names if name.endswith("/event.json")):
        recording = content(bundle, folder + "audio.flac") if folder + "audio.flac" in names else None
        try:
            event = json.loads(content(bundle, folder + "event.json"), object_pairs_hook=unrepeated)
            key, number = content(bundle, f"keys/{event['keyid']}.pub"), int(event["sequence"])
            wrong = fault(event, key, content(bundle, folder + "reading.json"), recording, believed)
            wrong = wrong or support_fault(bundle, names, folder, event)
            previous, link, named = event["previous"], event["chain"], str(event["id"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as missing:
            print(folder, "is no signed event with its key and its reading:", type(missing).__name__)  # noqa: T201
            good = False
            continue
        if not wrong and (named in ids or f"{number:010}/" != folder):
            wrong = "the same event is in it under another number"
        if not wrong and links.get(number - 1, previous) != previous:
            wrong = "it does not continue the event before it"
        links[number], good = link, good and not wrong
        ids.add(named)
        print(int(folder[:-1]), wrong or ("holds" if recording else "holds, without its recording"))  # noqa: T201
    return good and bool(links)


def main(arguments: list[str]) -> int:
    """What is said on the command line; the exit code."""
    if not arguments:
        print("usage: python verify_bundle.py BUNDLE.zip KEYID [KEYID ...]", file=sys.stderr)  # noqa: T201
        return 2
    try:
        if not Path(arguments[0]).is_file():
            raise Tampered("is no file")
        with Path(arguments[0]).open("rb") as file, zipfile.ZipFile(file) as bundle:
            return 0 if check(bundle, file, arguments[1:]) else 1
    except (
        Tampered,
        OSError,
        zipfile.BadZipFile,
        NotImplementedError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
        struct.error,
    ) as broken:
        # Whatever is missing or doubled in it, or is not what it should be, it proves nothing.
        why = str(broken) if isinstance(broken, Tampered) else type(broken).__name__
        print(f"{arguments[0]!a}: is no whole bundle: {why}", file=sys.stderr)  # noqa: T201
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
