"""The dossier of a trailer and verify_dossier.py: whatever is altered, exchanged, put in or left out is named."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jsonschema import Draft202012Validator

from dockvoice_protocol import ed25519, hash_chain
from dockvoice_protocol.hash_chain import Signer
from inventory.dossier.dossier import DossierClips
from inventory.dossier.dossier_page import LANGUAGES, render_page
from inventory.dossier.verifier import build_verifier
from inventory.forms import Forms, load_forms
from inventory.verify_dossier import (
    CONTENT,
    PAGE,
    SIGNATURE,
    DossierCheck,
    main,
    moment,
    pack,
    parsed,
    sha256,
    signed_text,
    unpack,
    write_json,
)
from inventory.words import load_texts
from tests.dictated import payload
from tests.rows import every
from tests.tiers import sized
from tests.trailer import INVENTORY, MORNING, OFFICE, VERIFIER, Unstored, in_pieces, line, scene, write_forms

KEYID = INVENTORY.public.keyid
STRANGER = Signer(Ed25519PrivateKey.from_private_bytes(b"\x66" * 32))

Files = dict[str, bytes]
Change = Callable[[Files], object]


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Forms:
    return load_forms(write_forms(tmp_path_factory.mktemp("forms")))


@pytest.fixture
def dock(forms: Forms) -> Unstored:
    return Unstored(forms)


@pytest.fixture(scope="module")
def whole(forms: Forms) -> bytes:
    dock = scene(Unstored(forms))
    return dock.dossier(clips=DossierClips(dock.clips())).file


def signed(files: Files, key: Signer = INVENTORY) -> Files:
    """With hashes and a signature that fit: as whoever has the key could."""
    content = parsed(files[CONTENT])
    content["files"] = {name: sha256(one) for name, one in files.items() if name not in (CONTENT, SIGNATURE)}
    files[CONTENT] = write_json(content)
    seal = {"keyid": key.public.keyid, "public_key": key.public.raw.hex(), "signs": "dockvoice.dossier.v1"}
    files[SIGNATURE] = write_json({**seal, "signature": key.sign(signed_text(files[CONTENT]))})
    return files


def content(change: Callable[[dict[str, Any]], object]) -> Change:
    def altered(files: Files) -> None:
        found = parsed(files[CONTENT])
        change(found)
        files[CONTENT] = write_json(found)

    return altered


def of(files: Files, folder: str, number: int = 0) -> str:
    return sorted(name for name in files if name.startswith(folder))[number]


def swapped(files: Files) -> None:
    one, two = of(files, "clips/"), of(files, "clips/", 1)
    files[one], files[two] = files[two], files[one]


def dropped(files: Files) -> None:
    """An event, as if it had never been."""
    name = of(files, "events/dock-4")
    del files[name]
    content(lambda found: found.update(events=[one for one in found["events"] if one["file"] != name]))(files)


def another_quantity(files: Files) -> None:
    name = of(files, "events/dock-4")
    files[name] = files[name].replace(b'"quantity":26', b'"quantity":24')


def forged_event(files: Files) -> None:
    """Sealed anew, by somebody who is no device."""
    name = of(files, "events/dock-4")
    event = parsed(files[name])
    event["data"]["fields"]["quantity"] = 24
    audio = event["data"]["utterance"]["audio_sha256"]
    files[name] = payload(hash_chain.seal_event(event, event["previous"], audio, "{}", STRANGER))


def foreign_key(files: Files) -> None:
    """So the stranger's key is put in as the device's."""
    forged_event(files)
    keyid = STRANGER.public.keyid
    files[f"keys/{keyid}.pub"] = STRANGER.public.raw
    content(lambda found: found["keys"].append({"device": "/sites/north/devices/dock-4", "keyid": keyid}))(files)


def moved(files: Files) -> None:
    """An event of other work, as if it had been refused."""
    event = hash_chain.seal_event(
        parsed(files[of(files, "reviews/")]) | {"data": {"form": "x", "fields": {}}}, "0" * 64, "", "", STRANGER
    )
    files["refused/dock-4.0000000001.json"] = payload(event)
    listed = {"file": "refused/dock-4.0000000001.json", "received_at": "2026-11-20T06:00:00Z", "reasons": ["x"]}
    content(lambda found: found["refused"].append(listed))(files)


def another_key(files: Files) -> None:
    files[f"keys/{KEYID}.pub"] = STRANGER.public.raw
    content(lambda found: found["keys"].append({"device": None, "keyid": KEYID}))(files)


def lowered_notice(files: Files) -> None:
    name = of(files, "lists/")
    message = json.loads(files[name])
    message["lines"][0]["quantity"] = 20
    files[name] = json.dumps(message).encode()


def figure(found: dict[str, Any]) -> None:
    found["figures"]["short"]["CS"] = 20


def quiet(found: dict[str, Any]) -> None:
    found["lines"] = [one for one in found["lines"] if one["status"] != "missing"]


ALTERED: dict[str, tuple[Change, str]] = {
    "a figure": (content(figure), "SIGNATURE: was not made for this dossier.json"),
    "a line": (content(quiet), "SIGNATURE: was not made for this dossier.json"),
    "a file": (dropped, "SIGNATURE: was not made for this dossier.json"),
    "an event": (another_quantity, "events/dock-4.0000000001.json: was altered or exchanged"),
    "a clip": (swapped, ".flac: was altered or exchanged"),
    "the page": (lambda files: files.update({PAGE: files[PAGE] + b" "}), "index.html: was altered or exchanged"),
    "no page": (lambda files: files.pop(PAGE), "index.html: is missing"),
    "no signature": (lambda files: files.pop(SIGNATURE), "SIGNATURE: is missing"),
    "no clip": (lambda files: files.pop(of(files, "clips/")), ".flac: is missing"),
    "one more": (lambda files: files.update({f"clips/{'0' * 64}.flac": b"x"}), ".flac: was put in"),
    "no list": (lambda files: files.pop(of(files, "lists/")), "is missing"),
    "the signature": (
        lambda files: files.update({SIGNATURE: files[SIGNATURE].replace(b'"signature": "', b'"signature": "0')}),
        "SIGNATURE: was not made for",
    ),
    "its spelling": (lambda files: files.update({SIGNATURE: files[SIGNATURE] + b"\n"}), "SIGNATURE: was altered"),
    "no object": (lambda files: files.update({CONTENT: b"[]"}), "is not what a dossier holds"),
    "deep": (lambda files: files.update({CONTENT: b"[" * 100_000}), "is not what a dossier holds"),
    "twice": (lambda files: files.update({CONTENT: b'{"a":1,"a":1}'}), "a member stands twice"),
    "nobody's": (lambda files: signed(files, STRANGER), f"key {STRANGER.public.keyid}, and you expect {KEYID}"),
}
"""By somebody without the inventory's key."""

