"""GS1 keys in EPCIS: SSCC, GTIN with lot, GLN; written as addresses and parsed from them.

A key has two forms. A GS1 Digital Link URI has it as on the label; a URN of the EPC Tag Data Standard is split behind
the issuer's company prefix, whose length must be known, since the key does not show it.

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

SSCC, GTIN, GLN = 18, 14, 13
"""Digits of a key, the check digit among them. A GTIN of 8, 12 or 13 digits has zeros before it."""

SHORT_GTINS = (8, 12, 13)  # Digits of a GTIN as it may stand on a label or in a list.
LOT_CHARACTERS = re.compile(r"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]{1,20}")
"""Of a lot (AI 10) and of the extension of a GLN (AI 254): GS1's character set 82, at most 20."""

PREFIX = re.compile("[0-9]{6,12}")
"""A GS1 company prefix. TDS knows 6 to 12 digits."""

RESOLVER = "https://id.gs1.org"
"""Of the canonical form of a Digital Link. An address elsewhere names the same thing."""

MEASURED = "9"
"""The first digit of a GTIN-14 whose trade items are each measured: its indicator digit."""

GROUPINGS = frozenset("12345678")
"""That of a grouping of so many standard trade items, as a case is: these are counted, and never measured."""


class KeyKind(StrEnum):
    """What a key names."""

    UNIT = "sscc"  # One logistic unit.
    CLASS = "gtin"  # A trade item, by its kind.
    LOT = "lgtin"  # The trade items of one lot.
    ITEM = "sgtin"  # One trade item, by its serial number.
    PLACE = "sgln"  # A place, or a part of one.


@dataclass(frozen=True, slots=True)
class Key:
    """One, as it stands on a label: the digits, and what follows them."""

    kind: KeyKind
    digits: str
    more: str = ""  # The lot, the serial number, the extension.

    @property
    def measured(self) -> bool | None:
        """Whether these trade items are measured one by one; None where the number does not tell."""
        if self.digits.startswith(MEASURED):
            return True
        return False if self.digits[0] in GROUPINGS else None


class NoKey(ValueError):
    """Not a key of this kind; the message says why, and what is allowed."""


