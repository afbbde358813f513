"""The meta-schema of forms: a subset of JSON Schema. A fault is reported with its JSON pointer.

`schemas/README.md` documents it for authors of forms. A keyword outside the subset is refused, not ignored: a rule that
is not applied leads to wrong records. Each field is validated by the rules of its own type and kind, so that messages
match the field that its author intended.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema.exceptions import ValidationError

from dockvoice_protocol.forms.model import NET_WEIGHT, OTHER_DEEDS, OWN_LANGUAGE, SCANNABLE, Gs1
from dockvoice_protocol.forms.spoken.kinds import KINDS
from dockvoice_protocol.forms.spoken.kinds.kind import FieldKind, KindKeywords
from dockvoice_protocol.json_schema import SchemaValidator
from dockvoice_protocol.languages import LANGUAGES

_TEXT = {"type": "string", "minLength": 1, "description": "text"}
_WORDS = {
    "type": "string",
    "pattern": "^[a-z]+(?: [a-z]+)*$",
    "description": "words in small letters as a recogniser writes them, with a blank between any two: 'pallet number'",
}
"""Words that a recogniser can hear."""

_WORD = {"type": "string", "pattern": "^[a-z]+$", "description": "one word in small letters: 'confirm'"}

_WRITTEN = {
    "type": "string",
    "pattern": "^[a-zß-öø-ÿœąćęłńśźż]+(?:[ '-][a-zß-öø-ÿœąćęłńśźż]+)*$",
    "description": "words in small letters, accents and all: 'stück'",
}
"""Words that a transcript may contain."""

_OPENING = {
    **_WRITTEN,
    "pattern": _WRITTEN["pattern"].replace(")*$", "){0,5}$"),
    "description": "one to six words in small letters: 'can i get'",
}
"""The beginning of an entry."""

_UNIT = {
    "type": "string",
    "pattern": "^(?:[a-z]+(?: [a-z]+)*|[A-Z0-9]{1,3})$",
    "description": "the word for one ('case'), or its code where another field holds the unit ('CS')",
}
"""The meaning of a unit word: its singular, or a code of UN/ECE Recommendations 20 and 21 (two or three characters)."""

_FIELD_NAME = "^[a-z][a-z0-9_]{0,62}$"
_FORM_NAME = "^[a-z0-9][a-z0-9-]{0,62}$"

_DESCRIBED = {"title": _TEXT, "description": _TEXT, "$comment": _TEXT}

_ASKED_BESIDE = {"type": "object", "additionalProperties": _TEXT, "minProperties": 1}
"""The question for a field once a certain other field is known, by that field."""


def _object_schema(required: list[str], properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": dict(properties), "additionalProperties": False}


def _list_schema(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1, "uniqueItems": True}


def _field_schema(
    kind: str,
    voice: Mapping[str, Any],
    written: Mapping[str, Any],
    required: Iterable[str] = (),
    before: Mapping[str, Any] | None = None,
    **own: Any,
) -> dict[str, Any]:
    """The schema of a field: the common keywords and its `own`; those of `before` precede its type."""
    return _object_schema(
        ["type", *required, "x-voice"],
        {**_DESCRIBED, **(before or {}), "type": {"const": kind}, **own, "x-voice": voice, "x-languages": written},
    )


def _interval_schema(least: str, most: str, size: Mapping[str, Any]) -> dict[str, Any]:
    """Schema of `usual`: values within it are not questioned."""
    return _object_schema([least, most], {least: size, most: size})


def _voice_schema(spoken: Iterable[FieldKind], /, *required: str, **more: Any) -> dict[str, Any]:
    return _object_schema(
        ["labels", "spoken", "ask", "readback", *required],
        {
            "labels": _list_schema(_WORDS),
            "spoken": {"enum": [kind.name for kind in spoken]},
            "ask": _TEXT,
            "readback": _TEXT,
            "role": _TEXT,
            **more,
        },
    )


def _kinds_of_type(name: str) -> list[FieldKind]:
    """The field kinds with values of a JSON type."""
    return [kind for kind in KINDS.values() if kind.type == name]


def _languages_schema(*parts: str, both: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Schema of `x-languages`: by language, the words of a field in transcripts, and the question for it.

    `more` holds for languages other than the form's own, whose words stand in `x-voice`; `both` holds for all.
    """
    wording = {**{part: _list_schema(_WRITTEN) for part in parts}, **(both or {})}
    others = {**wording, "ask": _TEXT, "readback": _TEXT, **more}
    return {
        "type": "object",
        "properties": {
            code: _object_schema([], wording) | {"minProperties": 1}
            if code == OWN_LANGUAGE
            else _object_schema(["labels"], others)
            for code in LANGUAGES
        },
        "additionalProperties": False,
    }


