"""The lexicon: all phrases of a form and a language, with their possible roles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import IntEnum, auto
from functools import cached_property, lru_cache
from itertools import product
from typing import NamedTuple

from dockvoice_protocol.field_roles import FieldRole
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import ORDERS, OTHER_DEEDS, Form, FormField
from dockvoice_protocol.forms.pattern import SEPARATORS
from dockvoice_protocol.forms.spoken.folding import Phrase, phrase
from dockvoice_protocol.forms.spoken.grammar import costs
from dockvoice_protocol.forms.spoken.grammar.members import quick_members
from dockvoice_protocol.forms.spoken.grammar.tokens import Token
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.forms.spoken.phrase_list import State, automaton
from dockvoice_protocol.languages import LANGUAGES
from dockvoice_protocol.records import FieldValue

_CACHE_SIZE = 1024  # Cache size: more values and phrases than the alternatives of one utterance have.


@quick_members
class Role(IntEnum):
    """What a phrase does in a sentence: it is a label, a unit, a value, a cue or the like."""

    LABEL = auto()  # Opens a field.
    UNIT = auto()  # Makes the number before it the value of a field.
    OTHER_UNIT = auto()  # A unit that the form lacks: the number before it is a count.
    VALUE = auto()  # A listed value of a field.
    VALUE_VERB = auto()  # A verb for a listed value, before its object: "refuse".
    OPENING = auto()
    ACTION_DONE = auto()  # Says that the deed is done: "I've just put".
    BEGINNING = auto()  # The form's own beginning of an entry: "can i get".
    LINK = auto()
    AFTER_LABEL = auto()
    ADJECTIVE = auto()
    AFTER_COUNT = auto()
    CLOSING_REMARK = auto()
    CUE = auto()
    REPEAT = auto()
    CONTRAST = auto()
    HEDGE_BEFORE = auto()
    HEDGE_BEHIND = auto()
    CHOICE = auto()
    CORRECTS_TO = auto()  # Between a recorded thing and its corrected value: "was actually".
    CORRECTS_TO_AGAIN = auto()  # Behind one of these: "was wrong, it was".
    CHANGES_TO = auto()  # Between the object of a change and its new value: "to".
    RANGE = auto()  # Before the first of two numbers: "between".
    PORTION = auto()  # One count may be a part of another: "of which".
    TOTAL = auto()  # A count may include the other counts: "in total".
    VAGUE = auto()  # In the place of a number: "a few".
    ZERO_COUNT = auto()  # A count of zero: "empty".
    NOT_THIS_PLACE = auto()
    CHECK = auto()
    QUESTION = auto()
    MOOD = auto()  # Any other phrase that keeps an utterance off the record.
    TAKEN_BACK = auto()  # Cancels at the end of an utterance.


OF_FIELDS = frozenset({Role.LABEL, Role.UNIT, Role.VALUE})

_BY_THEMSELVES = OF_FIELDS | {
    Role.VALUE_VERB,
    Role.OTHER_UNIT,
    Role.CORRECTS_TO,
    Role.CORRECTS_TO_AGAIN,
    Role.CHANGES_TO,
}
"""Roles beside which the roles of a phrase's single words count too: "was" in "was actually"."""
REMARKS = frozenset({Role.CLOSING_REMARK, Role.AFTER_COUNT, Role.OPENING, Role.ACTION_DONE, Role.ADJECTIVE, Role.LINK})
_OF_DEEDS = frozenset({Role.BEGINNING, Role.OPENING, Role.ACTION_DONE, Role.LINK})
"""Roles of phrases that may say what was done."""
_BLANK = frozenset({Role.ADJECTIVE, Role.VAGUE, Role.AFTER_COUNT})
"""Roles of words that say nothing by themselves. Not of links and particles, which stand anywhere."""
_OF_OTHERS = frozenset({Role.HEDGE_BEFORE, Role.HEDGE_BEHIND, Role.MOOD})
_OF_SEVERAL = ("portions", "totals")
"""Words that relate counts to one another: in a form with several counts they have no weaker role."""

