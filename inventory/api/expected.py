"""Expected receipts: a notice's lines for a trailer or a door, written by a program.

As by `dockvoice inventory expect`: validated, signed with the console's key, stored and published.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy import Connection

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.records import ExpectedLine, PlaceKind, ReceivingPlace, format_number
from dockvoice_protocol.records.master import CODE
from inventory.api.endpoint import (
    Answer,
    ApiContext,
    Problem,
    demand_if_match,
    endpoint,
    hold_publishing_lock,
    locate_row_faults,
)
from inventory.api.models import LineOut, ListOut, ListsOut
from inventory.api.parameters import Body, Query, Site
from inventory.api.tokens import Scope
from inventory.site.expected import StoredList, enter_in_outbox, load_lists, replace_list
from inventory.site.expected_file import parse_expected_rows
from inventory.site.sending import publish_rows
from inventory.site.table_file import MAX_LEN

_Code = Annotated[str, Field(min_length=1, max_length=MAX_LEN)]


class _ListsQuery(Query):
    """Parameters: the site."""

    site: Site


class _ListQuery(Query):
    """Parameters: the site, and the trailer or door."""

    site: Site
    kind: Literal["trailer", "door"]
    name: Site


class ExpectedLineIn(Body):
    """One item on one pallet."""

    notice: _Code = Field(description="The number of the notice or the order.", examples=["4550012"])
    pallet: _Code = Field(description="As it stands on the label: a text, so that 007 stays 007.", examples=["742"])
    item: _Code = Field(examples=["A100"])
    quantity: float = Field(ge=0.000001, lt=10**9, description="With 9 digits and 6 places at most.", examples=[24])
    uom: str = Field(
        pattern=f"^{CODE.pattern}$", description="The code of the unit, as forms list it.", examples=["CS"]
    )
    lot_needed: bool = Field(description="Whether the operator is asked for the lot.")


class ExpectedIn(Body):
    """All lines expected at a place, replacing the present ones."""

    lines: list[ExpectedLineIn] = Field(min_length=1, max_length=10_000)


_AWAY = {202: "It is kept, and the broker has not taken it: the inventory that runs publishes it by itself"}


@endpoint("GET", "/v1/sites/{site}/expected", "listExpected", _ListsQuery, ListsOut)
def _list_expected(context: ApiContext) -> Answer:
    """What is expected at each trailer and door."""
    with context.read_transaction() as transaction:
        found = load_lists(transaction, context.parameters.site)
    return Answer(ListsOut(expected=[_list_out(one) for one in found]))


@endpoint("GET", "/v1/sites/{site}/expected/{kind}/{name}", "getExpected", _ListQuery, ListOut, problems=("unknown",))
def _get_expected_of_place(context: ApiContext) -> Answer:
    """What is expected at a trailer or a door."""
    found = _load_list(context)
    if found is None:
        raise Problem(
            "unknown", f"{context.parameters.kind}/{context.parameters.name}: nothing was ever expected there"
        )
    return Answer(_list_out(found))


@endpoint(
    "PUT",
    "/v1/sites/{site}/expected/{kind}/{name}",
    "announce",
    _ListQuery,
    ListOut,
    body=ExpectedIn,
    scope=Scope.WRITE,
    statuses=_AWAY,
    problems=("breaks_rules", "not_possible", "changed_meanwhile"),
)
def _replace_expected_of_place(context: ApiContext) -> Answer:
    """Announce what is expected there, in the place of what was.

    It is signed with `console.key` and published; devices keep it, also without a network.
    """
    given: ExpectedIn = context.body
    kind = context.parameters.kind
    rows = [
        (
            f"/lines/{at}",
            {**{name: _format_cell(one) for name, one in line.model_dump().items()}, kind: context.parameters.name},
        )
        for at, line in enumerate(given.lines)
    ]
    found, faults = parse_expected_rows(rows)
    if faults:
        raise Problem("breaks_rules", "lines must be put right; nothing was published", locate_row_faults(faults))
    return _store_and_publish_list(context, found[_place(context)], "expected_published")


@endpoint(
    "DELETE",
    "/v1/sites/{site}/expected/{kind}/{name}",
    "withdraw",
    _ListQuery,
    ListOut,
    scope=Scope.WRITE,
    statuses=_AWAY,
    problems=("unknown", "not_possible", "changed_meanwhile"),
)
def _withdraw_expected_of_place(context: ApiContext) -> Answer:
    """Withdraw what is expected there."""
    if (there := _load_list(context)) is None or not there.expected.lines:
        raise Problem("unknown", f"{context.parameters.kind}/{context.parameters.name}: nothing is expected there")
    return _store_and_publish_list(context, (), "expected_withdrawn")


def _place(context: ApiContext) -> ReceivingPlace:
    return ReceivingPlace(PlaceKind(context.parameters.kind), context.parameters.name)


def _load_list(context: ApiContext) -> StoredList | None:
    with context.read_transaction() as transaction:
        return _find_list(transaction, context)


def _find_list(transaction: Connection, context: ApiContext) -> StoredList | None:
    return next(iter(load_lists(transaction, context.parameters.site, _place(context))), None)


def _store_and_publish_list(context: ApiContext, lines: Sequence[ExpectedLine], deed: str) -> Answer:
    """Store and publish the list; answer 200, or 202 if the broker has not confirmed it yet."""
    if (signer := context.resources.signer) is None:
        raise Problem("not_possible", "console.key is not set: devices take nothing unsigned; name a private key there")
    with hold_publishing_lock():
        with context.transaction() as transaction:
            there = _find_list(transaction, context)
            demand_if_match(context, None if there is None else _list_out(there))
            if there is not None and _has_same_lines(there, lines):
                return Answer(_list_out(there), 200 if there.sent else 202)
            made = replace_list(
                transaction, context.parameters.site, _place(context), lines, context.resources.now(), "api"
            )
            context.audit(transaction, deed, f"{made.site}/{made.place}", version=made.version, lines=len(lines))
            entered = enter_in_outbox(
                transaction, context.resources.settings.prefix, [made], signer, context.resources.now()
            )
        try:
            publish_rows(context.resources.settings, "expect", context.resources.transaction, entered, retain=True)
        except Unavailable:
            return Answer(_list_out(StoredList(made, sent=False)), 202)
        return Answer(_list_out(StoredList(made, sent=True)))


def _has_same_lines(there: StoredList, lines: Sequence[ExpectedLine]) -> bool:
    """Whether the lines are equal except for the received marks."""
    return [replace(line, received=False) for line in there.expected.lines] == list(lines)


def _format_cell(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return format_number(value)
        case _:
            return str(value)


def _list_out(one: StoredList) -> ListOut:
    found = one.expected
    lines = [LineOut.model_validate(line) for line in found.lines]
    return ListOut(
        site=found.site,
        kind=found.place.kind.value,
        name=found.place.name,
        version=found.version,
        lines=lines,
        sent=one.sent,
    )


ENDPOINTS = (_list_expected, _get_expected_of_place, _replace_expected_of_place, _withdraw_expected_of_place)
