"""The agent at the other end of a cable, told by lines on its standard input when to go on.

    python -m tests.faults.dictating SETTINGS FIRST… -- REST…

It hears the first recordings, writes `first`, waits for a line, hears the rest, writes `rest`, waits for a line, and
ends when nothing is deferred any more. The device's own readings are made up: how well it hears is no matter here, and
a recogniser would work for a minute on the sound of ten.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.records import FieldValue, Reading
from edge.agent.app import Agent
from edge.agent.parts import Parts, load_named_form, make_rules
from edge.config import Settings
from edge.hear.recording import RecordedSource
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.understand.factory import InterpreterArguments, make_panel
from edge.understand.remote.client import Clients
from tests.fakes import ScriptedInterpreter, reading
from tests.waiting import PATIENCE_S

EACH = 5  # Of so many readings of the device, one lacks a field, for which a model must be asked.


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.faults.dictating", description=__doc__)
    parser.add_argument("settings", type=Path)
    parser.add_argument("recordings", nargs=argparse.REMAINDER, metavar="FIRST... -- REST...")
    given = parser.parse_args()
    if "--" not in given.recordings:
        parser.error("found no --; allowed are recordings, --, and the rest of them")
    settings, recordings = load_settings(Settings, given.settings), given.recordings
    middle = recordings.index("--")

    def sources() -> Iterator[RecordedSource]:
        for name, part in (("first", recordings[:middle]), ("rest", recordings[middle + 1 :])):
            yield from (RecordedSource(Path(path)) for path in part)
            print(name, flush=True)
            sys.stdin.readline()
        _wait_until_nothing_is_deferred(settings.state)

    with JournalThread(settings.state) as executor:
        agent = Agent(parts(settings, 2 * len(recordings)), executor, lambda _: None, live=False)
        asyncio.run(agent.run(sources(), settle_within_s=0))


def parts(settings: Settings, utterances: int) -> Parts:
    """The agent's parts, with a device that reads what is made up for so many utterances."""
    form, catalogue = load_named_form(settings, settings.forms.active), Catalogue.load(settings.catalogue_directory)
    device, clients = ScriptedInterpreter(*map(_made_up, range(utterances))), Clients(settings.understand.clients)
    sure_from = make_rules(settings, form, catalogue).site_policy.minimum
    asked = make_panel(InterpreterArguments(settings, form, catalogue, clients), device, sure_from)
    return Parts(settings, form, catalogue, asked, asked, clients)


def _made_up(number: int) -> Reading:
    dock: dict[str, FieldValue] = {"dock": "A"} if number % EACH else {}
    return reading({"pallet_id": f"{number:04d}", "quantity": 12, **dock})


def _wait_until_nothing_is_deferred(state: Path) -> None:
    deadline = time.monotonic() + 2 * PATIENCE_S
    while time.monotonic() < deadline:
        with Journal.inspect(state) as journal:
            if not journal.readings.deferred_utterances():
                return
        time.sleep(0.2)


if __name__ == "__main__":
    main()
