"""Paths: partial explanations of an utterance, what they say that its words do, and the queue of those still to grow.

The queue keeps paths by the token that comes next, as many as a cost budget and a horizon leave. Paths in the same
state are kept once, as the cheapest.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Sequence
from enum import IntEnum, StrEnum, auto
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple, TypedDict, Unpack

from dockvoice_protocol.forms.spoken.grammar import weights
from dockvoice_protocol.records import FieldValue


class Happens(StrEnum):
    """What an explanation says that some words do."""

    MENTION = "mention"  # A field is said to have a value.
    LABEL = "label"  # A label without a value.
    SLIP = "slip"  # A bare number that a cue takes back.
    NUMBER = "number"  # A number that belongs to nothing.
    UNIT = "unit"  # A unit without a number.
    UNMATCHED = "unmatched"  # A word that nothing explains.
    DANGLING = "dangling"  # A cue, a hedge or a choice that nothing follows.
    HEDGE = "hedge"  # What stands before is only about right.
    NAY = "nay"  # "No" without a pause at the beginning: "no twelve units on pallet 742".
    PORTION = "portion"  # One count may be a part of another, or of one said before: "of those two damaged".
    TOTAL = "total"  # A count may be of all, what else is counted among it: "24 cases in total, two damaged".
    GOAL = "goal"  # The destination, for a field that holds the origin: "to door nine".
    ASIDE = "aside"  # A remark with figures, behind which the words go straight on.
    MOOD = "mood"  # A denial, a question, hearsay, the past, a wish.


class ExplanationEvent(NamedTuple):
    """One thing that an explanation says."""

    happens: Happens
    field: str | None = None
    value: FieldValue | None = None
    marks: str = ""
    """Of a mention, each a letter: `c` corrects, `n` is denied, `h` is hedged, `o` is one of two, `s` holds a strange
    word, `b` is bare, `r` is announced as a repetition, `a` said again, `e` of another field than the last,
    `u` a count without its unit, `v` one without a number, `z` one that a word says is zero.
    Of an unmatched word: `p` has a pause before it, `t` is of a number ("minus", "double"). Of what belongs to nothing:
    `r` is of a remark."""
    cost: float = 0.0
    start: int = 0
    end: int = 0
    """The tokens from `start` to before `end`."""
    basis: int | None = None
    """The token at which the value itself begins, behind its label."""
    cue: tuple[int, int] = (0, 0)
    """The tokens that announce it as a correction."""


class Place(IntEnum):
    """Where in a sentence a path stands."""

    START = auto()  # Nothing but openings so far.
    BETWEEN = auto()
    LABELLED = auto()  # Behind a label, before its value.
    SPELLING = auto()  # Inside a value that is spelt group by group.
    SAID = auto()  # Behind the value of a field.


class Spelling(NamedTuple):
    """A value that is being spelt. Two are the same state when all but the first two attributes are equal."""

    start: int
    cost: float
    text: str
    marks: str
    singles: bool = True
    """Digits one by one so far."""
    round: bool = False
    """It ends with a number of hundreds to which digits may belong, or of which the last digit may be none."""
    groups: int = 0
    paused: int = 0
    """How many of its gaps are pauses so far."""
    spared: float = 0.0
    """What its pauses would have cost, were it not an enumeration."""
    joined: bool = False
    """Does it end with what joins it to more of it: "seven four dash"?"""
    cut: float = 0.0
    """What it costs besides if another group follows at once: "forty" and "two" said for 402."""


class _Changes(TypedDict, total=False):
    """What changes of a path where it goes on."""

    state: Place
    field: str | None
    pending: str
    since: int
    cue: tuple[int, int]


_BETWEEN: _Changes = {"state": Place.BETWEEN}
_NOTHING: _Changes = {}


class Story:
    """A sequence of events without their positions, interned: equal sequences are one object."""

    __slots__ = ("_next", "said")

    def __init__(self, said: frozenset[str | None] = frozenset()) -> None:
        """`said`: the fields that have a mention."""
        self.said = said
        self._next: dict[tuple[object, ...], Story] = {}

    def then(self, event: ExplanationEvent) -> Story:
        """The sequence with one more event."""
        told = event[:4]
        if (longer := self._next.get(told)) is None:
            mentions = event.happens is Happens.MENTION and event.field not in self.said
            longer = self._next[told] = Story(self.said | {event.field} if mentions else self.said)
        return longer


class Path(NamedTuple):
    """A partial explanation."""

    cost: float
    state: Place
    field: str | None
    """The field that was named last."""
    pending: str
    """What the next mention will be marked with: `c`, `n`, `h`, `o`, `r`; `m` denies as "no" does, `x` a place.

    `w`: it is what is right of a thing on record ("was actually").
    `t`: it is where the thing goes on to, and no mention at all."""
    spelling: Spelling | None
    events: tuple[ExplanationEvent, ...]
    story: Story
    """`events` without their positions."""
    since: int
    """The token at which the label or the value at hand begins."""
    cue: tuple[int, int] = (0, 0)
    """The tokens of the cue that was said last."""

    @property
    def last(self) -> ExplanationEvent | None:
        """What happened last."""
        return self.events[-1] if self.events else None

    @property
    def between(self) -> _Changes:
        """The change of state behind a value."""
        return _BETWEEN if self.state is Place.SAID else _NOTHING

    @property
    def interrupted(self) -> float:
        """What it costs to say something else between "not" or "about" and what it is about."""
        return weights.MISPLACED if set(self.pending) & {"h", "n", "x"} else 0.0

    def dearer(self, cost: float) -> Path:
        """The path at a higher cost."""
        return Path(self.cost + cost, *self[1:])

    def telling(self, event: ExplanationEvent) -> Path:
        """The path with one more event."""
        cost, state, field, pending, spelling, events, story, since, cue = self
        return Path(cost, state, field, pending, spelling, (*events, event), story.then(event), since, cue)

    def mentioned(self, name: str) -> ExplanationEvent | None:
        """The last mention of a field."""
        if name not in self.story.said:
            return None
        return next(one for one in reversed(self.events) if one.field == name and one.happens is Happens.MENTION)


@lru_cache
def marked(marks: str, *more: str) -> str:
    """The union of marks, sorted."""
    return "".join(sorted({*marks, *more}))


_COST = attrgetter("cost")


class _Later(NamedTuple):
    """How a path goes on when the budget is larger."""

    cost: float
    path: Path
    event: ExplanationEvent | None
    changes: _Changes


class _Column:
    """The partial explanations at one token."""

    __slots__ = ("cheapest", "dearest", "known", "later", "waiting")

    def __init__(self) -> None:
        self.known: dict[object, float] = {}
        """By state, the lowest cost so far."""
        self.waiting: dict[object, Path] = {}
        """By state, the paths that are still to grow."""
        self.later: list[_Later] = []
        """Continuations beyond the budget, not made yet."""
        self.cheapest = math.inf
        """The lowest cost among both."""
        self.dearest = math.inf
        """The highest cost that may still become a rival of the best one here."""


class PathQueue:
    """The partial explanations of one utterance, by the token that comes next, and how they go on.

    They grow within a budget. No explanation grows cheaper, so that none within it is missed; what costs more waits for
    a larger one.
    """

    def __init__(self, words: Sequence[str], misheard: Container[str]) -> None:
        """`misheard`: words that are a label only before a value."""
        self._words = words
        self._misheard = misheard
        self._columns = [_Column() for _ in range(len(words) + 1)]
        self.budget = 0.0

    def add(self, at: int, path: Path) -> None:
        """Keep a path at the token `at`, unless one in the same state costs no more."""
        column, cost = self._columns[at], path.cost
        if cost > column.dearest:
            return
        spelling, last = path.spelling, path.last
        beside = last is not None and last.end == at and last.happens is Happens.UNMATCHED
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

    def go(self, path: Path, end: int, cost: float, **changes: Unpack[_Changes]) -> None:
        """Go on at the token `end`."""
        self._go(path, None, end, path.cost + cost, changes)

    def happen(self, path: Path, event: ExplanationEvent, cost: float, **changes: Unpack[_Changes]) -> None:
        """Go on behind an event."""
        self._go(path, event, event.end, path.cost + cost, changes)

    def _go(self, path: Path, event: ExplanationEvent | None, end: int, cost: float, changes: _Changes) -> None:
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
        unread = bool(path.events) and path.events[-1][:2] == (Happens.UNMATCHED, path.field)
        path = path.telling(event)
        # What is but like a label in sound is one only before a value.
        dearer = weights.UNMATCHED if self._words[event.start] in self._misheard else 0.0
        pending = path.pending.replace("t", "")
        return path._replace(state=Place.BETWEEN, pending=pending, cost=path.cost + dearer + (0.0 if unread else cost))


def _gone(path: Path, event: ExplanationEvent | None, cost: float, changes: _Changes) -> Path:
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
