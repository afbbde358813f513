"""Nothing but zeros from a microphone: it is dead or muted, or its own noise gate is closed. Pure.

Every open microphone hears the room, without a break. A headset with a gate sends sound while somebody speaks and exact
zeros in between. So its zeros come and go by themselves, and the sound between them is never longer than speech is.
Nothing tells a gated headset that nobody spoke into yet from a dead one.
"""

from __future__ import annotations

from edge.hear.levels import Level
from edge.records import SAMPLE_RATE

GATE_S = 0.1
"""Zeros for so long are a gate's: in the quietest of sound they are single ones."""

RETURNS = 3
"""So often sound came back by itself, and the headset is known to have a gate."""

OPEN_S = 30.0
"""Sound for so long without a break is no speech: the room is heard, and the microphone has no gate."""


class Zeros:
    """How long nothing but zeros came, and how long that may be."""

    def __init__(self, *, zeros_s: float, gated_s: float) -> None:
        """`zeros_s`: for so long it is no fault; `gated_s`: nor for so long with one that is known to gate."""
        self._zeros_s = zeros_s
        self._gated_s = max(zeros_s, gated_s)
        self._rate = SAMPLE_RATE
        self._zeros = self._sound = self._returns = 0
        self._explained = True

    def opened(self, rate: int) -> None:
        """A stream was opened. What it brings until it brings sound says nothing."""
        self._rate = rate
        self._zeros = self._sound = 0
        self._explained = True

    def explain(self) -> None:
        """The zeros that come now, or next, have another cause: a mute, or another source."""
        self._explained = True

    def forget(self) -> None:
        """Another headset may come."""
        self._returns = 0

    def take(self, piece: Level) -> None:
        """Sound came."""
        if not piece.peak:
            self._zeros += piece.samples
            return
        if self._zeros >= GATE_S * self._rate:
            self._returns += not self._explained
            self._sound = 0
        self._zeros, self._explained = 0, False
        self._sound += piece.samples
        if self._sound >= OPEN_S * self._rate:
            self._returns = 0

    @property
    def gated(self) -> bool:
        """Whether the headset is known to have a gate."""
        return self._returns >= RETURNS

    @property
    def patience_s(self) -> float:
        """How much longer than usual zeros may come from this headset."""
        return self._gated_s - self._zeros_s if self.gated else 0.0

    def too_long(self, *, muted: bool) -> bool:
        """Whether they have come for longer than may be; a mute is no gate."""
        return self._zeros >= (self._zeros_s + (0.0 if muted else self.patience_s)) * self._rate
