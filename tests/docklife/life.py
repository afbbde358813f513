"""Lives: what operators do on a dock, line by line, each line with what it says of which thing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from tests.docklife.device import Device, Json
from tests.docklife.speech import TAGS, Speech
from tests.docklife.things import Dock, Thing, Value

FORMS = (
    *("receive", "receive-notice", "load", "unload", "pallet-move", "put-away", "damage", "gate-in", "temperature"),
    *("cycle-count", "stock-count"),
)

OF_TRAILER = frozenset({"receive", "receive-notice", "load", "unload"})  # Whose trailer is said once.

OPERATORS = "471 ana = op-17, 82 ben = op-18"

SILENCE = 8  # Behind each life: by then nothing is open.

MOST_ANSWERS = 5  # So often who listens answers what is asked of one thing; then he goes on.


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
    first_values: dict[int, dict[str, Value]] = field(
        default_factory=dict
    )  # Of what was corrected, as it was said first.
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


def lived(life: Life, device: Device, random: Random, *, listens: bool, cut: bool) -> Life:
    """One life at random."""
    speech = Speech(life.begin["language"])
    operator = Operator(life, Dock(life.begin["form"], speech, random), speech, random, listens=listens)
    lines = operator.works(random.randint(3, 7))
    return held(life, device, _with_cut(lines, random) if cut else lines)


def _with_cut(lines: Iterator[Line], random: Random) -> Iterator[Line]:
    at = random.randint(1, 12)
    for number, line in enumerate(lines):
        if number == at:
            yield Line("/cut")
        yield line


def beginning(form: str, language: str, random: Random) -> Json:
    """What is so before a life."""
    begin: Json = {"form": form, "language": language}
    if random.random() < 0.2:
        begin["operators"] = OPERATORS
    return begin


class Operator:
    """Who works: he dictates, restarts, mumbles, forgets, corrects, is talked to; and answers, if he listens."""

    def __init__(self, life: Life, dock: Dock, speech: Speech, random: Random, *, listens: bool) -> None:
        """`listens`: he answers what he is asked from what he knows, and objects to what is not so."""
        self._life = life
        self._dock = dock
        self._speech = speech
        self._random = random
        self._listens = listens

    def works(self, things: int) -> Iterator[Line]:
        """All that is said and done in a life, with silence at its end."""
        if "operators" in self._life.begin:
            yield Line(f"{'anmelden' if self._speech.code == 'de' else _SIGN_ON[self._speech.code]} ana")
        if self._life.begin["form"] in OF_TRAILER:
            yield self._context()
            yield from self._between()
        for number in range(things):
            if number and "operators" in self._life.begin and self._chance(0.2):
                yield Line(f"{_SIGN_ON[self._speech.code]} {self._random.choice(('ana', 'ben'))}")
                if self._life.begin["form"] in OF_TRAILER:
                    yield self._context()
            yield from self._thing()
            yield from self._beside()
        for _ in range(SILENCE):
            yield Line("/wait")

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _context(self) -> Line:
        trailer = str(self._random.randint(1000, 9999))
        door = self._random.randint(1, 12)
        said = f"{self._speech['trailer']} {self._speech.digits(trailer)}"
        if self._chance(0.5):
            return Line(said, context={"trailer": trailer})
        said += f", {self._speech['door']} {self._speech.count(door)}"
        return Line(said, context={"trailer": trailer, "door": str(door)})

    def _between(self) -> Iterator[Line]:
        """Silence, talk, or nothing."""
        if self._chance(0.45):
            yield Line("/wait")
        if self._chance(0.15):
            yield Line(self._speech.chatter(self._random))

    def _thing(self) -> Iterator[Line]:
        """One thing is said, in one of the ways in which people do."""
        made = self._dock.thing()
        self._life.things.append(made)
        at = len(self._life.things) - 1
        ways = (self._whole, self._whole, self._in_breaths, self._forgetting, self._mumbled, self._restarted)
        ways += (self._misheard,) if self._listens and "pallet_id" in made.key else ()
        yield from self._random.choice(ways)(made, at)
        if self._listens:
            yield from self._answers(made, at)
        yield from self._between()
        if self._chance(0.12):
            yield from self._corrects(made, at)
        elif self._chance(0.05):
            yield Line(self._speech["drop"], at, takes_back=True)
        elif self._chance(0.1):
            yield Line(self._speech["yes"], confirms=True)

    def _whole(self, made: Thing, at: int) -> Iterator[Line]:
        tag = f", {self._random.choice(TAGS[self._speech.code])}" if self._chance(0.1) else ""
        yield Line(made.whole + tag, at, names=_is_named(made, made.whole))

    def _in_breaths(self, made: Thing, at: int) -> Iterator[Line]:
        if not made.parts:
            yield from self._whole(made, at)
            return
        yield Line(made.name, at, names=_is_named(made, made.name))
        if self._chance(0.2):
            yield Line("/wait")
        yield Line(", ".join(made.parts), at, names=False)

    def _forgetting(self, made: Thing, at: int) -> Iterator[Line]:
        if len(made.parts) < 2:
            yield from self._whole(made, at)
            return
        parts = [*made.parts]
        forgotten = parts.pop(self._random.randrange(len(parts)))
        said = ", ".join((made.name, *parts))
        yield Line(said, at, names=_is_named(made, said))
        if not self._listens:
            yield Line(forgotten, at)

    def _mumbled(self, made: Thing, at: int) -> Iterator[Line]:
        words = made.whole.split()
        where = self._random.randrange(1, len(words))
        words.insert(where, self._speech["uh"])
        yield Line(" ".join(words), at, names=_is_named(made, made.whole))

    def _restarted(self, made: Thing, at: int) -> Iterator[Line]:
        begun = " ".join(made.name.split()[: max(1, len(made.name.split()) - 1)])
        said = f"{begun}, {made.whole}"
        yield Line(said, at, names=_is_named(made, said))

    def _misheard(self, made: Thing, at: int) -> Iterator[Line]:
        """The device hears another number, in what he said whole; the readback tells him."""
        number = str(made.key["pallet_id"])
        where = self._random.randrange(len(number))
        other = number[:where] + str((int(number[where]) + self._random.randint(1, 9)) % 10) + number[where + 1 :]
        if other in self._dock.used:
            yield from self._whole(made, at)
            return
        self._dock.used.add(other)
        said = ", ".join((f"{self._speech['pallet']} {self._speech.digits(other)}", *made.parts))
        yield Line(said, at, misnamed=other)
        heard = _numbers(" ".join(self._life.turns[-1]["said"]))
        if other in heard:  # he hears it read back, and says the right one, without a "no"
            yield Line(made.name, at, names=True)
            yield Line("/wait")

    def _corrects(self, made: Thing, at: int) -> Iterator[Line]:
        if "quantity" not in made.values:
            return
        right = int(made.values["quantity"]) + self._random.randint(1, 5)
        unit = made.answers["quantity"].split()[-1]
        said = f"{self._speech['no']}, {self._speech.count(right)} {unit}"
        yield Line(said, at, values={"quantity": right})
        made.answers["quantity"] = f"{self._speech.count(right)} {unit}"
        self._life.first_values.setdefault(at, {})["quantity"] = made.values["quantity"]
        made.values["quantity"] = right

    def _beside(self) -> Iterator[Line]:
        """What the office and the inventory do."""
        if self._chance(0.04) and any(turn["events"] for turn in self._life.turns):
            number = max(event["sequence"] for turn in self._life.turns for event in turn["events"])
            yield Line(f"/refuse {number} not_on_site")

    # Who listens.

    def _answers(self, made: Thing, at: int) -> Iterator[Line]:
        for _ in range(MOST_ANSWERS):
            said = self._life.turns[-1]["said"]
            answer = None if not said else self._answer(said, made, at)
            if answer is None:
                return
            yield answer

    def _answer(self, said: list[str], made: Thing, at: int) -> Line | None:
        """What he says to the last that he heard; None where nothing is to be said."""
        text, speech = said[-1], self._speech
        numbers = _numbers(text)
        about = next((one for one in self._life.things if one.spoken_key.upper() in numbers or _is_in(one, text)), None)
        if not text.endswith("?"):
            if AGAIN[speech.code].search(text) and not numbers:
                return Line(made.whole, at, names=_is_named(made, made.whole))
            if about is made and (count := _other_count(text, made)) is not None:
                return Line(f"{speech['no']}, {made.answers['quantity']}", at)
            return None
        if INSTEAD[speech.code].search(text):
            if NEXT[speech.code].search(text):
                was_misheard = any(line.misnamed is not None and line.thing == at for line in self._life.lines)
                return Line(speech["instead" if was_misheard else "next"], at)
            return Line(speech["no"], at)
        if (which := _alternatives(text, made)) is not None:
            return Line(which, at, names=which == made.answers.get("pallet_id"))
        for name, asks in ASKS[speech.code]:
            if re.search(asks, text, re.IGNORECASE) and name in made.answers and not _is_read(text):
                return Line(made.answers[name], at, names=name in made.key and len(made.key) == 1)
        if about is not None and (about is not made or _other_count(text, made) is None):
            return Line(speech["yes"], at, confirms=True)
        if about is None and numbers and not _own_numbers(made) & numbers:
            return Line(made.whole, at, names=_is_named(made, made.whole))
        if _own_numbers(made) & numbers or _own_words(made, text):
            return Line(speech["yes"], at, confirms=True)
        return Line(made.whole, at, names=_is_named(made, made.whole))


_SIGN_ON = {
    "en": "sign on",
    "de": "anmelden",
    "fr": "début de service",
    "es": "iniciar turno",
    "it": "inizio turno",
}

AGAIN = {
    code: re.compile(pattern, re.IGNORECASE)
    for code, pattern in {
        "en": "say again|did not get",
        "de": "noch einmal|nicht verstanden",
        "fr": "répétez|pas compris|redites",
        "es": "repita|no lo he entendido|otra vez",
        "it": "ripeti|non ho capito",
    }.items()
}
NEXT = {
    code: re.compile(pattern, re.IGNORECASE)
    for code, pattern in {
        "en": "next",
        "de": "nächste",
        "fr": "ensuite|suivant",
        "es": "continuación|sigue|siguiente",
        "it": "prossimo",
    }.items()
}
INSTEAD = {
    code: re.compile(pattern, re.IGNORECASE)
    for code, pattern in {
        "en": "instead",
        "de": "statt",
        "fr": "au lieu|à la place",
        "es": "en vez|en lugar",
        "it": "invece|al posto",
    }.items()
}
ASKS = {
    "en": [("check", "check digits"), ("pallet_id", "which pallet"), ("quantity", "how many|how much"), ("dock", "which dock"),
           ("location", "which location"), ("item", "which item"), ("trailer", "which trailer"), ("position", "front, middle"),
           ("temperature", "which temp|what temp"), ("sealed", "sealed|seal intact"), ("damage", "what damage|which damage|what is wrong"),
           ("seal", "which seal")],
    "de": [("check", "prüfziffern"), ("pallet_id", "welche palette"), ("quantity", "wie viele"), ("dock", "welches tor"),
           ("location", "welcher platz"), ("item", "welcher artikel"), ("trailer", "welcher auflieger"), ("position", "vorne, mitte"),
           ("temperature", "welche temp"), ("sealed", "verplombt"), ("damage", "welcher schaden"), ("seal", "welche plombe")],
    "fr": [("check", "contrôle"), ("pallet_id", "quelle palette"), ("quantity", "combien"), ("dock", "quel quai"),
           ("location", "quel emplacement"), ("item", "quel article"), ("trailer", "quelle remorque"), ("position", "avant, milieu"),
           ("temperature", "quelle temp"), ("sealed", "plomb.*intact"), ("damage", "quel dommage|quel dégât"), ("seal", "quel plomb")],
    "es": [("check", "control"), ("pallet_id", "qué palé"), ("quantity", "cuánt"), ("dock", "qué muelle"),
           ("location", "qué ubicación"), ("item", "qué artículo"), ("trailer", "qué remolque"), ("position", "delante, "),
           ("temperature", "qué temp"), ("sealed", "precintado|precinto"), ("damage", "qué daño"), ("seal", "qué precinto")],
    "it": [("check", "controllo"), ("pallet_id", "quale pallet"), ("quantity", "quant"), ("dock", "quale banchina"),
           ("location", "quale ubicazione"), ("item", "quale articolo"), ("trailer", "quale rimorchio"), ("position", "davanti, "),
           ("temperature", "quale temp|che temp"), ("sealed", "sigillato|sigillo.*intatto"), ("damage", "quale danno|che danno"), ("seal", "quale sigillo")],
}  # fmt: skip


def _is_named(made: Thing, said: str) -> bool:
    """Does a line say all that the thing is known by?"""
    wanted = [made.name, *(made.answers[one] for one in made.key if one in made.answers and one != "pallet_id")]
    if "pallet_id" in made.key:
        return made.name in said
    return all(one in said for one in wanted if one != made.answers.get("trailer"))


def _numbers(text: str) -> set[str]:
    """The numbers and names that a text spells: "pallet 7 4 2", "12 cases", "A, 0 1, 0 2"."""
    spelt = re.findall(r"(?<![\w])(?:[A-Z0-9](?:,? (?=[A-Z0-9](?![\w])))?)+(?![\w])", text)
    return {re.sub(r"\W", "", one) for one in spelt} | set(re.findall(r"\d+(?:[.,]\d+)?", text))


def _is_in(made: Thing, text: str) -> bool:
    """Is the thing spelt in a text, whatever stands between its parts?"""
    letters = re.sub(r"\W", "", text).upper()
    return all(re.sub(r"\W", "", str(one)).upper() in letters for one in made.key.values() if str(one)[0].isalnum())


def _own_numbers(made: Thing) -> set[str]:
    values = [*made.key.values(), *made.values.values()]
    return {re.sub(r"[^\w.]", "", str(one)) for one in values} | {
        f"{abs(one):g}" for one in values if isinstance(one, float)
    }


def _own_words(made: Thing, text: str) -> bool:
    return any(part.split()[-1].lower() in text.lower() for part in made.parts)


def _other_count(text: str, made: Thing) -> str | None:
    """Another count than his, where one is read back."""
    if "quantity" not in made.answers:
        return None
    unit = made.answers["quantity"].split()[-1][:4].lower()
    found = re.search(rf"\b(\d+) {unit}", text.lower())
    return found[1] if found is not None and int(found[1]) != made.values["quantity"] else None


def _is_read(text: str) -> bool:
    """Is a whole entry read back in the question?"""
    return text.count(",") > 1


OR = re.compile(r",? (?:or|oder|ou|o|u) ")


def _alternatives(text: str, made: Thing) -> str | None:
    """Of two values that are offered, his own, as he says it."""
    if OR.search(text) is None:
        return None
    offered = [_numbers(part) for part in OR.split(text)]
    for name, value in {**made.key, **made.values}.items():
        spelt = re.sub(r"\W", "", f"{value:g}" if isinstance(value, float) else str(value))
        if any(spelt in one for one in offered) and name in made.answers:
            return made.answers[name]
    return None
