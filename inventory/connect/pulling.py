"""Pulling: publish expected lists, items and operators of the other system to the devices.

Lists are published as by `dockvoice inventory expect`, items and units as versions of the site's catalogue, operators
as versions of its roster. Unchanged data is not published again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from dockvoice_protocol.hash_chain import Signer
from dockvoice_protocol.records import ExpectedLine, ExpectedList, Operator, ReceivingPlace, format_number
from dockvoice_protocol.records.master import CODE
from dockvoice_protocol.signed import LARGEST, MOST_LINES, max_expected_list_bytes
from dockvoice_protocol.terminal.tables import pluralize
from inventory.connect.ports import Omission, PulledData, PulledItem
from inventory.forms import compared_pallet_fields, load_forms
from inventory.repository import Store
from inventory.settings import InventorySettings
from inventory.site.catalogue import RosterVersions, SiteCatalogue, Version, compare_rows
from inventory.site.catalogue_publishing import publish
from inventory.site.expected import StoredList, enter_in_outbox, load_lists, mark_received_lines, replace_list
from inventory.site.master_kinds import Kind
from inventory.site.roster import ROSTER
from inventory.site.sending import publish_rows
from inventory.site.table_file import Cells

_REASON = "pulled from the other system"
_ITEMS, _UNITS = "items", "items.units"


@dataclass(frozen=True, slots=True)
class ListPlan:
    """What a pull would change in a site's expected lists."""

    lists: Mapping[ReceivingPlace, Sequence[ExpectedLine]] = field(default_factory=dict)  # Those that differ.
    sources: Mapping[ReceivingPlace, Mapping[str, str]] = field(default_factory=dict)
    withdrawn: Mapping[ReceivingPlace, Sequence[str]] = field(default_factory=dict)  # The withdrawn notices by place.
    omitted: Sequence[Omission] = ()

    def summary_lines(self) -> list[str]:
        """A line for each list published, then for each withdrawn."""
        lists = [f"{place}: {pluralize(len(lines), 'line')}" for place, lines in self.lists.items() if lines]
        return lists + self.withdrawal_lines()

    def withdrawal_lines(self) -> list[str]:
        """A line for each place with withdrawn notices."""
        return [
            f"{place}: withdrawn: {'notice' if len(notices) == 1 else 'notices'} {', '.join(notices)}"
            for place, notices in self.withdrawn.items()
        ]


def source_of(name: str) -> str:
    """The source under which a connector's lists are stored."""
    return f"connect {name}"


def plan_lists(
    stored: Iterable[StoredList], pulled: Mapping[ReceivingPlace, Sequence[ExpectedLine]], source: str
) -> ListPlan:
    """The lists to publish, and the notices that this `source` has withdrawn.

    Notices of other sources stay: those of people, the API and other connectors.
    """
    omitted: list[Omission] = []
    lists: dict[ReceivingPlace, Sequence[ExpectedLine]] = {}
    sources: dict[ReceivingPlace, Mapping[str, str]] = {}
    withdrawn: dict[ReceivingPlace, Sequence[str]] = {}
    there = {one.expected.place: one for one in stored}
    for place in {**pulled, **there}:
        lines, before = pulled.get(place, ()), there[place].expected.lines if place in there else ()
        by = dict(there[place].sources) if place in there else {}
        ours = {line.notice for line in before if by[line.notice] == source}
        others = [line for line in before if line.notice not in ours]
        named = {(line.pallet, line.item) for line in lines}
        kept = [line for line in before if line.notice in ours and line.received] if place in pulled else []
        own = [line for line in kept if (line.pallet, line.item) not in named]
        fitting = [*others, *_valid_lines(place, [*own, *_not_announced(place, lines, others, by, omitted)], omitted)]
        if len(fitting) > MOST_LINES or max_expected_list_bytes(fitting) > LARGEST:
            omitted.append(Omission(str(place), f"has {len(fitting):,} lines; {MOST_LINES} at most"))
        elif _as_announced(before) != _as_announced(fitting):
            lists[place] = fitting
            sources[place] = {of: one for of, one in by.items() if of not in ours} | {
                line.notice: source for line in fitting if line not in others
            }
            if gone := sorted(ours - {line.notice for line in fitting}):
                withdrawn[place] = gone
    return ListPlan(lists, sources, withdrawn, omitted)