_MEASURED = (NET_WEIGHT,)
_COUNTED = ("37",)
_OF_OWN_KINDS = frozenset(one for kind in KINDS.values() if kind.keywords is not None for one in kind.keywords.scan)


def _scan_schema(allowed: Iterable[str]) -> dict[str, Any]:
    """Schema of `x-scan`: the GS1 application identifiers that fill a field from a scanned label."""
    return {"x-scan": _list_schema({"enum": list(allowed)})}


_FEWEST_LAST = 2  # One misheard digit would name another value of most catalogues.

_LENGTH = {"type": "integer", "minimum": 0}
_LENGTHS = {"pattern": {"type": "string"}, "minLength": _LENGTH, "maxLength": _LENGTH}
_MOST_LISTED = 50  # Values in one list: two minutes of dictation.
_PLACES = 0.000001  # The finest step of a decimal: smaller ones are written with an exponent.

_VALUE_WRITTEN = {"if": {"type": "array"}, "then": _list_schema(_WRITTEN), "else": _WRITTEN}
"""The name of a value in a language, or a list of names, the first of which is read back."""
_VALUES = {"type": "object", "additionalProperties": _VALUE_WRITTEN, "minProperties": 1}
_UNITS = {"type": "object", "propertyNames": _WORDS, "additionalProperties": _UNIT, "minProperties": 1}
_UNITS_WRITTEN = {
    "if": {"type": "object"},
    "then": {"propertyNames": _WRITTEN, "additionalProperties": _UNIT, "minProperties": 1},
    "else": _list_schema(_WRITTEN),
}
"""Unit words of a language; an object with their codes where another field holds the unit."""

_IDENTIFYING: dict[str, Any] = {
    "identifier": {"type": "boolean"},
    "catalogue": _TEXT,
    "check_digit": {"enum": [str(key) for key in Gs1]},
    "last_digits": {"type": "integer", "minimum": _FEWEST_LAST},
    "usual": _interval_schema("minLength", "maxLength", _LENGTH),
}
"""Keywords of fields that identify things."""

