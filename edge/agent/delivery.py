"""Outbox delivery: executes the relay's commands on the journal and the MQTT session.

paho's thread, the journal and dictation reach it through one queue, so calls of the relay are serialised.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Literal

from dockvoice_protocol import events
from dockvoice_protocol.config import Mqtt, MqttVersion
from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.hash_chain import PublicKey
from dockvoice_protocol.mqtt import (
    MessageReceived,
    PubackReceived,
    Session,
    SessionConnected,
    SessionDisconnected,
    SessionEvent,
)
from dockvoice_protocol.mqtt_client import Will
from dockvoice_protocol.outbox import FAILURE, Backoff, Outbox, Pending, Policy
from dockvoice_protocol.records import Operator, Receipt
from dockvoice_protocol.terminal.plain_text import escape_line
from edge.agent.clip_delivery import ClipDelivery
from edge.agent.conditions import Conditions
from edge.agent.review_delivery import DecisionInbox, ReviewDelivery, load_pinned_key
from edge.agent.settlement import Settlement
from edge.agent.site_publications import STORE_ONLY, CatalogueActivation, ExpectedReceipts, SiteCatalogue, SiteCrew
from edge.config import Settings, SettleBy
from edge.deliver.relay import (
    Command,
    CountPuback,
    DeadLetterRow,
    DeliveryAlerts,
    PublishRow,
    RaiseAlarm,
    ReadLastRow,
    ReadPendingRows,
    Relay,
    ReopenRows,
    SettleRow,
)
from edge.keep.journal_thread import JournalThread
from edge.records import EventIds, ReviewChange

logger = logging.getLogger(__name__)

_IDLE_S = 1.0  # Longest wait on the queue before the relay's timers and the heartbeat get their turn.
_ANSWERED_S = 5.0  # An overtaken journal waits this long after the last receipt for more; they take far less.
_STATUS = "status"  # Prefix of status messages' tags; no event id begins with it.

_STATUS_BACKOFF = Backoff(10.0, 5)
"""A status that the broker refuses is retried after ten seconds, growing to five minutes, until a person has changed
the broker's access rules."""


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The connection to the broker came up or was lost."""

    up: bool
    what: str  # The broker, when it came up; the reason, when it was lost.


@dataclass(frozen=True, slots=True)
class OrderReceived:
    """An order came on the control topic; only where the settings enable it."""

    order: str


@dataclass(frozen=True, slots=True)
class EntryRefused:
    """The inventory rejected an event, or it is a dead letter. Published once per event."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class DecisionStored:
    """The journal has a new decision of the inventory's side, signed with the key in the settings."""


@dataclass(frozen=True, slots=True)
class CrewChanged:
    """The list of operators that may sign on has changed."""

    operators: tuple[Operator, ...] | None  # None: no sign-on is needed.


DeliveryEvent = LinkChanged | OrderReceived | EntryRefused | DecisionStored | CrewChanged
"""What delivery publishes to its subscriber."""


@dataclass(frozen=True, slots=True)
class ReconcileResult:
    """The result of comparing this device with the inventory."""

    agreed: bool  # Whether the inventory confirmed, within the timeout, that it has every event ever committed here.
    sent_again: int  # Events that it had lost after confirming them.
    unsettled: int  # Events still pending.
    trouble: str | None  # Why there is no connection to the broker; None while connected.


