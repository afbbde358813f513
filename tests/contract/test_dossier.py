"""What a trailer's dossier is made of, in SQLite and PostgreSQL alike: its visits, its lists, what is owed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from dockvoice_protocol.records import PlaceKind, ReceivingPlace
from inventory.dossier.dossier import collect_content
from inventory.queries.trailers import load_trailers
from inventory.store.outbox import MessageKind
from inventory.store.tables import announced, dossiers, entries
from inventory.verify_dossier import CONTENT, PAGE, DossierCheck, parsed, unpack
from tests.trailer import INVENTORY, SITE, Dock, decided_late, line, scene

KEYID = INVENTORY.public.keyid


@pytest.fixture
def dock(url: str, tmp_path: Path) -> Iterator[Dock]:
    made = Dock.at(url, tmp_path / "forms")
    yield made
    made.store.close()


def test_everything_of_a_trailer_is_gathered_and_nothing_else(dock: Dock) -> None:
    scene(dock)
    gathered = dock.gathered()
    (visit,) = gathered.visits()
    assert {one.number for one in visit.said if one.source.endswith("dock-3")} == {1, 2, 3, 4, 5, 6, 8}
    assert ([one.state for one in visit.reviews], len(visit.lists), visit.refused) == (["open"], 1, [])
    made = dock.dossier()
    assert DossierCheck(made.file, KEYID).faults == []
    assert made.content["figures"]["entries"] == {
        "standing": 11,
        "amended": 1,
        "cancelled": 1,
        "counted_twice": 1,
        "turned_down": 0,
    }
    assert dock.store.issues.sites("5501", dock.roles) == [SITE]
    assert dock.store.issues.sites("9", dock.roles) == []


def test_what_was_cancelled_is_not_counted_though_the_table_of_entries_says_so(dock: Dock) -> None:
    one, _ = dock.boxes
    said = one.record(pallet_id="1", quantity=24, uom="CS", trailer="5501")
    dock.hear(said, one.cancel(said), one.record(pallet_id="2", quantity=1, uom="CS", trailer="5501"))
    with dock.store.engine.begin() as transaction:
        transaction.execute(update(entries).where(entries.c.event_id == said["id"]).values(state="current"))
    assert [line["pallet"] for line in dock.dossier().content["lines"]] == ["2"]


def test_a_number_that_comes_back_is_another_visit(dock: Dock) -> None:
    one, two = dock.boxes
    say = {"uom": "CS", "trailer": "5501"}
    dock.announce(line("1"))
    early = two.record(pallet_id="3", quantity=5, **say)  # its device is out of reach until long after the closing
    first = one.record(pallet_id="1", quantity=24, **say)
    dock.hear(first, one.record("close-trailer", trailer="5501"))
    dock.hear(one.record("close-trailer", trailer="5501"))  # said once more: nothing lies between
    dock.clock.on(60 * 24 * 30)
    dock.announce(line("1", 10, notice="4550099"))
    dock.hear(two.record(pallet_id="1", quantity=9, **say), early, one.amend(first, quantity=23))
    dock.hear(*two.said[:2], one.record(pallet_id="2", quantity=2, **say))

    before, now = dock.gathered().visits()
    assert (before.number, now.number, now.closing) == (1, 2, None)
    assert (now.after, before.closing) == (before.closing, now.after)
    then, later = dock.dossier(visit=0), dock.dossier(visit=1)
    assert DossierCheck(then.file, KEYID).faults == DossierCheck(later.file, KEYID).faults == []
    # What was corrected later belongs to the visit in which it was said first.
    assert [(line["pallet"], line["good"]) for line in then.content["lines"]] == [("1", {"CS": 23}), ("3", {"CS": 5})]
    assert [(line["pallet"], line["status"]) for line in later.content["lines"]] == [
        ("1", "short"),
        ("2", "not_announced"),
    ]
    assert later.content["visit"] | {"began": ""} == {
        "number": 2,
        "of": 2,
        "began": "",
        "closed_at": None,
        "after": before.closing.id if before.closing else None,
        "closing": None,
    }
    swapped = unpack(later.file)
    assert parsed(swapped[CONTENT])["figures"]["short"] == {"CS": 1}


def test_a_closing_that_was_taken_back_closes_nothing(dock: Dock) -> None:
    one, _ = dock.boxes
    done = one.record("close-trailer", trailer="5501")
    dock.hear(done, one.record(pallet_id="1", quantity=1, uom="CS", trailer="5501"), one.cancel(done))
    (visit,) = dock.gathered().visits()
    assert visit.closing is None
    assert DossierCheck(dock.dossier().file, KEYID).faults == []


def test_a_refused_event_is_shown_and_not_counted(dock: Dock) -> None:
    one, _ = dock.boxes
    dock.hear(one.record(pallet_id="1", quantity=-1, uom="CS", trailer="5501"))
    dock.hear(one.record(pallet_id="1", quantity=1, uom="CS", trailer="5501"))
    made = dock.dossier()
    assert [one["reasons"] for one in made.content["refused"]] == [["invalid:/quantity: breaks minimum 0"]]
    assert made.content["figures"]["entries"]["turned_down"] == 1
    assert (made.content["figures"]["good"], DossierCheck(made.file, KEYID).faults) == ({"CS": 1}, [])


def test_a_review_counts_for_its_trailer_its_entry_or_an_announced_pallet(dock: Dock) -> None:
    one, _ = dock.boxes
    dock.announce(line("1"), line("2"))
    said = one.record(pallet_id="1", quantity=24, uom="CS", trailer="5501")
    dock.hear(said)
    dock.put_aside(one, one.review("recorded", of=said))
    for fields in ({"pallet_id": "2"}, {"pallet_id": "7"}, {"pallet_id": "2", "trailer": "77"}, {"trailer": "5501"}):
        dock.clock.on()
        dock.put_aside(one, one.review(**fields))
    made = dock.dossier()
    assert made.content["figures"]["reviews"] == {"open": 2, "decided": 1}
    assert DossierCheck(made.file, KEYID).faults == []


def test_each_list_is_kept_as_it_was_signed_first(dock: Dock) -> None:
    dock.announce(line("1"), line("2"))
    dock.lists.mark_received_lines({"receive-notice": "pallet_id"})
    dock.announce(line("1"), line("2", 5))
    with dock.store.engine.begin() as transaction:
        rows = transaction.execute(announced.select().order_by(announced.c.version)).all()
    assert [len(row.lines) for row in rows] == [2, 2]
    assert [parsed(str(row.body).encode())["version"] for row in rows] == [row.version for row in rows]
    dock.announce(*[line("1")] * 1)
    (visit,) = dock.gathered().visits()
    assert len(visit.lists) == 3
    made = dock.dossier()
    assert DossierCheck(made.file, KEYID).faults == []
    assert made.content["figures"]["missing"] == {"CS": 24}


def test_a_list_that_nobody_has_signed_yet_is_there_without_a_signature(dock: Dock) -> None:
    dock.announce(line("1"))
    with dock.store.engine.begin() as transaction:
        transaction.execute(update(announced).values(body=None, public_key=None))
    assert [one.public_key for one in dock.gathered().lists] == [None]
    faults = DossierCheck(dock.dossier().file, KEYID).faults
    assert [fault.split(": ", 1)[1] for fault in faults] == ["it carries no signature"]


def test_a_dossier_is_owed_for_each_closing_once(dock: Dock) -> None:
    one, two = dock.boxes
    scene(dock)
    taken_back = two.record("close-trailer", trailer="88")
    dock.hear(taken_back, two.cancel(taken_back), one.record("close-trailer", trailer="77"))

    def owed() -> list[str]:
        dock.store.issues.enter_due_in_outbox(dock.roles, (), check_open_reviews=False)
        rows = dock.store.outbox.take_due((MessageKind.DOSSIER,))
        dock.store.outbox.delete_or_await_confirmation([row.id for row in rows])
        return [row.subject for row in rows]

    assert owed() == ["5501", "77"]
    gathered = dock.gathered()
    (visit,) = gathered.visits()
    dock.store.issues.store(SITE, "5501", visit, *collect_content(visit, gathered, [], "en"))
    assert owed() == ["5501", "77"]
    assert visit.closing is not None
    for _ in range(2):  # another consumer may have written it
        dock.store.issues.mark_written(visit.closing.id, "a.zip", "0" * 64, 1)
    assert owed() == ["77"]
    with dock.store.engine.begin() as transaction:
        transaction.execute(delete(dossiers))
    assert owed() == ["5501", "77"]


def test_a_list_of_a_door_or_of_another_site_is_none_of_the_trailer(dock: Dock) -> None:
    door = ReceivingPlace(PlaceKind.DOOR, "5501")
    dock.lists.replace(SITE, {door: [line("1")]})
    dock.lists.replace("south", {ReceivingPlace(PlaceKind.TRAILER, "5501"): [line("1")]})
    assert dock.gathered().visits() == []
    assert dock.store.issues.sites("5501", dock.roles) == ["south"]


def test_a_device_that_has_not_sent_all_is_named(dock: Dock) -> None:
    one, _ = dock.boxes
    first, _, third = (one.record(pallet_id=str(n), quantity=1, uom="CS", trailer="5501") for n in range(3))
    dock.hear(first, third)
    made = dock.dossier()
    assert made.content["still_to_come"] == [{"device": "dock-3", "from": 2, "to": 3}]
    assert "Numbers 2 to 3 of dock-3 have not come yet" in unpack(made.file)[PAGE].decode()


def test_what_was_said_before_the_closing_and_decided_later_belongs_to_the_closed_visit(dock: Dock) -> None:
    _, decide = decided_late(dock)
    decide()
    (visit,) = dock.gathered().visits()
    assert (visit.number, visit.closing is not None, [one.state for one in visit.reviews]) == (1, True, ["recorded"])
    made = dock.dossier()
    assert DossierCheck(made.file, KEYID).faults == []
    assert made.content["figures"]["pallets"] == {"expected": 2, "received": 2}
    assert (made.content["figures"]["missing"], made.content["figures"]["reviews"]["open"]) == ({}, 0)


def test_what_another_device_heard_before_the_closing_and_was_decided_later_belongs_to_it(dock: Dock) -> None:
    one, two = dock.boxes
    dock.clock.on()
    said = {"utterance": parsed(two.review(pallet_id="743", trailer="5501"))["data"]["utterance"]}
    dock.hear(one.record("close-trailer", trailer="5501"))
    dock.clock.on(60)
    dock.hear(two.record(pallet_id="743", quantity=30, uom="CS", trailer="5501", data=said))
    assert [one.closing is not None for one in dock.gathered().visits()] == [True]
    assert DossierCheck(dock.dossier().file, KEYID).faults == []


def test_a_closing_that_was_decided_later_closes_from_when_it_was_said(dock: Dock) -> None:
    one, _ = dock.boxes
    say = {"uom": "CS", "trailer": "5501"}
    dock.hear(one.record(pallet_id="1", quantity=1, **say))
    dock.clock.on()
    closing_said = {"utterance": parsed(one.review(trailer="5501"))["data"]["utterance"]}
    dock.clock.on(60 * 6)
    dock.announce(line("2"))  # it is back in the afternoon
    dock.hear(one.record(pallet_id="2", quantity=2, **say))
    dock.clock.on(60)
    dock.hear(one.record("close-trailer", trailer="5501", data=closing_said))
    before, now = dock.gathered().visits()
    assert (before.closing is not None, now.closing) == (True, None)
    then, later = dock.dossier(visit=0), dock.dossier(visit=1)
    assert [[one["pallet"] for one in made.content["lines"]] for made in (then, later)] == [["1"], ["2"]]
    assert DossierCheck(then.file, KEYID).faults == DossierCheck(later.file, KEYID).faults == []


def test_what_closes_a_visit_is_the_end_of_it_by_whichever_clock(dock: Dock) -> None:
    one, two = dock.boxes
    dock.clock.on()
    said = {"utterance": parsed(one.review(trailer="5501"))["data"]["utterance"]}
    dock.hear(two.record("close-trailer", trailer="5501"))
    dock.announce(line("2"))
    dock.hear(one.record("close-trailer", trailer="5501", data=said))  # said before the other, and answered after it
    dock.hear(
        one.record(pallet_id="3", quantity=1, uom="CS", trailer="5501"), two.record("close-trailer", trailer="5501")
    )
    dock.clock.on(-30)
    dock.hear(two.record("close-trailer", trailer="5501"))  # once more, by a clock that was set back
    of = dock.gathered()
    for number, visit in enumerate(of.visits()):
        assert visit.closing is not None
        assert visit.closing.id in {said.id for said in visit.said}
        assert DossierCheck(dock.dossier(visit=number).file, KEYID).faults == []
    assert sum(len(visit.said) for visit in of.visits()) == len(of.story.said)


def test_what_was_put_aside_or_refused_between_two_closings_makes_no_visit(dock: Dock) -> None:
    one, _ = dock.boxes
    dock.hear(one.record(pallet_id="1", quantity=1, uom="CS", trailer="5501"))
    dock.hear(one.record("close-trailer", trailer="5501"))
    dock.clock.on()
    dock.put_aside(one, one.review(pallet_id="2", trailer="5501"))
    dock.hear(one.record(pallet_id="1", quantity=-1, uom="CS", trailer="5501"))
    dock.hear(one.record("close-trailer", trailer="5501"))
    (visit,) = dock.gathered().visits()
    made = dock.dossier()
    figures = made.content["figures"]
    assert (len(visit.reviews), len(visit.refused), DossierCheck(made.file, KEYID).faults) == (1, 1, [])
    with dock.store.engine.begin() as transaction:
        (listed,) = load_trailers(transaction, dock.roles, 5)
    assert (listed.entries, len(listed.received)) == (figures["entries"]["standing"], figures["pallets"]["received"])


def test_of_a_visit_that_waits_for_a_person_alone_a_dossier_holds(dock: Dock) -> None:
    one, _ = dock.boxes
    dock.hear(one.record("close-trailer", trailer="5501"))
    dock.clock.on(60)
    dock.put_aside(one, one.review(pallet_id="2", trailer="5501"))
    of = dock.gathered()
    visit = of.visits()[-1]
    assert ([*visit.said], len(visit.reviews)) == ([], 1)
    # What closed the visit before is in it, and tells up to when it came; a trailer nobody closed has not even that.
    assert DossierCheck(dock.dossier().file, KEYID).faults == []
    dock.put_aside(one, one.review(pallet_id="3", trailer="78"))
    assert DossierCheck(dock.dossier("78").file, KEYID).faults == []


def test_a_clock_that_was_set_back_moves_nothing_into_the_visit_before(dock: Dock) -> None:
    one, _ = dock.boxes
    say = {"uom": "CS", "trailer": "5501"}
    dock.hear(one.record(pallet_id="1", quantity=1, **say), one.record("close-trailer", trailer="5501"))
    dock.clock.on(-60)
    dock.hear(one.record(pallet_id="2", quantity=2, **say))
    assert [[said.number for said in visit.said] for visit in dock.gathered().visits()] == [[1, 2], [3]]


def test_a_question_that_stays_open_over_the_closing_parts_nothing(dock: Dock) -> None:
    one, _ = dock.boxes
    dock.clock.on()
    closing_said = {"utterance": parsed(one.review(trailer="5501"))["data"]["utterance"]}
    dock.hear(one.record(pallet_id="1", quantity=1, uom="CS", trailer="5501"))
    dock.clock.on(2)
    dock.hear(one.record("close-trailer", trailer="5501", data=closing_said))
    (visit,) = dock.gathered().visits()
    assert [said.number for said in visit.said] == [1, 2]
