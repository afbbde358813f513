"""The ledger of postings: one row for each connector and entry, with the state of its posting.

A due posting is also work in the outbox, which has when it is tried. What is due is found by comparing entries with
the ledger, not by a cursor: of two transactions the later may become visible first, and a cursor would skip the other.
Every ten minutes all entries are compared, in between only recent ones, so that ten million entries cost nothing each
second.

A posting is read from its entry by the roles of the form's fields. Nothing is guessed. An entry without an item has the
one announced for its pallet, if there is exactly one: the operator has counted that pallet against that list.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Row, and_, exists, func, insert, or_, select, update

from dockvoice_protocol.events import AMENDED, CANCELLED, Topics, to_json_bytes
from dockvoice_protocol.hash_chain import Signer
from dockvoice_protocol.records import to_decimal
from dockvoice_protocol.signed import DeclinedPosting, sign_declined
from inventory.connect.ports import Declined, Document, Posting, ReversalReason
from inventory.forms import Roles
from inventory.records import LACKS_SETTINGS, PostingState, event_data_or_empty
from inventory.reviews.flags import SYSTEM_RULE_PREFIX
from inventory.store import outbox
from inventory.store.outbox import BACKOFF, Message, MessageKind
from inventory.store.tables import announced, entries, events, flags, pallets, postings
from inventory.store.tables import outbox as outbox_table


@dataclass(frozen=True, slots=True)
class DeclinedMessages:
    """Creates one connector's signed messages about declined postings."""

    prefix: str
    connector: str
    signer: Signer

    def signed_message(self, site: str, device: str, event_id: str, why: str, at: datetime) -> Message:
        """The message that this event's entry was declined, for its device. Deterministic."""
        topics = Topics(self.prefix, site, device)
        declined = DeclinedPosting(topics.source, event_id, why, self.connector)
        body = to_json_bytes(sign_declined(declined, self.signer, at))
        its = (site, device, _key_of(self.connector, event_id), topics.decisions)
        return Message(MessageKind.DECLINED, *its, body, self.signer.public)


def _key_of(connector: str, event_id: str) -> str:
    """The outbox key of the message that an entry was declined."""
    return f"{connector}/{event_id}"


RECENT_ENTRIES = 20_000
"""The most recent entries that each comparison covers. An entry whose transaction was open while as many others arrived
is found by the next comparison of all entries."""

COMPARE_ALL_EVERY = timedelta(minutes=10)
_MOST_AT_ONCE = 500  # Entries inserted by one comparison; while there are more, the next follows at once.
_SHOWN = 500  # Characters stored of the other system's message.

_WORK = and_(*outbox.match_row(MessageKind.ERP_POSTING, postings.c.site, postings.c.connector, postings.c.event_id))
"""A due posting's row in the outbox."""


@dataclass(frozen=True, slots=True)
class DuePosting:
    """A posting that is due."""

    event_id: str
    row: int  # In the outbox.
    site: str
    device: str
    stands: bool  # Whether its entry counts; if not, its documents are to be reversed.
    attempts: int  # Failures in a row.
    begun_at: datetime | None  # Start of a call without a recorded outcome.
    document: str | None  # Its document in the other system, as far as is known.
    number: str | None
    taken_back: ReversalReason | None


