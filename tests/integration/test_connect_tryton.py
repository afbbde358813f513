"""Tryton for real: what its own client finds there is what was said at the dock. At night forty pallets are."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.records import PlaceKind, ReceivingPlace
from inventory.connect.ports import Away, Declined, DeclineReason, DocumentState, Posting, ReversalReason
from inventory.connect.tryton import Tryton as Connector
from inventory.connect.tryton_rpc import TrytonSettings
from tests.erp.tryton import DOORS, LOT_NEEDED, NAME, PASSWORD, SUPPLIER, USER, Line, Tryton, tryton
from tests.erp.tryton_dock import Dock
from tests.erp.tryton_trailer import receive
from tests.integration.test_office_decides import keys
from tests.servers.postgresql import PostgreSQL
from tests.tiers import SEED, sized

__all__ = ["tryton"]

NOW = datetime(2026, 11, 22, 13, tzinfo=UTC)
WHY = ReversalReason("because", False, None, NOW)

TRAILER = sized(test={"pallets": 2, "cuts": 1, "kills": 1}, nightly={"pallets": 40, "cuts": 2, "kills": 8})
"""Pallets that are said on two devices, cuts of the wires, and kills of the connector."""


def settings(server: Tryton, **changed: Any) -> TrytonSettings:
    given: dict[str, Any] = {
        "url": server.url,
        "database": NAME,
        "user": USER,
        "password": SecretStr(PASSWORD),
        "timeout_s": 60,
        "units": {"EA": "Unit", "CS": "Case of 12", "A200 CS": "Case of 6", "KGM": "Kilogram"},
        "places": DOORS,
        "supplier": SUPPLIER,
    }
    return TrytonSettings(**{**given, **changed})


@pytest.fixture(scope="module")
def connector(tryton: Tryton) -> Iterator[Connector]:
    with closing(Connector(settings(tryton))) as made:
        yield made


def posting(item: str | None = "A100", **changed: Any) -> Posting:
    reference = str(uuid4())
    made = Posting(
        reference=reference,
        amends=None,
        site="north",
        device="dock-3",
        sequence=1,
        operator="ana",
        recorded_at=NOW,
        form="receive",
        fields={},
        pallet=None,
        item=item,
        quantity=Decimal(4),
        unit="CS",
        lot=None,
        expiry=None,
        damaged=None,
        exception=None,
        place="12",
        trailer=None,
        order=None,
    )
    return replace(made, **changed)


def test_who_answers_there_and_who_is_not_let_in(tryton: Tryton, connector: Connector) -> None:
    told = connector.describe_system()
    assert told.startswith("Tryton 8.2 at http://127.0.0.1:")
    assert told.endswith("as dockvoice, with packages")
    wrong_ones: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"password": SecretStr("wrong")}, Misconfigured, "does not let this user in"),
        ({"url": "http://127.0.0.1:9"}, Away, "ConnectError"),
        ({"database": "nowhere"}, Misconfigured, "has no such database"),
    ]
    for wrong, fault, said in wrong_ones[: sized(test=2, nightly=3)]:  # it takes Tryton half a minute to say the third
        with closing(Connector(settings(tryton, **wrong))) as other, pytest.raises(fault, match=said) as caught:
            other.find(posting())
        assert PASSWORD not in str(caught.value)
    assert PASSWORD not in repr(settings(tryton))


@pytest.mark.parametrize(
    ("changed", "why", "said"),
    [
        ({"item": LOT_NEEDED, "unit": "EA"}, DeclineReason.LOT_MISSING, "lot"),  # in Tryton's own words
        ({"item": "A999"}, DeclineReason.ITEM_UNKNOWN, "is no product's code there"),
        ({"item": None}, DeclineReason.ITEM_MISSING, "names no item"),
        ({"unit": "KGM"}, DeclineReason.UNIT_UNKNOWN, "cannot be converted"),
        ({"unit": "XX"}, DeclineReason.UNIT_UNKNOWN, "units does not say what it is"),
        ({"unit": None}, DeclineReason.UNIT_UNKNOWN, "says no unit"),
        ({"quantity": None}, DeclineReason.QUANTITY_WRONG, "says no quantity"),
        ({"place": "99"}, DeclineReason.PLACE_UNKNOWN, "99"),
        ({"damaged": Decimal(2)}, DeclineReason.OTHER, "does not say what becomes of them"),
    ],
)
def test_what_it_cannot_be_is_declined_with_the_reason(
    connector: Connector, changed: dict[str, Any], why: DeclineReason, said: str
) -> None:
    with pytest.raises(Declined, match=said) as caught:
        connector.post(posting(**changed), None)
    assert caught.value.why is why


def test_a_receipt_is_found_and_taken_back_by_its_reference_and_every_call_may_come_twice(
    tryton: Tryton, connector: Connector
) -> None:
    before = tryton.quantity("A200", DOORS["14"])
    said = posting("A200", place="14")
    assert connector.find(said) == ()
    made = connector.post(said, None)
    assert connector.find(said) == [made]
    assert made.state is DocumentState.DONE
    assert tryton.quantity("A200", DOORS["14"]) == before + 24  # four cases of six
    for _ in range(2):
        assert connector.reverse(said, made, WHY).state is DocumentState.REVERSED
        assert tryton.quantity("A200", DOORS["14"]) == before
    assert [one.state for one in connector.find(said)] == [DocumentState.REVERSED]


def test_what_was_declined_for_want_of_a_lot_is_a_draft_that_its_people_can_finish(
    tryton: Tryton, connector: Connector
) -> None:
    said = posting(LOT_NEEDED, unit="EA")
    with pytest.raises(Declined):
        connector.post(said, None)
    (draft,) = connector.find(said)
    assert draft.state is DocumentState.DRAFT
    with pytest.raises(Declined, match="lot"):
        connector.post(said, draft)
    (shipment,) = tryton.shipments(said.reference)
    lots = tryton.model("stock.lot")
    lot = lots(number=f"L{uuid4().hex[:6]}", product=shipment.incoming_moves[0].product)
    lot.save()
    shipment.incoming_moves[0].lot = lot
    shipment.save()
    assert connector.post(said, draft).state is DocumentState.DONE
    assert len(tryton.shipments(said.reference)) == 1
    other = posting(LOT_NEEDED, unit="EA")
    with pytest.raises(Declined):
        connector.post(other, None)
    (draft,) = connector.find(other)
    assert connector.reverse(other, draft, WHY).state is DocumentState.REVERSED


def test_an_announced_pallet_is_taken_from_the_shipment_that_announced_it(tryton: Tryton, connector: Connector) -> None:
    trailer = "T" + uuid4().hex[:6]
    one, other = tryton.announce(trailer, [Line("A100", 24, "Case of 12"), Line(LOT_NEEDED, 5, "Unit")])
    pulled = connector.pull()
    assert pulled.expected is not None
    lines = pulled.expected[ReceivingPlace(PlaceKind.TRAILER, trailer)]
    assert sorted((line.pallet, line.item, line.quantity, line.uom, line.lot_needed) for line in lines) == [
        (one.pallet, "A100", 24, "CS", False),
        (other.pallet, LOT_NEEDED, 5, "EA", True),
    ]
    said = posting(pallet=one.pallet, trailer=trailer, quantity=Decimal(23))
    connector.post(said, None)
    (shipment,) = tryton.shipments(said.reference)
    (move,) = [move for move in shipment.moves if move.from_location.type == "supplier"]
    assert (move.quantity, move.unit_price) == (23, Decimal("1.5"))
    (announced,) = tryton.shipments(trailer)
    assert announced.state == "draft"
    assert {move.package.number for move in announced.moves} == {one.pallet, other.pallet}
    with closing(Connector(settings(tryton, supplier=None))) as strict:
        with pytest.raises(Declined, match="announced on no open supplier shipment") as caught:
            strict.post(posting(pallet="nobody's", trailer=trailer), None)
        assert caught.value.why is DeclineReason.ORDER_UNKNOWN
        assert strict.post(posting(amends=said.reference), None).state is DocumentState.DONE  # as what it corrects


def test_items_have_the_units_that_the_settings_name(connector: Connector) -> None:
    pulled = connector.pull()
    assert pulled.items is not None
    items = {one.code: one for one in pulled.items}
    assert [(unit.code, unit.factor) for unit in items["A100"].units] == [("CS", Decimal(12))]
    assert [(unit.code, unit.factor) for unit in items["A200"].units] == [("CS", Decimal(6))]
    assert items["A400"].base == "KGM"
    assert [one.code for one in items.values() if one.lot_needed] == [LOT_NEEDED]


def test_the_trailer_is_in_tryton_as_it_was_said_whatever_is_cut_and_killed(
    tryton: Tryton, postgresql: PostgreSQL, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    with Dock(tmp_path, tryton, postgresql, free_port, keys(tmp_path)) as dock:
        receive(dock, tryton, random.Random(sized(test=20261122, nightly=SEED)), **TRAILER)
