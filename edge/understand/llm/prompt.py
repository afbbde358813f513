"""The prompt of a model: instructions, the catalogues' hints, and the state of the conversation.

Everything in it may come back as if it had been heard. So it holds no digit, no number in words and no record, and
`Leaks` recognises its sentences in what a model claims to have heard.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from importlib import resources
from string import Template
from typing import Any

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import Act, Reading
from edge.records import Outcome, Verdict

TURNS = 6  # The last turns in the prompt: corrections reach back one or two.

HINTS = 1_200
"""Characters of catalogue values in all: about 400 tokens. A list that does not fit is left out as a whole: half of one
would turn the model away from the other half."""


@dataclass(frozen=True, slots=True)
class DialogueTurn:
    """One exchange: what the operator did, and what the device did about it."""

    act: Act
    fields: tuple[str, ...] = ()  # The fields named.
    asked: str | None = None  # The field the device then asked for; None where it had no question.


@dataclass(frozen=True, slots=True)
class PromptState:
    """The state of the open entry when an utterance begins."""

    pending: tuple[str, ...] = ()  # The fields that are known of the entry at hand; empty: none is at hand.
    asked: str | None = None  # The field the device has just asked for.
    confirming: bool = False  # The device has just asked a question that is answered with yes or no.
    last: bool = False  # An entry was recorded a moment ago, and can still be corrected or taken back.
    standing: tuple[str, ...] = ()  # The fields that were said once for all entries.

    def awaited(self, form: Form) -> tuple[str, ...]:
        """The fields still missing: the one that was asked for, else all that are not known."""
        if self.asked is not None or self.confirming:
            return () if self.asked is None else (self.asked,)
        known = {*self.pending, *self.standing}
        return tuple(field.name for field in form.fields if field.required and field.name not in known)


@dataclass(frozen=True, slots=True)
class Context(PromptState):
    """The state of the conversation when the operator spoke."""

    turns: tuple[DialogueTurn, ...] = ()  # The oldest first.


Situation = Callable[[], Context]  # Tells the state of the conversation, at the moment an utterance is read.


class Past:
    """What went before, as the conversation goes on: a `Situation`."""

    def __init__(self) -> None:
        self._state = Context()
        self._prompt_state: Callable[[], PromptState] | None = None

    def __call__(self) -> Context:
        """The state of the conversation now."""
        if self._prompt_state is None:
            return self._state
        now = self._prompt_state()
        return Context(now.pending, now.asked, now.confirming, now.last, now.standing, self._state.turns)

    def follow(self, state: Callable[[], PromptState]) -> None:
        """Take the open entry from the dialogue, where there is one."""
        self._prompt_state = state

    def decided(self, reading: Reading, verdict: Verdict) -> None:
        """An utterance was decided on. What was no dictation leaves the conversation where it was."""
        if verdict.outcome is Outcome.IGNORE:
            return
        asked = verdict.ask if self._prompt_state is None else self._prompt_state().asked
        turn = DialogueTurn(reading.act, tuple(reading.fields), asked)
        self._state = replace(
            self._state,
            asked=verdict.ask,
            last=self._state.last or verdict.outcome is Outcome.ACCEPT,
            turns=(*self._state.turns, turn)[-TURNS:],
        )


def context_sentences(context: Context, form: Form) -> str:
    """The context of the dialogue as sentences for the prompt; empty if there is none."""
    turns = (_turn(turn, form) for turn in context.turns[-TURNS:])
    return "\n".join([*turns, *_state(context, form)])


def _catalogue_hints(form: Form, catalogue: Catalogue) -> str:
    """The known values of fields that are spoken as names, such as docks, within the budget; else empty.

    Codes and numbers are left out: a model needs no list to spell them, and they would pass for what was said.
    """
    lines: list[str] = []
    for field in form.fields:
        if field.catalogue is not None and field.spoken.named and not field.identifier:
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


def _turn(turn: DialogueTurn, form: Form) -> str:
    did = f"The operator said something of the kind '{turn.act}'"
    titles = _titles(turn.fields, form)
    named = f", naming {titles}" if titles else ""
    asked = f"; the device asked for {_titles((turn.asked,), form)}" if turn.asked else ""
    return f"{did}{named}{asked}."


def _titles(names: tuple[str, ...], form: Form) -> str:
    """The fields' titles. A name that the form does not have is left out: so nothing but titles can get in here."""
    return ", ".join(field.title.lower() for field in form.fields if field.name in names)


LONGEST = 12_000
"""Characters of prompt and tools together: some four thousand tokens, so that with ninety seconds of sound, at most
three thousand tokens, all stays well below the sixteen thousand at which the audio models begin to lose the thread."""

_RUN = 6
"""Words in a row that a dictation does not share with the prompt by chance; phrases of a form have four at most."""


def instructions() -> Template:
    """The reviewed file."""
    return Template(resources.files(__package__).joinpath("prompt.md").read_text(encoding="utf-8"))


class ModelPrompt:
    """The prompt for one form, to go along with tools of so many characters."""

    def __init__(self, form: Form, catalogue: Catalogue, tools: int = 0) -> None:
        """Raises Misconfigured where the form has so many fields that no model would keep them in mind."""
        self._form = form
        self._template = instructions()
        self._hints = _catalogue_hints(form, catalogue)
        self._room = LONGEST - tools
        if len(self._written("", "")) > self._room:
            raise Misconfigured(f"form {form.name!r}: is too large for a model; part it into several forms")

    def text(self, context: Context) -> str:
        """The whole of it, for one utterance: without the hints, and then without the past, where it is too long."""
        situation = context_sentences(context, self._form)
        texts = (self._written(*parts) for parts in ((self._hints, situation), ("", situation), ("", "")))
        return next(text for text in texts if len(text) <= self._room)

    def _written(self, hints: str, situation: str) -> str:
        known = f"Values that exist, for spelling alone:\n{hints}" if hints else ""
        if begun := ", ".join(said for ways in self._form.openings.values() for said in ways):
            known = f"An entry may begin with these words, which then neither ask nor wish: {begun}\n\n{known}"
        state = f"What went before:\n{situation}" if situation else "Nothing went before."
        return re.sub(r"\n{3,}", "\n\n", self._template.substitute(hints=known, situation=state)).strip()


class Leaks:
    """Recognises the prompt and the tools' descriptions in what a model says that it heard."""

    def __init__(self, prompt: str, tools: list[dict[str, Any]]) -> None:
        self._runs = {run for text in (prompt, *_descriptions(tools)) for run in _runs(text)}

    def in_any(self, texts: Iterable[str]) -> bool:
        """Does one of the texts hold a piece of it?"""
        return any(run in self._runs for text in texts for run in _runs(text))


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    words = re.findall(r"[a-z_']+", text.lower())
    return (tuple(words[at : at + _RUN]) for at in range(len(words) - _RUN + 1))


def _descriptions(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from [value] if key == "description" and isinstance(value, str) else _descriptions(value)
    elif isinstance(node, list):
        for value in node:
            yield from _descriptions(value)
