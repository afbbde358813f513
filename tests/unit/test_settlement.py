"""What became of an event is noted, also where the journal knows nothing of the event any more."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.hash_chain import seal_event, sign_withheld_replacement
from dockvoice_protocol.records import Receipt, ReceiptOutcome
from edge.agent.settlement import DeliveryOutcome, Settlement
from edge.deliver.device_events import entry_event, withheld_event
from edge.deliver.relay import CountPuback, DeadLetterRow, SettleRow
from edge.keep import device_key
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from tests.dictated import ANOTHER
from tests.sayings import ACCEPT, entry, utterance

render = partial(entry_event, site="hall", device="dock-1")
TURNED_DOWN: list[Receipt] = []


@pytest.fixture
def executor(tmp_path: Path) -> Iterator[JournalThread]:
    with JournalThread(tmp_path) as opened:
        yield opened


def note(executor: JournalThread, outcome: DeliveryOutcome) -> None:
    asyncio.run(Settlement(executor, heartbeat=lambda: None, turned_down=TURNED_DOWN.append).store_outcome(outcome))


def commit(journal: Journal) -> str:
    said = utterance(journal.trail.last_sequence())
    meant = entry(said, journal.store_utterance(said))
    return journal.commit(meant, ACCEPT, partial(render, meant)).event_id


def forgotten(executor: JournalThread) -> str:
    """An event that was settled, and whose entry made room; the newest stays."""
    event_id = executor.run(commit)
    executor.run(commit)
    forget(executor, event_id)
    return event_id


def forget(executor: JournalThread, event_id: str) -> None:
    executor.run(lambda journal: journal.outbox.settle(event_id, None))
    executor.run(lambda journal: journal.retention.remove_evidence(journal.retention.list_spare_evidence(1)))
    assert executor.run(lambda journal: journal.retention.prune(1)) == 1


@pytest.mark.parametrize(
    "late",
    [
        CountPuback,
        lambda event_id: SettleRow(event_id, Receipt(event_id, ReceiptOutcome.DUPLICATE)),
        lambda event_id: SettleRow(event_id, Receipt(event_id, ReceiptOutcome.REFUSED, ("unknown_event",))),
        lambda event_id: SettleRow(event_id, None),
        lambda event_id: DeadLetterRow(event_id, "packet too large"),
    ],
    ids=["puback", "receipt", "refusal", "broker's word", "dead letter"],
)
def test_what_comes_for_an_event_that_made_room_meanwhile_changes_nothing(
    executor: JournalThread, late: type[CountPuback]
) -> None:
    event_id = forgotten(executor)
    note(executor, late(event_id))
    assert executor.run(lambda journal: journal.outbox.count_unsettled()) == 1
    assert TURNED_DOWN == []


def said_by(directory: Path, more: int) -> list[Mapping[str, Any]]:
    """The events that a copy of the journal makes, which are signed as those of the journal are."""
    with Journal.open(directory) as copy:
        return [copy.queries.history(commit(copy)).event or {} for _ in range(more)]


CLAIMS: dict[str, Callable[..., Receipt]] = {
    "handled": partial(Receipt, outcome=ReceiptOutcome.DUPLICATE, handled=9_999),
    "sequence_reused": partial(Receipt, outcome=ReceiptOutcome.REFUSED, reasons=("sequence_reused",), handled=2),
    "another_instance": partial(Receipt, outcome=ReceiptOutcome.REFUSED, reasons=("another_instance",)),
}
"""Receipts that say that another journal of the device has gone on."""


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("proof", ["nothing", "its own", "removed", "altered", "of another key", "of another device"])
def test_a_receipt_that_shows_no_proof_ends_no_device(
    executor: JournalThread, tmp_path: Path, caplog: pytest.LogCaptureFixture, claim: str, proof: str
) -> None:
    first = executor.run(commit)
    gone = executor.run(lambda journal: journal.queries.history(first).event)
    event_id = executor.run(commit)
    forget(executor, first)
    shutil.copytree(tmp_path, tmp_path / "copy")
    (true,) = said_by(tmp_path / "copy", 1)
    elses = {**true, "source": "/sites/hall/devices/dock-2"}
    shown = {
        "nothing": None,
        "its own": executor.run(lambda journal: journal.queries.history(event_id).event),
        "removed": gone,
        "altered": {**true, "sequence": "9999"},
        "of another key": seal_event(true, "0" * 64, true["data"]["utterance"]["audio_sha256"], "", ANOTHER),
        "of another device": seal_event(
            elses, "0" * 64, true["data"]["utterance"]["audio_sha256"], "", device_key.load(tmp_path)
        ),
    }
    settlement = Settlement(executor, heartbeat=lambda: None, turned_down=TURNED_DOWN.append)
    asyncio.run(settlement.store_outcome(SettleRow(event_id, CLAIMS[claim](event_id, latest=shown[proof]))))
    assert settlement.superseded is None
    assert "shows no event of this device that proves it" in caplog.text
    executor.run(lambda journal: journal.successor.demand_none())


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("at", [0, 1], ids=["under a number of ours", "beyond our last"])
@pytest.mark.parametrize("is_withheld", [False, True], ids=["whole", "withheld"])
def test_an_event_that_only_a_copy_can_have_signed_ends_the_device(
    executor: JournalThread, tmp_path: Path, claim: str, at: int, is_withheld: bool
) -> None:
    executor.run(commit)
    shutil.copytree(tmp_path, tmp_path / "copy")
    event_id = executor.run(commit)
    latest = said_by(tmp_path / "copy", 2)[at]
    if is_withheld:
        latest = sign_withheld_replacement(withheld_event(latest, "too large"), device_key.load(tmp_path))
    settlement = Settlement(executor, heartbeat=lambda: None, turned_down=TURNED_DOWN.append)
    asyncio.run(settlement.store_outcome(SettleRow(event_id, CLAIMS[claim](event_id, latest=latest))))
    assert settlement.superseded is not None
