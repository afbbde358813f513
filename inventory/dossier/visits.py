"""The visits of a trailer: its rows, divided at each closing, since trailer numbers are reused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, false, or_, select

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.events import AMENDED, CANCELLED
from dockvoice_protocol.hash_chain import parse_event_or_empty
from dockvoice_protocol.instants import rfc3339
from dockvoice_protocol.records import PlaceKind, ReceivingPlace
from dockvoice_protocol.signed import unsigned_expected_list
from inventory.forms import Roles, field_names_with_role
from inventory.records import DeviceProgress
from inventory.reviews.reviews import Review, load_reviews
from inventory.site.expected import PublishedList, load_published_lists
from inventory.store.tables import announced, devices, dossiers, entries, events, refused
from inventory.store.tables import said as texts
from inventory.verify_dossier import DeviceEvent, EntryHistory, find_part_number, heard_at, moment


@dataclass(frozen=True, slots=True)
class _TurnedDown:
    """A refused event of the trailer."""

    said: DeviceEvent
    device: str
    body: bytes = field(repr=False)
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PublishedTrailerList:
    """A published list of the trailer."""

    version: int
    time: datetime
    body: bytes = field(repr=False)  # The message, signed if its signature is known.
    public_key: str | None


@dataclass(slots=True)
class Visit:
    """One visit, from the closing before it to its own closing; open without one."""

    number: int
    after: DeviceEvent | None
    closing: DeviceEvent | None
    said: list[DeviceEvent] = field(default_factory=list)
    lists: list[PublishedTrailerList] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    refused: list[_TurnedDown] = field(default_factory=list)

    @property
    def began(self) -> datetime:
        """The earliest time of its lists, entries, refused events and reviews."""
        times = [*(one.said_at for one in self.said), *(one.time for one in self.lists)]
        times += [*(one.said.said_at for one in self.refused), *map(_put_aside_at, self.reviews)]
        return min(times)


@dataclass(frozen=True, slots=True)
class TrailerRows:
    """All rows of a trailer at a site."""

    site: str
    trailer: str
    roles: Roles
    story: EntryHistory
    bodies: dict[str, bytes] = field(repr=False)  # The body of each event, as received.
    lists: list[PublishedTrailerList]
    reviews: list[Review]
    refused: list[_TurnedDown]
    gaps: list[DeviceProgress]  # Devices of the site with missing events.

    def visits(self) -> list[Visit]:
        """Divide the rows into the trailer's visits, the first one first."""
        closings = self.story.closings(self.trailer)
        roots = [self.story.root(one) for one in closings]
        parts = [Visit(0, None, None) for _ in range(len(roots) + 1)]
        where: dict[str, int] = {}
        for said in self.story.said:
            root = self.story.root(said)
            at = find_part_number(root, roots)
            parts[at].said.append(said)
            where[said.id] = at
        for turned_down in self.refused:
            parts[find_part_number(turned_down.said, roots)].refused.append(turned_down)
        for one in self.lists:
            parts[_part_at(one.time, roots)].lists.append(one)
        for review in self.reviews:
            at = where.get(review.entry or "", _part_at(_put_aside_at(review), roots))
            parts[at].reviews.append(review)
        return self._joined(parts, closings)

    def _joined(self, parts: list[Visit], closings: list[DeviceEvent]) -> list[Visit]:
        """Join closings without an entry or a list between them: the later one closes the visit."""
        visits: list[Visit] = []
        after: DeviceEvent | None = None
        for part, closing in zip(parts, [*closings, None], strict=True):
            own = {
                one.id for one in part.said if closing is not None and self.story.root(one) is self.story.root(closing)
            }
            nothing = {one.id for one in part.said} == own and not part.lists
            if nothing and closing is None and not (part.reviews or part.refused):
                continue
            if nothing and closing is not None and visits:
                visits[-1].said += part.said
                visits[-1].reviews += part.reviews
                visits[-1].refused += part.refused
                visits[-1].closing = closing
            else:
                part.number, part.after, part.closing = len(visits) + 1, after, closing
                visits.append(part)
            after = closing
        return visits


