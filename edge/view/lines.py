"""The lines of which a screen is made, and how much each of them matters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto

from rich.text import Text

GUTTER = 14
"""Columns before what is told: its heading."""

NARROWEST_WITH_HEADINGS = 50
"""Columns below which headings are left out."""


class Rank(IntEnum):
    """What matters most comes first."""

    STATE = auto()
    TYPING = auto()
    FAULT = auto()
    LEVEL = auto()
    HEARD = auto()
    LATEST_LOG = auto()
    REST_OF_FAULT = auto()
    KEYS = auto()
    RESULT = auto()
    SAID = auto()
    ENTRY = auto()
    COUNTS = auto()
    HEADER = auto()
    LATEST_ENTRY = auto()
    MORE_KEYS = auto()
    LOG = auto()
    QUEUE = auto()
    MICROPHONE = auto()
    BLANK = auto()
    OLDER = auto()


@dataclass(frozen=True, slots=True)
class Line:
    """A line, and how much it matters."""

    text: Text
    rank: Rank
    age: int = 0
    """Among those of the same rank, the older ones go first."""


def headed(heading: str, width: int) -> Text:
    """The beginning of a line: its heading, where there is room for one."""
    if width < NARROWEST_WITH_HEADINGS:
        return Text()
    return Text.assemble((f"  {heading:{GUTTER - 2}}", "dim"))
