"""`python -m lab.scribe.compare`: seconds and words a pallet of Dockvoice, of prompted dialogue, of scan and key.

All receive the same trailers. Dockvoice's part is the agent's dialogue, parser and journal with an inventory; the
others are small models of vendors' descriptions (docs/rivals.md).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from random import Random
from statistics import mean, stdev
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from dockvoice_protocol.terminal import log_warnings_to_stderr
from edge.agree.decide import Rules
from edge.agree.dialogue.session import DialogueSettings
from edge.records.speech import Prompt, Say
from edge.speak.wording import Phrasing
from lab.report.statistics import Z_95, wilson_interval
from lab.scribe.arrivals import USUAL, Arrival, generate_arrival
from lab.scribe.clock import RATE, DeviceTurn, OperatorTurn, TimeSpent, Turn, TurnClock
from lab.scribe.device import PALLETS, OperatorLine, Outcomes, TypedDevice
from lab.scribe.keyed import HUNG, WORN, HandheldTerminal, KeyedReceiving
from lab.scribe.mishearing import NOISES, NoisyChannel, NumberErrorRates
from lab.scribe.prompted import SHORTEST, PromptedReceiving, PromptSettings
from lab.scribe.prompted import USUAL as AS_USUAL
from lab.scribe.receiving import NoticeReceiver, receiving_rules, with_closing_form

_BESIDE = frozenset({"talk", "talk of pallets", "courtesy"})
"""Kinds of optional lines (chat, thanks), which are not counted; the device's answers to them are."""

_PAUSES = frozenset({Prompt.PAUSED, Prompt.RESUMED})


@dataclass(frozen=True, slots=True)
class _Conditions:
    """Number of trailers and pallets, noise and exceptions, the same for all methods."""

    seed: str
    trailers: int
    noise: NumberErrorRates
    exceptions: float = USUAL
    pallets: int = PALLETS

    def seeds(self) -> Iterator[str]:
        """The seed of each trailer."""
        return (f"{self.seed}/{number}" for number in range(self.trailers))


@dataclass(frozen=True, slots=True)
class _MethodResult:
    """Ledger and times of one method over all trailers."""

    name: str
    ledger: Outcomes
    trailers: tuple[TimeSpent, ...]  # For each trailer the seconds per pallet, and the words in all.

    @property
    def seconds(self) -> float:
        """The mean seconds per pallet."""
        return mean(one.seconds for one in self.trailers)

    @property
    def reach(self) -> float:
        """Half of the 95 % interval of that mean, by trailer."""
        seconds = [one.seconds for one in self.trailers]
        return Z_95 * stdev(seconds) / sqrt(len(seconds)) if len(seconds) > 1 else 0.0

    @property
    def to_last_word(self) -> float:
        """The mean seconds per pallet without what the device says after the operator's last words."""
        return mean(one.seconds - one.last_speech for one in self.trailers)


def _seeded_random(seed: str) -> Random:
    """A random generator from the seed."""
    return Random(seed)  # noqa: S311 - chance, not secrecy


def _measure_dockvoice(
    name: str, settings: DialogueSettings, day: _Conditions, with_: Rules, clock: TurnClock
) -> _MethodResult:
    """Receive all trailers with the agent's dialogue."""
    phrasing = Phrasing(with_.form, "en")
    total, trailers = Outcomes(), []
    for seed in day.seeds():
        with TemporaryDirectory(prefix="dockvoice-scribe-") as kept:
            ear = NoisyChannel(with_, day.noise, _seeded_random(f"{seed} ear"))
            device = TypedDevice(with_, Path(kept) / "device", ear, with_closing_form(settings))
            total.add(NoticeReceiver(device, Path(kept), _seeded_random(seed), day.exceptions).unload(day.pallets))
        trailers.append(_per_pallet(clock.time_turns(_to_timed_turns(device.turns, phrasing)), day))
    return _MethodResult(name, total, tuple(trailers))


