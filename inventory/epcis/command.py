"""`dockvoice epcis`: export entries as GS1 EPCIS 2.0 events, and validate files of such events."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import ManyFaults, Misconfigured, UnreadableInput, describe_os_error
from dockvoice_protocol.instants import find_zone
from dockvoice_protocol.strict_json import NotStrict, parse_strict
from dockvoice_protocol.terminal.plain_text import escape_line
from dockvoice_protocol.terminal.tables import pluralize
from inventory.cli.options import Config, Database, Given, GroupOptions, Json, subcommand

if TYPE_CHECKING:
    from inventory.epcis.export import StoredEvent, Tally
    from inventory.epcis.naming import ExportObstacle

commands = typer.Typer(no_args_is_help=True)

_MOST_LINES = 100  # Most lines of faults for people: more have a common cause.

_MappingFile = Annotated[
    Path, typer.Option("--mapping", metavar="FILE", readable=False, help="What GS1 calls your places and items: TOML.")
]
_Known = Annotated[
    list[Path] | None,
    typer.Option("--known", metavar="FILE", readable=False, help="What was exported before; may be given repeatedly."),
]


@commands.callback(short_help="What was recorded as GS1 EPCIS 2.0 events, for partners.")
def epcis(context: typer.Context, config: Config = None, database: Database = None) -> None:
    """Give partners what was recorded as GS1 EPCIS 2.0 events.

    What EPCIS cannot name is refused and reported, never made up: a pallet's own number is no SSCC, an item without a
    GTIN and a door without a GLN have no name among partners. docs/epcis.md tells how to begin.
    """
    context.obj = GroupOptions(config, database)


@subcommand(commands, "export", short_help="Write one document of all that can be named.")
def _export(
    given: Given,
    mapping: _MappingFile,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The file to make; none may be there yet. Unset: stdout."),
    ] = None,
    known: _Known = None,
    site: Annotated[str | None, typer.Option("--site", metavar="SITE", help="Only what was recorded there.")] = None,
    as_json: Json = False,
) -> None:
    """Write one EPCIS 2.0 document (JSON-LD) of all that was recorded and can be named. The database stays as it is.

    With --known only what is new: name each file that was exported before. What was corrected since is in it as an
    error declaration with the event that is right.

    What stays out is printed on stderr, with what to add to the mapping; with --json one object a line and entry: site,
    device, sequence, event_id, code and told, and a last one with the counts. Exit code 1 if anything was refused.
    """
    from inventory.epcis.export import Export, load_events, open_read_only  # noqa: PLC0415 - `dockvoice --help` must not import these
    from inventory.epcis.mapping import load_mapping  # noqa: PLC0415
    from inventory.forms import form_field_names, load_forms, load_roles  # noqa: PLC0415

    names, settings = load_mapping(mapping), given.settings
    forms = load_forms(settings.forms)
    known_fields = {name: form_field_names(form) for name, form in forms.items()}
    if faults := [f"{mapping}: {fault}" for fault in names.unknown_fields(known_fields)]:
        raise ManyFaults("; ".join(faults), faults)
    if site is not None and site not in names.sites:
        raise typer.BadParameter(
            f"found {site!r}, the mapping has {', '.join(sorted(names.sites))}", param_hint="--site"
        )
    refusals = _Refusals(as_json)
    making = Export(names, load_roles(forms), datetime.now(UTC), refusals.count_or_print)
    for file in known or ():
        making.remember_earlier(_read_events(file))
    with open_read_only(settings.database_url) as engine, _open_output(out) as sink:
        for line in making.lines(load_events(engine, site)):
            sink.write(line)
    refusals.print_reasons()
    _print_tally(making.tally, out, as_json=as_json)
    if making.tally.refused:
        raise typer.Exit(1)


@commands.command(short_help="What is wrong with a file of EPCIS events.")
def check(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", readable=False, help="EPCIS 2.0 documents in JSON, in their order."),
    ],
    known: _Known = None,
    mapping: Annotated[
        Path | None,
        typer.Option("--mapping", metavar="FILE", readable=False, help="Holds time zones to those of its places."),
    ] = None,
    zone: Annotated[
        str | None, typer.Option("--zone", metavar="NAME", help="The time zone of all other places: Europe/Berlin.")
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option(
            "--schema", metavar="FILE", readable=False, help="GS1's EPCIS-JSON-Schema.json, to hold it to as well."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell what is wrong with EPCIS 2.0 documents of any origin: each thing with its place and its rule.

    Stricter than GS1's JSON Schema: check digits, CBV's words, units that measure, offsets of time zones, and error
    declarations that name an event of these files or of --known. With --json one object a line: file, at, rule, told.
    Exit code 1 if anything is wrong.
    """
    from inventory.epcis.check import Checker  # noqa: PLC0415 - as above
    from inventory.epcis.mapping import load_mapping  # noqa: PLC0415

    if zone is not None:
        try:
            find_zone(zone)
        except ValueError as allowed:
            raise typer.BadParameter(f"found {zone!r}; {allowed}", param_hint="--zone") from None
    checker = Checker({} if mapping is None else load_mapping(mapping).zones, zone)
    by_schema = None if schema is None else _load_validator(schema)
    for event in (one for file in known or () for one in _read_events(file)):
        checker.learn(event)
    wrong = 0
    for file in files:
        content = _read_json(file)
        breaches = [(one.at, str(one.rule), one.message) for one in checker.check_document(content)]
        breaches += [] if by_schema is None else _schema_breaches(by_schema, content)
        _print_breaches(file, breaches, as_json=as_json)
        wrong += len(breaches)
        if not as_json and not breaches:
            _echo(f"{file}: it holds, with {pluralize(len(content['epcisBody']['eventList']), 'event')}")
    left = [(one.at, str(one.rule), one.message) for one in checker.unknown_references()]
    _print_breaches(files[-1], left, as_json=as_json)
    if wrong or left:
        raise typer.Exit(1)


