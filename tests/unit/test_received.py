"""What was received: sums by item, unit and condition, and what is missing, of entries as they stand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.records import ExpectedLine, ExpectedList, FieldValue, PlaceKind, ReceivingPlace
from edge.agree.expectations import (
    NOTHING_EXPECTED,
    EntryTotals,
    Expectations,
    entries_at_place,
    find_by_last_digits,
    find_missing_pallets,
    named_place,
    sum_entries,
)
from edge.records import StandingEntry
from tests.rows import each_of
from tests.sayings import NOON

REPOSITORY = Path(__file__).parents[2]
FORM = load_form(REPOSITORY / "tests" / "data" / "forms" / "receive.schema.json")
MOVE = load_form(REPOSITORY / "schemas" / "forms" / "pallet-move.schema.json")
TRAILER, DOOR = ReceivingPlace(PlaceKind.TRAILER, "5501"), ReceivingPlace(PlaceKind.DOOR, "12")
LINE = ExpectedLine("N1", "742", "A100", 24, "CS", lot_needed=False)


def entry(pallet: str, quantity: int, uom: str = "CS", **more: FieldValue) -> StandingEntry:
    fields = {"pallet_id": pallet, "quantity": quantity, "uom": uom, "trailer": "5501", **more}
    return StandingEntry(pallet, FORM.name, fields, None, NOON)


def announced(*lines: ExpectedLine) -> Expectations:
    return Expectations([ExpectedList("north", TRAILER, 1, lines)])


@each_of(
    ("entries", "wanted"),
    [
        ([], EntryTotals(0, 0)),
        ([entry("742", 24), entry("743", 20)], EntryTotals(2, 0, ({"quantity": 44, "uom": "CS"},))),
        (
            [entry("742", 24), entry("743", 6, "EA")],
            EntryTotals(2, 0, ({"quantity": 24, "uom": "CS"}, {"quantity": 6, "uom": "EA"})),
        ),
        (
            [entry("742", 24, item="A100"), entry("743", 6, item="A200"), entry("744", 1, item="A100")],
            EntryTotals(
                3, 0, ({"item": "A100", "quantity": 25, "uom": "CS"}, {"item": "A200", "quantity": 6, "uom": "CS"})
            ),
        ),
        # Of one the item is not known: then what they come to is told by units alone.
        ([entry("742", 24, item="A100"), entry("743", 6)], EntryTotals(2, 0, ({"quantity": 30, "uom": "CS"},))),
        (
            [entry("742", 24, state="wet"), replace(entry("743", 6), refused=True)],
            EntryTotals(1, 1, ({"quantity": 24, "uom": "CS"},), (("state", "wet", 1),)),
        ),
    ],
)
def test_what_entries_come_to(entries: list[StandingEntry], wanted: EntryTotals) -> None:
    assert sum_entries(entries, FORM, NOTHING_EXPECTED) == wanted


def test_a_pallet_of_two_items_is_one_pallet() -> None:
    entries = [entry("742", 12, item="A100"), entry("742", 10, item="A200")]
    assert sum_entries(entries, FORM, NOTHING_EXPECTED).things == 1


def test_what_was_refused_is_told_and_is_no_part_of_what_was_received() -> None:
    receive = load_form(REPOSITORY / "schemas" / "forms" / "receive.schema.json")
    entries = [
        StandingEntry(one, "receive", {"pallet_id": one, "quantity": 12, "uom": "CS", **more}, None, NOON)
        for one, more in {"742": {}, "743": {"exception": "refused"}}.items()
    ]
    counts: tuple[dict[str, FieldValue], ...] = ({"quantity": 12, "uom": "CS"},)
    assert sum_entries(entries, receive, NOTHING_EXPECTED) == EntryTotals(1, 0, counts, (("exception", "refused", 1),))


def test_temperatures_are_never_added_up() -> None:
    reefer = load_form(REPOSITORY / "schemas" / "forms" / "temperature.schema.json")
    entries = [
        StandingEntry(where, "temperature", {"trailer": "5501", "position": where, "temperature": degrees}, None, NOON)
        for where, degrees in {"front": -18.0, "rear": -12.0}.items()
    ]
    assert sum_entries(entries, reefer, NOTHING_EXPECTED) == EntryTotals(2, 0)


def test_more_items_than_anybody_listens_to_are_told_by_units_alone() -> None:
    entries = [entry(str(700 + at), 1, item=item) for at, item in enumerate(("A100", "A200", "A300", "A400"))]
    assert sum_entries(entries, FORM, NOTHING_EXPECTED).counts == ({"quantity": 4, "uom": "CS"},)


def test_the_item_of_a_pallet_is_the_one_that_alone_is_announced_on_it() -> None:
    one, two = announced(LINE), announced(LINE, replace(LINE, item="A200"))
    assert sum_entries([entry("742", 24)], FORM, one).counts == ({"item": "A100", "quantity": 24, "uom": "CS"},)
    assert sum_entries([entry("742", 24)], FORM, two).counts == ({"quantity": 24, "uom": "CS"},)


def test_entries_are_of_the_place_that_they_name_and_of_their_own_form() -> None:
    here, there = entry("742", 24), entry("743", 6, trailer="5502")
    assert entries_at_place((here, there, replace(here, form="other")), FORM, TRAILER) == (here,)
    assert entries_at_place((here,), MOVE, TRAILER) == ()
    assert (named_place(FORM, here.fields), named_place(FORM, {"door": "12"})) == (TRAILER, DOOR)
    assert named_place(FORM, {}) is None


def test_missing_is_what_nobody_has_received_as_far_as_is_known() -> None:
    expected = announced(
        *(LINE, replace(LINE, item="A200"), replace(LINE, pallet="743", received=True), replace(LINE, pallet="744"))
    )
    refused = replace(entry("744", 1), refused=True)
    assert find_missing_pallets(TRAILER, expected, FORM, ()) == ("742", "744")
    assert find_missing_pallets(TRAILER, expected, FORM, (entry("742", 1, trailer="5502"), refused)) == ("744",)
    assert find_missing_pallets(DOOR, expected, FORM, ()) is None, "of what nobody announced nothing is missing"


@each_of(
    ("said", "fewest", "meant"),
    [
        ("742", 2, ("742",)),  # itself, though 8742 ends so
        ("42", 2, ("742", "8742")),
        ("56", 2, ("9956",)),
        ("6", 2, ("6",)),  # too little
        ("956", 4, ("956",)),
        ("111", 2, ("111",)),  # nothing ends so: it stands as it was said
    ],
)
def test_the_last_characters_say_which_is_meant(said: str, fewest: int, meant: tuple[str, ...]) -> None:
    assert find_by_last_digits(said, ["742", "8742", "9956", "742"], fewest) == meant
