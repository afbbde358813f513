"""The second hearing: while an entry is held, a witness hears the same sound, and contradicts what it rests on.

Nothing waits for it. It is ended when the undo window is over, or when the operator goes on; what a crash, a hang or a
slow machine keep it from saying is not said, and the entry is recorded as it would be without a witness.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.records import Reading
from edge.agree.decide import Rules
from edge.agree.dialogue.events import Contradicted
from edge.agree.dialogue.table import State
from edge.records import Draft, Utterance
from edge.understand.witness import contradicted

LONGEST_S = 20.0  # A witness that says nothing for so long hangs: a tenth of the sound's length is usual.

MOST_FAILURES = 3  # In a row; then it is left alone, for starting it again and again helps nobody.

logger = logging.getLogger(__name__)


class Witness(Protocol):
    """Hears sound once more, with words of its own."""

    async def words(self, pcm: bytes) -> str:
        """What it heard; ended where that is cancelled. Raises Unavailable."""
        ...

    async def end(self) -> None:
        """Give back what it holds."""
        ...


class SecondHearing:
    """Hears again what is held. Belongs to the loop."""

    def __init__(
        self, witness: Witness, rules: Callable[[Utterance], Rules | None], post: Callable[[Contradicted], None]
    ) -> None:
        """`rules` gives those by which an utterance was read; None where the witness does not hear its language.

        `post` tells the dialogue.
        """
        self._witness = witness
        self._rules = rules
        self._post = post
        self._wanted: asyncio.Queue[tuple[Utterance, Reading]] = asyncio.Queue()
        self._of: str | None = None
        self._limit: asyncio.Timeout | None = None
        self.failures = 0  # How often in a row it could not be heard.

    def decided(self, utterance: Utterance, reading: Reading, state: State, draft: Draft | None) -> None:
        """What was heard is concluded: hear it again if it is what is held now."""
        held = state is State.HELD and draft is not None and draft.utterance_id == utterance.utterance_id
        if held and utterance.segment.pcm and self.failures < MOST_FAILURES:
            self._of = utterance.utterance_id
            self._wanted.put_nowait((utterance, reading))

    def stands(self, state: State, draft: Draft | None) -> None:
        """Where the conversation stands: what is not held any more need not be heard."""
        if state is State.HELD and draft is not None and draft.utterance_id == self._of:
            return
        self._of = None
        limit, self._limit = self._limit, None
        if limit is not None:
            limit.reschedule(asyncio.get_running_loop().time())

    async def run(self) -> None:
        """Hear one after the other, until cancelled."""
        try:
            while True:
                await self._hear(*await self._wanted.get())
        finally:
            await self._witness.end()

    async def _hear(self, utterance: Utterance, reading: Reading) -> None:
        rules = self._rules(utterance)
        if self._of != utterance.utterance_id or rules is None:
            return  # over before its turn came, or nothing for this ear
        try:
            async with asyncio.timeout(LONGEST_S) as limit:
                self._limit = limit
                words = await self._witness.words(utterance.segment.pcm)
        except TimeoutError:
            if self._of == utterance.utterance_id:
                self._failed(f"the witness said nothing within {LONGEST_S:g} s")
        except Unavailable as fault:
            self._failed(str(fault))
        else:
            self.failures = 0
            known = rules.form, rules.catalogue
            otherwise = await asyncio.to_thread(contradicted, reading.words, words, *known)
            if otherwise and self._of == utterance.utterance_id:
                self._post(Contradicted(utterance.utterance_id, otherwise))
        finally:
            self._limit = None

    def _failed(self, why: str) -> None:
        self.failures += 1
        last = "; it is not asked again until the next start" if self.failures == MOST_FAILURES else ""
        logger.warning("%s: entries are held without a second hearing%s", why, last)
