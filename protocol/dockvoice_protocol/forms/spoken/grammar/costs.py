"""The cost of each kind of explanation in nats: 0 is the usual wording, 3 is twenty times rarer.

Costs of a whole reading add up; two readings within `RIVALRY` of each other are rivals, and the operator is asked.
"""

from __future__ import annotations

RIVALRY = 3.0  # e^3 is 20: where another meaning is less than twenty times rarer, the operator must be asked.
BUDGET = 1.0  # What an explanation may cost at first: one nat is enough for the best of most sentences.
BUDGET_STEP = 2.0
"""The budget grows by this much each time that no explanation was found. Once one is found, none may cost more than
the rivals of the cheapest."""
UNREACHABLE_COST = 1000.0  # No explanation costs this much; it stands for infinity.
HORIZON = 7.0  # Partial readings that are so much dearer than the best one cannot become its rivals any more.
MAX_PATHS = 4000
"""The parser gives up after this many partial explanations and reports no meaning: a rival might be among those that
were left. Of 15,000 sentences one took 3600, none else 1800; 60 words of talk take more."""

SLIGHT, SHORT, COMMA, STOP = 1, 2, 3, 4  # Lengths of a pause before a word; 0 is none.
PAUSE_S = ((0.5, STOP), (0.25, COMMA), (0.1, SHORT), (0.025, SLIGHT))
"""From how many seconds on a silence is which. Recognisers report 0 inside a phrase, and whole frames of 0.03 where the
speaker set off; commas measured 0.03 to 0.27."""
COMMA_S = next(seconds for seconds, pause in PAUSE_S if pause == COMMA)
"""A pause from here on separates two numbers, and two clauses."""
DRAWN_OUT = 1.5
"""From this length on, in middle lengths of the words of numbers, one ends a phrase, which counts as a slight pause. On
the dev sets 37 % of those were so long that ended one without a silence, and 2.5 % of the others."""
PAUSED = (0.0, 0.7, 2.0, 4.0, 5.0)  # A pause of each length inside one value.
WITHIN_NUMBER = 1.5  # Times that, for a pause inside one number of several words.
ENUMERATED = 0.3  # A pause between digits that are all said with a pause between: "seven, four, two".
ENUMERATION = 3
"""Digits from which pauses between all of them are a way of speaking; between two they may part two values."""

