"""A trailer that is received into Tryton: what is said of it, what happens meanwhile, and what must be there then."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from dockvoice_protocol.records import FieldValue
from edge.agree.dialogue.questions import Topic
from edge.agree.dialogue.table import State
from edge.records.speech import Prompt
from inventory.records import PostingState
from lab.scribe.arrivals import Pallet
from lab.scribe.wording import spell_digits
from tests.erp.tryton import LOT_NEEDED, LOT_NEEDED_LATER, Line, Tryton
from tests.erp.tryton_dock import UNITS, Dock, Expected, ledger_of
from tests.sound.hearing_device import Device
from tests.waiting import until

LONGEST_S = 240.0  # What takes seconds; a busy machine, and waits after kills, take much more.

ITEMS = (("A100", "Case of 12"), ("A200", "Unit"), (LOT_NEEDED, "Unit"), ("A200", "Case of 12"))
CODES = {unit: code for code, unit in UNITS.items()}

PACES = (1.0, 1.3)
"""So much slower than a voice of flite he speaks, each time anew: what was not understood is not said as before."""

MOST_LINES = 12  # About one pallet, his answers among them: then he gives up.

ON_PAPER = 0.1
"""Of the pallets of a trailer, at most: of some numbers no saying of a made voice is understood. With more of them it
would hardly be a trailer that was said; what was not understood and is there all the same fails anyway."""


def receive(dock: Dock, tryton: Tryton, chance: random.Random, *, pallets: int, cuts: int, kills: int) -> None:
    """All of it; raises where Tryton's books are not those of the scribe."""
    trailer = str(chance.randrange(100_000, 999_999))
    *announced, refused = tryton.announce(
        trailer, [*(_line(chance) for _ in range(pallets)), Line(LOT_NEEDED_LATER, 6, "Unit")]
    )
    before = tryton.moved()
    items = {one.pallet: one.item for one in announced}
    with dock.device("dock-1") as (first, first_wire), dock.device("dock-2") as (second, second_wire):
        dock.connector.start()
        until(
            lambda: min(first.expects, second.expects) > 0, lambda: f"no list came: {dock.connector.log()}", LONGEST_S
        )
        ana, ben = (Receiver(*one, chance.random()) for one in ((first, "rms"), (second, "slt")))
        with _killing(dock, chance, kills, apart_s=pallets), ThreadPoolExecutor(1) as beside:
            share = len(announced) // 2
            at = {share * (number + 1) // (cuts + 1) for number in range(cuts)}
            others = beside.submit(_unload, ben, trailer, "14", announced[share:])
            ana.stands_at(trailer, "12")
            for number, line in enumerate(announced[:share]):
                for wire in (first_wire, second_wire) if number in at else ():
                    wire.down()
                ana.receives(line)
                for wire in (first_wire, second_wire) if number - 1 in at else ():
                    wire.up()
            others.result()
            for wire in (first_wire, second_wire):
                wire.up()
        ben.cancels_the_last()
        ana.has_miscounted_the_last()
        second_wire.down()
        wrong = ben.receives(refused)
        assert wrong, second.stands
        tryton.needs_lot(LOT_NEEDED_LATER)  # only now: the device would ask for one
        try:
            second_wire.up()
            ledger = ana.ledger | ben.ledger
            del ledger[wrong]
            _see(dock, ledger, wrong)
            until(lambda: bool(second.spoken(Prompt.DECLINED)), lambda: f"not told: {dock.connector.log()}", LONGEST_S)
        finally:
            tryton.needs_lot(LOT_NEEDED_LATER, False)
    assert second.spoken(Prompt.DECLINED) == [f"pallet {' '.join(refused.pallet)} was refused: lot missing."]
    assert first.spoken(Prompt.DECLINED) == []
    _compare(tryton, before, ledger_of(ledger.values(), items))
    for event in ledger:
        assert len([one for one in tryton.shipments(event) if one.state == "done"]) == 1, event
    (flag,) = [one for one in dock.store.flags.all() if one.event_id == wrong]
    assert (flag.rule, flag.reason.partition(":")[0]) == ("connect:tryton", "lot_missing")
    assert dock.connector.kills == kills
    on_paper = len(ana.on_paper + ben.on_paper)
    print(f"{len(ledger)} of {pallets} pallets in Tryton, one cancelled, one refused; not understood: {on_paper}")
    assert on_paper <= pallets * ON_PAPER


def _unload(one: Receiver, trailer: str, door: str, pallets: Sequence[Line]) -> None:
    one.stands_at(trailer, door)
    for line in pallets:
        one.receives(line)


def _line(chance: random.Random) -> Line:
    item, unit = chance.choice(ITEMS)
    return Line(item, chance.randrange(6, 60), unit)


class Receiver:
    """Who receives: he says what is before him, and answers what is asked, until it is on record. His own scribe."""

    def __init__(self, device: Device, voice: str, seed: float) -> None:
        """`voice` is one of flite's."""
        self.ledger: dict[str, Pallet] = {}  # What he meant, by the event that came of it.
        self.on_paper: list[Pallet] = []
        """What was not understood however often he said it: he took it back, and it is not to be on record."""
        self._device = device
        self._voice = voice
        self._chance = random.Random(seed)
        self._at = Pallet("", 0, "CS", "", "")

    def stands_at(self, trailer: str, door: str) -> None:
        at = self._at = replace(self._at, trailer=trailer, door=door)
        said = {"trailer": trailer, "door": door}
        assert self._converse(at, ("trailer", "door"), over=lambda: self._device.read_back == said)

    def receives(self, line: Line) -> str:
        """The event that came of it; none where he gave up."""
        lot = str(self._chance.randrange(10_000, 99_999)) if line.item == LOT_NEEDED else None
        load = replace(self._at, pallet=line.pallet, quantity=int(line.quantity), uom=CODES[line.unit], lot=lot)
        self._device.read_back = {}
        if self._converse(load, ("pallet_id", "quantity", *(("lot",) if lot else ()))):
            return self._recorded(load)
        self.on_paper.append(load)
        for _ in range(MOST_LINES):
            if self._device.stands.draft is None:
                return ""
            self._say("cancel")
        raise AssertionError(f"not taken back: {self._device.stands}")

    def has_miscounted_the_last(self) -> None:
        """It is not what was announced: he is asked to count again."""
        _, last = self.ledger.popitem()
        load = replace(last, quantity=last.quantity + 1)
        self._device.read_back = {}
        assert self._converse(load, ("quantity",), cue="correction, "), self._device.stands
        self._recorded(load)

    def cancels_the_last(self) -> None:
        _, last = self.ledger.popitem()
        assert self._converse(last, (), cue="cancel"), self._device.stands

    def _recorded(self, load: Pallet) -> str:
        event = self._device.rows[-1].event_id
        self.ledger[event] = load
        return event

    def _converse(
        self, load: Pallet, names: Sequence[str], cue: str = "", over: Callable[[], bool] = lambda: False
    ) -> bool:
        """He says these fields of it, and answers, until an event comes of it, or it is `over`; whether it was."""
        owed = len(self._device.rows)
        for _ in range(MOST_LINES):
            self._say(self._answer(load) or cue + ", ".join(self._words(name, load) for name in names))
            if over() or len(self._device.rows) > owed:
                return True
        return False

    def _say(self, line: str) -> None:
        self._device.says(line, self._voice, self._chance.uniform(*PACES))

    def _answer(self, load: Pallet) -> str:
        """What he says to what he heard; nothing where he was not understood at all, and begins again."""
        asked, meant = self._device.stands.question, load.fields()
        if asked is None:
            held = self._device.stands.state is State.HELD and self._device.read_back
            return self._agree(self._device.read_back, load) if held else ""
        field = str(asked.field)
        match asked.about:
            case Topic.FIELD | Topic.CHOICE:
                return self._words(field, load) if meant.get(field) else "cancel"
            case Topic.FIELD_RIGHT:
                return self._agree({field: asked.candidates[0]}, load)
            case Topic.ENTRY_RIGHT:
                return self._agree(asked.fields, load)
            case _:
                return self._yes() if asked.about is Topic.CANCEL else "no"

    def _agree(self, heard: Mapping[str, FieldValue], load: Pallet) -> str:
        wrong = [name for name, value in load.fields().items() if heard.get(name, value) != value]
        return f"no, {self._words(wrong[0], load)}" if wrong else self._yes()

    def _yes(self) -> str:
        return self._chance.choice(("yes", "correct", "yes, correct"))

    def _words(self, field: str, load: Pallet) -> str:
        unit = {"CS": "cases", "EA": "pieces"}[load.uom]
        return {
            "pallet_id": f"pallet {self._spelt(load.pallet)}",
            "quantity": f"{load.quantity} {unit}",
            "uom": unit,
            "lot": f"lot {self._spelt(load.lot or '')}",
            "trailer": f"trailer {self._spelt(load.trailer)}",
            "door": f"door {load.door}",
        }[field]

    def _spelt(self, digits: str) -> str:
        """Now in one breath, now each by itself."""
        return self._chance.choice((" ", ", ")).join(spell_digits(digits).split())


def _see(dock: Dock, ledger: Mapping[str, object], wrong: str) -> None:
    """Wait until all that was said is posted, what was taken back is, and what could not be is declined."""

    def states() -> dict[str, str]:
        with dock.store.transaction() as transaction:
            rows = transaction.exec_driver_sql("SELECT event_id, state FROM dockvoice_postings").all()
        return {row[0]: row[1] for row in rows}

    def over() -> bool:
        found = states()
        due = PostingState.DUE.value in found.values()
        return ledger.keys() | {wrong} <= found.keys() and not due and found[wrong] == PostingState.DECLINED.value

    until(over, lambda: f"{states()}\n{dock.connector.log()}", LONGEST_S)


def _compare(tryton: Tryton, before: Expected, ledger: Expected) -> None:
    after = tryton.moved()
    after.subtract(before)
    assert {key: number for key, number in after.items() if number} == dict(ledger)


@contextmanager
def _killing(dock: Dock, chance: random.Random, kills: int, apart_s: float) -> Iterator[None]:
    """Beside what is done within, the connector is killed so often, at random, and started again."""

    def kill() -> None:
        for _ in range(kills):
            time.sleep(chance.uniform(0.5, apart_s))
            dock.connector.kill()
            dock.connector.start()

    with ThreadPoolExecutor(1) as beside:
        killing = beside.submit(kill)
        try:
            yield
        finally:
            killing.result()
