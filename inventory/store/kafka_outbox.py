"""The outbox to Kafka: a row for each applied event that is not yet written to the topic `kafka.applied`.

A row is inserted in the transaction that applies its event, and deleted when Kafka has acknowledged the record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter

from sqlalchemy import Connection, Engine, delete, func, select

from inventory.records import Applied, HandledEvent
from inventory.store.database import begin, read_only_engine
from inventory.store.many import insert_rows
from inventory.store.tables import events, kafka_outbox


@dataclass(frozen=True, slots=True)
class UnwrittenEvent:
    """An applied event that is to be written."""

    id: int  # Its row's.
    event_id: str
    key: str  # SITE/DEVICE.
    body: str | None = field(repr=False)  # None: deleted since, with its month.


def insert_applied(transaction: Connection, handled: Iterable[HandledEvent]) -> None:
    """Insert the events of these that were applied, those of a device in the order of their numbers."""
    applied = sorted((one for one, became in handled if isinstance(became, Applied)), key=attrgetter("sequence"))
    insert_rows(transaction, kafka_outbox, [{"event_id": one.event_id} for one in applied])


class KafkaOutbox:
    """The outbox for who writes to Kafka. Each method is one transaction, and raises Unavailable."""

    def __init__(self, engine: Engine) -> None:
        self._transaction = partial(begin, engine)
        self._look = partial(begin, read_only_engine(engine))

    def load_first(self, most: int) -> list[UnwrittenEvent]:
        """The first events that are to be written, in the order in which they are."""
        wanted = select(kafka_outbox.c.id, kafka_outbox.c.event_id, events.c.site, events.c.device, events.c.body)
        wanted = wanted.outerjoin_from(kafka_outbox, events, events.c.event_id == kafka_outbox.c.event_id)
        with self._look() as transaction:
            rows = transaction.execute(wanted.order_by(kafka_outbox.c.id).limit(most)).all()
        return [UnwrittenEvent(row.id, row.event_id, f"{row.site}/{row.device}", row.body) for row in rows]

    def delete(self, ids: Sequence[int]) -> None:
        """Delete what Kafka has."""
        with self._transaction() as transaction:
            transaction.execute(delete(kafka_outbox).where(kafka_outbox.c.id.in_(ids)))

    def length(self) -> int:
        """How many events are to be written, at most."""
        with self._look() as transaction:
            first, last = transaction.execute(select(func.min(kafka_outbox.c.id), func.max(kafka_outbox.c.id))).one()
        return 0 if first is None else last - first + 1
