from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from dockvoice_protocol import hash_chain
from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.hash_chain import GENESIS, Signer
from edge.keep import device_key
from edge.keep.device_key import KEY
from inventory.cli.main import commands
from inventory.repository import Store
from inventory.store.keys import KeyDirectory
from tests.dictated import new_key_file, recorded
from tests.store import reader


@pytest.fixture
def key(tmp_path: Path) -> Signer:
    return device_key.load_or_create(tmp_path)


@pytest.fixture
def store(tmp_path: Path, repository: Path, key: Signer) -> Iterator[Store]:
    """Two events of one device, one of another."""
    read = reader(repository)
    with closing(Store.open(f"sqlite:///{tmp_path / 'inventory.db'}")) as opened:
        link = GENESIS
        for event in (recorded(1), recorded(2), recorded(1, at=("south", "dock-1"))):
            sealed = hash_chain.seal_event(event, link if event["sequence"] == "2" else GENESIS, "0" * 64, "{}", key)
            link = sealed["chain"]
            opened.apply(read(sealed))
        yield opened


@pytest.fixture(autouse=True)
def enrolled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeyDirectory:
    """Where the inventory keeps the keys of its devices: none yet."""
    monkeypatch.setenv("DOCKVOICE_INVENTORY_KEYS_DIRECTORY", str(tmp_path / "keys"))
    return KeyDirectory(tmp_path / "keys")


@pytest.fixture
def pem(tmp_path: Path, key: Signer) -> Path:
    path = tmp_path / "dock-3.pem"
    path.write_bytes(key.public.pem)
    return path


def run(store: Store, *arguments: str | Path) -> Result:
    given = ["audit", "verify", "--database", store.where, *arguments]
    return CliRunner().invoke(commands, [str(argument) for argument in given])


def test_every_device_is_looked_at(store: Store, key: Signer, pem: Path) -> None:
    told = run(store, "--key", pem)
    assert told.exit_code == 0
    assert told.stdout.splitlines() == [
        "north/dock-3: events that hold: 2",
        f"  1 to 2: signed with {key.public.keyid}",
        "south/dock-1: events that hold: 1",
        f"  1 to 1: signed with {key.public.keyid}",
    ]


def test_one_device_for_programs(store: Store, key: Signer, pem: Path) -> None:
    told = run(store, "--keys", pem.parent, "--device", "north/dock-3", "--json")
    assert json.loads(told.stdout) == {
        "whole": True,
        "site": "north",
        "device": "dock-3",
        "events": 2,
        "broken": None,
        "spans": [{"keyid": key.public.keyid, "first": 1, "last": 2}],
        "checked": True,
        "withheld": [],
        "refused": [],
        "stray_entries": 0,
        "stray_moves": 0,
        "out_of_turn": 0,
        "known": True,
        "acknowledged": [],
        "found": None,
    }


def test_without_any_key_nothing_is_whole_and_it_says_what_was_not_checked(store: Store, key: Signer) -> None:
    told = run(store, "--device", "south/dock-1")
    assert told.exit_code == 1
    first, second, third = told.stdout.splitlines()
    assert (first, second) == ("south/dock-1: links that hold: 1", f"  1 to 1: names key {key.public.keyid}")
    assert third.startswith("  NOT CHECKED: no key is enrolled or given")


def test_the_enrolled_keys_are_used_where_none_is_given_each_for_its_own_device(
    store: Store, key: Signer, enrolled: KeyDirectory
) -> None:
    enrolled.enrol("north", "dock-3", key.public)
    told = run(store)
    assert told.exit_code == 1
    assert told.stdout.splitlines() == [
        "north/dock-3: events that hold: 2",
        f"  1 to 2: signed with {key.public.keyid}",
        "south/dock-1: events that hold: 0",
        "  BROKEN at 1: is signed with a key that is not known here",
    ]
    assert run(store, "--device", "north/dock-3").exit_code == 0


def test_a_broken_link_is_named(store: Store, pem: Path) -> None:
    with store.engine.begin() as transaction:
        transaction.execute(text("UPDATE events SET body = replace(body, 'op-17', 'op-18') WHERE sequence = 2"))
    told = run(store, "--key", pem)
    assert told.exit_code == 1
    assert told.stdout.splitlines()[2] == "  BROKEN at 2: the event, its link or the hash of its recording was altered"
    lines = [json.loads(line) for line in run(store, "--key", pem, "--json").stdout.splitlines()]
    assert [line["whole"] for line in lines] == [False, True]
    assert (lines[0]["broken"]["sequence"], lines[0]["broken"]["wrong"]) == (2, "altered")


