"""Phrases of a language, written as patterns, and an automaton that finds them in an utterance.

The notation is that of the JSpeech Grammar Format (W3C Note, 5 June 2000), section 4, without tags and repetition:

    i have                   words
    [just] loaded            optional words
    (loaded | unloaded)      alternatives
    <i have> <loaded> [the]  the phrases of a class, which the language's file lists in `[classes]`

Words in braces ("order {code}") are slots, and stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain, cycle, islice, pairwise, product
from typing import Generic, TypeVar

from dockvoice_protocol.forms.spoken.folding import Phrase

_PARTS = re.compile(r"<[^>]*>|[()\[\]|]|[^\s()\[\]|<>]+")  # A class, a sign, or a word.

Spellings = Callable[[str], Sequence[Phrase]]
"""The ways in which a word may stand in an utterance, folded: "c'est" as it is, and as "est"."""


class PatternError(ValueError):
    """A pattern that is not in the notation: the language's file must be corrected."""


@dataclass(frozen=True, slots=True)
class _Word:
    text: str  # As written, with accents.
    ways: tuple[Phrase, ...]


@dataclass(frozen=True, slots=True)
class _Sequence:
    items: tuple[_Expansion, ...]


@dataclass(frozen=True, slots=True)
class _Alternatives:
    items: tuple[_Expansion, ...]


_Expansion = _Word | _Sequence | _Alternatives
_EMPTY = _Sequence(())
_Label = TypeVar("_Label")


class Classes:
    """The classes of phrases that the patterns of one language share."""

    def __init__(self, listed: Mapping[str, Sequence[str]], spellings: Spellings) -> None:
        """`listed`: by class, its patterns, which may name the classes above it."""
        self._word = cache(lambda text: _Word(text, tuple(spellings(text))))
        self._known: dict[str, _Expansion] = {}
        for name, patterns in listed.items():
            self._known[name] = _alternatives(list(map(self.parse, patterns)))

    def parse(self, pattern: str) -> _Expansion:
        """The pattern as a tree. Raises PatternError."""
        parts = _PARTS.findall(pattern)
        found, at = self._parse_alternatives(pattern, parts, 0)
        if at < len(parts):
            raise PatternError(f"{pattern!r}: {parts[at]!r} closes nothing")
        return found

    def _parse_alternatives(self, pattern: str, parts: Sequence[str], at: int) -> tuple[_Expansion, int]:
        """The alternatives from a part on, and the part behind them."""
        items: list[_Expansion] = []
        one: list[_Expansion] = []
        while at < len(parts) and parts[at] not in {")", "]"}:
            match parts[at]:
                case "|":
                    items.append(_sequence(one))
                    one = []
                case "(" | "[" as sign:
                    inner, at = self._parse_alternatives(pattern, parts, at + 1)
                    if parts[at : at + 1] != [")" if sign == "(" else "]"]:
                        raise PatternError(f"{pattern!r}: {sign!r} is not closed")
                    one.append(inner if sign == "(" else _Alternatives((inner, _EMPTY)))
                case word:
                    one.append(self._parse_word(pattern, word))
            at += 1
        return _alternatives([*items, _sequence(one)]), at

    def _parse_word(self, pattern: str, word: str) -> _Expansion:
        if not word.startswith("<"):
            return _sequence([*map(self._word, word.replace("-", " ").split())])
        if (known := self._known.get(word[1:-1])) is None:
            raise PatternError(f"{pattern!r}: there is no class {word}; there are: {', '.join(self._known)}")
        return known


def _sequence(items: Sequence[_Expansion]) -> _Expansion:
    return items[0] if len(items) == 1 else _Sequence(tuple(items))


def _alternatives(items: Sequence[_Expansion]) -> _Expansion:
    return items[0] if len(items) == 1 else _Alternatives(tuple(items))


def _phrases_of(one: _Expansion) -> Iterator[Phrase]:
    match one:
        case _Word(_, ways):
            yield from ways
        case _Alternatives(items):
            for item in items:
                yield from _phrases_of(item)
        case _Sequence(items):
            for said in product(*(tuple(_phrases_of(item)) for item in items)):
                yield tuple(word for part in said for word in part)


def _samples_of(one: _Expansion, known: dict[int, tuple[str, ...]]) -> tuple[str, ...]:
    """Phrases, as written, in which each word of an expansion stands at least once.

    `known` has those of the expansions before, by identity: many patterns share a class.
    """
    if (found := known.get(id(one))) is not None:
        return found
    match one:
        case _Word(text, _):
            found = (text,)
        case _Alternatives(items):
            inner = [_samples_of(item, known) for item in items]
            found = tuple(chain.from_iterable(_in_turn(inner)))
        case _Sequence(items):
            inner = [_samples_of(item, known) for item in items]
            found = tuple(" ".join(filter(None, said)) for said in _in_turn(inner)) or ("",)
    known[id(one)] = found
    return found


