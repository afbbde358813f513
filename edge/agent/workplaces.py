"""Workplaces: all that depends on the form that is filled and on the language that is spoken, one for each pair.

One running agent changes both: the dialogue says to what, and everybody else asks here for what was at hand when an
utterance was said. What takes long to make, a recogniser's grammar, is made when it is first listened with, or before
that in the background.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock

from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import NotUnderstood, Reading
from edge.agent.typed_input import Readers
from edge.agree.decide import Rules
from edge.ports import Attention, Interpreter, WholeUtterance
from edge.records import Utterance, Work
from edge.understand.panel import Panel


@dataclass(frozen=True, slots=True, eq=False)
class Workplace:
    """One form in one language."""

    work: Work  # Of the form, and of the language as it was asked for.
    readers: Readers  # Who reads what is said, typed and scanned, and by which rules.
    panel: Panel | None = None  # Who reads what is said once more, where models beyond this device are asked.

    @property
    def rules(self) -> Rules:
        """What it takes to be sure."""
        return self.readers.rules


class AtFirstUse(Interpreter):
    """A recogniser that is made when it is first listened with. Any thread may be the first; another one waits."""

    def __init__(self, name: str, make: Callable[[], Interpreter]) -> None:
        """`name` is that of what `make` makes."""
        self.name = name
        self._make = make
        self._making = Lock()
        self._made: Interpreter | None = None

    def prepare(self) -> Interpreter:
        """Make it, if it is not made yet. Raises Misconfigured where a word of the form cannot be heard."""
        with self._making:
            if self._made is None:
                self._made = self._make()
            return self._made

    def attend(self) -> Attention:
        """Begin to listen."""
        return self.prepare().attend()


class Unheard(Interpreter):
    """Stands where no recogniser hears a language: an ear for another one would only make words of its own of it."""

    name = "none"

    def __init__(self, form: Form) -> None:
        self._form = form

    def attend(self) -> Attention:
        """Listen to nothing."""
        return WholeUtterance(self._read)

    async def _read(self, _: Utterance) -> Reading:
        """That there was sound, and nobody who hears the language."""
        return Reading(self.name, self._form.name, (), {}, NotUnderstood.UNHEARD_LANGUAGE)


class Workplaces:
    """Those of one agent. `present` may be asked in any thread; only the loop changes it."""

    def __init__(
        self,
        start: Workplace,
        make: Callable[[Form, str | None], Workplace] | None = None,
        forms: Iterable[Form] = (),
    ) -> None:
        """`start` is where it begins; `make` makes another, of one of `forms`, those at hand. Without it none is."""
        self._present = start
        self._make = make
        own = start.rules.form
        self.forms: Mapping[str, Form] = {form.name: form for form in (*forms, own)}
        """Those at hand, by name."""
        self._made = {start.work: start}
        self._making = Lock()

    @property
    def present(self) -> Workplace:
        """What is done now."""
        return self._present

    def at(self, form: str, language: str | None = None) -> Workplace:
        """That of a form at hand, in a language; None: the device's own. Raises LookupError for another form."""
        work = Work(form, language)
        with self._making:
            if (made := self._made.get(work)) is not None:
                return made
            if form not in self.forms or self._make is None:
                raise LookupError(f"form {form!r}, language {language!r}: not at hand on this device")
            return self._made.setdefault(work, self._make(self.forms[form], language))

    def of_utterance(self, utterance: Utterance) -> Workplace:
        """The workplace in which it was said. Raises LookupError if its form is no longer at hand."""
        return self.at(utterance.form, utterance.language)

    def attention(self, utterance: Utterance) -> Attention:
        """A fresh `Attention` for the utterance, by the readers of its workplace."""
        return self.of_utterance(utterance).readers.attend(utterance)

    def rules_for_witness(self, utterance: Utterance) -> Rules | None:
        """Those by which it was read, where it was said in the device's own language, which a witness hears."""
        return self.of_utterance(utterance).rules if utterance.language is None else None

    def rules_of(self, form: str) -> Rules | None:
        """Those of a form at hand; None for another."""
        return self.at(form).rules if form in self.forms else None

    def take_up(self, work: Work) -> Workplace:
        """This is done from now on; where its form is not chosen yet, that which was filled until now."""
        self._present = self.at(work.form or self._present.rules.form.name, work.language)
        return self._present

    def prepared_as(self, other: Workplaces) -> Workplaces:
        """These others, with all that is made here made there too, and ready. Takes seconds, in any thread.

        Raises Misconfigured where a word cannot be heard.
        """
        for work in tuple(self._made):
            if work.form is not None and isinstance(
                reader := other.at(work.form, work.language).readers.recogniser, AtFirstUse
            ):
                reader.prepare()
        return other

    def become(self, other: Workplaces) -> None:
        """What was made there takes the place of what was made here, between two utterances."""
        work = self._present.work
        with self._making:
            self._made, self._make, self.forms = other._made, other._make, other.forms
        self._present = self.at(work.form or self._present.rules.form.name, work.language)

    async def prepare(self) -> None:
        """Make what is still to be made of the forms at hand, one after the other, beside what is said meanwhile.

        A form whose grammar is kept takes a quarter of a second, and one that is new a second of a processor. Raises
        Misconfigured where a word of a form cannot be heard.
        """
        for form in self.forms:
            if isinstance(reader := self.at(form).readers.recogniser, AtFirstUse):
                await asyncio.to_thread(reader.prepare)

    def panels(self, languages: Iterable[str] = ()) -> Iterator[Panel]:
        """All panels, also those of these further languages."""
        for form in self.forms:
            for language in (None, *languages):
                if (panel := self.at(form, language).panel) is not None:
                    yield panel
