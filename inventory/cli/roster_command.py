"""`dockvoice inventory roster`: who may sign on at a site, out of a file, published to its devices, signed."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.events import MalformedMessage, Topics
from dockvoice_protocol.records import Roster
from dockvoice_protocol.signed import read_roster
from dockvoice_protocol.terminal.tables import many, render
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
    whoever,
    whole,
)
from inventory.forms import load_forms
from inventory.site.roster import ROSTER, read_file, taken

if TYPE_CHECKING:
    from dockvoice_protocol.hash_chain import PublicKey
    from inventory.settings import InventorySettings

File = Annotated[
    Path | None,
    typer.Argument(metavar="FILE", readable=False, show_default=False, help="Who may sign on, CSV or JSON."),
]
Site = Annotated[str | None, typer.Option("--site", metavar="SITE", help="Where they may.")]
Withdraw = Annotated[bool, typer.Option("--withdraw", help="Let devices go by their own settings again.")]


def roster(
    context: typer.Context,
    file: File = None,
    site: Site = None,
    sign: Sign = None,
    withdraw: Withdraw = False,
    broker: BrokerAt = None,
    config: Config = None,
    database: Database = None,
    json_lines: Json = False,
) -> None:
    """Publish who may sign on at a site: devices take it at once, keep it, and let nobody else work.

    FILE has a line for each operator: name (on record), number (two to six digits), spoken (what he is called; several
    parted by ;), language, forms (which he may fill, parted by ;). Only the name, and a number or a spoken one, must be
    given. It is checked as a whole: where anything is wrong nothing is published. It takes the place of the one before.
    Devices take it where deliver.decisions_key names the public half of your key. Without FILE and --withdraw: what the
    broker has for that site. Keep the file: once the broker has the roster, the inventory's database has the version
    alone, and no name.
    """
    settings = given_settings(context, config, broker=broker, database=database)
    where = site_of(site)
    if file is None and not withdraw:
        _show(settings, where, None if sign is None else signer_of(sign).public, json_lines=json_lines)
        return
    if file is not None and withdraw:
        raise typer.BadParameter("give FILE or --withdraw, not both")
    operators = () if file is None else whole(partial(read_file, forms=load_forms(settings.forms)), file)
    signer = signer_of(sign)
    from inventory.site import numbering  # noqa: PLC0415 - `dockvoice --help` waits for no SQLAlchemy
    from inventory.site.catalogue_publishing import roster_message  # noqa: PLC0415 - as above
    from inventory.site.sending import publish_entered, retained  # noqa: PLC0415 - nor for MQTT
    from inventory.store import outbox  # noqa: PLC0415 - as above

    now, before = datetime.now(UTC), None
    with looking(context, config, database) as store:
        before = taken(retained(settings, "roster", Topics.roster(settings.prefix, where)), where, signer.public)
        above = 0 if before is None else before.version
        with store.transaction() as transaction:
            version = numbering.number_sent(transaction, where, ROSTER, whoever(), above, now)
            message = roster_message(settings.prefix, Roster(where, version, operators), signer, now)
            entered = outbox.enter(transaction, [message], now, held=outbox.HELD)
        publish_entered(settings, "roster", store.transaction, entered, retain=True)
    say(f"{where}: version {version}, {many(len(operators), 'operator') if operators else 'withdrawn'}")


def _show(settings: InventorySettings, site: str, key: PublicKey | None, *, json_lines: bool) -> None:
    from inventory.site.sending import retained  # noqa: PLC0415 - see above

    payload = retained(settings, "roster", Topics.roster(settings.prefix, site))
    if not payload:
        say(f"{site}: no roster is published")
        return
    if key is None:
        raise typer.BadParameter("must be given: without your key nobody knows whose roster it is", param_hint="--sign")
    try:
        found = read_roster(payload, site, key)
    except MalformedMessage as fault:
        raise UnreadableInput(
            f"{Topics.roster(settings.prefix, site)}: devices do not take what is there: {fault}"
        ) from None
    if json_lines:
        say(json.dumps(asdict(found), ensure_ascii=False))
        return
    table = narrow(f"{site}: version {found.version}, {many(len(found.operators), 'operator')}")
    for heading in ("name", "number", "spoken", "language", "forms"):
        table.add_column(heading)
    for one in found.operators:
        forms = "all" if one.forms is None else ", ".join(one.forms)
        table.add_row(one.name, one.number or "", ", ".join(one.spoken), one.language or "", forms)
    render(table)
