"""`dockvoice simulate`: run ten thousand devices on one machine, and report the outcome of their entries."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from dockvoice_protocol.errors import Misconfigured, StorageFailed, describe_os_error
from dockvoice_protocol.hash_chain import Signer
from dockvoice_protocol.terminal import EXIT_CODES, log_warnings_to_stderr, print_lines
from dockvoice_protocol.terminal.tables import EscapingConsole, print_tables
from edge.cli import AsJson, Broker, Config, load_settings_with_options
from lab.simulate.device import CorrectionShares
from lab.simulate.wanted import HOUR_S, ResourceNeed, RunParameters, estimate_needs, raise_descriptor_limit

if TYPE_CHECKING:
    from lab.simulate.fleet import Progress

_PRINT_INTERVAL_S = 10.0  # How often a line says how far it is, where there is no terminal to show it on.

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,40}")  # Of a run: the beginning of a topic level.

_EXTRA = {"psutil", "sqlalchemy"}  # Packages of the optional extra that the command needs.

_MOST = 1_000_000  # Devices: beyond it the numbers in their pallets' labels would repeat.

_USUAL = 60  # Entries of a device in an hour: a pallet a minute.

commands = typer.Typer()


@commands.command(short_help="Thousands of devices at a broker, and what became of each entry.", epilog=EXIT_CODES)
def simulate(
    devices: Annotated[int, typer.Option(min=1, max=_MOST, help="How many.")] = 100,
    rate: Annotated[
        float | None, typer.Option(min=0, metavar="N", help="Entries a second, of all devices together.")
    ] = None,
    per_hour: Annotated[
        float | None,
        typer.Option(min=0, metavar="N", help="Instead: entries of each device in an hour; 60 without a backlog."),
    ] = None,
    seconds: Annotated[float, typer.Option("--for", min=0, metavar="SECONDS", help="How long they speak.")] = 60,
    backlog: Annotated[int, typer.Option(min=0, metavar="N", help="Entries that each owes when it connects.")] = 0,
    storm: Annotated[
        float, typer.Option(min=0, metavar="N", help="Connections begun a second; 0: as fast as it goes.")
    ] = 0,
    cuts: Annotated[
        float, typer.Option(min=0, max=60, metavar="SHARE", help="Share of the links that is cut in a minute: 0.1.")
    ] = 0,
    corrections: Annotated[
        float, typer.Option(min=0, max=1, metavar="SHARE", help="Share of entries that correct the one before.")
    ] = 0.04,
    cancellations: Annotated[
        float, typer.Option(min=0, max=1, metavar="SHARE", help="Share of entries that cancel the one before.")
    ] = 0.01,
    broker: Broker = None,
    config: Config = None,
    site: Annotated[str | None, typer.Option(help="The site that they are of.")] = None,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="What their names begin with; unset: by chance. Never twice at an inventory."
        ),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Put their public keys here first: the inventory's keys_directory."),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(metavar="URL", envvar="DOCKVOICE_SIMULATE_DATABASE", help="Compare with the inventory's tables."),
    ] = None,
    watch: Annotated[
        list[str] | None, typer.Option(metavar="NAME=PID", help="Tell memory and processor of it too; repeatable.")
    ] = None,
    patience: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="Wait so long without any answer for what has none.")
    ] = 60,
    seed: Annotated[
        int, typer.Option(help="Of what is said, by whom, and whose link is cut. Keys are always new.")
    ] = 1,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only tell what it would take of this machine and the broker.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run thousands of simulated devices against a broker and an inventory, and check the outcome of each entry.

    Each has a name, a key, a signed chain of events and an MQTT session of its own; events and relay are the product's
    own, and a separate ledger records what was sent. Afterwards each entry must have one final receipt, and with
    --database the inventory's table must agree.

    FOR TEST INSTALLATIONS: their entries are booked. They are of site `simulated`, unless told otherwise, and remove
    their sessions and retained status when they leave; rows and keys stay with the inventory.

    The inventory must know their keys: give it --keys as its keys_directory, or set trust_first_use there. Broker, TLS,
    window and waits are those of a device's settings file. Exit code 1 if anything was lost, doubled or altered.
    """
    log_warnings_to_stderr()
    for name in _EXTRA:
        if find_spec(name) is None:
            raise Misconfigured(f"simulate needs {name}, which is not installed; pip install 'dockvoice-lab[simulate]'")
    if rate is not None and per_hour is not None:
        raise typer.BadParameter("--rate and --per-hour both say how much is said: give one")
    if rate is None:
        rate = devices * (per_hour if per_hour is not None else 0 if backlog else _USUAL) / HOUR_S
    wanted = RunParameters(
        devices=devices,
        deliver=load_settings_with_options(config, broker).deliver,
        site=_check_topic_level("--site", site or "simulated"),
        run=_check_topic_level("--run", run or f"sim-{secrets.token_hex(3)}"),
        rate=rate,
        seconds=seconds if rate else 0,
        backlog=backlog,
        storm=storm,
        cuts=cuts,
        habits=_correction_shares(corrections, cancellations),
        seed=seed,
        patience_s=patience,
    )
    if plan:
        _print_needs(estimate_needs(wanted), as_json=as_json)
        return
    raise_descriptor_limit(wanted)
    if not _run_and_report(wanted, _parse_watched(watch or ()), keys, database, as_json=as_json):
        raise typer.Exit(1)


