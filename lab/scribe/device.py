"""A simulated operator's view of the device: sends lines to it, and counts lines, questions and outcomes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from dockvoice_protocol.records import FieldValue, Receipt
from edge.agent.dialogue_driver import StepResult
from edge.agree.decide import Rules
from edge.agree.dialogue.questions import Question
from edge.agree.dialogue.session import DialogueSettings
from edge.agree.dialogue.table import State
from edge.agree.expectations import NOTHING_EXPECTED
from edge.deliver.device_events import entry_event
from edge.keep.journal import Journal
from edge.records.speech import Prompt, Say
from lab.typed_conversation import TypedConversation

SITE, DEVICE = "dock", "dock-1"

PALLETS = 40  # Pallets of a usual trailer: two rows of twenty.

_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)  # Before everything in a journal.

PATIENCE = 6  # Answers about one pallet before the operator gives up and writes it on paper.


@dataclass
class Outcomes:
    """Counts of the outcomes of the intended entries."""

    meant: int = 0
    right: int = 0
    wrong: list[str] = field(default_factory=list)  # Recorded with a wrong value, twice, or unintended.
    lost: list[str] = field(default_factory=list)  # Dictated completely, but neither recorded nor announced as parked.
    aside: int = 0  # Parked, and announced to the operator.
    given_up: int = 0  # Never accepted although the operator repeated it.
    questions: int = 0
    needless: Counter[str] = field(default_factory=Counter)
    """Questions after lines that a person would have understood, by the kind of line."""
    lines: int = 0
    words: int = 0

    def add(self, other: Outcomes) -> None:
        """Add the other ledger's counts."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


@dataclass(frozen=True, slots=True)
class OperatorLine:
    """A line said by the operator."""

    text: str
    kind: str
    first: bool  # Of a pallet.


READ_BACK = frozenset(
    {
        Prompt.READBACK,
        Prompt.READBACK_ALONE,
        Prompt.READBACK_STANDING,
        Prompt.READBACK_AMENDED,
        Prompt.CONFIRM_ENTRY,
        Prompt.STANDING,
        Prompt.STANDING_ANEW,
    }
)
"""Prompts with the values that will be recorded, or will stand."""


class SpeechChannel(Protocol):
    """Carries the operator's lines to the device: typed, misheard at random, or as sound."""

    def send(
        self, talk: TypedConversation, line: str, kind: str, about: str, note: Callable[[str], None]
    ) -> Iterator[StepResult]:
        """Send a line about a pallet to the device; `note` receives lines to print."""

    def is_nonexistent_pallet(self, pallet: str) -> bool:
        """Whether the operator can tell that the pallet read back does not exist."""


class TypedDevice:
    """The agent's dialogue on a journal of its own, with the operator's lines and prompts counted."""

    def __init__(
        self, rules: Rules, directory: Path, mouth: SpeechChannel, settings: DialogueSettings | None = None
    ) -> None:
        """`directory` is for its journal."""
        self._rules = rules
        self._directory = directory
        self._mouth = mouth
        self._settings = settings or DialogueSettings()
        self._render = partial(entry_event, site=SITE, device=DEVICE)
        self.expected = NOTHING_EXPECTED  # The current expected list.
        self.journal, self._talk = self._open_conversation()
        self.ledger = Outcomes()
        self.said: list[str] = []  # Both sides, to be printed where something went wrong.
        self.turns: list[OperatorLine | Say] = []  # Both sides, to be timed.
        self.held: Mapping[str, FieldValue] = {}  # The entry that was read back last.
        self.last_announced: Mapping[str, FieldValue] = {}  # The last announced entry, of those recorded.
        self.aside: set[str] = set()  # The pallets announced as parked in review.
        self.misheard = False  # The device asked to repeat the last line.
        self._about = ""
        self._begins = True

    @property
    def question(self) -> Question | None:
        """The dialogue's current question."""
        return self._talk.question

    @property
    def state(self) -> State:
        """The dialogue's state."""
        return self._talk.state

    @property
    def _is_timeout_running(self) -> bool:
        """Whether a timeout of the dialogue is running."""
        return self._talk.due is not None

    def begin_pallet(self, pallet: str) -> None:
        """Attribute the following lines to this pallet."""
        self._about, self._begins = pallet, True

    def start(self) -> None:
        """Start the device."""
        self.note_prompts(self._talk.start())

    def say(self, line: str, kind: str, is_needed_question: Callable[[Question], bool] = lambda _: False) -> None:
        """Send a line; a question in reply counts as needless unless `is_needed_question` accepts it."""
        self.said.append(f"> {line}")
        self.turns.append(OperatorLine(line, kind, self._begins))
        self._begins = False
        self.ledger.lines += 1
        self.ledger.words += len(line.split())
        before = self.question
        self.misheard = False
        for stepped in self._mouth.send(self._talk, line, kind, self._about, self.said.append):
            self.note_prompts(stepped)
        after = self.question
        if after is not None and after is not before:
            self.ledger.questions += 1
            if not is_needed_question(after):
                self.ledger.needless[kind] += 1

    def expire_timeout(self) -> None:
        """Let the dialogue's timeout expire, if one is running."""
        if self._is_timeout_running:
            self.said.append("> /wait")
            self.note_prompts(self._talk.expire_deadline())

    def expire_timeouts(self) -> None:
        """Let timeouts expire until none is running."""
        for _ in range(PATIENCE):
            if not self._is_timeout_running:
                return
            self.expire_timeout()

    def handle_receipt(self, receipt: Receipt) -> None:
        """Pass the inventory's receipt to the device."""
        self.note_prompts(self._talk.handle_receipt(receipt))

    def note_prompts(self, stepped: StepResult) -> None:
        """Log the device's prompts; note what was read back, announced, parked or not understood."""
        for order in stepped.orders:
            if not isinstance(order, Say):
                continue
            self.said.append(f"    {order.prompt.value} {dict(order.fields)} {list(order.candidates)}")
            self.turns.append(order)
            if order.prompt in READ_BACK:
                self.held = order.fields
            if order.prompt is Prompt.LAST_ENTRY:
                self.last_announced = order.fields
            self.misheard |= order.prompt is Prompt.REPEAT
            if order.prompt in {Prompt.PARKED, Prompt.PARKED_ENTRY, Prompt.DEFERRED}:
                named = str(order.fields.get("pallet_id", self._about))
                self.aside.add(self._about if self._mouth.is_nonexistent_pallet(named) else named)
        if stepped.row is not None:
            self.said.append(f"    event {stepped.row.sequence}")

    def restart(self) -> None:
        """Simulate a power failure: reopen the journal and resume."""
        self.said.append("> /restart")
        self.journal.close()
        self.journal, self._talk = self._open_conversation()
        self.start()

    def recorded_entries(self) -> Sequence[Mapping[str, FieldValue]]:
        """The current entries of its journal."""
        entries = self.journal.queries.standing_kept_entries(self._rules.form.name, _BEGINNING, 10 * PALLETS)
        return [entry.fields for entry in entries]

    def _open_conversation(self) -> tuple[Journal, TypedConversation]:
        journal = Journal.open(self._directory)
        return journal, TypedConversation(
            self._rules, journal, self._render, lambda: 0.0, self._settings, expected=lambda: self.expected
        )
