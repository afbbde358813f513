"""What every kind of field can do: read its values in words, make them, say them, and tell recognisers and consoles."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any, ClassVar, Protocol

from dockvoice_protocol.forms.model import FormField, Spoken
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.records import FieldValue

Read = tuple[int, FieldValue, float]
"""Where a value ends, the value, its cost in nats."""


class Counting(Protocol):
    """The numbers in the words of one utterance."""

    def cardinals(self, at: int) -> list[tuple[int, int, float]]:
        """The whole numbers that begin at a token: where each ends, its value, its cost."""
        ...


class WordsHeard(Protocol):
    """One utterance, as a kind reads its values in it."""

    @property
    def words(self) -> Sequence[str]:
        """The words, folded."""
        ...

    @property
    def language(self) -> Language:
        """The language in which they were said."""
        ...

    @property
    def numbers(self) -> Counting:
        """The numbers in them, with what the pauses inside of one cost."""
        ...

    @property
    def today(self) -> date | None:
        """The day from which days without a year are counted."""
        ...


class ReadsAloud(Protocol):
    """How a device reads an entry back."""

    def spelt(self, value: str) -> str:
        """A value character by character."""
        ...

    def unit(self, field: FormField, code: str) -> str:
        """What is counted in a unit, for several."""
        ...


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

    def rules(self) -> Mapping[str, str]:
        """The rules of JSGF that its `grammar` names, and which are not those of every form."""
        return {}

    def readings(self, field: FormField, at: int, heard: WordsHeard) -> Iterable[Read]:
        """The values that begin at a word, behind the field's label or where it is asked for; none of what is spelt."""
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
        """A value that anybody could say; a number begins with the next of `numbers`. None: no example can be given."""
        return None
