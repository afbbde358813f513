"""The relay of clips: which clip is sent, and which chunk next. Pure: answers and the time in, one step out.

Entries have priority: one message of a clip is in flight at a time, and the next is made when the broker has
acknowledged it and nothing else is pending. A clip is offered first; the answer says how much of it has arrived, on any
connection, and sending continues behind that. Without an answer the offer is repeated with a growing back-off: an
inventory that stores no clips costs a message in a few minutes. An answer that the broker kept from an earlier
connection is ignored.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from dockvoice_protocol.events import FINAL_CLIP_ANSWERS, ClipAnswer, ClipReceipt
from dockvoice_protocol.outbox import FAILURE, Backoff, Outbox, Pending, Policy

_AHEAD = 8  # Chunks in flight before the inventory's answer to the first of them.

_MOST_DOUBLINGS = 4  # The wait before an unanswered clip is offered again grows to 2**4 times the first: minutes.


@dataclass(frozen=True, slots=True)
class OfferClip:
    """Publish the offer of this clip, or why it does not come."""

    utterance_id: str


@dataclass(frozen=True, slots=True)
class SendChunk:
    """Publish this chunk of a clip."""

    utterance_id: str
    number: int


@dataclass(slots=True, kw_only=True)
class _PendingClip(Pending):
    """A clip to be offered; `attempts` counts the offers since its last progress."""

    due: float = -math.inf
    chunks: int | None = None  # Their number; None before the offer.
    taken: bool = False  # Whether the broker acknowledged an offer on this connection: answers may come.
    agreed: bool = False  # Whether the inventory has answered on this connection how much it has.
    have: int = 0
    sent: int = 0


class ClipRelay:
    """The pending clips of one device. Times are monotonic seconds."""

    def __init__(self, patience_s: float) -> None:
        """`patience_s` is the first wait for an answer before a clip is offered again."""
        self._backoff = Backoff(patience_s, _MOST_DOUBLINGS)
        self._open: Outbox[_PendingClip] = Outbox(Policy.CHUNKS, self._backoff)
        self._busy: str | None = None
        self._offering: str | None = None  # The utterance of the offer in flight.

    @property
    def is_in_flight(self) -> bool:
        """Whether a message of a clip is in flight."""
        return self._busy is not None

    def reset_in_flight(self) -> None:
        """Forget what is in flight and each clip's progress: all are offered anew on the next connection."""
        self._busy = self._offering = None
        keys = [one.key for one in self._open.pending]
        self._open.clear()
        self.replace_pending(keys)

    def replace_pending(self, utterance_ids: Iterable[str]) -> None:
        """Replace the pending clips, the oldest first."""
        known = {one.key: one for one in self._open.pending}
        self._open.clear()
        for order, key in enumerate(utterance_ids):
            one = known.get(key) or _PendingClip(key=key, order=order)
            one.order = order
            self._open.add(one)

    def next_message(self, now: float) -> OfferClip | SendChunk | None:
        """What to publish now; None where nothing is due, or a message is in flight.

        An offer is an attempt: where it cannot be published, call `mark_offer_unsent`.
        """
        if self.is_in_flight:
            return None
        pending = self._open.pending
        for one in pending:
            if one.agreed and one.due <= now:
                one.agreed = False  # no answer came: offer it again to learn how much the inventory has
            if one.agreed and one.chunks is not None and one.sent < min(one.chunks, one.have + _AHEAD):
                return SendChunk(one.key, one.sent + 1)
        if any(one.agreed for one in pending):
            return None  # one clip at a time
        return next((OfferClip(one.key) for one in self._open.start_due_attempts(now)), None)

    def mark_offer_unsent(self, utterance_id: str, now: float) -> None:
        """Take back the attempt of an offer that could not be published."""
        self._open.mark_unsent(utterance_id, now)

    def mark_offer_published(self, utterance_id: str, tag: str, chunk_count: int | None) -> None:
        """Record that the offer was published under this tag; `chunk_count` is None for a clip that does not come."""
        if (one := self._open.get(utterance_id)) is not None:
            one.chunks, one.agreed = chunk_count, False
        self._busy, self._offering = tag, utterance_id

    def mark_chunk_sent(self, utterance_id: str, tag: str, number: int) -> None:
        """Record that the chunk was published under this tag."""
        if (one := self._open.get(utterance_id)) is not None:
            one.sent = number
        self._busy = tag

    def mark_other_sent(self, tag: str) -> None:
        """Record that a clip message that gets no answer is in flight under this tag."""
        self._busy = tag

    def is_tag_in_flight(self, tag: str) -> bool:
        """Whether the message with this tag is in flight."""
        return tag == self._busy

    def handle_puback(self, tag: str, reason_code: int) -> None:
        """Process the broker's PUBACK. A refused message is offered again after its back-off."""
        if tag != self._busy:
            return
        offered, self._busy, self._offering = self._open.get(self._offering or ""), None, None
        if reason_code >= FAILURE:
            for one in self._open.pending:
                one.agreed = False
        elif offered is not None:
            offered.taken = True

    def handle_answer_and_return_finished(self, receipt: ClipReceipt, now: float) -> str | None:
        """Apply the inventory's answer to a clip; return the utterance whose clip it finishes, else None."""
        one = self._open.get(receipt.utterance_id)
        if one is None or not one.taken:
            return None
        match receipt.answer:
            case ending if ending in FINAL_CLIP_ANSWERS:
                self._open.remove_confirmed(receipt.utterance_id)
                return receipt.utterance_id
            case ClipAnswer.WANTED if one.chunks is not None:
                if not one.agreed:
                    one.agreed, one.sent, one.have = True, receipt.have, receipt.have
                    one.due = now + self._backoff.first_s
                elif receipt.have > one.have:
                    one.have, one.attempts = receipt.have, 0
                    one.sent, one.due = max(one.sent, one.have), now + self._backoff.first_s
            case _:
                one.agreed = False
                one.due = now + self._backoff.wait_s(one.attempts)
        return None
