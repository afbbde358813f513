"""Compares the simulator's ledger with the inventory's `entries` table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from sqlalchemy import JSON, create_engine, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from dockvoice_protocol.errors import Misconfigured, Unavailable
from dockvoice_protocol.terminal.plain_text import escape_line
from lab.simulate.figures import TableComparison
from lab.simulate.ledger import ExpectedRow

_ROWS = text(
    "SELECT event_id, state, fields, utterance_id, replaces FROM entries WHERE site = :site AND device LIKE :devices"
).columns(fields=JSON)


def compare_with_table(url: str, site: str, run: str, expected: Iterable[ExpectedRow]) -> TableComparison:
    """Compare the table's rows of this run's devices with the expected ones. Raises Misconfigured, Unavailable."""
    try:
        engine = create_engine(url)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError):
        raise Misconfigured(
            "--database: is no URL of a database that can be read here; postgresql+psycopg://USER@HOST/NAME and "
            "sqlite:////var/lib/…/inventory.db are, as the inventory's own setting has it"
        ) from None
    try:
        with engine.connect() as connection:
            found = connection.execute(_ROWS, {"site": site, "devices": f"{run}-%"}).all()
    except SQLAlchemyError as fault:
        reason = escape_line(str(getattr(fault, "orig", None) or type(fault).__name__))
        raise Unavailable(f"--database: cannot be read ({reason}); is it the inventory's own?") from None
    finally:
        engine.dispose()
    rows = {row.event_id: row for row in found}
    utterances = Counter(row.utterance_id for row in found if row.replaces is None)
    missing = altered = wrong_state = 0
    known = set()
    for one in expected:
        known.add(one.event_id)
        if (row := rows.get(one.event_id)) is None:
            missing += 1
            continue
        altered += row.fields != one.fields
        wrong_state += row.state != one.state
    twice = sum(count - 1 for count in utterances.values()) + len(found) - len(rows)
    return TableComparison(len(found), missing, altered, wrong_state, twice, len(rows.keys() - known))
