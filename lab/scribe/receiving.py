"""Receiving against a notice: a trailer that was announced, dictated to the device, beside what the inventory has then.

The lists are the inventory's own, and what the device records goes through the inventory's judgement into its tables;
between the two stands no broker. What the operator meant is compared with the tables.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from edge.agree.decide import Rules
from edge.agree.dialogue.questions import Question
from edge.agree.expectations import Expectations
from edge.config import shipped
from edge.deliver.events import RECORDED, Topics
from edge.records import FieldValue, Reason, Receipt, ReceiptOutcome
from inventory.forms import load_forms
from inventory.judge import Sound, judge
from inventory.records import Applied, Event
from inventory.store import Store
from lab.scribe import wording
from lab.scribe.arrivals import MISTAKES, USUAL, Arrival, Case, Pallet, arrival
from lab.scribe.operator import DEVICE, PALLETS, SITE, Ledger, Operator, Utter
from lab.scribe.shift import Typing

FORM = "receive-notice"

SAID = {"whole": 80, "mended": 7, "misread": 5, "in parts": 8}
"""How a pallet is dictated, in percent: estimates, as those of `lab.scribe.shift`."""

BETWEEN = {
    "nothing": 80, "talk": 8, "talk of pallets": 3, "power cut": 2, "pause": 2, "broker gone": 2, "broker back": 3,
}  # fmt: skip
"""What happens between two pallets."""

NOTHING = Pallet("", 0, "CS", "", "")
"""What stands before him before the first."""

TOPICS = Topics("dockvoice", SITE, DEVICE)
OWED = 100
"""Events that are sent at once: more than a trailer makes between two pallets."""


class Receiving(Operator[Pallet]):
    """One trailer received, and an inventory of its own."""

    unasked = frozenset({"part", "talk of pallets"})

    def __init__(
        self, rules: Rules, directory: Path, random: Random, mouth: Utter | None = None, exceptions: float = USUAL
    ) -> None:
        """`directory` is for journal and inventory; `exceptions` is the share of pallets not as announced."""
        super().__init__(rules, directory / "device", random, mouth or Typing())
        self._exceptions = exceptions
        self._forms = load_forms(shipped("schemas") / "forms")
        self._store = Store.open(f"sqlite:///{directory / 'inventory.db'}")
        self._online = True
        self.arrival = Arrival((), {})
        self._load = NOTHING
        """The pallet before him."""
        self._counted = 0
        """How many he said that there are."""

    # -- in which words

    def sentence(self, load: Pallet) -> str:
        """The whole of it."""
        where = ", ".join(wording.said(name, load, self._random) for name in ("trailer", "door"))
        return f"{wording.received(load, self._random)}, {where}"

    def mention(self, name: str, load: Pallet) -> str:
        """One field of it."""
        return wording.said(name, load, self._random)

    def bare(self, name: str, load: Pallet) -> str:
        """The value of a field alone."""
        return wording.said_bare(name, load, self._random)

    def chat(self, load: Pallet) -> str:
        """Something to a colleague."""
        return self._random.choice(wording.TALK)

    def is_to_be_asked(self, asked: Question) -> bool:
        """Whether who has the list in his hand would ask this, too."""
        load = self._load
        match asked.why:
            case Reason.COUNT_DIFFERS:
                return load.announced != self._counted + (load.damaged or 0)
            case Reason.NOT_EXPECTED:
                return load.case is Case.UNKNOWN
            case Reason.EXPECTED_ELSEWHERE:
                return load.case is Case.ELSEWHERE
            case Reason.ALREADY_RECEIVED | Reason.DOUBLE_COUNT:
                return load.case in MISTAKES
            case _:
                return False

    # -- the operator's day

    def unload(self, pallets: int = PALLETS) -> Ledger:
        """All of it. What the inventory has afterwards is held against what was meant."""
        self.arrival = arrival(pallets, self._random, self._exceptions)
        self._store.expect(SITE, self.arrival.announced)
        self._received_elsewhere()
        self._publish()
        self._heard(self._talk.start())
        meant: list[Pallet] = []
        whole: set[str] = set()
        for load in self.arrival.pallets:
            if load.case in MISTAKES:
                self._mistake(load)
            else:
                meant.append(load)
                self._before.append(load.fields())
                self.ledger.meant += 1
                if self._dictate(load):
                    whole.add(load.pallet)
            self._between(load)
            self._deliver()
        self._wait_out()
        self._online = True
        self._deliver()
        self.close_books(meant, whole)
        self._store.close()
        self._journal.close()
        return self.ledger

    def _dictate(self, load: Pallet) -> bool:
        """One pallet, until it is held right, on record, put aside or given up. Whether he thinks it is taken."""
        self._stand_before(load)
        slip = replace(load, quantity=load.quantity + self._random.choice((1, 2, 10)))
        match "misread" if load.first_count is not None else self._one_of(SAID):
            case "whole":
                self._say(self.sentence(load), "plain")
            case "mended":
                self._say(self._mended(slip, load), "mended")
            case "misread":
                self._counted = slip.quantity if load.first_count is None else load.first_count
                self._say(self.sentence(replace(load, quantity=self._counted)), "plain")
                self._counted = load.quantity
            case _:
                # The label first, the rest when it is counted.
                for name in ("pallet_id", "quantity", "lot", "damaged", "exception", "trailer", "door"):
                    if name in load.fields():
                        self._say(self.mention(name, load), "part")
        return self._agree(load)

    def _stand_before(self, load: Pallet) -> None:
        self._turn_to(load)
        self._load, self._counted = load, load.quantity

    def _mended(self, slip: Pallet, load: Pallet) -> str:
        cue = self._random.choice(("no", "sorry", "no wait", "I mean", "no sorry"))
        rest = [name for name in ("lot", "damaged", "exception", "trailer", "door") if name in load.fields()]
        said = [self.mention("pallet_id", load), self.mention("quantity", slip), cue, self.mention("quantity", load)]
        return ", ".join([*said, *(self.mention(name, load) for name in rest)])

    def _mistake(self, load: Pallet) -> None:
        """He says what is on record already; asked about it, he notices."""
        self._wait_out()
        self._stand_before(load)
        self._say(self.sentence(load), "mistake")
        if self._question() is not None:
            self._say("cancel", "command")
        self._wait_out()

    def _between(self, load: Pallet) -> None:
        """What happens between two pallets."""
        match self._one_of(BETWEEN):
            case "talk":
                self._wait_out()
                self._say(self.chat(load), "talk")
                self._settle(load)
            case "talk of pallets":
                self._wait_out()
                self._say(wording.talk_of_pallets(load, self._random), "talk of pallets")
                self._wait_out()
            case "power cut":
                self._restart()
                if load.case not in MISTAKES:
                    self._agree(load)
            case "pause":
                self._wait_out()
                self._say("pause", "command")
                self._say("resume", "command")
            case "broker gone":
                self._online = False
            case "broker back":
                self._online = True
            case _:
                pass

    # -- the inventory

    def _publish(self) -> None:
        """The device gets the lists as the inventory has them."""
        self._store.expect_received({FORM: "pallet_id"})
        kept = self._store.expected()
        self._expected = Expectations(one.expected for one in kept)

    def _deliver(self) -> None:
        """What is owed goes to the inventory, while there is a broker, and its answers come back."""
        if not self._online:
            return
        rows = self._journal.outbox.due(OWED)
        for row in rows:
            judged = judge(row.body.encode(), TOPICS.entries, TOPICS.prefix, self._forms)
            applied = isinstance(judged, Sound) and isinstance(self._store.apply(judged.event), Applied)
            self.said += [] if applied else [f"    the inventory: {judged}"]
            outcome = ReceiptOutcome.APPLIED if applied else ReceiptOutcome.REFUSED
            self._heard(self._talk.answer(Receipt(row.event_id, outcome, handled=row.sequence)))
        if rows:
            self._publish()

    def _received_elsewhere(self) -> None:
        """Some were received by another device before."""
        taken = [one for one in self.arrival.pallets if one.case is Case.RECEIVED]
        for number, load in enumerate(taken, 1):
            name, now = str(uuid.uuid4()), datetime.now(UTC)
            body = json.dumps({"id": name}).encode()
            fields = load.fields()
            self._store.apply(Event(name, SITE, "dock-2", number, RECORDED, FORM, name, now, None, body, fields))

    # -- the scribe

    def recorded(self) -> Sequence[Mapping[str, FieldValue]]:
        """What the inventory has of this device's."""
        rows = self._store.rows()
        return [dict(row.fields) for row in rows if row.state == "current" and row.device == DEVICE]

    def _stands(self, load: Pallet) -> bool:
        return load.fields() in super().recorded()
