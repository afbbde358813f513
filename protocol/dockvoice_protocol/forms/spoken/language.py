"""A language: its phrases around dictation, numbers and letters, loaded from its folder in `languages/`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from string import ascii_lowercase
from typing import Any

from dockvoice_protocol.forms.spoken.folding import Phrase, fold, phrase
from dockvoice_protocol.forms.spoken.numerals import Numerals
from dockvoice_protocol.forms.spoken.phrase_list import Classes, PhraseList
from dockvoice_protocol.languages import LANGUAGES, load_table

_Words = Sequence[str]

LETTERS = frozenset(ascii_lowercase)

_CODE_WORDS = """
alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa quebec romeo sierra
tango uniform victor whiskey x-ray yankee zulu
"""
NATO = {word[0]: word.replace("-", " ") for word in _CODE_WORDS.split()}
"""Letter to word, by ICAO Annex 10 and the ITU radio regulations; x has two, "x ray". Valid in every language."""
CODE_WORDS: dict[Phrase, str] = {tuple(word.split()): letter for letter, word in NATO.items()} | {
    ("alfa",): "a",
    ("juliett",): "j",
    ("whisky",): "w",
    ("xray",): "x",
}
"""The words to letters, with further spellings in transcripts."""

_LISTS_OF_DEEDS = ("deeds_done", "openings", "links")
_ACCENTED = re.compile(r"[^\W\d_]{3,}és?\b")
"""French participles and Spanish verbs of the first person: words of a pattern that an accent tells from orders."""


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The words by which a language spells letters."""

    code_words: Mapping[Phrase, str]  # The words of its spelling alphabets, to small letters.
    explained_by: tuple[Phrase, ...]  # Joiners of a letter and its explaining word: "as in".
    names: Mapping[Phrase, str]  # Letters written as words ("bee"), to the letter.
    ordinary: frozenset[str]
    """Those of them that are ordinary words too ("sea"): a letter only as the whole value behind a label."""
    beginnings: frozenset[str]  # The first words of all that spells a letter.


