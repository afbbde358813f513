"""The power is cut after any line of any play, and nobody answers any more: nothing is lost, nothing is made up.

What is on disk at that moment is copied while the journal is open, which is what a power cut leaves; another device
starts from the copy.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from dockvoice_protocol.records import Act
from edge.agree.dialogue.table import State
from edge.deliver.device_events import entry_event
from edge.keep.journal import Journal
from lab.typed_conversation import TypedConversation
from tests.playbook.script import DOES, lines
from tests.playbook.stage import Stage
from tests.tiers import sized

EVERY = sized(test=20, nightly=3)  # One play in so many, spread over all of them.

PLAYS = sorted((Path(__file__).parent.parent / "playbook" / "plays").glob("*.play"))[::EVERY]

FOR_EVER = 100  # More deadlines in a row than any question may have.


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    set_up = Stage(tmp_path / "state")
    yield set_up
    set_up.leave()


@pytest.mark.parametrize("play", PLAYS, ids=lambda play: play.stem)
def test_what_was_open_when_the_power_was_cut_is_asked_and_then_kept_for_a_person(
    play: Path, stage: Stage, tmp_path: Path
) -> None:
    for line in lines(play):
        stage.act(line)
        if line.rule in DOES:
            image = tmp_path / f"after-line-{line.number}"
            shutil.copytree(tmp_path / "state", image)
            left_alone(image, stage)


def left_alone(image: Path, stage: Stage) -> None:
    """Start from `image`, and let every deadline pass in silence."""
    with Journal.open(image) as journal:
        opened, committed = journal.dialogue.load_state().draft, journal.trail.last_sequence()
        render = partial(entry_event, site="north", device="dock-3")
        device = TypedConversation(stage.rules, journal, render, lambda: 0.0, stage.manner, forms=stage.forms)
        work = journal.dialogue.load_state().work
        device.start()
        assert work is None or work.form in {None, device.rules.form.name}, "another form is filled than was chosen"
        assert device.state is not State.HELD, "what was held would be committed in silence"
        for _ in range(FOR_EVER):
            if device.due is not None:
                device.expire_deadline()
        assert device.due is None, "it would ask for ever"
        assert journal.trail.last_sequence() == committed, "silence made an entry"
        assert list(journal.queries.unread_utterances()) == [], "what was said is forgotten"
        # Of a closing that was not agreed to nothing is kept: the trailer stays open.
        if opened is not None and opened.act is Act.RECORD and not stage.manner.is_closing(opened):
            waiting = [kept.utterance_id for kept in journal.review.list_under_review()]
            assert opened.utterance_id in waiting, "what was open is with nobody"
