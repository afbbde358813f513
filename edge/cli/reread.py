"""`dockvoice reread` and `dockvoice costs`: models tried on what is on record, and what models cost."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from edge import tables
from edge.agent.rereading import Compared, Expense, expense
from edge.agent.rereading import reread as reread_all
from edge.cli.options import EXIT_CODES, AsJson, Config, State, settings
from edge.cli.output import line, log_warnings
from edge.errors import UnreadableInput
from edge.fitting import show
from edge.keep.journal import Journal
from edge.plural import many

commands = typer.Typer()

Since = Annotated[
    str, typer.Option(metavar="WHEN", help="2026-11-20, 2026-11-20T06:00, or as 7d, 12h back from now; local time.")
]


@commands.command(short_help="Let another model read what is on record.", epilog=EXIT_CODES)
def reread(
    since: Since,
    interpreter: Annotated[
        str, typer.Option(metavar="NAME", help="One of understand.interpreters, or on-device: the own recogniser.")
    ],
    config: Config = None,
    state: State = None,
    ask_above: Annotated[float, typer.Option(min=0, metavar="USD", help="Ask first where it may cost more.")] = 0.10,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let another model read what was dictated, and show where it reads something else.

    Nothing on record is touched: no entry, no verdict. Works beside a running agent. With --json: a line for each
    utterance, whether it differs or not.
    """
    log_warnings()
    given, began = settings(config, state=state), moment(since)
    compared: list[Compared] = []
    with Journal.inspect(given.state) as journal:
        plan = expense(given, interpreter, began, journal.readings)
        _agree(plan, ask_above, yes=yes)
        columns = ("[progress.description]{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("reading", total=plan.utterances)

            def tell(one: Compared) -> None:
                compared.append(one)
                progress.advance(task)

            asyncio.run(reread_all(given, interpreter, began, journal.readings, tell))
    if as_json:
        for one in compared:
            line(json.dumps({**asdict(one), "heard_at": one.heard_at.isoformat()}))
    else:
        show(tables.comparison(compared))


@commands.command(short_help="What models took and cost, by day and model.", epilog=EXIT_CODES)
def costs(since: Since = "7d", config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """What models took and cost, by day and model, as their services counted. Works beside a running agent."""
    with Journal.inspect(settings(config, state=state).state) as journal:
        spent = journal.readings.costs(moment(since))
    if as_json:
        for one in spent:
            line(json.dumps(asdict(one)))
    elif not spent:
        line("no model was asked")
    else:
        show(tables.costs(spent))


def moment(told: str) -> datetime:
    """The moment that `told` names, in local time. Raises UnreadableInput."""
    units = {"d": "days", "h": "hours"}
    if told[:-1].isdecimal() and told[-1] in units:
        return datetime.now().astimezone() - timedelta(**{units[told[-1]]: int(told[:-1])})
    try:
        return datetime.fromisoformat(told).astimezone()
    except ValueError:
        raise UnreadableInput(
            f"--since: found {told!r}, allowed is a day (2026-11-20), a time (2026-11-20T06:00), 7d or 12h"
        ) from None


def _agree(plan: Expense, ask_above: float, *, yes: bool) -> None:
    """Say what it may cost, and ask where that is more than a trifle."""
    price = "no price is set for it in the settings" if plan.usd is None else f"at most {plan.usd:.2f} USD"
    told = f"{many(plan.utterances, 'utterance')}, {plan.seconds / 60:.1f} minutes of sound: {price}"
    Console(stderr=True, highlight=False).print(told)
    if not yes and (plan.usd is None or plan.usd > ask_above):
        typer.confirm("Go on?", abort=True, err=True)
