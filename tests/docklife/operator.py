"""The operator: he dictates, restarts, mumbles, forgets, corrects, is talked to; and answers, if he listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from tests.docklife.device import Device
from tests.docklife.life import OF_TRAILER, Life, Line, held
from tests.docklife.listener import Listener, is_valid_name, numbers_in
from tests.docklife.speech import TAGS, Speech
from tests.docklife.things import Dock, Thing

SILENCE = 8  # Behind each life: by then nothing is open.

MOST_ANSWERS = 5  # So often who listens answers what is asked of one thing; then he goes on.


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


class Operator:
    """Who works through one life."""

    def __init__(self, life: Life, dock: Dock, speech: Speech, random: Random, *, listens: bool) -> None:
        """`listens`: he answers what he is asked from what he knows, and objects to what is not so."""
        self._life = life
        self._dock = dock
        self._speech = speech
        self._random = random
        self._listens = listens
        self._listener = Listener(life, speech)

    def works(self, things: int) -> Iterator[Line]:
        """All that is said and done in a life, with silence at its end."""
        if "operators" in self._life.begin:
            yield Line(f"{_SIGN_ON[self._speech.code]} ana")
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
        ways: tuple[Callable[[Thing, int], Iterator[Line]], ...]
        ways = (self._whole, self._whole, self._in_breaths, self._forgetting, self._mumbled, self._restarted)
        ways += (self._misheard,) if self._listens and "pallet_id" in made.key else ()
        yield from self._random.choice(ways)(made, at)
        if self._listens:
            yield from self._answers(made, at)
        yield from self._between()
        if self._chance(0.12):
            yield from self._corrects(made, at)
        elif self._chance(0.12):
            yield from self._tells_more()
        elif self._chance(0.05):
            yield Line(self._speech["drop"], at, takes_back=True)
        elif self._chance(0.1):
            yield Line(self._speech["yes"], confirms=True)

    def _whole(self, made: Thing, at: int) -> Iterator[Line]:
        tag = f", {self._random.choice(TAGS[self._speech.code])}" if self._chance(0.1) else ""
        yield Line(made.whole + tag, at, names=is_valid_name(made, made.whole))

    def _in_breaths(self, made: Thing, at: int) -> Iterator[Line]:
        if not made.parts:
            yield from self._whole(made, at)
            return
        yield Line(made.name, at, names=is_valid_name(made, made.name))
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
        yield Line(said, at, names=is_valid_name(made, said))
        if not self._listens:
            yield Line(forgotten, at)

    def _mumbled(self, made: Thing, at: int) -> Iterator[Line]:
        words = made.whole.split()
        where = self._random.randrange(1, len(words))
        words.insert(where, self._speech["uh"])
        yield Line(" ".join(words), at, names=is_valid_name(made, made.whole))

    def _restarted(self, made: Thing, at: int) -> Iterator[Line]:
        begun = " ".join(made.name.split()[: max(1, len(made.name.split()) - 1)])
        said = f"{begun}, {made.whole}"
        yield Line(said, at, names=is_valid_name(made, said))

    def _misheard(self, made: Thing, at: int) -> Iterator[Line]:
        """The device hears another number, in what he said whole; the readback tells him."""
        number = str(made.key["pallet_id"])
        where = self._random.randrange(len(number))
        other = number[:where] + str((int(number[where]) + self._random.randint(1, 9)) % 10) + number[where + 1 :]
        follows = int(number) == int(other) + 1  # Said without a "no" it is the next pallet to a clerk, too.
        if other in self._dock.used or follows:
            yield from self._whole(made, at)
            return
        self._dock.used.add(other)
        said = ", ".join((f"{self._speech['pallet']} {self._speech.digits(other)}", *made.parts))
        yield Line(said, at, misnamed=other)
        heard = numbers_in(" ".join(self._life.turns[-1]["said"]))
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

    def _tells_more(self) -> Iterator[Line]:
        """Of one or two things before, by their names: they are wet."""
        plain = [at for at, one in enumerate(self._life.things) if "exception" not in one.values]
        tells = plain if self._life.begin["form"] in OF_TRAILER else []
        for at in self._random.sample(tells, min(len(tells), self._random.randint(1, 2))):
            told = self._life.things[at]
            told.values["exception"] = "wet"
            yield Line(f"{told.name}, {self._speech['wet']}", at, values={"exception": "wet"})

    def _beside(self) -> Iterator[Line]:
        """What the inventory and the office do: the one turns down an entry, the other decides about what waits."""
        if self._chance(0.04) and any(turn["events"] for turn in self._life.turns):
            number = max(event["sequence"] for turn in self._life.turns for event in turn["events"])
            yield Line(f"/refuse {number} not_on_site")

    def _answers(self, made: Thing, at: int) -> Iterator[Line]:
        for _ in range(MOST_ANSWERS):
            said = self._life.turns[-1]["said"]
            answer = self._listener.answer(said[-1], made, at) if said else None
            if answer is None:
                return
            yield answer


_SIGN_ON = {"en": "sign on", "de": "anmelden", "fr": "début de service", "es": "iniciar turno", "it": "inizio turno"}
