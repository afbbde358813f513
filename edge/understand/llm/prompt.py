"""The prompt of a model: instructions, the catalogues' hints, and the dialogue's state.

A model may return any part of it as if it had been heard. So it contains no digit, no number word and no record, and
`PromptLeakDetector` detects its sentences in the words that a model claims to have heard.
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

_TURNS = 6  # Latest turns in the prompt: corrections refer to the last one or two.

_HINTS = 1_200
"""Limit of characters of all catalogue values: about 400 tokens. A list that does not fit is omitted as a whole: half a
list would bias the model against the other half."""


@dataclass(frozen=True, slots=True)
class DialogueTurn:
    """One turn: the operator's act, and the device's question after it."""

    act: Act
    fields: tuple[str, ...] = ()  # The fields in the operator's utterance.
    asked: str | None = None  # The field of the device's question; None without one.


@dataclass(frozen=True, slots=True)
class PromptState:
    """The dialogue's state when an utterance begins."""

    pending: tuple[str, ...] = ()  # The open draft's fields with a value; empty without a draft.
    asked: str | None = None  # The field of the open question.
    confirming: bool = False  # The open question is answered with yes or no.
    last: bool = False  # The last entry can still be corrected or cancelled.
    standing: tuple[str, ...] = ()  # The fields whose values apply to all following entries.

    def awaited(self, form: Form) -> tuple[str, ...]:
        """The fields that may come: the one asked for, none for a yes or no alone, else the missing required ones."""
        if self.asked is not None or self.confirming:
            return () if self.asked is None else (self.asked,)
        known = {*self.pending, *self.standing}
        return tuple(field.name for field in form.fields if field.required and field.name not in known)


@dataclass(frozen=True, slots=True)
class Context(PromptState):
    """The dialogue's state with its latest turns."""

    turns: tuple[DialogueTurn, ...] = ()  # The oldest first.


ContextSource = Callable[[], Context]  # Returns the dialogue's state when an utterance is read.


class DialogueHistory:
    """The dialogue's state and latest turns, as a `ContextSource` for prompts."""

    def __init__(self) -> None:
        self._state = Context()
        self._prompt_state: Callable[[], PromptState] | None = None

    def __call__(self) -> Context:
        """The current state."""
        if self._prompt_state is None:
            return self._state
        now = self._prompt_state()
        return Context(now.pending, now.asked, now.confirming, now.last, now.standing, self._state.turns)

    def set_state_source(self, state: Callable[[], PromptState]) -> None:
        """Call `state` for the dialogue's state from now on."""
        self._prompt_state = state

    def add_turn(self, reading: Reading, verdict: Verdict) -> None:
        """Add a turn for a decided utterance, unless it was ignored."""
        if verdict.outcome is Outcome.IGNORE:
            return
        asked = verdict.ask if self._prompt_state is None else self._prompt_state().asked
        turn = DialogueTurn(reading.act, tuple(reading.fields), asked)
        self._state = replace(
            self._state,
            asked=verdict.ask,
            last=self._state.last or verdict.outcome is Outcome.ACCEPT,
            turns=(*self._state.turns, turn)[-_TURNS:],
        )


def context_sentences(context: Context, form: Form) -> str:
    """The context as sentences for the prompt; empty if there is none."""
    turns = (_describe_turn(turn, form) for turn in context.turns[-_TURNS:])
    return "\n".join([*turns, *_describe_state(context, form)])


def _catalogue_hints(form: Form, catalogue: Catalogue) -> str:
    """The catalogue values of fields spoken as names, such as docks, within HINTS characters.

    Codes and numbers are omitted: a model can spell them without a list, and would return them as heard.
    """
    lines: list[str] = []
    for field in form.fields:
        if field.catalogue is not None and field.spoken.is_said_by_name and not field.identifier:
            line = f"{field.title}: {', '.join(catalogue.values(field.catalogue))}"
            if len("\n".join([*lines, line])) <= _HINTS:
                lines.append(line)
    return "\n".join(lines)


