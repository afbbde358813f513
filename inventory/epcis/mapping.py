"""The mapping file: GS1's names of a site's places, items and documents.

TOML, explained in config/epcis.toml. Nothing about the site has a default: what the file does not name is not exported.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError, model_validator

from dockvoice_protocol import plain_file
from dockvoice_protocol.config import Section
from dockvoice_protocol.errors import ManyFaults, Misconfigured, UnreadableInput, describe_os_error
from dockvoice_protocol.instants import find_zone, to_zone
from inventory.epcis import vocabulary
from inventory.epcis.keys import (
    COMPANY_PREFIX,
    GLN,
    InvalidKey,
    Key,
    KeyKind,
    check_key_digits,
    check_lot_or_extension,
    to_digital_link,
    to_gtin14,
    to_urn,
)

_SHOWN = 60  # Characters quoted of a wrong value: enough to find it.
WHOLE_SITE = "site"  # In `location`: the whole site.


def _prefix(digits: str) -> str:
    if not COMPANY_PREFIX.fullmatch(digits):
        raise ValueError("6 to 12 digits are allowed, in quotes")
    return digits


def _word_validator(words: frozenset[str], standard: str) -> AfterValidator:
    def known(word: str) -> str:
        if word not in words:
            raise ValueError(f"a word of {standard} is allowed: {', '.join(sorted(words))}")
        return word

    return AfterValidator(known)


def _text_is(member: str) -> BeforeValidator:
    return BeforeValidator(lambda given: {member: given} if isinstance(given, str) else given)


_Gtin = Annotated[str, AfterValidator(to_gtin14)]
_Gln = Annotated[str, AfterValidator(lambda digits: check_key_digits(digits, GLN, "GLN"))]
_Extension = Annotated[str, AfterValidator(lambda text: check_lot_or_extension(text, "extension of a GLN"))]
_Step = Annotated[str, _word_validator(vocabulary.BIZ_STEPS, "CBV 2.0's business steps")]
_Disposition = Annotated[str, _word_validator(vocabulary.DISPOSITIONS, "CBV 2.0's dispositions")]


class _PlaceNamed(Section):
    """A door or a location: a GLN, and the part of it."""

    gln: _Gln
    extension: _Extension | None = None

    @property
    def key(self) -> Key:
        """The place's GS1 key."""
        return Key(KeyKind.PLACE, self.gln, self.extension or "")


class SiteMapping(Section):
    """`[sites.NAME]`: the places of a site."""

    zone: Annotated[str, AfterValidator(lambda name: find_zone(name).key)]
    gln: _Gln | None = None
    places: dict[str, dict[str, Annotated[_PlaceNamed, _text_is("gln")]]] = Field({})

    def offset(self, moment: datetime) -> timedelta | None:
        """The UTC offset at this moment, by the time zone database; None within hours of the years 1 and 9999."""
        there = to_zone(moment, ZoneInfo(self.zone))
        return None if there.tzinfo is UTC else there.utcoffset()


class _TransactionNamed(Section):
    """`[[transactions]]`: a field of entries that names a document, such as a purchase order."""

    field: str = Field(min_length=1)
    type: Annotated[str, _word_validator(vocabulary.TRANSACTION_TYPES, "CBV 2.0's types of business transactions")]
    gln: _Gln
    values: dict[str, str] | None = None
    optional: bool = False


class _Exceptional(Section):
    """A value of an entry that changes its event."""

    disposition: _Disposition | None = None
    step: _Step | None = None


class FormMapping(Section):
    """`[forms.NAME]`: the EPCIS event of an entry of this form."""

    kind: Literal["pallet", "goods", "pallet_with_goods"]
    step: _Step
    disposition: _Disposition | None = None
    read_point: str | None = None
    location: str | None = None
    unit: str | None = Field(None, min_length=1)
    exceptions: dict[str, dict[str, Annotated[_Exceptional, _text_is("disposition")]]] = Field({})


