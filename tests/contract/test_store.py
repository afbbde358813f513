"""What every store of the inventory keeps to, on SQLite and on PostgreSQL alike: applied once, whole, or not at all."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from sqlalchemy import delete, inspect, text
from sqlalchemy.exc import OperationalError

from edge.deliver.events import Topics, withheld
from edge.errors import Misconfigured, StorageFailed, Unavailable, UnreadableInput
from inventory.applying import handle
from inventory.forms import load_forms
from inventory.judge import Sound, judge
from inventory.records import Applied, Applying, Counts, Duplicate, Early, Event, Refused, Unfit
from inventory.store import Store
from inventory.tables import entries, events
from tests.dictated import amended, cancelled, identity, payload, recorded
from tests.postgresql import PostgreSQL


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'inventory.db'}"
    else:
        cluster: PostgreSQL = request.getfixturevalue("postgresql")
        with cluster.database() as url:
            yield url


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with closing(Store.open(url)) as opened:
        yield opened


@pytest.fixture(scope="session")
def event(repository: Path) -> Callable[[dict[str, Any]], Event]:
    """What the consumer makes of a message."""
    forms = load_forms(repository / "schemas" / "forms")

    def read(message: dict[str, Any]) -> Event:
        site, device = message["source"].split("/")[2::2]
        judged = judge(payload(message), Topics("dockvoice", site, device).entries, "dockvoice", forms)
        assert isinstance(judged, Sound), judged
        return judged.event

    return read


Read = Callable[[dict[str, Any]], Event]


def test_an_event_becomes_one_row_with_its_leading_zeros(store: Store, event: Read) -> None:
    assert store.apply(event(recorded(1))) == Applied()

    (row,) = store.rows()
    assert (row.event_id, row.site, row.device, row.sequence) == (identity(1, 1), "north", "dock-3", 1)
    assert row.fields == {"pallet_id": "0742", "quantity": 12, "dock": "B"}
    assert row.recorded_at == datetime(2026, 11, 20, 7, 15, 2, 417_000, UTC)
    assert (row.operator, row.state, row.replaces) == ("op-17", "current", None)


def test_the_same_event_again_changes_nothing(store: Store, event: Read) -> None:
    store.apply(event(recorded(1)))
    assert store.apply(event(recorded(1))) == Duplicate()
    assert store.count() == Counts(rows=1, amended=0, cancelled=0, events=1, repeated=0, refused=0, rejected=0)


def test_other_blanks_make_no_other_event(store: Store, event: Read) -> None:
    first = event(recorded(1))
    store.apply(first)
    assert store.apply(replace(first, body=first.body.replace(b',"', b', "'))) == Duplicate()


def test_other_content_under_a_known_id_is_refused(store: Store, event: Read) -> None:
    store.apply(event(recorded(1)))
    assert store.apply(event(recorded(1, quantity=13))) == Refused(("conflicting_event",))
    assert [row.fields["quantity"] for row in store.rows()] == [12]


def test_a_number_that_a_device_used_before_is_refused(store: Store, event: Read) -> None:
    store.apply(event(recorded(1)))
    assert store.apply(event(recorded(2) | {"sequence": "1"})) == Refused(("sequence_reused",))
    assert store.count().events == 1


def test_each_device_counts_for_itself(store: Store, event: Read) -> None:
    assert store.apply(event(recorded(1))) == Applied()
    assert store.apply(event(recorded(1, at=("north", "dock-4")))) == Applied()


def test_an_amendment_takes_the_place_of_the_entry(store: Store, event: Read) -> None:
    store.apply(event(recorded(1)))
    assert store.apply(event(amended(2, 1, quantity=15))) == Applied()

    old, new = store.rows()
    assert (old.state, old.fields["quantity"]) == ("amended", 12)
    assert (new.state, new.fields["quantity"], new.replaces) == ("current", 15, old.event_id)


def test_a_cancellation_leaves_the_entry_on_record_but_not_standing(store: Store, event: Read) -> None:
    store.apply(event(recorded(1)))
    assert store.apply(event(cancelled(2, 1))) == Applied()
    assert store.count() == Counts(rows=0, amended=0, cancelled=1, events=2, repeated=0, refused=0, rejected=0)


def test_an_amendment_can_itself_be_amended_and_cancelled(store: Store, event: Read) -> None:
    for message in (recorded(1), amended(2, 1), amended(3, 2), cancelled(4, 3)):
        assert store.apply(event(message)) == Applied()
    assert [row.state for row in store.rows()] == ["amended", "amended", "cancelled"]


@pytest.mark.parametrize("change", [amended, cancelled])
def test_a_change_sent_again_is_a_duplicate(store: Store, event: Read, change: Any) -> None:
    store.apply(event(recorded(1)))
    store.apply(event(change(2, 1)))
    assert store.apply(event(change(2, 1))) == Duplicate()


@pytest.mark.parametrize("change", [amended, cancelled])
def test_a_change_of_what_is_not_there_is_refused_and_changes_nothing(store: Store, event: Read, change: Any) -> None:
    assert store.apply(event(change(1, 9))) == Refused(("unknown_event",))
    assert store.count() == Counts(rows=0, amended=0, cancelled=0, events=0, repeated=0, refused=1, rejected=0)


def test_no_device_changes_what_another_recorded(store: Store, event: Read) -> None:
    store.apply(event(recorded(1)))
    theirs = cancelled(1, 1, at=("north", "dock-4"))
    theirs["data"]["cancels"] = identity(1, 1)
    assert store.apply(event(theirs)) == Refused(("unknown_event",))
    assert [row.state for row in store.rows()] == ["current"]


@pytest.mark.parametrize(("first", "reason"), [(amended, "already_amended"), (cancelled, "already_cancelled")])
def test_what_no_longer_stands_cannot_be_changed(store: Store, event: Read, first: Any, reason: str) -> None:
    store.apply(event(recorded(1)))
    store.apply(event(first(2, 1)))
    assert store.apply(event(amended(3, 1))) == Refused((reason,))


def test_what_no_database_can_hold_is_refused_rather_than_tried_for_ever(store: Store, event: Read) -> None:
    assert store.apply(replace(event(recorded(1)), operator="\ud800")) == Refused(("unstorable",))
    assert store.apply(event(recorded(2))) == Applied()
    assert (store.count().events, store.count().refused) == (1, 1)


def test_what_cannot_be_answered_is_kept_byte_for_byte(store: Store) -> None:
    store.keep_rejected(b"\x00\xff{", "dockvoice/north/dock-3/entries", "is not JSON")
    assert store.count().rejected == 1
    with store._engine.begin() as transaction:
        assert transaction.execute(text("SELECT payload FROM rejected")).scalar_one() == b"\x00\xff{"


def test_rows_are_the_latest_in_the_order_in_which_they_came(store: Store, event: Read) -> None:
    for number in range(1, 6):
        store.apply(event(recorded(number)))
    assert [row.sequence for row in store.rows(limit=3)] == [3, 4, 5]
    assert [row.sequence for row in store.rows()] == [1, 2, 3, 4, 5]


def test_rows_stand_in_the_order_in_which_they_came_however_the_clock_is_set(url: str, event: Read) -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    steps = iter(noon + timedelta(days=days) for days in (0, 0, 1, 1, -1, -1, 0, 0))
    sent = (recorded(1), recorded(1, at=("north", "dock-4")), recorded(2), recorded(2, at=("north", "dock-4")))
    with closing(Store.open(url, now=lambda: next(steps, noon))) as store:
        assert [store.apply(event(message)) for message in sent] == [Applied()] * 4
        came = [(row.device, row.sequence) for row in store.rows()]
        assert came == [("dock-3", 1), ("dock-4", 1), ("dock-3", 2), ("dock-4", 2)]
        assert [(row.device, row.sequence) for row in store.rows(limit=1)] == came[-1:]
        assert [row.received_at for row in store.rows()] != sorted(row.received_at for row in store.rows())


def test_a_server_that_counts_arrivals_anew_refuses_nothing(postgresql: PostgreSQL, event: Read) -> None:
    with postgresql.database() as url, closing(Store.open(url)) as store:
        store.apply(event(recorded(1)))
        with store._engine.begin() as transaction:
            transaction.execute(text("ALTER SEQUENCE event_arrivals RESTART"))
        assert store.apply(event(recorded(2))) == Applied()


def test_two_entries_of_one_utterance_are_counted_as_repeated(store: Store, event: Read) -> None:
    store.apply(event(recorded(1)))
    store.apply(replace(event(recorded(2)), utterance_id=identity(2, 1)))
    assert store.count().repeated == 1


PAUSE_S = 0.002
"""After each event, as a device pauses too: SQLite's one connection goes to whoever asks first, not to whoever has
waited longest, so a thread that asks without a pause keeps the others out until their patience (30 s) ends."""

GIVING_UP_S = 120
"""One whose predecessor failed is early for ever; that has to end as a failure and not as a hanging test."""


def applied(store: Store, one: Event) -> Applying:
    became = store.apply(one)
    sleep(PAUSE_S)
    return became


def in_turn(store: Store, messages: list[Event]) -> Counter[str]:
    """Send all again and again, as a device does, until none is early; what became of them."""
    outcomes: Counter[str] = Counter()
    last_try = monotonic() + GIVING_UP_S
    while messages:
        became = {one.event_id: applied(store, one) for one in messages}
        messages = [one for one in messages if isinstance(became[one.event_id], Early)]
        outcomes.update(type(one).__name__ for one in became.values())
        assert not messages or monotonic() < last_try, f"still early: {[one.sequence for one in messages]}"
    del outcomes["Early"]
    return outcomes


def test_eight_threads_in_two_consumers_apply_the_same_events_once_and_in_order(
    url: str, store: Store, event: Read
) -> None:
    sent = [event(recorded(number)) for number in range(1, 201)]

    def apply_all(number: int) -> Counter[str]:
        # Each begins elsewhere, so that they meet at every event from both sides.
        return in_turn(other if number % 2 else store, sent[number * 25 :] + sent[: number * 25])

    with closing(Store.open(url)) as other, ThreadPoolExecutor(8) as threads:
        outcomes = sum(threads.map(apply_all, range(8)), Counter[str]())

    assert outcomes == {"Applied": 200, "Duplicate": 7 * 200}
    assert [row.sequence for row in store.rows()] == list(range(1, 201))


def test_of_two_changes_at_once_the_first_is_applied(store: Store, event: Read) -> None:
    store.apply(event(recorded(1)))
    changes = [[event(amended(number, 1))] for number in range(2, 10)]
    with ThreadPoolExecutor(8) as threads:
        outcomes = sum(threads.map(partial(in_turn, store), changes), Counter[str]())
    assert outcomes == {"Applied": 1, "Refused": 7}
    assert [row.sequence for row in store.rows()] == [1, 2]
    assert store.count() == Counts(rows=1, amended=1, cancelled=0, events=2, repeated=0, refused=7, rejected=0)


def test_events_are_applied_in_the_order_of_their_number_or_not_yet(store: Store, event: Read) -> None:
    assert store.apply(event(recorded(3))) == Early(expected=1)
    assert store.count().events == 0
    outcomes = [store.apply(event(recorded(number))) for number in (1, 3, 2, 5, 3)]
    assert outcomes == [Applied(), Early(expected=2), Applied(), Early(expected=3), Applied()]
    assert [row.sequence for row in store.rows()] == [1, 2, 3]


def test_a_refusal_takes_its_turn_and_is_the_same_for_ever(store: Store, event: Read) -> None:
    unfit = Unfit(identity(1, 2), "north", "dock-3", 2, b"{}", ("unknown_form:goods-in",))
    assert store.apply(unfit) == Early(expected=1)
    store.apply(event(recorded(1)))
    assert store.apply(unfit) == Refused(("unknown_form:goods-in",))
    assert store.apply(event(recorded(3))) == Applied()
    assert store.apply(event(recorded(2))) == Refused(("unknown_form:goods-in",)), "no second look"
    assert store.count() == Counts(rows=2, amended=0, cancelled=0, events=2, repeated=0, refused=1, rejected=0)


def test_what_was_applied_stays_so_when_its_form_has_become_narrower(store: Store, event: Read) -> None:
    whole = event(recorded(1))
    store.apply(whole)
    narrower = Unfit(whole.event_id, "north", "dock-3", 1, whole.body, ("invalid:/quantity: breaks maximum 9",))
    assert store.apply(narrower) == Duplicate()


def test_a_device_that_begins_anew_under_its_old_name_is_refused_until_a_person_steps_in(
    store: Store, event: Read
) -> None:
    for number in (1, 2):
        store.apply(event(recorded(number)))
    again = [event(recorded(number + 100) | {"sequence": str(number)}) for number in (1, 2)]
    assert [store.apply(one) for one in again] == [Refused(("sequence_reused",))] * 2
    assert store.count().refused == 0, "their numbers are taken: there is nothing to remember"


def test_an_id_of_another_device_is_refused_and_holds_nothing_up(store: Store, event: Read) -> None:
    store.apply(event(recorded(1)))
    theirs = event(recorded(1, at=("north", "dock-4")) | {"id": identity(1, 1)})
    assert store.apply(theirs) == Refused(("conflicting_event",))
    assert store.apply(event(recorded(2, at=("north", "dock-4")))) == Applied()


def test_no_device_can_refuse_in_advance_what_another_will_send(store: Store, event: Read) -> None:
    store.apply(Unfit(identity(1, 1), "north", "dock-4", 1, b"{}", ("wrong_source",)))
    assert store.apply(event(recorded(1))) == Applied()


def test_a_withheld_entry_takes_its_turn_and_makes_no_row(store: Store, event: Read) -> None:
    assert store.apply(event(withheld(recorded(1), "packet too large"))) == Applied()
    assert store.apply(event(withheld(recorded(1), "packet too large"))) == Duplicate()
    assert store.apply(event(recorded(2))) == Applied()
    assert [row.sequence for row in store.rows()] == [2]


def test_a_withheld_entry_that_follows_after_all_is_applied_late(store: Store, event: Read) -> None:
    for message in (recorded(1), withheld(amended(2, 1, quantity=15), "packet too large"), recorded(3)):
        store.apply(event(message))
    assert store.apply(event(amended(2, 1, quantity=15))) == Applied()
    assert store.apply(event(amended(2, 1, quantity=15))) == Duplicate()
    assert [(row.sequence, row.state) for row in store.rows()] == [(1, "amended"), (2, "current"), (3, "current")]


def test_a_withheld_entry_that_follows_too_late_changes_nothing(store: Store, event: Read) -> None:
    for message in (recorded(1), withheld(amended(2, 1), "packet too large"), cancelled(3, 1)):
        store.apply(event(message))
    assert store.apply(event(amended(2, 1))) == Refused(("already_cancelled",))
    assert store.count().cancelled == 1


def test_what_was_said_in_full_outweighs_that_it_is_withheld(store: Store, event: Read) -> None:
    store.apply(event(recorded(1)))
    assert store.apply(event(withheld(recorded(1), "packet too large"))) == Duplicate()
    assert len(store.rows()) == 1


def test_how_far_each_device_has_come(store: Store, event: Read) -> None:
    for message in (recorded(1), recorded(2), recorded(7), recorded(4), recorded(1, at=("south", "dock-1"))):
        store.apply(event(message))
    ours, theirs = store.progress()
    assert (ours.site, ours.device, ours.handled, ours.highest, ours.missing) == ("north", "dock-3", 2, 7, (3, 7))
    assert (theirs.site, theirs.device, theirs.handled, theirs.missing) == ("south", "dock-1", 1, None)
    assert ours.heard_at.tzinfo is UTC


def test_consumers_that_start_together_make_the_tables_once(url: str) -> None:
    with ThreadPoolExecutor(6) as threads:
        for opened in threads.map(lambda _: Store.open(url), range(6)):
            opened.close()
    with closing(Store.open(url, create=False)) as store:
        assert store.count().events == 0


PAUSED_IN_A_TRANSACTION = """
import pickle, sys, time
from inventory.applying import handle
from inventory.store import Store