SIGNED: dict[str, tuple[Change, str]] = {
    "a figure": (content(figure), "figures/short/CS: the dossier says 20, its events give 2"),
    "a line": (content(quiet), "lines: the dossier says 8 of them, its events give 9 of them"),
    "an event left out": (dropped, "the dossier says"),
    "an event altered": (another_quantity, "event 1 of /sites/north/devices/dock-4: it was altered"),
    "an event of a stranger": (
        forged_event,
        f"nothing here vouches for the key that it names, {STRANGER.public.keyid}",
    ),
    "an event of a stranger, vouched for": (foreign_key, "event 2 of /sites/north/devices/dock-4: does not continue"),
    "a clip": (swapped, ".flac: is another recording"),
    "a clip of nothing": (
        lambda files: files.update({f"clips/{sha256(b'x')}.flac": b"x"}),
        ".flac: no event here rests on it",
    ),
    "a notice": (lowered_notice, "its signature was not made for it"),
    "a notice of another trailer": (
        content(lambda found: found.update(trailer="77")),
        "announces something else than this trailer",
    ),
    "another site": (content(lambda found: found.update(site="south")), "is of another trailer"),
    "a role": (
        content(lambda found: found["forms"]["receive-notice"]["fields"].pop("damaged")),
        "figures/damaged/CS: the dossier says 4, its events give nothing",
    ),
    "still open": (content(lambda found: found["visit"].update(closing=None)), "another entry closes the trailer"),
    "another closing": (
        content(lambda found: found["visit"].update(closing=found["lines"][0]["entries"][0])),
        "is no entry that closes the trailer",
    ),
    "a later moment": (content(lambda found: found.update(as_of="2030-01-01T00:00:00Z")), "up to another moment"),
    "another end": (
        content(lambda found: found["visit"].update(closed_at="2026-11-20T09:00:00Z")),
        "it was closed at another moment than it says",
    ),
    "a review twice": (
        content(lambda found: found["reviews"].append(found["reviews"][0])),
        "dossier.json: names a file twice",
    ),
    "a review of another trailer": (
        content(lambda found: found["forms"]["receive-notice"]["fields"].update(trailer="lot", pallet="lot")),
        "reviews/dock-3.",
    ),
    "a refusal that was none": (moved, "refused/dock-4.0000000001.json: is of another trailer"),
    "another format": (content(lambda found: found.update(dossier="v9")), "dossier.json: is of another format, v9"),
    "a key": (another_key, f"keys/{KEYID}.pub: is another key"),
}
"""By whoever has it, and signs what he altered."""


