"""Which tests one process runs, one after another, where several share the work; and in which order.

It is read off where a test stands and what its file names, so that nobody has to say it.
"""

from __future__ import annotations

import os
from enum import StrEnum
from functools import cache
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.tiers import FOLDERS, Tier

ROOT = Path(__file__).parent.parent


class Sound(StrEnum):
    """Whether a file's tests play and hear in real time."""

    NONE = "none"
    ONE = "one"
    """A program at a time: two such files go side by side, each with a sound server of its own, and mostly wait."""
    MANY = "many"
    """Several programs at once: beside more PulseAudio comes late, and words are heard with holes in them."""


WITH_SOUND = frozenset({Sound(os.environ["SOUND"])} if os.environ.get("SOUND") else Sound)
"""Which files are run: those of SOUND, or all, and then sound is one group: nobody knows what runs beside it."""

PLAYS, MANY = ("with Shelf(", "with headset(", "with Theatre("), ("with Theatre(", "ExitStack()")
"""By the words in its file: what has sound, and what of this holds several programs at work."""

SHARED = ("RunningStandin", "from tests.erp.tryton import")
"""What is named, by the words in its file, by each test that asks one of a kind: the stand-in for the clouds, which
starts once, or a Tryton, whose database is made once while all others would wait. A cluster of PostgreSQL is up in a
second, and each process has its own: in one of them its tests would be what all wait for in the end.
"""

ALONE = {"faults", "playbook"}
"""Folders of tests that set nothing up together and go wherever there is room. Elsewhere a file stays whole."""


def group(nodeid: str) -> str:
    """What of the tests this one belongs to."""
    file = nodeid.partition("::")[0]
    if sound(file) is not Sound.NONE:
        return file if {Sound.ONE} == WITH_SOUND else "sound"
    return nodeid if folder(nodeid) in ALONE else _shared(file)


@cache
def sound(file: str) -> Sound:
    """Whether the tests of a file, by its path in the repository, play and hear in real time."""
    text = (ROOT / file).read_text(encoding="utf-8")
    if not any(word in text for word in PLAYS):
        return Sound.NONE
    return Sound.MANY if any(word in text for word in MANY) else Sound.ONE


@cache
def _shared(file: str) -> str:
    """What the tests of a file share with others, or the file itself."""
    text = (ROOT / file).read_text(encoding="utf-8")
    return next((word for word in SHARED if word in text), file)


def folder(nodeid: str) -> str:
    """The folder below `tests`."""
    return Path(nodeid.partition("::")[0]).parts[1]


def turn(nodeid: str) -> tuple[bool, int]:
    """Sound comes first, then the folders that take longest: so nothing waits for them in the end."""
    silent = sound(nodeid.partition("::")[0]) is Sound.NONE
    return silent, FOLDERS[Tier.NIGHTLY][::-1].index(folder(nodeid))


class Sharing(LoadScopeScheduling):  # type: ignore[misc] # xdist publishes no types
    """Hands the groups out in the order of the tests."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)
