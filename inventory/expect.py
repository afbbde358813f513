"""`dockvoice inventory expect`: what is expected at trailers and doors, out of a file, published, signed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge.config import LEVEL
from edge.deliver.signed import LARGEST, MOST_LINES, size_of_list
from edge.errors import UnreadableInput
from edge.records import ExpectedLine, ExpectedList, PlaceKind, ReceivingPlace, plain
from edge.terminal.tables import many, show
from inventory.forms import load_forms
from inventory.options import (
    BrokerAt,
    Config,
    Database,
    Json,
    Sign,
    given_settings,
    looking,
    narrow,
    say,
    signer_of,
    site_of,
    whole,
)
from inventory.table_file import LONGEST, NAMED, Cells, FaultyFile, Layout, Row, is_named, read_rows, strange

if TYPE_CHECKING:
    from edge.hash_chain import Signer
    from inventory.expected import Kept
    from inventory.settings import InventorySettings
    from inventory.store import Store

File = Annotated[
    Path | None,
    typer.Argument(metavar="FILE", readable=False, show_default=False, help="What is expected, CSV or JSON."),
]
Site = Annotated[str | None, typer.Option("--site", metavar="SITE", help="Where it is expected.")]
Withdraw = Annotated[
    str | None, typer.Option("--withdraw", metavar="PLACE", help="Nothing is expected there any more: trailer/5501.")
]
Received = Annotated[bool, typer.Option("--received", help="Publish what was received meanwhile, by any device.")]


def expect(
    context: typer.Context,
    file: File = None,
    site: Site = None,
    sign: Sign = None,
    withdraw: Withdraw = None,
    received: Received = False,
    broker: BrokerAt = None,
    config: Config = None,
    database: Database = None,
    json_lines: Json = False,
) -> None:
    """Publish what a notice or an order announces, for each trailer or door, so that devices know it without a network.

    FILE has a line for each item on each pallet: notice, trailer or door, pallet, item, quantity, uom, lot_needed (yes
    or no). It is checked as a whole: where anything is wrong nothing is published. A file takes the place of what was
    published for its trailers and doors, and of no others. Devices take it where deliver.decisions_key names the public
    half of your key. Without FILE and options: what is published.
    """
    settings = given_settings(context, config, broker=broker, database=database)
    if [file is not None, withdraw is not None, received].count(True) > 1:
        raise typer.BadParameter("give FILE, --withdraw or --received, one of them")
    with looking(context, config, database) as store:
        if file is not None:
            announced = whole(read_file, file)
            where, signer = site_of(site), signer_of(sign)
            _publish(settings, store, store.expect(where, announced), signer)
        elif withdraw is not None:
            where, signer = site_of(site), signer_of(sign)
            _publish(settings, store, store.expect(where, {_known(store, where, withdraw): ()}), signer)
        elif received:
            signer = signer_of(sign)
            _publish(settings, store, store.expect_received(pallet_fields(settings)), signer)
        else:
            _show(store.expected(), json_lines=json_lines)


def _publish(settings: InventorySettings, store: Store, lists: list[ExpectedList], signer: Signer) -> None:
    from inventory.expected_publishing import publish  # noqa: PLC0415 - `dockvoice --help` waits for no MQTT

    publish(settings, store, lists, signer)
    for one in lists:
        say(f"{one.site} {one.place}: version {one.version}, {_told(one)}")
    if not lists:
        say("nothing has changed")


def _told(one: ExpectedList) -> str:
    there = sum(line.received for line in one.lines)
    return f"{many(len(one.lines), 'line')}, {there} received" if one.lines else "withdrawn"


def _known(store: Store, site: str, named: str) -> ReceivingPlace:
    """The place whose list is to be withdrawn."""
    known = [one.expected.place for one in store.expected() if one.expected.site == site and one.expected.lines]
    found = [place for place in known if str(place) == named]
    if not found:
        there = ", ".join(map(str, known)) or "none"
        raise UnreadableInput(f"--withdraw {named}: nothing is published for it at {site}; published are {there}")
    return found[0]


def pallet_fields(settings: InventorySettings) -> dict[str, str]:
    """Of each form whose entries are receipts, the field that names the pallet."""
    found = {}
    for name, form in load_forms(settings.forms).items():
        schema = form.schema if isinstance(form.schema, Mapping) else {}  # `true` is a schema too
        expects = schema.get("x-voice", {}).get("expects", {})
        if "pallet" in expects:
            found[name] = str(expects["pallet"])
    if not found:
        raise UnreadableInput(
            f"{settings.forms}: no form says which of its fields is the pallet; set x-voice.expects in one "
            "(schemas/README.md)"
        )
    return found


def _show(found: list[Kept], *, json_lines: bool) -> None:
    if json_lines:
        for one in found:
            told = {**asdict(one.expected), "place": str(one.expected.place), "sent": one.sent, "by": dict(one.sources)}
            say(json.dumps(told, ensure_ascii=False))
        return
    table = narrow(many(len(found), "place"))
    for heading in ("site", "place", "version", "lines", "sent", "by"):
        table.add_column(heading)
    for one in found:
        of = one.expected
        table.add_row(
            of.site,
            str(of.place),
            str(of.version),
            _told(of),
            "yes" if one.sent else "no",
            ", ".join(sorted({*one.sources.values()})),
        )
    show(table)


COLUMNS = ("notice", "trailer", "door", "pallet", "item", "quantity", "uom", "lot_needed")
MUST_HAVE = ("notice", "pallet", "item", "quantity", "uom", "lot_needed")

CODE = re.compile(r"[A-Z0-9]{1,3}")  # A unit's code, as UN/ECE Recommendations 20 and 21 have them.
COUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")  # 15 digits at most, which every reader of JSON keeps.
YES_NO = {"yes": True, "no": False}


@dataclass(frozen=True, slots=True)
class _Checked:
    """A line without faults."""

    where: str
    place: ReceivingPlace
    line: ExpectedLine


def read_file(path: Path) -> Mapping[ReceivingPlace, tuple[ExpectedLine, ...]]:
    """What is expected, by trailer or door. Raises FaultyFile, UnreadableInput."""
    found, faults = places_of(read_rows(path, LAYOUT))
    if faults:
        raise FaultyFile(path, faults)
    return found


def places_of(rows: Sequence[Row]) -> tuple[Mapping[ReceivingPlace, tuple[ExpectedLine, ...]], list[str]]:
    """What is expected by rows of a file, by trailer or door; and all that is wrong with them, a line each."""
    faults: list[str] = []
    checked = [line for where, cells in rows for line in _checked(where, cells, faults)]
    faults += _contradictions(checked)
    if not rows:
        faults.append("holds no line; give one for each item on each pallet")
    found: dict[ReceivingPlace, list[ExpectedLine]] = {}
    for one in checked:
        found.setdefault(one.place, []).append(one.line)
    return {place: tuple(lines) for place, lines in found.items()}, faults


def _cell(name: str, value: Any) -> Any:
    """As it would stand in CSV. A pallet's number that is no text is a fault: its zeros may be lost already."""
    if name == "lot_needed" and isinstance(value, bool):
        return "yes" if value else "no"
    if name == "quantity" and isinstance(value, int | float) and not isinstance(value, bool):
        return plain(value)
    return "" if value is None else value


