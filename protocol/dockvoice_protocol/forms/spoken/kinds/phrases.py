"""What the kinds share: phrases of a language's file, and the numbers in the words, as somebody else reads them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from dockvoice_protocol.forms.spoken.folding import phrase
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.forms.spoken.numerals import Count, Group

READ = "read"  # The template by which a day is read back.
RARE = 20.0
"""From this cost on nobody says it so, and it is no reading: two oddities in one value."""


Value = TypeVar("Value", bound=Hashable)


class SaysNumbers(Protocol):
    """How a language says numbers."""

    def counts(self, words: Sequence[str], at: int) -> Iterable[Count]:
        """Every count that begins at a word."""
        ...

    def groups(self, words: Sequence[str], at: int) -> Iterable[Group]:
        """Every group of digits that begins at a word."""
        ...


def table(code: str) -> Mapping[str, Any]:
    """What the file of a language says of the kinds: `decimals`, `dates`, `yes_no`."""
    return language_named(code).table


def words_of(section: Any) -> Iterator[str]:
    """Every phrase of a section of the table; how a day is read back is none."""
    if isinstance(section, str):
        yield section
    elif isinstance(section, list):
        for one in section:
            yield from words_of(one)
    elif isinstance(section, dict):
        for key, one in section.items():
            # What fractions and the like are made of is their keys; the keys of other tables are names.
            if key != READ:
                yield from [key] if isinstance(one, str) else words_of(one)


def either(phrases: Iterable[str]) -> str:
    """Phrases as the alternatives of a JSGF rule."""
    return " | ".join(" ".join(phrase(one)) for one in phrases)


def ends(words: Sequence[str], at: int, phrases: Iterable[str]) -> Iterator[int]:
    """Where each of the phrases that begin at a word ends."""
    for one in phrases:
        said = phrase(one)
        if tuple(words[at : at + len(said)]) == said:
            yield at + len(said)


def behind(words: Sequence[str], at: int, phrases: Iterable[str]) -> Iterator[int]:
    """Where one goes on: here, or behind one of the phrases, which may be left out."""
    yield at
    yield from ends(words, at, phrases)


def digits(words: Sequence[str], at: int, numerals: SaysNumbers, most: int) -> Iterator[tuple[int, str, float]]:
    """Digits said one after the other, group by group, up to so many: each with its end and its cost."""
    begun = [(at, "", 0.0)]
    while begun:
        longer: list[tuple[int, str, float]] = []
        for end, text, cost in begun:
            for group in numerals.groups(words, end) if end < len(words) else ():
                if len(text) + len(group.text) <= most and cost + group.cost < RARE:
                    yield group.end, text + group.text, cost + group.cost
                    longer.append((group.end, text + group.text, cost + group.cost + group.behind))
        begun = longer


def cheapest(found: Iterable[tuple[int, Value, float]]) -> list[tuple[int, Value, float]]:
    """Each value once for each end, at its lowest cost; in the order of end and cost."""
    least: dict[tuple[int, Value], float] = {}
    for end, value, cost in found:
        if cost < RARE:
            least[end, value] = min(cost, least.get((end, value), cost))
    return sorted(((end, value, cost) for (end, value), cost in least.items()), key=lambda one: (one[0], one[2]))
