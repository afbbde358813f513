"""The data model of a form: its fields, their valid values and their words. `loader` builds it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache, cached_property
from random import Random
from string import Formatter, ascii_uppercase
from typing import Any, ClassVar, Literal

from dockvoice_protocol.field_roles import FieldRole
from dockvoice_protocol.forms.element_strings import Element, gs1_check_digit, has_check_digit
from dockvoice_protocol.forms.pattern import PatternShape
from dockvoice_protocol.records import FieldValue, format_number, to_decimal

OWN_LANGUAGE = "en"  # The language of a field's own labels and units, and of the on-device recogniser.

OTHER_DEEDS: Mapping[str, tuple[str, ...]] = {
    "bring": (),
    "load": ("unload", "receive", "receiving", "arrive", "count"),
    "unload": ("load", "count", "moving", "placing", "staying"),
    "close": ("load", "unload", "receive", "receiving", "arrive", "move", "park", "count"),
    "receive": ("load",),
    "count": ("load", "unload", "receive", "receiving", "move", "moving", "placing", "park"),
    "move": ("load", "unload", "count"),
    "arrive": ("unload", "move"),
    "measure": ("load", "unload", "move", "moving", "placing"),
}
"""By the deed of a form, those that an utterance may tell of in the same words, and which are no entry of that form."""

APART_FROM_HANDLING = frozenset({"bring", "close", "load", "move", "unload"})
"""The deeds that handling a thing does not imply: who scans a pallet at dock B has not brought it there."""

ORDERS = ("moving", "placing")  # Those of them that are ordered, and not told of: "bring", "put".

NET_WEIGHT = "310"  # In kilograms; on a label a fourth digit is the number of decimals.
KILOGRAM = "KGM"  # In UN/ECE Recommendation 20.
SCANNABLE = ("00", "01", "02", "10", "11", "15", "17", "21", NET_WEIGHT, "37")
"""The GS1 application identifiers that can fill a field."""


class DayOrder(StrEnum):
    """The order of the parts of a date on a label."""

    DAY_MONTH_YEAR = "dmy"
    MONTH_DAY_YEAR = "mdy"
    YEAR_MONTH_DAY = "ymd"


class MonthAlone(StrEnum):
    """The meaning of a month without a day."""

    END = "end"  # Its last day, as on labels: "best before end of June".
    NONE = "none"  # No date.


class FieldKindTraits:
    """The static properties of a kind of field, without parsing or speaking its values.

    Each kind is one instance of a class in `dockvoice_protocol.forms.spoken.kinds`.
    """

    name: ClassVar[str]  # The value of the keyword `spoken` in a form.
    type: ClassVar[str] = "string"  # The JSON type of its values.
    format: ClassVar[str | None] = None
    """The JSON Schema format of its values. `format_fault` checks it, and the console chooses the input by it."""
    characters: ClassVar[str] = ""  # The valid characters of a value that is said character by character.
    spelt: ClassVar[bool] = False  # Said character by character, or a few of them at once.
    listed: ClassVar[bool] = False  # One of the values listed in the form or the catalogue, spoken as written there.
    counts: ClassVar[bool] = False  # A whole number of units.
    measures: ClassVar[bool] = False  # A decimal, which may be negative.
    answers: ClassVar[bool] = False  # True or false.
    by_unit: ClassVar[bool] = False  # Said only by the unit words of the field that it is the unit of.
    of_numbers: ClassVar[bool] = False  # Number words alone may be a value.
    of_today: ClassVar[bool] = False  # The value may depend on the current date.

    @cached_property
    def may_have_letters(self) -> bool:
        """Whether a value may hold letters that are said one by one."""
        return "A" in self.characters

    @cached_property
    def is_single_letter(self) -> bool:
        """Whether a value is one letter."""
        return self.may_have_letters and not self.spelt

    @cached_property
    def is_code(self) -> bool:
        """Whether a value is a string of letters and digits."""
        return self.may_have_letters and self.spelt

    @cached_property
    def is_digits(self) -> bool:
        """Whether a value is a string of digits."""
        return self.spelt and not self.may_have_letters

    @cached_property
    def is_said_by_name(self) -> bool:
        """Whether a value is said by its name."""
        return self.listed or self.is_single_letter

    @cached_property
    def is_number(self) -> bool:
        """Whether a value is an integer or a decimal."""
        return self.counts or self.measures

    def format_fault(self, value: str) -> str | None:
        """The fault of a value that breaks the kind's format; None for a valid one."""
        return None

    def value_from_element(self, field: FormField, element: Element, today: date) -> FieldValue | None:
        """The field's value for an element of a label; None where the field's rules give it no single value."""
        return element.value

    def __repr__(self) -> str:
        """Its name, for a stable repr of forms: samples are cached on disk under it."""
        return self.name


