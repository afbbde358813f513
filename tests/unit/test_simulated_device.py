"""What `dockvoice simulate` counts: it must find what is lost, doubled or altered, or its zeros mean nothing."""

from __future__ import annotations

import json
import random
import resource
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from dockvoice_protocol.errors import Misconfigured, StorageFailed, Unavailable
from dockvoice_protocol.events import make_early, make_receipt, make_untrusted, to_json_bytes
from dockvoice_protocol.hash_chain import CHAIN, PREVIOUS, is_word_of
from dockvoice_protocol.records import Act, ReceiptOutcome
from edge.config import Deliver
from edge.records import OutboxRow
from inventory.forms import load_forms
from inventory.ingest.validation import Valid, validate
from inventory.repository import Store
from inventory.store.keys import KeyDirectory
from lab.simulate.command import write_public_keys
from lab.simulate.counted import compare_with_table
from lab.simulate.device import DEAD_LETTER, REOPENED, CorrectionShares, SimulatedDevice
from lab.simulate.figures import EntryGroup, LoadResult
from lab.simulate.ledger import SaidEntry
from lab.simulate.wanted import RunParameters, descriptors_needed, estimate_needs, raise_descriptor_limit
from tests.processes.command import called
from tests.rows import each_of

SPEAKS, CORRECTS, CANCELS = CorrectionShares(), CorrectionShares(corrections=1), CorrectionShares(cancellations=1)
NOW = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 22, 13, 1, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


def device(number: int = 0) -> SimulatedDevice:
    return SimulatedDevice(number, f"run-{number}", Deliver(window=4, receipt_timeout_s=20), "simulated")


def said(one: SimulatedDevice, habits: CorrectionShares = SPEAKS, now: float = 0.0) -> list[OutboxRow]:
    rows = one.say(random.Random(1), habits, now)
    for row in rows:
        one.sent(row, now)
    return rows


def answer(
    row: OutboxRow, outcome: ReceiptOutcome = ReceiptOutcome.APPLIED, *reasons: str, at: datetime = NOW
) -> bytes:
    return to_json_bytes(make_receipt(row.event_id, outcome, reasons, row.sequence, at))


@pytest.fixture
def up() -> SimulatedDevice:
    one = device()
    one.connected(20, 0.0)
    return one


def test_what_has_no_receipt_is_lost(up: SimulatedDevice) -> None:
    first, second = [row for _ in range(2) for row in said(up)]
    up.acknowledged(first.event_id, 0, 0.1)
    up.answered(answer(first), 0.2)
    up.acknowledged(second.event_id, 0, 0.1)  # the broker's word settles nothing
    assert up.ledger.unanswered() == 1
    assert up.owes
    up.answered(answer(second), 0.3)
    assert (up.ledger.unanswered(), up.owes) == (0, False)


def test_applied_at_two_moments_is_twice_and_the_same_answer_again_is_not(up: SimulatedDevice) -> None:
    [row] = said(up)
    for _ in range(2):
        up.answered(answer(row), 0.2)
    up.answered(answer(row, ReceiptOutcome.DUPLICATE, at=LATER), 0.3)
    assert not up.faults
    up.answered(answer(row, at=LATER), 0.4)
    assert up.faults == {"twice": 1}


def test_an_answer_to_what_nobody_said_is_a_stray(up: SimulatedDevice) -> None:
    [row] = said(up)
    up.answered(answer(replace(row, sequence=2)), 0.1)
    up.answered(answer(replace(row, event_id="01919f3e-7c1a-7d42-9b1f-2f6a0c5d8e11")), 0.1)
    assert up.faults == {"stray": 2}
    assert up.ledger.unanswered() == 1


def test_refused_behind_applied_contradicts_it(up: SimulatedDevice) -> None:
    [row] = said(up)
    up.answered(answer(row), 0.1)
    up.answered(answer(row, ReceiptOutcome.REFUSED, "sequence_reused", at=LATER), 0.2)
    assert up.faults == {"contradicted": 1}


