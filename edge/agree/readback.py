"""What is read back: an entry in the form's own words, in one of five languages, and never by a model.

Identifiers come digit by digit. What is easily misheard comes twice, the second time in another way: "15 units, 1 5",
"dock B, bravo". Figures stay figures: every voice says them in its own language.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from edge.forms.form import Form, FormField
from edge.forms.spoken.confusable import E_SET, TEENS_OF_TENS
from edge.forms.spoken.kinds import Spoken
from edge.forms.spoken.language import Language
from edge.forms.spoken.languages import language_named
from edge.forms.spoken.letters import NATO
from edge.records import FieldValue

SPELT = frozenset({Spoken.DIGITS, Spoken.ALPHANUMERIC})
"""Kinds whose values are read back character by character."""

TEENS_AND_TENS = frozenset(TEENS_OF_TENS) | frozenset(TEENS_OF_TENS.values())
"""Thirteen and thirty, fünfzehn and fünfzig: as the end of a number, it is said twice."""

SIXTIES_AND_SEVENTIES = {"es": "67", "it": "67"}
"""By language, tens that differ in one consonant: sesenta and setenta, sessanta and settanta, alone or with ones."""

ACCENTED = {
    "casar": "Cäsar",
    "celestin": "Célestin",
    "desire": "Désiré",
    "eugene": "Eugène",
    "paris": "París",
    "therese": "Thérèse",
    "zoe": "Zoé",
}
"""Names of spelling alphabets as a voice must have them: where they are listened for, they stand without accents."""

VALUE = re.compile(r"\{value\}")

Clauses = tuple[str, ...]
"""Texts that are spoken one after the other with a short breath between them."""


class Readback:
    """Reads entries of one form back in one language."""

    def __init__(self, form: Form, language: str = "en") -> None:
        """Raises ValueError for a language other than en, de, fr, es, it; with or without a region ("de-AT")."""
        self._form = form
        self._language = language_named(language)

    def entry(self, fields: Mapping[str, FieldValue]) -> Clauses:
        """The entry, or what is there of one, in the form's order: `("pallet", "7 4 2,", "12 units,", "dock A")`."""
        told = [self.field(field.name, fields[field.name]) for field in self._form.fields if field.name in fields]
        ended = [(*clauses[:-1], f"{clauses[-1]},") for clauses in told[:-1]] + told[-1:]
        return tuple(clause for clauses in ended for clause in clauses)

    def field(self, name: str, value: FieldValue) -> Clauses:
        """One field: `("pallet", "7 4 2")`, `("15 units,", "1 5")`. Before a spelt value its label stands alone."""
        field = self._form[name]
        plain, again = self._plain(field, value), _again(field, value, self._language)
        return plain if again is None else (*plain[:-1], f"{plain[-1]},", again)

    def openings(self) -> tuple[str, ...]:
        """The labels that stand alone: the first clause of most readbacks."""
        clauses = (self._plain(field, "0") for field in self._form.fields if field.spoken in SPELT)
        return tuple(opening[0] for opening in clauses if len(opening) > 1)

    def text(self, name: str, value: FieldValue) -> str:
        """One field as a line of text: `15 units, 1 5`."""
        field = self._form[name]
        return ", ".join(filter(None, (self._once(field, value), _again(field, value, self._language))))

    def line(self, fields: Mapping[str, FieldValue], *, twice: bool = True) -> str:
        """The entry as a line of text; without what is said twice, it is what an operator would say for that entry."""
        return ", ".join(
            self.text(field.name, fields[field.name]) if twice else self._once(field, fields[field.name])
            for field in self._form.fields
            if field.name in fields
        )

    def question(self, name: str) -> str:
        """What asks for one field: the form's own question, or where it has none in this language, its label."""
        field = self._form[name]
        if self._language.code == "en":
            return field.ask
        return field.wording(self._language.code).ask or f"{self._label(field)}?"

    def labels(self) -> str:
        """What an entry consists of: `pallet, quantity, dock`."""
        return ", ".join(self._label(field) for field in self._form.fields if not field.exception)

    def _label(self, field: FormField) -> str:
        labels = field.wording(self._language.code).labels
        return self._written(labels[0] if labels else field.title)

    def _written(self, noun: str) -> str:
        """Forms have their words in small letters; whoever reads along expects German nouns as they are written."""
        return noun.title() if self._language.code == "de" else noun

    def _once(self, field: FormField, value: FieldValue) -> str:
        return " ".join(self._plain(field, value))

    def _plain(self, field: FormField, value: FieldValue) -> Clauses:
        """Where a value is spelt, what stands before it comes apart: it is the same each time, and ready at once."""
        shown = self._spelt(str(value)) if field.spoken in SPELT else field.called(str(value), self._language.code)
        before, after = VALUE.split(self._template(field, value), maxsplit=1)
        if field.spoken in SPELT and before.strip():
            return before.strip(), f"{shown}{after}".strip()
        return (f"{before}{shown}{after}".strip(),)

    def _spelt(self, value: str) -> str:
        """Character by character; a letter that sounds like others, or like a nought, as its code word."""
        code = E_SET | {"O"}
        return " ".join(_code_word(one, self._language) if one in code else one for one in value)

    def _template(self, field: FormField, value: FieldValue) -> str:
        if self._language.code == "en":
            unit = next(iter(field.units.items()), ("", ""))[value == 1]
            return field.readback.replace("{unit}", unit)
        if field.units:
            return f"{{value}} {self._written(_unit(field.wording(self._language.code).units, value))}"
        return "{value}" if field.exception else f"{self._label(field)} {{value}}"


def _unit(units: tuple[str, ...], value: FieldValue) -> str:
    """The first unit of a language; for one thing, the form of that word without its ending, if there is one."""
    if value != 1:
        return units[0]
    return next((unit for unit in units if unit != units[0] and units[0].startswith(unit)), units[0])


def _again(field: FormField, value: FieldValue, language: Language) -> str | None:
    """The value in another way, where it is easily taken for another one."""
    if isinstance(value, int):
        return " ".join(str(value)) if _easily_misheard(str(value), language.code) else None
    if field.spoken is Spoken.LETTER and value in E_SET:
        return _code_word(value, language)
    return None


def _easily_misheard(number: str, language: str) -> bool:
    tens = number[-2:-1]
    return number[-2:] in TEENS_AND_TENS or (tens != "" and tens in SIXTIES_AND_SEVENTIES.get(language, ""))


def _code_word(letter: str, language: Language) -> str:
    """The word that stands for a letter: that of the language's own alphabet, else the international one."""
    own = (" ".join(words) for words, meant in language.alphabet.code_words.items() if meant == letter.lower())
    international = NATO[letter.lower()]
    name = next((word for word in own if word != international and not _also_international(word)), None)
    return international if name is None else ACCENTED.get(name, name.title())


def _also_international(word: str) -> bool:
    return word in {"alfa", "juliett", "whisky", "xray"}
