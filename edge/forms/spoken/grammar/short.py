"""Values said by their last digits only, as operators say pallet ids whose beginnings are all alike."""

from __future__ import annotations

from edge.forms.catalogue import Catalogue
from edge.forms.model import FormField


def expanded(value: str, field: FormField, catalogue: Catalogue) -> tuple[str | None, ...]:
    """What a value that was said stands for: itself, or each value of the catalogue that ends in what was said.

    Only as many characters as the form says are taken for an end; where no value ends so, they make no value.
    """
    if field.catalogue is None or len(value) != field.last_digits:
        return (value,)
    known = catalogue.values(field.catalogue)
    if value in known:
        return (value,)
    return tuple(one for one in known if one.endswith(value)) or (None,)
