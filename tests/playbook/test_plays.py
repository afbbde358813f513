"""Every play in `plays/`, acted in virtual time. `script.py` explains the language."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.playbook.script import lines
from tests.playbook.stage import Stage
from tests.tiers import sized

PLAYS = sorted((Path(__file__).parent / "plays").glob("*.play"))

TRANSLATED = [play for play in PLAYS if "\nlanguage " in play.read_text(encoding="utf-8")]
"""What is acted in another language than English."""

LEFT_OUT = set(TRANSLATED) - set(TRANSLATED[:: sized(quick=3, test=1, nightly=1)])


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    set_up = Stage(tmp_path)
    yield set_up
    set_up.leave()


@pytest.mark.parametrize("play", [play for play in PLAYS if play not in LEFT_OUT], ids=lambda play: play.stem)
def test_the_play(play: Path, stage: Stage) -> None:
    for line in lines(play):
        try:
            stage.act(line)
        except AssertionError as fault:
            raise AssertionError(f"{play.name}:{line.number}: {line.text}: {fault}") from fault
    stage.end()


def test_there_are_sixty_plays_and_more() -> None:
    assert len(PLAYS) >= 60
