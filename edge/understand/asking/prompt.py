"""What a model is told: one file of instructions, the catalogues' hints, and what the conversation has come to.

Everything in it may come back as if it had been heard. So it holds no digit, no number in words and no record, and
`Leaks` recognises its sentences in what a model claims to have heard.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib import resources
from string import Template
from typing import Any

from edge.errors import Misconfigured
from edge.forms.catalogue import Catalogue
from edge.forms.form import Form
from edge.understand.asking.context import Context, hints, told

LONGEST = 12_000
"""Characters of prompt and tools together: some four thousand tokens, so that with ninety seconds of sound, at most
three thousand tokens, all stays well below the sixteen thousand at which the audio models begin to lose the thread."""

RUN = 6
"""Words in a row that a dictation does not share with the prompt by chance; phrases of a form have four at most."""


def instructions() -> Template:
    """The reviewed file."""
    return Template(resources.files(__package__).joinpath("prompt.md").read_text(encoding="utf-8"))


class Prompt:
    """The prompt for one form, to go along with tools of so many characters."""

    def __init__(self, form: Form, catalogue: Catalogue, tools: int = 0) -> None:
        """Raises Misconfigured where the form has so many fields that no model would keep them in mind."""
        self._form = form
        self._template = instructions()
        self._hints = hints(form, catalogue)
        self._room = LONGEST - tools
        if len(self._written("", "")) > self._room:
            raise Misconfigured(f"form {form.name!r}: is too large for a model; part it into several forms")

    def text(self, context: Context) -> str:
        """The whole of it, for one utterance: without the hints, and then without the past, where it is too long."""
        situation = told(context, self._form)
        texts = (self._written(*parts) for parts in ((self._hints, situation), ("", situation), ("", "")))
        return next(text for text in texts if len(text) <= self._room)

    def _written(self, hints: str, situation: str) -> str:
        known = f"Values that exist, for spelling alone:\n{hints}" if hints else ""
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
    return (tuple(words[at : at + RUN]) for at in range(len(words) - RUN + 1))


def _descriptions(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from [value] if key == "description" and isinstance(value, str) else _descriptions(value)
    elif isinstance(node, list):
        for value in node:
            yield from _descriptions(value)