def test_faults_are_named(store: Store, pem: Path, tmp_path: Path) -> None:
    faults: dict[tuple[str | Path, ...], str] = {
        ("--device", "north"): "--device north: no event ever came from it; there are north/dock-3, south/dock-1",
        ("--key", tmp_path / "none.pem"): "none.pem: No such file or directory; give what `dockvoice audit key`",
        ("--key", tmp_path / KEY): "device.key: is no Ed25519 public key; give what `dockvoice audit key` printed",
        ("--keys", tmp_path / "none"): "none: holds no *.pem; `dockvoice audit key` on a device prints its key",
    }
    for arguments, told in faults.items():
        fault = run(store, *arguments).exception
        assert isinstance(fault, UnreadableInput)
        assert told in str(fault)


def test_no_device_and_no_event_are_no_proof(store: Store, pem: Path, tmp_path: Path) -> None:
    with store.engine.begin() as transaction:
        transaction.execute(text("DELETE FROM devices"))
    told = run(store, "--key", pem)
    assert told.exit_code == 1
    assert told.stdout.splitlines()[:2] == [
        "north/dock-3: events that hold: 0",
        "  MISSING: no row of `devices` says how far its events have come",
    ]
    with store.engine.begin() as transaction:
        for table in ("entries", "events", "stock_moves"):
            transaction.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - our own tables
    told = run(store, "--key", pem)
    assert told.exit_code == 1
    assert "NO EVENT of any device is here" in told.stdout


def test_a_key_that_signed_nothing_stands_out(store: Store, pem: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = device_key.load_or_create(tmp_path / "other")
    (tmp_path / "other.pem").write_bytes(other.public.pem)
    told = run(store, "--keys", tmp_path)
    assert told.exit_code == 1
    assert told.stdout.splitlines()[-1] == f"{other.public.keyid}: NO EVENT is signed with this key"
    assert run(store, "--keys", tmp_path, "--device", "north/dock-3").exit_code == 0


def acknowledge(store: Store, *arguments: str | Path) -> Result:
    given = ["audit", "acknowledge", "--database", store.where, "--device", "north/dock-3", *arguments]
    return CliRunner().invoke(commands, [str(argument) for argument in given])


def test_a_known_break_is_acknowledged_and_the_chain_goes_on_behind_it(
    store: Store, pem: Path, key: Signer, tmp_path: Path
) -> None:
    file, auditor, public = tmp_path / "known", new_key_file(tmp_path / "auditor.key"), tmp_path / "auditor.public"
    public.write_bytes(Signer.from_pem(auditor.read_bytes()).public.pem)
    with store.engine.begin() as transaction:
        transaction.execute(text("UPDATE events SET body = replace(body, 'op-17', 'op-18') WHERE sequence = 1"))
    given = ("--reason", "a clerk tried it out", "--sign", auditor, "--key", pem)
    assert isinstance(acknowledge(store, "2", file, *given).exception, UnreadableInput)
    assert isinstance(acknowledge(store, "1", file, *given[:3], pem, *given[4:]).exception, UnreadableInput)
    assert acknowledge(store, "1", file, *given).exit_code == 0
    verified = ("--key", pem, "--device", "north/dock-3", "--acknowledged", file)
    told = run(store, *verified, "--by", public)
    assert told.exit_code == 0
    assert told.stdout.startswith("north/dock-3: events that hold: 1\n")
    assert "KNOWN at 1: the event, its link or the hash of its recording was altered (" in told.stdout
    assert "a clerk tried it out" in told.stdout
    assert run(store, *verified).exit_code == 1  # signed by nobody who is believed
    assert run(store, *verified, "--by", pem).exit_code == 1
    with store.engine.begin() as transaction:
        transaction.execute(text("UPDATE events SET body = replace(body, 'op-18', 'op-19') WHERE sequence = 1"))
    assert run(store, *verified, "--by", public).exit_code == 1
    file.write_text("{}\n")
    assert isinstance(run(store, *verified, "--by", public).exception, UnreadableInput)
