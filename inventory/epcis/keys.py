"""GS1 keys in EPCIS: SSCC, GTIN with lot, GLN; formatted as URIs and parsed from them.

A key has two forms. A GS1 Digital Link URI has it as on the label; a URN of the EPC Tag Data Standard is split after
the issuer's company prefix, whose length must be configured, since the key does not show it.

GS1 General Specifications, section 7.9 (check digit), 2.1 and 3 (the keys), 7.11 (characters of lots and extensions);
GS1 Digital Link URI Syntax 1.2 (paths, and characters that are escaped); EPC Tag Data Standard 2.0, section 6.3 (URNs)
and table A-1 (escapes); CBV 2.0, section 8 (which of them name what).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from urllib.parse import quote, unquote

SSCC, _GTIN, GLN = 18, 14, 13
"""Digits of a key, the check digit included. A GTIN of 8, 12 or 13 digits is padded with zeros."""

_SHORT_GTINS = (8, 12, 13)  # Digits of shorter GTINs on labels and in lists.
_LOT_CHARACTERS = re.compile(r"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]{1,20}")
"""Format of a lot (AI 10) and of the extension of a GLN (AI 254): GS1's character set 82, at most 20."""

COMPANY_PREFIX = re.compile("[0-9]{6,12}")  # A GS1 company prefix, 6 to 12 digits in TDS.

_RESOLVER = "https://id.gs1.org"  # Host of a canonical Digital Link. A URI with another host names the same thing.

_MEASURED = "9"  # Indicator digit, the first of a GTIN-14, of trade items that are measured one by one.

_GROUPINGS = frozenset("12345678")
"""Indicator digits of groupings of standard trade items, such as a case: counted, never measured."""


class KeyKind(StrEnum):
    """What a key identifies."""

    UNIT = "sscc"  # One logistic unit.
    CLASS = "gtin"  # A class of trade items.
    LOT = "lgtin"  # The trade items of one lot.
    ITEM = "sgtin"  # One trade item, by its serial number.
    PLACE = "sgln"  # A place, or a part of one.


@dataclass(frozen=True, slots=True)
class Key:
    """A key as on the label: the digits, and a suffix."""

    kind: KeyKind
    digits: str
    more: str = ""  # The lot, the serial number, the extension.

    @property
    def is_measured(self) -> bool | None:
        """Whether these trade items are measured one by one; None if the number does not show it."""
        if self.digits.startswith(_MEASURED):
            return True
        return False if self.digits[0] in _GROUPINGS else None


class InvalidKey(ValueError):
    """Not a valid key of its kind; the message gives the reason and what is allowed."""


