"""The export: the inventory's events, in order, as EPCIS events and error declarations of one document.

EPCIS events are immutable. A wrong event is repeated with the same eventID and an `errorDeclaration`: since when,
why, and which events correct it (EPCIS 2.0, section 7.4.1.2; the reasons in CBV 2.0, section 7.5). So a correction
becomes such a declaration and a new event, at the time of the corrected one; a correction without effect on EPCIS
becomes nothing.

What GS1 cannot name is reported and counted. Each event is validated by check.py before it is written. Events of
earlier documents are neither repeated nor contradicted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Select, func, select

from dockvoice_protocol.events import AMENDED, CANCELLED, RECORDED
from dockvoice_protocol.hash_chain import parse_event_or_empty
from dockvoice_protocol.instants import rfc3339
from inventory.epcis import vocabulary
from inventory.epcis.check import Checker
from inventory.epcis.mapping import EpcisMapping
from inventory.epcis.naming import (
    DAMAGED,
    MAIN,
    EntryContent,
    EpcisEvent,
    EventTimes,
    ExportObstacle,
    ObstacleCode,
    event_identifier,
    to_epcis_events,
)
from inventory.forms import Roles
from inventory.reviews.flags import FlagState
from inventory.store.database import connect, create_migrate_or_check, parse_url, read_only_engine, translated_errors
from inventory.store.tables import entries, events, flags
from inventory.verify_dossier import moment

_WITHHELD_MESSAGE = (
    "only its number came, for its broker would not take it; `dockvoice queue retry` there sends it again"
)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event of the inventory, and the present state of its entry."""

    event_id: str
    site: str
    device: str
    sequence: int
    type: str
    body: str = field(repr=False)
    received_at: datetime
    replaced: bool  # Whether its entry was amended or cancelled, so that its EPCIS events are needed again.
    struck_at: datetime | None  # When a person struck its entry.


@dataclass(frozen=True, slots=True)
class _Translation:
    """The result of translating one inventory event: its EPCIS events, or why there are none."""

    events: tuple[EpcisEvent, ...] = ()
    refusals: tuple[ExportObstacle, ...] = ()
    left_out: str | None = None  # Its form, if it is not exported.
    unchanged: bool = False  # A correction without effect in EPCIS.


@dataclass(slots=True)
class _ReplaceableEntry:
    """The EPCIS events of an entry that a later event replaces."""

    when: EventTimes
    parts: dict[str, EpcisEvent]


class _History:
    """Translates all events of a database, in the order of arrival."""

    def __init__(self, mapping: EpcisMapping, roles: Roles, earlier: Mapping[str, str]) -> None:
        """Remembers only entries that are replaced later, until then.

        `earlier` are the events of earlier documents by their eventID, as JSON: an error declaration must repeat what
        partners have, whatever the mapping is now.
        """
        self._mapping = mapping
        self._roles = roles
        self._earlier = earlier
        self._standing: dict[str, _ReplaceableEntry] = {}

    def translate(self, one: StoredEvent) -> _Translation:
        """Translate one event to EPCIS events."""
        event = _parse_event(one)
        if event is None:
            return _Translation(refusals=(_ALTERED,))
        data = event["data"]
        if data["form"] in self._mapping.left_out:
            return _Translation(left_out=data["form"])
        when = EventTimes(moment(event["time"]), one.received_at, event.get("clock") != "unsynchronised")
        if one.type == RECORDED:
            return self._translate_entry(one, data, when, None)
        if one.type == AMENDED:
            return self._translate_entry(one, data, when, self._standing.pop(str(data.get("amends")), None))
        if one.type == CANCELLED:
            old = self._standing.pop(str(data.get("cancels")), None)
            gone = old.parts.values() if old else ()
            return _Translation(tuple(_to_error_declaration(part, when, vocabulary.NEVER_HAPPENED) for part in gone))
        return _Translation(refusals=(ExportObstacle(ObstacleCode.WITHHELD, _WITHHELD_MESSAGE),))

    def _translate_entry(
        self, one: StoredEvent, data: Mapping[str, Any], when: EventTimes, old: _ReplaceableEntry | None
    ) -> _Translation:
        """The events of an entry, and declarations of those events of `old` that were wrong."""
        happened = when if old is None else old.when
        roles = self._roles.get(data["form"], {}).get("fields", {})
        new = to_epcis_events(
            EntryContent(one.event_id, one.site, data["form"], data["fields"], roles, happened), self._mapping
        )
        before = {} if old is None else old.parts
        earlier = self._earlier_events(one) if one.replaced or one.struck_at else {}
        parts = {
            name: before[name] if _are_equal_but_id(before.get(name), part) else part
            for name, part in new.parts.items()
        } | earlier
        wrong = [(name, part) for name, part in before.items() if parts.get(name) is not part]
        events = [
            _to_error_declaration(part, when, vocabulary.WRONG_DATA, _correcting_event_ids(parts, before, name))
            for name, part in wrong
        ]
        events += [part for name, part in parts.items() if part is not before.get(name)]
        if one.struck_at is not None:
            decided = EventTimes(one.struck_at, one.struck_at, synchronised=True)
            events += [_to_error_declaration(part, decided, vocabulary.NEVER_HAPPENED) for part in parts.values()]
        elif one.replaced:
            self._standing[one.event_id] = _ReplaceableEntry(happened, parts)
        return _Translation(tuple(events), () if earlier else new.refusals, unchanged=bool(parts) and not events)

    def _earlier_events(self, one: StoredEvent) -> dict[str, EpcisEvent]:
        names = {part: event_identifier(one.event_id, part) for part in (MAIN, DAMAGED)}
        return {part: json.loads(self._earlier[name]) for part, name in names.items() if name in self._earlier}


