"""The lexicon: every phrase that means something to a form in a language, and what it may be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum, auto
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form, FormField
from dockvoice_protocol.forms.pattern import SEPARATORS
from dockvoice_protocol.forms.spoken.folding import Phrase, phrase
from dockvoice_protocol.forms.spoken.grammar import weights
from dockvoice_protocol.forms.spoken.grammar.tokens import Token
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.languages import LANGUAGES
from dockvoice_protocol.records import FieldValue

_REMEMBERED = 1024
"""Values of a form of which is kept how implausible they are: more than the alternatives of one utterance hold."""


class Role(IntEnum):
    """The role of a phrase in a sentence."""

    LABEL = auto()  # Opens a field.
    UNIT = auto()  # Makes the number before it the value of a field.
    OTHER_UNIT = auto()  # A unit that the form does not have: the number before it counts.
    VALUE = auto()  # Says a listed value of a field.
    DEED = auto()  # A verb for one, before its thing: "refuse".
    OPENING = auto()
    BEGINNING = auto()  # The form's own beginning of an entry: "can i get".
    LINK = auto()
    WITHIN = auto()
    ADJECTIVE = auto()
    BEHIND = auto()
    TAIL = auto()
    CUE = auto()
    REPEAT = auto()
    CONTRAST = auto()
    HEDGE_BEFORE = auto()
    HEDGE_BEHIND = auto()
    CHOICE = auto()
    SETS = auto()  # Between a thing on record and its corrected value: "was actually".
    SETS_AGAIN = auto()  # Behind one of these: "was wrong, it was".
    SETS_CHANGED = auto()  # Behind a thing that is to be changed: "to".
    RANGE = auto()  # Before the first of two numbers: "between".
    PORTION = auto()  # One count may be a part of another: "of which".
    TOTAL = auto()  # A count may be of all, other counts among it: "in total".
    VAGUE = auto()  # Stands for an unsaid number: "a few".
    NOTHING = auto()  # Says that a count of the form is zero: "empty".
    ELSEWHERE = auto()
    CHECK = auto()
    QUESTION = auto()
    MOOD = auto()  # Anything else that makes no record.
    TAKEN_BACK = auto()  # Cancels where nothing follows.


OF_FIELDS = frozenset({Role.LABEL, Role.UNIT, Role.VALUE})

_BY_THEMSELVES = OF_FIELDS | {Role.DEED, Role.OTHER_UNIT, Role.SETS, Role.SETS_AGAIN, Role.SETS_CHANGED}
"""Roles beside which the roles of a phrase's single words count too: "was" in "was actually"."""
_REMARKS = frozenset({Role.TAIL, Role.BEHIND, Role.OPENING, Role.ADJECTIVE, Role.LINK})
_OF_OTHERS = frozenset({Role.HEDGE_BEFORE, Role.HEDGE_BEHIND, Role.MOOD})
_OF_SEVERAL = ("portions", "totals")
"""Words that relate counts to one another: where a form has several, they are nothing else; elsewhere they say less."""

_ROLES = {
    "openings": Role.OPENING,
    "links": Role.LINK,
    "within": Role.WITHIN,
    "adjectives": Role.ADJECTIVE,
    "behind": Role.BEHIND,
    "goods": Role.BEHIND,
    "tails": Role.TAIL,
    "cues": Role.CUE,
    "last_one": Role.CUE,
    "repeats": Role.REPEAT,
    "contrasts": Role.CONTRAST,
    "hedges_before": Role.HEDGE_BEFORE,
    "hedges_behind": Role.HEDGE_BEHIND,
    "choices": Role.CHOICE,
    "ranges": Role.RANGE,
    "portions": Role.PORTION,
    "totals": Role.TOTAL,
    "vague": Role.VAGUE,
    "elsewhere": Role.ELSEWHERE,
    "checks": Role.CHECK,
    "other_units": Role.OTHER_UNIT,
    "sets": Role.SETS,
    "sets_again": Role.SETS_AGAIN,
    "sets_changed": Role.SETS_CHANGED,
}
_VOWELS = frozenset("aeiouy")
"""A label without any is an abbreviation, and may be said letter by letter: "L P N"."""
_LONGEST_BEFORE = 3
"""Words of an opening before an entry: "all right then"."""
SLOT = "{"
"""How a slot of an aside begins: "order {code}"."""


