"""Expected receipts in the tables: the latest list of each trailer and door, with received lines marked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from dockvoice_protocol.events import Topics
from dockvoice_protocol.hash_chain import PublicKey, Signer
from dockvoice_protocol.records import ExpectedLine, ExpectedList, PlaceKind, ReceivingPlace
from dockvoice_protocol.signed import sign_expected_list
from inventory.store import outbox
from inventory.store.outbox import HELD_BACK_FOR, Message, MessageKind
from inventory.store.tables import announced, entries, events, expected


@dataclass(frozen=True, slots=True)
class PublishedList:
    """A list of expected receipts, as it was signed and published."""

    expected: ExpectedList
    written_at: datetime
    body: str | None = field(repr=False)  # The signed message; None if unknown.
    public_key: str | None  # The signer's, in hex.


@dataclass(frozen=True, slots=True)
class StoredList:
    """The expected list of one place, and whether its message is pending."""

    expected: ExpectedList
    sent: bool
    sources: Mapping[str, str] = field(default_factory=dict)  # The source of each notice.


def replace_list(
    transaction: Connection,
    site: str,
    place: ReceivingPlace,
    lines: Sequence[ExpectedLine],
    now: datetime,
    sources: Mapping[str, str] | str,
) -> ExpectedList:
    """Store the list that replaces the present one; without lines, it withdraws that.

    `sources`: the source of each notice, or one source of all.
    """
    wanted = select(expected).where(*_match_place(site, place)).with_for_update()
    before = transaction.execute(wanted).one_or_none()
    notices = {line.notice for line in ([] if before is None else _to_lines(before))}
    goes_on = before is not None and any(line.notice in notices for line in lines)
    since = before.since if before is not None and goes_on else now
    known = {(line.notice, line.pallet) for line in ([] if before is None else _to_lines(before)) if line.received}
    marked = tuple(replace(line, received=goes_on and (line.notice, line.pallet) in known) for line in lines)
    made = _store_list(transaction, ExpectedList(site, place, _next_version(before, now), marked), since)
    values = {"site": site, "place": str(place), "version": made.version, "written_at": now}
    transaction.execute(insert(announced).values(**values, lines=[asdict(line) for line in marked]))
    named = {line.notice: sources if isinstance(sources, str) else sources[line.notice] for line in marked}
    transaction.execute(update(expected).where(*_match_place(site, place)).values(sources=named))
    return made


def mark_received_lines(transaction: Connection, pallet_fields: Mapping[str, str], now: datetime) -> list[ExpectedList]:
    """Mark the lines, in every list, whose pallet has an entry; store and return the lists that changed."""
    found: list[ExpectedList] = []
    for row in transaction.execute(select(expected).order_by(expected.c.site, expected.c.place).with_for_update()):
        before = _to_list(row)
        there = _find_received_pallets(transaction, before, pallet_fields, row.since)
        lines = tuple(replace(line, received=line.pallet in there) for line in before.lines)
        if lines != before.lines:
            after = ExpectedList(before.site, before.place, _next_version(row, now), lines)
            found.append(_store_list(transaction, after, row.since))
    return found


def load_lists(
    transaction: Connection, site: str | None = None, place: ReceivingPlace | None = None
) -> list[StoredList]:
    """Every list, or those of a site or a place, by site and place; those without lines are withdrawn."""
    waits = outbox.is_pending_for_site(MessageKind.EXPECTED, expected.c.site, expected.c.place)
    wanted = select(expected, waits.label("waits")).order_by(expected.c.site, expected.c.place)
    wanted = wanted if site is None else wanted.where(expected.c.site == site)
    wanted = wanted if place is None else wanted.where(expected.c.place == str(place))
    rows = transaction.execute(wanted)
    return [StoredList(_to_list(row), not row.waits, row.sources) for row in rows]


def note_signed(transaction: Connection, one: ExpectedList, body: bytes, key: PublicKey) -> None:
    """Store the signed body of a list, and where it was announced the first one."""
    latest = update(expected).where(*_match_place(one.site, one.place), expected.c.version == one.version)
    transaction.execute(latest.values(body=body.decode(), public_key=key.raw.hex()))
    its = (announced.c.site == one.site, announced.c.place == str(one.place), announced.c.version == one.version)
    said = {"body": body.decode(), "public_key": key.raw.hex()}
    transaction.execute(update(announced).where(*its, announced.c.body.is_(None)).values(said))


def load_published_lists(transaction: Connection, places: Collection[tuple[str, str]]) -> list[PublishedList]:
    """Every published list of these places, each with its site, the oldest first."""
    sites, names = {site for site, _ in places}, {name for _, name in places}
    wanted = select(announced).where(announced.c.site.in_(sites), announced.c.place.in_(names))
    rows = transaction.execute(wanted.order_by(announced.c.version))
    return [
        PublishedList(_to_list(row), row.written_at, row.body, row.public_key)
        for row in rows
        if (row.site, row.place) in places
    ]


def _find_received_pallets(
    transaction: Connection, of: ExpectedList, fields: Mapping[str, str], since: datetime
) -> set[str]:
    """The pallets of a list with a current entry received since its first publication, from any device."""
    pallets = sorted({line.pallet for line in of.lines})
    found: set[str] = set()
    for form, name in fields.items() if pallets else ():
        named = entries.c.fields[name].as_string()
        wanted = (
            select(named)
            .join(events, events.c.event_id == entries.c.event_id)
            .where(entries.c.site == of.site, entries.c.form == form, entries.c.state == "current")
            .where(events.c.received_at >= since, named.in_(pallets))
        )
        found |= set(transaction.execute(wanted).scalars())
    return found


def _next_version(before: Row[Any] | None, now: datetime) -> int:
    # By the clock, so that after a lost database versions do not restart below those that devices have.
    return max(int(now.timestamp()), 0 if before is None else before.version + 1)


def _store_list(transaction: Connection, one: ExpectedList, since: datetime) -> ExpectedList:
    lines = [asdict(line) for line in one.lines]
    values = {"version": one.version, "lines": lines, "since": since, "body": None, "public_key": None}
    if not transaction.execute(update(expected).where(*_match_place(one.site, one.place)).values(values)).rowcount:
        transaction.execute(insert(expected).values(site=one.site, place=str(one.place), sources={}, **values))
    return one


def _to_list(row: Row[Any]) -> ExpectedList:
    kind, _, name = str(row.place).partition("/")
    return ExpectedList(row.site, ReceivingPlace(PlaceKind(kind), name), row.version, _to_lines(row))


def _to_lines(row: Row[Any]) -> tuple[ExpectedLine, ...]:
    return tuple(ExpectedLine(**line) for line in row.lines)


def _match_place(site: str, place: ReceivingPlace) -> tuple[Any, ...]:
    return expected.c.site == site, expected.c.place == str(place)


def enter_in_outbox(
    transaction: Connection,
    prefix: str,
    lists: Iterable[ExpectedList],
    signer: Signer,
    now: datetime,
    *,
    held: timedelta = HELD_BACK_FOR,
) -> list[int]:
    """Sign the lists and insert them into the outbox; the rows' ids, for the caller to publish."""
    messages = []
    for one in lists:
        body = sign_expected_list(one, signer, now)
        note_signed(transaction, one, body, signer.public)
        topic = Topics.expected(prefix, one.site, str(one.place))
        its = (one.site, "", str(one.place), topic)
        messages.append(Message(MessageKind.EXPECTED, *its, body, signer.public, retain=True))
    return outbox.insert_messages(transaction, messages, now, held=held)
