"""One simulated run: agent, broker and inventory for some minutes of bad weather, all of it decided by a seed."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from edge.deliver.relay import MOST_REFUSALS, NEVER_ARRIVES_REASON, Relay
from tests.simulation.broker import Broker
from tests.simulation.device import Device, settings
from tests.simulation.events import Kind, Saying
from tests.simulation.outbox import Disk, ModelOutbox, Outbox, RealOutbox
from tests.simulation.receiver import Receiver
from tests.simulation.shelf import ModelTables, RealTables, Row, Tables
from tests.simulation.virtual import Fuse, VirtualLoop
from tests.simulation.weather import CODES, Weather

STORM_S = (5, 60)  # How long the faults last, seconds of virtual time.

PATIENCE_S = 4 * 3600
"""All must be well so long after the last fault. An hour and a half would do even for one who doubts most."""

LOOK_S = 5.0  # How often it is looked whether all is well.

MOST_SAYINGS = 10
MOST_MISHAPS = 6
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

AGAIN = "python -m tests.simulation {seed}"  # How a person sees a run again.


class Wrong(AssertionError):
    """The inventory is not what was said."""


@dataclass(frozen=True)
class Parts:
    """What the run is made of. The quick models, unless the real outbox and the real tables are wanted."""

    real: bool = False
    relay: type[Relay] = Relay
    outbox: type[ModelOutbox] = ModelOutbox
    tables: type[ModelTables] = ModelTables

    def __str__(self) -> str:
        """What is not as usual."""
        usual = Parts()
        return ", ".join(
            getattr(self, part).__name__
            for part in ("relay", "outbox", "tables")
            if getattr(self, part) is not getattr(usual, part)
        )


@dataclass
class Ended:
    """How a run went."""

    said: int = 0
    messages: int = 0
    seconds: float = 0
    trace: list[tuple[float, str, int]] = field(default_factory=list)
    """Each commit of device and inventory: when, what, and of which number."""


def simulate(seed: int, parts: Parts = Parts()) -> Ended:
    """Run it. Raises Wrong, naming the seed, where something was lost, doubled, altered or disordered."""
    with _quiet(), ExitStack() as held:
        run = _Run(seed, parts, held)
        try:
            return run.go()
        except AssertionError as fault:
            raise Wrong(f"seed {seed}: {fault}; again: {AGAIN.format(seed=seed)}") from fault
        finally:
            run.stop()


def simulate_all(seeds: range) -> tuple[int, int]:
    """Run these; how many entries were said in them, and how many commits there were on either side."""
    ended = [simulate(seed) for seed in seeds]
    return sum(run.said for run in ended), sum(len(run.trace) for run in ended)


@contextmanager
def _quiet() -> Iterator[None]:
    """Ten thousand runs warn a million times."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


