"""Flags on entries that break a rule of the site's: they are recorded all the same, and a person decides.

A rule refuses nothing, since no entry may be lost. The site's catalogue turns rules on (`rules`), from its publication
on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, insert, select, update

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.records.master import OF_RULES, split_alternatives
from inventory.records import Event
from inventory.reviews.continuity import DEVICE_RULES
from inventory.site.master_kinds import DUPLICATE, STOCK
from inventory.store.stock import PALLET_FIELDS, TRAILER_FIELDS
from inventory.store.tables import catalogue, entries, flags, pallets

RECEIVE, MOVE = ("receive", "receive-notice", "unload"), ("put-away", "load")
"""Shipped forms that receive pallets, and those that move them, used if a rule names no other."""

SYSTEM_RULE_PREFIX = "connect:"  # Prefix of a connector's rule; the connector's name follows.


class FlagState(StrEnum):
    """State of a flag."""

    OPEN = "open"  # Not decided.
    STANDS = "stands"  # The entry counts.
    STRUCK = "struck"  # The entry does not count.


@dataclass(frozen=True, slots=True)
class Flag:
    """A rule's objection to one entry, and the decision."""

    event_id: str
    rule: str
    site: str
    device: str
    reason: str  # A code with its detail: `already_received:dock-4`.
    other: str | None  # The event of the entry that it conflicts with.
    flagged_at: datetime
    state: FlagState
    who: str | None  # The decision's author, reason and time.
    why: str | None
    decided_at: datetime | None

    @property
    def system(self) -> str:
        """The connected system that declined the entry; empty for a rule of the site's."""
        return self.rule.removeprefix(SYSTEM_RULE_PREFIX) if self.rule.startswith(SYSTEM_RULE_PREFIX) else ""

    @property
    def is_struck(self) -> bool:
        """Whether a person decided that the entry does not count."""
        return self.state is FlagState.STRUCK


class Flags:
    """The flags of all sites. Each method is one transaction; all raise Unavailable."""

    def __init__(
        self, transaction: Callable[[], AbstractContextManager[Connection]], now: Callable[[], datetime]
    ) -> None:
        self._transaction = transaction
        self._now = now

    def all(self, *, every: bool = False) -> list[Flag]:
        """Undecided flags of current entries, the oldest first; with `every`, all."""
        wanted = select(flags).order_by(flags.c.flagged_at, flags.c.event_id, flags.c.rule)
        if not every:
            wanted = wanted.outerjoin(entries, flags.c.event_id == entries.c.event_id)
            wanted = wanted.where(flags.c.state == FlagState.OPEN, is_undecided_and_current())
        with self._transaction() as transaction:
            return [_to_flag(row) for row in transaction.execute(wanted)]

    def decide(self, event_id: str, state: FlagState, who: str, why: str) -> list[Flag]:
        """Decide whether an entry counts. Raises UnreadableInput if it is not flagged.

        It can be decided again; the latest decision counts.
        """
        if not why.strip():
            raise UnreadableInput(f"{event_id}: no reason is given; say why")
        said = {"state": state.value, "who": who, "why": why.strip(), "decided_at": self._now()}
        with self._transaction() as transaction:
            transaction.execute(update(flags).where(flags.c.event_id == event_id).values(said))
            found = [_to_flag(row) for row in transaction.execute(select(flags).where(flags.c.event_id == event_id))]
        if not found:
            raise UnreadableInput(
                f"{event_id}: no rule speaks against it; `dockvoice inventory flags list` shows which"
            )
        return found


def is_undecided_and_current() -> ColumnElement[bool]:
    """Query condition, with the entry joined: a flag whose entry is current, or whose rule needs none."""
    return (entries.c.state == "current") | flags.c.rule.in_(DEVICE_RULES)


def load_flags(transaction: Connection, event_ids: Collection[str] | Select[Any]) -> dict[str, list[Flag]]:
    """The flags of each of these entries, decided or not; entries without flags are left out."""
    found: dict[str, list[Flag]] = {}
    wanted = select(flags).where(flags.c.event_id.in_(event_ids)).order_by(flags.c.rule)
    for row in transaction.execute(wanted):
        found.setdefault(row.event_id, []).append(_to_flag(row))
    return found


