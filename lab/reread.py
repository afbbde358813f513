"""`dockvoice reread`: read the stored recordings again with another model, and compare with the records.

Each new reading passes the same rules, so decisions are compared with decisions.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from dockvoice_protocol.errors import Misconfigured, Unavailable
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.instants import to_zone
from dockvoice_protocol.records import FieldValue, Usage
from dockvoice_protocol.terminal import EXIT_CODES, log_warnings_to_stderr, print_lines
from dockvoice_protocol.terminal.progress import show_progress
from dockvoice_protocol.terminal.tables import EscapingConsole, pluralize, print_tables
from edge.agent.parts import load_named_form, make_rules
from edge.agree.decide import Rules, decide
from edge.cli import AsJson, Config, State, load_settings_with_options
from edge.cli.reports import Since, parse_moment
from edge.config import InterpreterSettings, Prices, Settings
from edge.keep.journal import Journal
from edge.keep.readings import ModelReadings, PastUtterance
from edge.ports import Interpreter
from edge.records import Outcome, Verdict
from edge.understand.factory import InterpreterArguments, make_interpreter
from edge.understand.local.factory import make_recogniser
from edge.understand.prices import cost_usd, with_cost
from edge.understand.remote.client import Clients
from edge.understand.remote.failures import AccessDenied
from edge.understand.weighing import is_same_value

_ON_DEVICE = "on-device"  # The name of the device's own recogniser, among those of `understand.interpreters`.

_AUDIO_TOKENS_PER_S = 32  # Gemini's documented rate; OpenAI's models take a third of it.

_PROMPT_TOKENS = 2500  # Instructions, tools and catalogue hints go along with every utterance; some 1,850 tokens here.

_ANSWER_TOKENS = 150  # One tool call with its words.

commands = typer.Typer()


@dataclass(frozen=True, slots=True)
class _CostEstimate:
    """Number, duration and estimated price of the utterances to read again."""

    utterances: int
    seconds: float
    usd: float | None  # At most, by the prices in the settings; None where none is set.


@dataclass(frozen=True, slots=True)
class _InterpreterResult:
    """One interpreter's transcript, outcome and fields for an utterance."""

    interpreter: str
    transcript: str = field(repr=False)
    outcome: Outcome | None  # None without a verdict or an answer.
    fields: Mapping[str, FieldValue] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _ReadingComparison:
    """One utterance with its stored result and its new one."""

    utterance_id: str
    heard_at: datetime
    event_id: str | None
    before: _InterpreterResult
    after: _InterpreterResult
    differing: tuple[str, ...]  # The fields in which the two differ; `outcome` where only the decisions differ.
    trouble: str | None  # Why there is no answer.
    cost_usd: float | None


