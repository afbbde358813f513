"""A form: which fields an entry has, what they may hold, and how they are spoken. Nouns only, read by `loader`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cached_property, partial
from random import Random
from string import Formatter, ascii_uppercase
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, create_model

from dockvoice_protocol.forms.element_strings import Element
from dockvoice_protocol.forms.pattern import Shape
from dockvoice_protocol.records import FieldValue, exact, plain

OWN_LANGUAGE = "en"
"""The language of a field's own labels and units, and the one that the on-device recogniser hears."""


NET_WEIGHT = "310"  # In kilograms; on a label a fourth digit says how many decimals it has.
KILOGRAM = "KGM"  # In UN/ECE Recommendation 20.
SCANNABLE = ("00", "01", "02", "10", "11", "15", "17", "21", NET_WEIGHT, "37")
"""The application identifiers of GS1 that a field may take from a label."""


class DayOrder(StrEnum):
    """In which order the parts of a date stand on a label."""

    DAY_MONTH_YEAR = "dmy"
    MONTH_DAY_YEAR = "mdy"
    YEAR_MONTH_DAY = "ymd"


class Partial(StrEnum):
    """What a month without a day is."""

    END = "end"  # Its last day, as on labels: "best before end of June".
    NONE = "none"  # No date.


class Expects(StrEnum):
    """What a line of a list of expected receipts says, as a form names the field for it."""

    PALLET = "pallet"
    ITEM = "item"
    QUANTITY = "quantity"
    DAMAGED = "damaged"  # Received as well, and not part of the quantity.
    LOT = "lot"
    TRAILER = "trailer"
    DOOR = "door"


class Spoken:
    """How the words for a field become its value: what is known of a kind of field without reading or speaking it.

    Each kind is one object of a class in `dockvoice_protocol.forms.spoken.kinds`.
    """

    name: ClassVar[str]
    """What a form calls it, as its `spoken`."""
    type: ClassVar[str] = "string"  # The JSON type of its values.
    format: ClassVar[str | None] = None
    """The format of JSON Schema that its values have. `fault` checks it, and the console chooses the input by it."""
    characters: ClassVar[str] = ""
    """What a value may consist of, where each character is said."""
    spelt: ClassVar[bool] = False  # Said character by character, or a few of them at once.
    listed: ClassVar[bool] = False  # One of the values listed in the form or the catalogue, spoken as written there.
    counts: ClassVar[bool] = False  # A whole number of units.
    measures: ClassVar[bool] = False  # A number with places, which may be below zero.
    answers: ClassVar[bool] = False  # True or false.
    by_unit: ClassVar[bool] = False  # Said by the unit words of what another field counts, and by nothing else.
    of_numbers: ClassVar[bool] = False  # A value may be a number without more.
    of_today: ClassVar[bool] = False  # Which value it is may depend on the day that it is.

    @property
    def spells(self) -> bool:
        """May a value hold letters that are said one by one?"""
        return "A" in self.characters

    @property
    def is_letter(self) -> bool:
        """Is a value one letter?"""
        return self.spells and not self.spelt

    @property
    def is_code(self) -> bool:
        """Is a value a string of letters and digits?"""
        return self.spells and self.spelt

    @property
    def is_digits(self) -> bool:
        """Is a value a string of digits?"""
        return self.spelt and not self.spells

    @property
    def named(self) -> bool:
        """Is a value said all at once, by its name?"""
        return self.listed or self.is_letter

    @property
    def is_number(self) -> bool:
        """Is a value a number, whole or with places?"""
        return self.counts or self.measures

    def fault(self, value: str) -> str | None:
        """What is wrong with a value of the kind's type; None where it has the kind's format."""
        return None

    def scanned(self, field: FormField, element: Element, today: date) -> FieldValue | None:
        """The value as a field holds it, of an element on a label; None where the field takes it for no one value."""
        return element.value

    def __repr__(self) -> str:
        """By its name: what is sampled for a form is kept under the form's repr, which outlives a process."""
        return self.name


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


