"""Paths: partial explanations of an utterance as sequences of events, and the queue of unfinished ones.

The queue holds paths by their next token, within a cost budget and a horizon. For each state it keeps only the
cheapest.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Sequence
from enum import IntEnum, StrEnum, auto
from itertools import chain
from typing import NamedTuple, TypedDict, Unpack

from dockvoice_protocol.forms.spoken.grammar import costs
from dockvoice_protocol.forms.spoken.grammar.marks import DENIED, HEDGED, NOT_THIS_PLACE, VALUE_APART
from dockvoice_protocol.forms.spoken.grammar.members import quick_members
from dockvoice_protocol.records import FieldValue


@quick_members
class EventKind(StrEnum):
    """The type of an event in an explanation."""

    MENTION = "mention"  # A value of a field.
    LABEL = "label"  # A label without a value.
    WITHDRAWN = "withdrawn"  # A bare number that a cue takes back.
    NUMBER = "number"  # A number without a field.
    UNIT = "unit"  # A unit without a number.
    UNMATCHED = "unmatched"  # An unexplained word.
    DANGLING = "dangling"  # A cue, a hedge or a choice at the end.
    HEDGE = "hedge"  # The value before is doubtful.
    NAY = "nay"  # A leading "no" without a pause: "no twelve units on pallet 742".
    PORTION = "portion"  # One count may be a part of another, or of one said before: "of those two damaged".
    TOTAL = "total"  # A count may include the other counts: "24 cases in total, two damaged".
    TEMPLATE = "template"  # Words around the values of a sentence template: "I said ..., but it's ...".
    ASIDE = "aside"  # A remark with figures, without a pause behind it.
    MOOD = "mood"  # A denial, a question, hearsay, the past, a wish.


class ExplanationEvent(NamedTuple):
    """One step of an explanation: tokens explained as a mention, a remark or the like."""

    kind: EventKind
    field: str | None = None
    value: FieldValue | None = None
    marks: str = ""  # Of the constants in `marks`.
    cost: float = 0.0
    start: int = 0
    end: int = 0  # The tokens from `start` to before `end`.
    basis: int | None = None  # The token at which the value itself begins, behind its label.
    cue: tuple[int, int] = (0, 0)  # The tokens of the cue that makes it a correction.


@quick_members
class ParserState(IntEnum):
    """Where in a mention the parser is, as the state of a path."""

    START = auto()  # Only openings so far.
    BETWEEN = auto()
    LABELLED = auto()  # Behind a label, before its value.
    SPELLING = auto()  # Inside a value that is spelt group by group.
    SAID = auto()  # Directly behind the value of a field.


class Spelling(NamedTuple):
    """An unfinished spelt value. Equality of state ignores the first two attributes."""

    start: int
    cost: float
    text: str
    marks: str
    singles: bool = True  # Digits one by one so far.
    round: bool = False  # It ends with a number of hundreds that may continue, or may have ended before its last digit.
    groups: int = 0
    paused: int = 0  # Number of pauses between its groups so far.
    spared: float = 0.0  # Waived cost of its pauses, owed where it turns out to be no enumeration.
    joined: bool = False  # Whether it ends with a separator: "seven four dash".
    cut: float = 0.0  # Additional cost if another group follows directly: "forty" and "two" said for 402.
    run: int = 0  # Number of its digits since the last pause.
    breaths: tuple[int, ...] = ()
    """Lengths of the value at the pauses that part groups of digits, whose cost is waived."""
    waived: float = 0.0  # The cost of all of them.
    unpaid: float = 0.0  # The cost of the last of them, owed where no group of digits follows it.


class _Changes(TypedDict, total=False):
    """Changed attributes of a path's next step."""

    state: ParserState
    field: str | None
    pending: str
    since: int
    cue: tuple[int, int]


_BETWEEN: _Changes = {"state": ParserState.BETWEEN}
_NOTHING: _Changes = {}

_BINDING = frozenset({EventKind.MENTION, EventKind.LABEL, EventKind.WITHDRAWN, EventKind.UNIT, EventKind.TEMPLATE})
"""Events on which the cost of later ones may depend, even where others are between."""


class Story:
    """A sequence of events without their positions, interned: equal sequences are one object."""

    __slots__ = ("_next", "binding", "said")

    def __init__(self, said: frozenset[str | None] = frozenset(), binding: Story | None = None) -> None:
        """`said`: the mentioned fields. `binding`: its events that the cost of later ones may depend on; None: all."""
        self.said = said
        self.binding = binding or self
        self._next: dict[tuple[object, ...], Story] = {}

    def with_event(self, event: ExplanationEvent) -> Story:
        """The sequence with one more event."""
        key = event[:4]
        if (longer := self._next.get(key)) is None:
            mentions = event.kind is EventKind.MENTION and event.field not in self.said
            said = self.said | {event.field} if mentions else self.said
            if event.kind not in _BINDING:
                longer = Story(said, self.binding)
            else:
                longer = Story(said, None if self.binding is self else self.binding.with_event(event))
            self._next[key] = longer
        return longer