class Gs1(StrEnum):
    """A GS1 key with a check digit, which detects one misheard digit.

    The check digit is that of GS1 General Specifications, section 7.9; `biip` computes it.
    """

    SSCC = "sscc"  # Serial shipping container code: one pallet or carton, 18 digits.
    GTIN = "gtin"  # Global trade item number: 8, 12, 13 or 14 digits.

    @property
    def lengths(self) -> tuple[int, ...]:
        """The numbers of digits that the key may have."""
        return (18,) if self is Gs1.SSCC else (8, 12, 13, 14)

    def is_valid(self, value: str) -> bool:
        """Whether the value has a valid length and check digit."""
        digits = value.isascii() and value.isdigit()
        return digits and len(value) in self.lengths and has_check_digit(value)

    def sample(self, random: Random) -> str:
        """A random key with its check digit."""
        payload = "".join(random.choice("0123456789") for _ in range(random.choice(self.lengths) - 1))
        return f"{payload}{gs1_check_digit(payload)}"


_OF_LETTERS = dict(zip(ascii_uppercase, (one for one in range(10, 39) if one % 11), strict=True))
"""Values of letters in a container's check digit: 10 to 38 without multiples of 11."""


def is_valid_container(value: str) -> bool | None:
    """Whether the check digit of a freight container is right, by ISO 6346; None for any other string.

    Its number has four letters, the last of which is U, J or Z, and seven digits.
    """
    if re.fullmatch("[A-Z]{3}[UJZ][0-9]{7}", value) is None:
        return None
    worth = (_OF_LETTERS.get(one) or int(one) for one in value[:-1])
    return sum(one << at for at, one in enumerate(worth)) % 11 % 10 == int(value[-1])


