"""Samples English wordings of numbers, letters and codes, with estimated frequencies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from dockvoice_protocol.forms.spoken.language import NATO

_ONES = "one two three four five six seven eight nine"
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"

ONES = {word: value for value, word in enumerate(_ONES.split(), start=1)}
TEENS = {word: value for value, word in enumerate(_TEENS.split(), start=10)}
TENS = {word: value * 10 for value, word in enumerate(_TENS.split(), start=2)}
BELOW_HUNDRED = {value: word for word, value in {**ONES, **TEENS, **TENS}.items()} | {
    tens + ones: f"{ten} {one}" for ten, tens in TENS.items() for one, ones in ONES.items()
}
"""1 to 99 in words."""
_ONE_HUNDREDS = range(100, 200)
_SCORES = range(1100, 10_000)  # Range in which whole hundreds may be said as such: "twelve hundred".

_HUNDREDS = (3, 4)  # Lengths of ids that may be said as one number of hundreds.

# Probabilities of wordings: estimates, since no field recordings exist yet.
_SCORE_OF_HUNDREDS = 0.5  # Numbers like 1,200: "twelve hundred".
_A_HUNDRED = 0.15  # Numbers from 100 to 199: "a hundred".
_AND = 0.7  # Numbers like 110: "one hundred and ten".
_OH = 0.4  # Digit strings: all zeros as "oh".
_DOZENS = {6: "half a dozen", 12: "a dozen", 24: "two dozen"}
_DOZEN = 0.05  # Counts in `_DOZENS`: by those words.
OF_CODES, OF_PARTS = (75, 10, 14, 1), (45, 5, 50, 0)
"""Weights for digit strings: one by one, with doubles, in pairs, as hundreds. Names of places are short or have short
parts, so that more of them are numbers: "door thirteen"."""
_LETTER_FORMS = {"{plain}": 45, "{code}": 40, "{plain} as in {code}": 15}


def number_in_words(value: int, random: Random) -> str:
    """A count in words: "one hundred and ten", "a hundred ten", "twelve hundred", "a dozen"."""
    if value in _DOZENS and random.random() < _DOZEN:
        return _DOZENS[value]
    thousands, below = divmod(value, 1000)
    hundreds, rest = divmod(below, 100)
    if thousands and hundreds and not rest and value in _SCORES and random.random() < _SCORE_OF_HUNDREDS:
        return f"{BELOW_HUNDRED[value // 100]} hundred"
    words = [f"{BELOW_HUNDRED[thousands]} thousand"] if thousands else []
    if hundreds:
        one = "a" if value in _ONE_HUNDREDS and random.random() < _A_HUNDRED else BELOW_HUNDRED[hundreds]
        words.append(f"{one} hundred")
    if rest:
        words += ["and"] if words and random.random() < _AND else []
        words.append(BELOW_HUNDRED[rest])
    return " ".join(words) or "zero"


def letter_in_words(plain: str, random: Random) -> str:
    """A lower-case letter in words: plain, by its NATO word, or both."""
    form = random.choices(list(_LETTER_FORMS), weights=list(_LETTER_FORMS.values()))[0]
    return form.format(plain=plain, code=NATO[plain])


def spell_out(value: str, random: Random, zero: str | None = None, manners: Sequence[int] = OF_CODES) -> str:
    """A string of digits and capital letters in words: one by one, with doubles, in pairs or as hundreds.

    `zero` is the word for its zeros, None: random; `manners` are the weights of the four.
    """
    zero = zero or choose_zero_word(random)
    manner = random.choices([_one_digit, _doubled_digits, _digit_pair, None], weights=manners)[0]
    if manner is None:
        return _number_of_hundreds(value, random) or spell_out(value, random, zero)
    words: list[str] = []
    at = 0
    while at < len(value):
        run = re.match(r"[0-9]*", value[at:])
        digits_ahead = run[0] if run else ""
        word, length = manner(digits_ahead, zero) if digits_ahead else (letter_in_words(value[at].lower(), random), 1)
        words.append(word)
        at += length
    return " ".join(words)


def digit_in_words(figure: str, random: Random) -> str:
    """One digit as a word."""
    return _one_digit(figure, choose_zero_word(random))[0]


def choose_zero_word(random: Random) -> str:
    """The word for the zeros of a digit string."""
    return "oh" if random.random() < _OH else "zero"


def _one_digit(ahead: str, zero: str) -> tuple[str, int]:
    """The first digits of `ahead` in words, and their number."""
    return zero if ahead[0] == "0" else BELOW_HUNDRED[int(ahead[0])], 1


def _doubled_digits(ahead: str, zero: str) -> tuple[str, int]:
    word, _ = _one_digit(ahead, zero)
    for times, same in (("triple", 3), ("double", 2)):
        if ahead.startswith(ahead[0] * same):
            return f"{times} {word}", same
    return word, 1


def _digit_pair(ahead: str, zero: str) -> tuple[str, int]:
    pair, after = ahead[:2], ahead[2:3]
    odd = len(ahead) % 2 == 1
    # "Twenty" before "five" would be 25.
    misleading = pair.endswith("0") and after not in {"", "0"}
    if odd or misleading or pair.startswith("0"):
        return _one_digit(ahead, zero)
    return BELOW_HUNDRED[int(pair)], 2


def _number_of_hundreds(value: str, random: Random) -> str | None:
    """Three or four digits as one number: "seven hundred forty-two", "twelve hundred"; None where that is unusual."""
    if len(value) not in _HUNDREDS or not value.isdigit() or value[0] == "0" or value[-3] == "0":
        return None
    hundreds, rest = divmod(int(value), 100)
    below = f" {'and ' if random.random() < _AND else ''}{BELOW_HUNDRED[rest]}" if rest else ""
    return f"{BELOW_HUNDRED[hundreds]} hundred{below}"
