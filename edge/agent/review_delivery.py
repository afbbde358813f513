"""Review delivery: publishes the changes of reviews to the inventory, and receives its decisions.

Reviews have an outbox of their own: they never block entries, also where an inventory does not support reviews.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import Misconfigured, describe_os_error
from dockvoice_protocol.events import MalformedMessage, parse_object
from dockvoice_protocol.forms.spoken.account import AccountedWords, account_for
from dockvoice_protocol.hash_chain import SIGNATURE, PublicKey
from dockvoice_protocol.mqtt import MessageReceived
from dockvoice_protocol.outbox import FAILURE
from dockvoice_protocol.records import Reading
from dockvoice_protocol.signed import DeclinedPosting, Forged, ReviewDecision, verify_decision, verify_declined_posting
from edge.agree.decide import Rules, decide
from edge.deliver.device_events import review_event
from edge.deliver.relay import PendingRow, make_row_schedule
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.keep.signed import DecisionFailure
from edge.keep.storage import DiskFull
from edge.records import ClosedBy, EventIds, OutboxRow, ReviewChange

POLL_S = 1.0  # Poll interval of the journal.
_WINDOW = 16  # Limit of unconfirmed events.
_LONGEST_ACCOUNT = 40
"""Words up to which a reading has an account: longer talk rarely has an explanation, and the search for one would hold
the journal up for 0.4 s."""

logger = logging.getLogger(__name__)


def make_review_renderer(
    rules_of: Callable[[str], Rules | None], site: str, device: str
) -> Callable[[ReviewChange, EventIds], dict[str, Any]]:
    """Return the function that makes a review change's event.

    Where the form is loaded, the event has its doubts and the account of the words, which reads them once more: here,
    while no operator waits for it.
    """

    def render_change(change: ReviewChange, minted: EventIds) -> dict[str, Any]:
        reading, rules = change.reading, rules_of(change.form)
        doubts = (
            ()
            if reading is None or change.why is None or rules is None
            else decide(reading, ClosedBy.PAUSE, rules).reasons
        )

        def account_of(one: Reading) -> Iterable[AccountedWords]:
            if rules is None or len(one.words) > _LONGEST_ACCOUNT:
                return ()
            return account_for(one.words, rules.form, rules.catalogue, rules.language)

        return review_event(change, minted, doubts, account_of, site=site, device=device)

    return render_change


@dataclass(frozen=True, slots=True)
class _Looked:
    """The result of one poll of the journal."""

    waiting: int  # Number of open reviews.
    rows: tuple[OutboxRow, ...]  # The events to publish now.
    not_done: dict[str, int]  # Number of the inventory's decisions that were not done, by reason.


class ReviewDelivery:
    """Delivers the review changes of one journal. Use it in the event loop only."""

    def __init__(
        self,
        executor: JournalThread,
        render: Callable[[ReviewChange, EventIds], dict[str, Any]],
        patience_s: float,
        *,
        by_receipt: bool,
    ) -> None:
        """`patience_s`: seconds without a receipt before the first retry."""
        self._executor = executor
        self._render = render
        self._by_receipt = by_receipt
        self._outbox = make_row_schedule(patience_s)
        self._confirmed: set[str] = set()
        self._refused = False
        self._begins = True
        self._next = -math.inf

    def republish_open_reviews(self) -> None:
        """Reset after a connection came up: all open reviews are published again."""
        self._outbox.clear()
        self._begins, self._next = True, -math.inf

    def is_review_event(self, event_id: str) -> bool:
        """Whether this is an event of a review."""
        return self._outbox.get(event_id) is not None

    def mark_confirmed(self, event_id: str) -> None:
        """Mark an event as confirmed by the inventory."""
        self._confirmed.add(event_id)

    def handle_puback(self, event_id: str, reason_code: int) -> None:
        """Apply the broker's PUBACK, which confirms the event where the inventory sends no receipts."""
        if reason_code >= FAILURE and not self._refused:
            self._refused = True
            logger.warning("the broker refuses what is told of reviews (%d): let this device publish it", reason_code)
        elif reason_code < FAILURE and not self._by_receipt:
            self.mark_confirmed(event_id)

    def mark_unsent(self, event_id: str, now: float) -> None:
        """Schedule an event that could not be published again."""
        self._outbox.mark_unsent(event_id, now)

    async def poll(self, now: float, *, connected: bool) -> _Looked | None:
        """Store confirmations and new changes; return what to publish. None within POLL_S and on a full disk."""
        if now < self._next:
            return None
        self._next = now + POLL_S
        confirmed, begins = frozenset(self._confirmed), self._begins and connected

        def settle_and_load(journal: Journal) -> tuple[int, list[OutboxRow], dict[str, int]]:
            if confirmed:
                journal.review_log.settle(confirmed)
            if begins:
                journal.review_log.mark_open_reviews_pending()
            journal.write_reviews(self._render)
            return (
                journal.review.count_under_review(),
                journal.review_log.load_due(_WINDOW),
                journal.orders.count_not_done(),
            )

        try:
            waiting, due, not_done = await self._executor(settle_and_load)
        except DiskFull as fault:
            logger.warning("what waits for a person cannot be told, and is as soon as there is room: %s", fault)
            return None
        self._confirmed -= confirmed
        self._begins = self._begins and not connected
        going = self._take_due_rows(due, now) if connected else ()
        return _Looked(waiting, tuple(going), not_done)

    def _take_due_rows(self, owed: Iterable[OutboxRow], now: float) -> Iterator[OutboxRow]:
        """Replace the outbox's rows by the journal's `owed` ones; return those to publish now."""
        rows = {row.event_id: row for row in owed}
        for one in self._outbox.pending:
            if one.key not in rows:
                self._outbox.remove_confirmed(one.key)
        for row in rows.values():
            self._outbox.add(PendingRow.from_row(row, now))
        return (one.row for one in self._outbox.start_due_attempts(now))


