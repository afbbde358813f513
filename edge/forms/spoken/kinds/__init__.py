"""Kinds of fields: a module with a class for each, and the table of them. To add one: docs/recipes.md."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from edge.forms.model import FormField, Spoken
from edge.forms.spoken.kinds.alphanumeric import Alphanumeric
from edge.forms.spoken.kinds.cardinal import Cardinal
from edge.forms.spoken.kinds.date import Day
from edge.forms.spoken.kinds.decimal import Measure
from edge.forms.spoken.kinds.digits import Digits
from edge.forms.spoken.kinds.enum import Enumeration
from edge.forms.spoken.kinds.kind import FieldKind
from edge.forms.spoken.kinds.letter import Letter
from edge.forms.spoken.kinds.unit import UnitCode
from edge.forms.spoken.kinds.yes_no import YesNo

KINDS: Mapping[str, FieldKind] = MappingProxyType(
    {kind.name: kind() for kind in (Digits, Alphanumeric, Cardinal, Letter, Enumeration, Measure, Day, YesNo, UnitCode)}
)
"""Every kind by its name, in the order in which faults of a form list them."""

Spoken.CARDINAL, Spoken.YES_NO = KINDS["cardinal"], KINDS["yes_no"]


def kind_of(field: FormField) -> FieldKind:
    """What the kind of a field can do."""
    return KINDS[field.spoken.name]
