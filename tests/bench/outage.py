"""What comes through after an outage, and when: this device beside a mosquitto bridge and beside bare paho, in one run.

    python -m tests.bench.outage [--events 2000] [--rate 20] [--outage 50]

Each has a mosquitto of its own, as it comes, which is killed before the first event is made and is back after the
outage; events are made all the while, one after another at the rate. Bare paho publishes to that broker, with its own
queue in memory. The bridge is a second mosquitto beside the device, which is told the events and passes them on. At the
far end of both is a client of paho with a session that outlives the outage, at that of the device a real inventory.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Semaphore

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from dockvoice_protocol.config import Mqtt
from edge.agent.delivery import Delivery, LinkChanged
from edge.config import Deliver, Settings
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from tests.bench.draining import DEVICE, SITE, as_said
from tests.sayings import ACCEPT, entry, utterance
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import held_port

LOOK_S = 0.05
PATIENCE_S = 60.0
"""So long after the last one was made is waited for what has not come; what comes later counts as lost."""

TOPIC = "bare/entries"

PAYLOAD = "x" * 1400  # As much as an event of this device holds besides.

Far = Callable[[], Counter[str]]  # What has come at the far end of a way, by its name, and how often.


@dataclass(frozen=True)
class Outage:
    """How many events, how many a second, and for how long the broker is away."""

    events: int
    rate: float
    seconds: float

    def moments(self) -> Iterator[int]:
        """Each event's number, when it is time to make it."""
        began = time.monotonic()
        for number in range(self.events):
            time.sleep(max(0.0, began + number / self.rate - time.monotonic()))
            yield number


