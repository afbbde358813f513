"""Input fields of a form: built from its schema, validated, and compared between readings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from dockvoice_protocol.terminal.plain_text import is_plain_text
from inventory.forms import Form, find_faults
from inventory.records import event_data_or_empty
from inventory.reviews.reviews import Review

_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_WHOLE = re.compile(r"-?[0-9]{1,15}")
_LONGEST = 1000  # Characters of a value, as schemas/decision.schema.json has it.


@dataclass(frozen=True, slots=True)
class _Field:
    """An input."""

    name: str
    kind: str  # The JSON type: integer, number, boolean, array, string.
    allowed: tuple[str, ...]  # The values of an enum.
    required: bool
    format: str | None  # JSON Schema's name for how a string is written, which HTML has for its input too: date.


def form_fields(form: Form | None) -> list[_Field]:
    """The fields of a form, in its order; none for an unknown form."""
    schema: Any = {} if form is None else form.schema
    if not isinstance(schema, Mapping):
        return []
    required = schema.get("required", [])
    return [
        _Field(
            name, str(of.get("type", "string")), tuple(map(str, of.get("enum", ()))), name in required, of.get("format")
        )
        for name, of in schema.get("properties", {}).items()
    ]


def input_text(value: object) -> str:
    """Format a value as it is typed, and as a decision carries it."""
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
class FilledForm:
    """The typed values, compared with the review's."""

    changed: Mapping[str, str]  # As a decision carries it.
    wrong: Mapping[str, str]  # By field a code of words/*/filling.toml.
    rule: Mapping[str, str]  # By field the rule of the form that it breaks.


def check_typed_values(form: Form | None, read_values: Mapping[str, Any], typed: Mapping[str, str]) -> FilledForm:
    """Find the typed values that differ from the known ones, what is wrong with each, and the rules that they break."""
    fields = {one.name: one for one in form_fields(form)}
    given = {name: typed[name].strip() for name in fields if name in typed}
    changed = {name: text for name, text in given.items() if text != input_text(read_values.get(name))}
    wrong = {name: why for name, text in changed.items() if (why := _find_fault(text, fields[name]))}
    values = {name: _parse(text, fields[name].kind) for name, text in changed.items() if name not in wrong}
    rules = {} if form is None else _broken_rules(form, {**read_values, **values})
    wrong = {name: "breaks" if rule else "missing" for name, rule in rules.items()} | wrong
    return FilledForm(changed, wrong, rules)


def _find_fault(text: str, field: _Field) -> str | None:
    if not text:
        return "emptied"
    if len(text) > _LONGEST or not is_plain_text(text):
        return "not_plain"
    match field.kind:
        case "integer" if not _WHOLE.fullmatch(text):
            return "not_whole"
        case "number" if not _NUMBER.fullmatch(text):
            return "not_number"
        case "boolean" if text not in {"true", "false"}:
            return "not_yes_no"
        case _:
            return None


def _parse(text: str, kind: str) -> object:
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


def _broken_rules(form: Form, values: Mapping[str, Any]) -> dict[str, str]:
    """By field, the rule that it breaks; empty for a missing field."""
    missing = {one.name: "" for one in form_fields(form) if one.required and one.name not in values}
    parts = (fault.partition(": breaks ") for fault in find_faults(form, values))
    broken = {place.split("/")[1].replace("~1", "/").replace("~0", "~"): rule for place, _, rule in parts if rule}
    return broken | missing


@dataclass(frozen=True, slots=True)
class _Word:
    """A recognised word, and whether another interpreter recognised something else there."""

    text: str
    differs: bool


@dataclass(frozen=True, slots=True)
class _AccountedWords:
    """Words, and what they stand for."""

    text: str
    sense: str  # A code of words/*/senses.toml.
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Reading:
    """One interpreter's reading of the utterance."""

    interpreter: str
    words: tuple[_Word, ...]
    fields: Mapping[str, tuple[str, ...]]  # By field every value, the likeliest first.
    account: tuple[_AccountedWords, ...]  # Empty where the device sent none.


@dataclass(frozen=True, slots=True)
class _ComparedField:
    """The values of one field in all readings."""

    name: str
    known: str  # The review's value; empty where it has none.
    why: str | None  # Why it is in doubt, as a code.
    words: str  # Those for this field.
    others: tuple[str, ...]  # Other values that readings have.


def readings_of(review: Review) -> list[_Reading]:
    """The readings that the device has sent; words that another reading does not share are marked."""
    sent = event_data_or_empty(review.body).get("readings", [])
    words = [str(one["heard"]).split() for one in sent]
    return [
        _Reading(
            str(one["interpreter"]),
            _mark_differences(words[number], words[:number] + words[number + 1 :]),
            {name: tuple(map(input_text, values)) for name, values in one["fields"].items()},
            tuple(_AccountedWords(of["words"], of["sense"], tuple(of["fields"])) for of in one.get("account", ())),
        )
        for number, one in enumerate(sent)
    ]


def _mark_differences(mine: Sequence[str], others: Sequence[Sequence[str]]) -> tuple[_Word, ...]:
    differ: set[int] = set()
    for other in others:
        same = SequenceMatcher(None, mine, other, autojunk=False).get_matching_blocks()
        shared = {at for block in same for at in range(block.a, block.a + block.size)}
        differ |= set(range(len(mine))) - shared
    return tuple(_Word(word, at in differ) for at, word in enumerate(mine))


def compare_readings(review: Review, readings: Sequence[_Reading]) -> list[_ComparedField]:
    """Compare the readings field by field, for all fields that any of them has."""
    words: Mapping[str, Any] = event_data_or_empty(review.body).get("heard", {})
    read = (name for one in readings for name in one.fields)
    found = []
    for name in dict.fromkeys((*review.fields, *review.doubtful, *words, *read)):
        known = input_text(review.fields.get(name))
        others = dict.fromkeys(value for one in readings for value in one.fields.get(name, ()) if value != known)
        found.append(_ComparedField(name, known, review.doubtful.get(name), str(words.get(name, "")), tuple(others)))
    return found