def _echo(message: str) -> None:
    typer.echo(escape_line(message))


def _print_breaches(file: Path, breaches: list[tuple[str, str, str]], *, as_json: bool) -> None:
    if as_json:
        for at, rule, message in breaches:
            typer.echo(json.dumps({"file": str(file), "at": at, "rule": rule, "told": message}))
        return
    for at, rule, message in breaches[:_MOST_LINES]:
        _echo(f"{file}: {at or '/'}: {message} ({rule})")
    if len(breaches) > _MOST_LINES:
        _echo(f"{file}: and {len(breaches) - _MOST_LINES} more")


def _read_json(file: Path) -> Any:
    try:
        return parse_strict(plain_file.read_regular_file(file, plain_file.LINES))
    except OSError as fault:
        raise UnreadableInput(
            f"{file}: cannot be read ({describe_os_error(fault)}); name a file of EPCIS events"
        ) from None
    except NotStrict as fault:
        raise UnreadableInput(f"{file}: {fault}; it must be an EPCIS document in JSON") from None


def _read_events(file: Path) -> list[dict[str, Any]]:
    content = _read_json(file)
    body = content.get("epcisBody") if isinstance(content, dict) else None
    events = body.get("eventList") if isinstance(body, dict) else None
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise UnreadableInput(f"{file}: has no epcisBody with an eventList; name what was exported before")
    return events


def _load_validator(file: Path) -> Any:
    from jsonschema import FormatChecker  # noqa: PLC0415 - needed for a schema alone
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415
    from jsonschema.validators import validator_for  # noqa: PLC0415

    schema = _read_json(file)
    kind = validator_for(schema)
    try:
        kind.check_schema(schema)
    except SchemaError as fault:
        raise Misconfigured(f"{file}: is no JSON Schema ({fault.message}); name GS1's EPCIS-JSON-Schema.json") from None
    return kind(schema, format_checker=FormatChecker())


def _schema_breaches(validator: Any, content: Any) -> list[tuple[str, str, str]]:
    from jsonschema.exceptions import best_match  # noqa: PLC0415 - as above

    found = []
    for fault in validator.iter_errors(content):
        inner = best_match([fault])
        at = "".join(f"/{step}" for step in inner.absolute_path)
        found.append((at, "schema", inner.message[:300]))
    return found


@contextmanager
def _open_output(out: Path | None) -> Iterator[TextIO]:
    """The output: a new file, which exists only when it is complete, or standard output."""
    if out is None:
        yield sys.stdout
        return
    if out.exists():
        raise UnreadableInput(f"{out}: exists already; name another file")
    part = out.with_name(f"{out.name}.part")
    try:
        with TextIOWrapper(plain_file.open_owner_only(part, "w"), encoding="utf-8") as sink:
            yield sink
        part.replace(out)
    except OSError as fault:
        raise UnreadableInput(f"{out}: cannot be written ({describe_os_error(fault)}); name another file") from None
    finally:
        part.unlink(missing_ok=True)


@dataclass(slots=True)
class _Refusals:
    """Entries that are not exported: one JSON line each, or one line for each reason."""

    as_json: bool
    found: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def count_or_print(self, one: StoredEvent, why: ExportObstacle) -> None:
        """Print one reason of one entry as JSON, or count it."""
        if self.as_json:
            its = {"site": one.site, "device": one.device, "sequence": one.sequence, "event_id": one.event_id}
            typer.echo(json.dumps({**its, "code": why.code, "told": why.message}), err=True)
        elif why.message in self.found or len(self.found) < _MOST_LINES:
            self.first.setdefault(why.message, f"{one.site}/{one.device} {one.sequence}")
            self.found[why.message] += 1

    def print_reasons(self) -> None:
        """Print a line for each reason."""
        for message, number in self.found.items():
            others = f", and {number - 1} more" if number > 1 else ""
            typer.echo(escape_line(f"refused: {self.first[message]}{others}: {message}"), err=True)
        if len(self.found) == _MOST_LINES:
            typer.echo("refused: there may be more; --json tells each", err=True)


def _print_tally(tally: Tally, out: Path | None, *, as_json: bool) -> None:
    if as_json:
        counts = {name: getattr(tally, name) for name in tally.__dataclass_fields__}
        typer.echo(json.dumps(counts), err=True)
        return
    parts = [f"{pluralize(tally.events, 'event')} of {pluralize(tally.entries, 'entry', 'entries')}"]
    parts += [f"{tally.declarations} of them error declarations"] if tally.declarations else []
    parts += [f"{tally.before} told before"] if tally.before else []
    parts += [f"{pluralize(tally.unchanged, 'correction')} of what EPCIS does not tell"] if tally.unchanged else []
    parts += [f"left out: {_format_counts(tally.left_out.items())}"] if tally.left_out else []
    parts += [f"{tally.refused} refused: {_format_counts(tally.reasons.items())}"] if tally.refused else []
    typer.echo(escape_line(f"{out or 'stdout'}: {'; '.join(parts)}"), err=True)


def _format_counts(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counts))
