"""`dockvoice audit`: can it be shown that nothing on record was changed afterwards?"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import Unfinished, UnreadableInput, describe_os_error
from dockvoice_protocol.hash_chain import Acknowledgement, BadEvent, DefectKind, PublicKey
from dockvoice_protocol.terminal import EXIT_CODES, print_lines
from dockvoice_protocol.terminal.plain_text import mark_unprintable
from dockvoice_protocol.terminal.progress import show_progress
from dockvoice_protocol.terminal.tables import pluralize
from edge.cli import AsJson, Config, State, load_settings_with_options, login_name
from edge.keep import device_key
from edge.keep.audit import AuditReport, AuditTrail, TrailEvent, verify
from edge.keep.bundle import export, list_trailer_event_ids
from edge.keep.codec import now
from edge.keep.journal import Journal

commands = typer.Typer(help="Show that nothing on record was changed afterwards.", no_args_is_help=True)


@commands.command("verify", short_help="Was anything on record changed since?", epilog=EXIT_CODES)
def _audit_verify(
    key: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="The device's public key, kept elsewhere; may be given repeatedly."),
    ] = None,
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Follow the journal's events from the first one: links, signatures, gaps, entries, readings, recordings, copies.

    Names the first event with which something is wrong: exit code 1, as where there is no event at all. Works beside a
    running agent. Without --key the keys are those that the journal itself names: compare their ids with what you
    noted. What a device cannot show by itself (its newest events cut off) the inventory's copy shows: `dockvoice
    inventory audit verify`.
    """
    keys = {one.keyid: one for one in map(_read_public_key, key)} if key else None
    with (
        Journal.inspect(load_settings_with_options(config, state=state).state) as journal,
        show_progress("checking", journal.trail.last_sequence()) as tell,
    ):
        report = verify(journal.trail, tell, keys=keys)
    if as_json:
        print_lines(json.dumps(_report_json(report)))
    else:
        for line in _report_lines(report):
            print_lines(line)
    if not report.is_intact:
        raise typer.Exit(1)


@commands.command("acknowledge", short_help="What is wrong there is known: go on behind it.", epilog=EXIT_CODES)
def _audit_acknowledge(
    sequence: Annotated[int, typer.Argument(metavar="NUMBER", help="Where `verify` says that it is broken.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, in your words; it is kept with your login name.")],
    config: Config = None,
    state: State = None,
) -> None:
    """Say that what `verify` finds wrong at this event is known, and why: from then on it goes on behind it.

    Signed with the device's key, and shown by every `verify`. It excuses what is wrong there now, and nothing that is
    changed afterwards.
    """
    directory = load_settings_with_options(config, state=state).state
    signer = device_key.load(directory)
    with Journal.inspect(directory) as journal:
        report = verify(journal.trail)
        if report.broken is None or report.broken.sequence != sequence or report.found is None:
            at = "nothing is wrong" if report.broken is None else f"it is first broken at {report.broken.sequence}"
            raise UnreadableInput(f"{sequence}: {at}; `dockvoice audit verify` tells what can be acknowledged")
        word = Acknowledgement("", sequence, report.broken.wrong, report.found, login_name(), reason, now())
        journal.trail.acknowledge(word.signed(signer))
    print_lines(f"{sequence}: acknowledged; {report.broken.wrong.message}")


@commands.command("erase", short_help="Erase what an operator said, one entry, or what is old.", epilog=EXIT_CODES)
def _audit_erase(
    operator: Annotated[str | None, typer.Option(metavar="NAME", help="All entries of this operator.")] = None,
    entry: Annotated[
        str | None, typer.Option(metavar="ID", help="One entry, by number or event id, or an utterance by its id.")
    ] = None,
    before: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="All heard before this day (UTC).")
    ] = None,
    config: Config = None,
    state: State = None,
) -> None:
    """Erase recordings, words, values and names from this device, for good. The chain still holds, and says who erased.

    Of each event its hash, its place and its signature stay. What is still owed to the inventory, or waits for a
    person, is not erased but named: exit code 75. The inventory's own copy is not touched. Stop the agent first: one
    process writes a journal.
    """
    from edge.deliver.device_events import withheld_event

    if sum(given is not None for given in (operator, entry, before)) != 1:
        raise typer.BadParameter("give one of --operator, --entry and --before")
    if not all(given.strip() for given in (operator, entry) if given is not None):
        raise typer.BadParameter(
            "found nothing; give the operator's name, as `dockvoice queue list` shows it, or an id"
        )
    who, tombstone = login_name(), partial(withheld_event, reason="erased")
    with Journal.open(load_settings_with_options(config, state=state).state) as journal:
        erasing = journal.erasing
        if operator is not None:
            erased = erasing.erase_operator(operator, who, tombstone)
        elif before is not None:
            erased = erasing.erase_before(before.replace(tzinfo=UTC), who, tombstone)
        else:
            erased = erasing.erase_entry(journal.queries.history(str(entry)).utterance_id, who, tombstone)
    print_lines(
        f"erased: {pluralize(erased.utterances, 'utterance')}, {pluralize(erased.entries, 'entry', 'entries')} of them"
    )
    if erased.waiting:
        raise Unfinished(
            f"not erased yet: {', '.join(erased.waiting)}, which the inventory or a person must see first; "
            "`dockvoice queue list` tells how far they are; then erase again"
        )
    if erased.left:
        raise Unfinished(
            f"{', '.join(erased.left)} in {journal.directory}: journals that were set aside as broken may hold it "
            "still; look at them, and delete them"
        )