class _Use(NamedTuple):
    """One meaning of a phrase."""

    role: Role
    field: str = ""
    """That of a label, a unit or a value."""
    value: str = ""
    """The value that it says; the mood of which it is."""
    code: str | None = None
    """That of a unit, where a field of the form holds it."""


class _Sense(NamedTuple):
    """One thing that a phrase may be."""

    rest: Phrase
    """The words behind the first."""
    use: _Use


class Match(NamedTuple):
    """A phrase found in an utterance: it ends before the token `end`. Otherwise as `_Use`."""

    end: int
    role: Role
    field: str
    value: str
    code: str | None


class Lexicon:
    """The phrases of one form, its catalogue and one language, by their first words."""

    def __init__(self, form: Form, catalogue: Catalogue, language: Language) -> None:
        self._language = language
        self._is_number = language.numerals.is_part
        self.has_several_counts = sum(field.spoken.counts for field in form.fields) > 1
        own = [*_of_form(form, catalogue, language), *_zeros(form, language)]
        self._own = _by_first(own, language)
        self._counting = _by_first([*_counting(form, language), *_deeds(form, language)], language)
        begun = list(_beginnings(form, language))
        self._begun = _by_first(begun, language)
        self._before = frozenset(language.words["openings"]) if begun else frozenset()
        self._units = {phrase(unit) for field in form.fields for unit in field.wording(language.code).units}
        # A filler elsewhere may be a word of this form: "sealed", "large", "of boxes".
        self._taken = {said for said, _ in own} | _yes_and_no(form, language)
        # Spanish "roto" says a value by itself: it hedges nothing else and is no other talk.
        self._valued = {said for said, use in own if use.role in {Role.VALUE, Role.NOTHING}}
        self._valued |= _yes_and_no(form, language)
        counts = {field.name for field in form.fields if field.spoken.counts}
        # "Faltan dos cajas" counts what is short, where a form does.
        self._counting_before = {said for said, use in own if use.role is Role.LABEL and use.field in counts}
        self._never = _signs(form, language)
        if any(field.factors_by is not None for field in form.fields):
            self._never |= set(language.words["goods"])  # The goods are a value here, and no remark.
        several = _OF_SEVERAL if self.has_several_counts else ()
        self._relating = {said for name in several for said in language.words[name]}
        self._senses: dict[str, tuple[_Sense, ...]] = {}
        self.shapes = {
            field.name: field.shape for field in form.fields if field.shape is not None and field.shape.separated
        }
        """By field, the shape of values with separators, which need not be said."""
        self.longest = {field.name: field.item.longest for field in form.fields if field.item.kind == "string"}
        """By field, the most characters that a value may have."""
        self.values = {
            field.name: frozenset(catalogue.values(field.catalogue)) for field in form.fields if field.catalogue
        }
        """By field, the values that its catalogue knows."""
        self.codes = {
            field.name: {"".join(one for one in value if one not in SEPARATORS): value for value in known}
            for field in form.fields
            if field.unlabelled and field.is_place and (known := self.values[field.name])
        }
        """By field that may go without its label, its catalogue's values by their spelt characters."""
        self._items = {field.name: field.item for field in form.fields}
        self.shortened = {
            name: {said: fit for said, fit in _shortened(known).items() if not self._may_be_of_another(name, said)}
            for name, known in self.values.items()
            if name in self.shapes and form[name].is_place
        }
        """By place, codes without leading zeros, and all values that each may be: "A101"."""
        self.begun = {
            name: frozenset(
                code[:size] for code in (*codes, *self.shortened.get(name, ())) for size in range(1, len(code))
            )
            for name, codes in self.codes.items()
        }
        """By field that may go without its label, all beginnings of its codes, whole or shortened."""
        self.implausible = lru_cache(_REMEMBERED, typed=True)(self._implausible)
        """The cost of a value for a field; the alternatives of one utterance share most values."""
        self.sounding_like: dict[str, str] = {
            meant: said for said, meant in language.homophones.items() if (said,) in language.words["links"]
        }
        """Number words that sound like a link, which may be meant before a label: "two dock b"."""
        self.asides: dict[str, list[Phrase]] = {}
        self.slotted: dict[str, dict[str, list[Phrase]]] = {}
        """Asides that begin with a slot ("{number} minutes ago"), by the slot and the word behind it, if any."""
        labels = {phrase(label) for field in form.fields for label in field.wording(language.code).labels}
        for aside, openings, counted in _asides(language):
            if not (labels.isdisjoint(openings) and self._units.isdisjoint(counted)):
                continue  # A remark elsewhere is a field of this form.
            if aside[0].startswith(SLOT):
                second = aside[1] if len(aside) > 1 else ""
                self.slotted.setdefault(aside[0], {}).setdefault(second, []).append(aside[2:])
            else:
                self.asides.setdefault(aside[0], []).append(aside[1:])

    def _senses_of(self, word: str) -> tuple[_Sense, ...]:
        """All phrases that begin with the word: those of the form, those of the language, and what may be either."""
        if (known := self._senses.get(word)) is None:
            small = _of_language(self._language).get(word, ())
            around = (sense for said, sense in small if self._is_around(said, sense.use.role))
            own, counting = self._own.get(word, ()), (*self._counting.get(word, ()), *self._begun.get(word, ()))
            known = tuple(dict.fromkeys((*(sense for _, sense in own), *around, *(sense for _, sense in counting))))
            if known:  # any word may be asked about
                self._senses[word] = known
        return known

    def _is_around(self, said: Phrase, role: Role) -> bool:
        """Does a phrase of the language keep its role beside the words of the form?"""
        if said in self._never or (role in {Role.PORTION, Role.TOTAL} and not self._relating):
            return False
        # "License plate" is other talk where no label, a "trailer" by itself may be that also where it is one.
        elsewhere = role in _REMARKS or role is Role.OTHER_UNIT or (role is Role.MOOD and len(said) > 1)
        if elsewhere and (said in self._taken or self._is_unit(said)):
            return False
        if role is Role.HEDGE_BEFORE and said in self._counting_before:
            return False
        return not ((said in self._valued and role in _OF_OTHERS) or (role in _REMARKS and said in self._relating))

    def _is_unit(self, said: Phrase) -> bool:
        """Is it a unit of the form behind an adjective: "full cases"?"""
        adjectives = self._language.words["adjectives"]
        return any(said[at:] in self._units and said[:at] in adjectives for at in range(1, len(said)))

    def _implausible(self, name: str, value: FieldValue | None) -> float:
        field = self._items[name]
        if value is None or not field.allows(value):
            return weights.FORBIDDEN
        cost = 0.0 if field.is_usual(value) else weights.UNUSUAL
        return cost + (weights.UNKNOWN if name in self.values and str(value) not in self.values[name] else 0.0)

    def _may_be_of_another(self, name: str, said: str) -> bool:
        return any(item.allows(said) for other, item in self._items.items() if other != name)

    def matches(self, tokens: Sequence[Token], at: int) -> list[Match]:
        """Every phrase that begins with the token `at`."""
        token = tokens[at]
        if token.inner:
            return []
        found = []
        for entry in self._senses_of(token.text):
            end = at + 1
            for word in entry.rest:
                if end >= len(tokens) or tokens[end].text != word or self._parted(tokens[end], entry):
                    break
                end += 1
            else:
                if end == len(tokens) or not tokens[end].inner:
                    found.append(Match(end, *entry.use))
        if any(match.role is Role.BEGINNING for match in found):
            found = self._resolve_beginning(found, tokens, at)
        # Of the small words the longest phrase counts: "over to" is no "over". But "no one" may be "no, one ...".
        # And the beginning of a label is neither: "off trailer", "damaged count".
        labels = [match.end for match in found if match.role is Role.LABEL]
        label = max((end for end in labels if not any(one.pause for one in tokens[at + 1 : end])), default=0)
        if label > at + 1:
            found = [match for match in found if match.end >= label or match.role in {Role.LABEL, Role.VALUE}]
        small = [match for match in found if match.role not in _BY_THEMSELVES]
        longest = max((match.end for match in small if not self._is_number(tokens[match.end - 1].text)), default=0)
        return [match for match in found if match.end >= longest or match.role in _BY_THEMSELVES]

    def _resolve_beginning(self, found: list[Match], tokens: Sequence[Token], at: int) -> list[Match]:
        """The matches, a form's beginning in the place of a question or a wish where a sentence begins."""
        if not self._begins(tokens, at):
            return [match for match in found if match.role is not Role.BEGINNING]
        end = max(match.end for match in found if match.role is Role.BEGINNING)
        kept = {*OF_FIELDS, Role.BEGINNING}
        return [match for match in found if match.end > end or match.role in kept]

    def _begins(self, tokens: Sequence[Token], at: int) -> bool:
        """Does a sentence begin at a token, or behind nothing but "okay" and the like?"""
        if at == 0 or tokens[at].pause >= weights.STOP:
            return True
        said = (tuple(token.text for token in tokens[start:at]) for start in range(max(0, at - _LONGEST_BEFORE), at))
        return any(one in self._before and self._begins(tokens, at - len(one)) for one in said)

    @staticmethod
    def _parted(token: Token, entry: _Sense) -> bool:
        """Does a pause part the small words of a phrase?"""
        return token.pause >= weights.COMMA and entry.use.role not in OF_FIELDS

    def uses(self, said: Phrase) -> tuple[_Use, ...]:
        """All that a whole phrase may be by itself."""
        return tuple(sense.use for sense in self._senses_of(said[0]) if sense.rest == said[1:])

    def joins(self, word: str) -> bool:
        """Is the word by itself a link: "of", "the"?"""
        return any(entry.use.role is Role.LINK and not entry.rest for entry in self._senses_of(word))

    def opens(self, word: str) -> bool:
        """Does a label begin with the word?"""
        return any(entry.use.role is Role.LABEL for entry in self._senses_of(word))

    def begins_code(self, word: str) -> bool:
        """Is the word a letter with which a value begins that is known without its label?"""
        letter = self._language.alphabet.code_words.get((word,), word).upper()
        return any(letter in begun for begun in self.begun.values()) and not letter.isdigit()

    def knows(self, word: str) -> bool:
        """Does a phrase begin with the word?"""
        return bool(self._senses_of(word))


