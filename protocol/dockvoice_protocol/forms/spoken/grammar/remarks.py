"""Remarks that may hold figures of their own: "order 4550012", "ten minutes ago"."""

from __future__ import annotations

from collections.abc import Iterator

from dockvoice_protocol.forms.spoken.folding import Phrase
from dockvoice_protocol.forms.spoken.grammar.lexicon import SLOT
from dockvoice_protocol.forms.spoken.grammar.spans import Spans
from dockvoice_protocol.forms.spoken.grammar.tokens import ends_word

_LONGEST_DATE = 7
"""Words: "the third of may twenty twenty seven"."""
_HUNDRED, _THOUSAND = 100, 1000  # A number between them has one digit of hundreds, and is no hour.
_MOST_GROUPS = 6
"""Groups of a code without a field: more than any label has."""


class Remarks:
    """Finds the remarks in one utterance."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans
        self._numbers = spans.numbers
        self._tokens, self._words = spans.tokens, spans.words
        self._known: dict[int, set[int]] = {}
        self._has_months = not spans.language.months.isdisjoint(spans.words)

    def ends(self, at: int) -> set[int]:
        """The possible ends of remarks that begin at a token."""
        if (known := self._known.get(at)) is None:
            begun = self._spans.lexicon.asides.get(self._words[at], ())
            known = {end for aside in begun for end in self._aside_ends(aside, at + 1)}
            for slot, remarks in self._spans.lexicon.slotted.items():
                for end in self._slot_ends(slot, at):
                    rests = remarks.get(self._words[end], ()) if end < len(self._words) else ()
                    known |= {stop for rest in rests for stop in self._aside_ends(rest, end + 1)}
                    known |= {end} if "" in remarks else set()
            self._known[at] = known
        return known

    def _aside_ends(self, aside: Phrase, at: int) -> set[int]:
        """The possible ends of the words of `aside` from `at` on."""
        reached = {at}
        for word in aside:
            if word.startswith(SLOT):
                reached = {end for here in reached for end in self._slot_ends(word, here)}
            else:
                reached = {here + 1 for here in reached if here < len(self._words) and self._words[here] == word}
        return {end for end in reached if ends_word(self._tokens, end)}

    def _slot_ends(self, slot: str, at: int) -> set[int]:
        """The possible ends of a slot's content that begins at `at`."""
        if at >= len(self._words):
            return set()
        match slot:
            case "{word}":
                return {at + 1}
            case "{date}":
                return self._date_ends(at) if self._has_months else set()
            case "{number}":
                return set(self._numbers.ends(at))
            case "{time}":
                return self._time_ends(at)
            case _:
                return self._code_ends(at)

    def _time_ends(self, at: int) -> set[int]:
        """The ends of a time of day: "7:30", or two numbers, since one alone is none."""
        clock = {at + 1} if ":" in self._words[at] else set()
        hundreds = {end for end, value, _ in self._numbers.cardinals(at) if _HUNDRED <= value < _THOUSAND}
        if hundreds and self._is_hundred(at + 1):
            return clock  # "It's one hundred and forty-four cases" is no time.
        ends = set(self._numbers.ends(at))
        return clock | {group.end for end in ends for group in self._numbers.digit_groups(end)}

    def _is_hundred(self, at: int) -> bool:
        """Whether the word at a token is a "hundred"."""
        return at < len(self._words) and any(value == _HUNDRED for _, value, _ in self._numbers.cardinals(at))

    def _code_ends(self, at: int) -> set[int]:
        """The ends of a code without a field: groups of digits, and letters, without a pause."""
        found = set(self._numbers.ends(at))
        for _ in range(_MOST_GROUPS):
            further = {
                more
                for end in found or {at}
                if end == at or self._spans.goes_straight_on(end)
                for more in self._next_ends(end)
            }
            if further <= found:
                break
            found = found | further
        # A single letter is no code, but may be the next value: "dock, boy, order D".
        return {end for end in found if end > at + 1 or self._numbers.begins(at)}

    def _next_ends(self, at: int) -> Iterator[int]:
        yield from (group.end for group in self._numbers.digit_groups(at))
        yield from (end for end, _, _ in self._spans.letters(at))

    def _date_ends(self, at: int) -> set[int]:
        """The ends of a date: numbers and links, with the name of a month."""
        found: set[int] = set()
        named = False
        for here in range(at, min(at + _LONGEST_DATE, len(self._words))):
            word = self._words[here]
            counts = bool(self._numbers.digit_groups(here))  # French "sept" is seven first.
            named = named or (word in self._spans.language.months and not counts)
            if counts or word in self._spans.language.months or word in self._spans.language.ordinals:
                found |= {here + 1} if named else set()
            elif not self._spans.lexicon.joins(word):
                break
        return found