_STRING_FIELD = _field_schema(
    "string",
    _voice_schema(
        _kinds_of_type("string"),
        **_IDENTIFYING,
        exception={"type": "boolean"},
        bare={"type": "boolean"},
        unlabelled={"type": "boolean"},
        source={"type": "boolean"},
    ),
    _languages_schema("labels", both={"verbs": _VALUES, "values": _VALUES}),
    before=_LENGTHS | _scan_schema(one for one in SCANNABLE if one not in {*_OF_OWN_KINDS, *_MEASURED, *_COUNTED}),
    enum=_list_schema(_TEXT),
)
_INTEGER_FIELD = _field_schema(
    "integer",
    _voice_schema(
        _kinds_of_type("integer"),
        units=_UNITS,
        usual=_interval_schema("minimum", "maximum", {"type": "integer"}),
        ask_beside=_ASKED_BESIDE,
    ),
    _languages_schema(
        "labels",
        both={"units": _UNITS_WRITTEN, "counted": _list_schema(_WRITTEN), "zero": _UNITS_WRITTEN},
        ask_beside=_ASKED_BESIDE,
    ),
    before=_scan_schema(_COUNTED),
    minimum={"type": "integer"},
    maximum={"type": "integer"},
)
_NUMBER_FIELD = _field_schema(
    "number",
    _voice_schema(
        _kinds_of_type("number"), units=_UNITS, usual=_interval_schema("minimum", "maximum", {"type": "number"})
    ),
    _languages_schema("labels", both={"units": _UNITS_WRITTEN}),
    ["multipleOf", "minimum", "maximum"],
    _scan_schema(_MEASURED),
    multipleOf={"type": "number", "minimum": _PLACES},
    minimum={"type": "number"},
    maximum={"type": "number"},
)
_BOOLEAN_FIELD = _field_schema(
    "boolean", _voice_schema(_kinds_of_type("boolean")), _languages_schema("labels", "true", "false")
)
_LIST_FIELD = _field_schema(
    "array",
    _voice_schema([kind for kind in KINDS.values() if kind.characters], **_IDENTIFYING),
    _languages_schema("labels"),
    ["items", "minItems", "maxItems"],
    items=_object_schema(["type"], _DESCRIBED | _LENGTHS | {"type": {"const": "string"}}),
    minItems={"type": "integer", "minimum": 1},
    maxItems={"type": "integer", "minimum": 1, "maximum": _MOST_LISTED},
    uniqueItems={"type": "boolean"},
)
_OF_TYPES: Mapping[str, Mapping[str, Any]] = {
    "string": _STRING_FIELD,
    "integer": _INTEGER_FIELD,
    "number": _NUMBER_FIELD,
    "boolean": _BOOLEAN_FIELD,
    "array": _LIST_FIELD,
}
"""The schema of a field by its type, where its kind has no keywords of its own."""


def _kind_schema(kind: FieldKind, keywords: KindKeywords) -> dict[str, Any]:
    """The schema of a field whose kind has keywords of its own."""
    return _field_schema(
        kind.type,
        _voice_schema([kind], *keywords.voice_required, **keywords.voice),
        _languages_schema("labels"),
        keywords.required,
        _scan_schema(keywords.scan) if keywords.scan else None,
        **keywords.own,
    )


_OF_KINDS = {kind: _kind_schema(kind, kind.keywords) for kind in KINDS.values() if kind.keywords is not None}

_OTHER_FIELD = {"type": "object", "required": ["type", "x-voice"], "properties": {"type": {"enum": list(_OF_TYPES)}}}
"""The schema of a field of an unknown type."""

