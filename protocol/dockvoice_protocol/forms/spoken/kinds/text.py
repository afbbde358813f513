"""Kinds whose values are strings, said character by character or by their names."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from string import ascii_uppercase, digits
from typing import ClassVar

from dockvoice_protocol.forms.model import FormField
from dockvoice_protocol.forms.pattern import SEPARATORS, CharacterRun, Shape
from dockvoice_protocol.forms.spoken.in_words import OF_CODES, OF_PARTS, spelt, zero_called
from dockvoice_protocol.forms.spoken.kinds.kind import FieldKind, ReadsAloud
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.records import FieldValue

COMMON_LENGTH = 6
"""Ids of up to six digits are sampled: what is printed on labels to be read out. Longer ones are still read."""
USUAL = 0.9
"""Of the codes that are unusually short or long: made anew."""
SHORT = 0.5
"""Of the values that may be said by their last digits."""
SEPARATED = 0.15
"""Of the codes with dashes: the dashes said."""
DASH = "dash"
A_PAIR = 2


class Text(FieldKind):
    """A string."""

    sampled: ClassVar[str] = ascii_uppercase + digits
    """The characters of a value that is made where the form's pattern does not say."""

    def made(self, field: FormField, random: Random) -> FieldValue:
        """A key with its check digit, or a string of the form's pattern; mostly of a usual length."""
        if field.check_digit is not None:
            return field.check_digit.sample(random)
        made = (field.shape or self.shape(field)).sample(random, COMMON_LENGTH)
        return made if field.is_usual(made) or random.random() >= USUAL else self.made(field, random)

    def shape(self, field: FormField) -> Shape:
        """The shape of a value where the form's pattern does not say."""
        least = max(int(field.least or 0), 2)
        most = max(least, COMMON_LENGTH if field.most is None else int(field.most))
        return Shape((CharacterRun(self.sampled, least, most),))

    def words(self, value: str, field: FormField, random: Random) -> str:
        """Character by character, now and then several at once; the last of them where those will do."""
        short = field.last_digits is not None and random.random() < SHORT
        if "-" in value and not short:
            zero = zero_called(random)
            dash = f" {DASH} " if random.random() < SEPARATED else " "
            return dash.join(spelt(part, random, zero, OF_PARTS) for part in value.split("-"))
        bare = "".join(one for one in value if one not in SEPARATORS)  # which nobody need say
        short_code = OF_PARTS if field.is_place and len(bare) <= A_PAIR else OF_CODES
        return spelt(bare[-field.last_digits :] if field.last_digits and short else bare, random, None, short_code)

    def read_back(self, value: str, field: FormField, language: Language, voice: ReadsAloud) -> str:
        """What the language calls it."""
        return field.called(value, language.code)


class Spelt(Text):
    """A string that is said character by character, or a few of them at once."""

    spelt = True
    of_numbers = True

    def read_back(self, value: str, field: FormField, language: Language, voice: ReadsAloud) -> str:
        """Character by character."""
        return voice.spelt(value)

    def example(self, field: FormField, numbers: Iterator[str]) -> FieldValue | None:
        """A string of the form's pattern; none where it has no pattern."""
        return None if field.shape is None else _number_like(field.shape, next(numbers))


class Choice(Text):
    """One of the values that the form lists."""

    def example(self, field: FormField, numbers: Iterator[str]) -> FieldValue | None:
        """The first value that the form lists."""
        return next(iter(field.choices), None)


def _number_like(shape: Shape, digits: str) -> str:
    """A number of this shape out of these digits; what may be left out is."""
    at, made = 0, ""
    for part in shape.parts:
        count = min(part.most, max(part.least, len(digits) - at)) if part.least else 0
        for _ in range(count):
            wanted = digits[at % len(digits)]
            made += wanted if wanted in part.characters else part.characters[0]
            at += wanted in part.characters
    return made
