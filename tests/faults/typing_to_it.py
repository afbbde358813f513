"""An agent that is typed to: each line of its standard input is a sentence, and is told when it is on disk.

A line that begins with ] is what a scanner sent.

    python -m tests.faults.typing_to_it SETTINGS

At the end of its input it concludes what it was given, and ends. Nobody speaks, and there is no broker.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.forms.catalogue import Catalogue
from edge.agent.app import Agent
from edge.agent.parts import Parts, load_named_form
from edge.config import Settings
from edge.keep.journal_thread import JournalThread
from edge.ports import Source
from edge.records import Frame
from tests.fakes import ScriptedInterpreter


class Nobody(Source):
    """Says nothing, for as long as there is something to be typed."""

    name = "sha256:0"
    live = False

    def __init__(self) -> None:
        self.leaves = Event()

    def frames(self) -> Iterator[Frame]:
        self.leaves.wait()
        return iter(())


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.faults.typing_to_it", description=__doc__)
    parser.add_argument("settings", type=Path)
    settings = load_settings(Settings, parser.parse_args().settings)
    form = load_named_form(settings, settings.forms.active)
    parts = Parts(settings, form, Catalogue.load(settings.catalogue_directory), ScriptedInterpreter())
    with JournalThread(settings.state) as executor:
        asyncio.run(_type(Agent(parts, executor, lambda _: None, live=False)))


async def _type(agent: Agent) -> None:
    nobody = Nobody()
    async with asyncio.TaskGroup() as group:
        first = await asyncio.to_thread(sys.stdin.readline)
        running = group.create_task(agent.run([nobody], settle_within_s=0))
        line = first
        while line:
            await (
                agent.process_scan(line, "Tester 1900") if line.startswith("]") else agent.process_text(line.strip())
            )
            print("kept", flush=True)
            line = await asyncio.to_thread(sys.stdin.readline)
        nobody.leaves.set()
        await running


if __name__ == "__main__":
    main()
