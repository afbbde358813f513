"""Spelling: values that are said group by group, digits and letters ("seven four | two", "B dash one four")."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import FormField
from dockvoice_protocol.forms.spoken.grammar import weights
from dockvoice_protocol.forms.spoken.grammar.agenda import Agenda
from dockvoice_protocol.forms.spoken.grammar.letters import AMBIGUOUS, letters
from dockvoice_protocol.forms.spoken.grammar.path import Path, Place, Spelling, marked
from dockvoice_protocol.forms.spoken.grammar.spans import Spans
from dockvoice_protocol.forms.spoken.numerals import Group

PAIR = 2
"""Digits in a group of an identifier, at most, but for figures."""


class Speller:
    """The steps of one utterance that spell a value."""

    def __init__(self, spans: Spans, agenda: Agenda) -> None:
        self._spans = spans
        self._numbers = spans.numbers
        self._agenda = agenda
        self._tokens, self._words = spans.tokens, spans.words
        self._numerals, self._alphabet = spans.language.numerals, spans.language.alphabet
        self._homophones, self._separators = spans.language.homophones, spans.language.separators
        self._known: dict[tuple[str, Spelling, int], list[tuple[int, float, Spelling]]] = {}
        """Further groups: many explanations of what stands before come to the same value begun."""

    def begin(self, path: Path, field: FormField, at: int, cost: float, marks: str) -> None:
        """The first group of a value."""
        for end, dearer, longer in self._further(field, Spelling(at, cost, "", marks), at, 0):
            self._agenda.add(
                end, Path(path.cost + cost + dearer, Place.SPELLING, field.name, path.pending, longer, *path[5:])
            )

    def go_on(self, path: Path, spelling: Spelling, at: int) -> None:
        """Another group of a value."""
        pause = self._pause(at)
        for end, cost, longer in self._further(self._spans.fields[str(path.field)], spelling, at, pause):
            self._agenda.add(end, Path(path.cost + cost, path.state, path.field, path.pending, longer, *path[5:]))
        self._between_groups(path, spelling, at, pause)

    def _further(
        self, field: FormField, spelling: Spelling, at: int, pause: int
    ) -> Sequence[tuple[int, float, Spelling]]:
        """How a value may go on with another group: where that ends, what it costs, and the value with it."""
        if (known := self._known.get((field.name, spelling, at))) is None:
            most = self._spans.lexicon.longest[field.name]
            known = self._known[field.name, spelling, at] = [
                (group.end, *self._longer(field, spelling, at, group, pause))
                for group in self._groups(field, at, begins=not spelling.groups)
                if most is None or len(spelling.text) + len(group.text) <= most
            ]
        return known

    def _pause(self, at: int) -> int:
        """The pause before a further group, told by a silence or by the length of the word before."""
        return max(self._tokens[at].pause_inside, weights.SLIGHT if self._tokens[at - 1].final else 0)

    def _between_groups(self, path: Path, spelling: Spelling, at: int, pause: int) -> None:
        """What stands between two groups and says nothing: a separator, or an "oh" of surprise."""
        word = self._words[at]
        if word in self._separators and not pause and self._words[at - 1] not in self._separators:
            self._agenda.add(
                at + 1, path._replace(cost=path.cost + weights.LINK, spelling=spelling._replace(joined=True))
            )
        if pause and word == "oh" and at + 1 < len(self._tokens):
            # Behind a hesitation it is as likely the digit.
            surprise = weights.HESITATED if self._tokens[at].hesitated else 0.0
            surprise += weights.BREATHLESS if self._numbers.goes_on(at) else 0.0
            self._agenda.go(path, at + 1, weights.RESTART + surprise)

    def _longer(
        self, field: FormField, spelling: Spelling, at: int, group: Group, pause: int
    ) -> tuple[float, Spelling]:
        """What another group costs, and the value with it."""
        word, text = self._words[at], group.text
        # A number of hundreds stands for a whole value; among other digits hardly anybody says one.
        whole = len(text) > PAIR and not word.isdigit() and word not in self._numerals.times
        digits_before = any(one.isdigit() for one in spelling.text)
        cost = group.cost + (0.0 if pause >= weights.SHORT else spelling.cut)
        cost += weights.WHOLE if digits_before and whole else 0.0
        cost += self._uneven(at, pause) if spelling.groups else self._headless(at)
        if word == AMBIGUOUS and field.spoken.is_code and spelling.text:
            cost += weights.OTHER_KIND if spelling.text[-1].isdigit() != text.isdigit() else 0.0
        singles = spelling.singles and len(text) == 1
        paused, spared = _paused(spelling, pause, singles=singles)
        cost += paused
        # Digits behind a number of hundreds may have been a part of it: nobody can tell 70055 from 755, or "two hundred
        # three four" for 2034 from 20034.
        doubtful = word in self._homophones or (spelling.round and digits_before)
        # So may two whole values: "pallet 742 743".
        item = field.item
        parts = (spelling.text, text)
        doubtful |= item.usual is not None and all(item.allows(one) and item.is_usual(one) for one in parts)
        return cost, Spelling(
            spelling.start,
            spelling.cost + cost,
            spelling.text + text,
            marked(spelling.marks, "s") if doubtful else spelling.marks,
            singles,
            whole and _open(text, several=not all(one.inner for one in self._tokens[at + 1 : group.end])),
            spelling.groups + 1,
            spelling.paused + (pause > 0),
            spared,
            cut=group.behind,
        )

    def _groups(self, field: FormField, at: int, *, begins: bool) -> Iterator[Group]:
        """What may be the next group."""
        yield from self._numbers.digit_groups(at)
        word = self._words[at]
        if field.spoken.is_code and not self._tokens[at].inner:
            if word == AMBIGUOUS:
                yield Group(at + 1, AMBIGUOUS.upper(), 0.0)
            for end, text, cost in letters(self._words, at, self._alphabet, names=False, times=self._numerals.times):
                yield Group(end, text, cost)
        sounds = self._homophones.get(word)
        if sounds is not None and (begins or self._spans.may_be_digit(at)):
            for group in self._numerals.groups([sounds], 0):
                yield Group(at + 1, group.text, weights.HOMOPHONE)

    def _headless(self, at: int) -> float:
        """What it costs to begin with a hundred, or thousand, of nothing."""
        return weights.HEADLESS if self._numbers.is_headless(at) else 0.0

    def _uneven(self, at: int, pause: int) -> float:
        """What it costs that a value goes on in another way than it began: in words after figures, or after a dash."""
        before, word = self._words[at - 1], self._words[at]
        longer = max(len(one) if one.isdigit() else 0 for one in (before, word)) > PAIR
        words = (one for one in (before, word) if not one.isdigit())
        if before.isdigit() != word.isdigit() and all(map(self._numerals.is_part, words)):
            return weights.MIXED if pause or longer else 0.0
        return weights.DASHED if self._tokens[at].dash and longer and before.isdigit() and word.isdigit() else 0.0

    def ended(self, path: Path, spelling: Spelling) -> Iterator[tuple[Path, str | None, float]]:
        """A path whose value ends here: without it, the values that it may be, and what ending there costs."""
        if not spelling.groups or spelling.joined:
            return
        if spelling.groups == 1 and "b" in spelling.marks and self._words[spelling.start] in self._homophones:
            return  # Bare and alone it is the word that it sounds like: "non, pas toi".
        field = self._spans.fields[str(path.field)]
        cost = spelling.spared if spelling.groups < weights.ENUMERATION else 0.0
        shape = self._spans.lexicon.shapes.get(field.name)
        said = spelling.text if shape is None else shape.joined(spelling.text)
        without = Path(path.cost + cost, Place.SAID, path.field, path.pending, None, *path[5:])
        # Digit by digit leading zeros are left out; "A ten one" is another place than "A one oh one".
        fit = self._spans.lexicon.shortened.get(field.name, {}).get(spelling.text, ()) if spelling.singles else ()
        for value in (fit or (None,)) if said is None else _expanded(said, field, self._spans.catalogue):
            yield without, value, cost


def _open(number: str, *, several: bool) -> bool:
    """Whether a number of hundreds may have ended before its last digit: it has no tens, and is no single word."""
    return number.endswith("00") or (several and number[-2] == "0")


def _paused(spelling: Spelling, pause: int, *, singles: bool) -> tuple[float, float]:
    """What a pause before the next group costs, and what it is spared in an enumeration: "seven, four, two"."""
    owed = min(spelling.spared, weights.PAUSED[weights.COMMA])
    if not pause:
        return owed, 0.0
    if singles and spelling.paused + 1 == spelling.groups:
        return weights.ENUMERATED, spelling.spared + weights.PAUSED[pause] - weights.ENUMERATED
    return weights.PAUSED[pause] + owed, 0.0


def _expanded(value: str, field: FormField, catalogue: Catalogue) -> tuple[str | None, ...]:
    """What a value that was said stands for: itself, or each value of the catalogue that ends in what was said.

    Only as many characters as the form says are taken for an end; where no value ends so, they make no value.
    """
    if field.catalogue is None or len(value) != field.last_digits:
        return (value,)
    known = catalogue.values(field.catalogue)
    if value in known:
        return (value,)
    return tuple(one for one in known if one.endswith(value)) or (None,)
