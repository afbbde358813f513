"""A shift at a dock: trailers of pallets, dictated by somebody who is interrupted, polite, mistaken and tired.

The operator knows what he means and what the device said. The ledger is the scribe's: what was meant, and whether it
was ever said whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Protocol

from edge.agent.dialogue_steps import Stepped
from edge.agree.decide import Rules
from edge.agree.dialogue.orders import Prompt, Say
from edge.agree.dialogue.questions import About, Question
from edge.agree.dialogue.session import Manner
from edge.agree.dialogue.table import State
from edge.deliver.events import recorded
from edge.keep.journal import Journal
from edge.records import FieldValue
from lab.desk import Talk
from lab.scribe import wording
from lab.scribe.wording import Load

PALLETS = 40
"""A trailer's, on two rows of twenty: what is usual."""

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""Before everything in a journal."""

SAID = {"whole": 70, "mended": 10, "misread": 10, "in parts": 10}
"""How a pallet is dictated, in percent. These shares are estimates: what is rare in life stands here often enough to be
seen."""

OVER_A_READBACK = {"silence": 45, "the next pallet": 25, "courtesy": 20, "talk": 10}
"""What follows a readback that is right."""

BETWEEN = {"nothing": 85, "talk": 8, "talk of places": 3, "power cut": 2, "pause": 2}
"""What happens between two pallets."""

GOES_ON = 0.4
"""The share of questions about his talk that an operator does not answer: he has not noticed that he was heard."""

PATIENCE = 6
"""So often an operator answers about one pallet before he gives up and writes it on paper."""


@dataclass
class Ledger:
    """What became of what was meant."""

    meant: int = 0
    right: int = 0
    wrong: list[str] = field(default_factory=list)
    """On record with another value, twice, or not meant at all."""
    lost: list[str] = field(default_factory=list)
    """Said whole, and neither on record nor put aside aloud."""
    aside: int = 0
    """Put aside, and the operator was told."""
    given_up: int = 0
    """Never taken although the operator said it again and again; he knows that."""
    questions: int = 0
    needless: Counter[str] = field(default_factory=Counter)
    """Questions after a line that a person would have written down at once, by that line's kind."""
    lines: int = 0
    words: int = 0

    def add(self, other: Ledger) -> None:
        """The other's counts too."""
        self.meant += other.meant
        self.right += other.right
        self.wrong += other.wrong
        self.lost += other.lost
        self.aside += other.aside
        self.given_up += other.given_up
        self.questions += other.questions
        self.needless += other.needless
        self.lines += other.lines
        self.words += other.words


def loads(pallets: int, random: Random) -> list[Load]:
    """The pallets of a trailer."""
    first = random.randrange(100, 9000)
    numbers = random.sample(range(first, first + 5 * pallets), pallets)
    counts = (*range(2, 61), 72, 96, 120, 144)
    return [Load(str(number), random.choice(counts), random.choice("ABCDEFGH")) for number in numbers]


class Voice(Protocol):
    """How an operator says what he says."""

    ways: Mapping[str, int]
    """How he dictates a pallet, in percent."""

    def loads(self, pallets: int, random: Random) -> list[Load]:
        """What is on a trailer."""

    def sentence(self, load: Load, random: Random) -> str:
        """The whole of a load."""

    def utter(self, talk: Talk, line: str, kind: str, about: str, note: Callable[[str], None]) -> Iterator[Stepped]:
        """Say the line to the device, while it is about this pallet; `note` takes what is worth printing."""

    def is_misheard(self, pallet: str) -> bool:
        """Whether he knows that there is no such pallet."""


class Typed:
    """Words are taken as they are."""

    ways: Mapping[str, int] = SAID

    def loads(self, pallets: int, random: Random) -> list[Load]:
        """Any."""
        return loads(pallets, random)

    def sentence(self, load: Load, random: Random) -> str:
        """In any words."""
        return wording.sentence(load, random)

    def utter(self, talk: Talk, line: str, _kind: str, _about: str, _note: Callable[[str], None]) -> Iterator[Stepped]:
        """At once."""
        yield talk.say(line)

    def is_misheard(self, _pallet: str) -> bool:
        """Nothing is."""
        return False


