"""The meta-schema of forms: which JSON Schema a form may be written in. Else it is a fault, told by its JSON pointer.

`schemas/README.md` says the same to whoever writes a form. A keyword outside the subset is refused rather than
ignored: a rule that its author believes in and nobody applies is how wrong records come about.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from edge.forms.model import OWN_LANGUAGE, Gs1, Spoken
from edge.forms.spoken.languages import LANGUAGES

TEXT = {"type": "string", "minLength": 1}
WORDS = {"type": "string", "pattern": "^[a-z]+(?: [a-z]+)*$"}
"""What may be spoken: words in small letters, as a recogniser writes them."""

WORD = {"type": "string", "pattern": "^[a-z]+$"}

WRITTEN = {"type": "string", "pattern": "^[a-zß-öø-ÿœ]+(?:[ '-][a-zß-öø-ÿœ]+)*$"}
"""What a transcript may carry: words in small letters, accents and all."""

FIELD_NAME = "^[a-z][a-z0-9_]{0,62}$"
FORM_NAME = "^[a-z0-9][a-z0-9-]{0,62}$"


def _object(required: list[str], properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": dict(properties), "additionalProperties": False}


def _voice(spoken: list[Spoken], **more: Any) -> dict[str, Any]:
    return _object(
        ["labels", "spoken", "ask", "readback"],
        {
            "labels": {"type": "array", "items": WORDS, "minItems": 1, "uniqueItems": True},
            "spoken": {"enum": [str(kind) for kind in spoken]},
            "ask": TEXT,
            "readback": TEXT,
            **more,
        },
    )


def _written(*parts: str, **more: Any) -> dict[str, Any]:
    """`x-languages`: by language, the words of a field that transcripts carry, and the question for it.

    `more` is for other languages than the field's own, whose words it has by itself.
    """
    wording = {part: {"type": "array", "items": WRITTEN, "minItems": 1, "uniqueItems": True} for part in parts}
    others = {**wording, "ask": TEXT, **more}
    return {
        "type": "object",
        "properties": {
            code: _object([], wording) | {"minProperties": 1} if code == OWN_LANGUAGE else _object(["labels"], others)
            for code in LANGUAGES
        },
        "additionalProperties": False,
    }


DESCRIBED = {"title": TEXT, "description": TEXT, "$comment": TEXT}
FEWEST_LAST = 2  # One last digit heard wrongly would name another value of most catalogues.

LENGTH = {"type": "integer", "minimum": 0}

STRING_FIELD = _object(
    ["type", "x-voice"],
    DESCRIBED
    | {
        "type": {"enum": ["string", "integer"]},
        "pattern": {"type": "string"},
        "minLength": LENGTH,
        "maxLength": LENGTH,
        "enum": {"type": "array", "items": TEXT, "minItems": 1, "uniqueItems": True},
        "x-voice": _voice(
            [Spoken.DIGITS, Spoken.ALPHANUMERIC, Spoken.LETTER, Spoken.ENUM],
            identifier={"type": "boolean"},
            catalogue=TEXT,
            check_digit={"enum": [str(key) for key in Gs1]},
            last_digits={"type": "integer", "minimum": FEWEST_LAST},
            exception={"type": "boolean"},
            usual=_object(["minLength", "maxLength"], {"minLength": LENGTH, "maxLength": LENGTH}),
        ),
        "x-languages": _written(
            "labels", values={"type": "object", "additionalProperties": WRITTEN, "minProperties": 1}
        ),
    },
)
INTEGER_FIELD = _object(
    ["type", "x-voice"],
    DESCRIBED
    | {
        "type": {"const": "integer"},
        "minimum": {"type": "integer"},
        "maximum": {"type": "integer"},
        "x-voice": _voice(
            [Spoken.CARDINAL],
            units={"type": "object", "propertyNames": WORDS, "additionalProperties": WORDS, "minProperties": 1},
            usual=_object(["minimum", "maximum"], {"minimum": {"type": "integer"}, "maximum": {"type": "integer"}}),
        ),
        "x-languages": _written("labels", "units"),
    },
)
FORM = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **_object(
        ["$schema", "title", "type", "properties", "required", "additionalProperties", "x-voice"],
        DESCRIBED
        | {
            "$schema": {"const": "https://json-schema.org/draft/2020-12/schema"},
            "$id": TEXT,
            "type": {"const": "object"},
            "properties": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"pattern": FIELD_NAME},
                "additionalProperties": {
                    "if": {"type": "object", "required": ["type"], "properties": {"type": {"const": "integer"}}},
                    "then": INTEGER_FIELD,
                    "else": STRING_FIELD,
                },
            },
            "required": {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
            "additionalProperties": {"const": False},
            "x-voice": _object(
                ["name", "spoken_name", "readback"],
                {
                    "name": {"type": "string", "pattern": FORM_NAME},
                    "spoken_name": WORDS,
                    "readback": TEXT,
                    "terminator": WORD,
                },
            ),
        },
    ),
}


def faults(document: object) -> Iterator[str]:
    """Each place where a document leaves the subset: its JSON pointer, what was found, what is allowed."""
    errors = Draft202012Validator(FORM).iter_errors(document)
    for error in sorted(errors, key=lambda error: [str(part) for part in error.absolute_path]):
        yield from _told(error)


def pointer(*path: object) -> str:
    """A path as the fragment form of a JSON pointer (RFC 6901): #/properties/dock/format."""
    return "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _told(error: ValidationError) -> Iterator[str]:
    where = error.absolute_path
    # Whichever rule is broken, both are what its keyword says they are; the library cannot type that.
    rule: Any = error.schema
    found: Any = error.instance
    match error.validator:
        case "additionalProperties":
            known = rule["properties"]
            for extra in [key for key in found if key not in known]:
                yield f"{pointer(*where, extra)}: keyword {extra!r} is not supported; allowed: {', '.join(known)}"
        case "enum":
            yield f"{pointer(*where)}: found {json.dumps(found)}, allowed: {', '.join(rule['enum'])}"
        case "const":
            yield f"{pointer(*where)}: found {json.dumps(found)}, must be {json.dumps(rule['const'])}"
        case _:
            yield f"{pointer(*where)}: {error.message}"