@dataclass(frozen=True, eq=False)
class Language:
    """A language for filling forms. All words are folded (`fold`). Compared by identity."""

    code: str  # ISO 639-1: `en`.
    thousands: str  # The thousands separator of numbers in digits.
    decimal: str
    elided: tuple[str, ...]  # Elided prefixes before an apostrophe, which are no part of the word: French "d'unités".
    clitics: Mapping[str, str]
    """Ends of figures that are words of their own, with the apostrophe: English "'s", to the word."""
    hesitations: frozenset[str]  # Sounds without meaning anywhere, even inside a number.
    alphabet: Alphabet
    homophones: Mapping[str, str]  # Words that sound like a number, to the number's word.
    misheard: Mapping[str, str]  # Words that recognisers write for usual labels, to the label's word.
    months: frozenset[str]  # Names of months, without those that are numbers too.
    ordinals: frozenset[str]  # Words for the day of a month: "first".
    date_links: frozenset[str]  # Words between the day, month and year of a date: "of", "the".
    numerals: Numerals
    table: Mapping[str, Any]
    """The parsed file: kinds of fields have their own sections, and properties parse parts of it on first use."""

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Language:
        """Build a language from its parsed TOML file."""
        letters = table["letters"]
        numerals = Numerals(table["numbers"], spaced=table["thousands"] == " ")
        listed = {word: word[0] for one in letters["alphabets"] for word in fold(one).split()}
        elided = tuple(table["elided"])
        code_words = CODE_WORDS | {(word,): letter for word, letter in listed.items()}
        names = {phrase(name): letter for letter, ways in letters.get("names", {}).items() for name in ways}
        homophones = {fold(said): fold(meant) for meant, ways in table["homophones"].items() for said in ways}
        return cls(
            code=table["code"],
            thousands=table["thousands"],
            decimal=table["decimal"],
            elided=elided,
            clitics=table["clitics"],
            hesitations=frozenset(map(fold, table["words"]["hesitations"])),
            alphabet=Alphabet(
                code_words,
                tuple(map(phrase, letters["explained_by"])),
                names,
                frozenset(map(fold, letters.get("ordinary", ()))),
                LETTERS.union(said[0] for said in (*code_words, *names)),
            ),
            homophones=homophones,
            misheard={fold(said): fold(meant) for said, meant in table.get("labels", {}).items()},
            # A month's short name that is a number ("sept") is a number everywhere except in a date field.
            months=frozenset(
                name
                for name in (fold(name) for names in table["dates"]["months"] for name in names)
                if not numerals.groups([name], 0)
            ),
            ordinals=frozenset(fold(name) for names in table["dates"]["ordinals"] for name in names),
            date_links=frozenset(
                word
                for place in ("before_day", "before_month", "before_year", "behind_year", "ends")
                for link in table["dates"][place]
                for word in phrase(link)
            ),
            numerals=numerals,
            table=table,
        )

    @cached_property
    def words(self) -> Mapping[str, PhraseList]:
        """Phrases by role ("links", "correction_cues"); the language's file documents the roles."""
        # A number word has no other role.
        parsed = {role: map(self._classes.parse, patterns) for role, patterns in self.table["words"].items()}
        return {
            role: PhraseList(expansions, lambda word: not self.numerals.is_number(word))
            for role, expansions in parsed.items()
        }

    @cached_property
    def not_a_record(self) -> Mapping[str, PhraseList]:
        """Phrases that keep an utterance off the record, by the reason ("denials", "questions")."""
        return {
            reason: PhraseList(map(self._classes.parse, said)) for reason, said in self.table["not_a_record"].items()
        }

    @cached_property
    def _classes(self) -> Classes:
        return Classes(self.table["classes"], self._ways_of_word)

    def _ways_of_word(self, word: str) -> list[Phrase]:
        """A word as recognisers write it, without an elision as in a parsed transcript, and with its numbers split."""
        parted = split_elision(word, self.elided)
        ways = (phrase(word), phrase(parted)) if parted.strip() else (phrase(word),)
        split = (tuple(part for one in way for part in self.numerals.morphemes(one)) for way in ways)
        return list(dict.fromkeys((*ways, *split)))

    @cached_property
    def commands(self) -> Mapping[str, tuple[Phrase, ...]]:
        """Phrases of each command by name; the first is the one that is displayed."""
        return {name: self._phrases(said) for name, said in self.table["commands"].items()}

    def phrase_list(self, table: str, name: str) -> PhraseList:
        """The phrases of a command, or of another list of one of the language's tables; none where it is missing."""
        return PhraseList(map(self._classes.parse, self.table.get(table, {}).get(name, ())))

    def _phrases(self, patterns: Sequence[str]) -> tuple[Phrase, ...]:
        return tuple(PhraseList(map(self._classes.parse, patterns)))

    @property
    def units(self) -> Mapping[str, Sequence[str]]:
        """Unit words that forms share, by code: plural, singular, and others."""
        return dict(self.table["units"])

    @cached_property
    def breaks(self) -> Mapping[str, tuple[Phrase, ...]]:
        """Phrases for a break, by the code of its reason."""
        return {reason: self._phrases(said) for reason, said in self.table["breaks"].items()}

    @cached_property
    def deeds(self) -> Mapping[str, tuple[Phrase, ...]]:
        """Words for what is done to a thing, by deed: "loaded"."""
        return {deed: self._phrases(said) for deed, said in self.table["deeds"].items()}

    @cached_property
    def accented_deeds(self) -> frozenset[str]:
        """Folded words of deeds that are an order without their accent: "dejé" and "deje", "chargé" and "charge"."""
        lists = (*(self.table["words"][role] for role in _LISTS_OF_DEEDS), *self.table["classes"].values())
        patterns = (one for listed in (*lists, *self.table["deeds"].values()) for one in listed)
        return frozenset(fold(word) for one in patterns for word in _ACCENTED.findall(one.lower()))

    @cached_property
    def works(self) -> Mapping[str, tuple[tuple[Phrase, Phrase], ...]]:
        """By role ("switch", "bid"), pairs of the words before and behind the name of a work."""
        return {
            role: tuple((phrase(before), phrase(behind)) for before, _, behind in (one.partition("*") for one in ways))
            for role, ways in self.table["works"].items()
            if role != "articles"
        }

    @cached_property
    def articles(self) -> frozenset[str]:
        """Optional words before the name of a work: "the"."""
        return frozenset(map(fold, self.table["works"]["articles"]))

    @cached_property
    def exact_ends(self) -> tuple[str, ...]:
        """Ends of numbers in a case that is of no approximate number: Polish "dwoma"."""
        return tuple(map(fold, self.table["numbers"].get("exact_ends", ())))

    @cached_property
    def separators(self) -> frozenset[str]:
        """Words for separators between the parts of a printed number, which the value does not hold: "dash"."""
        return frozenset(fold(word) for word in self.table["letters"]["separators"])

    @property
    def parts(self) -> Sequence[Sequence[str]]:
        """Words for the parts of a place, from the largest: aisle, bay, level."""
        parts: Sequence[Sequence[str]] = self.table["letters"]["parts"]
        return parts

    @cached_property
    def common(self) -> frozenset[str]:
        """Words of numbers and letters that are common words too, and no evidence of one by themselves: "a", "and"."""
        return frozenset(fold(word) for word in self.table["letters"]["common"])

    @cached_property
    def cues(self) -> frozenset[Phrase]:
        """Phrases that make the next mention of a field replace the previous one."""
        return frozenset((*self.words["correction_cues"], *self.words["last_one"]))

    def unelided(self, words: Phrase) -> Phrase:
        """The words of a transcript without elided prefixes: "est ça" for "c'est ça"."""
        if not self.elided:
            return words
        apart = (part for word in words for part in word.partition("'")[::2])
        return tuple(part for part in apart if part and part not in self.elided)

    def may_be_in_identifier(self, word: str) -> bool:
        """Whether the word is part of a number or spells a letter, and is no common word."""
        if word in self.common:
            return False
        if any(character.isdigit() for character in word):
            return True
        return word in LETTERS or word in self._spelling or self.numerals.is_part(word)

    def spells(self, word: str) -> bool:
        """Whether the word spells a letter and is itself no letter, number or common word: "sugar", "delta"."""
        return word in self._spelling and word not in (LETTERS | self.common) and not self.numerals.is_part(word)

    @cached_property
    def _spelling(self) -> frozenset[str]:
        """The single words of the spelling alphabets."""
        return frozenset(word for code in self.alphabet.code_words for word in code)


def split_elision(word: str, elided: Sequence[str]) -> str:
    """A word without its elided prefix, or split in two: "d'unités" is "unités", "un'unità" is "un unità"."""
    before, apostrophe, after = word.partition("'")
    if not elided or not apostrophe:
        return word
    return after if before in elided else f"{before} {after}"


@cache
def _load_language(code: str) -> Language:
    return Language.from_table(load_table(code, "grammar"))


def language_named(tag: str) -> Language:
    """The language of a code or of a longer tag: `de`, `de-AT`, `en_US`. Raises ValueError for any other."""
    code = re.split("[-_]", tag.lower())[0]
    if code not in LANGUAGES:
        raise ValueError(f"language {tag!r} is not read here; allowed: {', '.join(LANGUAGES)}, or a tag such as de-AT")
    return _load_language(code)


ENGLISH = language_named("en")  # The language of a form's own words.
