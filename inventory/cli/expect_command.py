"""`dockvoice inventory expect`: publish signed expected lists of trailers and doors from a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.records import ExpectedLine, ExpectedList, ReceivingPlace
from dockvoice_protocol.terminal.tables import many, render
from inventory.cli.options import (
    BrokerAt,
    Config,
    Database,
    Json,
    Sign,
    check_site,
    given_settings,
    narrow,
    open_store,
    read_or_report,
    require_signer,
    say,
)
from inventory.forms import pallet_fields
from inventory.site.expected_file import read_expected

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from dockvoice_protocol.hash_chain import Signer
    from inventory.repository import Store
    from inventory.settings import InventorySettings
    from inventory.site.expected import StoredList

File = Annotated[
    Path | None,
    typer.Argument(metavar="FILE", readable=False, show_default=False, help="What is expected, CSV or JSON."),
]
Site = Annotated[str | None, typer.Option("--site", metavar="SITE", help="Where it is expected.")]
Withdraw = Annotated[
    str | None, typer.Option("--withdraw", metavar="PLACE", help="Nothing is expected there any more: trailer/5501.")
]
Received = Annotated[bool, typer.Option("--received", help="Publish what was received meanwhile, by any device.")]


def expect(
    context: typer.Context,
    file: File = None,
    site: Site = None,
    sign: Sign = None,
    withdraw: Withdraw = None,
    received: Received = False,
    broker: BrokerAt = None,
    config: Config = None,
    database: Database = None,
    json_lines: Json = False,
) -> None:
    """Publish what a notice or an order announces, for each trailer or door, so that devices know it without a network.

    FILE has a line for each item on each pallet: notice, trailer or door, pallet, item, quantity, uom, lot_needed (yes
    or no). It is checked as a whole: where anything is wrong nothing is published. A file takes the place of what was
    published for its trailers and doors, and of no others. Devices take it where deliver.decisions_key names the public
    half of your key. Without FILE and options: what is published.
    """
    settings = given_settings(context, config, broker=broker, database=database)
    if [file is not None, withdraw is not None, received].count(True) > 1:
        raise typer.BadParameter("give FILE, --withdraw or --received, one of them")
    with open_store(context, config, database) as store:
        if file is not None:
            announced = read_or_report(read_expected, file)
            where, signer = check_site(site), require_signer(sign)
            _store_and_publish_lists(settings, store, signer, partial(_replace_lists, where, announced))
        elif withdraw is not None:
            where, signer = check_site(site), require_signer(sign)
            _store_and_publish_lists(
                settings,
                store,
                signer,
                partial(_replace_lists, where, {_find_published_place(store, where, withdraw): ()}),
            )
        elif received:
            _store_and_publish_lists(
                settings, store, require_signer(sign), partial(_mark_received, pallet_fields(settings.forms))
            )
        else:
            _print_lists(store.lists.all(), json_lines=json_lines)


Making = Callable[["Connection", datetime], list[ExpectedList]]


def _replace_lists(
    site: str,
    announced: Mapping[ReceivingPlace, Sequence[ExpectedLine]],
    transaction: Connection,
    now: datetime,
) -> list[ExpectedList]:
    from inventory.site.expected import replace_list  # noqa: PLC0415 - `--help` must not import SQLAlchemy

    return [replace_list(transaction, site, place, lines, now, "expect") for place, lines in announced.items()]


def _mark_received(fields: Mapping[str, str], transaction: Connection, now: datetime) -> list[ExpectedList]:
    from inventory.site.expected import mark_received  # noqa: PLC0415 - as above

    return mark_received(transaction, fields, now)


def _store_and_publish_lists(settings: InventorySettings, store: Store, signer: Signer, make: Making) -> None:
    """Store the lists and insert their messages in one transaction, then publish them."""
    from inventory.site.expected import enter_in_outbox  # noqa: PLC0415 - as above
    from inventory.site.sending import publish_rows  # noqa: PLC0415 - nor MQTT

    now = datetime.now(UTC)
    with store.transaction() as transaction:
        lists = make(transaction, now)
        entered = enter_in_outbox(transaction, settings.prefix, lists, signer, now)
    publish_rows(settings, "expect", store.transaction, entered, retain=True)
    for one in lists:
        say(f"{one.site} {one.place}: version {one.version}, {_summary(one)}")
    if not lists:
        say("nothing has changed")


def _summary(one: ExpectedList) -> str:
    there = sum(line.received for line in one.lines)
    return f"{many(len(one.lines), 'line')}, {there} received" if one.lines else "withdrawn"


def _find_published_place(store: Store, site: str, named: str) -> ReceivingPlace:
    """The place whose list is withdrawn. Raises UnreadableInput."""
    known = [one.expected.place for one in store.lists.all() if one.expected.site == site and one.expected.lines]
    found = [place for place in known if str(place) == named]
    if not found:
        there = ", ".join(map(str, known)) or "none"
        raise UnreadableInput(f"--withdraw {named}: nothing is published for it at {site}; published are {there}")
    return found[0]


def _print_lists(found: list[StoredList], *, json_lines: bool) -> None:
    if json_lines:
        for one in found:
            told = {**asdict(one.expected), "place": str(one.expected.place), "sent": one.sent, "by": dict(one.sources)}
            say(json.dumps(told, ensure_ascii=False))
        return
    table = narrow(many(len(found), "place"))
    for heading in ("site", "place", "version", "lines", "sent", "by"):
        table.add_column(heading)
    for one in found:
        of = one.expected
        table.add_row(
            of.site,
            str(of.place),
            str(of.version),
            _summary(of),
            "yes" if one.sent else "no",
            ", ".join(sorted({*one.sources.values()})),
        )
    render(table)