@dataclass(frozen=True)
class Found:
    """What came of one way. Seconds are since the broker was back."""

    made_s: float
    last_s: float
    lost: int
    twice: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=20.0, help="made in a second")
    parser.add_argument("--outage", type=float, default=50.0, help="seconds")
    parser.add_argument("--device", nargs=2, metavar=("DIR", "PORT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    outage = Outage(given.events, given.rate, given.outage)
    if given.device is not None:
        asyncio.run(device(Path(given.device[0]), int(given.device[1]), outage))
        return
    ways = {"this device": by_device, "mosquitto bridge": by_bridge, "bare paho": by_paho}
    with TemporaryDirectory(prefix="dockvoice-outage-") as scratch, ThreadPoolExecutor(len(ways)) as threads:
        at_work = {name: threads.submit(way, Path(scratch, way.__name__), outage) for name, way in ways.items()}
        report(outage, {name: one.result() for name, one in at_work.items()})


def by_device(directory: Path, outage: Outage) -> Found:
    """The agent's delivery, in a process of its own, and a real inventory."""
    with broker(directory) as central, RunningInventory(central.port, directory / "inventory"):
        command = [sys.executable, "-m", "tests.bench.outage", "--device", str(directory / "state"), str(central.port)]
        more = ["--events", str(outage.events), "--rate", str(outage.rate)]
        database = directory / "inventory" / "inventory.db"

        with subprocess.Popen([*command, *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as agent:
            said = iter(agent.stdout or ())
            next(said)  # it is connected

            def make(made: Callable[[], None]) -> None:
                print(file=agent.stdin, flush=True)
                next(said)
                made()

            return observed(outage, central, make, lambda: applied(database))


def by_bridge(directory: Path, outage: Outage) -> Found:
    """A mosquitto beside the device, with a bridge of QoS 1 to the one that is away."""
    with held_port() as port, broker(directory) as central:
        bridge = [
            "connection central",
            f"address 127.0.0.1:{central.port}",
            f"topic {TOPIC} out 1",
            "cleansession false",
        ]
        with Mosquitto(directory / "beside", port, options=bridge) as beside, listening(central.port) as far:
            return observed(outage, central, lambda made: publish(beside.port, outage, made), far)


def by_paho(directory: Path, outage: Outage) -> Found:
    """A client that publishes with QoS 1 to the broker that is away, and trusts paho's queue."""
    with broker(directory) as central, listening(central.port) as far:
        return observed(outage, central, lambda made: publish(central.port, outage, made), far)


@contextmanager
def broker(directory: Path) -> Iterator[Mosquitto]:
    """The broker that will be away."""
    with held_port() as port, Mosquitto(directory / "central", port) as central:
        yield central


def observed(outage: Outage, central: Mosquitto, make: Callable[[Callable[[], None]], None], far: Far) -> Found:
    """Kill the broker, let events be made, bring it back in time, and see what comes until all did or patience ends."""
    central.kill()
    with ThreadPoolExecutor(1) as maker:
        made: list[float] = []
        making = maker.submit(make, lambda: made.append(time.monotonic()))
        time.sleep(outage.seconds)
        central.start()
        back = last_at = time.monotonic()
        seen = 0
        while True:
            came, now = len(far()), time.monotonic()
            if came > seen:
                seen, last_at = came, now
            if made and (seen >= outage.events or now - made[0] > PATIENCE_S):
                break
            if making.done():
                making.result()  # which may be why nothing more comes
            time.sleep(LOOK_S)
    names = far()
    twice = sum(times > 1 for times in names.values())
    return Found(made[0] - back, last_at - back, outage.events - len(names), twice)


@contextmanager
def listening(port: int) -> Iterator[Far]:
    """A client at the far end, whose session the broker is to keep."""
    came: Counter[str] = Counter()

    def take(_client: Client, _userdata: object, message: MQTTMessage) -> None:
        came[message.payload.decode().partition(" ")[0]] += 1

    def subscribe(*_: object) -> None:
        client.subscribe(TOPIC, 1)

    client = Client(CallbackAPIVersion.VERSION2, client_id="far-end", clean_session=False)
    client.on_connect = subscribe
    client.on_message = take
    client.reconnect_delay_set(1, 1)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        yield lambda: Counter(dict(came))
    finally:
        client.disconnect()
        client.loop_stop()


def publish(port: int, outage: Outage, made: Callable[[], None]) -> None:
    """Be a device that leaves all to its client, until paho calls all of it published."""
    client = Client(CallbackAPIVersion.VERSION2, client_id="device", clean_session=False)
    client.reconnect_delay_set(1, 1)
    # Not `wait_for_publish`: it raises for what was handed over before there was a connection, and is sent later.
    taken = Semaphore(0)
    client.on_publish = lambda *_: taken.release()
    client.connect_async("127.0.0.1", port)
    client.loop_start()
    for number in outage.moments():
        client.publish(TOPIC, f"{number} {PAYLOAD}", qos=1)
    made()
    for _ in range(outage.events):
        if not taken.acquire(timeout=PATIENCE_S):
            break  # what is missing is counted at the far end
    client.disconnect()
    client.loop_stop()


def applied(database: Path) -> Counter[str]:
    """The events that the inventory has applied."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60)) as db:
        return Counter(dict(db.execute("SELECT utterance_id, count(*) FROM entries GROUP BY 1")))


async def device(directory: Path, port: int, outage: Outage) -> None:
    """Be the process that keeps events and delivers them, as the agent does, until none is owed."""
    deliver = Deliver(mqtt=Mqtt(host="127.0.0.1", port=port))
    settings = Settings(site=SITE, device=DEVICE, state_directory=directory, deliver=deliver)
    with JournalThread(directory, settings.keep) as executor:
        up = asyncio.Event()
        delivery = Delivery(settings, executor, lambda event: up.set() if isinstance(event, LinkChanged) else None)

        def say() -> None:
            for number in outage.moments():
                executor.run(partial(kept, number=number))
                loop.call_soon_threadsafe(delivery.notify_pending)

        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            running = group.create_task(delivery.run())
            await up.wait()
            print("connected", flush=True)
            await asyncio.to_thread(sys.stdin.readline)
            await asyncio.to_thread(say)
            print("made", flush=True)
            await delivery.drain(PATIENCE_S)
            running.cancel()


def kept(journal: Journal, number: int) -> None:
    """What was heard, and the entry made of it."""
    said = utterance(number)
    meant = entry(said, journal.store_utterance(said))
    journal.commit(meant, ACCEPT, as_said(meant))


def report(outage: Outage, found: dict[str, Found]) -> None:
    """Print a table."""
    print(f"{outage.events} events, {outage.rate:g} a second, the broker away for {outage.seconds:g} s")
    print("| | last one made | last one came | after it was made | lost | twice |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, one in found.items():
        late = one.last_s - one.made_s
        print(f"| {name} | {one.made_s:.1f} s | {one.last_s:.1f} s | {late:.1f} s | {one.lost} | {one.twice} |")


if __name__ == "__main__":
    main()
