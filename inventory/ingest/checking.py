"""Validates messages and checks their signatures; those of the next batch while the database applies the one before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from dockvoice_protocol.mqtt import MessageReceived
from inventory.ingest.admission import UntrustedEvent
from inventory.ingest.validation import DeadLetterMessage, Validated
from inventory.records import Event, InvalidEvent

_FRESH_S = 1.0  # How long a result holds: later the message is checked again, since a key may be revoked meanwhile.

Checked = tuple[Validated, UntrustedEvent | None]  # What a message is, and why its sender is not trusted; None: it is.


class MessageChecker:
    """Checks messages, in a thread of its own those that come next."""

    def __init__(
        self,
        validate: Callable[[MessageReceived], Validated],
        find_distrust: Callable[[Event | InvalidEvent, Mapping[str, Any] | None], UntrustedEvent | None],
        clock: Callable[[], float],
    ) -> None:
        self._validate = validate
        self.find_distrust = find_distrust
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "checker")
        self._ahead: dict[int, tuple[MessageReceived, Checked]] = {}
        """By the message's identity: packet identifiers come again."""
        self._checked_at = 0.0

    @contextmanager
    def checking_ahead(self, messages: Sequence[MessageReceived]) -> Iterator[None]:
        """Check these while the block runs, which must use no keys; an error in it drops the results."""
        self._ahead = {}
        work = self._thread.submit(lambda: {id(one): (one, self._check_now(one)) for one in messages})
        try:
            yield
        finally:
            ahead = work.result()
        self._ahead, self._checked_at = ahead, self._clock()

    def check(self, message: MessageReceived) -> Checked:
        """What a message is, and whether its sender is trusted."""
        if self._ahead and self._clock() > self._checked_at + _FRESH_S:
            self._ahead = {}
        known = self._ahead.pop(id(message), None)
        return self._check_now(message) if known is None else known[1]

    def _check_now(self, message: MessageReceived) -> Checked:
        verdict = self._validate(message)
        if isinstance(verdict, DeadLetterMessage):
            return verdict, None
        return verdict, self.find_distrust(verdict.event, verdict.said)
