"""Stock moves: what an entry adds."""

from __future__ import annotations

from inventory.records import Event
from inventory.store.stock import make_added_move
from tests.dictated import INSTANCE
from tests.rows import each_of
from tests.sayings import NOON


@each_of(
    ("fields", "adds"),
    [
        ({"pallet_id": "742", "quantity": 12, "uom": "CS"}, True),
        ({"pallet_id": "742", "quantity": 12, "uom": "CS", "exception": "wet"}, True),
        ({"pallet_id": "742", "quantity": 12, "uom": "CS", "exception": "refused"}, False),  # nothing of it was taken
        ({"trailer": "5501", "sealed": True}, False),
    ],
)
def test_an_entry_adds_what_was_taken_in(fields: dict[str, str | int], adds: bool) -> None:
    event = Event("e1", "north", "dock-3", 1, "recorded", "receive", "u1", NOON, None, b"{}", fields, INSTANCE)
    assert (make_added_move(event, NOON, 1) is not None) is adds
