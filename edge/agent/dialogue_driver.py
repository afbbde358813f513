"""The dialogue driver: runs the dialogue beside dictation, with its timers, one event at a time.

`run_step` waits for an event's result, `post` queues one. While the disk is full, the dialogue is blocked: whatever it
announces to the operator must be stored first.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import Operator
from edge.agent.dialogue_steps import DialogueSteps, Render, Stepped, model_prompt_state
from edge.agree.dialogue.events import Deadline, Happening, OfficeDecided, OfficeDecision, SpeechBegan, UtteranceHeard
from edge.agree.dialogue.machine import Dialogue
from edge.agree.dialogue.orders import StartTimer, StopTimer
from edge.agree.dialogue.questions import Question
from edge.agree.dialogue.table import State
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.keep.storage import DiskFull
from edge.records import NOTHING_STANDS, Draft, Note, OutboxRow, Park, Shift, StandingContext, Verdict, Work
from edge.records.speech import Adjust, Hush, Prompt, Say, Sound
from edge.understand.llm.prompt import PromptState

T = TypeVar("T")

log = logging.getLogger(__name__)
STEPS = logging.getLogger("dockvoice.dialogue")
"""Logs each step of the dialogue at level INFO; `dockvoice run --trace` shows them."""

LONGEST_S = 60.0
"""The longest time by which speech in progress postpones a timeout: twice the longest utterance of the usual settings.
Endless noise must not postpone it for ever."""

MOST_REPEATS = 3  # Repeats of a prompt that a noise cut off; in a loud place every repeat would be cut off too.

_WORDS = frozenset(
    {
        Prompt.OFFICE_RECORDED,
        Prompt.OFFICE_CORRECTED,
        Prompt.OFFICE_DROPPED,
        Prompt.OFFICE_DROPPED_ONE,
        Prompt.DECLINED,
    }
)
"""Prompts that announce decisions made by another person; one prompt announces all that are pending."""

LOOK_S = 0.1  # Poll interval of the timers; too short to notice.
Audible = Say | Sound | Hush | Adjust  # Orders for the voice output.


@dataclass(frozen=True, slots=True)
class Stands:
    """The dialogue's state after a step, for displays."""

    state: State
    draft: Draft | None  # The open draft.
    question: Question | None  # The open question.
    operator: str | None  # The operator signed on.
    told: tuple[Audible, ...]  # The step's orders for the voice output.
    noted: tuple[Note | Park, ...] = ()  # The records that it stored for utterances that make no entry by themselves.
    row: OutboxRow | None = None  # The pending event of the entry that it committed.
    form: str | None = None  # The current form.
    language: str | None = None  # The current language; None: the device's own.
    context: StandingContext = NOTHING_STANDS  # Values that apply to all following entries.


