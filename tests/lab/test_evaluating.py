"""`dockvoice evaluate` as a user runs it, over a few recordings: figures, details, a page, two runs compared."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from edge.speak import voices
from lab.report.lines import read_lines
from tests.processes.command import called, dockvoice

CLIPS = 2


@pytest.fixture
def few(tmp_path: Path, repository: Path) -> Path:
    demo = repository / "tests/data/speech/demo"
    clips = [json.loads(text) for text in (demo / "manifest.jsonl").read_text(encoding="utf-8").splitlines()][:CLIPS]
    lines = [json.dumps({**clip, "audio": str(demo / clip["audio"])}) for clip in clips]
    manifest = tmp_path / "few.jsonl"
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return manifest


def test_a_run_leaves_figures_details_and_a_page_and_is_compared_with_another(
    few: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    details, page = tmp_path / "first.jsonl", tmp_path / "page.html"
    wanted = ("--operator", "--in-noise", "20", "--beside-fixed", "600", "--details", details, "--report", page)
    ended = dockvoice("evaluate", few, "--json", *wanted, timeout_s=240)
    assert ended.returncode == 0, ended.stderr
    assert f"with a fixed pause: {2 * CLIPS} of {2 * CLIPS}" in ended.stderr
    told = json.loads(ended.stdout)
    assert set(told["end_of_turn"]) == {
        f"{condition}: {way}" for condition in ("clean", "20dB", "together") for way in ("by meaning", "fixed 600 ms")
    }
    assert told["conditions"]["clean"]["n"] == told["conditions"]["20dB"]["n"] == CLIPS
    assert told["operator"]["together"]["n"] == str(2 * CLIPS)
    lines = read_lines(details)
    by_vosk = lines[0].heard[0].interpreter.startswith("vosk/")  # the floor is the same recogniser's
    assert [line.floor is not None for line in lines] == [by_vosk] * len(lines)
    assert ("floor" in told) == by_vosk
    assert {line.noise is None for line in lines if line.condition == "20dB"} == {False}
    assert all(line.wording and "…" in line.wording for line in lines)
    assert len({line.audio for line in lines}) == 2 * CLIPS
    assert all(line.conversation is not None for line in lines)
    read_at_pauses = [line.ahead is not None and line.ahead.made > 0 for line in lines]
    assert read_at_pauses == [line.heard[0].interpreter.startswith("vosk/") for line in lines]
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    compared = called("evaluate", "--compare", details, details, "--json", capfd=capfd)
    assert compared.returncode == 0, compared.stderr
    found = json.loads(compared.stdout)
    assert (found["clips"], found["changed"], found["mcnemar_p"]) == (2 * CLIPS, [], 1.0)


def test_an_operator_without_a_voice_is_told_of_before_anything_is_heard(
    few: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    voices._load_library.cache_clear()
    ended = called("evaluate", str(few), "--operator", capfd=capfd)
    assert (ended.returncode, ended.stdout) == (78, "")
    assert ended.stderr == (
        "dockvoice: --operator: the simulated operator answers with espeak-ng: espeakng-loader is missing; "
        "pip install 'dockvoice[voice]'\n"
    )


def test_a_run_is_about_something(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ended = called("evaluate", capfd=capfd)
    assert ended.returncode == 2
    missing = called("evaluate", "--compare", tmp_path / "a.jsonl", tmp_path / "b.jsonl", capfd=capfd)
    assert missing.returncode == 66
    assert "a.jsonl: cannot be read" in missing.stderr