class _Status:
    """This device's message on the status topic."""

    def __init__(self, settings: Settings, key: PublicKey, conditions: Conditions | None) -> None:
        self._of: dict[str, Any] = {"site": settings.site, "device": settings.device, "key": key}
        self.known: dict[str, Any] = {}  # By part: microphone, speaker, work, unknown_words.
        self.waiting: int | None = None  # Number of open reviews; None before the first poll.
        self.roster: dict[str, Any] | None = None
        self.catalogue: dict[str, Any] | None = None
        self.expected: Callable[[], int | None] = lambda: None
        """The highest version of a list of expected receipts, at the moment of a message."""
        self.not_done: dict[str, int] = {}  # Number of the inventory's decisions that were not done, by reason.
        self._conditions = conditions
        self._session_kept = None if settings.deliver.keep_session else False
        self._numbers: dict[str, Any] = {}  # The conditions at the last refresh.
        self._outbox: Outbox[Pending] = Outbox(Policy.LATEST, _STATUS_BACKOFF)
        self._changes = 0
        self._topic = events.Topics(settings.deliver.prefix, settings.site, settings.device).status

    def change(self, now: float) -> None:
        """Queue a new status message, which replaces the one before."""
        self._changes += 1
        self._outbox.add(Pending(key=f"{_STATUS} {self._changes}", order=self._changes, due=now))

    def publish(self, session: Session, state: Literal["online", "offline"], now: float) -> None:
        """Publish the latest message if it is due and there is a connection; retry later if it cannot be sent."""
        for one in self._outbox.start_due_attempts(now) if session.is_connected else ():
            message = self.encode(state, datetime.now(UTC))
            if session.publish(self._topic, message, tag=one.key, retain=True):
                if self._conditions is not None:
                    self._conditions.mark_published(self._numbers, now)
            else:
                self._outbox.mark_unsent(one.key, now)

    def handle_puback(self, tag: str, reason_code: int) -> bool:
        """Apply the broker's PUBACK; whether the tag is a status message's. A refused one is retried."""
        if reason_code < FAILURE:
            self._outbox.remove_confirmed(tag)
        return tag.startswith(_STATUS)

    def encode(self, state: Literal["online", "offline"], now: datetime | None = None) -> bytes:
        """The message's payload; "offline" omits what only a running device has."""
        known = {**self.known}
        if state == "online":
            known |= {"under_review": self.waiting, "decisions_not_done": self.not_done or None}
            known |= {"roster": self.roster, "catalogue": self.catalogue, "program": version("dockvoice")}
            known |= {"conditions": self._numbers, "expected": self.expected(), "session_kept": self._session_kept}
        return events.to_json_bytes(events.make_status(state, time=now, **self._of, **known))

    async def refresh_conditions(self, executor: JournalThread, now: float) -> bool:
        """Load the conditions; whether they have changed enough to be published by themselves."""
        conditions = self._conditions
        if conditions is None:
            return False
        if conditions.is_poll_due(now):
            entries, oldest = await executor(
                lambda journal: (journal.outbox.count_unsettled(), journal.outbox.oldest_pending())
            )
            conditions.set_backlog(entries, oldest, now)
        self._numbers = conditions.snapshot(now)
        return conditions.is_due_to_publish(self._numbers, now)


