"""GS1 element strings: parses a scanned text into application identifiers with values, or into one named fault.

GS1 General Specifications, sections 3 (identifiers), 4.14 (invalid pairs) and 7.8 (concatenation). Identifiers and the
formats of their values come from `biip`. Its parser is not used: where a separator is missing, it splits behind the
longest valid value.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

from dockvoice_protocol.records import ScanFault

if TYPE_CHECKING:
    from biip.gs1_application_identifiers import GS1ApplicationIdentifier

SEPARATOR = "\x1d"  # FNC1 behind a value of variable length, as a scanner sends it: ASCII 29.

_SYMBOLOGIES = frozenset({"]C1", "]d2", "]Q3", "]e0", "]J1"})
"""AIM symbology identifiers of codes with element strings: GS1-128, DataMatrix, QR Code, DataBar and DotCode."""

_SYMBOLOGY_CHARACTERS = 3  # "]", the code character, and the modifier.

_CHARACTERS = re.compile(r"[!\"#%&'()*+,\-./0-9:;<=>?A-Z_a-z]*")
"""Valid characters of any value: GS1's character sets 82 and 39."""

_DATES = frozenset({"11", "12", "13", "15", "16", "17"})  # Value: YYMMDD; day 00 is the last day of the month.
_DATE_DIGITS = 6

_CHECKED = {
    "00": 18,
    "01": 14,
    "02": 14,
    "03": 14,
    "253": 13,
    "255": 13,
    "402": 17,
    "8003": 14,
    "8006": 14,
    "8017": 18,
    "8018": 18,
    "8026": 14,
    **{f"41{last}": 13 for last in range(8)},
}
"""Identifiers whose value begins with a GS1 key, to the key's number of digits; the last one is its check digit."""

_MEASURED = re.compile(r"3[1-69][0-9][0-9]")  # A measure or an amount; the last digit is its number of decimals.

_APART = (
    *(("01", "02"), ("01", "03"), ("01", "37"), ("01", "255"), ("02", "03"), ("02", "255"), ("03", "37")),
    *(("21", "235"), ("255", "415"), ("255", "8006"), ("255", "8020"), ("255", "8026")),
    *(("390", "391"), ("390", "394"), ("390", "8111"), ("392", "393"), ("392", "395"), ("393", "395")),
    *(("394", "8111"), ("395", "8005"), ("420", "421"), ("421", "4307")),
    *(("422", "426"), ("423", "426"), ("424", "426"), ("425", "426")),
)
"""Pairs of identifiers, by prefix, that are invalid on one label. Identifiers that require another one are not checked:
that may be in another code of the same label."""

_MOST_CUTS = 2000
"""Limit of the search for a missing separator, in remainders of the text: a tenth of a second; labels of the tests have
40 at most. A crafted text can have hundreds of thousands; beyond the limit a text counts as ambiguous."""

_THIS_CENTURY = range(-49, 51)  # Differences of two-digit years that stay in the current century: section 7.12.


@dataclass(frozen=True, slots=True)
class Element:
    """One element string: an application identifier, and its value."""

    identifier: str
    value: str = field(repr=False)

    def __str__(self) -> str:
        """The human-readable form, as printed below a barcode."""
        return f"({self.identifier}){self.value}"


class _Faulty(Exception):
    """Raised where a scanned text has this fault."""

    def __init__(self, fault: ScanFault) -> None:
        super().__init__(fault)
        self.fault = fault


def parse_element_strings(
    text: str, *, symbology_sent: bool = True, separators_sent: bool = False
) -> tuple[Element, ...] | ScanFault:
    """The element strings of one code, in its order, or its fault.

    `symbology_sent`: the scanner prefixes the symbology identifier; a code without one is not of GS1.
    `separators_sent`: the scanner is known to send separators. Otherwise a text without any may lack them, and is
    refused where it is ambiguous without them.
    """
    try:
        return _parse_parts(_strip_symbology(text, symbology_sent=symbology_sent), separators_sent=separators_sent)
    except _Faulty as found:
        return found.fault


