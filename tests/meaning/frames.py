"""What a sentence means, before it has any words."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Value = str | int | float | bool
LANGUAGES = ("en", "de", "fr", "es", "it")
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "pallet-move": ("pallet_id", "quantity", "dock"),
    "receive": ("pallet_id", "quantity", "uom"),
    "receive-notice": ("pallet_id", "quantity", "uom"),
    "damage": ("pallet_id", "quantity", "uom", "damage"),
    "load": ("pallet_id", "trailer"),
    "unload": ("pallet_id", "trailer"),
    "gate-in": ("trailer", "sealed"),
    "put-away": ("pallet_id", "location"),
    "cycle-count": ("location", "quantity", "uom"),
    "stock-count": ("item", "quantity", "location"),
    "temperature": ("trailer", "temperature"),
    "close-trailer": ("trailer",),
}
OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "receive": ("item", "damaged", "short", "over", "exception", "trailer", "order", "door"),
    "receive-notice": ("item", "lot", "damaged", "exception", "trailer", "door"),
    "damage": ("action", "item", "trailer"),
    "load": ("door", "exception"),
    "unload": ("door", "exception"),
    "gate-in": ("seal", "door", "exception"),
    "put-away": ("exception",),
    "cycle-count": ("item", "damaged", "recount"),
    "temperature": ("position", "exception", "door"),
}
EXCEPTIONS: Mapping[str, tuple[str, ...]] = {
    "receive": ("wet", "crushed", "wrong item"),
    "receive-notice": ("wet", "crushed", "wrong item"),
    "load": ("damaged", "wet", "crushed"),
    "unload": ("damaged", "wet", "crushed", "wrong item"),
    "gate-in": ("damaged",),
    "put-away": ("damaged", "wet", "wrong item"),
    "temperature": ("quarantine",),
}
"""Only those that go with what is said to be done: what was put away is not refused."""

DOCKS = "BCDFGHBCDFGHAE"
DOORS = 24
ITEMS = {"A100": "CS", "A200": "CS", "B714": "CS", "B715": "CS", "C3050": "CT", "D1200": "BX", "E500": "EA"}
"""As the catalogues of `config/` have them, with the unit that each item comes in: any other value must be asked."""

SAID = ("done", "tele", "justnow", "correction", "total", "sum", "beside", "colleague", "half")
"""What is done, or so: the last five not plainly enough that nobody would ask."""
UNSAID = (
    *("duty", "plan", "wish", "order", "question", "tag", "hearsay", "reported", "condition", "counterfactual"),
    *("memory", "denial", "doubt", "refusal", "other", "example", "withdrawn", "approx", "choice"),
)
"""What is not, or of which a value is not known."""
MOODS = (*SAID, *UNSAID)
_WEIGHTS = {"done": 12, "tele": 10, "justnow": 7, "correction": 14, "withdrawn": 3, "approx": 3}
_COUNTED = {"total", "sum", "approx", "choice"}

Place = Literal["before", "behind", "end", "sentence"]


@dataclass(frozen=True)
class Style:
    """How numbers, letters and pauses come out."""

    numbers: Literal["figures", "words"]
    ids: Literal["figures", "digits", "pairs", "hundreds", "cardinal"]
    letters: Literal["plain", "spelled"]
    punctuation: Literal["full", "light", "none", "lower"]


@dataclass(frozen=True)
class Correction:
    """A wrong value said first, and where the word stands that takes it back."""

    field: str
    old: Value
    place: Place
    labelled: bool


@dataclass(frozen=True)
class Frame:
    """One sentence's meaning: `values` are what is so, if `mood` says that it is."""

    language: str
    form: str
    mood: str
    values: Mapping[str, Value]
    style: Style
    unit: str
    extras: tuple[str, ...] = ()
    correction: Correction | None = None
    parts: tuple[int, int] = (0, 0)
    adds: bool = True
    another: str = "0"
    opening: bool = False
    device: bool = False
    remark: bool = False


