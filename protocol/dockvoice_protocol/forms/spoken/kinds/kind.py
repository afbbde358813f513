"""The base class of all kinds of field, and what they share.

A kind reads its values in words, samples them, says them, and describes them to recognisers and consoles. A subclass
with a name registers itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any, ClassVar, Protocol, TypeVar

from dockvoice_protocol.forms.model import FormField, Spoken
from dockvoice_protocol.forms.spoken.folding import phrase
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.forms.spoken.numerals import Count, Group
from dockvoice_protocol.records import FieldValue

Read = tuple[int, FieldValue, float]
"""Where a value ends, the value, its cost in nats."""


class _Counting(Protocol):
    """The numbers in the words of one utterance."""

    def cardinals(self, at: int) -> list[tuple[int, int, float]]:
        """The whole numbers that begin at a token: where each ends, its value, its cost."""


class WordsHeard(Protocol):
    """One utterance, as a kind reads its values in it."""

    @property
    def words(self) -> Sequence[str]:
        """The words, folded."""

    @property
    def language(self) -> Language:
        """The language in which they were said."""

    @property
    def numbers(self) -> _Counting:
        """The numbers in them, with what the pauses inside of one cost."""

    @property
    def today(self) -> date | None:
        """The day from which days without a year are counted."""


class ReadsAloud(Protocol):
    """How a device reads an entry back."""

    def spelt(self, value: str) -> str:
        """A value character by character."""

    def unit(self, field: FormField, code: str) -> str:
        """What is counted in a unit, for several."""


@dataclass(frozen=True, slots=True)
class Keywords:
    """What a form writes of a field whose kind has rules of its own, as JSON Schema of each keyword."""

    own: Mapping[str, Any] = field(default_factory=dict)
    """Keywords of the field, besides those of every field."""
    required: tuple[str, ...] = ()
    voice: Mapping[str, Any] = field(default_factory=dict)
    """Keywords of its `x-voice`, besides those of every field."""
    voice_required: tuple[str, ...] = ()
    scan: tuple[str, ...] = ()
    """The identifiers of GS1 that may fill it from a label; none: it has no `x-scan`."""


class FieldKind(Spoken, ABC):
    """One kind of field."""

    section: ClassVar[str | None] = None
    """The section of a language's file that has its words; None: it needs none."""
    keywords: ClassVar[Keywords | None] = None
    """None: a form writes it as any other field of its type."""
    grammar: ClassVar[tuple[str, ...]] = ()
    """JSGF for how a value is said, besides the phrases that are listed for it. `{field}` is the field's name."""
    by_name: ClassVar[dict[str, type[FieldKind]]] = {}
    """The registry: every class that has a name of its own."""

    def __init_subclass__(cls) -> None:
        if "name" in vars(cls):
            cls.by_name[cls.name] = cls

    def rules(self) -> Mapping[str, str]:
        """The rules of JSGF that its `grammar` names, and which are not those of every form."""
        return {}

    def readings(self, field: FormField, at: int, heard: WordsHeard) -> Iterable[Read]:
        """The values that begin at a word, behind the field's label or where it is asked for; none of what is spelt."""
        return ()

    def unlabelled(self, field: FormField, at: int, heard: WordsHeard) -> Iterable[Read]:
        """The values that begin at a word and are of this field without its label; for kinds that answer yes or no."""
        return ()

    @abstractmethod
    def made(self, field: FormField, random: Random) -> FieldValue:
        """A value that the form allows, for sentences to train recognisers on."""

    @abstractmethod
    def words(self, value: Any, field: FormField, random: Random) -> str:
        """A value in English words, in one of the ways that `readings` understands."""

    @abstractmethod
    def read_back(self, value: Any, field: FormField, language: Language, voice: ReadsAloud) -> str:
        """A value as a voice says it."""

    def example(self, field: FormField, numbers: Iterator[str]) -> FieldValue | None:
        """An example of a value; a number begins with the next of `numbers`. None: there is no example."""
        return None


_READ = "read"  # The template by which a day is read back.
RARE = 20.0
"""From this cost on it is no reading: two oddities in one value."""


_Value = TypeVar("_Value", bound=Hashable)


class SaysNumbers(Protocol):
    """How a language says numbers."""

    def counts(self, words: Sequence[str], at: int) -> Iterable[Count]:
        """Every count that begins at a word."""

    def groups(self, words: Sequence[str], at: int) -> Iterable[Group]:
        """Every group of digits that begins at a word."""


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
            if key != _READ:
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


def cheapest(found: Iterable[tuple[int, _Value, float]]) -> list[tuple[int, _Value, float]]:
    """Each value once for each end, at its lowest cost; in the order of end and cost."""
    least: dict[tuple[int, _Value], float] = {}
    for end, value, cost in found:
        if cost < RARE:
            least[end, value] = min(cost, least.get((end, value), cost))
    return sorted(((end, value, cost) for (end, value), cost in least.items()), key=lambda one: (one[0], one[2]))
