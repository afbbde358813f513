"""Validates the messages of the next batch, and checks their signatures, while the database applies the one before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from dockvoice_protocol.mqtt import MessageReceived
from inventory.ingest.admission import UntrustedEvent
from inventory.ingest.validation import DeadLetterMessage, Validated
from inventory.records import Event, InvalidEvent

_FRESH_S = 1.0
"""How long a verdict holds: later the message is checked again, since a key may be revoked meanwhile."""

Judged = tuple[Validated, UntrustedEvent | None]
"""A message's verdict, and why its sender is not trusted; None: it is."""


class Judge:
    """Judges messages, in a thread of its own those that come next."""

    def __init__(
        self,
        validate: Callable[[MessageReceived], Validated],
        find_distrust: Callable[[Event | InvalidEvent, Mapping[str, Any] | None], UntrustedEvent | None],
        clock: Callable[[], float],
    ) -> None:
        self._validate = validate
        self._find_distrust = find_distrust
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "judge")
        self._ahead: dict[int, tuple[MessageReceived, Judged]] = {}
        """By the message's identity: packet identifiers come again."""
        self._judged_at = 0.0

    @contextmanager
    def judging_ahead(self, messages: Sequence[MessageReceived]) -> Iterator[None]:
        """Judge these while the block runs, which must use no keys; an error in it drops the verdicts."""
        self._ahead = {}
        work = self._thread.submit(lambda: {id(one): (one, self._judge(one)) for one in messages})
        try:
            yield
        finally:
            ahead = work.result()
        self._ahead, self._judged_at = ahead, self._clock()

    def judge(self, message: MessageReceived) -> Judged:
        """The verdict on a message."""
        if self._ahead and self._clock() > self._judged_at + _FRESH_S:
            self._ahead = {}
        known = self._ahead.pop(id(message), None)
        return self._judge(message) if known is None else known[1]

    def _judge(self, message: MessageReceived) -> Judged:
        verdict = self._validate(message)
        if isinstance(verdict, DeadLetterMessage):
            return verdict, None
        return verdict, self._find_distrust(verdict.event, verdict.said)
