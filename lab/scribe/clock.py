"""Computes the seconds of a conversation: speech durations by espeak-ng, and measured waits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge.records import SAMPLE_RATE
from edge.speak.synthesis import BREATHS_MS, NO_BREATH_MS, ClauseCache
from edge.speak.voices import EspeakVoice, usual_words_per_minute

RATE = 155  # Speaking rate of the operator in words per minute: the middle of `lab.operator_speech`'s.

LATENCY_S = 0.46  # Seconds from the operator's last word to the device's answer: the median in docs/speaking.md.

REACTION_S = 0.7  # Seconds from the end of a prompt to the operator's answer, as in `lab.simulated_operator`.

ROUTINE_S = 0.3  # Seconds of a repeated prompt before the operator interrupts it: enough to recognise it.


@dataclass(frozen=True, slots=True)
class OperatorTurn:
    """A line spoken by the operator."""

    text: str
    routine: bool = False  # Answers a prompt that is known by its beginning, and talked over.
    first: bool = False  # Begins unprompted: answers no prompt.


@dataclass(frozen=True, slots=True)
class DeviceTurn:
    """A prompt spoken by the device, in clauses."""

    clauses: Sequence[str]


Turn = OperatorTurn | DeviceTurn


@dataclass(frozen=True, slots=True)
class TimeSpent:
    """Seconds of a conversation, and the operator's words."""

    seconds: float = 0.0
    last_speech: float = 0.0
    """Of these, the device's speech after the last words about a pallet, when the operator may walk on."""
    words: int = 0


class TurnClock:
    """Computes the duration of turns with espeak-ng, without playing sound."""

    def __init__(self, runner: asyncio.Runner, rate: float = RATE) -> None:
        self._runner = runner
        self._phrases = ClauseCache(EspeakVoice, "en")
        self._rate = rate
        self._known: dict[str, float] = {}

    def time_turns(self, turns: Iterable[Turn]) -> TimeSpent:
        """Total time of the turns of a trailer."""
        seconds = last = device_speech = 0.0  # The device's speech since the operator's last words: answered, or heard.
        words = 0
        for turn in turns:
            match turn:
                case OperatorTurn(text, routine, first):
                    if first:
                        last += device_speech
                    elif device_speech:
                        seconds += min(ROUTINE_S, device_speech) - device_speech if routine else REACTION_S
                    seconds += self._speech_seconds(text) * usual_words_per_minute("en") / self._rate
                    words += len(text.split())
                    device_speech = 0.0
                case DeviceTurn(clauses):
                    seconds += 0.0 if device_speech else LATENCY_S
                    breath = BREATHS_MS.get(clauses[-1][-1:], NO_BREATH_MS) / 1000  # a pause that delays no one
                    long = sum(map(self._speech_seconds, clauses)) - breath
                    seconds, device_speech = seconds + long, device_speech + long
        return TimeSpent(seconds, last + device_speech, words)

    def _speech_seconds(self, text: str) -> float:
        """Duration in seconds of the text spoken by espeak-ng at its usual pace."""
        if text not in self._known:
            self._known[text] = len(self._runner.run(self._phrases.synthesise(text, 1.0))) / SAMPLE_RATE
        return self._known[text]
