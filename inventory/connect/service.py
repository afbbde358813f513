"""A connector's service: its loop, until SIGTERM or SIGINT, under a lock that lets only one process post.

The lock ends with the process, however it ends: an advisory lock of PostgreSQL, or a file lock beside an SQLite file.
"""

from __future__ import annotations

import fcntl
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import IO
from zlib import crc32

from sqlalchemy import Connection, Engine, text

from dockvoice_protocol.errors import AlreadyRunning, Misconfigured, Unavailable, UnreadableInput, describe_os_error
from dockvoice_protocol.hash_chain import Signer
from dockvoice_protocol.systemd import Notifier, create_owned_file
from dockvoice_protocol.terminal.tables import pluralize
from inventory.audit.audit import load_signer
from inventory.connect.engine import PostingLoop, RoundCounts
from inventory.connect.ledger import DeclinedMessages, Ledger, load_posting
from inventory.connect.ports import Away, Connector, Declined, Posting, PulledData, describe_omitted
from inventory.connect.pulling import (
    ListPlan,
    PullPublisher,
    changed_items,
    changed_operators,
    describe_changes,
    open_roster,
    plan_lists,
    source_of,
)
from inventory.connect.settings import ConnectionSettings
from inventory.forms import load_forms, load_roles
from inventory.repository import Store
from inventory.settings import InventorySettings
from inventory.site.master_kinds import find_kind
from inventory.site.roster import roster_kind
from inventory.store.database import format_url, translated_errors
from inventory.store.outbox import BACKOFF

_CONNECTORS = 0x646F636C
"""The first half of the advisory locks on PostgreSQL ("docl" in ASCII); the second is the name's checksum."""


@contextmanager
def hold_lock(engine: Engine, name: str) -> Iterator[Callable[[], None]]:
    """Hold the lock on a connector's ledger. Raises AlreadyRunning, Unavailable.

    Yields a function that raises Unavailable where the database session with the lock is gone.
    """
    message = f"connector {name}"
    busy = AlreadyRunning(
        f"{message}: another process works on it, with the tables in {format_url(engine.url)}; stop that one"
    )
    if engine.dialect.name == "sqlite":
        with _open_lock_file(Path(f"{engine.url.database}.{name}.lock")) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise busy from None
            yield lambda: None
        return
    with translated_errors(engine.url):
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        with translated_errors(engine.url):
            key = {"of": _CONNECTORS, "name": crc32(name.encode()) - 2**31}
            held = connection.execute(text("SELECT pg_try_advisory_lock(:of, :name)"), key).scalar_one()
        if not held:
            raise busy
        yield partial(_demand_session, connection, message)
    finally:
        connection.invalidate()  # otherwise the pool would keep the session, and the lock with it
        connection.close()


def _demand_session(connection: Connection, message: str) -> None:
    with translated_errors(connection.engine.url):
        connection.execute(text("SELECT 1"))
    if connection.invalidated:
        raise Unavailable(f"{message}: the database let go of this session; begin again")


@contextmanager
def _open_lock_file(path: Path) -> Iterator[IO[bytes]]:
    try:
        with suppress(FileExistsError):
            create_owned_file(path, mode=0o666)
        file = path.open("ab")
    except OSError as fault:
        raise Unavailable(f"{path}: {describe_os_error(fault)}; let this user write there") from None
    with file:
        yield file


log = logging.getLogger("inventory.connect")


@dataclass(frozen=True, slots=True)
class ConnectorService:
    """The settings, store and connection of one connector."""

    name: str
    settings: ConnectionSettings
    inventory: InventorySettings
    store: Store
    connector: Connector
    signer: Signer | None

    def posting_loop(self, ledger: Ledger, now: Callable[[], datetime]) -> PostingLoop:
        """The connector's posting loop."""
        of = load_roles(load_forms(self.inventory.forms), self.settings.forms)
        return PostingLoop(
            ledger,
            self.connector,
            partial(self._posting, of=of),
            now,
            left_alone_s=self.settings.left_alone_s,
            not_received=frozenset(self.settings.not_received),
        )

    def _posting(self, event_id: str, of: dict[str, dict[str, object]]) -> Posting:
        with self.store.transaction() as transaction:
            return load_posting(transaction, event_id, of)

    def ledger(self, now: Callable[[], datetime]) -> Ledger:
        """The connector's ledger; without a key devices get no message about refusals."""
        signer, prefix = self.signer, self.inventory.prefix
        messages = None if signer is None else DeclinedMessages(prefix, self.name, signer)
        its = self.settings
        return Ledger(self.name, its.site, its.forms, self.store.transaction, now, its.since, messages)

    def pull_and_publish(self) -> list[str]:
        """Publish what the settings pull; a line for each change. Raises Away, Misconfigured, Unavailable."""
        if self.signer is None:
            raise Misconfigured("nothing is published without a signature: name a key, or [console] key")
        pulled = self.connector.pull()
        publishing = PullPublisher(self.inventory, self.store, self.signer, self.name, self.settings.site)
        message, wanted = [], self.settings.pull
        omitted = list(pulled.omitted)
        if "expected" in wanted:
            lists, plan = publishing.publish_changed_lists(pulled)
            omitted += plan.omitted
            message += [f"{one.place}: version {one.version}, {pluralize(len(one.lines), 'line')}" for one in lists]
            for line in plan.withdrawal_lines():
                log.warning("%s, since %s has it no more", line, self.name)
        if "items" in wanted and pulled.items is not None:
            message += _publish_or_log(partial(publishing.publish_items, pulled.items))
        if "operators" in wanted and pulled.operators is not None:
            message += _publish_or_log(partial(publishing.publish_operators, pulled.operators))
        for line in describe_omitted(omitted):
            log.info("%s", line)
        return message

    def plan_expected(self, pulled: PulledData) -> ListPlan:
        """What publishing would change in expected lists; empty unless the settings pull them."""
        if "expected" not in self.settings.pull or pulled.expected is None:
            return ListPlan()
        known = [one for one in self.store.expected_lists() if one.expected.site == self.settings.site]
        return plan_lists(known, pulled.expected, source_of(self.name))

    def describe_master_changes(self, pulled: PulledData) -> list[str]:
        """What publishing would change in items, units and operators, a line each."""
        site, source, wanted, message = self.settings.site, source_of(self.name), self.settings.pull, []
        if "items" in wanted and pulled.items is not None:
            catalogue = self.store.catalogue(site, self.inventory.forms)
            items = changed_items(catalogue, pulled.items, source)
            message += [describe_changes(catalogue, find_kind(kind), rows) for kind, rows in items.items()]
        if "operators" in wanted and pulled.operators is not None:
            versions = open_roster(self.inventory, self.store, site)
            roster = changed_operators(versions, pulled.operators, source)
            message += [describe_changes(versions, roster_kind(()), rows) for rows in roster.values()]
        return message


