"""Italian, for transcripts."""

from __future__ import annotations

from edge.forms.spoken.counting import Counting
from edge.forms.spoken.language import Alphabet, Language, phrase, phrases
from edge.forms.spoken.letters import CODE_WORDS

_ANCONA = """
ancona bologna bari como domodossola empoli firenze genova hotel imola jolly kursaal livorno milano napoli otranto
palermo padova quarto roma savona torino udine venezia washington xeres york yacht zara
"""

_LINKS = """
ok okay va bene allora dunque adesso ora poi ecco per favore il lo la le gli di del dello della dei delle dell al allo
alla ai agli alle all da in con su sul verso sono ho abbiamo sposta sposto porta metti vanno che ci grazie
"""

ITALIAN = Language(
    code="it",
    hesitations=frozenset({"eh", "ehm", "uhm", "mmm", "hmm"}),
    links=frozenset(phrase(_LINKS)),
    link_phrases=(),
    particles=frozenset({"a", "e", "i", "o"}),
    cues=phrases(
        "no, scusa, scusi, scusate, correzione, correggo, anzi, volevo dire, voglio dire, intendo, "
        "mi correggo, facciamo, aspetta"
    ),
    homophones={},
    numbers=Counting(
        code="it",
        zero="zero",
        accents={},
        dozens={("una", "dozzina"): 12, ("due", "dozzine"): 24, ("tre", "dozzine"): 36, ("mezza", "dozzina"): 6},
        misjoined=r"\be$|^e\b",
        times={"doppio": 2, "doppia": 2, "triplo": 3, "tripla": 3},
        compounds=True,
    ).numbers(),
    alphabet=Alphabet(
        CODE_WORDS | {phrase(word): phrase(word)[0][0] for word in _ANCONA.split()},
        (("come",), ("di",), ("come", "in")),
    ),
    common=frozenset({"a", "e", "i", "o", "un", "una"}),
    checks=frozenset({"controllo", "codice"}),
    elided=("l", "dell", "all", "sull", "c", "d", "quell"),
)
