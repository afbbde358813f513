"""The tools a model is given to answer with: one for each thing an operator can do, and one to have understood nothing.

The shape is OpenAI's function tool, which the other providers' clients translate. No text here may hold a record that
could pass for a real one: models shown an example return it for noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dockvoice_protocol.forms.model import Form, FormField
from dockvoice_protocol.records import Command, NotUnderstood

AMEND = "amend_entry"
CANCEL = "cancel_entry"
ANSWER = "answer"
COMMAND = "device_command"
NOT_UNDERSTOOD = "not_understood"

YES, NO = "yes", "no"  # What `answer` may hold.

COMMANDS = {command: command.meaning for command in Command}

REASONS = {
    NotUnderstood.NO_WORDS: "there is sound, but no word can be made out",
    NotUnderstood.NOT_DICTATION: "there are words, but they name no field of the form",
}


def tool_name(form: Form) -> str:
    """What the form's tool is called: function names allow no more than letters, digits, `_` and `-`."""
    return f"record_{form.name.replace('-', '_')}"


def tool_definition(form: Form) -> dict[str, Any]:
    """The form as a function tool: each field with a value that may be null, and the words heard for it."""
    return _function(
        tool_name(form),
        f"Write down what the operator dictated for the form '{form.title}'. {form.description} Give only what was "
        "said: a field that was not said, or not clearly, has the value null. Never guess, complete or correct.",
        {field.name: _field(field) for field in form.fields},
    )


def tools(form: Form) -> list[dict[str, Any]]:
    """Every tool that goes along with an utterance for the form."""
    heard = {"type": "string", "description": "The words that say so, as they were spoken."}
    answer = {"type": "string", "enum": [YES, NO], "description": "What the operator answered."}
    return [
        tool_definition(form),
        _function(
            AMEND,
            "Correct fields of the entry at hand, or of the last one. Give only what was said just now: every field "
            "that is not corrected has the value null.",
            {field.name: _field(field) for field in form.fields},
        ),
        _function(CANCEL, "Take back the entry at hand, or the last one.", {"heard": heard}),
        _function(ANSWER, "The operator answered the device's question.", {"answer": answer, "heard": heard}),
        _function(
            COMMAND, "The operator asked something of the device.", {"command": _one_of(COMMANDS), "heard": heard}
        ),
        not_understood_tool(),
    ]


def not_understood_tool() -> dict[str, Any]:
    """The tool to decline with: for noise, silence, or talk that is no dictation."""
    heard = {"type": ["string", "null"], "description": "The words that were heard all the same; null if none were."}
    what = "Call this, and nothing else, where the recording holds no dictation."
    return _function(NOT_UNDERSTOOD, what, {"reason": _one_of(REASONS), "heard": heard})


def _function(name: str, description: str, properties: dict[str, Any]) -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def _one_of(meanings: Mapping[Any, str]) -> dict[str, Any]:
    told = "; ".join(f"{code}: {meaning}" for code, meaning in meanings.items())
    return {"type": "string", "enum": [str(code) for code in meanings], "description": told}


def _field(field: FormField) -> dict[str, Any]:
    labels = " or ".join(f"'{label}'" for label in field.labels)
    heard = {
        "type": ["string", "null"],
        "description": f"The words heard for it, as they were said, after {labels}; null if none were.",
    }
    return {
        "type": "object",
        "description": field.description,
        "properties": {"value": _value(field), "heard": heard},
        "required": ["value", "heard"],
        "additionalProperties": False,
    }


def _value(field: FormField) -> dict[str, Any]:
    told = {"description": f"{field.title}; null if it was not said."}
    if field.many is None:
        choices = {"enum": [*field.choices, None]} if field.choices else {}
        return {"type": [field.kind, "null"], **told, **choices, **_limits(field)}
    items = {"type": "string", **_limits(field.item)}
    return {"type": ["array", "null"], **told, "items": items, "maxItems": field.many.stop - 1}


def _limits(field: FormField) -> dict[str, Any]:
    lower, upper = ("minLength", "maxLength") if field.kind == "string" else ("minimum", "maximum")
    limits = {
        lower: field.least,
        upper: field.most,
        "pattern": field.pattern,
        "format": field.spoken.format,
    }
    return {keyword: limit for keyword, limit in limits.items() if limit is not None}