def _to_timed_turns(turns: Iterable[OperatorLine | Say], phrasing: Phrasing) -> Iterator[Turn]:
    """Convert prompts and lines to the turns to be timed, without chat, thanks, and pause or resume."""
    for turn in turns:
        if isinstance(turn, Say):
            if turn.prompt not in _PAUSES:
                yield DeviceTurn(phrasing.clauses(turn))
        elif turn.kind not in _BESIDE and turn.text not in {"pause", "resume"}:
            yield OperatorTurn(turn.text, first=turn.first)


def _per_pallet(spent: TimeSpent, day: _Conditions) -> TimeSpent:
    return TimeSpent(spent.seconds / day.pallets, spent.last_speech / day.pallets, spent.words)


def _measure_model(
    name: str, day: _Conditions, receive: Callable[[str, Arrival], tuple[Outcomes, TimeSpent]]
) -> _MethodResult:
    """Receive all trailers by a model of another method, which takes the seed and what arrives."""
    total, trailers = Outcomes(), []
    for seed in day.seeds():
        ledger, spent = receive(seed, generate_arrival(day.pallets, _seeded_random(seed), day.exceptions))
        total.add(ledger)
        trailers.append(_per_pallet(spent, day))
    return _MethodResult(name, total, tuple(trailers))


def _measure_prompted(name: str, settings: PromptSettings, day: _Conditions, clock: TurnClock) -> _MethodResult:
    """Receive all trailers with one prompt for each value."""

    def receive(seed: str, coming: Arrival) -> tuple[Outcomes, TimeSpent]:
        other = PromptedReceiving(coming, settings, day.noise, _seeded_random(f"{seed} prompted"))
        return other.unload(), clock.time_turns(other.turns)

    return _measure_model(name, day, receive)


def _measure_keyed(name: str, terminal: HandheldTerminal, day: _Conditions) -> _MethodResult:
    """Receive all trailers by scanning and keying, which noise does not affect."""

    def receive(seed: str, coming: Arrival) -> tuple[Outcomes, TimeSpent]:
        other = KeyedReceiving(coming, terminal, _seeded_random(f"{seed} keyed"))
        return other.unload(), TimeSpent(other.seconds)

    return _measure_model(name, day, receive)


def _measure_all(day: _Conditions, with_: Rules, clock: TurnClock) -> list[_MethodResult]:
    """Run all methods on the same trailers."""
    return [
        _measure_dockvoice("Dockvoice", DialogueSettings(), day, with_, clock),
        _measure_dockvoice(
            "Dockvoice, what is sure not read back", DialogueSettings(holds_sure=False), day, with_, clock
        ),
        _measure_prompted("prompts, as usual", AS_USUAL, day, clock),
        _measure_prompted("prompts, as short as can be", SHORTEST, day, clock),
        _measure_keyed("scan and key, terminal hung", HUNG, day),
        _measure_keyed("scan and key, terminal worn", WORN, day),
    ]


_COLUMNS = (
    "a pallet", "seconds", "to the last word", "words", "right", "wrong", "lost", "put aside", "needless questions",
)  # fmt: skip


def _to_markdown_rows(tried: Iterable[_MethodResult]) -> Iterator[str]:
    """The methods' figures as a Markdown table."""
    yield f"| {' | '.join(_COLUMNS)} |\n|---|{'--:|' * (len(_COLUMNS) - 1)}"
    for one in tried:
        ledger = one.ledger
        most = wilson_interval(len(ledger.wrong), ledger.meant)
        cells = (
            one.name,
            f"{one.seconds:.1f} ± {one.reach:.1f}",
            f"{one.to_last_word:.1f}",
            f"{sum(spent.words for spent in one.trailers) / ledger.meant:.1f}",
            f"{ledger.right} of {ledger.meant}",
            f"{len(ledger.wrong)}" + (f" (to {most.most:.2%})" if most else ""),
            str(len(ledger.lost)),
            str(ledger.aside),
            f"{sum(ledger.needless.values()) / ledger.meant:.2f}",
        )
        yield f"| {' | '.join(cells)} |"


_RATES = (120, RATE, 190)
_SHARES = (0.0, USUAL, 0.6)


