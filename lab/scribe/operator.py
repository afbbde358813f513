"""The simulated operator's reactions to the device's prompts, for any form.

The operator knows the intended entries and the prompts only. The ledger counts whether each entry was ever dictated
completely, and its outcome.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from random import Random
from typing import Generic, Protocol, TypeVar

from dockvoice_protocol.records import FieldValue
from edge.agree.dialogue.questions import Question, Topic
from edge.agree.dialogue.table import State
from lab.scribe.device import PATIENCE, TypedDevice

_OVER_A_READBACK = {"silence": 45, "the next pallet": 25, "courtesy": 20, "talk": 10}
"""Reactions to a correct readback, in %."""

_GOES_ON = 0.4  # Share of questions about overheard chat that the operator ignores.

_COURTESIES = (
    "okay", "thanks", "thank you", "good", "copy that", "got it", "yes thanks", "right", "that's right", "cheers",
    "okay thanks", "perfect", "yep", "yes", "great", "that's correct", "fine",
)  # fmt: skip
"""Polite replies to a correct readback, none of which objects to it."""


class _IntendedEntry(Protocol):
    """An intended entry about one pallet."""

    @property
    def pallet(self) -> str:
        """The pallet's number."""

    def fields(self) -> Mapping[str, FieldValue]:
        """The fields that a right entry has."""


L = TypeVar("L", bound=_IntendedEntry)


class Wording(ABC, Generic[L]):
    """Words the operator's lines."""

    @abstractmethod
    def sentence(self, load: L) -> str:
        """Word a whole entry."""

    @abstractmethod
    def labelled(self, name: str, load: L) -> str:
        """Word one field with its label."""

    @abstractmethod
    def bare_value(self, name: str, load: L) -> str:
        """Word the value of a field alone."""

    @abstractmethod
    def chat(self, load: L) -> str:
        """Word a remark to a colleague."""


