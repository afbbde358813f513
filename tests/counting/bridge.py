"""What a site's bridge does: each message of a device becomes a record of a Kafka topic, keyed by its MQTT topic."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaError, Message, Producer
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

ENTRIES = "dockvoice/+/+/entries"


class Bridge:
    """Acknowledges a message to the MQTT broker once Kafka has it, so that none is lost; some may come twice."""

    def __init__(self, mqtt_port: int, servers: str, topic: str) -> None:
        self._topic = topic
        self._producer = Producer({"bootstrap.servers": servers, "linger.ms": 5, "log_level": 0})
        self._client = Client(
            CallbackAPIVersion.VERSION2, "bridge", protocol=MQTTProtocolVersion.MQTTv311, clean_session=False,
            manual_ack=True,
        )  # fmt: skip
        self._client.on_message = self._forward
        self._client.on_connect = lambda client, *_: client.subscribe(ENTRIES, 1)
        self._subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._port = mqtt_port
        self._over = threading.Event()
        self._deliveries = ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        assert self._subscribed.wait(30)
        self._deliveries.submit(self._report_deliveries)
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._over.set()
        self._deliveries.shutdown()

    def _report_deliveries(self) -> None:
        while not self._over.is_set():
            self._producer.poll(0.05)

    def _forward(self, client: Client, _: object, message: MQTTMessage) -> None:
        self._producer.produce(
            self._topic,
            bytes(message.payload),
            key=message.topic,
            on_delivery=partial(self._acknowledge, client, message),
        )

    @staticmethod
    def _acknowledge(client: Client, message: MQTTMessage, error: KafkaError | None, _: Message) -> None:
        if error is None:
            client.ack(message.mid, message.qos)
