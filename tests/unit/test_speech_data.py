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


def test_the_demo_is_played_in_the_order_of_its_names(repository: Path) -> None:
    names = [clip["audio"] for clip in manifest(repository / "tests/data/speech/trailer")]
    assert names == sorted(names)


def test_both_stories_of_the_demo_have_the_same_operator_and_end(repository: Path) -> None:
    clips = manifest(repository / "tests/data/speech/trailer")
    told = {name: [one for one in clips if one.get("story", "long") in {name, "both"}] for name in ("long", "short")}
    assert {one.get("story", "long") for one in clips} == {"long", "short", "both"}
    assert [one["text"] for one in told["short"]][-2:] == ["trailer done", "yes"]
    assert [one["text"] for one in told["long"]][-2:] == ["trailer done", "yes, correct"]
    assert {one["speaker"] for one in told["short"]} == {"rms"}


def test_the_speech_stays_small_enough_to_live_in_the_repository(repository: Path) -> None:
    sizes = [path.stat().st_size for path in (repository / "tests/data/speech").rglob("*.flac")]
    assert sum(sizes) <= 13_000_000
    assert max(sizes) <= 200_000
