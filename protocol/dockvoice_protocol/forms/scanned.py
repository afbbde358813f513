"""What a scanner read becomes the reading of a form: the values of fields, or one named fault and no value.

The form says which of GS1's identifiers fills which of its fields (`x-scan`). An identifier that no field takes stays
in the words of the reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.element_strings import SEPARATOR, Element, elements
from dockvoice_protocol.forms.model import KILOGRAM, NET_WEIGHT, Form, FormField
from dockvoice_protocol.records import SCANNER, FieldReading, FieldValue, Reading, ScanFault, Word

END = "\n"  # The end of a complete scan, whichever key the scanner sends for it.
UNREADABLE = "\N{REPLACEMENT CHARACTER}"  # What stands for a key that is no character.
_SHOWN = str.maketrans({SEPARATOR: "\N{SYMBOL FOR GROUP SEPARATOR}", END: ""})  # How people see what has no shape.

_ITEMS = frozenset({"01", "02"})  # Identifiers of the number of an item.
_GTIN_DIGITS = (13, 12, 8)  # The shorter forms of an item's number, which a label fills with zeros up to 14 digits.


@dataclass(frozen=True, slots=True)
class Sending:
    """What a scanner sends besides the code itself."""

    prefix: str = ""
    suffix: str = ""
    symbology: bool = True  # AIM's identifier before each code; what comes without one is then none of GS1's.
    separators: bool = False  # It is known to send separators: a text without any has none.


AS_DELIVERED = Sending()


def read_scan(scan: str, form: Form, catalogue: Catalogue, today: date, sending: Sending = AS_DELIVERED) -> Reading:
    """The reading of what was scanned, key by key as it came. Two digits of a year are counted from `today`."""
    found = _elements(scan, sending)
    if isinstance(found, ScanFault):
        return _nothing(scan, form, found)
    fields = {
        name: said
        for field in form.fields
        if field.scan
        for name, said in _filled(field, found, form, catalogue, today)
    }
    if not fields:
        return _nothing(scan, form, ScanFault.NOTHING_FOR_FORM)
    return Reading(SCANNER, form.name, tuple(_word(str(element)) for element in found), fields)


def _nothing(scan: str, form: Form, fault: ScanFault) -> Reading:
    shown = scan.translate(_SHOWN)
    return Reading(SCANNER, form.name, (_word(shown),) if shown else (), {}, fault)


def _word(text: str) -> Word:
    return Word(text, 0.0, 0.0, 1.0)


def _elements(scan: str, sending: Sending) -> tuple[Element, ...] | ScanFault:
    if UNREADABLE in scan:
        return ScanFault.UNREADABLE
    if not scan.endswith(END):
        return ScanFault.CUT_SHORT
    text = scan.removesuffix(END)
    around = len(sending.prefix) + len(sending.suffix)
    if not (text.startswith(sending.prefix) and text.endswith(sending.suffix) and len(text) >= around):
        return ScanFault.CUT_SHORT
    text = text.removeprefix(sending.prefix).removesuffix(sending.suffix)
    return elements(text, named=sending.symbology, separators_sent=sending.separators)


def _filled(
    field: FormField, found: tuple[Element, ...], form: Form, catalogue: Catalogue, today: date
) -> Iterator[tuple[str, FieldReading]]:
    """The field with its value, and the one that holds its unit, where the label says it."""
    takes = [element for element in found if _kind(element) in field.scan]
    if not takes:
        return
    values = [_value(field, element, catalogue, today) for element in takes]
    words = tuple(map(str, takes))
    known = tuple(dict.fromkeys(value for value in values if value is not None))
    if None in values or not known:
        yield field.name, FieldReading(None, words, 1.0, scanned=True)
        return
    yield field.name, FieldReading(known[0], words, 1.0, rivals=known[1:], scanned=True)
    unit = form.unit_field(field.name)
    if unit is not None and field.scan == (NET_WEIGHT,):
        yield unit.name, FieldReading(KILOGRAM, words, 1.0, scanned=True)


def _kind(element: Element) -> str:
    """The identifier, without the digit that says where a weight has its point."""
    return NET_WEIGHT if element.identifier.startswith(NET_WEIGHT) else element.identifier


def _value(field: FormField, element: Element, catalogue: Catalogue, today: date) -> FieldValue | None:
    """The value as the field holds it; None where the field's own rule is that it means no one value."""
    if element.identifier in _ITEMS:
        return _item(field, element.value, catalogue)
    return field.spoken.scanned(field, element, today)


def _item(field: FormField, gtin: str, catalogue: Catalogue) -> str:
    """An item's number with as many digits as the field has it: without the zeros that fill a label's 14 digits."""
    shorter = (gtin[-digits:] for digits in _GTIN_DIGITS if not gtin[:-digits].strip("0"))
    possible = (one for one in (gtin, *shorter) if field.allows(one) and catalogue.knows(field.catalogue, one))
    return next(possible, gtin)
