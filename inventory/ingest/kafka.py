"""Events from a Kafka topic, which a bridge fills from the broker of the devices; receipts go to them over MQTT.

A record's key is the MQTT topic of its message, so that all of a device are in one partition, in order; its value is
the message. Offsets are committed once the receipts of all before them are sent. So after an interruption records come
again, and an event that was applied is a duplicate; a replay from the first offset changes nothing.

Applied events are written to another topic from an outbox in the database, by the consumer that reads partition 0.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import Misconfigured, Unavailable
from dockvoice_protocol.mqtt import MessageReceived, SessionConnected, SessionDisconnected, SessionEvent
from dockvoice_protocol.mqtt_client import refuse_exposed_link
from inventory.ingest.offsets import Offsets
from inventory.ingest.ports import Broker
from inventory.settings import KafkaSettings
from inventory.store.kafka_outbox import KafkaOutbox, UnwrittenEvent

log = logging.getLogger("inventory")

_ANSWERS_IN_S = 20.0  # Timeout of the first answer: then the process exits with an error, for systemd or the operator.
_SILENT = 0  # librdkafka writes to standard error; its errors come to `error_cb`, and are logged.
_TURN_S = 0.2  # Longest wait for records, and so for the commit of what was acknowledged.
_DELIVERED_IN_S = 10.0  # Timeout for Kafka to take what was applied; then it is written again.
_WRITTEN_AT_ONCE = 1000  # Applied events written in one turn, some MB: a few milliseconds, in which nothing is read.
_MOST_UNWRITTEN = 100_000  # Applied events to be written, some MB in the database: with more, none are read.
_LARGEST = 1_000_000_000  # The largest that librdkafka takes: how large a record may be is for the topic to say.

_WRONG_USER = KafkaError._AUTHENTICATION  # noqa: SLF001 - librdkafka's names for its own errors
_LATE = KafkaError._MSG_TIMED_OUT  # noqa: SLF001 - likewise
_NO_TOPIC = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)  # noqa: SLF001 - likewise

_FILES = {"ssl.ca.location": "ca_file", "ssl.certificate.location": "certificate_file", "ssl.key.location": "key_file"}
"""librdkafka's names of the settings that name files."""


