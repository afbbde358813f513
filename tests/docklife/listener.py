"""The listener: what an operator who listens says to what he hears."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tests.docklife.life import Life, Line
from tests.docklife.speech import Speech
from tests.docklife.things import Thing, Value

HEARD = tomllib.loads(Path(__file__).with_name("questions.toml").read_text(encoding="utf-8"))


class Listener:
    """Answers from what he knows of his things."""

    def __init__(self, life: Life, speech: Speech) -> None:
        """`life` is the one that he works through."""
        self._life = life
        self._speech = speech
        self._heard = HEARD[speech.code]

    def answer(self, text: str, made: Thing, at: int) -> Line | None:
        """What he says of the thing that he is at, when he hears this; None where nothing is to be said."""
        whole = Line(made.whole, at, names=is_valid_name(made, made.whole))
        if not text.endswith("?"):
            if self._hears("again", text) and not re.search(r"\d", text):
                return whole
            return self._objection(text, made, at) if spells_all(text, made) else None
        return self._choice(text, made, at) or self._field(text, made, at) or self._agreement(text, made, at) or whole

    def _hears(self, what: str, text: str) -> bool:
        return re.search(self._heard[what], text, re.IGNORECASE) is not None

    def _choice(self, text: str, made: Thing, at: int) -> Line | None:
        """Of two that are offered, the one that is so."""
        if self._hears("instead", text):
            if not self._hears("next", text):
                return Line(self._speech["no"], at)
            was_misheard = any(line.misnamed is not None and line.thing == at for line in self._life.lines)
            return Line(self._speech["instead" if was_misheard else "next"], at)
        if not self._hears("or", text):
            return None
        offered = re.split(self._heard["or"], text, flags=re.IGNORECASE)
        for name, value in {**made.key, **made.values}.items():
            if name in made.answers and any(spells(one, value) for one in offered):
                return Line(made.answers[name], at, names=name == "pallet_id")
        return None

    def _field(self, text: str, made: Thing, at: int) -> Line | None:
        """The value that is asked for."""
        read_back = text.count(",") > 1 and not self._hears("again", text)  # a whole entry
        for name, asked in self._heard["fields"].items():
            if re.search(asked, text, re.IGNORECASE) and name in made.answers and (name == "check" or not read_back):
                return Line(made.answers[name], at, names=name in made.key and len(made.key) == 1)
        return None

    def _agreement(self, text: str, made: Thing, at: int) -> Line | None:
        """A yes to what is so, of any of his things; what is not so is put right."""
        things = self._life.things
        said = next((line.context for line in reversed(self._life.lines) if line.context), {})
        is_of_pallet = self._speech["pallet"].lower() in text.lower()
        if said and not is_of_pallet and all(spells(text, value) for value in said.values()):
            return Line(self._speech["yes"], at)  # where he is
        of = next((one for one in reversed(things) if spells_all(text, one)), None)
        if of is not None:
            return self._objection(text, of, things.index(of)) or Line(self._speech["yes"], at, confirms=True)
        if text.count(",") > 1 and "pallet_id" in made.key and numbers_in(text):  # another pallet is read back
            return Line(f"{self._speech['no']}, {made.name}", at, names=True)
        own = any(spells(text, value) for value in (*made.key.values(), *made.values.values()))
        named = any(part.split()[-1].lower() in text.lower() for part in made.parts)
        if not own and self._hears("denied", text) and any(one is True for one in made.values.values()):
            return Line(self._speech["no"], at)  # "Not sealed?", of what is
        return Line(self._speech["yes"], at, confirms=True) if own or named else None

    def _objection(self, text: str, of: Thing, at: int) -> Line | None:
        """What he says where another count, or temperature, is read back than his."""
        for name in ("quantity", "temperature"):
            if name in of.answers and not spells(text, of.values[name]):
                unit = of.answers[name].split()[-1][:4].lower()
                if re.search(rf"\d {unit}", text.lower()):
                    return Line(f"{self._speech['no']}, {of.answers[name]}", at)
        return None


def is_valid_name(made: Thing, said: str) -> bool:
    """Does a line say all that the thing is known by?"""
    if "pallet_id" in made.key:
        return made.name in said
    wanted = [made.name, *(made.answers[one] for one in made.key if one in made.answers)]
    return all(one in said for one in wanted if one != made.answers.get("trailer"))


def spells(text: str, value: Value) -> bool:
    """Does a text say a value: character by character, letters by words that begin with them, or as a number?"""
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return re.search(rf"(?<![\d.,]){re.escape(f'{abs(value):g}')}(?![\d.]|,\d)", text.replace(",", ".")) is not None
    if not any(one.isdigit() for one in value):
        return value.lower() in text.lower()
    characters = (one if one.isdigit() else rf"{one}\w*" for one in value if one.isalnum())
    return re.search(rf"(?<!\w)(?<!\d ){',? ?'.join(characters)}(?! ?\d)", text, re.IGNORECASE) is not None


def spells_all(text: str, made: Thing) -> bool:
    """Does a text say all that a thing is known by?"""
    return all(
        spells(text, value) or (value == str(value) and made.answers.get(name, "?").lower() in text.lower())
        for name, value in made.key.items()
    )


def numbers_in(text: str) -> set[str]:
    """The names that a text spells digit by digit."""
    return {re.sub(r"\W", "", one) for one in re.findall(r"(?<!\w)\d(?: \d)*(?!\w)", text)}
