from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from lab.bench.nothing_said import SilenceTotals, mix_talkers, summarise_tally, tabulate_kinds
from lab.noises import RATE

TONES = [np.sin(np.arange(RATE // 2) / pitch) for pitch in (5, 9)]


def test_colleagues_talk_with_pauses_for_a_minute_and_another_seed_is_another_talk() -> None:
    once = mix_talkers(TONES, 1)
    np.testing.assert_array_equal(once, mix_talkers(TONES, 1))
    assert not np.allclose(once, mix_talkers(TONES, 2))
    assert len(once) == 60 * RATE
    loud = np.abs(once.reshape(-1, RATE // 50)).max(axis=1) > 0
    assert 0.1 < loud.mean() < 0.9
    assert np.abs(once).max() <= 1


def test_the_table_tells_what_an_hour_holds_at_most_and_the_tally_all_nights(tmp_path: Path) -> None:
    found = [SilenceTotals("music", 1.0, 4, 1, 0, 20.0), SilenceTotals("talk", 2.0, 9, 3, 1, 400.0)]
    assert tabulate_kinds(found).rows == (
        ("music", "1.00", "4", "1", "0", "3.0", "20"),
        ("talk", "2.00", "9", "3", "1", "2.4", "200"),
        ("together", "3.00", "13", "4", "1", "1.6", "140"),
    )
    tally = tmp_path / "tally.jsonl"
    nights = [{"seed": seed, "hours": 1.5, "recorded": 0} for seed in (1, 2)]
    tally.write_text("".join(json.dumps(night) + "\n" for night in nights), encoding="utf-8")
    assert summarise_tally(tally) == "2 runs, 3.0 hours in all: 0 recorded, at most 1.00 an hour"