class DecisionInbox:
    """Receives the inventory's decisions: each is verified and stored before the broker gets its PUBACK."""

    def __init__(
        self,
        key: PublicKey | None,
        source: str,
        executor: JournalThread,
        beat: Callable[[], None],
        decided: Callable[[], None],
        *,
        may_repeat: bool = False,
    ) -> None:
        """`key` verifies decisions; None refuses all.

        `beat` is called while a decision waits for disk space, `decided` once one is stored. `may_repeat`: the
        inventory may send one again, for the broker keeps none; else one that comes again is counted as not done.
        """
        self._key = key
        self._source = source
        self._executor = executor
        self._beat = beat
        self._decided = decided
        self._may_repeat = may_repeat

    @property
    def accepts_decisions(self) -> bool:
        """Whether decisions are accepted: the settings have a key for them."""
        return self._key is not None

    def verify_and_parse(self, payload: bytes) -> ReviewDecision | DeclinedPosting:
        """Verify and parse a decision or a declined posting for this device. Raises MalformedMessage, Forged."""
        if self._key is None:
            raise Forged("/signature: deliver.decisions_key names no key any more")
        read = verify_declined_posting if "declined" in parse_object(payload) else verify_decision
        return read(payload, self._source, self._key)

    async def verify_and_store(self, message: MessageReceived) -> None:
        """Verify and store a decision, or count its refusal. The caller acknowledges it afterwards."""
        if (why := self._find_objection(message)) is not None:
            with suppress(DiskFull):  # the log has it
                await self._executor(lambda journal: journal.orders.count_not_stored(why))
            return
        signature, body = str(parse_object(message.payload)[SIGNATURE]), message.payload.decode()
        again = self._may_repeat
        keep = partial(self._executor, lambda journal: journal.orders.store(signature, body, may_repeat=again))
        if not await self._executor.retry_while_disk_full(keep, "a decision waits for room", lambda _: self._beat()):
            level = logging.INFO if self._may_repeat else logging.WARNING
            logger.log(level, "a decision came again: it is done once, or was refused")
        self._decided()

    def _find_objection(self, message: MessageReceived) -> DecisionFailure | None:
        if message.retained:
            logger.warning("a decision that the broker kept is not taken: publish decisions without retain")
            return DecisionFailure.RETAINED
        try:
            self.verify_and_parse(message.payload)
        except Forged as fault:
            logger.warning("somebody decides who may not, or it was altered on the way, and nothing is done: %s", fault)
            return DecisionFailure.FORGED
        except MalformedMessage as fault:
            logger.warning("a message on the topic of decisions is none for this device: %s", fault)
            return DecisionFailure.MALFORMED
        return None


def load_pinned_key(path: Path | None) -> PublicKey | None:
    """Load the key in the file of deliver.decisions_key; None without one. Raises Misconfigured."""
    if path is None:
        return None
    try:
        return PublicKey.from_pem(plain_file.read_regular_file(path))
    except (OSError, ValueError) as fault:
        why = describe_os_error(fault) if isinstance(fault, OSError) else f"holds {fault}"
        raise Misconfigured(f"deliver.decisions_key: {path}: {why}; name an Ed25519 public key in PEM") from None
