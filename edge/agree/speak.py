"""The device's voice: takes the dialogue's orders, answers at once, and is never waited for.

An earcon is ready before it is ordered. A phrase begins with a clause that is ready too, as a rule; what follows is
made while that is heard. Where nothing can be heard, orders are forgotten: dictation goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from edge.agree.earcons import earcon
from edge.agree.loudspeaker import Loudspeaker
from edge.agree.orders import Adjust, Earcon, Hush, Say, Sound
from edge.agree.phrases import Phrases
from edge.agree.phrasing import Phrasing
from edge.agree.playing import MOST_WAITING, Phrase, Rank
from edge.agree.readback import Clauses
from edge.errors import DockvoiceError
from edge.records import Command

logger = logging.getLogger(__name__)

PACE_STEP = 1.15
"""Faster and slower: the least change of pace that is plainly heard."""
SLOWEST, FASTEST = 0.6, 2.0
"""Times the usual pace. Practised operators follow twice the usual one; beyond that digits run together."""

LOUDER = {Command.LOUDER: 1, Command.SOFTER: -1}
FASTER = {Command.FASTER: 1, Command.SLOWER: -1}

QUIET_LOOK_S = 0.2
"""How often it is looked whether the moment is quiet, while there is news to tell."""


class Speaker:
    """One voice for one operator. Used on the loop; `run` makes the sound that is not ready."""

    def __init__(
        self, loudspeaker: Loudspeaker, phrases: Phrases | None, phrasing: Phrasing, pace: float = 1.0
    ) -> None:
        """Without `phrases` there is no voice, and earcons alone tell what became of what was said."""
        self._loudspeaker = loudspeaker
        self._phrases = phrases
        self._phrasing = phrasing
        self._pace = min(max(pace, SLOWEST), FASTEST)
        self._orders: asyncio.Queue[tuple[Phrases, Phrase, Clauses]] = asyncio.Queue()
        self._news: deque[tuple[Say, Sound | None]] = deque(maxlen=MOST_WAITING)
        self._told_silent = False

    @property
    def pace(self) -> float:
        """Times the usual pace."""
        return self._pace

    def order(self, order: Say | Sound | Hush | Adjust) -> None:
        """Do it. Returns at once."""
        match order:
            case Sound(which):
                self._loudspeaker.ring(earcon(which))
            case Say():
                self._say(order, Rank.PRIORITY if order.priority else Rank.REPLY)
            case Hush():
                self._loudspeaker.hush()
            case Adjust(what):
                self._adjust(what)

    def news(self, say: Say, sound: Sound | None = None) -> None:
        """Say it at the next quiet moment, after its sound. Of more than can be listened to the oldest are not told."""
        self._news.append((say, sound))

    async def run(self) -> None:
        """Make what is to be said into sound, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._prepare())
            group.create_task(self._tell_news())
            while True:
                await self._make(*await self._orders.get())

    def _say(self, say: Say, rank: Rank) -> None:
        if self._phrases is None or (phrase := self._loudspeaker.say(rank)) is None:
            return
        clauses = self._phrasing.clauses(say)
        while clauses and (ready := self._phrases.ready(clauses[0], self._pace)) is not None:
            self._loudspeaker.add(phrase, ready)
            clauses = clauses[1:]
        if clauses:
            self._orders.put_nowait((self._phrases, phrase, clauses))
        else:
            self._loudspeaker.end(phrase)

    async def _make(self, phrases: Phrases, phrase: Phrase, clauses: Clauses) -> None:
        try:
            for clause in clauses:
                if not self._loudspeaker.add(phrase, await phrases.sound(clause, self._pace)):
                    break
            self._told_silent = False
        except DockvoiceError as fault:
            self._silent(fault)
        finally:
            self._loudspeaker.end(phrase)

    def _silent(self, fault: DockvoiceError) -> None:
        if not self._told_silent:
            logger.error("speak: nothing is read back, earcons alone are heard: %s", fault)
        self._told_silent = True

    def _adjust(self, what: Command) -> None:
        if what in LOUDER:
            self._loudspeaker.adjust(LOUDER[what])
        elif what in FASTER:
            self._pace = min(max(self._pace * PACE_STEP ** FASTER[what], SLOWEST), FASTEST)

    async def _prepare(self) -> None:
        if self._phrases is not None:
            for which in Earcon:
                earcon(which)
            await self._phrases.prepare(self._phrasing.constant(), self._pace)

    async def _tell_news(self) -> None:
        while True:
            await asyncio.sleep(QUIET_LOOK_S)
            if self._news and self._loudspeaker.is_open and self._loudspeaker.quiet:
                say, sound = self._news.popleft()
                if sound is not None:
                    self.order(sound)
                self._say(say, Rank.NEWS)
