"""Reports of the journal: `dockvoice costs` and `dockvoice shifts`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.instants import to_zone
from dockvoice_protocol.terminal import EXIT_CODES, print_lines
from dockvoice_protocol.terminal.tables import make_folding_table, print_tables
from edge.cli import AsJson, Config, State, load_settings_with_options
from edge.keep.dialogue import WorkSpan
from edge.keep.journal import Journal
from edge.keep.readings import DailyUsage

commands = typer.Typer()

_SHOWN = 40  # Characters of a wrong moment that are repeated.

Since = Annotated[
    str, typer.Option(metavar="WHEN", help="2026-11-20, 2026-11-20T06:00, or as 7d, 12h back from now; local time.")
]


@commands.command(short_help="What models took and cost, by day and model.", epilog=EXIT_CODES)
def costs(since: Since = "7d", config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """What models took and cost, by day and model, as their services counted. Works beside a running agent."""
    with Journal.inspect(load_settings_with_options(config, state=state).state) as journal:
        spent = journal.readings.daily_usage(parse_moment(since))
    if as_json:
        for one in spent:
            print_lines(json.dumps(asdict(one)))
    elif not spent:
        print_lines("no model was asked")
    else:
        print_tables(_usage_table(spent))


def parse_moment(text: str) -> datetime:
    """Parse a time, date or age such as `7d`, in local time. Raises UnreadableInput."""
    units = {"d": "days", "h": "hours"}
    try:
        if text[:-1].isdecimal() and text.isascii() and text[-1] in units:
            return datetime.now().astimezone() - timedelta(**{units[text[-1]]: int(text[:-1])})
        return to_zone(datetime.fromisoformat(text), None)
    except (ValueError, OverflowError):
        raise UnreadableInput(
            f"--since: found {text[:_SHOWN]!r}, allowed is a day (2026-11-20), a time (2026-11-20T06:00), 7d or 12h"
        ) from None


def _usage_table(spent: Sequence[DailyUsage]) -> Table:
    """Models' usage, a row for each day and model."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("day", no_wrap=True)
    table.add_column("client/model", overflow="fold")
    for name in ("answers", "text", "audio", "out", "min", "USD"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in spent:
        price = "no price" if one.cost_usd is None else f"{one.cost_usd:.4f}"
        tokens = (one.text_tokens_in, one.audio_tokens_in, one.tokens_out)
        numbers = [f"{number:,}" for number in (one.answers, *tokens)]
        table.add_row(one.day, f"{one.client}/{one.model}", *numbers, f"{one.audio_seconds / 60:.1f}", price)
    table.caption = "text and audio sent, and out: tokens, as the services counted them; min: of sound"
    table.caption_justify = "left"
    return table


_MOST_SPANS = 10_000  # More than anybody works at one device in the days that are kept.


@commands.command(short_help="Who worked when, and which breaks were taken.", epilog=EXIT_CODES)
def shifts(
    limit: Annotated[int, typer.Option("--limit", min=1, max=_MOST_SPANS, metavar="N", help="Only the latest N.")] = 20,
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Who worked when, and which breaks were taken, the latest first; local time. Works beside a running agent.

    It stands in this device's journal and nowhere else, for `keep.retention_days`; `dockvoice audit erase --operator`
    erases it sooner.
    """
    with Journal.inspect(load_settings_with_options(config, state=state).state) as journal:
        found = journal.shifts.shifts_and_breaks(limit)
    if as_json:
        for one in found:
            print_lines(json.dumps(asdict(one), ensure_ascii=False))
    elif not found:
        print_lines("nobody has signed on")
    else:
        print_tables(_shift_table(found))


def _shift_table(found: Sequence[WorkSpan]) -> Table:
    table = make_folding_table("operator", "what", "from", "to", "reason")
    for one in found:
        ended = "" if one.ended is None else _local_time(one.ended)
        table.add_row(one.operator, one.kind, _local_time(one.began), ended, one.reason or "")
    return table


def _local_time(moment: str) -> str:
    return to_zone(datetime.fromisoformat(moment), None).strftime("%Y-%m-%d %H:%M")
