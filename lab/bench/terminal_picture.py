"""Draws the README's picture of `dockvoice run` as SVG, from the JSON lines of a real run.

    python -m lab.bench.terminal_picture [lab/bench/terminal_picture.jsonl [docs/run.svg]]

Record another run with `dockvoice run --json > lines.jsonl`; those lines have no sound level.
"""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console, Group

from edge.cli.watch.layout import draw
from edge.cli.watch.state import View
from lab.bench.command import REPOSITORY, make_parser

COLUMNS, LINES = 80, 24

_FORMAT = re.sub(r"@font-face.*?}}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
"""Without web fonts: a page that shows the picture sends no request for them."""


def main() -> None:
    """Draw the last screen of a run as SVG."""
    parser = make_parser("lab.bench.terminal_picture", __doc__)
    for name, usual in (("lines", "lab/bench/terminal_picture.jsonl"), ("target", "docs/run.svg")):
        parser.add_argument(name, nargs="?", type=Path, default=REPOSITORY / usual)
    given = parser.parse_args()
    view = View()
    for line in given.lines.read_text(encoding="utf-8").splitlines():
        view.update(line)
    console = Console(record=True, width=COLUMNS, force_terminal=True, file=io.StringIO())
    console.print(Group(*draw(view.picture(), COLUMNS, LINES)))
    console.save_svg(str(given.target), title="dockvoice run", code_format=_FORMAT)


if __name__ == "__main__":
    main()
