"""`dockvoice morning`: the entries of a day that are most likely wrong, for somebody who looks at few of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from edge.agent.morning import Listed, MorningList, known, read_again
from edge.cli.options import AsJson, Config, State, settings
from edge.cli.output import EXIT_CODES, line, log_warnings
from edge.cli.reports import Since, moment
from edge.deliver.events import timestamp
from edge.keep.journal import Journal
from edge.records import written
from edge.terminal.tables import SafeConsole, many, show

commands = typer.Typer()

MOST = 1000  # More than anybody looks at.


@commands.command(short_help="The entries of a day that are most likely wrong.", epilog=EXIT_CODES)
def morning(
    since: Since = "1d",
    limit: Annotated[int, typer.Option("--limit", min=1, max=MOST, metavar="N", help="So many, at most.")] = 10,
    interpreter: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="One of understand.interpreters; unset: understand.morning."),
    ] = None,
    most_usd: Annotated[
        float, typer.Option("--most-usd", min=0, metavar="USD", help="Ask the model no more once so much is spent.")
    ] = 1.0,
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """List the entries that are most likely wrong, those first that are it most, with what was heard otherwise.

    Each entry that stands is held against all readings of what was said for it: those of the time, those that came
    late, and where a model is named, one more of the recording. Nothing on record is touched. Works beside a running
    agent. With --json: a line for each.
    """
    log_warnings()
    given, began = settings(config, state=state), moment(since)
    name = interpreter or given.understand.morning
    with Journal.inspect(given.state) as journal:
        found = known(journal.readings, began)
        if name is not None:
            with _bar() as progress:
                task = progress.add_task("reading", total=len(found.entries))
                reading = read_again(given, name, journal.readings, found, most_usd, lambda: progress.advance(task))
                asyncio.run(reading)
    if as_json:
        for one in found.entries[:limit]:
            line(json.dumps(as_object(one), ensure_ascii=False))
    else:
        show(listed(found, limit, name))


def _bar() -> AbstractContextManager[Progress]:
    columns = ("[progress.description]{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=SafeConsole(stderr=True), transient=True)


def as_object(one: Listed) -> dict[str, Any]:
    """For programs."""
    entry = one.entry
    return {
        "event_id": entry.event_id,
        "sequence": entry.sequence,
        "recorded_at": timestamp(entry.recorded_at),
        "operator": entry.operator,
        "form": entry.form,
        "fields": dict(entry.fields),
        "doubt": round(one.doubt.measure, 4),
        "otherwise": [
            {
                "field": other.field,
                "recorded": other.recorded,
                "heard": other.heard,
                "reader": other.interpreter,
                "confidence": round(other.confidence, 4),
                "utterance_id": other.utterance_id,
            }
            for other in one.doubt.otherwise
        ],
    }


def listed(found: MorningList, limit: int, name: str | None) -> Group:
    """For people: a row for each entry, below it what was heard otherwise."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("doubt", "recorded", "number", "entry", "heard otherwise"):
        table.add_column(heading, overflow="fold")
    for one in found.entries[:limit]:
        entry = one.entry
        values = " ".join(f"{field}={written(value)}" for field, value in entry.fields.items())
        when = entry.recorded_at.astimezone().strftime("%m-%d %H:%M")
        otherwise = "; ".join(_told(one))
        row = (f"{one.doubt.measure:.2f}", when, str(entry.sequence), f"{entry.form} {values}", otherwise)
        table.add_row(*map(Text, row))
    return Group(table, _summary(found, limit, name))


def _told(one: Listed) -> Sequence[str]:
    heard = one.doubt.otherwise
    return [f"{other.field} {written(other.heard)} ({other.interpreter}, {other.confidence:.2f})" for other in heard]


def _summary(found: MorningList, limit: int, name: str | None) -> str:
    shown = f"{min(limit, len(found.entries))} of {many(len(found.entries), 'entry', 'entries')}"
    if name is None:
        return f"{shown}; nothing was read again: understand.morning names no model"
    unread = f", {found.unread} not" if found.unread else ""
    return f"{shown}; {many(found.read_again, 'utterance')} read again by {name}{unread}, {found.spent_usd:.4f} USD"