def parse_gs1_date(value: str, today: date) -> date:
    """The day of a valid value of one of `_DATES`; 00 is the last day of its month."""
    years, month, of_month = _date_parts(value)
    ahead = years - today.year % 100
    century = today.year - today.year % 100
    if ahead not in _THIS_CENTURY:
        century += 100 if ahead < 0 else -100
    year = century + years
    return date(year, month, of_month or monthrange(year, month)[1])


def is_whole_month(value: str) -> bool:
    """Whether a value of one of `_DATES` has the day 00."""
    return _date_parts(value)[2] == 0


def _strip_symbology(text: str, *, symbology_sent: bool) -> str:
    if not text:
        raise _Faulty(ScanFault.EMPTY)
    if text.startswith("]"):
        if text[:_SYMBOLOGY_CHARACTERS] not in _SYMBOLOGIES:
            raise _Faulty(ScanFault.OTHER_CODE)
        return text[_SYMBOLOGY_CHARACTERS:]
    if symbology_sent:
        raise _Faulty(ScanFault.NO_SYMBOLOGY)
    return text


def _parse_parts(text: str, *, separators_sent: bool) -> tuple[Element, ...]:
    parts = text.split(SEPARATOR)
    if not all(_CHARACTERS.fullmatch(part) for part in parts):
        raise _Faulty(ScanFault.BAD_CHARACTER)
    # Some scanners send the FNC1 at the start of every GS1 code; one behind the last value is harmless.
    inner = parts[not parts[0] : len(parts) - (len(parts) > 1 and not parts[-1])]
    if not inner:
        raise _Faulty(ScanFault.EMPTY)
    if not all(inner):
        raise _Faulty(ScanFault.NO_VALUE)
    found = tuple(element for part in inner for element in _parse_until_separator(part))
    if (fault := _combination_fault(found)) is not None:
        raise _Faulty(fault)
    if len(parts) == 1 and not separators_sent and _may_lack_separator(found):
        raise _Faulty(ScanFault.TWO_WAYS)
    return tuple(dict.fromkeys(found))


def _parse_until_separator(part: str) -> Iterator[Element]:
    """Yield the element strings up to a separator. Only the last one can have a value of variable length."""
    while part:
        known = _leading_identifier(part)
        length = _fixed_length(known)
        behind = part[len(known.ai) :]
        value, part = (behind, "") if length is None else (behind[:length], behind[length:])
        if (fault := _value_fault(known, value)) is not None:
            raise _Faulty(fault)
        yield Element(known.ai, value)


def _leading_identifier(text: str) -> GS1ApplicationIdentifier:
    for length in (2, 3, 4):
        if (known := _identifiers().get(text[:length])) is not None:
            return known
    raise _Faulty(ScanFault.UNKNOWN_IDENTIFIER)


@cache
def _identifiers() -> Mapping[str, GS1ApplicationIdentifier]:
    from biip import gs1_application_identifiers as known  # noqa: PLC0415 - a table of 541, which only scanners need

    return dict(known._GS1_APPLICATION_IDENTIFIERS)  # noqa: SLF001 - it asks for one only by the beginning of a text


def _fixed_length(known: GS1ApplicationIdentifier) -> int | None:
    """The length of a value that needs no separator (section 7.8.5, figure 2); None for a variable length."""
    return None if known.separator_required else int(known.format.rpartition("N")[2])


def _value_fault(known: GS1ApplicationIdentifier, value: str) -> ScanFault | None:
    if not value:
        return ScanFault.NO_VALUE
    if known.ai in _DATES and re.fullmatch("[0-9]{6}", value):
        return None if _is_date(value) else ScanFault.NO_DATE
    if not re.fullmatch(known.pattern, known.ai + value):
        return _format_fault(known, value)
    digits = value[: _CHECKED.get(known.ai, 0)]
    return ScanFault.CHECK_DIGIT if digits and not has_check_digit(digits) else None