def check_digit(digits: str) -> str:
    """The last digit of a key that begins with these: from the right they weigh 3, 1, 3, 1 …, and all make a ten."""
    total = sum(int(digit) * (3 if at % 2 == 0 else 1) for at, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def checked(digits: str, length: int, called: str) -> str:
    """The digits, if they are a key of this length. Raises NoKey."""
    if not (digits.isascii() and digits.isdigit()):
        raise NoKey(f"found {digits[:40]!r}, a {called} has {length} digits and nothing else")
    if len(digits) != length:
        raise NoKey(f"found {digits[:40]!r} with {len(digits)} digits, a {called} has {length}")
    if digits[-1] != check_digit(digits[:-1]):
        raise NoKey(f"found {digits}, whose check digit would be {check_digit(digits[:-1])}: a digit is wrong")
    if not digits.strip("0"):
        raise NoKey(f"found nothing but zeros, which name no {called}")
    return digits


def gtin14(digits: str) -> str:
    """A GTIN of 8, 12, 13 or 14 digits as EPCIS wants it: 14, with zeros before it. Raises NoKey."""
    if len(digits) in SHORT_GTINS and digits.isdigit():
        digits = digits.zfill(GTIN)
    return checked(digits, GTIN, "GTIN")


def suffix(text: str, called: str) -> str:
    """A lot or an extension, if GS1 has characters for it. Raises NoKey."""
    if not LOT_CHARACTERS.fullmatch(text):
        raise NoKey(f"found {text[:40]!r}, a {called} has 1 to 20 letters without accents, digits or signs, no blanks")
    return text


def link(key: Key) -> str:
    """The key as a canonical GS1 Digital Link URI."""
    more = quote(key.more, safe="")
    match key.kind:
        case KeyKind.UNIT:
            return f"{RESOLVER}/00/{key.digits}"
        case KeyKind.CLASS:
            return f"{RESOLVER}/01/{key.digits}"
        case KeyKind.LOT:
            return f"{RESOLVER}/01/{key.digits}/10/{more}"
        case KeyKind.ITEM:
            return f"{RESOLVER}/01/{key.digits}/21/{more}"
        case KeyKind.PLACE:
            return f"{RESOLVER}/414/{key.digits}" + (f"/254/{more}" if more else "")


_ESCAPED = '"%&/<>?'  # TDS, table A-1: these have a meaning in a URN, all others stand as they are.


def urn(key: Key, prefixes: tuple[str, ...]) -> str:
    """The key as a URN of TDS. Raises NoKey where it begins with none of these company prefixes."""
    leads = key.kind is KeyKind.PLACE  # in a GLN the prefix stands first, in the others behind one digit
    body = key.digits[:-1] if leads else key.digits[1:-1]
    prefix = next((one for one in prefixes if body.startswith(one)), None)
    if prefix is None:
        raise NoKey(f"found {key.digits}, which begins with none of the company prefixes {', '.join(prefixes)}")
    rest = ("" if leads else key.digits[0]) + body[len(prefix) :]
    more = "".join(f"%{ord(sign):02X}" if sign in _ESCAPED else sign for sign in key.more)
    match key.kind:
        case KeyKind.UNIT:
            return f"urn:epc:id:sscc:{prefix}.{rest}"
        case KeyKind.CLASS:
            return f"urn:epc:idpat:sgtin:{prefix}.{rest}.*"
        case KeyKind.LOT:
            return f"urn:epc:class:lgtin:{prefix}.{rest}.{more}"
        case KeyKind.ITEM:
            return f"urn:epc:id:sgtin:{prefix}.{rest}.{more}"
        case KeyKind.PLACE:
            return f"urn:epc:id:sgln:{prefix}.{rest}.{more or '0'}"


_LINK = re.compile(r"https?://[^/?#\s]+(?:/[^?#\s]*?)?/(?P<ai>00|01|414)/(?P<digits>[^/?#\s]*)(?P<tail>[^?#\s]*)")
_LENGTHS = {"00": SSCC, "01": GTIN, "414": GLN}
OTHER_KEYS = re.compile(f"{RESOLVER}/(253|255|401|402|417|8003|8004|8006|8010|8013|8017|8018)/[^?#]+")
"""Keys of GS1's that name what no dock counts: documents, coupons, shipments, parties, assets, services."""
_QUALIFIERS: Mapping[str, Mapping[str, KeyKind]] = {
    "01": {"10": KeyKind.LOT, "21": KeyKind.ITEM},
    "414": {"254": KeyKind.PLACE},
    "00": {},
}
_URNS: dict[str, KeyKind] = {
    "urn:epc:id:sscc:": KeyKind.UNIT,
    "urn:epc:idpat:sgtin:": KeyKind.CLASS,
    "urn:epc:class:lgtin:": KeyKind.LOT,
    "urn:epc:id:sgtin:": KeyKind.ITEM,
    "urn:epc:id:sgln:": KeyKind.PLACE,
}


@lru_cache(maxsize=4096)  # a site has some thousand places and items, and names them again and again
def read(address: str) -> Key | None:
    """The key that an address names; None where it names none of these kinds. Raises NoKey where it is a broken one."""
    if (start := next((one for one in _URNS if address.startswith(one)), None)) is not None:
        return _of_urn(_URNS[start], address.removeprefix(start))
    ours = address.startswith(f"{RESOLVER}/")
    if found := _LINK.fullmatch(address):
        # Elsewhere a path may have an 01 in it and mean nothing by it.
        if ours or re.fullmatch(f"[0-9]{{{_LENGTHS[found['ai']]}}}", found["digits"]):
            return _of_link(found["ai"], found["digits"], found["tail"])
    elif ours and not OTHER_KEYS.match(address):
        raise NoKey(f"found {address[:80]!r}, which is no path of GS1 Digital Link to an SSCC, a GTIN or a GLN")
    return None


def _of_link(ai: str, digits: str, tail: str) -> Key:
    if ai == "00":
        _nothing_behind(tail, "an SSCC")
        return Key(KeyKind.UNIT, checked(digits, SSCC, "SSCC"))
    digits = checked(digits, GTIN, "GTIN") if ai == "01" else checked(digits, GLN, "GLN")
    if not tail:
        return Key(KeyKind.CLASS if ai == "01" else KeyKind.PLACE, digits)
    _, qualifier, more, *rest = [*tail.split("/"), ""]
    kind = _QUALIFIERS[ai].get(qualifier)
    if kind is None or any(rest):
        raise NoKey(f"found {tail[:40]!r} behind it, allowed are {', '.join(f'/{one}/…' for one in _QUALIFIERS[ai])}")
    return Key(kind, digits, suffix(unquote(more), "lot, serial number or extension"))


def _nothing_behind(tail: str, called: str) -> None:
    if tail:
        raise NoKey(f"found {tail[:40]!r} behind {called}, where nothing may stand")


_PARTS: dict[KeyKind, tuple[int, Callable[[str, str], str]]] = {
    # How many digits prefix and rest have together, and how they make the key without its check digit.
    KeyKind.UNIT: (SSCC - 1, lambda prefix, rest: rest[:1] + prefix + rest[1:]),
    KeyKind.CLASS: (GTIN - 1, lambda prefix, rest: rest[:1] + prefix + rest[1:]),
    KeyKind.LOT: (GTIN - 1, lambda prefix, rest: rest[:1] + prefix + rest[1:]),
    KeyKind.ITEM: (GTIN - 1, lambda prefix, rest: rest[:1] + prefix + rest[1:]),
    KeyKind.PLACE: (GLN - 1, lambda prefix, rest: prefix + rest),
}


def _of_urn(kind: KeyKind, body: str) -> Key:
    length, together = _PARTS[kind]
    prefix, _, behind = body.partition(".")
    rest, dot, more = behind.partition(".")
    if not PREFIX.fullmatch(prefix) or not re.fullmatch("[0-9]*", rest) or len(prefix) + len(rest) != length:
        raise NoKey(f"found {body[:60]!r}: the company prefix (6 to 12 digits) and the rest have {length} together")
    digits = together(prefix, rest)
    digits += check_digit(digits)
    if kind is KeyKind.UNIT:
        if dot:
            raise NoKey(f"found {body[:60]!r}, where nothing may stand behind the second part of an SSCC")
        return Key(kind, digits)
    if kind is KeyKind.CLASS:
        if more != "*":
            raise NoKey(f"found {body[:60]!r}, which ends with .* where it names a kind of trade item")
        return Key(kind, digits)
    if re.search(r"%(?![0-9A-Fa-f]{2})", more) or any(sign in more for sign in '"&/<>?'):
        raise NoKey(f"found {more[:40]!r}, in which one of {_ESCAPED} is not escaped")
    said = suffix(unquote(more), "lot, serial number or extension")
    return Key(kind, digits, "" if kind is KeyKind.PLACE and said == "0" else said)
