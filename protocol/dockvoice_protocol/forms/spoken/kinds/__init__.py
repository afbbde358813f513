"""The registry of field kinds: each is a class in a module of this package. To add one: docs/recipes.md."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from dockvoice_protocol.forms.model import FormField
from dockvoice_protocol.forms.spoken.kinds.kind import FieldKind

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

KINDS: Mapping[str, FieldKind] = MappingProxyType({name: kind() for name, kind in FieldKind.by_name.items()})
"""Every kind by its name."""


def kind_of(field: FormField) -> FieldKind:
    """The kind object of a field."""
    return KINDS[field.spoken.name]
