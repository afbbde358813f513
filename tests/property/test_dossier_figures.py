"""Whatever is said of a trailer, in whatever order: its dossier's figures are those of a ledger kept beside it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.forms import Forms, load_forms
from inventory.verify_dossier import DossierCheck
from tests.tiers import examples
from tests.trailer import INVENTORY, Box, Unstored, in_pieces, line, write_forms

FACTORS = {"EA": 1, "CS": 12}
PALLETS, ITEMS = ("1", "2", "3"), ("A", "B")

announced = st.dictionaries(
    st.tuples(st.sampled_from(PALLETS), st.sampled_from(ITEMS)),
    st.tuples(st.integers(1, 30), st.sampled_from(sorted(FACTORS))),
    max_size=5,
)
said = st.fixed_dictionaries(
    {
        "pallet_id": st.sampled_from(PALLETS),
        "item": st.sampled_from(ITEMS),
        "quantity": st.integers(0, 30),
        "uom": st.sampled_from(sorted(FACTORS)),
    },
    optional={"damaged": st.integers(0, 5), "exception": st.sampled_from(["wet", "refused"])},
)
deeds = st.lists(
    st.tuples(
        st.sampled_from(["record", "record", "amend", "cancel", "elsewhere"]),
        st.integers(0, 1),
        st.integers(0, 9),
        said,
    ),
    max_size=12,
)


@dataclass
class Ledger:
    """What stands of the trailer, by a counter's own bookkeeping."""

    standing: dict[str, dict[str, Any]] = field(default_factory=dict)
    amended: int = 0
    cancelled: int = 0

    def units(self, condition: str) -> dict[str, int]:
        total: Counter[str] = Counter()
        seen = set()
        for one in self.standing.values():
            refused = one.get("exception") == "refused"
            counts = {"good": None if refused else one["quantity"], "refused": one["quantity"] if refused else None}
            count = (counts | {"damaged": one.get("damaged")})[condition]
            if count is not None:
                total[one["uom"]] += count
                seen.add(one["uom"])
        return {unit: total[unit] for unit in sorted(seen)}

    def pieces(self) -> dict[tuple[str, str], int]:
        total: dict[tuple[str, str], int] = {}
        for one in self.standing.values():
            at, factor = (one["pallet_id"], one["item"]), FACTORS[one["uom"]]
            total[at] = total.get(at, 0) + (one["quantity"] + one.get("damaged", 0)) * factor
        return total


def do(dock: Unstored, ledger: Ledger, deed: tuple[str, int, int, dict[str, Any]]) -> None:
    what, device, which, fields = deed
    box = dock.boxes[device]
    mine = [(event, ledger.standing[event["id"]]) for event in box.said if event["id"] in ledger.standing]
    # Every entry brings its item's factor, so that all of them can be compared.
    beside = {"converted": {"quantity": {"quantity": 0, "uom": "EA", "factor": FACTORS[fields["uom"]]}}}
    if what == "record":
        event = box.record(**fields, trailer="5501", data=beside)
        ledger.standing[event["id"]] = fields
    elif what == "elsewhere" or not mine:
        event = box.record(**fields, trailer="77", data=beside)
    elif what == "cancel":
        event, _ = mine[which % len(mine)]
        del ledger.standing[event["id"]]
        event = box.cancel(event)
        ledger.cancelled += 1
    else:
        before, was = mine[which % len(mine)]
        event = box.amend(before, **fields)
        del ledger.standing[before["id"]]
        ledger.standing[event["id"]] = was | fields
        ledger.amended += 1
    dock.hear(event)


def teach(box: Box) -> list[dict[str, Any]]:
    """One entry of another pallet for each item tells what a case holds."""
    return [
        box.record(pallet_id="9", item=item, quantity=0, uom="CS", trailer="5501", data=in_pieces(0)) for item in ITEMS
    ]


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Forms:
    return load_forms(write_forms(tmp_path_factory.mktemp("forms")))


@examples(0.5)
@given(announced, deeds)
def test_the_figures_are_those_of_a_ledger(
    forms: Forms, notice: dict[tuple[str, str], tuple[int, str]], said: list[Any]
) -> None:
    dock = Unstored(forms)
    if notice:
        dock.announce(*(line(pallet, count, unit, item) for (pallet, item), (count, unit) in notice.items()))
    dock.hear(*teach(dock.boxes[0]))
    ledger = Ledger()
    for deed in said:
        do(dock, ledger, deed)
    dock.hear(dock.boxes[0].record("close-trailer", trailer="5501"))
    made = dock.dossier()
    assert DossierCheck(made.file, INVENTORY.public.keyid).faults == []
    lines = {(one["pallet"], one["item"]): one for one in made.content["lines"] if one["pallet"] != "9"}
    figures = made.content["figures"]

    for condition in ("damaged", "refused"):
        assert figures[condition] == ledger.units(condition)
    good = Counter(ledger.units("good"))
    assert {unit: count for unit, count in figures["good"].items() if count} == {u: n for u, n in good.items() if n}
    wanted = {at: count * FACTORS[unit] for at, (count, unit) in notice.items()}
    there = ledger.pieces()
    assert {*lines} == {*wanted, *there}
    short = over = missing = 0
    for at, told in lines.items():
        if at not in wanted:
            assert told["status"] == ("not_announced" if notice else "without_notice")
        elif at not in there:
            assert told["status"] == "missing"
            missing += wanted[at]
        else:
            more = there[at] - wanted[at]
            assert told["status"] == ("as_expected" if more == 0 else "over" if more > 0 else "short")
            assert in_pieces_of(told["difference"]) == more
            short, over = short - min(more, 0), over + max(more, 0)
    assert [in_pieces_of(figures[name]) for name in ("short", "over", "missing")] == [short, over, missing]
    assert (figures["entries"]["amended"], figures["entries"]["cancelled"]) == (ledger.amended, ledger.cancelled)
    assert figures["entries"]["standing"] == len(ledger.standing) + len(ITEMS) + 1


def in_pieces_of(units: dict[str, Any]) -> float:
    return float(round(sum(quantity * FACTORS[unit] for unit, quantity in units.items()), 6))