def client_configuration(settings: KafkaSettings) -> dict[str, str]:
    """What librdkafka is told about the link. It may hold a password and must not be logged.

    Raises Misconfigured for a link that others can read, a file that cannot be opened, and a user without a password.
    """
    refuse_exposed_link(settings, "kafka")
    configuration = {"bootstrap.servers": settings.servers or "", "security.protocol": settings.protocol}
    for name, key in _FILES.items():
        if (path := getattr(settings, key)) is not None:
            try:
                plain_file.require_regular_files(path)
            except OSError as fault:
                raise Misconfigured(f"kafka.{key}: {path}: {fault.strerror}; it must hold PEM") from None
            configuration[name] = str(path)
    if settings.certificate_file is not None and settings.key_file is None:
        configuration["ssl.key.location"] = str(settings.certificate_file)
    if settings.username is not None:
        if settings.password is None:  # No fault of the settings: who may not read it runs other commands with them.
            raise Misconfigured(
                "kafka.password: must be given where kafka.username is; a secret is best in "
                "$DOCKVOICE_INVENTORY_KAFKA__PASSWORD or a credential of that name"
            )
        configuration["sasl.mechanism"] = settings.mechanism
        configuration["sasl.username"] = settings.username
        configuration["sasl.password"] = settings.password.get_secret_value()
    return configuration


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
        outbox: KafkaOutbox | None = None,
    ) -> None:
        """`at_once`: records on the way to the consumer at most. `make_session` makes the MQTT session.

        `outbox` has what is to be written to `kafka.applied`.
        """
        self._settings = settings
        self._at_once = at_once
        self._receive = receive
        self._session = make_session(self._receive_from_session)
        link = {**client_configuration(settings), "log_level": _SILENT}
        reading = {
            "group.id": settings.group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": int(settings.session_s * 1000),
            "error_cb": self._note_fault,
        }
        try:
            self._consumer = Consumer({**link, **reading})
        except KafkaException as fault:
            raise Misconfigured(_explain_refusal(settings, fault.args[0].str())) from None
        self._outbox = outbox
        writing = {
            "message.max.bytes": _LARGEST,
            "delivery.timeout.ms": int(_DELIVERED_IN_S * 1000),
            "max.in.flight": 1,  # Retries keep the order. Idempotence would, too, but not beyond this timeout.
        }
        self._producer = Producer({**link, **writing})
        self._is_behind = False  # Whether too much that was applied is not written yet.
        self._lock = threading.Lock()
        self._offsets = Offsets()
        self._connected = self._rewinds = False
        self._faults: dict[int, str] = {}
        """What failed since Kafka last answered, by the code of the error; each is logged once."""
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
            for key, topic in (("topic", ours.topic), ("applied", ours.applied)):
                if topic is not None:
                    self._require_topic(key, topic)
        except Unavailable:
            self._consumer.close()  # It would go on trying.
            raise
        self._consumer.subscribe([ours.topic], on_revoke=self._give_up, on_lost=self._forget)
        self._session.start()
        self._reading = self._thread.submit(self._read)

    def _require_topic(self, key: str, topic: str) -> None:
        servers = self._settings.servers
        try:
            known = self._consumer.list_topics(topic, timeout=_ANSWERS_IN_S).topics[topic]
        except KafkaException as fault:
            self._consumer.poll(0)  # Calls `error_cb`, which knows more.
            causes = [message for message in self._faults.values() if message.startswith("kafka.")]
            causes.append(f"kafka.servers: {fault.args[0].str()}; {_explain_silence(self._settings)}")
            raise Unavailable(f"{servers} does not answer: {causes[0]}") from fault
        if known.error is not None:
            remedy = "; create it" if known.error.code() in _NO_TOPIC else ""
            raise Unavailable(f"kafka.{key}: {topic} at {servers}: {known.error.str()}{remedy}")

    def publish(self, topic: str, payload: bytes, *, tag: str, retain: bool = False) -> bool:
        """As for `Broker`."""
        return self._session.publish(topic, payload, tag=tag, retain=retain)

    def acknowledge(self, delivered: MessageReceived) -> None:
        """Acknowledge to where it came from."""
        if delivered.token >= 0:
            self._session.acknowledge(delivered)
            return
        with self._lock:
            self._offsets.acknowledge(delivered.token)

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
                self._offsets.rewind()

    # On the thread.

    def _read(self) -> None:
        try:
            while not self._over.is_set():
                self._rewind_or_pause()
                with self._lock:
                    room = self._at_once - len(self._offsets) if self._connected and not self._rewinds else 0
                for record in self._consumer.consume(max(1, room), _TURN_S):
                    self._deliver(record)
                self._commit()
                self._write_applied()
        except KafkaException as fault:
            raise Unavailable(f"kafka.servers: {self._settings.servers}: {fault.args[0].str()}") from fault
        finally:
            self._consumer.close()  # Which gives up all partitions.

    def _rewind_or_pause(self) -> None:
        """Go back to the first unacknowledged records after a disconnect; take no more than there is room for."""
        mine = self._consumer.assignment()
        with self._lock:
            rewinds, self._rewinds = self._rewinds, False
            starts = self._offsets.positions()
            has_room = self._connected and len(self._offsets) < self._at_once and not self._is_behind
        for at in mine if rewinds else ():
            if at.partition in starts:
                self._consumer.seek(TopicPartition(at.topic, at.partition, starts[at.partition]))
        (self._consumer.resume if has_room else self._consumer.pause)(mine)

    def _deliver(self, record: Message) -> None:
        if (error := record.error()) is not None:
            self._note_fault(error)
            return
        self._note_answer()
        partition, offset, key = record.partition() or 0, record.offset() or 0, record.key()
        # Without the name of its MQTT topic it is put aside, under this one.
        topic = key.decode(errors="replace") if key else f"kafka {record.topic()} {partition} {offset}"
        with self._lock:
            if self._rewinds or not self._connected:
                self._offsets.begin(partition, offset)
                self._rewinds = True  # It was fetched before the partition was paused.
                return
            token = self._offsets.deliver(partition, offset)
            self._receive(MessageReceived(topic, record.value() or b"", token))

    def _commit(self) -> None:
        with self._lock:
            due = self._offsets.due()
        if not due:
            return
        offsets = [TopicPartition(self._settings.topic, at, offset) for at, offset in due.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as fault:  # They come again, and are duplicates.
            self._note_fault(fault.args[0])
            return
        self._note_answer()
        with self._lock:
            self._offsets.note_committed(due)

    def _write_applied(self) -> None:
        """Write what was applied, keyed by device; of a group, the consumer that reads partition 0 does.

        Raises Unavailable where Kafka refuses one: none behind it is written.
        """
        topic, error = self._settings.applied, None
        if topic is None or self._outbox is None:
            return
        try:
            length = self._outbox.length()
            self._is_behind = length > _MOST_UNWRITTEN
            if length and any(mine.partition == 0 for mine in self._consumer.assignment()):
                written, error = self._write(topic, self._outbox.load_first(_WRITTEN_AT_ONCE))
                self._outbox.delete(written)
        except Unavailable as fault:  # the database; the consumer's loop waits for it, too
            log.warning("kafka: nothing is written to %s: %s", topic, fault)
        if error is not None and error.code() != _LATE:
            raise Unavailable(f"kafka.applied: {topic}: {error.str()}")
        if error is not None:
            log.warning("kafka: %s takes nothing; tried again", topic)

    def _write(self, topic: str, unwritten: Sequence[UnwrittenEvent]) -> tuple[list[int], KafkaError | None]:
        """Write these; the ids of those before the first that Kafka did not take, and why it did not."""
        failed: dict[int, KafkaError] = {}

        def note(number: int, error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failed[number] = error

        for one in unwritten:
            headers: dict[str, str | bytes | None] = {"ce_id": one.event_id}
            try:
                if one.body is not None:
                    on_delivery = partial(note, one.id)
                    self._producer.produce(topic, one.body, key=one.key, headers=headers, on_delivery=on_delivery)
            except KafkaException as fault:
                failed[one.id] = fault.args[0]
                break
        self._producer.flush()  # Each is delivered or has failed within _DELIVERED_IN_S.
        first = min(failed, default=None)
        if first is None:
            return [one.id for one in unwritten], None
        return [one.id for one in unwritten if one.id < first], failed[first]

    def _give_up(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Commit, and forget partitions that go to another consumer of the group."""
        self._commit()
        self._forget(consumer, partitions)

    def _forget(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        with self._lock:
            self._offsets.revoke({one.partition for one in partitions})

    def _note_fault(self, error: KafkaError) -> None:
        if error.code() not in self._faults:
            self._faults[error.code()] = message = _explain_fault(self._settings, error)
            log.warning("kafka: %s", message)

    def _note_answer(self) -> None:
        if self._faults:
            self._faults.clear()
            log.info("kafka: answers again")


def _explain_fault(settings: KafkaSettings, error: KafkaError) -> str:
    """An error, with the key to correct where librdkafka can tell."""
    message = error.str()
    if error.code() == _WRONG_USER and "mechanism handshake" in message:
        return f"kafka.mechanism: found {settings.mechanism}, allowed is what the server knows: {message}"
    if error.code() == _WRONG_USER:
        return f"kafka.username: found {settings.username!r}: {message}; check username and password"
    if "certificate verify failed" in message:
        found = settings.ca_file or "none, so the authorities of the system"
        remedy = "name the authority that signed the server's certificate, which must give the host's name"
        return f"kafka.ca_file: found {found}: {message}; {remedy}, and be valid now"
    return message


def _explain_refusal(settings: KafkaSettings, message: str) -> str:
    """Why librdkafka does not take its configuration."""
    for name, key in _FILES.items():
        if name in message:
            found = getattr(settings, key) or settings.certificate_file
            return (
                f"kafka.{key}: {found}: {message}; it must hold PEM, a key of that certificate and without a password"
            )
    return f"kafka: {message}"


def _explain_silence(settings: KafkaSettings) -> str:
    """What a server may expect that only closes connections, as with TLS 1.3 those do that miss a certificate."""
    if not settings.tls:
        return "it may expect TLS (kafka.tls = true)"
    if settings.certificate_file is None:
        return "it may expect a certificate (kafka.certificate_file), or no TLS at this port"
    return f"it may not trust kafka.certificate_file ({settings.certificate_file}), or expect no TLS at this port"