class EpcisMapping(Section):
    """The content of a mapping file."""

    identifiers: Literal["digital_link", "urn"] = "digital_link"
    company_prefixes: tuple[Annotated[str, AfterValidator(_prefix)], ...] = ()
    unsynchronised: Literal["refuse", "received"] = "refuse"
    sites: dict[str, SiteMapping] = Field(min_length=1)
    items: dict[str, dict[str, _Gtin]] = Field({})
    transactions: tuple[_TransactionNamed, ...] = ()
    forms: dict[str, FormMapping] = Field(min_length=1)
    left_out: frozenset[str] = frozenset()

    @model_validator(mode="after")
    def _check_all(self) -> Self:
        faults = [*self._prefix_faults(), *self._unit_faults(), *self._form_faults(), *self._zone_faults()]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def name(self, key: Key) -> str:
        """The key as a URI. Raises InvalidKey if it needs a company prefix and has an unknown one."""
        return to_digital_link(key) if self.identifiers == "digital_link" else to_urn(key, self.company_prefixes)

    @cached_property
    def zones(self) -> Mapping[Key, str]:
        """The time zone of each place in the file, and of each whole site."""
        return {place: site.zone for _, site, place in self._places()}

    def unknown_fields(self, forms: Mapping[str, Collection[str]]) -> Iterator[str]:
        """A fault line for each field that the mapping names and no form has: it would be left out of the export.

        `forms` has the fields of each known form.
        """
        known = {name: fields for name, fields in forms.items() if name in self.forms}
        for name, fields in known.items():
            form = self.forms[name]
            named = {"read_point": form.read_point, "location": None if form.location == WHOLE_SITE else form.location}
            named |= {f"exceptions.{field}": field for field in form.exceptions}
            for key, field in named.items():
                if field is not None and field not in fields:
                    yield f"forms.{name}.{key}: found {field!r}, the form has {', '.join(sorted(fields))}"
        every = {field for fields in known.values() for field in fields}
        for at, one in enumerate(self.transactions):
            if one.field not in every and len(known) == len(self.forms):
                yield f"transactions.{at}.field: found {one.field!r}, no form has it"

    def _places(self) -> Iterator[tuple[str, SiteMapping, Key]]:
        """Each place of the file: where it is named, its site, its key."""
        for name, site in self.sites.items():
            if site.gln:
                yield f"sites.{name}", site, Key(KeyKind.PLACE, site.gln)
            for field, named in site.places.items():
                for value, place in named.items():
                    yield f"sites.{name}.places.{field}.{value}", site, place.key

    def _zone_faults(self) -> Iterator[str]:
        zones: dict[Key, str] = {}
        for where, site, place in self._places():
            if zones.setdefault(place, site.zone) != site.zone:
                message = f"{place.digits} is in {zones[place]} at another site; a place has one time zone"
                yield f"{where}: {message}: give this one a GLN or an extension of its own"

    def _prefix_faults(self) -> Iterator[str]:
        given = self.company_prefixes
        for one in given:
            if longer := [other for other in given if other != one and other.startswith(one)]:
                yield f"company_prefixes: {longer[0]} begins with {one}, so where is a key parted? Keep one"
        if self.identifiers == "urn":
            keys = [
                (f"items.{item}.{unit}", Key(KeyKind.CLASS, one))
                for item, of in self.items.items()
                for unit, one in of.items()
            ]
            keys += [(where, place) for where, _, place in self._places()]
            for where, key in keys:
                try:
                    to_urn(key, given)
                except InvalidKey as fault:
                    yield f'{where}: {fault}; add its prefix, or set identifiers = "digital_link"'

    def _unit_faults(self) -> Iterator[str]:
        for item, units in self.items.items():
            for unit, digits in units.items():
                measured = Key(KeyKind.CLASS, digits).is_measured
                if measured is True and unit not in vocabulary.MEASURE_UNITS:
                    yield f"items.{item}.{unit}: {digits} begins with 9: it is measured, and {unit} is no measure"
                if measured is False and unit in vocabulary.MEASURE_UNITS:
                    yield f"items.{item}.{unit}: {digits} begins with {digits[0]}: it is counted, and {unit} measures"

    def _form_faults(self) -> Iterator[str]:
        if both := sorted(self.left_out & {*self.forms}):
            yield f"left_out: {', '.join(both)} is a form below [forms] too; keep one"
        for name, form in self.forms.items():
            without = sorted(site for site, of in self.sites.items() if of.gln is None)
            if form.location == WHOLE_SITE and without:
                yield f'forms.{name}.location: is "site", and sites.{without[0]} has no gln; give it one'
            if form.read_point == WHOLE_SITE:
                yield f'forms.{name}.read_point: found "site", allowed is the name of a field, such as "door"'


def load_mapping(path: Path) -> EpcisMapping:
    """Load a mapping file. Raises UnreadableInput, or Misconfigured with every key at fault."""
    content = _read_toml(path)
    try:
        return EpcisMapping.model_validate(content)
    except ValidationError as found:
        faults = list(dict.fromkeys(_format_fault(path, one) for one in found.errors(include_url=False)))
    message = "; ".join(faults)
    raise ManyFaults(f"{message} (every key is explained in config/epcis.toml)", faults) from None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(plain_file.read_regular_file(path).decode("utf-8-sig"))  # some editors write a BOM first
    except FileNotFoundError:
        raise UnreadableInput(f"{path}: no such file; name the mapping with --mapping") from None
    except (OSError, UnicodeDecodeError) as fault:
        raise UnreadableInput(
            f"{path}: cannot be read ({describe_os_error(fault)}); it must be TOML in UTF-8"
        ) from None
    except (ValueError, RecursionError) as fault:  # TOMLDecodeError is a ValueError, and so is a number of 5,000 digits
        raise Misconfigured(f"{path}: is not TOML: {fault}; mend that line") from None


_NOUNS = ("Input ", "String ", "Value error, ", "Value ", "Assertion failed, ")


def _format_fault(path: Path, detail: Any) -> str:
    """The fault as text: file, key, what was found, what is allowed."""
    where = ".".join(str(step) for step in detail["loc"] if step != "[key]")
    if detail["type"] == "missing":
        return f"{path}: {where}: must be given"
    if detail["type"] == "extra_forbidden":
        return f"{path}: {where}: no such key"
    words = detail["msg"]
    for noun in _NOUNS:
        words = words.removeprefix(noun)
    found = detail["input"]
    if not where or isinstance(found, BaseModel):  # the fault is about several keys, and names them
        return f"{path}: {words}"
    shown = f"{found!r}" if isinstance(found, str | int | float | bool) else type(found).__name__
    return f"{path}: {where}: {words if words.startswith('found ') else f'found {shown[:_SHOWN]}; {words}'}"