def _tabulate_sensitivity(day: _Conditions, with_: Rules, runner: asyncio.Runner) -> Iterator[str]:
    """Seconds a pallet (wrong and lost) with speaking rate, noise and exceptions varied one at a time."""
    conditions = [(f"{rate} words a minute", day, rate) for rate in _RATES]
    conditions += [(f"noise: {name}", replace(day, noise=noise), RATE) for name, noise in NOISES.items()]
    conditions += [(f"{share:.0%} not as announced", replace(day, exceptions=share), RATE) for share in _SHARES]
    for number, (name, of, rate) in enumerate(conditions):
        found = _measure_all(of, with_, TurnClock(runner, rate))
        if number == 0:
            yield f"| seconds a pallet | {' | '.join(one.name for one in found)} |\n|---|{'--:|' * len(found)}"
        amiss = [(one, len(one.ledger.wrong) + len(one.ledger.lost)) for one in found]
        cells = (f"{one.seconds:.1f} ({number} of {one.ledger.meant})" for one, number in amiss)
        yield f"| {name} | {' | '.join(cells)} |"


def _bar_chart_svg(tried: Sequence[_MethodResult]) -> str:
    """Seconds a pallet by method as SVG: to the operator's last word, then the device's speech; with intervals."""
    left, line, width = 250, 30, 720
    longest = max(one.seconds + one.reach for one in tried)

    def x(seconds: float) -> float:
        return left + seconds / longest * (width - left - 60)

    parts = []
    for number, one in enumerate(tried):
        top, seconds, reach, talked = 12 + number * line, one.seconds, one.reach, one.to_last_word
        parts.append(f'<text x="0" y="{top + 13}">{one.name}</text>')
        parts.append(f'<rect x="{left}" y="{top}" width="{x(talked) - left:.1f}" height="18" fill="#1d4e89"/>')
        speech_width = x(seconds) - x(talked)
        parts.append(f'<rect x="{x(talked):.1f}" y="{top}" width="{speech_width:.1f}" height="18" fill="#9fc2e8"/>')
        parts.append(f'<path d="M{x(seconds - reach):.1f} {top + 9}H{x(seconds + reach):.1f}" stroke="black"/>')
        parts.append(f'<text x="{x(seconds + reach) + 6:.1f}" y="{top + 13}">{seconds:.1f} s</text>')
    body, letters = "\n".join(parts), 'font-family="sans-serif" font-size="12"'
    height = 18 + line * len(tried)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {letters}>'
    return f'{head}\n<rect width="{width}" height="{height}" fill="white"/>\n{body}\n</svg>\n'


commands = typer.Typer(add_completion=False)


@commands.command()
def main(
    trailers: Annotated[int, typer.Option(help=f"Of {PALLETS} pallets each.")] = 10,
    seed: Annotated[int, typer.Option(help="Of the trailers; 0: a new one.")] = 0,
    noise: Annotated[str, typer.Option(help=f"One of {', '.join(NOISES)}.")] = "none",
    sensitive: Annotated[bool, typer.Option("--sensitivity", help="By rate, noise and exceptions too.")] = False,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw it into this file, as SVG.")] = None,
) -> None:
    """Receive the same trailers in each way; print seconds and words a pallet, and what ended wrong or lost."""
    log_warnings_to_stderr()
    if noise not in NOISES:
        raise typer.BadParameter(f"found {noise!r}; allowed are {', '.join(NOISES)}", param_hint="--noise")
    seed = seed or secrets.randbelow(2**31)
    day, with_ = _Conditions(str(seed), trailers, NOISES[noise]), receiving_rules()
    with asyncio.Runner() as runner:
        tried = _measure_all(day, with_, TurnClock(runner, RATE))
        if plot is not None:
            plot.write_text(_bar_chart_svg(tried), encoding="utf-8")
        typer.echo("\n".join(_to_markdown_rows(tried)))
        if sensitive:
            typer.echo("\n" + "\n".join(_tabulate_sensitivity(day, with_, runner)))
    typer.echo(f"\nagain: --seed {seed}")


if __name__ == "__main__":
    commands()
