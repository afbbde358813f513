"""`dockvoice morning`: the entries of a day that are most likely wrong, by all readings of what was said for them.

A better model reads the recordings again, where the settings name one: those in most doubt first, for as long as there
is money for it. Nothing on record is touched: a person looks at what is listed, and listens.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.text import Text

from dockvoice_protocol.errors import Misconfigured, StorageFailed, Unavailable
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.instants import rfc3339, to_zone
from dockvoice_protocol.records import Reading, as_text
from dockvoice_protocol.terminal import EXIT_CODES, log_warnings_to_stderr, print_lines
from dockvoice_protocol.terminal.progress import show_progress
from dockvoice_protocol.terminal.tables import make_folding_table, pluralize, print_tables
from edge.agent.parts import load_named_form
from edge.cli import AsJson, Config, State, load_settings_with_options
from edge.cli.reports import Since, parse_moment
from edge.config import Settings
from edge.keep.journal import Journal
from edge.keep.readings import ModelReadings, StandingRecord, SupportingUtterance
from edge.ports import Interpreter
from edge.understand.factory import InterpreterArguments, make_interpreter
from edge.understand.prices import with_cost
from edge.understand.remote.client import Clients
from edge.understand.remote.failures import AccessDenied
from edge.understand.weighing import Doubt, EntryUtterance, measure_doubt

commands = typer.Typer()
_logger = logging.getLogger(__name__)

_MOST_LIST = 1000  # More than anybody looks at.


@commands.command(short_help="The entries of a day that are most likely wrong.", epilog=EXIT_CODES)
def morning(
    since: Since = "1d",
    limit: Annotated[int, typer.Option("--limit", min=1, max=_MOST_LIST, metavar="N", help="So many, at most.")] = 10,
    interpreter: Annotated[
        str | None, typer.Option(metavar="NAME", help="One of understand.interpreters; unset: understand.morning.")
    ] = None,
    most_usd: Annotated[
        float, typer.Option("--most-usd", min=0, metavar="USD", help="Ask the model no more once so much is spent.")
    ] = 1.0,
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """List the entries that are most likely wrong, those first that are it most, with what was heard otherwise.

    Each entry that stands is held against all readings of what was said for it: those of the time, those that came
    late, and where a model is named, one more of the recording. Nothing on record is touched. Works beside a running
    agent. With --json: a line for each.
    """
    log_warnings_to_stderr()
    settings, began = load_settings_with_options(config, state=state), parse_moment(since)
    name = interpreter or settings.understand.morning
    with Journal.inspect(settings.state) as journal:
        found = rank_entries(journal.readings, began)
        if name is not None:
            with show_progress("reading", len(found.entries)) as tell:
                asyncio.run(read_again_and_rank(settings, name, journal.readings, found, most_usd, tell))
    if as_json:
        for one in found.entries[:limit]:
            print_lines(json.dumps(_to_json(one), ensure_ascii=False))
    else:
        print_tables(_entry_table(found, limit, name))


@dataclass(frozen=True, slots=True)
class _DoubtfulEntry:
    """An entry with the readings of its utterances, and how likely it is wrong."""

    entry: StandingRecord
    said: tuple[EntryUtterance, ...]
    doubt: Doubt


@dataclass(slots=True)
class MorningList:
    """The doubtful entries of a period."""

    entries: list[_DoubtfulEntry] = field(default_factory=list)  # All standing entries, the most doubtful first.
    read_again: int = 0  # Utterances that a model has read again.
    unread: int = 0  # Those it has not: no recording, no answer, no money.
    spent_usd: float = 0.0

    def sort_by_doubt(self) -> None:
        """Sort the entries: the most doubtful first, of equal ones the oldest."""
        self.entries.sort(key=lambda one: (-one.doubt.measure, one.entry.sequence))


def rank_entries(readings: ModelReadings, since: datetime) -> MorningList:
    """The entries since then, the most doubtful by their readings so far first."""
    found = MorningList(
        [_to_doubtful(one, tuple(map(_to_said_for, one.said))) for one in readings.standing_records(since)]
    )
    found.sort_by_doubt()
    return found


async def read_again_and_rank(
    settings: Settings,
    name: str,
    readings: ModelReadings,
    found: MorningList,
    most_usd: float,
    tell: Callable[[int], None] = lambda _: None,
) -> None:
    """Let the interpreter `name` read the utterances of `found` again, until `most_usd` is spent; rank them anew there.

    `tell` is called after each entry with their number.
    """
    prices = settings.understand.interpreters.get(name)
    if prices is None:
        names = ", ".join(settings.understand.interpreters) or "none"
        raise Misconfigured(f"{name!r}: is not in understand.interpreters; there are: {names}")
    catalogue, readers = Catalogue.load(settings.catalogue_directory), dict[str, Interpreter]()
    async with Clients(settings.understand.clients) as clients:
        for at, one in enumerate(found.entries):
            form = one.entry.form
            if form not in readers:
                arguments = InterpreterArguments(settings, load_named_form(settings, form), catalogue, clients)
                readers[form] = make_interpreter(name, arguments)
            said = []
            for saying in one.said:
                reading = None
                if found.spent_usd < most_usd:
                    reading = await _read_utterance(readings, saying.utterance_id, readers[form])
                found.read_again += reading is not None
                found.unread += reading is None
                if reading is not None and reading.usage is not None:
                    found.spent_usd += with_cost(reading.usage, prices).cost_usd or 0.0
                said.append(saying if reading is None else saying.with_reading(reading))
            found.entries[at] = _to_doubtful(one.entry, tuple(said))
            tell(at + 1)
    found.sort_by_doubt()


def _to_doubtful(entry: StandingRecord, said: tuple[EntryUtterance, ...]) -> _DoubtfulEntry:
    return _DoubtfulEntry(entry, said, measure_doubt(entry.fields, said))


def _to_said_for(saying: SupportingUtterance) -> EntryUtterance:
    if (recorded := saying.reading) is None:
        return EntryUtterance(saying.utterance_id, None, saying.late)
    # Where one of several decided, it is among them, and of long speech its pieces are: they say nothing besides.
    others = (one for one in recorded.opinions if one.interpreter.partition(" (piece ")[0] != recorded.interpreter)
    return EntryUtterance(saying.utterance_id, recorded, (*others, *saying.late))


async def _read_utterance(readings: ModelReadings, utterance_id: str, reads: Interpreter) -> Reading | None:
    """The interpreter's reading of the recording; None, with a warning in the log, where there is none."""
    try:
        utterance = readings.utterance_with_sound(utterance_id)
        return None if utterance is None else await reads.listen().finish(utterance)
    except AccessDenied:
        raise
    except (Unavailable, StorageFailed) as fault:
        _logger.warning("%s: is not read again: %s", utterance_id, fault)
        return None


