"""Sound is written as a line: `.` is 20 ms of silence, `#` 20 ms of speech. Each frame's samples hold its number."""

from __future__ import annotations

import pytest

from dockvoice_protocol.records import TurnExpectation
from edge.config import Endpoint
from edge.hear.endpointing import (
    EarEvent,
    Endpointer,
    UtteranceAbandoned,
    UtteranceClosed,
    UtteranceContinued,
    UtteranceOpened,
    UtterancePaused,
)
from edge.records import ClosedBy, Frame, Segment
from tests.rows import each_of

FRAME = 320

QUICK = {"preroll_ms": 60, "onset_ms": 40, "hangover_ms": 100, "minimum_speech_ms": 60, "maximum_ms": 2000}


def frame(number: int) -> Frame:
    return Frame(number * FRAME, number.to_bytes(2, "little") * FRAME)


def numbers(pcm: bytes) -> list[int]:
    return [int.from_bytes(pcm[i : i + 2], "little") for i in range(0, len(pcm), 2 * FRAME)]


def hear(line: str, *, end: bool = True, **settings: int) -> list[EarEvent]:
    machine = Endpointer(Endpoint(**(QUICK | settings)))
    events = [event for i, sound in enumerate(line) for event in machine.process_frame(frame(i), sound == "#")]
    return [*events, *machine.end_source()] if end else events


def segments(events: list[EarEvent]) -> list[Segment]:
    return [event.segment for event in events if isinstance(event, UtteranceClosed)]


def fed(events: list[EarEvent]) -> list[list[int]]:
    """The frames that a streaming recogniser was given, by utterance."""
    utterances: list[list[int]] = []
    for event in events:
        if isinstance(event, UtteranceOpened):
            utterances.append(numbers(event.pcm))
        elif isinstance(event, UtteranceContinued):
            utterances[-1].extend(numbers(event.pcm))
    return utterances


@each_of("line", ["#", "..#..#..#..#..", ".#" * 100])
def test_speech_shorter_than_the_onset_opens_nothing(line: str) -> None:
    assert hear(line) == []


def test_a_click_is_abandoned() -> None:
    events = hear("....##..........")
    assert isinstance(events[0], UtteranceOpened)
    assert events[-1] == UtteranceAbandoned()
    assert segments(events) == []


def test_minimum_speech_counts_speech_not_the_silence_between() -> None:
    assert segments(hear("....##...#..........", minimum_speech_ms=80)) == []
    assert len(segments(hear("....##...##.........", minimum_speech_ms=80))) == 1


def test_the_first_word_is_not_clipped() -> None:
    (segment,) = segments(hear(".....####......"))
    assert segment.start == 2 * FRAME  # 60 ms before the speech
    assert segment.speech_start == 5 * FRAME
    assert numbers(segment.pcm)[:4] == [2, 3, 4, 5]


def test_a_pause_closes_at_the_hangover_and_says_where_speech_ended() -> None:
    (segment,) = segments(hear(".....####.....", end=False))
    assert segment.speech_end == 9 * FRAME
    assert segment.closed == 14 * FRAME
    assert segment.closing is ClosedBy.PAUSE


def test_a_pause_as_long_as_the_hangover_makes_two() -> None:
    first, second = segments(hear("...####.....####....."))
    assert (first.speech_end, second.speech_start) == (7 * FRAME, 12 * FRAME)


def test_the_hangover_is_trimmed_to_200_ms() -> None:
    (segment,) = segments(hear("...####" + "." * 50, hangover_ms=500))
    assert numbers(segment.pcm) == list(range(17))
    assert segment.seconds == pytest.approx(0.34)


def test_the_end_of_the_source_closes_what_is_open() -> None:
    (segment,) = segments(hear("...####."))
    assert segment.closing is ClosedBy.SOURCE_ENDED
    assert segment.closed == 8 * FRAME
    assert numbers(segment.pcm)[-1] == 7


@each_of("before", ["####", "####.", "####....", "...."])
def test_after_the_end_nothing_is_left_even_where_sound_goes_on_soon_after(before: str) -> None:
    machine = Endpointer(Endpoint(**QUICK))
    for number, sound in enumerate(before):
        machine.process_frame(frame(number), sound == "#")
    machine.end_source()
    assert machine.end_source() == ()
    first, second = frame(len(before) + 1), frame(len(before) + 2)
    assert machine.process_frame(first, speech=True) == ()
    assert machine.process_frame(second, speech=True) == (UtteranceOpened(first.pcm + second.pcm),)


