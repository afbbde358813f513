"""Numbers spoken in each language, made from grammar alone: nothing here comes from the tables that read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from random import Random

from num2words import num2words

from dockvoice_protocol.languages import LANGUAGES


def _words(listed: str) -> list[str]:
    return listed.split()


ENGLISH_BELOW_TWENTY = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
ENGLISH_TENS = _words("- - twenty thirty forty fifty sixty seventy eighty ninety")
GERMAN_BELOW_TWENTY = _words(
    "null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn "
    "siebzehn achtzehn neunzehn"
)
GERMAN_TENS = _words("- - zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig")
FRENCH = _words("zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize")
FRENCH_TENS = _words("- - vingt trente quarante cinquante soixante")
SWISS = {7: "septante", 8: "huitante", 9: "nonante"}
ITALIAN_BELOW_TWENTY = _words(
    "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici "
    "sedici diciassette diciotto diciannove"
)
ITALIAN_TENS = _words("- - venti trenta quaranta cinquanta sessanta settanta ottanta novanta")


def english(value: int, random: Random) -> str:
    thousands, below = divmod(value, 1000)
    hundreds, rest = divmod(below, 100)
    if value < 10_000 and value >= 1100 and not rest and hundreds and random.random() < 0.3:
        return f"{_english_pair(value // 100, random)} hundred"
    parts = [f"{_english_pair(thousands, random)} thousand"] if thousands else []
    parts += [f"{ENGLISH_BELOW_TWENTY[hundreds]} hundred"] if hundreds else []
    if rest or not parts:
        parts += ["and"] if parts and random.random() < 0.5 else []
        parts.append(_english_pair(rest, random))
    return " ".join(parts)


def _english_pair(value: int, random: Random) -> str:
    if value < 20:
        return ENGLISH_BELOW_TWENTY[value]
    ones = ENGLISH_BELOW_TWENTY[value % 10] if value % 10 else ""
    return (ENGLISH_TENS[value // 10] + random.choice(" -") + ones).strip(" -")


def german(value: int, random: Random) -> str:
    thousands, below = divmod(value, 1000)
    hundreds, rest = divmod(below, 100)
    said = f"{_german_pair(thousands, random)}tausend" if thousands > 1 else random.choice(["", "ein"]) + "tausend"
    said = said if thousands else ""
    if hundreds:
        one = hundreds == 1 and not thousands and random.random() < 0.5
        said += ("" if one else _german_pair(hundreds, random)) + "hundert"
    if rest or not said:
        said += "eins" if rest == 1 else _german_pair(rest, random)
    return said


def _german_pair(value: int, random: Random) -> str:
    if value < 20:
        return "zwo" if value == 2 and random.random() < 0.3 else GERMAN_BELOW_TWENTY[value]
    ones = f"{_german_pair(value % 10, random)}und" if value % 10 else ""
    return ones + GERMAN_TENS[value // 10]


def french(value: int, random: Random) -> str:
    thousands, below = divmod(value, 1000)
    hundreds, rest = divmod(below, 100)
    parts = ["mille" if thousands == 1 else f"{_french_pair(thousands, random)} mille"] if thousands else []
    if hundreds:
        parts.append("cent" if hundreds == 1 else f"{FRENCH[hundreds]} cent{'' if rest else 's'}")
    if rest or not parts:
        parts.append(_french_pair(rest, random))
    return " ".join(parts)


def _french_pair(value: int, random: Random) -> str:
    tens, ones = divmod(value, 10)
    if value < 20:
        return FRENCH[value] if value < 17 else f"dix-{FRENCH[ones]}"
    if tens < 7:
        return _french_joined(FRENCH_TENS[tens], ones, random)
    if random.random() < 0.4:
        return _french_joined(SWISS[tens], ones, random)
    if tens == 7:
        return "soixante et onze" if ones == 1 else f"soixante-{_french_pair(10 + ones, random)}"
    return f"quatre-vingt-{_french_pair(value - 80, random)}" if value > 80 else "quatre-vingts"


def _french_joined(tens: str, ones: int, random: Random) -> str:
    if ones == 1:
        return random.choice([f"{tens} et un", f"{tens}-et-un"])
    return f"{tens}{random.choice(' -')}{FRENCH[ones]}" if ones else tens


def italian(value: int, random: Random) -> str:
    thousands, below = divmod(value, 1000)
    hundreds, rest = divmod(below, 100)
    said = "mille" if thousands == 1 else f"{_italian_pair(thousands)}mila" if thousands else ""
    said += random.choice(["", " "]) if said and below else ""
    if hundreds:
        said += "cento" if hundreds == 1 else f"{ITALIAN_BELOW_TWENTY[hundreds]}cento"
    return said + _italian_pair(rest, last=True) if rest or not said else said


def _italian_pair(value: int, *, last: bool = False) -> str:
    if value < 20:
        return ITALIAN_BELOW_TWENTY[value]
    tens, ones = ITALIAN_TENS[value // 10], value % 10
    if not ones:
        return tens
    if ones in {1, 8}:
        return tens[:-1] + ITALIAN_BELOW_TWENTY[ones]
    return tens + ("tré" if ones == 3 and last else ITALIAN_BELOW_TWENTY[ones])


def _as_num2words(code: str, value: int, _: Random) -> str:
    return str(num2words(value, lang=code))


SPEAKERS: Mapping[str, Callable[[int, Random], str]] = {
    **{code: partial(_as_num2words, code) for code in LANGUAGES},
    "en": english,
    "de": german,
    "fr": french,
    "it": italian,
}
"""The speaker of each language: one of its own where a number is said in several ways, else num2words."""


def digits(value: str, language: str, random: Random) -> str:
    """A string of digits, one by one or in pairs where no pair begins with zero."""
    speak = SPEAKERS[language]
    paired = len(value) % 2 == 0 and "0" not in value[::2] and random.random() < 0.4
    groups = [value[at : at + 2] for at in range(0, len(value), 2)] if paired else list(value)
    one = {"de": "eins"}.get(language)
    return " ".join(one if group == "1" and one else speak(int(group), random) for group in groups)
