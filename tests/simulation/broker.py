"""A model of an MQTT broker and of its clients' sessions, with everything between them that can go wrong."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from dockvoice_protocol.mqtt import MessageReceived, PubackReceived, SessionConnected, SessionDisconnected, SessionEvent
from tests.simulation.events import LARGEST
from tests.simulation.virtual import Fuse, VirtualLoop
from tests.simulation.weather import CODES, LATENCY_S, Weather

KNOCK_S = 2.0  # Between two tries to connect, at most.

SILENCE_S = 20.0  # TCP and keepalive notice within that time that a packet does not get through.

TOO_LARGE = 149
FAILURE = 128


@dataclass
class Kept:
    """What the broker keeps of one client's session."""

    subscriptions: tuple[str, ...]
    waiting: deque[tuple[str, bytes]] = field(default_factory=deque)
    untaken: dict[int, tuple[str, bytes]] = field(default_factory=dict)  # Delivered, and not acknowledged.
    packets: int = 0


class Client:
    """An MQTT session as `dockvoice_protocol.mqtt` offers it, without a network."""

    def __init__(
        self,
        broker: Broker,
        fuse: Fuse,
        receive: Callable[[SessionEvent], None],
        *,
        client_id: str,
        subscriptions: Sequence[str],
        wishes: Sequence[str] = (),
        manual_ack: bool = False,
        **_: Any,
    ) -> None:
        self.client_id = client_id
        self.subscriptions = (*subscriptions, *wishes)
        self.connection = 0  # The number of the connection; 0 while there is none.
        self.sent: dict[int, tuple[str, int]] = {}  # Tag and size of publications without a PUBACK.
        self.alive = True
        self._broker = broker
        self._fuse = fuse
        self._tell = receive
        self._acknowledges = not manual_ack
        self._packets = 0

    @property
    def is_connected(self) -> bool:
        return self.connection > 0

    @property
    def is_accepted(self) -> bool:
        return self.is_connected

    @property
    def trouble(self) -> str | None:
        return None if self.is_connected else "no connection"

    @property
    def failure(self) -> None:
        return None

    def start(self) -> None:
        self._broker.soon(self._knock, KNOCK_S)

    def publish(
        self, topic: str, payload: bytes, *, tag: str, retain: bool = False, content_type: str | None = None
    ) -> bool:
        if not (self.alive and self.connection) or len(self.sent) >= self._broker.receive_maximum:
            return False
        self._fuse.burn()
        self._packets += 1
        self.sent[self._packets] = (tag, len(payload))
        self._broker.take(self, self._packets, topic, payload)
        self._fuse.burn()
        return True

    def subscribe_again(self) -> None:
        """This broker loses no subscription."""

    def acknowledge(self, delivered: MessageReceived) -> None:
        connection, packet = divmod(delivered.token, 1 << 32)
        if self.alive and connection == self.connection:
            self._fuse.burn()
            self._acknowledge(packet)

    def _acknowledge(self, packet: int) -> None:
        self._broker.pass_on(self, lambda: self._broker.acknowledged(self, packet))

    def stop(self, timeout_s: float = 2.0) -> None:
        self.die()

    def die(self) -> None:
        """The process is gone."""
        self.alive, self.connection = False, 0

    def lose(self, why: str, blamed: str | None = None) -> None:
        """The connection ends; `blamed` is the publication that was too large for the broker."""
        if not self.connection:
            return
        self.connection = 0
        self.sent.clear()
        if blamed is not None:
            self.hear(PubackReceived(blamed, TOO_LARGE))
        self.hear(SessionDisconnected(why))
        self._broker.soon(self._knock, KNOCK_S)

    def welcome(self, connection: int, receive_maximum: int, present: bool) -> None:
        """The broker took the connection."""
        self.connection = connection
        self.hear(SessionConnected("5", receive_maximum, present))

    def taken(self, packet: int, reason_code: int) -> None:
        """A PUBACK."""
        if (sent := self.sent.pop(packet, None)) is not None:
            self.hear(PubackReceived(sent[0], reason_code))

    def deliver(self, packet: int, topic: str, payload: bytes) -> None:
        """A message for a subscription."""
        delivered = MessageReceived(topic, payload, (self.connection << 32) + packet)
        self.hear(delivered)
        if self._acknowledges:
            self._acknowledge(packet)

    def hear(self, event: SessionEvent) -> None:
        if self.alive:
            self._tell(event)

    def _knock(self) -> None:
        if self.alive and not self.connection and not self._broker.admit(self):
            self._broker.soon(self._knock, KNOCK_S)