def demand_named(alterations: dict[str, tuple[Change, str]], whole: bytes, sign: Callable[[Files], Files]) -> None:
    def is_named(row: tuple[Change, str]) -> None:
        change, told = row
        files = unpack(whole)
        change(files)
        faults = DossierCheck(pack(sign(files)), KEYID).faults
        assert any(told in fault for fault in faults), faults
        assert sign is not signed or not any("SIGNATURE" in fault for fault in faults)

    every(alterations, is_named)


def test_whatever_is_altered_without_the_key_is_named(whole: bytes) -> None:
    demand_named(ALTERED, whole, lambda files: files)


def test_what_its_own_maker_altered_is_named(whole: bytes) -> None:
    demand_named(SIGNED, whole, signed)


def zipped(files: Files, *beside: tuple[str, bytes], how: int = zipfile.ZIP_STORED, comment: bytes = b"") -> bytes:
    made = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(made, "w", how) as bundle:
        warnings.simplefilter("ignore")
        bundle.comment = comment
        for name, one in [*files.items(), *beside]:
            bundle.writestr(name, one)
    return made.getvalue()


def ending(whole: bytes, more: int) -> tuple[Any, ...]:
    """What ends a ZIP file with one member more, whose place in the directory takes so many bytes."""
    mark, _, _, members, _, size, at, comment = struct.unpack("<4s4H2IH", whole[-22:])
    return mark, 0, 0, members + 1, members + 1, size + more, at, comment


def test_the_tricks_of_zip_files_are_named(whole: bytes) -> None:
    files = unpack(whole)
    twice = zipped(files, (PAGE, b"another"))
    directory = whole.rindex(b"PK\x01\x02")  # of the last member: once more, under another name
    again = whole[directory:-22].replace(b"reviews/dock-3", b"reviews/dock-4")
    overlapping = whole[:-22] + again + struct.pack("<4s4H2IH", *ending(whole, len(again)))
    tricks = {
        "a name twice": (twice, "index.html: is in it twice"),
        "a path": (zipped(files, ("../../etc/cron.d/x", b"x")), "it may lead out of the folder"),
        "an absolute path": (zipped(files, ("/etc/passwd", b"x")), "it may lead out of the folder"),
        "a path of Windows": (zipped(files, ("clips\\..\\x.flac", b"x")), "it may lead out of the folder"),
        "a name cut by a zero": (zipped(files).replace(b"README.txt", b"README.tx\0"), "is no"),
        "a bomb": (zipped(files, (f"clips/{'0' * 64}.flac", bytes(10_000_000)), how=zipfile.ZIP_DEFLATED), "a bomb"),
        "a comment": (zipped(files, comment=b"x"), "is not packed as an inventory packs it"),
        "a date": (zipped(files), "is not packed as an inventory packs it"),
        "before it": (b"#!/bin/sh\n" + whole, "is not packed as an inventory packs it"),
        "behind it": (whole + b"x", "is not packed as an inventory packs it"),
        "two members in one place": (overlapping, "its members lie in one place"),
        "cut off": (whole[:-30], "is no whole ZIP file"),
        "nothing": (b"", "is no whole ZIP file"),
        "no ZIP file": (b"\xff" * 100, "is no whole ZIP file"),
        "a member altered": (whole.replace(b"<h1>", b"<h2>", 1), "is no whole ZIP file"),
    }

    many = {f"refused/d.{number:010}.json": b"" for number in range(sized(test=0, nightly=0x10000))}
    if many:
        tricks["more members than a dossier counts"] = (zipped(many), "is no whole ZIP file")

    def is_valid_name(row: tuple[bytes, str]) -> None:
        data, told = row
        (fault,) = DossierCheck(data, KEYID).faults
        assert told in fault, fault

    every(tricks, is_valid_name)


