"""How people on a dock say things, in five languages: written from what they say, not from what the device reads."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from num2words import num2words

LANGUAGES = ("en", "de", "fr", "es", "it")

DIGITS = {
    "en": "zero one two three four five six seven eight nine",
    "de": "null eins zwei drei vier fünf sechs sieben acht neun",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "it": "zero uno due tre quattro cinque sei sette otto nove",
}

SAID_BACK = {"de": {"crushed": "zerdrückt"}}  # What a device says in another word than these operators do.

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "pallet": "pallet",
        "trailer": "trailer",
        "door": "door",
        "dock": "dock",
        "location": "location",
        "check": "check",
        "item": "item",
        "cases": "cases",
        "pieces": "pieces",
        "units": "units",
        "damaged": "damaged",
        "wet": "wet",
        "crushed": "crushed",
        "refused": "refused",
        "front": "front",
        "middle": "middle",
        "rear": "rear",
        "minus": "minus",
        "degrees": "degrees",
        "point": "point",
        "seal": "seal",
        "sealed": "sealed",
        "open": "not sealed",
        "no": "no",
        "yes": "yes",
        "next": "next",
        "instead": "instead",
        "drop": "scratch that",
        "correction": "correction",
        "uh": "uh",
        "and": "and",
    },
    "de": {
        "pallet": "Palette",
        "trailer": "Auflieger",
        "door": "Tor",
        "dock": "Tor",
        "location": "Platz",
        "check": "Prüfziffer",
        "item": "Artikel",
        "cases": "Kisten",
        "pieces": "Stück",
        "units": "Stück",
        "damaged": "beschädigt",
        "wet": "nass",
        "crushed": "eingedrückt",
        "refused": "abgelehnt",
        "front": "vorne",
        "middle": "Mitte",
        "rear": "hinten",
        "minus": "minus",
        "degrees": "Grad",
        "point": "Komma",
        "seal": "Plombe",
        "sealed": "verplombt",
        "open": "nicht verplombt",
        "no": "nein",
        "yes": "ja",
        "next": "die nächste",
        "instead": "stattdessen",
        "drop": "vergiss das",
        "correction": "Korrektur",
        "uh": "äh",
        "and": "und",
    },
    "fr": {
        "pallet": "palette",
        "trailer": "remorque",
        "door": "quai",
        "dock": "quai",
        "location": "emplacement",
        "check": "contrôle",
        "item": "article",
        "cases": "caisses",
        "pieces": "pièces",
        "units": "unités",
        "damaged": "endommagés",
        "wet": "mouillé",
        "crushed": "écrasé",
        "refused": "refusé",
        "front": "avant",
        "middle": "milieu",
        "rear": "arrière",
        "minus": "moins",
        "degrees": "degrés",
        "point": "virgule",
        "seal": "plomb",
        "sealed": "plombée",
        "open": "non plombée",
        "no": "non",
        "yes": "oui",
        "next": "la suivante",
        "instead": "à la place",
        "drop": "laisse tomber",
        "correction": "correction",
        "uh": "euh",
        "and": "et",
    },
    "es": {
        "pallet": "palé",
        "trailer": "remolque",
        "door": "muelle",
        "dock": "muelle",
        "location": "ubicación",
        "check": "control",
        "item": "artículo",
        "cases": "cajas",
        "pieces": "piezas",
        "units": "unidades",
        "damaged": "dañadas",
        "wet": "mojado",
        "crushed": "aplastado",
        "refused": "rechazado",
        "front": "delante",
        "middle": "en medio",
        "rear": "detrás",
        "minus": "menos",
        "degrees": "grados",
        "point": "coma",
        "seal": "precinto",
        "sealed": "precintado",
        "open": "sin precinto",
        "no": "no",
        "yes": "sí",
        "next": "el siguiente",
        "instead": "en su lugar",
        "drop": "olvídalo",
        "correction": "corrección",
        "uh": "eh",
        "and": "y",
    },
    "it": {
        "pallet": "pallet",
        "trailer": "rimorchio",
        "door": "banchina",
        "dock": "banchina",
        "location": "ubicazione",
        "check": "controllo",
        "item": "articolo",
        "cases": "casse",
        "pieces": "pezzi",
        "units": "unità",
        "damaged": "danneggiati",
        "wet": "bagnato",
        "crushed": "schiacciato",
        "refused": "rifiutato",
        "front": "davanti",
        "middle": "al centro",
        "rear": "dietro",
        "minus": "meno",
        "degrees": "gradi",
        "point": "virgola",
        "seal": "sigillo",
        "sealed": "sigillato",
        "open": "non sigillato",
        "no": "no",
        "yes": "sì",
        "next": "il prossimo",
        "instead": "invece",
        "drop": "lascia perdere",
        "correction": "correzione",
        "uh": "ehm",
        "and": "e",
    },
}

CHATTER = {
    "en": ["thanks", "okay", "yeah yeah go", "come on", "hey mike put it over there", "hang on a second", "good",
           "ok next", "sorry what", "no not you", "did you see the game", "one sec", "right",
           "let me see", "busy today"],
    "de": ["danke", "okay", "ja ja mach schon", "komm schon", "hey Mike stell das da rüber", "Moment mal", "gut",
           "weiter", "wie bitte", "nein dich meine ich nicht", "hast du das Spiel gesehen", "viel los heute"],
    "fr": ["merci", "d'accord", "oui oui vas-y", "allez", "eh Marc mets ça là-bas", "une seconde", "bien", "quoi",
           "non pas toi", "tu as vu le match", "ça n'arrête pas"],
    "es": ["gracias", "vale", "sí sí venga", "vamos", "oye Juan ponlo ahí", "un momento", "bien", "qué dices",
           "no tú no", "viste el partido", "cuánto trabajo hoy"],
    "it": ["grazie", "va bene", "sì sì dai", "forza", "ehi Marco mettilo lì", "un attimo", "bene", "come scusa",
           "no non tu", "hai visto la partita", "quanto lavoro oggi"],
}  # fmt: skip

TAGS = {
    "en": ["please", "got it"],
    "de": ["bitte"],
    "fr": ["s'il vous plaît"],
    "es": ["por favor"],
    "it": ["per favore"],
}


@dataclass(frozen=True, slots=True)
class Speech:
    """One language."""

    code: str

    def __getitem__(self, word: str) -> str:
        return WORDS[self.code][word]

    def digits(self, value: str) -> str:
        """A name character by character: digits as words, letters as they are."""
        names = DIGITS[self.code].split()
        return " ".join(names[int(one)] if one.isdigit() else one for one in value if one.isalnum())

    def count(self, value: int) -> str:
        """A count as one number."""
        return str(num2words(value, lang=self.code))

    def degrees(self, value: float) -> str:
        """A temperature, below zero with its sign."""
        whole, _, part = f"{abs(value):g}".partition(".")
        said = self.count(int(whole)) + (f" {self['point']} {self.digits(part)}" if part else "")
        return f"{self['minus']} {said} {self['degrees']}" if value < 0 else f"{said} {self['degrees']}"

    def chatter(self, random: Random) -> str:
        """What is said to somebody else, or out of courtesy or impatience."""
        return random.choice(CHATTER[self.code])
