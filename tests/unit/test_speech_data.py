"""The stored speech is what its manifests say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import soundfile

from tests.rows import each_of

KEYS = {"audio", "form", "fields", "condition", "speaker", "speech_end", "text", "kind", "redistributable"}


def manifest(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]


@each_of("folder", ["demo", "set", "conversation", "trailer"])
def test_every_line_has_its_clip_and_every_clip_its_line(repository: Path, folder: str) -> None:
    directory = repository / "tests/data/speech" / folder
    clips = manifest(directory)
    assert sorted(clip["audio"] for clip in clips) == sorted(path.name for path in directory.glob("*.flac"))
    for clip in clips:
        sound, rate = soundfile.read(directory / clip["audio"], dtype="int16", always_2d=True)
        assert (rate, sound.shape[1]) == (16_000, 1), clip["audio"]
        assert clip["speech_end"] is None or 0 < clip["speech_end"] < len(sound) / rate, clip["audio"]


@each_of("folder", ["demo", "set", "conversation", "trailer"])
def test_every_line_says_what_may_come_of_its_clip(repository: Path, folder: str) -> None:
    for clip in manifest(repository / "tests/data/speech" / folder):
        assert clip.keys() - {"heard", "noise", "line", "before", "story"} == KEYS, clip["audio"]
        assert clip["redistributable"] is True, clip["audio"]
        assert (clip["fields"] is not None) == (clip["kind"] in {"plain", "correction"}), clip["audio"]
        assert ("heard" in clip) == (clip["kind"] == "incomplete"), clip["audio"]


def test_the_speech_stays_small_enough_to_live_in_the_repository(repository: Path) -> None:
    sizes = [path.stat().st_size for path in (repository / "tests/data/speech").rglob("*.flac")]
    assert sum(sizes) <= 13_000_000
    assert max(sizes) <= 200_000
