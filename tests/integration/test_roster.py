"""The roster over a real broker: from the inventory's command to who may sign on, with and without a network."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.events import Topics, to_json_bytes
from dockvoice_protocol.hash_chain import Signer
from dockvoice_protocol.mqtt import MessageReceived, Session
from dockvoice_protocol.records import Operator, Roster, make_operators
from dockvoice_protocol.signed import sign_roster
from edge.agent.delivery import CrewChanged, Delivery, DeliveryEvent
from edge.config import Agree, Deliver, Settings
from edge.keep.device_key import KEY
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from inventory.repository import Store
from tests.dictated import ANOTHER
from tests.integration.test_business_replies import Shift, shift
from tests.integration.test_expected import NOW, office, publish
from tests.processes.command import dockvoice
from tests.servers.mosquitto import Mosquitto
from tests.waiting import until, while_running

__all__ = ["office", "publish"]  # fixtures

ANA, BEN = Operator("op-17", "471", ("ana",), "es", ("pallet-move",)), Operator("op-18", spoken=("ben",))
ROSTER = Roster("hall", 5, (ANA, BEN))
HERE = Topics.roster("dockvoice", "hall")
SETTLED = make_operators({"zoe": "op-20"})


def receiving(
    tmp_path: Path, port: int, executor: JournalThread, heard: list[Any] | None = None, **more: Any
) -> Delivery:
    deliver = Deliver(decisions_key=tmp_path / "office.pem", mqtt=Mqtt(host="127.0.0.1", port=port), **more)
    agree = Agree(operators={"zoe": "op-20"})
    settings = Settings(site="hall", device="dock-1", deliver=deliver, agree=agree)

    def publish(event: DeliveryEvent) -> None:
        if heard is not None and isinstance(event, CrewChanged):
            heard.append(event.operators)

    return Delivery(settings, executor, publish)


@pytest.fixture
def told(broker: Mosquitto) -> Iterator[Callable[[], Any]]:
    """What the device's status says of the roster."""
    statuses: list[dict[str, Any]] = []

    def receive(event: object) -> None:
        if isinstance(event, MessageReceived):
            statuses.append(json.loads(event.payload))

    status = Topics("dockvoice", "hall", "dock-1").status
    watching = Session(
        Mqtt(host="127.0.0.1", port=broker.port), client_id="watch", receive=receive, subscriptions=[status]
    )
    watching.start()
    until(lambda: watching.is_connected, "never connected")
    yield lambda: statuses[-1].get("roster") if statuses else None
    watching.stop()


def is_said(told: Callable[[], Any], wanted: dict[str, Any]) -> bool:
    return bool(told() == wanted)


