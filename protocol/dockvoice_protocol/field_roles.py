"""Roles: what a field of a form holds, whatever its name. A form's file names them, in `x-voice.role` of its fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any


class FieldRole(StrEnum):
    """What a field holds; one field of a form has it."""

    PALLET = "pallet"
    ITEM = "item"
    LOT = "lot"
    EXPIRY = "expiry"
    EXCEPTION = "exception"  # What is wrong with the goods.
    TRAILER = "trailer"
    DOOR = "door"
    LOCATION = "location"  # Where the goods are from then on: a slot, a dock.
    ORDER = "order"
    QUANTITY = "quantity"
    DAMAGED = "damaged"  # Received in addition to the quantity, not a part of it.
    SHORT = "short"
    OVER = "over"


_NUMBERS = (FieldRole.QUANTITY, FieldRole.DAMAGED, FieldRole.SHORT, FieldRole.OVER)
"""The roles of integers and decimals; strings have all others."""

_OF_TYPES = {
    "string": tuple(role for role in FieldRole if role not in _NUMBERS),
    "integer": _NUMBERS,
    "number": _NUMBERS,
}


def fields_by_role(schema: object) -> dict[FieldRole, str]:
    """The field of each role, by the JSON Schema of a form without `role_faults`."""
    return {FieldRole(role): name for name, _, role in _names_types_and_roles(schema)}


def role_faults(schema: object) -> Iterator[str]:
    """The faults of a form's roles: where, what was found, what is allowed."""
    seen: dict[object, str] = {}
    for name, kind, role in _names_types_and_roles(schema):
        where, allowed = f"#/properties/{name}/x-voice/role: found {role!r}", _OF_TYPES.get(str(kind), ())
        if role not in allowed:
            yield f"{where}, allowed for this type: {', '.join(allowed) or 'none'}"
        elif (other := seen.setdefault(role, name)) != name:
            yield f"{where}, which is the role of {other}; one field of a form may have it"
    if uses_expected_lists(schema) and FieldRole.PALLET not in seen:
        yield "#/x-voice/expects: is set, and no field has the role pallet; give it to one"


def uses_expected_lists(schema: object) -> bool:
    """Whether entries of the form are compared with the lists of expected receipts."""
    return bool(_voice(schema).get("expects"))


def _names_types_and_roles(schema: object) -> Iterator[tuple[str, Any, Any]]:
    """Name, type and role of each field that has a role."""
    fields = schema.get("properties") if isinstance(schema, Mapping) else None
    for name, one in fields.items() if isinstance(fields, Mapping) else ():
        if (role := _voice(one).get("role")) is not None:
            yield name, one.get("type"), role


def _voice(of: object) -> Mapping[str, Any]:
    voice = of.get("x-voice") if isinstance(of, Mapping) else None
    return voice if isinstance(voice, Mapping) else {}
