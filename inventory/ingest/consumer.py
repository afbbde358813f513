"""The consumer's loop: commit, then send the receipt, then acknowledge to the broker, in that order.

After an interruption the broker redelivers unacknowledged messages and the device resends unanswered events. Applying
is idempotent.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice, takewhile
from queue import Empty, SimpleQueue
from typing import Literal

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.events import (
    SHOWN,
    MalformedMessage,
    Topics,
    make_presence,
    make_untrusted_answer,
    to_json_bytes,
)
from dockvoice_protocol.mqtt import MessageReceived, PubackReceived, SessionConnected, SessionDisconnected, SessionEvent
from dockvoice_protocol.systemd import Notifier
from inventory.forms import Forms
from inventory.ingest.admission import DistrustReason, UntrustedEvent, find_distrust
from inventory.ingest.checking import MessageChecker
from inventory.ingest.clip_messages import ClipMessages
from inventory.ingest.ports import Broker, ClipMessageHandler, Dossiers, EventStore, ReviewStore, StatusStore
from inventory.ingest.postponing import RETRY_S, PostponedMessages
from inventory.ingest.publisher import Publisher
from inventory.ingest.receipts import PRESENCE_TAG, build_receipt, log_denied_publication, outcome_text
from inventory.ingest.reorder_buffer import BatchSettings, ReorderBuffer
from inventory.ingest.status_queue import StatusQueue
from inventory.ingest.validation import MAX_MESSAGE_BYTES, DeadLetterMessage, InvalidMessage, ValidMessage, validate
from inventory.ingest.watchdog import OutageWatchdog
from inventory.records import Applied, Buffered, Event, InvalidEvent, Outcome, Refused
from inventory.reviews.reviews import read_review
from inventory.store.database import SiteFault
from inventory.store.keys import KeyDirectory
from inventory.store.outbox import OutboxTable

log = logging.getLogger("inventory")

_TURN_S = 1.0  # Longest wait of the loop, so that the watchdog is fed and a missing broker is noticed.

FIRST_CONNECTION_S = 20.0
"""Timeout of the first connection: then the process exits with an error, for systemd or the operator."""

_STOP_S = 5.0  # Timeout for the last receipts and acknowledgements at exit.

_STATUS_DELAY_S = 1.0
"""Entries have priority over status messages for at most this long, which delays a status on the console."""

_LAST = 9_999_999_999  # Greater than every number of an entry.

_MOST_DISTRUSTED = 1000
"""Untrusted senders remembered so that each is logged and stored once; with more, the set is cleared."""


class Wake:
    """Queued to make the loop check whether to stop."""


Inbox = SimpleQueue[SessionEvent | Wake]
"""Queue from the threads of the broker's session, and from signal handlers, to the loop. Its `put` is safe in both."""


@dataclass(frozen=True, slots=True)
class _Receipt:
    """A receipt to publish, of a committed event."""

    to: MessageReceived | None  # The message that it answers; None: already acknowledged to the broker.
    topic: str
    payload: bytes
    event_id: str