def _to_json(one: _DoubtfulEntry) -> dict[str, Any]:
    """An entry as an object for JSON."""
    entry = one.entry
    return {
        "event_id": entry.event_id,
        "sequence": entry.sequence,
        "recorded_at": rfc3339(entry.recorded_at),
        "operator": entry.operator,
        "form": entry.form,
        "fields": dict(entry.fields),
        "doubt": round(one.doubt.measure, 4),
        "otherwise": [
            {
                "field": other.field,
                "recorded": other.recorded,
                "heard": other.other_value,
                "reader": other.interpreter,
                "confidence": round(other.confidence, 4),
                "utterance_id": other.utterance_id,
            }
            for other in one.doubt.otherwise
        ],
    }


def _entry_table(found: MorningList, limit: int, name: str | None) -> Group:
    """A table with a row for each entry, and below it the readings that differ."""
    table = make_folding_table("doubt", "recorded", "number", "entry", "heard otherwise")
    for one in found.entries[:limit]:
        entry = one.entry
        values = " ".join(f"{field}={as_text(value)}" for field, value in entry.fields.items())
        when = to_zone(entry.recorded_at, None).strftime("%m-%d %H:%M")
        otherwise = "; ".join(_other_readings(one))
        row = (f"{one.doubt.measure:.2f}", when, str(entry.sequence), f"{entry.form} {values}", otherwise)
        table.add_row(*map(Text, row))
    return Group(table, _summary_line(found, limit, name))


def _other_readings(one: _DoubtfulEntry) -> Sequence[str]:
    doubted_fields = one.doubt.otherwise
    return [
        f"{other.field} {as_text(other.other_value)} ({other.interpreter}, {other.confidence:.2f})"
        for other in doubted_fields
    ]


def _summary_line(found: MorningList, limit: int, name: str | None) -> str:
    shown = f"{min(limit, len(found.entries))} of {pluralize(len(found.entries), 'entry', 'entries')}"
    if name is None:
        return f"{shown}; nothing was read again: understand.morning names no model"
    unread = f", {found.unread} not" if found.unread else ""
    return (
        f"{shown}; {pluralize(found.read_again, 'utterance')} read again by {name}{unread}, {found.spent_usd:.4f} USD"
    )