class Maker:
    """Makes frames from one chance; the same seed makes the same ones."""

    def __init__(self, rng: random.Random, units: Mapping[str, Sequence[str]]) -> None:
        self._rng = rng
        self._units = units

    def frame(self, language: str) -> Frame:
        """One more."""
        form = self._rng.choice(["pallet-move"] * 5 + [*REQUIRED])  # about a third
        mood = self._mood(form)
        units = ["CS", "BX", "EA"] if form == "stock-count" else [*["CS", "CT", "BX", "EA"] * 4, *self._units]
        unit = self._rng.choice(units)
        extras = self._extras(form, mood)
        values = {name: self._value(form, name) for name in (*REQUIRED[form], *extras)}
        if "uom" in values:
            unit = self._rng.choice(("EA", ITEMS[str(values["item"])])) if "item" in values else unit
            values["uom"] = unit
        if mood == "half":
            values["damaged"] = self._rng.randint(2, 9)
        adds = self._rng.random() < 0.65
        parts = self._parts(mood, values, adds=adds) if mood in _COUNTED or mood == "half" else (0, 0)
        return Frame(
            language, form, mood, values, self._style(mood), unit, extras,
            correction=self._correction(form, values) if mood == "correction" else None,
            parts=parts, adds=adds, another=str(self._rng.randint(1000, 99999)), opening=self._rng.random() < 0.2,
            device=mood in {"done", "tele", "correction"} and self._rng.random() < 0.06,
            remark=self._rng.random() < 0.2,
        )  # fmt: skip

    def _mood(self, form: str) -> str:
        possible = [mood for mood in MOODS if self._possible(form, mood)]
        return self._rng.choices(possible, [_WEIGHTS.get(mood, 2) for mood in possible])[0]

    @staticmethod
    def _possible(form: str, mood: str) -> bool:
        if mood in _COUNTED:
            return "quantity" in REQUIRED[form]
        if mood == "half":
            return "damaged" in OPTIONAL.get(form, ())
        return (form, mood) != ("close-trailer", "other")

    def _extras(self, form: str, mood: str) -> tuple[str, ...]:
        if mood in _COUNTED or mood == "half":
            return ()
        share = 0.5 if mood in SAID else 0.15
        names = [name for name in OPTIONAL.get(form, ()) if self._rng.random() < share / 2]
        numbers = [name for name in names if name in {"damaged", "short", "over"}]
        names = [name for name in names if name not in numbers[1:]]
        return tuple(self._rng.sample(names, min(3, len(names))))

    def _style(self, mood: str) -> Style:
        rng = self._rng
        punctuation = rng.choices(("full", "light", "none", "lower"), (5, 3, 2, 4))[0]
        if mood == "tag" and punctuation in {"none", "lower"}:
            punctuation = "light"  # without its mark, "right" may as well affirm
        numbers = rng.choices(("figures", "words"), (3, 2))[0]
        spoken = ("digits", "digits", "pairs", "hundreds", "cardinal") if numbers == "words" else ("figures",)
        if numbers == "figures" and rng.random() < 0.1:
            spoken = ("digits",)
        return Style(
            numbers=numbers, ids=rng.choice(spoken),  # type: ignore[arg-type]  # the words above are those of Style
            letters="spelled" if rng.random() < 0.2 else "plain", punctuation=punctuation,  # type: ignore[arg-type]
        )  # fmt: skip

    def _parts(self, mood: str, values: dict[str, Value], *, adds: bool) -> tuple[int, int]:
        """The two numbers that are said of the quantity, which is what they come to."""
        quantity, other = int(values["quantity"]), self._rng.randint(2, 12)
        if mood == "choice":
            return quantity, quantity + self._rng.choice((1, 2, 3, 10))
        if mood == "half":
            return quantity + int(values["damaged"]), int(values["damaged"])
        if adds and mood in {"total", "sum"}:
            values["quantity"] = quantity + other
            return quantity, other
        return quantity + other, other

    def _correction(self, form: str, values: Mapping[str, Value]) -> Correction:
        able = ("pallet_id", "quantity", "quantity", "dock", "trailer", "location", "temperature", "item")
        field = self._rng.choice([name for name in able if name in values and name in REQUIRED[form]])
        place = self._rng.choices(("before", "behind", "end", "sentence"), (4, 2, 3, 2))[0]
        return Correction(
            field=field, old=self._another(form, field, values[field]),
            place=place, labelled=self._rng.random() < 0.6,  # type: ignore[arg-type]  # the words above are places
        )  # fmt: skip

    def _another(self, form: str, field: str, value: Value) -> Value:
        """A value that might be taken for it: a figure off, or any other."""
        other, text = self._value(form, field), str(value)
        if field in {"pallet_id", "trailer"}:
            at = self._rng.choice([at for at, sign in enumerate(text) if sign.isdigit()])
            other = text[:at] + str((int(text[at]) + self._rng.randint(1, 9)) % 10) + text[at + 1 :]
        return other if other != value else self._another(form, field, value)

    def _value(self, form: str, field: str) -> Value:
        if field == "location":
            return self._location(form)
        own: Mapping[str, Callable[[], Value]] = {
            "quantity": self._quantity, "temperature": self._temperature,
            "pallet_id": self._pallet, "trailer": self._trailer,
        }  # fmt: skip
        return own[field]() if field in own else self._small(form, field)

    def _small(self, form: str, field: str) -> Value:
        rng = self._rng
        chosen: Mapping[str, Sequence[Value]] = {
            "uom": ("CS",),
            "dock": DOCKS,
            "damage": ("crushed", "wet", "torn", "broken", "leaking", "open"),
            "action": ("accepted", "refused", "quarantine"),
            "exception": EXCEPTIONS.get(form, ("wet",)),
            "position": ("front", "middle", "rear"),
            "sealed": (True, True, False),
            "recount": (True, True, False),
            "door": [str(number) for number in range(1, DOORS + 1)],
            "item": tuple(ITEMS),
            "damaged": range(2, 13), "short": range(2, 13), "over": range(2, 13),
        }  # fmt: skip
        if field in chosen:
            return rng.choice(chosen[field])
        letters, least, most = {"lot": (2, 4, 6), "seal": (2, 4, 7), "order": (0, 5, 8)}[field]
        return self._code(rng.choice((0, letters)), rng.randint(least, most))

    def _code(self, letters: int, digits: int) -> str:
        head = "".join(self._rng.choice("ABCDEFGHJKLMNPRSTVWXZ") for _ in range(letters))
        if head == "NR":  # "Trailer Nr 1896" means its number.
            head = "NS"
        if re.fullmatch("...[JZ]", head):  # A container by ISO 6346, whose seventh digit would be lost.
            head = head[:3] + "S"
        return head + str(self._rng.randint(10 ** (digits - 1), 10**digits - 1))

    def _quantity(self) -> int:
        span = self._rng.choices(((2, 20), (10, 99), (100, 480), (500, 1800)), (5, 5, 3, 1))[0]
        return self._rng.randint(*span)

    def _temperature(self) -> float:
        value = self._rng.choice((self._rng.randint(-28, -12), self._rng.randint(2, 9)))
        return float(value) if self._rng.random() < 0.6 else round(value + self._rng.randint(1, 9) / 10, 1)

    def _pallet(self) -> str:
        digits = self._rng.choice((3, 4, 4, 4, 5, 6))
        first = "0" if digits > 3 and self._rng.random() < 0.06 else str(self._rng.randint(1, 9))
        if digits == 4 and self._rng.random() < 0.06:
            return f"{self._rng.randint(11, 99)}00"
        return first + "".join(str(self._rng.randint(0, 9)) for _ in range(digits - 1))

    def _trailer(self) -> str:
        return self._code(self._rng.choice((0, 1, 2, 2, 4)), self._rng.choice((3, 4, 4, 5, 6)))

    def _location(self, form: str) -> str:
        if form == "stock-count":
            return f"{self._rng.choice('ABCDEF')}{self._rng.randint(1, 12):02d}"
        return f"{self._rng.choice('ABC')}-{self._rng.randint(1, 12):02d}-{self._rng.randint(1, 3):02d}"
