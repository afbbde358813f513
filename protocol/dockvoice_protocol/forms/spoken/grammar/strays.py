"""Strays: words that belong to no field, as loose numbers, values that are taken back, remarks and strange words."""

from __future__ import annotations

from collections.abc import Iterator

from dockvoice_protocol.forms.spoken.folding import Phrase
from dockvoice_protocol.forms.spoken.grammar import weights
from dockvoice_protocol.forms.spoken.grammar.agenda import Agenda
from dockvoice_protocol.forms.spoken.grammar.lexicon import SLOT, Role
from dockvoice_protocol.forms.spoken.grammar.path import ExplanationEvent, Happens, Path, Place
from dockvoice_protocol.forms.spoken.grammar.spans import Spans
from dockvoice_protocol.forms.spoken.grammar.tokens import ends_word

NAMED = 2
"""Words of a remark ("from order 9981") that make sure that its figures are its own."""
LONGEST_DATE = 7
"""Words: "the third of may twenty twenty seven"."""
HUNDRED, THOUSAND = 100, 1000  # Between them a number is said as hundreds of one digit, which is no hour.
MOST_GROUPS = 6
"""Groups of a code that belongs to no field: more than any label has."""


class Remarks:
    """The remarks in one utterance."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans
        self._numbers = spans.numbers
        self._tokens, self._words = spans.tokens, spans.words
        self._known: dict[int, set[int]] = {}
        self._has_months = not spans.language.months.isdisjoint(spans.words)

    def ends(self, at: int) -> set[int]:
        """Where remarks that begin at a token may end."""
        if (known := self._known.get(at)) is None:
            begun = self._spans.lexicon.asides.get(self._words[at], ())
            known = {end for aside in begun for end in self._rest(aside, at + 1)}
            for slot, remarks in self._spans.lexicon.slotted.items():
                for end in self._slot(slot, at):
                    rests = remarks.get(self._words[end], ()) if end < len(self._words) else ()
                    known |= {stop for rest in rests for stop in self._rest(rest, end + 1)}
                    known |= {end} if "" in remarks else set()
            self._known[at] = known
        return known

    def _rest(self, aside: Phrase, at: int) -> set[int]:
        """Where a remark may end that goes on with the words of `aside` at `at`."""
        reached = {at}
        for word in aside:
            if word.startswith(SLOT):
                reached = {end for here in reached for end in self._slot(word, here)}
            else:
                reached = {here + 1 for here in reached if here < len(self._words) and self._words[here] == word}
        return {end for end in reached if ends_word(self._tokens, end)}

    def _slot(self, slot: str, at: int) -> set[int]:
        """Where what a slot stands for may end, begun at `at`."""
        if at >= len(self._words):
            return set()
        match slot:
            case "{word}":
                return {at + 1}
            case "{date}":
                return self._dates(at) if self._has_months else set()
            case "{number}":
                return set(self._numbers.ends(at))
            case "{time}":
                return self._times(at)
            case _:
                return self._codes(at)

    def _times(self, at: int) -> set[int]:
        """A time of day: written "7:30", or two numbers, since one alone is none."""
        clock = {at + 1} if ":" in self._words[at] else set()
        hundreds = {end for end, value, _ in self._numbers.cardinals(at) if HUNDRED <= value < THOUSAND}
        if hundreds and self._is_hundred(at + 1):
            return clock  # "It's one hundred and forty-four cases" tells no time.
        ends = set(self._numbers.ends(at))
        return clock | {group.end for end in ends for group in self._numbers.digit_groups(end)}

    def _is_hundred(self, at: int) -> bool:
        """Is it a word that makes hundreds of the number before it?"""
        return at < len(self._words) and any(value == HUNDRED for _, value, _ in self._numbers.cardinals(at))

    def _codes(self, at: int) -> set[int]:
        """A code that belongs to no field: groups of digits, and letters, without a pause."""
        found = set(self._numbers.ends(at))
        for _ in range(MOST_GROUPS):
            further = {
                more
                for end in found or {at}
                if end == at or self._spans.goes_straight_on(end)
                for more in self._further(end)
            }
            if further <= found:
                break
            found = found | further
        # A letter alone is no code, but may be the value that follows: "dock, boy, order D".
        return {end for end in found if end > at + 1 or self._numbers.begins(at)}

    def _further(self, at: int) -> Iterator[int]:
        yield from (group.end for group in self._numbers.digit_groups(at))
        yield from (end for end, _, _ in self._spans.letters(at))

    def _dates(self, at: int) -> set[int]:
        """A day of a month: numbers and small words, a month's name among them."""
        found: set[int] = set()
        named = False
        for here in range(at, min(at + LONGEST_DATE, len(self._words))):
            word = self._words[here]
            counts = bool(self._numbers.digit_groups(here))  # French "sept" is seven first.
            named = named or (word in self._spans.language.months and not counts)
            if counts or word in self._spans.language.months or word in self._spans.language.ordinals:
                found |= {here + 1} if named else set()
            elif not self._spans.lexicon.joins(word):
                break
        return found


