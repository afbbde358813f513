"""What is sure to keep a schema keeps it; whatever is done to a message, nothing bad is let in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockvoice_protocol.events import SCHEMAS, MalformedMessage, validate_message
from dockvoice_protocol.json_schema import SchemaValidator, compile_fast_check

FILES = Path(__file__).parents[2] / "schemas"
EVENTS = ("entry-recorded", "entry-amended", "entry-cancelled", "entry-withheld")
OTHERS = ("status",)


def schema(name: str) -> dict[str, Any]:
    path = FILES / "events" / f"{name}.schema.json"
    path = path if path.exists() else FILES / f"{name}.schema.json"
    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return read


def example(name: str) -> Any:
    return json.loads((FILES / "examples" / f"{name}.json").read_text(encoding="utf-8"))


NAMES = (*EVENTS, *OTHERS)
SCHEMA = {name: schema(name) for name in NAMES}
VALIDATOR = {name: SchemaValidator(SCHEMA[name]) for name in NAMES}
SURE = {name: compile_fast_check(SCHEMA[name]) for name in NAMES}

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield above
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one in steps:
        yield from places(one, (*above, step))


def at(value: Any, place: tuple[Any, ...]) -> Any:
    for step in place:
        value = value[step]
    return value


@st.composite
def changed(draw: st.DrawFn, name: str) -> Any:
    """An example in which something is exchanged, taken out or put in, twice at most."""
    message = deepcopy(example(name))
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.sampled_from([one for one in places(message) if one]))
        held, step = at(message, place[:-1]), place[-1]
        match draw(st.sampled_from(["exchange", "take out", "put in", "another's"])):
            case "exchange":
                held[step] = draw(VALUES)
            case "take out":
                held.pop(step)
            case "put in" if isinstance(held, dict):
                held[draw(st.text(max_size=8))] = draw(VALUES)
            case _:
                held[step] = deepcopy(at(message, draw(st.sampled_from(list(places(message))))))
        if not [one for one in places(message) if one]:
            break
    return message


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_nothing_is_sure_that_breaks_its_schema(name: str, data: st.DataObject) -> None:
    message = data.draw(changed(name))
    if SURE[name](message):
        assert VALIDATOR[name].is_valid(message)


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_that_is_sound_is_sure(name: str) -> None:
    assert SURE[name](example(name))
    assert not SURE[name](example(f"{name}.invalid"))


@given(VALUES)
def test_a_keyword_that_is_not_known_makes_nothing_sure(value: Any) -> None:
    assert not compile_fast_check({"type": ["string", "number", "object"], "dependentRequired": {}})(value)
    assert not compile_fast_check({"$ref": "https://example.org/elsewhere"})(value)
    assert not compile_fast_check({"oneOf": [{"type": "number"}, {"type": "integer"}]})(value)
    assert not compile_fast_check({"oneOf": [{"type": "string"}, {"maximum": 3}]})(value)
    assert not compile_fast_check(False)(value)  # a schema too, of JSON Schema's


SMALL = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(
            ["object", "array", "string", "boolean", "null", "integer", "number", ["null", "string"]]
        ),
        "enum": st.lists(VALUES, min_size=1, max_size=3),
        "const": VALUES,
        "minimum": st.integers(-3, 3),
        "exclusiveMaximum": st.integers(-3, 3),
        "minLength": st.integers(0, 3),
        "maxLength": st.integers(0, 3),
        "maxItems": st.integers(0, 2),
        "minProperties": st.integers(0, 2),
        "maxProperties": st.integers(0, 2),
        "pattern": st.sampled_from(["^a", "b$", "^[0-9]*$"]),
        "required": st.lists(st.sampled_from("ab"), unique=True),
        "additionalProperties": st.booleans(),
        "propertyNames": st.just({"pattern": "^[ab]"}),
        "properties": st.just({"a": {"type": "string"}, "b": {"oneOf": [{"type": "null"}, {"type": "number"}]}}),
        "items": st.just({"type": "integer", "minimum": 0}),
        "anyOf": st.just([{"type": "string"}, {"maximum": 2}]),
        "allOf": st.just([{"minLength": 1}, {"maxLength": 5}]),
    },
)


@given(SMALL, VALUES | st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3))
def test_no_keyword_is_taken_for_less_than_it_demands(demanded: dict[str, Any], value: Any) -> None:
    if compile_fast_check(demanded)(value):
        assert SchemaValidator(demanded).is_valid(value), demanded


def test_what_is_not_sure_is_told_as_before() -> None:
    for kind, file in SCHEMAS.items():
        name = file.removeprefix("events/").removesuffix(".schema.json")
        message = example(name) | {"sequence": "0"}
        with pytest.raises(MalformedMessage, match="/sequence: found str, which breaks the rule pattern"):
            validate_message(message, file)
        validate_message(example(name) | {"type": kind}, file)