def find_visit_or_default(found: list[Visit], of: TrailerRows, number: int | None = None) -> Visit | None:
    """The visit of this number; without one, the latest with a current entry, else with any, else the latest visit."""
    if number is not None:
        return next((one for one in found if one.number == number), None)
    story = of.story
    standing = [
        one for one in found if any(story.stands(said) and story.trailer(said) == of.trailer for said in one.said)
    ]
    chosen = standing or [one for one in found if one.said] or found
    return chosen[-1] if chosen else None


def _part_at(time: datetime, closings: list[DeviceEvent]) -> int:
    return next((n for n, end in enumerate(closings) if time <= end.in_force_at), len(closings))


def _put_aside_at(review: Review) -> datetime:
    return heard_at(review.utterance_id) or review.told_at


def load_sites_of_trailer(transaction: Connection, trailer: str, roles: Roles) -> list[str]:
    """The sites with data of a trailer."""
    place = str(ReceivingPlace(PlaceKind.TRAILER, trailer))
    found = set(transaction.execute(select(entries.c.site).where(_matches(trailer, roles)).distinct()).scalars())
    listed = select(announced.c.site).where(announced.c.place == place).distinct()
    return sorted(found.union(transaction.execute(listed).scalars()))


def load_rows(transaction: Connection, site: str, trailer: str, roles: Roles, *, by_index: bool = False) -> TrailerRows:
    """All rows of this trailer, in one snapshot.

    `by_index`: for display, not for evidence. Then entries are found by the search index, which no audit verifies,
    instead of reading every entry.
    """
    is_said = entries.c.event_id.in_(_select_naming({trailer}, roles).where(texts.c.site == site))
    rows = _load_trailer_events(
        transaction, site, is_said if by_index else (entries.c.site == site) & _matches(trailer, roles)
    )
    every = EntryHistory([_to_said(row, site) for row in rows], roles)
    story = EntryHistory(every.of_trailer(trailer), roles)
    lists = _load_lists(transaction, [(site, trailer)])[site, trailer]
    late = select(devices).where(devices.c.site == site, devices.c.highest > devices.c.handled)
    known = [
        DeviceProgress(**{name: row[name] for name in DeviceProgress.__dataclass_fields__})
        for row in transaction.execute(late.order_by(devices.c.device)).mappings()
    ]
    bodies = {row.event_id: row.body.encode() for row in rows}
    reviews = _load_reviews(transaction, site, trailer, story, lists)
    # For display, only refused events with the number in plain text are read; for evidence, also escaped ones.
    holding = trailer.encode() if by_index and trailer.isascii() and trailer.isalnum() else b""
    turned_down = _load_refused(transaction, site, trailer, roles, holding)
    return TrailerRows(site, trailer, roles, story, bodies, lists, reviews, turned_down, known)


def load_rows_of_many(
    transaction: Connection, places: Collection[tuple[str, str]], roles: Roles
) -> dict[tuple[str, str], TrailerRows]:
    """Of many trailers at once, by site and number, the rows that divide and count their visits, for a list.

    Without reviews, refused events and gaps; found by the search index.
    """
    rows = _load_rows_with_versions(transaction, {name for _, name in places}, roles)
    lists = _load_lists(transaction, places)
    found = {}
    for site in {site for site, _ in places}:
        every = EntryHistory([_to_said(row, site) for row in rows if row.site == site], roles)
        by_root: dict[str, list[DeviceEvent]] = defaultdict(list)
        named: dict[str | None, set[str]] = defaultdict(set)
        for one in every.said:
            root = every.root(one).id
            by_root[root].append(one)
            named[every.trailer(one)].add(root)
        for name in (name for its, name in places if its == site):
            story = EntryHistory([one for root in sorted(named[name]) for one in by_root[root]], roles)
            found[site, name] = TrailerRows(site, name, roles, story, {}, lists[site, name], [], [], [])
    return found


