"""Who may enter: what the inventory takes for its device's own word, and what it does with the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dockvoice_protocol.errors import DockvoiceError, Misconfigured, UnreadableInput
from dockvoice_protocol.hash_chain import sign_withheld_replacement
from edge.deliver.device_events import withheld_event
from inventory.cli.main import commands
from inventory.ingest.admission import find_distrust
from inventory.records import InvalidEvent
from inventory.store.keys import KeyDirectory
from tests.dictated import ANOTHER, KEY, identity, payload, recorded, signed

THEIRS, OURS = ANOTHER.public.keyid, KEY.public.keyid


@pytest.fixture
def keys(tmp_path: Path) -> KeyDirectory:
    found = KeyDirectory(tmp_path / "keys")
    found.enrol("north", "dock-3", KEY.public)
    return found


def why(keys: KeyDirectory, body: bytes, number: int = 1) -> str | None:
    """Why an event of north/dock-3 is taken for nobody's word."""
    event = InvalidEvent(identity(1, number), "north", "dock-3", number, body, ())
    found = find_distrust(event, keys.keys_of("north", "dock-3"))
    return None if found is None else found.reason


def altered(body: bytes, **members: Any) -> bytes:
    return payload({**json.loads(body), **members})


def tombstone(number: int = 1) -> dict[str, Any]:
    whole = json.loads(signed(recorded(number)))
    return withheld_event(whole, "too_large")


GOOD = signed(recorded(1))

STRANGE: dict[str, tuple[bytes, str]] = {
    "two members": (json.dumps({"id": identity(1, 1), "sequence": "57"}).encode(), "unsigned"),
    "unsigned": (altered(GOOD, keyid=None), "unsigned"),
    "the signature stripped": (altered(GOOD, signature=None), f"forged:{OURS}"),
    "another's key": (signed(recorded(1), ANOTHER), f"unknown_key:{THEIRS}"),
    "another's signature under our key": (altered(signed(recorded(1), ANOTHER), keyid=OURS), f"forged:{OURS}"),
    "another number": (altered(GOOD, sequence="9999999999"), f"forged:{OURS}"),
    "another id": (altered(GOOD, id=identity(1, 2)), f"forged:{OURS}"),
    "another quantity": (altered(GOOD, data=recorded(1, quantity=4999)["data"]), f"forged:{OURS}"),
    "another type": (altered(GOOD, type="dockvoice.entry.cancelled.v1"), f"forged:{OURS}"),
    "one member twice": (b'{"sequence":"57",' + GOOD[1:], "forged"),
    "a seal that says withheld": (altered(GOOD, type="dockvoice.entry.withheld.v1"), f"forged:{OURS}"),
    "withheld under another number": (
        altered(payload(sign_withheld_replacement(tombstone(), KEY)), sequence="58", id=identity(1, 58)),
        f"forged:{OURS}",
    ),
    "withheld in another's word": (payload(sign_withheld_replacement(tombstone(), ANOTHER)), f"forged:{OURS}"),
    "withheld without a word": (payload(tombstone()), f"forged:{OURS}"),
    "a keyid of 5 MB": (altered(GOOD, keyid="a" * 5_000_000), "unsigned"),
    "a chain that is no text": (altered(GOOD, chain=7), f"forged:{OURS}"),
    "no data": (altered(GOOD, data=[]), f"forged:{OURS}"),
}


@pytest.mark.parametrize("attack", STRANGE)
def test_a_stranger_does_not_enter(keys: KeyDirectory, attack: str) -> None:
    body, reason = STRANGE[attack]
    assert why(keys, body) == reason


