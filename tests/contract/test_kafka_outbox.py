"""What is applied is to be written to Kafka, from the same transaction on until it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import delete

from edge.deliver.device_events import withheld_event
from inventory.repository import Store
from inventory.store.tables import entries, events
from tests.dictated import recorded
from tests.store import Read


@pytest.fixture
def feeding(url: str) -> Iterator[Store]:
    """A store whose applied events go to Kafka."""
    with closing(Store.open(url, feeds_kafka=True)) as store:
        yield store


def unwritten(store: Store) -> list[str]:
    """The number of each event that is to be written."""
    return [json.loads(one.body)["sequence"] for one in store.kafka_outbox.load_first(99) if one.body]


def test_each_applied_event_is_to_be_written_once_in_its_devices_order(feeding: Store, event: Read) -> None:
    first, second, third, fourth = (event(recorded(number)) for number in (1, 2, 3, 4))
    feeding.apply(first)
    feeding.apply(first)
    feeding.batches.try_apply_all([fourth, fourth], hold=True)
    assert unwritten(feeding) == ["1"]
    feeding.batches.try_apply_all([third, second, first], hold=True)
    assert unwritten(feeding) == ["1", "2", "3", "4"]
    assert {one.key for one in feeding.kafka_outbox.load_first(99)} == {"north/dock-3"}
    feeding.kafka_outbox.delete([one.id for one in feeding.kafka_outbox.load_first(3)])
    assert unwritten(feeding) == ["4"]
    assert feeding.kafka_outbox.length() == 1


def test_what_left_the_reorder_buffer_and_what_was_withheld_first_are_to_be_written(
    feeding: Store, event: Read
) -> None:
    second = event(recorded(2))
    feeding.batches.try_apply_all([second], hold=True)
    feeding.apply(event(withheld_event(recorded(1), "packet too large")))
    feeding.apply(event(recorded(1)))
    assert unwritten(feeding) == ["1", "1"]
    feeding.batches.drop_expired_and_apply_due(timedelta(minutes=1))
    assert unwritten(feeding) == ["1", "1", "2"]


def test_nothing_is_kept_where_nothing_is_written_and_what_is_gone_can_be_deleted(
    url: str, feeding: Store, event: Read
) -> None:
    with closing(Store.open(url)) as other:
        other.apply(event(recorded(1)))
        other.batches.try_apply_all([event(recorded(2))])
    assert feeding.kafka_outbox.length() == 0
    feeding.apply(event(recorded(3)))
    with feeding.transaction() as transaction:
        transaction.execute(delete(entries))
        transaction.execute(delete(events))  # as where its month was dropped
    (gone,) = feeding.kafka_outbox.load_first(99)
    assert gone.body is None
    feeding.kafka_outbox.delete([gone.id])
    assert feeding.kafka_outbox.length() == 0
