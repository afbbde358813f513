"""Any common word put anywhere into a right sentence, and what is recorded at once all the same:
`python -m tests.reading.words_put_in de fr`.

The words are the 3,000 commonest of a language by `wordfreq`, which knows nothing of the product. The sentences, and
the words that may tell a value themselves, are in `tests/data/words_put_in.toml`; the words that a strict receiving
clerk would let pass, by where they stand in a sentence, in `tests/data/harmless_words.toml`, and beside them those that
he would not and that are let through: known faults.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from wordfreq import top_n_list

from dockvoice_protocol.forms.spoken import is_correction
from dockvoice_protocol.records import Act, FieldValue
from edge.agent.typed_input import parse_typed
from edge.agree.decide import decide
from edge.records import ClosedBy, Outcome
from tests.reading.scribe import DATA, rules

LANGUAGES = ("en", "de", "fr", "es", "it")

COMMONEST = 3_000


class Place(StrEnum):
    """Where in a sentence a word is put."""

    BEFORE = "before"
    BETWEEN = "between"
    BEHIND = "behind"


@dataclass(frozen=True, eq=False)
class Right:
    """A sentence that is recorded at once, as it should be."""

    language: str
    form: str
    text: str
    values: Mapping[str, FieldValue]

    def __str__(self) -> str:
        return f"{self.language} {self.form}: {self.text}"

    @property
    def gaps(self) -> range:
        """All that a word can be put into."""
        return range(len(self.text.split()) + 1)

    @property
    def foreign(self) -> tuple[str, ...]:
        """The words that say none of the values that the form may have, the commonest first."""
        states = _listed(self.language).get("states", {}).get(self.form, "")
        telling = {*_listed(self.language)["telling"].split(), *states.split()}
        return tuple(word for word in common_words(self.language) if word not in telling)

    def with_word(self, word: str, gap: int) -> str:
        said = self.text.split()
        return " ".join([*said[:gap], word, *said[gap:]])

    def place(self, gap: int) -> Place:
        if gap == 0:
            return Place.BEFORE
        return Place.BETWEEN if gap < self.gaps[-1] else Place.BEHIND


@dataclass(frozen=True)
class LetThrough:
    """A word that was put in, and did not keep the sentence from being recorded at once."""

    right: Right
    word: str
    gap: int
    recorded: Mapping[str, FieldValue]

    def __str__(self) -> str:
        text = self.right.with_word(self.word, self.gap)
        told = "" if self.same else f" -> {dict(self.recorded)}"
        return f"{self.right.language} {self.place} {self.word}: {text}{told}"

    @property
    def place(self) -> Place:
        return self.right.place(self.gap)

    @property
    def same(self) -> bool:
        """Whether the values are those of the sentence."""
        return self.recorded == self.right.values

    @property
    def expected(self) -> bool:
        """Whether a clerk would write down the same with the word as without it, or it is a known fault."""
        listed = harmless(self.right.language, self.place) | known_faults(self.right.language, self.place)
        return self.same and self.word in listed


@cache
def common_words(language: str) -> tuple[str, ...]:
    return tuple(word for word in top_n_list(language, COMMONEST) if word.isalpha())


@cache
def _listed(language: str) -> dict[str, Any]:
    listed: dict[str, Any] = tomllib.loads((DATA / "words_put_in.toml").read_text(encoding="utf-8"))[language]
    return listed


@cache
def _judged() -> dict[str, Any]:
    return tomllib.loads((DATA / "harmless_words.toml").read_text(encoding="utf-8"))


def harmless(language: str, place: Place) -> frozenset[str]:
    """The words that change nothing there."""
    return frozenset(_judged()[language][place].split())


def known_faults(language: str, place: Place) -> frozenset[str]:
    """The words that change something there, and are let through."""
    return frozenset(_judged()[language]["known"][place].split())


@cache
def right_sentences(language: str) -> tuple[Right, ...]:
    return tuple(Right(language, *row) for row in _listed(language)["sentences"])


def recorded(text: str, form: str, language: str) -> dict[str, FieldValue] | None:
    """The entry that is made of it at once; what begins as a correction is taken as one, and not as an entry."""
    under = rules(form, language)
    reading = parse_typed(text, under)
    if reading.act is not Act.RECORD or is_correction(reading.words, under.language):
        return None
    verdict = decide(reading, ClosedBy.PAUSE, under)
    return dict(verdict.fields) if verdict.outcome is Outcome.ACCEPT else None


def let_through(right: Right, places: Iterable[tuple[str, int]]) -> Iterator[LetThrough]:
    """Those of the words, each with the gap it is put into, that are recorded at once."""
    for word, gap in places:
        entry = recorded(right.with_word(word, gap), right.form, right.language)
        if entry is not None:
            yield LetThrough(right, word, gap, entry)


def main() -> None:
    """Print what is let through, and is not on the list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("languages", nargs="+", choices=LANGUAGES)
    parser.add_argument("--first", type=int, default=COMMONEST, help="only so many of the words, the commonest")
    parser.add_argument("--all", action="store_true", help="print what is on the list, too")
    options = parser.parse_args()
    for language in options.languages:
        passed: set[tuple[str, Place]] = set()
        faults: set[tuple[str, Place]] = set()
        for right in right_sentences(language):
            places = ((word, gap) for word in right.foreign[: options.first] for gap in right.gaps)
            for found in let_through(right, places):
                passed.add((found.word, found.place))
                if not found.expected:
                    faults.add((found.word, found.place))
                elif not options.all:
                    continue
                print(found, flush=True)
        print(f"{language}: let through {len(passed)} words at a place, not on the list {len(faults)}")


if __name__ == "__main__":
    main()
