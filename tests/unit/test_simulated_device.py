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

from dockvoice_protocol.errors import Misconfigured, StorageFailed
from dockvoice_protocol.events import make_early_answer, make_receipt, to_json_bytes
from dockvoice_protocol.hash_chain import CHAIN, PREVIOUS, is_whole_event_signed
from dockvoice_protocol.records import Act, ReceiptOutcome
from edge.config import Deliver
from edge.records import OutboxRow
from inventory.forms import load_forms
from inventory.ingest.validation import ValidMessage, validate
from inventory.repository import Store
from inventory.store.keys import KeyDirectory
from lab.simulate.command import write_public_keys
from lab.simulate.counted import compare_with_table
from lab.simulate.device import REOPENED, CorrectionShares, SimulatedDevice
from lab.simulate.wanted import RunParameters, raise_descriptor_limit
from tests.processes.command import called

SPEAKS, CORRECTS, CANCELS = CorrectionShares(), CorrectionShares(corrections=1), CorrectionShares(cancellations=1)
NOW = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 22, 13, 1, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


def device(number: int = 0) -> SimulatedDevice:
    return SimulatedDevice(number, f"run-{number}", Deliver(window=4, receipt_timeout_s=20), "simulated")


def said(one: SimulatedDevice, habits: CorrectionShares = SPEAKS, now: float = 0.0) -> list[OutboxRow]:
    rows = one.add_entry(random.Random(1), habits, now)
    for row in rows:
        one.count_publication(row, now)
    return rows


def answer(
    row: OutboxRow, outcome: ReceiptOutcome = ReceiptOutcome.APPLIED, *reasons: str, at: datetime = NOW
) -> bytes:
    return to_json_bytes(make_receipt(row.event_id, outcome, reasons, row.sequence, at))


@pytest.fixture
def up() -> SimulatedDevice:
    one = device()
    one.handle_connect(20, 0.0)
    return one


def test_what_has_no_receipt_is_lost(up: SimulatedDevice) -> None:
    first, second = [row for _ in range(2) for row in said(up)]
    up.handle_puback(first.event_id, 0, 0.1)
    up.handle_receipt(answer(first), 0.2)
    up.handle_puback(second.event_id, 0, 0.1)  # the broker's word settles nothing
    assert up.ledger.count_unanswered() == 1
    assert up.has_pending_rows
    up.handle_receipt(answer(second), 0.3)
    assert (up.ledger.count_unanswered(), up.has_pending_rows) == (0, False)


def test_applied_at_two_moments_is_twice_and_the_same_answer_again_is_not(up: SimulatedDevice) -> None:
    [row] = said(up)
    for _ in range(2):
        up.handle_receipt(answer(row), 0.2)
    up.handle_receipt(answer(row, ReceiptOutcome.DUPLICATE, at=LATER), 0.3)
    assert not up.faults
    up.handle_receipt(answer(row, at=LATER), 0.4)
    assert up.faults == {"twice": 1}


def test_an_answer_to_what_nobody_said_is_a_stray(up: SimulatedDevice) -> None:
    [row] = said(up)
    up.handle_receipt(answer(replace(row, sequence=2)), 0.1)
    up.handle_receipt(answer(replace(row, event_id="01919f3e-7c1a-7d42-9b1f-2f6a0c5d8e11")), 0.1)
    assert up.faults == {"stray": 2}
    assert up.ledger.count_unanswered() == 1


def test_refused_behind_applied_contradicts_it(up: SimulatedDevice) -> None:
    [row] = said(up)
    up.handle_receipt(answer(row), 0.1)
    up.handle_receipt(answer(row, ReceiptOutcome.REFUSED, "sequence_reused", at=LATER), 0.2)
    assert up.faults == {"contradicted": 1}


@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", b"\xff", b'{"event_id": "x"}'])
def test_an_answer_that_is_none_is_counted(up: SimulatedDevice, payload: bytes) -> None:
    assert up.handle_receipt(payload, 0.1) == (None, [])
    assert up.faults == {"unreadable answer": 1}


