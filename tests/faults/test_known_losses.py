"""How other queues, buffers and brokers lost what they were given, each staged here once, named for what went wrong.

Device, relay, journal, consumer and database are the real ones; network, broker and time are those of the simulation.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.deliver.relay import Relay
from edge.keep.journal import Journal
from edge.keep.outbox import OutboxState
from edge.records import EventIds
from tests.sayings import ACCEPT, entry, render, utterance
from tests.simulation.broker import Broker
from tests.simulation.device import Device, settings
from tests.simulation.events import Kind, Saying
from tests.simulation.outbox import Disk, RealOutbox
from tests.simulation.receiver import Receiver
from tests.simulation.shelf import RealTables
from tests.simulation.virtual import Fuse, VirtualLoop
from tests.tiers import sized

WINDOW = 4
RECEIPT_TIMEOUT_S = 4.0
PATIENCE_S = 600.0  # Of virtual time.


class Scene:
    """One device, a broker and an inventory in fine weather, until a test changes it."""

    def __init__(self, directory: Path) -> None:
        chance = random.Random(1)
        self.loop = VirtualLoop()
        self.broker = Broker(self.loop, chance)
        self.broker.receive_maximum, self.broker.hangs_up, self.broker.remembers = 20, False, True
        self.fuse = Fuse(chance)
        self.disk = Disk(self.fuse, lambda what, number: None)
        self.outbox = RealOutbox(self.disk, directory)
        self.device = Device(
            self.loop, chance, self.broker, self.disk, self.outbox, settings(WINDOW, RECEIPT_TIMEOUT_S), Relay
        )
        self.tables = RealTables(lambda: datetime.now(UTC))
        self.inventory = Receiver(
            self.loop, chance, self.broker, self.tables, lambda what, number: None, lambda: datetime.now(UTC)
        )
        self.loop.call_soon(self.device.start)
        self.loop.call_soon(self.inventory.start)
        self.wait(5)

    def say(self, *numbers: int, kind: Kind = Kind.PLAIN) -> None:
        for number in numbers:
            self.device.speak(Saying(number, kind))

    def wait(self, seconds: float) -> None:
        ended = self.loop.create_future()
        self.loop.call_later(seconds, ended.set_result, None)
        self.loop.run_until_complete(ended)

    def until(self, condition: Callable[[], bool]) -> float:
        """Wait until it holds; how long that took."""
        start = self.loop.time()
        while not condition():
            assert self.loop.time() - start < PATIENCE_S, (
                f"applied {self.applied}, owed {self.outbox.count_unsettled()}"
            )
            self.wait(0.5)
        return self.loop.time() - start

    def settled(self) -> bool:
        return self.outbox.count_unsettled() == 0

    @property
    def applied(self) -> list[int]:
        return [number for number, _ in self.tables.rows()]

    def close(self) -> None:
        self.device.stop()
        self.wait(1)
        self.outbox.close()
        self.tables.close()
        self.loop.close()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with closing(Scene(tmp_path / "state")) as staged:
        yield staged


def test_a_row_is_not_deleted_before_it_is_sent(scene: Scene) -> None:
    """NanoMQ#2432: the bridge deleted the cached row, then sent it into a link that was dead."""
    scene.broker.passable = False
    scene.say(1, 2, 3)
    scene.wait(30)
    assert scene.outbox.count_unsettled() == 3
    scene.fuse.end_after(1)
    scene.say(4)
    assert not scene.device.alive, "nor does it live in the memory of the process"
    scene.broker.passable = True
    scene.broker.cut()
    scene.until(lambda: scene.applied == [1, 2, 3, 4])


def test_a_backlog_does_not_wait_for_a_new_publication(scene: Scene) -> None:
    """NanoMQ#2423: after the link came back, the cached messages went only when the next one was published."""
    scene.broker.die()
    scene.say(*range(1, 11))
    scene.wait(60)
    scene.broker.up = True
    scene.until(scene.settled)
    assert scene.applied == list(range(1, 11))


def test_a_backlog_drains_as_fast_as_the_line_allows(scene: Scene) -> None:
    """NanoMQ#1980: one cached message in five seconds, whatever the line could carry."""
    scene.broker.die()
    scene.say(*range(1, 61))
    scene.broker.up = True
    took = scene.until(scene.settled)
    assert scene.applied == list(range(1, 61))
    # 15 ms a leg, four legs an event, four events at once: a second, and the wait for the connection.
    assert took < 15


def test_what_was_sent_to_an_absent_subscriber_is_not_dropped(scene: Scene) -> None:
    """eclipse/mosquitto#3472: the bridge dropped what was published while the other side was offline."""
    scene.broker.remembers = False
    scene.inventory.fuse.end_after(1)
    scene.say(1)
    scene.wait(0.5)
    scene.broker.die()
    scene.say(2)
    scene.broker.up = True
    scene.until(lambda: scene.applied == [1, 2])


