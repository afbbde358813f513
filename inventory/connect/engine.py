"""The posting loop of a connector: finds what is due, posts or reverses it, verifies the result and records it.

The process may be killed at any point. Of a call without an outcome only its beginning is known: the other system may
still be executing it, so nothing is looked up before its time limit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dockvoice_protocol.errors import Misconfigured, Unavailable
from inventory.connect.ledger import DuePosting, Ledger
from inventory.connect.ports import (
    Away,
    Connector,
    Declined,
    Document,
    DocumentState,
    Posting,
    ReversalReason,
    SettingMissing,
)
from inventory.records import PostingState

_MOST_STEPS = 8  # Steps for one posting in one round: a system that duplicates every call must not cause a loop.


@dataclass(frozen=True, slots=True)
class PostOrComplete:
    """Step: post the entry, or complete its draft."""

    draft: Document | None


@dataclass(frozen=True, slots=True)
class ReverseDocument:
    """Step: reverse this document."""

    document: Document


@dataclass(frozen=True, slots=True)
class FinalState:
    """No step: the posting has its final state."""

    state: PostingState
    document: Document | None


_Step = PostOrComplete | ReverseDocument | FinalState


def next_step(found: Sequence[Document], *, stands: bool) -> _Step:
    """The next step from the documents found, the oldest first, and whether the entry `stands`. Pure.

    The documents are found before and after each step, so that only what exists decides: neither a kill nor a lost or
    wrong answer matters.
    """
    live = sorted(
        (one for one in found if one.state is not DocumentState.REVERSED),
        key=lambda one: one.state is not DocumentState.DONE,  # stable: of equal documents the oldest is kept
    )
    if not stands:
        if live:
            return ReverseDocument(live[-1])
        return FinalState(PostingState.REVERSED if found else PostingState.VOID, found[-1] if found else None)
    if len(live) > 1:
        return ReverseDocument(live[-1])
    if not live:
        return PostOrComplete(None)
    kept = live[0]
    return FinalState(PostingState.POSTED, kept) if kept.state is DocumentState.DONE else PostOrComplete(kept)


log = logging.getLogger("inventory.connect")


@dataclass(frozen=True, slots=True)
class RoundCounts:
    """Counts of the postings of one round."""

    settled: int = 0
    declined: int = 0
    failed: int = 0
    away: str | None = None  # The last error, if two postings in a row failed: the system seems unavailable.


class _NoEffect(Away):
    """The other system reported success, but the document is missing."""


class PostingLoop:
    """One connector's loop over its ledger. For one thread."""

    def __init__(
        self,
        ledger: Ledger,
        connector: Connector,
        posting: Callable[[str], Posting],
        now: Callable[[], datetime],
        *,
        left_alone_s: float,
        not_received: frozenset[str] = frozenset({"refused"}),
    ) -> None:
        """`left_alone_s`: how long the other system may still be executing a call without an answer.

        `not_received`: exceptions of a pallet that was turned away; nothing is posted.
        """
        self._ledger = ledger
        self._connector = connector
        self._posting = posting
        self._now = now
        self._left_alone = timedelta(seconds=left_alone_s)
        self._not_received = not_received

    def run_round(self) -> RoundCounts:
        """Process what is due, as many as `load_due` gives. Raises Unavailable for our own database.

        A failure delays only its own posting; two in a row end the round, since then the other system is at fault.
        Raises Misconfigured where nothing can be posted at all.
        """
        self._ledger.update_from_entries()
        settled = declined = failed = in_a_row = 0
        for owed in self._ledger.load_due():
            try:
                settled += self._settle_or_postpone(owed)
                in_a_row = 0
            except SettingMissing as why:
                failed, in_a_row = failed + 1, 0
                self._record_failure(owed, str(why), settings=True)
            except Declined as why:
                declined, in_a_row = declined + 1, 0
                self._ledger.record_declined(owed, why)
                log.warning("%s: declined: %s", owed.event_id, why)
            except Away as fault:
                failed, in_a_row = failed + 1, in_a_row + 1
                self._record_failure(owed, str(fault), fault.wait_s or 0.0)
                if in_a_row > 1:
                    return RoundCounts(settled, declined, failed, str(fault))
            except (Misconfigured, Unavailable):
                raise
            except Exception as fault:  # a fault in a connector delays only this posting
                log.exception("%s", owed.event_id)
                failed += 1
                self._record_failure(owed, f"{type(fault).__name__} in the connector; see its log")
        return RoundCounts(settled, declined, failed)

    def _record_failure(self, owed: DuePosting, error: str, asked_s: float = 0.0, *, settings: bool = False) -> None:
        wait = self._ledger.record_failed(owed, error, asked_s, settings=settings)
        log.warning("%s: try %d: %s; again in %.0f s", owed.event_id, owed.attempts + 1, error, wait)

    def _settle_or_postpone(self, owed: DuePosting) -> bool:
        """Run steps until the posting is settled; False if a pending call postpones it."""
        if owed.begun_at is not None and (until := owed.begun_at + self._left_alone) > self._now():
            self._ledger.record_postponed(owed, until)
            return False
        posting = self._posting(owed.event_id)
        stands = owed.stands and posting.exception not in self._not_received
        found, done = self._find_or_recall_documents(posting, owed), None
        for _ in range(_MOST_STEPS):
            step = next_step(found, stands=stands)
            if isinstance(step, FinalState) and found is not _UNKNOWN:
                self._ledger.record_settled(owed, step.state, step.document)
                return True
            if isinstance(step, FinalState):
                step = PostOrComplete(None)
            if step == done:
                raise _NoEffect(f"{_describe(step)}: the answer was that it is done, and it is not")
            self._ledger.record_call_begun(owed.event_id)
            answer, done = self._post_or_reverse(posting, step, owed), step
            # Without `find` the answer is trusted: the other side drops duplicates.
            found = tuple(self._connector.find(posting)) if self._connector.can_find else (answer,)
        raise _NoEffect(f"{posting.reference}: {_MOST_STEPS} steps were done, and it is not as it should be")

    def _find_or_recall_documents(self, posting: Posting, owed: DuePosting) -> Sequence[Document]:
        """The documents in the other system; if it cannot be queried, those that the ledger has."""
        if self._connector.can_find:
            return tuple(self._connector.find(posting))
        if owed.document is not None:
            return (Document(owed.document, owed.number or owed.document, DocumentState.DONE),)
        return _UNKNOWN if owed.begun_at is not None and not owed.stands else ()

    def _post_or_reverse(self, posting: Posting, step: PostOrComplete | ReverseDocument, owed: DuePosting) -> Document:
        if isinstance(step, PostOrComplete):
            return self._connector.post(posting, step.draft)
        twice = f"{posting.reference}:twice:{step.document.id}"
        why = owed.taken_back or ReversalReason(twice, False, None, posting.recorded_at)
        return self._connector.reverse(posting, step.document, why)


_UNKNOWN: Sequence[Document] = []  # State unknown after a crash: post again (idempotent), then reverse.


def _describe(step: PostOrComplete | ReverseDocument) -> str:
    if isinstance(step, ReverseDocument):
        return f"taking {step.document.number} back"
    return "posting" if step.draft is None else f"finishing {step.draft.number}"
