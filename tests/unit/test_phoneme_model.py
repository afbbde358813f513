"""The phoneme model's listener, with a model that only counts frames; the real one where its weights are missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dockvoice_protocol.errors import Misconfigured
from edge.config import Settings, Understand
from edge.records import SAMPLE_BYTES, SAMPLE_RATE
from edge.understand.local.factory import make_judge
from edge.understand.local.forced_path import Frames
from edge.understand.local.phoneme_model import PhonemeListener, PhonemeModel
from edge.understand.local.pronunciation import PHONEMES

PIECE = SAMPLE_RATE // 5 * SAMPLE_BYTES
FRAME = SAMPLE_RATE // 50 * SAMPLE_BYTES


class _Counting(PhonemeModel):
    """Blank everywhere; keeps the length of each sound that it was given."""

    def __init__(self) -> None:
        self.given: list[int] = []

    def frames(self, pcm: bytes) -> Frames:
        self.given.append(len(pcm) // FRAME)
        found = np.full((len(pcm) // FRAME, len(PHONEMES) + 1), -10.0, np.float32)
        found[:, 0] = 0.0
        return found


def sound(seconds: float, level: int) -> bytes:
    return (np.resize([level, -level], round(seconds * SAMPLE_RATE)).astype("<i2")).tobytes()


def hear(pcm: bytes) -> tuple[PhonemeListener, _Counting]:
    model = _Counting()
    listener = PhonemeListener(model)
    for at in range(0, len(pcm), PIECE):
        listener.accept(pcm[at : at + PIECE])
    return listener, model


def test_sound_is_computed_in_stretches_while_it_comes() -> None:
    listener, model = hear(sound(3.0, 9000))
    assert model.given == [70, 90]  # 1.2 s and the 0.2 s behind them; then also the 0.4 s before
    assert listener.measure_fits([()]).frames == 150
    assert len(model.given) == 3


def test_no_sound_fits_as_well_as_any() -> None:
    assert hear(b"")[0].measure_fits([("one",), ("two",)]).values == (0.0, 0.0)


def test_a_directory_without_the_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="dockvoice models get hama"):
        PhonemeModel(tmp_path)


def test_the_judge_is_off_unless_it_is_wanted(tmp_path: Path) -> None:
    def settings(**wanted: bool) -> Settings:
        return Settings(understand=Understand.model_validate({"models_directory": str(tmp_path), **wanted}))

    assert make_judge(settings()) is None
    with pytest.raises(Misconfigured, match=r"understand\.judge"):
        make_judge(settings(judge=True))
