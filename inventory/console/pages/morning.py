"""The morning list: the day's entries that are most likely wrong, by devices' confidence and the site's rules.

Nothing is recognised again here: `dockvoice morning` on the device compares other readings. The doubt only orders
entries; it is no probability.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import prod
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, select
from starlette.responses import RedirectResponse, Response

from dockvoice_protocol.instants import to_zone
from inventory.audit import audit_log
from inventory.audit.audit_log import StoredAction
from inventory.console.accounts import Role
from inventory.console.context import RequestContext, Route, local_path_or_root
from inventory.console.form_fields import input_text
from inventory.queries import listing
from inventory.queries.listing import LISTED_COLUMNS, ListedEntry
from inventory.records import event_data_or_empty
from inventory.reviews.flags import Flag, FlagState, load_flags
from inventory.store.tables import entries, events

_MOST = 20  # Entries of one page: ten minutes' work.

_DAY = timedelta(days=1)

_FLAGGED = 0.9  # A rule speaks against it: of two entries about one pallet, one is mostly wrong.
_RECOUNTED = 0.4  # Two counts differ: the second stands, and either may be right.
_COLLEAGUE = 0.3  # Another operator corrected it, who may or may not know.
_ASKED = 0.05  # For each answer to a question, from _OFTEN on.

_UNSURE = 0.9  # Entries recorded without a question mostly have more confidence: below, a value was hard to hear.
_OFTEN = 3  # One answer is usual, and so is one correction.

_RIGHT, _AGAIN = "looked_right", "looked_again"
"""Actions of the audit log: an entry was found right, or put back on the list. The later one counts."""


@dataclass(frozen=True, slots=True)
class _Doubt:
    """One reason to doubt an entry."""

    code: str  # flagged, declined, recounted, colleague, unsure or asked, as words/*/morning.toml has them.
    weight: float  # How likely the entry is wrong for this alone.
    field: str = ""  # The field, or the connected system that declined it.
    detail: str = ""  # The rule's reason, the first count, the operator, the confidence, or the number of answers.


@dataclass(frozen=True, slots=True)
class _DoubtedEntry:
    """An entry with its doubts, the weightiest first."""

    entry: ListedEntry
    why: tuple[_Doubt, ...]
    right: StoredAction | None  # The audit log's line that found it right.

    @property
    def doubt(self) -> float:
        """From 0 to 1, as if the doubts were independent."""
        return 1.0 - prod(1.0 - one.weight for one in self.why)


@dataclass(frozen=True, slots=True)
class _MorningList:
    """The doubted entries of a period, the most doubtful first."""

    looked_at: int  # Entries that stand.
    open: list[_DoubtedEntry]
    right: list[_DoubtedEntry]


def load_doubted_entries(
    transaction: Connection, since: datetime, until: datetime, device: tuple[str, str] | None = None
) -> _MorningList:
    """The doubted entries among the current ones of a period."""
    its: list[ColumnElement[bool]] = [entries.c.recorded_at >= since, entries.c.recorded_at < until]
    its.append(entries.c.state == "current")
    if device is not None:
        its += [entries.c.site == device[0], entries.c.device == device[1]]
    event_ids = select(entries.c.event_id).where(*its)
    flags, right = load_flags(transaction, event_ids), _load_found_right(transaction, event_ids)
    corrections = _load_corrections(transaction, its)
    wanted = select(*LISTED_COLUMNS, events.c.body).join(events, events.c.event_id == entries.c.event_id).where(*its)
    looked_at, found = 0, []
    for row in transaction.execute(wanted).mappings().all():
        looked_at += 1
        flagged = flags.get(row["event_id"], ())
        if why := sorted(_doubts(row, flagged, corrections), key=lambda one: -one.weight):
            columns = {column.name: row[column.name] for column in LISTED_COLUMNS}
            entry = ListedEntry(**columns, replaced_by=None, flags=flagged)
            found.append(_DoubtedEntry(entry, tuple(why), right.get(entry.event_id)))
    doubted = [one for one in found if not one.entry.is_struck]
    doubted.sort(key=lambda one: (-one.doubt, one.entry.arrival))
    return _MorningList(looked_at, [one for one in doubted if not one.right], [one for one in doubted if one.right])


def _doubts(
    row: RowMapping, flagged: Collection[Flag], corrections: Mapping[str, tuple[str | None, str | None]]
) -> Iterator[_Doubt]:
    for flag in flagged:
        if flag.state is FlagState.OPEN:
            code = "declined" if flag.system else "flagged"
            yield _Doubt(code, _FLAGGED, flag.system, flag.reason)
    data = event_data_or_empty(row["body"])
    for name, first in data.get("counted_first", {}).items():
        if first != row["fields"].get(name):
            yield _Doubt("recounted", _RECOUNTED, name, input_text(first))
    mine, before = corrections.get(row["event_id"], (None, None))
    if mine is not None and before is not None and mine != before:
        yield _Doubt("colleague", _COLLEAGUE, detail=before)
    name, sure = min(data.get("reading", {}).get("confidence", {}).items(), key=lambda one: one[1], default=("", 1.0))
    if sure < _UNSURE:
        yield _Doubt("unsure", 1.0 - sure, name, f"{100 * sure:.0f}")
    if row["answers"] >= _OFTEN:
        yield _Doubt("asked", _ASKED * (row["answers"] - _OFTEN + 1), detail=str(row["answers"]))


def _load_corrections(
    transaction: Connection, its: Collection[ColumnElement[bool]]
) -> dict[str, tuple[str | None, str | None]]:
    """By correction, its operator and that of the entry before."""
    earlier = entries.alias("earlier")
    wanted = select(entries.c.event_id, entries.c.operator, earlier.c.operator.label("before"))
    wanted = wanted.join(earlier, earlier.c.event_id == entries.c.replaces)
    # The condition is redundant, and tells the planner that few rows match.
    rows = transaction.execute(wanted.where(entries.c.replaces.is_not(None), *its))
    return {row.event_id: (row.operator, row.before) for row in rows}


def _load_found_right(transaction: Connection, event_ids: Collection[str] | Select[Any]) -> dict[str, StoredAction]:
    """By event, the line that found it right, unless a later one put it back."""
    found: dict[str, StoredAction] = {}
    for one in audit_log.load_actions_about(transaction, event_ids, (_RIGHT, _AGAIN)):
        if one.deed.deed == _RIGHT:
            found[one.deed.about] = one
        else:
            found.pop(one.deed.about, None)
    return found


def _changes_mark(transaction: Connection, event_id: str, *, right: bool) -> bool | None:
    """Whether marking this entry would change anything; None for an unknown entry."""
    known = select(entries.c.event_id).where(entries.c.event_id == event_id)
    if transaction.execute(known).one_or_none() is None:
        return None
    return (event_id in _load_found_right(transaction, [event_id])) is not right


def _doubted_entries_page(context: RequestContext) -> Response:
    """Show the doubted entries of the last 24 hours, or of one day."""
    since, until = _parse_period(context)
    with context.read_transaction() as transaction:
        found = load_doubted_entries(transaction, since, until, context.device_parameter())
        known = listing.load_device_names(transaction)
    query = context.query_string()
    return context.render(
        "morning.html",
        lines=found.open[:_MOST],
        right=found.right,
        doubted=len(found.open),
        looked_at=found.looked_at,
        devices=known,
        asked=context.request.query_params,
        odd=context.invalid_instants("day"),
        back=f"/morning?{query}" if query else "/morning",
        may=context.has_role(Role.REVIEWER),
    )


def _parse_period(context: RequestContext) -> tuple[datetime, datetime]:
    day, now = context.instant_parameter("day"), context.resources.now()
    if day is None:
        return now - _DAY, now
    first = to_zone(day, context.resources.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return first, first + _DAY  # wall-clock arithmetic: such a day may have 23 or 25 hours


def _mark_right_or_put_back(context: RequestContext) -> Response:
    """Record that an entry is right, or put it back on the list."""
    event_id, right = context.form.get("event", ""), context.form.get("right") == "yes"
    with context.transaction() as transaction:
        changes = _changes_mark(transaction, event_id, right=right)
        if changes is None:
            return context.refuse("entry.unknown", 404)
        if changes:
            context.audit(transaction, _RIGHT if right else _AGAIN, event_id)
    return RedirectResponse(local_path_or_root(context.form.get("back")), 303)


ROUTES = (Route("", _doubted_entries_page), Route("", _mark_right_or_put_back, Role.REVIEWER, changes=True))