LINK = 0.1
UNPAUSED_OPENING = 1.5  # An opening in the middle of a clause.
OPENING = 0.2
CLOSING_REMARK = 0.3
UNPAUSED_CLOSING_REMARK = 0.6
ASIDE = 0.8
AFTER_LABEL = 0.1
MISPLACED = 3.0  # A link where none belongs: between a label and its value.
WHOLE = 2.0  # A number of hundreds beside other digits of one value.
DASHED = 3.5  # A dash between two numbers of several digits in one value: it may be a range, or a list.
WRONG_CHECK = 3.5
"""Check digits that are not those of the place, which then is in doubt; those of another one mean that place."""
CUE = 0.4
HEDGE = 0.5
REPEAT = 0.3
CHOICE = 0.5
DENIED = 0.5
OUTSIDE_TEMPLATE = 4.5
"""What words that may begin a sentence template cost more in another meaning: with what they cost themselves, `RIVALRY`
beyond all words of a whole template. Where it is none, every explanation costs that more."""
FALSE_START = 4.0  # A label without a value.
LATER = 1.0  # A label whose value follows behind another field's: "the temperature in trailer 5501 is four degrees".
UNNUMBERED = 2.0
"""The label of a thing, a pause, and a count with its unit: "new pallet, twelve cases" says no number of the pallet.
Less than `RIVALRY` below a unit without its number (`LOST_COUNT`) behind a number that may be a usual id."""
WITHDRAWN = 0.5  # A bare number that a correction takes back at once: "twelve, no, fifteen units".
AGAIN = 0.5  # The same value once more.
RESTART = 1.0  # The value begun anew, all of it: "seven ... seven four two".
HESITATED = 1.0  # What the two above cost more behind a hesitation, which stands in the middle of a value.
BREATHLESS = 3.0
"""What beginning anew, or an "oh" of surprise, costs more behind a slight pause: it is too short to break off,
and the "t" of "eight" or the onset of "oh" is a frame of silence too. Of 48 slow speakers 5 were asked about for it
("eight eight five")."""
TWICE = 1.0  # A count said twice before its unit: "twelve, twelve units".
TWICE_DIGIT = 2.0
"""The same of a digit, of which the first may as well be the last of an id: a comma before that costs `RIVALRY` more
than saying a number twice (`TWICE`), and must cost less."""
UNLIKELY = 4.0  # Any reading that is very unlikely, such as an unannounced second value.
UNMENTIONED = 4.0  # A correction of what was not said before.
OTHER_LENGTH = 3.0  # An id that corrects one of another length, where another field may be meant.
OTHER_FIELD = 2.0  # A bare correction of another field than the last one.
ASKED = 0.2  # The bare value of the field that is asked for.
UNUSUAL, UNKNOWN, FORBIDDEN = 0.5, 1.5, 2.5
"""A value whose length or size is not usual; that no catalogue knows; that the form does not allow."""
UNITLESS = 2.0  # A count without its unit behind an id.
UNITLESS_APART = 0.5  # The same where a comma parts it from a whole id of another style: "seven four two, twelve".
BRIEF_S = 0.16
"""Seconds that "to" lasts at most where it is a preposition: 0.09 to 0.15 in 52 measured; a final "two" had 0.4."""
LOOSE = 5.0  # A number that belongs to nothing.
LOST_COUNT = 4.5  # A unit right behind an id: its number was not heard, or is the end of what was taken for the id.
BEFORE_UNIT = 0.6  # Of what a pause inside a value costs: one between a number and its unit.
JOINER = 2.0  # An "and" between two numbers that belong to different fields: "seven hundred and | twelve units".
TORN = 2.5  # A count that begins inside what may be one number: "twenty | two units".
TORN_HUNDRED = 2.4
"""The same where it begins with a hundred that stands well alone, "zwei | hundert": asked about even if the id before
it is of an unusual length."""
TORN_LOOSE = 0.5  # The same where that is not how one says the number: Portuguese "vinte | quatro" without its "e".
DIGITWISE = 1.0  # From this cost on a number is rare enough that words behind it do not complete it.
LAST_LABEL = 3.0
"""A label at the end, its value not said yet: half of `UNMATCHED`, so that neither is the other's rival."""
KNOWN_UNMATCHED = 9.0  # A label or a unit that has nothing to do with a field.
CROWDED = 2.5  # A count said digit by digit right behind an id: there the digits are the id's.
HEADLESS = 3.5  # An id that begins with "hundred": what stood before it may be lost.
MIXED = 2.0  # Figures and number words in one value: a model that writes "742" writes "12" as well.
NONE = 1.0  # A negation for zero: "no pieces".
LOOSE_UNIT = 6.0
UNMATCHED = 6.0  # A word that nothing explains.
FURTHER_UNMATCHED = 2.0  # A word beside such a word.
UNMATCHED_ADJECTIVE = 4.0  # A word that nothing explains between a count and its unit.
MOOD = 4.0  # A denial, hearsay, the past, a wish.
MOOD_PHRASE = 2.0
"""One of several words: "there is no", "no one". Hardly ever do they stand beside one another by chance."""
QUESTION = 0.5  # A question, by the words that begin it.
LETTER_OR_DIGIT = 0.5  # An "o" that is a zero behind a letter, or a letter behind a figure.
HOMOPHONE = 2.0  # A word that sounds like the number or letter that fits.
ODD = 3.0  # A mention that costs more is in doubt by itself, whatever else the words could be.
