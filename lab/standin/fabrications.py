"""Makes wrong answers of the kinds that language models have given."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import FormField
from dockvoice_protocol.records import FieldReading, FieldValue
from lab.standin.behaviour import WrongAnswerKind
from lab.standin.model import Answer, Call, SimulatedModel, Tool, argument_value, build_arguments

_PROSE = "Sure! I have noted the pallet for you. Is there anything else I can help you with?"
_TRIES = 20  # Attempts to sample a value that differs from the spoken one.
_LONGEST = 6  # Maximum length of one part of an invented identifier, as on a label.


def falsify_answer(
    how: WrongAnswerKind, honest: Answer, mind: SimulatedModel, tools: Sequence[Tool], prompt: str, random: Random
) -> Answer:
    """Replace the honest answer by a wrong one of the given kind."""
    match how:
        case WrongAnswerKind.FABRICATE:
            return _fabricate_identifiers(honest, mind, tools, random)
        case WrongAnswerKind.TWO_CALLS:
            return replace(honest, calls=(*honest.calls, *_fabricate_identifiers(honest, mind, tools, random).calls))
        case WrongAnswerKind.PROSE | WrongAnswerKind.LEAKED_PROMPT | WrongAnswerKind.EMPTY:
            return Answer(
                text={WrongAnswerKind.PROSE: _PROSE, WrongAnswerKind.LEAKED_PROMPT: prompt or _PROSE}.get(how)
            )
        case WrongAnswerKind.NOT_JSON:
            return replace(honest, broken=json.dumps(_arguments(honest))[:-2] + ", and so on")
        case WrongAnswerKind.UNKNOWN_TOOL | WrongAnswerKind.WRONG_TYPES | WrongAnswerKind.EXTRA_FIELDS:
            return replace(honest, calls=(_malformed_call(how, honest),))


def _fabricate_identifiers(honest: Answer, mind: SimulatedModel, tools: Sequence[Tool], random: Random) -> Answer:
    """Replace the record's identifiers by invented ones, in the transcript too.

    For silence, a whole record is invented, as models do from silence and noise.
    """
    tool = next((tool for tool in tools if mind.known_or_derived_form(tool)), None)
    form = mind.known_or_derived_form(tool) if tool else None
    if tool is None or form is None:
        return honest
    readings = _fields_from_arguments(honest)
    fields = {
        field.name: _fabricate_field(field, readings.get(field.name), mind.catalogue, random) for field in form.fields
    }
    chosen = next((tool for tool in tools if honest.form and tool.name == honest.calls[0].name), tool)
    return Answer((Call(chosen.name, build_arguments(chosen.schema, fields, "", [])),), form=form)


def _fabricate_field(
    field: FormField, reading: FieldReading | None, catalogue: Catalogue, random: Random
) -> FieldReading:
    named = field.identifier or field.catalogue is not None
    if reading and reading.value is not None and not named:
        return reading
    value = _different_value(field, reading.value if reading else None, catalogue, random)
    return FieldReading(value, (field.labels[0], *str(value)), 1.0)


def _different_value(field: FormField, said: FieldValue | None, catalogue: Catalogue, random: Random) -> FieldValue:
    """A plausible value that was not spoken: of the same length, from the catalogue if there is one."""
    if field.kind == "integer":
        drawn = random.randint(max(int(field.least or 1), 1), 40)
        return drawn + (drawn == said)
    known = catalogue.values(field.catalogue) if field.catalogue else field.choices
    if others := [value for value in known if value != said]:
        return random.choice(others)
    sampled = [_similar_identifier(field, said, random) for _ in range(_TRIES)]
    return next((value for value in sampled if value != said and field.allows(value)), sampled[0])


def _similar_identifier(field: FormField, value: FieldValue | None, random: Random) -> str:
    """Replace one character, the models' most frequent error, or invent a value of the field's shape."""
    if isinstance(value, str) and value:
        at = random.randrange(len(value))
        pool = "0123456789" if value[at].isdigit() else "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        return value[:at] + random.choice(pool) + value[at + 1 :]
    if field.shape:
        return field.shape.sample(random, _LONGEST)
    return "".join(random.choice("0123456789") for _ in range(4))


def _fields_from_arguments(answer: Answer) -> Mapping[str, FieldReading]:
    """The fields of an honest record, parsed from the call's arguments."""
    if answer.form is None:
        return {}
    given = {field.name: _arguments(answer).get(field.name) for field in answer.form.fields}
    return {
        name: FieldReading(argument_value(argument), _claimed_words(argument), 1.0) for name, argument in given.items()
    }


def _claimed_words(argument: Any) -> tuple[str, ...]:
    return tuple(str(argument.get("heard") or "").split()) if isinstance(argument, Mapping) else ()


def _arguments(answer: Answer) -> Mapping[str, Any]:
    return answer.calls[0].arguments if answer.calls else {}


def _malformed_call(how: WrongAnswerKind, honest: Answer) -> Call:
    name, arguments = honest.calls[0].name if honest.calls else "", _arguments(honest)
    if how is WrongAnswerKind.UNKNOWN_TOOL:
        return Call("update_inventory", arguments)
    if how is WrongAnswerKind.EXTRA_FIELDS:
        return Call(name, {**arguments, "confidence": "high", "supervisor_override": True})
    return Call(name, _convert_to_wrong_types(arguments))


def _convert_to_wrong_types(value: Any) -> Any:
    """Convert identifiers to numbers (losing zeros), and numbers to words."""
    match value:
        case dict():
            return {name: inner if name == "heard" else _convert_to_wrong_types(inner) for name, inner in value.items()}
        case str() if value.isdigit():
            return int(value)
        case bool() | None:
            return value
        case int():
            return f"{value} units"
        case _:
            return [value]
