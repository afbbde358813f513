"""Things on a dock: what each is known by, what is true of it, and how it is said, in parts."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.docklife.speech import Speech

Value = str | int | float | bool

_SLOTS = (Path(__file__).parents[2] / "config/catalogue/slots.csv").read_text(encoding="utf-8")
SLOTS = {row["value"]: row["check"] for row in csv.DictReader(_SLOTS.splitlines())}
ITEMS = ("A100", "A200", "B714", "B715")
PLACES = tuple(f"{row}{number:02}" for row in "AB" for number in (1, 2, 3, 4))
POSITIONS = ("front", "middle", "rear")


@dataclass(slots=True)
class Thing:
    """One thing, and what is true of it."""

    form: str
    key: dict[str, Value]  # What it is known by, as it stands on record.
    values: dict[str, Value]  # All else that is said of it.
    name: str  # How it is named.
    parts: list[str] = field(default_factory=list)  # How its values are said, each by itself.
    answers: dict[str, str] = field(default_factory=dict)  # By field, what is said to the question for it.

    @property
    def whole(self) -> str:
        """All of it in one sentence."""
        return ", ".join((self.name, *self.parts))

    @property
    def spoken_key(self) -> str:
        """The characters of its name, without what separates them."""
        return "".join(one for value in self.key.values() for one in str(value) if one.isalnum())


def _number(random: Random, used: set[str], lengths: tuple[int, ...] = (3, 4, 5)) -> str:
    while True:
        made = str(random.randint(1, 9)) + "".join(str(random.randint(0, 9)) for _ in range(random.choice(lengths) - 1))
        if made not in used:
            used.add(made)
            return made


@dataclass(slots=True)
class Dock:
    """Makes the things of one life: no two are known by the same."""

    form: str
    speech: Speech
    random: Random
    used: set[str] = field(default_factory=set)

    def thing(self) -> Thing:
        """The next thing."""
        made: Thing = getattr(self, "_" + self.form.replace("-", "_"))()
        return made

    def _pallet(self, values: dict[str, Value], parts: dict[str, str]) -> Thing:
        number = _number(self.random, self.used)
        name = f"{self.speech['pallet']} {self.speech.digits(number)}"
        answers = {"pallet_id": self.speech.digits(number), **parts}
        return Thing(self.form, {"pallet_id": number}, values, name, list(parts.values()), answers)

    def _counted(self, unit: str, code: str | None) -> tuple[dict[str, Value], dict[str, str]]:
        quantity = self.random.randint(2, 60)
        values: dict[str, Value] = {"quantity": quantity}
        if code is not None:
            values["uom"] = code
        return values, {"quantity": f"{self.speech.count(quantity)} {self.speech[unit]}"}

    def _received(self) -> Thing:
        unit, code = self.random.choice((("cases", "CS"), ("pieces", "EA")))
        values, parts = self._counted(unit, code)
        if self.random.random() < 0.25:
            values["damaged"] = self.random.randint(1, 3)
            parts["damaged"] = f"{self.speech.count(int(values['damaged']))} {self.speech['damaged']}"
        elif self.random.random() < 0.2:
            values["exception"] = self.random.choice(("wet", "crushed", "refused"))
            parts["exception"] = self.speech[str(values["exception"])]
        return self._pallet(values, parts)

    def _receive(self) -> Thing:
        return self._received()

    def _receive_notice(self) -> Thing:
        return self._received()

    def _damage(self) -> Thing:
        values, parts = self._counted("cases", "CS")
        values["damage"] = self.random.choice(("crushed", "wet"))
        parts["damage"] = self.speech[str(values["damage"])]
        return self._pallet(values, parts)

    def _loaded(self) -> Thing:
        values: dict[str, Value] = {"exception": "wet"} if self.random.random() < 0.2 else {}
        return self._pallet(values, {"exception": self.speech["wet"]} if values else {})

    def _load(self) -> Thing:
        return self._loaded()

    def _unload(self) -> Thing:
        return self._loaded()

    def _pallet_move(self) -> Thing:
        values, parts = self._counted("units", None)
        values["dock"] = self.random.choice("ABCDEF")
        parts["dock"] = f"{self.speech['dock']} {values['dock']}"
        return self._pallet(values, parts)

    def _slot(self, kind: str) -> tuple[str, str, str]:
        free = [slot for slot in SLOTS if kind + slot not in self.used]
        slot = self.random.choice(free)
        self.used.add(kind + slot)
        return slot, f"{self.speech['location']} {self.speech.digits(slot)}", self.speech.digits(SLOTS[slot])

    def _put_away(self) -> Thing:
        slot, said, check = self._slot("")
        made = self._pallet({"location": slot}, {"location": f"{said} {self.speech['check']} {check}"})
        made.answers["check"] = check
        return made

    def _gate_in(self) -> Thing:
        number = _number(self.random, self.used, (4, 5))
        values: dict[str, Value] = {"sealed": self.random.random() < 0.7}
        parts = {"sealed": self.speech["sealed" if values["sealed"] else "open"]}
        if values["sealed"]:
            values["seal"] = _number(self.random, self.used, (6,))
            parts = {"seal": f"{self.speech['seal']} {self.speech.digits(str(values['seal']))}", **parts}
        name = f"{self.speech['trailer']} {self.speech.digits(number)}"
        answers = {"trailer": self.speech.digits(number), **parts}
        return Thing(self.form, {"trailer": number}, values, name, list(parts.values()), answers)

    def _temperature(self) -> Thing:
        number, position = _number(self.random, self.used, (4,)), self.random.choice(POSITIONS)
        degrees = self.random.choice((-1, 1)) * self.random.randint(2, 25) + self.random.choice((0, 0.5))
        name = f"{self.speech['trailer']} {self.speech.digits(number)}"
        parts = {"position": self.speech[position], "temperature": self.speech.degrees(degrees)}
        key: dict[str, Value] = {"trailer": number, "position": position}
        answers = {"trailer": self.speech.digits(number), **parts}
        return Thing(self.form, key, {"temperature": float(degrees)}, name, list(parts.values()), answers)

    def _cycle_count(self) -> Thing:
        slot, said, check = self._slot("")
        values, parts = self._counted("cases", "CS")
        answers = {"location": self.speech.digits(slot), "check": check, **parts}
        name = f"{said} {self.speech['check']} {check}"
        return Thing(self.form, {"location": slot}, values, name, list(parts.values()), answers)

    def _stock_count(self) -> Thing:
        while True:
            item, place = self.random.choice(ITEMS), self.random.choice(PLACES)
            if item + place not in self.used:
                break
        self.used.add(item + place)
        values, parts = self._counted("pieces", None)
        parts["location"] = f"{self.speech['location']} {self.speech.digits(place)}"
        key: dict[str, Value] = {"item": item, "location": place}
        name = f"{self.speech['item']} {self.speech.digits(item)}"
        answers = {"item": self.speech.digits(item), **parts}
        return Thing(self.form, key, values, name, list(parts.values()), answers)
