from __future__ import annotations

from dataclasses import replace

from edge.hear.endpointing import Gate, GateShut, WakePhrase
from edge.hear.microphone_health import FaultBegan, FaultEnded, FaultKind, MicrophoneEvent
from edge.records import ClosedBy, Frame, Segment
from tests.rows import each_of

FRAME = 320


def heard(gate: Gate, first: int, frames: int) -> list[int | None]:
    """The numbers of the frames that come through from `first` on; None where the gate shuts."""
    through = [
        one for number in range(first, first + frames) for one in gate.filter_frame(Frame(number * FRAME, bytes(640)))
    ]
    return [None if isinstance(one, GateShut) else one.start // FRAME for one in through]


def test_nothing_is_heard_while_muted_and_nothing_of_it_afterwards() -> None:
    gate = Gate(push_to_talk=False)
    heard(gate, 0, 5)
    gate.muted = True
    assert heard(gate, 5, 50) == [None]
    gate.muted = False
    assert heard(gate, 55, 2) == [55, 56]


def test_push_to_talk_hears_from_a_little_before_the_key_to_a_little_after() -> None:
    gate = Gate(push_to_talk=True)
    assert heard(gate, 0, 100) == []
    gate.talking = True
    lead, tail = 3_200 // FRAME, 4_800 // FRAME
    assert heard(gate, 100, 10) == list(range(100 - lead, 110))
    gate.talking = False
    assert heard(gate, 110, 100) == [*range(110, 109 + tail), None]


def test_mute_wins_over_the_talk_key() -> None:
    gate = Gate(push_to_talk=True)
    gate.muted = gate.talking = True
    assert heard(gate, 0, 20) == []
    gate.muted = False
    assert heard(gate, 20, 2) == [20, 21]


LIMIT = (60 * 16_000 + 4_800) // FRAME


@each_of("muted", [False, True])
def test_a_talk_key_that_is_stuck_is_told_and_nothing_is_heard_until_it_is_let_go(*, muted: bool) -> None:
    told: list[MicrophoneEvent] = []
    gate = Gate(push_to_talk=True, publish=told.append)
    gate.talking = True
    assert heard(gate, 0, LIMIT + 100) == [*range(LIMIT), None]
    assert [(type(one), one.fault) for one in told] == [(FaultBegan, FaultKind.KEY_STUCK)]
    gate.muted, gate.talking = muted, False
    heard(gate, LIMIT + 100, 1)
    assert told[1:] == [FaultEnded(FaultKind.KEY_STUCK)]
    gate.muted, gate.talking = False, True
    assert heard(gate, LIMIT + 101, 1)[-1] == LIMIT + 101


SEGMENT = Segment(
    start=1000, speech_start=1500, speech_end=30_000, closed=38_000, closing=ClosedBy.PAUSE, pcm=bytes(2 * 32_000)
)


def later(seconds: float) -> Segment:
    samples = round(seconds * 16_000)
    return replace(
        SEGMENT,
        start=SEGMENT.start + samples,
        speech_start=SEGMENT.speech_start + samples,
        speech_end=SEGMENT.speech_end + samples,
        closed=SEGMENT.closed + samples,
    )


def test_the_phrase_is_taken_off_and_the_rest_keeps_its_place() -> None:
    meant = WakePhrase(8).extract_addressed_speech(SEGMENT, 12_000)
    assert meant is not None
    assert (meant.start, meant.speech_start, meant.speech_end) == (13_000, 13_000, 30_000)
    assert len(meant.pcm) == 2 * 20_000


def test_shortly_after_an_utterance_no_phrase_is_needed() -> None:
    wake = WakePhrase(8)
    wake.extract_addressed_speech(SEGMENT, 12_000)
    assert wake.extract_addressed_speech(later(9), None) == later(
        9
    )  # it began 8 s after the first one closed at the latest
    assert wake.extract_addressed_speech(later(30), None) is None


def test_what_is_awaited_needs_no_phrase() -> None:
    wake = WakePhrase(0)
    assert wake.extract_addressed_speech(SEGMENT, None, is_answer=True) == SEGMENT
    assert wake.extract_addressed_speech(later(100), None) is None


def test_the_phrase_alone_opens_the_ear_for_what_follows() -> None:
    wake = WakePhrase(8)
    assert wake.extract_addressed_speech(SEGMENT, 29_500) is None
    assert wake.extract_addressed_speech(later(5), None) == later(5)