class Consumer:
    """Receives devices' messages, applies their events and answers with receipts."""

    def __init__(
        self,
        broker: Broker,
        store: EventStore,
        forms: Forms,
        inbox: Inbox,
        *,
        prefix: str,
        client_id: str = "dockvoice-inventory",
        keys: KeyDirectory,
        trust_first_use: bool = False,
        largest: int = MAX_MESSAGE_BYTES,
        reviews: ReviewStore | None = None,
        statuses: StatusStore | None = None,
        dossiers: Dossiers | None = None,
        clips: ClipMessageHandler | None = None,
        outbox: OutboxTable | None = None,
        batching: BatchSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._broker = broker
        self._store = store
        self._inbox = inbox
        self._prefix = prefix
        self._client_id = client_id
        self._postponed = PostponedMessages(clock)
        self._keys = keys
        self._trust_first_use = trust_first_use
        self._statuses = StatusQueue(prefix, largest, keys, trust_first_use, statuses, clock)
        self._largest = largest
        self._reviews = reviews
        self._dossiers = dossiers
        self._batching = batching
        self._room = 0 if batching is None else batching.most
        """Receipts that may remain unsent while more events are applied."""
        self._clips = ClipMessages(clips, prefix, largest)
        self._publisher = Publisher(broker, outbox, clock, partial(log_denied_publication, prefix, client_id))
        self._checker = MessageChecker(
            lambda message: validate(message.payload, message.topic, prefix, forms, largest),
            lambda event, said: find_distrust(event, keys.keys_of(event.site, event.device), said),
            clock,
        )
        self._distrusted: set[tuple[str, str, str]] = set()
        self._clock = clock
        self._now = now
        self._waiting: deque[MessageReceived] = deque()
        self._waiting_clips: deque[MessageReceived] = deque()  # Messages about recordings.
        self._unsent: deque[_Receipt] = deque()
        self._stopping = False
        self._was_connected = False
        self._has_all_missed = False  # Whether the broker redelivers all that a lost link has interrupted.
        self._started = self._statuses_stored_at = clock()
        self._retry_at = self._started
        self._retry_s = RETRY_S[0]
        self._systemd = Notifier.from_environment()
        self._watchdog = OutageWatchdog(broker, store, clock, self._systemd)
        self._reorder_buffer = None if batching is None else ReorderBuffer(batching, clock, self._systemd)

    def run(self) -> None:
        """Apply events until `stop`. Raises Misconfigured, or Unavailable if the broker is unreachable at the start."""
        if not self._keys.all() and not self._trust_first_use:
            log.warning(
                "%s holds no key: nothing is applied until one is enrolled (`dockvoice inventory keys enrol`)",
                self._keys.path,
            )
        self._broker.start()
        try:
            while not self._stopping:
                self._receive_queued()
                self._send_and_settle()
                self._beat_watchdog_buffer_and_dossiers()
        finally:
            self._systemd.notify_stopping()
            if self._broker.is_connected:
                self._publish_presence("offline")
            self._broker.stop(_STOP_S)

    def stop(self) -> None:
        """Finish the current message, then leave `run`. Safe in a signal handler or another thread."""
        self._stopping = True
        self._inbox.put(Wake())

    def _receive_queued(self) -> None:
        """Wait for the next event of the session, then receive all queued ones."""
        try:
            self._receive(self._inbox.get(timeout=self._wait_s()))
            while True:
                self._receive(self._inbox.get_nowait())
        except Empty:
            return

    def _wait_s(self) -> float:
        if len(self._unsent) > self._room:
            return _TURN_S
        due = self._postponed.retry_times
        due += [self._retry_at] if self._waiting or self._waiting_clips or self._statuses.has_messages else []
        return min([_TURN_S, *(max(0.0, at - self._clock()) for at in due)])

    def _receive(self, news: SessionEvent | Wake) -> None:
        match news:
            case MessageReceived(topic) if topic.endswith("/status"):
                self._statuses.add(news)
            case MessageReceived(topic) if topic.endswith("/clips/chunks"):
                self._waiting_clips.append(news)
            case MessageReceived():
                self._waiting.append(news)
            case SessionConnected():
                self._was_connected = True
                log.info(
                    "connected to the broker (%s), listening to %s",
                    news.protocol,
                    Topics.all_devices_filters(self._prefix).entries,
                )
                self._systemd.notify_ready("connected")
                self._publish_presence("online", resumed=self._has_all_missed and news.session_present)
                self._publisher.handle_connect()
                self._statuses.note_connected()
            case SessionDisconnected():
                # The next connection redelivers them with new packet ids: these can no longer be acknowledged.
                self._waiting.clear()
                self._statuses.clear()
                self._waiting_clips.clear()
                self._unsent.clear()
                # What is behind a postponed event was acknowledged, and its device is to send it again.
                self._has_all_missed = not self._postponed.have_dropped
                self._postponed.clear()
                log.warning("broker lost: %s; trying again", news.why)
                self._systemd.set_status(f"broker lost: {news.why}")
            case PubackReceived():
                self._publisher.queue_puback(news)
            case Wake():
                return

    def _send_and_settle(self) -> None:
        """Send receipts and settle messages; postpone both while the broker or the database cannot take them."""
        self._send_receipts()
        if self._stopping or len(self._unsent) > self._room or self._clock() < self._retry_at:
            return
        self._retry_postponed()
        if len(self._unsent) > self._room:
            return
        try:
            self._publisher.record_pubacks_and_publish()
            self._statuses.enrol_new_devices()
            if self._is_status_due():
                self._statuses_stored_at = self._clock()  # also after an error, so that entries go first again
                for status in self._statuses.store_batch():
                    self._broker.acknowledge(status)
            elif self._waiting:
                self._settle_first_or_batch()
            else:
                self._statuses.mark_missing_offline()
                self._handle_clip_message()
                return
        except Unavailable as fault:
            self._retry_at = self._clock() + self._retry_s
            log.warning("kept for later, next try in %g s: %s", self._retry_s, fault)
            self._systemd.set_status(str(fault))
            self._retry_s = min(self._retry_s * 2, RETRY_S[1])
            return
        self._retry_s = RETRY_S[0]
        self._send_receipts()

    def _is_status_due(self) -> bool:
        """Whether to store status messages: if no entry waits, or entries have gone first for _STATUS_DELAY_S."""
        is_delayed = self._waiting and self._clock() < self._statuses_stored_at + _STATUS_DELAY_S
        return self._statuses.has_messages and not is_delayed

    def _settle_first_or_batch(self) -> None:
        """Settle the first queued message, with the entries behind it in one batch. Raises Unavailable."""
        batching, entries = self._batching, list[MessageReceived]()
        if batching is not None:
            most = islice(self._waiting, batching.most)
            entries = list(takewhile(lambda one: one.topic.endswith("/entries"), most))
        if batching is not None and (len(entries) > 1 or (entries and batching.holds_early)):
            self._settle_batch(entries, batching)
        else:
            self._settle_or_postpone(self._waiting[0])
            self._waiting.popleft()

    def _settle_batch(self, messages: list[MessageReceived], batching: BatchSettings) -> None:
        """Settle these in one transaction, and remove the settled ones from the queue. Raises Unavailable."""
        sound = [
            (message, validated) for message in messages if (validated := self._validate_or_settle(message)) is not None
        ]
        if not sound:
            return
        given = [validated.event for _, validated in sound]
        following = islice(self._waiting, len(sound), len(sound) + batching.most)
        with self._checker.checking_ahead([one for one in following if one.topic.endswith("/entries")]):
            outcomes = batching.store.try_apply_all(given, hold=batching.holds_early)
        if outcomes is None:
            log.warning("%d events are applied one by one: one of them cannot be applied with others", len(sound))
            for message, _ in sound:
                self._settle_or_postpone(message)
                self._waiting.popleft()
            return
        for number, (event, outcome) in enumerate(outcomes):
            # Events released from the reorder buffer follow; they were acknowledged to the broker on arrival.
            self._queue_receipt_and_notify_dossiers(
                sound[number][0] if number < len(sound) else None, event, outcome, logging.DEBUG
            )
        for _ in sound:
            self._waiting.popleft()
        counted = Counter(type(one).__name__.lower() for _, one in outcomes)
        log.info("%d events: %s", len(outcomes), ", ".join(f"{number} {what}" for what, number in counted.items()))

    def _validate_or_settle(self, message: MessageReceived) -> ValidMessage | InvalidMessage | None:
        """The validated event if it may join a batch; else settle the message, and None. Raises Unavailable."""
        if message.topic in self._postponed:
            self._settle_or_postpone(message)
        else:
            validated, distrust = self._checker.check(message)
            if isinstance(validated, DeadLetterMessage):
                self._keep_rejected(message, validated.reason)
                self._broker.acknowledge(message)
            elif distrust is None:
                return validated
            else:
                self._reject_untrusted(message, validated, distrust)
        self._waiting.remove(message)
        return None

    def _handle_clip_message(self) -> None:
        """Settle one message about a recording. Called when no other message waits. Raises Unavailable."""
        self._clips.expire_due_clips()
        if not self._waiting_clips:
            return
        message = self._waiting_clips[0]
        answer: tuple[str, bytes, str] | None = None
        try:
            answer = self._clips.store_and_answer(message)
        except MalformedMessage as fault:
            self._keep_rejected(message, str(fault))
        except SiteFault as fault:  # the device resends the recording
            log.warning("a recording cannot be kept: %s", fault)
        if answer is None:
            self._broker.acknowledge(message)
        else:
            self._unsent.append(_Receipt(message, *answer))
        self._waiting_clips.popleft()
        self._send_receipts()

    def _settle_or_postpone(self, message: MessageReceived) -> None:
        """Settle it; if an event of its device is postponed, acknowledge it unanswered. Raises Unavailable."""
        if message.topic in self._postponed:
            # Unanswered, so the device resends it, and it takes no room at the broker meanwhile.
            self._postponed.note_dropped(message)
            self._broker.acknowledge(message)
            return
        try:
            self._settle(message)
        except SiteFault as fault:
            self._postponed.add(message)
            log.warning("%s waits, and all that follows of its device; others go on: %s", message.topic, fault)
            self._systemd.set_status(str(fault))

    def _retry_postponed(self) -> None:
        """Settle one postponed event, if its wait is over."""
        if (message := self._postponed.first_due()) is None:
            return
        try:
            self._settle(message)
        except Unavailable as fault:
            wait_s = self._postponed.postpone_again(message.topic)
            log.warning("%s still waits, next try in %g s: %s", message.topic, wait_s, fault)
        else:
            log.warning("%s: goes on", message.topic)
            if self._postponed.remove(message.topic):
                self._publish_presence("online")

    def _publish_presence(self, state: Literal["online", "offline"], *, resumed: bool = False) -> None:
        """Publish the inventory's presence; devices then send their pending events, unless it is `resumed`."""
        topic = Topics.consumer(self._prefix, self._client_id)
        said = make_presence(state, self._client_id, self._now(), resumed=resumed)
        if not self._broker.publish(topic, to_json_bytes(said), tag=PRESENCE_TAG, retain=True):
            log.info("%s: not said that we are %s", topic, state)

    def _settle(self, message: MessageReceived) -> None:
        if message.topic.endswith("/reviews") and self._reviews is not None:
            self._handle_review(message, self._reviews)
            return
        validated, distrust = self._checker.check(message)
        match validated:
            case DeadLetterMessage():
                self._keep_rejected(message, validated.reason)
                self._broker.acknowledge(message)
            case ValidMessage() | InvalidMessage():
                if distrust is not None:
                    self._reject_untrusted(message, validated, distrust)
                else:
                    self._queue_receipt_and_notify_dossiers(
                        message, validated.event, self._store.apply(validated.event)
                    )

    def _queue_receipt_and_notify_dossiers(
        self,
        message: MessageReceived | None,
        event: Event | InvalidEvent,
        outcome: Outcome | Buffered,
        level: int = logging.INFO,
    ) -> None:
        """Send the receipt for an outcome, and notify the dossier writer."""
        if not isinstance(outcome, Buffered):
            self._queue_receipt(message, event, outcome, level)
        elif message is not None:
            self._broker.acknowledge(message)
        if self._dossiers is not None and isinstance(event, Event) and isinstance(outcome, Applied):
            self._dossiers.note_applied(event.form)

    def _handle_review(self, message: MessageReceived, store: ReviewStore) -> None:
        """Store a device's message about an utterance under review, if its signature is trusted."""
        try:
            sender = Topics.parse(self._prefix, message.topic)
            if len(message.payload) > self._largest:
                raise MalformedMessage(f"message: found {len(message.payload):,} bytes, allowed are {self._largest:,}")
            review = read_review(message.payload, sender)
        except MalformedMessage as fault:
            self._keep_rejected(message, str(fault))
            self._broker.acknowledge(message)
            return
        # Reviews are numbered apart from entries, so a key replaced from some entry on must sign none of them.
        event = InvalidEvent(review.event_id, sender.site, sender.device, _LAST, message.payload, ())
        validated = InvalidMessage(sender, replace(event, sequence=review.sequence))
        if distrust := self._checker.find_distrust(event, None):
            self._reject_untrusted(message, validated, distrust)
        else:
            outcome = store.review(review)
            self._queue_receipt(message, validated.event, outcome)
            if self._dossiers is not None and isinstance(outcome, Applied):
                self._dossiers.note_reviewed(review)

    def _reject_untrusted(
        self, message: MessageReceived, validated: ValidMessage | InvalidMessage, distrust: UntrustedEvent
    ) -> None:
        """Answer that the event is untrusted; log it and store a copy once for each device and reason."""
        event = validated.event
        seen = (event.site, event.device, distrust.reason)
        if seen not in self._distrusted:
            if len(self._distrusted) >= _MOST_DISTRUSTED:
                self._distrusted.clear()
            whose = ", ".join("/".join(at) for at in self._keys.holders(distrust.keyid or ""))
            elsewhere = f", the key of {whose}" if distrust.why is DistrustReason.UNKNOWN_KEY and whose else ""
            self._keep_rejected(message, f"untrusted:{distrust.reason}{elsewhere}")
            self._distrusted.add(seen)
        answer = to_json_bytes(make_untrusted_answer(event.event_id, distrust.reason, event.sequence, self._now()))
        self._unsent.append(_Receipt(message, validated.sender.receipts, answer, event.event_id))

    def _keep_rejected(self, message: MessageReceived, reason: str) -> None:
        self._store.keep_rejected(message.payload, message.topic, reason)
        log.warning("kept aside from %s: %s", message.topic[:SHOWN], reason)

    def _queue_receipt(
        self, message: MessageReceived | None, event: Event | InvalidEvent, outcome: Outcome, level: int = logging.INFO
    ) -> None:
        what = f"{event.event_id}, number {event.sequence} of {event.site}/{event.device}"
        log.log(logging.WARNING if isinstance(outcome, Refused) else level, "%s: %s", what, outcome_text(outcome))
        answer = to_json_bytes(build_receipt(event, outcome, self._now()))
        topic = Topics(self._prefix, event.site, event.device).receipts
        self._unsent.append(_Receipt(message, topic, answer, event.event_id))

    def _send_receipts(self) -> None:
        """Publish committed receipts until the broker takes no more; the rest follows its next PUBACK."""
        while self._unsent:
            answer = self._unsent[0]
            if not self._broker.publish(answer.topic, answer.payload, tag=answer.event_id):
                return
            if answer.to is not None:
                self._broker.acknowledge(answer.to)
            self._unsent.popleft()

    def _beat_watchdog_buffer_and_dossiers(self) -> None:
        if not (self._was_connected or self._broker.is_accepted) and self._clock() - self._started > FIRST_CONNECTION_S:
            raise Unavailable(
                f"{self._broker.trouble or 'the broker does not answer'}; given up after {FIRST_CONNECTION_S:g} s: "
                "start the broker, or correct mqtt.host and mqtt.port (--broker HOST:PORT)"
            )
        self._watchdog.beat()
        if self._reorder_buffer is not None and self._broker.is_connected:
            for event, said in self._reorder_buffer.drop_expired_and_apply_due(self._now):
                self._queue_receipt_and_notify_dossiers(None, event, said)
        if self._dossiers is not None:
            self._dossiers.start_due_writing()