def _as_announced(lines: Sequence[ExpectedLine]) -> list[ExpectedLine]:
    return sorted((replace(line, received=False) for line in lines), key=lambda one: (one.notice, one.pallet, one.item))


def _not_announced(
    place: ReceivingPlace,
    lines: Sequence[ExpectedLine],
    others: Sequence[ExpectedLine],
    by: Mapping[str, str],
    omitted: list[Omission],
) -> Iterator[ExpectedLine]:
    """The lines that no other source has announced, in notices that no other source has."""
    for line in lines:
        same = (one for one in others if (one.pallet, one.item) == (line.pallet, line.item))
        first = next(same, next((one for one in others if one.notice == line.notice), None))
        if first is None:
            yield line
        elif replace(first, received=False) != line:
            whose = by[first.notice]
            message = f"is announced by {whose} already, in notice {first.notice}, and stays as it is there"
            if (first.pallet, first.item) != (line.pallet, line.item):
                message = f"notice {line.notice} is announced by {whose} already, and a notice is of one of them alone"
            omitted.append(Omission(f"{place}, pallet {line.pallet}, item {line.item}", message))


class PullPublisher:
    """Publishes what one connector pulls for a site."""

    def __init__(self, settings: InventorySettings, store: Store, signer: Signer, name: str, site: str) -> None:
        self._settings = settings
        self._store = store
        self._signer = signer
        self._name = name
        self._source = source_of(name)
        self._site = site

    def publish_changed_lists(self, pulled: PulledData) -> tuple[list[ExpectedList], ListPlan]:
        """Publish the lists that differ; return those published, and the plan."""
        if pulled.expected is None:
            return [], ListPlan()
        with self._store.transaction() as transaction:
            plan = plan_lists(load_lists(transaction, self._site), pulled.expected, self._source)
            now = datetime.now(UTC)
            lists = [
                replace_list(transaction, self._site, place, lines, now, plan.sources[place])
                for place, lines in plan.lists.items()
            ]
            received = mark_received_lines(transaction, compared_pallet_fields(self._settings.forms), now)
            latest = {(one.site, one.place): one for one in (*lists, *received)}
            entered = enter_in_outbox(transaction, self._settings.prefix, latest.values(), self._signer, now)
        publish_rows(self._settings, f"connect-{self._name}", self._store.transaction, entered, retain=True)
        return [one for one in latest.values() if one.site == self._site], plan

    def publish_items(self, items: Sequence[PulledItem]) -> list[str]:
        """Publish the items and their units if they differ; a line for each new version. Raises FaultyRows."""
        catalogue = self._store.catalogue(self._site, self._settings.forms)
        message = self._store_versions(catalogue, changed_items(catalogue, items, self._source))
        if message:
            publish(self._settings, catalogue, self._signer, (_ITEMS, _UNITS))
        return message

    def publish_operators(self, operators: Sequence[Operator]) -> list[str]:
        """Publish a changed roster; each operator's forms stay. Raises FaultyRows."""
        versions = open_roster(self._settings, self._store, self._site)
        message = self._store_versions(versions, changed_operators(versions, operators, self._source))
        if message:
            publish(self._settings, versions, self._signer, [ROSTER])
        return message

    def _store_versions(self, catalogue: SiteCatalogue, wanted: Mapping[str, Sequence[Cells]]) -> list[str]:
        """Store a new version of each kind; a line for each."""
        message = []
        for kind, rows in wanted.items():
            listed = [(f"row {row['value'] if 'value' in row else row['name']!r}", row) for row in rows]
            made = catalogue.put(kind, listed, self._source, _REASON, self._name)
            message.append(f"{kind}: version {made.version}, {made.what}")
        return message