class Delivery:
    """Delivers the journal's pending events while `run` runs."""

    def __init__(
        self,
        settings: Settings,
        executor: JournalThread,
        publish: Callable[[DeliveryEvent], None] = lambda _: None,
        beat: Callable[[], None] = lambda: None,
        session: Callable[..., Session] = Session,
        review: Callable[[ReviewChange, EventIds], dict[str, Any]] | None = None,
        renewal: CatalogueActivation[Any] | None = None,
        conditions: Conditions | None = None,
    ) -> None:
        """`publish` is called with each event, `beat` after each turn of the loop, at least every _IDLE_S seconds.

        `review` makes the event of each change of a review; None: none is sent. `renewal` activates the site's master
        data; None: it is stored only. `conditions` is published on the status topic; None: it is omitted. Raises
        Misconfigured for the journal of another device.
        """
        self._settings = settings
        self._topics = events.Topics(settings.deliver.prefix, settings.site, settings.device)
        self._broker = f"{settings.deliver.mqtt.host}:{settings.deliver.mqtt.port}"
        self._executor = executor
        executor.run(lambda journal: journal.outbox.demand_owner(self._topics.source))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._status = _Status(settings, executor.run(lambda journal: journal.public_key), conditions)
        self._publish = publish
        self._beat = beat
        self._relay = Relay(settings.deliver)
        self._news: asyncio.Queue[SessionEvent | None] = asyncio.Queue()  # None: the journal has a new pending event.
        self._notes = Settlement(executor, beat, lambda receipt: publish(EntryRefused(receipt)))
        self._agreed = asyncio.Event()
        self._ends_at: float | None = None
        self._mistrust: set[str] = set()
        key = load_pinned_key(settings.deliver.decisions_key)
        keep_session = settings.deliver.keep_session
        self.decisions = DecisionInbox(
            key, self._topics.source, executor, beat, lambda: publish(DecisionStored()), may_repeat=not keep_session
        )
        """The inventory's signed decisions for this device."""
        self.expected = ExpectedReceipts(settings, key, executor, beat)  # The expected receipts of the site.
        self.roster = SiteCrew(settings, key, executor, beat, lambda operators: publish(CrewChanged(operators)))
        """The operators that may sign on at the site."""
        self._clips = ClipDelivery(settings, key, executor, beat)
        self.catalogue = SiteCatalogue(settings, key, executor, beat, renewal or STORE_ONLY)
        """The master data of the site."""
        self._status.expected = self.expected.highest_version
        self._inboxes = (self.expected.inbox, self.roster.inbox, self.catalogue.inbox, self._clips)
        self.publish_roster_and_catalogue_versions()
        self.broker_refusal: str | None = None  # Why the broker refuses events; None once it accepts one.
        self._reviews = (
            None
            if review is None
            else ReviewDelivery(
                executor,
                review,
                settings.deliver.receipt_timeout_s,
                by_receipt=settings.deliver.settle is SettleBy.RECEIPT,
            )
        )
        self._obstacles = DeliveryAlerts(
            "the broker takes events, but no receipts come: is the inventory running, and do the broker's access rules "
            f"let this device write to {self._topics.entries} and read {self._topics.receipts}?"
        )
        lists = [*self.expected.inbox.topics, *self.roster.inbox.topics, *self.catalogue.inbox.topics]
        subscriptions = [
            self._topics.receipts,
            *([self._topics.control] if settings.deliver.control else []),
            *([self._topics.decisions] if self.decisions.accepts_decisions else []),
        ]
        wishes = [events.Topics.consumer(settings.deliver.prefix), *lists, *self._clips.topics]
        if not keep_session:
            # The will of an earlier connection, which comes when the broker misses that one, may follow on "online".
            wishes.append(self._topics.status)
        self._session = session(
            _broker_settings(settings),
            client_id=f"{settings.deliver.prefix}-{settings.site}-{settings.device}".replace("/", "-"),
            receive=self._received,
            subscriptions=subscriptions,
            wishes=wishes,
            unkept=() if keep_session else (*subscriptions, *wishes),
            keep_session=keep_session,
            will=Will(self._topics.status, self._status.encode("offline")),
            manual_ack=True,
        )

    @property
    def connection_error(self) -> str | None:
        """Why there is no connection to the broker; None while connected."""
        return self._session.trouble

    def notify_pending(self) -> None:
        """Signal that the journal has a new pending event."""
        self._notes.nothing_owed.clear()
        self._news.put_nowait(None)

    def publish_state(self, part: Literal["microphone", "speaker", "work", "unknown_words"], state: object) -> None:
        """Publish a part of the device's state on the status topic, now and at each connection.

        The parts: microphone; speaker (whether the operator hears it); work (form and language); and unknown_words.
        """
        self._status.known[part] = state
        if self._session.is_connected:
            self._announce("online")

    def publish_roster_and_catalogue_versions(self) -> None:
        """Publish the versions of roster and catalogue on the status topic, if they have changed."""
        found = self.roster.status(), self.catalogue.status()
        if found != (self._status.roster, self._status.catalogue):
            self._status.roster, self._status.catalogue = found
            if self._loop is not None and self._session.is_connected:
                self._announce("online")

    async def run(self) -> None:
        """Deliver until cancelled. An absent broker raises nothing: the session keeps reconnecting."""
        self._loop = asyncio.get_running_loop()
        await self._notes.signal_if_nothing_pending()
        await self._status.refresh_conditions(self._executor, self._now)
        self._session.start()
        try:
            while True:
                await self._carry_out(await self._wait_for_commands())
                await self._publish_reviews()
                # After the entries of this turn, which are published by now.
                if await self._status.refresh_conditions(self._executor, self._now) and self._session.is_connected:
                    self._announce("online")
                self._status.publish(self._session, "online", self._now)
                await self._send_clip()
                for obstacle in self._obstacles.new_alerts(self._session.trouble, self._now):
                    logger.error("not delivered, and kept until this is mended: %s", obstacle)
                if self._relay.has_inventory_answered_all and self._notes.superseded is None:
                    self._agreed.set()
                self._raise_if_superseded()
                self._beat()
        finally:
            if self._session.failure is None:
                self._announce("offline")
            await asyncio.to_thread(self._session.stop)

    async def _publish_reviews(self) -> None:
        """Publish the due changes of reviews; and, where it changed, the number of open ones as status."""
        reviews, connected = self._reviews, self._session.is_connected
        looked = None if reviews is None else await reviews.poll(self._now, connected=connected)
        if reviews is None or looked is None:
            return
        if (looked.waiting, looked.not_done) != (self._status.waiting, self._status.not_done):
            self._status.waiting, self._status.not_done = looked.waiting, looked.not_done
            if connected:
                self._announce("online")
        for row in looked.rows:
            body = row.body.encode()
            if self._session.publish(self._topics.reviews, body, tag=row.event_id, content_type=events.MEDIA_TYPE):
                self._clips.pause_until_acknowledged(row.event_id)
            else:
                reviews.mark_unsent(row.event_id, self._now)

    async def _send_clip(self) -> None:
        """Publish the next chunk of a clip, if all other messages are acknowledged."""
        out = await self._clips.next_message(self._now) if self._session.is_connected else None
        if out is None:
            return
        if self._session.publish(self._topics.clips, out.body, tag=out.tag):
            self._clips.mark_published(out)
        else:
            self._clips.mark_unsent(out, self._now)

    def _raise_if_superseded(self) -> None:
        """Raise Misconfigured for an outdated copy of the journal, once all is settled or after ANSWERED_S."""
        if self._notes.superseded is None:
            return
        self._ends_at = self._ends_at or self._now + _ANSWERED_S
        if self._notes.nothing_owed.is_set() or self._now >= self._ends_at:
            raise self._notes.superseded

    async def drain(self, within_s: float) -> None:
        """Wait until no event is pending, at most `within_s` seconds."""
        try:
            async with asyncio.timeout(within_s):
                await self._notes.nothing_owed.wait()
        except TimeoutError:
            logger.info("not everything was settled within %g s", within_s)

    async def wait_until_confirmed(self, within_s: float) -> ReconcileResult:
        """Wait, while `run` runs, until the inventory has confirmed every event; returns the result."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._agreed.wait()
        unsettled = await self._executor(lambda journal: journal.outbox.count_unsettled())
        return ReconcileResult(self._agreed.is_set(), self._notes.sent_again, unsettled, self.connection_error)

    @property
    def _now(self) -> float:
        """The loop's clock, which is monotonic."""
        return asyncio.get_running_loop().time()

    def _announce(self, state: Literal["online", "offline"]) -> None:
        self._status.change(self._now)
        self._status.publish(self._session, state, self._now)

    def _received(self, event: SessionEvent) -> None:
        """Pass an event of the session from paho's thread to the queue."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._news.put_nowait, event)

    async def _wait_for_commands(self) -> list[Command | MessageReceived]:
        """Wait for a queued event or the relay's next timer; return the commands that follow."""
        if self._session.failure is not None:
            raise self._session.failure
        wait_s = self._relay.due_in_s(self._now)
        made: Sequence[Command | MessageReceived] = ()
        with suppress(TimeoutError):
            async with asyncio.timeout(_IDLE_S if wait_s is None else min(wait_s, _IDLE_S)):
                made = self._handle_session_event(await self._news.get())
        if self._relay.is_answer_overdue(self._now):
            self._session.subscribe_again()
        return [*made, *self._relay.publish_due(self._now)]

    def _handle_session_event(self, news: SessionEvent | None) -> Sequence[Command | MessageReceived]:
        match news:
            case None:
                return self._relay.handle_new_row()
            case SessionConnected(protocol, receive_maximum):
                self._mistrust.clear()
                self._clips.reset_in_flight()
                if self._reviews is not None:
                    self._reviews.republish_open_reviews()
                self._announce("online")
                self._publish(LinkChanged(True, f"{self._broker} (MQTT {protocol})"))
                return self._relay.handle_connect(receive_maximum)
            case SessionDisconnected(why):
                self._clips.reset_in_flight()
                self._publish(LinkChanged(False, why))
                return self._relay.handle_disconnect()
            case PubackReceived(tag, reason_code):
                return self._dispatch_puback(tag, reason_code)
            case MessageReceived(topic) if any(inbox.accepts(topic) for inbox in self._inboxes) or (
                self.decisions.accepts_decisions and topic == self._topics.decisions
            ):
                return [news]  # acknowledged once it is stored
            case MessageReceived():
                commands = self._dispatch_message(news)
                self._session.acknowledge(news)
                return commands

    def _dispatch_puback(self, tag: str, reason_code: int) -> list[Command]:
        """Pass a PUBACK to the part whose message has the tag."""
        if self._clips.handle_puback_if_clip(tag, reason_code) or self._status.handle_puback(tag, reason_code):
            return []
        if self._reviews is not None and self._reviews.is_review_event(tag):
            self._reviews.handle_puback(tag, reason_code)
            return []
        if reason_code < FAILURE and self._relay.settles_by_receipt:
            self._obstacles.note_puback(tag)
        return self._relay.handle_puback(tag, reason_code)

    def _dispatch_message(self, message: MessageReceived) -> list[Command]:
        if message.topic == self._topics.receipts:
            return self._handle_inventory_answer(message.payload)
        if message.topic == self._topics.control:
            return self._handle_control_order(message)
        if message.topic == self._topics.status:
            if _replaces_status(message, self._topics):
                self._announce("online")
            return []
        if message.topic == self._topics.clip_receipts:
            self._clips.handle_receipt(message.payload, self._now)
            return []
        if message.topic == self._topics.decisions:
            return []  # the broker still has the subscription from when the settings had a key
        return self._handle_presence(message.payload, retained=message.retained)

    def _handle_control_order(self, message: MessageReceived) -> list[Command]:
        if message.retained:
            # The broker sends a retained order at every connection, when it may be obsolete.
            logger.warning(
                "an order on the control topic is retained and not obeyed: publish orders without retain, and clear "
                "the topic with an empty retained message"
            )
            return []
        try:
            self._publish(OrderReceived(events.parse_headset_order(message.payload)))
        except events.MalformedMessage as fault:
            logger.warning("a message on the control topic is no order: %s", fault)
        return []

    def _handle_presence(self, payload: bytes, *, retained: bool) -> list[Command]:
        """Settle by receipts from now on; publish all pending events if the inventory came online just now.

        A retained message is old: it publishes nothing.
        """
        try:
            is_there = events.parse_presence(payload)
        except events.MalformedMessage as fault:
            logger.warning("a message on an inventory's topic says nothing of it: %s", fault)
            return []
        if not self._relay.settles_by_receipt:
            # Such an inventory queues events that the broker has delivered: settled by the broker, they could be lost.
            self._relay.settle_by_receipts()
            logger.error(
                'deliver.settle = "broker", but an inventory that sends receipts has been at this broker: only they '
                'settle from here on; set deliver.settle = "receipt", or clear its retained message where it is gone'
            )
        return self._relay.publish_all_pending(self._now) if is_there and not retained else []

    def _handle_inventory_answer(self, payload: bytes) -> list[Command]:
        try:
            answer = events.parse_answer(payload)
        except events.MalformedMessage as fault:
            # The event stays pending and is sent again, which brings a valid receipt.
            logger.warning("a message on the receipts topic is no receipt: %s", fault)
            return []
        self._obstacles.note_answer()
        self._ends_at = None
        if isinstance(answer, events.EarlyAnswer):
            return self._relay.handle_gap_report(answer, self._now)
        if isinstance(answer, events.UntrustedAnswer):
            self._log_mistrust_once(answer.reason)
            return []
        if self._reviews is not None and self._reviews.is_review_event(answer.event_id):
            self._reviews.mark_confirmed(answer.event_id)
            return []
        return self._relay.handle_receipt(answer)

    def _log_mistrust_once(self, reason: str) -> None:
        """Log each reason once per connection: the event stays pending, and is sent again until the key is enrolled."""
        if reason not in self._mistrust:
            self._mistrust.add(reason)
            remedy = f"enrol {self._topics.site}/{self._topics.device} FILE"
            if reason.startswith("replaced_key:"):
                remedy = f"rotate {self._topics.site}/{self._topics.device} FILE --upto LAST-IT-SIGNED"
            logger.error(
                "the inventory does not take events for this device's own (%s), and they are kept: enrol its key "
                "there. `dockvoice audit key` prints it, `dockvoice inventory keys %s` takes it",
                *(escape_line(reason), remedy),
            )

    async def _carry_out(self, commands: Iterable[Command | MessageReceived]) -> None:
        for command in commands:
            match command:
                case ReadPendingRows() | ReadLastRow():
                    await self._carry_out(await self._load_rows(command))
                case PublishRow(row):
                    body, kind = row.body.encode(), events.MEDIA_TYPE
                    if self._session.publish(self._topics.entries, body, tag=row.event_id, content_type=kind):
                        self._clips.pause_until_acknowledged(row.event_id)
                    else:
                        self._relay.mark_unsent(row.event_id, self._now)
                case CountPuback() | SettleRow() | ReopenRows() | DeadLetterRow():
                    await self._notes.store_outcome(command)
                    self.broker_refusal = None if isinstance(command, CountPuback | SettleRow) else self.broker_refusal
                case MessageReceived(topic):
                    published = (inbox for inbox in self._inboxes if inbox.accepts(topic))
                    await next(published, self.decisions).verify_and_store(command)
                    self._session.acknowledge(command)
                    self.publish_roster_and_catalogue_versions()
                case RaiseAlarm(reason_code, meaning):
                    self.broker_refusal = f"the broker refuses events: {meaning.name} ({reason_code}). {meaning.remedy}"
                    logger.error("%s", self.broker_refusal)

    async def _load_rows(self, wanted: ReadPendingRows | ReadLastRow) -> list[Command]:
        match wanted:
            case ReadPendingRows(at_most):
                rows = await self._executor(lambda journal: journal.outbox.load_due(at_most))
                return self._relay.add_rows(rows, self._now)
            case ReadLastRow():
                last = await self._executor(lambda journal: journal.outbox.last_event())
                return self._relay.republish_last_row(last, self._now)


