"""From what is to be said to the clauses that are spoken: a prompt's text with its slots filled.

The first clause is short and, but for the operator's own words, always one of a few: those are made ready beforehand,
so that a reply begins at once while the rest of it is still being made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from edge.agree.orders import Say
from edge.agree.prompts import Prompt, codes, prompts
from edge.agree.readback import Clauses, Readback
from edge.forms.form import Form

SLOT = re.compile(r"\{(\w+)\}")
WORD = re.compile(r"\w")
"""What a clause must have: the mark that opens a Spanish question is none."""
CLAUSE_ENDS = re.compile(r"(?<=[,.;:?!])\s+")

SEPARATE = frozenset({"entry", "field"})
"""Slots that are read back clause by clause."""

ORDER = {"first": 0, "second": 1}
"""Which of the values offered a slot holds."""

LONGEST_SLOT = 200
"""Characters of a text from outside, such as an inventory's reason, that are spoken: some twelve seconds."""


class Phrasing:
    """Words orders to speak, for one form and in one language."""

    def __init__(self, form: Form, language: str = "en") -> None:
        """Raises ValueError for a language the device does not speak."""
        self.readback = Readback(form, language)
        self._form = form
        spoken = language.replace("_", "-").split("-")[0].lower()
        self._texts = prompts(spoken)
        self._faults, self._mended, self._reasons = (codes(name, spoken) for name in ("faults", "mended", "reasons"))

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
        told = self._own(name, say)
        if told is None:
            raise KeyError(f"{say.prompt}: its slot {name!r} was not filled")
        return told[:LONGEST_SLOT]

    def _own(self, name: str, say: Say) -> str | None:
        """What the form and the language give a slot; else what the order has for it."""
        match name:
            case "labels":
                return self.readback.labels()
            case "question" if say.asked is not None:
                return self.readback.question(say.asked)
            case "first" | "second" if say.asked is not None and len(say.candidates) > (at := ORDER[name]):
                return self.readback.text(say.asked, say.candidates[at])
            case "fault" if name in say.slots:
                return _called(say.slots[name], self._mended if say.prompt is Prompt.HEALED else self._faults)
            case "reason" if name in say.slots:
                return _called(say.slots[name], self._reasons)
            case _:
                return say.slots.get(name)


def _called(code: str, names: Mapping[str, str]) -> str:
    """What a code means, such as `not_on_site` or `already_recorded:dock-4`; one that is not known is said as it is."""
    name, _, detail = code.partition(":")
    return names[name].format(detail=detail) if name in names else code.replace("_", " ")


def _joined(parts: Iterator[tuple[str, bool]]) -> Iterator[str]:
    """Clauses of the texts: a new one begins where a text demands it, and behind every comma and stop."""
    open_clause = ""
    for text, begins in parts:
        if begins and WORD.search(open_clause):
            yield open_clause.strip()
            open_clause = ""
        *whole, rest = CLAUSE_ENDS.split(open_clause + text)
        yield from (clause.strip() for clause in whole if clause.strip())
        open_clause = rest
    if open_clause.strip():
        yield open_clause.strip()
