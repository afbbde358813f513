"""English number words, as a recogniser is told to expect them."""

from __future__ import annotations

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

WORDS = frozenset({*DIGITS, *TEENS, *TENS, *TIMES, *SCALES, "half", "and"})
"""Every word that can be part of a number; "a" as in "a hundred" is a letter in the first place."""
