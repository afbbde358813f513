"""The second hearing: while an entry is held, a second recogniser reads its sound and may contradict it.

It is cancelled when the undo window ends or the operator goes on. After a crash or a timeout the entry is recorded as
it would be without it.
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
from edge.understand.witness import find_contradictions

_LONGEST_S = 20.0  # Timeout; usual is a tenth of the sound's length.

MOST_FAILURES = 3  # In a row; after that it is disabled until the next start.

logger = logging.getLogger(__name__)


class _Witness(Protocol):
    """A second recogniser."""

    async def words(self, pcm: bytes) -> str:
        """The recognised words. Cancelling stops the recogniser. Raises Unavailable."""
        ...

    async def end(self) -> None:
        """Release its resources."""
        ...


class SecondHearing:
    """Has the witness read held utterances. Use it in the event loop only."""

    def __init__(
        self, witness: _Witness, rules: Callable[[Utterance], Rules | None], post: Callable[[Contradicted], None]
    ) -> None:
        """`rules` returns the rules of an utterance; None where the witness does not support its language.

        `post` passes a contradiction to the dialogue.
        """
        self._witness = witness
        self._rules = rules
        self._post = post
        self._wanted: asyncio.Queue[tuple[Utterance, Reading]] = asyncio.Queue()
        self._of: str | None = None
        self._limit: asyncio.Timeout | None = None
        self.failures = 0  # Failures in a row.

    def queue_if_held(self, utterance: Utterance, reading: Reading, state: State, draft: Draft | None) -> None:
        """Queue a concluded utterance for the witness, if its entry is held and not yet recorded."""
        held = state is State.HELD and draft is not None and draft.utterance_id == utterance.utterance_id
        if held and utterance.segment.pcm and self.failures < MOST_FAILURES:
            self._of = utterance.utterance_id
            self._wanted.put_nowait((utterance, reading))

    def cancel_if_not_held(self, state: State, draft: Draft | None) -> None:
        """Cancel the witness when its entry is not held any more."""
        if state is State.HELD and draft is not None and draft.utterance_id == self._of:
            return
        self._of = None
        limit, self._limit = self._limit, None
        if limit is not None:
            limit.reschedule(asyncio.get_running_loop().time())

    async def run(self) -> None:
        """Process the queue until cancelled."""
        try:
            while True:
                await self._post_contradictions(*await self._wanted.get())
        finally:
            await self._witness.end()

    async def _post_contradictions(self, utterance: Utterance, reading: Reading) -> None:
        """Have the witness read a held utterance; post a contradiction to the dialogue. Failures are logged."""
        rules = self._rules(utterance)
        if self._of != utterance.utterance_id or rules is None:
            return  # not held any more, or a language that the witness does not support
        try:
            async with asyncio.timeout(_LONGEST_S) as limit:
                self._limit = limit
                words = await self._witness.words(utterance.segment.pcm)
        except TimeoutError:
            if self._of == utterance.utterance_id:
                self._log_failure_once(f"the witness said nothing within {_LONGEST_S:g} s")
        except Unavailable as fault:
            self._log_failure_once(str(fault))
        else:
            self.failures = 0
            known = rules.form, rules.catalogue
            otherwise = await asyncio.to_thread(find_contradictions, reading.words, words, *known)
            if otherwise and self._of == utterance.utterance_id:
                self._post(Contradicted(utterance.utterance_id, otherwise))
        finally:
            self._limit = None

    def _log_failure_once(self, why: str) -> None:
        self.failures += 1
        last = "; it is not asked again until the next start" if self.failures == MOST_FAILURES else ""
        logger.warning("%s: entries are held without a second hearing%s", why, last)
