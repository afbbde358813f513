"""The agenda: the partial explanations at each word of an utterance, as many as a budget and a horizon leave.

What comes to the same is kept once, as the cheapest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from operator import attrgetter
from typing import NamedTuple, Unpack

from dockvoice_protocol.forms.spoken.grammar import weights
from dockvoice_protocol.forms.spoken.grammar.path import Changes, ExplanationEvent, Happens, Path, Place
from dockvoice_protocol.forms.spoken.grammar.spans import Spans

_COST = attrgetter("cost")


class _Later(NamedTuple):
    """How a path goes on when the budget is larger."""

    cost: float
    path: Path
    event: ExplanationEvent | None
    changes: Changes


class _Column:
    """The partial explanations at one token."""

    __slots__ = ("cheapest", "dearest", "known", "later", "waiting")

    def __init__(self) -> None:
        self.known: dict[object, float] = {}
        """The cost of what each came to."""
        self.waiting: dict[object, Path] = {}
        """Those that are still to grow."""
        self.later: list[_Later] = []
        """Those that are not made yet, since they cannot grow within the budget."""
        self.cheapest = math.inf
        """No cost among both is lower."""
        self.dearest = math.inf
        """What costs more cannot become a rival of the best one here."""


class Agenda:
    """The partial explanations of one utterance, by the token that comes next, and how they go on.

    They grow within a budget. No explanation grows cheaper, so that none within it is missed; what costs more waits for
    a larger one.
    """

    def __init__(self, spans: Spans) -> None:
        self._words = spans.words
        self._misheard = spans.language.misheard
        self._columns = [_Column() for _ in range(spans.size + 1)]
        self.budget = 0.0

    def add(self, at: int, path: Path) -> None:
        """Keep a path at the token `at`, unless what comes to the same is there for less."""
        column, cost = self._columns[at], path.cost
        if cost > column.dearest:
            return
        spelling, last = path.spelling, path.last
        beside = last is not None and last.end == at and last.happens is Happens.STRANGER
        key = (path.state, path.field, path.pending, path.story, beside, spelling and spelling[2:])
        if column.known.get(key, math.inf) <= cost:
            return
        column.known[key] = cost
        column.waiting[key] = path
        column.cheapest = min(column.cheapest, cost)
        column.dearest = min(column.dearest, cost + weights.HORIZON)

    def due(self) -> Iterator[int]:
        """The tokens at which some are to grow now, each after all before it did."""
        for at, column in enumerate(self._columns):
            if column.cheapest <= self.budget:
                yield at

    def spelling(self, at: int) -> list[Path]:
        """Those at a token that are to grow now and are in the middle of a value."""
        column = self._columns[at]
        budget, later, column.later = self.budget, column.later, []
        for one in later:
            if one.cost > column.dearest:
                continue
            if one.cost > budget:
                column.later.append(one)
            else:
                self.add(at, _gone(one.path, one.event, one.cost, one.changes))
        return [path for path in column.waiting.values() if path.spelling is not None and path.cost <= budget]

    def growing(self, at: int) -> list[Path]:
        """Those at a token that grow now: those inside a value first, each kind by its cost."""
        column = self._columns[at]
        most = min(self.budget, column.dearest)
        waiting, column.waiting = column.waiting, {}
        growing: tuple[list[Path], list[Path]] = [], []
        for key, path in waiting.items():
            if path.cost <= most:
                growing[path.spelling is not None].append(path)
            elif path.cost <= column.dearest:
                column.waiting[key] = path
        column.cheapest = min(
            min((path.cost for path in column.waiting.values()), default=math.inf),
            min((one.cost for one in column.later), default=math.inf),
        )
        between, inside = (sorted(kind, key=_COST) for kind in growing)
        return [*inside, *between]

    def go(self, path: Path, end: int, cost: float, **changes: Unpack[Changes]) -> None:
        """Go on at the token `end`."""
        self._go(path, None, end, path.cost + cost, changes)

    def happen(self, path: Path, event: ExplanationEvent, cost: float, **changes: Unpack[Changes]) -> None:
        """Go on behind an event."""
        self._go(path, event, event.end, path.cost + cost, changes)

    def _go(self, path: Path, event: ExplanationEvent | None, end: int, cost: float, changes: Changes) -> None:
        column = self._columns[end]
        if cost > column.dearest:
            return
        if cost <= self.budget:
            self.add(end, _gone(path, event, cost, changes))
        else:
            column.later.append(_Later(cost, path, event, changes))
            column.cheapest = min(column.cheapest, cost)

    def opened(self, path: Path, cost: float = weights.FALSE_START) -> Path:
        """The path, a label before that got no value set down as such."""
        if path.state is not Place.LABELLED:
            return path
        event = ExplanationEvent(Happens.LABEL, path.field, start=path.since, end=path.since + 1)
        # A word that nothing explains was its value.
        unread = bool(path.events) and path.events[-1][:2] == (Happens.STRANGER, path.field)
        path = path.telling(event)
        # What is but like a label in sound is one only before a value.
        dearer = weights.STRANGER if self._words[event.start] in self._misheard else 0.0
        pending = path.pending.replace("t", "")
        return path._replace(state=Place.BETWEEN, pending=pending, cost=path.cost + dearer + (0.0 if unread else cost))


def _gone(path: Path, event: ExplanationEvent | None, cost: float, changes: Changes) -> Path:
    _, state, field, pending, spelling, events, story, since, cue = path
    if event is not None:
        events, story = (*events, event), story.then(event)
    return Path(
        cost,
        changes.get("state", state),
        changes.get("field", field),
        changes.get("pending", pending),
        spelling,
        events,
        story,
        changes.get("since", since),
        changes.get("cue", cue),
    )