class Strays:
    """The steps of one utterance over words that belong to nothing."""

    def __init__(self, spans: Spans, agenda: Agenda) -> None:
        self._spans = spans
        self._numbers = spans.numbers
        self._remarks = Remarks(spans)
        self._agenda = agenda
        self._tokens, self._words, self._fields = spans.tokens, spans.words, spans.fields
        self._nots = spans.language.words["nots"]
        self._named: dict[int, bool] = {}
        self._loose: dict[int, list[ExplanationEvent]] = {}
        self._strangers: dict[tuple[int, str | None], ExplanationEvent] = {}
        self._known: dict[tuple[int, bool], bool] = {}

    def go(self, path: Path, at: int) -> None:
        """Go on behind what begins at a token and belongs to nothing."""
        if self._is_named(at):
            self._slip(path, at)
            self._preposition(path, at)
            for end in self._remarks.ends(at):
                self._aside(path, at, end)
        self._number(path, at)
        self._stranger(path, at)

    def _is_named(self, at: int) -> bool:
        """Does anything begin at a token that has a name of its own, and is no loose number or strange word?"""
        if (known := self._named.get(at)) is None:
            sounds = self._words[at] in self._spans.lexicon.sounding_like
            known = self._named[at] = sounds or bool(self._spans.slips(at) or self._remarks.ends(at))
        return known

    def _slip(self, path: Path, at: int) -> None:
        """A value that is taken back at once."""
        for stop, event in self._spans.slips(at):
            crowded = isinstance(event.value, int) and path.state is Place.SAID and not self._tokens[at].pause
            cost = weights.SLIP + event.cost + (weights.ELSEWHERE if crowded else 0.0)
            slipped = self._agenda.opened(path).telling(event)
            # "Doce no quince" may mean either.
            denies = tuple(self._words[event.end : stop]) in self._nots and self._spans.goes_straight_on(stop)
            self._agenda.go(
                slipped, stop, cost, pending="ch" if denies else "c", state=Place.BETWEEN, cue=(event.end, stop)
            )

    def _number(self, path: Path, at: int) -> None:
        """A number that belongs to nothing."""
        for event in self._loose_at(at):
            self._agenda.happen(self._agenda.opened(path), event, weights.LOOSE, state=Place.BETWEEN)

    def _loose_at(self, at: int) -> list[ExplanationEvent]:
        """The longest number that begins at a token, and the shortest."""
        if (known := self._loose.get(at)) is None:
            ends = self._numbers.ends(at)
            bounds = {max(ends), min(ends)} if ends else ()
            known = self._loose[at] = [ExplanationEvent(Happens.NUMBER, start=at, end=end) for end in bounds]
        return known

    def _preposition(self, path: Path, at: int) -> None:
        """A number word that may have been the preposition before a label: "seven four two | two dock b"."""
        if self._words[at] in self._spans.lexicon.sounding_like and at + 2 < len(self._tokens):
            labels = [self._fields[one.field] for one in self._spans.matches[at + 1] if one.role is Role.LABEL]
            places = any(not field.identifier and not field.spoken.counts for field in labels)
            # Behind "742" a model writes another digit as one; in words it may be either, but is hardly ever a "to".
            written = at > 0 and len(self._words[at - 1]) > 1 and self._words[at - 1].isdigit()
            if places and written and not self._tokens[at + 1].pause:
                self._agenda.go(self._agenda.opened(path), at + 1, weights.HOMOPHONE, **path.between)

    def _aside(self, path: Path, at: int, end: int) -> None:
        path = self._agenda.opened(path)
        # Right behind digits, the figures of a remark may have been meant for them.
        spelt = path.state is Place.SAID and self._fields[str(path.field)].spoken.spelt
        named = sum(not self._numbers.begins(inside) for inside in range(at, end))
        if spelt and not self._tokens[at].pause and named < NAMED:
            path = path.telling(ExplanationEvent(Happens.HEDGE, path.field, start=at, end=end))
        if named < end - at and self._spans.goes_straight_on(end):
            path = path.telling(ExplanationEvent(Happens.ASIDE, start=at, end=end))
        self._agenda.go(path, end, weights.ASIDE + path.interrupted, **path.between)

    def _stranger(self, path: Path, at: int) -> None:
        """A word that nothing explains."""
        last = path.last
        field = path.field if path.state is Place.LABELLED else None
        further = last is not None and last.happens is Happens.STRANGER and last.end == at
        cost = weights.FURTHER_STRANGER if further else weights.STRANGER
        known = self._is_known(path, at)
        self._agenda.happen(path, self._strange(at, field), weights.KNOWN_STRANGER if known else cost)

    def _strange(self, at: int, field: str | None) -> ExplanationEvent:
        """The word at a token, which nothing explains."""
        if (known := self._strangers.get((at, field))) is None:
            end = at + 1
            while not ends_word(self._tokens, end):
                end += 1
            marks = "p" if self._tokens[at].pause else ""
            numerals = self._spans.language.numerals
            marks += "t" if self._words[at] in numerals.spoilers or self._words[at] in numerals.times else ""
            known = self._strangers[at, field] = ExplanationEvent(
                Happens.STRANGER, field, marks=marks, start=at, end=end
            )
        return known

    def _is_known(self, path: Path, at: int) -> bool:
        """Has a word its own meaning here: in the form, as a number, or as a letter of a code?"""
        code = path.state is Place.LABELLED and self._fields[str(path.field)].spoken.is_code
        if (known := self._known.get((at, code))) is None:
            names = any(match.role in {Role.LABEL, Role.UNIT} for match in self._spans.matches[at])
            known = names or (code and any(self._spans.letters(at))) or self._numbers.begins(at)
            self._known[at, code] = known
        return known
