"""A dock in front of a Tryton: devices that are spoken to in text, a broker, the inventory, the connector's process.

Of each device all is real but ears and voice: journal, dialogue, delivery, decisions. What is heard is what it says.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from edge.agent.delivery import Delivery
from edge.agent.dialogue_driver import DialogueDriver
from edge.agent.review_decisions import Decisions, take_signed
from edge.agent.typed_input import typed, typed_utterance
from edge.agree.decide import Circumstances, decide
from edge.agree.dialogue.events import UtteranceHeard
from edge.agree.dialogue.machine import Dialogue
from edge.agree.dialogue.orders import Prompt, Say
from edge.agree.dialogue.session import Manner
from edge.config import Settings
from edge.deliver.events import recorded
from edge.keep.journal_thread import JournalThread
from edge.records import Closing, OutboxRow
from edge.speak.wording import Phrasing
from inventory.store import Store
from lab.scribe.receiving import receiving
from tests.inventory import RunningInventory
from tests.mosquitto import Mosquitto
from tests.postgresql import PostgreSQL
from tests.tcp_proxy import TcpProxy
from tests.tryton import DOORS, PASSWORD, Tryton
from tests.waiting import PATIENCE_S, until

T = TypeVar("T")

SITE = "north"
UNITS = {"CS": "Case of 12", "EA": "Unit"}
CONNECT = [sys.executable, "-c", "from inventory.connect.command import commands; commands(prog_name='connect')"]
"""The command of the connector, also where the entry point of this distribution is not installed anew yet."""


class Device:
    """One device. Its loop runs in a thread; what is said to it is said from outside."""

    def __init__(self, name: str, directory: Path, broker: int, key: Path) -> None:
        self.name = name
        self.heard: list[Say] = []
        self.rows: list[OutboxRow] = []
        self._settings = Settings(
            site=SITE,
            device=name,
            state_directory=directory,
            deliver={"decisions_key": key, "mqtt": {"host": "127.0.0.1", "port": broker, "reconnect_maximum_s": 1}},
        )
        self._rules = receiving()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._running: Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def __enter__(self) -> Self:
        running = self._running = self._thread.submit(asyncio.run, self._run())
        until(lambda: self._loop is not None or running.done(), "the device did not start")
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        assert self._loop is not None
        assert self._stop is not None
        assert self._running is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._running.result(PATIENCE_S)
        self._thread.shutdown()

    def says(self, *lines: str) -> str:
        """The operator says it, line by line; the event that came of the last of them, if one did."""
        row = None
        for line in lines:
            row = self._call(self._say(line))
        return "" if row is None else row.event_id

    def spoken(self, prompt: Prompt) -> list[str]:
        """What was said to the operator with this prompt, word by word."""
        phrasing = Phrasing(self._rules.form)
        return [phrasing.text(say) for say in self.heard if say.prompt is prompt]

    @property
    def expects(self) -> int:
        """How many lists it has."""
        return len(self._delivery.expected.inbox.latest)

    def owes(self) -> int:
        return self._desk.now(lambda journal: journal.outbox.unsettled())

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)  # noqa: TID251 - a test's thread

    async def _say(self, line: str) -> OutboxRow | None:
        utterance = typed_utterance(self._rules.form.name, line)
        await self._desk(lambda journal: journal.begin(utterance))
        reading = typed(line, self._rules)
        known = Circumstances(expected=self._delivery.expected.at_hand())
        verdict = decide(reading, Closing.PAUSE, self._rules, known)
        return await self._driver.happen(UtteranceHeard(utterance.utterance_id, reading, verdict, known=known))

    async def _run(self) -> None:
        with JournalThread(self._settings.state) as self._desk:
            self._stop, decided = asyncio.Event(), asyncio.Event()
            self._driver = DialogueDriver(
                Dialogue(self._rules, Manner(undo_s=600, patience_s=600)),
                self._desk,
                partial(recorded, site=SITE, device=self.name),
                order=lambda order: self.heard.append(order) if isinstance(order, Say) else None,
                quiet=lambda: True,
                owed=self._owed,
                tell=lambda _: None,
                attentive=lambda: False,
                cut_off=lambda: False,
            )
            self._delivery = Delivery(self._settings, self._desk, lambda _: None, lambda: None, decided=decided.set)
            decisions = Decisions(self._settings, self._desk, self._driver, self._delivery.written)
            await self._driver.start()
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(one)
                    for one in (
                        self._delivery.run(),
                        self._driver.run(),
                        take_signed(self._desk, decided, self._delivery.decisions.read, decisions.decide_signed),
                    )
                ]
                self._loop = asyncio.get_running_loop()
                await self._stop.wait()
                for task in tasks:
                    task.cancel()

    def _owed(self, row: OutboxRow) -> None:
        self.rows.append(row)
        self._delivery.written()


class ConnectorProcess:
    """`dockvoice connect run tryton`, which can be killed at any moment."""

    def __init__(self, config: Path, settings: Path, log: Path) -> None:
        self._command = [*CONNECT, "run", "tryton", "--settings", str(settings), "--config", str(config)]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.kills = 0

    def start(self) -> None:
        environment = {**os.environ, "DOCKVOICE_CONNECT_TRYTON__PASSWORD": PASSWORD}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=environment)

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self.kills += 1

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            # Before it has begun to listen for it, a SIGTERM ends it as it ends any program.
            assert self._process.wait(PATIENCE_S) in {0, -signal.SIGTERM}, self.log()

    def log(self) -> str:
        return self._log.read_text()[-6000:]


class Dock:
    """All of it but the devices, each in a process of its own."""

    def __init__(
        self,
        directory: Path,
        tryton: Tryton,
        cluster: PostgreSQL,
        port: Callable[[], int],
        keys: tuple[Path, Path],
    ) -> None:
        self._directory = directory
        self._tryton = tryton
        self._cluster = cluster
        self._port = port
        self._private, self._public = keys
        self._held = ExitStack()

    def __enter__(self) -> Self:
        enter = self._held.enter_context
        try:
            self.broker = enter(Mosquitto(self._directory / "broker", self._port()))
            self.url = enter(self._cluster.database())
            self.inventory = enter(RunningInventory(self.broker.port, self._directory / "inventory", self.url))
            self.store = Store.open(self.url, create=False)
            self._held.callback(self.store.close)
            config, settings = self._directory / "inventory.toml", self._directory / "tryton.toml"
            config.write_text(
                f'database = "{self.url}"\n[mqtt]\nhost = "127.0.0.1"\nport = {self.broker.port}\n'
                f'[console]\nkey = "{self._private}"\n'
            )
            settings.write_text(SETTINGS.format(site=SITE, url=self._tryton.url))
            self.config, self.settings = config, settings
            self.connector = ConnectorProcess(config, settings, self._directory / "connect.log")
            self._held.callback(self.connector.close)
        except BaseException:
            self._held.close()
            raise
        return self

    def __exit__(self, *_fault: object) -> None:
        self._held.close()

    @contextmanager
    def device(self, name: str) -> Iterator[tuple[Device, TcpProxy]]:
        """A device, and the wire between it and the broker."""
        with TcpProxy(self.broker.port) as wire, Device(name, self._directory / name, wire.port, self._public) as one:
            yield one, wire


SETTINGS = """
site = "{site}"
forms = ["receive-notice"]
pull = ["expected"]
poll_s = 0.1
left_alone_s = 3
[tryton]
url = "{url}"
database = "wh"
user = "dockvoice"
timeout_s = 60
damaged = "leave out"
[tryton.units]
EA = "Unit"
CS = "Case of 12"
KGM = "Kilogram"
[tryton.places]
12 = "DOCK-12"
14 = "DOCK-14"
"""

Expected = Counter[tuple[str, str, str | None, str]]


def ledger_of(entries: Mapping[str, Mapping[str, Any]], items: Mapping[str, str]) -> Expected:
    """What the scribe wrote down, in Tryton's words."""
    found: Expected = Counter()
    for said in entries.values():
        unit, place = UNITS[said["uom"]], DOORS[said["door"]]
        found[items[said["pallet_id"]], unit, said.get("lot"), place] += said["quantity"]
    return found
