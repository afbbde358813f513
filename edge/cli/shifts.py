"""`dockvoice shifts`: who worked at this device and when, and which breaks were taken."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from edge.cli.options import AsJson, Config, State, settings
from edge.cli.output import EXIT_CODES, line
from edge.console import show
from edge.keep.journal import Journal
from edge.keep.shifts import WorkSpan

commands = typer.Typer()

MOST = 10_000  # More than anybody works at one device in the days that are kept.


@commands.command(short_help="Who worked when, and which breaks were taken.", epilog=EXIT_CODES)
def shifts(
    limit: Annotated[int, typer.Option("--limit", min=1, max=MOST, metavar="N", help="Only the latest N.")] = 20,
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Who worked when, and which breaks were taken, the latest first; local time. Works beside a running agent.

    It stands in this device's journal and nowhere else, for `keep.retention_days`; `dockvoice audit erase --operator`
    erases it sooner.
    """
    with Journal.inspect(settings(config, state=state).state) as journal:
        found = journal.shifts.spans(limit)
    if as_json:
        for one in found:
            line(json.dumps(asdict(one), ensure_ascii=False))
    elif not found:
        line("nobody has signed on")
    else:
        show(_listed(found))


def _listed(found: Sequence[WorkSpan]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("operator", "what", "from", "to", "reason"):
        table.add_column(heading, overflow="fold")
    for one in found:
        ended = "" if one.ended is None else _local(one.ended)
        table.add_row(one.operator, one.kind, _local(one.began), ended, one.reason or "")
    return table


def _local(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M")
