"""Derives a form from a tool's own schema, for tools without a known form.

As a model would, it uses names, types, limits, and the quoted words of a description.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.loader import SUFFIX, load_form
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.pattern import PatternShape
from dockvoice_protocol.forms.spoken.sentences import AROUND

_QUOTED = re.compile(r"['\"]([a-z]+(?: [a-z]+)*)['\"]")  # Words that a description says are spoken: 'pallet number'.

_NOT_NAMES = {"id", "number", "no", "code", "value", "name"}  # Parts of a field's name that are never spoken alone.

_NO_FIELDS = {"heard", "reason", "words", "transcript"}  # Arguments that hold evidence, not something dictated.


def derive_form(name: str, schema: Mapping[str, Any]) -> Form | None:
    """Derive the form behind a tool; None if no field could be dictated."""
    return _derive_form(name, json.dumps(schema, sort_keys=True))


@lru_cache(maxsize=100)
def _derive_form(name: str, schema: str) -> Form | None:
    fields = dict(_field_schemas(json.loads(schema)))
    words = " ".join(re.findall("[a-z]+", name.lower())) or "form"
    form = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": words,
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
        "x-voice": {
            "name": words.replace(" ", "-"),
            "spoken_name": words,
            "readback": ", ".join(f"{{{field}}}" for field in fields),
            "identifies": list(fields)[:1],  # A tool says nothing of it, and nothing is corrected here.
        },
    }
    # Through a file, so that the forms' own loader validates it.
    with TemporaryDirectory() as directory:
        path = Path(directory) / f"{words.replace(' ', '-')}{SUFFIX}"
        path.write_text(json.dumps(form), encoding="utf-8")
        try:
            return load_form(path) if fields else None
        except Misconfigured:  # no such form can be spoken
            return None


def unwrap_value_schema(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of the value itself, where a field is an object that wraps it."""
    held: Mapping[str, Any] = schema.get("properties", {}).get("value", schema)
    return held


def _json_types(schema: Mapping[str, Any]) -> set[str]:
    """The JSON types that a schema allows, in lower case, from a name, a list or `anyOf`."""
    given = schema.get("type", ())
    kinds = {given} if isinstance(given, str) else set(given)
    either = {kind for option in schema.get("anyOf", ()) for kind in _json_types(option)}
    return {kind.lower() for kind in kinds} | either


def _field_schemas(schema: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, described in schema.get("properties", {}).items():
        if name not in _NO_FIELDS and _json_types(unwrap_value_schema(described)) & {"string", "integer", "number"}:
            yield name, _field_schema(name, described)


def _field_schema(name: str, described: Mapping[str, Any]) -> dict[str, Any]:
    value = unwrap_value_schema(described)
    labels = _spoken_labels(name, described)
    if _json_types(value) & {"integer", "number"}:
        limits = {keyword: value[keyword] for keyword in ("minimum", "maximum") if keyword in value}
        voice = {"labels": labels, "spoken": "cardinal", "ask": name, "readback": "{value}"}
        # "Twelve units" fits nearly every count.
        return {"type": "integer", **limits, "x-voice": {**voice, "units": {"units": "unit"}}}
    choices = [choice for choice in value.get("enum", ()) if choice is not None]
    spoken = "enum" if choices else _spelling_of_pattern(value.get("pattern"))
    kept = {"enum": choices} if choices else {key: value[key] for key in ("pattern",) if key in value}
    named = {} if choices else {"identifier": spoken != "letter"}
    voice = {"labels": labels, "spoken": spoken, "ask": name, "readback": "{value}"}
    return {"type": "string", **kept, "x-voice": {**voice, **named}}


def _spelling_of_pattern(pattern: str | None) -> str:
    try:
        shape = PatternShape.parse(pattern or "")
    except ValueError:
        return "alphanumeric"
    if shape.max_length == 1:
        return "letter"
    return "digits" if all(character.isdigit() for character in shape.characters) else "alphanumeric"


def _spoken_labels(name: str, described: Mapping[str, Any]) -> list[str]:
    texts = [described, *described.get("properties", {}).values()]
    quoted = [words for text in texts for words in _QUOTED.findall(str(text.get("description", "")))]
    own = " ".join(part for part in name.split("_") if part not in _NOT_NAMES)
    return [words for words in dict.fromkeys([*quoted, own]) if words and not AROUND & set(words.split())]
