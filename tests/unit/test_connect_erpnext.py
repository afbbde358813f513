"""ERPNext, as far as its published source and documentation tell: no server could be run here (docs/connect.md)."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from dockvoice_protocol.errors import Misconfigured
from inventory.connect.erpnext import ErpNext, ErpNextSettings
from inventory.connect.ports import (
    Away,
    Declined,
    DeclineReason,
    DocumentState,
    Omission,
    PulledItem,
    PulledUnit,
    SettingMissing,
)
from tests.erp.erpnext_server import KEY, SECRET, OtherErpNext, Thrown
from tests.erp.postings import because, posting
from tests.rows import each_of

UNITS = {"CS": "Box", "EA": "Nos", "KGM": "Kg"}


def connected(other: Callable[[httpx.Request], httpx.Response], **settings: Any) -> ErpNext:
    given = {"url": "http://erp.example", "key": KEY, "secret": SECRET, "units": UNITS} | settings
    return ErpNext("erpnext", ErpNextSettings(**given), transport=httpx.MockTransport(other))


def dying(
    other: OtherErpNext, method: str, path: str = "", *, answered: bool = False
) -> Callable[[httpx.Request], httpx.Response]:
    """ERPNext, to which the connection is lost at such a request, before or after it was carried out."""

    def dies(request: httpx.Request) -> httpx.Response:
        if request.method == method and path in str(request.url):
            if answered:
                other(request)
            raise httpx.ReadError("gone")
        return other(request)

    return dies


@pytest.fixture
def other() -> OtherErpNext:
    there = OtherErpNext()
    there.item("A100", Box=12)
    there.order("P00012", ("A100", 48, "Box"))
    return there


def test_a_key_that_is_not_let_in_is_told_to_a_person(other: OtherErpNext) -> None:
    with pytest.raises(Misconfigured, match=r"does not let this key in, or to this \(401\): Authentication failed"):
        connected(other, secret=SECRET[1:]).find(posting())


def test_without_a_unique_field_nothing_is_posted() -> None:
    with pytest.raises(Misconfigured, match=r"no unique field custom_dockvoice_reference; add it once"):
        connected(OtherErpNext(unique=False)).post(posting(), None)


@each_of(
    "answer",
    [
        httpx.Response(200, html="<html>bench is updating</html>"),
        httpx.Response(503, text="maintenance"),
        httpx.Response(417, json={"exc_type": "QueryDeadlockError", "exception": "deadlock"}),
        httpx.Response(409, json={"exc_type": "TimestampMismatchError", "exception": "modified since"}),
    ],
)
def test_whatever_is_no_answer_to_what_was_asked_is_tried_again(answer: httpx.Response) -> None:
    with pytest.raises(Away):
        connected(lambda _: httpx.Response(answer.status_code, content=answer.content)).find(posting())


@pytest.mark.parametrize(
    ("said", "why", "told"),
    [
        ({"item": "C300"}, DeclineReason.ITEM_UNKNOWN, "C300 is not on P00012"),
        ({"quantity": None}, DeclineReason.QUANTITY_WRONG, "no quantity was said"),
        ({"quantity": Decimal(49)}, DeclineReason.QUANTITY_WRONG, "This document is over limit by Qty"),
        ({"unit": "PL"}, DeclineReason.UNIT_UNKNOWN, "PL: units does not say what it is called there"),
        ({"unit": "KGM"}, DeclineReason.UNIT_UNKNOWN, "A100 has no conversion for 'Kg' in ERPNext"),
        ({"unit": "EA", "quantity": Decimal(1)}, DeclineReason.UNIT_UNKNOWN, "which is no exact figure"),
        (
            {"order": "P99999"},
            DeclineReason.ORDER_UNKNOWN,
            "purchase order P99999 in ERPNext: it has none of that name",
        ),
        ({"place": "Q"}, DeclineReason.PLACE_UNKNOWN, "Q: places does not say what it is called there"),
        ({"damaged": Decimal(2)}, DeclineReason.OTHER, "damaged does not say where they go in ERPNext"),
    ],
)
def test_what_has_no_place_there_is_declined_and_leaves_nothing(
    other: OtherErpNext, said: dict[str, Any], why: DeclineReason, told: str
) -> None:
    with pytest.raises(Declined, match=told) as found:
        connected(other, places={"B": "Dock"}).post(posting(**said), None)
    assert found.value.why is why
    assert other.receipts() == []


def test_what_the_settings_lack_or_name_wrongly_is_no_operators_fault(other: OtherErpNext) -> None:
    for settings, told in (({"units": {}}, "CS: units"), ({"places": {"A": "Dock"}}, "B: places")):
        with pytest.raises(SettingMissing, match=told):
            connected(other, **settings).post(posting(), None)
    other.thrown = Thrown(417, "LinkValidationError", "Could not find Row #1: Accepted Warehouse: Rampe")
    with pytest.raises(SettingMissing, match="a warehouse that the settings name: Could not find Row #1"):
        connected(other, places={"B": "Rampe"}).post(posting(), None)


def test_a_receipt_is_part_of_its_order(other: OtherErpNext) -> None:
    erp = connected(other)
    first = erp.post(posting(1), None)
    erp.post(posting(2, quantity=Decimal(10)), None)
    assert first.state is DocumentState.DONE
    assert other.stock() == {("A100", "Stores", ""): Decimal(34 * 12)}
    assert other.docs["Purchase Order"]["P00012"]["items"][0]["received_qty"] == 34
    assert [*erp.find(posting(1))] == [first]


def test_what_was_counted_in_another_unit_is_converted_by_erpnexts_own_table(other: OtherErpNext) -> None:
    connected(other).post(posting(unit="EA", quantity=Decimal(30)), None)
    (receipt,) = other.receipts()
    assert (receipt["items"][0]["qty"], receipt["items"][0]["uom"], receipt["items"][0]["rate"]) == (2.5, "Box", 5.0)
    assert other.stock() == {("A100", "Stores", ""): Decimal(30)}


def test_what_was_said_is_on_the_receipt(other: OtherErpNext) -> None:
    connected(other, places={"B": "Dock"}, damaged="Scrap").post(posting(lot="L7", damaged=Decimal(2)), None)
    assert other.stock() == {("A100", "Dock", ""): Decimal(288), ("A100", "Scrap", ""): Decimal(24)}
    (receipt,) = other.receipts()
    assert receipt["items"][0]["received_qty"] == 26
    assert "pallet 741" in receipt["remarks"]
    assert "lot L7" in receipt["remarks"]  # which is kept without batches


def test_a_batch_is_made_where_there_is_none_and_asked_for_where_none_was_said(other: OtherErpNext) -> None:
    other.item("L100", batches=True, Box=6)
    other.order("P00013", ("L100", 48, "Box"))
    erp = connected(other)
    with pytest.raises(Declined, match="kept by batches in ERPNext, and no lot was said") as found:
        erp.post(posting(1, item="L100", order="P00013"), None)
    assert found.value.why is DeclineReason.LOT_MISSING
    for number in (1, 2):
        erp.post(posting(number, item="L100", order="P00013", lot="L7", expiry="2027-03-31"), None)
    assert other.stock() == {("L100", "Stores", "L7"): Decimal(288)}
    assert other.docs["Batch"]["L7"]["expiry_date"] == "2027-03-31"


def test_operators_say_the_digits_of_an_order_alone(other: OtherErpNext) -> None:
    erp = connected(other, orders=("P{}", "Q{}"))
    erp.post(posting(1, order="00012"), None)
    assert other.stock() == {("A100", "Stores", ""): Decimal(288)}
    other.order("Q00012", ("A100", 48, "Box"))
    with pytest.raises(Declined, match="P00012 or Q00012 in ERPNext: which one is meant is nobody's guess"):
        erp.post(posting(2, order="00012"), None)


@pytest.mark.parametrize(("status", "received"), [("Closed", 0.0), ("To Bill", 48.0)])
def test_an_order_that_takes_no_more_is_told_so(other: OtherErpNext, status: str, received: float) -> None:
    order = other.docs["Purchase Order"]["P00012"]
    order["status"] = status
    order["items"][0]["received_qty"] = received
    with pytest.raises(Declined) as found:
        connected(other).post(posting(), None)
    assert found.value.why is DeclineReason.ORDER_CLOSED


def test_an_item_on_two_lines_is_nobodys_guess(other: OtherErpNext) -> None:
    other.order("P00014", ("A100", 10, "Box"), ("A100", 20, "Box"))
    with pytest.raises(Declined, match="A100 is on several lines of P00014"):
        connected(other).post(posting(order="P00014"), None)


@pytest.mark.parametrize(("method", "path"), [("POST", "/api/resource/Purchase%20Receipt"), ("PUT", "")])
@pytest.mark.parametrize("answered", [False, True])
def test_a_draft_that_was_made_is_found_and_goes_on(
    other: OtherErpNext, method: str, path: str, answered: bool
) -> None:
    with pytest.raises(Away):
        connected(dying(other, method, path, answered=answered)).post(posting(), None)
    erp = connected(other)
    found = erp.find(posting())
    if not found or found[0].state is DocumentState.DRAFT:
        erp.post(posting(), found[0] if found else None)
    assert other.stock() == {("A100", "Stores", ""): Decimal(288)}
    assert len(other.receipts()) == 1


def test_erpnext_itself_takes_no_reference_twice(other: OtherErpNext) -> None:
    erp = connected(other)
    erp.post(posting(), None)
    with pytest.raises(Away, match="has it already"):
        erp.post(posting(), None)  # as whoever did not look would
    assert len(other.receipts()) == 1


def test_what_is_taken_back_is_cancelled(other: OtherErpNext) -> None:
    erp = connected(other)
    document = erp.post(posting(), None)
    assert erp.reverse(posting(), document, because(9)).state is DocumentState.REVERSED
    assert other.stock() == {}
    assert [one.state for one in erp.find(posting())] == [DocumentState.REVERSED]


def test_a_draft_that_is_taken_back_is_removed(other: OtherErpNext) -> None:
    with pytest.raises(Away):
        connected(dying(other, "PUT")).post(posting(), None)
    erp = connected(other)
    (draft,) = erp.find(posting())
    assert erp.reverse(posting(), draft, because(9)).state is DocumentState.REVERSED
    assert other.receipts() == []
    erp.reverse(posting(), draft, because(9))


def test_what_was_invoiced_cannot_be_taken_back_and_a_person_is_told(other: OtherErpNext) -> None:
    erp = connected(other)
    document = erp.post(posting(), None)
    other.receipts()[0]["billed"] = True
    with pytest.raises(Declined, match="linked with an invoice"):
        erp.reverse(posting(), document, because(9))
    assert other.stock() == {("A100", "Stores", ""): Decimal(288)}


def test_items_come_with_their_units(other: OtherErpNext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inventory.connect.erpnext.PAGE", 2)
    other.item("F100", uom="Kg", batches=True)
    other.item("X100", uom="Litre")
    other.docs["Item"]["OLD"] = {**other.docs["Item"]["A100"], "name": "OLD", "disabled": 1}
    pulled = connected(other).pull()
    assert pulled.items == [
        PulledItem("A100", "Item A100", "EA", (PulledUnit("CS", Decimal(12)),), False),
        PulledItem("F100", "Item F100", "KGM", (), True),
    ]
    assert [*pulled.omitted] == [Omission("item X100", "units does not name its unit 'Litre'")]
    assert (pulled.expected, pulled.operators) == (None, None)


def test_who_answers_is_told_without_the_secret(other: OtherErpNext) -> None:
    told = connected(other).describe_system()
    assert told == "ERPNext at http://erp.example, dock@example.com"
    assert SECRET not in told
