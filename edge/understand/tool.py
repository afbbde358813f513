"""The tools a model is given to answer with: the form as nullable fields, and a way to say that it understood nothing.

The shape is OpenAI's function tool, which the other providers' clients translate. No text here may hold a record that
could pass for a real one: models shown an example return it for noise.
"""

from __future__ import annotations

from typing import Any

from edge.forms.form import Form, FormField
from edge.records import NotUnderstood

NOT_UNDERSTOOD = "not_understood"

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


def not_understood_tool() -> dict[str, Any]:
    """The tool to decline with: for noise, silence, or talk that is no dictation."""
    reason = {
        "type": "string",
        "enum": [str(reason) for reason in REASONS],
        "description": "; ".join(f"{reason}: {meaning}" for reason, meaning in REASONS.items()),
    }
    return _function(
        NOT_UNDERSTOOD, "Call this, and nothing else, where the recording holds no dictation.", {"reason": reason}
    )


def _function(name: str, description: str, properties: dict[str, Any]) -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def _field(field: FormField) -> dict[str, Any]:
    heard = {
        "type": ["string", "null"],
        "description": f"The words heard for it, as they were said, after {_either(field.labels)}; null if none were.",
    }
    return {
        "type": "object",
        "description": field.description,
        "properties": {"value": _value(field), "heard": heard},
        "required": ["value", "heard"],
        "additionalProperties": False,
    }


def _value(field: FormField) -> dict[str, Any]:
    lower, upper = ("minLength", "maxLength") if field.kind == "string" else ("minimum", "maximum")
    limits = {lower: field.least, upper: field.most, "pattern": field.pattern}
    return {
        "type": [field.kind, "null"],
        "description": f"{field.title}; null if it was not said.",
        **({"enum": [*field.choices, None]} if field.choices else {}),
        **{keyword: limit for keyword, limit in limits.items() if limit is not None},
    }


def _either(words: tuple[str, ...]) -> str:
    return " or ".join(f"'{word}'" for word in words)
