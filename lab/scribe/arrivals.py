"""Generates a trailer's pallets and its notice, which is wrong about some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from dockvoice_protocol.records import ExpectedLine, FieldValue, PlaceKind, ReceivingPlace


class Case(StrEnum):
    """How a pallet deviates from the notice."""

    AS_ANNOUNCED = "as announced"
    DAMAGED = "damaged"  # Some of them; with these it is as many as announced.
    SPOILED = "spoiled"  # As a whole: wet, or crushed.
    SHORT = "short"
    OVER = "over"
    MISCOUNTED = "miscounted"  # At first; counted again, it is as announced.
    UNKNOWN = "unknown"  # On no notice.
    ELSEWHERE = "elsewhere"  # On that of another trailer.
    RECEIVED = "received"  # Already received by another device: dictating it is a mistake.
    SAID_TWICE = "said twice"  # A pallet already dictated, repeated by mistake.


EXCEPTIONS = {
    Case.DAMAGED: 6,
    Case.SPOILED: 3,
    Case.SHORT: 5,
    Case.OVER: 4,
    Case.MISCOUNTED: 4,
    Case.UNKNOWN: 3,
    Case.ELSEWHERE: 2,
    Case.RECEIVED: 1,
    Case.SAID_TWICE: 2,
}
"""Frequency of each case, in % of all pallets. Estimates; rare cases are over-represented so that they occur at all."""

USUAL = sum(EXCEPTIONS.values()) / 100

MISTAKES = frozenset({Case.RECEIVED, Case.SAID_TWICE})  # Cases in which nothing should be recorded.

_UNITS = {"CS": 80, "EA": 20}  # Share of each unit, in %.

_ALIKE = 0.3  # Share of pallets announced with the same item and count as the one before.

_MOVED = 0.15  # Share of trailers of which some pallets go to another door.

_LOT_NEEDED = 0.15  # Share of pallets whose notice demands the lot.


@dataclass(frozen=True)
class Pallet:
    """One pallet as the operator finds it."""

    pallet: str
    quantity: int
    uom: str
    trailer: str
    door: str
    case: Case = Case.AS_ANNOUNCED
    announced: int | None = None  # Announced count; None if the pallet is not announced.
    first_count: int | None = None  # The operator's first count, where it is wrong.
    lot: str | None = None
    damaged: int | None = None
    exception: str | None = None

    def fields(self) -> dict[str, FieldValue]:
        """The fields that a right entry of the pallet has."""
        every: dict[str, FieldValue | None] = {
            "pallet_id": self.pallet,
            "quantity": self.quantity,
            "uom": self.uom,
            "lot": self.lot,
            "damaged": self.damaged,
            "exception": self.exception,
            "trailer": self.trailer,
            "door": self.door,
        }
        return {name: value for name, value in every.items() if value is not None}


@dataclass(frozen=True)
class Arrival:
    """A trailer at a door."""

    pallets: Sequence[Pallet]
    announced: Mapping[ReceivingPlace, Sequence[ExpectedLine]] = field(repr=False)


def generate_arrival(pallets: int, random: Random, exceptions: float = USUAL) -> Arrival:
    """Generate a trailer and the day's notices; `exceptions` is the share of pallets not as announced."""
    here, there = (str(number) for number in random.sample(range(1000, 9999), 2))
    door, other = (str(number) for number in random.sample(range(1, 25), 2))
    moves = random.randrange(1, pallets) if pallets > 1 and random.random() < _MOVED else pallets
    first = random.randrange(100, 9000)
    numbers = random.sample(range(first, first + 5 * pallets), pallets)
    found: list[Pallet] = []
    for at, number in enumerate(numbers):
        case, door = _draw_case(random, exceptions), door if at < moves else other
        if case is Case.SAID_TWICE and not (again := [one for one in found if one.case not in MISTAKES]):
            case = Case.AS_ANNOUNCED
        elif case is Case.SAID_TWICE:
            one = random.choice(again)
            found.append(Pallet(one.pallet, one.quantity, one.uom, here, door, case, one.announced, None, one.lot))
            continue
        like = found[-1] if found and found[-1].announced is not None and random.random() < _ALIKE else None
        found.append(_generate_pallet(str(number), here, door, case, random, like))
    announced: dict[ReceivingPlace, list[ExpectedLine]] = {}
    for one in found:
        if one.announced is not None and one.case is not Case.SAID_TWICE:
            trailer = there if one.case is Case.ELSEWHERE else here
            line = ExpectedLine(f"N{trailer}", one.pallet, "A100", one.announced, one.uom, one.lot is not None)
            announced.setdefault(ReceivingPlace(PlaceKind.TRAILER, trailer), []).append(line)
    return Arrival(found, announced)


def _draw_case(random: Random, exceptions: float) -> Case:
    if random.random() >= exceptions:
        return Case.AS_ANNOUNCED
    return random.choices(list(EXCEPTIONS), list(EXCEPTIONS.values()))[0]


def _generate_pallet(number: str, trailer: str, door: str, case: Case, random: Random, like: Pallet | None) -> Pallet:
    (uom,) = random.choices(list(_UNITS), list(_UNITS.values()))
    announced = random.choice((*range(6, 61), 72, 96, 120, 144) if uom == "CS" else (*range(20, 100), 120, 240, 360))
    if like is not None and like.announced is not None:
        uom, announced = like.uom, like.announced
    quantity, first, damaged, exception = announced, None, None, None
    match case:
        case Case.DAMAGED:
            damaged = random.randint(1, 4)
            quantity = announced - damaged
        case Case.SPOILED:
            exception = random.choice(("wet", "crushed"))
        case Case.SHORT:
            quantity = announced - random.randint(1, 5)
        case Case.OVER:
            quantity = announced + random.randint(1, 5)
        case Case.MISCOUNTED:
            first = announced + random.choice((-2, -1, 1, 2))
        case _:
            pass
    known = announced if case is not Case.UNKNOWN else None
    lot = str(random.randrange(10000, 99999)) if known and random.random() < _LOT_NEEDED else None
    return Pallet(number, quantity, uom, trailer, door, case, known, first, lot, damaged, exception)
