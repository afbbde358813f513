"""What a site puts beside our tables, and which journal an event comes from: neither makes an entry a dead end."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from sqlalchemy import text

from inventory.records import Applied, Early, Outcome, Refused
from inventory.repository import Store
from inventory.store.database import SiteFault
from tests.dictated import recorded
from tests.store import Read

STOCK = "CREATE TABLE stock (sku TEXT PRIMARY KEY, n INTEGER NOT NULL)"
TRIGGERS = {
    "a key of its own": ("INSERT INTO stock VALUES ('one', 1);", "INSERT INTO stock VALUES ('one', 1);"),
    "a column that must not be empty": (
        *("INSERT INTO stock VALUES (NEW.event_id, NULL);", "INSERT INTO stock VALUES (NEW.event_id, NULL);"),
    ),
    "a table that is not there": ("INSERT INTO gone VALUES (1);", "INSERT INTO gone VALUES (1);"),
    "its own word": ("SELECT RAISE(ABORT, 'not on my watch');", "RAISE EXCEPTION 'not on my watch';"),
    "arithmetic": ("SELECT RAISE(FAIL, 'division');", "PERFORM 1 / (SELECT 0);"),
}
"""By what fails: the body of a trigger on `entries` for SQLite, and for PostgreSQL."""


def execute(store: Store, *statements: str) -> None:
    with store.engine.begin() as transaction:
        for statement in statements:
            transaction.execute(text(statement))


def put_trigger(store: Store, body: str) -> None:
    if store.engine.dialect.name == "sqlite":
        execute(store, f"CREATE TRIGGER sites AFTER INSERT ON entries BEGIN {body} END")
        return
    execute(
        store,
        f"CREATE FUNCTION sites() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NEW; END $$",
        "CREATE TRIGGER sites AFTER INSERT ON entries FOR EACH ROW EXECUTE FUNCTION sites()",
    )


def mend(store: Store) -> None:
    sqlite = store.engine.dialect.name == "sqlite"
    execute(store, "DROP TRIGGER sites" if sqlite else "DROP TRIGGER sites ON entries")


@pytest.mark.parametrize("which", TRIGGERS)
def test_a_fault_of_a_sites_trigger_refuses_nothing(store: Store, event: Read, which: str) -> None:
    execute(store, STOCK, "INSERT INTO stock VALUES ('one', 1)")
    put_trigger(store, TRIGGERS[which][store.engine.dialect.name != "sqlite"])
    for _ in range(2):
        with pytest.raises(SiteFault, match="mend the trigger, table or rule of yours that says so"):
            store.apply(event(recorded(1)))
    assert (store.count().events, store.count().refused, store.count().rejected) == (0, 0, 0)
    mend(store)
    assert store.apply(event(recorded(1))) == Applied()


def test_a_rule_of_the_sites_on_our_table_refuses_nothing(store: Store, event: Read) -> None:
    if store.engine.dialect.name == "sqlite":
        execute(store, "CREATE UNIQUE INDEX sites ON entries (operator)")
    else:
        execute(store, "ALTER TABLE entries ADD CONSTRAINT sites UNIQUE (operator) DEFERRABLE INITIALLY DEFERRED")
    store.apply(event(recorded(1)))
    with pytest.raises(SiteFault):
        store.apply(event(recorded(2)))
    execute(
        store,
        "DROP INDEX sites" if store.engine.dialect.name == "sqlite" else "ALTER TABLE entries DROP CONSTRAINT sites",
    )
    assert store.apply(event(recorded(2))) == Applied()


def rejected(store: Store) -> list[tuple[str, str, bytes]]:
    with store.engine.begin() as transaction:
        return [tuple(row) for row in transaction.execute(text("SELECT topic, reason, payload FROM rejected"))]


def test_a_copy_of_what_takes_no_number_is_kept_with_its_reason_once(store: Store, event: Read) -> None:
    store.apply(event(recorded(1)))
    again = event(recorded(2) | {"sequence": "1"})
    changed = event(recorded(1, quantity=13))
    for _ in range(3):
        assert store.apply(again) == Refused(("sequence_reused",))
        assert store.apply(changed) == Refused(("conflicting_event",))
    assert rejected(store) == [
        ("north/dock-3", "refused: sequence_reused", again.body),
        ("north/dock-3", "refused: conflicting_event", changed.body),
    ]


def of(instance: str, numbers: Iterable[int]) -> list[dict[str, object]]:
    return [recorded(number) | {"instance": instance} for number in numbers]


A, B, C = "1-000000000000000a", "2-000000000000000b", "2-000000000000000c"


@pytest.mark.parametrize(
    ("lives", "last"),
    [
        ([of(A, [1]), of(B, [2]), of(B, [3])], Applied()),
        ([of(A, [1]), of(B, [2]), of(A, [3])], Refused(("another_instance",))),
        ([of(A, [1]), of(B, [2]), of(C, [3])], Refused(("another_instance",))),
        ([of(A, [1]), of(B, [2]), of(C, [9])], Refused(("another_instance",))),
        ([of(A, [1]), of(B, [2]), of(B, [9])], Early(expected=3)),
    ],
)
def test_only_the_journal_that_went_on_last_goes_on(
    store: Store, event: Read, lives: list[list[dict[str, object]]], last: Outcome
) -> None:
    *before, told = [store.apply(event(message)) for life in lives for message in life]
    assert before == [Applied()] * len(before)
    assert told == last


def test_what_a_copy_says_takes_no_number_from_the_journal_that_goes_on(store: Store, event: Read) -> None:
    outcomes = [store.apply(event(one)) for one in (*of(B, [1, 2]), *of(C, [3, 4]), *of(B, [3]))]
    refused = Refused(("another_instance",))
    assert outcomes == [Applied(), Applied(), refused, refused, Applied()]
    assert [reason for _, reason, _ in rejected(store)] == ["refused: another_instance"] * 2
    assert store.progress()[0].handled == 3


def test_a_receipt_knows_how_far_the_device_has_come(store: Store, event: Read) -> None:
    told: Callable[[Outcome], object] = lambda became: getattr(became, "handled", None)  # noqa: E731
    first, second = event(recorded(1)), event(recorded(2))
    assert [told(store.apply(one)) for one in (first, second, first)] == [1, 2, 2]
    assert told(store.apply(event(recorded(3) | {"sequence": "1"}))) == 2
    assert told(store.apply(event(recorded(9)))) is None
