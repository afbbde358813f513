"""Delivery on a real broker, the test at the other end of the line: what settles an event, and what does not."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.events import (
    Topics,
    make_presence,
    make_receipt,
    make_untrusted_answer,
    parse_status,
    to_json_bytes,
)
from dockvoice_protocol.instants import rfc3339
from dockvoice_protocol.mqtt import MessageReceived, PubackReceived, Session, SessionEvent
from dockvoice_protocol.records import Receipt, ReceiptOutcome
from dockvoice_protocol.signed import ReviewDecision, sign_decision
from edge.agent import conditions
from edge.agent.conditions import Conditions
from edge.agent.delivery import DecisionStored, Delivery, DeliveryEvent, EntryRefused, OrderReceived
from edge.config import Deliver, Settings, SettleBy
from edge.keep import device_key
from edge.keep.journal_thread import JournalThread
from edge.keep.signed import DecisionFailure, SignedDecisions
from edge.records import OutboxRow
from tests.dictated import ANOTHER, identity
from tests.sayings import dictated
from tests.servers.mosquitto import Mosquitto
from tests.servers.tcp_proxy import TcpProxy
from tests.waiting import until, while_running

PATIENCE_S = 60.0
RESEND_S = 1.0
NOW = datetime(2026, 11, 20, tzinfo=UTC)
TOPICS = Topics("dockvoice", "hall", "dock-1")


class FarEnd:
    """The other end: hears entries and status, and says on the receipts topic what the test wants said."""

    def __init__(self, broker: Mosquitto) -> None:
        self.entries: list[str] = []
        self.status: list[bytes] = []
        self.acknowledged: list[str] = []
        topics = [TOPICS.entries, TOPICS.status]
        settings = Mqtt(host="127.0.0.1", port=broker.port)
        self._session = Session(settings, client_id="far-end", receive=self._hear, subscriptions=topics)
        self._session.start()
        until(lambda: self._session.is_connected, "the far end never connected")

    def _hear(self, event: SessionEvent) -> None:
        match event:
            case MessageReceived(TOPICS.entries, payload):
                self.entries.append(payload.decode())
            case MessageReceived(TOPICS.status, payload):
                self.status.append(payload)
            case PubackReceived(tag):
                self.acknowledged.append(tag)
            case _:
                pass

    def wait_for_entries(self, number: int) -> None:
        until(lambda: len(self.entries) >= number, f"fewer than {number} were sent")

    def say(self, payload: bytes, topic: str = TOPICS.receipts) -> None:
        until(lambda: self._session.publish(topic, payload, tag="said"), "the far end is not connected any more")

    def show(self, said: dict[str, Any]) -> None:
        self.leave(Topics.consumer("dockvoice", said["client_id"]), to_json_bytes(said))

    def leave(self, topic: str, payload: bytes) -> None:
        """With the broker, for whoever subscribes from now on."""
        assert self._session.publish(topic, payload, tag="left", retain=True)
        until(lambda: "left" in self.acknowledged, "the broker did not keep it")

    def close(self) -> None:
        self._session.stop()


@pytest.fixture
def far_end(broker: Mosquitto) -> Iterator[FarEnd]:
    end = FarEnd(broker)
    yield end
    end.close()


@pytest.fixture
def executor(tmp_path: Path) -> Iterator[JournalThread]:
    with JournalThread(tmp_path / "state") as opened:
        yield opened


def committed(executor: JournalThread, number: int = 0) -> OutboxRow:
    return executor.run(lambda journal: dictated(journal, number))


def delivery(
    executor: JournalThread,
    broker: Mosquitto,
    settle: SettleBy = SettleBy.RECEIPT,
    publish: Callable[[DeliveryEvent], None] = lambda _: None,
    keep_session: bool = True,
    port: int | None = None,
) -> Delivery:
    mqtt = Mqtt(host="127.0.0.1", port=port or broker.port)
    deliver = Deliver(settle=settle, receipt_timeout_s=RESEND_S, keep_session=keep_session, mqtt=mqtt)
    settings = Settings(site="hall", device="dock-1", deliver=deliver)
    return Delivery(settings, executor, publish)


def refused(published: list[DeliveryEvent]) -> list[Receipt]:
    return [event.receipt for event in published if isinstance(event, EntryRefused)]


def delivering(delivery: Delivery, meanwhile: Callable[[], Any]) -> None:
    """Deliver while `meanwhile` runs in a thread."""

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(delivery.run())
            await asyncio.to_thread(meanwhile)
            await delivery.drain(PATIENCE_S)
            running.cancel()

    asyncio.run(both())


def answer(row: OutboxRow, outcome: ReceiptOutcome = ReceiptOutcome.APPLIED, reasons: tuple[str, ...] = ()) -> bytes:
    return to_json_bytes(make_receipt(row.event_id, outcome, reasons, row.sequence, datetime.now(UTC)))


def test_what_the_broker_says_when_it_refuses_events_is_known_for_the_last_line(
    executor: JournalThread, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    committed(executor)
    with Mosquitto(tmp_path / "broker", free_port(), options=["max_packet_size 900"]) as strict:
        one = delivery(executor, strict)

        why = lambda: "packet too large (149)" in str(one.broker_refusal)  # noqa: E731
        while_running(one.run(), lambda: until(why, "nobody told why"))


def test_a_puback_alone_settles_nothing_and_the_same_bytes_go_again(
    executor: JournalThread, broker: Mosquitto, far_end: FarEnd
) -> None:
    row = committed(executor)

    def meanwhile() -> None:
        until(lambda: len(far_end.entries) >= 2, "an event without a receipt was not sent again")
        assert executor.run(lambda journal: journal.outbox.count_unsettled()) == 1
        far_end.say(answer(row, ReceiptOutcome.DUPLICATE))

    delivering(delivery(executor, broker), meanwhile)
    assert set(far_end.entries) == {row.body}
    assert executor.run(lambda journal: journal.queries.counts()).duplicate == 1


@pytest.mark.parametrize("keep_session", [False, True])
def test_a_receipt_for_an_absent_device_is_kept_or_asked_for_again(
    executor: JournalThread, broker: Mosquitto, far_end: FarEnd, keep_session: bool
) -> None:
    row = committed(executor)

    async def until_sent() -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(delivery(executor, broker, keep_session=keep_session).run())
            await asyncio.to_thread(far_end.wait_for_entries, 1)
            running.cancel()

    asyncio.run(until_sent())
    far_end.entries.clear()
    far_end.say(answer(row))

    def answer_again() -> None:
        if not keep_session:
            far_end.wait_for_entries(1)
            far_end.say(answer(row))

    delivering(delivery(executor, broker, keep_session=keep_session), answer_again)
    assert executor.run(lambda journal: journal.outbox.count_unsettled()) == 0


def test_what_is_no_receipt_or_one_for_a_strangers_event_settles_nothing_and_does_no_harm(
    executor: JournalThread, broker: Mosquitto, far_end: FarEnd
) -> None:
    row = committed(executor)
    stranger = OutboxRow("00000000-0000-7000-8000-000000000000", 7, "")

    def meanwhile() -> None:
        far_end.wait_for_entries(1)
        for noise in (b"", b"{", b"null", b'{"event_id": "x"}', "é".encode("latin-1"), answer(stranger)):
            far_end.say(noise)
        far_end.wait_for_entries(2)
        far_end.say(answer(row))

    delivering(delivery(executor, broker), meanwhile)
    assert executor.run(lambda journal: journal.queries.counts()).applied == 1
    assert executor.run(lambda journal: journal.outbox.count_unsettled()) == 0


def test_a_refusal_settles_is_kept_with_its_reasons_and_told_once_however_often_its_receipt_comes(
    executor: JournalThread, broker: Mosquitto, far_end: FarEnd
) -> None:
    refusing, row = committed(executor), committed(executor, 1)
    published: list[DeliveryEvent] = []

    def meanwhile() -> None:
        far_end.wait_for_entries(2)
        for _ in range(2):
            far_end.say(answer(refusing, ReceiptOutcome.REFUSED, ("unknown_pallet", "too_many")))
        far_end.say(answer(row))

    delivering(delivery(executor, broker, publish=published.append), meanwhile)
    assert refused(published) == [Receipt(refusing.event_id, ReceiptOutcome.REFUSED, ("unknown_pallet", "too_many"))]
    _, kept = executor.run(lambda journal: journal.queries.entries(2))
    assert (kept.state, kept.reasons) == ("refused", ("unknown_pallet", "too_many"))


def test_a_duplicate_is_told_where_somebody_else_has_recorded_it_and_not_where_it_came_twice(
    executor: JournalThread, broker: Mosquitto, far_end: FarEnd
) -> None:
    twice, other = committed(executor), committed(executor, 1)
    published: list[DeliveryEvent] = []

    def meanwhile() -> None:
        far_end.wait_for_entries(2)
        far_end.say(answer(twice, ReceiptOutcome.DUPLICATE))
        far_end.say(answer(other, ReceiptOutcome.DUPLICATE, ("already_recorded:dock-4",)))

    delivering(delivery(executor, broker, publish=published.append), meanwhile)
    assert refused(published) == [Receipt(other.event_id, ReceiptOutcome.DUPLICATE, ("already_recorded:dock-4",))]


def test_a_site_without_receipts_settles_by_the_broker(executor: JournalThread, broker: Mosquitto) -> None:
    for number in range(40):
        committed(executor, number)
    delivering(delivery(executor, broker, SettleBy.BROKER), lambda: None)
    assert executor.run(lambda journal: journal.outbox.count_unsettled()) == 0


@pytest.mark.parametrize("state", ["online", "offline"])
def test_where_an_inventory_is_known_that_sends_receipts_the_brokers_word_is_not_enough(
    executor: JournalThread, broker: Mosquitto, far_end: FarEnd, caplog: pytest.LogCaptureFixture, state: Any
) -> None:
    far_end.show(make_presence(state, "stock"))
    rows = [committed(executor, number) for number in range(3)]

    def meanwhile() -> None:
        far_end.wait_for_entries(len(rows))
        assert executor.run(lambda journal: journal.outbox.count_unsettled()) == len(rows)
        for row in rows:
            far_end.say(answer(row))

    delivering(delivery(executor, broker, SettleBy.BROKER), meanwhile)
    assert caplog.text.count("only they settle from here on") == 1


def test_more_than_a_window_goes_out_in_order(executor: JournalThread, broker: Mosquitto, far_end: FarEnd) -> None:
    rows = [committed(executor, number) for number in range(40)]

    def meanwhile() -> None:
        for number, row in enumerate(rows, 1):
            far_end.wait_for_entries(number)
            far_end.say(answer(row))

    delivering(delivery(executor, broker), meanwhile)
    assert list(dict.fromkeys(far_end.entries)) == [row.body for row in rows]


def test_what_is_written_while_it_runs_goes_out_at_once(
    executor: JournalThread, broker: Mosquitto, far_end: FarEnd
) -> None:
    one = delivery(executor, broker)

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(one.run())
            await asyncio.to_thread(until, lambda: bool(far_end.status), "no status")
            row = await asyncio.to_thread(committed, executor)
            one.notify_pending()
            await asyncio.to_thread(until, lambda: bool(far_end.entries), "nothing was sent")
            far_end.say(answer(row))
            await one.drain(PATIENCE_S)
            running.cancel()

    asyncio.run(both())
    assert executor.run(lambda journal: journal.outbox.count_unsettled()) == 0


def test_the_device_says_that_it_is_there_and_that_it_goes(
    executor: JournalThread, broker: Mosquitto, far_end: FarEnd
) -> None:
    delivering(delivery(executor, broker), lambda: until(lambda: bool(far_end.status), "no status"))
    until(lambda: len(far_end.status) >= 2, "it went without a word")
    assert [b'"online"' in far_end.status[0], b'"offline"' in far_end.status[1]] == [True, True]


def test_a_will_that_comes_late_is_not_the_last_word(
    executor: JournalThread, broker: Mosquitto, far_end: FarEnd
) -> None:
    """The broker still believes in the earlier connection when the device is back, under another client id."""

    def states() -> list[str]:
        return [parse_status(one, TOPICS)["state"] for one in far_end.status]

    def said(number: int) -> None:
        until(lambda: states().count("online") >= number, lambda: f"only {states()}")

    def back() -> None:
        said(2)
        link.cut()
        until(lambda: "offline" in states() and states()[-1] == "online", lambda: f"only {states()}")

    def away() -> None:
        said(1)
        link.silence()

    with TcpProxy(broker.port) as link:
        delivering(delivery(executor, broker, keep_session=False, port=link.port), away)
        delivering(delivery(executor, broker, keep_session=False), back)
    until(lambda: states()[-1] == "offline", lambda: f"only {states()}")


def test_what_waits_unsent_is_told_with_the_first_word_and_again_when_it_has_gone_behind_the_entries(
    executor: JournalThread, broker: Mosquitto, far_end: FarEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PACE_S", "POLL_S"):
        monkeypatch.setattr(conditions, name, 0.3)
    rows = [committed(executor, number) for number in range(3)]
    (first, *_) = executor.run(lambda journal: journal.queries.entries(3))[::-1]
    settings = Settings(site="hall", device="dock-1", deliver=Deliver(mqtt=Mqtt(host="127.0.0.1", port=broker.port)))
    fares = Conditions()
    fares.set_free_space(5_000_000_000)

    def backlog() -> Any:
        return [json.loads(one).get("backlog") for one in far_end.status]

    def meanwhile() -> None:
        far_end.wait_for_entries(3)
        time.sleep(1)
        assert backlog() == [{"entries": 3, "since": rfc3339(first.recorded_at)}], "told once, as nothing changes"
        for row in rows:
            far_end.say(answer(row))
        until(lambda: backlog()[-1] == {"entries": 0}, lambda: str(backlog()))

    delivering(Delivery(settings, executor, lambda _: None, conditions=fares), meanwhile)
    assert parse_status(far_end.status[0], TOPICS)["disk_free_mb"] == 5000
    until(lambda: backlog()[-1] is None, "of a device that has gone nothing is told")


def test_an_order_that_the_broker_kept_is_not_obeyed_and_one_for_now_is(
    executor: JournalThread, broker: Mosquitto, far_end: FarEnd, caplog: pytest.LogCaptureFixture
) -> None:
    published: list[DeliveryEvent] = []

    def orders() -> list[str]:
        return [event.order for event in published if isinstance(event, OrderReceived)]

    mqtt = Mqtt(host="127.0.0.1", port=broker.port)
    settings = Settings(site="hall", device="dock-1", deliver=Deliver(control=True, mqtt=mqtt))
    delivery = Delivery(settings, executor, published.append)
    far_end.leave(TOPICS.control, b'{"order":"mute"}')

    def meanwhile() -> None:
        until(lambda: "is retained and not obeyed" in caplog.text, "nobody told of it")
        far_end.say(b'{"order":"talk"}', TOPICS.control)
        until(lambda: bool(orders()), "not obeyed")

    delivering(delivery, meanwhile)
    assert orders() == ["talk"]


@pytest.mark.parametrize(("keep_session", "repeated"), [(True, {"repeated": 1}), (False, {})])
def test_a_decision_is_taken_that_is_signed_with_the_pinned_key_for_this_device_and_for_now(
    executor: JournalThread,
    broker: Mosquitto,
    far_end: FarEnd,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    keep_session: bool,
    repeated: dict[str, int],
) -> None:
    """One that comes again is no fault where the broker keeps none, and the inventory sends it again."""
    caplog.set_level(logging.INFO)
    office = device_key.load_or_create(tmp_path)
    pinned = tmp_path / "office.pem"
    pinned.write_bytes(office.public.pem)
    published: list[DeliveryEvent] = []
    mqtt = Mqtt(host="127.0.0.1", port=broker.port)
    deliver = Deliver(decisions_key=pinned, keep_session=keep_session, mqtt=mqtt)
    settings = Settings(site="hall", device="dock-1", deliver=deliver)
    taking = Delivery(settings, executor, published.append)
    good = ReviewDecision(TOPICS.source, identity(7, 1), identity(2, 1), "correct", {"quantity": "13"}, "ann", "why")
    of_another = replace(good, source="/sites/hall/devices/dock-2")
    made = [
        sign_decision(good, ANOTHER, NOW),
        sign_decision(good, office, NOW) | {"values": {}},
        sign_decision(of_another, office, NOW),
    ]
    far_end.leave(TOPICS.decisions, to_json_bytes(sign_decision(good, office, NOW)))

    def meanwhile() -> None:
        until(lambda: "the broker kept is not taken" in caplog.text, "nobody told of it")
        for one in made:
            far_end.say(to_json_bytes(one), TOPICS.decisions)
        until(lambda: "none for this device: /source" in caplog.text, "nobody told of it")
        assert caplog.text.count("somebody decides who may not") == 2
        assert published.count(DecisionStored()) == 0
        assert executor.run(lambda journal: journal.orders.load_due()) == []
        far_end.say(to_json_bytes(sign_decision(good, office, NOW)), TOPICS.decisions)
        until(lambda: DecisionStored() in published, "not taken")
        ((signature, body),) = executor.run(lambda journal: journal.orders.load_due())
        assert taking.decisions.verify_and_parse(body.encode()) == good
        executor.run(lambda journal: journal.orders.refuse(signature, DecisionFailure.LATE))
        far_end.say(to_json_bytes(sign_decision(good, office, NOW)), TOPICS.decisions)
        until(lambda: "came again" in caplog.text, "nobody told of it")

    delivering(taking, meanwhile)
    assert executor.run(lambda journal: journal.orders.load_due()) == []
    counted = executor.run(lambda journal: journal.orders.count_not_done())
    assert counted == {"forged": 2, "late": 1, "malformed": 1, "retained": 1} | repeated


def test_a_decision_that_is_not_on_the_disk_yet_comes_again(
    executor: JournalThread, broker: Mosquitto, far_end: FarEnd, tmp_path: Path
) -> None:
    """The broker hears that it is here when it is kept: an agent that is killed before that is given it once more."""
    office = device_key.load_or_create(tmp_path)
    pinned = tmp_path / "office.pem"
    pinned.write_bytes(office.public.pem)
    mqtt = Mqtt(host="127.0.0.1", port=broker.port)
    settings = Settings(site="hall", device="dock-1", deliver=Deliver(decisions_key=pinned, mqtt=mqtt))
    good = ReviewDecision(TOPICS.source, identity(7, 1), identity(2, 1), "discard", {}, "ann", "why")

    def cut(*_: object, **_told: object) -> bool:
        raise ZeroDivisionError

    async def cut_off() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(Delivery(settings, executor, lambda _: None).run())
            await asyncio.to_thread(until, lambda: bool(far_end.status), "no status")
            far_end.say(to_json_bytes(sign_decision(good, office, NOW)), TOPICS.decisions)

    with pytest.MonkeyPatch.context() as patched, pytest.RaisesGroup(ZeroDivisionError):
        patched.setattr(SignedDecisions, "store", cut)
        asyncio.run(cut_off())
    again = Delivery(settings, executor, lambda _: None)
    delivering(
        again, lambda: until(lambda: bool(executor.run(lambda journal: journal.orders.load_due())), "it is lost")
    )
    assert executor.run(lambda journal: journal.orders.count_not_done()) == {}


def test_a_device_that_is_not_enrolled_keeps_its_events_and_says_what_to_do(
    executor: JournalThread, broker: Mosquitto, far_end: FarEnd, caplog: pytest.LogCaptureFixture
) -> None:
    row = committed(executor)

    def meanwhile() -> None:
        far_end.wait_for_entries(1)
        far_end.say(
            to_json_bytes(make_untrusted_answer(row.event_id, "unknown_key:17", row.sequence, datetime.now(UTC)))
        )
        until(lambda: "inventory keys enrol hall/dock-1 FILE" in caplog.text, "nobody told of it")
        assert executor.run(lambda journal: journal.outbox.count_unsettled()) == 1
        far_end.wait_for_entries(2)
        far_end.say(answer(row))

    delivering(delivery(executor, broker), meanwhile)
    assert executor.run(lambda journal: journal.outbox.count_unsettled()) == 0
