"""`dockvoice inventory devices retire`: a device that is gone is told of nowhere, and what it recorded stays."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dockvoice_protocol.errors import Unfinished, UnreadableInput
from dockvoice_protocol.events import Topics, make_status
from dockvoice_protocol.hash_chain import Signer
from edge.config import Deliver
from inventory.cli.main import commands
from inventory.queries import fleet
from inventory.repository import Store
from inventory.site.numbering import record_sent_version
from inventory.store.keys import KeyDirectory
from inventory.store.statuses import StatusMessage
from tests.dictated import ANOTHER, KEY, payload, recorded
from tests.servers.mosquitto import Mosquitto
from tests.store import Read, publish


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeyDirectory:
    monkeypatch.setenv("DOCKVOICE_INVENTORY_KEYS_DIRECTORY", str(tmp_path / "keys"))
    monkeypatch.setattr("inventory.site.sending.PUBLISH_TIMEOUT_S", 2.0)
    found = KeyDirectory(tmp_path / "keys")
    found.enrol("north", "dock-3", KEY.public)
    return found


@pytest.fixture
def store(tmp_path: Path, event: Read, keys: KeyDirectory) -> Iterator[Store]:
    """A device that recorded something, and two of which nobody knows more than that they say so."""
    with closing(Store.open(f"sqlite:///{tmp_path / 'inventory.db'}")) as opened:
        opened.apply(event(recorded(1)))
        for device, key in (("dock-3", KEY), ("ghost-1", ANOTHER), ("ghost-2", ANOTHER)):
            opened.statuses.record([online(device, key)])
        yield opened


def online(device: str, key: Signer) -> StatusMessage:
    said = make_status("online", site="north", device=device, key=key.public)
    return StatusMessage.read(payload(said), Topics("dockvoice", "north", device))


def retire(store: Store, broker: str, *arguments: str) -> Result:
    given = ["devices", "retire", "--database", store.where, "--broker", broker, *arguments]
    return CliRunner().invoke(commands, given)


def told_of(store: Store, keys: KeyDirectory) -> list[str]:
    with store.transaction() as transaction:
        found = fleet.load_devices(transaction, [(one.site, one.device) for one in keys.all() if not one.revoked])
    return [one.name for one in found]


def test_a_device_is_retired_and_its_status_taken_from_the_broker(
    store: Store, keys: KeyDirectory, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    from paho.mqtt import publish, subscribe

    with Mosquitto(tmp_path / "broker", free_port()) as broker:
        for device in ("dock-3", "dock-4"):
            publish.single(
                f"dockvoice/north/{device}/status", "x", qos=1, retain=True, hostname="127.0.0.1", port=broker.port
            )
        ended = retire(store, f"127.0.0.1:{broker.port}", "north/dock-3")
        assert (ended.exit_code, ended.stdout) == (0, "retired: north/dock-3\n")
        left = subscribe.simple("dockvoice/+/+/status", hostname="127.0.0.1", port=broker.port)  # type: ignore[no-untyped-call]
        assert left.topic == "dockvoice/north/dock-4/status"
    assert told_of(store, keys) == ["ghost-1", "ghost-2"]
    assert [one.state for one in keys.all()] == ["revoked"]
    assert len(store.rows()) == 1
    verified = CliRunner().invoke(commands, ["audit", "verify", "--database", store.where])
    assert "north/dock-3" in verified.stdout


def test_all_that_nobody_enrolled_are_retired_at_once(store: Store, keys: KeyDirectory) -> None:
    ended = retire(store, "127.0.0.1:1", "--unknown")
    assert ended.exit_code == 0
    first, second = ended.stdout.splitlines()
    assert first == "retired: north/ghost-1, north/ghost-2"
    assert second.startswith("its status stays at the broker, and nobody here believes it: 127.0.0.1:1")
    assert told_of(store, keys) == ["dock-3"]


def test_nothing_is_lost_without_a_word(store: Store, keys: KeyDirectory, event: Read) -> None:
    store.apply(event(recorded(5)))
    ended = retire(store, "127.0.0.1:1", "north/dock-3", "north/ghost-1")
    assert isinstance(ended.exception, Unfinished)
    assert "north/dock-3: 4 events are missing: let it send them first" in str(ended.exception)
    assert told_of(store, keys) == ["dock-3", "ghost-1", "ghost-2"]
    assert retire(store, "127.0.0.1:1", "north/dock-3", "--anyway").exit_code == 0
    assert told_of(store, keys) == ["ghost-1", "ghost-2"]


def test_what_nobody_knows_cannot_be_retired(store: Store) -> None:
    assert isinstance(retire(store, "127.0.0.1:1", "north/dock-9").exception, UnreadableInput)


def test_where_one_is_not_known_none_is_retired(store: Store, keys: KeyDirectory) -> None:
    ended = retire(store, "127.0.0.1:1", "north/dock-3", "north/dock-9")
    assert str(ended.exception).startswith(
        "north/dock-9: nothing is known of it, and nobody is retired; `keys list` and `gaps` of `dockvoice inventory`"
    )
    assert told_of(store, keys) == ["dock-3", "ghost-1", "ghost-2"]
    for wrong in ((), ("--unknown", "north/dock-3"), ("north",)):
        assert retire(store, "127.0.0.1:1", *wrong).exit_code == 2


def test_who_is_enrolled_is_told_below_which_versions_nothing_is_to_be_taken(
    store: Store, keys: KeyDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKVOICE_INVENTORY_DATABASE", store.where)
    north = store.catalogue("north")
    docks = north.put("docks", [("line 2", {"value": "A"})], "ben", "begun", "docks.csv")
    publish(north, docks)
    with store.transaction() as transaction:
        roster = record_sent_version(transaction, "north", "roster", "ben", docks.version, datetime.now(UTC))
    (tmp_path / "dock-4.pem").write_bytes(ANOTHER.public.pem)
    ended = CliRunner().invoke(commands, ["keys", "enrol", "north/dock-4", str(tmp_path / "dock-4.pem")])
    told = ended.stdout.splitlines()[1]
    assert told.endswith(f'floors = {{ "catalogue/docks" = {docks.version}, roster = {roster} }}')
    floors = tomllib.loads(told.partition(": ")[2])["floors"]
    assert Deliver(floors=floors).lowest_version("roster") == roster