class ScriptedOperator(Generic[L]):
    """Holds the operator's side of a conversation with a simulated device."""

    unasked: frozenset[str] = frozenset({"part", "talk of places"})
    """Kinds of lines about which a careful listener would ask."""

    def __init__(self, device: TypedDevice, words: Wording[L], random: Random) -> None:
        """`random` draws all decisions."""
        self.device = device
        self.ledger = device.ledger
        self._words = words
        self._random = random
        self._before: list[L] = []  # The intended entries so far.

    def wrong_fields(self, fields: Mapping[str, FieldValue], load: L) -> Sequence[str]:
        """Names of the fields whose values differ from the intended ones."""
        return [name for name, value in load.fields().items() if fields.get(name) != value]

    def is_needed_question(self, _asked: Question) -> bool:
        """Whether a careful listener would ask this question too."""
        return False

    # -- actions

    def _say(self, line: str, kind: str) -> None:
        self.device.say(line, kind, lambda asked: kind in self.unasked or self.is_needed_question(asked))

    def _answer_until_settled(self, load: L) -> bool:
        """Answer until the entry is settled; return False if the operator gave up."""
        for _ in range(PATIENCE):
            question = self.device.question
            if question is not None:
                self._say(self._answer(question, load), "answer")
            elif self.device.state is State.PAUSED:
                self._say("resume", "command")
            elif self._is_read_back():
                differing = self.wrong_fields(self.device.held, load)
                if not differing:
                    self._react_to_right_readback(load)
                    return True
                self._say(self._correction(differing[0], load), "correction")
            elif not self.device.misheard and (self._is_recorded(load) or load.pallet in self.device.aside):
                return True
            else:
                self._say(self._words.sentence(load), "again")
        if self.device.state is State.HELD and not self.wrong_fields(self.device.held, load):
            return True
        self._say("cancel", "cancel")
        self.ledger.given_up += 1
        return False

    def _is_read_back(self) -> bool:
        held = self.device.state is State.HELD and not self.device.misheard
        return held and not self._is_earlier(self.device.held)

    def _react_to_right_readback(self, load: L) -> None:
        match self._draw(_OVER_A_READBACK):
            case "silence":
                self.device.expire_timeout()
            case "courtesy":
                self._say(self._random.choice(_COURTESIES), "courtesy")
                self._answer_after_misunderstanding(load)
            case "talk":
                self._say(self._words.chat(load), "talk")
                self._answer_after_chat(load)
            case _:
                return  # the next sentence commits it

    def _answer_after_misunderstanding(self, load: L) -> None:
        """After a line that was not understood: wait for the question and answer it."""
        for _ in range(PATIENCE):
            if (question := self.device.question) is not None:
                self._say(self._answer(question, load), "answer")
            elif self.device.misheard and self.device.state is State.HELD:
                self.device.expire_timeout()
            else:
                return

    def _answer_after_chat(self, load: L) -> None:
        """After chat that the device may have taken for input: answer or ignore its questions."""
        for _ in range(PATIENCE):
            question = self.device.question
            if question is None or self._random.random() < _GOES_ON:
                return
            self._say(self._answer(question, load), "answer")

    def _play_event(self, event: str, load: L) -> None:
        """Simulate what both kinds of shifts have between two pallets: chat, a power cut, a pause; else nothing."""
        match event:
            case "talk":
                self.device.expire_timeouts()
                self._say(self._words.chat(load), "talk")
                self._answer_after_chat(load)
            case "power cut":
                self.device.restart()
                self._answer_until_settled(load)
            case "pause":
                self.device.expire_timeouts()
                self._say("pause", "command")
                self._say("resume", "command")
            case _:
                pass

    def _draw(self, shares: Mapping[str, int]) -> str:
        return self._random.choices(list(shares), list(shares.values()))[0]

    # -- reactions

    def _answer(self, question: Question, load: L) -> str:
        meant = load.fields()
        match question.about:
            case Topic.FIELD | Topic.CHOICE:
                say = self._random.choice((self._words.bare_value, self._words.labelled))
                return say(str(question.field), load)
            case Topic.FIELD_RIGHT:
                right = question.candidates[0] == meant.get(str(question.field))
                return "yes" if right else f"no, {self._words.labelled(str(question.field), load)}"
            case Topic.ENTRY_RIGHT:
                differing = [] if self._is_earlier(question.fields) else self.wrong_fields(question.fields, load)
                return "yes" if not differing else self._correction(differing[0], load)
            case Topic.WRONG:
                differing = self.wrong_fields(self.device.last_announced, load)
                return self._words.labelled(differing[0], load) if len(differing) == 1 else "nothing"
            case _:
                return "no"

    def _correction(self, name: str, load: L) -> str:
        cue = self._random.choice(("no", "correction", "no sorry", "no, wrong"))
        say = self._words.bare_value if cue.startswith("no") and name == "quantity" else self._words.labelled
        return f"{cue}, {say(name, load)}"

    # -- the scribe

    def _is_earlier(self, fields: Mapping[str, FieldValue]) -> bool:
        """Whether the fields are an earlier pallet's intended ones."""
        return bool(fields) and any(not self.wrong_fields(fields, one) for one in self._before[:-1])

    def _is_recorded(self, load: L) -> bool:
        return load.fields() in self.device.recorded_entries()

    def recorded_entries(self) -> Sequence[Mapping[str, FieldValue]]:
        """The recorded entries."""
        return self.device.recorded_entries()

    def count_outcomes(self, loads: Sequence[L], whole: set[str]) -> None:
        """Count outcomes of the intended entries; `whole` are the pallets dictated completely."""
        meant = [load.fields() for load in loads]
        for fields in self.recorded_entries():
            if fields in meant:
                meant.remove(next(one for one in meant if one == fields))
                self.ledger.right += 1
            else:
                self.ledger.wrong.append(str(dict(fields)))
        for left in meant:
            pallet = str(left["pallet_id"])
            if pallet in self.device.aside:
                self.ledger.aside += 1
            elif pallet in whole:
                self.ledger.lost.append(str(left))
