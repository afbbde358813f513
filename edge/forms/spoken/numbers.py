"""English number words: how many, and digit for digit.

A number that says *how many* is a cardinal: "one hundred and ten" is 110. A number that *names* something is a string
of digits, said one by one, doubled, in pairs or as one round number: "seven forty-two" is "742", "twelve oh five"
is "1205".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge.forms.spoken import figures

_ONES = "one two three four five six seven eight nine"
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"

ONES = {word: value for value, word in enumerate(_ONES.split(), start=1)}
TEENS = {word: value for value, word in enumerate(_TEENS.split(), start=10)}
TENS = {word: value * 10 for value, word in enumerate(_TENS.split(), start=2)}
BELOW_TWENTY_AND_TENS = {**ONES, **TEENS, **TENS}
ZEROS = ("zero", "oh", "o")
"""What a zero is called in a string of digits. As a count only "zero" is one."""

DIGITS = dict.fromkeys(ZEROS, "0") | {word: str(value) for word, value in ONES.items()} | {"niner": "9"}
TIMES = {"double": 2, "triple": 3, "quadruple": 4}
SCALES = {"hundred": 100, "thousand": 1000, "dozen": 12}
LARGEST = 99_999
"""The largest cardinal that is read: five digits, what a form's quantity may hold."""

HALVES = (("half", "a", "dozen"), ("half", "dozen"), ("a", "half", "dozen"))
SEPARATORS = frozenset({"dash", "hyphen", "stroke", "slash"})
"""What people say between the parts of a printed number, and the number itself does not hold."""

WORDS = frozenset({*DIGITS, *TEENS, *TENS, *TIMES, *SCALES, "half", "and"})
"""Every word that can be part of a number; "a" as in "a hundred" is a letter in the first place."""


def cardinal(words: Sequence[str]) -> int | None:
    """The count that the words say as a whole, 0 to 99,999; None where they say none."""
    if list(words) == ["zero"]:
        return 0
    if len(words) == 1 and figures.is_figures(words[0]):
        value = figures.count(words[0])
        return value if value is not None and value <= LARGEST else None
    if tuple(words) in HALVES:
        return SCALES["dozen"] // 2
    if words and words[-1] == "dozen":
        dozens = _leading(words[:-1])
        return dozens * SCALES["dozen"] if dozens else None
    value = _below_million(words)
    return value if value is not None and value <= LARGEST else None


def _below_million(words: Sequence[str]) -> int | None:
    if "thousand" not in words:
        return _below_ten_thousand(words)
    at = words.index("thousand")
    thousands = _leading(words[:at]) or _below_ten_thousand(words[:at])
    rest = _rest(words[at + 1 :])
    # "twelve hundred thousand" is nobody's count, and a rest above 999 would be one more way to say the thousands.
    if not thousands or thousands >= SCALES["thousand"] or rest is None or rest >= SCALES["thousand"]:
        return None
    return thousands * SCALES["thousand"] + rest


def _below_ten_thousand(words: Sequence[str]) -> int | None:
    if "hundred" not in words:
        return _below_hundred(words)
    at = words.index("hundred")
    hundreds, rest = _leading(words[:at]), _rest(words[at + 1 :])
    if not hundreds or rest is None or rest >= SCALES["hundred"]:
        return None
    return hundreds * SCALES["hundred"] + rest


def _leading(words: Sequence[str]) -> int | None:
    """What stands before "hundred" or "dozen": "a", or 1 to 99."""
    return 1 if list(words) == ["a"] else _below_hundred(words)


def _rest(words: Sequence[str]) -> int | None:
    """What follows "hundred" or "thousand": nothing, or more with or without "and"."""
    if not words:
        return 0
    return _below_ten_thousand(words[1:] if words[0] == "and" else words)


def _below_hundred(words: Sequence[str]) -> int | None:
    match list(words):
        case [word] if figures.is_figures(word):
            return int(word) if word[0] != "0" and len(word) <= len("99") else None
        case [word]:
            return BELOW_TWENTY_AND_TENS.get(word)
        case [tens, ones] if tens in TENS and ones in ONES:
            return TENS[tens] + ONES[ones]
    return None


def digit_group(words: Sequence[str]) -> tuple[str, int] | None:
    """The digits at the beginning of `words` and how many words say them; None where it is not a number.

    "sixty three" is 63, never 60 and 3: nobody who means 603 says so.
    """
    match list(words[:2]):
        case [times, word] if times in TIMES:
            digit = word if figures.is_figures(word) else DIGITS.get(word, "")
            return (digit * TIMES[times], 2) if len(digit) == 1 else None
        case [tens, ones] if tens in TENS and ones in ONES:
            return str(TENS[tens] + ONES[ones]), 2
        case [word, *_] if word in DIGITS:
            return DIGITS[word], 1
        case [word, *_] if word in TEENS or word in TENS:
            return str(BELOW_TWENTY_AND_TENS[word]), 1
        case [word, *_] if (written := figures.spelt(word)) is not None:
            return written, 1
    return None


def digits(words: Sequence[str]) -> str | None:
    """The string of digits that the words spell as a whole; None where they spell none.

    "hundred" and "thousand" are read only where the whole is one round way to say it ("seven hundred", "twelve
    hundred and five"): after other digits nobody can tell 5700 from 57 hundred.
    """
    if "hundred" in words or "thousand" in words:
        value = cardinal(words)
        return None if value is None else str(value)
    return joined(words, digit_group)


def joined(words: Sequence[str], group: Callable[[Sequence[str]], tuple[str, int] | None]) -> str | None:
    """Group after group in one string, separators between two of them left out; None where one is no group."""
    spelt, at = "", 0
    while at < len(words):
        if words[at] in SEPARATORS and 0 < at < len(words) - 1 and words[at - 1] not in SEPARATORS:
            at += 1
            continue
        found = group(words[at:])
        if found is None:
            return None
        spelt, at = spelt + found[0], at + found[1]
    return spelt or None
