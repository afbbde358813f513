"""Numbers in German, French, Spanish and Italian words, read by text2num.

That library knows how the words of a number combine: "einundzwanzig", "quatre-vingt-douze", "huitante", "ventotto".
What it does not know is given by each language: words without their accents, dozens, and what is said in a string of
digits only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from text_to_num import text2num

from edge.forms.spoken import figures
from edge.forms.spoken.language import Numbers, Phrase, Words
from edge.forms.spoken.numbers import LARGEST, joined

LONGEST_PAIR = 4
"""Words in the longest number below a hundred: "quatre vingt dix sept"."""
PAIR = 100
SECOND_PAIR = 10
"""Of numbers below a hundred said one after the other, from here on the second one is a pair of digits too; a smaller
one goes with the tens before it, since nobody says "forty" and "two" for 402."""
REMEMBERED = 4096
"""Numbers whose reading is kept; looking for splits reads the same few words over and over."""


@dataclass(frozen=True, slots=True)
class Counting:
    """The numbers of one language."""

    code: str
    """The language, as text2num calls it."""
    zero: str
    """text2num drops a zero before other words, and with it a digit of an id; so it stands alone here."""
    accents: Mapping[str, str]
    """Parts of folded words, to the spelling that text2num knows."""
    dozens: Mapping[Phrase, int]
    """Counts that are said with the word for a dozen."""
    misjoined: str
    """A regular expression for what text2num takes for a number and nobody says."""
    times: Mapping[str, int]
    compounds: bool
    """Whether numbers below a hundred are one word, so that two words are two numbers."""

    def numbers(self) -> Numbers:
        """These numbers as a language takes them."""
        return Numbers(self.cardinal, self.digits, self.group, self.times, self._is_part)

    def cardinal(self, words: Words) -> int | None:
        """The count that the words say as a whole, 0 to 99,999; None where they say none."""
        if len(words) == 1 and figures.is_figures(words[0]):
            value = figures.count(words[0])
        else:
            value = self.dozens.get(tuple(words), self._said(words))
        return value if value is not None and value <= LARGEST else None

    def digits(self, words: Words) -> str | None:
        """The string of digits that the words spell: one by one, in pairs, or as one number of hundreds."""
        value = self._said(words)
        return str(value) if value is not None and value >= PAIR else joined(words, self.group)

    def group(self, words: Words) -> tuple[str, int] | None:
        """The digits at the beginning, and how many words say them: the longest number below a hundred."""
        if not words:
            return None
        if (written := figures.spelt(words[0])) is not None:
            return written, 1
        if words[0] in self.times:
            repeated = self.group(words[1:2])
            return (repeated[0] * self.times[words[0]], 2) if repeated and len(repeated[0]) == 1 else None
        for size in range(min(LONGEST_PAIR, len(words)), 0, -1):
            value = self._said(words[:size])
            if value is not None and value < PAIR:
                return None if self._may_be_two(words[:size]) else (str(value), size)
        return None

    def _may_be_two(self, words: Words) -> bool:
        """Written apart, "soixante dix-neuf" may be 79, or 60 and 19; with hyphens throughout it is 79."""
        cuts = ((self._said(words[:at]), self._said(words[at:])) for at in range(1, len(words)))
        least = 0 if self.compounds else SECOND_PAIR
        return any(first is not None and second is not None and second >= least for first, second in cuts)

    def _is_part(self, word: str) -> bool:
        return word in self.times or self._said([word]) is not None

    def _said(self, words: Words) -> int | None:
        return _read(" ".join(words), self)

    def __hash__(self) -> int:
        return hash(self.code)


@lru_cache(maxsize=REMEMBERED)
def _read(said: str, counting: Counting) -> int | None:
    # Figures among words ("2 cent") are no number as a whole.
    if not said.replace(" ", "").replace("-", "").isalpha() or re.search(counting.misjoined, said):
        return None
    if counting.zero in said and said != counting.zero:
        return None
    for folded, accented in counting.accents.items():
        said = re.sub(folded, accented, said)
    try:
        return int(text2num(said, counting.code))
    except ValueError:
        return None