def test_no_success_is_reported_with_the_broker_off(scene: Scene) -> None:
    """Telegraf#14750: the MQTT output counted metrics as written that no broker had ever seen."""
    scene.broker.die()
    scene.say(1, 2)
    scene.wait(PATIENCE_S)
    assert scene.outbox.fates() == {1: "waiting", 2: "waiting"}
    assert scene.device.trouble, "and it is told why"
    scene.broker.up = True
    scene.until(lambda: scene.applied == [1, 2])


@pytest.mark.parametrize("step", range(1, 31, sized(test=3, nightly=1)))
def test_a_crash_at_any_step_leaves_the_buffer_whole(scene: Scene, step: int) -> None:
    """Telegraf's disk buffer: what was in it when the process died could be lost, or be written again."""
    scene.fuse.end_after(step)
    scene.say(*range(1, 6))
    scene.until(lambda: scene.device.alive and scene.settled())
    said = [saying.number for saying in scene.device.kept]
    assert [fields["pallet_id"] for _, fields in scene.tables.rows()] == [f"{number:06}" for number in said]
    assert said, "what is said while the process is gone was never taken"


def test_nothing_is_acknowledged_that_could_not_be_stored(scene: Scene) -> None:
    """vectordotdev/vector PR#25965: events that a sink had dropped were acknowledged to their source."""
    scene.inventory.shelf.away = True
    scene.say(1, 2)
    scene.wait(120)
    assert scene.outbox.fates() == {1: "waiting", 2: "waiting"}
    assert scene.broker.unacknowledged("inventory") > 0
    scene.inventory.shelf.away = False
    scene.until(lambda: scene.applied == [1, 2])


def committed(directory: Path, count: int) -> list[str]:
    """A journal with so many entries, left as a power cut leaves it; the ids of the events."""
    with Journal.open(directory / "living") as journal:
        said = [utterance(number) for number in range(count)]
        rows = [journal.commit(entry(one, journal.store_utterance(one)), ACCEPT, render) for one in said]
        shutil.copytree(directory / "living", directory / "state")
    return [row.event_id for row in rows]


def test_a_corrupt_buffer_is_mended_once_and_not_at_every_start(tmp_path: Path) -> None:
    """vectordotdev/vector#17644: a corrupt disk buffer ended in an endless loop of reading the same record."""
    event_ids, state = committed(tmp_path, 20), tmp_path / "state"
    with (state / "journal.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)
    for _ in range(2):
        with Journal.open(state) as journal:
            assert [row.event_id for row in journal.outbox.load_due(100)] == event_ids
        assert len(list(state.glob("journal.broken-*.db"))) == 1


@pytest.mark.parametrize("torn", ["journal.db-wal", "entries.log"])
def test_a_write_torn_by_a_power_cut_leaves_the_queue_readable(tmp_path: Path, torn: str) -> None:
    """persist-queue#180: after a power loss the queue's file ended in half a record, and could not be opened."""
    event_ids, state = committed(tmp_path, 5), tmp_path / "state"
    with (state / torn).open("ab") as file:
        file.write(b"0badc0de {half a rec")
    with Journal.open(state) as journal:
        assert [row.event_id for row in journal.outbox.load_due(100)] == event_ids
        said = utterance(5)
        assert journal.commit(entry(said, journal.store_utterance(said)), ACCEPT, render).sequence == 6


def test_one_poisonous_item_does_not_block_the_queue(scene: Scene) -> None:
    """persist-queue#142: an item that could not be handled stayed at the head, and nothing behind it ever came out."""
    scene.say(1, kind=Kind.TOO_LARGE)
    scene.say(*range(2, 9))
    scene.until(scene.settled)
    assert scene.applied == list(range(2, 9))
    assert scene.outbox.fates()[1] == OutboxState.DEAD, "it is set aside, and a person is told"


def test_a_row_whose_worker_died_is_not_stuck_in_doing(scene: Scene) -> None:
    """procrastinate#1518: a job whose worker was killed stayed in the state `doing`, and nobody took it up again."""
    scene.inventory.shelf.away = True
    scene.say(1)
    scene.wait(2)
    assert scene.outbox.fates() == {1: "waiting"}, "sent, and still only owed: there is no state to be stuck in"
    scene.fuse.end_after(1)
    scene.say(2)
    scene.inventory.shelf.away = False
    scene.until(lambda: scene.applied == [1, 2])


def test_the_same_tool_call_twice_makes_one_record(tmp_path: Path) -> None:
    """livekit/agents#3702: a tool that was run twice for one sentence made two identical records."""
    with Journal.open(tmp_path / "state") as journal:
        said = utterance()
        meant = entry(said, journal.store_utterance(said))
        minted: list[EventIds] = []

        def rendered(identity: EventIds) -> dict[str, object]:
            minted.append(identity)
            return render(identity)

        assert journal.commit(meant, ACCEPT, rendered) == journal.commit(meant, ACCEPT, rendered)
        assert (journal.outbox.count_unsettled(), len(minted)) == (1, 1)