def _shortened(values: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Codes whose parts go without their leading zeros, and the values that each may be.

    Not what begins another value, of which the end may not have been heard, and no digits alone, which may be a count.
    """
    parted = {value: "".join(" " if one in SEPARATORS else one for one in value).split() for value in sorted(values)}
    whole = {"".join(parts) for parts in parted.values()}
    begun = {code[:size] for code in whole for size in range(1, len(code) + 1)}
    found: dict[str, tuple[str, ...]] = {}
    for value, parts in parted.items():
        ways = product(*({part, part.lstrip("0") or part} for part in parts))
        for said in {"".join(way) for way in ways} - begun:
            if not said.isdigit():
                found[said] = (*found.get(said, ()), value)
    return found


@lru_cache(maxsize=len(LANGUAGES))
def _asides(language: Language) -> Sequence[tuple[Phrase, frozenset[Phrase], frozenset[Phrase]]]:
    """Each aside, where a label would make a field of it and where a unit would.

    A label at its beginning, or before its slot: "off trailer {code}"; a unit behind that: "{number} kilos".
    """
    return [(aside, frozenset(_openings(aside)), frozenset(_behind_slots(aside))) for aside in language.words["asides"]]


def _openings(aside: Phrase) -> Iterator[Phrase]:
    yield from (aside[:size] for size in range(1, len(aside) + 1))
    slots = [at for at, word in enumerate(aside) if word.startswith(SLOT)]
    yield from (aside[at - size : at] for at in slots for size in range(1, at + 1))


def _behind_slots(aside: Phrase) -> Iterator[Phrase]:
    behind = (aside[at + 1 :] for at, word in enumerate(aside) if word.startswith(SLOT))
    yield from (rest[:size] for rest in behind for size in range(1, len(rest) + 1))


def _opened(said: Phrase, use: _Use, language: Language) -> tuple[str, _Sense]:
    """A phrase by its first word. A compound number among its words is taken apart in the utterance too."""
    first, *rest = (part for word in said for part in language.numerals.morphemes(word))
    return first, _Sense(tuple(rest), use)


def _by_first(
    listed: Iterable[tuple[Phrase, _Use]], language: Language
) -> Mapping[str, Sequence[tuple[Phrase, _Sense]]]:
    """Phrases by their first words, in order."""
    found: dict[str, list[tuple[Phrase, _Sense]]] = {}
    for said, use in listed:
        first, sense = _opened(said, use, language)
        found.setdefault(first, []).append((said, sense))
    return found


@lru_cache(maxsize=len(LANGUAGES))
def _of_language(language: Language) -> Mapping[str, Sequence[tuple[Phrase, _Sense]]]:
    """Those that every form has."""
    return _by_first(_small_words(language), language)


def _small_words(language: Language) -> Iterator[tuple[Phrase, _Use]]:
    for name, role in _ROLES.items():
        yield from ((said, _Use(role)) for said in language.words[name])
    for mood, listed in language.moods.items():
        role = Role.QUESTION if mood == "questions" else Role.MOOD
        yield from ((said, _Use(role, value=mood)) for said in listed)
    for name in ("cancel", "refusals", "deletions"):
        yield from ((said, _Use(Role.TAKEN_BACK)) for said in language.commands[name])


def _of_form(form: Form, catalogue: Catalogue, language: Language) -> Iterator[tuple[Phrase, _Use]]:
    if form.terminator is not None:
        yield (form.terminator,), _Use(Role.TAIL)
    misheard: dict[str, list[str]] = {}
    for said, meant in language.misheard.items():
        misheard.setdefault(meant, []).append(said)
    for field in form.fields:
        wording = field.wording(language.code)
        for unit in wording.units:
            yield phrase(unit), _Use(Role.UNIT, field.name, code=wording.codes.get(unit))
        for label in _with_spelt(map(phrase, wording.labels)):
            yield label, _Use(Role.LABEL, field.name)
            for other in misheard.get(label[0], ()):
                yield (other, *label[1:]), _Use(Role.LABEL, field.name)
        for said, value in listed(field, catalogue, language).items():
            yield phrase(said), _Use(Role.VALUE, field.name, value)


def _with_spelt(labels: Iterable[Phrase]) -> Iterator[Phrase]:
    """The labels, and those that are abbreviations letter by letter as well."""
    for label in labels:
        yield label
        if len(label) == 1 and label[0].isalpha() and not _VOWELS & set(label[0]):
            yield tuple(label[0])


def _zeros(form: Form, language: Language) -> Iterator[tuple[Phrase, _Use]]:
    """Phrases for a count of zero: "empty"."""
    for field in form.fields:
        zero = field.wording(language.code).zero
        yield from ((phrase(said), _Use(Role.NOTHING, field.name, code=code or None)) for said, code in zero.items())


def _counting(form: Form, language: Language) -> Iterator[tuple[Phrase, _Use]]:
    """Words behind a count that give its field without a unit: "thirty-eight good"."""
    for field in form.fields:
        yield from ((phrase(said), _Use(Role.UNIT, field.name)) for said in field.wording(language.code).counted)


def _deeds(form: Form, language: Language) -> Iterator[tuple[Phrase, _Use]]:
    """Verbs for a value, which deny elsewhere: "refuse"."""
    for field in form.fields:
        for value, ways_to_say in field.wording(language.code).verbs.items():
            yield from ((phrase(said), _Use(Role.DEED, field.name, value)) for said in ways_to_say)


def _beginnings(form: Form, language: Language) -> Iterator[tuple[Phrase, _Use]]:
    """The form's beginnings of entries, as a recogniser writes them and as a transcript is read."""
    for said in map(phrase, form.openings.get(language.code, ())):
        yield from ((way, _Use(Role.BEGINNING)) for way in dict.fromkeys((said, language.unelided(said))))


def _signs(form: Form, language: Language) -> set[Phrase]:
    """Plus and minus, where a field may be below zero."""
    if not any(field.spoken.measures and (field.least or 0) < 0 for field in form.fields):
        return set()
    said = language.table["decimals"]
    return {phrase(sign) for sign in (*said["minus"], *said["plus"])}


def _yes_and_no(form: Form, language: Language) -> set[Phrase]:
    """Words for yes and no about fields without their labels."""
    wordings = (field.wording(language.code) for field in form.fields)
    return {phrase(said) for wording in wordings for said in (*wording.true, *wording.false)}


def listed(field: FormField, catalogue: Catalogue, language: Language) -> dict[str, str]:
    """Every value of a field that is spoken as words of its own: words to value."""
    said = dict(catalogue.spoken(field.catalogue)) if field.catalogue else {}
    if field.spoken.listed:
        known = field.choices or (catalogue.values(field.catalogue) if field.catalogue else ())
        said |= {words: choice for choice in known for words in ways(choice, field, language)}
    return said


def ways(choice: str, field: FormField, language: Language) -> tuple[str, ...]:
    """The words for a value of an `enum`: its own, and those of the language."""
    named = (choice, *field.wording(language.code).values.get(choice, ()))
    return tuple(dict.fromkeys(name.lower().replace("-", " ") for name in named))
