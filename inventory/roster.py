"""`dockvoice inventory roster`: who may sign on at a site, out of a file, published to its devices, signed."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge.config import VoiceLanguage
from edge.deliver.events import MalformedMessage, Topics
from edge.deliver.signed import LARGEST, MOST_OPERATORS, read_roster, signed_roster, size_of_roster
from edge.errors import UnreadableInput
from edge.records import Operator, Roster
from edge.terminal.tables import many, show
from inventory.forms import load_forms
from inventory.options import BrokerAt, Config, Json, Sign, given_settings, narrow, say, signer_of, site_of, whole
from inventory.table_file import LONGEST, NAMED, Cells, FaultyFile, Layout, is_named, read_rows, strange

if TYPE_CHECKING:
    from edge.hash_chain import PublicKey
    from inventory.settings import InventorySettings

File = Annotated[
    Path | None,
    typer.Argument(metavar="FILE", readable=False, show_default=False, help="Who may sign on, CSV or JSON."),
]
Site = Annotated[str | None, typer.Option("--site", metavar="SITE", help="Where they may.")]
Withdraw = Annotated[bool, typer.Option("--withdraw", help="Let devices go by their own settings again.")]


def roster(
    context: typer.Context,
    file: File = None,
    site: Site = None,
    sign: Sign = None,
    withdraw: Withdraw = False,
    broker: BrokerAt = None,
    config: Config = None,
    json_lines: Json = False,
) -> None:
    """Publish who may sign on at a site: devices take it at once, keep it, and let nobody else work.

    FILE has a line for each operator: name (on record), number (two to six digits), spoken (what he is called; several
    parted by ;), language, forms (which he may fill, parted by ;). Only the name, and a number or a spoken one, must be
    given. It is checked as a whole: where anything is wrong nothing is published. It takes the place of the one before.
    Devices take it where deliver.decisions_key names the public half of your key. Without FILE and --withdraw: what the
    broker has for that site. It is kept nowhere else: keep the file.
    """
    settings = given_settings(context, config, broker=broker)
    where = site_of(site)
    if file is None and not withdraw:
        _show(settings, where, None if sign is None else signer_of(sign).public, json_lines=json_lines)
        return
    if file is not None and withdraw:
        raise typer.BadParameter("give FILE or --withdraw, not both")
    operators = () if file is None else whole(partial(read_file, forms=load_forms(settings.forms)), file)
    signer = signer_of(sign)
    from inventory.sending import retained, send  # noqa: PLC0415 - `dockvoice --help` waits for no MQTT

    now = datetime.now(UTC)
    before = _taken(retained(settings, "roster", Topics.roster(settings.prefix, where)), where, signer.public)
    # By the clock, so that a broker that lost it does not begin again below what devices have seen.
    version = max(int(now.timestamp()), 0 if before is None else before.version + 1)
    after = Roster(where, version, operators)
    send(settings, "roster", {Topics.roster(settings.prefix, where): signed_roster(after, signer, now)}, retain=True)
    say(f"{where}: version {version}, {many(len(operators), 'operator') if operators else 'withdrawn'}")


def _taken(payload: bytes | None, site: str, key: PublicKey) -> Roster | None:
    """The roster that the broker has, if it is one that devices took: what anybody else put there says nothing."""
    try:
        return None if not payload else read_roster(payload, site, key)
    except MalformedMessage:
        return None


def _show(settings: InventorySettings, site: str, key: PublicKey | None, *, json_lines: bool) -> None:
    from inventory.sending import retained  # noqa: PLC0415 - see above

    payload = retained(settings, "roster", Topics.roster(settings.prefix, site))
    if not payload:
        say(f"{site}: no roster is published")
        return
    if key is None:
        raise typer.BadParameter("must be given: without your key nobody knows whose roster it is", param_hint="--sign")
    try:
        found = read_roster(payload, site, key)
    except MalformedMessage as fault:
        raise UnreadableInput(
            f"{Topics.roster(settings.prefix, site)}: devices do not take what is there: {fault}"
        ) from None
    if json_lines:
        say(json.dumps(asdict(found), ensure_ascii=False))
        return
    table = narrow(f"{site}: version {found.version}, {many(len(found.operators), 'operator')}")
    for heading in ("name", "number", "spoken", "language", "forms"):
        table.add_column(heading)
    for one in found.operators:
        forms = "all" if one.forms is None else ", ".join(one.forms)
        table.add_row(one.name, one.number or "", ", ".join(one.spoken), one.language or "", forms)
    show(table)


COLUMNS = ("name", "number", "spoken", "language", "forms")
BETWEEN = ";"  # What parts several names, or forms, in one cell.
NUMBER = re.compile(r"[0-9]{2,6}")  # One digit is heard in any noise, and more than six nobody says without a slip.
MOST_SPOKEN = 5
LANGUAGES = tuple(language.value for language in VoiceLanguage)


def _cell(name: str, value: Any) -> Any:
    if name in {"spoken", "forms"} and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return BETWEEN.join(value)
    return "" if value is None else value


LAYOUT = Layout(COLUMNS, ("name",), " once, and number or spoken", "one for each operator", _cell)


def read_file(path: Path, forms: Collection[str]) -> tuple[Operator, ...]:
    """Who may sign on; `forms` are the names of those that there are. Raises FaultyFile, UnreadableInput."""
    rows = read_rows(path, LAYOUT)
    faults: list[str] = []
    found: list[tuple[str, Operator]] = []
    for where, cells in rows:
        wrong = list(_faults(where, cells, forms))
        faults += wrong
        if not wrong:
            found.append((where, _operator(cells)))
    faults += _contradictions(found)
    operators = tuple(one for _, one in found)
    if not rows:
        faults.append("holds no line; give one for each operator, or withdraw the roster with --withdraw")
    if len(operators) > MOST_OPERATORS or size_of_roster(operators) > LARGEST:
        faults.append(
            f"has {len(operators):,} operators, which make a message of {size_of_roster(operators):,} bytes; "
            f"{MOST_OPERATORS} and {LARGEST:,} at most for one site; leave out who does not work there"
        )
    if faults:
        raise FaultyFile(path, faults)
    return operators


def _operator(cells: Cells) -> Operator:
    forms = _parts(cells, "forms")
    return Operator(
        cells["name"],
        cells.get("number") or None,
        _parts(cells, "spoken"),
        cells.get("language") or None,
        forms or None,
    )


def _parts(cells: Cells, column: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cells.get(column, "").split(BETWEEN) if part.strip())


def _faults(where: str, cells: Cells, forms: Collection[str]) -> Iterator[str]:
    yield from strange(where, cells, LAYOUT)
    if any(not isinstance(cell, str) for cell in cells.values()):
        return
    for column, found, told in (*_wrong_identity(cells), *_wrong_rights(cells, forms)):
        yield f"{where}, column {column}: found {found[:LONGEST]!r}; {told}"
    if not cells.get("number") and not _parts(cells, "spoken"):
        yield f"{where}, columns number and spoken: both are empty; give what the operator signs on with"


def _wrong_identity(cells: Cells) -> Iterator[tuple[str, str, str]]:
    """Of what the operator is known by: the column, what was found, what is allowed and what to do."""
    name, number, spoken = cells.get("name", ""), cells.get("number", ""), _parts(cells, "spoken")
    if not is_named(name):
        yield "name", name, f"{NAMED}; give what goes on record"
    if number and not NUMBER.fullmatch(number):
        yield "number", number, "allowed are two to six digits; give another one"
    for one in spoken:
        if not is_named(one) or any(character.isdigit() for character in one):
            yield "spoken", one, f"{NAMED}, and no digit; give the name as it is said, and a number in its own column"
    if len(spoken) > MOST_SPOKEN:
        yield "spoken", cells["spoken"], f"allowed are {MOST_SPOKEN} names; leave out the rare ones"


def _wrong_rights(cells: Cells, forms: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """The same of what the operator may do."""
    if (language := cells.get("language", "")) and language not in LANGUAGES:
        yield "language", language, f"allowed are {', '.join(LANGUAGES)}; or leave it empty"
    known = ", ".join(sorted(forms)) or "none"
    for form in _parts(cells, "forms"):
        if form not in forms:
            yield "forms", form, f"allowed are the inventory's forms, {known}; or leave it empty, for all"


def _contradictions(found: list[tuple[str, Operator]]) -> Iterator[str]:
    """What two lines give to two people."""
    taken: dict[tuple[str, str], tuple[str, Operator]] = {}
    for where, one in found:
        told = [("name", one.name), ("number", one.number or ""), *(("spoken", name.casefold()) for name in one.spoken)]
        for column, said in dict.fromkeys(told):
            first, _ = taken.setdefault((column, said), (where, one))
            if said and first != where:
                yield f"{where}, column {column}: {said!r} stands in {first} too; give each operator one of his own"