def _replaces_status(message: MessageReceived, topics: events.Topics) -> bool:
    """Whether an earlier connection's will has replaced the device's status."""
    try:
        state = events.parse_status(message.payload, topics)["state"]
    except events.MalformedMessage:
        return False
    return not message.retained and state == "offline"


def _broker_settings(settings: Settings) -> Mqtt:
    """The broker's settings, with MQTT 5 where the PUBACK settles: MQTT 3.1.1 cannot report a refusal."""
    mqtt = settings.deliver.mqtt
    return mqtt.model_copy(update={"version": MqttVersion.V5}) if settings.deliver.settle is SettleBy.BROKER else mqtt


async def reconcile(settings: Settings, executor: JournalThread, *, within_s: float) -> ReconcileResult:
    """Compare this device with the inventory, and send again the events that the inventory lacks.

    Publishes the pending events or, without any, the last event once more: its receipt shows gaps. A running agent does
    the same at each connection. Raises Misconfigured where the inventory sends no receipts, or the journal is another
    device's.
    """
    if settings.deliver.settle is SettleBy.BROKER:
        raise Misconfigured(
            'deliver.settle = "broker": an inventory that sends no receipts cannot be compared with; '
            'set it to "receipt" if yours does'
        )
    delivery = Delivery(settings, executor)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(delivery.run())
        found = await delivery.wait_until_confirmed(within_s)
        running.cancel()
    return found
