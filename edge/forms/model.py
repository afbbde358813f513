"""A form: which fields an entry has, what they may hold, and how they are spoken. Nouns only, read by `loader`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from random import Random
from string import Formatter
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, create_model

from edge.forms.pattern import Shape
from edge.records import FieldValue

OWN_LANGUAGE = "en"
"""The language of a field's own labels and units, which the on-device recogniser hears; others are further ones."""


class Spoken(StrEnum):
    """How the words for a field become its value."""

    DIGITS = "digits"  # A string of digits: "seven four two", "seven forty-two", "double five".
    ALPHANUMERIC = "alphanumeric"  # A string of capital letters and digits: "bravo seven one four".
    CARDINAL = "cardinal"  # A whole number: "one hundred and ten".
    LETTER = "letter"  # One capital letter: "b", "bravo", "b as in bravo".
    ENUM = "enum"  # One of the values listed in the form or the catalogue, spoken as written there.


class Gs1(StrEnum):
    """A key of GS1 that carries a check digit, so that one digit heard wrongly is found out.

    The check digit is that of GS1 General Specifications, section 7.9; `biip` computes it.
    """

    SSCC = "sscc"  # Serial shipping container code: one pallet or carton, 18 digits.
    GTIN = "gtin"  # Global trade item number: 8, 12, 13 or 14 digits.

    @property
    def lengths(self) -> tuple[int, ...]:
        """How many digits such a key may have."""
        return (18,) if self is Gs1.SSCC else (8, 12, 13, 14)

    def holds(self, value: str) -> bool:
        """Has the value the length of such a key, and does its last digit follow from the others?"""
        digits = value.isascii() and value.isdigit()
        return digits and len(value) in self.lengths and int(value[-1]) == _check_digit(value[:-1])

    def checked(self, value: str) -> str:
        """The value itself. Raises ValueError where it is no such key."""
        if not self.holds(value):
            raise ValueError(f"is no {self.upper()}: the check digit or the length does not fit")
        return value

    def sample(self, random: Random) -> str:
        """Any key of this kind."""
        payload = "".join(random.choice("0123456789") for _ in range(random.choice(self.lengths) - 1))
        return f"{payload}{_check_digit(payload)}"


def _check_digit(payload: str) -> int:
    from biip.checksums import gs1_standard_check_digit  # noqa: PLC0415 - with it comes a table of all GS1 prefixes

    return gs1_standard_check_digit(payload)


@dataclass(frozen=True, slots=True)
class Wording:
    """The words that belong to one field in one language."""

    labels: tuple[str, ...]
    units: tuple[str, ...]
    ask: str | None = None  # The question for the field; None: its label asks.
    values: Mapping[str, str] = field(default_factory=dict)
    """What the values of an `enum` are called, where that is not the value itself."""