_FORM = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **_object_schema(
        ["$schema", "title", "type", "properties", "required", "additionalProperties", "x-voice"],
        _DESCRIBED
        | {
            "$schema": {"const": "https://json-schema.org/draft/2020-12/schema"},
            "$id": _TEXT,
            "type": {"const": "object"},
            "properties": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {
                    "pattern": _FIELD_NAME,
                    "description": "small letters, digits and _, a letter first: 'pallet_id'",
                },
            },
            "required": _list_schema({"type": "string"}),
            "additionalProperties": {"const": False},
            "x-voice": _object_schema(
                ["name", "spoken_name", "readback"],
                {
                    "name": {
                        "type": "string",
                        "pattern": _FORM_NAME,
                        "description": "small letters, digits and -: 'stock-count'",
                    },
                    "spoken_name": _WORDS,
                    "called": _list_schema(_WORDS),
                    "undone": _list_schema(_WORDS),
                    "openings": _list_schema(_OPENING),
                    "readback": _TEXT,
                    "terminator": _WORD,
                    "identifies": _list_schema({"type": "string"}),
                    "context": _list_schema({"type": "string"}),
                    "closes": {"type": "string"},
                    "deed": {"enum": [*OTHER_DEEDS], "description": "what an entry says was done"},
                    "expects": {"type": "boolean"},
                },
            ),
            "x-languages": _object_schema(
                [],
                {
                    code: _object_schema(
                        ["called"],
                        {
                            "called": _list_schema(_WRITTEN),
                            "undone": _list_schema(_WRITTEN),
                            "openings": _list_schema(_OPENING),
                        },
                    )
                    for code in LANGUAGES
                    if code != OWN_LANGUAGE
                },
            ),
        },
    ),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One place where a document leaves the subset."""

    path: tuple[str | int, ...]
    message: str  # The message behind the JSON pointer: what was found, what is allowed, and what to do.

    @property
    def field(self) -> str | None:
        """The field with the fault; None for a fault of the form."""
        return str(self.path[1]) if len(self.path) > 1 and self.path[0] == "properties" else None

    def __str__(self) -> str:
        return f"{format_json_pointer(*self.path)}: {self.message}"


def find_schema_faults(document: object) -> Iterator[Fault]:
    """Each place where a document leaves the subset, in the order of the form."""
    yield from _rule_faults(document, _FORM, ())
    fields = document.get("properties") if isinstance(document, dict) else None
    for name, keywords in fields.items() if isinstance(fields, dict) else ():
        yield from _rule_faults(keywords, _choose_field_schema(keywords), ("properties", name))


def _choose_field_schema(keywords: object) -> Mapping[str, Any]:
    """The schema of a field, chosen by its type and by the kind that its format or `spoken` names."""
    if not isinstance(keywords, dict) or not isinstance(kind := keywords.get("type"), str) or kind not in _OF_TYPES:
        return _OTHER_FIELD
    voice = keywords.get("x-voice")
    spoken = voice.get("spoken") if isinstance(voice, dict) else None
    known = keywords.get("format")
    for one, rules in _OF_KINDS.items():
        if one.type == kind and (spoken == one.name or (known is not None and known == one.format)):
            return rules
    return _OF_TYPES[kind]


def _rule_faults(part: object, rules: Mapping[str, Any], where: tuple[str | int, ...]) -> Iterator[Fault]:
    errors = SchemaValidator(rules).iter_errors(part)
    for error in sorted(errors, key=lambda error: [str(step) for step in error.absolute_path]):
        yield from _to_faults(error, where)


def format_json_pointer(*path: object) -> str:
    """A path as the fragment form of a JSON pointer (RFC 6901): #/properties/dock/format."""
    return "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _to_faults(error: ValidationError, before: tuple[str | int, ...]) -> Iterator[Fault]:
    where = (*before, *error.absolute_path)
    # Their types depend on the broken keyword, which the library's annotations cannot express.
    rule: Any = error.schema
    found: Any = error.instance
    match error.validator:
        case "additionalProperties":
            known = rule["properties"]
            for extra in [key for key in found if key not in known]:
                yield Fault((*where, extra), f"keyword {extra!r} is not supported; allowed: {', '.join(known)}")
        case "enum":
            yield Fault(where, f"found {json.dumps(found)}, allowed: {', '.join(rule['enum'])}")
        case "const":
            yield Fault(where, f"found {json.dumps(found)}, must be {json.dumps(rule['const'])}")
        case keyword:
            yield Fault(where, _fault_text(str(keyword), error, rule.get("description")))


def _fault_text(keyword: str, error: ValidationError, described: str | None) -> str:
    """The message of a broken rule for the author of a form."""
    match keyword:
        case "required":
            return f"{error.message}; add it: schemas/README.md says what it holds"
        case "pattern" if described is not None:
            return f"found {error.instance!r}; allowed: {described}"
        case "uniqueItems":
            return "an item stands here twice; keep one of the two"
        case "minItems" | "minProperties" | "minLength":
            return f"found nothing; at least one {described or 'item'} must be given"
        case "type":
            return f"{error.message}; write {_WRITTEN_AS.get(str(error.validator_value), 'that')}"
        case _:
            return error.message


_WRITTEN_AS = {
    "array": "a list, even of one: [...]",
    "object": "an object: {...}",
    "string": 'text in quotes: "..."',
    "integer": "a whole number without quotes",
    "number": "a number without quotes",
    "boolean": "true or false without quotes",
}
"""By JSON type, how to write such a value."""
