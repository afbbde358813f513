"""A typed conversation: the agent's dialogue, rules, parser and journal, without sound."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from dockvoice_protocol.forms.element_strings import SEPARATOR
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.scanned import AS_DELIVERED, END, ScannerFormat
from dockvoice_protocol.records import SCANNER, FieldValue, Reading, Receipt
from edge.agent.dialogue_driver import DialogueSteps, Render, StepResult, to_inventory_answer
from edge.agent.dictation import INTERRUPTED, needs_review_after_restart
from edge.agent.typed_input import parse_scan, parse_typed, scanned_utterance, typed_utterance
from edge.agree.decide import Circumstances, Rules, decide
from edge.agree.dialogue import table
from edge.agree.dialogue.interface import DialogueInput, StartTimer, StopTimer, TimerExpired, UtteranceHeard
from edge.agree.dialogue.machine import Dialogue, StepTrace
from edge.agree.dialogue.questions import Question, hold_if_accepted
from edge.agree.dialogue.session import DialogueSettings
from edge.agree.expectations import NOTHING_EXPECTED, Expectations
from edge.keep.journal import Journal
from edge.records import Acoustics, ClosedBy, Draft, Shift, Utterance

_TYPED_SCANNER = "typed at the desk"  # The name of a scanner that is none.

SCANNED = "]"  # How a line begins that a scanner typed: with AIM's identifier of the code.
_TYPED_SEPARATORS = ("<GS>", "\x1b[19~")  # How a separator comes to a terminal: as people type it, and F8.

logger = logging.getLogger(__name__)


def to_scanner_characters(line: str) -> str:
    """Convert the printed form of a scan to the characters that a scanner sends."""
    for separator in _TYPED_SEPARATORS:
        line = line.replace(separator, SEPARATOR)
    return line + END


class TypedConversation:
    """Runs the agent's dialogue on typed lines, over a journal of its own."""

    def __init__(
        self,
        rules: Rules,
        journal: Journal,
        render: Render,
        clock: Callable[[], float],
        settings: DialogueSettings | None = None,
        trace: Callable[[StepTrace], None] = lambda _: None,
        sending: ScannerFormat = AS_DELIVERED,
        forms: Sequence[Form] = (),
        expected: Callable[[], Expectations] = lambda: NOTHING_EXPECTED,
        shift: Callable[[], Shift | None] = lambda: None,
    ) -> None:
        """`clock` gives monotonic seconds for deadlines; `trace` is called with each step of the dialogue.

        `sending` is the scanner's setup; `forms` are those available, as for `Dialogue`; `expected` returns the
        expected lists, `shift` the site's current shift.
        """
        self._sending = sending
        self._expected = expected
        self._journal = journal
        self._clock = clock
        self._dialogue = Dialogue(rules, settings, trace, forms)
        self._conversation = DialogueSteps(self._dialogue, render, shift)
        self.latest = ""  # The latest utterance's id.
        self.due: float | None = None
        """When the dialogue wants to hear of its deadline; None while it waits for nothing."""

    @property
    def state(self) -> table.State:
        """The dialogue's state."""
        return self._dialogue.state

    @property
    def standing_values(self) -> Mapping[str, FieldValue | None]:
        """The standing values, which apply to all following entries."""
        return {name: one.value for name, one in self._dialogue.context.fields.items()}

    @property
    def rules(self) -> Rules:
        """The rules of the active form."""
        return self._dialogue.rules

    @property
    def question(self) -> Question | None:
        """The dialogue's current question."""
        return self._dialogue.question

    @property
    def open_draft(self) -> Draft | None:
        """The entry that is being dictated and not yet complete or confirmed."""
        return self._dialogue.draft

    @property
    def source_utterance_ids(self) -> frozenset[str]:
        """Ids of the utterances that the open drafts and the standing values come from."""
        draft, stands = self._dialogue.draft, self._dialogue.context.fields.values()
        own = () if draft is None else draft.utterances
        return frozenset((*own, *(name for one in stands for name in one.said_in)))

    def start(self) -> StepResult:
        """Resume open drafts from the journal; typed utterances left unread by a crash go to review."""
        for utterance in list(self._journal.queries.unread_utterances()):
            rules = self._dialogue.rules_of(utterance.form)
            if utterance.typed is not None and rules is not None:
                self._conclude_or_review_interrupted(utterance, rules)
        return self._apply_timers(self._conversation.start(self._journal))

    def say(self, text: str) -> StepResult:
        """Store the text as an utterance, then parse and handle it. Raises UnreadableInput if it is too long."""
        utterance = typed_utterance(self.rules.form.name, text)
        self._journal.store_utterance(utterance)
        return self._handle_utterance(utterance, self._read(utterance, self.rules))

    def scan(self, scan: str) -> StepResult:
        """Store the scanned characters as an utterance, then handle them."""
        utterance = scanned_utterance(self.rules.form.name, scan, _TYPED_SCANNER)
        self._journal.store_utterance(utterance)
        return self._handle_utterance(utterance, self._read(utterance, self.rules))

    def _read(self, utterance: Utterance, rules: Rules) -> Reading:
        if utterance.source == SCANNER:
            return parse_scan(utterance, rules, self._sending)
        return parse_typed(utterance.typed or "", rules)

    def handle_reading(
        self, reading: Reading, closing: ClosedBy = ClosedBy.PAUSE, acoustics: Acoustics | None = None
    ) -> StepResult:
        """Handle an utterance that already has a reading; `acoustics` if it was recorded."""
        utterance = typed_utterance(self.rules.form.name, closing=closing)
        self._journal.store_utterance(utterance)
        return self._handle_utterance(utterance, reading, acoustics)

    def _handle_utterance(
        self, utterance: Utterance, reading: Reading, acoustics: Acoustics | None = None
    ) -> StepResult:
        since = utterance.heard_at - timedelta(minutes=self.rules.site_policy.double_count_minutes)
        recent = self._journal.queries.standing_entry_fields(self.rules.form.name, since)
        known = Circumstances(acoustics, recent, self._expected())
        closing = utterance.segment.closing
        self.latest = utterance.utterance_id
        began = self._clock() if reading.is_scan else None
        return self.handle_event(UtteranceHeard(utterance.utterance_id, reading, closing, known, began))

    def _conclude_or_review_interrupted(self, utterance: Utterance, rules: Rules) -> None:
        """Conclude a stored utterance that was typed before the program was killed."""
        reading = self._read(utterance, rules)
        verdict = decide(reading, utterance.segment.closing, rules)
        if needs_review_after_restart(utterance, reading, verdict, agreed=True):
            logger.warning(
                "%s: typed before the interruption, and not concluded; it is under review", utterance.utterance_id
            )
            self._journal.put_under_review(utterance.utterance_id, reading, hold_if_accepted(verdict), INTERRUPTED)
        else:
            self._journal.conclude(utterance.utterance_id, reading, verdict)

    def expire_deadline(self) -> StepResult:
        """Process the dialogue's deadline as if its time had passed."""
        self.due = None
        return self.handle_event(TimerExpired())

    def handle_receipt(self, receipt: Receipt) -> StepResult:
        """Process the inventory's receipt for an event."""
        self._journal.outbox.settle(receipt.event_id, receipt)
        return self.handle_event(to_inventory_answer(self._journal, receipt))

    def handle_event(self, happening: DialogueInput) -> StepResult:
        """Process one event in the dialogue, after a change of shift if one is due."""
        began = self._conversation.detect_new_shift()
        shift_orders = () if began is None else self._step(began).orders
        stepped = self._step(happening)
        return replace(stepped, orders=(*shift_orders, *stepped.orders))

    def _step(self, happening: DialogueInput) -> StepResult:
        self._conversation.preload(self._journal, happening)
        return self._apply_timers(self._conversation.store(self._journal, self._conversation.plan(happening)))

    def _apply_timers(self, stepped: StepResult) -> StepResult:
        for order in stepped.orders:
            match order:
                case StartTimer(seconds):
                    self.due = self._clock() + seconds
                case StopTimer():
                    self.due = None
                case _:
                    pass
        return stepped