class Path(NamedTuple):
    """A partial explanation: its events so far, cost, and parser state."""

    cost: float
    state: ParserState
    field: str | None  # The last named field.
    pending: str  # Marks of the next mention.
    spelling: Spelling | None
    events: tuple[ExplanationEvent, ...]
    story: Story  # `events` without their positions.
    since: int  # The token at which the current label or value begins.
    cue: tuple[int, int] = (0, 0)  # The tokens of the last cue.

    @property
    def last(self) -> ExplanationEvent | None:
        """The last event, or None."""
        return self.events[-1] if self.events else None

    @property
    def changes_behind_value(self) -> _Changes:
        """The attributes that a path changes behind a value."""
        return _BETWEEN if self.state is ParserState.SAID else _NOTHING

    @property
    def interruption_cost(self) -> float:
        """The cost of other words between "not" or "about" and the value."""
        return costs.MISPLACED if set(self.pending) & {HEDGED, DENIED, NOT_THIS_PLACE} else 0.0

    def with_added_cost(self, cost: float) -> Path:
        """A copy of the path with the cost added."""
        return Path(self.cost + cost, *self[1:])

    def with_event_added(self, event: ExplanationEvent) -> Path:
        """A copy of the path with one more event."""
        cost, state, field, pending, spelling, events, story, since, cue = self
        return Path(cost, state, field, pending, spelling, (*events, event), story.with_event(event), since, cue)

    def last_mention(self, name: str) -> ExplanationEvent | None:
        """The last mention of a field, or None."""
        if name not in self.story.said:
            return None
        return next(one for one in reversed(self.events) if one.field == name and one.kind is EventKind.MENTION)


_SWAPPED = 2  # Characters that change places in one error.


def differ_by_one_error(old: str, value: str) -> bool:
    """Whether two codes of one length differ in one character, or in the order of two."""
    differing = [at for at, (one, other) in enumerate(zip(old, value, strict=True)) if one != other]
    return len(differing) == 1 or (len(differing) == _SWAPPED and sorted(old) == sorted(value))


def withdrawn_digits(withdrawn: ExplanationEvent, words: Sequence[str]) -> str:
    """A withdrawn number as a spelt field has it, with its leading zeros."""
    figures, said = words[withdrawn.start], withdrawn.end - withdrawn.start
    if said == 1 and figures.isdigit():
        return figures
    return str(withdrawn.value).zfill(said if withdrawn.cost >= costs.DIGITWISE else 0)


def _by_kind_and_cost(path: Path) -> tuple[bool, float]:
    """Sort key of the paths at a token."""
    return path.spelling is None, path.cost


_RIVAL_LIMIT = costs.RIVALRY + 0.001
"""A path is no rival if it costs this much more than another; 0.001 allows for rounding."""


class _Later(NamedTuple):
    """A path's step that waits for a larger budget."""

    cost: float
    path: Path
    event: ExplanationEvent | None
    changes: _Changes


class _Column:
    """The partial explanations at one token."""

    __slots__ = ("cheapest", "cost_limit", "known", "later", "waiting")

    def __init__(self) -> None:
        self.known: dict[object, dict[Story | None, float]] = {}
        """By state and by story, the lowest cost so far; under None that of all stories."""
        self.waiting: dict[object, Path] = {}  # By state and story, the unfinished paths.
        self.later: list[_Later] = []  # Steps beyond the budget, not taken yet.
        self.cheapest = math.inf  # The lowest cost in `waiting` and `later`.
        self.cost_limit = math.inf  # The highest cost of a possible rival of the best path here.