@commands.command(short_help="Let another model read what is on record.", epilog=EXIT_CODES)
def reread(
    since: Since,
    interpreter: Annotated[
        str, typer.Option(metavar="NAME", help="One of understand.interpreters, or on-device: the own recogniser.")
    ],
    config: Config = None,
    state: State = None,
    ask_above: Annotated[float, typer.Option(min=0, metavar="USD", help="Ask first where it may cost more.")] = 0.10,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read stored recordings again with another model, and show where it reads something else.

    Nothing on record is changed: no entry, no verdict. Works beside a running agent. With --json: a line for each
    utterance, whether it differs or not.
    """
    log_warnings_to_stderr()
    settings, began = load_settings_with_options(config, state=state), parse_moment(since)
    compared: list[_ReadingComparison] = []
    with Journal.inspect(settings.state) as journal:
        plan = _estimate_cost(settings, interpreter, began, journal.readings)
        _confirm_cost(plan, ask_above, yes=yes)
        with show_progress("reading", plan.utterances) as tell:

            def add_comparison(one: _ReadingComparison) -> None:
                compared.append(one)
                tell(len(compared))

            asyncio.run(_read_again(settings, interpreter, began, journal.readings, add_comparison))
    if as_json:
        for one in compared:
            print_lines(json.dumps({**asdict(one), "heard_at": one.heard_at.isoformat()}))
    else:
        print_tables(_render_comparison(compared))


def _estimate_cost(settings: Settings, name: str, since: datetime, readings: ModelReadings) -> _CostEstimate:
    """Estimate the cost of reading everything since `since` with interpreter `name`. Raises Misconfigured."""
    utterances, seconds = readings.count_and_seconds(since, settings.forms.active)
    if name == _ON_DEVICE:
        return _CostEstimate(utterances, seconds, 0.0)
    return _CostEstimate(utterances, seconds, _estimate_usd(utterances, seconds, _interpreter_settings(settings, name)))


def _estimate_usd(utterances: int, seconds: float, prices: Prices) -> float | None:
    """Upper bound of the price of reading `utterances`, `seconds` long in all; None if no price is set."""
    expected = Usage(
        client="",
        model="",
        text_tokens_in=_PROMPT_TOKENS * utterances,
        audio_tokens_in=round(_AUDIO_TOKENS_PER_S * seconds),
        tokens_out=_ANSWER_TOKENS * utterances,
        audio_seconds=seconds,
    )
    return cost_usd(expected, prices)


async def _read_again(
    settings: Settings, name: str, since: datetime, readings: ModelReadings, tell: Callable[[_ReadingComparison], None]
) -> None:
    """Read each utterance since `since` with the interpreter `name`; call `tell` with each comparison.

    Raises AccessDenied if the key is refused or the model is gone.
    """
    form = load_named_form(settings, settings.forms.active)
    catalogue = Catalogue.load(settings.catalogue_directory)
    decided_by = make_rules(settings, form, catalogue)
    async with Clients(settings.understand.clients) as clients:
        reads: Interpreter
        if name == _ON_DEVICE:
            reads = make_recogniser(settings, form, catalogue)
        else:
            reads = make_interpreter(name, InterpreterArguments(settings, form, catalogue, clients))
        prices = None if name == _ON_DEVICE else _interpreter_settings(settings, name)
        for past in readings.utterances_since(since, form.name):
            tell(await _compare_reading(past, reads, prices, decided_by))


async def _compare_reading(
    past: PastUtterance, reads: Interpreter, prices: InterpreterSettings | None, by: Rules
) -> _ReadingComparison:
    before, after, trouble = _recorded_result(past), _InterpreterResult(reads.name, "", None, {}), None
    differing: tuple[str, ...] = ()
    cost = None
    try:
        reading = await reads.listen().finish(past.utterance)
    except AccessDenied:
        raise
    except Unavailable as fault:
        trouble = str(fault)
    else:
        verdict = decide(reading, past.utterance.segment.closing, by)
        after = _InterpreterResult(reading.interpreter, reading.transcript, verdict.outcome, verdict.fields)
        differing = _differing_fields(before, after)
        # Without both, no paid service was used.
        cost = with_cost(reading.usage, prices).cost_usd if reading.usage and prices else 0.0
    utterance = past.utterance
    return _ReadingComparison(
        utterance.utterance_id, utterance.heard_at, past.kept.event_id, before, after, differing, trouble, cost
    )


def _recorded_result(past: PastUtterance) -> _InterpreterResult:
    stored: Mapping[str, Any] = past.reading or {"interpreter": "none", "words": ()}
    verdict: Verdict | None = past.kept.verdict
    transcript = " ".join(word["text"] for word in stored["words"])
    return _InterpreterResult(
        stored["interpreter"], transcript, None if verdict is None else verdict.outcome, past.kept.fields
    )


def _differing_fields(before: _InterpreterResult, after: _InterpreterResult) -> tuple[str, ...]:
    names = dict.fromkeys((*before.fields, *after.fields))
    differing = tuple(name for name in names if not _are_equal_values(before.fields.get(name), after.fields.get(name)))
    return differing or (("outcome",) if before.outcome is not after.outcome else ())


def _are_equal_values(one: FieldValue | None, other: FieldValue | None) -> bool:
    return one is other or (one is not None and other is not None and is_same_value(one, other))


def _interpreter_settings(settings: Settings, name: str) -> InterpreterSettings:
    known = settings.understand.interpreters
    if name not in known:
        names = ", ".join((_ON_DEVICE, *known))
        raise Misconfigured(f"--interpreter {name!r}: is not in understand.interpreters; there are {names}")
    return known[name]


def _confirm_cost(plan: _CostEstimate, ask_above: float, *, yes: bool) -> None:
    """Print the estimated cost; ask for consent if it is above `ask_above`."""
    price = "no price is set for it in the settings" if plan.usd is None else f"at most {plan.usd:.2f} USD"
    estimate = f"{pluralize(plan.utterances, 'utterance')}, {plan.seconds / 60:.1f} minutes of sound: {price}"
    EscapingConsole(stderr=True, highlight=False).print(estimate)
    if not yes and (plan.usd is None or plan.usd > ask_above):
        typer.confirm("Go on?", abort=True, err=True)


def _render_comparison(compared: Sequence[_ReadingComparison]) -> Group:
    """Render the differing readings side by side, then their number and the cost."""
    table = Table("heard at", "", "on record", "read now", box=SIMPLE_HEAD)
    different = [one for one in compared if one.differing or one.trouble]
    for one in different:
        when = to_zone(one.heard_at, None).strftime("%m-%d %H:%M:%S")
        for name in one.differing:
            table.add_row(when, name, *(Text(_cell(side, name)) for side in (one.before, one.after)))
            when = ""
        if one.trouble:
            table.add_row(when, "", "", Text(one.trouble, style="red"))
        table.add_row("", "heard", Text(one.before.transcript), Text(one.after.transcript), style="dim")
    silent = sum(one.trouble is not None for one in compared)
    spent = [one.cost_usd for one in compared if one.cost_usd is not None]
    price = f"{sum(spent):.4f} USD" if spent else "no price set"
    alike = len(compared) - len(different)
    text = f"{len(compared)} read again: {alike} alike, {len(different) - silent} different, {silent} not read. {price}"
    return Group(*([table] if different else []), text)


def _cell(side: _InterpreterResult, name: str) -> str:
    return str(side.outcome or "-") if name == "outcome" else str(side.fields.get(name, "-"))