store = Store.open(sys.argv[1])
with store._engine.begin() as transaction:
    handle(transaction, pickle.load(sys.stdin.buffer), store._now)
    print("handled", flush=True)
    time.sleep(60)
"""


def test_killed_in_a_transaction_nothing_is_half_applied(url: str, store: Store, event: Read) -> None:
    store.apply(event(recorded(1)))
    change = event(amended(2, 1))
    command = [sys.executable, "-c", PAUSED_IN_A_TRANSACTION, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        pickle.dump(change, child.stdin)
        child.stdin.close()
        assert child.stdout.readline() == b"handled\n"
        child.kill()

    assert store.count() == Counts(rows=1, amended=0, cancelled=0, events=1, repeated=0, refused=0, rejected=0)
    assert store.apply(change) == Applied()


def test_a_connection_lost_in_a_transaction_applies_nothing(postgresql: PostgreSQL, event: Read) -> None:
    with postgresql.database() as url, closing(Store.open(url)) as store:
        transaction = store._engine.connect()
        assert handle(transaction, event(recorded(1)), store._now) == Applied()
        pid = transaction.execute(text("SELECT pg_backend_pid()")).scalar_one()
        postgresql.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
        with pytest.raises(OperationalError):
            transaction.commit()
        transaction.close()
        assert store.count().events == 0
        assert store.apply(event(recorded(1))) == Applied()


def test_after_an_outage_the_same_store_goes_on(event: Read) -> None:
    with PostgreSQL() as own, closing(Store.open(own.url)) as store:
        store.apply(event(recorded(1)))
        own.stop()
        with pytest.raises(Unavailable, match=f"127.0.0.1:{own.port}"):
            store.apply(event(recorded(2)))
        with pytest.raises(Unavailable):
            store.answers()
        own.start()
        store.answers()
        assert store.apply(event(recorded(2))) == Applied()
        assert store.apply(event(recorded(1))) == Duplicate()


def test_a_server_that_answers_before_its_disk_did_is_told_not_to(postgresql: PostgreSQL) -> None:
    with postgresql.database() as url:
        postgresql.execute(f"ALTER DATABASE {url.rpartition('/')[2]} SET synchronous_commit = off")
        with closing(Store.open(url)) as store, store._engine.begin() as transaction:
            assert transaction.execute(text("SHOW synchronous_commit")).scalar_one() == "on"


def test_sqlite_waits_for_the_disk_at_every_commit(tmp_path: Path) -> None:
    with closing(Store.open(f"sqlite:///{tmp_path / 'i.db'}")) as store, store._engine.begin() as transaction:
        assert transaction.execute(text("PRAGMA synchronous")).scalar_one() == 2
        assert transaction.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert transaction.execute(text("PRAGMA foreign_keys")).scalar_one() == 1


def test_a_full_disk_applies_nothing_and_is_tried_again(tmp_path: Path, event: Read) -> None:
    with closing(Store.open(f"sqlite:///{tmp_path / 'i.db'}")) as store:
        long = replace(event(recorded(1)), body=b'"' + b"x" * 100_000 + b'"')
        with store._engine.begin() as transaction:
            room = transaction.execute(text("PRAGMA page_count")).scalar_one()
            transaction.execute(text(f"PRAGMA max_page_count = {room + 1}"))
        with pytest.raises(Unavailable, match="full; see that the disk has room"):
            store.apply(long)
        assert store.count().events == 0
        with store._engine.begin() as transaction:
            transaction.execute(text("PRAGMA max_page_count = 100000"))
        assert store.apply(long) == Applied()


def test_tables_of_a_newer_version_are_left_alone(url: str, store: Store) -> None:
    with store._engine.begin() as transaction:
        transaction.execute(text("UPDATE dockvoice_inventory SET version = 4"))
    with pytest.raises(Misconfigured, match="of version 4, this program's of 3"):
        Store.open(url)


def make_second_version(store: Store) -> None:
    """Back to the tables of version 2, which had no order of arrival but the clock's."""
    with store._engine.begin() as transaction:
        transaction.execute(text("DROP INDEX events_as_they_arrived"))
        transaction.execute(text("ALTER TABLE events DROP COLUMN arrival"))
        if transaction.dialect.name == "postgresql":
            transaction.execute(text("DROP SEQUENCE event_arrivals"))
        transaction.execute(text("UPDATE dockvoice_inventory SET version = 2"))