def test_the_devices_own_word_enters_under_its_own_name(keys: KeyDirectory) -> None:
    """Also a broken one: a device with a fault of its own is answered, and refused, or it would send for ever."""
    broken = recorded(1)
    del broken["data"]["fields"]
    for body in (GOOD, payload(sign_withheld_replacement(tombstone(), KEY)), signed(broken)):
        assert why(keys, body) is None
    theirs = InvalidEvent(identity(1, 1), "north", "dock-4", 1, GOOD, ())
    assert find_distrust(theirs, keys.keys_of("north", "dock-4")) is not None


def test_a_key_that_was_replaced_counts_up_to_its_last_number(keys: KeyDirectory) -> None:
    keys.rotate("north", "dock-3", ANOTHER.public, 17)
    assert why(keys, signed(recorded(17)), 17) is None
    assert why(keys, signed(recorded(18)), 18) == f"replaced_key:{OURS}"
    assert why(keys, signed(recorded(18), ANOTHER), 18) is None


def test_a_revoked_key_counts_for_nothing_and_stays_revoked(keys: KeyDirectory) -> None:
    keys.revoke("north", "dock-3", None)
    assert why(keys, GOOD) == f"revoked_key:{OURS}"
    with pytest.raises(Misconfigured, match="is revoked; give the device a new one"):
        keys.enrol("north", "dock-3", KEY.public)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("north.dock-3.0000000000000000.pem", KEY.public.pem),
        ("dock-3.pem", KEY.public.pem),
        (f"north.dock-4.{OURS}.upto-x.pem", KEY.public.pem),
        (f"north.dock-4.{OURS}.pem", b"no key"),
        (f"north.dock-4.{OURS}.pem", b"\xff\x00"),
    ],
)
def test_a_file_that_is_no_key_lets_nobody_in_and_is_told(
    tmp_path: Path, name: str, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / name).write_bytes(content)
    assert KeyDirectory(tmp_path).all() == ()
    assert f"{name} lets nobody in" in caplog.text


@pytest.fixture
def told(tmp_path: Path) -> Callable[..., str]:
    """What `dockvoice inventory keys` says; the public keys lie in ours.pem and theirs.pem."""
    for name, key in (("ours", KEY), ("theirs", ANOTHER)):
        (tmp_path / f"{name}.pem").write_bytes(key.public.pem)

    def told(*arguments: str) -> str:
        words = ["keys", *(word.replace("TMP", str(tmp_path)) for word in arguments), "--directory", f"{tmp_path}/keys"]
        done = CliRunner().invoke(commands, words)
        if isinstance(done.exception, DockvoiceError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output

    return told


def test_a_person_enrols_rotates_and_revokes(told: Callable[..., str], tmp_path: Path) -> None:
    assert told("enrol", "north/dock-3", "TMP/ours.pem") == f"north/dock-3: enters with key {OURS}\n"
    assert told("enrol", "north/dock-3", "TMP/ours.pem") == f"north/dock-3: enters with key {OURS}\n"
    rotated = told("rotate", "north/dock-3", "TMP/theirs.pem", "--upto", "17")
    assert rotated == f"north/dock-3: enters with key {THEIRS}; its keys before count up to number 17\n"
    assert told("rotate", "north/dock-3", "TMP/theirs.pem", "--upto", "12") == rotated
    assert told("rotate", "north/dock-3", "TMP/theirs.pem", "--upto", "20") == rotated.replace("17", "20")
    assert told("revoke", "north/dock-3", "--keyid", THEIRS) == f"north/dock-3: revoked {THEIRS}\n"
    listed = {one["keyid"]: one["state"] for one in map(json.loads, told("list", "--json").splitlines())}
    assert listed == {OURS: "up to 20", THEIRS: "revoked"}
    assert OURS in told("list")


def test_what_is_not_enrolled_can_be_neither_rotated_nor_revoked(told: Callable[..., str]) -> None:
    for words in (("rotate", "north/dock-3", "TMP/ours.pem", "--upto", "1"), ("revoke", "north/dock-3")):
        with pytest.raises(UnreadableInput, match="holds no key of it; it holds keys of none"):
            told(*words)