def _describe_state(context: Context, form: Form) -> Iterator[str]:
    if context.pending:
        known = _join_titles(context.pending, form)
        yield f"An entry is at hand and can be corrected, completed or taken back; known of it: {known}."
    if context.asked is not None:
        yield f"The device has just asked for: {_join_titles((context.asked,), form)}."
    if context.confirming:
        yield "The device has just asked a question that is answered with yes or no."
    if context.last:
        yield "An entry was recorded a moment ago; it can still be corrected or taken back."


def _describe_turn(turn: DialogueTurn, form: Form) -> str:
    did = f"The operator said something of the kind '{turn.act}'"
    titles = _join_titles(turn.fields, form)
    named = f", naming {titles}" if titles else ""
    asked = f"; the device asked for {_join_titles((turn.asked,), form)}" if turn.asked else ""
    return f"{did}{named}{asked}."


def _join_titles(names: tuple[str, ...], form: Form) -> str:
    """The fields' titles. Names that the form does not have are dropped, so that only titles reach the prompt."""
    return ", ".join(field.title.lower() for field in form.fields if field.name in names)


LONGEST = 12_000
"""Limit of characters of prompt and tools together: some four thousand tokens. With ninety seconds of sound, at most
three thousand tokens, this is well below the sixteen thousand at which audio models become unreliable."""

_RUN = 6
"""Length of a word sequence that dictation does not share with the prompt by chance; a form's phrases have at most
four."""


def load_template() -> Template:
    """The template in prompt.md."""
    return Template(resources.files(__package__).joinpath("prompt.md").read_text(encoding="utf-8"))


class ModelPrompt:
    """The prompt for one form; `tools` is the number of characters of the tools sent with it."""

    def __init__(self, form: Form, catalogue: Catalogue, tools: int = 0) -> None:
        """Raises Misconfigured where form and tools exceed LONGEST."""
        self._form = form
        self._template = load_template()
        self._hints = _catalogue_hints(form, catalogue)
        self._room = LONGEST - tools
        if len(self._fill_template("", "")) > self._room:
            raise Misconfigured(f"form {form.name!r}: is too large for a model; part it into several forms")

    def text(self, context: Context) -> str:
        """The prompt for one utterance. If it is too long, the hints are omitted first, then the context."""
        situation = context_sentences(context, self._form)
        texts = (self._fill_template(*parts) for parts in ((self._hints, situation), ("", situation), ("", "")))
        return next(text for text in texts if len(text) <= self._room)

    def _fill_template(self, hints: str, situation: str) -> str:
        known = f"Values that exist, for spelling alone:\n{hints}" if hints else ""
        if begun := ", ".join(said for ways in self._form.openings.values() for said in ways):
            known = f"An entry may begin with these words, which then neither ask nor wish: {begun}\n\n{known}"
        state = f"What went before:\n{situation}" if situation else "Nothing went before."
        return re.sub(r"\n{3,}", "\n\n", self._template.substitute(hints=known, situation=state)).strip()


class PromptLeakDetector:
    """Detects sentences of the prompt and of the tools' descriptions in a model's answer."""

    def __init__(self, prompt: str, tools: list[dict[str, Any]]) -> None:
        self._runs = {run for text in (prompt, *_find_descriptions(tools)) for run in _list_word_runs(text)}

    def is_leaked_in(self, texts: Iterable[str]) -> bool:
        """Whether a text contains _RUN consecutive words of the prompt or of the tools' descriptions."""
        return any(run in self._runs for text in texts for run in _list_word_runs(text))


def _list_word_runs(text: str) -> Iterator[tuple[str, ...]]:
    words = re.findall(r"[a-z_']+", text.lower())
    return (tuple(words[at : at + _RUN]) for at in range(len(words) - _RUN + 1))


def _find_descriptions(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from [value] if key == "description" and isinstance(value, str) else _find_descriptions(value)
    elif isinstance(node, list):
        for value in node:
            yield from _find_descriptions(value)