def test_a_terminal_without_its_letters_is_told_that_it_holds(
    dock: Unstored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock.hear(dock.boxes[0].record(pallet_id="1", quantity=1, uom="CS", trailer="Łódź 7"))
    (tmp_path / "d.zip").write_bytes(dock.dossier("Łódź 7").file)
    shown = io.BytesIO()
    with io.TextIOWrapper(shown, encoding="cp1252", write_through=True) as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        assert main([str(tmp_path / "d.zip"), KEYID, "--trailer", "north/Łódź 7"]) == 0
        told = shown.getvalue().decode("cp1252")
    assert "trailer ?ód? 7 at north" in told
    assert told.splitlines()[-1] == "it holds"


def test_every_byte_of_the_file_counts(whole: bytes) -> None:
    for at in range(0, len(whole), max(1, len(whole) // sized(quick=40, test=80, nightly=400))):
        altered = bytes([*whole[:at], whole[at] ^ 1, *whole[at + 1 :]])
        assert DossierCheck(altered, KEYID).faults, at


def test_a_whole_one_holds_and_says_so(whole: bytes, repository: Path, tmp_path: Path, dock: Unstored) -> None:
    (tmp_path / "d.zip").write_bytes(whole)
    device, office = dock.boxes[0].key.public.keyid, OFFICE.public.keyid

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        # Isolated: it has nothing of this program to import; 600 MB: a small file needs no large buffer.
        limited = ["bash", "-c", 'ulimit -v 600000; exec "$@"', "bash"]
        script = [*limited, *VERIFIER, *arguments]
        return subprocess.run(script, capture_output=True, text=True, check=False, timeout=60)

    good = run(str(tmp_path / "d.zip"), KEYID, device, office, "--trailer", "north/5501", "--not-before", "2026-11-20")
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.splitlines()[-14:] == [
        "trailer 5501 at north, visit 1 of 1, closed at 2026-11-20T06:16:00.000Z",
        "pallets: 8 expected, 8 received",
        "expected: 144 CS, 288 EA, 2.5 KGM",
        "good: 143 CS",
        "damaged: 4 CS",
        "refused: 24 CS",
        "over: 2 CS",
        "short: 2 CS",
        "missing: 24 CS",
        "not announced: 3 CS",
        "damage reported: 4 CS",
        "lines: 4 as expected, 1 missing, 1 not announced, 1 not comparable, 1 over, 1 short",
        "waiting for a person: 1",
        "it holds",
    ]


def test_whoever_is_not_as_expected_is_told(
    whole: bytes, tmp_path: Path, dock: Unstored, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "d.zip").write_bytes(whole)
    device = dock.boxes[0].key.public.keyid
    for arguments, told in (
        (["none.zip", KEYID], "No such file"),
        (["d.zip", device], f"you expect {device}: it cannot be trusted"),
        (["d.zip", KEYID, device], "is none that you named"),
        (["d.zip", KEYID, "--trailer", "north/77"], "another one's dossier"),
        (["d.zip", KEYID, "--not-before", "2026-12-01"], "there is a later one"),
    ):
        assert main([str(tmp_path / arguments[0]), *arguments[1:]]) == 1
        assert told in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main([str(tmp_path / "d.zip")])


def test_the_verifier_beside_the_docs_is_the_one_that_is_built(repository: Path) -> None:
    ours, theirs = (
        {name: one for name, one in bundle.items() if not name.startswith("rfc8785/")}  # of the version installed here
        for bundle in (members(build_verifier()), members((repository / "docs" / "verify_dossier.pyz").read_bytes()))
    )
    assert ours == theirs, "run `make verifier`"


def members(of: bytes) -> Files:
    bundle = zipfile.ZipFile(io.BytesIO(of))
    return {name: bundle.read(name) for name in bundle.namelist()}


def test_a_signature_is_verified_alike_with_and_without_a_package() -> None:
    key, said = INVENTORY.public.raw, b"a"
    good = bytes.fromhex(INVENTORY.sign("a"))
    scalar = int.from_bytes(good[32:], "little")
    low = (bytes(32), (1).to_bytes(32, "little"), (ed25519.P + 1).to_bytes(32, "little"), b"\xec" + b"\xff" * 31)
    tried = [
        *[(key, said, good), (key, b"b", good), (STRANGER.public.raw, said, good), (key[:31], said, good)],
        *[(key, said, good[:63]), (key, said, good[:32] + (scalar + ed25519.L).to_bytes(32, "little"))],
        *[(key, said, bytes([*good[:at], good[at] ^ 1, *good[at + 1 :]])) for at in range(0, 64, 9)],
        *[(bytes([*key[:at], key[at] ^ 128, *key[at + 1 :]]), said, good) for at in range(0, 32, 3)],
        *[(one, said, other + bytes(32)) for one in low for other in low],  # points of small order, spelt in two ways
    ]
    assert ed25519.verify_in_python(*tried[0])
    assert [ed25519.verify_in_python(*one) for one in tried] == [ed25519.verify_signature(*one) for one in tried]


def test_the_same_inputs_give_the_same_bytes(whole: bytes, dock: Unstored) -> None:
    assert scene(dock).dossier(clips=DossierClips(dock.clips())).file == whole
    assert dock.dossier().file != whole


def test_what_stands_in_it_is_as_its_schema_says(whole: bytes, repository: Path) -> None:
    schema = json.loads((repository / "schemas" / "dossier.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(parsed(unpack(whole)[CONTENT]))


def lines_of(dock: Unstored) -> dict[tuple[str, str | None], str]:
    return {(one["pallet"], one["item"]): one["status"] for one in dock.dossier().content["lines"]}


def test_units_are_compared_by_the_factors_of_the_devices_or_not_at_all(dock: Unstored) -> None:
    one, two = dock.boxes
    dock.announce(line("1", 288, "EA"), line("2", 2, "PL"), line("3", 24, "CS", "B"), line("4", 7, "CS"), line("5"))
    say = {"trailer": "5501", "uom": "CS"}
    dock.hear(
        one.record(pallet_id="1", quantity=23, item="A100", **say, data=in_pieces(23)),
        one.record(pallet_id="2", quantity=48, item="A100", **say),  # nobody said what a pallet of these holds
        one.record(pallet_id="3", quantity=288, item="B", trailer="5501", uom="EA"),
        one.record(pallet_id="4", quantity=7, trailer="5501"),  # in no unit
        one.record(pallet_id="5", quantity=23, **say),
        one.record(pallet_id="5", quantity=12, uom="EA", trailer="5501"),  # a case more, in pieces
    )
    found = lines_of(dock)
    assert found == {
        ("1", "A100"): "short",
        ("2", "A100"): "not_comparable",
        ("3", "B"): "not_comparable",
        ("4", "A100"): "not_comparable",
        ("5", "A100"): "as_expected",
    }
    assert dock.dossier().content["lines"][0]["difference"] == {"EA": -12}
    dock.hear(two.record(pallet_id="5", quantity=1, item="A100", **say, data=in_pieces(1, factor=10)))
    assert lines_of(dock)["1", "A100"] == "not_comparable"  # two devices say differently what a case holds


def test_what_is_not_said_is_not_guessed(dock: Unstored) -> None:
    one, _ = dock.boxes
    dock.announce(line("1"), line("1", 5, item="B"), line("2"), line("3"), line("4"), line("6"))
    say = {"trailer": "5501", "uom": "CS"}
    dock.hear(
        one.record(pallet_id="1", quantity=24, **say),  # of which of the two items?
        one.record("unload", pallet_id="2", trailer="5501"),  # it is there, and nobody counted it
        one.record("damage", pallet_id="3", quantity=2, **say),
        one.record(pallet_id="4", quantity=24, item="C", **say),  # another item than announced
        one.record("receive", pallet_id="6", quantity=20, damaged=4, short=1, **say),
    )
    assert lines_of(dock) == {
        ("1", None): "not_comparable",
        ("1", "A100"): "not_comparable",
        ("1", "B"): "not_comparable",
        ("2", "A100"): "uncounted",
        ("3", "A100"): "uncounted",
        ("4", "A100"): "missing",
        ("4", "C"): "not_announced",
        ("6", "A100"): "as_expected",
    }


def test_a_list_that_was_withdrawn_before_anything_came_announces_nothing(dock: Unstored) -> None:
    one, _ = dock.boxes
    dock.announce(line("1"))
    dock.announce()
    dock.hear(one.record(pallet_id="1", quantity=24, uom="CS", trailer="5501"))
    assert lines_of(dock) == {("1", None): "without_notice"}
    dock.announce(line("1"), line("2"))
    dock.hear(one.record(pallet_id="2", quantity=24, uom="CS", trailer="5501"))
    dock.announce()  # when it has left
    made = dock.dossier()
    assert [one["status"] for one in made.content["lines"]] == ["as_expected", "as_expected"]
    assert "A list was withdrawn" in unpack(made.file)[PAGE].decode()
    assert not DossierCheck(made.file, KEYID).faults


def test_an_entry_that_was_moved_to_another_trailer_counts_there(dock: Unstored) -> None:
    one, _ = dock.boxes
    said = one.record(pallet_id="1", quantity=24, uom="CS", trailer="5501")
    dock.hear(said, one.record(pallet_id="2", quantity=1, uom="CS", trailer="5501"), one.amend(said, trailer="77"))
    assert lines_of(dock) == {("2", None): "without_notice"}
    there = dock.dossier("77")
    assert [line["pallet"] for line in there.content["lines"]] == ["1"]
    for made in (there, dock.dossier()):
        assert not DossierCheck(made.file, KEYID).faults


def test_a_seal_that_does_not_hold_is_told_on_the_page_and_by_the_check(dock: Unstored) -> None:
    scene(dock)
    dock.boxes[0].key = STRANGER  # enrolled is another key than the one that signed
    made = dock.dossier()
    assert "Some seals do not hold" in unpack(made.file)[PAGE].decode()
    assert sum("vouches for the key" in fault for fault in DossierCheck(made.file, KEYID).faults) == 8


class Reader(HTMLParser):
    """What a page asks for, and whether it is one tree."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.asked: list[str] = []
        self.heads = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.asked += [str(value) for name, value in attrs if name in {"src", "href", "action", "data"}]
        self.heads += tag == "caption"
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_whole_in_every_language_and_asks_for_nothing_from_elsewhere(language: str, dock: Unstored) -> None:
    one, _ = dock.boxes
    dock.hear(
        one.record(pallet_id="<script>alert(1)</script>", quantity=1, uom="CS", trailer="5501", lot='"><img src=x>')
    )
    scene(dock)
    files = unpack(dock.dossier(clips=DossierClips(dock.clips()), language=language).file)
    text = files[PAGE].decode()
    found = Reader()
    found.feed(text)
    assert f"{ {'de': 'Palette'}.get(language, 'Pallet') } <b>742</b>" in text
    assert (found.open, "<script" in text, "<img" in text, "{" in text.split("</style>")[1]) == (
        [],
        False,
        False,
        False,
    )
    assert {name for name in found.asked if not name.startswith("#no")} == {n for n in files if n.startswith("clips/")}
    assert {*load_texts(language, "dossier")} == {*load_texts("en", "dossier")}
    assert text.count("<caption>") == found.heads >= 3


def test_the_page_says_where_a_recording_is_not(dock: Unstored) -> None:
    one, _ = dock.boxes
    dock.hear(one.record(pallet_id="1", quantity=1, uom="CS", trailer="5501"))
    (clip,) = one.clips
    for clips, told in (
        (DossierClips(), "not in this dossier"),
        (DossierClips(gone={clip}), "no longer on the device"),
        (DossierClips(one.clips), f'src="clips/{clip}.flac"'),
    ):
        text = unpack(dock.dossier(clips=clips).file)[PAGE].decode()
        assert (told in text, clip[:12] in text) == (True, True)


def test_times_are_those_of_the_site(dock: Unstored) -> None:
    made = scene(dock).dossier()
    assert (made.content["zone"], moment(made.content["visit"]["began"]) > MORNING) == ("Europe/Berlin", True)
    text = render_page(made.content, unpack(made.file), KEYID)
    assert ("2026-11-20 07:16:00" in text, "Europe/Berlin" in text) == (True, True)
    abroad = render_page({**made.content, "zone": "Nowhere/Land"}, unpack(made.file), KEYID)
    assert ("2026-11-20 06:16:00" in abroad, "Times are those of UTC" in abroad) == (True, True)
