"""Endpointing: which stretch of sound is one utterance; and the gate that decides which sound is considered. Pure.

    quiet ──speech──▶ starting ──speech for onset_ms──▶ speaking ──silence──▶ hangover ──patience──▶ quiet
      ▲                  │                                 ▲                      │
      └─────silence──────┘                                 └────────speech────────┘

How long a pause ends the turn depends on the words so far: the consumer may answer `UtterancePaused` with
`set_expectation`; without an answer it is hangover_ms. Who has paused for longer within the utterance is given half as
much again, up to twice the usual time, unless the words are finished. An utterance that reaches maximum_ms is closed,
and another opens at once where speech goes on. Speech that continues after that, after a loss, or after a gate that
shut for a moment, is broken off too: of "one hundred and | twelve units" the second half has another meaning than the
whole.

The gate (mute, push to talk, wake phrase) is set from other threads, one flag at a time; the next frame reads it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from dockvoice_protocol.records import TurnExpectation
from edge.config import Endpoint
from edge.hear.microphone_health import FaultBegan, FaultEnded, FaultKind, MicrophoneEvent
from edge.records import SAMPLE_BYTES, SAMPLE_RATE, ClosedBy, Frame, Segment

_TAIL_MS = 200
"""Silence kept after the last speech: a plosive or an "s" decays below a detector's threshold, and recognisers need
a little silence to end their last word. After it the utterance is complete, if it was the end."""

_SHORTEST_WORD = SAMPLE_RATE * 150 // 1000  # The shortest words, "eight" said fast, take 150 ms.


@dataclass(frozen=True, slots=True)
class UtteranceOpened:
    """Speech began. `pcm` is the pre-roll and the speech so far."""

    pcm: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class UtteranceContinued:
    """The open utterance continues with `pcm`."""

    pcm: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class UtterancePaused:
    """A pause. Without further speech the utterance is complete."""


@dataclass(frozen=True, slots=True)
class UtteranceClosed:
    """The open utterance is finished."""

    segment: Segment


@dataclass(frozen=True, slots=True)
class UtteranceAbandoned:
    """The open utterance was dropped for too little speech: a click, a cough."""


EarEvent = UtteranceOpened | UtteranceContinued | UtterancePaused | UtteranceClosed | UtteranceAbandoned


class _EndpointState(Enum):
    """The state of `Endpointer`."""

    QUIET = auto()
    STARTING = auto()
    SPEAKING = auto()
    HANGOVER = auto()


@dataclass(slots=True)
class _OpenUtterance:
    """The frames and positions of speech of the open utterance."""

    frames: list[Frame]
    speech_start: int
    speech_end: int
    speech_samples: int
    reported: int  # How many of the frames were reported by events.
    torn: bool  # Whether it may go on with what was cut off before it.
    longest_pause: int = 0  # In samples, of those that speech followed.

    @property
    def end(self) -> int:
        return self.frames[-1].end

    @property
    def samples(self) -> int:
        """Its length without the pre-roll, which does not count for the maximum."""
        return self.end - self.speech_start

    def append_frame(self, frame: Frame, speech: bool) -> None:
        self.frames.append(frame)
        if speech:
            self.longest_pause = max(self.longest_pause, frame.start - self.speech_end)
            self.speech_end = frame.end
            self.speech_samples += frame.samples


class Endpointer:
    """Cuts utterances out of one source. Frames must come in order and without gaps."""

    def __init__(self, settings: Endpoint) -> None:
        self._onset = _ms_to_samples(settings.onset_ms)
        self._patience = {
            TurnExpectation.FINISHED: _ms_to_samples(min(settings.finished_ms, settings.hangover_ms)),
            TurnExpectation.EITHER: _ms_to_samples(settings.hangover_ms),
            TurnExpectation.MORE: _ms_to_samples(max(settings.unfinished_ms, settings.hangover_ms)),
        }
        self._expectation = TurnExpectation.EITHER
        self._minimum = _ms_to_samples(settings.minimum_speech_ms)
        self._maximum = _ms_to_samples(settings.maximum_ms)
        self._preroll = _ms_to_samples(settings.preroll_ms)
        self._state = _EndpointState.QUIET
        self._recent: deque[Frame] = deque()
        self._speech_start = 0
        self._open: _OpenUtterance | None = None
        self._lost = False
        self._torn_until = 0  # Speech that begins before this sample continues what was cut off.

    def process_frame(self, frame: Frame, speech: bool) -> tuple[EarEvent, ...]:
        """Process one frame, scored as speech or not; return the events it causes."""
        if self._open is None:
            return self._await_speech(frame, speech)
        if self._open.samples >= self._maximum:
            self._torn_until = self._open.speech_end + self._patience[TurnExpectation.EITHER]
            return (*self._close_utterance(self._open, ClosedBy.TOO_LONG), *self._resume_utterance(frame, speech))
        return self._extend_utterance(self._open, frame, speech)

    def set_expectation(self, expectation: TurnExpectation) -> None:
        """Set the expectation for the pause of `UtterancePaused`. Holds until speech continues."""
        self._expectation = expectation

    def note_lost_samples(self, samples: int) -> tuple[EarEvent, ...]:
        """Close the open utterance at a gap of missing samples; speech behind the gap may continue it.

        Without an open utterance speech may have begun in the gap, if it is long enough for a word.
        """
        lost = self._open is not None or self._state is _EndpointState.STARTING or samples >= _SHORTEST_WORD
        events = self.end_source(ClosedBy.BROKEN_OFF)
        self._lost = lost
        return events

    def close_at_gate(self) -> tuple[EarEvent, ...]:
        """Close the open utterance at the shut gate, as finished unless it is in the middle of speech.

        Speech that begins within the length of a pause afterwards continues it.
        """
        speaking = self._state in {_EndpointState.STARTING, _EndpointState.SPEAKING}
        if self._state is not _EndpointState.QUIET:
            speech_end = self._recent[-1].end if self._open is None else self._open.speech_end
            self._torn_until = speech_end + self._patience[TurnExpectation.MORE if speaking else self._expectation]
        return self.end_source(ClosedBy.BROKEN_OFF if speaking else ClosedBy.PAUSE)

    def end_source(self, closing: ClosedBy = ClosedBy.SOURCE_ENDED) -> tuple[EarEvent, ...]:
        """Close the open utterance for the reason `closing`, and reset the state."""
        events = () if self._open is None else self._close_utterance(self._open, closing)
        self._state, self._lost = _EndpointState.QUIET, False
        self._recent.clear()
        return events

    def _await_speech(self, frame: Frame, speech: bool) -> tuple[EarEvent, ...]:
        if self._lost:
            self._lost, self._torn_until = False, frame.start + self._patience[TurnExpectation.EITHER]
        self._recent.append(frame)
        if not speech:
            self._state = _EndpointState.QUIET
        elif self._state is _EndpointState.QUIET:
            self._state, self._speech_start = _EndpointState.STARTING, frame.start
        if self._state is _EndpointState.STARTING and frame.end - self._speech_start >= self._onset:
            return self._open_utterance(self._speech_start, frame.end - self._speech_start)
        self._drop_old_frames(self._speech_start if self._state is _EndpointState.STARTING else frame.end)
        return ()

    def _drop_old_frames(self, wanted: int) -> None:
        """Drop all but the pre-roll before the sample `wanted`."""
        while self._recent and self._recent[0].end <= wanted - self._preroll:
            self._recent.popleft()

    def _open_utterance(self, speech_start: int, speech_samples: int) -> tuple[EarEvent, ...]:
        frames = list(self._recent)
        self._recent.clear()
        self._state = _EndpointState.SPEAKING
        torn = speech_start < self._torn_until
        self._open = _OpenUtterance(frames, speech_start, frames[-1].end, speech_samples, len(frames), torn)
        self._expectation = TurnExpectation.EITHER
        return (UtteranceOpened(_join_pcm(frames)),)

    def _resume_utterance(self, frame: Frame, speech: bool) -> tuple[EarEvent, ...]:
        """Reopen after a close at the maximum length; speech that continues needs no onset and no minimum."""
        if not speech:
            return self._await_speech(frame, speech)
        self._recent.append(frame)
        self._drop_old_frames(frame.start)
        return self._open_utterance(frame.start, self._minimum)

    def _extend_utterance(self, utterance: _OpenUtterance, frame: Frame, speech: bool) -> tuple[EarEvent, ...]:
        utterance.append_frame(frame, speech)
        if speech:
            self._state, self._expectation = _EndpointState.SPEAKING, TurnExpectation.EITHER
        else:
            self._state = _EndpointState.HANGOVER
        progress = self._report_progress(utterance)
        if frame.end - utterance.speech_end >= self._patience_with(utterance):
            return (*progress, *self._close_utterance(utterance, ClosedBy.PAUSE))
        return progress

    def _patience_with(self, utterance: _OpenUtterance) -> int:
        """The silence in samples that ends the utterance, by the words so far and its own pauses."""
        usual = self._patience[self._expectation]
        if self._expectation is TurnExpectation.FINISHED:
            return usual
        return max(usual, min(utterance.longest_pause * 3 // 2, 2 * usual))

    def _report_progress(self, utterance: _OpenUtterance) -> tuple[EarEvent, ...]:
        """Report sound that is certainly part of the utterance; a long pause counts only once speech follows it."""
        paused_until = utterance.speech_end + _ms_to_samples(_TAIL_MS)
        sure = [frame for frame in utterance.frames[utterance.reported :] if frame.start < paused_until]
        utterance.reported += len(sure)
        events = (UtteranceContinued(_join_pcm(sure)),) if sure else ()
        return (*events, UtterancePaused()) if sure and sure[-1].end >= paused_until else events

    def _close_utterance(self, utterance: _OpenUtterance, closing: ClosedBy) -> tuple[EarEvent, ...]:
        kept_until = utterance.speech_end + _ms_to_samples(_TAIL_MS)
        kept = [frame for frame in utterance.frames if frame.start < kept_until]
        # The silence cut off here is the pre-roll of what may begin right after.
        self._recent = deque(utterance.frames[len(kept) :])
        self._open, self._state = None, _EndpointState.QUIET
        if utterance.speech_samples < self._minimum:
            return (UtteranceAbandoned(),)
        return (
            UtteranceClosed(
                Segment(
                    start=kept[0].start,
                    speech_start=utterance.speech_start,
                    speech_end=utterance.speech_end,
                    closed=utterance.end,
                    closing=closing if closing is ClosedBy.TOO_LONG or not utterance.torn else ClosedBy.BROKEN_OFF,
                    pcm=_join_pcm(kept),
                )
            ),
        )


def _ms_to_samples(milliseconds: int) -> int:
    return milliseconds * SAMPLE_RATE // 1000


def _join_pcm(frames: list[Frame]) -> bytes:
    return b"".join(frame.pcm for frame in frames)


_TAIL = SAMPLE_RATE * 300 // 1000  # Thumbs leave the key before the last word is out: 300 ms.
_LEAD = SAMPLE_RATE * 200 // 1000  # And the first word begins before the key is down: 200 ms. Not heard when muted.

_HELD_AT_MOST = 60 * SAMPLE_RATE
"""A talk key that is down for a minute is stuck, or its release was lost: sound is dropped from then on."""

_STUCK_KEY_FAULT = FaultBegan(
    FaultKind.KEY_STUCK, "has had its talk key down for a minute, and hears nothing until that is let go; is it stuck?"
)


@dataclass(frozen=True, slots=True)
class GateShut:
    """The gate is shut from here on."""


class Gate:
    """Drops frames while muted or, with push to talk, while the key is up."""

    def __init__(self, *, push_to_talk: bool, publish: Callable[[MicrophoneEvent], None] = lambda _: None) -> None:
        """`publish` is called on the sound's thread when the talk key is stuck, and when that is over."""
        self.muted = False
        self.talking = False  # Whether the talk key is down.
        self._push_to_talk = push_to_talk
        self._publish = publish
        self._open = False
        self._recent: deque[Frame] = deque()
        self._until = 0
        self._held_since: int | None = None
        self._stuck = False

    def filter_frame(self, frame: Frame) -> list[Frame | GateShut]:
        """The frames that pass now: with those just before when the gate opens; `GateShut` when it closes."""
        self._detect_stuck_key(frame)
        if self._update_state_and_is_open(frame):
            frames = [*self._recent, frame]
            self._recent.clear()
            self._open = True
            return list(frames)
        was_open, self._open = self._open, False
        self._keep_recent(frame)
        return [GateShut()] if was_open else []

    def _detect_stuck_key(self, frame: Frame) -> None:
        """Report that the talk key has been down for longer than _HELD_AT_MOST, or no longer is."""
        if not (self.talking and self._push_to_talk):
            self._held_since = None
        elif self._held_since is None:
            self._held_since = frame.start
        was_stuck = self._stuck
        self._stuck = self._held_since is not None and frame.start - self._held_since > _HELD_AT_MOST
        if self._stuck != was_stuck:
            self._publish(_STUCK_KEY_FAULT if self._stuck else FaultEnded(FaultKind.KEY_STUCK))

    def _update_state_and_is_open(self, frame: Frame) -> bool:
        if self.muted or not self._push_to_talk:
            self._until = 0
            return not self.muted
        if self.talking and not self._stuck:
            self._until = frame.start + _TAIL
        return frame.start < self._until

    def _keep_recent(self, frame: Frame) -> None:
        """Keep the frames before a late talk key; none while muted."""
        if self.muted:
            self._recent.clear()
            return
        self._recent.append(frame)
        while self._recent[0].end <= frame.end - _LEAD:
            self._recent.popleft()


class WakePhrase:
    """Decides which utterances are meant for the device: those with the phrase, and those shortly after one."""

    def __init__(self, window_s: float) -> None:
        """`window_s`: for so long after an accepted utterance the next needs no phrase."""
        self._window = round(window_s * SAMPLE_RATE)
        self._until = 0

    def extract_addressed_speech(
        self, segment: Segment, phrase_end: int | None, *, is_answer: bool = False
    ) -> Segment | None:
        """The utterance without the phrase; None where it is not for the device, or only the phrase.

        `phrase_end` is the sample index within the segment's sound where the phrase ends. An answer needs no
        phrase: an ignored "no" to a readback would let a wrong entry pass.
        """
        if phrase_end is None and not is_answer and segment.speech_start >= self._until:
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