_ALTERED = ExportObstacle(
    ObstacleCode.ALTERED,
    "it was altered in the database and is no event any more, as `dockvoice inventory audit verify` tells",
)


def _parse_event(one: StoredEvent) -> dict[str, Any] | None:
    """Parse the stored event; None if it was altered and is unreadable."""
    event = parse_event_or_empty(one.body)
    data, kind = event.get("data"), event.get("type")
    if not isinstance(data, dict) or not isinstance(data.get("form"), str):
        return None
    if kind in (RECORDED, AMENDED) and not isinstance(data.get("fields"), dict):
        return None
    try:
        moment(event["time"])
        UUID(one.event_id)
    except (KeyError, TypeError, ValueError):
        return None
    return event


def _are_equal_but_id(old: EpcisEvent | None, new: EpcisEvent) -> bool:
    """Whether both are equal except for their eventID."""
    return old is not None and {**old, "eventID": None} == {**new, "eventID": None}


def _correcting_event_ids(
    parts: Mapping[str, EpcisEvent], before: Mapping[str, EpcisEvent], name: str
) -> tuple[str, ...]:
    """The correcting events of a part: the same part of the correction, else all of its new parts."""
    right = [parts[name]] if name in parts else [part for key, part in parts.items() if part is not before.get(key)]
    return tuple(one["eventID"] for one in right)


def _to_error_declaration(event: EpcisEvent, when: EventTimes, reason: str, right: tuple[str, ...] = ()) -> EpcisEvent:
    """The event repeated as an error declaration, otherwise unchanged, as section 7.4.1.2 requires."""
    since = when.recorded_at if when.synchronised else when.received_at
    error: dict[str, Any] = {"declarationTime": rfc3339(since), "reason": reason}
    return {**event, "errorDeclaration": error | ({"correctiveEventIDs": list(right)} if right else {})}


_AT_ONCE = 1000  # Rows fetched at once: a few megabytes.


@contextmanager
def open_read_only(url: str) -> Iterator[Engine]:
    """Open the database for read-only transactions. Raises what Store.open raises."""
    engine = connect(parse_url(url))
    try:
        create_migrate_or_check(engine, create=False)
        yield read_only_engine(engine)
    finally:
        engine.dispose()


def load_events(engine: Engine, site: str | None = None) -> Iterator[StoredEvent]:
    """All events in one snapshot; of one site, if given. Raises Unavailable."""
    with translated_errors(engine.url), engine.begin() as transaction:
        for row in transaction.execution_options(yield_per=_AT_ONCE).execute(_select_events(site)):
            replaced = row.state is not None and row.state != "current"
            yield StoredEvent(
                event_id=row.event_id,
                site=row.site,
                device=row.device,
                sequence=row.sequence,
                type=row.type,
                body=row.body,
                received_at=row.received_at,
                replaced=replaced,
                struck_at=None if replaced else row.struck_at,
            )


