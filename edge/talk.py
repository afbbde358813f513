"""The conversation as text: what the operator would say is typed, what the device would say is shown.

The dialogue, the decision, the forms' reader and the journal are those of the agent; only ears and voice are missing.
In the place of a recording, each utterance has a tenth of a second of silence.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import uuid_utils

from edge.agree.decide import Rules, decide
from edge.agree.dialogue import Dialogue
from edge.agree.happenings import Answered, Deadline, Happening, Heard
from edge.agree.orders import StartTimer, StopTimer
from edge.agree.states import State
from edge.agree.telling import Manner
from edge.conversation import Conversation, Render, Stepped
from edge.forms.spoken import read_transcript
from edge.keep.journal import Journal
from edge.records import SAMPLE_BYTES, SAMPLE_RATE, Closing, Reading, Receipt, Segment, Utterance, Word
from edge.understand.proposal import proposed

KEYBOARD = "keyboard"
"""The source of what was typed, as it goes on record."""

SILENCE = bytes(SAMPLE_RATE // 10 * SAMPLE_BYTES)

WORD_S = 0.3
"""How long a typed word counts as having been spoken."""


class Talk:
    """One conversation at the desk, over a journal of its own."""

    def __init__(
        self, rules: Rules, journal: Journal, render: Render, clock: Callable[[], float], manner: Manner | None = None
    ) -> None:
        """`clock` gives the seconds that deadlines are counted in."""
        self.rules = rules
        self._journal = journal
        self._clock = clock
        self._conversation = Conversation(Dialogue(rules, manner), render)
        self.due: float | None = None
        """When the dialogue wants to hear of its deadline; None while it waits for nothing."""

    @property
    def state(self) -> State:
        """Where the dialogue stands."""
        return self._conversation.state

    def start(self) -> Stepped:
        """Take up what is open in the journal."""
        return self._timed(self._conversation.start(self._journal))

    def say(self, text: str) -> Stepped:
        """The operator says it."""
        return self.hear(typed(text, self.rules))

    def hear(self, reading: Reading, closing: Closing = Closing.PAUSE) -> Stepped:
        """The operator said what makes this reading."""
        utterance = _silent(self.rules.form.name, closing)
        self._journal.begin(utterance)
        return self.tell(Heard(utterance.utterance_id, reading, decide(reading, closing, self.rules), closing))

    def expire(self) -> Stepped:
        """The deadline is reached."""
        self.due = None
        return self.tell(Deadline())

    def answer(self, receipt: Receipt) -> Stepped:
        """The inventory answers an event."""
        self._journal.settle(receipt.event_id, receipt)
        entry = next((entry for entry in self._journal.entries(_ALL) if entry.event_id == receipt.event_id), None)
        fields = {} if entry is None else entry.fields
        return self.tell(Answered(receipt.event_id, receipt.outcome, receipt.reasons, fields))

    def tell(self, happening: Happening) -> Stepped:
        """Something happens."""
        return self._timed(self._conversation.record(self._journal, self._conversation.plan(happening)))

    def _timed(self, stepped: Stepped) -> Stepped:
        for order in stepped.orders:
            match order:
                case StartTimer(seconds):
                    self.due = self._clock() + seconds
                case StopTimer():
                    self.due = None
                case _:
                    pass
        return stepped


def typed(text: str, rules: Rules) -> Reading:
    """What a typed line says, in words or figures."""
    pieces = [piece.strip('.,;:!?"') for piece in text.lower().split()]
    words = [
        Word(piece, number * WORD_S, (number + 1) * WORD_S, 1.0) for number, piece in enumerate(filter(None, pieces))
    ]
    return proposed(KEYBOARD, rules.form, words, read_transcript(text, rules.form, rules.catalogue))


_ALL = 1_000_000
"""More entries than anybody types."""


def _silent(form: str, closing: Closing) -> Utterance:
    samples = len(SILENCE) // SAMPLE_BYTES
    segment = Segment(0, 0, samples, samples, closing, SILENCE)
    return Utterance(str(uuid_utils.uuid7()), form, KEYBOARD, datetime.now(UTC), segment)