def check_digit(digits: str) -> str:
    """Compute the GS1 check digit of these digits.

    Weights from the right are 3, 1, 3, 1 …; the check digit fills the sum up to a multiple of ten.
    """
    total = sum(int(digit) * (3 if at % 2 == 0 else 1) for at, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def check_key_digits(digits: str, length: int, called: str) -> str:
    """Return the digits if they are a valid key of this length. Raises InvalidKey."""
    if not (digits.isascii() and digits.isdigit()):
        raise InvalidKey(f"found {digits[:40]!r}, a {called} has {length} digits and nothing else")
    if len(digits) != length:
        raise InvalidKey(f"found {digits[:40]!r} with {len(digits)} digits, a {called} has {length}")
    if digits[-1] != check_digit(digits[:-1]):
        raise InvalidKey(f"found {digits}, whose check digit would be {check_digit(digits[:-1])}: a digit is wrong")
    if not digits.strip("0"):
        raise InvalidKey(f"found nothing but zeros, which name no {called}")
    return digits


def to_gtin14(digits: str) -> str:
    """Pad a GTIN of 8, 12, 13 or 14 digits to the 14 of EPCIS. Raises InvalidKey."""
    if len(digits) in _SHORT_GTINS and digits.isdigit():
        digits = digits.zfill(_GTIN)
    return check_key_digits(digits, _GTIN, "GTIN")


def check_lot_or_extension(text: str, called: str) -> str:
    """Return the lot or extension if its characters are allowed. Raises InvalidKey."""
    if not _LOT_CHARACTERS.fullmatch(text):
        raise InvalidKey(
            f"found {text[:40]!r}, a {called} has 1 to 20 letters without accents, digits or signs, no blanks"
        )
    return text


_LINK_PATHS = {
    KeyKind.UNIT: "00/{}",
    KeyKind.CLASS: "01/{}",
    KeyKind.LOT: "01/{}/10/{}",
    KeyKind.ITEM: "01/{}/21/{}",
    KeyKind.PLACE: "414/{}",
}
"""The path of a Digital Link, with the digits and what follows them."""


def to_digital_link(key: Key) -> str:
    """Format the key as a canonical GS1 Digital Link URI."""
    more = quote(key.more, safe="")
    extension = f"/254/{more}" if key.kind is KeyKind.PLACE and more else ""
    return f"{_RESOLVER}/{_LINK_PATHS[key.kind].format(key.digits, more)}{extension}"


_URN_FORMS = {
    KeyKind.UNIT: "urn:epc:id:sscc:{}.{}",
    KeyKind.CLASS: "urn:epc:idpat:sgtin:{}.{}.*",
    KeyKind.LOT: "urn:epc:class:lgtin:{}.{}.{}",
    KeyKind.ITEM: "urn:epc:id:sgtin:{}.{}.{}",
    KeyKind.PLACE: "urn:epc:id:sgln:{}.{}.{}",
}
"""A URN, with the company prefix, the other digits and what follows them."""

_ESCAPED = '"%&/<>?'  # TDS, table A-1: reserved in a URN; all other characters are not escaped.


def to_urn(key: Key, prefixes: tuple[str, ...]) -> str:
    """Format the key as a URN of TDS. Raises InvalidKey if it begins with none of these company prefixes."""
    leads = key.kind is KeyKind.PLACE  # in a GLN the prefix is first, in the others after one digit
    body = key.digits[:-1] if leads else key.digits[1:-1]
    prefix = next((one for one in prefixes if body.startswith(one)), None)
    if prefix is None:
        raise InvalidKey(f"found {key.digits}, which begins with none of the company prefixes {', '.join(prefixes)}")
    rest = ("" if leads else key.digits[0]) + body[len(prefix) :]
    more = "".join(f"%{ord(sign):02X}" if sign in _ESCAPED else sign for sign in key.more)
    return _URN_FORMS[key.kind].format(prefix, rest, more or "0")


_LINK = re.compile(r"https?://[^/?#\s]+(?:/[^?#\s]*?)?/(?P<ai>00|01|414)/(?P<digits>[^/?#\s]*)(?P<tail>[^?#\s]*)")
_LENGTHS = {"00": SSCC, "01": _GTIN, "414": GLN}
_OTHER_KEYS = re.compile(f"{_RESOLVER}/(253|255|401|402|417|8003|8004|8006|8010|8013|8017|8018)/[^?#]+")
"""GS1 keys that no dock counts: documents, coupons, shipments, parties, assets, services."""
_QUALIFIERS: Mapping[str, Mapping[str, KeyKind]] = {
    "01": {"10": KeyKind.LOT, "21": KeyKind.ITEM},
    "414": {"254": KeyKind.PLACE},
    "00": {},
}
_URNS = {form.partition("{")[0]: kind for kind, form in _URN_FORMS.items()}


@lru_cache(maxsize=4096)  # a site uses some thousand places and items again and again
def parse_key(address: str) -> Key | None:
    """Parse the key in a URI; None for a URI of another kind. Raises InvalidKey."""
    if (start := next((one for one in _URNS if address.startswith(one)), None)) is not None:
        return _parse_urn(_URNS[start], address.removeprefix(start))
    ours = address.startswith(f"{_RESOLVER}/")
    if found := _LINK.fullmatch(address):
        # At other hosts a path may have an 01 without this meaning.
        if ours or re.fullmatch(f"[0-9]{{{_LENGTHS[found['ai']]}}}", found["digits"]):
            return _parse_link(found["ai"], found["digits"], found["tail"])
    elif ours and not _OTHER_KEYS.match(address):
        raise InvalidKey(f"found {address[:80]!r}, which is no path of GS1 Digital Link to an SSCC, a GTIN or a GLN")
    return None


def _parse_link(ai: str, digits: str, tail: str) -> Key:
    if ai == "00":
        _require_no_tail(tail, "an SSCC")
        return Key(KeyKind.UNIT, check_key_digits(digits, SSCC, "SSCC"))
    digits = check_key_digits(digits, _GTIN, "GTIN") if ai == "01" else check_key_digits(digits, GLN, "GLN")
    if not tail:
        return Key(KeyKind.CLASS if ai == "01" else KeyKind.PLACE, digits)
    _, qualifier, more, *rest = [*tail.split("/"), ""]
    kind = _QUALIFIERS[ai].get(qualifier)
    if kind is None or any(rest):
        raise InvalidKey(
            f"found {tail[:40]!r} behind it, allowed are {', '.join(f'/{one}/…' for one in _QUALIFIERS[ai])}"
        )
    return Key(kind, digits, check_lot_or_extension(unquote(more), "lot, serial number or extension"))


def _require_no_tail(tail: str, called: str) -> None:
    if tail:
        raise InvalidKey(f"found {tail[:40]!r} behind {called}, where nothing may stand")


_PARTS: dict[KeyKind, tuple[int, Callable[[str, str], str]]] = {
    # The number of digits of prefix and rest, and the function that joins them without the check digit.
    KeyKind.UNIT: (SSCC - 1, lambda prefix, rest: rest[:1] + prefix + rest[1:]),
    KeyKind.CLASS: (_GTIN - 1, lambda prefix, rest: rest[:1] + prefix + rest[1:]),
    KeyKind.LOT: (_GTIN - 1, lambda prefix, rest: rest[:1] + prefix + rest[1:]),
    KeyKind.ITEM: (_GTIN - 1, lambda prefix, rest: rest[:1] + prefix + rest[1:]),
    KeyKind.PLACE: (GLN - 1, lambda prefix, rest: prefix + rest),
}


def _parse_urn(kind: KeyKind, body: str) -> Key:
    length, together = _PARTS[kind]
    prefix, _, behind = body.partition(".")
    rest, dot, more = behind.partition(".")
    if not COMPANY_PREFIX.fullmatch(prefix) or not re.fullmatch("[0-9]*", rest) or len(prefix) + len(rest) != length:
        raise InvalidKey(
            f"found {body[:60]!r}: the company prefix (6 to 12 digits) and the rest have {length} together"
        )
    digits = together(prefix, rest)
    digits += check_digit(digits)
    if kind is KeyKind.UNIT:
        if dot:
            raise InvalidKey(f"found {body[:60]!r}, where nothing may stand behind the second part of an SSCC")
        return Key(kind, digits)
    if kind is KeyKind.CLASS:
        if more != "*":
            raise InvalidKey(f"found {body[:60]!r}, which ends with .* where it names a kind of trade item")
        return Key(kind, digits)
    if re.search(r"%(?![0-9A-Fa-f]{2})", more) or any(sign in more for sign in '"&/<>?'):
        raise InvalidKey(f"found {more[:40]!r}, in which one of {_ESCAPED} is not escaped")
    said = check_lot_or_extension(unquote(more), "lot, serial number or extension")
    return Key(kind, digits, "" if kind is KeyKind.PLACE and said == "0" else said)
