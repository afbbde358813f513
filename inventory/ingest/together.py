"""How a consumer takes many events at once, and the look at what waits for its turn where several share the work."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.systemd_notify import Notifier
from inventory.ingest.ports import BatchShelf
from inventory.records import Became

log = logging.getLogger("inventory")

LOOK_S = 0.5  # How often it is looked for what waits in vain, or need not wait any longer.

TOLD_S = 10.0  # How often it is told at most how much waits.


@dataclass(frozen=True, slots=True)
class Together:
    """How many events are applied at once, and how long one that comes before its turn may wait."""

    shelf: BatchShelf
    most: int
    patience: timedelta | None = None
    """None: it does not wait, and its device is told which number is expected."""

    @property
    def hold(self) -> bool:
        """Whether what comes before its turn may wait."""
        return self.patience is not None


class Latecomers:
    """What waits for an event that is late, and for how long."""

    def __init__(self, together: Together, clock: Callable[[], float], systemd: Notifier) -> None:
        self._together = together
        self._clock = clock
        self._systemd = systemd
        self._look_at = self._tell_at = clock()

    def given_up(self, now: Callable[[], datetime]) -> Iterator[Became]:
        """What waits no more. To be called at every turn; a database that is away is told, and asked again."""
        if self._together.patience is None or self._clock() < self._look_at:
            return
        self._look_at = self._clock() + LOOK_S
        try:
            yield from self._together.shelf.overdue(self._together.patience)
            self._report(now())
        except Unavailable as fault:
            log.warning("not looked at what waits for its turn: %s", fault)

    def _report(self, now: datetime) -> None:
        waiting = self._together.shelf.waiting()
        if waiting.since is not None and self._clock() >= self._tell_at:
            self._tell_at = self._clock() + TOLD_S
            age = (now - waiting.since).total_seconds()
            told = f"{waiting.events} events of {waiting.devices} devices wait for what comes before them, {age:.0f} s"
            log.info("%s", told)
            self._systemd.status(told)