def _publish_or_log(publish: Callable[[], list[str]]) -> list[str]:
    """The lines of a publication; none for invalid rows, which do not stop the others."""
    try:
        return publish()
    except UnreadableInput as fault:
        log.warning("not published: %s", fault)
        return []


@contextmanager
def open_service(name: str, settings: ConnectionSettings, inventory: InventorySettings) -> Iterator[ConnectorService]:
    """Open the store and the connection. Raises what opening them raises."""
    key = settings.key or inventory.console.key
    signer = None if key is None else load_signer(key)
    with closing(Store.open(inventory.database_url, create=False)) as store, closing(settings.connector()) as connector:
        yield ConnectorService(name, settings, inventory, store, connector, signer)


class StopRequest:
    """A request to stop that a signal handler may set at any moment.

    `threading.Event.set` would wait there for ever, for the lock that the `wait` it interrupts holds; a SimpleQueue may
    be interrupted by itself.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._wake: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:
        """Stop from now on, and end a wait."""
        self._is_set = True
        self._wake.put(None)

    def is_set(self) -> bool:
        """Whether to stop."""
        return self._is_set

    def wait(self, seconds: float) -> bool:
        """Wait for the request, so long at most; whether to stop."""
        with suppress(Empty):
            if not self._is_set:
                self._wake.get(timeout=seconds)
        return self._is_set


class _Work:
    """The service of one connector: posts and pulls until stopped."""

    def __init__(
        self, at: ConnectorService, stopped: StopRequest, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._service = at
        self._stopped = stopped
        self._now = now
        self._pull_at = 0.0
        self._failed = 0

    def run(self) -> None:
        """Run until stopped. Raises AlreadyRunning, and Unavailable where the lock is lost."""
        at, notifier = self._service, Notifier.from_environment()
        ledger = at.ledger(self._now)
        engine = at.posting_loop(ledger, self._now)
        if at.signer is None:
            log.warning("no key is named: operators hear of no refusal, and nothing is published to devices")
        with hold_lock(at.store.engine, at.name) as demand_held:
            notifier.notify_ready(f"posts entries of {at.settings.site}")
            log.info("entries of %s are posted: %s", at.settings.site, ", ".join(at.settings.forms))
            while not self._stopped.is_set():
                demand_held()
                wait = self._run_round(engine, notifier)
                self._sleep_with_keep_alives(wait, notifier)
            notifier.notify_stopping()
        log.info("stopped")

    def _run_round(self, engine: PostingLoop, notifier: Notifier) -> float:
        """Run one round; return the seconds to wait afterwards."""
        at = self._service
        try:
            done = engine.run_round()
            at.connector.flush_old_batch()
            self._pull_if_due()
        except (Away, Misconfigured, Unavailable) as fault:
            return self._report_and_back_off(str(fault), notifier)
        if done.away is not None:
            return self._report_and_back_off(done.away, notifier)
        self._failed = 0
        if done != RoundCounts():
            notifier.set_status(f"posted {done.settled}, declined {done.declined}, to be tried again {done.failed}")
        return 0.0 if done.settled + done.declined else at.settings.poll_s

    def _report_and_back_off(self, message: str, notifier: Notifier) -> float:
        wait = BACKOFF.wait_s(self._failed)
        self._failed += 1
        log.warning("%s; looked again in %.0f s", message, wait)
        notifier.set_status(f"waits: {message}"[:200])
        return wait

    def _sleep_with_keep_alives(self, seconds: float, notifier: Notifier) -> None:
        """Wait, sending keep-alives to systemd's watchdog: another system's outage is no fault of this process."""
        until, period = monotonic() + seconds, notifier.period_s or seconds
        notifier.ping_watchdog()
        while not self._stopped.wait(max(0.0, min(period, until - monotonic()))) and monotonic() < until:
            notifier.ping_watchdog()

    def _pull_if_due(self) -> None:
        at = self._service
        if not at.settings.pull or at.signer is None or monotonic() < self._pull_at:
            return
        self._pull_at = monotonic() + at.settings.pull_minutes * 60
        try:
            for message in at.pull_and_publish():
                log.info("%s", message)
        except (Away, Declined, Misconfigured, Unavailable) as fault:  # a failed pull does not stop posting
            log.warning("nothing was pulled: %s", fault)


def serve(name: str, settings: ConnectionSettings, inventory: InventorySettings) -> None:
    """Post until SIGTERM or SIGINT. Must run in the main thread, which receives signals."""
    inventory.demand_owner()
    stopped = StopRequest()
    with open_service(name, settings, inventory) as at:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: stopped.set())
        _Work(at, stopped).run()
