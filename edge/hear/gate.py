"""Which sound may be heard at all: mute, push to talk, and how long after the wake phrase. Pure.

The keys and commands that speak to a gate come on other threads than the sound: each sets one flag, and the sound sees
it at its next frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from edge.hear.microphone_health import FaultKind, MicrophoneEvent, Noticed, Over
from edge.records import SAMPLE_BYTES, SAMPLE_RATE, Frame, Segment

TAIL = SAMPLE_RATE * 300 // 1000  # Thumbs leave the key before the last word is out: 300 ms.
LEAD = SAMPLE_RATE * 200 // 1000  # And the first word begins before the key is down: 200 ms. Not heard when muted.

HELD_AT_MOST = 60 * SAMPLE_RATE
"""A talk key that is down for a minute is stuck, or its release was lost on the way. Nobody means what is said then."""

_STUCK = Noticed(
    FaultKind.KEY_STUCK, "has had its talk key down for a minute, and hears nothing until that is let go; is it stuck?"
)


@dataclass(frozen=True, slots=True)
class Shut:
    """From here on nothing may be heard."""


class Gate:
    """Mute and push to talk. Mute wins over everything."""

    def __init__(self, *, push_to_talk: bool, tell: Callable[[MicrophoneEvent], None] = lambda _: None) -> None:
        """`tell` hears, on the thread of the sound, when the talk key is stuck, and when that is over."""
        self.muted = False
        self.talking = False
        """Whether the talk key is down."""
        self._push_to_talk = push_to_talk
        self._tell = tell
        self._open = False
        self._recent: deque[Frame] = deque()
        self._until = 0
        self._held_since: int | None = None
        self._stuck = False

    def process(self, frame: Frame) -> list[Frame | Shut]:
        """Pass the next frame on, with the frames shortly before it when the gate opens; `Shut` when it closes."""
        self._watch_key(frame)
        if self._lets_through(frame):
            heard = [*self._recent, frame]
            self._recent.clear()
            self._open = True
            return list(heard)
        was_open, self._open = self._open, False
        self._remember(frame)
        return [Shut()] if was_open else []

    def _watch_key(self, frame: Frame) -> None:
        if not (self.talking and self._push_to_talk):
            self._held_since = None
        elif self._held_since is None:
            self._held_since = frame.start
        was_stuck = self._stuck
        self._stuck = self._held_since is not None and frame.start - self._held_since > HELD_AT_MOST
        if self._stuck != was_stuck:
            self._tell(_STUCK if self._stuck else Over(FaultKind.KEY_STUCK))

    def _lets_through(self, frame: Frame) -> bool:
        if self.muted or not self._push_to_talk:
            self._until = 0
            return not self.muted
        if self.talking and not self._stuck:
            self._until = frame.start + TAIL
        return frame.start < self._until

    def _remember(self, frame: Frame) -> None:
        """Keep what a talk key may come too late for, and nothing while muted."""
        if self.muted:
            self._recent.clear()
            return
        self._recent.append(frame)
        while self._recent[0].end <= frame.end - LEAD:
            self._recent.popleft()


class WakePhrase:
    """Which utterances are meant for the device: those that begin with the phrase, and those shortly after one."""

    def __init__(self, window_s: float) -> None:
        """`window_s`: for so long after an utterance that was heard, the next needs no phrase."""
        self._window = round(window_s * SAMPLE_RATE)
        self._until = 0

    def meant(self, segment: Segment, phrase_end: int | None, *, awaited: bool = False) -> Segment | None:
        """The utterance without the phrase, or None where it is not for us, or is nothing but the phrase.

        `phrase_end` is the sample index, within the segment's sound, where the phrase at its beginning ends. What is
        `awaited` needs no phrase: a "no" to a readback that was unheard would let a wrong entry pass.
        """
        if phrase_end is None and not awaited and segment.speech_start >= self._until:
            return None
        self._until = segment.closed + self._window
        if phrase_end is None:
            return segment
        begins = segment.start + phrase_end
        if begins >= segment.speech_end:
            return None
        return replace(
            segment,
            start=begins,
            speech_start=max(begins, segment.speech_start),
            pcm=segment.pcm[phrase_end * SAMPLE_BYTES :],
        )
