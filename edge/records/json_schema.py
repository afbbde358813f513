"""JSON Schema 2020-12 as the standard has it, where the library follows Python instead.

Patterns are ECMA 262: `$` is the end of the text. Python's also matches before a line break that ends it, and so would
take "742" and "742" with a line break for two spellings of one pallet, both good.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

_PIECE = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\$", re.DOTALL)
"""An escaped character, a class, or a `$` that is neither."""


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """A `pattern` of JSON Schema."""
    return re.compile(_PIECE.sub(lambda piece: r"\Z" if piece[0] == "$" else piece[0], pattern))


def _pattern(_: Validator, pattern: str, value: object, __: object) -> Iterator[ValidationError]:
    if isinstance(value, str) and compiled(pattern).search(value) is None:
        yield ValidationError(f"does not match {pattern!r}")


SchemaValidator = cast(
    type[Draft202012Validator],
    extend(Draft202012Validator, {"pattern": _pattern}),  # type: ignore[no-untyped-call]
)
"""What every schema of this house is checked with."""
