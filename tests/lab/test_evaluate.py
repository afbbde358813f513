from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from edge.config import Settings
from lab.evaluate import MADE_S, generate_noise_clips, load_clip_sources, mix_clips_with_noise, with_fixed_pause
from lab.noises import BABBLE, NOISE_KINDS, SILENCE
from lab.scoring import Clip, read_manifest


@pytest.fixture
def clips(repository: Path) -> tuple[Clip, ...]:
    return read_manifest(repository / "tests/data/speech/demo/manifest.jsonl")


def test_made_noise_is_as_much_of_each_kind_and_no_two_pieces_alike(clips: tuple[Clip, ...]) -> None:
    sounds = generate_noise_clips(0.2, clips)
    kinds = Counter(sound.clip.condition for sound in sounds)
    assert kinds == {f"made {kind}": 2 for kind in (SILENCE, *NOISE_KINDS, BABBLE)}
    assert sum(kinds.values()) * MADE_S / 3600 >= 0.2
    assert all(sound.clip.fields is None and sound.clip.speech_end is None for sound in sounds)
    assert len({sound.source().name for sound in sounds}) == len(sounds)


def test_clean_dictation_comes_again_in_noise_with_its_truth(clips: tuple[Clip, ...]) -> None:
    clean = [clip for clip in clips if clip.condition == "clean" and clip.fields is not None]
    sounds = mix_clips_with_noise(clips, [20, 5])
    assert [sound.clip.condition for sound in sounds] == ["20dB"] * len(clean) + ["5dB"] * len(clean)
    assert [sound.clip.fields for sound in sounds[: len(clean)]] == [clip.fields for clip in clean]
    names = {sound.source().name for sound in (*sounds, *load_clip_sources(clean))}
    assert len(names) == 3 * len(clean)


def test_a_fixed_pause_ends_every_turn_and_changes_nothing_else() -> None:
    settings = Settings()
    fixed = with_fixed_pause(settings, 600)
    pauses = fixed.hear.endpoint
    assert {pauses.hangover_ms, pauses.finished_ms, pauses.unfinished_ms} == {600}
    back = {name: getattr(settings.hear.endpoint, name) for name in ("hangover_ms", "finished_ms", "unfinished_ms")}
    endpoint = pauses.model_copy(update=back)
    assert fixed.model_copy(update={"hear": fixed.hear.model_copy(update={"endpoint": endpoint})}) == settings