_ROLES = {
    "openings": Role.OPENING,
    "deeds_done": Role.ACTION_DONE,
    "links": Role.LINK,
    "after_label": Role.AFTER_LABEL,
    "adjectives": Role.ADJECTIVE,
    "after_count": Role.AFTER_COUNT,
    "goods": Role.AFTER_COUNT,
    "closing_remarks": Role.CLOSING_REMARK,
    "conclusions": Role.CLOSING_REMARK,
    "attention_checks": Role.CLOSING_REMARK,
    "correction_cues": Role.CUE,
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
    "not_this_place": Role.NOT_THIS_PLACE,
    "checks": Role.CHECK,
    "other_units": Role.OTHER_UNIT,
    "corrects_to": Role.CORRECTS_TO,
    "corrects_to_again": Role.CORRECTS_TO_AGAIN,
    "changes_to": Role.CHANGES_TO,
}
_LONGEST_PAUSE = {Role.LABEL: 0, Role.VALUE: costs.SHORT}
"""The longest pause inside a phrase of the form whose words then have no other role: "damaged, count" is no label, but
people stop within "a lot of ... milk"."""
_TAKING_BACK = ("cancel", "cancels_open_entry", "deletions")
_VOWELS = frozenset("aeiouy")  # A label without vowels is an abbreviation, and may be said letter by letter: "L P N".
_LONGEST_BEFORE = 3  # Words of the longest opening before an entry: "all right then".
SLOT = "{"  # First character of a slot in an aside: "order {code}".


