"""What the conversation has come to, as far as a model is told of it: enough to tell a correction from a new entry.

Names of fields, never their values: models return for noise what they were shown, and a value that was said a moment
ago would pass for a real one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from edge.forms.catalogue import Catalogue
from edge.forms.form import Form
from edge.forms.spoken import Spoken
from edge.records import Act, Outcome, Reading, Verdict

TURNS = 6
"""How many of the last turns are told, the oldest dropped: corrections reach back one or two."""

HINTS = 1_200
"""Characters of catalogue values in all: about 400 tokens. A list that does not fit is left out as a whole: half of one
would turn the model away from the other half."""


NAMED = frozenset({Spoken.LETTER, Spoken.ENUM})
"""Ways to speak a value by its name."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One exchange: what the operator did, and what the device did about it."""

    act: Act
    fields: tuple[str, ...] = ()
    """Which fields he named."""
    asked: str | None = None
    """The field the device then asked for; None where it had no question."""


@dataclass(frozen=True, slots=True)
class AtHand:
    """What the operator is in the middle of when he speaks."""

    pending: tuple[str, ...] = ()
    """The fields that are known of the entry at hand; empty: none is at hand."""
    asked: str | None = None
    """The field the device has just asked for."""
    confirming: bool = False
    """The device has just asked a question that is answered with yes or no."""
    last: bool = False
    """An entry was recorded a moment ago, and can still be corrected or taken back."""


@dataclass(frozen=True, slots=True)
class Context(AtHand):
    """The state of the conversation when the operator spoke."""

    turns: tuple[Turn, ...] = ()
    """The oldest first."""


Situation = Callable[[], Context]
"""Tells the state of the conversation, at the moment an utterance is read."""


class Past:
    """What went before, as the conversation goes on: a `Situation`."""

    def __init__(self) -> None:
        self._state = Context()
        self._at_hand: Callable[[], AtHand] | None = None

    def __call__(self) -> Context:
        """As it is now."""
        if self._at_hand is None:
            return self._state
        now = self._at_hand()
        return Context(now.pending, now.asked, now.confirming, now.last, self._state.turns)

    def follow(self, at_hand: Callable[[], AtHand]) -> None:
        """Entries are agreed with the operator: what he is in the middle of is asked of whoever does so."""
        self._at_hand = at_hand

    def decided(self, reading: Reading, verdict: Verdict) -> None:
        """An utterance was decided on. What was no dictation leaves the conversation where it was."""
        if verdict.outcome is Outcome.IGNORE:
            return
        asked = verdict.ask if self._at_hand is None else self._at_hand().asked
        turn = Turn(reading.act, tuple(reading.fields), asked)
        self._state = replace(
            self._state,
            asked=verdict.ask,
            last=self._state.last or verdict.outcome is Outcome.ACCEPT,
            turns=(*self._state.turns, turn)[-TURNS:],
        )


def told(context: Context, form: Form) -> str:
    """The context in sentences; empty where there is nothing to tell."""
    turns = (_turn(turn, form) for turn in context.turns[-TURNS:])
    return "\n".join([*turns, *_state(context, form)])


def hints(form: Form, catalogue: Catalogue) -> str:
    """The known values of fields that are spoken as names, such as docks, within the budget; else empty.

    Codes and numbers are left out: a model needs no list to spell them, and they would pass for what was said.
    """
    lines: list[str] = []
    for field in form.fields:
        if field.catalogue is not None and field.spoken in NAMED and not field.identifier:
            line = f"{field.title}: {', '.join(catalogue.values(field.catalogue))}"
            if len("\n".join([*lines, line])) <= HINTS:
                lines.append(line)
    return "\n".join(lines)


def _state(context: Context, form: Form) -> Iterator[str]:
    if context.pending:
        known = _titles(context.pending, form)
        yield f"An entry is at hand and can be corrected, completed or taken back; known of it: {known}."
    if context.asked is not None:
        yield f"The device has just asked for: {_titles((context.asked,), form)}."
    if context.confirming:
        yield "The device has just asked a question that is answered with yes or no."
    if context.last:
        yield "An entry was recorded a moment ago; it can still be corrected or taken back."


def _turn(turn: Turn, form: Form) -> str:
    did = f"The operator said something of the kind '{turn.act}'"
    titles = _titles(turn.fields, form)
    named = f", naming {titles}" if titles else ""
    asked = f"; the device asked for {_titles((turn.asked,), form)}" if turn.asked else ""
    return f"{did}{named}{asked}."


def _titles(names: tuple[str, ...], form: Form) -> str:
    """The fields' titles. A name that the form does not have is left out: so nothing but titles can get in here."""
    return ", ".join(field.title.lower() for field in form.fields if field.name in names)