def _in_turn(inner: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """One of each at a time, until the longest has ended; a shorter one begins anew."""
    return islice(zip(*map(cycle, inner), strict=False), max(map(len, inner), default=0))


_Rest = tuple["_Expansion", "_Rest"] | None
"""What is still to come of a phrase: the next expansion, and what stands behind it."""
_Position = tuple[Phrase, _Rest, _Label]
"""Where in a phrase an utterance is: the words to come of the current word's spelling, the rest, and the label."""


def _beginnings(one: _Expansion, behind: _Rest) -> Iterator[tuple[Phrase, _Rest]]:
    """The words that may come next, each with the rest behind it; no words where the phrase may end here."""
    match one:
        case _Word(_, ways):
            for way in ways:
                yield way, behind
        case _Alternatives(items):
            for item in items:
                yield from _beginnings(item, behind)
        case _Sequence(()):
            yield from [((), None)] if behind is None else _beginnings(*behind)
        case _Sequence(items):
            for item in reversed(items[1:]):
                behind = (item, behind)
            yield from _beginnings(items[0], behind)


class State(Generic[_Label]):
    """What some words lead to in an automaton; the states behind it are made when they are first reached."""

    __slots__ = ("_following", "_positions", "labels")

    def __init__(self, positions: Iterable[_Position[_Label]]) -> None:
        self._following: dict[str, State[_Label]] = {}
        self._positions: dict[str, list[_Position[_Label]]] = {}
        labels: list[_Label] = []
        for said, behind, label in positions:
            ways = [(said, behind)] if said or behind is None else _beginnings(*behind)
            for way, rest in ways:
                if way:
                    self._positions.setdefault(way[0], []).append((way[1:], rest, label))
                else:
                    labels.append(label)
        self.labels = tuple(dict.fromkeys(labels))  # Of the lists that have a phrase of exactly these words.

    def behind(self, word: str) -> State[_Label] | None:
        """The state behind one more word; None where no phrase goes on so."""
        if (known := self._following.get(word)) is not None:
            return known
        if (positions := self._positions.get(word)) is None:
            return None
        known = self._following[word] = State(positions)
        return known


def automaton(lists: Iterable[tuple[PhraseList, _Label]]) -> State[_Label]:
    """The first state of an automaton that finds the phrases of all lists, each with the label of its list."""
    return State(((), (one, None), label) for phrases, label in lists for one in phrases.expansions)


class PhraseList:
    """Phrases of one role, as patterns."""

    def __init__(self, expansions: Iterable[_Expansion], accepts: Callable[[str], bool] = lambda _: True) -> None:
        """`accepts`: whether a single word may be a phrase of the list."""
        self._source = expansions
        self._accepts = accepts

    @cached_property
    def expansions(self) -> tuple[_Expansion, ...]:
        """The patterns as trees; parsed when they are first needed."""
        return tuple(self._source)

    def __or__(self, other: PhraseList) -> PhraseList:
        """The phrases of both lists, with the first one's single words."""
        return PhraseList((*self.expansions, *other.expansions), self._accepts)

    def __iter__(self) -> Iterator[Phrase]:
        """All phrases, once each."""
        return iter(self._phrases)

    @cached_property
    def _phrases(self) -> tuple[Phrase, ...]:
        listed = dict.fromkeys(said for one in self.expansions for said in _phrases_of(one) if said)
        return tuple(said for said in listed if len(said) > 1 or self._accepts(said[0]))

    def __contains__(self, said: object) -> bool:
        if not isinstance(said, tuple) or not said:
            return False
        state = self._start
        for word in said:
            if (following := state.behind(word)) is None:
                return False
            state = following
        return bool(state.labels) and (len(said) > 1 or self._accepts(said[0]))

    def ends(self, words: Sequence[str], at: int) -> list[int]:
        """The ends of the phrases that begin at a word."""
        found: list[int] = []
        state: State[None] | None = self._start
        for end in range(at, len(words)):
            if state is None or (state := state.behind(words[end])) is None:
                break
            if state.labels and (end > at or self._accepts(words[at])):
                found.append(end + 1)
        return found

    def samples(self) -> Iterator[str]:
        """Phrases as they are written: each has two neighbouring words that none before it has, or one at an end.

        So each word of each pattern is in one of them, and a class that stands in several patterns does not weigh more.
        """
        known: set[tuple[str, str]] = set()
        samples: dict[int, tuple[str, ...]] = {}
        for said in dict.fromkeys(said for one in self.expansions for said in _samples_of(one, samples)):
            pairs = set(pairwise(("", *said.split(), "")))
            if not pairs <= known:
                known |= pairs
                yield said

    @cached_property
    def _start(self) -> State[None]:
        return automaton(((self, None),))
