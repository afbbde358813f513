"""Lives: what is said and done on a dock, line by line, each line with what it says of which thing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from tests.docklife.device import Device, Json
from tests.docklife.things import Thing, Value

FORMS = (
    *("receive", "receive-notice", "load", "unload", "pallet-move", "put-away", "damage", "gate-in", "temperature"),
    *("cycle-count", "stock-count"),
)

OF_TRAILER = frozenset({"receive", "receive-notice", "load", "unload"})  # Whose trailer is said once.

OPERATORS = "471 ana = op-17, 82 ben = op-18"


@dataclass(slots=True)
class Line:
    """One line, and what it says."""

    text: str
    thing: int | None = None  # Of which thing, by its place in the life.
    names: bool = False  # It says all that the thing is known by.
    misnamed: str | None = None  # The device hears this name in the place of the thing's own.
    values: dict[str, Value] = field(default_factory=dict)  # What it says is true of the thing, otherwise than before.
    takes_back: bool = False  # It takes back what was said last.
    context: dict[str, Value] = field(default_factory=dict)  # What it says of all things behind it.
    confirms: bool = False  # It is a yes, to a text that the device said before.


@dataclass(slots=True)
class Life:
    """What happened, and what came of it."""

    begin: Json
    things: list[Thing] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    turns: list[Json] = field(default_factory=list)  # What the device did about each line.
    first_values: dict[int, dict[str, Value]] = field(default_factory=dict)
    """Of what was corrected, as it was said first."""
    result: Json = field(default_factory=dict)

    @property
    def questions(self) -> int:
        """How often the device asked right behind words."""
        return sum(
            any(one.endswith("?") for one in turn["said"])
            for line, turn in zip(self.lines, self.turns, strict=True)
            if not line.text.startswith("/")
        )


def held(life: Life, device: Device, lines: Iterator[Line]) -> Life:
    """The life with what came of it: `lines` may look at its turns."""
    device.ask({"begin": life.begin})
    for line in lines:
        life.lines.append(line)
        life.turns.append(device.ask({"line": line.text}))
    life.result = device.ask({"end": True})
    return life


def beginning(form: str, language: str, random: Random) -> Json:
    """What is so before a life."""
    begin: Json = {"form": form, "language": language}
    if random.random() < 0.2:
        begin["operators"] = OPERATORS
    return begin