class Ledger:
    """One connector's ledger. Each method is one transaction, and raises Unavailable."""

    def __init__(
        self,
        name: str,
        site: str,
        forms: Collection[str],
        transaction: Callable[[], AbstractContextManager[Connection]],
        now: Callable[[], datetime],
        since: datetime | None = None,
        messages: DeclinedMessages | None = None,
    ) -> None:
        """`forms`: the forms whose entries are posted; `since`: entries received earlier are skipped.

        `messages` creates the devices' messages about refusals; None: no messages.
        """
        self.name = name
        self._site = site
        self._forms = sorted(forms)
        self._transaction = transaction
        self._now = now
        self._since = since
        self._messages = messages
        self._all_at: datetime | None = None

    # Due postings

    def update_from_entries(self) -> None:
        """Insert rows for new entries, reopen changed ones, and enter due ones in the outbox, a batch a transaction."""
        while self._update_batch():
            pass

    def _update_batch(self) -> int:
        """Update from one batch of entries; return how many rows changed, 0 where all are up to date."""
        now = self._now()
        every = self._all_at is None or now >= self._all_at
        with self._transaction() as transaction:
            newest = select(func.max(events.c.arrival))
            lowest = 0 if every else (transaction.execute(newest).scalar() or 0) - RECENT_ENTRIES
            changed = self._insert_new(transaction, lowest, now) + self._reopen_changed(transaction, lowest, now)
            changed += self._enter_due_in_outbox(transaction, now)
        if every and changed < _MOST_AT_ONCE:
            self._all_at = now + COMPARE_ALL_EVERY
        return changed

    def _insert_new(self, transaction: Connection, lowest: int, now: datetime) -> int:
        is_there = exists().where(postings.c.connector == self.name, postings.c.event_id == entries.c.event_id)
        wanted = (
            select(entries.c.event_id, entries.c.device, entries.c.arrival, events.c.sequence, pallets.c.pallet)
            .join(events, events.c.event_id == entries.c.event_id)
            .outerjoin(pallets, pallets.c.event_id == entries.c.event_id)
            .where(entries.c.site == self._site, entries.c.form.in_(self._forms), entries.c.arrival >= lowest)
            .where(~is_there)
            .order_by(entries.c.arrival)
            .limit(_MOST_AT_ONCE)
        )
        if self._since is not None:
            wanted = wanted.where(events.c.received_at >= self._since)
        rows = [
            {
                "connector": self.name,
                "event_id": row.event_id,
                "site": self._site,
                "device": row.device,
                "sequence": row.sequence,
                "arrival": row.arrival,
                "pallet": row.pallet,
                "state": PostingState.DUE.value,
                "stands": True,
                "changed_at": now,
            }
            for row in transaction.execute(wanted)
        ]
        if rows:
            transaction.execute(insert(postings), rows)
        return len(rows)

    def _reopen_changed(self, transaction: Connection, lowest: int, now: datetime) -> int:
        """Reopen rows whose entry no longer counts, or counts again, or that a person has decided about."""
        struck = exists().where(flags.c.event_id == postings.c.event_id, flags.c.state == "struck")
        counts = and_(entries.c.state == "current", ~struck)
        wanted = (
            select(postings.c.site, postings.c.event_id, counts.label("counts"))
            .join(entries, entries.c.event_id == postings.c.event_id)
            .where(postings.c.connector == self.name, counts != postings.c.stands)
            .limit(_MOST_AT_ONCE)
        )
        if lowest > 0:  # recent changes come from an event or from a decision on a flag
            wanted = wanted.where(or_(postings.c.event_id.in_(_recently_ended(transaction, lowest)), struck))
        found = transaction.execute(wanted).all()
        for row in found:
            its = self._match_row(row.event_id)
            transaction.execute(update(postings).where(*its).values(**_as_due(now), why=None, stands=bool(row.counts)))
            self._leave_outbox(transaction, row)  # entered anew: without its failures and its wait
        return len(found) + self._reopen_declined_but_confirmed(transaction, now)

    def _reopen_declined_but_confirmed(self, transaction: Connection, now: datetime) -> int:
        """Reopen declined rows that a person has confirmed."""
        said = exists().where(
            flags.c.event_id == postings.c.event_id,
            flags.c.rule == self.rule,
            flags.c.state == "stands",
            flags.c.decided_at > postings.c.changed_at,
        )
        declined = (postings.c.connector == self.name, postings.c.state == PostingState.DECLINED.value)
        return transaction.execute(update(postings).where(*declined, said).values(**_as_due(now))).rowcount

    def _enter_due_in_outbox(self, transaction: Connection, now: datetime) -> int:
        """Enter due postings in the outbox that are not there: new ones, and those of a restored or emptied table."""
        row = select(outbox_table.c.id).where(_WORK).correlate(postings).scalar_subquery()
        wanted = (
            select(postings.c.site, postings.c.connector, postings.c.event_id)
            .where(*self._is_due(postings), row.is_(None))
            .order_by(postings.c.arrival)
            .limit(_MOST_AT_ONCE)
        )
        missing = [tuple(row) for row in transaction.execute(wanted)]
        outbox.insert_work(transaction, MessageKind.ERP_POSTING, missing, now)
        return len(missing)

    def _leave_outbox(self, transaction: Connection, of: DuePosting | Row[Any]) -> None:
        """Delete a posting's work and its message of refusal from the outbox."""
        outbox.delete_confirmed(transaction, MessageKind.ERP_POSTING, of.site, self.name, of.event_id)
        outbox.delete_pending(transaction, MessageKind.DECLINED, of.site, _key_of(self.name, of.event_id))

    @property
    def rule(self) -> str:
        """The rule under which its refusals are flagged."""
        return f"{SYSTEM_RULE_PREFIX}{self.name}"

    def load_due(self, most: int = 100) -> list[DuePosting]:
        """The due rows, the oldest first. Of a pallet only the oldest, so that its postings stay in order.

        A replaced entry is reversed before its replacement is posted, even with another pallet or none.
        """
        # Scalar subqueries: before the first ANALYZE of a table PostgreSQL would join all rows with all.
        older = postings.alias("older")
        first = select(func.min(older.c.arrival)).where(*self._is_due(older), older.c.pallet == postings.c.pallet)
        replaced = select(older.c.state).where(older.c.connector == self.name, older.c.event_id == entries.c.replaces)
        wanted = (
            select(postings, outbox_table.c.id.label("row"), outbox_table.c.attempts)
            .join(entries, entries.c.event_id == postings.c.event_id)
            .join(outbox_table, _WORK)
            .where(*self._is_due(postings), outbox_table.c.due_at <= self._now())
            .where(or_(postings.c.pallet.is_(None), postings.c.arrival == first.scalar_subquery()))
            .where(func.coalesce(replaced.scalar_subquery(), "") != PostingState.DUE.value)
            .order_by(postings.c.arrival, postings.c.event_id)
            .limit(most)
        )
        with self._transaction() as transaction:
            return [self._to_owed(transaction, row) for row in transaction.execute(wanted).all()]

    def _to_owed(self, transaction: Connection, row: Row[Any]) -> DuePosting:
        back = None if row.stands else _find_why_taken_back(transaction, row)
        values = {name: getattr(row, name) for name in DuePosting.__dataclass_fields__ if name != "taken_back"}
        return DuePosting(**values, taken_back=back)

    # Outcomes

    def record_call_begun(self, event_id: str) -> None:
        """Record the start of a call, whose effect is unknown until its outcome is recorded."""
        with self._transaction() as transaction:
            transaction.execute(update(postings).where(*self._match_row(event_id)).values(begun_at=self._now()))

    def record_settled(self, owed: DuePosting, state: PostingState, document: Document | None) -> None:
        """Record the final state, and close the flag of a refusal."""
        now = self._now()
        posted = document is not None and state is PostingState.POSTED
        kept = {"document": document.id if document is not None and posted else None}
        kept |= {} if document is None else {"number": document.number}
        values = {"state": state.value, "begun_at": None, "said": None, "why": None, "changed_at": now}
        with self._transaction() as transaction:
            transaction.execute(update(postings).where(*self._match_row(owed.event_id)).values(**values, **kept))
            self._leave_outbox(transaction, owed)
            its = (flags.c.event_id == owed.event_id, flags.c.rule == self.rule, flags.c.state == "open")
            word = {"state": "stands", "who": self.name, "why": f"{state.value} since", "decided_at": now}
            transaction.execute(update(flags).where(*its).values(word))

    def record_failed(self, owed: DuePosting, said: str, asked_s: float = 0.0, *, settings: bool = False) -> float:
        """Record a failed try; return the seconds until the next one. `settings`: they lack a value."""
        wait = BACKOFF.wait_s(owed.attempts, asked_s)
        due_at = self._now() + timedelta(seconds=wait)
        with self._transaction() as transaction:
            if settings:
                transaction.execute(update(postings).where(*self._match_row(owed.event_id)).values(why=LACKS_SETTINGS))
            _schedule(transaction, owed, due_at=due_at, attempts=owed.attempts + 1, error=said[:_SHOWN])
        return wait

    def record_postponed(self, owed: DuePosting, until: datetime) -> None:
        """Set the time of the next try; no call was made."""
        with self._transaction() as transaction:
            _schedule(transaction, owed, due_at=until)

    def record_declined(self, owed: DuePosting, why: Declined) -> None:
        """Record the refusal, flag the entry, and enter a message for its device unless the reason is as before."""
        now, message = self._now(), str(why)[:_SHOWN]
        flag = {"event_id": owed.event_id, "rule": self.rule}
        values = {"reason": f"{why.why.value}:{message}", "flagged_at": now, "state": "open", "who": None, "why": None}
        noted = {"state": PostingState.DECLINED.value, "begun_at": None, "said": message}
        with self._transaction() as transaction:
            row = transaction.execute(select(postings).where(*self._match_row(owed.event_id))).one()
            is_news = row.why != why.why.value  # a retry declined for the same reason sends no second message
            words = {**noted, "why": why.why.value, "changed_at": now}
            transaction.execute(update(postings).where(*self._match_row(owed.event_id)).values(words))
            outbox.delete_confirmed(transaction, MessageKind.ERP_POSTING, owed.site, self.name, owed.event_id)
            if is_news and self._messages is not None:
                its = (owed.site, owed.device, owed.event_id, why.why.value)
                outbox.insert_messages(transaction, [self._messages.signed_message(*its, now)], now)
            known = (flags.c.event_id == owed.event_id, flags.c.rule == self.rule)
            values = {**values, "decided_at": None}
            if not transaction.execute(update(flags).where(*known).values(values)).rowcount:
                transaction.execute(insert(flags).values(**flag, **values, site=owed.site, device=owed.device))

    # For status displays

    def count_by_state(self) -> dict[str, int]:
        """The number of postings in each state."""
        wanted = (
            select(postings.c.state, func.count().label("number"))
            .where(postings.c.connector == self.name)
            .group_by(postings.c.state)
        )
        with self._transaction() as transaction:
            found = {row.state: int(row.number) for row in transaction.execute(wanted)}
        return {state.value: found.get(state.value, 0) for state in PostingState}

    def load_open(self, most: int) -> Sequence[Row[Any]]:
        """The due and declined rows, the oldest first."""
        its = (
            postings.c[name] for name in ("event_id", "site", "device", "sequence", "pallet", "state", "why", "number")
        )
        wanted = (
            select(*its, outbox_table.c.due_at, func.coalesce(outbox_table.c.attempts, 0).label("attempts"))
            .add_columns(func.coalesce(outbox_table.c.error, postings.c.said).label("said"))
            .outerjoin_from(postings, outbox_table, _WORK)
            .where(postings.c.connector == self.name)
            .where(postings.c.state.in_((PostingState.DUE.value, PostingState.DECLINED.value)))
            .order_by(postings.c.arrival)
            .limit(most)
        )
        with self._transaction() as transaction:
            return transaction.execute(wanted).all()

    def _is_due(self, of: FromClause) -> tuple[ColumnElement[bool], ...]:
        return of.c.connector == self.name, of.c.state == PostingState.DUE.value

    def _match_row(self, event_id: str) -> tuple[ColumnElement[bool], ...]:
        return postings.c.connector == self.name, postings.c.event_id == event_id


