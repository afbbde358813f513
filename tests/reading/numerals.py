"""Numerals as the readers of kinds take them, from a small table: enough of each language to say dates and weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.forms.spoken.numerals import Count, Group

LONGEST = 7  # Words of a count.
CUT = 4.0  # Another group behind "twenty", which may be its ones.


class SmallNumerals:
    """Words for numbers: those below a hundred, "and", hundreds and thousands."""

    def __init__(self, words: Mapping[int, str], hundred: str, thousand: str, joins: frozenset[str]) -> None:
        self._values = {fold(word): value for value, said in words.items() for word in said.split()}
        self._hundred, self._thousand, self._joins = hundred, thousand, joins

    def counts(self, words: Sequence[str], at: int) -> Iterator[Count]:
        for end in range(at + 1, min(len(words), at + LONGEST) + 1):
            if (value := self._cardinal(words[at:end])) is not None:
                yield Count(end, value, 0.0)

    def groups(self, words: Sequence[str], at: int) -> Iterator[Group]:
        if at >= len(words):
            return
        if words[at].isdigit():
            yield Group(at + 1, words[at], 0.0)
        elif (value := 0 if words[at] == "oh" else self._values.get(words[at])) is not None:
            is_ten = value >= 20 and value % 10 == 0
            goes_on = is_ten and at + 1 < len(words) and 0 < self._values.get(words[at + 1], 0) < 10
            yield Group(at + 1, str(value), 0.0, CUT if goes_on else 0.0)
            if goes_on:
                yield Group(at + 2, str(value + self._values[words[at + 1]]), 0.0)

    def _cardinal(self, words: Sequence[str]) -> int | None:
        if len(words) == 1 and words[0].isdigit():
            return int(words[0])
        for scale, size in ((self._thousand, 1000), (self._hundred, 100)):
            if scale in words:
                at = list(words).index(scale)
                head = self._cardinal(words[:at]) if at else 1
                tail = words[at + 1 :]
                rest = self._cardinal(tail[1:] if tail and tail[0] in self._joins else tail) if tail else 0
                return None if head is None or rest is None or rest >= size else head * size + rest
        values = [self._values.get(word) for word in words if word not in self._joins or len(words) == 1]
        match values:
            case [int(only)] if words[0] not in self._joins:
                return only
            case [int(tens), int(ones)] if tens >= 20 and tens % 10 == 0 and 0 < ones < 10:
                return tens + ones
            case _:
                return None


def _numbered(first: str, tens: str) -> dict[int, str]:
    below = dict(enumerate(first.split()))
    return below | {10 * at: word for at, word in enumerate(tens.split(), start=2)}


ENGLISH = SmallNumerals(
    _numbered(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen",
        "twenty thirty forty fifty sixty seventy eighty ninety",
    ),
    "hundred",
    "thousand",
    frozenset({"and"}),
)
SPANISH = SmallNumerals(
    _numbered(
        "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciseis "
        "diecisiete dieciocho diecinueve",
        "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    )
    | {27: "veintisiete"},
    "cien",
    "mil",
    frozenset({"y"}),
)
GERMAN = SmallNumerals(
    _numbered(
        "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn "
        "siebzehn achtzehn neunzehn",
        "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
    )
    | {27: "siebenundzwanzig", 2027: "zweitausendsiebenundzwanzig", 250: "zweihundertfünfzig"},
    "hundert",
    "tausend",
    frozenset({"und"}),
)
