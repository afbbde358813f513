"""English, the language that is spoken to the on-device recogniser."""

from __future__ import annotations

from edge.forms.spoken import letters, numbers
from edge.forms.spoken.language import Language, Numbers
from edge.forms.spoken.words import COMMON, CUES, HESITATIONS, HOMOPHONES, LINK_PHRASES, LINKS

ENGLISH = Language(
    code="en",
    hesitations=HESITATIONS,
    links=LINKS,
    link_phrases=LINK_PHRASES,
    particles=frozenset(),
    cues=CUES,
    homophones=HOMOPHONES,
    numbers=Numbers(numbers.cardinal, numbers.digits, numbers.digit_group, numbers.TIMES, numbers.WORDS.__contains__),
    alphabet=letters.ENGLISH_ALPHABET,
    common=COMMON,
    checks=frozenset({"check", "digit", "digits", "word"}),
    thousands=",",
)