@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", b"\xff", b'{"event_id": "x"}'])
def test_an_answer_that_is_none_is_counted(up: SimulatedDevice, payload: bytes) -> None:
    assert up.answered(payload, 0.1) == (None, [])
    assert up.faults == {"unreadable answer": 1}


def test_a_link_that_is_cut_loses_nothing_and_the_same_bytes_go_again(up: SimulatedDevice) -> None:
    before = [row for _ in range(3) for row in said(up)]
    up.disconnected(1.0)
    assert said(up) == []  # it speaks on, and owes it
    again = up.connected(20, 2.0)
    assert again[:3] == before
    assert [row.sequence for row in again] == [1, 2, 3, 4]


def test_no_more_is_made_than_the_window_holds() -> None:
    one = device()
    for _ in range(50):
        said(one)
    rows = one.connected(20, 0.0)
    assert [row.sequence for row in rows] == [1, 2, 3, 4]
    _, more = one.answered(answer(rows[0]), 0.1)
    assert [row.sequence for row in more] == [5]


def test_what_is_not_answered_goes_again_when_its_time_has_come(up: SimulatedDevice) -> None:
    [row] = said(up, now=0.0)
    assert up.tick(1.0) == []
    assert up.tick(60.0) == [row]


def test_what_found_no_room_goes_a_little_later(up: SimulatedDevice) -> None:
    [row] = up.say(random.Random(1), SPEAKS, 0.0)
    up.unsent(row, 0.0)
    assert (up.tick(0.5), up.tick(1.5)) == ([], [row])
    assert up.ledger.entry(1).sendings == 0


def test_an_inventory_that_lacks_an_earlier_one_gets_it_again(up: SimulatedDevice) -> None:
    first, second = [row for _ in range(2) for row in said(up)]
    _, rows = up.answered(to_json_bytes(make_early(second.event_id, 1, second.sequence, NOW)), 0.1)
    assert rows == [first, second]
    assert up.ledger.unanswered() == 2


def test_an_inventory_that_lacks_what_it_has_answered_is_counted_as_a_loss(up: SimulatedDevice) -> None:
    rows = [row for _ in range(3) for row in said(up)]
    for row in rows[:2]:
        up.answered(answer(row), 0.1)
    lacks_all = to_json_bytes(make_early(rows[2].event_id, 1, 3, NOW))
    up.answered(lacks_all, 1.0)
    up.answered(lacks_all, 60.0)
    assert up.faults == {REOPENED: 1}


def test_who_is_not_believed_owes_it_still(up: SimulatedDevice) -> None:
    [row] = said(up)
    up.answered(to_json_bytes(make_untrusted(row.event_id, "unknown_key:9f86d081884c7d65", 1, NOW)), 0.1)
    assert up.reasons == {"unknown_key": 1}
    assert up.owes


def test_what_the_broker_never_takes_is_told() -> None:
    one = SimulatedDevice(0, "run-0", Deliver(window=1), "simulated")
    one.connected(20, 0.0)
    too_large = 149
    for number in range(20):
        rows = said(one, now=float(number)) or one.tick(number * 100.0)
        for row in rows:
            one.acknowledged(row.event_id, 0 if row.sequence == 2 else too_large, number * 100.0)
    assert any(name.startswith((DEAD_LETTER, "the broker refuses")) for name in one.faults)


def test_a_device_that_owes_nothing_asks_with_its_last_event(up: SimulatedDevice) -> None:
    [row] = said(up)
    up.answered(answer(row), 0.1)
    up.disconnected(1.0)
    assert up.connected(20, 2.0) == [row]


def test_its_events_are_a_devices_own_and_hang_together(up: SimulatedDevice) -> None:
    forms = load_forms(ROOT / "schemas" / "forms")
    link = "0" * 64
    for habits in (SPEAKS, CORRECTS, CANCELS, SPEAKS):
        [row] = said(up, habits)
        judged = validate(row.body.encode(), up.topics.entries, "dockvoice", forms)
        assert isinstance(judged, Valid), judged
        event = json.loads(row.body)
        assert event[PREVIOUS] == link
        assert is_word_of(event, up.signer.public, (), withheld=False)
        assert not is_word_of(event, device(1).signer.public, (), withheld=False)
        link = event[CHAIN]
        up.answered(answer(row), 0.1)
    assert [one.act for one in up.ledger.said] == [Act.RECORD, Act.AMEND, Act.CANCEL, Act.RECORD]


