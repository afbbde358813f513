"""JSON Schema 2020-12: a validator with ECMA patterns, and a fast path.

In ECMA 262, `$` matches only the end of the text; Python's also matches before a final line break, and would accept one
pallet in two spellings.

The fast path compiles a schema to a function. True means valid; False means that jsonschema must be asked,
which takes a millisecond for an event and names the fault. A keyword that the fast path lacks makes it return False.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import combinations
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

_PIECE = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\$", re.DOTALL)
"""An escaped character, a class, or a `$` that is neither."""


@lru_cache(maxsize=1024)
def _compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a `pattern` of JSON Schema."""
    return re.compile(_PIECE.sub(lambda piece: r"\Z" if piece[0] == "$" else piece[0], pattern))


def _ecma_pattern(_: Validator, pattern: str, value: object, __: object) -> Iterator[ValidationError]:
    if isinstance(value, str) and _compile_pattern(pattern).search(value) is None:
        yield ValidationError(f"does not match {pattern!r}")


SchemaValidator = cast(
    type[Draft202012Validator],
    extend(Draft202012Validator, {"pattern": _ecma_pattern}),  # type: ignore[no-untyped-call]
)
"""Validates every schema of the project."""

FastCheck = Callable[[Any], bool]

_REMARKS = frozenset(
    {"$schema", "$id", "$defs", "$anchor", "$dynamicAnchor", "$comment", "title", "description", "examples"}
)
"""Keywords that demand nothing; those that begin with `x-` do not either."""

_TYPES: Mapping[str, FastCheck] = {
    "object": lambda value: type(value) is dict,
    "array": lambda value: type(value) is list,
    "string": lambda value: type(value) is str,
    "boolean": lambda value: type(value) is bool,
    "null": lambda value: value is None,
    "integer": lambda value: type(value) is int,
    "number": lambda value: type(value) is int or type(value) is float,
}
"""Compares the exact class: 12.0, an integer to JSON Schema, is left to jsonschema."""

_LOCAL = "#/$defs/"  # Prefix of supported references.


def compile_fast_check(schema: Mapping[str, Any] | bool) -> FastCheck:
    """Compile the fast path for parsed JSON: True means valid, False means ask jsonschema."""
    try:
        return _compile_node(schema, schema if isinstance(schema, Mapping) else {})
    except (re.error, RecursionError):  # a pattern that Python lacks; a schema that refers to itself
        return _always_false


def _always_false(_value: object) -> bool:
    return False


def _compile_node(schema: Any, root: Mapping[str, Any]) -> FastCheck:
    if not isinstance(schema, Mapping):
        return (lambda _value: True) if schema is True else _always_false
    demands: list[FastCheck] = []
    for name, demanded in schema.items():
        if name in _REMARKS or name.startswith("x-"):
            continue
        if name in _BESIDE_PROPERTIES:
            demands.append(_BESIDE_PROPERTIES[name](demanded, schema, root))
        elif name in _MAKERS:
            demands.append(_MAKERS[name](demanded, root))
        else:
            return _always_false
    return _all_of(demands)


def _all_of(demands: list[FastCheck]) -> FastCheck:
    if len(demands) == 1:
        return demands[0]

    def keeps(value: Any) -> bool:
        for demand in demands:  # noqa: SIM110 - a generator takes twice as long
            if not demand(value):
                return False
        return True

    return keeps


def _check_type(wanted: Any, _root: object) -> FastCheck:
    kinds = [_TYPES[one] for one in ([wanted] if isinstance(wanted, str) else wanted)]
    return kinds[0] if len(kinds) == 1 else lambda value: any(kind(value) for kind in kinds)


def _check_enum(allowed: Any, _root: object) -> FastCheck:
    texts = frozenset(one for one in allowed if isinstance(one, str))
    return lambda value: type(value) is str and value in texts


def _check_pattern(wanted: str, _root: object) -> FastCheck:
    search = _compile_pattern(wanted).search
    return lambda value: type(value) is not str or search(value) is not None


def _check_number(keeps: Callable[[Any], bool]) -> FastCheck:
    return lambda value: type(value) not in {int, float} or keeps(value)


def _check_required(names: list[str], _root: object) -> FastCheck:
    needed = frozenset(names)
    return lambda value: type(value) is not dict or needed <= value.keys()


