"""Rendering: templates, in which everything that came from outside is escaped, and what they can say besides."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from dockvoice_protocol.instants import in_zone, shown
from dockvoice_protocol.terminal.plain_text import in_lines

TEMPLATES = Path(__file__).with_name("templates")


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=visible,
    )
    made.filters["value"] = value
    made.filters["lasting"] = lasting
    return made


def rendered(template: str, said: Mapping[str, Any]) -> str:
    """A template, with what is said in it."""
    return _environment().get_template(template).render(said)


def time(moment: datetime | None, zone: ZoneInfo) -> Markup:
    """A moment for a person of the site, and for programs."""
    if moment is None:
        return Markup("")
    there = in_zone(moment, zone).isoformat(timespec="seconds")
    # Nothing in it is anybody's words, and a page has hundreds: it is not escaped piece by piece.
    return Markup(f'<time datetime="{there}">{shown(moment, zone)}</time>')  # noqa: S704


def visible(given: Any) -> Any:
    """What is put into a page, with what turns its direction or is not seen written out: names stay what they are."""
    if not isinstance(given, str) or (written := in_lines(given)) == given:
        return given
    return Markup(written) if isinstance(given, Markup) else written  # noqa: S704 - no letter of markup is added


def value(given: object) -> str:
    """A field's value for a person."""
    match given:
        case bool():
            return "✓" if given else "✗"
        case list() | tuple():
            return ", ".join(map(str, given))
        case dict():
            return ", ".join(f"{name} {one}" for name, one in given.items())
        case None:
            return ""
        case _:
            return str(given)


def lasting(seconds: float) -> str:
    """How long something takes, as people say it. The units are called so in every language of ours."""
    if seconds < 9.95:  # noqa: PLR2004 - what would be shown as 10.0
        return f"{seconds:.1f} s"
    if seconds < 59.5:  # noqa: PLR2004 - what would be shown as 60
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    (most, least), units = divmod(minutes, 60), ("h", "min")
    if minutes >= 24 * 60:  # of days, nobody counts minutes
        (most, least), units = divmod(round(minutes / 60), 24), ("d", "h")
    return " ".join(f"{number} {unit}" for number, unit in zip((most, least), units, strict=True) if number)
