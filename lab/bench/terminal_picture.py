"""Picture of `dockvoice run` in the README: JSON lines of a real run, drawn as its terminal showed them at their end.

    python -m lab.bench.terminal_picture [bench/terminal_picture.jsonl [docs/run.svg]]

Another run's lines: `dockvoice run --json > lines.jsonl`; those have no level, as whoever sits before it sees.
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console, Group

from edge.cli.watch.layout import draw
from edge.cli.watch.state import View

COLUMNS, LINES = 80, 24

FORMAT = re.sub(r"@font-face.*?}}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
"""Without web fonts: a page that shows the picture sends no request for them."""


def main() -> None:
    """Draw it."""
    given = [*sys.argv[1:], *("bench/terminal_picture.jsonl", "docs/run.svg")[len(sys.argv) - 1 :]]
    lines, target = map(Path, given[:2])
    view = View()
    for line in lines.read_text(encoding="utf-8").splitlines():
        view.update(line)
    console = Console(record=True, width=COLUMNS, force_terminal=True, file=io.StringIO())
    console.print(Group(*draw(view.picture(), COLUMNS, LINES)))
    console.save_svg(str(target), title="dockvoice run", code_format=FORMAT)


if __name__ == "__main__":
    main()
