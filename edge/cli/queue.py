"""`dockvoice queue`: what this device recorded, and how far it has come."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from edge import tables
from edge.cli.options import AsJson, Config, State, settings
from edge.cli.output import line, show
from edge.keep.journal import Journal

commands = typer.Typer(help="What this device recorded, and how far it has come.", no_args_is_help=True)


@commands.command("list")
def queue_list(
    config: Config = None,
    state: State = None,
    limit: Annotated[int, typer.Option(min=1, help="How many entries at most, the newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """The newest entries of this device, and how far each has come. Works beside a running agent."""
    with Journal.inspect(settings(config, state=state).state) as journal:
        entries, counts = journal.entries(limit), journal.counts()
    if as_json:
        for entry in entries:
            line(json.dumps(tables.entry_json(entry)))
    else:
        show(tables.entries(entries))
        line(tables.counted(counts))


@commands.command("unsettled")
def queue_unsettled(config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """How many entries the inventory has not confirmed yet."""
    with Journal.inspect(settings(config, state=state).state) as journal:
        owed = journal.unsettled()
    line(json.dumps({"unsettled": owed}) if as_json else f"{owed} not confirmed yet")
