"""Wording of replies: orders become clauses; readbacks in the form's words, in seven languages.

The first clause is short and, except for the operator's own words, one of a few, which are cached in advance: a reply
begins at once while the rest is synthesised.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain, repeat
from types import MappingProxyType
from typing import NamedTuple

from dockvoice_protocol.forms.model import WITH_FEW, Form, FormField, choose_plural
from dockvoice_protocol.forms.pattern import SEPARATORS
from dockvoice_protocol.forms.spoken.confusable import E_SET, TEENS_OF_TENS
from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.forms.spoken.kinds import kind_of
from dockvoice_protocol.forms.spoken.kinds.date import date_in_words
from dockvoice_protocol.forms.spoken.language import NATO, Language, language_named
from dockvoice_protocol.languages import load_table
from dockvoice_protocol.records import FieldValue, format_number
from edge.records.speech import FIELD_CONFIRMATIONS, SHORTEN_FROM_DIGITS, Prompt, Say, Terms

_TEENS_AND_TENS = frozenset(TEENS_OF_TENS) | frozenset(TEENS_OF_TENS.values())
"""Thirteen and thirty, fünfzehn and fünfzig: at the end of a number they are said twice."""

_INTERNATIONAL = frozenset({"alfa", "juliett", "whisky", "xray"})
"""What an alphabet of a language has in another spelling of the international code words."""

_PARTS = re.compile(f"[{re.escape(''.join(sorted(SEPARATORS)))}]")

_VALUE = re.compile(r"\{value\}")

ABBREVIATED = 3  # Units up to this many letters are abbreviations, which no voice can say: Polish "szt".

_CODED = E_SET | {"O"}  # Letters that sound like others, or like a nought.

_EXAMPLES = ("742", "5501", "310")  # First digits of numbers in an example.

_NOTHING: Mapping[str, FieldValue] = MappingProxyType({})
_PLAIN = Terms()
Clauses = tuple[str, ...]  # Texts that are spoken one after the other with a short breath between them.


@cache
def prompts(language: str) -> Mapping[Prompt, str]:
    """The text of every prompt in a language of LANGUAGES. Raises KeyError where its file lacks one."""
    texts = load_table(language, "prompts")
    return MappingProxyType({prompt: texts[prompt.value] for prompt in Prompt})


@cache
def words_by_code(part: str, language: str) -> Mapping[str, str]:
    """The words for codes (`faults`, `mended`, `reasons` and so on) in a language of LANGUAGES."""
    return MappingProxyType(load_table(language, "prompts")[part])


class Readback:
    """Words entries of one form for reading back, in one language."""

    def __init__(self, form: Form, language: str = "en") -> None:
        """Raises ValueError for a language that is none of LANGUAGES; with or without a region ("de-AT")."""
        self._form = form
        self._language = language_named(language)
        self.language = self._language.code
        self._ending, self._letter = (str(load_table(self.language, "prompts")[name]) for name in ("ending", "letter"))

    def entry_clauses(
        self,
        fields: Mapping[str, FieldValue],
        terms: Terms = _PLAIN,
        other_fields: Mapping[str, FieldValue] = _NOTHING,
        *,
        brief: bool = False,
    ) -> Clauses:
        """The entry's clauses in the form's order: `("pallet", "7 4 2,", "12 units,", "dock A")`.

        Long keys may be shortened to their end. A `brief` readback begins with the identifier itself, where it comes
        first, and omits labels of unambiguous values. Values of `other_fields` are not said, but give units.
        """
        there = [field for field in self._form.fields if self._form.is_read_back_alone(field, fields)]
        by_field = [self._field_clauses(field, {**other_fields, **fields}, terms) for field in there]
        for at, field in enumerate(there if brief else ()):
            is_first = at == 0 and self._is_known_without_label(field)
            if field.name in terms.ends or is_first or self._fits_no_other_field(field, fields[field.name]):
                by_field[at] = by_field[at][-1:]
        ended = [(*clauses[:-1], f"{clauses[-1]},") for clauses in by_field[:-1]] + by_field[-1:]
        return tuple(clause for clauses in ended for clause in clauses)

    def _is_known_without_label(self, field: FormField) -> bool:
        taken = [one for one in self._form.fields if one.identifier or (one.bare and one.spoken.spelt)]
        return field.spoken.spelt and field.many is None and taken == [field]

    def _fits_no_other_field(self, field: FormField, value: FieldValue) -> bool:
        """Whether a code with a letter is valid for no other spelt field."""
        if not field.spoken.is_code or not isinstance(value, str) or value.isdigit():
            return False
        return not any(one.allows(value) for one in self._form.fields if one is not field and one.spoken.spelt)

    def _shortened_end(self, value: str) -> str:
        return self._ending.format(end=self.spelt(value[-SHORTEN_FROM_DIGITS:]))

    def _field_clauses(self, field: FormField, fields: Mapping[str, FieldValue], terms: Terms) -> Clauses:
        """One field's clauses, `("pallet", "7 4 2")`, `("15 units,", "1 5")`; `fields` may have its unit."""
        plain, again = (
            self._value_clauses(field, fields, terms),
            _digits_if_easily_misheard(field, fields[field.name], self._language),
        )
        return plain if again is None else (*plain[:-1], f"{plain[-1]},", again)

    def list_values(self, name: str, values: Sequence[FieldValue]) -> str:
        """Several values of a field, without its label: `7 4 2, 7 4 5`; long numbers by their ends, if those differ."""
        field, ends = self._form[name], [str(value)[-SHORTEN_FROM_DIGITS:] for value in values]
        shortened = (
            end if field.spoken.spelt and len(str(value)) >= _LONG_NUMBER and ends.count(end) == 1 else value
            for value, end in zip(values, ends, strict=True)
        )
        return ", ".join(self._spoken_value(field, value) for value in shortened)

    def standalone_labels(self) -> tuple[str, ...]:
        """The labels that are clauses by themselves: the first clause of most readbacks."""
        spelt = (field for field in self._form.fields if field.spoken.spelt)
        clauses = (self._value_clauses(field.item_field, {field.name: "0"}, _PLAIN) for field in spelt)
        return tuple(opening[0] for opening in clauses if len(opening) > 1)

    def field_line(
        self, name: str, value: FieldValue, terms: Terms = _PLAIN, other_fields: Mapping[str, FieldValue] = _NOTHING
    ) -> str:
        """One field as a line of text: `15 units, 1 5`. A field of `other_fields` may be its unit."""
        return self._text(self._form[name], {**other_fields, name: value}, replace(terms, ends=frozenset()))

    def _text(self, field: FormField, fields: Mapping[str, FieldValue], terms: Terms = _PLAIN) -> str:
        again = _digits_if_easily_misheard(field, fields[field.name], self._language)
        return ", ".join(filter(None, (self._value_text(field, fields, terms), again)))

    def entry_line(self, fields: Mapping[str, FieldValue], *, twice: bool = True) -> str:
        """The entry as a line of text; `twice`: values that are easily misheard are given in two ways."""
        return ", ".join(
            self._text(field, fields) if twice else self._value_text(field, fields)
            for field in self._form.fields
            if self._form.is_read_back_alone(field, fields)
        )

    def field_question(self, name: str, named: Collection[str] = ()) -> str:
        """The question for one field: the form's own, or its label.

        A field that was `named` may change it: after damaged goods it asks for the good ones.
        """
        field = self._form[name]
        if self._language.code == "en":
            return _question_beside(field.ask_beside, named) or field.ask
        wording = field.wording(self._language.code)
        return _question_beside(wording.ask_beside, named) or wording.ask or f"{self._label(field)}?"

    def form_name(self, form: Form) -> str:
        """The form's name as it is spoken."""
        return self._capitalised(form.spoken_names(self._language.code)[0])

    def describe_unusual(self, name: str, value: FieldValue) -> str:
        """Words for an unusual value: `Only 2 digits`, `Very high`; `Unusual` where no limit tells why."""
        field, names = self._form[name], words_by_code("odd", self._language.code)
        side = "other" if field.usual is None else _side_of_limits(value, field.usual.least, field.usual.most)
        if side == "other" or not isinstance(value, str):
            return names[side]
        one, kind = len(value) == 1, "digits" if value.isdigit() else "characters"
        return names["one" if one else f"{side}_{kind}"].format(count=len(value))

    def describe_impossible(self, name: str, value: FieldValue) -> str:
        """Words for why a value is impossible: `Number too short`."""
        field, names = self._form[name], words_by_code("wrong", self._language.code)
        side = _side_of_limits(value, *field.size_limits)
        if side != "other" and isinstance(value, str):
            return names[f"{side}_number"]
        key = field.check_digit
        return names["check_digit" if key is not None and len(str(value)) in key.lengths else side]

    def _label(self, field: FormField) -> str:
        labels = field.wording(self._language.code).labels
        return self._capitalised(labels[0] if labels else field.title)

    def _capitalised(self, noun: str) -> str:
        """Title case for German nouns, which forms hold in lower case; other languages unchanged."""
        return noun.title() if self._language.code == "de" else noun

    def _value_text(self, field: FormField, fields: Mapping[str, FieldValue], terms: Terms = _PLAIN) -> str:
        return " ".join(self._value_clauses(field, fields, terms))

    def _value_clauses(self, field: FormField, fields: Mapping[str, FieldValue], terms: Terms) -> Clauses:
        """The value with its label and unit; the label of a spelt value is a clause by itself, which is cached."""
        value = fields[field.name]
        shown = self._shortened_end(str(value)) if field.name in terms.ends else self._spoken_value(field, value)
        said = terms.units.get(field.name, {}).get(value)
        coded = self._form.unit_field(field.name) is not None
        code = said if coded and said is not None else self._form.unit_code_in(field.name, fields)
        before, after = _VALUE.split(self._value_template(field, value, code, said), maxsplit=1)
        if field.spoken.spelt and before.strip():
            return before.strip(), f"{shown}{after}".strip()
        return (f"{before}{shown}{after}".strip(),)

    def _spoken_value(self, field: FormField, value: FieldValue) -> str:
        """A value as it is spoken: `7 4 2`, `52,5`, `minus 18`, `5 March 2027`, `not sealed`."""
        if isinstance(value, tuple):
            return ", ".join(self._spoken_value(field, one) for one in value)
        if not field.item_field.has_type(value):  # a remote model may answer with a value of another type
            return str(value)
        return kind_of(field).read_back(value, field, self._language, self)

    def unit(self, field: FormField, code: str) -> str:
        """A unit's name in the plural: `cases`."""
        return self._capitalised(self._form[str(field.unit_of)].unit_word(0, code, self._language.code))

    def spelt(self, value: str) -> str:
        """Spell a value; all its letters as code words if one sounds like another letter or a nought.

        Letters and code words are not mixed, which would sound like something else. The code word of an only letter is
        said as an explanation, since languages spell with the names of towns, and docks are named after towns. A
        separator becomes a comma: a spoken dash would be taken for a minus.
        """
        letters = [one for one in value if one.isalpha()]
        if not _CODED.isdisjoint(letters):
            words = {one: _code_word(one, self._language) for one in letters}
            alone = {one: self._letter.format(letter=one, word=word) for one, word in words.items()}
            spoken = alone if len(letters) == 1 else words
            return ", ".join(" ".join(spoken.get(one, one) for one in part) for part in _PARTS.split(value) if part)
        return ", ".join(" ".join(part) for part in _PARTS.split(value) if part)

    def _value_template(self, field: FormField, value: FieldValue, code: FieldValue | None, text: str | None) -> str:
        if self._language.code == "en":
            unit = _unit_as_said(field.units, value, text) or field.unit_word(value, code)
            return (
                f"{self._label(field)} {{value}}"
                if field.codes and not unit
                else field.readback.replace("{unit}", unit)
            )
        if (own := field.wording(self._language.code).readback) is not None:
            units = field.wording(self._language.code).units
            return own.replace("{unit}", _unit_for_count(units, value, self._language.code) if units else "")
        if field.codes:
            unit = "" if code is None else self._capitalised(field.unit_word(value, code, self._language.code))
            return f"{{value}} {unit}" if unit else f"{self._label(field)} {{value}}"
        if field.units:
            units = field.wording(self._language.code).units
            as_said = next((unit for unit in units if fold(unit) == text and len(unit) > ABBREVIATED), None)
            return f"{{value}} {self._capitalised(as_said or _unit_for_count(units, value, self._language.code))}"
        named = field.wording(self._language.code)
        speaks_for_itself = field.exception or field.bare or field.spoken.by_unit or (named.true and named.false)
        return "{value}" if speaks_for_itself else f"{self._label(field)} {{value}}"