def _select_events(site: str | None) -> Select[Any]:
    struck = (
        select(flags.c.event_id, func.min(flags.c.decided_at, type_=flags.c.decided_at.type).label("struck_at"))
        .where(flags.c.state == FlagState.STRUCK.value)
        .group_by(flags.c.event_id)
        .subquery()
    )
    of_event = (
        getattr(events.c, name) for name in ("event_id", "site", "device", "sequence", "type", "body", "received_at")
    )
    wanted = (
        select(*of_event, entries.c.state, struck.c.struck_at)
        .outerjoin(entries, entries.c.event_id == events.c.event_id)
        .outerjoin(struck, struck.c.event_id == events.c.event_id)
        .order_by(events.c.arrival, events.c.event_id)
    )
    return wanted if site is None else wanted.where(events.c.site == site)


@dataclass(slots=True)
class Tally:
    """Counts of an export."""

    events: int = 0  # In the document.
    entries: int = 0  # Entries with events in the document.
    declarations: int = 0  # Events that declare another one wrong.
    before: int = 0  # Events in earlier documents.
    unchanged: int = 0  # Corrections without effect in EPCIS.
    left_out: Counter[str] = field(default_factory=Counter)  # By form.
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)  # By code; one entry may have several.


_Refused = Callable[[StoredEvent, ExportObstacle], None]


class Export:
    """One export of stored events, and its counts."""

    def __init__(self, mapping: EpcisMapping, roles: Roles, now: datetime, refused: _Refused) -> None:
        """`refused` is called for each entry that is not exported."""
        self.tally = Tally()
        self._earlier: dict[str, str] = {}
        self._history = _History(mapping, roles, self._earlier)
        self._checker = Checker(mapping.zones)
        self._now = now
        self._refused = refused

    def remember_earlier(self, earlier: Iterable[EpcisEvent]) -> None:
        """Remember the events of an earlier document, which are neither repeated nor contradicted."""
        for event in earlier:
            self._checker.learn(event)
            if "errorDeclaration" not in event:
                content = {name: value for name, value in event.items() if name != "recordTime"}
                self._earlier[str(event.get("eventID"))] = json.dumps(content)

    def lines(self, came: Iterable[StoredEvent]) -> Iterator[str]:
        """Yield the document's text, one event a line."""
        yield json.dumps({**_HEAD, "creationDate": rfc3339(self._now)})[:-1] + ', "epcisBody": {"eventList": ['
        between = "\n"
        for event in self.events(came):
            yield between + json.dumps(event, ensure_ascii=False)
            between = ",\n"
        yield "\n]}}\n"

    def events(self, came: Iterable[StoredEvent]) -> Iterator[EpcisEvent]:
        """Yield the EPCIS events to write."""
        for one in came:
            became = self._history.translate(one)
            new = [event for event in became.events if self._checker.compare_with_known_event(event) is not True]
            not_known = [event for event in new if self._checker.compare_with_known_event(event) is None]
            unsound = list(self._find_breaches(new))
            reasons = [*became.refusals, *unsound]
            self._count(one, became, reasons)
            if unsound or not (one.replaced or one.struck_at):
                # An entry that is replaced later needs its events again then; remembering all would fill the memory.
                for event in not_known:
                    self._checker.forget(event)
            if unsound:
                continue
            self.tally.before += len(became.events) - len(new)
            self.tally.events += len(new)
            self.tally.entries += bool(new)
            self.tally.declarations += sum("errorDeclaration" in event for event in new)
            yield from new

    def _count(self, one: StoredEvent, became: _Translation, reasons: list[ExportObstacle]) -> None:
        if became.left_out is not None:
            self.tally.left_out[became.left_out] += 1
        self.tally.unchanged += became.unchanged
        self.tally.refused += bool(reasons)
        self.tally.reasons.update({str(reason.code) for reason in reasons})
        for reason in reasons:
            self._refused(one, reason)

    def _find_breaches(self, new: Iterable[EpcisEvent]) -> Iterator[ExportObstacle]:
        """Why events may not be written: they contradict an earlier document, or break a rule."""
        for event in new:
            if self._checker.compare_with_known_event(event) is False:
                message = f"{event['eventID']} was exported before and said something else; has the mapping changed?"
                yield ExportObstacle(
                    ObstacleCode.OTHERWISE,
                    f"{message} Say it right in the mapping as it was then, or correct the entry",
                )
                continue
            self._checker.learn(event)
            for breach in self._checker.check_event(event, "", self._now):
                yield ExportObstacle(ObstacleCode.UNSOUND, str(breach))


_HEAD = {"@context": [vocabulary.CONTEXT], "type": "EPCISDocument", "schemaVersion": "2.0"}
