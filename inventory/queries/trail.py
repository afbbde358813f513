"""The events of one device, applied or refused, in the order of their numbers."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    Cast,
    ColumnElement,
    Engine,
    Join,
    RowMapping,
    Select,
    Table,
    Text,
    exists,
    func,
    or_,
    select,
    union,
)
from sqlalchemy.ext.compiler import compiles

from dockvoice_protocol.events import WITHHELD
from inventory.store.database import translated_errors
from inventory.store.stock import ADDS, STOCK_COLUMNS, TAKES_BACK
from inventory.store.tables import entries, events, refused, stock_moves

PAGE_ROWS = 1000  # Rows read in one transaction, so that a consumer does not wait long.


# Its repr, and so its name, goes into the hash of an acknowledgement.
@dataclass(frozen=True, slots=True)
class _EntryRowText:
    """The row of an event's entry, its columns cast to text, since an altered row may hold anything."""

    site: str
    device: str
    form: str
    fields: str
    operator: str | None
    utterance_id: str
    recorded_at: str
    state: str
    replaces: str | None


StockMoveTexts = dict[str, str | None]  # A row of the stock moves, as text.


@dataclass(frozen=True, slots=True)
class TrailEvent:
    """An event of a device."""

    sequence: int
    event_id: str
    type: str | None  # From its row; None if refused, since only the body has it then.
    body: str | bytes  # As received.
    withheld: bool  # Whether the device withheld its content.
    applied: bool  # False: it was refused.
    entered: _EntryRowText | None  # Its entry; None if there is none.
    added: StockMoveTexts | None = None  # Its rows in the table of stock moves: added and reversed.
    taken_back: StockMoveTexts | None = None


@dataclass(frozen=True, slots=True)
class StrayRows:
    """Numbers of rows under a device's name that belong to none of its events."""

    entries: int  # Entries without an applied event of the device.
    out_of_turn: int  # Events before the first number, or after the last one handled.
    moves: int  # Stock moves without an applied event of the device.

    def __bool__(self) -> bool:
        return self != StrayRows(0, 0, 0)


class _CastToText(Cast[str]):
    """A column cast to text."""

    inherit_cache = True


@compiles(_CastToText)
def _cast(element: _CastToText, compiler: Any, **options: Any) -> str:
    return str(compiler.visit_cast(element, **options))


@compiles(_CastToText, "sqlite")
def _unless_bytes(element: _CastToText, compiler: Any, **options: Any) -> str:
    """Cast to text on SQLite, NULL for bytes: as text they look right, yet no query for that text finds them."""
    column, said = compiler.process(element.clause, **options), compiler.visit_cast(element, **options)
    return f"CASE typeof({column}) WHEN 'blob' THEN char(0) || hex({column}) ELSE {said} END"


_ENTERED = [
    _CastToText(column, Text).label(f"entered_{column.name}")
    for column in map(entries.c.__getitem__, _EntryRowText.__dataclass_fields__)
]

_NAMES = ("entry", "site", "device", "form", *STOCK_COLUMNS, "quantity")
_MOVES = {"added": stock_moves.alias("added"), "taken_back": stock_moves.alias("taken_back")}
_LINES = {"added": ADDS, "taken_back": TAKES_BACK}
_MOVED = [_CastToText(table.c[name], Text).label(f"{line}_{name}") for line, table in _MOVES.items() for name in _NAMES]


def load_trail(engine: Engine, site: str, device: str, upto: int) -> Iterator[TrailEvent]:
    """The events of the device from the first to number `upto`. Raises Unavailable."""
    applied = (
        select(events.c.sequence, events.c.event_id, events.c.type, events.c.body, *_ENTERED, *_MOVED)
        .select_from(_join_moves(events.outerjoin(entries, entries.c.event_id == events.c.event_id)))
        .where(events.c.site == site, events.c.device == device, events.c.sequence <= upto)
    )
    turned_down = select(refused.c.sequence, refused.c.event_id, refused.c.body).where(
        refused.c.site == site, refused.c.device == device, refused.c.sequence <= upto
    )
    return heapq.merge(
        map(_parse_applied, _load_pages(engine, applied, events.c.sequence)),
        map(_parse_refused, _load_pages(engine, turned_down, refused.c.sequence)),
        key=attrgetter("sequence"),
    )


def count_strays(engine: Engine, site: str, device: str, upto: int) -> StrayRows:
    """Count the rows under the device's name outside of its events to number `upto`. Raises Unavailable."""
    made_of_none, moved_by_none = (
        select(func.count())
        .select_from(table)
        .where(table.c.site == site, table.c.device == device, ~_has_event(table))
        for table in (entries, stock_moves)
    )
    out_of_turn = [
        select(func.count())
        .select_from(table)
        .where(table.c.site == site, table.c.device == device, or_(table.c.sequence < 1, table.c.sequence > upto))
        for table in (events, refused)
    ]
    with translated_errors(engine.url), engine.begin() as transaction:
        return StrayRows(
            int(transaction.execute(made_of_none).scalar_one()),
            sum(int(transaction.execute(count).scalar_one()) for count in out_of_turn),
            int(transaction.execute(moved_by_none).scalar_one()),
        )


def _has_event(table: Table) -> ColumnElement[bool]:
    """Condition: an applied event of the device explains the row."""
    its = (events.c.event_id == table.c.event_id, events.c.site == table.c.site, events.c.device == table.c.device)
    lines = [table.c.line.in_(_LINES.values())] if table is stock_moves else []
    return exists().where(*its, *lines)


def _join_moves(found: Join) -> Join:
    """Join the stock moves that the events added and reversed."""
    for line, table in _MOVES.items():
        found = found.outerjoin(table, (table.c.event_id == events.c.event_id) & (table.c.line == _LINES[line]))
    return found


def load_all_named_devices(engine: Engine) -> set[tuple[str, str]]:
    """Site and name of every device named in any row. Raises Unavailable."""
    every = union(*(select(table.c.site, table.c.device) for table in (events, refused, entries, stock_moves)))
    with translated_errors(engine.url), engine.begin() as transaction:
        return {(row.site, row.device) for row in transaction.execute(every)}


def _load_pages(engine: Engine, wanted: Select[Any], number: Any) -> Iterator[RowMapping]:
    last = 0
    while True:
        with translated_errors(engine.url), engine.begin() as transaction:
            page = transaction.execute(wanted.where(number > last).order_by(number).limit(PAGE_ROWS)).mappings().all()
        if not page:
            return
        yield from page
        last = page[-1]["sequence"]


def _parse_applied(row: RowMapping) -> TrailEvent:
    entered = None
    if row["entered_form"] is not None:
        entered = _EntryRowText(**{name: row[f"entered_{name}"] for name in _EntryRowText.__dataclass_fields__})
    kept_back = row["type"] == WITHHELD
    came = TrailEvent(
        row["sequence"], row["event_id"], row["type"], row["body"], kept_back, applied=True, entered=entered
    )
    return replace(came, added=_parse_move(row, "added"), taken_back=_parse_move(row, "taken_back"))


def _parse_move(row: RowMapping, line: str) -> StockMoveTexts | None:
    return None if row[f"{line}_entry"] is None else {name: row[f"{line}_{name}"] for name in _NAMES}


def _parse_refused(row: RowMapping) -> TrailEvent:
    return TrailEvent(row["sequence"], row["event_id"], None, row["body"], withheld=False, applied=False, entered=None)