class PathQueue:
    """The partial explanations of one utterance, by their next token.

    They grow within a budget. Steps never reduce a cost, so that none within the budget is missed; costlier ones wait
    for a larger budget.
    """

    def __init__(self, words: Sequence[str], misheard: Container[str]) -> None:
        """`misheard`: words that count as a label only before a value."""
        self._words = words
        self._misheard = misheard
        self.clear()

    def clear(self) -> None:
        """Remove all paths."""
        self._columns = [_Column() for _ in range(len(self._words) + 1)]
        self.budget = 0.0

    def add(self, at: int, path: Path) -> None:
        """Insert a path at the token `at`, unless a known one in the same state costs no more.

        Nor where it is no rival of one to whose end the same can be added at the same cost.
        """
        column, cost = self._columns[at], path.cost
        if cost > column.cost_limit:
            return
        _, state, field, pending, spelling, events, story, _, _ = path
        last = (events[-1].kind, events[-1].end) if events else None
        key = (state, field, pending, story.binding, last, spelling and spelling[2:])
        if (known := column.known.get(key)) is None:
            known = column.known[key] = {None: cost}
        elif known.get(story, math.inf) <= cost or cost > known[None] + _RIVAL_LIMIT:
            return
        elif cost < known[None]:
            known[None] = cost
        known[story] = cost
        column.waiting[key, story] = path
        column.cheapest = min(column.cheapest, cost)
        column.cost_limit = min(column.cost_limit, cost + costs.HORIZON)

    def tokens_within_budget(self) -> Iterator[int]:
        """The tokens whose cheapest path is within the budget, in order; each once all earlier ones were processed."""
        for at, column in enumerate(self._columns):
            if column.cheapest <= self.budget:
                yield at

    def admit_and_list_spelling_paths(self, at: int) -> list[Path]:
        """Take the postponed steps that the budget now allows; return the paths at a token inside a spelt value."""
        column = self._columns[at]
        budget = self.budget
        if column.later:
            later, column.later = column.later, []
            for one in later:
                if one.cost > column.cost_limit:
                    continue
                if one.cost > budget:
                    column.later.append(one)
                else:
                    self.add(at, _next_path(one.path, one.event, one.cost, one.changes))
        return [path for path in column.waiting.values() if path.spelling is not None and path.cost <= budget]

    def take_growing_paths(self, at: int) -> list[Path]:
        """Remove and return the paths at a token that grow now: those inside a value first, each kind by cost."""
        column = self._columns[at]
        most = min(self.budget, column.cost_limit)
        waiting, column.waiting = column.waiting, {}
        growing: list[Path] = []
        for key, path in waiting.items():
            if path.cost <= most:
                growing.append(path)
            elif path.cost <= column.cost_limit:
                column.waiting[key] = path
        waiting_costs = (path.cost for path in column.waiting.values())
        column.cheapest = min(chain(waiting_costs, (one.cost for one in column.later)), default=math.inf)
        growing.sort(key=_by_kind_and_cost)
        return growing

    def continue_at(self, path: Path, end: int, cost: float, **changes: Unpack[_Changes]) -> None:
        """Continue a path at the token `end`."""
        self._add_or_postpone_step(path, None, end, path.cost + cost, changes)

    def continue_with(self, path: Path, event: ExplanationEvent, cost: float, **changes: Unpack[_Changes]) -> None:
        """Continue a path behind an event."""
        self._add_or_postpone_step(path, event, event.end, path.cost + cost, changes)

    def _add_or_postpone_step(
        self, path: Path, event: ExplanationEvent | None, end: int, cost: float, changes: _Changes
    ) -> None:
        column = self._columns[end]
        if cost > column.cost_limit:
            return
        if cost <= self.budget:
            self.add(end, _next_path(path, event, cost, changes))
        else:
            column.later.append(_Later(cost, path, event, changes))
            column.cheapest = min(column.cheapest, cost)

    def with_label_closed(self, path: Path, cost: float = costs.FALSE_START) -> Path:
        """The path, whose open label without a value, if any, becomes a LABEL event at this cost.

        The cost is waived if the last event is an unexplained word in the place of the label's value. A word that only
        sounds like a label costs UNMATCHED more.
        """
        if path.state is not ParserState.LABELLED:
            return path
        event = ExplanationEvent(EventKind.LABEL, path.field, start=path.since, end=path.since + 1)
        unread = bool(path.events) and path.events[-1][:2] == (EventKind.UNMATCHED, path.field)
        path = path.with_event_added(event)
        # A word that only sounds like a label is one only before a value.
        dearer = costs.UNMATCHED if self._words[event.start] in self._misheard else 0.0
        return path._replace(state=ParserState.BETWEEN, cost=path.cost + dearer + (0.0 if unread else cost))

    @staticmethod
    def with_label_awaiting(path: Path) -> Path:
        """The path, whose open label becomes an event marked `l`: "the temperature in trailer 5501 is four degrees"."""
        event = ExplanationEvent(EventKind.LABEL, path.field, marks=VALUE_APART, start=path.since, end=path.since + 1)
        return path.with_event_added(event)._replace(state=ParserState.BETWEEN, cost=path.cost + costs.LATER)


def _next_path(path: Path, event: ExplanationEvent | None, cost: float, changes: _Changes) -> Path:
    _, state, field, pending, spelling, events, story, since, cue = path
    if event is not None:
        events, story = (*events, event), story.with_event(event)
    if not changes:
        return Path(cost, state, field, pending, spelling, events, story, since, cue)
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
