"""The loop of a connector against a system at its worst, on SQLite and on PostgreSQL: nothing lost, nothing twice."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from dockvoice_protocol.errors import AlreadyRunning, Misconfigured
from dockvoice_protocol.events import Topics
from dockvoice_protocol.signed import verify_declined_posting
from inventory.connect import ledger as ledgers
from inventory.connect.engine import FinalState, PostingLoop, PostOrComplete, ReverseDocument, next_step
from inventory.connect.ledger import DeclinedMessages, Ledger, load_posting
from inventory.connect.ports import DeclineReason, Document, DocumentState, Posting, SettingMissing
from inventory.connect.service import hold_lock
from inventory.forms import load_forms, load_roles
from inventory.queries.refusals import load_missing_connector_settings
from inventory.records import Applied, PostingState
from inventory.repository import Store
from inventory.reviews.flags import FlagState
from inventory.store.outbox import BACKOFF
from inventory.store.tables import announced, entries, flags
from tests.dictated import KEY, amended, cancelled, identity, recorded
from tests.erp.ledgers import Away, Books, Clock, Declined, Killed, Other
from tests.store import Read, drained
from tests.tiers import sized

LEFT_ALONE_S = 30.0
SITE = "north"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(url: str, clock: Clock) -> Iterator[Store]:
    with closing(Store.open(url, now=clock)) as opened:
        yield opened


def ledger(store: Store, clock: Clock) -> Ledger:
    messages = DeclinedMessages("dockvoice", "other", KEY)
    return Ledger("other", SITE, ["pallet-move"], store.transaction, clock, messages=messages)


class Dock:
    """Entries in the tables, and a connector that posts them."""

    def __init__(self, store: Store, clock: Clock, event: Read, forms: Path) -> None:
        self.store = store
        self.clock = clock
        self.books = Books()
        self.other = Other(self.books)
        self.ledger = ledger(store, clock)
        self._event = event
        self._roles = load_roles(load_forms(forms), ["pallet-move"])

    def says(self, message: dict[str, Any]) -> str:
        assert self.store.apply(self._event(message)) == Applied()
        return str(message["id"])

    def posting(self, event_id: str) -> Posting:
        with self.store.transaction() as transaction:
            return load_posting(transaction, event_id, self._roles)

    def engine(self) -> PostingLoop:
        return PostingLoop(self.ledger, self.other, self.posting, self.clock, left_alone_s=LEFT_ALONE_S)

    def again(self) -> None:
        """The process starts anew."""
        self.ledger = ledger(self.store, self.clock)

    def until_settled(self, tries: int = 60) -> None:
        """Rounds, with whatever waits between them, until nothing is due."""
        for _ in range(tries):
            self.engine().run_round()
            if not self.ledger.count_by_state()["due"]:
                return
            self.clock.moves(BACKOFF.wait_s(99))
        raise AssertionError(self.ledger.load_open(9))


@pytest.fixture
def dock(store: Store, clock: Clock, event: Read, repository: Path) -> Dock:
    return Dock(store, clock, event, repository / "schemas" / "forms")


def raising(fault: BaseException, deed: str, times: int = 1) -> Callable[[str, Posting], None]:
    """Raises it at the first so many deeds of this kind."""
    left = [times]

    def hook(what: str, _: Posting) -> None:
        if what == deed and left[0]:
            left[0] -= 1
            raise fault

    return hook


@pytest.mark.parametrize("deed", ["find", "post"])
@pytest.mark.parametrize("where", ["before", "after"])
def test_a_kill_at_any_moment_posts_once(dock: Dock, deed: str, where: str) -> None:
    if (deed, where) == ("find", "after"):
        deed = "post"
    dock.says(recorded(1))
    setattr(dock.other, where, raising(Killed(), deed))
    with pytest.raises(Killed):
        dock.engine().run_round()
    dock.again()
    dock.until_settled()
    assert len(dock.books.standing(identity(1, 1))) == 1
    assert dock.ledger.count_by_state()["posted"] == 1


def test_what_may_still_be_at_work_over_there_is_left_alone(dock: Dock) -> None:
    dock.says(recorded(1))
    dock.other.before = raising(Killed(), "post")
    with pytest.raises(Killed):
        dock.engine().run_round()
    dock.again()
    calls = len(dock.books.calls)
    dock.clock.moves(LEFT_ALONE_S - 1)
    dock.engine().run_round()
    assert len(dock.books.calls) == calls  # not even looked at: what is found now may not be all
    # Only now the other system is done with what the dead process asked for.
    dock.other.put(dock.posting(identity(1, 1)), None)
    dock.clock.moves(2)
    dock.engine().run_round()
    assert len(dock.books.standing(identity(1, 1))) == 1


@pytest.mark.parametrize("drafts", [False, True])
def test_what_doubles_is_found_and_one_is_kept(dock: Dock, drafts: bool) -> None:
    dock.says(recorded(1))
    dock.other.leaves_drafts = drafts
    dock.other.does = lambda deed, _: 2 if deed == "post" and len(dock.books.documents) == 0 else 1
    dock.until_settled()
    states = [one.state for _, one in dock.books.documents]
    assert sorted(states) == ["done", "reversed"]
    assert dock.books.stock == {"0742": Decimal(12)}


def test_a_correction_takes_back_what_was_posted_and_posts_it_as_it_is(dock: Dock) -> None:
    dock.says(recorded(1))
    dock.until_settled()
    dock.says(amended(2, 1, quantity=14))
    dock.until_settled()
    assert dock.books.stock == {"0742": Decimal(14)}
    assert [one for one in dock.books.calls if one[0] != "find"] == [
        ("post", identity(1, 1)),
        ("reverse", identity(1, 1)),
        ("post", identity(1, 2)),
    ]
    assert dock.books.posted[identity(1, 2)].amends == identity(1, 1)


@pytest.mark.parametrize(("before", "state"), [("posted", "reversed"), ("killed", "reversed"), ("new", "void")])
def test_a_cancellation_takes_back_what_was_or_may_have_been_posted(dock: Dock, before: str, state: str) -> None:
    dock.says(recorded(1))
    if before == "posted":
        dock.until_settled()
    elif before == "killed":
        dock.other.after = raising(Killed(), "post")
        with pytest.raises(Killed):
            dock.engine().run_round()
    dock.says(cancelled(2, 1))
    dock.again()
    dock.until_settled()
    assert dock.books.stock == {}
    assert len(dock.books.documents) == (before != "new")
    none = {"due": 0, "posted": 0, "declined": 0, "reversed": 0, "void": 0}
    assert dock.ledger.count_by_state() == none | {state: 1}


def test_what_one_declines_holds_up_no_other_and_is_flagged_once(dock: Dock) -> None:
    for number in range(1, 11):
        dock.says(recorded(number, pallet_id=f"{number:04}"))
    refused = identity(1, 4)

    def hook(deed: str, said: Posting) -> None:
        if deed == "post" and said.reference == refused:
            raise Declined(DeclineReason.LOT_MISSING, "Lot is required")

    dock.other.before = hook
    dock.engine().run_round()
    assert dock.ledger.count_by_state() | {"posted": 9, "declined": 1} == dock.ledger.count_by_state()
    (flag,) = dock.store.flags.all()
    assert (flag.event_id, flag.rule, flag.reason) == (refused, "connect:other", "lot_missing:Lot is required")
    (told,) = drained(dock.store)
    word = verify_declined_posting(told.body, Topics("dockvoice", SITE, "dock-3").source, KEY.public)
    assert (word.entry, word.why) == (refused, "lot_missing")
    dock.clock.moves(3600)
    calls = len(dock.books.calls)
    dock.engine().run_round()
    assert len(dock.books.calls) == calls  # nobody asks again by himself

    dock.store.flags.decide(refused, FlagState.STANDS, "ann", "I have entered the lot")
    dock.clock.moves(1)
    dock.engine().run_round()  # and it is declined once more, for the same reason
    assert drained(dock.store) == []
    assert dock.store.flags.all() != []
    dock.other.before = lambda _deed, _posting: None
    dock.clock.moves(1)
    dock.store.flags.decide(refused, FlagState.STANDS, "ann", "now it is there")
    dock.clock.moves(1)
    dock.engine().run_round()
    assert dock.ledger.count_by_state()["posted"] == 10
    assert dock.store.flags.all() == []


def test_what_a_person_struck_is_taken_back_and_posted_anew_when_it_stands_again(dock: Dock) -> None:
    first = dock.says(recorded(1))
    dock.until_settled()
    with dock.store.transaction() as transaction:
        its = {"event_id": first, "rule": "stock", "site": SITE, "device": "dock-3", "reason": "not_received"}
        transaction.execute(insert(flags).values(**its, flagged_at=dock.clock(), state="open"))
    dock.store.flags.decide(first, FlagState.STRUCK, "ann", "said twice")
    dock.until_settled()
    assert dock.books.stock == {}
    dock.clock.moves(1)
    dock.store.flags.decide(first, FlagState.STANDS, "ann", "it was right")
    dock.until_settled()
    assert dock.books.stock == {"0742": Decimal(12)}


def test_a_declined_entry_that_is_corrected_is_posted_as_it_is_now(dock: Dock) -> None:
    first = dock.says(recorded(1))
    dock.other.before = lambda deed, said: (
        (_ for _ in ()).throw(Declined(DeclineReason.QUANTITY_WRONG, "no"))
        if deed == "post" and said.quantity == 12
        else None
    )
    dock.engine().run_round()
    dock.says(amended(2, 1, quantity=13))
    dock.until_settled()
    assert dock.books.stock == {"0742": Decimal(13)}
    assert dock.ledger.count_by_state() == {"due": 0, "posted": 1, "declined": 0, "reversed": 0, "void": 1}
    assert first not in {flag.event_id for flag in dock.store.flags.all()}


def test_one_that_always_fails_holds_up_no_other(dock: Dock) -> None:
    for number in range(1, 6):
        dock.says(recorded(number, pallet_id=f"{number:04}"))

    def hook(deed: str, said: Posting) -> None:
        if deed == "post" and said.reference == identity(1, 1):
            raise Away("HTTP 500")
        if deed == "post" and said.reference == identity(1, 2):
            raise KeyError("a fault of the connector's own")

    dock.other.before = hook
    for _ in range(3):
        dock.engine().run_round()
        dock.clock.moves(BACKOFF.wait_s(99))
    assert dock.ledger.count_by_state()["posted"] == 3
    said = {row.event_id: row.said for row in dock.ledger.load_open(9)}
    assert said[identity(1, 1)] == "HTTP 500"
    assert "KeyError" in said[identity(1, 2)]


def test_what_is_said_of_one_pallet_is_posted_in_its_order(dock: Dock) -> None:
    dock.says(recorded(1, quantity=1))
    dock.says(recorded(2, quantity=2))  # the same pallet
    dock.says(recorded(3, pallet_id="0900"))
    dock.other.before = raising(Away("HTTP 500"), "post")
    dock.engine().run_round()
    assert [one for one in dock.books.calls if one[0] == "post"] == [("post", identity(1, 1)), ("post", identity(1, 3))]
    dock.until_settled()
    posts = [reference for deed, reference in dock.books.calls if deed == "post"]
    assert posts[-2:] == [identity(1, 1), identity(1, 2)]


def test_what_an_entry_replaces_is_taken_back_before_it_though_it_named_another_pallet(dock: Dock) -> None:
    for number in (1, 2, 3):
        dock.says(recorded(number, pallet_id=f"090{number}"))
    dock.until_settled()
    dock.says(amended(4, 2, pallet_id="0999"))
    dock.other.before = raising(Away("HTTP 500"), "reverse")
    dock.engine().run_round()
    assert not dock.books.standing(identity(1, 4))
    dock.until_settled()
    assert dock.books.calls[-2:] == [("post", identity(1, 4)), ("find", identity(1, 4))]
    assert {pallet for pallet, _ in dock.books.stock.items()} == {"0901", "0903", "0999"}


def test_a_fault_in_the_settings_ends_the_round_and_keeps_all_of_it_due(dock: Dock) -> None:
    dock.says(recorded(1))
    dock.says(recorded(2, pallet_id="0900"))
    dock.other.before = raising(Misconfigured("no such warehouse"), "post")
    with pytest.raises(Misconfigured):
        dock.engine().run_round()
    dock.until_settled()
    assert len(dock.books.stock) == 2


def test_who_cannot_be_asked_is_told_the_same_again_and_again_under_one_reference(dock: Dock) -> None:
    dock.other.can_find = False
    dock.says(recorded(1))
    dock.other.after = raising(Killed(), "post")
    with pytest.raises(Killed):
        dock.engine().run_round()
    dock.again()
    dock.until_settled()
    posts = [reference for deed, reference in dock.books.calls if deed == "post"]
    assert posts == [identity(1, 1)] * 2  # its side drops what comes twice
    dock.says(cancelled(2, 1))
    dock.until_settled()
    assert dock.books.calls[-1] == ("reverse", identity(1, 1))


def test_who_cannot_be_asked_and_may_have_it_gets_it_before_it_is_taken_back(dock: Dock) -> None:
    dock.other.can_find = False
    dock.says(recorded(1))
    dock.other.before = raising(Away("gave no answer in time"), "post")
    dock.engine().run_round()
    dock.says(cancelled(2, 1))
    dock.until_settled()
    assert [deed for deed, _ in dock.books.calls] == ["post", "post", "reverse"]


def test_an_event_that_was_committed_late_is_found_though_later_ones_were_posted(dock: Dock) -> None:
    first = dock.says(recorded(1))
    dock.says(recorded(2, pallet_id="0900"))
    with dock.store.transaction() as transaction:  # as a transaction that was open all the while
        hidden = transaction.execute(select(entries).where(entries.c.event_id == first)).one()
        transaction.execute(update(entries).where(entries.c.event_id == first).values(form="hidden"))
    dock.until_settled()
    assert len(dock.books.stock) == 1
    with dock.store.transaction() as transaction:
        transaction.execute(update(entries).where(entries.c.event_id == first).values(form=hidden.form))
    dock.until_settled()
    assert len(dock.books.stock) == 2


def test_far_behind_the_latest_it_is_found_by_the_look_at_all(dock: Dock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "RECENT_ENTRIES", 3)
    first = dock.says(recorded(1))
    with dock.store.transaction() as transaction:
        transaction.execute(update(entries).where(entries.c.event_id == first).values(form="hidden"))
    for number in range(2, 12):
        dock.says(recorded(number, pallet_id=f"{number:04}"))
    dock.until_settled()
    with dock.store.transaction() as transaction:
        transaction.execute(update(entries).where(entries.c.event_id == first).values(form="pallet-move"))
    dock.engine().run_round()
    assert len(dock.books.stock) == 10
    dock.clock.moves(ledgers.COMPARE_ALL_EVERY.total_seconds() + 1)
    dock.engine().run_round()
    assert len(dock.books.stock) == 11


def test_of_two_processes_one_works(url: str, store: Store) -> None:
    with closing(Store.open(url)) as second, hold_lock(store.engine, "other"):
        with pytest.raises(AlreadyRunning, match="another process works on it"), hold_lock(second.engine, "other"):
            pass
        with hold_lock(second.engine, "another"):
            pass
    with closing(Store.open(url)) as second, hold_lock(second.engine, "other") as demand_held:
        demand_held()


SEEDS = range(sized(test=2, nightly=6))


class Said:
    """What is said at a dock, by chance, and which entry stands for each pallet."""

    def __init__(self, dock: Dock, chance: random.Random) -> None:
        self._dock = dock
        self._chance = chance
        self._number = 0
        self.standing: dict[int, int] = {}

    def something(self) -> None:
        self._number += 1
        number = pallet = self._number
        if not self.standing or self._chance.random() < 0.6:
            self._dock.says(recorded(number, pallet_id=f"{pallet:04}", quantity=number))
        else:
            which = self._chance.choice(sorted(self.standing))
            pallet = self.standing.pop(which)
            if self._chance.random() < 0.5:
                self._dock.says(cancelled(number, which))
                return
            self._dock.says(amended(number, which, pallet_id=f"{pallet:04}", quantity=number))
        self.standing[number] = pallet


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_the_books_are_those_of_the_dock_in_the_end(dock: Dock, seed: int) -> None:
    """Entries, corrections and cancellations, and a system that kills, fails, lies, doubles and leaves drafts."""
    chance = random.Random(seed)
    dock.other.leaves_drafts = chance.random() < 0.5
    said = Said(dock, chance)

    def trouble(_deed: str, _posting: Posting) -> None:
        roll = chance.random()
        if roll < 0.08:
            raise Killed
        if roll < 0.2:
            raise Away("trouble")

    dock.other.before = dock.other.after = trouble
    dock.other.does = lambda *_: chance.choices((0, 1, 2), (10, 80, 10))[0]
    for _ in range(25):
        for _ in range(chance.randrange(4)):
            said.something()
        try:
            dock.engine().run_round()
        except Killed:
            dock.again()
        dock.clock.moves(chance.choice((1, 40, 700)))
    standing = said.standing
    dock.other.before = dock.other.after = lambda _deed, _posting: None
    dock.other.does = lambda *_: 1
    dock.until_settled()
    assert dock.books.stock == {f"{pallet:04}": Decimal(which) for which, pallet in standing.items()}
    assert dock.ledger.count_by_state()["posted"] == len(standing)


def test_the_item_is_what_was_announced_for_the_pallet_and_nothing_where_that_is_in_doubt(
    store: Store, clock: Clock, event: Read, repository: Path
) -> None:
    of = load_roles(load_forms(repository / "schemas" / "forms"), ["receive-notice"])
    message = recorded(1)
    message["data"] |= {"form": "receive-notice"}
    message["data"]["fields"] = {"pallet_id": "742", "quantity": 12, "uom": "CS", "trailer": "5501", "door": "12"}
    assert store.apply(event(message)) == Applied()

    def item() -> str | None:
        with store.transaction() as transaction:
            return load_posting(transaction, message["id"], of).item

    def announce(place: str, version: int, *items: str) -> None:
        lines = [{"pallet": "742", "item": one} for one in items]
        values = {"site": "north", "place": place, "version": version, "lines": lines, "written_at": clock()}
        with store.transaction() as transaction:
            transaction.execute(insert(announced).values(values))
        clock.moves(1)

    assert item() is None
    announce("trailer/6600", 1, "A900")  # another trailer's
    assert item() is None
    announce("trailer/5501", 1, "A100")
    assert item() == "A100"
    announce("trailer/5501", 2, "A100", "A200")
    assert item() is None


def document(state: DocumentState, number: int = 1) -> Document:
    return Document(f"doc,{number}", f"N{number}", state)


def test_what_is_done_next_is_decided_by_what_stands_there() -> None:
    draft, done, back = (document(state, at) for at, state in enumerate(DocumentState))
    assert next_step([], stands=True) == PostOrComplete(None)
    assert next_step([draft], stands=True) == PostOrComplete(draft)
    assert next_step([done], stands=True) == FinalState(PostingState.POSTED, done)
    assert next_step([back], stands=True) == PostOrComplete(None)
    assert next_step([draft, done], stands=True) == ReverseDocument(draft)
    assert next_step([], stands=False) == FinalState(PostingState.VOID, None)
    assert next_step([draft], stands=False) == ReverseDocument(draft)
    assert next_step([back], stands=False) == FinalState(PostingState.REVERSED, back)


def test_what_is_owed_is_pending_in_the_outbox_and_found_again_when_it_is_dropped(dock: Dock) -> None:
    dock.says(recorded(1))
    dock.other.before = raising(Away("HTTP 500", wait_s=60), "find")
    dock.engine().run_round()
    assert BACKOFF.wait_s(0, 10**9) == BACKOFF.wait_s(99)
    dock.clock.moves(59)  # as it asked
    dock.engine().run_round()
    assert len(dock.books.calls) == 1
    (waits,) = dock.store.outbox.count_pending_by_kind()
    assert (waits.kind, waits.number, waits.attempts, waits.error) == ("erp_posting", 1, 1, "HTTP 500")
    assert dock.store.outbox.take_due() == []  # nothing of it is for the broker
    dock.clock.moves(3600)
    assert dock.store.outbox.stuck_kinds() == dock.store.outbox.count_pending_by_kind()
    assert dock.store.outbox.drop("erp_posting") == 1
    assert dock.store.outbox.count_pending_by_kind() == []
    dock.again()
    dock.until_settled()
    assert len(dock.books.standing(identity(1, 1))) == 1
    assert dock.store.outbox.count_pending_by_kind() == []


def test_what_the_settings_do_not_say_waits_for_them_and_lands_in_no_inbox(dock: Dock) -> None:
    first = dock.says(recorded(1))
    other = dock.says(recorded(2, pallet_id="0001"))
    lacking = SettingMissing(DeclineReason.OTHER, "2 damaged: [tryton] damaged does not say what becomes of them")

    def hook(deed: str, said: Posting) -> None:
        if deed == "post" and said.reference == first:
            raise lacking

    dock.other.before = hook
    dock.engine().run_round()
    assert dock.ledger.count_by_state() | {"posted": 1, "due": 1, "declined": 0} == dock.ledger.count_by_state()
    (row,) = dock.ledger.load_open(9)
    assert (row.event_id, row.why, row.said) == (first, "settings", str(lacking))
    assert dock.store.flags.all() == []  # of the supervisor
    assert drained(dock.store) == []  # and of the operator
    assert dock.books.standing(other)
    with dock.store.transaction() as transaction:
        assert [(one.connector, one.said, one.number) for one in load_missing_connector_settings(transaction)] == [
            ("other", str(lacking), 1)
        ]
    dock.other.before = lambda _deed, _posting: None  # the settings say it now, and it was started again
    dock.again()
    dock.until_settled()
    assert dock.ledger.count_by_state()["posted"] == 2
    with dock.store.transaction() as transaction:
        assert load_missing_connector_settings(transaction) == []
