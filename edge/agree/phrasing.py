"""From what is to be said to the clauses that are spoken: a prompt's text with its slots filled.

The first clause is short and, but for the operator's own words, always one of a few: those are made ready beforehand,
so that a reply begins at once while the rest of it is still being made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from edge.agree.orders import Say
from edge.agree.prompts import faults, prompts
from edge.agree.readback import Clauses, Readback
from edge.forms.form import Form

SLOT = re.compile(r"\{(\w+)\}")
CLAUSE_ENDS = re.compile(r"(?<=[,.;:?!])\s+")

SEPARATE = frozenset({"entry", "field"})
"""Slots that are read back clause by clause."""

CODED = frozenset({"fault", "reason"})
"""Slots that may hold a code, such as `not_on_site`, where no text is to be had."""

LONGEST_SLOT = 200
"""Characters of a text from outside, such as an inventory's reason, that are spoken: some twelve seconds."""


class Phrasing:
    """Words orders to speak, for one form and in one language."""

    def __init__(self, form: Form, language: str = "en") -> None:
        """Raises ValueError for a language the device does not speak."""
        self.readback = Readback(form, language)
        self._form = form
        spoken = language.replace("_", "-").split("-")[0].lower()
        self._texts, self._faults = prompts(spoken), faults(spoken)

    def clauses(self, say: Say) -> Clauses:
        """What is spoken, clause by clause. Raises KeyError where the order lacks a slot that its prompt has."""
        return tuple(_joined(self._parts(say)))

    def text(self, say: Say) -> str:
        """The same as one line of text."""
        return " ".join(self.clauses(say))

    def constant(self) -> tuple[str, ...]:
        """The clauses with which replies begin, whatever was dictated, and those that never change."""
        whole = {text for text in self._texts.values() if not SLOT.search(text)}
        opening = {
            before for text in self._texts.values() if (before := SLOT.split(text)[0].strip()) and before[-1] in ",:"
        }
        labels = set(self.readback.openings())
        questions = {self.readback.question(field.name) for field in self._form.fields}
        return tuple(sorted(whole | opening | labels | questions))

    def _parts(self, say: Say) -> Iterator[tuple[str, bool]]:
        """Texts, each with whether a clause begins with it."""
        for number, part in enumerate(SLOT.split(self._texts[say.prompt])):
            if number % 2 == 0:
                yield part, False
            elif part in SEPARATE:
                for clause in self.readback.entry(say.fields):
                    yield clause, True
            else:
                yield self._slot(part, say), False

    def _slot(self, name: str, say: Say) -> str:
        if name not in say.slots:
            raise KeyError(f"{say.prompt}: its slot {name!r} was not filled")
        text = say.slots[name]
        if name in CODED:
            text = self._faults.get(text, text.replace("_", " "))
        return text[:LONGEST_SLOT]


def _joined(parts: Iterator[tuple[str, bool]]) -> Iterator[str]:
    """Clauses of the texts: a new one begins where a text demands it, and behind every comma and stop."""
    open_clause = ""
    for text, begins in parts:
        if begins and open_clause.strip():
            yield open_clause.strip()
            open_clause = ""
        *whole, rest = CLAUSE_ENDS.split(open_clause + text)
        yield from (clause.strip() for clause in whole if clause.strip())
        open_clause = rest
    if open_clause.strip():
        yield open_clause.strip()