class Broker:
    """Takes publications at QoS 1, and delivers them to sessions that it keeps for absent clients too."""

    def __init__(self, loop: VirtualLoop, chance: random.Random) -> None:
        self.weather = Weather()
        self.up = True
        self.passable = True  # False: packets are dropped and nobody is told.
        self.refusing: int | None = None  # The answer to each and every publication.
        self.remembers = chance.random() < 0.5  # Whether sessions outlive the broker's own death.
        self.receive_maximum = chance.choice((1, 2, 20))
        self.hangs_up = chance.random() < 0.5
        """What it does to messages that are too large, rather than to refuse them."""
        self.refusals: Counter[str] = Counter()  # How often it refused an event for its content, by its tag.
        self._loop = loop
        self._chance = chance
        self._kept: dict[str, Kept] = {}
        self._clients: dict[str, Client] = {}
        self._connections = 0

    # The line

    def soon(self, what: Callable[[], None], within_s: float = LATENCY_S) -> None:
        """Do it at a time nobody knows."""
        self._loop.call_later(self._chance.random() * within_s, what)

    def pass_on(self, client: Client, arrive: Callable[[], None]) -> None:
        """Bring a packet over the connection of `client`: once, twice, late, or not at all: then that ends too."""
        weather, chance, connection = self.weather, self._chance, client.connection
        if not self.passable or chance.random() < weather.lost:
            self.soon(lambda: self._end(client, "timed out") if client.connection == connection else None, SILENCE_S)
            return
        for _ in range(1 + (chance.random() < weather.doubled)):
            late = chance.random() < weather.late
            self.soon(
                lambda: arrive() if client.connection == connection else None, weather.late_s if late else LATENCY_S
            )

    # What befalls the broker

    def die(self) -> None:
        """SIGKILL."""
        self.up = False
        self.cut()
        if not self.remembers:
            self._kept.clear()
        for kept in self._kept.values():
            # What came since it last saved is gone all the same.
            for _ in range(self._chance.randrange(3)):
                if kept.waiting:
                    kept.waiting.pop()

    def cut(self) -> None:
        """All connections end."""
        for client in list(self._clients.values()):
            self._end(client, "cut")

    def admit(self, client: Client) -> bool:
        """Whether the client is connected now."""
        if not (self.up and self.passable):
            return False
        if (former := self._clients.get(client.client_id)) is not None:
            self._end(former, "taken over")
        present = client.client_id in self._kept
        kept = self._kept.setdefault(client.client_id, Kept(client.subscriptions))
        kept.waiting.extendleft(reversed(kept.untaken.values()))
        kept.untaken.clear()
        self._clients[client.client_id] = client
        self._connections += 1
        client.welcome(self._connections, self.receive_maximum, present)
        self._deliver(client)
        return True

    def forget(self, client: Client) -> None:
        """The client's process is gone, and with it its connection."""
        if self._clients.get(client.client_id) is client:
            del self._clients[client.client_id]

    def _end(self, client: Client, why: str, blamed: str | None = None) -> None:
        self.forget(client)
        client.lose(why, blamed)

    def unacknowledged(self, client_id: str) -> int:
        """How many messages the client has got and not acknowledged."""
        return len(self._kept[client_id].untaken)

    # Messages

    def take(self, client: Client, packet: int, topic: str, payload: bytes) -> None:
        """The client publishes."""
        if self._chance.random() < self.weather.cut:
            # It may have got there all the same.
            if self._chance.random() < 0.5 and len(payload) <= LARGEST:
                self._route(topic, payload)
            self.soon(lambda: self._end(client, "cut"))
        else:
            self.pass_on(client, lambda: self._arrived(client, packet, topic, payload))

    def acknowledged(self, client: Client, packet: int) -> None:
        """The client has a message."""
        if (kept := self._kept.get(client.client_id)) is not None:
            kept.untaken.pop(packet, None)
            self._deliver(client)

    def _arrived(self, client: Client, packet: int, topic: str, payload: bytes) -> None:
        code = self._judged(client, packet, payload)
        if code is None:
            self._end(client, "packet too large", client.sent[packet][0] if packet in client.sent else None)
            return
        if code < FAILURE:
            self._route(topic, payload)
        self.pass_on(client, lambda: client.taken(packet, code))

    def _judged(self, client: Client, packet: int, payload: bytes) -> int | None:
        """The reason code of the PUBACK; None where the broker hangs up instead."""
        tag, _ = client.sent.get(packet, ("", 0))
        code: int | None = 0
        if len(payload) > LARGEST:
            code = None if self.hangs_up else TOO_LARGE
        elif self.refusing is not None:
            code = self.refusing
        elif self._chance.random() < self.weather.refused:
            code = self._chance.choice(CODES)
        if code in {None, TOO_LARGE, 153}:
            self.refusals[tag] += 1
        return code

    def _route(self, topic: str, payload: bytes) -> None:
        for client_id, kept in self._kept.items():
            if any(_matches(topic, wanted) for wanted in kept.subscriptions) and not self._loses():
                kept.waiting.append((topic, payload))
                if (client := self._clients.get(client_id)) is not None:
                    self._deliver(client)

    def _loses(self) -> bool:
        """Brokers drop what they acknowledged: when a queue is full, for instance."""
        return self._chance.random() < self.weather.lost

    def _deliver(self, client: Client) -> None:
        kept = self._kept[client.client_id]
        while kept.waiting and len(kept.untaken) < self.receive_maximum:
            topic, payload = kept.waiting.popleft()
            kept.packets += 1
            packet = kept.packets
            kept.untaken[packet] = (topic, payload)
            self._hand_over(client, packet, topic, payload)

    def _hand_over(self, client: Client, packet: int, topic: str, payload: bytes) -> None:
        self.pass_on(client, lambda: client.deliver(packet, topic, payload))


def _matches(topic: str, wanted: str) -> bool:
    here, levels = topic.split("/"), wanted.split("/")
    return len(here) == len(levels) and all(level in {"+", one} for one, level in zip(here, levels, strict=True))
