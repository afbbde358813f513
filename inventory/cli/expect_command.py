"""`dockvoice inventory expect`: what is expected at trailers and doors, out of a file, published, signed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.records import ExpectedList, ReceivingPlace
from dockvoice_protocol.terminal.tables import many, show
from inventory.cli.options import (
    BrokerAt,
    Config,
    Database,
    Json,
    Sign,
    given_settings,
    looking,
    narrow,
    say,
    signer_of,
    site_of,
    whole,
)
from inventory.forms import pallet_fields
from inventory.site.expected_file import read_file

if TYPE_CHECKING:
    from dockvoice_protocol.hash_chain import Signer
    from inventory.repository import Store
    from inventory.settings import InventorySettings
    from inventory.site.expected import Kept

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
    with looking(context, config, database) as store:
        if file is not None:
            announced = whole(read_file, file)
            where, signer = site_of(site), signer_of(sign)
            _publish(settings, store, store.lists.replace(where, announced), signer)
        elif withdraw is not None:
            where, signer = site_of(site), signer_of(sign)
            _publish(settings, store, store.lists.replace(where, {_known(store, where, withdraw): ()}), signer)
        elif received:
            signer = signer_of(sign)
            _publish(settings, store, store.lists.mark_received(pallet_fields(settings.forms)), signer)
        else:
            _show(store.lists.all(), json_lines=json_lines)


def _publish(settings: InventorySettings, store: Store, lists: list[ExpectedList], signer: Signer) -> None:
    from inventory.site.expected_publishing import publish  # noqa: PLC0415 - `dockvoice --help` waits for no MQTT

    publish(settings, store.lists, lists, signer)
    for one in lists:
        say(f"{one.site} {one.place}: version {one.version}, {_told(one)}")
    if not lists:
        say("nothing has changed")


def _told(one: ExpectedList) -> str:
    there = sum(line.received for line in one.lines)
    return f"{many(len(one.lines), 'line')}, {there} received" if one.lines else "withdrawn"


def _known(store: Store, site: str, named: str) -> ReceivingPlace:
    """The place whose list is to be withdrawn."""
    known = [one.expected.place for one in store.lists.all() if one.expected.site == site and one.expected.lines]
    found = [place for place in known if str(place) == named]
    if not found:
        there = ", ".join(map(str, known)) or "none"
        raise UnreadableInput(f"--withdraw {named}: nothing is published for it at {site}; published are {there}")
    return found[0]


def _show(found: list[Kept], *, json_lines: bool) -> None:
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
            _told(of),
            "yes" if one.sent else "no",
            ", ".join(sorted({*one.sources.values()})),
        )
    show(table)
