"""The dialogue driver: gives the dialogue a clock beside dictation, and lets one thing happen after the other.

What happens is told with `happen` by whoever waits for what comes of it, and with `post` by everybody else. While the
disk refuses, nothing goes on: what the operator was told must be on record.
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
from edge.agent.dialogue_steps import DialogueSteps, Render, Stepped, prompt_state
from edge.agree.dialogue.events import Deadline, Fate, Happening, PersonDecided, SpeechBegan
from edge.agree.dialogue.machine import Dialogue
from edge.agree.dialogue.orders import StartTimer, StopTimer
from edge.agree.dialogue.questions import Question
from edge.agree.dialogue.table import State
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.keep.storage import DiskFull
from edge.records import NOTHING_STANDS, Draft, Note, OutboxRow, Park, Shift, StandingContext, Work
from edge.records.speech import Adjust, Hush, Prompt, Say, Sound
from edge.understand.llm.prompt import PromptState

T = TypeVar("T")

log = logging.getLogger(__name__)
STEPS = logging.getLogger("dockvoice.dialogue")
"""Takes each step of the dialogue at level INFO: `dockvoice run --trace` lets them through."""

LONGEST_S = 60.0
"""A deadline waits no longer for what is being said to come to its end, and to be read: the longest utterance of the
usual settings takes half of it. Noise that never ends must not put it off for ever."""

MOST_REPEATS = 3  # So often what is cut off by a noise is said again; where it is loud, each time would be cut off too.

WORDS = frozenset(
    {
        Prompt.OFFICE_RECORDED,
        Prompt.OFFICE_CORRECTED,
        Prompt.OFFICE_DROPPED,
        Prompt.OFFICE_DROPPED_ONE,
        Prompt.DECLINED,
    }
)
"""How an operator is told of what was decided beside him: all that is kept to be told is told at once."""

LOOK_S = 0.1  # How often it is looked whether a deadline has come: nobody notices so little.
Audible = Say | Sound | Hush | Adjust  # The orders that a voice carries out.


@dataclass(frozen=True, slots=True)
class Stands:
    """Where the conversation stands after a step: told whoever watches."""

    state: State
    draft: Draft | None  # What is being agreed.
    question: Question | None  # What was asked, and is not answered yet.
    operator: str | None  # Who is signed on.
    told: tuple[Audible, ...]  # What the step wants heard.
    noted: tuple[Note | Park, ...] = ()  # What it put on record of utterances that are no entry by themselves.
    row: OutboxRow | None = None  # The event that is owed by it.
    form: str | None = None  # The form that is filled now.
    language: str | None = None  # The language that was changed to; None: the device's own.
    context: StandingContext = NOTHING_STANDS  # What was said once for all entries.


class DialogueDriver:
    """One operator's conversation with one device. Belongs to the loop."""

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
        """`order` makes it heard, `quiet` says whether nothing is being said, `owed` hears of each event committed.

        `tell` hears where each step led. `attentive` says whether the operator is speaking, or what he said is still
        being read: it may be the very answer that a deadline would be too early for. `cut_off` says whether what the
        device was saying was spoken over since that was asked last. `shift` tells which one it is at the site now.
        `take_up` changes the form and the language of all that is not the dialogue.
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
        self._untold: list[str] = []  # The utterances of which the journal owes the operator a word.
        self._gave_word = False  # Whether the last step told all that was kept to be told.
        self._turn = asyncio.Lock()
        self._stopping = False
        self._patience: float | None = None
        self._due: float | None = None
        self._counts = False
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def left_s(self) -> float | None:
        """Seconds until the deadline, as far as is known now; None where nothing is waited for."""
        return None if self._due is None else max(0.0, self._due - time.monotonic())

    @property
    def awaits(self) -> bool:
        """Whether an answer is awaited, or an objection to what was read back. May be asked from any thread."""
        return self._dialogue.open

    @property
    def open_draft(self) -> tuple[State, Draft | None]:
        """Where it stands, and what is being agreed."""
        return self._dialogue.state, self._dialogue.draft

    def take_catalogue(self, catalogue: Catalogue, forms: Sequence[Form] = ()) -> bool:
        """Let these be the values, and the forms, from now on; False where something is open, or a step under way."""
        idle = not self._turn.locked() and self._posted.empty()
        return idle and self._dialogue.take_catalogue(catalogue, forms)

    def prompt_state(self) -> PromptState:
        """What the operator is in the middle of."""
        return prompt_state(self._dialogue)

    def let_in(self, operators: tuple[Operator, ...] | None) -> None:
        """These may sign on when it starts; None: nobody needs to."""
        self._dialogue.crew = operators

    async def start(self) -> None:
        """Take up what was open when the device went down."""
        self._loop = asyncio.get_running_loop()
        async with self._turn:
            self._carry_out(await self._executor(self._conversation.start))
            for one in await self._executor(lambda journal: journal.review.untold()):
                fate, _, why = one.fate.partition(":")
                about = one.utterance_id, Fate(fate), one.fields
                await self._tell_decided(PersonDecided(*about, form=one.form, why=why or None))

    async def happen(self, happening: Happening) -> OutboxRow | None:
        """Let it happen; the event that came of it, if one did. Raises StorageFailed."""
        async with self._turn:
            return await self._happen(happening)

    async def between_steps(self, work: Callable[[Journal], T], told: Callable[[T], PersonDecided]) -> T:
        """Do `work` on the journal while no step is under way, then let happen what is `told` of it.

        Raises what `work` raises. It is done whether it can be told or not: where the device is stopped while its disk
        is full, `work` has left word of it, and the next start tells.
        """
        async with self._turn:
            done = await self._executor(work)
            try:
                await self._tell_decided(told(done))
            except DiskFull as fault:
                log.warning("what a person decided is told at the next start: %s", fault)
            return done

    async def _tell_decided(self, decided: PersonDecided) -> None:
        await self._happen(decided, owed=decided.utterance_id)

    async def _happen(self, happening: Happening, owed: str | None = None) -> OutboxRow | None:
        """`owed` is the utterance of which the journal owes the operator a word until he has been told."""
        if (began := self._conversation.shift_begun()) is not None:
            await self._step(began)
        row = await self._step(happening)
        self._untold += [] if owed is None else [owed]
        # What waits for a quiet moment is not told yet: where the power fails before, the next start tells it.
        while self._untold and self._gave_word:
            await self._executor(partial(_note_told, one=self._untold[0]))
            del self._untold[0]
        self._gave_word = False
        return row

    async def _step(self, happening: Happening) -> OutboxRow | None:
        await self._executor(lambda journal: self._conversation.look_up(journal, happening))
        if refused := frozenset(self._dialogue.recorded.turned_down):
            self._dialogue.recorded.mark_accepted(
                await self._executor(lambda journal: journal.dialogue.accepted_or_pending(refused))
            )
        planned = self._conversation.plan(happening)
        record = partial(self._conversation.record, planned=planned)
        stepped = await self._executor.when_there_is_room(
            lambda: self._executor(record), "the conversation waits", self._refused
        )
        self._carry_out(stepped, tuple(order for order in planned.orders if isinstance(order, Note | Park)))
        self._gave_word |= any(isinstance(order, Say) and order.prompt in WORDS for order in stepped.orders)
        return stepped.row

    def post(self, happening: Happening) -> None:
        """Let it happen when what happened before is done with."""
        self._posted.put_nowait(happening)

    def heard_speaking(self) -> None:
        """Somebody began to speak. May be called from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.post, SpeechBegan())

    def stop(self) -> None:
        """Wait for room on the disk no longer."""
        self._stopping = True

    async def run(self) -> None:
        """Tell the dialogue of what is posted and of its deadlines, until cancelled."""
        while True:
            try:
                happening = await asyncio.wait_for(self._posted.get(), LOOK_S)
            except TimeoutError:
                self._repeat_what_was_cut_off()
                if (began := self._conversation.shift_begun()) is not None:
                    await self.happen(began)
                if not self._is_over():
                    continue
                await asyncio.sleep(0)  # what the ear was about to hand over is handed over
                if not self._is_over():
                    continue
                happening = Deadline()
            await self.happen(happening)

    def _repeat_what_was_cut_off(self) -> None:
        """Who spoke over the device said nothing, if he spoke at all: what he has not heard is said again.

        A readback that a cough cut off would else be committed as if it had been listened to.
        """
        if self._attentive() or self._turn.locked() or not self._cut_off() or self._repeats >= MOST_REPEATS:
            return
        self._repeats += 1
        for say in self._said:
            self._order(say)
        self._counts = False

    def _is_over(self) -> bool:
        """Whether the deadline has come. It is counted from the end of what was being said when it was set."""
        if self._due is None or self._patience is None or self._turn.locked():
            return False
        now = time.monotonic()
        self._counts = self._counts or self._quiet()
        if not self._counts:
            self._due = now + self._patience
        return now >= self._due and (not self._attentive() or now - self._due > LONGEST_S)

    def _refused(self, fault: DiskFull) -> None:
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
        self._remember(heard)
        now = self._dialogue
        stands = now.state, now.draft, now.question, now.operator, heard, noted, stepped.row, *now.work
        self._tell(Stands(*stands, context=now.context))

    def _remember(self, heard: tuple[Audible, ...]) -> None:
        if said := tuple(order for order in heard if isinstance(order, Say)):
            self._said, self._repeats = said, 0
            self._dialogue.mark_prompted(time.perf_counter())
        if any(not isinstance(order, Hush) for order in heard):
            self._cut_off()  # asked to forget it: what was said over the device's words has led to something


def _note_told(journal: Journal, one: str) -> None:
    journal.review.word_given(one)
