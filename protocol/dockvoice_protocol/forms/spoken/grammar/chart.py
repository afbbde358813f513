"""The chart: all explanations of all words of an utterance, each with its cost.

Explanations grow from left to right. At each word the chart keeps the partial ones (`Path`) that are within the horizon
of the best; those that come to the same are kept once, as the cheapest. What nothing explains is not skipped: it is an
event of its own, placed where it stands.
"""

from __future__ import annotations

from collections.abc import Mapping

from dockvoice_protocol.forms.spoken.grammar import weights
from dockvoice_protocol.forms.spoken.grammar.agenda import Agenda
from dockvoice_protocol.forms.spoken.grammar.beside import Beside
from dockvoice_protocol.forms.spoken.grammar.counts import UnitCounts
from dockvoice_protocol.forms.spoken.grammar.mentions import CountMentions, Mentions
from dockvoice_protocol.forms.spoken.grammar.path import ExplanationEvent, Happens, Path, Place, Story
from dockvoice_protocol.forms.spoken.grammar.phrases import SmallWords
from dockvoice_protocol.forms.spoken.grammar.spans import Spans
from dockvoice_protocol.forms.spoken.grammar.spelling import Speller
from dockvoice_protocol.forms.spoken.grammar.strays import Strays
from dockvoice_protocol.forms.spoken.grammar.tokens import ends_word
from dockvoice_protocol.records import FieldValue

PLACES = 6
"""Decimals of costs that are compared: the same, added up in another order, must be the same."""


def explanations(
    spans: Spans,
    asked: str | None = None,
    held: Mapping[str, FieldValue] | None = None,
    *,
    correcting: bool = False,
) -> list[Path]:
    """The whole explanations of an utterance, the cheapest first; none where there are more ways than are followed.

    Args:
        spans: Its words.
        asked: The field whose bare value would answer a question.
        held: The entry that a correction without more may be about.
        correcting: Whether all that is said corrects it, with or without a cue.
    """
    growth = _Growth(spans, asked, held or {}, correcting=correcting)
    budget = weights.BUDGET
    while not (found := growth.within(budget)) and growth.left >= 0 and budget < weights.LARGEST_BUDGET:
        budget += weights.RAISE
    if found and (enough := found[0].cost + weights.RIVALRY) > budget:
        found = growth.within(enough)
    return found


class _Growth:
    """How explanations of one utterance grow, for what was asked."""

    def __init__(self, spans: Spans, asked: str | None, held: Mapping[str, FieldValue], *, correcting: bool) -> None:
        self._spans = spans
        self._counts = UnitCounts(spans, asked)
        self._tokens = spans.tokens
        self._agenda = Agenda(spans)
        self._speller = Speller(spans, self._agenda)
        self._mentions = Mentions(spans, self._agenda, self._speller, asked, held)
        self._counted = CountMentions(spans, self._agenda, self._mentions)
        self._phrases = SmallWords(spans, self._counts, self._agenda, self._mentions, asked)
        self._strays = Strays(spans, self._agenda)
        self._beside = Beside(spans, answers=asked is not None or bool(held) or correcting)
        self._ends: list[Path] = []
        self.left = weights.MOST
        """How many more partial explanations may grow; below 0, none were found, and none will be."""
        self._agenda.add(0, Path(0.0, Place.START, None, "c" if correcting else "", None, (), Story(), 0))

    def within(self, budget: float) -> list[Path]:
        """The whole explanations that cost no more than the budget, which only grows, the cheapest first."""
        self._agenda.budget = budget
        for at in self._agenda.due():
            growing = self._growing(at)
            self.left -= len(growing)
            if self.left < 0:
                return []  # Those that were found may have rivals that were not.
            for path in growing:
                if at < len(self._tokens):
                    self._extend(path, at)
                elif (ended := self._ended(path)) is not None:
                    self._ends.append(ended)
        return sorted((path for path in self._ends if path.cost <= budget), key=_by_cost)

    def _growing(self, at: int) -> list[Path]:
        """The paths at a token that grow now, values that end here closed as well."""
        if ends_word(self._tokens, at):
            for path in self._agenda.spelling(at):
                for closed in self._mentions.spelt(path, at):
                    self._agenda.add(at, closed)
        return self._agenda.growing(at)

    def _extend(self, path: Path, at: int) -> None:
        """All the steps that a path may take at a token."""
        if path.spelling is not None:
            self._speller.go_on(path, path.spelling, at)
            return
        if self._tokens[at].inner:
            return
        self._phrases.go(path, at)
        if path.state is Place.LABELLED:
            self._mentions.value(path, str(path.field), at, 0.0, "")
        else:
            self._mentions.bare(path, at)
        for count in self._counts.at(at):
            self._counted.say(path, count, at)
        self._strays.go(path, at)

    def _ended(self, path: Path) -> Path | None:
        """A whole explanation; None where it ends in the middle of a value."""
        if path.spelling is not None:
            return None
        if path.state is Place.LABELLED:
            if self._spans.says_value(str(path.field), path.since):
                return None  # "Sealed" at the end is a value, and no label whose value is not said yet.
            # Not a false start as well: its value may just not be said yet.
            path = self._agenda.opened(path)._replace(cost=path.cost + weights.LAST_LABEL)
        unitless = {event.field for event in path.events if "u" in event.marks}
        if any(event.field in unitless and "u" not in event.marks for event in path.events):
            # Where a count was said with its unit, none went without.
            path = path._replace(cost=path.cost + weights.OTHER)
        if path.pending:
            path = path.telling(
                ExplanationEvent(Happens.DANGLING, path.field, start=len(self._tokens), end=len(self._tokens))
            )
        return path._replace(events=self._beside.judged(path.events))


def _by_cost(path: Path) -> tuple[float, list[tuple[int, int]]]:
    """What explanations are sorted by; where they cost the same, the one first whose first things end first."""
    return round(path.cost, PLACES), [(event.end, event.start) for event in path.events]
