"""What `docs/reading.md` has from the program, written anew: `python -m tests.reading.page`.

These are the table of limits, each with its reason out of `costs.py`, and what commands print. They stand
between marks: `<!-- limits -->` and the next `<!-- -->`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from typer.testing import CliRunner

from dockvoice_protocol.forms.spoken.grammar import costs
from edge.cli.forms import commands
from tests.shipped import ROOT

PAGE = ROOT / "docs" / "reading.md"

MARKED = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- -->)", re.DOTALL)

EXPLAINED = "Pallet seven seven twenty two units, dock B please"

TRIED = """\
{"text": "Right, pallet 742, twelve full units, that's for dock B, thanks"}
{"text": "the driver says pallet 742 goes to dock B"}
{"text": "no, fifteen", "held": {"pallet_id": "742", "quantity": 12, "dock": "B"}}
{"text": "fifteen or sixteen", "asked": "quantity"}
{"text": "Palette 742, zwölf Stück", "language": "de", "form": "pallet-move"}
"""

BAR = r"\|"  # Inside a table.

LIMITS = (
    "RIVALRY",
    "HORIZON",
    "MAX_PATHS",
    "BUDGET",
    "BUDGET_STEP",
    "UNREACHABLE_COST",
    "ODD",
    "DIGITWISE",
    "ENUMERATION",
    "BRIEF_S",
    "DRAWN_OUT",
)
"""The constants that the page shows; the costs stand in `costs.py`, each with its reason."""


def limits() -> str:
    """The table of the limits that costs are held against."""
    by_name = {name: (value, told) for name, value, told in _constants()}
    rows = ((_shown(by_name[name][0]), by_name[name][1], name) for name in LIMITS)
    return _table("Limit | What it is for | In the code", rows)


def explained() -> str:
    """What `forms read --explain` prints of a sentence."""
    told = CliRunner().invoke(commands, ["read", "--explain", EXPLAINED]).stdout
    lines = [line.rstrip() for line in told.rstrip().splitlines()]
    kept = [line for line, before in zip(lines, ["", *lines[:-1]], strict=True) if line or before]
    return "\n".join(["```", f'$ dockvoice forms read --explain "{EXPLAINED}"', *kept, "```"])


def tried() -> str:
    """Sayings, and what `forms read --lines` answers."""
    answers = CliRunner().invoke(commands, ["read", "--lines"], input=TRIED).stdout
    shown = ["$ cat sayings.jsonl", *TRIED.splitlines(), "$ dockvoice forms read --lines < sayings.jsonl"]
    return "\n".join(["```console", *shown, *answers.splitlines(), "```"])


PARTS: dict[str, Callable[[], str]] = {"limits": limits, "explained": explained, "tried": tried}


def written(page: str) -> str:
    """The page with these parts as they are now."""
    return MARKED.sub(lambda found: f"{found[1]}{PARTS[found[2]]()}\n{found[3]}", page)


def _constants() -> Iterator[tuple[str, object, str]]:
    """Each constant of `costs.py`: name, value, reason. Several in one line have one reason."""
    source = Path(costs.__file__).read_text(encoding="utf-8")
    lines, body = source.splitlines(), ast.parse(source).body
    for one, after in zip(body, [*body[1:], None], strict=True):
        if not isinstance(one, ast.Assign):
            continue
        name = ast.unparse(one.targets[0]).strip("()")
        values = tuple(getattr(costs, each) for each in name.split(", "))
        said = after.value if isinstance(after, ast.Expr) else None
        told = str(said.value) if isinstance(said, ast.Constant) else lines[one.lineno - 1].partition("  # ")[2]
        if name not in LIMITS:
            continue
        assert told, f"{name}: no reason stands beside or below it"
        yield name, values if len(values) > 1 else values[0], " ".join(told.split())


def _shown(value: object) -> str:
    return "; ".join(map(_shown, value)) if isinstance(value, tuple) else f"{value:g}"


def _table(heading: str, rows: Iterator[tuple[str, str, str]]) -> str:
    told = (f"| {shown} | {reason.replace('|', BAR)} | `{name}` |" for shown, reason, name in rows)
    return "\n".join([f"| {heading} |", "|---|---|---|", *told])


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