def make_first_version(store: Store) -> None:
    """Back to the tables of version 1, which had no place for order and refusals either."""
    make_second_version(store)
    with store._engine.begin() as transaction:
        for change in ("DROP TABLE devices", "DROP TABLE refused", "UPDATE dockvoice_inventory SET version = 1"):
            transaction.execute(text(change))


def test_tables_of_the_first_version_are_brought_up_to_date(url: str, store: Store, event: Read) -> None:
    for number in range(1, 7):
        store.apply(event(recorded(number)))
    store.apply(event(recorded(1, at=("south", "dock-1"))))
    with store._engine.begin() as transaction:
        for table in (entries, events):
            transaction.execute(delete(table).where(table.c.event_id == identity(1, 3)))
    make_first_version(store)

    with pytest.raises(Misconfigured, match="of version 1; `dockvoice inventory` brings them up to date"):
        Store.open(url, create=False)
    with closing(Store.open(url)) as upgraded:
        ours, theirs = upgraded.progress()
        assert (ours.handled, ours.highest, ours.missing) == (2, 6, (3, 6))
        assert (theirs.handled, theirs.highest) == (1, 1)
        outcomes = [upgraded.apply(event(recorded(number))) for number in (7, 3, 4, 5, 6, 7)]
        assert outcomes == [Early(expected=3), Applied(), Duplicate(), Duplicate(), Duplicate(), Applied()]
    with closing(Store.open(url, create=False)) as again:
        assert again.count().rows == 8


