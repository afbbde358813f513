"""Kinds of fields: a module with a class for each, and the table of them. To add one: docs/recipes.md."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from dockvoice_protocol.forms.model import FormField
from dockvoice_protocol.forms.spoken.kinds.alphanumeric import Alphanumeric
from dockvoice_protocol.forms.spoken.kinds.cardinal import Cardinal
from dockvoice_protocol.forms.spoken.kinds.date import Day
from dockvoice_protocol.forms.spoken.kinds.decimal import Measure
from dockvoice_protocol.forms.spoken.kinds.digits import Digits
from dockvoice_protocol.forms.spoken.kinds.enum import Enumeration
from dockvoice_protocol.forms.spoken.kinds.kind import FieldKind
from dockvoice_protocol.forms.spoken.kinds.letter import Letter
from dockvoice_protocol.forms.spoken.kinds.unit import UnitCode
from dockvoice_protocol.forms.spoken.kinds.yes_no import YesNo

KINDS: Mapping[str, FieldKind] = MappingProxyType(
    {kind.name: kind() for kind in (Digits, Alphanumeric, Cardinal, Letter, Enumeration, Measure, Day, YesNo, UnitCode)}
)
"""Every kind by its name, in the order in which faults of a form list them."""


def kind_of(field: FormField) -> FieldKind:
    """What the kind of a field can do."""
    return KINDS[field.spoken.name]