_OF_LETTERS = dict(zip(ascii_uppercase, (one for one in range(10, 39) if one % 11), strict=True))
"""What a letter counts for in the check digit of a container."""


def is_container(value: str) -> bool | None:
    """Does the check digit of a freight container fit, by ISO 6346? None for what is no such number.

    That has four letters, the last of which tells that it is one, and seven digits.
    """
    if re.fullmatch("[A-Z]{3}[UJZ][0-9]{7}", value) is None:
        return None
    worth = (_OF_LETTERS.get(one) or int(one) for one in value[:-1])
    return sum(one << at for at, one in enumerate(worth)) % 11 % 10 == int(value[-1])


_MARKED_BY_CARRIER = re.compile("[A-Z]{3}[A-IK-TV-Y][0-9]{5,6}")
"""A trailer as its carrier marks it: its Standard Carrier Alpha Code and five or six figures, "XPOL530121".

The code has two to four letters, by NMFTA; here it is one of four, since fewer are not told from other codes. A last
letter U, J or Z is kept for containers by ISO 6346: with six figures that is one whose check digit is missing.
"""


@dataclass(frozen=True, slots=True)
class Wording:
    """The words that belong to one field in one language."""

    labels: tuple[str, ...]
    units: tuple[str, ...]
    ask: str | None = None  # The question for the field; None: its label asks.
    ask_beside: Mapping[str, str] = field(default_factory=dict)
    """The question where a certain other field was said already, by that field: "How many good ones?"."""
    readback: str | None = (
        None  # How the value is read back, as the field's own; None: its label or its unit and the value.
    )
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What the values of an `enum` are called, where that is not the value itself; the first is read back."""
    verbs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What says a value of an `enum` as a deed, before the thing that it is done to: "refuse pallet 744"."""
    codes: Mapping[str, str] = field(default_factory=dict)
    """Unit words to codes, where another field holds the unit; the first word of a code is for several."""
    true: tuple[str, ...] = ()  # What says that a field of yes and no is true, without its label: "sealed".
    false: tuple[str, ...] = ()  # Likewise false: "not sealed".
    counted: tuple[str, ...] = ()
    """What stands behind a count instead of its unit and says whose it is, but not in which unit: "good"."""
    zero: Mapping[str, str] = field(default_factory=dict)
    """What says that a count is zero ("empty"), to the code of its unit; "" where no other field holds that."""


@dataclass(frozen=True, slots=True)
class Usual:
    """Numbers from the least to the most, both included."""

    least: float
    most: float

    def __contains__(self, value: float) -> bool:
        return self.least <= value <= self.most


