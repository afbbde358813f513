"""The conversation beside dictation: it has a clock, and one thing happens after the other.

What happens is told with `happen` by whoever waits for what comes of it, and with `post` by everybody else. While the
disk refuses, nothing goes on: what the operator was told must be on record.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial

from edge.agree.dialogue import Dialogue
from edge.agree.happenings import Deadline, Happening, Speaking
from edge.agree.orders import Adjust, Hush, Say, Sound, StartTimer, StopTimer
from edge.conversation import Conversation, Render, Stepped
from edge.keep.desk import Desk
from edge.keep.disk import DiskFull
from edge.keep.journal import Journal
from edge.records import OutboxRow

logger = logging.getLogger(__name__)

RETRY_S = 1.0
"""How long a full disk is left alone before the next try."""

LOOK_S = 0.1
"""How often it is looked whether a deadline has come: nobody notices so little."""

Audible = Say | Sound | Hush | Adjust
"""The orders that a voice carries out."""


class Conversing:
    """One operator's conversation with one device. Belongs to the loop."""

    def __init__(
        self,
        dialogue: Dialogue,
        desk: Desk,
        render: Render,
        *,
        order: Callable[[Audible], None],
        quiet: Callable[[], bool],
        owed: Callable[[OutboxRow], None],
    ) -> None:
        """`order` makes it heard, `quiet` says whether nothing is being said, `owed` hears of each event committed."""
        self._dialogue = dialogue
        self._conversation = Conversation(dialogue, render)
        self._desk = desk
        self._order = order
        self._quiet = quiet
        self._owed = owed
        self._posted: asyncio.Queue[Happening] = asyncio.Queue()
        self._turn = asyncio.Lock()
        self._stopping = False
        self._patience: float | None = None
        self._due: float | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Take up what was open when the device went down."""
        self._loop = asyncio.get_running_loop()
        async with self._turn:
            self._carry_out(await self._desk(self._conversation.start))

    async def happen(self, happening: Happening) -> OutboxRow | None:
        """Let it happen; the event that came of it, if one did. Raises StorageFailed."""
        async with self._turn:
            self._dialogue.owed = await self._desk(Journal.unsettled)
            planned = self._conversation.plan(happening)
            stepped = await self._recorded(partial(self._conversation.record, planned=planned))
            self._carry_out(stepped)
            return stepped.row

    def post(self, happening: Happening) -> None:
        """Let it happen when what happened before is done with."""
        self._posted.put_nowait(happening)

    def heard_speaking(self) -> None:
        """Somebody began to speak. May be called from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.post, Speaking())

    def stop(self) -> None:
        """Wait for room on the disk no longer."""
        self._stopping = True

    async def run(self) -> None:
        """Tell the dialogue of what is posted and of its deadlines, until cancelled."""
        while True:
            try:
                happening = await asyncio.wait_for(self._posted.get(), LOOK_S)
            except TimeoutError:
                if not self._is_over():
                    continue
                happening = Deadline()
            await self.happen(happening)

    def _is_over(self) -> bool:
        """Whether the deadline has come. It is counted from the end of what is being said."""
        if self._due is None or self._patience is None or self._turn.locked():
            return False
        if not self._quiet():
            self._due = time.monotonic() + self._patience
        return time.monotonic() >= self._due

    async def _recorded(self, work: Callable[[Journal], Stepped]) -> Stepped:
        told = False
        while True:
            try:
                return await self._desk(work)
            except DiskFull as fault:
                if self._stopping:
                    raise
                if not told:
                    logger.warning("the conversation waits: %s", fault)
                    told = True
            await asyncio.sleep(RETRY_S)

    def _carry_out(self, stepped: Stepped) -> None:
        for order in stepped.orders:
            match order:
                case StartTimer(seconds):
                    self._patience, self._due = seconds, time.monotonic() + seconds
                case StopTimer():
                    self._due = None
                case Say() | Sound() | Hush() | Adjust():
                    self._order(order)
                case _:
                    pass
        if stepped.row is not None:
            self._owed(stepped.row)
