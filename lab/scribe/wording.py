"""Words lines as people on a dock say them, independently of the agent's grammar.

The words are as by perfect recognition, with commas where the speaker takes breath.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from lab.scribe.arrivals import Pallet

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_FIGURES = {word: figure for figure, word in enumerate(_ONES)} | {ten: 10 * at for at, ten in enumerate(_TENS) if ten}
_FIGURES["oh"] = 0
NUMBER_WORDS = frozenset({*_ONES, *_TENS[2:], "oh", "hundred"})
TEENS_AND_TENS = dict(zip(_ONES[13:], _TENS[3:], strict=True))
TEENS_AND_TENS |= {ten: teen for teen, ten in TEENS_AND_TENS.items()}
"""Thirteen and thirty: the most frequent confusion."""
_CALLED = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel")
_UNITS = ("units", "cases", "boxes", "pieces", "cartons")
_CODES = {"CS": ("case", "cases"), "EA": ("piece", "pieces")}

_FIGURES_SHARE = 0.2  # Share of numbers written as digits, as most recognisers do.

_SENTENCES = (
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
"""Remarks to colleagues, none of them about a pallet."""

TALK_OF_PLACES = (
    "take it to dock {dock} mike", "dock {dock} is full", "that one is {count}", "is that pallet {id}",
    "they want {count} tomorrow", "dock {dock} has no lights", "I think pallet {id} is broken",
)  # fmt: skip
"""Remarks to colleagues with words of the form: a careful listener records nothing, and may ask."""

_RECEIVED = (
    "pallet {id}, {count}{rest}",
    "pallet {id}, {count}{rest}",
    "pallet {id} {count}{rest}",
    "pallet number {id}, {count}{rest}",
    "{count} on pallet {id}{rest}",
    "okay, pallet {id}, {count}{rest}",
    "next one, pallet {id}, {count}{rest}",
    "pallet {id} with {count}{rest}",
    "right, pallet {id}, {count}{rest}, thanks",
)

_TALK_OF_PALLETS = ("is that pallet {id}", "that one is {count}", "they want {count} tomorrow", "door {door} is full")
"""Remarks to colleagues with words of the form: a careful listener records nothing, and may ask."""


@dataclass(frozen=True, slots=True)
class Load:
    """The intended values of one pallet."""

    pallet: str
    quantity: int
    dock: str

    def fields(self) -> dict[str, str | int]:
        """The fields that a right entry has."""
        return {"pallet_id": self.pallet, "quantity": self.quantity, "dock": self.dock}


def _word_quantity(quantity: int, random: Random) -> str:
    """Word a quantity with a unit."""
    number = _figures_or_words(quantity, random)
    unit = random.choice(_UNITS)
    return f"{number} {unit if quantity != 1 else unit.rstrip('s') if unit != 'boxes' else 'box'}"


def _word_identifier(pallet: str, random: Random) -> str:
    """Word an identifier: digit by digit mostly, or as digits."""
    if random.random() < _FIGURES_SHARE:
        return pallet
    oh = random.choice(("zero", "oh"))
    return " ".join(oh if figure == "0" else _ONES[int(figure)] for figure in pallet)


def _word_dock(dock: str, random: Random) -> str:
    """Word a dock: its letter, its code word, or both."""
    word = _CALLED[ord(dock) - ord("A")]
    return random.choice((dock, word, word, f"{dock} as in {word}"))


def word_sentence(load: Load, random: Random, sentences: Sequence[str] = _SENTENCES) -> str:
    """Word a whole entry, or one of other sentences, such as `TALK`, with values of the load where it needs some."""
    return random.choice(sentences).format(
        id=_word_identifier(load.pallet, random),
        count=_word_quantity(load.quantity, random),
        dock=_word_dock(load.dock, random),
    )


def word_field(field: str, load: Load, random: Random) -> str:
    """Word one field with its label."""
    return {
        "pallet_id": lambda: f"pallet {_word_identifier(load.pallet, random)}",
        "quantity": lambda: _word_quantity(load.quantity, random),
        "dock": lambda: f"dock {_word_dock(load.dock, random)}",
    }[field]()


def word_value(field: str, load: Load, random: Random) -> str:
    """Word the value of a field alone."""
    return {
        "pallet_id": lambda: _word_identifier(load.pallet, random),
        "quantity": lambda: word_number(load.quantity),
        "dock": lambda: _word_dock(load.dock, random),
    }[field]()


def word_self_correction(slip: Load, load: Load, field: str, random: Random) -> str:
    """Word an entry with a slip of the tongue in one field, corrected at once."""
    cue = random.choice(("no", "sorry", "no wait", "I mean", "no sorry"))
    parts = []
    for name in ("pallet_id", "quantity", "dock"):
        wrong = "" if name != field else f"{word_field(name, slip, random)}, {cue}, "
        parts.append(wrong + word_field(name, load, random))
    return ", ".join(parts)


def word_received_pallet(pallet: Pallet, random: Random) -> str:
    """Word a received pallet's whole entry, without trailer and door."""
    rest = [
        word_received_field(name, pallet, random) for name in ("lot", "damaged", "exception") if name in pallet.fields()
    ]
    template = random.choice(_RECEIVED)
    return template.format(
        id=_word_identifier(pallet.pallet, random),
        count=word_received_field("quantity", pallet, random),
        rest="".join(f", {one}" for one in rest),
    )