def test_tables_of_the_first_version_without_events_are_brought_up_to_date(url: str, store: Store) -> None:
    make_first_version(store)
    with closing(Store.open(url)) as upgraded:
        assert upgraded.progress() == []


def shape(store: Store) -> dict[str, Any]:
    """What the database says its tables are made of."""
    found = inspect(store._engine)
    return {
        "columns": {
            (name, column["name"]): (str(column["type"]), column["nullable"], column["default"])
            for name in found.get_table_names()
            for column in found.get_columns(name)
        },
        "indexes": {(name, index["name"]) for name in found.get_table_names() for index in found.get_indexes(name)},
        "sequences": set(found.get_sequence_names()) if store._engine.dialect.name == "postgresql" else set(),
    }


@pytest.mark.parametrize("former", [make_first_version, make_second_version])
def test_upgraded_tables_are_shaped_as_new_ones(url: str, store: Store, former: Callable[[Store], None]) -> None:
    new = shape(store)
    former(store)
    assert shape(store) != new
    with closing(Store.open(url)) as upgraded:
        assert shape(upgraded) == new


def test_tables_of_the_second_version_are_put_in_order_and_go_on_from_there(url: str, event: Read) -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    came = [("dock-3", 1, 0), ("dock-4", 1, 1), ("dock-3", 2, 9), ("dock-3", 3, 4), ("dock-4", 2, 6)]
    times = [noon]
    with closing(Store.open(url, now=lambda: times[0])) as store:
        for device, number, minute in came:
            times[:] = [noon + timedelta(minutes=minute)]
            assert store.apply(event(recorded(number, at=("north", device)))) == Applied()
        make_second_version(store)
    with pytest.raises(Misconfigured, match="of version 2; `dockvoice inventory` brings them up to date"):
        Store.open(url, create=False)
    with closing(Store.open(url, now=lambda: noon)) as upgraded:
        assert upgraded.apply(event(recorded(3, at=("north", "dock-4")))) == Applied()
        rows = [(row.device, row.sequence) for row in upgraded.rows()]
    # Number 3 of dock-3 was handled after number 2, whatever the clock said.
    assert rows == [("dock-3", 1), ("dock-4", 1), ("dock-4", 2), ("dock-3", 2), ("dock-3", 3), ("dock-4", 3)]