def _load_rows_with_versions(transaction: Connection, trailers: Collection[str], roles: Roles) -> list[Any]:
    """The events of entries that name one of these trailers, with their earlier and later versions."""
    wanted = _EVENT.add_columns(entries.c.state, entries.c.replaces).join(
        entries, entries.c.event_id == events.c.event_id
    )
    new = list(transaction.execute(wanted.where(entries.c.event_id.in_(_select_naming(trailers, roles)))))
    found: dict[str, Any] = {}
    while new:
        found.update((row.event_id, row) for row in new)
        before = [row.replaces for row in new if row.replaces is not None and row.replaces not in found]
        amended = [row.event_id for row in new if row.state == "amended"]
        others = or_(entries.c.event_id.in_(before), entries.c.replaces.in_(amended))
        new = list(transaction.execute(wanted.where(others))) if before or amended else []
        new = [row for row in new if row.event_id not in found]
    ended = [row for row in found.values() if row.state == "cancelled"]
    for site, device in {(row.site, row.device) for row in ended}:
        first = min(row.sequence for row in ended if (row.site, row.device) == (site, device))
        of_device = (events.c.site == site, events.c.device == device, events.c.type == CANCELLED)
        for row in transaction.execute(_EVENT.where(*of_device, events.c.sequence > first)):
            if _replaces(row.body) in found:
                found[row.event_id] = row
    return sorted(found.values(), key=lambda row: (row.arrival, row.event_id))


def _load_lists(
    transaction: Connection, places: Collection[tuple[str, str]]
) -> dict[tuple[str, str], list[PublishedTrailerList]]:
    found: dict[tuple[str, str], list[PublishedTrailerList]] = {at: [] for at in places}
    each = {(site, str(ReceivingPlace(PlaceKind.TRAILER, name))): (site, name) for site, name in places}
    for one in load_published_lists(transaction, each):
        found[each[one.expected.site, str(one.expected.place)]].append(_to_listed(one))
    return found


def _matches(trailer: str, roles: Roles) -> Any:
    return or_(*(entries.c.fields[name].as_string() == trailer for name in field_names_with_role(roles, "trailer")))


_EVENT = select(
    events.c.event_id,
    events.c.site,
    events.c.device,
    events.c.sequence,
    events.c.body,
    events.c.received_at,
    events.c.arrival,
)


def _select_naming(trailers: Collection[str], roles: Roles) -> Select[Any]:
    """The events of entries that name one of these, by the search index."""
    its = (texts.c.value.in_(trailers), texts.c.field.in_(field_names_with_role(roles, "trailer")))
    return select(texts.c.event_id).where(*its)


def _load_trailer_events(transaction: Connection, site: str, names_trailer: Any) -> list[Any]:
    """The events that name the trailer, those that they amend, and those that amend or cancel them; by arrival."""
    wanted = _EVENT.join(entries, entries.c.event_id == events.c.event_id)
    found = {row.event_id: row for row in transaction.execute(wanted.where(names_trailer))}
    new = list(found.values())
    while new:
        named = {replaced for row in new if (replaced := _replaces(row.body)) is not None}
        new = _load_missing_events(transaction, site, named, found) if named else []
    first: dict[str, int] = {}
    for row in found.values():
        first[row.device] = min(row.sequence, first.get(row.device, row.sequence))
    # By the events, not by the table of entries, since a dossier proves what the events say.
    each = (and_(events.c.device == device, events.c.sequence > number) for device, number in first.items())
    later = _EVENT.where(events.c.site == site, events.c.type.in_((AMENDED, CANCELLED)), or_(false(), *each))
    for row in transaction.execute(later.order_by(events.c.device, events.c.sequence)):
        if _replaces(row.body) in found:
            found.setdefault(row.event_id, row)
    return sorted(found.values(), key=lambda row: (row.arrival, row.event_id))


def _load_missing_events(transaction: Connection, site: str, named: set[str], found: dict[str, Any]) -> list[Any]:
    # The site is compared here: in the query SQLite would read every event of the site.
    rows = transaction.execute(_EVENT.where(events.c.event_id.in_(named)))
    new = [row for row in rows if row.site == site and row.event_id not in found]
    found.update((row.event_id, row) for row in new)
    return new


