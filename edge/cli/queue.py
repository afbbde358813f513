"""`dockvoice queue`: what this device recorded, and how far it has come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import AlreadyRunning, StorageFailed, Unfinished, UnreadableInput
from dockvoice_protocol.terminal import EXIT_CODES, log_warnings_to_stderr, print_lines
from dockvoice_protocol.terminal.tables import EscapingConsole, pluralize, print_tables
from edge.cli import AsJson, Broker, Config, State, Wait, load_settings_with_options, login_name, tables
from edge.keep.journal import Journal

if TYPE_CHECKING:
    from edge.agent.review_decisions import DecisionRequest
    from edge.config import Settings

commands = typer.Typer(help="What this device recorded, and how far it has come.", no_args_is_help=True)

_MOST = 9_999_999_999  # Entries of a device: their numbers have ten digits at most.

_Which = Annotated[str, typer.Argument(metavar="ID", help="An entry's number or event id, or an utterance's id.")]

_Anyway = Annotated[
    bool, typer.Option("--anyway", help="Also where the same thing was recorded since: both are meant.")
]

_REASON = typer.Option(metavar="TEXT", help="Why, in your words; it is kept with your login name.")


@commands.command("list", epilog=EXIT_CODES)
def _queue_list(
    config: Config = None,
    state: State = None,
    limit: Annotated[
        int, typer.Option(min=1, max=_MOST, metavar="N", help="How many entries at most, the newest first.")
    ] = 20,
    held: Annotated[bool, typer.Option("--held", help="Only what waits for a person.")] = False,
    as_json: AsJson = False,
) -> None:
    """The newest entries of this device, and how far each has come. Works beside a running agent.

    With --held: the entries that the inventory refused, and why; the dead letters, which could not be delivered as they
    are; the utterances under review, because a
    question about them got no answer, a crash cut them off, a journal was lost, or a model read them later; the entries
    that a later answer contradicts; and what still waits for a model. `show` tells more of one; `accept`, `retry` and
    `discard` decide about it, `stand` takes a flag away.
    """
    with Journal.inspect(load_settings_with_options(config, state=state).state) as journal:
        entries = journal.review.held_entries() if held else journal.queries.entries(limit)
        waiting, counts = (journal.review.list_under_review() if held else []), journal.queries.counts()
        flagged, deferred = (
            (journal.review.flagged_entries(), journal.readings.deferred_utterances()) if held else ([], [])
        )
    if as_json:
        for row in (
            *map(tables.entry_json, entries),
            *map(tables.review_json, waiting),
            *map(tables.flagged_json, flagged),
            *map(tables.deferred_json, deferred),
        ):
            print_lines(json.dumps(row))
    elif held and not (entries or waiting or flagged or deferred):
        print_lines("nothing waits for a person")
    else:
        print_tables(tables.entries_table(entries))
        for line in (*map(tables.review_line, waiting), *map(tables.flagged_line, flagged)):
            print_lines(line)
        if deferred:
            unread = pluralize(len(deferred), "utterance waits", "utterances wait")
            print_lines(f"{unread} for a model, the oldest is {deferred[0].utterance_id}")
        print_lines(tables.counts_line(counts))


@commands.command("show", epilog=EXIT_CODES)
def _queue_show(which: _Which, config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """All that is kept about one entry or utterance. Works beside a running agent."""
    with Journal.inspect(load_settings_with_options(config, state=state).state) as journal:
        history = journal.queries.history(which)
    members = asdict(history)
    if as_json:
        print_lines(json.dumps(members))
    else:
        print_tables(tables.history_table(members))


@commands.command("retry", short_help="Send a dead letter again, or read an utterance.", epilog=EXIT_CODES)
def _queue_retry(which: _Which, anyway: _Anyway = False, config: Config = None, state: State = None) -> None:
    """Let a dead letter be sent again as it is, or an utterance under review be read, at the agent's next start.

    What the inventory refused is refused again: `accept` enters it once more, under a new number.

    Stop the agent first: one process writes a journal.
    """
    from edge.agent.parts import load_named_form
    from edge.agent.review import refuse_double_entry

    settings = load_settings_with_options(config, state=state)
    with Journal.open(settings.state) as journal:
        if not anyway:
            refuse_double_entry(journal, which, load_named_form(settings, journal.queries.history(which).form))
        history = journal.review.retry(which, login_name())
    print_lines(f"{which}: {'is read' if history.event_id is None else 'is sent'} at the agent's next start")


@commands.command("discard", epilog=EXIT_CODES)
def _queue_discard(which: _Which, reason: Annotated[str, _REASON], config: Config = None, state: State = None) -> None:
    """Give up an entry that is held, or an utterance under review. Its rows stay, with who gave it up and why.

    Beside a running agent it does so, and the operator is told.
    """
    from edge.agent.review_decisions import DecisionRequest

    asked = DecisionRequest("discard", which, login_name(), reason)
    print_lines(f"{which}: {_resolve_here_or_by_agent(load_settings_with_options(config, state=state), asked)}")


@commands.command("accept", short_help="Make an entry of what waits for a person.", epilog=EXIT_CODES)
def _queue_accept(
    which: _Which,
    field: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="What was said, over what was read; repeatable.")
    ] = None,
    reason: Annotated[str | None, _REASON] = None,
    anyway: _Anyway = False,
    origin: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR", help="The state directory it waits in: of this device's former name."),
    ] = None,
    config: Config = None,
    state: State = None,
) -> None:
    """Make an entry of an utterance under review: you have listened to it, and this is what was said.

    An entry that was refused, or could not be delivered, is entered once more under a new number, with the same sound;
    under the old number it stays refused.

    What a model read of it counts where no --field says otherwise; `show` tells it, and where the recording is. Form
    and catalogue hold for you as for the operator. Beside a running agent it does so: the event goes out at once, with
    the number after the last one, and the operator is told. Without one it goes out at the agent's next start.
    """
    from edge.agent.review_decisions import DecisionRequest

    log_warnings_to_stderr()
    asked = DecisionRequest("accept", which, login_name(), reason, tuple(field or ()), anyway)
    print_lines(f"{which}: {_resolve_here_or_by_agent(load_settings_with_options(config, state=state), asked, origin)}")


def _resolve_here_or_by_agent(settings: Settings, asked: DecisionRequest, origin: Path | None = None) -> str:
    """Carry out a resolution here, or by the running agent that holds the journal; the result as text."""
    from edge.agent.review_decisions import carry_out_decision, send_to_agent

    with ExitStack() as opened:
        try:
            journal = opened.enter_context(Journal.open(settings.state))
        except AlreadyRunning as running:
            if origin is not None:
                raise
            return send_to_agent(settings.state, asked, running)
        former = None
        if origin is not None:
            Journal.inspect(origin).close()  # there must be one: a mistyped directory must not be created
            former = opened.enter_context(Journal.open(origin))
        done = carry_out_decision(journal, settings, asked, origin=former)
    return str(done) if done.row is None else f"{done}, sent at the agent's next start"


@commands.command("stand", short_help="Let an entry stand that an answer contradicts.", epilog=EXIT_CODES)
def _queue_stand(
    which: _Which, reason: Annotated[str | None, _REASON] = None, config: Config = None, state: State = None
) -> None:
    """Let an entry stand that a later answer contradicts: you have looked at it, and it is right.

    Stop the agent first: one process writes a journal.
    """
    with Journal.open(load_settings_with_options(config, state=state).state) as journal:
        journal.review.clear_flag(which, login_name(), reason)
    print_lines(f"{which}: stands")


@commands.command("export", short_help="Write every entry and what became of it to a file.", epilog=EXIT_CODES)
def _queue_export(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file to write, JSON lines, an entry each; - is standard output.")
    ],
    *,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    config: Config = None,
    state: State = None,
) -> None:
    """Write every entry with its event, what became of it, and the path and hash of its recording.

    The file is for its owner only: it says who said what. Works beside a running agent.
    """
    with Journal.inspect(load_settings_with_options(config, state=state).state) as journal:
        lines = (json.dumps(asdict(found), ensure_ascii=False) for found in journal.queries.histories())
        if str(file) == "-":
            for line in lines:
                print_lines(line)
            return
        written = _write_file(lines, file, force=force)
    print_lines(f"{file}: {pluralize(written, 'entry', 'entries')}")


def _write_file(lines: Iterable[str], file: Path, *, force: bool) -> int:
    """Write the lines to a file; return their number."""
    written = 0
    try:
        with plain_file.open_owner_only(file, "w" if force else "x") as out:
            for line in lines:
                out.write(f"{line}\n".encode())
                written += 1
    except FileExistsError:
        raise UnreadableInput(f"{file}: exists already; name another file, or write over it with --force") from None
    except OSError as fault:
        raise StorageFailed(f"{file}: {fault.strerror or fault}; name another file") from None
    return written


@commands.command("reconcile", short_help="Compare with the inventory, and send what it lacks.", epilog=EXIT_CODES)
def _queue_reconcile(
    config: Config = None, broker: Broker = None, state: State = None, wait: Wait = 60.0, as_json: AsJson = False
) -> None:
    """Compare this device with the inventory, and send again what the inventory lacks.

    For an inventory that was restored from a backup, or to be sure. A running agent does the same by itself at each
    connection, so stop it first: one process writes a journal. Exit code 75 if the two did not agree in time.
    """
    from edge.agent.delivery import reconcile
    from edge.keep.journal_thread import JournalThread

    log_warnings_to_stderr()
    settings = load_settings_with_options(config, broker, state)
    Journal.inspect(settings.state).close()  # there must be one: a mistyped directory has nothing to compare
    EscapingConsole(stderr=True, highlight=False).print(f"asking the inventory, for {wait:g} s at most", style="dim")
    with JournalThread(settings.state, settings.keep) as executor:
        found = asyncio.run(reconcile(settings, executor, within_s=wait))
    if as_json:
        print_lines(json.dumps(asdict(found)))
    else:
        print_lines(f"{found.sent_again} sent again, {found.unsettled} not confirmed yet")
    if not found.agreed:
        why = found.trouble or "is `dockvoice inventory` running, and may this device read its receipts?"
        raise Unfinished(f"the inventory did not confirm within {wait:g} s that it has everything: {why}")


@commands.command("unsettled", epilog=EXIT_CODES)
def _queue_unsettled(config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """How many entries the inventory has not confirmed yet."""
    with Journal.inspect(load_settings_with_options(config, state=state).state) as journal:
        owed = journal.outbox.count_unsettled()
    print_lines(json.dumps({"unsettled": owed}) if as_json else f"{owed} not confirmed yet")
