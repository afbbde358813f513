"""The inventory's database: its operations, each one transaction, and its queries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, delete, distinct, func, insert, select

from dockvoice_protocol.events import SHOWN
from inventory.clips.clips import ClipStore
from inventory.dossier.issues import DossierVersions
from inventory.ingest.applying import handle_event
from inventory.ingest.batch import BatchApplier
from inventory.queries.trail import StrayRows, TrailEvent, count_strays, load_all_named_devices, load_trail
from inventory.records import Applied, DeviceProgress, Duplicate, Event, InvalidEvent, Outcome, Row, TableCounts
from inventory.reviews.flags import Flags
from inventory.reviews.reviews import Review, load_reviews, store_review_and_settle_decision
from inventory.site.catalogue import SiteCatalogue
from inventory.site.expected import StoredList, load_lists
from inventory.store.database import begin, connect, create_migrate_or_check, format_url, parse_url, read_only_engine
from inventory.store.kafka_outbox import KafkaOutbox, insert_applied
from inventory.store.outbox import OutboxTable
from inventory.store.statuses import Statuses
from inventory.store.tables import devices, entries, events, refused, rejected

ROW = 500  # Most bytes of a `rejected` row besides its payload, so that a million empty messages are limited too.


@dataclass(frozen=True, slots=True)
class RejectedLimits:
    """Limits of the table of rejected messages."""

    message: int = 256_000  # Bytes of one message.
    bytes: int = 50_000_000  # Bytes in total; the oldest are deleted.
    kept: timedelta = timedelta(days=30)


_ASIDE = RejectedLimits()


class Store:
    """The inventory's database operations. Safe for several threads and processes."""

    def __init__(
        self, engine: Engine, now: Callable[[], datetime], aside: RejectedLimits = _ASIDE, *, feeds_kafka: bool = False
    ) -> None:
        """With `feeds_kafka`, each event that is applied enters the outbox to Kafka."""
        self.engine = engine  # The engine: one in a process, also for other tables in the same database.
        self.transaction = partial(begin, engine)  # One transaction; raises Unavailable.
        self._reads = read_only_engine(engine)
        self._aside = aside
        self._feeds_kafka = feeds_kafka
        self._now = now
        self.clips = ClipStore(engine, now)  # Recordings and requests to listen.
        self.batches = BatchApplier(engine, now, feeds_kafka=feeds_kafka)  # Applies events in batches.
        self.statuses = Statuses(engine, now)
        self.outbox = OutboxTable(engine, now)  # The messages for devices that are not confirmed.
        self.kafka_outbox = KafkaOutbox(engine)  # The applied events that are not yet written to Kafka.
        self.issues = DossierVersions(engine, now)  # Versions of dossiers.
        self.flags = Flags(self.transaction, now)  # Flags raised by rules of the sites.

    @classmethod
    def open(
        cls,
        url: str,
        *,
        create: bool = True,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        aside: RejectedLimits = RejectedLimits(),
        feeds_kafka: bool = False,
    ) -> Self:
        """Connect to the database at `url`; with `create`, create or migrate its tables.

        With `feeds_kafka`, each event that is applied enters the outbox to Kafka.

        Raises Misconfigured (URL, foreign or newer tables), UnreadableInput (no file, without `create`), Unavailable
        (no answer), StorageFailed (no directory).
        """
        engine = connect(parse_url(url))
        try:
            create_migrate_or_check(engine, create=create)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, now, aside, feeds_kafka=feeds_kafka)

    @property
    def where(self) -> str:
        """The database's URL for messages, without its password."""
        return format_url(self.engine.url)

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()

    def ping(self) -> None:
        """Raise Unavailable if the database does not answer."""
        with self.transaction() as transaction:
            transaction.execute(select(1))

    def apply(self, event: Event | InvalidEvent) -> Outcome:
        """Apply or refuse `event` in one transaction, if it is the device's next.

        Raises Unavailable: then nothing was done, and it may be retried. The subclass SiteFault means a trigger or
        table of the site's own rejects this event alone.
        """
        with self.transaction() as transaction:
            became = handle_event(transaction, event, self._now)
            if self._feeds_kafka:
                insert_applied(transaction, [(event, became)])
        return became

    def review(self, review: Review) -> Applied | Duplicate:
        """Store a device's message about an utterance under review. Raises Unavailable."""
        with self.transaction() as transaction:
            return store_review_and_settle_decision(transaction, review, self._now())

    def reviews(self, *, every: bool = False) -> list[Review]:
        """Open reviews, the oldest first; with `every`, decided ones too."""
        with begin(self._reads) as transaction:
            return load_reviews(transaction, every=every)

    def expected_lists(self) -> list[StoredList]:
        """The latest published list of each trailer and door."""
        with begin(self._reads) as transaction:
            return load_lists(transaction)

    def catalogue(self, site: str, forms: Path | None = None) -> SiteCatalogue:
        """The master data of a site. `forms`: the directory of forms to check its words against."""
        return SiteCatalogue(site, self.transaction, self._now, forms)

    def keep_rejected(self, payload: bytes, topic: str, reason: str) -> None:
        """Store a message that cannot be answered, and delete what exceeds the limits. Raises Unavailable."""
        now = self._now()
        put = {"payload": payload[: self._aside.message], "topic": topic[:SHOWN], "reason": reason, "received_at": now}
        with self.transaction() as transaction:
            transaction.execute(insert(rejected).values(put))
            transaction.execute(delete(rejected).where(rejected.c.received_at < now - self._aside.kept))
            newer = func.sum(func.length(rejected.c.payload) + ROW).over(order_by=rejected.c.id.desc())
            sized = select(rejected.c.id, newer.label("size")).subquery()
            beyond = select(sized.c.id).where(sized.c.size > self._aside.bytes)
            transaction.execute(delete(rejected).where(rejected.c.id.in_(beyond)))

    def rows(self, limit: int | None = None) -> list[Row]:
        """The latest `limit` entries in the order of arrival; all without a limit."""
        latest = (
            select(entries, events.c.sequence, events.c.received_at)
            .join(events, events.c.event_id == entries.c.event_id)
            .order_by(events.c.arrival.desc(), events.c.event_id.desc())
            .limit(limit)
        )
        with begin(self._reads) as transaction:
            found = transaction.execute(latest).mappings().all()
        return [Row(**{name: one[name] for name in Row.__dataclass_fields__}) for one in reversed(found)]

    def progress(self) -> list[DeviceProgress]:
        """How far each device's events are handled, by site and name."""
        with begin(self._reads) as transaction:
            found = transaction.execute(select(devices).order_by(devices.c.site, devices.c.device)).mappings().all()
        return [DeviceProgress(**{name: row[name] for name in DeviceProgress.__dataclass_fields__}) for row in found]

    def load_trail(self, site: str, device: str, upto: int) -> Iterator[TrailEvent]:
        """The events of a device, in the order of their numbers, to number `upto`. Raises Unavailable."""
        return load_trail(self._reads, site, device, upto)

    def count_strays(self, site: str, device: str, upto: int) -> StrayRows:
        """The rows under a device's name outside of its events to number `upto`. Raises Unavailable."""
        return count_strays(self._reads, site, device, upto)

    def load_device_names(self) -> set[tuple[str, str]]:
        """Site and name of every device named in any row. Raises Unavailable."""
        return load_all_named_devices(self._reads)

    def count(self) -> TableCounts:
        """Count the rows of the tables in one snapshot."""
        states = select(entries.c.state, func.count().label("number")).group_by(entries.c.state)
        # An utterance makes one entry; an amendment may refer to the same utterance.
        beyond_first = func.count() - func.count(distinct(entries.c.utterance_id))
        with begin(self._reads) as transaction:
            by_state = {row.state: int(row.number) for row in transaction.execute(states)}
            return TableCounts(
                rows=by_state.get("current", 0),
                amended=by_state.get("amended", 0),
                cancelled=by_state.get("cancelled", 0),
                events=_scalar(transaction, select(func.count()).select_from(events)),
                repeated=_scalar(transaction, select(beyond_first).where(entries.c.replaces.is_(None))),
                refused=_scalar(transaction, select(func.count()).select_from(refused)),
                rejected=_scalar(transaction, select(func.count()).select_from(rejected)),
            )


def _scalar(transaction: Connection, statement: Any) -> int:
    return int(transaction.execute(statement).scalar_one())
