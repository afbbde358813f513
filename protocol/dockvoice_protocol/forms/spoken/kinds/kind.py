"""The base class of field kinds, and their shared functions.

A kind parses its values in words, samples them, says them, and describes them to recognisers and consoles. A subclass
with a name registers itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any, ClassVar, Protocol, TypeVar

from dockvoice_protocol.forms.model import FieldKindTraits, FormField
from dockvoice_protocol.forms.spoken.folding import phrase
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.forms.spoken.numerals import Numerals
from dockvoice_protocol.records import FieldValue

Read = tuple[int, FieldValue, float]  # End of a value, the value, its cost in nats.


class _Counting(Protocol):
    """The numbers in the words of one utterance."""

    @property
    def cardinals(self) -> Sequence[Sequence[tuple[int, int, float]]]:
        """By token, the whole numbers that begin at it: end, value, cost."""

    def decimals(self, at: int) -> list[tuple[int, float, float]]:
        """The decimals that begin at a token: end, value, cost."""


class UtteranceContext(Protocol):
    """One utterance, in which a kind parses its values."""

    @property
    def words(self) -> Sequence[str]:
        """The folded words."""

    @property
    def language(self) -> Language:
        """The language of the words."""

    @property
    def numbers(self) -> _Counting:
        """The numbers in them; costs include those of pauses inside a number."""

    def follows_pause(self, at: int) -> bool:
        """Whether there is a pause before a word."""

    @property
    def today(self) -> date | None:
        """The current date, for dates without a year."""


class ReadbackVoice(Protocol):
    """The wording of a device's readback."""

    def spelt(self, value: str) -> str:
        """A value character by character."""

    def unit(self, field: FormField, code: str) -> str:
        """The plural of a unit."""


@dataclass(frozen=True, slots=True)
class KindKeywords:
    """The JSON Schema of a kind's own keywords in a form."""

    own: Mapping[str, Any] = field(default_factory=dict)  # Keywords of the field, in addition to the common ones.
    required: tuple[str, ...] = ()
    voice: Mapping[str, Any] = field(default_factory=dict)  # Keywords of its `x-voice`, in addition to the common ones.
    voice_required: tuple[str, ...] = ()
    scan: tuple[str, ...] = ()  # The GS1 application identifiers that may fill it; empty: the field has no `x-scan`.


class FieldKind(FieldKindTraits, ABC):
    """One kind of field."""

    holds: ClassVar[str]  # For authors of forms: what its values are.
    said: ClassVar[str]  # For authors of forms: how a value is said, by example.
    section: ClassVar[str | None] = None  # The section of a language's file with its words; None: it has none.
    keywords: ClassVar[KindKeywords | None] = None  # None: it has the keywords of its type alone.
    grammar: ClassVar[tuple[str, ...]] = ()
    """JSGF alternatives of a value, beside those that a form or catalogue lists. `{field}` is the field's name."""
    by_name: ClassVar[dict[str, type[FieldKind]]] = {}  # The registry: every class that defines `name`.

    def __init_subclass__(cls) -> None:
        if "name" in vars(cls):
            cls.by_name[cls.name] = cls

    def jsgf_rules(self) -> Mapping[str, str]:
        """The JSGF rules that its `grammar` uses, without those of every form."""
        return {}

    def readings(self, field: FormField, at: int, utterance: UtteranceContext) -> Iterable[Read]:
        """The values that begin at a word, behind the field's label or as an answer; empty for spelt kinds."""
        return ()

    def readings_without_label(self, field: FormField, at: int, utterance: UtteranceContext) -> Iterable[Read]:
        """The values that begin at a word and are valid without the field's label; for yes-or-no kinds."""
        return ()

    @abstractmethod
    def sample_value(self, field: FormField, random: Random) -> FieldValue:
        """A random value that the form allows, for recognisers' training sentences."""

    @abstractmethod
    def words_for(self, value: Any, field: FormField, random: Random) -> str:
        """A value in random English words that `readings` parses."""

    @abstractmethod
    def read_back(self, value: Any, field: FormField, language: Language, voice: ReadbackVoice) -> str:
        """A value as the voice says it."""

    def example_value(self, field: FormField, numbers: Iterator[str]) -> FieldValue | None:
        """An example value, made from the next of `numbers` where it is a number; None: no example."""
        return None


_READ = "read"  # Key of the readback template of dates.
RARE = 20.0  # Least cost, in nats, of a reading that is dropped: two oddities in one value.

_Value = TypeVar("_Value", bound=Hashable)


def section_phrases(section: Any) -> Iterator[str]:
    """Every phrase of a section of the language's table, without readback templates."""
    if isinstance(section, str):
        yield section
    elif isinstance(section, list):
        for one in section:
            yield from section_phrases(one)
    elif isinstance(section, dict):
        for key, one in section.items():
            # Keys with a string value (fractions and the like) are phrases; other keys are names.
            if key != _READ:
                yield from [key] if isinstance(one, str) else section_phrases(one)


def jsgf_alternatives(phrases: Iterable[str]) -> str:
    """Phrases as the alternatives of a JSGF rule."""
    return " | ".join(" ".join(phrase(one)) for one in phrases)


def phrase_ends(words: Sequence[str], at: int, phrases: Iterable[str]) -> Iterator[int]:
    """The ends of the phrases that begin at a word."""
    first = words[at] if at < len(words) else None
    for one in phrases:
        said = phrase(one)
        if said and said[0] == first and (len(said) == 1 or tuple(words[at : at + len(said)]) == said):
            yield at + len(said)


def digit_string_readings(
    words: Sequence[str], at: int, numerals: Numerals, most: int
) -> Iterator[tuple[int, str, float]]:
    """Strings of up to `most` digits, group by group: end, text, cost."""
    begun = [(at, "", 0.0)]
    while begun:
        longer: list[tuple[int, str, float]] = []
        for end, text, cost in begun:
            for group in numerals.groups(words, end) if end < len(words) else ():
                if len(text) + len(group.text) <= most and cost + group.cost < RARE:
                    yield group.end, text + group.text, cost + group.cost
                    longer.append((group.end, text + group.text, cost + group.cost + group.behind))
        begun = longer


def cheapest_readings(found: Iterable[tuple[int, _Value, float]]) -> list[tuple[int, _Value, float]]:
    """Each pair of end and value at its lowest cost, sorted by end and cost; those from `RARE` on are dropped."""
    least: dict[tuple[int, _Value], float] = {}
    for end, value, cost in found:
        if cost < RARE:
            least[end, value] = min(cost, least.get((end, value), cost))
    return sorted(((end, value, cost) for (end, value), cost in least.items()), key=lambda one: (one[0], one[2]))
