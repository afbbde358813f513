"""Filling in a form: its fields for a page, and what somebody typed into them as the values that the form takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema.protocols import Validator

from dockvoice_protocol.terminal.plain_text import is_plain
from inventory.forms import faults

NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
WHOLE = re.compile(r"-?[0-9]{1,15}")
LONGEST = 1000  # Characters of a value, as schemas/decision.schema.json has it.


@dataclass(frozen=True, slots=True)
class Blank:
    """One field to fill in."""

    name: str
    kind: str  # The JSON type: integer, number, boolean, array, string.
    allowed: tuple[str, ...]  # All that there is, where the form lists it.
    required: bool
    format: str | None  # JSON Schema's name for how a string is written, which HTML has for its input too: date.


def blanks(form: Validator | None) -> list[Blank]:
    """The fields of a form, in its order; none where the form is not at hand."""
    schema: Any = {} if form is None else form.schema
    if not isinstance(schema, Mapping):
        return []
    required = schema.get("required", [])
    return [
        Blank(
            name,
            str(of.get("type", "string")),
            tuple(map(str, of.get("enum", ()))),
            name in required,
            of.get("format"),
        )
        for name, of in schema.get("properties", {}).items()
    ]


def shown(value: object) -> str:
    """A value as it is typed: as a decision carries it."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return ", ".join(map(str, value))
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)


@dataclass(frozen=True, slots=True)
class Filled:
    """What somebody filled in, against what was understood."""

    changed: Mapping[str, str]  # What goes over it, as a decision carries it.
    wrong: Mapping[str, str]  # What is wrong with which field, by a code of words/*/filling.toml.
    rule: Mapping[str, str]  # The form's own rule that the field breaks, where that is the matter.


def filled(form: Validator | None, known: Mapping[str, Any], typed: Mapping[str, str]) -> Filled:
    """What was typed, held against the form."""
    fields = {one.name: one for one in blanks(form)}
    given = {name: typed[name].strip() for name in fields if name in typed}
    changed = {name: text for name, text in given.items() if text != shown(known.get(name))}
    wrong = {name: why for name, text in changed.items() if (why := _wrong(text, fields[name]))}
    values = {name: _typed(text, fields[name].kind) for name, text in changed.items() if name not in wrong}
    rules = {} if form is None else _broken(form, {**known, **values})
    wrong = {name: "breaks" if rule else "missing" for name, rule in rules.items()} | wrong
    return Filled(changed, wrong, rules)


def _wrong(text: str, field: Blank) -> str | None:
    if not text:
        return "emptied"
    if len(text) > LONGEST or not is_plain(text):
        return "not_plain"
    match field.kind:
        case "integer" if not WHOLE.fullmatch(text):
            return "not_whole"
        case "number" if not NUMBER.fullmatch(text):
            return "not_number"
        case "boolean" if text not in {"true", "false"}:
            return "not_yes_no"
        case _:
            return None


def _typed(text: str, kind: str) -> object:
    match kind:
        case "integer":
            return int(text)
        case "number":
            return float(text)
        case "boolean":
            return text == "true"
        case "array":
            return [one.strip() for one in text.split(",") if one.strip()]
        case _:
            return text


def _broken(form: Validator, values: Mapping[str, Any]) -> dict[str, str]:
    """By field, the rule of the form that it breaks; empty where the field is lacking."""
    lacking = {one.name: "" for one in blanks(form) if one.required and one.name not in values}
    told = (fault.partition(": breaks ") for fault in faults(form, values))
    broken = {place.split("/")[1].replace("~1", "/").replace("~0", "~"): rule for place, _, rule in told if rule}
    return broken | lacking
