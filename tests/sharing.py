"""Which tests one process runs, one after another, where several share the work; and in which order.

It is read off where a test stands and what its file names, so that nobody has to say it.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.tiers import FOLDERS, Tier

ROOT = Path(__file__).parent.parent

SOUND = "sound"
"""What plays and hears in real time."""

WITH_SOUND = {"alone": {True}, "without": {False}}.get(os.environ.get("SOUND", ""), {True, False})
"""Sound runs apart: where a machine is busy PulseAudio comes late, and words are heard with holes in them."""

GROUPS = {
    SOUND: ("with Shelf(", "with headset(", "with Theatre("),
    "standin": ("RunningStandin",),
    "postgresql": ("PostgreSQL", "KINDS", "store: Store"),
}
"""What shares something dear, by the words in its file: beside other tests there is sound of one alone, a server starts
once. Where nothing but sound runs its files go side by side: each has a sound server of its own, and mostly waits.

Where a sound server only stands by and nobody judges what is heard, other tests may make it late.
"""

ALONE = {"faults", "nightly", "playbook"}
"""Folders of tests that set nothing up together and go wherever there is room. Elsewhere a file stays whole."""


def group(nodeid: str) -> str:
    """What of the tests this one belongs to."""
    file = nodeid.partition("::")[0]
    shared = _shared(file)
    if shared == SOUND:
        return SOUND if False in WITH_SOUND else file
    return nodeid if folder(nodeid) in ALONE else shared


@cache
def _shared(file: str) -> str:
    """What the tests of a file share with others, or the file itself."""
    text = (ROOT / file).read_text(encoding="utf-8")
    return next((name for name, words in GROUPS.items() if any(word in text for word in words)), file)


def has_sound(file: Path) -> bool:
    """Whether a file's tests play and hear in real time."""
    return _shared(file.relative_to(ROOT).as_posix()) == SOUND


def folder(nodeid: str) -> str:
    """The folder below `tests`."""
    return Path(nodeid.partition("::")[0]).parts[1]


def turn(nodeid: str) -> tuple[bool, int]:
    """Sound comes first, then the folders that take longest: so nothing waits for them in the end."""
    return _shared(nodeid.partition("::")[0]) != SOUND, FOLDERS[Tier.NIGHTLY][::-1].index(folder(nodeid))


class Sharing(LoadScopeScheduling):  # type: ignore[misc] # xdist publishes no types
    """Hands the groups out in the order of the tests."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)