def flag_broken_rules(transaction: Connection, event: Event, now: datetime) -> None:
    """Check a new entry against the rules of its site, and flag it."""
    if (row := pallet_row(event, now)) is None:
        return
    transaction.execute(insert(pallets).values(row))
    for rule, reason, other in _broken_rules(transaction, event, row["pallet"], row["trailer"], now):
        its = {"event_id": event.event_id, "site": event.site, "device": event.device}
        transaction.execute(
            insert(flags).values(
                **its, rule=rule, reason=reason, other=other, flagged_at=now, state=FlagState.OPEN.value
            )
        )


def pallet_row(event: Event, now: datetime) -> dict[str, Any] | None:
    """The row of the pallets table by which rules find an entry; None if it names no pallet."""
    if (pallet := _first_text(event, PALLET_FIELDS)) is None:
        return None
    of = {"event_id": event.event_id, "site": event.site, "device": event.device, "form": event.form}
    return {**of, "pallet": pallet, "trailer": _first_text(event, TRAILER_FIELDS), "came_at": now}


def has_active_rule(transaction: Connection, site: str) -> bool:
    """Whether any rule of the site is on."""
    return any(rule.on for rule in _load_published_rules(transaction, site).values())


def _broken_rules(
    transaction: Connection, event: Event, pallet: str, trailer: str | None, now: datetime
) -> Iterator[tuple[str, str, str | None]]:
    """The broken rules, each with the reason and the other entry."""
    on = _load_published_rules(transaction, event.site)
    receive = (on.get(DUPLICATE) or _Rule(False, 0, ())).forms or RECEIVE
    its = _latest_entry_with(event, pallet)
    if (rule := on.get(DUPLICATE)) is not None and rule.on and event.form in receive:
        others = its.where(pallets.c.device != event.device, pallets.c.form.in_(receive), pallets.c.trailer == trailer)
        if (other := _find_since(transaction, others, rule.since(now))) is not None:
            yield DUPLICATE, f"already_received:{other.device}", other.event_id
    if (rule := on.get(STOCK)) is not None and rule.on and event.form in (rule.forms or MOVE):
        came = _find_since(transaction, its.where(pallets.c.form.in_(receive)), rule.since(now))
        if came is None:
            yield STOCK, "not_received", None
        elif trailer is not None:  # a loaded pallet is not there any more
            gone = its.where(pallets.c.form == event.form)
            if (other := _find_since(transaction, gone, came.came_at)) is not None:
                yield STOCK, f"already_loaded:{other.device}", other.event_id


@dataclass(frozen=True, slots=True)
class _Rule:
    on: bool
    hours: int
    forms: tuple[str, ...]

    def since(self, now: datetime) -> datetime:
        """Earliest time of arrival that the rule covers."""
        return now - timedelta(hours=self.hours)


def _load_published_rules(transaction: Connection, site: str) -> dict[str, _Rule]:
    """The published rules of a site; empty without any."""
    its = (catalogue.c.site == site, catalogue.c.kind == OF_RULES, catalogue.c.published_at.is_not(None))
    rows = transaction.execute(
        select(catalogue.c.rows).where(*its).order_by(catalogue.c.version.desc()).limit(1)
    ).scalar()
    return {
        one["rule"]: _Rule(one["on"] == "yes", int(one["hours"]), split_alternatives(one.get("forms", "")))
        for one in rows or ()
    }


def _latest_entry_with(event: Event, pallet: str) -> Select[Any]:
    """Select the latest current entry of the pallet, except the event's own and the one that it amends."""
    itself: Collection[str] = [event.event_id, *([event.replaces] if event.replaces else [])]
    return (
        select(pallets)
        .join(entries, entries.c.event_id == pallets.c.event_id)
        .where(pallets.c.site == event.site, pallets.c.pallet == pallet, entries.c.state == "current")
        .where(pallets.c.event_id.not_in(itself))
        .order_by(pallets.c.came_at.desc())
        .limit(1)
    )


def _find_since(transaction: Connection, wanted: Select[Any], since: datetime) -> Row[Any] | None:
    return transaction.execute(wanted.where(pallets.c.came_at >= since)).one_or_none()


def _first_text(event: Event, names: Collection[str]) -> str | None:
    """The text of the first of these fields that the entry has."""
    for name in names:
        if isinstance(value := (event.fields or {}).get(name), str):
            return value
    return None


def _to_flag(row: Row[Any]) -> Flag:
    values = {name: getattr(row, name) for name in Flag.__dataclass_fields__}
    return Flag(**{**values, "state": FlagState(row.state)})