def test_a_link_that_is_cut_loses_nothing_and_the_same_bytes_go_again(up: SimulatedDevice) -> None:
    before = [row for _ in range(3) for row in said(up)]
    up.handle_disconnect(1.0)
    assert said(up) == []  # it speaks on, and owes it
    again = up.handle_connect(20, 2.0)
    assert again[:3] == before
    assert [row.sequence for row in again] == [1, 2, 3, 4]


def test_what_is_not_answered_goes_again_when_its_time_has_come(up: SimulatedDevice) -> None:
    [row] = said(up, now=0.0)
    assert up.take_due_for_retransmission(1.0) == []
    assert up.take_due_for_retransmission(60.0) == [row]


def test_an_inventory_that_lacks_what_it_has_answered_is_counted_as_a_loss(up: SimulatedDevice) -> None:
    rows = [row for _ in range(3) for row in said(up)]
    for row in rows[:2]:
        up.handle_receipt(answer(row), 0.1)
    lacks_all = to_json_bytes(make_early_answer(rows[2].event_id, 1, 3, NOW))
    up.handle_receipt(lacks_all, 1.0)
    up.handle_receipt(lacks_all, 60.0)
    assert up.faults == {REOPENED: 1}


def test_its_events_are_a_devices_own_and_hang_together(up: SimulatedDevice) -> None:
    forms = load_forms(ROOT / "schemas" / "forms")
    link = "0" * 64
    for habits in (SPEAKS, CORRECTS, CANCELS, SPEAKS):
        [row] = said(up, habits)
        judged = validate(row.body.encode(), up.topics.entries, "dockvoice", forms)
        assert isinstance(judged, ValidMessage), judged
        event = json.loads(row.body)
        assert event[PREVIOUS] == link
        assert is_whole_event_signed(event, up.signer.public, (), withheld=False)
        assert not is_whole_event_signed(event, device(1).signer.public, (), withheld=False)
        link = event[CHAIN]
        up.handle_receipt(answer(row), 0.1)
    assert [one.act for one in up.ledger.said] == [Act.RECORD, Act.AMEND, Act.CANCEL, Act.RECORD]


@pytest.fixture
def stored(tmp_path: Path) -> tuple[SimulatedDevice, str]:
    """What a device said, all of it applied: recorded, corrected, cancelled, recorded; and where it is."""
    url, one = f"sqlite:///{tmp_path / 'inventory.db'}", device()
    one.handle_connect(20, 0.0)
    forms = load_forms(ROOT / "schemas" / "forms")
    with closing(Store.open(url)) as store:
        for habits in (SPEAKS, CORRECTS, CANCELS, SPEAKS, CORRECTS):
            [row] = said(one, habits)
            judged = validate(row.body.encode(), one.topics.entries, "dockvoice", forms)
            assert isinstance(judged, ValidMessage), judged
            store.apply(judged.event)
            one.handle_receipt(answer(row), 0.1)
    return one, url


def table(stored: tuple[SimulatedDevice, str], *changes: str) -> dict[str, int]:
    """What the comparison finds, other than 0, after these changes of the table."""
    one, url = stored
    engine = create_engine(url)
    with engine.begin() as transaction:
        for change in changes:
            transaction.execute(text(change))
    engine.dispose()
    found = compare_with_table(url, "simulated", "run", one.ledger.expected_rows())
    assert found.agrees is not any(value for name, value in vars_of(found).items() if name != "rows")
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
    up.handle_receipt(answer(first), 0.1)
    [correction] = said(up, CORRECTS)
    up.handle_receipt(answer(correction, ReceiptOutcome.REFUSED, "already_cancelled"), 0.2)
    [row] = up.ledger.expected_rows()
    assert (row.event_id, row.state) == (first.event_id, "current")
    assert up.reasons == {"already_cancelled": 1}


def wanted(devices: int, **given: Any) -> RunParameters:
    return RunParameters(devices, given.pop("deliver", Deliver()), "simulated", "run", **given)


def test_too_few_descriptors_are_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_what: int, _limits: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    with pytest.raises(Misconfigured, match=r"--devices 10000: takes 10,064 .* may open 4,096 .*ulimit -Hn 10064"):
        raise_descriptor_limit(wanted(10_000))


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