def _to_said(row: Any, site: str) -> DeviceEvent:
    event = parse_event_or_empty(row.body)
    if not _is_well_formed(event):
        raise UnreadableInput(
            f"event {row.sequence} of {site}/{row.device}: is none any more; it was altered in the database, as "
            "`dockvoice inventory audit verify` tells: put it back from a copy"
        )
    return DeviceEvent(event, rfc3339(row.received_at))


def _replaces(body: str) -> str | None:
    data = parse_event_or_empty(body).get("data")
    return (data.get("amends") or data.get("cancels")) if isinstance(data, dict) else None


def _to_listed(one: PublishedList) -> PublishedTrailerList:
    if one.body is None:
        return PublishedTrailerList(
            one.expected.version, one.written_at, unsigned_expected_list(one.expected, one.written_at), None
        )
    return PublishedTrailerList(
        one.expected.version, moment(parse_event_or_empty(one.body)["time"]), one.body.encode(), one.public_key
    )


def _load_refused(transaction: Connection, site: str, trailer: str, roles: Roles, holding: bytes) -> list[_TurnedDown]:
    wanted = select(refused).where(refused.c.site == site).order_by(refused.c.device, refused.c.sequence)
    found = []
    for row in transaction.execute(wanted):
        if holding not in row.body:
            continue
        event, nobody = parse_event_or_empty(row.body), EntryHistory((), roles)
        said = DeviceEvent(event, rfc3339(row.received_at))
        if _is_well_formed(event) and nobody.trailer(said) == trailer:
            found.append(_TurnedDown(said, row.device, row.body, tuple(row.reasons)))
    return found


def _is_well_formed(event: dict[str, Any]) -> bool:
    """Whether it has the members shown: a refused event may have any shape."""
    data = event.get("data")
    if not (isinstance(data, dict) and isinstance(data.get("form"), str)):
        return False
    parts = (data.get("fields", {}), data.get("context", {}), data.get("utterance"))
    named = ("id", "source", "sequence", "time")
    if not (all(isinstance(part, dict) for part in parts) and all(isinstance(event.get(n), str) for n in named)):
        return False
    try:
        moment(event["time"])
        said = DeviceEvent(event, event["time"])
        return int(event["sequence"]) > 0 and bool(said.recordings) and said.said_at <= said.moment
    except (KeyError, TypeError, ValueError):
        return False


def _load_reviews(
    transaction: Connection, site: str, trailer: str, story: EntryHistory, lists: Iterable[PublishedTrailerList]
) -> list[Review]:
    """The trailer's reviews: they name it, became its entries, or are open and of a pallet announced for it."""
    entered = {one.id for one in story.said}
    pallets = {str(line["pallet"]) for one in lists for line in parse_event_or_empty(one.body)["lines"]}
    found = []
    for one in load_reviews(transaction, every=True):
        fields = dict(story.forms.get(one.form, {}).get("fields", {}))
        named = one.fields.get(fields.get("trailer", "trailer"))
        pallet = one.fields.get(fields.get("pallet", "pallet"))
        ours = str(named) == trailer if named is not None else one.state == "open" and str(pallet) in pallets
        if one.site == site and (ours or one.entry in entered):
            found.append(one)
    return found


def find_closings_without_latest_dossier(transaction: Connection, roles: Roles) -> set[tuple[str, str]]:
    """Site and trailer of each current closing whose latest dossier version was not written."""
    closing = {form: str(of["fields"]["trailer"]) for form, of in roles.items() if of["kind"] == "closing"}
    wanted = (
        select(entries.c.site, entries.c.form, entries.c.fields)
        .outerjoin(dossiers, dossiers.c.event_id == entries.c.event_id)
        .where(entries.c.form.in_(closing), entries.c.state == "current")
        .where(or_(dossiers.c.event_id.is_(None), dossiers.c.filed < dossiers.c.version))
    )
    found = {(row.site, row.fields.get(closing[row.form])) for row in transaction.execute(wanted)}
    return {(site, str(trailer)) for site, trailer in found if trailer is not None}