class DialogueDriver:
    """Runs one device's dialogue with its operator. Use it in the event loop only, unless a method says otherwise."""

    def __init__(
        self,
        dialogue: Dialogue,
        executor: JournalThread,
        render: Render,
        *,
        order: Callable[[Audible], None],
        quiet: Callable[[], bool],
        owed: Callable[[OutboxRow], None],
        tell: Callable[[Stands], None],
        attentive: Callable[[], bool],
        cut_off: Callable[[], bool],
        shift: Callable[[], Shift | None] = lambda: None,
        take_up: Callable[[Work], None] = lambda _: None,
    ) -> None:
        """`order` is called with each order for the voice, `owed` with each committed event, `tell` after each step.

        `quiet`: whether the device says nothing now. `attentive`: whether the operator speaks or an utterance is still
        being read, which may be the answer before a timeout. `cut_off`: whether a prompt was spoken over since the last
        call. `shift`: the site's current shift. `take_up` changes form and language of all parts but the dialogue.
        """
        self._take_up = take_up
        self._cut_off = cut_off
        self._said: tuple[Say, ...] = ()
        self._repeats = 0
        self._attentive = attentive
        self._dialogue = dialogue
        self._conversation = DialogueSteps(dialogue, render, shift)
        self._executor = executor
        self._order = order
        self._quiet = quiet
        self._owed = owed
        self._tell = tell
        self._posted: asyncio.Queue[Happening] = asyncio.Queue()
        self._untold: list[str] = []  # Utterances with a decision that is not announced yet.
        self._gave_word = False  # Whether the last steps announced all pending decisions.
        self._turn = asyncio.Lock()
        self._stopping = False
        self._patience: float | None = None
        self._due: float | None = None
        self._counts = False
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def left_s(self) -> float | None:
        """Seconds until the timeout; None without a timer. The countdown starts when the prompt has ended."""
        return None if self._due is None else max(0.0, self._due - time.monotonic())

    @property
    def awaits(self) -> bool:
        """Whether a question or a readback is open. Thread-safe."""
        return self._dialogue.is_entry_open

    @property
    def open_draft(self) -> tuple[State, Draft | None]:
        """The state and the open draft."""
        return self._dialogue.state, self._dialogue.draft

    def take_catalogue(self, catalogue: Catalogue, forms: Sequence[Form] = ()) -> bool:
        """Switch to this catalogue and these forms; False, without doing so, while a draft is open or a step runs."""
        idle = not self._turn.locked() and self._posted.empty()
        return idle and self._dialogue.replace_catalogue(catalogue, forms)

    def model_prompt_state(self) -> PromptState:
        """The state of the dialogue, for models."""
        return model_prompt_state(self._dialogue)

    def set_operators(self, operators: tuple[Operator, ...] | None) -> None:
        """Set the operators that may sign on, before the start; None: no sign-on is needed."""
        self._dialogue.crew = operators

    async def start(self) -> None:
        """Resume the dialogue from the journal, and announce the decisions that are not announced yet."""
        self._loop = asyncio.get_running_loop()
        async with self._turn:
            self._carry_out(await self._executor(self._conversation.start))
            for one in await self._executor(lambda journal: journal.review.unannounced_decisions()):
                fate, _, why = one.fate.partition(":")
                about = one.utterance_id, OfficeDecision(fate), one.fields
                await self._announce_decision(OfficeDecided(*about, form=one.form, why=why or None))

    async def run_step(self, happening: Happening) -> OutboxRow | None:
        """Run and store the step for an event; return the outbox row that it committed. Raises StorageFailed."""
        async with self._turn:
            return await self._run_step(happening)

    async def hear(self, said: UtteranceHeard) -> Verdict:
        """Run and store the step for an utterance; return the dialogue's verdict on it. Raises StorageFailed."""
        async with self._turn:
            await self._run_step(said)
            return self._dialogue.verdict

    async def between_steps(self, work: Callable[[Journal], T], told: Callable[[T], OfficeDecided]) -> T:
        """Do `work` on the journal between two steps, then run the step for `told` of its result.

        Raises what `work` raises. `work` stays done where the announcement fails: if the device is stopped while its
        disk is full, the journal has the decision as not announced, and the next start announces it.
        """
        async with self._turn:
            done = await self._executor(work)
            try:
                await self._announce_decision(told(done))
            except DiskFull as fault:
                log.warning("what a person decided is told at the next start: %s", fault)
            return done

    async def _announce_decision(self, decided: OfficeDecided) -> None:
        await self._run_step(decided, owed=decided.utterance_id)

    async def _run_step(self, happening: Happening, owed: str | None = None) -> OutboxRow | None:
        """Plan, store and carry out the step for an event, and before it the one for a new shift.

        `owed` is an utterance whose decision is unannounced in the journal until a prompt announces it.
        """
        row, began = None, self._conversation.shift_begun()
        for one in (happening,) if began is None else (began, happening):
            await self._executor(partial(self._conversation.look_up, happening=one))
            planned = self._conversation.plan(one)
            record = partial(self._executor, partial(self._conversation.record, planned=planned))
            stepped = await self._executor.when_there_is_room(record, "the conversation waits", self._on_disk_full)
            self._carry_out(stepped, tuple(order for order in planned.orders if isinstance(order, Note | Park)))
            self._gave_word |= any(isinstance(order, Say) and order.prompt in _WORDS for order in stepped.orders)
            row = stepped.row
        self._untold += [] if owed is None else [owed]
        # Mark decisions only once they are announced: after a power cut before that, the next start announces them.
        while self._untold and self._gave_word:
            await self._executor(lambda journal: journal.review.mark_announced(self._untold[0]))
            del self._untold[0]
        self._gave_word = False
        return row

    def post(self, happening: Happening) -> None:
        """Queue an event; it runs after all earlier ones."""
        self._posted.put_nowait(happening)

    def heard_speaking(self) -> None:
        """Queue the event that speech began. Thread-safe."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.post, SpeechBegan())

    def stop(self) -> None:
        """Stop waiting for disk space: a full disk raises from now on."""
        self._stopping = True

    async def run(self) -> None:
        """Run the steps for posted events, timeouts and changes of shift, until cancelled."""
        while True:
            try:
                happening = await asyncio.wait_for(self._posted.get(), LOOK_S)
            except TimeoutError:
                self._repeat_cut_off_prompts()
                if (began := self._conversation.shift_begun()) is not None:
                    await self.run_step(began)
                if not self._is_timed_out():
                    continue
                await asyncio.sleep(0)  # lets the ear hand over a finished utterance first
                if not self._is_timed_out():
                    continue
                happening = Deadline()
            await self.run_step(happening)

    def _repeat_cut_off_prompts(self) -> None:
        """Repeat prompts that sound cut off without becoming an utterance, at most MOST_REPEATS times.

        Otherwise the timeout would commit a readback that a cough cut off as if the operator had heard it.
        """
        if self._attentive() or self._turn.locked() or not self._cut_off() or self._repeats >= MOST_REPEATS:
            return
        self._repeats += 1
        for say in self._said:
            self._order(say)
        self._counts = False

    def _is_timed_out(self) -> bool:
        """Whether the timeout has passed, counted from the end of the prompts, and no speech is in progress."""
        if self._due is None or self._patience is None or self._turn.locked():
            return False
        now = time.monotonic()
        self._counts = self._counts or self._quiet()
        if not self._counts:
            self._due = now + self._patience
        return now >= self._due and (not self._attentive() or now - self._due > LONGEST_S)

    def _on_disk_full(self, fault: DiskFull) -> None:
        if self._stopping:
            raise fault

    def _carry_out(self, stepped: Stepped, noted: tuple[Note | Park, ...] = ()) -> None:
        for order in stepped.orders:
            match order:
                case StartTimer(seconds):
                    self._patience, self._due, self._counts = seconds, time.monotonic() + seconds, False
                case StopTimer():
                    self._due = None
                case Work():
                    self._take_up(order)
                case Say() | Sound() | Hush() | Adjust():
                    self._order(order)
                case _:
                    pass
        if stepped.row is not None:
            self._owed(stepped.row)
        heard = tuple(order for order in stepped.orders if isinstance(order, Audible))
        self._remember_prompts_to_repeat(heard)
        now = self._dialogue
        stands = now.state, now.draft, now.question, now.operator, heard, noted, stepped.row, *now.work
        self._tell(Stands(*stands, context=now.context))

    def _remember_prompts_to_repeat(self, heard: tuple[Audible, ...]) -> None:
        if said := tuple(order for order in heard if isinstance(order, Say)):
            self._said, self._repeats = said, 0
            self._dialogue.mark_prompted(time.perf_counter())
        if any(not isinstance(order, Hush) for order in heard):
            self._cut_off()  # called to reset it: the speech that cut the device off has led to a step
