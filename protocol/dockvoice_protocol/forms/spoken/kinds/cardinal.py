"""Cardinal: a whole number, "one hundred and ten"."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from random import Random

from dockvoice_protocol.forms.element_strings import Element
from dockvoice_protocol.forms.model import FormField
from dockvoice_protocol.forms.spoken.grammar.weights import DIGITWISE
from dockvoice_protocol.forms.spoken.in_words import cardinal
from dockvoice_protocol.forms.spoken.kinds.decimal import figures, within
from dockvoice_protocol.forms.spoken.kinds.kind import FieldKind, Read, ReadsAloud, WordsHeard
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.forms.spoken.numerals import LARGEST
from dockvoice_protocol.records import FieldValue

COMMON_COUNT = 250
"""Counts up to here are sampled evenly, so that no number of a full pallet is likelier than another."""
ROUND_HUNDREDS = 0.1
FEW, MOSTLY_FEW = 20, 0.8
"""Of the counts of what may be left out, such as damaged ones: so small."""
A_DOZEN = 12


class Cardinal(FieldKind):
    """A whole number."""

    name = "cardinal"
    type = "integer"
    counts = True
    of_numbers = True
    grammar = ("<count>",)

    def readings(self, field: FormField, at: int, heard: WordsHeard) -> Iterator[Read]:
        """Whole numbers, but for those said digit by digit: so a count is said with its unit, if at all."""
        return (count for count in heard.numbers.cardinals(at) if count[2] < DIGITWISE)

    def made(self, field: FormField, random: Random) -> FieldValue:
        """Mostly a count that fits on a pallet; now and then whole hundreds."""
        least, most = int(field.least or 0), LARGEST if field.most is None else int(field.most)
        hundreds = random.randint(1, 99) * 100
        if random.random() < ROUND_HUNDREDS and least <= hundreds <= most:
            return hundreds
        # Nobody counts none in a sentence; a form whose greatest count is 0 still gets what it allows.
        lowest = min(max(least, 1), most)
        common = FEW if not field.required and random.random() < MOSTLY_FEW else COMMON_COUNT
        return random.randint(lowest, max(lowest, min(most, common)))

    def words(self, value: int, field: FormField, random: Random) -> str:
        """As people say a count: "one hundred and ten"."""
        return cardinal(value, random)

    def read_back(self, value: int, field: FormField, language: Language, voice: ReadsAloud) -> str:
        """In figures."""
        return figures(value, language)

    def example(self, field: FormField, numbers: Iterator[str]) -> FieldValue | None:
        """A dozen, or what the form allows next to it."""
        return within(field, A_DOZEN)

    def scanned(self, field: FormField, element: Element, today: date) -> FieldValue | None:
        """The count on the label."""
        return int(element.value)