def _check_properties(schemas: Mapping[str, Any], root: Mapping[str, Any]) -> FastCheck:
    known = {name: _compile_node(schema, root) for name, schema in schemas.items()}

    def keeps(value: Any) -> bool:
        if type(value) is not dict:
            return True
        for name, one in value.items():  # noqa: SIM110 - as in _all_of
            if name in known and not known[name](one):
                return False
        return True

    return keeps


def _check_additional(schema: Any, beside: Mapping[str, Any], root: Mapping[str, Any]) -> FastCheck:
    if "patternProperties" in beside:
        return _always_false
    known, other = frozenset(beside.get("properties", ())), _compile_node(schema, root)

    def keeps(value: Any) -> bool:
        if type(value) is not dict or value.keys() <= known:
            return True
        return all(name in known or other(one) for name, one in value.items())

    return keeps


def _check_names(schema: Any, beside: Mapping[str, Any], root: Mapping[str, Any]) -> FastCheck:
    one = _compile_node(schema, root)
    known = frozenset(name for name in beside.get("properties", ()) if one(name))
    return lambda value: type(value) is not dict or value.keys() <= known or all(one(name) for name in value)


def _check_items(schema: Any, root: Mapping[str, Any]) -> FastCheck:
    one = _compile_node(schema, root)
    return lambda value: type(value) is not list or all(one(item) for item in value)


def _check_ref(target: str, root: Mapping[str, Any]) -> FastCheck:
    name = target.removeprefix(_LOCAL)
    known = root.get("$defs", {})
    return _compile_node(known[name], root) if target.startswith(_LOCAL) and name in known else _always_false


def _check_any_of(schemas: list[Any], root: Mapping[str, Any]) -> FastCheck:
    choices = [_compile_node(schema, root) for schema in schemas]

    def keeps(value: Any) -> bool:
        for choice in choices:  # noqa: SIM110 - as in _all_of
            if choice(value):
                return True
        return False

    return keeps


def _check_one_of(schemas: list[Any], root: Mapping[str, Any]) -> FastCheck:
    """Exactly one: supported where the types of the choices are disjoint."""
    kinds = [_types_of(schema, root) for schema in schemas]
    if any(not kind for kind in kinds) or any(one & other for one, other in combinations(kinds, 2)):
        return _always_false
    return _check_any_of(schemas, root)


def _types_of(schema: Any, root: Mapping[str, Any]) -> frozenset[str]:
    """The types that a schema accepts; none where it does not name them."""
    while isinstance(schema, Mapping) and "type" not in schema and str(schema.get("$ref", "")).startswith(_LOCAL):
        schema = root.get("$defs", {}).get(schema["$ref"].removeprefix(_LOCAL))
    wanted = schema.get("type", ()) if isinstance(schema, Mapping) else ()
    kinds = frozenset([wanted] if isinstance(wanted, str) else wanted)
    return kinds | {"integer"} if "number" in kinds else kinds


def _check_length(kind: type, keeps: Callable[[int], bool]) -> FastCheck:
    def sized(value: Any) -> bool:
        held: Any = value
        return type(value) is not kind or keeps(len(held))

    return sized


_BESIDE_PROPERTIES = {"additionalProperties": _check_additional, "propertyNames": _check_names}
"""Keywords whose check depends on the `properties` beside them."""

_MAKERS: Mapping[str, Callable[[Any, Mapping[str, Any]], FastCheck]] = {
    "type": _check_type,
    "enum": _check_enum,
    "const": lambda wanted, root: _check_enum([wanted], root),
    "pattern": _check_pattern,
    "minimum": lambda least, _: _check_number(lambda value: value >= least),
    "maximum": lambda most, _: _check_number(lambda value: value <= most),
    "exclusiveMinimum": lambda least, _: _check_number(lambda value: value > least),
    "exclusiveMaximum": lambda most, _: _check_number(lambda value: value < most),
    "minLength": lambda least, _: _check_length(str, lambda size: size >= least),
    "maxLength": lambda most, _: _check_length(str, lambda size: size <= most),
    "minItems": lambda least, _: _check_length(list, lambda size: size >= least),
    "maxItems": lambda most, _: _check_length(list, lambda size: size <= most),
    "minProperties": lambda least, _: _check_length(dict, lambda size: size >= least),
    "maxProperties": lambda most, _: _check_length(dict, lambda size: size <= most),
    "required": _check_required,
    "properties": _check_properties,
    "items": _check_items,
    "allOf": lambda schemas, root: _all_of([_compile_node(schema, root) for schema in schemas]),
    "anyOf": _check_any_of,
    "oneOf": _check_one_of,
    "$ref": _check_ref,
}
