"""`dockvoice doctor`: what is wrong with this installation, and what to do about it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from dockvoice_protocol.errors import Misconfigured, Unavailable
from dockvoice_protocol.terminal import print_lines
from dockvoice_protocol.terminal.tables import print_tables
from edge.agent.doctor import Finding, Severity, error_finding, find_worst, make_checks, run_checks
from edge.cli import AsJson, Broker, Config, State, load_settings_with_options
from edge.understand.panel import today_at_site

_EXIT_CODE = {Severity.WELL: 0, Severity.WARNING: 1, Severity.FAILED: Unavailable.exit_code}  # By the worst finding.

_STYLE = {Severity.WELL: "green", Severity.WARNING: "yellow", Severity.FAILED: "red"}

_WORD = {Severity.WELL: "well", Severity.WARNING: "warning", Severity.FAILED: "FAILED"}

commands = typer.Typer()


@commands.command(
    short_help="What is wrong with this installation, and what to do.",
    epilog="Exit codes: 0 all is well; 1 a warning; 69 something does not work; 2 wrong usage.",
)
def doctor(config: Config = None, broker: Broker = None, state: State = None, as_json: AsJson = False) -> None:
    """Look at everything this installation needs, and say what to do about what is wrong.

    Settings, microphone, form, catalogue, recogniser, each model and the service it is behind, SQLite, journal, disk,
    clock and broker. Nothing is changed, nothing is dictated and no model is paid for. Works beside a running agent.
    """
    logging.disable(logging.CRITICAL)  # faults are reported as findings
    try:
        settings = load_settings_with_options(config, broker, state)
    except Misconfigured as fault:
        findings = [error_finding("settings", fault)]
    else:
        findings = [
            Finding("settings", Severity.WELL, str(config or "the defaults")),
            *asyncio.run(run_checks(make_checks(settings, today_at_site()))),
        ]
    finally:
        logging.disable(logging.NOTSET)
    _print_findings(findings, as_json=as_json)
    raise typer.Exit(_EXIT_CODE[find_worst(findings)])


def _print_findings(findings: Iterable[Finding], *, as_json: bool) -> None:
    if as_json:
        for one in findings:
            line = {"check": one.what, "level": _WORD[one.level].lower(), "found": one.found, "todo": one.todo}
            print_lines(json.dumps(line))
        return
    table = Table("check", "", "found, and what to do", box=SIMPLE_HEAD)
    for one in findings:
        todo = "" if one.todo is None else f"\n→ {one.todo}"
        table.add_row(one.what, Text(_WORD[one.level], style=_STYLE[one.level]), f"{one.found}{todo}")
    print_tables(table)
