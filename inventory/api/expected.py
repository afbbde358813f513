"""Expected receipts: what a notice announces for a trailer or a door, written by another system's program.

It goes the way of `dockvoice inventory expect`: held to the same rules, signed with the console's key, published, kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy import Connection

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.records import ExpectedLine, PlaceKind, ReceivingPlace, plain
from inventory.api.asking import Body, Query, Site
from inventory.api.enquiry import Answer, Endpoint, Enquiry
from inventory.api.problems import Problem, of_rows
from inventory.api.publishing import demand_unchanged, publishing
from inventory.api.tokens import Scope
from inventory.api.told import ToldLine, ToldList, ToldLists
from inventory.site.expected import Kept, kept, replaced
from inventory.site.expected_file import CODE, places_of
from inventory.site.expected_publishing import enter
from inventory.site.sending import publish_entered
from inventory.site.table_file import LONGEST

Code = Annotated[str, Field(min_length=1, max_length=LONGEST)]


class AskedLists(Query):
    """Of which site."""

    site: Site


class AskedList(Query):
    """Of which trailer or door."""

    site: Site
    kind: Literal["trailer", "door"]
    name: Site


class ExpectedLineGiven(Body):
    """One item on one pallet."""

    notice: Code = Field(description="The number of the notice or the order.", examples=["4550012"])
    pallet: Code = Field(description="As it stands on the label: a text, so that 007 stays 007.", examples=["742"])
    item: Code = Field(examples=["A100"])
    quantity: float = Field(ge=0.000001, lt=10**9, description="With 9 digits and 6 places at most.", examples=[24])
    uom: str = Field(
        pattern=f"^{CODE.pattern}$", description="The code of the unit, as forms list it.", examples=["CS"]
    )
    lot_needed: bool = Field(description="Whether the operator is asked for the lot.")


class ExpectedGiven(Body):
    """What is expected there: all of it, in the place of what was."""

    lines: list[ExpectedLineGiven] = Field(min_length=1, max_length=10_000)


def lists(of: Enquiry) -> Answer:
    """What is expected at each trailer and door of a site."""
    with of.look() as transaction:
        found = kept(transaction, of.asked.site)
    return Answer(ToldLists(expected=[_told(one) for one in found]))


def one_list(of: Enquiry) -> Answer:
    """What is expected at one of them."""
    found = _there(of)
    if found is None:
        raise Problem("unknown", f"{of.asked.kind}/{of.asked.name}: nothing was ever expected there")
    return Answer(_told(found))


def announce(of: Enquiry) -> Answer:
    """Let devices expect these, and nothing else there."""
    given: ExpectedGiven = of.taken
    kind = of.asked.kind
    rows = [
        (f"/lines/{at}", {**{name: _cell(one) for name, one in line.model_dump().items()}, kind: of.asked.name})
        for at, line in enumerate(given.lines)
    ]
    found, faults = places_of(rows)
    if faults:
        raise Problem("breaks_rules", "lines must be put right; nothing was published", of_rows(faults))
    return _publish(of, found[_place(of)], "expected_published")


def withdraw(of: Enquiry) -> Answer:
    """Let devices expect nothing there any more."""
    if (there := _there(of)) is None or not there.expected.lines:
        raise Problem("unknown", f"{of.asked.kind}/{of.asked.name}: nothing is expected there")
    return _publish(of, (), "expected_withdrawn")


def _place(of: Enquiry) -> ReceivingPlace:
    return ReceivingPlace(PlaceKind(of.asked.kind), of.asked.name)


def _there(of: Enquiry) -> Kept | None:
    with of.look() as transaction:
        return _at(transaction, of)


def _at(transaction: Connection, of: Enquiry) -> Kept | None:
    return next(iter(kept(transaction, of.asked.site, _place(of))), None)


def _publish(of: Enquiry, lines: Sequence[ExpectedLine], deed: str) -> Answer:
    """The list as it is now; by 202 where the broker has not taken it yet."""
    if (signer := of.place.signer) is None:
        raise Problem("not_possible", "console.key is not set: devices take nothing unsigned; name a private key there")
    with publishing():
        with of.open() as transaction:
            there = _at(transaction, of)
            demand_unchanged(of, None if there is None else _told(there))
            if there is not None and _says_the_same(there, lines):
                return Answer(_told(there), 200 if there.sent else 202)
            made = replaced(transaction, of.asked.site, _place(of), lines, of.place.now(), "api")
            of.note(transaction, deed, f"{made.site}/{made.place}", version=made.version, lines=len(lines))
            entered = enter(transaction, of.place.settings.prefix, [made], signer, of.place.now())
        try:
            publish_entered(of.place.settings, "expect", of.place.open, entered, retain=True)
        except Unavailable:
            return Answer(_told(Kept(made, sent=False)), 202)
        return Answer(_told(Kept(made, sent=True)))


def _says_the_same(there: Kept, lines: Sequence[ExpectedLine]) -> bool:
    """But for what was received meanwhile."""
    return [replace(line, received=False) for line in there.expected.lines] == list(lines)


def _cell(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return plain(value)
        case _:
            return str(value)


def _told(one: Kept) -> ToldList:
    of = one.expected
    lines = [ToldLine.model_validate(line) for line in of.lines]
    return ToldList(
        site=of.site, kind=of.place.kind.value, name=of.place.name, version=of.version, lines=lines, sent=one.sent
    )


AWAY = {202: "It is kept, and the broker has not taken it: the inventory that runs publishes it by itself"}

ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/sites/{site}/expected",
        "listExpected",
        "What is expected at each trailer and door",
        lists,
        AskedLists,
        ToldLists,
        group="Expected receipts",
    ),
    Endpoint(
        "GET",
        "/v1/sites/{site}/expected/{kind}/{name}",
        "getExpected",
        "What is expected at a trailer or a door",
        one_list,
        AskedList,
        ToldList,
        problems=("unknown",),
        group="Expected receipts",
    ),
    Endpoint(
        "PUT",
        "/v1/sites/{site}/expected/{kind}/{name}",
        "announce",
        "Announce what is expected there, in the place of what was",
        announce,
        AskedList,
        ToldList,
        takes=ExpectedGiven,
        scope=Scope.WRITE,
        also=AWAY,
        more="It is signed with `console.key` and published: devices know it from then on, also without a network.",
        problems=("breaks_rules", "not_possible", "changed_meanwhile"),
        group="Expected receipts",
    ),
    Endpoint(
        "DELETE",
        "/v1/sites/{site}/expected/{kind}/{name}",
        "withdraw",
        "Withdraw what is expected there",
        withdraw,
        AskedList,
        ToldList,
        scope=Scope.WRITE,
        also=AWAY,
        problems=("unknown", "not_possible", "changed_meanwhile"),
        group="Expected receipts",
    ),
)
