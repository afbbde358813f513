"""Rendering: Jinja templates with autoescape, their filters, and the choice of a language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.datastructures import Headers

from dockvoice_protocol.instants import format_local, to_zone
from dockvoice_protocol.terminal.plain_text import escape_lines
from inventory.words import all_texts, languages

TEMPLATE_FOLDER = Path(__file__).with_name("templates")


@cache
def language_names() -> Mapping[str, str]:
    """The console's languages by code, each under its own name."""
    return {code: all_texts(code)["frame.name"] for code in languages("frame")}


def negotiate_language(cookie: str | None, headers: Headers, default: str) -> str:
    """The cookie's language, else the first of Accept-Language that is there."""
    if cookie in language_names():
        return str(cookie)
    wanted = [part.partition(";")[0].strip().lower()[:2] for part in headers.get("accept-language", "").split(",")]
    return next((language for language in wanted if language in language_names()), default)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_escape_controls,
    )
    environment.filters["value"] = _format_value
    environment.filters["lasting"] = format_duration
    return environment


def render(template: str, values: Mapping[str, Any], block: str | None = None) -> str:
    """Render a template, or one block of it."""
    found = _environment().get_template(template)
    if block is None:
        return found.render(values)
    return "".join(found.blocks[block](found.new_context(dict(values))))


def time_element(moment: datetime | None, zone: ZoneInfo) -> Markup:
    """Format a time as a <time> element on the site's clock."""
    if moment is None:
        return Markup("")
    there = to_zone(moment, zone).isoformat(timespec="seconds")
    # It holds no user input, and a page has hundreds: escaping each part costs more than the rest.
    return Markup(f'<time datetime="{there}">{format_local(moment, zone)}</time>')  # noqa: S704


def _escape_controls(value: Any) -> Any:
    """Write out bidirectional controls and invisible characters, so that a name cannot pass for another."""
    if not isinstance(value, str) or (written := escape_lines(value)) == value:
        return value
    return Markup(written) if isinstance(value, Markup) else written  # noqa: S704 - no letter of markup is added


def _format_value(value: object) -> str:
    """Format a field's value for a page."""
    match value:
        case bool():
            return "✓" if value else "✗"
        case list() | tuple():
            return ", ".join(map(str, value))
        case dict():
            return ", ".join(f"{name} {one}" for name, one in value.items())
        case None:
            return ""
        case _:
            return str(value)


def format_duration(seconds: float) -> str:
    """A duration in one or two units, whose symbols are alike in all languages of the console."""
    if seconds < 9.95:  # noqa: PLR2004 - what would be shown as 10.0
        return f"{seconds:.1f} s"
    if seconds < 59.5:  # noqa: PLR2004 - what would be shown as 60
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    (most, least), units = divmod(minutes, 60), ("h", "min")
    if minutes >= 24 * 60:  # minutes say nothing beside days
        (most, least), units = divmod(round(minutes / 60), 24), ("d", "h")
    return " ".join(f"{number} {unit}" for number, unit in zip((most, least), units, strict=True) if number)
