"""French, for transcripts; Belgian and Swiss numbers too."""

from __future__ import annotations

from edge.forms.spoken.counting import Counting
from edge.forms.spoken.language import Alphabet, Language, phrase, phrases
from edge.forms.spoken.letters import CODE_WORDS

_ANATOLE = """
anatole berthe célestin désiré eugène françois gaston henri irma joseph kléber louis marcel nicolas oscar pierre
quintal raoul suzanne thérèse ursule victor william xavier yvonne zoé
"""

_LINKS = """
et ok okay alors donc bon bien voilà maintenant puis le la les du de des au aux à vers sur pour avec est sont ça fait
ai on je va vont déplace déplacer mets mettre contient merci accord
"""

FRENCH = Language(
    code="fr",
    hesitations=frozenset({"euh", "heu", "hum", "hmm", "hein", "ben", "bah"}),
    links=frozenset(phrase(_LINKS)) - {"a"},
    link_phrases=(phrase("il vous plait"), phrase("s il vous plait"), phrase("il y a"), phrase("d accord")),
    particles=frozenset({"a", "y"}),
    cues=phrases(
        "non, pardon, correction, plutôt, désolé, désolée, excusez moi, excuse moi, je veux dire, "
        "je voulais dire, je corrige, mettez plutôt"
    ),
    homophones={"de": "deux", "des": "deux"},
    numbers=Counting(
        code="fr",
        zero="zero",
        accents={r"\bzero\b": "zéro"},
        dozens={
            ("une", "douzaine"): 12,
            ("deux", "douzaines"): 24,
            ("trois", "douzaines"): 36,
            ("une", "demi", "douzaine"): 6,
            ("demi", "douzaine"): 6,
        },
        # "et" joins only one and eleven to the tens; "vingts" ends a number, but for thousands.
        misjoined=r"\bet (?!une?$|une? |onze)|\bet$|^et\b|vingts (?!mil)",
        times={"double": 2, "triple": 3},
        compounds=False,
    ).numbers(),
    alphabet=Alphabet(
        CODE_WORDS | {phrase(word): phrase(word)[0][0] for word in _ANATOLE.split()},
        (("comme",), ("de",), ("pour",), ("comme", "dans")),
    ),
    common=frozenset({"a", "y", "un", "une"}),
    checks=frozenset({"controle", "code"}),
    elided=("l", "d", "c", "s", "j", "n", "m", "t", "qu"),
    thousands=" ",
)