def load_connector_names(transaction: Connection) -> list[str]:
    """The names of the connectors that have a ledger."""
    return list(transaction.execute(select(postings.c.connector).distinct().order_by(postings.c.connector)).scalars())


def _schedule(transaction: Connection, owed: DuePosting, **values: Any) -> None:
    transaction.execute(update(outbox_table).where(outbox_table.c.id == owed.row).values(values))


def _as_due(now: datetime) -> dict[str, Any]:
    return {"state": PostingState.DUE.value, "changed_at": now}


def _recently_ended(transaction: Connection, lowest: int) -> list[str]:
    """The entries that recent events amend or cancel."""
    wanted = select(events.c.body).where(events.c.arrival >= lowest, events.c.type.in_((AMENDED, CANCELLED)))
    found = (event_data_or_empty(body) for body in transaction.execute(wanted).scalars())
    return [str(data.get("amends") or data.get("cancels")) for data in found]


def _find_why_taken_back(transaction: Connection, row: Row[Any]) -> ReversalReason:
    """The reason that an entry no longer counts: its replacement, the cancelling event, or a person's decision."""
    after = select(entries.c.event_id, entries.c.operator, entries.c.recorded_at)
    if (found := transaction.execute(after.where(entries.c.replaces == row.event_id)).first()) is not None:
        return ReversalReason(found.event_id, True, found.operator, found.recorded_at)
    wanted = (
        select(events.c.event_id, events.c.body, events.c.received_at)
        .where(events.c.site == row.site, events.c.device == row.device, events.c.type == CANCELLED)
        .where(events.c.sequence > row.sequence)
        .order_by(events.c.sequence)
    )
    for event in transaction.execute(wanted):
        data = event_data_or_empty(event.body)
        if data.get("cancels") == row.event_id:
            return ReversalReason(event.event_id, False, data.get("operator"), event.received_at)
    its = (flags.c.event_id == row.event_id, flags.c.state == "struck")
    struck = transaction.execute(select(flags.c.who, flags.c.decided_at).where(*its)).first()
    if struck is None:
        return ReversalReason(f"{row.event_id}:cancelled", False, None, row.changed_at)
    return ReversalReason(f"{row.event_id}:struck", False, struck.who, struck.decided_at or row.changed_at)


