"""Parses a scan into the reading of a form: the values of fields, or one named fault.

The form maps GS1 application identifiers to fields (`x-scan`). Identifiers without a field stay in the reading's words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.element_strings import SEPARATOR, Element, parse_element_strings
from dockvoice_protocol.forms.model import KILOGRAM, NET_WEIGHT, Form, FormField
from dockvoice_protocol.records import SCANNER, FieldReading, FieldValue, Reading, ScanFault, Word

END = "\n"  # The end of a complete scan, whichever key the scanner sends for it.
UNREADABLE = "\N{REPLACEMENT CHARACTER}"  # Replaces a key that is no character.
_SHOWN = str.maketrans({SEPARATOR: "\N{SYMBOL FOR GROUP SEPARATOR}", END: ""})  # Visible forms of control characters.

_ITEMS = frozenset({"01", "02"})  # Identifiers of a GTIN.
_GTIN_DIGITS = (13, 12, 8)  # Lengths of shorter GTINs, which a label pads with zeros to 14 digits.


@dataclass(frozen=True, slots=True)
class ScannerFormat:
    """The characters that a scanner adds to the code."""

    prefix: str = ""
    suffix: str = ""
    symbology: bool = True  # Sends AIM's symbology identifier; a code without one is then not of GS1.
    separators: bool = False  # Known to send separators: a text without any lacks none.


AS_DELIVERED = ScannerFormat()


def read_scan(
    scan: str, form: Form, catalogue: Catalogue, today: date, sending: ScannerFormat = AS_DELIVERED
) -> Reading:
    """The reading of a scan, given as the scanner's characters. `today` sets the century of two-digit years."""
    found = _parse_elements(scan, sending)
    if isinstance(found, ScanFault):
        return _fault_reading(scan, form, found)
    fields = {
        name: said
        for field in form.fields
        if field.scan
        for name, said in _field_readings(field, found, form, catalogue, today)
    }
    if not fields:
        return _fault_reading(scan, form, ScanFault.NOTHING_FOR_FORM)
    return Reading(SCANNER, form.name, tuple(_to_word(str(element)) for element in found), fields)


def _fault_reading(scan: str, form: Form, fault: ScanFault) -> Reading:
    shown = scan.translate(_SHOWN)
    return Reading(SCANNER, form.name, (_to_word(shown),) if shown else (), {}, fault)


def _to_word(text: str) -> Word:
    return Word(text, 0.0, 0.0, 1.0)


def _parse_elements(scan: str, sending: ScannerFormat) -> tuple[Element, ...] | ScanFault:
    if UNREADABLE in scan:
        return ScanFault.UNREADABLE
    if not scan.endswith(END):
        return ScanFault.CUT_SHORT
    text = scan.removesuffix(END)
    around = len(sending.prefix) + len(sending.suffix)
    if not (text.startswith(sending.prefix) and text.endswith(sending.suffix) and len(text) >= around):
        return ScanFault.CUT_SHORT
    text = text.removeprefix(sending.prefix).removesuffix(sending.suffix)
    return parse_element_strings(text, symbology_sent=sending.symbology, separators_sent=sending.separators)


def _field_readings(
    field: FormField, found: tuple[Element, ...], form: Form, catalogue: Catalogue, today: date
) -> Iterator[tuple[str, FieldReading]]:
    """The field's reading, and its unit field's for a net weight; several distinct values are rivals."""
    takes = [element for element in found if _identifier_kind(element) in field.scan]
    if not takes:
        return
    values = [_field_value(field, element, catalogue, today) for element in takes]
    words = tuple(map(str, takes))
    known = tuple(dict.fromkeys(value for value in values if value is not None))
    if None in values or not known:
        yield field.name, FieldReading(None, words, 1.0, scanned=True)
        return
    yield field.name, FieldReading(known[0], words, 1.0, rivals=known[1:], scanned=True)
    unit = form.unit_field(field.name)
    if unit is not None and field.scan == (NET_WEIGHT,):
        yield unit.name, FieldReading(KILOGRAM, words, 1.0, scanned=True)


def _identifier_kind(element: Element) -> str:
    """The identifier, without a weight's digit for its number of decimals."""
    return NET_WEIGHT if element.identifier.startswith(NET_WEIGHT) else element.identifier


def _field_value(field: FormField, element: Element, catalogue: Catalogue, today: date) -> FieldValue | None:
    """The field's value for an element; None where the field's rules give it no single value."""
    if element.identifier in _ITEMS:
        return _trim_gtin(field, element.value, catalogue)
    return field.spoken.value_from_element(field, element, today)


def _trim_gtin(field: FormField, gtin: str, catalogue: Catalogue) -> str:
    """A GTIN without the zeros that pad it to 14 digits, at the first length that the field and catalogue accept."""
    shorter = (gtin[-digits:] for digits in _GTIN_DIGITS if not gtin[:-digits].strip("0"))
    possible = (one for one in (gtin, *shorter) if field.allows(one) and catalogue.has_values(field.catalogue, one))
    return next(possible, gtin)