class _Use(NamedTuple):
    """One meaning of a phrase."""

    role: Role
    field: str = ""  # The field of a label, a unit or a value.
    value: str = ""  # Its value, or its reason for no record.
    code: str | None = None  # The code of a unit, where another field holds it.


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
        self._other_deeds = frozenset(_other_deeds(form, language))
        self._orders = {said for deed in ORDERS for said in language.deeds[deed]}
        door = form.roles.get(FieldRole.DOOR)
        self._door_labels = set(map(phrase, form[door].wording(language.code).labels)) if door else set()
        own = self._phrases_of_form = list(_form_phrases(form, catalogue, language))
        begun = list(_opening_phrases(form, language))
        deeds = _deed_phrases(form, language, self._other_deeds)
        every = (*own, *_further_form_phrases(form, language), *deeds, *begun)
        self._own = _index_by_first_word(every, language)
        self._value_heads = {
            first
            for first, phrases in self._own.items()
            if any(rest and use.role is Role.VALUE for rest, use in phrases)
        }
        """The words with which values of several words begin."""
        self._before = language.words["openings"] if begun else ()
        self._units = {phrase(unit) for field in form.fields for unit in field.wording(language.code).units}
        # These words of the form are fillers in other forms: "sealed", "large", "of boxes".
        self._taken = {said for said, _ in own} | _unlabelled_boolean_phrases(form, language)
        # A value by itself, Spanish "roto", is no hedge and no other talk.
        self._valued = {said for said, use in own if use.role in {Role.VALUE, Role.ZERO_COUNT}}
        self._valued |= _unlabelled_boolean_phrases(form, language)
        self._meant = self._valued | self._other_deeds
        counts = {field.name for field in form.fields if field.spoken.counts}
        # "Faltan dos cajas" is a count where a form counts shortages.
        self._counting_before = {said for said, use in own if use.role is Role.LABEL and use.field in counts}
        self.signs = _plus_and_minus_phrases(form, language)  # Words for plus and minus, where a field may be negative.
        self._never = set(self.signs)
        if any(field.factors_by is not None for field in form.fields):
            self._never |= set(language.words["goods"])  # Goods are a value here, and no remark.
        several = _OF_SEVERAL if self.has_several_counts else ()
        self._relating = {said for name in several for said in language.words[name]}
        self.shapes = {
            field.name: field.shape
            for field in form.fields
            if field.shape is not None and field.shape.may_have_separators
        }
        """Shapes with optional separators, by field."""
        self.values = {
            field.name: frozenset(catalogue.values(field.catalogue)) for field in form.fields if field.catalogue
        }
        """The catalogue's values, by field."""
        self.goods = {field.factors_by for field in form.fields}
        """The fields of goods, and None; behind a unit and "of" they need no label: "four cartons of E407"."""
        self.codes = {
            field.name: {"".join(one for one in value if one not in SEPARATORS): value for value in known}
            for field in form.fields
            if (known := self.values.get(field.name))
            and ((field.unlabelled and field.is_place) or field.name in self.goods)
        }
        """For places that need no label, and goods: their catalogue's values, without separators."""
        self._items = {field.name: field.item_field for field in form.fields}
        self.shortened = {
            name: {
                said: fit
                for said, fit in _index_without_leading_zeros(known).items()
                if not any(item.allows(said) for other, item in self._items.items() if other != name)
            }
            for name, known in self.values.items()
            if name in self.shapes and form[name].is_place
        }
        """By place field: codes without leading zeros ("A101"), and all values that each may mean."""
        self.begun = {
            name: frozenset(
                code[:size] for code in (*codes, *self.shortened.get(name, ())) for size in range(1, len(code))
            )
            for name, codes in self.codes.items()
        }
        """All proper prefixes of the codes in `codes` and `shortened`, by field."""
        self.implausible = lru_cache(_CACHE_SIZE, typed=True)(self._implausibility)
        """The cost of a value for a field; cached, since the alternatives of one utterance share most values."""
        self.is_usual = lru_cache(_CACHE_SIZE)(self._is_usual)
        """Whether a field, given by name, allows a string, and it is a usual one."""
        self._uses_in_language = lru_cache(_CACHE_SIZE)(self._find_uses_in_language)
        """What a phrase of the language means beside the words of the form."""
        self.asides, self.slotted = _index_asides(form, language, self._units, self._meant)

    def _language_uses(self, words: Iterable[str]) -> Iterator[tuple[int, _Use]]:
        """The language's phrases with which the words begin: the number of their words, and a meaning."""
        state, said = _language_phrases(self._language), Phrase()
        for word in words:
            if (following := state.behind(word)) is None:
                return
            state, said = following, (*said, word)
            if state.labels:
                yield from ((len(said), use) for use in self._uses_in_language(said, state))

    def _find_uses_in_language(self, said: Phrase, state: State[tuple[_Use, bool]]) -> tuple[_Use, ...]:
        """`state`: what the phrase leads to in the automaton."""
        number = len(said) == 1 and self._language.numerals.is_number(said[0])
        uses = (use for use, of_numbers in state.labels if of_numbers or not number)
        return tuple(use for use in uses if self._keeps_role(said, use.role))

    def _keeps_role(self, said: Phrase, role: Role) -> bool:
        """Whether a phrase of the language keeps its role beside the words of the form."""
        if role is Role.AFTER_LABEL and said in self._door_labels:
            return False  # "Dock door B", but where doors are a field, "seal, door twelve" is no seal.
        # "We accepted them", where that is a value. "Not damaged" may stay a remark.
        meant = self._meant if role is Role.ACTION_DONE else self._other_deeds
        # "Take this down" is an order with its own object, and obeyed by recording.
        objects = self._orders if role is Role.OPENING and said[-1:] not in self._orders else frozenset()
        if role in REMARKS and not (meant - objects).isdisjoint(_parts(said)):
            return False
        # "À plus six" is no farewell; "au moins six" stays a hedge.
        signed = said[-1:] in self.signs and (role in REMARKS or role is Role.HEDGE_BEHIND)
        if signed or said in self._never or (role in {Role.PORTION, Role.TOTAL} and not self._relating):
            return False
        # "License plate" is other talk only where it is no label; a single word, "trailer", may be both.
        elsewhere = role in REMARKS or role is Role.OTHER_UNIT or (role is Role.MOOD and len(said) > 1)
        if elsewhere and (said in self._taken or self._is_unit(said)):
            return False
        if role is Role.HEDGE_BEFORE and said in self._counting_before:
            return False
        return not ((said in self._valued and role in _OF_OTHERS) or (role in REMARKS and said in self._relating))

    def _is_unit(self, said: Phrase) -> bool:
        """Whether the phrase is a unit of the form behind an adjective: "full cases"."""
        adjectives = self._language.words["adjectives"]
        return any(said[at:] in self._units and said[:at] in adjectives for at in range(1, len(said)))

    @cached_property
    def parts_of_values(self) -> frozenset[str]:
        """The words that mean something only as part of a longer value: "almond", "ounce"; no numbers."""
        values = [said for said, use in self._phrases_of_form if use.role is Role.VALUE and len(said) > 1]
        words = {word for said in values for word in said if not self._is_number(word)}
        return frozenset(word for word in words if all(one.role in _BLANK for one in self.uses((word,))))

    def _implausibility(self, name: str, value: FieldValue | None) -> float:
        field = self._items[name]
        if value is None or not field.allows(value):
            return costs.FORBIDDEN
        cost = 0.0 if field.is_usual(value) else costs.UNUSUAL
        return cost + (costs.UNKNOWN if name in self.values and str(value) not in self.values[name] else 0.0)

    def _is_usual(self, name: str, value: str) -> bool:
        return self._items[name].allows(value) and self._items[name].is_usual(value)

    def matches(self, tokens: Sequence[Token], at: int) -> list[Match]:
        """Every phrase that begins with the token `at`."""
        token = tokens[at]
        if token.inner or not self.knows(token.text):
            return []
        of_language = (Match(at + size, *use) for size, use in self._language_uses(_words_of_breath(tokens, at)))
        every = dict.fromkeys((*self._own_matches(tokens, at), *of_language))
        found = [one for one in every if one.end == len(tokens) or not tokens[one.end].inner]
        if not found:
            return found
        if self._is_order(token):
            found = [one for one in found if one.role not in _OF_DEEDS]
        if any(match.role is Role.BEGINNING for match in found):
            found = self._prefer_opening(found, tokens, at)
        # Of overlapping small phrases the longest counts: "over to" is no "over". But "no one" may be "no, one ...".
        # The beginning of a label or value has no other role: "off trailer", "damaged count", "some milk".
        if (own := self._longest_of_several_words(found, tokens, at)) is not None:
            found = [match for match in found if match.end >= own or match.role in _LONGEST_PAUSE]
        found = [match for match in found if match.role in OF_FIELDS or not self._ends_in_value(tokens, at, match.end)]
        # A question asks only where a clause begins: elsewhere it is a shorter phrase, "dock B | has | pallet 742".
        small = [match for match in found if match.role not in _BY_THEMSELVES and match.role is not Role.QUESTION]
        named = [match for match in small if not self._is_number(tokens[match.end - 1].text)]
        longest = max((match.end for match in named), default=0)
        # Nothing leads on where nothing was said: there "are the" is no link, and hides no question.
        asking = longest if at else max((match.end for match in named if match.role is not Role.LINK), default=0)
        return [
            match
            for match in found
            if match.role in _BY_THEMSELVES or match.end >= (asking if match.role is Role.QUESTION else longest)
        ]

    def _is_order(self, token: Token) -> bool:
        """Whether a phrase that begins here is an order, as no accent makes it a deed: "deje" for "dejé"."""
        return token.surface.endswith(("e", "es")) and token.text in self._language.accented_deeds

    @staticmethod
    def _longest_of_several_words(found: Sequence[Match], tokens: Sequence[Token], at: int) -> int | None:
        """The end of the longest label or value of several words at a token; a value may hold slight pauses."""
        named = (match for match in found if match.role in _LONGEST_PAUSE and match.end > at + 1)
        return max(
            (
                one.end
                for one in named
                if all(token.pause <= _LONGEST_PAUSE[one.role] for token in tokens[at + 1 : one.end])
            ),
            default=None,
        )

    def _ends_in_value(self, tokens: Sequence[Token], at: int, end: int) -> bool:
        """Whether a phrase ends inside a value that begins in it: "with a" before "lot of milk"."""
        for begin in range(at + 1, end):
            if tokens[begin].text not in self._value_heads:
                continue
            values = [one for one in self._own_matches(tokens, begin) if one.role is Role.VALUE]
            longest = self._longest_of_several_words(values, tokens, begin)
            if longest is not None and longest > end:
                return True
        return False

    def _prefer_opening(self, found: list[Match], tokens: Sequence[Token], at: int) -> list[Match]:
        """The matches: where a sentence begins, the form's opening replaces shorter ones; elsewhere it is dropped."""
        if not self._begins_sentence(tokens, at):
            return [match for match in found if match.role is not Role.BEGINNING]
        end = max(match.end for match in found if match.role is Role.BEGINNING)
        kept = {*OF_FIELDS, Role.BEGINNING}
        return [match for match in found if match.end > end or match.role in kept]

    def _begins_sentence(self, tokens: Sequence[Token], at: int) -> bool:
        """Whether a sentence begins at a token, or has only "okay" and the like before it."""
        if at == 0 or tokens[at].pause >= costs.STOP:
            return True
        said = (tuple(token.text for token in tokens[start:at]) for start in range(max(0, at - _LONGEST_BEFORE), at))
        return any(one in self._before and self._begins_sentence(tokens, at - len(one)) for one in said)

    def _own_matches(self, tokens: Sequence[Token], at: int) -> Iterator[Match]:
        """The form's phrases that begin with the token `at`; those of a field may hold a pause."""
        second = tokens[at + 1].text if at + 1 < len(tokens) else None
        for rest, use in self._own.get(tokens[at].text, ()):
            if rest and rest[0] != second:  # As in most, hundreds behind some words.
                continue
            behind = tokens[at + 1 : at + 1 + len(rest)]
            if tuple(token.text for token in behind) != rest:
                continue
            if use.role in OF_FIELDS or all(token.pause < costs.COMMA for token in behind):
                yield Match(at + 1 + len(rest), *use)

    def uses(self, said: Phrase) -> tuple[_Use, ...]:
        """All meanings of a whole phrase."""
        own = (use for rest, use in self._own.get(said[0], ()) if rest == said[1:])
        return tuple(dict.fromkeys((*own, *(use for size, use in self._language_uses(said) if size == len(said)))))

    def joins(self, word: str) -> bool:
        """Whether the single word is a link: "of", "the"."""
        return any(use.role is Role.LINK for use in self.uses((word,)))

    def opens(self, word: str) -> bool:
        """Whether a label begins with the word."""
        return any(use.role is Role.LABEL for _, use in self._own.get(word, ()))

    def begins_code(self, word: str) -> bool:
        """Whether the word is the first letter of a value that is valid without its label."""
        letter = self._language.alphabet.code_words.get((word,), word).upper()
        places = (begun for name, begun in self.begun.items() if name not in self.goods)
        return any(letter in begun for begun in places) and not letter.isdigit()

    def knows(self, word: str) -> bool:
        """Whether a phrase begins with the word."""
        return word in self._own or _language_phrases(self._language).behind(word) is not None


