"""Letter: one capital letter, "b", "bravo", "b as in bravo"."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from string import ascii_uppercase

from dockvoice_protocol.forms.model import FormField
from dockvoice_protocol.forms.pattern import CharacterRun, Shape
from dockvoice_protocol.forms.spoken.grammar.letters import letters
from dockvoice_protocol.forms.spoken.in_words import letter
from dockvoice_protocol.forms.spoken.kinds.kind import Read, ReadsAloud, WordsHeard
from dockvoice_protocol.forms.spoken.kinds.text import Text
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.records import FieldValue


class Letter(Text):
    """One capital letter."""

    name = "letter"
    characters = ascii_uppercase
    grammar = ("<{field}_letter>",)

    def readings(self, field: FormField, at: int, heard: WordsHeard) -> Iterator[Read]:
        """A letter, said once or in two ways one after the other: "b, bravo"."""
        alphabet = heard.language.alphabet
        for end, said, cost in letters(heard.words, at, alphabet, names=True):
            yield end, said, cost
            for further, other, more in letters(heard.words, end, alphabet, names=False):
                if other == said:
                    yield further, said, min(cost, more)

    def shape(self, field: FormField) -> Shape:
        """One capital letter."""
        return Shape((CharacterRun(ascii_uppercase, 1, 1),))

    def words(self, value: str, field: FormField, random: Random) -> str:
        """Plain, by its NATO word, or both."""
        return letter(value.lower(), random)

    def read_back(self, value: str, field: FormField, language: Language, voice: ReadsAloud) -> str:
        """Itself, or its code word where it sounds like another."""
        return voice.spelt(value)

    def example(self, field: FormField, numbers: Iterator[str]) -> FieldValue | None:
        """The first letter."""
        return "A"