def _question_beside(asked: Mapping[str, str], named: Collection[str]) -> str | None:
    return next((question for name, question in asked.items() if name in named), None)


def _is_signed(field: FormField) -> bool:
    """Whether values below zero are allowed, as for a temperature."""
    return field.spoken.measures and (field.least is None or field.least < 0)


def _side_of_limits(value: FieldValue, least: float, most: float) -> str:
    """`low` or `high` where a number, or the length of a text, is beyond the limits; else `other`."""
    size = len(value) if isinstance(value, str | tuple) else value
    return "low" if size < least else "high" if size > most else "other"


def _example_fields(form: Form) -> Iterator[tuple[str, FieldValue]]:
    """Plausible values for all required fields, without repeated numbers."""
    numbers = chain(_EXAMPLES, repeat(_EXAMPLES[0]))
    for field in form.fields:
        if not field.required or field.many is not None:
            continue
        if (value := kind_of(field).example_value(field, numbers)) is not None:
            yield field.name, value


def _unit_as_said(units: Mapping[str, str], value: FieldValue, text: str | None) -> str | None:
    """The form's own unit that the operator said, in the number of `value`; None for other words: "each", "pcs"."""
    pair = next((pair for pair in units.items() if text in {fold(one) for one in pair}), None)
    return None if pair is None else pair[value == 1]