_MARKED_BY_CARRIER = re.compile("[A-Z]{3}[A-IK-TV-Y][0-9]{5,6}")
"""A trailer's number: its carrier's Standard Carrier Alpha Code and five or six digits, "XPOL530121".

The code has two to four letters, by NMFTA; this matches only four, since fewer look like other codes. ISO 6346 reserves
a last letter U, J or Z for containers: with six digits that is a container without its check digit.
"""


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of one field in one language."""

    labels: tuple[str, ...]
    units: tuple[str, ...]
    ask: str | None = None  # The question for the field; None: the label is the question.
    ask_beside: Mapping[str, str] = field(default_factory=dict)
    """The question once a certain other field is known, by that field: "How many good ones?"."""
    readback: str | None = (
        None  # Template of the readback, as the field's own; None: the label or the unit, and the value.
    )
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of `enum` values that differ from the value itself; the first is read back."""
    verbs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Verbs that mean an `enum` value, before the object: "refuse pallet 744"."""
    codes: Mapping[str, str] = field(default_factory=dict)
    """Unit words to codes, where another field holds the unit; the first word of a code is the plural."""
    true: tuple[str, ...] = ()  # Words that mean true without the label: "sealed".
    false: tuple[str, ...] = ()  # Likewise false: "not sealed".
    counted: tuple[str, ...] = ()
    """Words behind a count in the place of a unit, which name the field but no unit: "good"."""
    zero: Mapping[str, str] = field(default_factory=dict)
    """Words for a count of zero ("empty"), to the code of its unit; "" where no other field holds the unit."""


@dataclass(frozen=True, slots=True)
class UsualRange:
    """The closed interval of a field's usual sizes."""

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
    spoken: FieldKindTraits
    units: Mapping[str, str]  # Unit words, plural to singular; a number before one is this field's, label or not.
    identifier: bool  # Names a thing rather than counting it.
    catalogue: str | None  # The catalogue of its known values; None: every value is known.
    check_digit: Gs1 | None  # The GS1 key of its values.
    last_digits: int | None  # This many last characters stand for the only catalogue value that ends in them.
    languages: Mapping[str, Wording]
    """Words in transcripts by language code; those of English are added to the field's own."""
    ask: str  # The question when the field is missing or unsure.
    readback: str  # Template of the readback, with `{value}` and `{unit}`.
    required: bool
    pattern: str | None
    exception: bool  # Its values are whole utterances ("damaged"), valid once they are said twice or confirmed.
    choices: tuple[str, ...]  # The only valid values, from `enum`; empty: no such limit.
    least: float | None  # Minimum length of a string (of each one in a list), or minimum of a number.
    most: float | None  # Maximum length of a string, or maximum of a number.
    usual: UsualRange | None
    """Lengths of a string, or values of a number, that are not questioned; others are valid too."""
    step: Decimal | None = None  # A decimal must be a multiple of it: 0.1 keeps one place.
    order: DayOrder | None = None  # The order of a date's digits on a label.
    month_alone: MonthAlone = MonthAlone.NONE
    unit_of: str | None = None  # The field whose unit this one holds.
    codes: Mapping[str, str] = field(default_factory=dict)
    """Where another field holds the unit: unit words to its codes. `units` has the same words."""
    factors_by: str | None = None  # Of a unit: the field with the item whose master data have the factors.
    bare: bool = False  # Its values are valid without a label.
    source: bool = False  # The place of origin: "to door nine" may then be the destination, and is asked.
    unlabelled: bool = False
    """Its catalogue's values are valid without a label: a place by its code, anything by its names."""
    many: range | None = None  # Valid lengths of a list; None: the field holds one value.
    distinct: bool = False  # The values of a list must differ.
    scan: tuple[str, ...] = ()  # The GS1 application identifiers on a scanned label that fill this field.
    ask_beside: Mapping[str, str] = field(default_factory=dict)
    """The question once a certain other field is known, by that field: "How many good ones?"."""

    @cached_property
    def max_length(self) -> int | None:
        """The maximum length of a value; None: no limit."""
        longest = self.shape.max_length if self.shape is not None else None
        return min((int(most) for most in (self.most, longest) if most is not None), default=None)

    @cached_property
    def shape(self) -> PatternShape | None:
        """The field's pattern, parsed."""
        return None if self.pattern is None else PatternShape.parse(self.pattern)

    @property
    def is_place(self) -> bool:
        """Whether it holds a place: a single catalogue value that is no identifier."""
        return self.catalogue is not None and not self.identifier and self.many is None

    @cached_property
    def item_field(self) -> FormField:
        """The field of one value, for a field that holds a list."""
        return self if self.many is None else replace(self, kind="string", many=None, distinct=False)

    @property
    def size_limits(self) -> tuple[float, float]:
        """The minimum and maximum size of a value."""
        least, most = self.least, self.most
        if (shape := self.shape) is not None:
            least, most = max(shape.min_length, least or 0), min(shape.max_length, math.inf if most is None else most)
        return -math.inf if least is None else least, math.inf if most is None else most

    def has_type(self, value: object) -> bool:
        """Whether the value has the field's type; a bool is no number, nor is infinity."""
        match self.kind:
            case "string":
                return isinstance(value, str)
            case "integer":
                return isinstance(value, int) and not isinstance(value, bool)
            case "number":
                finite = isinstance(value, int | float) and -math.inf < value < math.inf
                return finite and not isinstance(value, bool)
            case "boolean":
                return isinstance(value, bool)
            case "array":
                return isinstance(value, tuple) and all(isinstance(one, str) for one in value)

    def allows(self, value: FieldValue) -> bool:
        """Whether a value keeps the form's rules, and, where `usual` is set, a container has its check digit."""
        if not self.keeps_rules(value):
            return False
        if self.usual is None or self.check_digit is not None:
            return True
        values = value if isinstance(value, tuple) else (value,)
        return not any(isinstance(one, str) and is_valid_container(one) is False for one in values)

    def keeps_rules(self, value: object) -> bool:
        """Whether a value has the field's type and satisfies the form's rules."""
        if not self.has_type(value):
            return False
        if isinstance(value, tuple):
            so_many = self.many is not None and len(value) in self.many
            alone = not self.distinct or len(set(value)) == len(value)
            return so_many and alone and all(self.item_field.keeps_rules(one) for one in value)
        return not any(fault(value) for fault in self._broken_rule_predicates())

    def _broken_rule_predicates(self) -> Iterator[Callable[[Any], bool]]:
        """Predicates, one per rule, that are True for a single value that breaks it."""
        if (least := self.least) is not None:
            yield lambda value: _size_of(value) < least
        if (most := self.most) is not None:
            yield lambda value: _size_of(value) > most
        if (pattern := self.pattern) is not None:
            yield lambda value: _compiled(pattern).fullmatch(value) is None
        if (check_digit := self.check_digit) is not None:
            yield lambda value: not check_digit.is_valid(value)
        if (step := self.step) is not None:
            yield lambda value: to_decimal(value) % step != 0
        if self.spoken.format is not None:
            yield lambda value: self.spoken.format_fault(value) is not None
        if self.choices:
            yield lambda value: value not in self.choices

    def is_usual(self, value: FieldValue) -> bool:
        """Whether a value is usual: by its size, or as a GS1 key, a container or a trailer's number.

        The check digit of a key or container must be right.
        """
        if isinstance(value, tuple):
            return all(self.item_field.is_usual(one) for one in value)
        if self.usual is None or _size_of(value) in self.usual:
            return True
        if not isinstance(value, str):
            return False
        marked = is_valid_container(value) is True or _MARKED_BY_CARRIER.fullmatch(value) is not None
        return marked or any(key.is_valid(value) for key in Gs1)

    def wording(self, language: str) -> Wording:
        """The field's words in one language; English where the form has none."""
        return (
            self._english_wording if language == OWN_LANGUAGE else self.languages.get(language, self._english_wording)
        )

    @cached_property
    def _english_wording(self) -> Wording:
        more = self.languages.get(OWN_LANGUAGE, Wording((), ()))
        units = (*self.units.keys(), *self.units.values(), *more.units)
        return replace(
            more, labels=(*self.labels, *more.labels), units=units, codes={**self.codes, **more.codes}, ask=None
        )

    def enum_name(self, value: str, language: str) -> str:
        """The name of an `enum` value in one language; the value itself where the form has none."""
        return self.wording(language).values.get(value, (value,))[0]

    def unit_word(self, value: FieldValue, code: FieldValue | None = None, language: str = OWN_LANGUAGE) -> str:
        """The unit word for a number: that of the code, where another field holds the unit; else the first."""
        if code is not None:
            words = [word for word, meant in self.wording(language).codes.items() if meant == code]
            return choose_plural(words, value, language) if words else str(code)
        if self.codes:  # the unit is unknown: guess none
            return ""
        return next(iter(self.units.items()), ("", ""))[value == 1]

    def _to_text(self, value: FieldValue) -> str:
        """A value as text: `7 4 2`, `52.5`, `2027-03-05`, `yes`, `A 1 and A 2`."""
        match value:
            case bool():
                named = self.wording(OWN_LANGUAGE)
                return next(iter(named.true if value else named.false), "yes" if value else "no")
            case int() | float():
                return format_number(value)
            case tuple():
                return " and ".join(self._to_text(one) for one in value)
            case str():
                return " ".join(value) if self.spoken.spelt else value

    def read_back(self, value: FieldValue, code: FieldValue | None = None) -> str:
        """The value formatted by the readback template: `pallet 7 4 2`, `12 units`, `dock B`; `code`: its unit's."""
        return self.readback.format(value=self._to_text(value), unit=self.unit_word(value, code)).strip()


