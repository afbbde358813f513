"""Kinds with string values, said character by character or by their names."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from string import ascii_uppercase, digits
from typing import ClassVar

from dockvoice_protocol.forms.model import FormField
from dockvoice_protocol.forms.pattern import SEPARATORS, CharacterRun, PatternShape
from dockvoice_protocol.forms.spoken.grammar.tokens import letters_at
from dockvoice_protocol.forms.spoken.in_words import OF_CODES, OF_PARTS, choose_zero_word, letter_in_words, spell_out
from dockvoice_protocol.forms.spoken.kinds.kind import FieldKind, KindKeywords, Read, ReadbackVoice, UtteranceContext
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.records import FieldValue

_COMMON_LENGTH = 6  # Sampled ids have up to six digits, as on labels that are read out. Longer ones are still parsed.
_USUAL = 0.9  # Probability of sampling again for an unusual value.
_SHORT = 0.5  # Probability of saying only the last digits, where the field allows that.
_SEPARATED = 0.15  # Probability of saying the dashes of a code.
_A_PAIR = 2


class _Text(FieldKind):
    """The field kind of strings."""

    sampled: ClassVar[str] = ascii_uppercase + digits
    """The characters of a sampled value where the form has no pattern."""

    def sample_value(self, field: FormField, random: Random) -> FieldValue:
        if field.check_digit is not None:
            return field.check_digit.sample(random)
        made = (field.shape or self.shape(field)).sample(random, _COMMON_LENGTH)
        return made if field.is_usual(made) or random.random() >= _USUAL else self.sample_value(field, random)

    def shape(self, field: FormField) -> PatternShape:
        """The shape of a value where the form has no pattern."""
        least = max(int(field.least or 0), 2)
        most = max(least, _COMMON_LENGTH if field.most is None else int(field.most))
        return PatternShape((CharacterRun(self.sampled, least, most),))

    def words_for(self, value: str, field: FormField, random: Random) -> str:
        """Character by character, or several at once; sometimes only the last ones, where the field allows that."""
        short = field.last_digits is not None and random.random() < _SHORT
        if "-" in value and not short:
            zero = choose_zero_word(random)
            dash = " dash " if random.random() < _SEPARATED else " "
            return dash.join(spell_out(part, random, zero, OF_PARTS) for part in value.split("-"))
        bare = "".join(one for one in value if one not in SEPARATORS)
        short_code = OF_PARTS if field.is_place and len(bare) <= _A_PAIR else OF_CODES
        return spell_out(bare[-field.last_digits :] if field.last_digits and short else bare, random, None, short_code)

    def read_back(self, value: str, field: FormField, language: Language, voice: ReadbackVoice) -> str:
        return field.enum_name(value, language.code)


class _Spelt(_Text):
    """A string said character by character, or a few characters at once."""

    spelt = True
    of_numbers = True

    def read_back(self, value: str, field: FormField, language: Language, voice: ReadbackVoice) -> str:
        return voice.spelt(value)

    def example_value(self, field: FormField, numbers: Iterator[str]) -> FieldValue | None:
        return None if field.shape is None else _fill_shape(field.shape, next(numbers))


class _Choice(_Text):
    """The field kind of values that the form lists."""

    def example_value(self, field: FormField, numbers: Iterator[str]) -> FieldValue | None:
        return next(iter(field.choices), None)


class _Digits(_Spelt):
    """A string of digits: "seven four two", "seven forty-two", "double five"."""

    name = "digits"
    holds = "string of digits"
    said = (
        'one by one; "oh" for zero; "double", "triple"; in pairs; '
        'as one number of hundreds; with "dash" or "stroke" between'
    )
    characters = sampled = digits
    grammar = ("<group>+", "<hundreds>")


class _Alphanumeric(_Spelt):
    """A string of capital letters and digits: "bravo seven one four"."""

    name = "alphanumeric"
    holds = "string of capitals and digits"
    said = "letters as of `letter`, digits as of `digits`"
    characters = ascii_uppercase + digits
    grammar = ("(<{field}_letter> | <group>)+",)


class _Letter(_Text):
    """One capital letter: "b", "bravo", "b as in bravo"."""

    name = "letter"
    holds = "one capital"
    said = 'plain, by its NATO word, or both: "B as in Bravo", "M for mother"'
    characters = ascii_uppercase
    grammar = ("<{field}_letter>",)

    def readings(self, field: FormField, at: int, utterance: UtteranceContext) -> Iterator[Read]:
        """A letter, said once, or twice in different wordings: "b, bravo"."""
        alphabet = utterance.language.alphabet
        for end, said, cost in letters_at(utterance.words, at, alphabet, names=True):
            yield end, said, cost
            for further, other, more in letters_at(utterance.words, end, alphabet, names=False):
                if other == said:
                    yield further, said, min(cost, more)

    def shape(self, field: FormField) -> PatternShape:
        return PatternShape((CharacterRun(ascii_uppercase, 1, 1),))

    def words_for(self, value: str, field: FormField, random: Random) -> str:
        return letter_in_words(value.lower(), random)

    def read_back(self, value: str, field: FormField, language: Language, voice: ReadbackVoice) -> str:
        return voice.spelt(value)

    def example_value(self, field: FormField, numbers: Iterator[str]) -> FieldValue | None:
        return "A"


class _Enumeration(_Choice):
    """One of the values listed in the form or the catalogue, spoken as written there."""

    name = "enum"
    holds = "one of `enum` or the catalogue"
    said = "the value itself in small letters"
    listed = True


class _UnitCode(_Choice):
    """The unit code of another field's count: "cases"."""

    name = "unit"
    holds = "one of `enum`"
    said = 'a unit word of the field it belongs to: "four cases" is 4 and CS; two units in one sentence are asked about'
    by_unit = True
    keywords = KindKeywords(
        own={
            "enum": {
                "type": "array",
                "items": {
                    "type": "string",
                    "pattern": "^[A-Z0-9]{1,3}$",
                    "description": "a code of two or three capitals and digits: 'CS', as in UN/ECE Rec 20 and 21",
                },
                "minItems": 1,
                "uniqueItems": True,
            }
        },
        required=("enum",),
        voice={"of": {"type": "string"}, "item": {"type": "string"}},
        voice_required=("of",),
    )

    def read_back(self, value: str, field: FormField, language: Language, voice: ReadbackVoice) -> str:
        return voice.unit(field, value)


def _fill_shape(shape: PatternShape, digits: str) -> str:
    """A string of this shape made of these digits, without optional parts."""
    at, made = 0, ""
    for part in shape.parts:
        count = min(part.most, max(part.least, len(digits) - at)) if part.least else 0
        for _ in range(count):
            wanted = digits[at % len(digits)]
            made += wanted if wanted in part.characters else part.characters[0]
            at += wanted in part.characters
    return made