def _format_fault(known: GS1ApplicationIdentifier, value: str) -> ScanFault:
    """The fault of an invalid value: its length, if that is out of range, else its characters."""
    least, most = _length_range(known.format)
    if len(value) < least:
        return ScanFault.TOO_SHORT
    return ScanFault.TOO_LONG if len(value) > most else ScanFault.BAD_CHARACTER


def _length_range(shape: str) -> tuple[int, int]:
    """The minimum and maximum length of a value, from its format: "N3+N13[+X..17]" gives 13 and 30."""
    least = most = 0
    for part in re.finditer(r"(\[\+?)?[NXYZ](\.\.)?([0-9]+)(?:\.\.[NXYZ]?([0-9]+))?", shape.partition("+")[2]):
        optional, variable, first, last = part.groups()
        least += 0 if optional else 1 if variable else int(first)
        most += int(last or first)
    return least, most + shape.count("[-]")


def _is_date(value: str) -> bool:
    years, month, of_month = _date_parts(value)
    # 00 means 2000, which has a 29 February as every fourth year.
    return 1 <= month <= 12 and of_month <= monthrange(2000 + years, month)[1]  # noqa: PLR2004 - months of a year


def _date_parts(value: str) -> tuple[int, int, int]:
    return int(value[:2]), int(value[2:4]), int(value[4:_DATE_DIGITS])


def has_check_digit(digits: str) -> bool:
    """Whether the last digit is the check digit of the others."""
    return int(digits[-1]) == gs1_check_digit(digits[:-1])


def gs1_check_digit(payload: str) -> int:
    """The check digit of a GS1 key without it."""
    from biip.checksums import gs1_standard_check_digit  # noqa: PLC0415 - with it comes a table of all GS1 prefixes

    return gs1_standard_check_digit(payload)


def _combination_fault(found: Sequence[Element]) -> ScanFault | None:
    """The fault of a combination of element strings: repeated with other values, or an invalid pair."""
    values: dict[str, str] = {}
    for element in found:
        if values.setdefault(element.identifier, element.value) != element.value:
            return ScanFault.REPEATED
    measured = [one[:3] for one in values if _MEASURED.fullmatch(one)]
    if len(set(measured)) < len(measured):
        return ScanFault.TOGETHER
    for one, other in _APART:
        if any(name.startswith(one) for name in values) and any(name.startswith(other) for name in values):
            return ScanFault.TOGETHER
    return None


def _may_lack_separator(found: Sequence[Element]) -> bool:
    """Whether the last value may lack a separator: its end parses as further element strings."""
    *before, last = found
    known = _identifiers()[last.identifier]
    if _fixed_length(known) is not None:
        return False
    cuts = iter(range(_MOST_CUTS))
    return any(
        _value_fault(known, last.value[:at]) is None
        and _can_parse_rest(last.value[at:], (*before, Element(last.identifier, last.value[:at])), cuts)
        for at in range(1, len(last.value))
    )


def _can_parse_rest(text: str, before: tuple[Element, ...], cuts: Iterator[int]) -> bool:
    """Whether the whole text parses as element strings behind those before it, with separators missing anywhere.

    Also True when the search limit `cuts` is exhausted.
    """
    if not text:
        return _combination_fault(before) is None
    if next(cuts, None) is None:
        return True
    try:
        known = _leading_identifier(text)
    except _Faulty:
        return False
    behind, length = text[len(known.ai) :], _fixed_length(known)
    ends = range(len(behind), 0, -1) if length is None else (length,)
    return any(
        _value_fault(known, behind[:end]) is None
        and _combination_fault(so_far := (*before, Element(known.ai, behind[:end]))) is None
        and _can_parse_rest(behind[end:], so_far, cuts)
        for end in ends
    )
