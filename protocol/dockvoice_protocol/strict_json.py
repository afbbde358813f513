"""Strict JSON: what the standard leaves open is refused, since two readers could differ over it.

Twice the same key, NaN and Infinity, half a character, and, where limits are set, a number of a thousand digits or a
thousand lists in one another: each has been a way to make two programs see two things.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, NoReturn

_DEEP = "it is nested too deeply"
_LONG = "it holds a number that is too long"

DEEPEST = 32
"""Objects and lists in one another, of what a device or another program sends: an event has six. Python, Pydantic and
each reader of ours end at a depth of its own, and what one had taken another could not tell."""


class NotStrict(ValueError):
    """The text is not JSON as it is read here. No message quotes the text, which may be an operator's speech."""


class NotJson(NotStrict):
    """The text breaks the grammar of JSON."""

    def __init__(self, fault: json.JSONDecodeError) -> None:
        super().__init__("it is not JSON")
        self.line = fault.lineno
        self.column = fault.colno
        self.what = fault.msg  # What was expected there.
        self.told = str(fault)  # What was expected, with line, column and character.


class NotText(NotStrict):
    """Bytes that are no text, or one half of a pair of surrogates, which JSON can name and no file can hold."""


class DuplicateKey(NotStrict):
    """A key stands twice in one object."""

    def __init__(self, key: str) -> None:
        super().__init__("a key stands twice in one object")
        self.key = key


class NotFinite(NotStrict):
    """NaN or Infinity."""

    def __init__(self, found: str) -> None:
        super().__init__("it holds NaN or Infinity")
        self.found = found


class Overflow(NotFinite):
    """A number like 1e999, which becomes Infinity."""


class TooLarge(NotStrict):
    """A number that is too long, or objects and lists that are nested too deeply."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken; without a limit, as much as Python's own parser takes."""

    depth: float = math.inf  # Objects and lists in one another.
    integer: float = math.inf  # Characters of a number.
    fraction: float = math.inf  # Characters of a number with a point or an exponent.
    size: float = math.inf  # How far from 0 a number may be, however it is written.


_UNLIMITED = Limits()


def strict(text: str | bytes, limits: Limits = _UNLIMITED) -> Any:
    """What the JSON text means; bytes may be UTF-8, UTF-16 or UTF-32. Raises NotStrict."""
    try:
        found = json.loads(
            text,
            object_pairs_hook=_unrepeated,
            parse_constant=_not_finite,
            parse_int=lambda digits: _integer(_short(digits, limits.integer), limits.size),
            parse_float=lambda digits: _finite(_short(digits, limits.fraction), limits.size),
        )
        if limits.depth < math.inf and depth(found) > limits.depth:
            raise TooLarge(_DEEP)
        # Written again at once: JSON can name one half of a pair of surrogates, which nothing could keep.
        json.dumps(found, ensure_ascii=False).encode()
    except json.JSONDecodeError as fault:
        raise NotJson(fault) from None
    except UnicodeDecodeError:
        raise NotText("it is no text") from None
    except UnicodeEncodeError:
        raise NotText("it holds half a character") from None
    except RecursionError:
        raise TooLarge(_DEEP) from None
    return found


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key, value in pairs:
        if key in members:
            raise DuplicateKey(key)
        members[key] = value
    return members


def _not_finite(name: str) -> NoReturn:
    raise NotFinite(name)


def _finite(digits: str, most: float) -> float:
    if not math.isfinite(number := float(digits)) or abs(number) > most:
        raise Overflow(digits)
    return number


def _integer(digits: str, most: float) -> int:
    try:
        number = int(digits)
    except ValueError:  # Python takes no more than 4,300 digits
        raise TooLarge(_LONG) from None
    if abs(number) > most:
        raise TooLarge(_LONG)
    return number


def _short(digits: str, longest: float) -> str:
    if len(digits) > longest:
        raise TooLarge(_LONG)
    return digits


def depth(node: Any) -> int:
    """How many objects and lists are in one another, with the innermost value."""
    deepest, level = 0, [node]
    while level:
        deepest += 1
        lists = [list(one.values()) if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [child for one in lists for child in one]
    return deepest


def shallow(node: Any, deepest: int = DEEPEST) -> Any:
    """The same, with an ellipsis for what is nested deeper: kept long ago, or refused for it."""
    return node if depth(node) <= deepest else _cut(node, deepest)


def _cut(node: Any, left: int) -> Any:
    if not isinstance(node, dict | list):
        return node
    if left <= 1:
        return "…"
    if isinstance(node, dict):
        return {name: _cut(one, left - 1) for name, one in node.items()}
    return [_cut(one, left - 1) for one in node]