def test_tables_of_somebody_else_are_left_alone(url: str, store: Store) -> None:
    with store._engine.begin() as transaction:
        transaction.execute(text("DROP TABLE dockvoice_inventory"))
    with pytest.raises(Misconfigured, match="entries, events, refused, rejected there are not Dockvoice's"):
        Store.open(url)


def test_looking_makes_no_tables(url: str) -> None:
    for _ in range(2):
        with pytest.raises((Misconfigured, UnreadableInput), match="`dockvoice inventory` makes"):
            Store.open(url, create=False)


def test_an_absent_server_is_named_without_the_password() -> None:
    with PostgreSQL() as gone:
        url = gone.url.replace("tester@", "tester:secret@")
    with pytest.raises(Unavailable, match=r"tester:\*+@127\.0\.0\.1") as caught:
        Store.open(f"{url}?password=secret")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("not a url secret", "is not a database URL"),
        ("mysql://root:secret@localhost/x", "found mysql"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_an_impossible_url_is_refused_without_repeating_it(url: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=said) as caught:
        Store.open(url)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database, only some notes\n" * 100)
    with pytest.raises(Misconfigured, match=r"notes\.txt: is not an SQLite database"):
        Store.open(f"sqlite:///{tmp_path / 'notes.txt'}")


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailed, match="file: cannot be made"):
        Store.open(f"sqlite:///{tmp_path / 'file' / 'inventory.db'}")