_STEM = 3  # So many letters tell that a word is another form of the first, and not another unit.


def _unit_for_count(units: tuple[str, ...], value: FieldValue, language: str) -> str:
    """The first unit of a language; for a count of 1 a shorter form of it, if there is one; in Polish by number."""
    if language in WITH_FEW:
        return choose_plural([unit for unit in units if unit[:_STEM] == units[0][:_STEM]], value, language)
    if value != 1:
        return units[0]
    shorter = (unit for unit in units if unit != units[0] and units[0].startswith(unit))
    return next((unit for unit in shorter if len(unit) > ABBREVIATED), units[0])


def _digits_if_easily_misheard(field: FormField, value: FieldValue, language: Language) -> str | None:
    """The number digit by digit where it is easily misheard, such as 15 and 50; else None.

    None for temperatures, which are confirmed where they are unusual.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and not _is_signed(field):
        whole, _, places = format_number(abs(value)).partition(".")
        if not _is_easily_misheard(whole, language.code):
            return None
        point = [language.table["decimals"]["points"][0]] if places else []
        return " ".join([*whole, *point, *places])
    return None


def _is_easily_misheard(number: str, language: str) -> bool:
    tens = number[-2:-1]
    return number[-2:] in _TEENS_AND_TENS or (tens != "" and tens in load_table(language, "voices")["tens_alike"])


def _code_word(letter: str, language: Language) -> str:
    """The code word of a letter in the language's own alphabet, else the international one.

    In English the international one; other code words are understood, but not spoken.
    """
    if language.code == "en":
        return NATO[letter.lower()]
    own = (" ".join(words) for words, meant in language.alphabet.code_words.items() if meant == letter.lower())
    international = NATO[letter.lower()]
    name = next((word for word in own if word not in {international, *_INTERNATIONAL}), None)
    # They are listened for without accents, which a voice must have.
    written = {fold(word): word for words in language.table["letters"]["alphabets"] for word in words.split()}
    return international if name is None else written.get(name, name).title()


_SLOT = re.compile(r"\{(\w+)\}")
_WORD = re.compile(r"\w")  # What a clause must have: the mark that opens a Spanish question is none.
_CLAUSE_ENDS = re.compile(r"(?<=[,.;:?!])\s+")

_SEPARATE = frozenset({"entry", "field", "beside"})  # Slots that are read back clause by clause.
_BRIEF = frozenset(
    {
        *(Prompt.READBACK, Prompt.READBACK_AMENDED, Prompt.READBACK_STANDING, Prompt.READBACK_ALONE),
        *(Prompt.CONFIRM_UNUSUAL, Prompt.CONFIRM_NOT_EXPECTED),
    }
)  # What is spoken with every entry, or says first what is the matter with what follows.
_OFFERED = {"first": slice(-1), "second": slice(-1, None)}  # Which of the values offered a slot holds.

_LONG_NUMBER = 8  # Numbers of so many characters are shortened to their end where two are offered.

_LONGEST_SLOT = 200
"""Characters of a text from outside, such as an inventory's reason, that are spoken: some twelve seconds."""


