"""When it is worth trying to open a speaker that was not there. Pure; time is handed in, in seconds, monotonic.

Each try costs little, but some drivers write a complaint about it: so it is tried when something changed, and now and
then in case that a change cannot be seen. A card that is new to PortAudio takes more: the microphone closed for a
blink, which is done after a change only, and never often.
"""

from __future__ import annotations

SETTLES_S = 10.0
"""What was just plugged in, or a Bluetooth link that just came up, may refuse for so long."""

ANYHOW_S = 300.0
"""A try without any change: a speaker that another program held, say, is free again. Seldom, for the complaints."""

BLINK_EVERY_S = 60.0
"""Where a plug has a loose contact, the microphone is not closed for each of its changes."""


AGAIN_S = 10.0
"""A blink that was refused, since somebody spoke or it was noisy, is asked for again after so long."""


class Lookout:
    """Told what there is to speak into, each time it is looked."""

    def __init__(self, there: frozenset[str]) -> None:
        """`there` is what there was when PortAudio looked."""
        self._there = there
        self._changed = float("-inf")
        self._tried = float("-inf")
        self._blinked = float("-inf")
        self._unseen = False

    def is_worth_trying(self, there: frozenset[str], now: float) -> bool:
        """Whether to try to open the speaker now that this is there."""
        if there != self._there:
            self._there, self._changed, self._unseen = there, now, True
        pause_s = AGAIN_S if self.is_worth_a_blink(now) else ANYHOW_S
        if now - self._changed <= SETTLES_S or now - self._tried >= pause_s:
            self._tried = now
            return True
        return False

    def is_worth_a_blink(self, now: float) -> bool:
        """Whether PortAudio should look which cards there are: it could not open the speaker, and may not know it."""
        return self._unseen and now - self._blinked >= BLINK_EVERY_S

    def blinked(self, now: float) -> None:
        """It has looked."""
        self._blinked, self._unseen = now, False
