"""Conditions: how loud the wearer and the hall are, what waits unsent, room on the disk; and when that is told.

These are numbers about the device, and nobody who works at it: medians over what was said lately at it, of which only
the latest is told and none is kept.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from dockvoice_protocol.instants import timestamp
from edge.keep.retention import MB
from edge.records import Acoustics

LATEST = 20  # So many utterances count: some minutes of work, in which one shout or one slamming gate is nothing.
FEWEST = 5  # Of fewer no median is told: one sentence says how that one was spoken, not how the headset is worn.
LATELY_S = 1800.0  # What was said longer ago tells nothing of the hall as it is: gates open, and trucks drive away.

LOOK_S = 10.0  # How often it is looked what is owed: what waits for so long is not merely on its way.
PACE_S = 60.0
"""So seldom these numbers alone are told: a supervisor looks every few minutes, the broker keeps each for whoever comes
later, and hundreds of devices on one broker must not say more of themselves than of the goods."""

STEP_DB = 3.0  # Twice the power, or half: nobody speaks more evenly than that from sentence to sentence.
STEP = 2.0  # What is counted is news once it has doubled or halved: of 400 entries that wait, 410 are none.

GATED_DB = -96.0  # Sixteen bits hold nothing fainter: the headset's own gate sent zeros, and the hall was not heard.


@dataclass(frozen=True, slots=True)
class _SoundSample:
    at: float
    level_db: float | None  # None for speech that was not dictation: the speaker need not be the wearer.
    noise_db: float | None


class Conditions:
    """How one device fares. Belongs to the loop, whose clock `now` always is."""

    def __init__(self) -> None:
        self._heard: deque[_SoundSample] = deque(maxlen=LATEST)
        self._free: int | None = None
        self._backlog: dict[str, Any] | None = None
        self._oldest: str | None = None  # What was owed longest at the last look.
        self._look_at = -math.inf
        self._told: dict[str, Any] = {}
        self._told_at = -math.inf

    def add_sound(self, sound: Acoustics, now: float, *, dictated: bool) -> None:
        """Add the levels of one utterance; `dictated` says whether it was meant for the device."""
        noise = sound.noise_db if sound.noise_db > GATED_DB else None
        self._heard.append(_SoundSample(now, sound.level_db if dictated else None, noise))

    def has_free(self, room: int) -> None:
        """So many bytes are free on the journal's disk."""
        self._free = room

    def is_to_look(self, now: float) -> bool:
        """Whether it is time to look what is owed."""
        return now >= self._look_at

    def owes(self, entries: int, oldest: tuple[str, datetime] | None, now: float) -> None:
        """So many events are owed; `oldest` of them is which, and when it was recorded.

        What was not owed at the look before is on its way, and no backlog; what is found at the start is one.
        """
        before, began = self._oldest, self._backlog is None
        self._look_at, self._oldest = now + LOOK_S, None if oldest is None else oldest[0]
        waits = oldest is not None and (began or oldest[0] == before)
        self._backlog = {"entries": entries, "since": timestamp(oldest[1])} if oldest and waits else {"entries": 0}

    def known(self, now: float) -> dict[str, Any]:
        """What is known of it now, as in schemas/status.schema.json."""
        lately = [one for one in self._heard if now - one.at <= LATELY_S]
        measured = {name: [getattr(one, name) for one in lately] for name in ("level_db", "noise_db")}
        counted = {name: [one for one in them if one is not None] for name, them in measured.items()}
        hearing = {name: round(median(them)) for name, them in counted.items() if len(them) >= FEWEST}
        found: dict[str, Any] = {"hearing": hearing} if hearing else {}
        found |= {} if self._backlog is None else {"backlog": self._backlog}
        return found | ({} if self._free is None else {"disk_free_mb": round(self._free / MB)})

    def is_news(self, known: dict[str, Any], now: float) -> bool:
        """Whether this is so different from what was told, and that so long ago, that it is told by itself."""
        return now - self._told_at >= PACE_S and any(self._changes(known))

    def mark_published(self, known: dict[str, Any], now: float) -> None:
        """This was told, by itself or with something else."""
        self._told, self._told_at = known, now

    def _changes(self, known: dict[str, Any]) -> Iterator[bool]:
        before, after = (one.get("hearing", {}) for one in (self._told, known))
        yield before.keys() != after.keys()
        yield any(abs(after[name] - before[name]) >= STEP_DB for name in before.keys() & after.keys())
        yield _differs(*(one.get("backlog", {}).get("entries", 0) for one in (self._told, known)))
        yield _differs(*(one.get("disk_free_mb", 0) for one in (self._told, known)))


def _differs(before: int, after: int) -> bool:
    low, high = sorted((before, after))
    return high > low and high >= STEP * low
