"""Paths: partial explanations of an utterance, and what they say that its words do."""

from __future__ import annotations

from enum import IntEnum, StrEnum, auto
from functools import lru_cache
from typing import NamedTuple, TypedDict

from dockvoice_protocol.forms.spoken.grammar import weights
from dockvoice_protocol.records import FieldValue


class Happens(StrEnum):
    """What an explanation says that some words do."""

    MENTION = "mention"  # A field is said to have a value.
    LABEL = "label"  # A label without a value.
    SLIP = "slip"  # A bare number that a cue takes back.
    NUMBER = "number"  # A number that belongs to nothing.
    UNIT = "unit"  # A unit without a number.
    STRANGER = "stranger"  # A word that nothing explains.
    DANGLING = "dangling"  # A cue, a hedge or a choice that nothing follows.
    HEDGE = "hedge"  # What stands before is only about right.
    NAY = "nay"  # "No" without a pause at the beginning: "no twelve units on pallet 742".
    PORTION = "portion"  # One count may be a part of another, or of one said before: "of those two damaged".
    TOTAL = "total"  # A count may be of all, what else is counted among it: "24 cases in total, two damaged".
    GOAL = "goal"  # Where a thing goes on to, said of a field that tells where it comes from: "to door nine".
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
    Of a stranger: `p` has a pause before it, `t` is of a number ("minus", "double"). Of what belongs to nothing: `r` is
    of a remark."""
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
    """A value that is being spelt. What two must share to come to the same stands behind the first two."""

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


class Changes(TypedDict, total=False):
    """What changes of a path where it goes on."""

    state: Place
    field: str | None
    pending: str
    since: int
    cue: tuple[int, int]


_BETWEEN: Changes = {"state": Place.BETWEEN}
_NOTHING: Changes = {}


class Story:
    """What was told so far, wherever it stands: one and the same for the same things in the same order."""

    __slots__ = ("_next", "said")

    def __init__(self, said: frozenset[str | None] = frozenset()) -> None:
        """`said`: the fields that a value was said of."""
        self.said = said
        self._next: dict[tuple[object, ...], Story] = {}

    def then(self, event: ExplanationEvent) -> Story:
        """The story, and then this."""
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
    """What `events` come to, wherever they stand."""
    since: int
    """The token at which the label or the value at hand begins."""
    cue: tuple[int, int] = (0, 0)
    """The tokens of the cue that was said last."""

    @property
    def last(self) -> ExplanationEvent | None:
        """What happened last."""
        return self.events[-1] if self.events else None

    @property
    def between(self) -> Changes:
        """What changes where a value that was said is left behind."""
        return _BETWEEN if self.state is Place.SAID else _NOTHING

    @property
    def interrupted(self) -> float:
        """What it costs to say something else between "not" or "about" and what it is about."""
        return weights.MISPLACED if set(self.pending) & {"h", "n", "x"} else 0.0

    def dearer(self, cost: float) -> Path:
        """The path, at so much more."""
        return Path(self.cost + cost, *self[1:])

    def telling(self, event: ExplanationEvent) -> Path:
        """The path, and then this."""
        cost, state, field, pending, spelling, events, story, since, cue = self
        return Path(cost, state, field, pending, spelling, (*events, event), story.then(event), since, cue)

    def mentioned(self, name: str) -> ExplanationEvent | None:
        """The last mention of a field."""
        if name not in self.story.said:
            return None
        return next(one for one in reversed(self.events) if one.field == name and one.happens is Happens.MENTION)


@lru_cache
def marked(marks: str, *more: str) -> str:
    """The marks, and more of them."""
    return "".join(sorted({*marks, *more}))