def _words_of_breath(tokens: Sequence[Token], at: int) -> Iterator[str]:
    """The words from a token on up to a pause, which splits a phrase, other than one of a field."""
    yield tokens[at].text
    for token in tokens[at + 1 :]:
        if token.pause >= costs.COMMA:
            return
        yield token.text


def _index_without_leading_zeros(values: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Codes without the leading zeros of their parts, and the values that each may mean.

    Prefixes of other values are excluded, since the end may be lost, and so are digits alone, which may be a count, and
    characters of one value that part in several ways: "A123" is A-12-03, but A-01-23 if the catalogue lacks it.
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
    widths = {value: [len(part) for part in parts] for value, parts in parted.items()}
    return {
        said: fit
        for said, fit in found.items()
        if said in whole or len(fit) > 1 or _partings(said, widths[fit[0]]) == 1
    }


def _partings(said: str, widths: Sequence[int]) -> int:
    """In how many ways the characters part into parts of at most these widths."""
    if not widths:
        return not said
    return sum(_partings(said[size:], widths[1:]) for size in range(1, min(widths[0], len(said)) + 1))


def _index_asides(
    form: Form, language: Language, units: AbstractSet[Phrase], meant: AbstractSet[Phrase]
) -> tuple[dict[str, dict[str, list[Phrase]]], dict[str, dict[str, list[Phrase]]]]:
    """The asides by their first two words, and those that begin with a slot ("{number} minutes ago") likewise.

    The second word is empty where there is none; behind a word, also where it is a slot.

    A remark in other forms may be a field of this one, or hold a value (`meant`): it is left out.
    """
    asides: dict[str, dict[str, list[Phrase]]] = {}
    slotted: dict[str, dict[str, list[Phrase]]] = {}
    labels = {phrase(label) for field in form.fields for label in field.wording(language.code).labels}
    for aside, openings, counted in _asides_and_conflicts(language):
        if not (labels.isdisjoint(openings) and units.isdisjoint(counted) and meant.isdisjoint(_parts(aside))):
            continue
        first, second = (*aside, "")[:2]
        if first.startswith(SLOT):
            slotted.setdefault(first, {}).setdefault(second, []).append(aside[2:])
        elif not second or second.startswith(SLOT):
            asides.setdefault(first, {}).setdefault("", []).append(aside[1:])
        else:
            asides.setdefault(first, {}).setdefault(second, []).append(aside[2:])
    return asides, slotted


@lru_cache(maxsize=len(LANGUAGES))
def _asides_and_conflicts(language: Language) -> Sequence[tuple[Phrase, frozenset[Phrase], frozenset[Phrase]]]:
    """Each aside, with the phrases that, as a label or as a unit of the form, would make a field of it.

    A label at its beginning or before its slot: "off trailer {code}"; a unit behind its slot: "{number} kilos".
    """
    return [
        (aside, frozenset(_opening_parts(aside)), frozenset(_units_behind_slots(aside)))
        for aside in language.words["asides"]
    ]


def _opening_parts(aside: Phrase) -> Iterator[Phrase]:
    yield from (aside[:size] for size in range(1, len(aside) + 1))
    slots = [at for at, word in enumerate(aside) if word.startswith(SLOT)]
    yield from (aside[at - size : at] for at in slots for size in range(1, at + 1))


def _units_behind_slots(aside: Phrase) -> Iterator[Phrase]:
    behind = (aside[at + 1 :] for at, word in enumerate(aside) if word.startswith(SLOT))
    yield from (rest[:size] for rest in behind for size in range(1, len(rest) + 1))


def _index_by_first_word(
    listed: Iterable[tuple[Phrase, _Use]], language: Language
) -> Mapping[str, Sequence[tuple[Phrase, _Use]]]:
    """The other words of each phrase and its meaning, by its first word. Compound numbers are split."""
    found: dict[str, list[tuple[Phrase, _Use]]] = {}
    for said, use in listed:
        first, *rest = (part for word in said for part in language.numerals.morphemes(word))
        found.setdefault(first, []).append((tuple(rest), use))
    return found


@lru_cache(maxsize=len(LANGUAGES))
def _language_phrases(language: Language) -> State[tuple[_Use, bool]]:
    """An automaton of the language's phrases, shared by all forms. Its labels: a meaning, whether a number has it."""
    words = ((language.words[name], (_Use(role), False)) for name, role in _ROLES.items())
    moods = (
        (said, (_Use(Role.QUESTION if reason == "questions" else Role.MOOD, value=reason), True))
        for reason, said in language.not_a_record.items()
    )
    taken_back = ((language.phrase_list("commands", name), (_Use(Role.TAKEN_BACK), True)) for name in _TAKING_BACK)
    return automaton((*words, *moods, *taken_back))


def _form_phrases(form: Form, catalogue: Catalogue, language: Language) -> Iterator[tuple[Phrase, _Use]]:
    if form.terminator is not None:
        yield (form.terminator,), _Use(Role.CLOSING_REMARK)
    for field in form.fields:
        wording = field.wording(language.code)
        for unit in wording.units:
            yield phrase(unit), _Use(Role.UNIT, field.name, code=wording.codes.get(unit))
        yield from ((said, _Use(Role.LABEL, field.name)) for said in _label_phrases(wording.labels, language))
        for said, value in value_words(field, catalogue, language).items():
            yield phrase(said), _Use(Role.VALUE, field.name, value)
        for said, code in wording.zero.items():
            yield phrase(said), _Use(Role.ZERO_COUNT, field.name, code=code or None)


def _label_phrases(labels: Iterable[str], language: Language) -> Iterator[Phrase]:
    """The labels, as recognisers mishear them too, and abbreviations letter by letter."""
    for first, *rest in map(phrase, labels):
        misheard = (said for said, meant in language.misheard.items() if meant == first)
        yield from ((said, *rest) for said in (first, *misheard))
        if not rest and first.isalpha() and _VOWELS.isdisjoint(first):
            yield tuple(first)


def _further_form_phrases(form: Form, language: Language) -> Iterator[tuple[Phrase, _Use]]:
    """Phrases of fields that other forms use otherwise.

    Words behind a count that name its field without a unit ("thirty-eight good"), and verbs for a value ("refuse").
    """
    for field in form.fields:
        wording = field.wording(language.code)
        yield from ((phrase(said), _Use(Role.UNIT, field.name)) for said in wording.counted)
        for value, verbs in wording.verbs.items():
            yield from ((phrase(said), _Use(Role.VALUE_VERB, field.name, value)) for said in verbs)


def _other_deeds(form: Form, language: Language) -> Iterator[Phrase]:
    """Words for what is done to a thing, but is no entry of this form: "unloaded" in a form for loading."""
    own = language.deeds.get(str(form.deed), ())
    for deed in OTHER_DEEDS.get(str(form.deed), ()):
        yield from (said for said in language.deeds[deed] if said not in own)


def _deed_phrases(form: Form, language: Language, others: Iterable[Phrase]) -> Iterator[tuple[Phrase, _Use]]:
    """The form's deed, which may stand anywhere, and other deeds, which are no record."""
    for said in language.deeds.get(str(form.deed), ()):
        yield said, _Use(Role.ACTION_DONE)
        yield from (((*no, *said), _Use(Role.MOOD, value="denials")) for no in language.words["nots"])
    yield from ((said, _Use(Role.MOOD, value="denials")) for said in others)


def _parts(said: Phrase) -> Iterator[Phrase]:
    """All runs of words in a phrase, the whole one too."""
    return (said[at:end] for at in range(len(said)) for end in range(at + 1, len(said) + 1))


def _opening_phrases(form: Form, language: Language) -> Iterator[tuple[Phrase, _Use]]:
    """The form's openings, with elisions as a recogniser writes them and without, as in a parsed transcript."""
    for said in map(phrase, form.openings.get(language.code, ())):
        yield from ((way, _Use(Role.BEGINNING)) for way in dict.fromkeys((said, language.unelided(said))))


def _plus_and_minus_phrases(form: Form, language: Language) -> set[Phrase]:
    """Words for plus and minus, where a field may be negative."""
    if not any(field.spoken.measures and (field.least or 0) < 0 for field in form.fields):
        return set()
    said = language.table["decimals"]
    return {phrase(sign) for sign in (*said["minus"], *said["plus"])}


def _unlabelled_boolean_phrases(form: Form, language: Language) -> set[Phrase]:
    """Words for true and false without a label, also without elisions, as in a parsed transcript."""
    wordings = (field.wording(language.code) for field in form.fields)
    every = {phrase(said) for wording in wordings for said in (*wording.true, *wording.false)}
    return every | set(map(language.unelided, every))


def value_words(field: FormField, catalogue: Catalogue, language: Language) -> dict[str, str]:
    """The words of a field's values, each with its value, where they have words of their own."""
    said = dict(catalogue.value_by_spoken(field.catalogue)) if field.catalogue else {}
    if field.spoken.listed:
        known = field.choices or (catalogue.values(field.catalogue) if field.catalogue else ())
        said |= {words: choice for choice in known for words in value_wordings(choice, field, language)}
    return said


def value_wordings(choice: str, field: FormField, language: Language) -> tuple[str, ...]:
    """The words for an `enum` value: itself, and its names in the language."""
    named = (choice, *field.wording(language.code).values.get(choice, ()))
    return tuple(dict.fromkeys(name.lower().replace("-", " ") for name in named))
