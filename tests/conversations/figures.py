"""Numbers and names as they are spoken, read from a line without anything of the product."""

from __future__ import annotations

import re
from collections.abc import Iterator

DIGITS = (
    "zero oh null zéro cero nought",
    "one eins ein un uno une una uma jeden jedna",
    "two zwei zwo deux dos due dois duas dwa dwie",
    "three drei trois tres tre três trzy",
    "four vier quatre cuatro quattro quatro cztery",
    "five fünf cinq cinco cinque pięć",
    "six sechs seis sei sześć",
    "seven sieben sept siete sette sete siedem",
    "eight acht huit ocho otto oito osiem",
    "nine neun neuf nueve nove dziewięć",
)
"""The digits' names in English, German, French, Spanish, Italian, Portuguese and Polish."""

TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"

DIGIT = {word: str(digit) for digit, words in enumerate(DIGITS) for word in words.split()}
TEEN = {word: str(number) for number, word in enumerate(TEENS.split(), start=10)}
TEN = {word: str(number) for number, word in enumerate(TENS.split(), start=2)}

CODED = {
    word: word[0].upper()
    for word in [
        "alpha",
        "bravo",
        "charlie",
        "delta",
        "echo",
        "foxtrot",
        "golf",
        "hotel",
        "india",
        "juliett",
        "kilo",
        "lima",
        "mike",
        "november",
        "oscar",
        "papa",
        "quebec",
        "romeo",
        "sierra",
        "tango",
        "uniform",
        "victor",
        "whiskey",
        "xray",
        "yankee",
        "zulu",
    ]
}

HESITATIONS = {"uh", "um", "umm", "er", "erm", "äh", "ähm", "euh", "eh"}  # Within a number they part nothing.

PIECE = re.compile(r"[^\W\d_]+|\d+|[^\w\s-]|_")


def names(line: str, value: str) -> bool:
    """Whether the line says the value: a word of it, or a number or place, digit by digit or in pairs."""
    if not any(one.isdigit() for one in value):
        return value.lower() in re.findall(r"\w+", line.lower())
    bare = re.sub(r"\W", "", value).upper()
    return any(run.endswith(bare) or run.startswith(bare) for run in _runs(line))


def _runs(line: str) -> Iterator[str]:
    """What is spoken in one go, of letters and digits: "seven forty-two, A oh one" is 742 and A01."""
    run, ten = "", ""
    for piece in PIECE.findall(line.lower()):
        if piece in HESITATIONS:
            continue
        digit = piece if piece.isdigit() else DIGIT.get(piece)
        if ten and not (digit and len(digit) == 1 and digit != "0"):
            run += "0"
        ten = TEN.get(piece, "")
        letter = piece.upper() if len(piece) == 1 and piece.isalpha() else CODED.get(piece)
        if said := ten or digit or TEEN.get(piece) or letter:
            run += said
            continue
        if run:
            yield run
        run = ""
    yield run + ("0" if ten else "")
