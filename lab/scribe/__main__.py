"""`python -m lab.scribe`: count how many pallets of simulated shifts end right, wrong or lost, and the questions."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.progress import Progress

from dockvoice_protocol.terminal import log_warnings_to_stderr
from edge.agree.decide import Rules
from edge.agree.dialogue.session import DialogueSettings
from edge.config import Settings
from lab.report.statistics import wilson_interval
from lab.scoring import read_manifest
from lab.scribe.device import PALLETS, Outcomes, TypedDevice
from lab.scribe.receiving import NoticeReceiver, default_rules_for, receiving_rules, with_closing_form
from lab.scribe.shift import TrailerUnloading, TypedChannel
from lab.scribe.spoken import SpeakingOperator, open_hearing, select_recordings


def default_rules() -> Rules:
    """The rules of an agent with default settings."""
    return default_rules_for(Settings().forms.active)


def run_trailer(seed: str, rules: Rules | None = None, pallets: int = PALLETS) -> tuple[Outcomes, list[str]]:
    """Simulate one trailer; return its ledger and the lines of both sides."""
    with _scratch_directory() as kept:
        trailer = TrailerUnloading(rules or default_rules(), kept, Random(seed))  # noqa: S311 - chance, not secrecy
        ledger = trailer.unload(pallets)
    return ledger, trailer.device.said


def _run_announced_trailer(seed: str, rules: Rules | None = None, pallets: int = PALLETS) -> tuple[Outcomes, list[str]]:
    """Simulate one trailer received against a notice; return its ledger and the lines of both sides."""
    with _scratch_directory() as kept:
        device = TypedDevice(
            rules or receiving_rules(), kept / "device", TypedChannel(), with_closing_form(DialogueSettings())
        )
        ledger = NoticeReceiver(device, kept, Random(seed)).unload(pallets)  # noqa: S311 - chance, not secrecy
    return ledger, device.said


@contextmanager
def _scratch_directory() -> Iterator[Path]:
    """A temporary directory for a journal, in memory if possible."""
    memory = Path("/dev/shm")  # noqa: S108
    with TemporaryDirectory(prefix="dockvoice-scribe-", dir=memory if memory.is_dir() else None) as kept:
        yield Path(kept)


commands = typer.Typer(add_completion=False)


@commands.command()
def main(
    entries: Annotated[int, typer.Option(help="Pallets to be dictated.")] = 4000,
    seed: Annotated[int, typer.Option(help="Of the shifts; 0: a new one.")] = 0,
    notices: Annotated[bool, typer.Option("--notices", help="Received against notices, with an inventory.")] = False,
    show: Annotated[str, typer.Option(metavar="TRAILER", help="Print one trailer, word for word: 7/12.")] = "",
    speech: Annotated[
        Path | None, typer.Option(metavar="MANIFEST", help="Spoken: each pallet a recording of this set, at 10 dB.")
    ] = None,
) -> None:
    """Dictate trailers of pallets to the device, with all that happens on a dock, and count what ends right.

    Typed, unless a set of recordings is named (as for `dockvoice evaluate`), which the device then hears.
    """
    log_warnings_to_stderr()
    if speech is not None:
        _run_spoken(speech, entries, seed or secrets.randbelow(2**31), show)
        return
    unload = _run_announced_trailer if notices else run_trailer
    if show:
        ledger, said = unload(show)
        typer.echo("\n".join((*said, str(ledger))))
        return
    seed = seed or secrets.randbelow(2**31)
    total = Outcomes()
    trailers = [f"{seed}/{number}" for number in range(-(-entries // PALLETS))]
    with ProcessPoolExecutor() as pool, Progress(transient=True) as progress:
        for name, (ledger, _) in zip(trailers, progress.track(pool.map(unload, trailers), len(trailers)), strict=True):
            total.add(ledger)
            for kind, found in (("WRONG", ledger.wrong), ("LOST", ledger.lost)):
                for one in found:
                    typer.echo(f"{kind} {one}: python -m lab.scribe {'--notices ' * notices}--show {name}")
    typer.echo("\n".join(_summary_lines(total)) + f"\nagain: --seed {seed}")


def _run_spoken(manifest: Path, entries: int, seed: int, show: str) -> None:
    """Simulate trailers with recorded speech, one after the other: each takes minutes."""
    total, of = Outcomes(), select_recordings(read_manifest(manifest))
    with open_hearing(Settings()) as hearing:
        for name in [show] if show else (f"{seed}/{number}" for number in count()):
            with TemporaryDirectory(prefix="dockvoice-scribe-") as kept:
                chance = Random(name)  # noqa: S311 - chance, not secrecy
                trailer = TrailerUnloading(hearing.rules(), Path(kept), chance, SpeakingOperator(hearing, of, chance))
                ledger = trailer.unload(min(PALLETS, entries - total.meant))
            if show or ledger.wrong or ledger.lost:
                typer.echo("\n".join((name, *trailer.device.said, str(ledger))))
            total.add(ledger)
            if show or total.meant >= entries:
                break
    typer.echo("\n".join(_summary_lines(total)) + f"\nagain: --seed {seed}")


def _summary_lines(ledger: Outcomes) -> Iterator[str]:
    """The counts by outcome, each with its 95 % interval (Wilson)."""
    ends = {
        "right": ledger.right,
        "wrong": len(ledger.wrong),
        "lost": len(ledger.lost),
        "put aside, told": ledger.aside,
        "given up": ledger.given_up,
    }
    for name, number in ends.items():
        of = wilson_interval(number, ledger.meant)
        yield f"{name:16} {number:7} of {ledger.meant}" + (f"  ({of.least:.2%} to {of.most:.2%})" if of else "")
    needless = sum(ledger.needless.values())
    yield f"{'questions':16} {ledger.questions / ledger.meant:7.3f} an entry"
    yield f"{'  needless':16} {needless / ledger.meant:7.3f} an entry; after {dict(ledger.needless.most_common())}"
    yield f"{'lines, words':16} {ledger.lines / ledger.meant:7.2f}, {ledger.words / ledger.meant:.1f} an entry"


if __name__ == "__main__":
    commands()
