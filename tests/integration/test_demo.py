"""The demo as a user runs it, to its end: by day with one recogniser and one broker, at night with each pair."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.forms.spoken.language import language_named
from edge.config import Settings
from edge.understand.local.factory import find_whisper_weights
from lab.demo.story import StoryLanguage, load_story
from tests.processes.command import called, dockvoice
from tests.tiers import sized

WITHIN_S = 240  # A conversation in real time: a minute on a quiet machine.

PAIRS = [(engine, broker) for engine in ("vosk", "pocketsphinx") for broker in ("mosquitto", "embedded")]
DAILY = ("vosk" if "DOCKVOICE_TEST_MODELS" in os.environ else "pocketsphinx", "mosquitto")
"""At night `test_wheel` runs the installed demo too."""


@pytest.mark.parametrize(("engine", "broker"), sized(test=[DAILY], nightly=PAIRS))
def test_a_trailer_is_received_counted_and_proved(engine: str, broker: str, request: pytest.FixtureRequest) -> None:
    if engine == "pocketsphinx":
        request.getfixturevalue(engine)
    if engine == "vosk" and "DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY" not in os.environ:
        pytest.skip("the weights of vosk are not here")
    ended = dockvoice("demo", "--engine", engine, "--with", broker, timeout_s=WITHIN_S)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"Recogniser: {engine}/" in ended.stdout
    assert ("It stands in for vosk" in ended.stdout) is (engine == "pocketsphinx")
    assert "Dossier: it holds" in ended.stdout
    assert "lost 0, doubled 0" in ended.stdout
    assert " for a reviewer: http://127.0.0.1:" in ended.stdout


@pytest.mark.parametrize("language", ["de"])
def test_another_language_is_spoken_answered_and_recorded(
    language: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if find_whisper_weights(load_settings(Settings, None), language_named(language)) is None:
        pytest.skip("the weights or packages of whisper are not here")
    story = load_story(StoryLanguage(language))
    told = sized(test=[*story.sentences[:2], story.sentences[-1]], nightly=story.sentences)
    monkeypatch.setattr("lab.demo.command.load_story", lambda _: replace(story, sentences=told))
    ended = called("demo", "--language", language, capfd=capfd)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    entries = len(replace(story, sentences=told).entries)
    assert "Recogniser: whisper/" in ended.stdout
    assert "lost 0, doubled 0" in ended.stdout
    assert f"Said {entries}, recorded as said {entries}, otherwise 0" in ended.stdout


def test_weights_that_are_not_here_are_told_before_anything_is_played(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY", str(tmp_path))
    ended = called("demo", "--engine", "vosk", capfd=capfd)
    assert (ended.returncode, ended.stdout) == (78, "")
    assert ended.stderr == (
        f"dockvoice: understand.model = 'small-en-us': its weights are not in {tmp_path}; "
        "run `dockvoice models get small-en-us`, or set understand.engine to 'auto' or 'pocketsphinx'\n"
    )


def test_where_nothing_can_stand_in_that_is_told_too(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY", str(tmp_path))
    monkeypatch.setattr("edge.understand.local.factory.is_installed", lambda: False)
    ended = called("demo", capfd=capfd)
    assert (ended.returncode, ended.stdout) == (78, "")
    assert "`dockvoice models get small-en-us`; pocketsphinx, which could stand in, is not installed" in ended.stderr