class _Part(NamedTuple):
    """A text of a prompt, or what fills one of its slots."""

    text: str
    begins_clause: bool = False


class Phrasing:
    """Words orders to speak as clauses, for the active form and in one language."""

    def __init__(self, form: Form, language: str = "en", others: Mapping[str, Form] = {}) -> None:
        """`others` are further forms that may be mentioned. Raises ValueError for an unsupported language."""
        self.readback = Readback(form, language)
        self._form = form
        self._forms = {**others, form.name: form}
        self._or = str(load_table(self.readback.language, "prompts")["or"])
        spoken = language.replace("_", "-").split("-")[0].lower()
        self._texts = prompts(spoken)
        self._codes = {"fault": words_by_code("faults", spoken), "mended": words_by_code("mended", spoken)}
        self._codes |= {slot: words_by_code(f"{slot}s", spoken) for slot in ("reason", "scan", "away")}

    def clauses(self, say: Say) -> Clauses:
        """What is spoken, clause by clause. Raises KeyError where the order lacks a slot that its prompt has."""
        return tuple(_join_clauses(self._split_parts(say)))

    def text(self, say: Say) -> str:
        """What is spoken, as one line of text."""
        return " ".join(self.clauses(say))

    def constant_clauses(self) -> tuple[str, ...]:
        """Clauses to cache in advance: those with which replies begin, and those without slots."""
        whole = {text for text in self._texts.values() if not _SLOT.search(text)}
        opening = {
            before for text in self._texts.values() if (before := _SLOT.split(text)[0].strip()) and before[-1] in ",:"
        }
        labels = set(self.readback.standalone_labels())
        questions = {
            self.readback.field_question(one.name, said) for one in self._form.fields for said in ((), one.ask_beside)
        }
        return tuple(sorted(whole | opening | labels | questions))

    def _readback_of(self, say: Say) -> Readback:
        """The readback in the words of the order's own form, where that is known."""
        if say.form is None or say.form == self._form.name or say.form not in self._forms:
            return self.readback
        return Readback(self._forms[say.form], self.readback.language)

    def _split_parts(self, say: Say) -> Iterator[_Part]:
        """The prompt's texts and filled slots in order."""
        readback = self._readback_of(say)
        if say.prompt is Prompt.CONFIRM_ELSEWHERE and not say.beside:  # the list may have been withdrawn meanwhile
            say = replace(say, prompt=Prompt.CONFIRM_NOT_EXPECTED)
        for number, part in enumerate(_SLOT.split(self._texts[say.prompt])):
            if number % 2 == 0:
                yield _Part(part)
            elif part in _SEPARATE:
                fields = say.beside if part == "beside" else self._fields_to_tell(say)
                for clause in readback.entry_clauses(fields, say.terms, say.known, brief=say.prompt in _BRIEF):
                    yield _Part(clause, begins_clause=True)
            else:
                yield _Part(self._slot_text(part, say))

    def _fields_to_tell(self, say: Say) -> Mapping[str, FieldValue]:
        """The order's fields; a question about an exception, such as "wet", also has the identifier."""
        named = [name for name in self._form.identifies if name in say.known]
        if say.prompt not in FIELD_CONFIRMATIONS or not named:
            return say.fields
        alone = all(self._form[name].exception or self._form[name].bare for name in say.fields)
        return {**{name: say.known[name] for name in named}, **say.fields} if alone else say.fields

    def _slot_text(self, name: str, say: Say) -> str:
        text = self._resolve_slot(name, say)
        if text is None:
            raise KeyError(f"{say.prompt}: its slot {name!r} was not filled")
        return text[:_LONGEST_SLOT]

    def _resolve_slot(self, name: str, say: Say) -> str | None:
        """A slot's text: from the form, the candidates or the words for codes; else the order's own."""
        match name:
            case "example":
                return self.readback.entry_line(dict(_example_fields(self._form)), twice=False)
            case "odd" | "wrong" | "question" | "listed" if name not in say.slots:
                return self._fill_slot_about_field(name, say)
            case "first" | "second" if say.asked is not None and len(say.candidates) > 1:
                ends = (self._distinguishing_end(say.asked, one, say.candidates) for one in say.candidates)
                named = [self.readback.field_line(say.asked, end, say.terms, say.known) for end in ends]
                return ", ".join(named[_OFFERED[name]])
            case "fault" | "reason" | "scan" | "away" if name in say.slots:
                healed = name == "fault" and say.prompt is Prompt.HEALED
                return _code_words(say.slots[name], self._codes["mended" if healed else name])
            case "form" | "work" | "works" | "others" | "Work" | "Works" if any(
                name in self._forms for name in say.works
            ):
                return self._form_names("Work" if name == "form" else name, say.works)
            case _:
                text = say.slots.get(name)
                return (
                    text
                    if text is None or name != "day"
                    else date_in_words(text, language_named(self.readback.language))
                )

    def _fill_slot_about_field(self, name: str, say: Say) -> str | None:
        """A slot about a single field: `odd`, `wrong`, `question` or `listed`; else None."""
        reader, name_and_value = self._readback_of(say), next(iter(say.fields.items()), None)
        match name:
            case "odd" | "wrong" if name_and_value is not None:
                return (
                    reader.describe_unusual(*name_and_value)
                    if name == "odd"
                    else reader.describe_impossible(*name_and_value)
                )
            case "question" if say.asked is not None:
                return reader.field_question(say.asked, say.named)
            case "listed" if say.asked is not None:
                return reader.list_values(say.asked, say.candidates)
            case _:
                return None

    def _form_names(self, slot: str, forms: Sequence[str]) -> str:
        """The forms' names, of all or the first or the others: `receiving, put away or counting`."""
        part = forms[:1] if slot.lower() == "work" else forms[slot == "others" :]
        *most, last = (self.readback.form_name(self._forms[name]) for name in part)
        text = f"{', '.join(most)} {self._or} {last}" if most else last
        return text[:1].upper() + text[1:] if slot[0].isupper() else text

    def _distinguishing_end(self, name: str, value: FieldValue, offered: Sequence[FieldValue]) -> FieldValue:
        """The end of a long number from where it differs from the others offered; another value unchanged."""
        if not isinstance(value, str) or not self._form[name].spoken.spelt or len(value) < _LONG_NUMBER:
            return value
        others = (other for other in offered if isinstance(other, str) and other != value)
        return value[min((_differing_at(value, other) for other in others), default=0) :]


def _differing_at(value: str, other: str) -> int:
    """From where the end of a number is spoken, to tell it from the other."""
    end = len(value) - SHORTEN_FROM_DIGITS
    if len(value) != len(other):
        return 0 if other.endswith(value[end:]) else end
    return min(next(at for at in range(len(value)) if value[at] != other[at]), end)


def _code_words(code: str, names: Mapping[str, str]) -> str:
    """The words for a code, such as `not_on_site` or `already_recorded:dock-4`; an unknown code is said as it is."""
    name, _, detail = code.partition(":")
    return names[name].format(detail=detail) if name in names else code.replace("_", " ")


def _join_clauses(parts: Iterator[_Part]) -> Iterator[str]:
    """Join texts, and split them into clauses: at each flagged text, and after commas and stops."""
    open_clause = ""
    for text, begins in parts:
        if begins and _WORD.search(open_clause):
            yield open_clause.strip()
            open_clause = ""
        *whole, rest = _CLAUSE_ENDS.split(open_clause + text)
        yield from (clause.strip() for clause in whole if clause.strip())
        open_clause = rest
    if open_clause.strip():
        yield open_clause.strip()
