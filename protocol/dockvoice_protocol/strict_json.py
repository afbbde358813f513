"""Strict JSON: constructs that two parsers could read differently are refused.

These are duplicate keys, NaN and Infinity, lone surrogates and, where limits are set, very long numbers and very deep
nesting.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic_core import from_json, to_json

_DEEP = "it is nested too deeply"
_LONG = "it holds a number that is too long"

DEEPEST = 32
"""The nesting limit for messages of devices and other programs: an event has six levels. Python, Pydantic and other
parsers have different limits; a message that one accepts must not fail in the next."""


class NotStrict(ValueError):
    """The text is not strict JSON. No message quotes the text, which may be an operator's speech."""


class NotJson(NotStrict):
    """The text breaks the grammar of JSON."""

    def __init__(self, fault: json.JSONDecodeError) -> None:
        super().__init__("it is not JSON")
        self.line = fault.lineno
        self.column = fault.colno
        self.what = fault.msg  # What was expected there.
        self.details = str(fault)  # What was expected, with line, column and character.


class InvalidUnicode(NotStrict):
    """Bytes that are not text, or a lone surrogate, which JSON can name and no file can hold."""


class DuplicateKey(NotStrict):
    """An object has a key twice."""

    def __init__(self, key: str) -> None:
        super().__init__("a key stands twice in one object")
        self.key = key


class NotFinite(NotStrict):
    """NaN or Infinity."""

    def __init__(self, found: str) -> None:
        super().__init__("it holds NaN or Infinity")
        self.found = found


class NumberOverflow(NotFinite):
    """A number like 1e999, which becomes Infinity."""


class ExceedsLimits(NotStrict):
    """A number is too long, or the nesting too deep."""


@dataclass(frozen=True, slots=True)
class ParserLimits:
    """The limits of the parser; by default those of Python's own."""

    depth: float = math.inf  # Objects and lists in one another.
    integer: float = math.inf  # Characters of a number.
    fraction: float = math.inf  # Characters of a number with a point or an exponent.
    size: float = math.inf  # The largest absolute value.


_UNLIMITED = ParserLimits()


def parse_strict(text: str | bytes, limits: ParserLimits = _UNLIMITED) -> Any:
    """Parse JSON text; bytes may be UTF-8, UTF-16 or UTF-32. Raises NotStrict."""
    try:
        found = json.loads(
            text,
            object_pairs_hook=_refuse_duplicate_keys,
            parse_constant=_refuse_constant,
            parse_int=lambda digits: _parse_integer(_refuse_long(digits, limits.integer), limits.size),
            parse_float=lambda digits: _parse_fraction(_refuse_long(digits, limits.fraction), limits.size),
        )
        if limits.depth < math.inf and nesting_depth(found) > limits.depth:
            raise ExceedsLimits(_DEEP)
        # Written again at once: JSON can name one half of a pair of surrogates, which nothing could keep.
        json.dumps(found, ensure_ascii=False).encode()
    except json.JSONDecodeError as fault:
        raise NotJson(fault) from None
    except UnicodeDecodeError:
        raise InvalidUnicode("it is no text") from None
    except UnicodeEncodeError:
        raise InvalidUnicode("it holds half a character") from None
    except RecursionError:
        raise ExceedsLimits(_DEEP) from None
    return found


_HUGE = re.compile(rb"[0-9]{16}|[0-9][eE]")
"""Outside of strings: a number that may be 10^15 or more. The largest that every reader keeps has 16 digits."""


def parse_compact(text: bytes) -> Any:
    """Parse compact JSON that can be read in one way only; None for any other text, valid or not.

    Whatever `parse_strict` refuses is no text that pydantic_core writes: read and written again, it would differ. It
    takes a third of the time. Numbers are below 10^15.
    """
    if b"\\" in text or _HUGE.search(b"".join(text.split(b'"')[::2])):
        return None
    try:
        found = from_json(text, allow_inf_nan=False)
        return found if to_json(found) == text else None
    except ValueError:
        return None


def _refuse_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key, value in pairs:
        if key in members:
            raise DuplicateKey(key)
        members[key] = value
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise NotFinite(name)


def _parse_fraction(digits: str, most: float) -> float:
    if not math.isfinite(number := float(digits)) or abs(number) > most:
        raise NumberOverflow(digits)
    return number


def _parse_integer(digits: str, most: float) -> int:
    try:
        number = int(digits)
    except ValueError:  # Python takes no more than 4,300 digits
        raise ExceedsLimits(_LONG) from None
    if abs(number) > most:
        raise ExceedsLimits(_LONG)
    return number


def _refuse_long(digits: str, longest: float) -> str:
    if len(digits) > longest:
        raise ExceedsLimits(_LONG)
    return digits


def nesting_depth(node: Any) -> int:
    """The nesting depth; the innermost value counts as a level."""
    deepest, level = 0, [node]
    while level:
        deepest += 1
        inner = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, (dict, list))]
        level = [child for one in inner for child in one]
    return deepest


def cut_nesting(node: Any, deepest: int = DEEPEST) -> Any:
    """The value with an ellipsis for what is nested deeper, for values stored before there was a limit."""
    return node if nesting_depth(node) <= deepest else _cut_below(node, deepest)


def _cut_below(node: Any, left: int) -> Any:
    if not isinstance(node, dict | list):
        return node
    if left <= 1:
        return "…"
    if isinstance(node, dict):
        return {name: _cut_below(one, left - 1) for name, one in node.items()}
    return [_cut_below(one, left - 1) for one in node]
