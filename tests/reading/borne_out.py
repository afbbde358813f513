"""Whether English words bear out a value: its digits, its letter or its number were said, in that order.

This is to judge readers, and so shares nothing with one. A few words may stand between those that say the value:
whether they should have kept anybody from reading it is not asked here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from dockvoice_protocol.records import FieldValue

ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("-", "-", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
NATO = (
    *("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "kilo", "lima"),
    *("mike", "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango", "uniform", "victor", "whiskey"),
    *("xray", "yankee", "zulu"),
)

BETWEEN = 3  # So many words may stand between two that belong together: two that came in, and "and".

SOUNDS_LIKE = {
    "thousands": "thousand",
    "to": "two",
    "too": "two",
    "for": "four",
    "won": "one",
    "ate": "eight",
    "oh": "zero",
    "o": "zero",
}
"""What may be written or said for a number word."""

OLDER = (
    *("able", "baker", "charlie", "dog", "easy", "fox", "george", "how", "item", "king", "love"),  # US, of 1941
    *("boy", "david", "frank", "harry"),  # that of American police
)
LETTER_NAMES = {"be": "b", "bee": "b", "see": "c", "sea": "c", "dee": "d", "gee": "g", "alfa": "a"} | {
    word: word[0] for word in OLDER
}

COLLECTIVES = {"couple": 2, "pair": 2, "single": 1, "a": 1, "no": 0}


def words(text: str) -> list[str]:
    """The words and the figures of a text; what is written in one word, "B714", comes apart."""
    return [SOUNDS_LIKE.get(word, word) for word in re.findall(r"[a-z']+|[0-9]+", text.lower())]


def bears_out(value: FieldValue, said: Sequence[str], *, counted: bool) -> bool:
    """Whether `said` has the value in it; `counted` where it is a number and no string of digits."""
    if counted:
        return _counted(int(str(value)), said)
    return any(_spelt(str(value), list(said), start) for start in range(len(said)))


def _counted(count: int, said: Sequence[str]) -> bool:
    spoken = any(_ends(way, said, start) for way in _cardinals(count) for start in range(len(said)))
    if spoken or bears_out(str(count), said, counted=False):
        return True
    if any(COLLECTIVES.get(word) == count for word in said):
        return True
    dozens, over = divmod(count, 12)
    if "dozen" not in said:
        return False
    return (count == 6 and "half" in said) or (not over and (dozens == 1 or _counted(dozens, said)))


def _spelt(value: str, said: list[str], start: int) -> bool:
    """Whether the words from `start` on spell the value, one sign after the other or several at once."""
    if not value:
        return True
    for size in range(1, len(value) + 1):
        for way in _ways(value[:size]):
            if any(_spelt(value[size:], said, end) for end in _ends(way, said, start)):
                return True
    return False


def _ways(part: str) -> Iterator[tuple[str, ...]]:
    """How one letter, or digits together, may be said."""
    if part.isalpha():
        yield from _letters(part.lower())
        return
    if not part.isdecimal():
        return
    yield (part,)
    if len(part) == 1:
        yield (ONES[int(part)],)
    elif len(part) <= 4 and part[0] != "0":
        yield from _cardinals(int(part))
    if len(part) in {2, 3} and len(set(part)) == 1:
        yield ("double" if len(part) == 2 else "triple", ONES[int(part[0])])
        yield ("double" if len(part) == 2 else "triple", part[0])


def _letters(letter: str) -> Iterator[tuple[str, ...]]:
    if len(letter) == 1:
        yield (letter,)
        yield (NATO[ord(letter) - ord("a")],)
        yield from ((name,) for name, named in LETTER_NAMES.items() if named == letter)


@cache
def _cardinals(count: int) -> tuple[tuple[str, ...], ...]:
    """The ways to say a number, without "and"."""
    ways = [_cardinal(count), (str(count),), (f"{count // 1000}", f"{count % 1000:03}")]
    if count % 100 == 0 and 1000 < count < 10_000:
        ways.append((*_cardinal(count // 100), "hundred"))
    if 1000 < count < 10_000 and count % 100 >= 10:
        ways.append((*_cardinal(count // 100), *_cardinal(count % 100)))
    if 1000 < count < 10_000 and count % 100:
        ways.append((*_cardinal(count // 100), "hundred", *_cardinal(count % 100)))
    if 100 <= count < 1000 and count % 100 >= 10:
        ways.append((*_cardinal(count // 100), *_cardinal(count % 100)))
    for size, *names in ((1000, "thousand", "k"), (100, "hundred")):
        head, rest = divmod(count, size)
        if head:  # "12 hundred", "thousand 12", "forty k".
            tail = (str(rest),) if rest else ()
            ways += [(*said, name, *tail) for name in names for said in ((str(head),), _cardinal(head))]
    # "A hundred", "hundred".
    ways += [way[1:] for way in ways if way[0] in {"one", "1"} and len(way) > 1 and way[1] in {"hundred", "thousand"}]
    return tuple(ways)


def _cardinal(count: int) -> tuple[str, ...]:
    if count < 20:
        return (ONES[count],)
    if count < 100:
        return (TENS[count // 10], *((ONES[count % 10],) if count % 10 else ()))
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if count >= size:
            rest = count % size
            return (*_cardinal(count // size), name, *(_cardinal(rest) if rest else ()))
    raise AssertionError(count)


def _ends(way: Sequence[str], said: Sequence[str], start: int) -> set[int]:
    """Where the words may end that are `way`, with a few others between them or not."""
    ends = {start}
    for word in way:
        reached = {at for end in ends for at in range(end, min(end + BETWEEN + 1, len(said)))}
        ends = {at + 1 for at in reached if said[at] == word}
    return ends
