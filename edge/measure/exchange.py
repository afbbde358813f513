"""The device's side of one conversation, as an operator hears it: the dialogue of the product, driven without a clock.

What the dialogue wants committed counts as the entry: nothing of it is put into the scratch journal, in which each
utterance stands by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge.agree.decide import Circumstances
from edge.agree.dialogue import Dialogue
from edge.agree.happenings import Committed, Deadline, Happening, Heard
from edge.agree.orders import Commit, Order, Park, Say
from edge.agree.phrasing import Phrasing
from edge.agree.prompts import Prompt
from edge.agree.questions import Question
from edge.agree.states import State
from edge.agree.voices.espeak import WORDS_PER_MINUTE
from edge.hear.acoustics import measured
from edge.records import Act, Draft, FieldValue, LastEntry, Outcome
from edge.told import Decided

EARCON_S = 0.3
"""The sound that says "recorded", "heard" or "say again"."""

READBACKS = frozenset({Prompt.READBACK, Prompt.READBACK_AMENDED, Prompt.CONFIRM_ENTRY})
"""Prompts in which an operator hears the whole entry."""


class Exchange:
    """One conversation, from the first utterance until an entry stands or is given up."""

    def __init__(self, dialogue: Dialogue, phrasing: Phrasing) -> None:
        """`dialogue` is fresh: nothing is open in it."""
        self._dialogue = dialogue
        self._phrasing = phrasing
        self.entries: list[Mapping[str, FieldValue]] = []
        """What stands, in order: an entry that was amended or cancelled does not."""
        self.parked = False
        """Something was put aside for a person."""
        self.read_back: Mapping[str, FieldValue] = {}
        """The entry as it was told last."""
        self.told_s = 0.0
        """How long the device was heard, in seconds."""

    @property
    def question(self) -> Question | None:
        """What is asked now."""
        return self._dialogue.question

    @property
    def held(self) -> bool:
        """Whether an entry was read back, and is committed unless something is said against it."""
        return self._dialogue.state is State.HELD

    def hear(self, heard: Decided) -> None:
        """Let the device answer what it heard."""
        segment = heard.utterance.segment
        known = Circumstances(measured(segment))
        self.parked = self.parked or heard.verdict.outcome is Outcome.DEFER
        self._tell(Heard(heard.utterance.utterance_id, heard.reading, heard.verdict, segment.closing, known))

    def leave(self) -> None:
        """Say nothing against what is held. Nobody waits for that: the next sentence commits it as well."""
        told_s = self.told_s
        self._tell(Deadline())
        self.told_s = told_s

    def _tell(self, happening: Happening) -> None:
        orders = self._dialogue.take(happening)
        self.told_s += self._seconds(orders)
        for order in orders:
            match order:
                case Commit(draft, verdict):
                    self._commit(draft, verdict.fields)
                case Park():
                    self.parked = True
                case Say(prompt, fields) if prompt in READBACKS:
                    self.read_back = fields
                case _:
                    pass

    def _commit(self, draft: Draft, fields: Mapping[str, FieldValue]) -> None:
        if draft.act is not Act.RECORD:
            self.entries.pop()
        if draft.act is not Act.CANCEL:
            self.entries.append(fields)
        self._dialogue.take(Committed(LastEntry(draft.utterance_id, draft, fields)))

    def _seconds(self, orders: Sequence[Order]) -> float:
        """Words at the device's pace; where it says none, an earcon."""
        words = sum(len(self._phrasing.text(order).split()) for order in orders if isinstance(order, Say))
        return words * 60 / WORDS_PER_MINUTE or EARCON_S
