"""Strangers at the broker, who may publish whatever they like: events that no device signed, and orders that stay."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.events import Topics, make_receipt, to_json_bytes
from dockvoice_protocol.mqtt import Session, SessionConnected, SessionEvent
from dockvoice_protocol.records import ReceiptOutcome
from edge.keep.journal import Journal
from edge.records import OutboxRow
from tests.dictated import ANOTHER, identity, payload, recorded, signed
from tests.faults.oracle.faults import Under
from tests.faults.oracle.ledger import Tally
from tests.faults.oracle.run import Run
from tests.faults.oracle.stage import Stage
from tests.waiting import until

SITE, DEVICE = "site", "device"
TOPICS = Topics("dockvoice", SITE, DEVICE)
PACE_S = 0.05

LISTENS = Under(environment={"DOCKVOICE_DELIVER__CONTROL": "true"})

OFTEN = 10  # After so many receipts the forger looks anew which events he could answer.

ANSWERS: tuple[tuple[ReceiptOutcome, tuple[str, ...], dict[str, Any]], ...] = (
    (ReceiptOutcome.APPLIED, (), {}),
    (ReceiptOutcome.DUPLICATE, (), {"handled": 9_999_999}),
    (ReceiptOutcome.APPLIED, (), {"handled": 9_999_999, "latest": recorded(9_999_999, at=(SITE, DEVICE))}),
    (ReceiptOutcome.REFUSED, ("sequence_reused",), {}),
    (ReceiptOutcome.REFUSED, ("another_instance",), {"latest": json.loads(signed(recorded(7), ANOTHER))}),
    (ReceiptOutcome.REFUSED, ("invalid:/quantity: breaks maximum 1",), {}),
    (ReceiptOutcome.DUPLICATE, ("already_recorded:dock-4",), {}),
    (ReceiptOutcome.APPLIED, (), {"outcome": "early", "expected": 1}),
    (ReceiptOutcome.APPLIED, (), {"outcome": "untrusted", "reasons": ["revoked_key:9f86d081884c7d65"]}),
)
"""Outcome and reasons, and what is laid over the receipt."""


@contextmanager
def stranger(stage: Stage) -> Iterator[Session]:
    """Somebody else's connection to the broker."""
    news: queue.SimpleQueue[SessionEvent] = queue.SimpleQueue()
    mqtt = Mqtt(host="127.0.0.1", port=stage.broker.port, reconnect_maximum_s=1)
    session = Session(mqtt, client_id="stranger", receive=news.put)
    session.start()
    try:
        while not isinstance(news.get(timeout=60), SessionConnected):
            pass
        yield session
    finally:
        session.stop()


def forged(run: Run) -> Tally:
    """In its name and in others', numbers that are next, long past, far beyond; signed by nobody, or by another."""
    with Stage(run.directory) as stage, stranger(stage) as session:
        device = stage.device(DEVICE)
        device.speak(pace_s=PACE_S)
        device.has_kept(1)
        for _ in run.rounds():
            number = run.chance.choice((len(device.noted.kept) + run.chance.randrange(4), 1, 9_999_999_999))
            event = recorded(max(1, number), at=(SITE, run.chance.choice((DEVICE, "ghost"))))
            name = str(event["source"]).rpartition("/")[2]
            body = run.chance.choice(
                (
                    payload(event),
                    signed(event, ANOTHER),
                    json.dumps({"id": identity(1, number, DEVICE), "sequence": str(max(1, number))}).encode(),
                )
            )
            topic = Topics("dockvoice", SITE, name).entries
            until(partial(session.publish, topic, body, tag="forged"), "not connected")
            run.pause(0, 0.05)
        tally = stage.conclude()
        invented = [row for row in stage.inventory.rows() if row["device"] != DEVICE]
        assert not invented, f"{len(invented)} entries of a device that does not exist"
    return tally


def forged_receipts(run: Run) -> Tally:
    """To the device's events, what an inventory could answer, and what would end the device if it were true."""
    with Stage(run.directory) as stage:
        device = stage.device(DEVICE)
        device.speak(pace_s=PACE_S)
        device.has_kept(1)
        with stranger(stage) as session:
            owed: list[OutboxRow] = []

            def look() -> bool:
                """Whether there is an event: what was kept first may not be an entry yet."""
                with Journal.inspect(device.state) as journal:
                    newest = journal.outbox.last_event()
                    owed[:] = journal.outbox.load_due(OFTEN) or ([] if newest is None else [newest])
                return bool(owed)

            for number in run.rounds():
                if number % OFTEN == 0:
                    device.has_kept(1)
                    until(look, "there is no event")
                row = run.chance.choice(owed)
                outcome, reasons, more = run.chance.choice(ANSWERS)
                said = make_receipt(row.event_id, outcome, reasons, row.sequence, datetime.now(UTC))
                until(
                    partial(session.publish, TOPICS.receipts, to_json_bytes({**said, **more}), tag="forged"),
                    "not connected",
                )
                run.pause(0, 0.05)
        assert not device.ended, device.log
        return stage.conclude()


def retained_orders(run: Run) -> Tally:
    """Each life finds an order to be mute that somebody left with the broker; everything it is told is kept."""
    with Stage(run.directory) as stage, stranger(stage) as session:
        order = json.dumps({"order": "mute"}).encode()
        until(lambda: session.publish(TOPICS.control, order, tag="order", retain=True), "not connected")
        device = stage.device(DEVICE)
        for _ in run.rounds():
            device.speak(pace_s=PACE_S, under=LISTENS)
            device.has_kept(10)
            device.stop()
            assert "is retained and not obeyed" in device.log, device.log
        return stage.conclude()
