"""A headset whose earpiece leaks into its microphone, in virtual time: what is played comes back softer and later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.agent.ear import listen
from edge.config import Endpoint, Vad
from edge.hear.endpointing import Endpointer, UtteranceClosed
from edge.hear.speech_detection import EchoDetector, EchoSuppressingDetector, make_speech_scorer
from edge.ports import Source
from edge.records import SAMPLE_RATE, Frame, Segment
from edge.speak.mixer import Mixer, PhrasePriority

Sound = NDArray[np.int16]
FRAME = 320


@dataclass
class Leaking(Source):
    """A microphone that hears its own earpiece, a quiet room and, where the script says so, the operator."""

    script: Sequence[tuple[float, Sound, Sound | None, float]]
    """What happens, each thing so many seconds after the one before has ended: what the device says, and what the
    operator says, so many seconds after the device began."""
    leakage_db: float = -20.0
    delay_ms: int = 120
    room_db: float = -62.0  # A quiet office: white noise, root mean square below full scale.
    seed: int = 1
    name: str = "microphone"
    live: bool = True
    now: float = 0.0
    playing: Mixer = field(default_factory=Mixer)
    own: EchoDetector = field(default_factory=EchoDetector)
    said_at: list[float] = field(default_factory=list)  # When the operator began, each time.
    stopped_at: list[float] = field(default_factory=list)  # When the device fell silent because somebody spoke over it.

    def frames(self) -> Iterator[Frame]:
        delayed = np.zeros(max(self.delay_ms * SAMPLE_RATE // 1000, 0))
        chance, number = np.random.default_rng(self.seed), 0
        for silence_s, device, operator, after_s in self.script:
            begins = number + round(silence_s * SAMPLE_RATE / FRAME) * FRAME
            speaks = begins + round(after_s * SAMPLE_RATE)
            if operator is not None:
                self.said_at.append(speaks / SAMPLE_RATE)
            said = np.zeros(0) if operator is None else operator
            while number < max(begins + FRAME, speaks + len(said)) or not self.playing.is_quiet:
                if number == begins:
                    phrase = self.playing.queue_phrase(PhrasePriority.REPLY)
                    self.playing.append_sound(phrase, device)
                    self.playing.end_phrase(phrase)
                out = self.playing.render(FRAME)
                self.own.note_played(number / SAMPLE_RATE, out.tobytes())
                delayed = np.concatenate([delayed, out])
                heard = delayed[:FRAME] * 10 ** (self.leakage_db / 20)
                delayed = delayed[FRAME:]
                heard = heard + chance.normal(0, 10 ** (self.room_db / 20) * 32768, FRAME)
                heard += _slice(said, number - speaks)
                self.now = (number + FRAME) / SAMPLE_RATE
                yield Frame(number, np.clip(np.rint(heard), -32768, 32767).astype(np.int16).tobytes())
                number += FRAME

    def stop(self) -> None:
        self.stopped_at.append(self.now)
        self.playing.stop_speaking()


def _slice(sound: NDArray[np.float64] | Sound, at: int) -> NDArray[np.float64]:
    piece = np.zeros(FRAME)
    taken = sound[max(at, 0) : max(at + FRAME, 0)]
    piece[max(-at, 0) : max(-at, 0) + len(taken)] = taken
    return piece


def heard(source: Leaking, *, guarded: bool = True, stop: Callable[[], None] | None = None) -> list[Segment]:
    """The utterances that the real ear cuts out."""
    detector = make_speech_scorer(Vad())
    if guarded:
        detector = EchoSuppressingDetector(detector, source.own, lambda: source.now, stop or source.stop)
    return [
        event.segment
        for event in listen(source, detector, Endpointer(Endpoint()))
        if isinstance(event, UtteranceClosed)
    ]
