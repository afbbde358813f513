"""Values said by their last digits only, as operators say pallet ids whose beginnings are all alike."""

from __future__ import annotations

from edge.forms.catalogue import Catalogue
from edge.forms.model import FormField
from edge.records import FieldValue

Meanings = tuple[FieldValue | None, ...]
"""What words may mean, best first; None among them: they may make no value."""


def expanded(value: FieldValue | None, field: FormField, catalogue: Catalogue) -> Meanings:
    """What a value that was said stands for: itself, or each value of the catalogue that ends in what was said.

    Only as many characters as the form says are taken for an end; where no value ends so, they make no value.
    """
    if field.catalogue is None or not isinstance(value, str) or len(value) != field.last_digits:
        return (value,)
    known = catalogue.values(field.catalogue)
    if value in known:
        return (value,)
    return tuple(one for one in known if one.endswith(value)) or (None,)
