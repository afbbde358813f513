"""Seconds of a conversation: the duration of the speech by espeak-ng, and the waits as measured."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge.records import SAMPLE_RATE
from edge.speak.synthesis import BREATHS_MS, NO_BREATH_MS, Phrases
from edge.speak.voices import EspeakVoice, words_per_minute_of

RATE = 155
"""Words per minute of an operator: the middle of what `lab.operator_speech` gives its speakers."""

LATENCY_S = 0.46
"""From the operator's last word to the device's first: the median of answers in docs/speaking.md, for every device."""

REACTION_S = 0.7
"""Until an operator answers a prompt that he heard to its end, as in `lab.simulated_operator`."""

ROUTINE_S = 0.3
"""The part of a repeated prompt that is heard before the operator talks over it: enough to tell it from another."""


@dataclass(frozen=True, slots=True)
class OperatorTurn:
    """By the operator."""

    text: str
    routine: bool = False  # The answer to a prompt that he knows by its beginning, and talks over.
    first: bool = False  # He begins by himself: it answers no prompt.


@dataclass(frozen=True, slots=True)
class DeviceTurn:
    """By the device."""

    clauses: Sequence[str]


Turn = OperatorTurn | DeviceTurn


@dataclass(frozen=True, slots=True)
class TimeSpent:
    """Seconds, and the operator's words."""

    seconds: float = 0.0
    last_told: float = 0.0
    """Of these, the device's speech after his last words about a pallet: he may be on his way to the next one."""
    words: int = 0

    def __add__(self, other: TimeSpent) -> TimeSpent:
        return TimeSpent(self.seconds + other.seconds, self.last_told + other.last_told, self.words + other.words)


class TurnClock:
    """Measures turns. Needs espeak-ng; no sound is heard."""

    def __init__(self, runner: asyncio.Runner, rate: float = RATE) -> None:
        self._runner = runner
        self._phrases = Phrases(EspeakVoice, "en")
        self._rate = rate
        self._known: dict[str, float] = {}

    def spent(self, turns: Iterable[Turn]) -> TimeSpent:
        """The time spent on a trailer."""
        seconds = last = told = 0.0  # The device's speech since his last words: he answers it, or hears it on his way.
        words = 0
        for turn in turns:
            match turn:
                case OperatorTurn(text, routine, first):
                    if first:
                        last += told
                    elif told:
                        seconds += min(ROUTINE_S, told) - told if routine else REACTION_S
                    seconds += self._long(text) * words_per_minute_of("en") / self._rate
                    words += len(text.split())
                    told = 0.0
                case DeviceTurn(clauses):
                    seconds += 0.0 if told else LATENCY_S
                    breath = BREATHS_MS.get(clauses[-1][-1:], NO_BREATH_MS) / 1000  # a pause that delays no one
                    long = sum(map(self._long, clauses)) - breath
                    seconds, told = seconds + long, told + long
        return TimeSpent(seconds, last + told, words)

    def _long(self, text: str) -> float:
        """How long espeak-ng says it, at its usual pace."""
        if text not in self._known:
            self._known[text] = len(self._runner.run(self._phrases.sound(text, 1.0))) / SAMPLE_RATE
        return self._known[text]