def _run_and_report(
    parameters: RunParameters, watched: dict[str, int], keys: Path | None, database: str | None, *, as_json: bool
) -> bool:
    """Run the simulation and print its result; return whether every entry is accounted for."""
    from lab.simulate.counted import compare_with_table  # noqa: PLC0415 - not installed with the laboratory alone
    from lab.simulate.figures import render_result  # noqa: PLC0415 - likewise
    from lab.simulate.fleet import Fleet  # noqa: PLC0415 - likewise

    with _show_progress() as tell:
        fleet = Fleet(parameters, watched, lambda moment: tell(_format_progress(moment, parameters.devices)))
        if keys is not None:
            began = time.monotonic()
            write_public_keys(keys, ((parameters.site, one.device.name, one.device.signer) for one in fleet.stations))
            tell(f"{parameters.devices:,} keys written to {keys} in {time.monotonic() - began:.1f} s")
        result = asyncio.run(fleet.run())
        if database is not None:
            tell("comparing with the database")
            result = replace(
                result, database=compare_with_table(database, parameters.site, parameters.run, fleet.expected_rows())
            )
    if as_json:
        print_lines(json.dumps(result.as_json()))
    else:
        print_tables(render_result(result))
    return result.is_complete


def write_public_keys(directory: Path, keys: Iterator[tuple[str, str, Signer]]) -> None:
    """Write the devices' public keys into an inventory's keys directory. Raises StorageFailed."""
    path = directory
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for site, device, signer in keys:
            path = directory / f"{site}.{device}.{signer.public.keyid}.pem"
            path.write_bytes(signer.public.pem)
    except OSError as fault:
        raise StorageFailed(
            f"--keys: {path}: cannot be written ({describe_os_error(fault)}); name another directory"
        ) from None


@contextmanager
def _show_progress() -> Iterator[Callable[[str], None]]:
    """Yield a function that displays a progress text: one overwritten line, or occasional lines without a terminal."""
    console = EscapingConsole(stderr=True, highlight=False)
    if console.is_terminal:
        with console.status("") as status:
            yield status.update
        return
    printed_at = -_PRINT_INTERVAL_S

    def print_at_intervals(text: str) -> None:
        nonlocal printed_at
        if (now := time.monotonic()) - printed_at >= _PRINT_INTERVAL_S:
            printed_at = now
            console.print(text, soft_wrap=True)

    yield print_at_intervals


def _format_progress(moment: Progress, devices: int) -> str:
    trouble = "" if moment.trouble is None or moment.connected == devices else f"; last trouble: {moment.trouble}"
    return (
        f"{moment.phase}: {moment.connected:,} of {devices:,} connected, {moment.said:,} said, "
        f"{moment.answered:,} answered, {moment.cuts:,} links cut{trouble}"
    )


def _print_needs(needed: Sequence[ResourceNeed], *, as_json: bool) -> None:
    if as_json:
        print_lines(json.dumps([asdict(one) for one in needed]))
        return
    table = Table("what it takes", box=SIMPLE_HEAD)
    table.add_column("", justify="right")
    table.add_column("what to do, or where it comes from")
    for one in needed:
        table.add_row(one.what, one.number, one.remedy)
    print_tables(table)


def _check_topic_level(option: str, text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise typer.BadParameter(f"{option}: found {text!r}, allowed are letters, digits and -, for example sim-1")
    return text


def _correction_shares(corrections: float, cancellations: float) -> CorrectionShares:
    if corrections + cancellations > 1:
        raise typer.BadParameter("--corrections and --cancellations are shares of all entries: together at most 1")
    return CorrectionShares(corrections, cancellations)


def _parse_watched(given: Sequence[str]) -> dict[str, int]:
    watched = {}
    for one in given:
        name, _, number = one.partition("=")
        if not name or not number.isascii() or not number.isdigit():
            raise typer.BadParameter(f"--watch: found {one!r}, allowed is NAME=PID, for example broker=4711")
        watched[name] = int(number)
    return watched
