"""Keys of GS1 that carry a check digit, so that one digit heard wrongly is found out.

The check digit is that of GS1 General Specifications, section 7.9; `biip` computes it.
"""

from __future__ import annotations

from enum import StrEnum
from random import Random


class Gs1(StrEnum):
    """Which key a number is."""

    SSCC = "sscc"  # Serial shipping container code: one pallet or carton, 18 digits.
    GTIN = "gtin"  # Global trade item number: 8, 12, 13 or 14 digits.


LENGTHS = {Gs1.SSCC: frozenset({18}), Gs1.GTIN: frozenset({8, 12, 13, 14})}


def holds(value: str, key: Gs1) -> bool:
    """Has the value the length of such a key, and does its last digit follow from the others?"""
    digits = value.isascii() and value.isdigit()
    return digits and len(value) in LENGTHS[key] and int(value[-1]) == _check_digit(value[:-1])


def checked(value: str, key: Gs1) -> str:
    """The value itself. Raises ValueError where it is no such key."""
    if not holds(value, key):
        raise ValueError(f"is no {key.upper()}: the check digit or the length does not fit")
    return value


def sample(key: Gs1, random: Random) -> str:
    """Any key of this kind."""
    length = random.choice(sorted(LENGTHS[key]))
    payload = "".join(random.choice("0123456789") for _ in range(length - 1))
    return f"{payload}{_check_digit(payload)}"


def _check_digit(payload: str) -> int:
    from biip.checksums import gs1_standard_check_digit  # noqa: PLC0415 - with it comes a table of all GS1 prefixes

    return gs1_standard_check_digit(payload)
