"""Pulling: what the other system knows is published to the devices, in the ways that a person has for it.

Lists of expected receipts as `dockvoice inventory expect` publishes them, items and their units as versions of the
site's catalogue, operators as versions of its roster. What did not change is not published again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from edge.deliver.events import Topics
from edge.deliver.signed import LARGEST, MOST_LINES, signed_list, size_of_list
from edge.hash_chain import Signer
from edge.records import ExpectedLine, ExpectedList, Operator, PlaceKind, ReceivingPlace, plain
from inventory.catalogue import SiteCatalogue
from inventory.catalogue_publishing import publish, publish_roster
from inventory.connect.ports import Omitted, Pulled, PulledItem
from inventory.expect import CODE, pallet_fields
from inventory.forms import load_forms
from inventory.roster import ROSTER, kind_of
from inventory.sending import send
from inventory.settings import InventorySettings
from inventory.store import Store

REASON = "pulled from the other system"
ITEMS, UNITS = "items", "items.units"


class Publishing:
    """What one connector pulls, on its way to the devices of a site."""

    def __init__(self, settings: InventorySettings, store: Store, signer: Signer, name: str, site: str) -> None:
        self._settings = settings
        self._store = store
        self._signer = signer
        self._name = name
        self._site = site

    def expected(self, pulled: Pulled) -> tuple[list[ExpectedList], list[Omitted]]:
        """Publish the lists that differ; those that were published, and what could not be."""
        if pulled.expected is None:
            return [], []
        omitted: list[Omitted] = []
        known = {one.expected.place: one.expected for one in self._store.expected() if one.expected.site == self._site}
        changed: dict[ReceivingPlace, Sequence[ExpectedLine]] = {}
        for place, lines in pulled.expected.items():
            before = known[place].lines if place in known else ()
            after = [*(line for line in before if line.received and not _same(line, lines)), *lines]
            fitting = list(_fitting(place, after, omitted))
            if len(fitting) > MOST_LINES or size_of_list(fitting) > LARGEST:
                omitted.append(Omitted(str(place), f"has {len(fitting):,} lines; {MOST_LINES} at most"))
            elif [replace(line, received=False) for line in before] != [
                replace(line, received=False) for line in fitting
            ]:
                changed[place] = fitting
        gone = [
            place
            for place, one in known.items()
            if place.kind is PlaceKind.TRAILER and one.lines and place not in pulled.expected
        ]
        lists = self._store.expect(self._site, changed | dict.fromkeys(gone, ()))
        lists += [one for one in self._store.expect_received(pallet_fields(self._settings)) if one.site == self._site]
        latest = {one.place: one for one in lists}
        self._send(list(latest.values()))
        return list(latest.values()), omitted

    def _send(self, lists: list[ExpectedList]) -> None:
        now = datetime.now(UTC)
        messages = {}
        for one in lists:
            message = signed_list(one, self._signer, now)
            self._store.expect_signed(one, message, self._signer.public)
            messages[Topics.expected(self._settings.prefix, one.site, str(one.place))] = message
        if messages:
            send(self._settings, f"connect-{self._name}", messages, retain=True)
            self._store.expect_sent(lists)

    def items(self, items: Sequence[PulledItem]) -> list[str]:
        """Publish the items and their units, where they differ; what was done, a line each. Raises FaultyRows."""
        catalogue = self._store.catalogue(self._site, self._settings.forms)
        history = catalogue.history(ITEMS)
        known = {row["value"]: row for row in history[0].rows} if history else {}
        rows = [{**known.get(one.code, {}), "value": one.code} for one in items]  # what it is called here stays
        units = [
            {"value": one.code, "unit": unit.code, "factor": plain(float(unit.factor)), "base": one.base}
            for one in items
            for unit in one.units
        ]
        told = [self._put(catalogue, ITEMS, rows), self._put(catalogue, UNITS, units)]
        if any(told):
            publish(self._settings, catalogue, self._signer, (ITEMS, UNITS))
        return [one for one in told if one]

    def operators(self, operators: Sequence[Operator]) -> list[str]:
        """Publish who may sign on, where it differs; what each may do here stays as it is. Raises FaultyRows."""
        forms = load_forms(self._settings.forms)
        versions = SiteCatalogue(
            self._site, self._store.transaction, lambda: datetime.now(UTC), of=lambda _: kind_of(set(forms))
        )
        history = versions.history(ROSTER)
        known = {row["name"]: row for row in history[0].rows} if history else {}
        rows = [{**known.get(one.name, {}), "name": one.name, "number": one.number or ""} for one in operators]
        told = self._put(versions, ROSTER, rows)
        if told:
            publish_roster(self._settings, versions, self._signer)
        return [told] if told else []

    def _put(self, catalogue: SiteCatalogue, kind: str, rows: Sequence[dict[str, str]]) -> str | None:
        """Make a version of these rows, if there is any and it differs."""
        history = catalogue.history(kind)
        cells = [{name: cell for name, cell in row.items() if cell} for row in rows]
        if not cells or (history and [dict(row) for row in history[0].rows] == cells):
            return None
        listed = [(f"row {row['value'] if 'value' in row else row['name']!r}", row) for row in cells]
        made = catalogue.put(kind, listed, f"connect {self._name}", REASON, self._name)
        return f"{kind}: version {made.version}, {made.what}"


def _same(line: ExpectedLine, lines: Sequence[ExpectedLine]) -> bool:
    return any((line.pallet, line.item) == (one.pallet, one.item) for one in lines)


def _fitting(place: ReceivingPlace, lines: Sequence[ExpectedLine], omitted: list[Omitted]) -> list[ExpectedLine]:
    """Those that a device can take: of a pallet and an item one line, with a unit's code and a count."""
    found: dict[tuple[str, str], ExpectedLine] = {}
    for line in lines:
        key, what = (line.pallet, line.item), f"{place}, pallet {line.pallet}, item {line.item}"
        if not CODE.fullmatch(line.uom) or not line.quantity > 0:
            omitted.append(Omitted(what, f"{line.quantity} {line.uom}: is no count in a unit of Recommendation 20"))
        elif key in found:
            omitted.append(Omitted(what, "stands there twice"))
        else:
            found[key] = line
    return list(found.values())
