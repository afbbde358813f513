"""The agenda: the partial explanations at each word of an utterance, as many as a budget and a horizon leave.

What comes to the same is kept once, as the cheapest.
"""

from __future__ import annotations

from typing import Unpack

from edge.forms.spoken.grammar import weights
from edge.forms.spoken.grammar.path import Changes, Event, Happens, Path, State
from edge.forms.spoken.grammar.spans import Spans


class Agenda:
    """The partial explanations of one utterance, by the token that comes next, and how they go on."""

    def __init__(self, spans: Spans) -> None:
        self._words = spans.words
        self._misheard = spans.language.misheard
        self._budget = 0.0
        self._at: list[dict[object, Path]] = []

    def begin(self, path: Path, budget: float) -> None:
        """Begin anew with one path, for explanations that cost no more than the budget.

        No explanation grows cheaper, so that none within the budget is missed; dearer ones take no time.
        """
        self._budget = budget
        self._at = [{} for _ in range(len(self._words) + 1)]
        self.add(0, path)

    def affords(self, cost: float) -> bool:
        """Is a cost within the budget?"""
        return cost <= self._budget

    def add(self, at: int, path: Path) -> None:
        """Keep a path at the token `at`, unless what comes to the same is there for less."""
        if path.cost > self._budget:
            return
        there = self._at[at]
        spelling = path.spelling
        key = (path.state, path.field, path.pending, spelling and spelling[:4:3] + spelling[4:], path.key)
        before = there.get(key)
        if before is None or path.cost < before.cost:
            there[key] = path

    def spelling(self, at: int) -> list[Path]:
        """Those at a token that are in the middle of a value."""
        return [path for path in self._at[at].values() if path.spelling is not None]

    def kept(self, at: int) -> list[Path]:
        """Those at a token that may still become the best one or a rival of it, those inside a value first.

        The others are counted by themselves, so that many ways to go on with digits do not crowd them out.
        """
        there = self._at[at].values()
        dearest = min((path.cost for path in there), default=0.0) + weights.HORIZON
        kept = sorted((path for path in there if path.cost <= dearest), key=lambda path: path.cost)
        spelling = [path for path in kept if path.spelling is not None]
        others = [path for path in kept if path.spelling is None]
        return [*spelling[: weights.WIDTH], *others[: weights.WIDTH]]

    def go(self, path: Path, end: int, cost: float, **changes: Unpack[Changes]) -> None:
        """Go on at the token `end`."""
        self.add(end, path._replace(cost=path.cost + cost, **changes))

    def happen(self, path: Path, event: Event, cost: float, **changes: Unpack[Changes]) -> None:
        """Go on behind an event."""
        self.go(path.telling(event), event.end, cost, **changes)

    def opened(self, path: Path) -> Path:
        """The path, a label before that got no value set down as such."""
        if path.state is not State.LABELLED:
            return path
        event = Event(Happens.LABEL, path.field, start=path.since, end=path.since + 1)
        # A word that nothing explains was its value.
        unread = bool(path.events) and path.events[-1][:2] == (Happens.STRANGER, path.field)
        path = path.telling(event)
        # What is but like a label in sound is one only before a value.
        dearer = weights.STRANGER if self._words[event.start] in self._misheard else 0.0
        return path._replace(state=State.BETWEEN, cost=path.cost + dearer + (0.0 if unread else weights.FALSE_START))
