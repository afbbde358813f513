"""Values to words: the ways in which a value of a field may be said, chosen at random as people choose them."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from string import ascii_uppercase, digits

from edge.forms.catalogue import Catalogue
from edge.forms.model import OWN_LANGUAGE, FormField, Partial, Spoken
from edge.forms.pattern import SEPARATORS, CharacterRun, Shape
from edge.forms.spoken.grammar.lexicon import listed
from edge.forms.spoken.kinds.phrases import table
from edge.forms.spoken.language import ENGLISH, NATO
from edge.forms.spoken.numerals import LARGEST
from edge.forms.spoken.vocabulary import ONES, TEENS, TENS
from edge.records import FieldValue, exact, plain

BELOW_HUNDRED = {value: word for word, value in {**ONES, **TEENS, **TENS}.items()} | {
    tens + ones: f"{ten} {one}" for ten, tens in TENS.items() for one, ones in ONES.items()
}
"""1 to 99 in words."""
ONE_HUNDREDS = range(100, 200)
SCORES = range(1100, 10_000)
"""Where a number of whole hundreds may be said as such: "twelve hundred"."""

HUNDREDS = (3, 4)
"""Digits of an id that may be said as one number of hundreds."""

COMMON_LENGTH = 6
"""Ids of up to six digits are sampled: what is printed on labels to be read out. Longer ones are still read."""
COMMON_COUNT = 250
"""Counts up to here are sampled evenly, so that no number of a full pallet is likelier than another."""

A_PAIR = 2

# How people say things, in shares of all the times they do: estimates, since no field recordings exist yet.
ROUND_HUNDREDS = 0.1
SCORE_OF_HUNDREDS = 0.5
"""Of the numbers like 1,200: said "twelve hundred"."""
A_HUNDRED = 0.15
"""Of the numbers from 100 to 199: said "a hundred"."""
AND = 0.7
"""Of the numbers like 110: said "one hundred and ten"."""
OH = 0.4
"""Of the strings of digits: their zeros are said so, all of them. Who says "zero" once says it again."""
DOZENS = {6: "half a dozen", 12: "a dozen", 24: "two dozen"}
DOZEN = 0.05
"""Of the counts that are dozens: said so."""
FEW, MOSTLY_FEW = 20, 0.8
"""Of the counts of what may be left out, such as damaged ones: so small."""
WHOLE = 0.5
"""Of the decimals: without places."""
OF_CODES, OF_PARTS = (75, 10, 14, 1), (45, 5, 50, 0)
"""Of the strings of digits: one by one, with doubles, in pairs, as hundreds. Of what names a place, which is short or
has short parts, more are numbers: "door thirteen"."""
USUAL = 0.9
"""Of the codes that are unusually short or long: made anew."""
AND_A_HALF = 0.25
"""Of the decimals that end in a half: said so."""
SHORT = 0.5
"""Of the values that may be said by their last digits."""
CHECKED = 0.3
"""Of the values that have a check word."""
LISTED = 0.5
"""Of the values that a catalogue gives words of their own."""
LETTER_FORMS = {"{plain}": 45, "{code}": 40, "{plain} as in {code}": 15}

YES = 0.8
"""Of what is looked at on a dock: sealed, whole, dry."""

LONGEST_LIST = 3
"""Values of a list are sampled up to here: more are said no differently."""
MONTH_ALONE = 0.5
"""Of the dates where a month alone will do: said so."""
DAY_FORMS = {"the {ordinal} of {month} {year}": 60, "{ordinal} of {month} {year}": 20, "{month} {ordinal} {year}": 20}
MONTH_FORMS = {"{month} {year}": 60, "end of {month} {year}": 40}
DASH = "dash"
SEPARATED = 0.15
"""Of the codes with dashes: the dashes said."""

OTHER_KINDS = frozenset({Spoken.DECIMAL, Spoken.DATE, Spoken.YES_NO})
SOME_DAY = date(2026, 1, 1)
SOME_DAYS = 5 * 365
"""From when on dates are made, and in how many days: what stands on labels of food."""
TEN = 10
HALF = "5"
"""The places of a decimal that ends in a half."""

CAPITALS = ascii_uppercase
ALPHABETS = {Spoken.DIGITS: digits, Spoken.LETTER: CAPITALS}


def value(field: FormField, catalogue: Catalogue, random: Random) -> FieldValue:
    """A value that the form allows and the catalogue knows."""
    if field.many is not None:
        several = field.many[:LONGEST_LIST] or field.many
        return tuple(str(value(field.item, catalogue, random)) for _ in range(random.choice(several)))
    if field.spoken is Spoken.CARDINAL:
        return _count(field, random)
    if known := catalogue.values(field.catalogue) if field.catalogue is not None else field.choices:
        return random.choice(known)
    if field.spoken in OTHER_KINDS:
        return _other_kind(field, random)
    if field.check_digit is not None:
        return field.check_digit.sample(random)
    made = _shape(field).sample(random, COMMON_LENGTH)
    return made if field.is_usual(made) or random.random() >= USUAL else value(field, catalogue, random)


def said(value: FieldValue, field: FormField, catalogue: Catalogue, random: Random) -> str:
    """The value in words, in one of the ways that `values.value` reads back as the same value."""
    if isinstance(value, str):
        return _day(value, field, random) if field.spoken is Spoken.DATE else _text(value, field, catalogue, random)
    if isinstance(value, tuple):
        return " and ".join(said(one, field.item, catalogue, random) for one in value)
    if isinstance(value, bool):
        return _yes_or_no(value, field, random)
    return cardinal(value, random) if isinstance(value, int) else _decimal(value, random)


def _text(value: str, field: FormField, catalogue: Catalogue, random: Random) -> str:
    words = _said(value, field, catalogue, random)
    checks = catalogue.checks_of(field.catalogue, value) if field.catalogue else ()
    if not checks or random.random() >= CHECKED:
        return words
    check = random.choice(checks)
    return f"{words} check {spelt(check, random) if check.isdigit() else check}"


def _said(value: str, field: FormField, catalogue: Catalogue, random: Random) -> str:
    phrases = [words for words, meant in listed(field, catalogue, ENGLISH).items() if meant == value]
    if phrases and (field.spoken is Spoken.ENUM or random.random() < LISTED):
        return random.choice(phrases)
    if field.spoken is Spoken.LETTER:
        return letter(value.lower(), random)
    short = field.last_digits is not None and random.random() < SHORT
    if "-" in value and not short:
        zero = _zero(random)
        dash = f" {DASH} " if random.random() < SEPARATED else " "
        return dash.join(spelt(part, random, zero, OF_PARTS) for part in value.split("-"))
    bare = "".join(one for one in value if one not in SEPARATORS)  # which nobody need say
    short_code = OF_PARTS if field.is_place and len(bare) <= A_PAIR else OF_CODES
    return spelt(bare[-field.last_digits :] if field.last_digits and short else bare, random, None, short_code)


def _count(field: FormField, random: Random) -> int:
    least, most = int(field.least or 0), LARGEST if field.most is None else int(field.most)
    hundreds = random.randint(1, 99) * 100
    if random.random() < ROUND_HUNDREDS and least <= hundreds <= most:
        return hundreds
    # Nobody counts none in a sentence; a form whose greatest count is 0 still gets what it allows.
    lowest = min(max(least, 1), most)
    common = FEW if not field.required and random.random() < MOSTLY_FEW else COMMON_COUNT
    return random.randint(lowest, max(lowest, min(most, common)))


def _other_kind(field: FormField, random: Random) -> FieldValue:
    """A decimal, a day of the next years, or yes or no."""
    if field.spoken is Spoken.YES_NO:
        return random.random() < YES
    if field.spoken is Spoken.DATE:
        day = SOME_DAY + timedelta(days=random.randrange(SOME_DAYS))
        alone = field.month_alone is Partial.END and random.random() < MONTH_ALONE
        return (_month_end(day) if alone else day).isoformat()
    step = field.step or Decimal(1)
    usual = (field.least, field.most) if field.usual is None else (field.usual.least, field.usual.most)
    least, most = (exact(of if one is None else one) for one, of in zip(usual, (0, LARGEST), strict=True))
    steps = int(min(most - least, Decimal(COMMON_COUNT)) / step)
    made = least + random.randint(0, steps) * step
    whole = made.to_integral_value()
    return float(whole if whole % step == 0 and least <= whole <= most and random.random() < WHOLE else made)


def _decimal(value: float, random: Random) -> str:
    """A decimal in words: "fifty two point five", "minus eighteen"."""
    whole, _, places = plain(abs(value)).partition(".")
    words = ["minus"] * (value < 0) + [cardinal(int(whole), random)]
    if places == HALF and random.random() < AND_A_HALF:
        return " ".join([*words, "and a half"])
    return " ".join([*words, "point", *(_singly(digit, _zero(random))[0] for digit in places)] if places else words)


def _yes_or_no(value: bool, field: FormField, random: Random) -> str:
    named = field.wording(OWN_LANGUAGE)
    return random.choice((named.true if value else named.false) or ("yes" if value else "no",))


def stands_alone(value: FieldValue, field: FormField) -> bool:
    """May the value be said without the label of its field?"""
    named = field.wording(OWN_LANGUAGE)
    return field.bare or (isinstance(value, bool) and bool(named.true if value else named.false))


def _day(value: str, field: FormField, random: Random) -> str:
    """A day in words: "the fifth of march twenty twenty seven"; "end of june twenty twenty six" for the last of one."""
    day = date.fromisoformat(value)
    dates = table(OWN_LANGUAGE)["dates"]
    century, rest = divmod(day.year, 100)
    words = {
        "ordinal": dates["ordinals"][day.day - 1][0].replace("-", " "),
        "month": dates["months"][day.month - 1][0].lower(),
        "year": f"{BELOW_HUNDRED[century]} {BELOW_HUNDRED[rest] if rest >= TEN else f'oh {BELOW_HUNDRED[rest]}'}",
    }
    alone = day == _month_end(day) and field.month_alone is Partial.END
    forms = MONTH_FORMS if alone else DAY_FORMS
    return random.choices(list(forms), weights=list(forms.values()))[0].format(**words)


def _month_end(day: date) -> date:
    """The last day of its month."""
    return day.replace(day=monthrange(day.year, day.month)[1])


def _shape(field: FormField) -> Shape:
    """The shape of a string field; where its pattern does not say, any characters of its spoken form."""
    if field.shape is not None:
        return field.shape
    if field.spoken is Spoken.LETTER:
        return Shape((CharacterRun(CAPITALS, 1, 1),))
    least = max(int(field.least or 0), 2)
    most = max(least, COMMON_LENGTH if field.most is None else int(field.most))
    return Shape((CharacterRun(ALPHABETS.get(field.spoken, CAPITALS + digits), least, most),))


def cardinal(value: int, random: Random) -> str:
    """A count in words: "one hundred and ten", "a hundred ten", "twelve hundred", "a dozen"."""
    if value in DOZENS and random.random() < DOZEN:
        return DOZENS[value]
    thousands, below = divmod(value, 1000)
    hundreds, rest = divmod(below, 100)
    if thousands and hundreds and not rest and value in SCORES and random.random() < SCORE_OF_HUNDREDS:
        return f"{BELOW_HUNDRED[value // 100]} hundred"
    words = [f"{BELOW_HUNDRED[thousands]} thousand"] if thousands else []
    if hundreds:
        one = "a" if value in ONE_HUNDREDS and random.random() < A_HUNDRED else BELOW_HUNDRED[hundreds]
        words.append(f"{one} hundred")
    if rest:
        words += ["and"] if words and random.random() < AND else []
        words.append(BELOW_HUNDRED[rest])
    return " ".join(words) or "zero"


def letter(plain: str, random: Random) -> str:
    """A small letter as it is spoken: plain, by its NATO word, or both."""
    form = random.choices(list(LETTER_FORMS), weights=list(LETTER_FORMS.values()))[0]
    return form.format(plain=plain, code=NATO[plain])


def spelt(value: str, random: Random, zero: str | None = None, manners: Sequence[int] = OF_CODES) -> str:
    """A string of digits and capital letters: one by one for the most part, else with doubles, in pairs or hundreds.

    `zero` is what its zeros are called, None: any; `manners` are the shares of the four.
    """
    zero = zero or _zero(random)
    manner = random.choices([_singly, _doubled, _paired, None], weights=manners)[0]
    if manner is None:
        return _hundreds(value, random) or spelt(value, random, zero)
    words: list[str] = []
    at = 0
    while at < len(value):
        run = re.match(r"[0-9]*", value[at:])
        digits_ahead = run[0] if run else ""
        word, length = manner(digits_ahead, zero) if digits_ahead else (letter(value[at].lower(), random), 1)
        words.append(word)
        at += length
    return " ".join(words)


def _zero(random: Random) -> str:
    return "oh" if random.random() < OH else "zero"


def _singly(ahead: str, zero: str) -> tuple[str, int]:
    """The first of the digits ahead in words, and how many digits that were."""
    return zero if ahead[0] == "0" else BELOW_HUNDRED[int(ahead[0])], 1


def _doubled(ahead: str, zero: str) -> tuple[str, int]:
    word, _ = _singly(ahead, zero)
    for times, same in (("triple", 3), ("double", 2)):
        if ahead.startswith(ahead[0] * same):
            return f"{times} {word}", same
    return word, 1


def _paired(ahead: str, zero: str) -> tuple[str, int]:
    """Two digits as one number: "forty-two", "seven forty-two", where the digits around let it be told apart."""
    pair, after = ahead[:2], ahead[2:3]
    odd = len(ahead) % 2 == 1
    # "twenty" before "five" would be 25.
    misleading = pair.endswith("0") and after not in {"", "0"}
    if odd or misleading or pair.startswith("0"):
        return _singly(ahead, zero)
    return BELOW_HUNDRED[int(pair)], 2


def _hundreds(value: str, random: Random) -> str | None:
    """Three or four digits as one number: "seven hundred forty-two", "twelve hundred"; None where nobody says so."""
    if len(value) not in HUNDREDS or not value.isdigit() or value[0] == "0" or value[-3] == "0":
        return None
    hundreds, rest = divmod(int(value), 100)
    below = f" {'and ' if random.random() < AND else ''}{BELOW_HUNDRED[rest]}" if rest else ""
    return f"{BELOW_HUNDRED[hundreds]} hundred{below}"
