"""What a terminal showed, as one SVG file that moves by itself: no script, no font from elsewhere.

Each line of the terminal is drawn once for each thing that it showed, and seen while it showed it. Where nothing moves,
as for whoever asks for less motion or in a viewer that knows no animation, the poster is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 8.4, 18
"""Of a character, in units of the picture."""

FONT_SIZE = 14
MARGIN, TITLE = 14, 34
"""Around the terminal, and above it."""

BACKGROUND, FOREGROUND, FRAME = "#15191f", "#d3dae3", "#2a313a"
COLOURS = {
    "default": FOREGROUND,
    "black": "#15191f",
    "red": "#f2777a",
    "green": "#8ccf7e",
    "brown": "#e5c76b",
    "blue": "#2f5fa8",
    "magenta": "#c47fd5",
    "cyan": "#6cbfbf",
    "white": "#ffffff",
    "brightblack": "#7d8794",
}
"""As pyte names them; what others call yellow is brown there."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One character of a terminal."""

    text: str
    foreground: str
    background: str
    bold: bool
    reverse: bool


Row = tuple[Cell, ...]
Frame = tuple[Row, ...]


def svg(frames: list[Frame], each_s: float, title: str, poster: int) -> str:
    """The frames one after the other, `each_s` seconds each, for ever; `poster` is the number of the still picture."""
    rows, columns = len(frames[0]), len(frames[0][0])
    width, height = columns * WIDTH + 2 * MARGIN, rows * HEIGHT + TITLE + MARGIN
    still = frames[poster]
    styles: list[str] = []
    drawn: list[str] = []
    for number in range(rows):
        shown = [frame[number] for frame in frames]
        for variant in dict.fromkeys(shown):
            name = f"v{len(styles)}"
            poster_class = " poster" if variant == still[number] else ""
            styles.append(_timing(name, [one == variant for one in shown], each_s))
            drawn.append(f'<g class="v{poster_class} {name}">{_row(variant, number)}</g>')
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">',
            f"<title>{escape(title)}</title>",
            "<style>",
            f"text {{ font: {FONT_SIZE}px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace;",
            "white-space: pre; }",
            ".v { visibility: hidden; } .poster { visibility: visible; }",
            "@media (prefers-reduced-motion: no-preference) {",
            *styles,
            "}",
            "</style>",
            f'<rect width="{width:g}" height="{height:g}" rx="9" fill="{BACKGROUND}" stroke="{FRAME}"/>',
            *_title(title, width),
            f'<g transform="translate({MARGIN} {TITLE})">',
            *drawn,
            "</g>",
            "</svg>\n",
        )
    )


def _title(title: str, width: float) -> list[str]:
    dots = [
        f'<circle cx="{20 + 18 * number}" cy="17" r="5.5" fill="{colour}"/>'
        for number, colour in enumerate(("#e06c75", "#e5c07b", "#98c379"))
    ]
    return [*dots, f'<text x="{width / 2:g}" y="22" text-anchor="middle" fill="{FOREGROUND}">{escape(title)}</text>']


def _timing(name: str, shown: list[bool], each_s: float) -> str:
    """When a variant is seen: one step of the animation for each time that it comes or goes."""
    if all(shown):
        return f".{name} {{ visibility: visible; }}"
    at, steps = 0, []
    for seen, run in groupby(shown):
        steps.append(f"{100 * at / len(shown):.2f}% {{ visibility: {'visible' if seen else 'hidden'}; }}")
        at += len(list(run))
    steps.append(f"100% {{ visibility: {'visible' if shown[-1] else 'hidden'}; }}")
    total = len(shown) * each_s
    return f"@keyframes {name} {{ {' '.join(steps)} }} .{name} {{ animation: {name} {total:g}s step-end infinite; }}"


def _row(row: Row, number: int) -> str:
    drawn, column = [], 0
    for (foreground, background, bold), run in groupby(row, _look):
        text = "".join(cell.text for cell in run)
        x, y = column * WIDTH, number * HEIGHT
        column += len(text)
        length = len(text) * WIDTH
        if background != "default":
            colour = _colour(background)
            drawn.append(f'<rect x="{x:g}" y="{y:g}" width="{length:g}" height="{HEIGHT}" fill="{colour}"/>')
        if text.strip():
            weight = ' font-weight="bold"' if bold else ""
            colour = _colour(foreground)
            drawn.append(
                f'<text x="{x:g}" y="{y + FONT_SIZE:g}" textLength="{length:g}" fill="{colour}"{weight}>'
                f"{escape(text)}</text>"
            )
    return "".join(drawn)


def _look(cell: Cell) -> tuple[str, str, bool]:
    foreground, background = cell.foreground, cell.background
    if cell.reverse:
        foreground, background = background if background != "default" else "black", foreground
    return foreground, background, cell.bold


def _colour(name: str) -> str:
    """Pyte gives the sixteen colours by name, others in hex."""
    return COLOURS.get(name, f"#{name}")