@dataclass(frozen=True)
class FormField:
    """One field of a form."""

    name: str
    title: str
    description: str
    kind: Literal["string", "integer", "number", "boolean", "array"]
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
    least: float | None  # The least length of a string (of each one in a list), the least value of a number.
    most: float | None  # The greatest length of a string, the greatest value of a number.
    usual: Usual | None
    """The lengths of a string, the values of a number that are not doubted; others are allowed too."""
    step: Decimal | None = None  # What a decimal is a multiple of: 0.1 keeps one place.
    order: DayOrder | None = None  # How the digits of a date stand on a label.
    month_alone: Partial = Partial.NONE
    unit_of: str | None = None  # The field whose unit this one holds.
    codes: Mapping[str, str] = field(default_factory=dict)
    """Where another field holds the unit: unit words to its codes. `units` has the same words."""
    factors_by: str | None = None  # Of a unit: the field that says of which item, whose master data have the factors.
    bare: bool = False  # Its values are said without a label, and stand as any other value.
    source: bool = False  # A place from which the thing of an entry comes: "to door nine" is where it goes on to.
    unlabelled: bool = False
    """What its catalogue knows is said without a label: a place by its code, anything by its names."""
    many: range | None = None  # How many values a list may hold; None: the field holds one value.
    distinct: bool = False  # No value of a list stands there twice.
    scan: tuple[str, ...] = ()  # The application identifiers of GS1, on a scanned label, whose value is this field's.
    ask_beside: Mapping[str, str] = field(default_factory=dict)
    """The question where a certain other field was said already, by that field: "How many good ones?"."""

    @property
    def longest(self) -> int | None:
        """The most characters that a value may have; None: any number."""
        longest = self.shape.most if self.shape is not None else None
        return min((int(most) for most in (self.most, longest) if most is not None), default=None)

    @property
    def shape(self) -> Shape | None:
        """What the pattern describes, part by part."""
        return None if self.pattern is None else Shape.read(self.pattern)

    @property
    def is_place(self) -> bool:
        """Is it where a thing is, or goes: one of the values that exist, and no name of the thing itself?"""
        return self.catalogue is not None and not self.identifier and self.many is None

    @property
    def places(self) -> int:
        """How many digits a decimal keeps behind its point."""
        return 0 if self.step is None else max(0, -int(self.step.as_tuple().exponent))

    @property
    def item(self) -> FormField:
        """The field as if it held one value of its list."""
        return self if self.many is None else replace(self, kind="string", many=None, distinct=False)

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the greatest size that the form allows a value."""
        least, most = self.least, self.most
        if (shape := self.shape) is not None:
            least, most = max(shape.least, least or 0), min(shape.most, math.inf if most is None else most)
        return -math.inf if least is None else least, math.inf if most is None else most

    def types(self, value: object) -> bool:
        """Is the value of the field's own type? True and false are no numbers here."""
        match self.kind:
            case "string":
                return isinstance(value, str)
            case "integer":
                return isinstance(value, int) and not isinstance(value, bool)
            case "number":
                return isinstance(value, int | float) and not isinstance(value, bool)
            case "boolean":
                return isinstance(value, bool)
            case "array":
                return isinstance(value, tuple) and all(isinstance(one, str) for one in value)

    def allows(self, value: FieldValue) -> bool:
        """Is a value of the field's own type, and does it keep the form's rules?"""
        if not self.types(value):
            return False
        if isinstance(value, tuple):
            so_many = self.many is not None and len(value) in self.many
            alone = not self.distinct or len(set(value)) == len(value)
            return so_many and alone and all(self.item.allows(one) for one in value)
        return not any(fault(value) for fault in self._faults())

    def _faults(self) -> Iterator[Callable[[Any], bool]]:
        """Each of the field's rules, as a question whether a single value breaks it."""
        if (least := self.least) is not None:
            yield lambda value: _size(value) < least
        if (most := self.most) is not None:
            yield lambda value: _size(value) > most
        if (pattern := self.pattern) is not None:
            yield lambda value: re.fullmatch(pattern, value) is None
        if self.kind == "string":
            yield self._has_wrong_check_digit
        if (step := self.step) is not None:
            yield lambda value: exact(value) % step != 0
        if self.spoken.format is not None:
            yield lambda value: self.spoken.fault(value) is not None
        if self.choices:
            yield lambda value: value not in self.choices

    def _has_wrong_check_digit(self, value: str) -> bool:
        """By the key that it is; where one wonders about the unusual, by the container that it may be."""
        if self.check_digit is not None:
            return not self.check_digit.holds(value)
        return self.usual is not None and is_container(value) is False

    def is_usual(self, value: FieldValue) -> bool:
        """Is a value usual: by its size, or as a key of GS1, a container or a trailer with its carrier?

        Of a key and of a container the check digit fits.
        """
        if isinstance(value, tuple):
            return all(self.item.is_usual(one) for one in value)
        if self.usual is None or _size(value) in self.usual:
            return True
        if not isinstance(value, str):
            return False
        marked = is_container(value) is True or _MARKED_BY_CARRIER.fullmatch(value) is not None
        return marked or any(key.holds(value) for key in Gs1)

    def wording(self, language: str) -> Wording:
        """The field's words in one language; where the form has none, those of English."""
        return self._in_own if language == OWN_LANGUAGE else self.languages.get(language, self._in_own)

    @cached_property
    def _in_own(self) -> Wording:
        more = self.languages.get(OWN_LANGUAGE, Wording((), ()))
        units = (*self.units.keys(), *self.units.values(), *more.units)
        return replace(
            more, labels=(*self.labels, *more.labels), units=units, codes={**self.codes, **more.codes}, ask=None
        )

    def called(self, value: str, language: str) -> str:
        """What a value of an `enum` is called in one language; where the form has no word for it, itself."""
        return self.wording(language).values.get(value, (value,))[0]

    def unit(self, value: FieldValue, code: FieldValue | None = None, language: str = OWN_LANGUAGE) -> str:
        """The unit word for so many: the one for its code, where another field holds that; else the first."""
        if code is not None:
            words = [word for word, meant in self.wording(language).codes.items() if meant == code]
            return next(iter(words[1:] if value == 1 else ()), next(iter(words), str(code)))
        if self.codes:  # which unit is not known: none is made up
            return ""
        return next(iter(self.units.items()), ("", ""))[value == 1]

    def shown(self, value: FieldValue) -> str:
        """A value as text: `7 4 2`, `52.5`, `2027-03-05`, `yes`, `A 1 and A 2`."""
        match value:
            case bool():
                named = self.wording(OWN_LANGUAGE)
                return next(iter(named.true if value else named.false), "yes" if value else "no")
            case int() | float():
                return plain(value)
            case tuple():
                return " and ".join(self.shown(one) for one in value)
            case str():
                return " ".join(value) if self.spoken.spelt else value

    def read_back(self, value: FieldValue, code: FieldValue | None = None) -> str:
        """The value formatted by the field's readback: `pallet 7 4 2`, `12 units`, `dock B`; `code`: its unit's."""
        return self.readback.format(value=self.shown(value), unit=self.unit(value, code)).strip()


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
    identifies: tuple[str, ...] = ()
    """The fields that say which thing an entry is about: with another value of one it is about another thing."""
    context: tuple[str, ...] = ()  # The fields that say what an entry belongs to, such as trailer and order.
    expects: Mapping[Expects, str] = field(default_factory=dict)
    """The fields that are held against the lists of expected receipts, by what they are there."""
    closes: str | None = None  # The field that names the trailer that an entry closes; None: it is no form for that.
    called: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By language, what the work is called, the first as the device says it."""

    undone: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By language, the verbs that undo the work, before the thing that they undo it for or behind it: "unload"."""

    openings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By language, phrases with which an entry begins, and which then neither ask nor wish: "can i get"."""

    @cached_property
    def said_once(self) -> tuple[str, ...]:
        """The fields of the context that need not be said with each entry; none where an entry is about the first."""
        if not self.context or self[self.context[0]].identifier:
            return ()
        own = self.identifies if self.context_identifies else ()
        return tuple(name for name in self.context if not self[name].identifier and name not in own)

    @property
    def context_identifies(self) -> bool:
        """Does the context alone say of which thing an entry is? Then it is of that one."""
        return set(self.identifies) <= set(self.context)

    @cached_property
    def of_context(self) -> Form:
        """The form of what is said once: no more than those fields, and any of them may be lacking."""
        return replace(self, fields=tuple(replace(self[name], required=False) for name in self.said_once))

    def __getitem__(self, name: str) -> FormField:
        return next(field for field in self.fields if field.name == name)

    def names(self, language: str) -> tuple[str, ...]:
        """What the work is called in one language; where the form has no word for it, its own name in English."""
        return self.called.get(language) or self.called.get(OWN_LANGUAGE) or (self.spoken_name,)

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

    def unit_field(self, name: str) -> FormField | None:
        """The field that holds the unit of another one."""
        return next((field for field in self.fields if field.unit_of == name), None)

    def unit_in(self, name: str, fields: Mapping[str, FieldValue]) -> FieldValue | None:
        """The code of the unit in which an entry counts a field, where another of its fields says so."""
        unit = self.unit_field(name)
        return None if unit is None else fields.get(unit.name)

    def by_itself(self, field: FormField, fields: Mapping[str, FieldValue]) -> bool:
        """Is a field of an entry read back by itself, not as the unit of what it counts?"""
        counted = None if field.unit_of is None else self[field.unit_of]
        return field.name in fields and not (
            counted is not None and counted.name in fields and "unit" in _placeholders(counted.readback)
        )

    @cached_property
    def places_received(self) -> tuple[str, ...]:
        """The fields that say of which trailer, or at which door, something is received, the trailer first."""
        named = (self.place_field(part) for part in (Expects.TRAILER, Expects.DOOR))
        return tuple(name for name in named if name is not None)

    def place_field(self, part: Expects) -> str | None:
        """The field that names the trailer, or the door: held against the lists, or of the context and called so."""
        return self.expects.get(part) or next((name for name in self.context if name == part.value), None)

    @cached_property
    def by_end(self) -> Form:
        """The form in which what names a thing may be said by its last characters: of whatever length it is."""
        fields = (replace(one, pattern=None, least=None) if one.identifier else one for one in self.fields)
        return replace(self, fields=tuple(fields))

    @cached_property
    def has_dates(self) -> bool:
        """May days be said, whose year depends on the day that it is?"""
        return any(field.spoken.of_today for field in self.fields)

    def readback(self, fields: Mapping[str, FieldValue]) -> str:
        """The entry, or what is there of one, as it is read back to the operator."""
        told = {
            field.name: field.read_back(fields[field.name], self.unit_in(field.name, fields))
            for field in self.fields
            if self.by_itself(field, fields)
        }
        named = _placeholders(self.template)
        if not all(name in told for name in named):
            return ", ".join(told.values())
        beside = [words for name, words in told.items() if name not in named]
        return ", ".join([self.template.format(**told), *beside])


def _placeholders(template: str) -> list[str]:
    """The names in braces of a readback, in order."""
    return [name for _, name, _, _ in Formatter().parse(template) if name is not None]


def _size(value: float | str) -> float:
    return len(value) if isinstance(value, str) else value


def _annotated(field: FormField) -> tuple[Any, Any]:
    kind: Any = _one(field.item)
    if field.many is not None:
        many = Field(min_length=field.many.start, max_length=field.many.stop - 1)
        kind = Annotated[tuple[kind, ...], many, AfterValidator(partial(_distinct, field))]
    return kind, Field() if field.required else Field(None)


def _one(field: FormField) -> Any:
    """The type of one value, with the rules of the field."""
    types = {"string": str, "integer": int, "number": float, "boolean": bool}
    kind: Any = Literal[field.choices] if field.choices else types[field.kind]
    lower, upper = ("min_length", "max_length") if field.kind == "string" else ("ge", "le")
    limits: dict[str, Any] = {lower: field.least, upper: field.most, "pattern": field.pattern}
    limits |= {"allow_inf_nan": False} if field.kind == "number" else {}
    given = {keyword: limit for keyword, limit in limits.items() if limit is not None}
    kind = Annotated[kind, Field(**given)] if given else kind
    for rule in _rules(field):
        kind = Annotated[kind, AfterValidator(rule)]
    return kind


def _rules(field: FormField) -> Iterator[Callable[[Any], Any]]:
    """The rules that pydantic has no keyword for: each gives the value back, or raises ValueError."""
    if field.check_digit is not None:
        yield field.check_digit.checked
    if field.step is not None:
        yield partial(_stepped, field.step)
    if field.spoken.format is not None:
        yield partial(_of_kind, field.spoken)


def _stepped(step: Decimal, value: float) -> float:
    if exact(value) % step:
        raise ValueError(f"is no multiple of {step}")
    return value


def _of_kind(kind: Spoken, value: str) -> str:
    if (fault := kind.fault(value)) is not None:
        raise ValueError(fault)
    return value


def _distinct(field: FormField, values: tuple[str, ...]) -> tuple[str, ...]:
    if field.distinct and len(set(values)) < len(values):
        raise ValueError("holds a value twice")
    return values
