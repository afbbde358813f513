"""`dockvoice queue`: what this device recorded, and how far it has come."""

from __future__ import annotations

import getpass
import json
import os
from pathlib import Path
from typing import Annotated

import typer

from edge import tables
from edge.cli.options import EXIT_CODES, AsJson, Config, State, settings
from edge.cli.output import line, show
from edge.errors import StorageFailed
from edge.keep.journal import Journal

commands = typer.Typer(help="What this device recorded, and how far it has come.", no_args_is_help=True)

Which = Annotated[str, typer.Argument(metavar="ID", help="An entry's number or event id, or an utterance's id.")]


@commands.command("list")
def queue_list(
    config: Config = None,
    state: State = None,
    limit: Annotated[int, typer.Option(min=1, help="How many entries at most, the newest first.")] = 20,
    held: Annotated[bool, typer.Option("--held", help="Only what waits for a person.")] = False,
    as_json: AsJson = False,
) -> None:
    """The newest entries of this device, and how far each has come. Works beside a running agent.

    With --held: the dead letters, which could not be delivered as they are, and the utterances under review, whose fate
    is not known since a journal was lost. `show` tells more of one, `retry` and `discard` decide about it.
    """
    with Journal.inspect(settings(config, state=state).state) as journal:
        entries = journal.held() if held else journal.entries(limit)
        waiting, counts = (journal.under_review() if held else []), journal.counts()
    if as_json:
        for told in (*map(tables.entry_json, entries), *map(tables.review_json, waiting)):
            line(json.dumps(told))
    elif held and not entries and not waiting:
        line("nothing waits for a person")
    else:
        show(tables.entries(entries))
        for utterance in waiting:
            line(f"utterance {utterance.utterance_id} ({utterance.form}) is under review")
        line(tables.counted(counts))


@commands.command("show", epilog=EXIT_CODES)
def queue_show(which: Which, config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """All that is kept about one entry or utterance. Works beside a running agent."""
    with Journal.inspect(settings(config, state=state).state) as journal:
        found = journal.dossier(which)
    told = tables.dossier_json(found)
    if as_json:
        line(json.dumps(told))
    else:
        show(tables.dossier(told))


@commands.command("retry", epilog=EXIT_CODES)
def queue_retry(which: Which, config: Config = None, state: State = None) -> None:
    """Let a dead letter be sent again as it is, or an utterance under review be read, at the agent's next start.

    Stop the agent first: one process writes a journal.
    """
    with Journal.open(settings(config, state=state).state) as journal:
        found = journal.retry(which, _who())
    line(f"{which}: {'is read' if found.event_id is None else 'is sent'} at the agent's next start")


@commands.command("discard", epilog=EXIT_CODES)
def queue_discard(
    which: Which,
    reason: Annotated[str, typer.Option(help="Why, in your words; it is kept with your login name.")],
    config: Config = None,
    state: State = None,
) -> None:
    """Give up a dead letter, or an utterance under review. Its rows and its recording stay.

    Stop the agent first: one process writes a journal.
    """
    with Journal.open(settings(config, state=state).state) as journal:
        journal.discard(which, _who(), reason)
    line(f"{which}: given up")


@commands.command("export", epilog=EXIT_CODES)
def queue_export(
    file: Annotated[Path, typer.Argument(help="The file to write: JSON lines, an entry each.")],
    config: Config = None,
    state: State = None,
) -> None:
    """Write every entry with its event, what became of it, and the path and hash of its recording.

    Works beside a running agent.
    """
    written = 0
    with Journal.inspect(settings(config, state=state).state) as journal:
        try:
            with file.open("w", encoding="utf-8") as out:
                for found in journal.dossiers():
                    out.write(json.dumps(tables.dossier_json(found), ensure_ascii=False) + "\n")
                    written += 1
        except OSError as fault:
            raise StorageFailed(f"{file}: {fault.strerror or fault}; name another file") from None
    line(f"{file}: {written} entries")


@commands.command("unsettled")
def queue_unsettled(config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """How many entries the inventory has not confirmed yet."""
    with Journal.inspect(settings(config, state=state).state) as journal:
        owed = journal.unsettled()
    line(json.dumps({"unsettled": owed}) if as_json else f"{owed} not confirmed yet")


def _who() -> str:
    """Who decides: the person behind sudo, not the service's user."""
    return os.environ.get("SUDO_USER") or getpass.getuser()
