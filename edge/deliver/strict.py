"""How a message from outside is read: against its schema, before anyone looks into it.

What is wrong is said by JSON pointer and rule, never by quoting the content, which may be an operator's speech.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, NoReturn

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from edge.config import shipped


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
        message = json.loads(payload.decode(), object_pairs_hook=_without_doubles, parse_constant=_refuse_constant)
        # Written again at once: half a surrogate pair or 1e999 passes the parser, but no database could keep it.
        json.dumps(message, ensure_ascii=False, allow_nan=False).encode()
    except MalformedMessage:
        raise
    except json.JSONDecodeError as fault:
        raise MalformedMessage(f"message: is not JSON: {fault}") from None
    except UnicodeError:
        raise MalformedMessage("message: is not UTF-8 throughout") from None
    except (ValueError, RecursionError):
        raise MalformedMessage("message: holds a number too large, or is nested too deeply") from None
    if not isinstance(message, dict):
        raise MalformedMessage(f"message: must be an object, found {type(message).__name__}")
    return message


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which no name occurs twice: two quantities would leave it to chance which one counts."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise MalformedMessage("message: an object names a member twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedMessage(f"message: {name} is not JSON")


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
