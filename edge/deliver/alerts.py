"""Delivery alerts: what stands between an entry and the inventory and needs a person, told once.

Two kinds. There is no connection: then the session knows why. Or there is one, and no receipts come: with MQTT 3.1.1 a
broker has no other way to refuse an event than to acknowledge it and drop it, and any broker may let a device subscribe
to receipts that it then does not pass on. Pure: what happens and the time, monotonic seconds, are handed in.
"""

from __future__ import annotations

PATIENCE_S = 3.0
"""So long there may be no connection before anybody is told: a broker restarts, or a person walks through a dead spot,
in less."""

TAKEN_UNANSWERED = 3
"""So often the broker takes one event before the lack of a receipt is told: with the growing waits after 60 s of
silence and more, in which an inventory can restart."""


class Obstacles:
    """Follows one session, and says what to tell."""

    def __init__(self, unanswered: str) -> None:
        """`unanswered` is what to tell when receipts do not come."""
        self._unanswered = unanswered
        self._since: float | None = None
        """When the connection was first missed."""
        self._told: set[str] = set()
        """What was told since there was a connection."""
        self._taken: dict[str, int] = {}
        """How often the broker took each event since the last answer to any."""
        self._told_unanswered = False

    def look(self, trouble: str | None, now: float) -> list[str]:
        """What is to be told now; `trouble` is why there is no connection, None while there is one."""
        if trouble is None:
            self._since = None
            self._told.clear()
            return self._silence()
        self._since = now if self._since is None else self._since
        if trouble in self._told or now - self._since < PATIENCE_S:
            return []
        self._told.add(trouble)
        return [trouble]

    def taken(self, event_id: str) -> None:
        """The broker acknowledged the event."""
        self._taken[event_id] = self._taken.get(event_id, 0) + 1

    def answered(self) -> None:
        """The inventory answered, whatever it said."""
        self._taken.clear()
        self._told_unanswered = False

    def _silence(self) -> list[str]:
        if self._told_unanswered or max(self._taken.values(), default=0) < TAKEN_UNANSWERED:
            return []
        self._told_unanswered = True
        return [self._unanswered]