def load_posting(transaction: Connection, event_id: str, roles: Roles) -> Posting:
    """The posting of an event's entry."""
    row = transaction.execute(
        select(entries, events.c.sequence)
        .join(events, events.c.event_id == entries.c.event_id)
        .where(entries.c.event_id == event_id)
    ).one()
    fields: Mapping[str, Any] = row.fields
    named = roles.get(row.form, {}).get("fields", {})

    def field(role: str) -> Any:
        return fields.get(named.get(role))

    pallet, trailer = _text(field("pallet")), _text(field("trailer"))
    return Posting(
        reference=row.event_id,
        amends=row.replaces,
        site=row.site,
        device=row.device,
        sequence=row.sequence,
        operator=row.operator,
        recorded_at=row.recorded_at,
        form=row.form,
        fields=fields,
        pallet=pallet,
        item=_text(field("item")) or _announced_item(transaction, row.site, pallet, trailer),
        quantity=_number(field("quantity")),
        unit=_text(field("uom")),
        lot=_text(field("lot")),
        expiry=_text(field("expiry")),
        damaged=_number(field("damaged")),
        exception=_text(field("exception")),
        place=_text(field("door")) or _text(field("location")),
        trailer=trailer,
        order=_text(field("order")),
    )


def _announced_item(transaction: Connection, site: str, pallet: str | None, trailer: str | None) -> str | None:
    """The one item that the latest list announces for the pallet, at its trailer if it names one; else None.

    All published lists are searched: the latest may no longer name the pallet when its entry is posted.
    """
    if pallet is None:
        return None
    wanted = select(announced.c.place, announced.c.lines).where(announced.c.site == site)
    if trailer is not None:
        wanted = wanted.where(announced.c.place.in_((f"trailer/{trailer}",)) | announced.c.place.like("door/%"))
    for row in transaction.execute(wanted.order_by(announced.c.written_at.desc(), announced.c.version.desc())):
        items = {line["item"] for line in row.lines if line["pallet"] == pallet}
        if items:
            return str(items.pop()) if len(items) == 1 else None
    return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> Decimal | None:
    return to_decimal(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
