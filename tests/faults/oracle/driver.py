"""The process that is killed: the product's own agent, with somebody in front of its microphone who needs no voice.

Everything but the microphone and the recogniser is the product: ear, decision, journal, relay, MQTT.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import count, islice
from pathlib import Path
from typing import Self

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import Unfinished
from dockvoice_protocol.forms.catalogue import Catalogue
from edge.agent.app import Agent
from edge.agent.parts import Parts, load_named_form
from edge.config import Settings
from edge.keep.evidence import Evidence
from edge.keep.journal_thread import JournalThread
from edge.ports import Interpreter
from edge.records import Utterance
from tests.faults.oracle.ledger import Ledger
from tests.faults.oracle.speaker import NumberReader, Speaker


@dataclass(frozen=True)
class Life:
    """What one run of the agent is to do. Travels as JSON on the command line."""

    settings: str
    ledger: str
    first: int  # The number of its first utterance.
    utterances: int | None
    """How many to hand in before it falls silent and waits for receipts; None: until it is stopped."""
    pace_s: float
    settle_s: float  # How long it may wait for receipts when it has fallen silent or was told to stop.

    @classmethod
    def read(cls, line: str) -> Self:
        return cls(**json.loads(line))

    def written(self) -> str:
        return json.dumps(asdict(self))


class WitnessedExecutor(JournalThread):
    """The product's executor, which counts the utterances that it said are safe."""

    begun = 0

    def store_utterance(self, utterance: Utterance) -> Evidence:
        kept = super().store_utterance(utterance)
        self.begun += 1
        return kept


def live(life: Life, reader: Interpreter) -> None:
    """Run the agent, with this recogniser, to the end of a life. Raises Unfinished where something is owed then."""
    settings = load_settings(Settings, Path(life.settings))
    form = load_named_form(settings, settings.forms.active)
    parts = Parts(settings, form, Catalogue.load(settings.catalogue_directory), reader)
    with closing(Ledger(Path(life.ledger))) as ledger, WitnessedExecutor(settings.state, settings.keep) as executor:
        numbers = islice(count(life.first), life.utterances)
        # Who is to say so many says them all; who talks until he is stopped waits where nothing can be delivered.
        unsettled = (
            (lambda: 0)
            if life.utterances is not None
            else (lambda: executor.run(lambda journal: journal.outbox.count_unsettled()))
        )
        speaker = Speaker(numbers, life.pace_s, ledger, lambda: executor.begun, unsettled)
        agent = Agent(parts, executor, lambda _: None, live=True)
        owed = asyncio.run(agent.run_until_stopped(speaker, settle_within_s=life.settle_s))
    if owed:
        raise Unfinished(f"{owed} are still owed")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(message)s")
    live(Life.read(sys.argv[1]), NumberReader())
