"""Checks letters that rhyme by a second recogniser: a letter that it corroborates need not be asked about.

It tells how well each letter fits the sound, where it can, else what it hears. It begins at the pause at which the
first recogniser has read the utterance, so that it has mostly answered when the utterance is closed. Whatever fails
leaves the reading as it was, so that the letter is asked about.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import Reading
from edge.understand.breaker import Breaker
from edge.understand.letter_rescoring import (
    LetterText,
    ScoredLetters,
    corroborate_letters_by_rescoring,
    list_letter_texts,
)
from edge.understand.second_recogniser import corroborate_letters_by_transcript, find_doubtful_letters

logger = logging.getLogger(__name__)

_LONGEST_S = 1.5  # Timeout behind the end of the utterance: a question and its answer take some 7 s.


class SecondRecogniser(Protocol):
    """A recogniser of another kind than the first."""

    loop: asyncio.AbstractEventLoop | None  # Where it may be asked, from `open` to `end`; else None.

    scores: bool  # Whether it tells how well texts fit.

    def open(self) -> None:
        """Let it be asked in the running loop. It takes resources at the first question only."""
        ...

    async def recognise(self, pcm: bytes) -> str:
        """The words of 16-bit sound. Raises Unavailable."""
        ...

    async def score(self, pcm: bytes, texts: Sequence[str]) -> list[float]:
        """How well each text fits the sound, as the logarithm of a probability. Raises Unavailable."""
        ...

    async def end(self) -> None:
        """Release its resources."""
        ...


class LetterCheck:
    """Has the letters of one form's readings checked."""

    def __init__(self, second_recogniser: SecondRecogniser, form: Form, catalogue: Catalogue) -> None:
        self._second_recogniser = second_recogniser
        self._form = form
        self._catalogue = catalogue
        self._breaker = Breaker()

    def begin(self, reading: Reading, pcm: bytes) -> Future[Reading] | None:
        """Begin to check the reading, where it has such letters; from any thread."""
        loop = self._second_recogniser.loop
        if loop is None or self._breaker.wait_s(loop.time()):
            return None
        texts = list_letter_texts(reading, self._form, self._catalogue) if self._second_recogniser.scores else ()
        if not texts and not find_doubtful_letters(reading, self._form, self._catalogue):
            return None
        answer = self._hear(reading, pcm, texts)
        return asyncio.run_coroutine_threadsafe(answer, loop)  # noqa: TID251 - before the utterance is handed over

    async def _hear(self, reading: Reading, pcm: bytes, texts: Sequence[LetterText]) -> Reading:
        """The reading with letters corroborated, first by how well they fit, and then by what is heard."""
        scored = ScoredLetters(reading, frozenset())
        if texts:
            scores = await self._second_recogniser.score(pcm, [one.text for one in texts])
            scored = corroborate_letters_by_rescoring(reading, texts, scores)
        if not find_doubtful_letters(scored.reading, self._form, self._catalogue).keys() - scored.contradicted:
            return scored.reading
        transcript = await self._second_recogniser.recognise(pcm)
        return await asyncio.to_thread(
            corroborate_letters_by_transcript, scored.reading, transcript, self._form, self._catalogue
        )

    async def check(self, reading: Reading, pcm: bytes, begun: Future[Reading] | None) -> Reading:
        """The reading, in which the letters that the second recogniser finds too are corroborated.

        `begun` is what `begin` gave for the same reading.
        """
        answer, loop = begun or self.begin(reading, pcm), asyncio.get_running_loop()
        if answer is None:
            return reading
        if not self._breaker.try_acquire(loop.time()):
            answer.cancel()
            return reading
        try:
            checked = await asyncio.wait_for(asyncio.wrap_future(answer), _LONGEST_S)
        except TimeoutError:
            return self._left_alone(reading, f"no answer within {_LONGEST_S:g} s", loop.time())
        except Unavailable as fault:
            return self._left_alone(reading, str(fault), loop.time())
        except asyncio.CancelledError:
            self._breaker.release()
            raise
        self._breaker.record_success()
        return checked

    def _left_alone(self, reading: Reading, why: str, now: float) -> Reading:
        self._breaker.record_failure(now)
        rest = self._breaker.wait_s(now)
        again = f"; it is asked again in {rest:g} s" if rest else ""
        logger.warning("a letter is not checked by a second recogniser: %s%s", why, again)
        return reading
