"""Lists of expected receipts over a real broker: from the inventory's command to what the device knows without one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.events import Topics, to_json_bytes
from dockvoice_protocol.hash_chain import Signer
from dockvoice_protocol.mqtt import Session
from dockvoice_protocol.records import ExpectedLine, ExpectedList, PlaceKind, ReceivingPlace
from dockvoice_protocol.signed import LARGEST, sign_expected_list
from edge.agent.delivery import Delivery
from edge.config import Deliver, Settings
from edge.keep import device_key
from edge.keep import signed as kept_lists
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.keep.signed import ListResult
from inventory.repository import Store
from inventory.site.expected import enter_in_outbox
from tests.dictated import ANOTHER
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.store import Lists
from tests.waiting import until, while_running

NOW = datetime(2026, 11, 20, tzinfo=UTC)
TRAILER = ReceivingPlace(PlaceKind.TRAILER, "5501")
DOOR = ReceivingPlace(PlaceKind.DOOR, "12")
LINE = ExpectedLine("4550012", "742", "A100", 24, "CS", lot_needed=True)
LIST = ExpectedList("hall", TRAILER, 5, (LINE,))


@pytest.fixture
def office(tmp_path: Path) -> Signer:
    key = device_key.load_or_create(tmp_path)
    (tmp_path / "office.pem").write_bytes(key.public.pem)
    return key


def receiving(tmp_path: Path, port: int, executor: JournalThread, site: str = "hall") -> Delivery:
    deliver = Deliver(decisions_key=tmp_path / "office.pem", mqtt=Mqtt(host="127.0.0.1", port=port))
    settings = Settings(site=site, device="dock-1", deliver=deliver)
    return Delivery(settings, executor, lambda _: None)


@pytest.fixture
def publish(broker: Mosquitto) -> Iterator[Callable[[str, bytes], None]]:
    session = Session(Mqtt(host="127.0.0.1", port=broker.port), client_id="somebody", receive=lambda _: None)
    session.start()
    until(lambda: session.is_connected, "somebody never connected")
    yield lambda named, payload: until(lambda: session.publish(named, payload, tag="t", retain=True), "not published")
    session.stop()


def is_told(caplog: pytest.LogCaptureFixture, told: str) -> bool:
    return told in caplog.text


def test_only_a_newer_list_with_the_offices_signature_for_this_very_place_is_taken(
    tmp_path: Path,
    broker: Mosquitto,
    office: Signer,
    publish: Callable[[str, bytes], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    here, there = (Topics.expected("dockvoice", "hall", str(place)) for place in (TRAILER, DOOR))
    forged = json.loads(sign_expected_list(LIST, office, NOW))
    forged["lines"][0]["quantity"] = 99
    bad: list[tuple[str, bytes, str]] = [
        (here, sign_expected_list(replace(LIST, version=9), ANOTHER, NOW), "is not taken: /signature"),
        (here, to_json_bytes(forged), "is not taken: /signature"),
        (there, sign_expected_list(replace(LIST, version=9), office, NOW), "/place: is another place than its topic's"),
        (here, sign_expected_list(replace(LIST, site="south", version=9), office, NOW), "/place: is another place"),
        (here, b"{", "is no list of expected receipts for here: message: is not JSON"),
        (here, b"\xff", "message: is not UTF-8"),
        (here, b"[" * (LARGEST + 1), "message: found 128,001 bytes, allowed are 128,000"),
        (here, b'{"version": 1}', "is a required property"),
        (
            "dockvoice/hall/expected/lorry/1",
            sign_expected_list(LIST, office, NOW),
            "topic: is that of no trailer and no door",
        ),
        (here, sign_expected_list(replace(LIST, version=4, lines=()), office, NOW), "of version 4 is not taken"),
        (here, sign_expected_list(replace(LIST, lines=()), office, NOW), "of version 5 is not taken"),
        (here, b"", "trailer/5501 was cleared at the broker"),
    ]
    caplog.set_level("INFO")
    with JournalThread(tmp_path / "state") as executor:
        taking = receiving(tmp_path, broker.port, executor)

        def meanwhile() -> None:
            publish(here, sign_expected_list(LIST, office, NOW))
            until(lambda: taking.expected.current().lines_for_pallet("742") != (), "not taken")
            for named, payload, told in bad:
                caplog.clear()
                publish(named, payload)
                until(partial(is_told, caplog, told), f"{told!r} was not told")
                assert taking.expected.current().lines_at(TRAILER) == (LINE,)
            publish(
                here, sign_expected_list(replace(LIST, version=6, lines=(replace(LINE, received=True),)), office, NOW)
            )
            until(lambda: taking.expected.current().lines_at(TRAILER)[0].received, "not replaced")

        while_running(taking.run(), meanwhile)


def test_what_is_expected_is_known_after_a_restart_without_a_network_and_no_older_list_is_taken_then(
    tmp_path: Path, broker: Mosquitto, office: Signer, publish: Callable[[str, bytes], None]
) -> None:
    here = Topics.expected("dockvoice", "hall", str(TRAILER))
    with JournalThread(tmp_path / "state") as executor:
        taking = receiving(tmp_path, broker.port, executor)
        publish(here, sign_expected_list(LIST, office, NOW))
        while_running(taking.run(), lambda: until(lambda: bool(taking.expected.current().places), "not taken"))
    publish(here, sign_expected_list(replace(LIST, version=4, lines=()), office, NOW))  # an old one is put in its place
    with JournalThread(tmp_path / "state") as executor:
        taking = receiving(tmp_path, broker.port, executor)
        assert taking.expected.current().lines_at(TRAILER) == (LINE,)
        assert receiving(tmp_path, broker.port, executor, site="south").expected.current().places == ()
        publish(
            Topics.expected("dockvoice", "hall", str(DOOR)), sign_expected_list(replace(LIST, place=DOOR), office, NOW)
        )
        while_running(taking.run(), lambda: until(lambda: len(taking.expected.current().places) > 1, "not taken"))
        assert taking.expected.current().lines_at(TRAILER) == (LINE,)
        (tmp_path / "office.pem").write_bytes(ANOTHER.public.pem)  # the site has a new key: the old one says nothing
        assert receiving(tmp_path, broker.port, executor).expected.current().places == ()


def test_a_new_device_is_given_by_the_inventory_what_the_broker_does_not_keep(
    tmp_path: Path, broker: Mosquitto, office: Signer, publish: Callable[[str, bytes], None]
) -> None:
    """As in a cluster that keeps what is retained on another node."""
    with RunningInventory(broker.port, tmp_path / "inventory"), JournalThread(tmp_path / "state") as executor:
        with closing(Store.open(f"sqlite:///{tmp_path / 'inventory' / 'inventory.db'}", create=False)) as store:
            lists = Lists(store).replace("hall", {TRAILER: [LINE]})
            with store.transaction() as transaction:
                enter_in_outbox(transaction, "dockvoice", lists, office, NOW, held=timedelta())
            until(lambda: not store.outbox.count_pending_by_kind(), "the list was not published")
        publish(Topics.expected("dockvoice", "hall", str(TRAILER)), b"")
        taking = receiving(tmp_path, broker.port, executor)
        given = lambda: taking.expected.current().lines_at(TRAILER) == (LINE,)  # noqa: E731
        while_running(taking.run(), lambda: until(given, "not given"))


def test_more_lists_than_a_device_keeps_take_no_more_room_and_stay_newer_than_old_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_lists, "_MOST_LISTS", 2)
    with JournalThread(tmp_path / "state") as executor:
        for version in (1, 2, 3):
            assert executor.run(partial(take, version)) == "new"
        assert executor.run(lambda journal: journal.expected.bodies("hall")) == [("door/2", "{}"), ("door/3", "{}")]
        assert executor.run(partial(take, 1)) == "known"
        assert executor.run(partial(take, 4, at=1)) == "new"
        assert executor.run(partial(take, 2, at=1)) == "old"


def test_what_is_for_a_device_that_is_named_expected_is_taken_for_no_list(tmp_path: Path, office: Signer) -> None:
    own = Topics("dockvoice", "hall", "expected")
    with JournalThread(tmp_path / "state") as executor:
        inbox = receiving(tmp_path, 1, executor).expected.inbox
        assert inbox.accepts(Topics.expected("dockvoice", "hall", str(TRAILER)))
        assert not any(map(inbox.accepts, (own.receipts, own.decisions, own.control, own.clips, own.clip_receipts)))


def take(version: int, journal: Journal, at: int | None = None) -> ListResult:
    return journal.expected.store("hall", f"door/{at or version}", version, "{}")
