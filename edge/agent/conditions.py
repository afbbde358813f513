"""Conditions: levels of speech and noise, backlog, free disk space; and when they are published.

These numbers are about the device, not about persons: medians over its recent utterances. Only the latest are
published, and none is stored.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from dockvoice_protocol.instants import rfc3339
from edge.keep.retention import MB
from edge.records import Acoustics

LATEST = 20  # Utterances in a median: some minutes of work, so that one shout or one slamming gate has no effect.
_FEWEST = 5  # A median of fewer is omitted: it would describe single sentences, not how the headset is worn.
_LATELY_S = 1800.0  # Older utterances are left out: the hall's noise changes as gates open and trucks leave.

POLL_S = 10.0  # Poll interval of the backlog: an event pending for longer is not just in transit.
PACE_S = 60.0
"""Shortest interval between messages with these numbers alone: a supervisor checks every few minutes, the broker
retains each message, and hundreds of devices on one broker must not publish more status than entries."""

_STEP_DB = 3.0  # Twice or half the power: speech varies by as much from sentence to sentence.
_STEP = 2.0  # A count has changed once it has doubled or halved: 410 pending entries after 400 are no change.

_GATED_DB = -96.0  # The lowest level of 16-bit sound: the headset's own gate sent zeros, so no noise was measured.


@dataclass(frozen=True, slots=True)
class _SoundSample:
    at: float
    level_db: float | None  # None for speech that was not dictation: the speaker need not be the wearer.
    noise_db: float | None


class Conditions:
    """The conditions of one device. Use it in the event loop only; `now` is always the loop's clock."""

    def __init__(self) -> None:
        self._samples: deque[_SoundSample] = deque(maxlen=LATEST)
        self._free: int | None = None
        self._backlog: dict[str, Any] | None = None
        self._oldest: str | None = None  # The oldest pending event at the last poll.
        self._poll_at = -math.inf
        self._published: dict[str, Any] = {}
        self._published_at = -math.inf

    def add_sound(self, sound: Acoustics, now: float, *, dictated: bool) -> None:
        """Add the levels of one utterance; `dictated` says whether it was meant for the device."""
        noise = sound.noise_db if sound.noise_db > _GATED_DB else None
        self._samples.append(_SoundSample(now, sound.level_db if dictated else None, noise))

    def set_free_space(self, free_bytes: int) -> None:
        """Set the free space on the journal's disk, in bytes."""
        self._free = free_bytes

    def is_poll_due(self, now: float) -> bool:
        """Whether the backlog is to be polled now."""
        return now >= self._poll_at

    def set_backlog(self, entries: int, oldest: tuple[str, datetime] | None, now: float) -> None:
        """Set the number of pending events; `oldest` is the id and the time of the oldest.

        There is a backlog where the oldest was pending at the previous poll too, or this is the first poll.
        """
        before, began = self._oldest, self._backlog is None
        self._poll_at, self._oldest = now + POLL_S, None if oldest is None else oldest[0]
        waits = oldest is not None and (began or oldest[0] == before)
        self._backlog = {"entries": entries, "since": rfc3339(oldest[1])} if oldest and waits else {"entries": 0}

    def snapshot(self, now: float) -> dict[str, Any]:
        """The current conditions: median levels, backlog, free space; unknown ones are omitted."""
        recent = [one for one in self._samples if now - one.at <= _LATELY_S]
        measured = {name: [getattr(one, name) for one in recent] for name in ("level_db", "noise_db")}
        known = {name: [db for db in levels if db is not None] for name, levels in measured.items()}
        hearing = {name: round(median(levels)) for name, levels in known.items() if len(levels) >= _FEWEST}
        found: dict[str, Any] = {"hearing": hearing} if hearing else {}
        found |= {} if self._backlog is None else {"backlog": self._backlog}
        return found | ({} if self._free is None else {"disk_free_mb": round(self._free / MB)})

    def is_due_to_publish(self, current: dict[str, Any], now: float) -> bool:
        """Whether `current` differs enough from the published conditions, after PACE_S, to be published by itself."""
        return now - self._published_at >= PACE_S and self._differs_from_published(current)

    def mark_published(self, published: dict[str, Any], now: float) -> None:
        """Mark `published` as published, by itself or within another status message."""
        self._published, self._published_at = published, now

    def _differs_from_published(self, known: dict[str, Any]) -> bool:
        before, after = (one.get("hearing", {}) for one in (self._published, known))
        return (
            before.keys() != after.keys()
            or any(abs(after[name] - before[name]) >= _STEP_DB for name in before)
            or _is_twice(*(one.get("backlog", {}).get("entries", 0) for one in (self._published, known)))
            or _is_twice(*(one.get("disk_free_mb", 0) for one in (self._published, known)))
        )


def _is_twice(before: int, after: int) -> bool:
    """Whether one count is at least twice the other."""
    low, high = sorted((before, after))
    return high > low and high >= _STEP * low
