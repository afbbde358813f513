"""Parses a form's `pattern`, a subset of regular expressions, into a shape.

A pattern is `^`, parts, `$`. A part is one character (`A`), or a class of characters (`[A-F]`, `[A-Z0-9]`), with or
without a count: `{3}`, `{2,18}` or `?`. A character may be a separator, which need not be said: `^[A-Z]-[0-9]{2}$`.
Python and JSON Schema agree on such patterns, unlike on all others, and matching strings can be sampled from them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from random import Random

_PART = re.compile(
    r"(?P<characters>\[(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9_-])+\]|[A-Za-z0-9_/ -]|\\\.)"
    r"(?P<count>\?|\{(?P<least>\d{1,3})(?:,(?P<most>\d{1,3}))?\})?"
)

_ALLOWED = (
    "^, then characters or classes like [A-F] with counts like {3}, {2,18} or ?, and separators (- _ / \\. or a "
    "blank), then $; as in ^[A-Z]-[0-9]{2}$"
)

SEPARATORS = frozenset("-_/. ")
"""Characters between the parts of a printed code. As a part of their own in a pattern, they need not be said."""

_MOST_WAYS = 2  # Search limit for ways to insert separators: two are ambiguous.

_OPTIONAL = 0.3  # The probability of an optional part in a sample: the letters before the digits of a trailer.


@dataclass(frozen=True, slots=True)
class CharacterRun:
    """`least` to `most` of these characters in a row."""

    characters: str
    least: int
    most: int

    @property
    def is_separator(self) -> bool:
        """Whether this run of a pattern is one separator."""
        return self.characters in SEPARATORS


@dataclass(frozen=True, slots=True)
class PatternShape:
    """A field's pattern, parsed into runs of characters."""

    parts: tuple[CharacterRun, ...]

    @classmethod
    @cache  # the reader needs a field's shape at every word
    def parse(cls, pattern: str) -> PatternShape:
        """Parse a pattern. Raises ValueError for one outside the subset."""
        if not (pattern.startswith("^") and pattern.endswith("$")):
            raise ValueError(f"pattern {pattern!r} is outside the subset; allowed: {_ALLOWED}")
        inside, at, parts = pattern[1:-1], 0, []
        while at < len(inside):
            match = _PART.match(inside, at)
            if match is None:
                raise ValueError(f"pattern {pattern!r} is outside the subset at {inside[at:]!r}; allowed: {_ALLOWED}")
            parts.append(_parse_part(match))
            at = match.end()
        return cls(tuple(parts))

    @property
    def characters(self) -> frozenset[str]:
        """Every character that the pattern allows."""
        return frozenset(character for part in self.parts for character in part.characters)

    @property
    def spoken_characters(self) -> frozenset[str]:
        """Every valid character except separators that are parts of their own."""
        return frozenset(character for part in self.parts if not part.is_separator for character in part.characters)

    @property
    def may_have_separators(self) -> bool:
        """Whether values may hold separators."""
        return any(character in SEPARATORS for character in self.characters)

    def insert_separators(self, said: str) -> str | None:
        """The spoken characters with this shape's separators inserted: "A1203" gives "A-12-03".

        None where they fit in no way or in several. A separator in `said` keeps its position.
        """
        ways = list(islice(_insert_separators(self.parts, said), _MOST_WAYS))
        return ways[0] if len(ways) == 1 else None

    @property
    def max_length(self) -> int:
        """The maximum length of a value of this pattern."""
        return sum(part.most for part in self.parts)

    @property
    def min_length(self) -> int:
        """The minimum length of a value of this pattern."""
        return sum(part.least for part in self.parts)

    def sample(self, random: Random, longest: int) -> str:
        """A random string of this shape; no part exceeds `longest` unless its minimum does, optional ones are rare."""
        return "".join(
            random.choice(part.characters)
            for part in self.parts
            if part.least or random.random() < _OPTIONAL
            for _ in range(random.randint(part.least, max(part.least, min(part.most, longest))))
        )


def _insert_separators(parts: tuple[CharacterRun, ...], said: str) -> Iterator[str]:
    """The distinct strings of this shape that equal `said` up to inserted separators."""
    if not parts:
        yield from [""] * (not said)
        return
    part, behind = parts[0], parts[1:]
    seen: set[str] = set()
    for count in range(part.least, part.most + 1):
        head = said[:count]
        if part.is_separator and head != part.characters * count:
            head, rest = part.characters * count, said
        else:
            rest = said[count:]
        if len(head) == count and set(head) <= set(part.characters):
            for tail in _insert_separators(behind, rest):
                if head + tail not in seen:
                    seen.add(head + tail)
                    yield head + tail


def _parse_part(match: re.Match[str]) -> CharacterRun:
    characters = "".join(_expand_class(match["characters"].strip("[]").removeprefix("\\")))
    if match["count"] is None:
        return CharacterRun(characters, 1, 1)
    if match["count"] == "?":
        return CharacterRun(characters, 0, 1)
    least = int(match["least"])
    most = int(match["most"] or least)
    if most < least:
        raise ValueError(f"{match[0]!r} matches nothing: the lower end of a range comes first")
    return CharacterRun(characters, least, most)


def _expand_class(inside: str) -> list[str]:
    ranges = re.findall(r"([A-Za-z0-9])-([A-Za-z0-9])|([A-Za-z0-9_/. -])", inside)
    expanded = [
        "".join(chr(code) for code in range(ord(first), ord(last) + 1)) if first else single
        for first, last, single in ranges
    ]
    if "" in expanded:
        raise ValueError(f"[{inside}] matches nothing: the lower end of a range comes first")
    return expanded