LAYOUT = Layout(COLUMNS, MUST_HAVE, " once, and trailer or door", "one for each item on each pallet", _cell)


def _checked(where: str, cells: Cells, faults: list[str]) -> Iterator[_Checked]:
    found = list(_faults(where, cells))
    faults += found
    if found:
        return
    kind = PlaceKind.TRAILER if cells.get("trailer") else PlaceKind.DOOR
    quantity = Decimal(cells["quantity"])
    line = ExpectedLine(
        notice=cells["notice"],
        pallet=cells["pallet"],
        item=cells["item"],
        quantity=int(quantity) if quantity == quantity.to_integral_value() else float(quantity),
        uom=cells["uom"],
        lot_needed=YES_NO[cells["lot_needed"]],
    )
    yield _Checked(where, ReceivingPlace(kind, cells[kind]), line)


def _faults(where: str, cells: Cells) -> Iterator[str]:
    yield from strange(where, cells, LAYOUT)
    if any(not isinstance(cell, str) for cell in cells.values()):
        return
    for column in MUST_HAVE:
        found = cells.get(column, "")
        if not ALLOWED[column](found):
            yield f"{where}, column {column}: found {found[:LONGEST]!r}; {REMEDIES[column]}"
    places = {kind: cells.get(kind, "") for kind in PlaceKind}
    if sum(map(bool, places.values())) != 1:
        yield f"{where}, columns trailer and door: one of the two must be given, and not both; empty the other one"
    for kind in [kind for kind, name in places.items() if name and not LEVEL.fullmatch(name)]:
        yield (
            f"{where}, column {kind}: found {places[kind][:LONGEST]!r}; allowed are letters, digits, - and _, 63 at "
            "most, a letter or digit first, for it becomes part of a topic"
        )


TOLD = f"{NAMED}; give the number or code of the label"
ALLOWED: Mapping[str, Callable[[str], object]] = {
    "notice": is_named,
    "pallet": is_named,
    "item": is_named,
    "quantity": lambda found: COUNT.fullmatch(found) and Decimal(found),
    "uom": CODE.fullmatch,
    "lot_needed": YES_NO.__contains__,
}
REMEDIES = {
    "notice": TOLD,
    "pallet": TOLD,
    "item": TOLD,
    "quantity": (
        "allowed is a number above 0 with 9 digits and 6 places at most; leave out the line where nothing is expected"
    ),
    "uom": "allowed is a code of one to three capitals and digits, as the form lists them: CS",
    "lot_needed": "allowed are yes and no; say which",
}
"""What each column may hold, and what is to be done where it holds something else."""


def _contradictions(lines: list[_Checked]) -> Iterator[str]:
    """What two lines say of one pallet, and what is too much for one list."""
    places: dict[str, _Checked] = {}
    items: dict[tuple[str, str], _Checked] = {}
    at: dict[ReceivingPlace, list[ExpectedLine]] = {}
    for one in lines:
        pallet, item = one.line.pallet, one.line.item
        first = places.setdefault(pallet, one)
        if first.place != one.place:
            yield (
                f"{one.where}, column pallet: {pallet!r} is expected at {one.place}, and at {first.place} in "
                f"{first.where}; remove one of them"
            )
        elif (same := items.setdefault((pallet, item), one)) is not one:
            yield (
                f"{one.where}, column item: {item!r} on pallet {pallet!r} stands in {same.where} too; add the two up"
            )
        at.setdefault(one.place, []).append(one.line)
    for place, there in at.items():
        if len(there) > MOST_LINES or size_of_list(there) > LARGEST:
            yield (
                f"{place}: has {len(there):,} lines, which make a message of {size_of_list(there):,} bytes; "
                f"{MOST_LINES} and {LARGEST:,} at most for one place; split them between places"
            )
