"""`dockvoice inventory expect`: what is expected at trailers and doors, published to the devices, signed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.console import many, show
from edge.deliver.events import Topics
from edge.deliver.signed import signed_list
from edge.errors import UnreadableInput
from edge.records import ExpectedList, ReceivingPlace
from inventory import audit
from inventory.expected_file import read_file
from inventory.forms import load_forms
from inventory.options import (
    BrokerAt,
    Config,
    Database,
    Given,
    Json,
    Sign,
    looking,
    narrow,
    say,
    settings_of,
    signer_of,
    site_of,
    whole,
)

if TYPE_CHECKING:
    from inventory.expected import Kept
    from inventory.settings import InventorySettings
    from inventory.store import Store

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
    given = context.find_object(Given) or Given()
    settings = settings_of(config or given.config, broker=broker, database=database or given.database)
    if [file is not None, withdraw is not None, received].count(True) > 1:
        raise typer.BadParameter("give FILE, --withdraw or --received, one of them")
    with looking(context, config, database) as store:
        if file is not None:
            announced = whole(read_file, file)
            where, signer = site_of(site), signer_of(sign)
            _publish(settings, store, store.expect(where, announced), signer)
        elif withdraw is not None:
            where, signer = site_of(site), signer_of(sign)
            _publish(settings, store, store.expect(where, {_known(store, where, withdraw): ()}), signer)
        elif received:
            signer = signer_of(sign)
            _publish(settings, store, store.expect_received(_pallets(settings)), signer)
        else:
            _show(store.expected(), json_lines=json_lines)


def _publish(settings: InventorySettings, store: Store, lists: list[ExpectedList], signer: audit.Auditor) -> None:
    """Send them, and note which the broker took: what it did not take goes with the next `--received`."""
    from inventory.sending import send  # noqa: PLC0415 - `dockvoice --help` waits for no MQTT

    now = datetime.now(UTC)
    messages = {
        Topics.expected(settings.prefix, one.site, str(one.place)): signed_list(one, signer, now) for one in lists
    }
    for one, message in zip(lists, messages.values(), strict=True):
        store.expect_signed(one, message, signer.public)
    send(settings, "expect", messages, retain=True)
    store.expect_sent(lists)
    for one in lists:
        say(f"{one.site} {one.place}: version {one.version}, {_told(one)}")
    if not lists:
        say("nothing has changed")


def _told(one: ExpectedList) -> str:
    there = sum(line.received for line in one.lines)
    return f"{many(len(one.lines), 'line')}, {there} received" if one.lines else "withdrawn"


def _known(store: Store, site: str, named: str) -> ReceivingPlace:
    """The place whose list is to be withdrawn."""
    known = [one.expected.place for one in store.expected() if one.expected.site == site and one.expected.lines]
    found = [place for place in known if str(place) == named]
    if not found:
        there = ", ".join(map(str, known)) or "none"
        raise UnreadableInput(f"--withdraw {named}: nothing is published for it at {site}; published are {there}")
    return found[0]


def _pallets(settings: InventorySettings) -> dict[str, str]:
    """Of each form whose entries are receipts, the field that names the pallet."""
    found = {}
    for name, form in load_forms(settings.forms).items():
        schema = form.schema if isinstance(form.schema, Mapping) else {}  # `true` is a schema too
        expects = schema.get("x-voice", {}).get("expects", {})
        if "pallet" in expects:
            found[name] = str(expects["pallet"])
    if not found:
        raise UnreadableInput(
            f"{settings.forms}: no form says which of its fields is the pallet; set x-voice.expects in one "
            "(schemas/README.md)"
        )
    return found


def _show(found: list[Kept], *, json_lines: bool) -> None:
    if json_lines:
        for one in found:
            told = {**asdict(one.expected), "place": str(one.expected.place), "sent": one.sent}
            say(json.dumps(told, ensure_ascii=False))
        return
    table = narrow(many(len(found), "place"))
    for heading in ("site", "place", "version", "lines", "sent"):
        table.add_column(heading)
    for one in found:
        of = one.expected
        table.add_row(of.site, str(of.place), str(of.version), _told(of), "yes" if one.sent else "no")
    show(table)
