"""German, for transcripts."""

from __future__ import annotations

from edge.forms.spoken.counting import Counting
from edge.forms.spoken.language import Alphabet, Language, phrase, phrases
from edge.forms.spoken.letters import CODE_WORDS

_ANTON = """
anton berta cäsar dora emil friedrich gustav heinrich ida julius kaufmann ludwig martha nordpol otto paula quelle
richard samuel theodor ulrich viktor wilhelm xanthippe ypsilon zacharias konrad nordpol siegfried zeppelin
"""
"""DIN 5009 as it was taught until 2022, which is what people say."""
_AACHEN = """
aachen berlin chemnitz düsseldorf essen frankfurt goslar hamburg ingelheim jena köln leipzig münchen nürnberg offenbach
potsdam quickborn rostock salzwedel tübingen unna völklingen wuppertal xanten ypsilon zwickau
"""
"""DIN 5009:2022."""

_LINKS = """
und okay ok gut also so jetzt nun bitte ja hallo dann noch mit sind ist es das dass die der den dem des auf nach zu zum
zur an am für von vom bei in im ich habe hab wir haben bewege bringe fahre stelle kommt kommen geht gehen steht stehen
danke dank vielen
"""

GERMAN = Language(
    code="de",
    hesitations=frozenset({"ah", "ahm", "ahem", "eh", "oh", "hm", "hmm", "mh"}),
    links=frozenset(phrase(_LINKS)),
    link_phrases=(),
    particles=frozenset(),
    cues=phrases(
        "nein, nee, entschuldigung, sorry, korrektur, quatsch, vielmehr, ich meine, ich meinte, "
        "besser gesagt, mach das, nein halt, pardon"
    ),
    homophones={},
    numbers=Counting(
        code="de",
        zero="null",
        accents={"zwolf": "zwölf", "zwoelf": "zwölf", "funf": "fünf", "fuenf": "fünf", r"\beine[mnrs]?\b": "ein"},
        dozens={
            ("ein", "dutzend"): 12,
            ("zwei", "dutzend"): 24,
            ("drei", "dutzend"): 36,
            ("ein", "halbes", "dutzend"): 6,
            ("halbes", "dutzend"): 6,
        },
        misjoined=r"^und\b|\bund$",
        times={"doppel": 2, "doppelte": 2, "dreifach": 3},
        compounds=True,
    ).numbers(),
    alphabet=Alphabet(
        CODE_WORDS | {phrase(word): phrase(word)[0][0] for word in (_ANTON + _AACHEN).split()},
        (("wie",), ("fur",), ("wie", "in")),
    ),
    common=frozenset({"ein"}),
    checks=frozenset({"prufziffer", "prufziffern", "prufwort", "kontrolle"}),
)
