"""Back-pressure: a broker sends no more than the receiver said it takes, until something is acknowledged."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.mqtt import MessageReceived, Session, SessionEvent
from tests.servers.mosquitto import Mosquitto
from tests.waiting import until

AT_ONCE, EVERY = 7, 30

SILENCE_S = 0.5  # In which a broker that knows no limit would have sent the rest many times over.


class Receiver:
    """Takes messages, and acknowledges when it is told to."""

    def __init__(self, of: Mqtt) -> None:
        self.taken: list[MessageReceived] = []
        self._news: queue.SimpleQueue[SessionEvent] = queue.SimpleQueue()
        self.session = Session(
            of, client_id="far", receive=self._news.put, subscriptions=("t",), manual_ack=True, at_once=AT_ONCE
        )

    def came(self) -> int:
        """How many messages came in all."""
        while not self._news.empty():
            if isinstance(news := self._news.get(), MessageReceived):
                self.taken.append(news)
        return len(self.taken)

    def acknowledge(self, first: int) -> None:
        """Those from this one on."""
        for one in self.taken[first:]:
            self.session.acknowledge(one)

    def close(self) -> None:
        """End it."""
        self.session.stop()


def test_no_more_than_the_receive_maximum_is_on_the_way(tmp_path: Path, free_port: Callable[[], int]) -> None:
    # mosquitto's own limit is 20: what the receiver says counts.
    with Mosquitto(tmp_path / "broker", free_port()) as broker:
        of = Mqtt(host="127.0.0.1", port=broker.port)
        sender = Session(of, client_id="near", receive=lambda _: None)
        with closing(Receiver(of)) as receiver:
            receiver.session.start()
            sender.start()
            until(lambda: receiver.session.is_connected and sender.is_connected, "no connection")
            for number in range(EVERY):
                until(partial(sender.publish, "t", b"x", tag=str(number)), "not sent")
            until(lambda: receiver.came() == AT_ONCE, lambda: f"{len(receiver.taken)} came")
            time.sleep(SILENCE_S)
            assert receiver.came() == AT_ONCE
            done = 0
            while done < EVERY:
                receiver.acknowledge(done)
                done = len(receiver.taken)
                until(lambda seen=done: receiver.came() > seen or seen == EVERY, "no more comes")  # type: ignore[misc]
            sender.stop()
