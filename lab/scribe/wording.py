"""How people on a dock say it: wording of its own, which shares nothing with what the agent reads it by.

Lines are as a perfect ear would write them: words, with commas where the speaker takes breath.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_CALLED = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel")
_UNITS = ("units", "cases", "boxes", "pieces", "cartons")

FIGURES = 0.2
"""The share of numbers written as figures, as most recognisers do."""

SENTENCES = (
    "pallet {id}, {count}, dock {dock}",
    "pallet {id}, {count}, dock {dock}",
    "pallet {id} {count} dock {dock}",
    "pallet number {id}, {count}, dock {dock}",
    "dock {dock}, pallet {id}, {count}",
    "{count} on pallet {id}, dock {dock}",
    "okay, pallet {id}, {count}, dock {dock}",
    "next one, pallet {id}, {count}, dock {dock}",
    "pallet {id} with {count} to dock {dock}",
    "pallet {id}, {count}, going to dock {dock}",
    "right, pallet {id}, {count}, dock {dock}, thanks",
    "pallet {id}, dock {dock}, {count}",
)

TALK = (
    "right mike see you at lunch", "hey can you move that forklift", "is there any coffee left", "watch your back",
    "where did you put the tape gun", "yeah two sugars please", "no", "not now mike", "what time is it",
    "did you see the game last night", "hang on a second", "the wrap is finished", "I'll be there in a minute",
    "somebody call the driver", "can you open the door", "no way", "he's on his break", "wait for me", "mind the step",
    "that truck is early", "good morning", "who has the keys",
)  # fmt: skip
"""To colleagues, none of it about a pallet."""

TALK_OF_PLACES = (
    "take it to dock {dock} mike", "dock {dock} is full", "that one is {count}", "is that pallet {id}",
    "they want {count} tomorrow", "dock {dock} has no lights", "I think pallet {id} is broken",
)  # fmt: skip
"""To colleagues, with words of the form: a careful hearer records none of it, and may ask."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is meant of one pallet."""

    pallet: str
    quantity: int
    dock: str

    def fields(self) -> dict[str, str | int]:
        """As they go on record."""
        return {"pallet_id": self.pallet, "quantity": self.quantity, "dock": self.dock}


def count(quantity: int, random: Random) -> str:
    """A count of things."""
    number = str(quantity) if random.random() < FIGURES else _number(quantity)
    unit = random.choice(_UNITS)
    return f"{number} {unit if quantity != 1 else unit.rstrip('s') if unit != 'boxes' else 'box'}"


def identifier(pallet: str, random: Random) -> str:
    """An identifier: figure by figure mostly, or as figures."""
    if random.random() < FIGURES:
        return pallet
    oh = random.choice(("zero", "oh"))
    return " ".join(oh if figure == "0" else _ONES[int(figure)] for figure in pallet)


def place(dock: str, random: Random) -> str:
    """A dock: its letter, its word, or both."""
    word = _CALLED[ord(dock) - ord("A")]
    return random.choice((dock, word, word, f"{dock} as in {word}"))


def sentence(load: Load, random: Random) -> str:
    """The whole of it."""
    return _filled(random.choice(SENTENCES), load, random)


def mention(field: str, load: Load, random: Random) -> str:
    """One field of it."""
    return {
        "pallet_id": lambda: f"pallet {identifier(load.pallet, random)}",
        "quantity": lambda: count(load.quantity, random),
        "dock": lambda: f"dock {place(load.dock, random)}",
    }[field]()


def bare(field: str, load: Load, random: Random) -> str:
    """The value alone."""
    return {
        "pallet_id": lambda: identifier(load.pallet, random),
        "quantity": lambda: _number(load.quantity),
        "dock": lambda: place(load.dock, random),
    }[field]()


def talk(load: Load, random: Random) -> str:
    """Something to a colleague; `load` lends its values where he speaks of such."""
    return _filled(random.choice(TALK), load, random)


def talk_of_places(load: Load, random: Random) -> str:
    """The same, with words of the form."""
    return _filled(random.choice(TALK_OF_PLACES), load, random)


def mended(slip: Load, load: Load, field: str, random: Random) -> str:
    """A sentence with a slip of the tongue in one field, put right at once."""
    cue = random.choice(("no", "sorry", "no wait", "I mean", "no sorry"))
    parts = []
    for name in ("pallet_id", "quantity", "dock"):
        wrong = "" if name != field else f"{mention(name, slip, random)}, {cue}, "
        parts.append(wrong + mention(name, load, random))
    return ", ".join(parts)


def _filled(template: str, load: Load, random: Random) -> str:
    return template.format(
        id=identifier(load.pallet, random), count=count(load.quantity, random), dock=place(load.dock, random)
    )


def _number(number: int) -> str:
    if number < len(_ONES):
        return _ONES[number]
    hundreds, below = divmod(number, 100)
    if hundreds:
        return f"{_ONES[hundreds]} hundred" + (f" and {_number(below)}" if below else "")
    tens, ones = divmod(number, 10)
    return _TENS[tens] + (f" {_ONES[ones]}" if ones else "")
