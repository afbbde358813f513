"""Options that take one of a few words."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

import typer

_Choice = TypeVar("_Choice", bound=StrEnum)


def choice_option(kind: type[_Choice], *names: str, **given: Any) -> Any:
    """The `typer.Option` of an option that takes a word of `kind`; another one is told with all that are allowed."""
    return typer.Option(*names, **{"metavar": f"<{'|'.join(kind)}>", "parser": _parser(kind), **given})


def _parser(kind: type[_Choice]) -> Callable[[str], _Choice]:
    def parse(word: str) -> _Choice:
        try:
            return kind(word)
        except ValueError:
            raise typer.BadParameter(f"found {word!r}; allowed: {', '.join(kind)}") from None

    return parse