def test_only_a_newer_roster_with_the_offices_signature_for_this_site_is_taken(
    tmp_path: Path,
    broker: Mosquitto,
    office: Signer,
    publish: Callable[[str, bytes], None],
    told: Callable[[], Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    forged = json.loads(sign_roster(ROSTER, office, NOW))
    forged["operators"][1]["number"] = "82"
    refused = [  # neighbours differ, so that each answer is seen
        (sign_roster(replace(ROSTER, version=9), ANOTHER, NOW), "forged"),
        (sign_roster(replace(ROSTER, version=4, operators=()), office, NOW), "old"),
        (to_json_bytes(forged), "forged"),
        (sign_roster(replace(ROSTER, site="south", version=9), office, NOW), "malformed"),
        (sign_roster(replace(ROSTER, operators=(BEN,)), office, NOW), "old"),
        (b"{", "malformed"),
    ]
    heard: list[Any] = []
    caplog.set_level("INFO")
    with JournalThread(tmp_path / "state") as executor:
        taking = receiving(tmp_path, broker.port, executor, heard)
        assert taking.roster.operators() == SETTLED

        def meanwhile() -> None:
            publish(HERE, sign_roster(ROSTER, office, NOW))
            until(lambda: told() == {"version": 5}, "not taken")
            for payload, why in refused:
                publish(HERE, payload)
                until(partial(is_said, told, {"version": 5, "refused": why}), f"{why} was not told")
                assert taking.roster.operators() == (ANA, BEN)
            assert "471" not in caplog.text, "who may sign on is not for the log"
            publish(HERE, b"")
            publish(HERE, sign_roster(replace(ROSTER, version=6, operators=(BEN,)), office, NOW))
            until(lambda: told() == {"version": 6}, "not replaced")
            publish(HERE, sign_roster(replace(ROSTER, version=7, operators=()), office, NOW))
            until(lambda: told() == {"version": 7}, "not withdrawn")

        while_running(taking.run(), meanwhile)
    assert heard == [(ANA, BEN), (BEN,), SETTLED]


def tables(tmp_path: Path) -> str:
    """Those of an inventory, which have nothing in them."""
    url = f"sqlite:///{tmp_path / 'inventory.db'}"
    Store.open(url).close()
    return url


def test_after_a_wrong_clock_and_a_lost_broker_store_a_device_takes_what_is_published_all_the_same(
    tmp_path: Path, broker: Mosquitto, office: Signer, publish: Callable[[str, bytes], None], told: Callable[[], Any]
) -> None:
    """The version is that of a clock ten years ahead; the broker then loses what it kept."""
    ahead, (first, second) = 2_110_775_435, ("op-17,471,,,\n", "op-18,82,,,\n")
    for name, rows in (("both.csv", first + second), ("one.csv", second)):
        (tmp_path / name).write_text("name,number,spoken,language,forms\n" + rows, encoding="utf-8")
    at = ("--site", "hall", "--broker", f"127.0.0.1:{broker.port}", "--sign", tmp_path / KEY)

    def roster(name: str) -> str:
        done = dockvoice("inventory", "roster", tmp_path / name, *at, "--database", tables(tmp_path))
        assert done.returncode == 0, done.stderr
        return done.stdout

    with JournalThread(tmp_path / "state") as executor:
        taking = receiving(tmp_path, broker.port, executor)

        def meanwhile() -> None:
            publish(HERE, sign_roster(replace(ROSTER, version=ahead), office, NOW))
            until(lambda: told() == {"version": ahead}, "not taken")
            assert f"version {ahead + 1}," in roster("both.csv")
            until(lambda: told() == {"version": ahead + 1}, "not taken")
            publish(HERE, b"")
            assert f"version {ahead + 2}," in roster("one.csv")
            until(lambda: told() == {"version": ahead + 2}, "refused")
            assert [one.name for one in taking.roster.operators() or ()] == ["op-18"]

        while_running(taking.run(), meanwhile)


def test_a_fresh_device_takes_nothing_older_than_its_settings_say(
    tmp_path: Path, broker: Mosquitto, office: Signer, publish: Callable[[str, bytes], None], told: Callable[[], Any]
) -> None:
    publish(HERE, sign_roster(ROSTER, office, NOW))  # one that somebody kept, with operators who are gone
    with JournalThread(tmp_path / "state") as executor:
        taking = receiving(tmp_path, broker.port, executor, floors={"roster": 6})

        def meanwhile() -> None:
            until(lambda: told() == {"refused": "old"}, "not refused")
            assert taking.roster.operators() == SETTLED
            publish(HERE, sign_roster(replace(ROSTER, version=6, operators=(BEN,)), office, NOW))
            until(lambda: told() == {"version": 6}, "not taken")

        while_running(taking.run(), meanwhile)
        assert receiving(tmp_path, 1, executor, floors={"roster": 7}).roster.operators() == SETTLED  # raised since


def test_a_running_agent_lets_in_who_is_on_the_roster_and_signs_off_who_is_on_it_no_more(
    tmp_path: Path, broker: Mosquitto, office: Signer, publish: Callable[[str, bytes], None]
) -> None:
    agree = {"conversation": True, "undo_s": 1}

    async def work(operator: Shift) -> None:
        speaks_as_the_device = replace(ROSTER, operators=(replace(ANA, language=None), BEN))
        publish(HERE, sign_roster(speaks_as_the_device, office, NOW))
        await operator.hears("Sign on first.")  # nobody needed to until then
        await operator.type("sign on four seven one")
        await operator.hears("Hello ana.")
        await operator.type("pallet 742, twelve units")
        await operator.hears("Which dock?")
        publish(HERE, sign_roster(replace(ROSTER, version=6, operators=(BEN,)), office, NOW))
        await operator.type("dock B")
        await operator.hears("ana is no longer on the roster.")
        await operator.hears("1 recorded.")

    async def work_without_a_broker(operator: Shift) -> None:
        await operator.type("sign on ana")
        await operator.hears("I do not know ana.")
        await operator.type("sign on ben")
        await operator.hears("Hello ben.")

    key = tmp_path / "office.pem"
    shift(tmp_path / "dock", broker.port, work, settle_s=0, decisions_key=key, agree=agree)
    shift(tmp_path / "dock", 1, work_without_a_broker, settle_s=0, decisions_key=key, agree=agree)
    with Journal.inspect(tmp_path / "dock") as journal:
        (entry,) = journal.queries.histories()
        assert (entry.operator, entry.fields) == ("op-17", {"pallet_id": "742", "quantity": 12, "dock": "B"})
        assert [(one.operator, one.reason) for one in journal.shifts.shifts_and_breaks(9)] == [
            ("op-18", None),
            ("op-17", "not_listed"),
        ]