def test_the_same_seed_says_the_same() -> None:
    def fields(seed: int) -> list[tuple[Act, int]]:
        one, chance = device(), random.Random(seed)
        for _ in range(40):
            one.say(chance, CorrectionShares(0.3, 0.2), 0.0)
        return [(each.act, each.quantity) for each in one.ledger.said]

    assert fields(1) == fields(1)
    assert fields(1) != fields(2)
    assert {act for act, _ in fields(1)} == {Act.RECORD, Act.AMEND, Act.CANCEL}


def test_an_entry_counts_for_what_was_owed_or_for_what_was_said() -> None:
    part = EntryGroup()
    assert part.as_json()["publish_to_puback_ms"] == {}
    part.add(SaidEntry("x", Act.RECORD, 0, 1, False, 0.0, 1.0, 1.5, 3.0, 2, "applied"))
    part.add(SaidEntry("y", Act.RECORD, 0, 1, False, 0.0, 1.0, 0.0, 3.0, 1, "applied"))  # its PUBACK was cut off
    told = part.as_json()
    assert told["puback_to_receipt_ms"] == {"p50": 1500.0, "p95": 1500.0, "p99": 1500.0, "max": 1500.0}
    assert (told["answered"], told["sent_again"], told["per_second"]) == (2, 1, 1.0)


@pytest.fixture
def stored(tmp_path: Path) -> tuple[SimulatedDevice, str]:
    """What a device said, all of it applied: recorded, corrected, cancelled, recorded; and where it is."""
    url, one = f"sqlite:///{tmp_path / 'inventory.db'}", device()
    one.connected(20, 0.0)
    forms = load_forms(ROOT / "schemas" / "forms")
    with closing(Store.open(url)) as store:
        for habits in (SPEAKS, CORRECTS, CANCELS, SPEAKS, CORRECTS):
            [row] = said(one, habits)
            judged = validate(row.body.encode(), one.topics.entries, "dockvoice", forms)
            assert isinstance(judged, Valid), judged
            store.apply(judged.event)
            one.answered(answer(row), 0.1)
    return one, url


def table(stored: tuple[SimulatedDevice, str], *changes: str) -> dict[str, int]:
    """What the comparison finds, other than 0, after these changes of the table."""
    one, url = stored
    engine = create_engine(url)
    with engine.begin() as transaction:
        for change in changes:
            transaction.execute(text(change))
    engine.dispose()
    found = compare_with_table(url, "simulated", "run", one.ledger.expected())
    assert found.holds is not any(value for name, value in vars_of(found).items() if name != "rows")
    return {name: value for name, value in vars_of(found).items() if value and name != "rows"}


def vars_of(found: Any) -> dict[str, int]:
    return {name: getattr(found, name) for name in found.__slots__}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("SELECT 1", {}),
        ("DELETE FROM entries WHERE state = 'cancelled'", {"missing": 1}),
        ("UPDATE entries SET fields = json_set(fields, '$.quantity', 100) WHERE state = 'current'", {"altered": 1}),
        ("UPDATE entries SET state = 'current' WHERE state = 'cancelled'", {"wrong_state": 1}),
        ("UPDATE entries SET utterance_id = 'the same' WHERE replaces IS NULL", {"twice": 1}),
        ("UPDATE entries SET event_id = 'x' || event_id WHERE state = 'current'", {"missing": 1, "unknown": 1}),
    ],
)
def test_the_comparison_finds_what_was_done_to_the_table(
    stored: tuple[SimulatedDevice, str], change: str, found: dict[str, int]
) -> None:
    assert table(stored, change) == found