@commands.command("key", short_help="The device's public key, and the key's id.", epilog=EXIT_CODES)
def _audit_key(config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """The device's public key and its id, for whoever checks the device's events.

    Kept in a file as it is printed, it is what `dockvoice inventory audit verify --key` takes.
    """
    key = device_key.load(load_settings_with_options(config, state=state).state).public
    pem = key.pem.decode("ascii")
    print_lines(json.dumps({"keyid": key.keyid, "public_key": pem}) if as_json else f"{key.keyid}\n{pem.rstrip()}")


@commands.command("export", short_help="Write events and all that proves them into a ZIP file.", epilog=EXIT_CODES)
def _audit_export(
    event_ids: Annotated[
        list[str] | None, typer.Argument(metavar="EVENT_ID", help="Which; `dockvoice queue list --json` has them.")
    ] = None,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The ZIP file to make; none may be there yet.")],
    every: Annotated[bool, typer.Option("--all", help="All events, instead of some by id.")] = False,
    trailer: Annotated[str | None, typer.Option(metavar="NAME", help="All events of this trailer, instead.")] = None,
    config: Config = None,
    state: State = None,
) -> None:
    """Write events and all that proves them into a ZIP file: reading, recording, signature, public key.

    docs/verify_bundle.py, or whoever follows the README.txt in it, can check it without this program. With --trailer it
    is what `dockvoice inventory dossier --bundle` takes recordings from: those of the entries, answers and corrections.
    """
    if [bool(event_ids), every, trailer is not None].count(True) != 1:
        raise typer.BadParameter("give event ids, --all or --trailer")
    with Journal.inspect(load_settings_with_options(config, state=state).state) as journal:
        trail = journal.trail
        events = (
            trail.events()
            if not event_ids
            else [_find_unerased_event(trail, event_id) for event_id in dict.fromkeys(event_ids)]
        )
        if trailer is not None:
            wanted = list_trailer_event_ids(trail, trailer)
            if not wanted:
                raise UnreadableInput(f"--trailer {trailer}: no entry here names it; give its number as it was said")
            events = (one for one in trail.events() if one.event_id in wanted)
        with show_progress("exporting", len(event_ids or ()) or trail.last_sequence()) as tell:
            bundled = export(trail, events, file, tell)
    print_lines(f"{file}: {bundled.events} exported")
    if bundled.silent:
        print_lines(f"{bundled.silent} of them without their recording: it is no longer on this device")
    if bundled.erased:
        print_lines(f"{bundled.erased} left out: they were erased")


def _find_unerased_event(trail: AuditTrail, event_id: str) -> TrailEvent:
    found = trail.event(event_id)
    if found is None:
        raise UnreadableInput(f"{event_id}: no such event here; `dockvoice queue list --json` shows those there are")
    if found.event_sha256 is not None:
        raise UnreadableInput(f"{event_id}: was erased; what it said is gone")
    return found


def _read_public_key(path: Path) -> PublicKey:
    try:
        return PublicKey.from_pem(plain_file.read_regular_file(path))
    except OSError as fault:
        raise UnreadableInput(f"{path}: {describe_os_error(fault)}; give what `dockvoice audit key` printed") from None
    except ValueError:
        raise UnreadableInput(f"{path}: is no Ed25519 public key; give what `dockvoice audit key` printed") from None


def _report_json(report: AuditReport) -> dict[str, Any]:
    def broken_json(broken: BadEvent | None) -> dict[str, Any] | None:
        return None if broken is None else {**asdict(broken), "told": broken.wrong.message}

    broken = {"broken": broken_json(report.broken), "review_broken": broken_json(report.review_broken)}
    return {"whole": report.is_intact, **asdict(report), **broken}


def _report_lines(report: AuditReport) -> Iterable[str]:
    if not (report.events or report.broken or report.acknowledged):
        yield "no event: there is nothing that could be whole"
        return
    removed = f", {report.removed} of them without recording: the device removed it" if report.removed else ""
    yield f"events that hold: {report.events}{removed}"
    if report.forgotten:
        yield f"1 to {report.forgotten}: removed by the device to make room; the chain goes on from there, signed for"
    for span in report.spans:
        yield f"{span.first} to {span.last}: signed with {span.keyid}"
    for span in report.erased:
        who = mark_unprintable(span.keyid)
        yield f"{span.first} to {span.last}: erased by {who}; what they said is gone, their hashes hold"
    for one in report.acknowledged:
        who, why = mark_unprintable(one.who), mark_unprintable(one.reason)
        yield f"KNOWN at {one.sequence}: {DefectKind(one.wrong).message} ({who}, {one.at}: {why})"
    if report.broken is not None:
        yield f"BROKEN at {report.broken.sequence}: {report.broken.wrong.message}"
    yield from _review_lines(report)


def _review_lines(report: AuditReport) -> Iterable[str]:
    if report.reviews:
        yield f"told of what waits for a person, and holds: {report.reviews}"
    if report.review_broken is not None:
        yield f"BROKEN at review {report.review_broken.sequence}: {report.review_broken.wrong.message}"
