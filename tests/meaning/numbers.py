"""Numbers as they are said: 0 to 9,999 in words of five languages."""

from __future__ import annotations

import re
from functools import cache

from num2words import num2words


@cache
def words(language: str, value: int, gender: str = "m") -> str:
    """A number as it is counted; `gender` is that of what is counted, "" where nothing is."""
    said = str(num2words(value, lang=language)).replace(",", "")
    if language == "fr" and gender == "f":
        return re.sub(r"\bun$", "une", said)
    if language == "es" and gender:
        return _spanish(said, gender)
    return said


def digits(language: str, value: str) -> str:
    """A code's figures one by one."""
    return " ".join(words(language, int(sign), "") for sign in value)


def _spanish(said: str, gender: str) -> str:
    if gender == "f":
        return re.sub(r"uno$", "una", re.sub(r"(cient|quinient)os\b", r"\1as", said))
    return re.sub(r"\buno$", "un", re.sub(r"veintiuno$", "veintiún", said))
