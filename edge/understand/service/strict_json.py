"""JSON from a stranger: what the standard leaves open is refused, since two readers could understand it differently.

Twice the same key, NaN and Infinity, a number of a thousand digits, a thousand lists in one another: no reading needs
them, and each has been a way to make two programs see two things.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from edge.understand.remote.failures import Fault

DEEPEST = 32
"""Objects and lists in one another: answers of the services have about ten."""

LONGEST_NUMBER = 18
"""Characters of a number: what an integer of 64 bits may have."""

LONGEST_FRACTION = 32
"""Characters of a number with a point or an exponent: a double written in full has 24, and likelihoods are."""


class NotStrict(ValueError):
    """The text is not JSON as it is read here."""

    def __init__(self, fault: Fault, told: str) -> None:
        super().__init__(told)
        self.fault = fault
        self.told = told


def strict(text: str | bytes) -> Any:
    """What the JSON text means. Raises NotStrict."""
    try:
        found = json.loads(
            text,
            object_pairs_hook=_unrepeated,
            parse_constant=_no_number,
            parse_int=lambda digits: int(_short(digits)),
            parse_float=_finite,
        )
    except NotStrict:
        raise
    except RecursionError:
        raise NotStrict(Fault.TOO_LARGE, "it is nested too deeply") from None
    except ValueError:  # with the text in its message
        raise NotStrict(Fault.NOT_JSON, "it is not JSON") from None
    if _depth(found) > DEEPEST:
        raise NotStrict(Fault.TOO_LARGE, "it is nested too deeply")
    if not _is_text(found):
        raise NotStrict(Fault.NOT_JSON, "it holds half a character")
    return found


def _is_text(found: Any) -> bool:
    """Can all of it be written down? JSON can name one half of a pair of surrogates, which is no character."""
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise NotStrict(Fault.DUPLICATE_KEY, "a key stands twice in one object")
    return dict(pairs)


def _no_number(_: str) -> NoReturn:
    raise NotStrict(Fault.NOT_JSON, "it holds NaN or Infinity")


def _finite(digits: str) -> float:
    number = float(_short(digits, LONGEST_FRACTION))
    return number if math.isfinite(number) else _no_number(digits)


def _short(digits: str, longest: int = LONGEST_NUMBER) -> str:
    if len(digits) > longest:
        raise NotStrict(Fault.TOO_LARGE, "it holds a number that is too long")
    return digits


def _depth(node: Any) -> int:
    deepest, level = 0, [node]
    while level:
        deepest += 1
        lists = [list(one.values()) if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [child for one in lists for child in one]
    return deepest
