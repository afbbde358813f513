"""Numbers spoken in seven languages, made from grammar alone: nothing here comes from the tables that read them."""

from __future__ import annotations

from random import Random


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
SPANISH = _words("cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince")
SPANISH_TWENTIES = _words("dós trés cuatro cinco séis siete ocho nueve")
SPANISH_TENS = _words("- - veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa")
SPANISH_HUNDREDS = _words("- ciento dos tres cuatro quinientos seis sete ocho nove")
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


def spanish(value: int, random: Random) -> str:
    thousands, below = divmod(value, 1000)
    hundreds, rest = divmod(below, 100)
    parts = ["mil" if thousands == 1 else f"{_spanish_pair(thousands, masculine=True)} mil"] if thousands else []
    if hundreds:
        whole = SPANISH_HUNDREDS[hundreds]
        parts.append("cien" if below == 100 else whole if hundreds in {1, 5} else f"{whole}cientos")
    if rest or not parts:
        parts.append(_spanish_pair(rest))
    return " ".join(parts)


def _spanish_pair(value: int, *, masculine: bool = False) -> str:
    one = "ún" if masculine else "uno"
    if value < 16:
        return "un" if masculine and value == 1 else SPANISH[value]
    if value < 20:
        return f"dieci{'séis' if value == 16 else SPANISH[value - 10]}"
    tens, ones = divmod(value, 10)
    if tens == 2 and ones:
        return f"veinti{one if ones == 1 else SPANISH_TWENTIES[ones - 2]}"
    ending = "un" if masculine and ones == 1 else SPANISH[ones]
    return f"{SPANISH_TENS[tens]} y {ending}" if ones else SPANISH_TENS[tens]


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


PORTUGUESE_BELOW_TWENTY = _words(
    "zero um dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezesseis dezessete "
    "dezoito dezenove"
)
PORTUGUESE_TENS = _words("- - vinte trinta quarenta cinquenta sessenta setenta oitenta noventa")
PORTUGUESE_HUNDREDS = _words(
    "- cento duzentos trezentos quatrocentos quinhentos seiscentos setecentos oitocentos novecentos"
)
POLISH_BELOW_TWENTY = _words(
    "zero jeden dwa trzy cztery pięć sześć siedem osiem dziewięć dziesięć jedenaście dwanaście trzynaście "
    "czternaście piętnaście szesnaście siedemnaście osiemnaście dziewiętnaście"
)
POLISH_TENS = _words(
    "- - dwadzieścia trzydzieści czterdzieści pięćdziesiąt sześćdziesiąt siedemdziesiąt osiemdziesiąt dziewięćdziesiąt"
)
POLISH_HUNDREDS = _words("- sto dwieście trzysta czterysta pięćset sześćset siedemset osiemset dziewięćset")


def portuguese(value: int, random: Random) -> str:
    thousands, below = divmod(value, 1000)
    hundreds, rest = divmod(below, 100)
    parts = ["mil" if thousands == 1 else f"{portuguese(thousands, random)} mil"] if thousands else []
    if hundreds:
        parts.append("cem" if below == 100 else PORTUGUESE_HUNDREDS[hundreds])
    if rest or not parts:
        parts.append(_portuguese_pair(rest))
    if len(parts) == 1:
        return parts[0]
    # "Mil e duzentos", "mil duzentos e doze", "mil e doze".
    joined = " e " if hundreds == 0 or rest == 0 else " "
    return f"{parts[0]}{joined}{' e '.join(parts[1:])}" if thousands else " e ".join(parts)


def _portuguese_pair(value: int) -> str:
    if value < 20:
        return PORTUGUESE_BELOW_TWENTY[value]
    tens, ones = divmod(value, 10)
    return PORTUGUESE_TENS[tens] + (f" e {PORTUGUESE_BELOW_TWENTY[ones]}" if ones else "")


def polish(value: int, random: Random) -> str:
    thousands, below = divmod(value, 1000)
    hundreds, rest = divmod(below, 100)
    parts = []
    if thousands:
        few = thousands % 10 in {2, 3, 4} and thousands % 100 not in {12, 13, 14}
        said = [] if thousands == 1 else [polish(thousands, random)]
        parts += [*said, "tysiąc" if thousands == 1 else "tysiące" if few else "tysięcy"]
    if hundreds:
        parts.append(POLISH_HUNDREDS[hundreds])
    if rest >= 20:
        parts.append(POLISH_TENS[rest // 10])
        rest %= 10
    if rest or not parts:
        parts.append(POLISH_BELOW_TWENTY[rest])
    return " ".join(parts)


SPEAKERS = {
    "en": english,
    "de": german,
    "fr": french,
    "es": spanish,
    "it": italian,
    "pl": polish,
    "pt": portuguese,
}


def digits(value: str, language: str, random: Random) -> str:
    """A string of digits, one by one or in pairs where no pair begins with zero."""
    speak = SPEAKERS[language]
    paired = len(value) % 2 == 0 and "0" not in value[::2] and random.random() < 0.4
    groups = [value[at : at + 2] for at in range(0, len(value), 2)] if paired else list(value)
    one = {"de": "eins"}.get(language)
    return " ".join(one if group == "1" and one else speak(int(group), random) for group in groups)