def test_what_was_refused_and_what_it_would_have_changed_is_not_expected(up: SimulatedDevice) -> None:
    [first] = said(up)
    up.answered(answer(first), 0.1)
    [correction] = said(up, CORRECTS)
    up.answered(answer(correction, ReceiptOutcome.REFUSED, "already_cancelled"), 0.2)
    [row] = up.ledger.expected()
    assert (row.event_id, row.state) == (first.event_id, "current")
    assert up.reasons == {"already_cancelled": 1}


def test_a_correction_keeps_pallet_and_dock(up: SimulatedDevice) -> None:
    for habits in (SPEAKS, CORRECTS, CORRECTS):
        said(up, habits)
    first, *others = [up.ledger.fields(number) for number in (1, 2, 3)]
    assert {(one["pallet_id"], one["dock"]) for one in others} == {(first["pallet_id"], first["dock"])}


@each_of(
    ("url", "fault"),
    [("nowhere", Misconfigured), ("sqlite:////nowhere/inventory.db", Unavailable), ("sqlite://", Unavailable)],
)
def test_a_database_that_is_none_is_told(url: str, fault: type[Exception]) -> None:
    with pytest.raises(fault, match="--database"):
        compare_with_table(url, "simulated", "run", [])


def wanted(devices: int, **given: Any) -> RunParameters:
    return RunParameters(devices, given.pop("deliver", Deliver()), "simulated", "run", **given)


def test_what_it_takes_is_told_beforehand() -> None:
    plan = {one.what: one.number for one in estimate_needs(wanted(10_000, backlog=50, rate=100, seconds=60))}
    assert plan["messages that wait for the inventory"] == "160,000"
    assert plan["rows in the inventory"] == "506,000"
    assert plan["pings a second"] == "667"


def test_too_few_descriptors_are_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_what: int, _limits: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    with pytest.raises(Misconfigured, match=r"--devices 10000: takes 10,064 .* may open 4,096 .*ulimit -Hn 10064"):
        raise_descriptor_limit(wanted(10_000))


def test_the_limit_is_raised_as_far_as_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 20_000))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: raised.append(limits))
    raise_descriptor_limit(wanted(10))
    raise_descriptor_limit(wanted(10_000))
    assert raised == [(descriptors_needed(wanted(10_000)), 20_000)]


def test_too_few_ports_are_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (100_000, 100_000))
    with pytest.raises(Misconfigured, match="ip_local_port_range"):
        raise_descriptor_limit(wanted(65_000, deliver=Deliver.model_validate({"mqtt": {"host": "127.0.0.1"}})))


def test_keys_are_written_as_the_inventory_reads_them(tmp_path: Path) -> None:
    one = device()
    write_public_keys(tmp_path / "keys", iter([("simulated", one.name, one.signer)]))
    [known] = KeyDirectory(tmp_path / "keys").keys_of("simulated", one.name).values()
    assert known.key == one.signer.public
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="--keys"):
        write_public_keys(tmp_path / "file", iter([("simulated", one.name, one.signer)]))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--rate", "5", "--per-hour", "5"], "give one"),
        (["--run", "a_b"], "--run: found 'a_b'"),
        (["--corrections", "0.7", "--cancellations", "0.7"], "together at most 1"),
        (["--watch", "broker"], "NAME=PID"),
        (["--devices", "0"], "greater than or equal to 1"),
    ],
)
def test_a_wrong_call_is_told(given: list[str], told: str, capfd: pytest.CaptureFixture[str]) -> None:
    done = called("simulate", *given, capfd=capfd)
    assert done.returncode == 2
    assert told in " ".join(done.stderr.replace("│", " ").split())


def test_a_result_is_whole_only_where_nothing_is_wrong() -> None:
    fine = LoadResult({}, {}, {}, None, None, {}, {}, {}, {"the broker refuses: quota exceeded": 3}, 0, 0, {})
    assert fine.whole
    for wrong in ({"lost": 1}, {"twice": 1}, {"faults": {"stray": 1}}, {"faults": {REOPENED: 1}}):
        assert not replace(fine, **wrong).whole
