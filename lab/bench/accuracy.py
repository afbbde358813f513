"""Inserts the tables of an evaluation into `docs/accuracy.md`: `python -m lab.bench.accuracy FIGURES [--of human]`.

`FIGURES` is the output of `dockvoice evaluate --markdown`; `make accuracy` leaves it in `.cache/accuracy.md`. The page
marks the places: between a line `<!-- figures of development: By condition, By speaker -->` and the next line `<!-- end
-->` go these tables of that set; where none is named, the summary and all tables without a place of their own.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from lab.bench.command import make_parser

_PAGE = Path(__file__).parents[2] / "docs" / "accuracy.md"

_PLACE = re.compile(r"<!-- figures of (?P<set>\w+)(?:: (?P<titles>[^\n]+))? -->\n.*?<!-- end -->", re.DOTALL)
_TABLE = re.compile(r"^### (.+)$", re.MULTILINE)


def main() -> None:
    """Rewrite the page; exit with 1 if it has no place for the figures, or there are none."""
    parser = make_parser("lab.bench.accuracy", __doc__)
    parser.add_argument("figures", type=Path, help="tables as Markdown")
    parser.add_argument("--of", default="development", help="which set they are of, as the page calls it")
    parser.add_argument("--page", type=Path, default=_PAGE, help="default: docs/accuracy.md")
    options = parser.parse_args()
    figures, page = (path.read_text(encoding="utf-8") for path in (options.figures, options.page))
    if not _TABLE.search(figures):
        sys.exit(f"{options.figures}: holds no table; give it what `dockvoice evaluate --markdown` printed")
    if options.of not in {place["set"] for place in _PLACE.finditer(page)}:
        sys.exit(f"{options.page}: has no line '<!-- figures of {options.of} -->' with a line '<!-- end -->' after it")
    options.page.write_text(_replace_tables(page, options.of, figures), encoding="utf-8")
    print(f"{options.page}: {len(_TABLE.findall(figures))} tables of {options.of}")


def _replace_tables(page: str, set_name: str, figures: str) -> str:
    """Replace the page's tables of one set by new ones."""
    above, *parts = _TABLE.split(figures)
    tables = {title: f"### {title}\n\n{body.strip()}\n" for title, body in zip(parts[::2], parts[1::2], strict=True)}
    placed = {title for place in _PLACE.finditer(page) if place["set"] == set_name for title in _table_titles(place)}
    rest = "\n".join([f"{above.strip()}\n", *(text for title, text in tables.items() if title not in placed)])
    return _PLACE.sub(lambda place: _fill_place(place, tables, rest) if place["set"] == set_name else place[0], page)


def _table_titles(place: re.Match[str]) -> list[str]:
    return (place["titles"] or "").split(", ") if place["titles"] else []


def _fill_place(place: re.Match[str], tables: Mapping[str, str], rest: str) -> str:
    begin = place[0].partition("\n")[0]
    named = "\n".join(tables[title] for title in _table_titles(place) if title in tables)
    return f"{begin}\n\n{named or rest}\n<!-- end -->"


if __name__ == "__main__":
    main()
