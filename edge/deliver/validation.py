"""Validation of messages: what comes from outside is held against its JSON Schema before anything looks into it.

What is wrong is said by JSON pointer and rule, never by quoting the content, which may be an operator's speech.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from edge.config import shipped
from edge.records.strict_json import DuplicateKey, NotFinite, NotJson, NotStrict, NotText, Overflow, strict


class MalformedMessage(ValueError):
    """A message that breaks its schema: one line, a JSON pointer and the broken rule."""


@cache
def validator(name: str) -> Draft202012Validator:
    """The JSON Schema validator for the file of this name below `schemas/`."""
    schema = json.loads((shipped("schemas") / name).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def parsed(payload: bytes) -> dict[str, Any]:
    """The JSON object in `payload`, which names nothing twice and can be kept. Raises MalformedMessage."""
    try:
        message = strict(payload.decode())
    except (NotStrict, UnicodeDecodeError) as fault:
        raise MalformedMessage(f"message: {_refused(fault)}") from None
    if not isinstance(message, dict):
        raise MalformedMessage(f"message: must be an object, found {type(message).__name__}")
    return message


def _refused(fault: NotStrict | UnicodeDecodeError) -> str:
    match fault:
        case NotJson():
            return f"is not JSON: {fault.told}"
        case DuplicateKey():
            return "an object names a member twice"
        case NotText() | UnicodeDecodeError():
            return "is not UTF-8 throughout"
        case NotFinite() if not isinstance(fault, Overflow):
            return f"{fault.found} is not JSON"
        case _:
            return "holds a number too large, or is nested too deeply"


def check(message: dict[str, Any], name: str) -> None:
    """Raise MalformedMessage where the message breaks the schema in the file of this name."""
    fault = best_match(validator(name).iter_errors(message))
    if fault is not None:
        raise MalformedMessage(_told(fault))


def _told(fault: ValidationError) -> str:
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in fault.absolute_path)
    # Names of members come from the sender: escaped, so that the line stays one line.
    pointer = "".join(f"/{step}" for step in steps).encode("unicode_escape").decode() or "message"
    if fault.validator == "required":
        return f"{pointer}: {fault.message}"
    rule = json.dumps(fault.validator_value, ensure_ascii=False)
    return f"{pointer}: found {type(fault.instance).__name__}, which breaks the rule {fault.validator}: {rule}"