class Trailer:
    """One trailer unloaded: the device's conversation with a journal of its own, and the operator's part in it."""

    def __init__(self, rules: Rules, directory: Path, random: Random, voice: Voice | None = None) -> None:
        """`directory` is for its journal; `random` decides all that happens; without a voice he types."""
        self._voice = voice or Typed()
        self._rules = rules
        self._directory = directory
        self._random = random
        self._render = partial(recorded, site="dock", device="dock-1")
        self._journal, self._talk = self._device()
        self.ledger = Ledger()
        self.said: list[str] = []
        """Both sides, to be printed where something went wrong."""
        self._held: Mapping[str, FieldValue] | None = None
        self._told: Mapping[str, FieldValue] = {}
        """The entry that was told last, of those on record."""
        self.aside: set[str] = set()
        """The pallets that were put aside for a person, as the operator was told."""
        self._about = ""
        self._before: list[Mapping[str, FieldValue]] = []
        """What he meant, so far."""
        self._misheard = False
        """He was asked to say the last thing again."""

    # -- the operator's day

    def unload(self, pallets: int = PALLETS) -> Ledger:
        """All of it. What stands in the journal afterwards is held against what was meant."""
        self._heard(self._talk.start())
        meant = self._voice.loads(pallets, self._random)
        whole: set[str] = set()
        for load in meant:
            self._before.append(load.fields())
            self.ledger.meant += 1
            if self._dictate(load):
                whole.add(load.pallet)
            self._between(load)
        self._wait_out()
        self.close_books(meant, whole)
        self._journal.close()
        return self.ledger

    def _dictate(self, load: Load) -> bool:
        """One pallet, until it is held right, on record, put aside or given up. Whether he thinks it is taken."""
        self._about = load.pallet
        slip = self._slip(load)
        match self._one_of(self._voice.ways):
            case "whole":
                self._say(self._voice.sentence(load, self._random), "plain")
            case "mended":
                self._say(wording.mended(slip, load, self._one_differing(slip, load), self._random), "mended")
            case "misread":
                self._say(wording.sentence(slip, self._random), "plain")
            case _:
                self._in_parts(load)
        return self._agree(load)

    def _slip(self, load: Load) -> Load:
        """The load with one thing misread."""
        match self._random.choice(("quantity", "dock")):
            case "quantity":
                return replace(load, quantity=load.quantity + self._random.choice((1, 2, 10)))
            case _:
                return replace(load, dock=self._random.choice([dock for dock in "ABCDEFGH" if dock != load.dock]))

    @staticmethod
    def _one_differing(slip: Load, load: Load) -> str:
        return wording.differing(slip.fields(), load)[0]

    def _in_parts(self, load: Load) -> None:
        """The label first, the count when it is counted, the dock when it is known."""
        for name in ("pallet_id", "quantity", "dock"):
            self._say(wording.mention(name, load, self._random), "part")

    def _agree(self, load: Load) -> bool:
        """The conversation about it, as long as there is one; whether it came to an end before he gave up."""
        for _ in range(PATIENCE):
            asked = self._question()
            if asked is not None:
                self._say(self._answer(asked, load), "answer")
            elif self._talk.state is State.PAUSED:
                self._say("resume", "command")
            elif self._talk.state is State.HELD and not self._misheard and not self._is_earlier(self._held or {}):
                differing = wording.differing(self._held or {}, load)
                if not differing:
                    self._over_a_right_readback(load)
                    return True
                self._say(self._correction(differing[0], load), "correction")
            elif not self._misheard and (self._stands(load) or load.pallet in self.aside):
                return True
            else:
                self._say(self._voice.sentence(load, self._random), "again")
        if self._talk.state is State.HELD and not wording.differing(self._held or {}, load):
            return True
        self._say("cancel", "cancel")
        self.ledger.given_up += 1
        return False

    def _over_a_right_readback(self, load: Load) -> None:
        match self._one_of(OVER_A_READBACK):
            case "silence":
                self._wait()
            case "courtesy":
                self._say(self._random.choice(wording.COURTESIES), "courtesy")
                self._say_what_it_asks(load)
            case "talk":
                self._say(wording.talk(load, self._random), "talk")
                self._settle(load)
            case _:
                return  # the next sentence commits it

    def _say_what_it_asks(self, load: Load) -> None:
        """Where he was not understood, he waits for what is asked then."""
        for _ in range(PATIENCE):
            if (asked := self._question()) is not None:
                self._say(self._answer(asked, load), "answer")
            elif self._misheard and self._talk.state is State.HELD:
                self._wait()
            else:
                return

    def _settle(self, load: Load) -> None:
        """After talk that the device may have taken for something: until nothing is open about this pallet."""
        for _ in range(PATIENCE):
            asked = self._question()
            if asked is None or self._random.random() < GOES_ON:
                return
            self._say(self._answer(asked, load), "answer")

    def _between(self, load: Load) -> None:
        """What happens between two pallets."""
        match self._one_of(BETWEEN):
            case "talk":
                self._wait_out()
                self._say(wording.talk(load, self._random), "talk")
                self._settle(load)
            case "talk of places":
                self._wait_out()
                other = replace(load, dock=self._random.choice("ABCDEFGH"))
                self._say(wording.talk_of_places(other, self._random), "talk of places")
                self._wait_out()
            case "power cut":
                self._restart()
                self._agree(load)
            case "pause":
                self._wait_out()
                self._say("pause", "command")
                self._say("resume", "command")
            case _:
                pass

    def _one_of(self, shares: Mapping[str, int]) -> str:
        return self._random.choices(list(shares), list(shares.values()))[0]

    # -- what he says to what he hears

    def _answer(self, asked: Question, load: Load) -> str:
        meant = load.fields()
        match asked.about:
            case About.FIELD | About.CHOICE:
                say = self._random.choice((wording.bare, wording.mention))
                return say(str(asked.field), load, self._random)
            case About.FIELD_RIGHT:
                right = asked.candidates[0] == meant.get(str(asked.field))
                return "yes" if right else f"no, {wording.mention(str(asked.field), load, self._random)}"
            case About.ENTRY_RIGHT:
                differing = [] if self._is_earlier(asked.fields) else wording.differing(asked.fields, load)
                return "yes" if not differing else self._correction(differing[0], load)
            case About.WRONG:
                differing = wording.differing(self._told, load)
                one = len(differing) == 1
                return wording.mention(differing[0], load, self._random) if one else "nothing"
            case _:
                return "no"

    def _correction(self, name: str, load: Load) -> str:
        cue = self._random.choice(("no", "correction", "no sorry", "no, wrong"))
        say = wording.bare if cue.startswith("no") and name == "quantity" else wording.mention
        return f"{cue}, {say(name, load, self._random)}"

    # -- the device

    def _question(self) -> Question | None:
        return self._talk.question

    def _say(self, line: str, kind: str) -> None:
        self.said.append(f"> {line}")
        self.ledger.lines += 1
        self.ledger.words += len(line.split())
        before = self._talk.question
        self._misheard = False
        for stepped in self._voice.utter(self._talk, line, kind, self._about, self.said.append):
            self._heard(stepped)
        after = self._talk.question
        if after is not None and after is not before:
            self.ledger.questions += 1
            if kind not in {"part", "talk of places"}:
                self.ledger.needless[kind] += 1

    def _wait(self) -> None:
        if self._talk.due is not None:
            self.said.append("> /wait")
            self._heard(self._talk.expire())

    def _wait_out(self) -> None:
        """Silence until the device waits for nothing more."""
        for _ in range(PATIENCE):
            if self._talk.due is None:
                return
            self._wait()

    def _heard(self, stepped: Stepped) -> None:
        for order in stepped.orders:
            if not isinstance(order, Say):
                continue
            self.said.append(f"    {order.prompt.value} {dict(order.fields)} {list(order.candidates)}")
            if order.prompt in {Prompt.READBACK, Prompt.READBACK_AMENDED, Prompt.CONFIRM_ENTRY}:
                self._held = order.fields
            if order.prompt is Prompt.LAST_ENTRY:
                self._told = order.fields
            self._misheard |= order.prompt is Prompt.REPEAT
            if order.prompt in {Prompt.PARKED, Prompt.PARKED_ENTRY, Prompt.DEFERRED}:
                named = str(order.fields.get("pallet_id", self._about))
                self.aside.add(self._about if self._voice.is_misheard(named) else named)
        if stepped.row is not None:
            self.said.append(f"    event {stepped.row.sequence}")

    def _device(self) -> tuple[Journal, Talk]:
        journal = Journal.open(self._directory)
        return journal, Talk(self._rules, journal, self._render, lambda: 0.0, Manner())

    def _restart(self) -> None:
        """The power fails and comes back."""
        self.said.append("> /restart")
        self._journal.close()
        self._journal, self._talk = self._device()
        self._heard(self._talk.start())

    # -- the scribe

    def _is_earlier(self, fields: Mapping[str, FieldValue]) -> bool:
        """Whether this is a pallet that he dictated before the one at hand, as he meant it."""
        return dict(fields) in self._before[:-1]

    def _stands(self, load: Load) -> bool:
        return load.fields() in self.recorded()

    def recorded(self) -> Sequence[Mapping[str, FieldValue]]:
        """The entries that stand."""
        entries = self._journal.queries.entries_standing(self._rules.form.name, BEGINNING, 10 * PALLETS)
        return [entry.fields for entry in entries]

    def close_books(self, loads: Sequence[Load], whole: set[str]) -> None:
        """Hold what stands in the journal against what was meant; `whole` are the pallets that were said whole."""
        recorded = self.recorded()
        meant = [load.fields() for load in loads]
        for fields in recorded:
            if fields in meant:
                meant.remove(next(one for one in meant if one == fields))
                self.ledger.right += 1
            else:
                self.ledger.wrong.append(str(dict(fields)))
        for left in meant:
            pallet = str(left["pallet_id"])
            if pallet in self.aside:
                self.ledger.aside += 1
            elif pallet in whole:
                self.ledger.lost.append(str(left))
