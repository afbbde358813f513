"""Doubts: the entries of a time that are most likely wrong, by what their devices and the site's rules say of them.

Nothing is read again here, and other readings than that on record stay on the device: `dockvoice morning` there lists
what they, and a better model, have otherwise. The doubt puts entries in an order, and is no share of wrong ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, select

from inventory.audit import deeds
from inventory.audit.deeds import Noted
from inventory.console.filling import shown
from inventory.queries.listing import COLUMNS, ListedEntry
from inventory.records import data_of
from inventory.reviews.flags import Flag, FlagState, of_entries
from inventory.store.tables import entries, events

FLAGGED = 0.9  # A rule speaks against it: of two entries about one pallet, one is mostly wrong.
RECOUNTED = 0.4  # It was counted twice, and not the same: the second one stands, and nobody knows which is right.
COLLEAGUE = 0.3  # Somebody corrected what he had not said himself: he may know, or not.
ASKED = 0.05  # For each thing that its operator had to say besides, from OFTEN on.

UNSURE = 0.9  # What is recorded unasked is mostly surer: below, a value was misheard or hard to hear.
OFTEN = 3  # One answer is usual, and so is one correction.

RIGHT, AGAIN = "looked_right", "looked_again"
"""The deeds of who looked at an entry and found it right, and of who put it back on the list. The later one counts."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """One reason to doubt an entry."""

    code: str  # flagged, declined, recounted, colleague, unsure or asked, as words/*/morning.toml has them.
    weight: float  # How likely the entry is wrong for this alone.
    field: str = ""  # Which field it is about, or which connected system declined it.
    told: str = ""  # What is told with it: the rule's reason, the first count, who it was, how sure, how often.


@dataclass(frozen=True, slots=True)
class Doubted:
    """An entry with why it is doubted, the weightiest first."""

    entry: ListedEntry
    why: tuple[Doubt, ...]
    right: Noted | None  # Who looked at it and found it right, where somebody has.

    @property
    def doubt(self) -> float:
        """From 0 to 1, as if its reasons had nothing to do with one another."""
        fine = 1.0
        for one in self.why:
            fine *= 1.0 - one.weight
        return 1.0 - fine


@dataclass(frozen=True, slots=True)
class Doubts:
    """What is doubted of a time, the most doubtful first."""

    looked_at: int  # Entries that stand.
    open: list[Doubted]
    right: list[Doubted]


def of_time(transaction: Connection, since: datetime, until: datetime, device: tuple[str, str] | None = None) -> Doubts:
    """Of the entries that were made in this time and stand, those that anything speaks against."""
    its: list[ColumnElement[bool]] = [entries.c.recorded_at >= since, entries.c.recorded_at < until]
    its.append(entries.c.state == "current")
    if device is not None:
        its += [entries.c.site == device[0], entries.c.device == device[1]]
    event_ids = select(entries.c.event_id).where(*its)
    against, right = of_entries(transaction, event_ids), _right(transaction, event_ids)
    corrected = _corrected(transaction, its)
    wanted = select(*COLUMNS, events.c.body).join(events, events.c.event_id == entries.c.event_id).where(*its)
    looked_at, found = 0, []
    for row in transaction.execute(wanted).mappings().all():
        looked_at += 1
        flagged = against.get(row["event_id"], ())
        if why := sorted(_why(row, flagged, corrected), key=lambda one: -one.weight):
            told = {column.name: row[column.name] for column in COLUMNS}
            entry = ListedEntry(**told, replaced_by=None, flags=flagged)
            found.append(Doubted(entry, tuple(why), right.get(entry.event_id)))
    doubted = [one for one in found if not one.entry.struck]
    doubted.sort(key=lambda one: (-one.doubt, one.entry.arrival))
    return Doubts(looked_at, [one for one in doubted if not one.right], [one for one in doubted if one.right])


def _why(
    row: RowMapping, flagged: Collection[Flag], corrected: Mapping[str, tuple[str | None, str | None]]
) -> Iterator[Doubt]:
    for flag in flagged:
        if flag.state is FlagState.OPEN:
            code = "declined" if flag.system else "flagged"
            yield Doubt(code, FLAGGED, flag.system, told=flag.reason)
    data = data_of(row["body"])
    for name, first in data.get("counted_first", {}).items():
        if first != row["fields"].get(name):
            yield Doubt("recounted", RECOUNTED, name, shown(first))
    mine, before = corrected.get(row["event_id"], (None, None))
    if mine is not None and before is not None and mine != before:
        yield Doubt("colleague", COLLEAGUE, told=before)
    name, sure = min(data.get("reading", {}).get("confidence", {}).items(), key=lambda one: one[1], default=("", 1.0))
    if sure < UNSURE:
        yield Doubt("unsure", 1.0 - sure, name, f"{100 * sure:.0f}")
    if row["answers"] >= OFTEN:
        yield Doubt("asked", ASKED * (row["answers"] - OFTEN + 1), told=str(row["answers"]))


def _corrected(
    transaction: Connection, its: Collection[ColumnElement[bool]]
) -> dict[str, tuple[str | None, str | None]]:
    """Of each correction, who made it and who had said what it corrects."""
    earlier = entries.alias("earlier")
    wanted = select(entries.c.event_id, entries.c.operator, earlier.c.operator.label("before"))
    wanted = wanted.join(earlier, earlier.c.event_id == entries.c.replaces)
    rows = transaction.execute(wanted.where(entries.c.replaces.is_not(None), *its))  # said, they are known to be few
    return {row.event_id: (row.operator, row.before) for row in rows}


def _right(transaction: Connection, event_ids: Collection[str] | Select[Any]) -> dict[str, Noted]:
    """Who found which of them right, where nobody has put it back since."""
    found: dict[str, Noted] = {}
    for one in deeds.about(transaction, event_ids, (RIGHT, AGAIN)):
        if one.deed.deed == RIGHT:
            found[one.deed.about] = one
        else:
            found.pop(one.deed.about, None)
    return found


def mark(transaction: Connection, event_id: str, *, right: bool) -> bool | None:
    """Whether it is news that somebody found this entry right, or put it back; None where there is no such entry."""
    known = select(entries.c.event_id).where(entries.c.event_id == event_id)
    if transaction.execute(known).one_or_none() is None:
        return None
    return (event_id in _right(transaction, [event_id])) is not right
