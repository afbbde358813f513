"""What every store of the inventory keeps to: each event once, in the order of its number, or not yet."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC
from functools import partial
from time import monotonic, sleep

from edge.deliver.device_events import withheld_event
from inventory.records import Applied, Duplicate, Early, Event, InvalidEvent, Outcome, Refused, TableCounts
from inventory.repository import Store
from tests.dictated import amended, cancelled, identity, recorded
from tests.store import Read
from tests.tiers import sized

PAUSE_S = 0.002
"""After each event, as a device pauses too: SQLite's one connection goes to whoever asks first, not to whoever has
waited longest, so a thread that asks without a pause keeps the others out until their patience (30 s) ends."""

GIVING_UP_S = 120
"""One whose predecessor failed is early for ever; that has to end as a failure and not as a hanging test."""


def applied(store: Store, one: Event) -> Outcome:
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


EVENTS = sized(test=80, nightly=200)


def test_eight_threads_in_two_consumers_apply_the_same_events_once_and_in_order(
    url: str, store: Store, event: Read
) -> None:
    sent = [event(recorded(number)) for number in range(1, EVENTS + 1)]

    def apply_all(number: int) -> Counter[str]:
        # Each begins elsewhere, so that they meet at every event from both sides.
        return in_turn(other if number % 2 else store, sent[number * EVENTS // 8 :] + sent[: number * EVENTS // 8])

    with closing(Store.open(url)) as other, ThreadPoolExecutor(8) as threads:
        outcomes = sum(threads.map(apply_all, range(8)), Counter[str]())

    assert outcomes == {"Applied": EVENTS, "Duplicate": 7 * EVENTS}
    assert [row.sequence for row in store.rows()] == list(range(1, EVENTS + 1))


def test_of_two_changes_at_once_the_first_is_applied(store: Store, event: Read) -> None:
    store.apply(event(recorded(1)))
    changes = [[event(amended(number, 1))] for number in range(2, 10)]
    with ThreadPoolExecutor(8) as threads:
        outcomes = sum(threads.map(partial(in_turn, store), changes), Counter[str]())
    assert outcomes == {"Applied": 1, "Refused": 7}
    assert [row.sequence for row in store.rows()] == [1, 2]
    assert store.count() == TableCounts(rows=1, amended=1, cancelled=0, events=2, repeated=0, refused=7, rejected=0)


def test_events_are_applied_in_the_order_of_their_number_or_not_yet(store: Store, event: Read) -> None:
    assert store.apply(event(recorded(3))) == Early(expected=1)
    assert store.count().events == 0
    outcomes = [store.apply(event(recorded(number))) for number in (1, 3, 2, 5, 3)]
    assert outcomes == [Applied(), Early(expected=2), Applied(), Early(expected=3), Applied()]
    assert [row.sequence for row in store.rows()] == [1, 2, 3]


def test_a_refusal_takes_its_turn_and_is_the_same_for_ever(store: Store, event: Read) -> None:
    unfit = InvalidEvent(identity(1, 2), "north", "dock-3", 2, b"{}", ("unknown_form:goods-in",))
    assert store.apply(unfit) == Early(expected=1)
    store.apply(event(recorded(1)))
    assert store.apply(unfit) == Refused(("unknown_form:goods-in",))
    assert store.apply(event(recorded(3))) == Applied()
    assert store.apply(event(recorded(2))) == Refused(("unknown_form:goods-in",)), "no second look"
    assert store.count() == TableCounts(rows=2, amended=0, cancelled=0, events=2, repeated=0, refused=1, rejected=0)


def test_what_was_applied_stays_so_when_its_form_has_become_narrower(store: Store, event: Read) -> None:
    whole = event(recorded(1))
    store.apply(whole)
    narrower = InvalidEvent(whole.event_id, "north", "dock-3", 1, whole.body, ("invalid:/quantity: breaks maximum 9",))
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
    store.apply(InvalidEvent(identity(1, 1), "north", "dock-4", 1, b"{}", ("wrong_source",)))
    assert store.apply(event(recorded(1))) == Applied()


def test_a_withheld_entry_takes_its_turn_and_makes_no_row(store: Store, event: Read) -> None:
    assert store.apply(event(withheld_event(recorded(1), "packet too large"))) == Applied()
    assert store.apply(event(withheld_event(recorded(1), "packet too large"))) == Duplicate()
    assert store.apply(event(recorded(2))) == Applied()
    assert [row.sequence for row in store.rows()] == [2]


def test_a_withheld_entry_that_follows_after_all_is_applied_late(store: Store, event: Read) -> None:
    for message in (recorded(1), withheld_event(amended(2, 1, quantity=15), "packet too large"), recorded(3)):
        store.apply(event(message))
    assert store.apply(event(amended(2, 1, quantity=15))) == Applied()
    assert store.apply(event(amended(2, 1, quantity=15))) == Duplicate()
    assert [(row.sequence, row.state) for row in store.rows()] == [(1, "amended"), (2, "current"), (3, "current")]


def test_a_withheld_entry_that_follows_too_late_changes_nothing(store: Store, event: Read) -> None:
    for message in (recorded(1), withheld_event(amended(2, 1), "packet too large"), cancelled(3, 1)):
        store.apply(event(message))
    assert store.apply(event(amended(2, 1))) == Refused(("already_cancelled",))
    assert store.count().cancelled == 1


def test_what_was_said_in_full_outweighs_that_it_is_withheld(store: Store, event: Read) -> None:
    store.apply(event(recorded(1)))
    assert store.apply(event(withheld_event(recorded(1), "packet too large"))) == Duplicate()
    assert len(store.rows()) == 1


def test_how_far_each_device_has_come(store: Store, event: Read) -> None:
    for message in (recorded(1), recorded(2), recorded(7), recorded(4), recorded(1, at=("south", "dock-1"))):
        store.apply(event(message))
    ours, theirs = store.progress()
    assert (ours.site, ours.device, ours.handled, ours.highest, ours.missing) == ("north", "dock-3", 2, 7, (3, 7))
    assert (theirs.site, theirs.device, theirs.handled, theirs.missing) == ("south", "dock-1", 1, None)
    assert ours.heard_at.tzinfo is UTC
