"""Whether the operator hears the device: found out at the start, watched from then on, told when it changes.

A headset may be switched on long after the device: until then each utterance is recorded, or not, by itself, and from
then on entries are agreed with the operator. Once they are, they stay so. A speaker that vanishes is waited for: what
is asked meanwhile goes to a person, unanswered.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from edge.agree.orders import Earcon, Say, Sound
from edge.agree.prompts import Prompt
from edge.conversing import Conversing
from edge.dictation import Dictation
from edge.speaking import Speaking

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.5
"""How often it is looked. What two looks in a row found counts: a plug makes contact several times."""

LONGEST_S = 60.0
"""Where somebody, or noise, is heard all the time, a quiet moment to begin is waited for no longer."""

UNHEARD = "nothing is read back, the operator cannot hear the device: %s%s. A speaker that appears is used from then on"
LACK = "it lacks a speaker or a voice; where there shall be none, set speak.enabled = false"
ALONE = "; each utterance is recorded, or not, by itself"
HEARD = "speaker: there is one now, the operator hears the device"
LOST = "speaker: there is none any more; what is asked is not heard, and goes to a person unanswered"


class Audience:
    """The operator of one agent, as far as he can be reached by sound. Belongs to the loop."""

    def __init__(
        self, speaking: Speaking, dictation: Dictation, conversing: Conversing | None, tell: Callable[[bool], None]
    ) -> None:
        """`tell` hears whether the device is heard: at the start, and whenever that changes.

        `conversing` is taken up by itself where that depends on being heard; None where it does not.
        """
        self._speaking = speaking
        self._dictation = dictation
        self._conversing = conversing
        self._tell = tell
        self._heard = False
        self._since = 0.0

    async def find_out(self) -> None:
        """Nothing is asked of an operator who cannot hear it, nor before he can."""
        self._heard = await self._speaking.is_heard()
        self._tell(self._heard)
        if self._heard:
            return
        waited_for = self._speaking.is_waited_for and await self._speaking.has_voice()
        if self._conversing is not None and not waited_for:
            self._dictation.unheard()
        logger.warning(UNHEARD, self._speaking.lack or LACK, "" if self._dictation.converses else ALONE)

    async def run(self) -> None:
        """Tell when it changes, and begin to agree on entries once that can be done; until cancelled."""
        seen, begun = self._heard, self._dictation.converses
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            before, seen = seen, await self._speaking.is_heard()
            if seen is not before:
                continue
            if seen is not self._heard:
                self._changed(heard=seen)
            if seen and not begun and self._conversing is not None and self._is_quiet(self._conversing):
                self._dictation.heard(self._begin)
                begun = True

    def _changed(self, *, heard: bool) -> None:
        self._heard, self._since = heard, time.monotonic()
        logger.warning(HEARD if heard else LOST)
        self._tell(heard)

    def _is_quiet(self, conversing: Conversing) -> bool:
        """Whether nobody speaks, and nothing of an earlier run is open: that was asked when nobody heard it."""
        if conversing.awaits:
            return False
        return not self._dictation.attentive or time.monotonic() - self._since > LONGEST_S

    async def _begin(self) -> None:
        """Take up the conversation where the journal stands now, not where it stood when the agent was started."""
        if self._conversing is not None:
            await self._conversing.start()
        self._speaking.order(Sound(Earcon.HEARD))
        self._speaking.order(Say(Prompt.LISTENING))
        logger.warning("entries are agreed with the operator from now on")
