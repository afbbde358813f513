"""Sentences as operators say them, each with what is meant: made from grammar and lists of their own, so that nothing
here comes from what reads them. `python -m tests.reading.sentences en pallet-move 20261120/7` prints one by its seed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.reading.languages import said_in, that_say
from tests.reading.speakers import SPEAKERS

FORMS = ("pallet-move", "stock-count")

Value = str | int


@dataclass(frozen=True)
class Tongue:
    """How a language speaks of pallets, counts and places."""

    code: str
    pallet: tuple[str, ...]
    dock: tuple[str, ...]
    quantity: tuple[str, ...]
    units: tuple[str, ...]
    carrying: str  # What may stand between a pallet and its count; nothing where it would change the words behind it.
    to: str  # What may stand before a dock; nothing as well.
    letter: str  # How a letter is told from others: "{letter} as in {word}".
    names: str  # Such words, from A to H.
    doubles: tuple[str, str]  # A digit twice, and three times.
    dozens: tuple[tuple[str, int], ...]  # Ways to say a count by dozens, with what joins them to the unit.
    openings: tuple[str, ...]
    hesitations: tuple[str, ...]
    cues: tuple[str, ...]
    tails: tuple[str, ...]
    ones: str  # The digit 1 where it stands alone.


def _tongue(code: str) -> Tongue:
    said = said_in(code)["tongue"]
    lists: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}
    return Tongue(code, **{**lists, "dozens": tuple(map(tuple, said["dozens"]))})


TONGUES = {code: _tongue(code) for code in that_say("tongue")}

NATO = "alpha bravo charlie delta echo foxtrot golf hotel".split()  # noqa: SIM905 - read as a line
LETTERS = "ABCDEFGH"

ITEM, COUNT, LOCATION = ("item", "item code"), ("quantity", "count"), ("location",)
COUNTED = ("pieces", "units", "cases", "boxes")
AISLES = "ABC"  # Of these the shipped catalogue has bays 1 to 12.


@dataclass(frozen=True)
class Sentence:
    """What was said, and what was meant."""

    text: str
    fields: Mapping[str, Value]
    plain: bool  # Said fluently, with a pause between the fields: nobody would have to ask.


def sentence(language: str, form: str, seed: str) -> Sentence:
    """The sentence of a seed; of `stock-count` there are English ones only."""
    return _Speaker(TONGUES[language], Random(f"{language} {form} {seed}")).sentence(form)


class _Speaker:
    """One operator, who says one sentence."""

    def __init__(self, tongue: Tongue, random: Random) -> None:
        self._tongue = tongue
        self._random = random
        self._plain = True

    def sentence(self, form: str) -> Sentence:
        pick, tongue = self._random, self._tongue
        fields = self._pallet_move() if form == "pallet-move" else self._stock_count()
        names = list(fields)
        pick.shuffle(names)
        # Who speaks without a pause and slips as well is understood by nobody.
        running_on = self._chance(0.3)
        parts = [self._said(name, fields[name]) if running_on else self._part(name, fields[name]) for name in names]
        self._plain = self._plain and not running_on
        if self._chance(0.2):
            self._plain = False
            at = pick.randrange(len(parts))
            # Without pauses, a sound within a number would be taken for what parts it from the next.
            parts[at] = self._hesitant(parts[at], first=running_on)
        text = (" " if running_on else ", ").join(parts)
        if self._chance(0.15):
            self._plain = False
            text = f"{pick.choice(tongue.openings)}{pick.choice([' ', ', '])}{text}"
        if self._chance(0.15):
            self._plain = False
            text = f"{text}, {pick.choice(tongue.tails)}"
        if self._chance(0.6):
            text = f"{text[0].upper()}{text[1:]}."
        return Sentence(text, fields, self._plain)

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _pallet_move(self) -> dict[str, Value]:
        return {"pallet_id": self._digits(3, 6), "quantity": self._count(), "dock": self._random.choice(LETTERS)}

    def _stock_count(self) -> dict[str, Value]:
        item = self._random.choice(LETTERS) + self._digits(3, 5)
        location = f"{self._random.choice(AISLES)}{self._random.randint(1, 12):02}"
        return {"item": item, "quantity": self._count(), "location": location}

    def _digits(self, fewest: int, most: int) -> str:
        return "".join(self._random.choices("0123456789", k=self._random.randint(fewest, most)))

    def _count(self) -> int:
        return self._random.randint(1, self._random.choice([30, 99, 999, 4999]))

    # ---- a field ----

    def _part(self, name: str, value: Value) -> str:
        """The field as it is said: once, or with a slip that is put right, or twice."""
        once = self._said(name, value)
        chance = self._random.random()
        if chance < 0.75:
            return once
        self._plain = False
        if chance < 0.87:
            return f"{self._said(name, self._other(name, value))}, {self._random.choice(self._tongue.cues)}, {once}"
        if chance < 0.94:
            return f"{once}, {self._said(name, value)}"
        # Broken off, and begun again.
        words = once.split()
        return f"{' '.join(words[: self._random.randint(1, max(1, len(words) - 1))])}, {once}"

    def _other(self, name: str, value: Value) -> Value:
        made = self._stock_count() if name in {"item", "location"} else self._pallet_move()
        return made[name] if made[name] != value else self._other(name, value)

    def _said(self, name: str, value: Value) -> str:
        pick, tongue = self._random, self._tongue
        match name:
            case "pallet_id":
                return f"{pick.choice(tongue.pallet)} {self._identifier(str(value))}"
            case "dock":
                link = f"{tongue.to} " if tongue.to and self._chance(0.2) else ""
                return f"{link}{pick.choice(tongue.dock)} {self._letter(str(value))}"
            case "item":
                return f"{pick.choice(ITEM)} {self._code(str(value))}"
            case "location":
                return f"{pick.choice(LOCATION)} {self._code(str(value))}"
            case _:
                return self._counted(int(value))

    def _counted(self, count: int) -> str:
        pick, tongue = self._random, self._tongue
        units = pick.choice(tongue.units)
        dozens = [words for words, worth in tongue.dozens if worth == count]
        if dozens and self._chance(0.5):
            return f"{pick.choice(dozens)} {units}"
        said = str(count) if self._chance(0.3) else SPEAKERS[tongue.code](count, pick)
        if self._chance(0.15):
            return f"{pick.choice(tongue.quantity)} {said}"
        link = f"{tongue.carrying} " if tongue.carrying and self._chance(0.15) else ""
        return f"{link}{said} {units}"

    def _letter(self, letter: str) -> str:
        at, chance = LETTERS.index(letter), self._random.random()
        if chance < 0.6:
            return letter if self._chance(0.7) else letter.lower()
        if chance < 0.8:
            return self._random.choice([NATO[at], NATO[at].capitalize()])
        return self._tongue.letter.format(letter=letter, word=self._tongue.names.split()[at])

    def _code(self, code: str) -> str:
        """A letter and the digits behind it."""
        if self._chance(0.3):
            return code
        letter = code[0] if self._chance(0.6) else NATO[LETTERS.index(code[0])]
        return f"{letter} {self._identifier(code[1:])}"

    # ---- digits ----

    def _identifier(self, digits: str) -> str:
        chance = self._random.random()
        if chance < 0.25:
            return digits if self._chance(0.7) else self._random.choice(["-", " "]).join(digits)
        if chance < 0.65:
            return " ".join(self._singly(digits))
        if chance < 0.75 and len(digits) <= 4 and digits[0] != "0":
            return SPEAKERS[self._tongue.code](int(digits), self._random)
        return " ".join(self._grouped(digits))

    def _singly(self, digits: str) -> Iterator[str]:
        at = 0
        while at < len(digits):
            alike = 1
            while digits[at : at + alike + 1] == digits[at] * (alike + 1) and alike < 3:
                alike += 1
            if alike > 1 and self._chance(0.5):
                yield self._tongue.doubles[alike - 2]
                at += alike - 1
            yield self._digit(digits[at])
            at += 1

    def _grouped(self, digits: str) -> Iterator[str]:
        """In numbers of up to three digits and single digits, so that no two of them make another number."""
        at = 0
        while at < len(digits):
            group = digits[at : at + self._random.choice([1, 2, 2, 3])]
            if self._merges(digits[:at], group, digits[at + len(group) :]):
                group = group[0]
            yield self._digit(group) if len(group) == 1 else SPEAKERS[self._tongue.code](int(group), self._random)
            at += len(group)

    def _merges(self, before: str, group: str, behind: str) -> bool:
        """Whether a group would be heard as part of another number, as "twenty" "five" and "sept" "cent" would."""
        if group[0] == "0" or (group[-1] == "0" and behind[:1] not in {"", "0"}):
            return True
        if len(group) == 3 and group[0] == "1" and before:
            return True
        if len(group) == 3 and group.endswith("0") and not behind:
            return True  # A count may follow: "nine hundred" "twenty-three" is 923 to everybody, "690" "1" is 691.
        if self._tongue.code == "fr" and group[-2:] in {"10", "60", "80"} and not behind:
            return True  # Likewise "soixante" "dix-huit", and "dix" "neuf".
        return self._tongue.code == "fr" and before[-1:] == "4" and group[0] == "2"  # "quatre" "vingt" is 80

    def _digit(self, digit: str) -> str:
        if digit == "1":
            return self._tongue.ones
        if digit == "0" and self._tongue.code == "en" and self._chance(0.4):
            return "oh"
        return SPEAKERS[self._tongue.code](int(digit), self._random)

    def _hesitant(self, text: str, *, first: bool) -> str:
        words = text.split()
        at = 0 if first else self._random.randrange(len(words))
        sound = self._random.choice(self._tongue.hesitations)
        return " ".join([*words[:at], f"{sound}," if self._chance(0.5) else sound, *words[at:]])


if __name__ == "__main__":
    print(sentence(*sys.argv[1:4]))