def word_received_field(field: str, pallet: Pallet, random: Random) -> str:
    """Word one field of a received pallet with its label."""
    return {
        "pallet_id": lambda: f"pallet {_word_identifier(pallet.pallet, random)}",
        "quantity": lambda: f"{_figures_or_words(pallet.quantity, random)} {_unit_word(pallet)}",
        "uom": lambda: _unit_word(pallet),
        "lot": lambda: f"lot {_word_identifier(str(pallet.lot), random)}",
        "damaged": lambda: f"{word_number(pallet.damaged or 0)} damaged",
        "exception": lambda: str(pallet.exception),
        "trailer": lambda: f"trailer {_word_identifier(pallet.trailer, random)}",
        "door": lambda: f"door {_figures_or_words(int(pallet.door), random)}",
    }[field]()


def word_received_value(field: str, pallet: Pallet, random: Random) -> str:
    """Word the value of a received pallet's field alone."""
    return {
        "pallet_id": lambda: _word_identifier(pallet.pallet, random),
        "quantity": lambda: word_number(pallet.quantity),
        "lot": lambda: _word_identifier(str(pallet.lot), random),
        "damaged": lambda: word_number(pallet.damaged or 0),
        "trailer": lambda: _word_identifier(pallet.trailer, random),
        "door": lambda: word_number(int(pallet.door)),
    }.get(field, lambda: word_received_field(field, pallet, random))()


def word_chat_about_pallet(pallet: Pallet, random: Random) -> str:
    """Word a remark to a colleague with words of the form."""
    return random.choice(_TALK_OF_PALLETS).format(
        id=_word_identifier(pallet.pallet, random),
        count=word_received_field("quantity", pallet, random),
        door=pallet.door,
    )


def spell_digits(digits: str) -> str:
    """Word digits one by one, as systems demand that accept nothing else."""
    return " ".join(_ONES[int(digit)] for digit in digits)


def parse_digits(text: str) -> str:
    """Convert spoken or written digits to a digit string."""
    return "".join(word if word.isdigit() else str(_FIGURES[word]) for word in text.split())


def sum_number_words(text: str) -> int:
    """Convert number words to an integer; impossible ones, such as "forty twelve", are summed."""
    total = 0
    for word in text.split():
        total = total * 100 if word == "hundred" else total + _FIGURES.get(word, 0)
    return total


def _unit_word(pallet: Pallet) -> str:
    one, more = _CODES[pallet.uom]
    return one if pallet.quantity == 1 else more


def _figures_or_words(number: int, random: Random) -> str:
    return str(number) if random.random() < _FIGURES_SHARE else word_number(number)


def word_number(number: int) -> str:
    """Word a number below 1,000: "one hundred and twelve"."""
    if number < len(_ONES):
        return _ONES[number]
    hundreds, below = divmod(number, 100)
    if hundreds:
        return f"{_ONES[hundreds]} hundred" + (f" and {word_number(below)}" if below else "")
    tens, ones = divmod(number, 10)
    return _TENS[tens] + (f" {_ONES[ones]}" if ones else "")
