"""`python -m lab.scribe`: how many of the pallets of some shifts end right, wrong, lost, and at how many questions."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random
from typing import Annotated

import typer
from rich.progress import Progress

from edge.agent.parts import form_named, rules
from edge.agree.decide import Rules
from edge.config import Settings
from edge.forms.catalogue import Catalogue
from lab.report.statistics import wilson
from lab.scribe.shift import PALLETS, Ledger, Trailer


def shipped() -> Rules:
    """The rules of an agent with the settings that it is shipped with."""
    settings = Settings()
    form = form_named(settings, settings.forms.active)
    return rules(settings, form, Catalogue.load(settings.catalogue_directory))


def unloaded(seed: str, rules: Rules | None = None, pallets: int = PALLETS) -> tuple[Ledger, list[str]]:
    """One trailer, and both sides of what was said."""
    memory = Path("/dev/shm")  # noqa: S108 - a journal that is thrown away, which need not wait for a disk
    with tempfile.TemporaryDirectory(prefix="dockvoice-scribe-", dir=memory if memory.is_dir() else None) as kept:
        trailer = Trailer(rules or shipped(), Path(kept), Random(seed))  # noqa: S311 - chance, not secrecy
        ledger = trailer.unload(pallets)
    return ledger, trailer.said


commands = typer.Typer(add_completion=False)


@commands.command()
def main(
    entries: Annotated[int, typer.Option(help="Pallets to be dictated.")] = 4000,
    seed: Annotated[int, typer.Option(help="Of the shifts; 0: a new one.")] = 0,
    show: Annotated[str, typer.Option(metavar="TRAILER", help="Print one trailer, word for word: 7/12.")] = "",
) -> None:
    """Dictate trailers of pallets to the device, typed, with all that happens on a dock, and count what ends right."""
    if show:
        ledger, said = unloaded(show)
        typer.echo("\n".join((*said, str(ledger))))
        return
    seed = seed or secrets.randbelow(2**31)
    total = Ledger()
    trailers = [f"{seed}/{number}" for number in range(-(-entries // PALLETS))]
    with ProcessPoolExecutor() as pool, Progress(transient=True) as progress:
        for name, (ledger, _) in zip(
            trailers, progress.track(pool.map(unloaded, trailers), len(trailers)), strict=True
        ):
            total.add(ledger)
            for kind, found in (("WRONG", ledger.wrong), ("LOST", ledger.lost)):
                for one in found:
                    typer.echo(f"{kind} {one}: python -m lab.scribe --show {name}")
    typer.echo("\n".join(told(total)) + f"\nagain: --seed {seed}")


def told(ledger: Ledger) -> Iterator[str]:
    """The counts, with the interval of each (Wilson, 95 %)."""
    ends = {
        "right": ledger.right,
        "wrong": len(ledger.wrong),
        "lost": len(ledger.lost),
        "put aside, told": ledger.aside,
    }
    for name, number in ends.items():
        of = wilson(number, ledger.meant)
        yield f"{name:16} {number:7} of {ledger.meant}" + (f"  ({of.least:.2%} to {of.most:.2%})" if of else "")
    needless = sum(ledger.needless.values())
    yield f"{'questions':16} {ledger.questions / ledger.meant:7.3f} an entry"
    yield f"{'  needless':16} {needless / ledger.meant:7.3f} an entry; after {dict(ledger.needless.most_common())}"
    yield f"{'lines, words':16} {ledger.lines / ledger.meant:7.2f}, {ledger.words / ledger.meant:.1f} an entry"


if __name__ == "__main__":
    commands()