def open_roster(settings: InventorySettings, store: Store, site: str) -> SiteCatalogue:
    """The versions of a site's roster."""
    return RosterVersions(site, store.transaction, lambda: datetime.now(UTC), load_forms(settings.forms))


def changed_items(catalogue: SiteCatalogue, items: Sequence[PulledItem], source: str) -> dict[str, list[Cells]]:
    """By kind, all rows of items and of units where any differs; rows of other sources stay. Empty for no items."""
    if not items:
        return {}
    history = catalogue.history(_ITEMS)
    known = {row["value"]: row for row in history[0].rows} if history else {}
    rows: list[Cells] = [{**known.get(one.code, {}), "value": one.code} for one in items]  # keep the names used here
    units: list[Cells] = [
        {"value": one.code, "unit": unit.code, "factor": format_number(float(unit.factor)), "base": one.base}
        for one in items
        for unit in one.units
    ]
    rows += _rows_of_others(history, "value", rows, source)
    there, units_before = {row["value"] for row in rows}, catalogue.history(_UNITS)
    units += [row for row in _rows_of_others(units_before, "value unit", units, source) if row["value"] in there]
    return _changed_rows(history, _ITEMS, rows) | _changed_rows(units_before, _UNITS, units)


def changed_operators(versions: SiteCatalogue, operators: Sequence[Operator], source: str) -> dict[str, list[Cells]]:
    """All rows of the roster where any differs; rows of other sources stay. Empty for no operators."""
    if not operators:
        return {}
    history = versions.history(ROSTER)
    known = {row["name"]: row for row in history[0].rows} if history else {}
    rows: list[Cells] = [{**known.get(one.name, {}), "name": one.name, "number": one.number or ""} for one in operators]
    return _changed_rows(history, ROSTER, rows + _rows_of_others(history, "name", rows, source))


def describe_changes(catalogue: SiteCatalogue, kind: Kind, rows: Sequence[Cells]) -> str:
    """A line about what these rows would change, with the removed ones."""
    history = catalogue.history(kind.name)
    differs = compare_rows(kind, history[0].rows if history else (), rows)
    gone = f" ({', '.join(differs.removed)})" if differs.removed else ""
    return f"{kind.name}: {differs.summary}{gone}"


def _rows_of_others(history: Sequence[Version], key: str, ours: Sequence[Cells], source: str) -> list[Cells]:
    """The rows of the latest version that come from another source and are not among ours."""

    def known_by(row: Cells) -> tuple[str, ...]:
        return tuple(row.get(column, "") for column in key.split())

    whose: dict[tuple[str, ...], str] = {}
    for one in reversed(history):
        whose = {known_by(row): whose.get(known_by(row), one.who) for row in one.rows}
    named, latest = {known_by(row) for row in ours}, history[0].rows if history else ()
    return [dict(row) for row in latest if known_by(row) not in named and whose[known_by(row)] != source]


def _changed_rows(history: Sequence[Version], kind: str, rows: Sequence[Cells]) -> dict[str, list[Cells]]:
    """The rows by their kind; empty if there are none or the latest version has the same."""
    cells: list[Cells] = [{name: cell for name, cell in row.items() if cell} for row in rows]
    return {} if not cells or (history and [dict(row) for row in history[0].rows] == cells) else {kind: cells}


def _valid_lines(place: ReceivingPlace, lines: Sequence[ExpectedLine], omitted: list[Omission]) -> list[ExpectedLine]:
    """The lines that a device accepts: one for each pallet and item, with a unit's code and a quantity."""
    found: dict[tuple[str, str], ExpectedLine] = {}
    for line in lines:
        key, what = (line.pallet, line.item), f"{place}, pallet {line.pallet}, item {line.item}"
        if not CODE.fullmatch(line.uom) or not line.quantity > 0:
            omitted.append(Omission(what, f"{line.quantity} {line.uom}: is no count in a unit of Recommendation 20"))
        elif key in found:
            omitted.append(Omission(what, "stands there twice"))
        else:
            found[key] = line
    return list(found.values())