def test_speech_without_end_is_closed_at_the_maximum_and_nothing_is_lost_between() -> None:
    events = hear("." * 3 + "#" * 250 + "." * 5)
    found = segments(events)
    assert [segment.closing for segment in found] == [ClosedBy.TOO_LONG, ClosedBy.TOO_LONG, ClosedBy.BROKEN_OFF]
    assert [len(numbers(segment.pcm)) for segment in found] == [103, 100, 55]  # the first one with its pre-roll
    assert [number for segment in found for number in numbers(segment.pcm)] == list(range(258))
    assert [number for utterance in fed(events) for number in utterance] == list(range(258))


def expecting(line: str, expectation: TurnExpectation, **settings: int) -> list[EarEvent]:
    """What is heard by a machine that is told the same at each pause."""
    machine = Endpointer(Endpoint(**(QUICK | {"hangover_ms": 500} | settings)))
    events: list[EarEvent] = []
    for number, sound in enumerate(line):
        now = machine.process_frame(frame(number), sound == "#")
        if UtterancePaused() in now:
            machine.set_expectation(expectation)
        events += now
    return events


@each_of(
    ("expectation", "silent_ms"),
    [(TurnExpectation.FINISHED, 220), (TurnExpectation.EITHER, 500), (TurnExpectation.MORE, 1500)],
)
def test_how_long_a_pause_ends_the_turn_depends_on_what_was_said(expectation: TurnExpectation, silent_ms: int) -> None:
    (segment,) = segments(expecting("...####" + "." * 80, expectation))
    assert (segment.closed - segment.speech_end) // (FRAME // 20) == silent_ms
    assert len(numbers(segment.pcm)) == 17  # the same sound, however long was waited


@each_of(
    ("paused_ms", "expectation", "silent_ms"),
    [
        (300, TurnExpectation.EITHER, 500),
        (400, TurnExpectation.EITHER, 600),
        (800, TurnExpectation.EITHER, 1000),  # at most twice the usual
        (800, TurnExpectation.FINISHED, 220),
        (800, TurnExpectation.MORE, 1500),
        (1200, TurnExpectation.MORE, 1800),
    ],
)
def test_who_paused_for_long_is_given_half_as_much_again(
    paused_ms: int, expectation: TurnExpectation, silent_ms: int
) -> None:
    machine = Endpointer(Endpoint(**(QUICK | {"hangover_ms": 500, "maximum_ms": 9000})))
    events: list[EarEvent] = []
    for number, sound in enumerate("####" + "." * (paused_ms // 20) + "####" + "." * 99):
        now = machine.process_frame(frame(number), sound == "#")
        if UtterancePaused() in now:
            machine.set_expectation(TurnExpectation.MORE if number < paused_ms // 20 + 4 else expectation)
        events += now
    (segment,) = segments(events)
    assert (segment.closed - segment.speech_end) // (FRAME // 20) == silent_ms


def test_what_was_expected_of_one_pause_says_nothing_of_the_next() -> None:
    machine = Endpointer(Endpoint(**(QUICK | {"hangover_ms": 500})))
    line = "####" + "." * 11 + "####" + "." * 24
    events: list[EarEvent] = []
    for number, sound in enumerate(line):
        now = machine.process_frame(frame(number), sound == "#")
        if UtterancePaused() in now and not events:
            machine.set_expectation(TurnExpectation.FINISHED)
            events += now
    assert events
    assert machine.end_source() != ()  # still open after 480 ms


def test_a_pause_is_told_once_and_when_all_of_the_sound_was_told() -> None:
    events = hear("####" + "." * 20 + "####" + "." * 30, hangover_ms=500)
    assert events.count(UtterancePaused()) == 2
    first = events.index(UtterancePaused())
    assert fed(events[:first]) == [list(range(14))]


def test_an_event_never_shows_what_was_said() -> None:
    for event in hear("...####....."):
        assert "pcm" not in repr(event)
