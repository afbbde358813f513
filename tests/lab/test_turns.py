from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from dockvoice_protocol.records import Word
from edge.agree.decide import Rules
from edge.config import Settings
from edge.records import SAMPLE_RATE
from lab.bench.pipelines import DetectedTurn, FixedPause, TurnPipeline, TurnTranscript, installed_pipelines
from lab.bench.turns import CLIPS, pipeline_turn_end, select_clips, source_with_trailing_silence
from lab.scoring import Clip, Mark
from tests.rows import each_of

PAUSE_MS, TAIL_MS = 600, 200
SENTENCE = "pallet seven four two twelve units dock b"


def test_each_pipeline_that_is_here_ends_one_turn_behind_the_last_word_and_a_fixed_pause_exactly_so_late() -> None:
    clip = select_clips([CLIPS], 40)[str(CLIPS)][0]
    said = (clip.speech_end or 0) * SAMPLE_RATE
    fixed = partial(FixedPause, Settings(), PAUSE_MS)
    others: tuple[Callable[[], TurnPipeline], ...] = (fixed, *installed_pipelines())
    for made in others:
        *_, last = asyncio.run(made().detect_turns(source_with_trailing_silence(clip)))
        assert said < last.closed < said + 3.5 * SAMPLE_RATE
    (turn,) = asyncio.run(fixed().detect_turns(source_with_trailing_silence(clip)))
    assert turn.closed - turn.end == (PAUSE_MS - TAIL_MS) * SAMPLE_RATE // 1000


def heard(
    text: str, closed_s: float, whole_s: float = 0.1, behind_s: float = 0.02
) -> tuple[DetectedTurn, TurnTranscript]:
    words = tuple(Word(word, closed_s + at, closed_s + at + 0.5, 1.0) for at, word in enumerate(text.split()))
    closed = round(closed_s * SAMPLE_RATE)
    return DetectedTurn(0, closed, closed, 0.05), TurnTranscript(words, whole_s, behind_s)


@each_of(
    ("turns", "mark", "waited_ms", "cut"),
    [
        ([heard(SENTENCE, 2.3)], Mark.RIGHT, 300, False),
        ([heard(SENTENCE.replace("twelve", "ten"), 2.5)], Mark.WRONG, 500, False),
        ([heard("pallet seven four two twelve units", 1.2), heard("dock b", 2.2)], Mark.RIGHT, 200, True),
        ([heard("pallet seven four two twelve units", 1.2)], Mark.ASKED, None, True),
    ],
)
def test_pieces_of_a_sentence_count_together_and_a_turn_that_ended_within_it_as_cut(
    turns: list[tuple[DetectedTurn, TurnTranscript]], mark: Mark, waited_ms: float | None, cut: bool, rules: Rules
) -> None:
    truth = {"pallet_id": "742", "quantity": 12, "dock": "B"}
    clip = Clip(audio=Path("a.flac"), fields=truth, condition="clean", speech_end=2.0)
    one = pipeline_turn_end("other", clip, turns, rules)
    assert (one.mark, one.cut, one.waited_ms) == (mark, cut, pytest.approx(waited_ms) if waited_ms else None)
    if waited_ms:  # the end-of-turn model computes beside the recogniser: the longer one counts
        assert (one.whole_ms, one.along_ms) == (100, 50)
