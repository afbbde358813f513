"""The operator's part in a conversation with the device, whatever form he fills: what he says to what he hears.

The operator knows what he means and what the device said. The ledger is the scribe's: what was meant, and whether it
was ever said whole.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Generic, Protocol, TypeVar

from edge.agent.dialogue_steps import Stepped
from edge.agree.decide import Rules
from edge.agree.dialogue.orders import Prompt, Say
from edge.agree.dialogue.questions import About, Question
from edge.agree.dialogue.session import Manner
from edge.agree.dialogue.table import State
from edge.agree.expectations import NOTHING_EXPECTED, Expectations
from edge.deliver.events import recorded
from edge.keep.journal import Journal
from edge.records import FieldValue
from lab.desk import Talk

SITE, DEVICE = "dock", "dock-1"

PALLETS = 40
"""A trailer's, on two rows of twenty: what is usual."""

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""Before everything in a journal."""

OVER_A_READBACK = {"silence": 45, "the next pallet": 25, "courtesy": 20, "talk": 10}
"""What follows a readback that is right."""

GOES_ON = 0.4
"""The share of questions about his talk that an operator does not answer: he has not noticed that he was heard."""

PATIENCE = 6
"""So often an operator answers about one pallet before he gives up and writes it on paper."""

COURTESIES = (
    "okay", "thanks", "thank you", "good", "copy that", "got it", "yes thanks", "right", "that's right", "cheers",
    "okay thanks", "perfect", "yep", "yes", "great", "that's correct", "fine",
)  # fmt: skip
"""What is said over a readback that is right; a hearer takes none of it for an objection."""


class Meant(Protocol):
    """What somebody means of one pallet."""

    @property
    def pallet(self) -> str:
        """Its number."""

    def fields(self) -> Mapping[str, FieldValue]:
        """As it is to go on record."""


L = TypeVar("L", bound=Meant)


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


@dataclass(frozen=True, slots=True)
class Line:
    """What the operator said."""

    text: str
    kind: str
    first: bool  # Of a pallet.


class Utter(Protocol):
    """How a line of his reaches the device."""

    def utter(self, talk: Talk, line: str, kind: str, about: str, note: Callable[[str], None]) -> Iterator[Stepped]:
        """Say the line to the device, while it is about this pallet; `note` takes what is worth printing."""

    def is_misheard(self, pallet: str) -> bool:
        """Whether he knows that there is no such pallet."""


class Operator(ABC, Generic[L]):
    """One conversation with a device that has a journal of its own, and the operator's part in it."""

    unasked: frozenset[str] = frozenset({"part", "talk of places"})
    """Kinds of lines that a careful hearer asks about."""

    def __init__(self, rules: Rules, directory: Path, random: Random, mouth: Utter) -> None:
        """`directory` is for its journal; `random` decides all that happens."""
        self._mouth = mouth
        self._rules = rules
        self._directory = directory
        self._random = random
        self._render = partial(recorded, site=SITE, device=DEVICE)
        self._expected = NOTHING_EXPECTED
        self._journal, self._talk = self._device()
        self.ledger = Ledger()
        self.said: list[str] = []
        """Both sides, to be printed where something went wrong."""
        self.turns: list[Line | Say] = []
        """Both sides, to be timed."""
        self._held: Mapping[str, FieldValue] | None = None
        self._told: Mapping[str, FieldValue] = {}
        """The entry that was told last, of those on record."""
        self.aside: set[str] = set()
        """The pallets that were put aside for a person, as the operator was told."""
        self._about = ""
        self._begins = True
        self._before: list[Mapping[str, FieldValue]] = []
        """What he meant, so far."""
        self._misheard = False
        """He was asked to say the last thing again."""

    # -- in which words

    @abstractmethod
    def sentence(self, load: L) -> str:
        """The whole of a load."""

    @abstractmethod
    def mention(self, name: str, load: L) -> str:
        """One field of it."""

    @abstractmethod
    def bare(self, name: str, load: L) -> str:
        """The value of a field alone."""

    @abstractmethod
    def chat(self, load: L) -> str:
        """Something to a colleague."""

    @staticmethod
    def differing(fields: Mapping[str, FieldValue], load: L) -> Sequence[str]:
        """The fields in which what was understood is not what was meant."""
        return [name for name, value in load.fields().items() if fields.get(name) != value]

    def is_to_be_asked(self, _asked: Question) -> bool:
        """Whether a careful person would ask this, too."""
        return False

    # -- what he does

    def _turn_to(self, load: L) -> None:
        """He stands before the next pallet."""
        self._about, self._begins = load.pallet, True

    def _agree(self, load: L) -> bool:
        """The conversation about it, as long as there is one; whether it came to an end before he gave up."""
        for _ in range(PATIENCE):
            asked = self._question()
            if asked is not None:
                self._say(self._answer(asked, load), "answer")
            elif self._talk.state is State.PAUSED:
                self._say("resume", "command")
            elif self._talk.state is State.HELD and not self._misheard and not self._is_earlier(self._held or {}):
                differing = self.differing(self._held or {}, load)
                if not differing:
                    self._over_a_right_readback(load)
                    return True
                self._say(self._correction(differing[0], load), "correction")
            elif not self._misheard and (self._stands(load) or load.pallet in self.aside):
                return True
            else:
                self._say(self.sentence(load), "again")
        if self._talk.state is State.HELD and not self.differing(self._held or {}, load):
            return True
        self._say("cancel", "cancel")
        self.ledger.given_up += 1
        return False

    def _over_a_right_readback(self, load: L) -> None:
        match self._one_of(OVER_A_READBACK):
            case "silence":
                self._wait()
            case "courtesy":
                self._say(self._random.choice(COURTESIES), "courtesy")
                self._say_what_it_asks(load)
            case "talk":
                self._say(self.chat(load), "talk")
                self._settle(load)
            case _:
                return  # the next sentence commits it

    def _say_what_it_asks(self, load: L) -> None:
        """Where he was not understood, he waits for what is asked then."""
        for _ in range(PATIENCE):
            if (asked := self._question()) is not None:
                self._say(self._answer(asked, load), "answer")
            elif self._misheard and self._talk.state is State.HELD:
                self._wait()
            else:
                return

    def _settle(self, load: L) -> None:
        """After talk that the device may have taken for something: until nothing is open about this pallet."""
        for _ in range(PATIENCE):
            asked = self._question()
            if asked is None or self._random.random() < GOES_ON:
                return
            self._say(self._answer(asked, load), "answer")

    def _one_of(self, shares: Mapping[str, int]) -> str:
        return self._random.choices(list(shares), list(shares.values()))[0]

    # -- what he says to what he hears

    def _answer(self, asked: Question, load: L) -> str:
        meant = load.fields()
        match asked.about:
            case About.FIELD | About.CHOICE:
                say = self._random.choice((self.bare, self.mention))
                return say(str(asked.field), load)
            case About.FIELD_RIGHT:
                right = asked.candidates[0] == meant.get(str(asked.field))
                return "yes" if right else f"no, {self.mention(str(asked.field), load)}"
            case About.ENTRY_RIGHT:
                differing = [] if self._is_earlier(asked.fields) else self.differing(asked.fields, load)
                return "yes" if not differing else self._correction(differing[0], load)
            case About.WRONG:
                differing = self.differing(self._told, load)
                return self.mention(differing[0], load) if len(differing) == 1 else "nothing"
            case _:
                return "no"

    def _correction(self, name: str, load: L) -> str:
        cue = self._random.choice(("no", "correction", "no sorry", "no, wrong"))
        say = self.bare if cue.startswith("no") and name == "quantity" else self.mention
        return f"{cue}, {say(name, load)}"

    # -- the device

    def _question(self) -> Question | None:
        return self._talk.question

    def _say(self, line: str, kind: str) -> None:
        self.said.append(f"> {line}")
        self.turns.append(Line(line, kind, self._begins))
        self._begins = False
        self.ledger.lines += 1
        self.ledger.words += len(line.split())
        before = self._talk.question
        self._misheard = False
        for stepped in self._mouth.utter(self._talk, line, kind, self._about, self.said.append):
            self._heard(stepped)
        after = self._talk.question
        if after is not None and after is not before:
            self.ledger.questions += 1
            if kind not in self.unasked and not self.is_to_be_asked(after):
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
            self.turns.append(order)
            if order.prompt in {Prompt.READBACK, Prompt.READBACK_AMENDED, Prompt.CONFIRM_ENTRY}:
                self._held = order.fields
            if order.prompt is Prompt.LAST_ENTRY:
                self._told = order.fields
            self._misheard |= order.prompt is Prompt.REPEAT
            if order.prompt in {Prompt.PARKED, Prompt.PARKED_ENTRY, Prompt.DEFERRED}:
                named = str(order.fields.get("pallet_id", self._about))
                self.aside.add(self._about if self._mouth.is_misheard(named) else named)
        if stepped.row is not None:
            self.said.append(f"    event {stepped.row.sequence}")

    def _device(self) -> tuple[Journal, Talk]:
        journal = Journal.open(self._directory)
        return journal, Talk(self._rules, journal, self._render, lambda: 0.0, Manner(), expected=self._at_hand)

    def _at_hand(self) -> Expectations:
        """What is announced now."""
        return self._expected

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

    def _stands(self, load: L) -> bool:
        return load.fields() in self.recorded()

    def recorded(self) -> Sequence[Mapping[str, FieldValue]]:
        """The entries that stand."""
        entries = self._journal.queries.entries_standing(self._rules.form.name, BEGINNING, 10 * PALLETS)
        return [entry.fields for entry in entries]

    def close_books(self, loads: Sequence[L], whole: set[str]) -> None:
        """Hold what stands on record against what was meant; `whole` are the pallets that were said whole."""
        meant = [load.fields() for load in loads]
        for fields in self.recorded():
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
