"""The inventory's database: what is done to it, each deed one transaction, and what it tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, RowMapping, delete, distinct, func, insert, select

from dockvoice_protocol.events import SHOWN
from inventory.clips.clips import ClipStore
from inventory.dossier.issues import Issues
from inventory.ingest.applying import handle
from inventory.ingest.batch import Batches
from inventory.queries.trail import Came, Strays, names, strays, trail
from inventory.records import Applied, Applying, Counts, Duplicate, Event, Progress, Row, Unfit
from inventory.reviews.flags import Flags
from inventory.reviews.reviews import Review, keep
from inventory.reviews.reviews import load as load_reviews
from inventory.site.catalogue import SiteCatalogue
from inventory.site.expected import ExpectedLists
from inventory.store.database import connect, in_one, parse, prepare, reading, reported, shown
from inventory.store.outbox import OutboxTable
from inventory.store.statuses import Statuses
from inventory.store.tables import devices, entries, events, refused, rejected

ROW = 500  # Bytes that a row of `rejected` takes beside its payload, at most: a million empty messages are bounded too.


@dataclass(frozen=True, slots=True)
class Aside:
    """How much is put aside of what cannot be answered, and for how long."""

    message: int = 256_000  # Bytes of one.
    bytes: int = 50_000_000  # Of all together; the oldest go.
    kept: timedelta = timedelta(days=30)


ASIDE = Aside()


class Store:
    """The tables. Safe to use from several threads and several processes at once."""

    def __init__(self, engine: Engine, now: Callable[[], datetime], aside: Aside = ASIDE) -> None:
        self.engine = engine
        """The database itself: one in a process, also for other tables in the same database."""
        self.transaction = partial(in_one, engine)
        """One transaction; raises Unavailable."""
        self._reads = reading(engine)
        self._aside = aside
        self._now = now
        self.clips = ClipStore(engine, now)
        """The recordings that devices sent, and who asked to hear them."""
        self.batches = Batches(engine, now)
        """Many events at once."""
        self.statuses = Statuses(engine, now)
        self.lists = ExpectedLists(engine, now)
        self.outbox = OutboxTable(engine, now)
        """The messages for devices that are not confirmed."""
        self.issues = Issues(engine, now)
        """Dossiers: what they rest on, which are owed, and their versions."""
        self.flags = Flags(self.transaction, now)
        """What rules of the sites speak against."""

    @classmethod
    def open(
        cls,
        url: str,
        *,
        create: bool = True,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        aside: Aside = Aside(),
    ) -> Self:
        """Connect to the database `url` names, making the tables where there are none and `create`.

        Raises Misconfigured (URL, foreign or newer tables), UnreadableInput (no file, and not to `create`), Unavailable
        (no answer), StorageFailed (no directory).
        """
        engine = connect(parse(url))
        try:
            prepare(engine, create=create)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, now, aside)

    @property
    def where(self) -> str:
        """The database, for a person: without its password."""
        return shown(self.engine.url)

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def answers(self) -> None:
        """Ask the database for nothing. Raises Unavailable when it does not answer."""
        with reported(self.engine.url), self.engine.begin() as transaction:
            transaction.execute(select(1))

    def apply(self, event: Event | Unfit) -> Applying:
        """Apply `event` or refuse it, in one transaction, if it is its turn among those of its device.

        Raises Unavailable: then nothing was done, and it may be tried again. It is SiteFault where a trigger or table
        of the site's own is the reason: then it is this event alone.
        """
        with reported(self.engine.url), self.engine.begin() as transaction:
            return handle(transaction, event, self._now)

    def review(self, review: Review) -> Applied | Duplicate:
        """Keep what a device says of an utterance that it has put aside. Raises Unavailable."""
        with reported(self.engine.url), self.engine.begin() as transaction:
            return keep(transaction, review, self._now())

    def reviews(self, *, every: bool = False) -> list[Review]:
        """What waits for a person on the devices, the oldest first; with `every`, what was decided too."""
        with reported(self.engine.url), self._reads.begin() as transaction:
            return load_reviews(transaction, every=every)

    def catalogue(self, site: str, forms: Path | None = None) -> SiteCatalogue:
        """The master data of a site. `forms` is where those are that its words are held against."""
        return SiteCatalogue(site, self.transaction, self._now, forms)

    def keep_rejected(self, payload: bytes, topic: str, reason: str) -> None:
        """Put aside a message that cannot be answered, for as long as there is room. Raises Unavailable."""
        now = self._now()
        put = {"payload": payload[: self._aside.message], "topic": topic[:SHOWN], "reason": reason, "received_at": now}
        with reported(self.engine.url), self.engine.begin() as transaction:
            transaction.execute(insert(rejected).values(put))
            transaction.execute(delete(rejected).where(rejected.c.received_at < now - self._aside.kept))
            newer = func.sum(func.length(rejected.c.payload) + ROW).over(order_by=rejected.c.id.desc())
            sized = select(rejected.c.id, newer.label("size")).subquery()
            beyond = select(sized.c.id).where(sized.c.size > self._aside.bytes)
            transaction.execute(delete(rejected).where(rejected.c.id.in_(beyond)))

    def rows(self, limit: int | None = None) -> list[Row]:
        """The latest `limit` entries in the order in which they came; all without a limit."""
        latest = (
            select(entries, events.c.sequence, events.c.received_at)
            .join(events, events.c.event_id == entries.c.event_id)
            .order_by(events.c.arrival.desc(), events.c.event_id.desc())
            .limit(limit)
        )
        with reported(self.engine.url), self._reads.begin() as transaction:
            found = transaction.execute(latest).mappings().all()
        return [_row(mapping) for mapping in reversed(found)]

    def progress(self) -> list[Progress]:
        """How far the events of each device have come, by site and name."""
        with reported(self.engine.url), self._reads.begin() as transaction:
            found = transaction.execute(select(devices).order_by(devices.c.site, devices.c.device)).mappings().all()
        return [Progress(**{name: row[name] for name in Progress.__dataclass_fields__}) for row in found]

    def trail(self, site: str, device: str, upto: int) -> Iterator[Came]:
        """The events of a device as they came, in the order of their number, to number `upto`. Raises Unavailable."""
        return trail(self._reads, site, device, upto)

    def strays(self, site: str, device: str, upto: int) -> Strays:
        """What is under a device's name beside its trail to number `upto`. Raises Unavailable."""
        return strays(self._reads, site, device, upto)

    def names(self) -> set[tuple[str, str]]:
        """Site and name of every device that anything in the tables is of. Raises Unavailable."""
        return names(self._reads)

    def count(self) -> Counts:
        """What is in the tables, at one moment."""
        states = select(entries.c.state, func.count().label("number")).group_by(entries.c.state)
        # What an operator said becomes one entry; an amendment may well go back to the same utterance.
        beyond_first = func.count() - func.count(distinct(entries.c.utterance_id))
        with reported(self.engine.url), self._reads.begin() as transaction:
            by_state = {row.state: int(row.number) for row in transaction.execute(states)}
            return Counts(
                rows=by_state.get("current", 0),
                amended=by_state.get("amended", 0),
                cancelled=by_state.get("cancelled", 0),
                events=_one(transaction, select(func.count()).select_from(events)),
                repeated=_one(transaction, select(beyond_first).where(entries.c.replaces.is_(None))),
                refused=_one(transaction, select(func.count()).select_from(refused)),
                rejected=_one(transaction, select(func.count()).select_from(rejected)),
            )


def _row(found: RowMapping) -> Row:
    return Row(**{name: found[name] for name in Row.__dataclass_fields__})


def _one(transaction: Connection, statement: Any) -> int:
    return int(transaction.execute(statement).scalar_one())