@dataclass(frozen=True, eq=False)
class Form:
    """A form. Compared by identity: a form is loaded once."""

    name: str
    title: str
    description: str
    spoken_name: str
    fields: tuple[FormField, ...]
    terminator: str | None
    """The word that ends a sentence; without it the entry needs a confirmation. None: a pause ends a sentence."""
    template: str  # Template of a whole entry's readback, with each field's own readback.
    schema: Mapping[str, Any]  # The parsed JSON Schema of the file.
    identifies: tuple[str, ...] = ()
    """The fields that identify the thing of an entry: another value of one means another thing."""
    context: tuple[str, ...] = ()  # The fields of an entry's context, such as trailer and order.
    roles: Mapping[FieldRole, str] = field(default_factory=dict)  # The field of each role.
    expects: Mapping[FieldRole, str] = field(default_factory=dict)
    """The same of a form that is compared with the lists of expected receipts; empty for any other."""
    closes: str | None = None  # The field with the trailer that an entry closes; None: the form closes none.
    called: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of the work by language; the device says the first."""

    undone: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By language, verbs before or behind an object that undo the work: "unload"."""

    deed: str | None = None  # What an entry says was done, a key of `OTHER_DEEDS`; None: any deed may be named.
    openings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By language, beginnings of an entry, which there are no question and no wish: "can i get"."""

    @cached_property
    def standing_fields(self) -> tuple[str, ...]:
        """The context fields that hold for several entries; none where the first of them is an identifier."""
        if not self.context or self[self.context[0]].identifier:
            return ()
        own = self.identifies if self.is_identified_by_context else ()
        return tuple(name for name in self.context if not self[name].identifier and name not in own)

    @cached_property
    def required_fields(self) -> frozenset[str]:
        """The fields without which there is no entry."""
        return frozenset(field.name for field in self.fields if field.required)

    @property
    def is_identified_by_context(self) -> bool:
        """Whether the context fields alone identify the thing of an entry."""
        return set(self.identifies) <= set(self.context)

    @cached_property
    def standing_form(self) -> Form:
        """The form of the `standing_fields` fields alone, none of them required."""
        return replace(self, fields=tuple(replace(self[name], required=False) for name in self.standing_fields))

    def __getitem__(self, name: str) -> FormField:
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> Mapping[str, FormField]:
        return {field.name: field for field in self.fields}

    def spoken_names(self, language: str) -> tuple[str, ...]:
        """The form's names in one language; English ones where it has none."""
        return self.called.get(language) or self.called.get(OWN_LANGUAGE) or (self.spoken_name,)

    def faults(self, fields: Mapping[str, object]) -> list[str]:
        """The fields that are missing, break a rule, or are none of the form's; empty for a valid entry."""
        wrong = [
            one.name
            for one in self.fields
            if (not one.keeps_rules(fields[one.name]) if one.name in fields else one.required)
        ]
        return [*wrong, *(name for name in fields if name not in self._by_name)]

    def unit_field(self, name: str) -> FormField | None:
        """The field that holds the unit of field `name`."""
        return self._unit_fields.get(name)

    @cached_property
    def _unit_fields(self) -> Mapping[str, FormField]:
        return {field.unit_of: field for field in reversed(self.fields) if field.unit_of is not None}

    def unit_code_in(self, name: str, fields: Mapping[str, FieldValue]) -> FieldValue | None:
        """The unit code of a count in an entry; None where no other field holds it."""
        unit = self.unit_field(name)
        return None if unit is None else fields.get(unit.name)

    def is_read_back_alone(self, field: FormField, fields: Mapping[str, FieldValue]) -> bool:
        """Whether a field of an entry is read back by itself, not as the unit in its count's readback."""
        counted = None if field.unit_of is None else self[field.unit_of]
        return field.name in fields and not (
            counted is not None and counted.name in fields and "unit" in _placeholders(counted.readback)
        )

    @cached_property
    def trailer_and_door_fields(self) -> tuple[str, ...]:
        """The fields with the trailer and the door of a receipt, the trailer first."""
        return tuple(self.roles[one] for one in (FieldRole.TRAILER, FieldRole.DOOR) if one in self.roles)

    @cached_property
    def for_last_characters(self) -> Form:
        """A copy whose identifiers have no pattern or minimum length, to parse their last characters."""
        fields = (replace(one, pattern=None, least=None) if one.identifier else one for one in self.fields)
        return replace(self, fields=tuple(fields))

    @cached_property
    def depends_on_today(self) -> bool:
        """Whether values may depend on the current date."""
        return any(field.spoken.of_today for field in self.fields)

    def readback(self, fields: Mapping[str, FieldValue]) -> str:
        """The readback of an entry, complete or not."""
        spoken_values = {
            field.name: field.read_back(fields[field.name], self.unit_code_in(field.name, fields))
            for field in self.fields
            if self.is_read_back_alone(field, fields)
        }
        named = _placeholders(self.template)
        if not all(name in spoken_values for name in named):
            return ", ".join(spoken_values.values())
        beside = [words for name, words in spoken_values.items() if name not in named]
        return ", ".join([self.template.format(**spoken_values), *beside])


def choose_plural(words: Sequence[str], value: FieldValue, language: str) -> str:
    """The unit word for a number of several: that for many, for one, and, in Polish, for a few."""
    one = words[1:2] if value == 1 else ()
    few = words[2:3] if language in WITH_FEW and _is_few(value) else ()
    return next(iter((*one, *few)), words[0])


WITH_FEW = frozenset({"pl"})  # Languages whose numbers have CLDR's plural category "few".


def _is_few(value: FieldValue) -> bool:
    """Whether a number is of CLDR's category "few": 2 to 4, 22 to 24, but not 12 to 14."""
    return isinstance(value, int) and value % 10 in range(2, 5) and value % 100 not in range(12, 15)


def _placeholders(template: str) -> list[str]:
    """The placeholders of a template, in order."""
    return [name for _, name, _, _ in Formatter().parse(template) if name is not None]


@cache  # re.fullmatch would look the pattern up for each value, which takes ten times as long as to match it
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _size_of(value: float | str) -> float:
    return len(value) if isinstance(value, str) else value