class _Run:
    def __init__(self, seed: int, parts: Parts, held: ExitStack) -> None:
        self._chance = random.Random(seed)
        self._loop = VirtualLoop()
        held.callback(self._loop.close)
        self._ended = Ended()
        self._step_s = 0.0
        self._broker = Broker(self._loop, self._chance)
        self._disk = Disk(Fuse(self._chance), self._note)
        self._tables, outbox = self._stores(parts, held)
        window = self._chance.choice((1, 2, 3, 5, 16))
        self._wanted = settings(window, self._chance.choice((1.0, 2.0, 4.0)))
        self._device = Device(self._loop, self._chance, self._broker, self._disk, outbox, self._wanted, parts.relay)
        self._receiver = Receiver(self._loop, self._chance, self._broker, self._tables, self._note, self._wall_clock)
        self._restored = False
        self._broken: list[object] = []
        self._loop.set_exception_handler(lambda _, context: self._broken.append(context.get("exception", context)))
        self._sayings = self._script()

    def go(self) -> Ended:
        self._storm()
        if not self._restored and all(saying.kind is not Kind.TOO_LARGE for saying in self._sayings):
            self._wait("the backlog must drain without any new word")
        while not self._device.alive:
            self._loop.run_until_complete(self._sleep(LOOK_S))
        fresh = Saying(len(self._sayings) + 1)
        self._device.speak(fresh)
        assert self._device.kept[-1:] == [fresh], "a fresh word is not taken"
        self._wait("a fresh word must arrive, and all before it")
        self._ended.said, self._ended.seconds = len(self._device.kept), self._loop.time()
        return self._ended

    def stop(self) -> None:
        """Let what still runs come to its end."""
        self._device.stop()
        self._loop.run_until_complete(self._sleep(LOOK_S))

    # What there is

    def _stores(self, parts: Parts, held: ExitStack) -> tuple[Tables, Outbox]:
        if not parts.real:
            return parts.tables(), parts.outbox(self._disk)
        tables = RealTables(self._wall_clock)
        held.callback(tables.close)
        outbox = RealOutbox(self._disk, Path(held.enter_context(TemporaryDirectory())))
        held.callback(outbox.close)
        return tables, outbox

    def _script(self) -> list[Saying]:
        """What will be said: fewer events that no broker takes than the relay lets stand aside."""
        count = self._chance.randrange(1, MOST_SAYINGS)
        kinds = self._chance.choices((Kind.PLAIN, Kind.UNFIT, Kind.TOO_LARGE), (8, 1, 1), k=count)
        return [Saying(number, kind) for number, kind in enumerate(kinds, 1)]

    def _wall_clock(self) -> datetime:
        return NOON + timedelta(seconds=self._loop.time() + self._step_s)

    def _note(self, what: str, number: int) -> None:
        self._ended.trace.append((self._loop.time(), what, number))

    # The faults

    def _storm(self) -> None:
        chance, length = self._chance, self._chance.uniform(*STORM_S)
        self._broker.weather = Weather.drawn(chance)
        self._loop.call_soon(self._device.start)
        self._loop.call_soon(self._receiver.start)
        # In one burst, or one by one.
        spread = chance.choice((0.1, length))
        for at, saying in zip(sorted(chance.random() * spread for _ in self._sayings), self._sayings, strict=True):
            self._loop.call_later(at, self._device.speak, saying)
        for mishap in chance.choices(self._mishaps, k=chance.randrange(MOST_MISHAPS)):
            begin, end = sorted((chance.random() * length, chance.random() * length))
            self._loop.call_later(begin, mishap, True)
            self._loop.call_later(end, mishap, False)
        self._loop.run_until_complete(self._sleep(length))
        for mishap in self._mishaps:
            if mishap != self._restore:
                mishap(False)
        self._broker.weather = self._broker.weather.calm()
        self._disk.fuse.set(0)
        self._receiver.fuse.set(0)

    @property
    def _mishaps(self) -> tuple[Callable[[bool], None], ...]:
        return (
            self._kill_broker,
            self._silence,
            self._refuse,
            self._fill_disk,
            self._stop_database,
            self._step_clock,
            self._restore,
        )

    def _kill_broker(self, begins: bool) -> None:
        if begins:
            self._broker.die()
        else:
            self._broker.up = True

    def _silence(self, begins: bool) -> None:
        self._broker.passable = not begins
        if not begins:
            self._broker.cut()

    def _refuse(self, begins: bool) -> None:
        self._broker.refusing = self._chance.choice(CODES) if begins else None

    def _fill_disk(self, begins: bool) -> None:
        self._disk.full = begins

    def _stop_database(self, begins: bool) -> None:
        self._receiver.shelf.away = begins

    def _step_clock(self, begins: bool) -> None:
        self._step_s += self._chance.choice((-86400, 86400)) if begins else 0

    def _restore(self, begins: bool) -> None:
        if begins:
            self._tables.back_up()
        else:
            self._restored = True
            self._receiver.restore()

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    # What must be true

    def _wait(self, what: str) -> None:
        deadline = self._loop.time() + PATIENCE_S
        while fault := self._fault():
            assert self._loop.time() < deadline, f"{what}: {fault}"
            self._loop.run_until_complete(self._sleep(LOOK_S))

    def _fault(self) -> str | None:
        """What is not as it must be in the end; None where the inventory is the ledger."""
        assert not self._broken, f"an error nobody expected: {self._broken}"
        if not self._device.alive:
            return "the device has not started again"  # and nobody else may look into its journal
        if owed := self._device.outbox.count_unsettled():
            return f"{owed} events are still owed"
        fates = self._device.outbox.fates()
        expected, rows = [], dict(self._tables.rows())
        for number, saying in enumerate(self._device.kept, 1):
            dead = fates[number] == "dead"
            assert dead or saying.kind is not Kind.TOO_LARGE, f"{number} is too large, and is said to be delivered"
            assert not dead or self._excuse(number), f"{number} was set aside for nothing"
            if saying.kind is Kind.UNFIT and not dead:
                assert fates[number] == "refused", f"{number} breaks its form, and nobody is told"
            elif saying.kind is Kind.PLAIN and (not dead or number in rows):
                expected.append((number, saying.fields))
        return self._difference(expected, fates)

    def _excuse(self, number: int) -> bool:
        """Whether the event deserved to be set aside: it was refused often enough, or swallowed."""
        event_id, reason = self._device.outbox.dead[number]
        return reason == NEVER_ARRIVES_REASON or self._broker.refusals[event_id] >= MOST_REFUSALS

    def _in_order(self, fates: dict[int, str]) -> bool:
        """What was set aside may arrive later all the same, and then takes its place."""
        numbers = [number for number in self._receiver.shelf.applied if fates[number] != "dead"]
        return numbers == sorted(set(numbers))

    def _difference(self, expected: list[Row], fates: dict[int, str]) -> str | None:
        rows = sorted(self._tables.rows(), key=lambda row: row[0])
        numbers = [number for number, _ in rows]
        assert len(numbers) == len(set(numbers)), f"twice in the inventory: {numbers}"
        assert self._in_order(fates), f"not in order: {self._receiver.shelf.applied}"
        if rows == expected:
            return None
        return f"the inventory holds {numbers}, and should hold {[number for number, _ in expected]}"
