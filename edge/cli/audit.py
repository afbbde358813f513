"""`dockvoice audit`: can it be shown that nothing on record was changed afterwards?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from edge.cli.options import AsJson, Config, State, settings
from edge.cli.output import EXIT_CODES, line
from edge.console import SafeConsole
from edge.errors import UnreadableInput
from edge.hash_chain import SIGNATURE
from edge.keep.audit import AuditReport, AuditTrail, Trailed, export, verify
from edge.keep.device_key import DeviceKey
from edge.keep.journal import Journal

commands = typer.Typer(help="Show that nothing on record was changed afterwards.", no_args_is_help=True)


@commands.command("verify", short_help="Was anything on record changed since?", epilog=EXIT_CODES)
def audit_verify(config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """Follow the journal's events from the first one: links, signatures, gaps, readings, recordings.

    Names the first event with which something is wrong: exit code 1. Works beside a running agent. What a device cannot
    show by itself (its newest events cut off, or all of them written anew with its own key) the inventory's copy shows:
    `dockvoice inventory audit verify`.
    """
    with (
        Journal.inspect(settings(config, state=state).state) as journal,
        _progress("checking", journal.trail.last_sequence()) as tell,
    ):
        report = verify(journal.trail, tell)
    if as_json:
        line(json.dumps(_as_json(report)))
    else:
        for told in _lines(report):
            line(told)
    if report.broken is not None:
        raise typer.Exit(1)


@commands.command("key", short_help="The device's public key, and the key's id.", epilog=EXIT_CODES)
def audit_key(config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """The device's public key and its id, for whoever checks the device's events.

    Kept in a file as it is printed, it is what `dockvoice inventory audit verify --key` takes.
    """
    key = DeviceKey.read(settings(config, state=state).state).public
    pem = key.pem.decode("ascii")
    line(json.dumps({"keyid": key.keyid, "public_key": pem}) if as_json else f"{key.keyid}\n{pem.rstrip()}")


@commands.command("export", short_help="Write events and all that proves them into a ZIP file.", epilog=EXIT_CODES)
def audit_export(
    event_ids: Annotated[
        list[str] | None, typer.Argument(metavar="EVENT_ID", help="Which; `dockvoice queue list --json` has them.")
    ] = None,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The ZIP file to make; none may be there yet.")],
    every: Annotated[bool, typer.Option("--all", help="All events, instead of some by id.")] = False,
    config: Config = None,
    state: State = None,
) -> None:
    """Write events and all that proves them into a ZIP file: reading, recording, signature, public key.

    docs/verify_bundle.py, or whoever follows the README.txt in it, can check it without this program.
    """
    if bool(event_ids) == every:
        raise typer.BadParameter("give event ids or --all")
    with Journal.inspect(settings(config, state=state).state) as journal:
        trail = journal.trail
        events = trail.events() if event_ids is None else [_signed(trail, event_id) for event_id in event_ids]
        with _progress("exporting", len(event_ids or ()) or trail.last_sequence()) as tell:
            bundled = export(trail, events, file, tell)
    line(f"{file}: {bundled.events} exported")
    if bundled.silent:
        line(f"{bundled.silent} of them without their recording: it is no longer on this device")
    if bundled.unsigned:
        line(f"{bundled.unsigned} left out: they are from before events were signed, and would prove nothing")


def _signed(trail: AuditTrail, event_id: str) -> Trailed:
    found = trail.event(event_id)
    if found is None:
        raise UnreadableInput(f"{event_id}: no such event here; `dockvoice queue list --json` shows those there are")
    if SIGNATURE not in found.event:
        raise UnreadableInput(f"{event_id}: is from before events were signed, so a bundle of it would prove nothing")
    return found


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, nothing elsewhere; it is told how many events are done."""
    columns = ("[progress.description]{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = SafeConsole(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)


def _as_json(report: AuditReport) -> dict[str, Any]:
    broken = None if report.broken is None else {**asdict(report.broken), "told": report.broken.wrong.told}
    spans = [asdict(span) for span in report.spans]
    return {"whole": report.broken is None, **asdict(report), "broken": broken, "spans": spans}


def _lines(report: AuditReport) -> Iterable[str]:
    removed = f", {report.removed} of them without recording: it was removed to make room" if report.removed else ""
    yield f"events that hold: {report.events}{removed}"
    if report.forgotten:
        yield f"1 to {report.forgotten}: removed by the device to make room; the chain goes on from there, signed for"
    for span in report.spans:
        by = "not signed, from before events were" if span.keyid is None else f"signed with {span.keyid}"
        yield f"{span.first} to {span.last}: {by}"
    if report.broken is not None:
        yield f"BROKEN at {report.broken.sequence}: {report.broken.wrong.told}"
