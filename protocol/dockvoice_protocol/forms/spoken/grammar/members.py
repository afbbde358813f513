"""Quick access to the members of an enumeration."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import TypeVar, cast

_Enumeration = TypeVar("_Enumeration", bound=Enum)


class _Members(type):
    """The class of what `quick_members` makes."""

    enumeration: type[Enum]

    def __iter__(cls) -> Iterator[Enum]:
        return iter(cls.enumeration)

    def __instancecheck__(cls, one: object) -> bool:
        return isinstance(one, cls.enumeration)


def quick_members(enumeration: type[_Enumeration]) -> type[_Enumeration]:
    """An ordinary class with the members of an enumeration, which can be iterated like it, in its place.

    A member is found in it in 40 ns. The class of an enumeration takes 170 in Python 3.11 (no longer in 3.12), and the
    reader of a sentence asks some thousand times: an eighth of its time.
    """
    members = {**enumeration.__members__, "enumeration": enumeration, "__doc__": enumeration.__doc__}
    return cast("type[_Enumeration]", _Members(enumeration.__name__, (), members))
