"""Spanish, for transcripts."""

from __future__ import annotations

from edge.forms.spoken.counting import Counting
from edge.forms.spoken.language import Alphabet, Language, phrase, phrases
from edge.forms.spoken.letters import CODE_WORDS

_ANTONIO = """
antonio barcelona carmen dolores enrique francia gerona historia inés josé kilo lorenzo madrid navarra oviedo parís
querido ramón sábado tarragona ulises valencia washington xilófono yegua zaragoza
"""

_LINKS = """
vale ok okay bueno bien pues así ahora entonces el la los las de del al en para por favor con que son es hay tengo
tenemos mover muevo mueve va van lleva llevar hacia gracias
"""

SPANISH = Language(
    code="es",
    hesitations=frozenset({"eh", "em", "ehm", "este", "mmm", "hmm"}),
    links=frozenset(phrase(_LINKS)),
    link_phrases=(),
    particles=frozenset({"a", "e", "o", "u", "y"}),
    cues=phrases(
        "no, perdón, perdona, corrección, corrijo, digo, lo siento, quiero decir, quise decir, mejor dicho, "
        "que sean, espera"
    ),
    homophones={},
    numbers=Counting(
        code="es",
        zero="cero",
        accents={r"\bveintidos\b": "veintidós", r"\bveintitres\b": "veintitrés", r"\bveintiun\b": "veintiuno"},
        dozens={("una", "docena"): 12, ("dos", "docenas"): 24, ("tres", "docenas"): 36, ("media", "docena"): 6},
        # "cien" stands alone or before "mil", else it is "ciento"; tens and ones have "y" between them.
        misjoined=r"\bcien (?!mil)|\by$|^y\b|nta (?!y |mil)",
        times={"doble": 2, "triple": 3},
        compounds=False,
    ).numbers(),
    alphabet=Alphabet(
        CODE_WORDS | {phrase(word): phrase(word)[0][0] for word in _ANTONIO.split()},
        (("de",), ("como",), ("como", "en")),
    ),
    common=frozenset({"a", "e", "o", "u", "y", "un", "una"}),
    checks=frozenset({"control", "codigo"}),
    negations=phrases("no es, no son, no hay, no va, no van, no lleva, no tengo, no tenemos, no muevo, no mueve"),
)
