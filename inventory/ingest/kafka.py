"""Events from a Kafka topic, which a bridge fills from the broker of the devices; receipts go to them over MQTT.

A record's key is the MQTT topic of its message, so that all of a device are in one partition, in order; its value is
the message. Offsets are committed once the receipts of all before them are sent. So after an interruption records come
again, and an event that was applied is a duplicate; a replay from the first offset changes nothing.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.mqtt import MessageReceived, SessionConnected, SessionDisconnected, SessionEvent
from inventory.ingest.ports import Broker
from inventory.records import Event
from inventory.settings import KafkaSettings

log = logging.getLogger("inventory")

_ANSWERS_IN_S = 20.0  # Timeout of the first answer: then the process exits with an error, for systemd or the operator.
_SILENT = 0  # librdkafka writes to standard error; its errors come to `error_cb`, and are logged.
_TURN_S = 0.2  # Longest wait for records, and so for the commit of what was acknowledged.
_DELIVERED_IN_S = 10.0  # Timeout for Kafka to take what was applied, before offsets are committed.


@dataclass(slots=True)
class _Partition:
    """The records of one partition that are not committed yet."""

    first: int | None = None
    """The offset of the first one that was delivered and not acknowledged, or is next; None: none was delivered."""
    delivered: deque[int] = field(default_factory=deque)
    acknowledged: set[int] = field(default_factory=set)
    due: int | None = None
    """The offset to commit."""

    def acknowledge(self, offset: int) -> None:
        self.acknowledged.add(offset)
        while self.delivered and self.delivered[0] in self.acknowledged:
            done = self.delivered.popleft()
            self.acknowledged.discard(done)
            self.first = self.due = done + 1


class KafkaBroker:
    """A consumer's broker whose events come from a Kafka topic; all else goes over the MQTT session.

    Records are delivered between SessionConnected and SessionDisconnected, as MQTT messages are: without a way for
    receipts none is applied. After a disconnect the records without a receipt are delivered once more.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        at_once: int,
        receive: Callable[[SessionEvent], None],
        make_session: Callable[[Callable[[SessionEvent], None]], Broker],
    ) -> None:
        """`at_once`: records on the way to the consumer at most. `make_session` makes the MQTT session."""
        self._settings = settings
        self._at_once = at_once
        self._receive = receive
        self._session = make_session(self._receive_from_session)
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.servers,
                "group.id": settings.group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "session.timeout.ms": int(settings.session_s * 1000),
                "log_level": _SILENT,
                "error_cb": self._log_fault,
            }
        )
        idempotent = {"bootstrap.servers": settings.servers, "enable.idempotence": True, "log_level": _SILENT}
        self._producer = None if settings.applied is None else Producer(idempotent)
        self._unwritten: str | None = None
        """Why an applied event was not written."""
        self._lock = threading.Lock()
        self._partitions: dict[int, _Partition] = {}
        self._tokens = count(1)
        self._on_the_way: dict[int, tuple[int, int]] = {}
        """By token, partition and offset. Tokens are negative, so that none is one of MQTT's."""
        self._connected = self._rewinds = False
        self._over = threading.Event()
        self._thread = ThreadPoolExecutor(1, "kafka")
        self._reading: Future[None] | None = None

    @property
    def is_connected(self) -> bool:
        """As for `Broker`. Raises what ended the reading of the topic."""
        if self._reading is not None and self._reading.done():
            self._reading.result()
        return self._session.is_connected

    @property
    def is_accepted(self) -> bool:
        """As for `Broker`."""
        return self._session.is_accepted

    @property
    def trouble(self) -> str | None:
        """As for `Broker`."""
        return self._session.trouble

    def start(self) -> None:
        """Connect. Raises Unavailable where Kafka does not answer, or has no such topic."""
        ours = self._settings
        try:
            known = self._consumer.list_topics(ours.topic, timeout=_ANSWERS_IN_S).topics[ours.topic]
        except KafkaException as fault:
            raise Unavailable(f"kafka.servers: {ours.servers} does not answer: {fault.args[0].str()}") from fault
        if known.error is not None:
            raise Unavailable(f"kafka.topic: {ours.topic} at {ours.servers}: {known.error.str()}: create it")
        self._consumer.subscribe([ours.topic], on_revoke=self._give_up, on_lost=self._give_up)
        self._session.start()
        self._reading = self._thread.submit(self._read)

    def publish(self, topic: str, payload: bytes, *, tag: str, retain: bool = False) -> bool:
        """As for `Broker`."""
        return self._session.publish(topic, payload, tag=tag, retain=retain)

    def acknowledge(self, delivered: MessageReceived) -> None:
        """Acknowledge to where it came from."""
        if delivered.token >= 0:
            self._session.acknowledge(delivered)
            return
        with self._lock:
            # None: its partition went to another consumer, or it is delivered once more.
            if (at := self._on_the_way.pop(delivered.token, None)) is not None:
                self._partitions[at[0]].acknowledge(at[1])

    def note_applied(self, event: Event) -> None:
        """Write an applied event to `kafka.applied`, keyed by device; at least once, before its offset is committed."""
        if self._producer is not None and self._settings.applied is not None:
            device = f"{event.site}/{event.device}"
            headers: dict[str, str | bytes | None] = {"ce_id": event.event_id}
            self._producer.produce(
                self._settings.applied, event.body, key=device, headers=headers, on_delivery=self._note_written
            )

    def _note_written(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._unwritten = error.str()

    def stop(self, timeout_s: float) -> None:
        """Commit what was acknowledged, leave the group, and disconnect."""
        self._over.set()
        self._thread.shutdown()
        self._session.stop(timeout_s)

    def _receive_from_session(self, news: SessionEvent) -> None:
        self._receive(news)
        with self._lock:
            if isinstance(news, SessionConnected):
                self._connected = True
            elif isinstance(news, SessionDisconnected):
                # The consumer forgets what waits: all of it is delivered once more.
                self._connected, self._rewinds = False, True
                self._on_the_way.clear()

    # On the thread.

    def _read(self) -> None:
        try:
            while not self._over.is_set():
                self._rewind_or_pause()
                with self._lock:
                    room = self._at_once - len(self._on_the_way) if self._connected and not self._rewinds else 0
                for record in self._consumer.consume(max(1, room), _TURN_S):
                    self._deliver(record)
                self._commit()
        except KafkaException as fault:
            raise Unavailable(f"kafka.servers: {self._settings.servers}: {fault.args[0].str()}") from fault
        finally:
            self._consumer.close()  # Which gives up all partitions.

    def _rewind_or_pause(self) -> None:
        """Go back to the first unacknowledged records after a disconnect; take no more than there is room for."""
        mine = self._consumer.assignment()
        with self._lock:
            rewinds, self._rewinds = self._rewinds, False
            starts = {at: one.first for at, one in self._partitions.items() if one.first is not None}
            if rewinds:
                for one in self._partitions.values():
                    one.delivered.clear()
                    one.acknowledged.clear()
            has_room = self._connected and len(self._on_the_way) < self._at_once
        for at in mine if rewinds else ():
            if at.partition in starts:
                self._consumer.seek(TopicPartition(at.topic, at.partition, starts[at.partition]))
        (self._consumer.resume if has_room else self._consumer.pause)(mine)

    def _deliver(self, record: Message) -> None:
        if (error := record.error()) is not None:
            log.warning("kafka: %s", error.str())
            return
        partition, offset, key = record.partition() or 0, record.offset() or 0, record.key()
        # Without the name of its MQTT topic it is put aside, under this one.
        topic = key.decode(errors="replace") if key else f"kafka {record.topic()} {partition} {offset}"
        with self._lock:
            if self._rewinds or not self._connected:
                self._partitions.setdefault(partition, _Partition(first=offset))
                self._rewinds = True  # It was fetched before the partition was paused.
                return
            one = self._partitions.setdefault(partition, _Partition(first=offset))
            one.delivered.append(offset)
            token = -next(self._tokens)
            self._on_the_way[token] = (partition, offset)
            self._receive(MessageReceived(topic, record.value() or b"", token))

    def _commit(self) -> None:
        with self._lock:
            due = {at: one.due for at, one in self._partitions.items() if one.due is not None}
        if not due:
            return
        if self._producer is not None and self._producer.flush(_DELIVERED_IN_S):
            log.warning("kafka: %s takes nothing; its records come again", self._settings.applied)
            return
        if self._unwritten is not None:  # Nothing more is committed: all comes again once this is mended.
            raise Unavailable(f"kafka.applied: {self._settings.applied}: {self._unwritten}")
        offsets = [TopicPartition(self._settings.topic, at, offset) for at, offset in due.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as fault:  # They come again, and are duplicates.
            log.warning("kafka: not committed: %s", fault.args[0].str())
            return
        with self._lock:
            for at, offset in due.items():
                if at in self._partitions and self._partitions[at].due == offset:
                    self._partitions[at].due = None

    def _give_up(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """Commit, and forget partitions that go to another consumer of the group."""
        self._commit()
        gone = {one.partition for one in partitions}
        with self._lock:
            self._partitions = {at: one for at, one in self._partitions.items() if at not in gone}
            self._on_the_way = {token: at for token, at in self._on_the_way.items() if at[0] not in gone}

    @staticmethod
    def _log_fault(error: KafkaError) -> None:
        log.warning("kafka: %s", error.str())
