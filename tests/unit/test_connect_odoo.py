"""Odoo, as far as its published source tells: no server could be run here (docs/connect.md)."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from dockvoice_protocol.errors import Misconfigured
from inventory.connect.odoo import Odoo, OdooSettings
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
from tests.erp.odoo_server import DAMAGED, INPUT, KEY, REFERENCE, STOCK, OtherOdoo
from tests.erp.postings import because, posting
from tests.rows import each_of

UNITS = {"CS": "Case of 12", "EA": "Units", "KGM": "kg"}
VERSIONS = ("17.0", "18.0", "19.0+e")


def connected(other: Callable[[httpx.Request], httpx.Response], **settings: Any) -> Odoo:
    given = {"url": "http://odoo.example", "database": "wh", "user": "dock", "key": KEY, "units": UNITS} | settings
    return Odoo("odoo", OdooSettings(**given), transport=httpx.MockTransport(other))


def dying(other: OtherOdoo, at: bytes, *, answered: bool = False) -> Callable[[httpx.Request], httpx.Response]:
    """Odoo, to which the connection is lost at such a request, before or after it was carried out."""

    def dies(request: httpx.Request) -> httpx.Response:
        if at in request.content and b"fields_get" not in request.content:
            if answered:
                other(request)
            raise httpx.ReadError("gone")
        return other(request)

    return dies


@pytest.fixture(params=VERSIONS)
def other(request: pytest.FixtureRequest) -> OtherOdoo:
    there = OtherOdoo(request.param)
    there.order("P00012", (there.product("A100"), 48, 2))
    return there


@each_of(
    ("there", "settings", "told"),
    [
        (OtherOdoo("16.0"), {}, r"is Odoo 16\.0; 17 to 19 are known here"),
        (OtherOdoo(), {"key": "wrong"}, r"knows no user 'dock' with this key in the database 'wh'; make a key"),
        (OtherOdoo(field=False), {}, r"have no field x_dockvoice_reference; add it once"),
    ],
)
def test_what_a_person_must_set_up_is_said(there: OtherOdoo, settings: dict[str, Any], told: str) -> None:
    with pytest.raises(Misconfigured, match=told):
        connected(there, **settings).find(posting())


@each_of(
    "answer",
    [
        httpx.Response(200, html="<html>Odoo is being upgraded</html>"),
        httpx.Response(200, json={"jsonrpc": "2.0", "id": 1}),
        httpx.Response(
            200,
            json={
                "error": {"data": {"name": "psycopg2.errors.SerializationFailure", "message": "could not serialize"}}
            },
        ),
    ],
)
def test_whatever_is_no_answer_of_odoos_is_tried_again(answer: httpx.Response) -> None:
    with pytest.raises(Away):
        connected(lambda _: httpx.Response(answer.status_code, content=answer.content)).find(posting())


def test_a_user_without_rights_is_told_to_a_person() -> None:
    def denies(request: httpx.Request) -> httpx.Response:
        if b"execute_kw" in request.content:
            data = {"name": "odoo.exceptions.AccessError", "message": "You are not allowed to access 'Transfer'"}
            return httpx.Response(200, json={"error": {"data": data}})
        return OtherOdoo()(request)

    with pytest.raises(Misconfigured, match="'dock' may not do this in Odoo: You are not allowed"):
        connected(denies).find(posting())


@pytest.mark.parametrize(
    ("said", "why", "told"),
    [
        ({"item": "B200"}, DeclineReason.ITEM_UNKNOWN, "B200 is not known in Odoo"),
        ({"item": "C300"}, DeclineReason.ITEM_UNKNOWN, "C300 is not, or no more, on WH/IN/"),
        ({"quantity": None}, DeclineReason.QUANTITY_WRONG, "no quantity was said"),
        ({"unit": "PL"}, DeclineReason.UNIT_UNKNOWN, "PL: units does not say what it is called there"),
        ({"order": "P99999"}, DeclineReason.ORDER_UNKNOWN, "no transfer in Odoo has the source document P99999"),
        ({"place": "Q"}, DeclineReason.PLACE_UNKNOWN, "Q: places does not say what it is called there"),
        ({"damaged": Decimal(2)}, DeclineReason.OTHER, "damaged does not say where they go in Odoo"),
    ],
)
def test_what_has_no_place_there_is_declined_and_changes_nothing(
    other: OtherOdoo, said: dict[str, Any], why: DeclineReason, told: str
) -> None:
    other.product("C300")
    with pytest.raises(Declined, match=told) as found:
        connected(other, places={"B": "WH/Input"}).post(posting(**said), None)
    assert found.value.why is why
    assert other.stock() == {}
    assert [one[REFERENCE] for one in other.pickings()] == [False]


@pytest.mark.parametrize(
    ("settings", "said", "told"),
    [
        ({"units": {"CS": "Kiste"}}, {}, "the unit 'Kiste', which units names, is not known in Odoo"),
        ({"places": {"B": "WH/Rampe"}}, {}, "the location 'WH/Rampe', which the settings name, is not known in Odoo"),
        ({"damaged": "WH/Bruch"}, {"damaged": Decimal(2)}, "the location 'WH/Bruch'"),
        ({"places": {"A": "WH/Input"}}, {}, "B: places does not say what it is called there"),
    ],
)
def test_what_the_settings_lack_or_name_wrongly_is_no_operators_fault(
    other: OtherOdoo, settings: dict[str, Any], said: dict[str, Any], told: str
) -> None:
    with pytest.raises(SettingMissing, match=told):
        connected(other, **settings).post(posting(**said), None)


def test_a_receipt_is_part_of_its_order_and_the_rest_stays_open(other: OtherOdoo) -> None:
    odoo = connected(other)
    first = odoo.post(posting(1), None)
    second = odoo.post(posting(2, quantity=Decimal(10)), None)
    assert (first.state, second.state) == (DocumentState.DONE, DocumentState.DONE)
    assert first.id != second.id
    assert other.stock() == {("A100", STOCK, ""): Decimal(34 * 12)}
    (left,) = other.pickings(state="assigned")
    assert (left["origin"], left[REFERENCE]) == ("P00012", False)
    (done,) = odoo.find(posting(1))
    assert done == first


def test_what_was_said_is_on_the_transfer(other: OtherOdoo) -> None:
    odoo = connected(other, places={"B": "WH/Input"}, damaged="WH/Damaged")
    document = odoo.post(posting(lot="L<7>", damaged=Decimal(2)), None)
    assert other.stock() == {("A100", INPUT, ""): Decimal(24 * 12), ("A100", DAMAGED, ""): Decimal(24)}
    (picking,) = other.pickings(id=int(document.id))
    assert "lot L&lt;7&gt;" in picking["note"]
    assert "trailer 5501" in picking["note"]
    packages = [one["name"] for one in other.tables[other.package_model].values()]
    assert packages == ["741"]


def test_a_lot_goes_where_lots_are_kept_and_is_asked_for_there(other: OtherOdoo) -> None:
    other.order("P00013", (other.product("L100", tracking="lot"), 48, 2))
    odoo = connected(other)
    with pytest.raises(Declined, match="L100 is kept by lots in Odoo, and none was said") as found:
        odoo.post(posting(1, item="L100", order="P00013"), None)
    assert found.value.why is DeclineReason.LOT_MISSING
    odoo.post(posting(1, item="L100", order="P00013", lot="L7"), None)
    assert other.stock() == {("L100", STOCK, "L7"): Decimal(288)}


def test_operators_say_the_digits_of_an_order_alone(other: OtherOdoo) -> None:
    odoo = connected(other, orders=("P{}", "Q{}"))
    odoo.post(posting(1, order="00012"), None)
    assert other.stock() == {("A100", STOCK, ""): Decimal(288)}
    other.order("Q00012", (other.product("B200"), 48, 2))
    with pytest.raises(Declined, match="Odoo has P00012 or Q00012, and which one is meant is nobody's guess"):
        odoo.post(posting(2, order="00012"), None)


@each_of("orders", [(), ("P",), ("{}{}",), ("P{0}",), ("P{order}",)])
def test_a_name_of_orders_without_its_place_is_refused(orders: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="orders"):
        OdooSettings(url="http://odoo.example", database="wh", user="dock", key=KEY, orders=orders)


def test_an_order_that_was_received_takes_no_more(other: OtherOdoo) -> None:
    odoo = connected(other)
    odoo.post(posting(1, quantity=Decimal(48)), None)
    with pytest.raises(Declined, match=r"all of P00012 was received") as found:
        odoo.post(posting(2), None)
    assert found.value.why is DeclineReason.ORDER_CLOSED


def test_a_product_on_two_lines_is_nobodys_guess(other: OtherOdoo) -> None:
    product = other.product("D400")
    other.order("P00014", (product, 10, 1), (product, 20, 1))
    with pytest.raises(Declined, match="D400 is on several lines of WH/IN/"):
        connected(other).post(posting(item="D400", order="P00014"), None)


def test_what_odoo_refuses_is_told_in_its_words_and_the_transfer_is_let_go(other: OtherOdoo) -> None:
    odoo = connected(other)
    other.question = {"type": "ir.actions.act_window", "res_model": "expiry.picking.confirmation", "name": "Expired?"}
    with pytest.raises(
        Declined, match=r"Odoo asks 'Expired\?' \(expiry\.picking\.confirmation\), which a person answers"
    ):
        odoo.post(posting(1), None)
    assert not odoo.find(posting(1))
    other.question = None
    odoo.post(posting(2), None)
    assert other.stock() == {("A100", STOCK, ""): Decimal(288)}


def test_a_transfer_that_was_begun_is_found_and_goes_on(other: OtherOdoo) -> None:
    with pytest.raises(Away):
        connected(dying(other, b"button_validate")).post(posting(), None)
    odoo = connected(other)
    (draft,) = odoo.find(posting())
    assert draft.state is DocumentState.DRAFT
    assert other.stock() == {}
    with pytest.raises(Away, match=f"is taken by the entry {posting().reference}, which is not done yet"):
        odoo.post(posting(2), None)
    assert odoo.post(posting(), draft).state is DocumentState.DONE
    assert other.stock() == {("A100", STOCK, ""): Decimal(288)}


def test_a_draft_that_is_taken_back_is_let_go(other: OtherOdoo) -> None:
    with pytest.raises(Away):
        connected(dying(other, b"button_validate")).post(posting(), None)
    odoo = connected(other)
    (draft,) = odoo.find(posting())
    assert odoo.reverse(posting(), draft, because(9)).state is DocumentState.REVERSED
    assert not odoo.find(posting())
    assert other.stock() == {}


def test_what_is_taken_back_is_returned_once(other: OtherOdoo) -> None:
    odoo = connected(other)
    document = odoo.post(posting(lot="L7"), None)
    for _ in range(2):
        assert odoo.reverse(posting(), document, because(9)).state is DocumentState.REVERSED
    assert other.stock() == {}
    assert len(other.pickings(picking_type_code="outgoing")) == 1
    assert [one.state for one in odoo.find(posting())] == [DocumentState.REVERSED]


@pytest.mark.parametrize("dies_at", [b"create_returns", b"button_validate", b'"write"'])
@pytest.mark.parametrize("answered", [False, True])
def test_a_return_that_was_begun_goes_on(other: OtherOdoo, dies_at: bytes, answered: bool) -> None:
    document = connected(other).post(posting(), None)

    with pytest.raises(Away):
        connected(dying(other, dies_at, answered=answered)).reverse(posting(), document, because(9))
    odoo = connected(other)
    (found,) = odoo.find(posting())
    if found.state is DocumentState.DONE:
        assert odoo.reverse(posting(), found, because(9)).state is DocumentState.REVERSED
    assert other.stock() == {}
    assert len(other.pickings(picking_type_code="outgoing")) == 1


def test_a_report_that_odoo_shows_is_no_question() -> None:
    other = OtherOdoo("18.0", prints=True)
    other.order("P00012", (other.product("A100"), 48, 2))
    assert connected(other).post(posting(), None).state is DocumentState.DONE


@each_of("asks", ["always", "never"])
def test_where_odoo_does_not_ask_nothing_is_answered(asks: str) -> None:
    other = OtherOdoo("18.0", asks=asks)
    other.order("P00012", (other.product("A100"), 48, 2))
    assert connected(other).post(posting(), None).state is DocumentState.DONE
    assert ("stock.backorder.confirmation", "process") not in other.calls


def test_items_come_with_the_units_that_convert(other: OtherOdoo) -> None:
    other.product("F100", uom=3)
    other.product("X100", uom=4, tracking="lot")
    pulled = connected(other).pull()
    assert pulled.items == [
        PulledItem("A100", "Product A100", "EA", (PulledUnit("CS", Decimal(12)),), False),
        PulledItem("F100", "Product F100", "KGM", (), False),
    ]
    assert [*pulled.omitted] == [Omission("item X100", "units does not name its unit 'Dozens'")]
    assert (pulled.expected, pulled.operators) == (None, None)


def test_many_items_come_in_pages(other: OtherOdoo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inventory.connect.odoo.PAGE", 3)
    for number in range(7):
        other.product(f"N{number}")
    assert len(connected(other).pull().items or ()) == 8


def test_who_answers_is_told_without_the_key(other: OtherOdoo) -> None:
    told = connected(other).describe_system()
    assert told == f"Odoo {other.version} at http://odoo.example, wh, dock"
    assert KEY not in told
