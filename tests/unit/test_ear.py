from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockvoice_protocol.errors import Unavailable
from edge.agent.ear import listen
from edge.config import Endpoint, Vad
from edge.hear.endpointing import EarEvent, Endpointer, Gate, UtteranceClosed
from edge.hear.recording import RecordedSource
from edge.hear.speech_detection import make_speech_scorer
from edge.ports import Source, SpeechScorer
from edge.records import ClosedBy, Frame, Segment
from tests.rows import each_of
from tests.tiers import sized

SPEECH = b"\x01\x00" * 320
SILENCE = b"\x00\x00" * 320


class Line(Source):
    """A source written as a line: `#` speech, `.` silence, `_` a frame that is lost, `!` the sound stops coming."""

    name = "line"

    def __init__(self, line: str, *, live: bool) -> None:
        self._line = line
        self.live = live

    def frames(self) -> Iterator[Frame]:
        for number, sound in enumerate(self._line):
            if sound == "!":
                raise Unavailable("microphone: gave no sound")
            if sound != "_":
                yield Frame(number * 320, SPEECH if sound == "#" else SILENCE)


class Listener(SpeechScorer):
    """Takes what is not silent for speech, and notes where it was told to forget."""

    def __init__(self) -> None:
        self.scored: list[int] = []
        self.forgot_before: list[int] = []

    def is_speech(self, frame: Frame) -> bool:
        self.scored.append(frame.start // 320)
        return frame.pcm == SPEECH

    def reset(self) -> None:
        self.forgot_before.append(len(self.scored))


def ear(line: str, listener: Listener | None = None, *, live: bool = True) -> Iterator[EarEvent]:
    return listen(
        Line(line, live=live), listener or Listener(), Endpointer(Endpoint(hangover_ms=100, minimum_speech_ms=60))
    )


def closed(events: Iterator[EarEvent]) -> list[Segment]:
    return [event.segment for event in events if isinstance(event, UtteranceClosed)]


def test_when_sound_stops_coming_the_open_utterance_closes_before_the_error() -> None:
    events = ear("...#####!")
    heard: list[EarEvent] = []
    with pytest.raises(Unavailable, match="gave no sound"):
        heard.extend(events)
    assert isinstance(heard[-1], UtteranceClosed)
    assert heard[-1].segment.closing is ClosedBy.BROKEN_OFF


def test_where_sound_was_lost_the_utterance_closes_as_not_heard_to_its_end() -> None:
    listener = Listener()
    first, second = closed(ear("...#####__#####.....", listener))
    assert first.closing is ClosedBy.BROKEN_OFF
    assert first.closed == 8 * 320
    assert second.start == 10 * 320
    assert second.closing is ClosedBy.BROKEN_OFF, "its beginning is not all there"
    assert listener.forgot_before == [0, 8]


def test_what_is_said_right_behind_a_loss_that_hides_a_word_is_not_whole_though_nobody_spoke_before_it() -> None:
    (behind,) = closed(ear("....." + "_" * 8 + "#####....."))
    assert behind.closing is ClosedBy.BROKEN_OFF
    (later,) = closed(ear("....." + "_" * 8 + "......#####....."))
    assert later.closing is ClosedBy.PAUSE


def test_a_microphone_that_ends_breaks_off_what_is_being_said() -> None:
    (segment,) = closed(ear("...#####", live=True))
    assert segment.closing is ClosedBy.BROKEN_OFF


def closings_with(gate: Gate, line: str, *changes: int, **flags: bool) -> list[ClosedBy]:
    """How utterances of a microphone close when the flags of its gate are set, and unset again, at those frames."""

    class Changing(Line):
        def frames(self) -> Iterator[Frame]:
            for number, frame in enumerate(super().frames()):
                if number in changes:
                    vars(gate).update(
                        {flag: value == (changes.index(number) % 2 == 0) for flag, value in flags.items()}
                    )
                yield frame

    events = listen(Changing(line, live=True), Listener(), Endpointer(Endpoint()), gate)
    return [event.segment.closing for event in events if isinstance(event, UtteranceClosed)]


def test_what_is_said_when_the_gate_shuts_in_the_middle_of_it_is_broken_off() -> None:
    assert closings_with(Gate(push_to_talk=False), "." * 20 + "#" * 60, 50, muted=True) == [ClosedBy.BROKEN_OFF]


def test_what_is_finished_when_the_gate_shuts_is_finished_at_once() -> None:
    line = "." * 20 + "#" * 30 + "." * 10
    assert closings_with(Gate(push_to_talk=False), line + "...", len(line), muted=True) == [ClosedBy.PAUSE]


def test_the_talk_key_let_go_after_the_last_word_ends_the_utterance() -> None:
    gate = Gate(push_to_talk=True)
    gate.talking = True
    assert closings_with(gate, "." * 20 + "#" * 30 + "." * 24, 51, talking=False) == [ClosedBy.PAUSE]


@each_of(("push_to_talk", "shut_ms"), [(False, 100), (False, 600), (True, 400), (True, 1200)])
def test_what_goes_on_behind_a_brief_mute_or_a_slip_off_the_talk_key_is_torn_off(
    push_to_talk: bool, shut_ms: int
) -> None:
    gate = Gate(push_to_talk=push_to_talk)
    gate.talking = push_to_talk
    shut, flag = shut_ms // 20, {"talking": False} if push_to_talk else {"muted": True}
    line = "." * 20 + "#" * (140 + shut) + "." * 30
    assert closings_with(gate, line, 60, 60 + shut, **flag) == [ClosedBy.BROKEN_OFF] * 2


def test_the_end_of_a_recording_is_the_end_of_what_is_said_in_it() -> None:
    (segment,) = closed(ear("...#####", live=False))
    assert segment.closing is ClosedBy.SOURCE_ENDED


def test_each_demo_sentence_is_one_utterance_and_silence_and_noise_are_none(repository: Path) -> None:
    demo = repository / "tests/data/speech/demo"
    detector = make_speech_scorer(Vad())
    for line in (demo / "manifest.jsonl").read_text().splitlines()[:: sized(quick=4, test=2, nightly=1)]:
        clip = json.loads(line)
        found = closed(listen(RecordedSource(demo / clip["audio"]), detector, Endpointer(Endpoint())))
        if clip["speech_end"] is None:
            assert found == [], clip["audio"]
        else:
            assert [segment.closing for segment in found] == [ClosedBy.PAUSE], clip["audio"]
            assert found[0].speech_end / 16_000 == pytest.approx(clip["speech_end"], abs=0.3), clip["audio"]
