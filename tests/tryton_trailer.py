"""A trailer that is received into Tryton: what is said of it, what happens meanwhile, and what must be there then."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from edge.agree.dialogue.orders import Prompt
from inventory.connect.steps import PostingState
from tests.tryton import LOT_NEEDED, LOT_NEEDED_LATER, Line, Tryton
from tests.tryton_dock import Device, Dock, Expected, ledger_of
from tests.waiting import until

LONGEST_S = 240.0  # A trailer takes some ten seconds; a busy machine, and waits after kills, much more.

ITEMS = (("A100", "Case of 12", "CS"), ("A200", "Unit", "EA"), (LOT_NEEDED, "Unit", "EA"), ("A200", "Case of 12", "CS"))
SPOKEN = {"CS": "cases", "EA": "pieces"}


def receive(dock: Dock, tryton: Tryton, chance: random.Random, *, pallets: int, cuts: int, kills: int) -> None:
    """All of it; raises where Tryton's books are not those of the scribe."""
    trailer = str(chance.randrange(100_000, 999_999))
    *announced, refused = tryton.announce(
        trailer, [*(_line(chance) for _ in range(pallets)), Line(LOT_NEEDED_LATER, 6, "Unit")]
    )
    before = tryton.moved()
    items = {one.pallet: one.item for one in announced}
    ledger: dict[str, dict[str, Any]] = {}
    with dock.device("dock-1") as (ana, ana_wire), dock.device("dock-2") as (ben, ben_wire):
        dock.connector.start()
        until(lambda: min(ana.expects, ben.expects) > 0, lambda: f"no list came: {dock.connector.log()}", LONGEST_S)
        tryton.needs_lot(LOT_NEEDED_LATER)  # only now: the devices ask for no lot
        try:
            for device, door in ((ana, "12"), (ben, "14")):
                device.says(f"trailer {_spelt(trailer)}, door {_spelt(door)}")
            with _killing(dock, chance, kills):
                at = {pallets * (number + 1) // (cuts + 1) for number in range(cuts)}
                for number, line in enumerate(announced):
                    device, door = ((ana, "12"), (ben, "14"))[number % 2]
                    for wire in (ana_wire, ben_wire) if number in at else ():
                        wire.down()
                    said = _said(line, chance)
                    event = _dictate(device, said)
                    ledger[event] = {**said, "door": door}
                    for wire in (ana_wire, ben_wire) if number - 2 in at else ():
                        wire.up()
                for wire in (ana_wire, ben_wire):
                    wire.up()
                _cancel_last(ben, ledger)
                _correct_last(ana, ledger)
                wrong = _dictate(ben, {"pallet_id": refused.pallet, "quantity": 6, "uom": "EA"})
            _see(dock, ledger, wrong)
            until(lambda: bool(ben.spoken(Prompt.DECLINED)), lambda: f"not told: {dock.connector.log()}", LONGEST_S)
        finally:
            tryton.needs_lot(LOT_NEEDED_LATER, False)
    assert ben.spoken(Prompt.DECLINED) == [f"pallet {_spelt(refused.pallet)} was refused: lot missing."]
    assert ana.spoken(Prompt.DECLINED) == []
    _compare(tryton, before, ledger_of(ledger, items))
    for event in ledger:
        assert len([one for one in tryton.shipments(event) if one.state == "done"]) == 1, event
    (flag,) = [one for one in dock.store.flags.all() if one.event_id == wrong]
    assert (flag.rule, flag.reason.partition(":")[0]) == ("connect:tryton", "lot_missing")
    assert dock.connector.kills == kills


def _line(chance: random.Random) -> Line:
    item, unit, _ = chance.choice(ITEMS)
    return Line(item, chance.randrange(6, 60), unit)


def _said(line: Line, chance: random.Random) -> dict[str, Any]:
    code = next(code for item, unit, code in ITEMS if (item, unit) == (line.item, line.unit))
    said: dict[str, Any] = {"pallet_id": line.pallet, "quantity": int(line.quantity), "uom": code}
    if line.item == LOT_NEEDED:
        said["lot"] = str(chance.randrange(10_000, 99_999))
    return said


def _dictate(device: Device, said: dict[str, Any]) -> str:
    lot = f", lot {_spelt(said['lot'])}" if "lot" in said else ""
    event = device.says(f"pallet {_spelt(said['pallet_id'])}, {said['quantity']} {SPOKEN[said['uom']]}{lot}", "yes")
    assert event, device.heard[-3:]
    return event


def _cancel_last(device: Device, ledger: dict[str, dict[str, Any]]) -> None:
    device.says("cancel", "yes")
    del ledger[_last_of(device, ledger)]


def _correct_last(device: Device, ledger: dict[str, dict[str, Any]]) -> None:
    event = _last_of(device, ledger)
    said = ledger.pop(event)
    said["quantity"] += 1
    count = f"{said['quantity']} {SPOKEN[said['uom']]}"
    after = device.says(f"correction {count}", count, "yes")  # it is not what was announced: he is asked to count again
    assert after, device.heard[-3:]
    ledger[after] = said


def _last_of(device: Device, ledger: dict[str, dict[str, Any]]) -> str:
    return next(row.event_id for row in reversed(device.rows) if row.event_id in ledger)


def _see(dock: Dock, ledger: dict[str, dict[str, Any]], wrong: str) -> None:
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
def _killing(dock: Dock, chance: random.Random, kills: int) -> Iterator[None]:
    """Beside what is done within, the connector is killed so often, at random, and started again."""

    def kill() -> None:
        for _ in range(kills):
            time.sleep(chance.uniform(0.5, 3.0))
            dock.connector.kill()
            dock.connector.start()

    with ThreadPoolExecutor(1) as beside:
        killing = beside.submit(kill)
        try:
            yield
        finally:
            killing.result()


def _spelt(text: str) -> str:
    return " ".join(text)