@dataclass(frozen=True, slots=True)
class FormField:
    """One field of a form."""

    name: str
    title: str
    description: str
    kind: Literal["string", "integer"]
    labels: tuple[str, ...]  # The words that open the field: "pallet", "pallet number".
    spoken: Spoken
    units: Mapping[str, str]  # Unit words, plural to singular; a number before one is this field's, label or not.
    identifier: bool  # Names a thing rather than counting it.
    catalogue: str | None  # The catalogue whose values alone are known for this field.
    check_digit: Gs1 | None  # The GS1 key that a value is, last digit and all.
    last_digits: int | None  # So many last characters say a value of the catalogue that is the only one to end so.
    languages: Mapping[str, Wording]
    """Language code to the words that transcripts in it may carry; those of English come on top of the field's own."""
    ask: str  # The question when the field is missing or unsure.
    readback: str  # How the value is read back: text around `{value}` and `{unit}`.
    required: bool
    pattern: str | None
    exception: bool  # Its values are said by themselves ("damaged"), and count once they are said twice or confirmed.
    choices: tuple[str, ...]  # The only values the form allows, from `enum`; empty: not limited so.
    least: int | None  # The least length of a string, the least value of an integer.
    most: int | None  # The greatest length of a string, the greatest value of an integer.
    usual: range | None
    """The lengths of a string, the values of an integer that nobody wonders about; others are allowed too."""

    @property
    def shape(self) -> Shape | None:
        """What the pattern describes, part by part."""
        return None if self.pattern is None else Shape.read(self.pattern)

    def allows(self, value: FieldValue) -> bool:
        """Does a value of the field's own type keep the form's rules?"""
        long_enough = self.least is None or _size(value) >= self.least
        short_enough = self.most is None or _size(value) <= self.most
        fits = self.pattern is None or re.fullmatch(self.pattern, str(value)) is not None
        checked = self.check_digit is None or self.check_digit.holds(str(value))
        return long_enough and short_enough and fits and checked and (not self.choices or value in self.choices)

    def is_usual(self, value: FieldValue) -> bool:
        """Does nobody wonder about a value: by its size, or since it is a GS1 key whose check digit fits?"""
        if self.usual is None or _size(value) in self.usual:
            return True
        return isinstance(value, str) and any(key.holds(value) for key in Gs1)

    def wording(self, language: str) -> Wording:
        """The field's words in one language; where the form has none, those of English."""
        if language != OWN_LANGUAGE and language in self.languages:
            return self.languages[language]
        more = self.languages.get(OWN_LANGUAGE, Wording((), ()))
        return Wording((*self.labels, *more.labels), (*self.units.keys(), *self.units.values(), *more.units))

    def called(self, value: str, language: str) -> str:
        """What a value of an `enum` is called in one language; where the form has no word for it, itself."""
        return self.wording(language).values.get(value, value)

    def told(self, value: FieldValue) -> str:
        """The value as it is read back: `pallet 7 4 2`, `12 units`, `dock B`."""
        spelt = self.spoken in {Spoken.DIGITS, Spoken.ALPHANUMERIC}
        unit = next(iter(self.units.items()), ("", ""))[value == 1]
        return self.readback.format(value=" ".join(str(value)) if spelt else value, unit=unit)


@dataclass(frozen=True, eq=False)
class Form:
    """What may be said, field by field. Compared by identity: a form is loaded once."""

    name: str
    title: str
    description: str
    spoken_name: str
    fields: tuple[FormField, ...]
    terminator: str | None
    """The word that ends a sentence, which is confirmed where it is missing; None: a pause is enough."""
    template: str  # How a whole entry is read back: text around each field's own readback.
    schema: Mapping[str, Any]  # The JSON Schema as it stands in the file.

    def __getitem__(self, name: str) -> FormField:
        return next(field for field in self.fields if field.name == name)

    @cached_property
    def model(self) -> type[BaseModel]:
        """A pydantic model of an entry. Strict: "12" and 12.0 are no integers, 7 is no string."""
        fields: dict[str, Any] = {field.name: _annotated(field) for field in self.fields}
        config = ConfigDict(strict=True, extra="forbid", frozen=True)
        return create_model(self.title.title().replace(" ", ""), __config__=config, **fields)

    def faults(self, fields: Mapping[str, object]) -> Mapping[str, str]:
        """What is wrong, by field name; empty when the fields make a valid entry of this form."""
        try:
            self.model.model_validate(dict(fields))
        except ValidationError as fault:
            return {str(error["loc"][0]): error["msg"] for error in fault.errors(include_url=False)}
        return {}

    def readback(self, fields: Mapping[str, FieldValue]) -> str:
        """The entry, or what is there of one, as it is read back to the operator."""
        told = {field.name: field.told(fields[field.name]) for field in self.fields if field.name in fields}
        named = _placeholders(self.template)
        if not all(name in told for name in named):
            return ", ".join(told.values())
        beside = [words for name, words in told.items() if name not in named]
        return ", ".join([self.template.format(**told), *beside])


def _placeholders(template: str) -> list[str]:
    """The names in braces of a readback, in order."""
    return [name for _, name, _, _ in Formatter().parse(template) if name is not None]


def _size(value: FieldValue) -> int:
    return value if isinstance(value, int) else len(value)


def _annotated(field: FormField) -> tuple[Any, Any]:
    kind: Any = Literal[field.choices] if field.choices else {"string": str, "integer": int}[field.kind]
    lower, upper = ("min_length", "max_length") if field.kind == "string" else ("ge", "le")
    limits: dict[str, Any] = {lower: field.least, upper: field.most, "pattern": field.pattern}
    given = {keyword: limit for keyword, limit in limits.items() if limit is not None}
    if field.check_digit is not None:
        kind = Annotated[kind, AfterValidator(field.check_digit.checked)]
    return kind, Field(**given) if field.required else Field(None, **given)
