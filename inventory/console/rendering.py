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

TEMPLATES = Path(__file__).with_name("templates")


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["value"] = value
    return made


def rendered(template: str, said: Mapping[str, Any]) -> str:
    """A template, with what is said in it."""
    return _environment().get_template(template).render(said)


def time(moment: datetime | None, zone: ZoneInfo) -> Markup:
    """A moment for a person of the site, and for programs."""
    if moment is None:
        return Markup("")
    there = moment.astimezone(zone)
    shown = there.strftime("%Y-%m-%d %H:%M:%S")
    return Markup('<time datetime="{}">{}</time>').format(there.isoformat(timespec="seconds"), shown)


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
