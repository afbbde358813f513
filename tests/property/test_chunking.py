"""Invariant: the same sound gives the same utterances, however it comes in.

Neither the blocks in which a recording is read, nor the pieces in which a sound card delivers, nor its pauses move a
boundary by one sample. And whatever a detector says, every utterance is an unbroken stretch of the sound, no two
overlap, and what a recogniser is fed is exactly what lies between opening and closing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from edge.agent.ear import listen
from edge.audio.sound_server import SoundServer
from edge.config import Endpoint, Vad
from edge.hear.capture import Stream
from edge.hear.endpointing import EarEvent, Endpointer, UtteranceClosed, UtteranceContinued, UtteranceOpened
from edge.hear.microphone import Microphone
from edge.hear.recording import RecordedSource
from edge.hear.speech_detection import make_speech_scorer
from edge.ports import Source
from edge.records import Frame
from tests.tiers import examples

FINE = SimpleNamespace(input_overflow=False)
DETECTOR = make_speech_scorer(Vad())


class Silent(SoundServer):
    """No sound server runs here."""

    def poll(self, now: float) -> None:
        return None


class Delivered(Source):
    """Sound as a sound card brings it: in pieces, through PortAudio's callback."""

    name = "microphone"
    live = True

    def __init__(self, sound: np.ndarray, rate: int, sizes: list[int]) -> None:
        self._sound, self._rate, self._sizes = sound, rate, sizes

    def frames(self) -> Iterator[Frame]:
        microphone, stream, begin, turn = Microphone(None, 1, server=Silent()), Stream(self._rate, 1), 0, 0
        while begin < len(self._sound):
            taken = self._sound[begin : begin + self._sizes[turn % len(self._sizes)]]
            stream.on_sound(memoryview(taken.tobytes()), len(taken), None, FINE)
            begin, turn = begin + len(taken), turn + 1
        microphone.close()
        stream.on_finished()
        return microphone.stream_frames(stream)


def utterances(source: Source) -> list[EarEvent]:
    return [event for event in listen(source, DETECTOR, Endpointer(Endpoint())) if isinstance(event, UtteranceClosed)]


@pytest.fixture(scope="module")
def clip(repository: Path) -> Path:
    return repository / "tests/data/speech/demo/08-pallet-0224-six-units-dock-missing.flac"


@pytest.fixture(scope="module")
def at_44_khz(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    sound, _ = soundfile.read(clip, dtype="int16")
    path = tmp_path_factory.mktemp("chunking") / "fast.wav"
    soundfile.write(path, sound, 44_100)  # the voice of a mouse, but speech
    return path


@examples(1 / 4)
@given(block=st.integers(1, 50_000).filter(lambda samples: samples > 50))
def test_the_block_in_which_a_recording_is_read_changes_no_frame(at_44_khz: Path, clip: Path, block: int) -> None:
    for path in (clip, at_44_khz):
        assert list(RecordedSource(path, block_samples=block).frames()) == list(RecordedSource(path).frames())


@examples(1 / 6)
@given(sizes=st.lists(st.integers(200, 9_000), min_size=1, max_size=8))
def test_the_pieces_of_a_sound_card_change_no_utterance(at_44_khz: Path, clip: Path, sizes: list[int]) -> None:
    for path in (clip, at_44_khz):
        sound, rate = soundfile.read(path, dtype="int16")
        read = utterances(RecordedSource(path))
        assert read
        assert utterances(Delivered(sound, rate, sizes)) == read


@examples(1 / 6)
@given(whole_frames_of_silence=st.integers(0, 400))
def test_silence_before_speech_moves_an_utterance_and_does_not_change_it(
    clip: Path, tmp_path_factory: pytest.TempPathFactory, whole_frames_of_silence: int
) -> None:
    # 8 frames are 5 of Silero's windows: shifted so, both grids fall on the same samples again.
    shift = whole_frames_of_silence // 8 * 8 * 320
    sound, rate = soundfile.read(clip, dtype="int16")
    path = tmp_path_factory.mktemp("later") / "later.wav"
    soundfile.write(path, np.concatenate([np.zeros(shift + 5120, np.int16), sound]), rate)
    base = tmp_path_factory.mktemp("later") / "base.wav"
    soundfile.write(base, np.concatenate([np.zeros(5120, np.int16), sound]), rate)
    (later,), (first,) = utterances(RecordedSource(path)), utterances(RecordedSource(base))
    assert isinstance(later, UtteranceClosed)
    assert isinstance(first, UtteranceClosed)
    assert later.segment.start - shift == first.segment.start
    assert later.segment.pcm == first.segment.pcm


timings = st.builds(
    Endpoint,
    preroll_ms=st.integers(0, 2000),
    onset_ms=st.integers(20, 300),
    hangover_ms=st.integers(100, 1500),
    minimum_speech_ms=st.integers(20, 600),
    maximum_ms=st.integers(2000, 4000),
)

runs = st.lists(st.tuples(st.booleans(), st.integers(1, 150)), max_size=20)


@examples(2)
@given(endpoint=timings, speech_runs=runs)
def test_utterances_are_unbroken_stretches_that_never_overlap(
    endpoint: Endpoint, speech_runs: list[tuple[bool, int]]
) -> None:
    scores = [speech for speech, length in speech_runs for _ in range(length)]
    sound = np.arange(len(scores) * 320).astype("<u2").tobytes()
    machine = Endpointer(endpoint)
    fed, kept_until = b"", 0
    for event in [*_events(machine, scores, sound), *machine.end_source()]:
        if isinstance(event, UtteranceOpened):
            fed = event.pcm
        elif isinstance(event, UtteranceContinued):
            fed += event.pcm
        elif isinstance(event, UtteranceClosed):
            segment = event.segment
            assert fed == segment.pcm == sound[segment.start * 2 :][: len(segment.pcm)]
            assert kept_until <= segment.start <= segment.speech_start < segment.speech_end <= segment.closed
            assert segment.start * 2 + len(segment.pcm) >= segment.speech_end * 2
            assert segment.closed - segment.start <= (endpoint.maximum_ms + endpoint.preroll_ms + 300 + 20) * 16
            kept_until = segment.start + len(segment.pcm) // 2


def _events(machine: Endpointer, scores: list[bool], sound: bytes) -> Iterator[EarEvent]:
    for number, speech in enumerate(scores):
        yield from machine.process_frame(Frame(number * 320, sound[number * 640 : (number + 1) * 640]), speech)


@examples(2)
@given(endpoint=timings, speech_runs=runs)
def test_speech_that_opens_and_is_long_enough_lies_within_some_utterance(
    endpoint: Endpoint, speech_runs: list[tuple[bool, int]]
) -> None:
    scores = [speech for speech, length in speech_runs for _ in range(length)]
    machine = Endpointer(endpoint)
    events = [*_events(machine, scores, bytes(640 * len(scores))), *machine.end_source()]
    kept = [(e.segment.start, e.segment.speech_end) for e in events if isinstance(e, UtteranceClosed)]
    enough = max(endpoint.onset_ms, endpoint.minimum_speech_ms) // 20 + 1
    for begin, length in _speech(scores):
        if length >= enough:
            covered = sum(max(0, min(end, begin + length) - max(start, begin)) for start, end in _in_frames(kept))
            assert covered == length


def _speech(scores: list[bool]) -> Iterator[tuple[int, int]]:
    begin = 0
    for number, speech in enumerate([*scores, False]):
        if not speech:
            if number > begin:
                yield begin, number - begin
            begin = number + 1


def _in_frames(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(start // 320, end // 320) for start, end in spans]
